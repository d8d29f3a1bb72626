"""Tenants: what they are, what they are charged, how they are found."""

from dataclasses import dataclass
from datetime import datetime

from provisioning.acronis.types.reading import Fields, text


@dataclass(frozen=True, slots=True)
class Contact:
    """The person of a tenant or user. The vendor's empty contact has empty texts."""

    email: str = ""
    firstname: str = ""
    lastname: str = ""
    phone: str = ""
    address1: str = ""
    address2: str = ""
    zipcode: str = ""
    city: str = ""
    country: str = ""

    @classmethod
    def from_json(cls, value: object) -> "Contact":
        fields = Fields(value if value is not None else {}, "contact")
        return cls(
            email=fields.text_or_none("email") or "",
            firstname=fields.text_or_none("firstname") or "",
            lastname=fields.text_or_none("lastname") or "",
            phone=fields.text_or_none("phone") or "",
            address1=fields.text_or_none("address1") or "",
            address2=fields.text_or_none("address2") or "",
            zipcode=fields.text_or_none("zipcode") or "",
            city=fields.text_or_none("city") or "",
            country=fields.text_or_none("country") or "",
        )


@dataclass(frozen=True, slots=True)
class VendorTenant:
    """A tenant. Times are aware UTC; ``pricing_mode`` is missing in older answers to a creation."""

    id: str
    version: int
    name: str
    kind: str
    parent_id: str
    enabled: bool
    customer_id: str | None
    internal_tag: str | None
    language: str | None
    contact: Contact
    ancestral_access: bool
    update_locked: bool
    pricing_mode: str | None
    production_start_date: datetime | None
    deleted_at: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "VendorTenant":
        fields = Fields(value, "tenant")
        lock = fields.object_or_none("update_lock")
        return cls(
            id=fields.text("id"),
            version=fields.integer("version"),
            name=fields.text("name"),
            kind=fields.text("kind"),
            parent_id=fields.text("parent_id"),
            enabled=fields.truth("enabled"),
            customer_id=fields.text_or_none("customer_id"),
            internal_tag=fields.text_or_none("internal_tag"),
            language=fields.text_or_none("language"),
            contact=Contact.from_json(fields.object_or_none("contact")),
            ancestral_access=fields.truth("ancestral_access", absent=True),
            update_locked=lock is not None and Fields(lock, "tenant.update_lock").truth("enabled"),
            pricing_mode=fields.text_or_none("pricing_mode"),
            production_start_date=fields.moment_or_none("production_start_date"),
            deleted_at=fields.moment_or_none("deleted_at"),
        )


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A tenant or user found by text. ``path`` names the tenants from the search root down to it."""

    obj_type: str
    id: str
    parent_id: str
    kind: str | None
    name: str | None
    login: str | None
    path: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> "SearchHit":
        fields = Fields(value, "hit")
        return cls(
            obj_type=fields.text("obj_type"),
            id=fields.text("id"),
            parent_id=fields.text("parent_id"),
            kind=fields.text_or_none("kind"),
            name=fields.text_or_none("name"),
            login=fields.text_or_none("login"),
            path=fields.each_if_any("path", text),
        )


@dataclass(frozen=True, slots=True)
class Pricing:
    """How the vendor charges a tenant: ``trial``, ``production`` or ``suspended``."""

    mode: str
    currency: str | None
    version: int
    production_start_date: datetime | None

    @classmethod
    def from_json(cls, value: object) -> "Pricing":
        fields = Fields(value, "pricing")
        return cls(
            mode=fields.text("mode"),
            currency=fields.text_or_none("currency"),
            version=fields.integer("version"),
            production_start_date=fields.moment_or_none("production_start_date"),
        )


@dataclass(frozen=True, slots=True)
class TenantMfa:
    """
    Whether a tenant's users need a second factor: ``disabled``, ``disable_in_progress`` or ``enabled``.

    ``users`` counts those of the whole organization, ``users_with_second_factor`` those who have set one up;
    ``may_be_changed`` says whether we may.
    """

    status: str
    users: int
    users_with_second_factor: int
    may_be_changed: bool

    @classmethod
    def from_json(cls, value: object) -> "TenantMfa":
        fields = Fields(value, "mfa")
        return cls(
            status=fields.text("mfa_status"),
            users=fields.integer("users_count"),
            users_with_second_factor=fields.integer("users_with_totp_enabled_count"),
            may_be_changed=fields.truth("update_allowed"),
        )
