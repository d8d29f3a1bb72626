"""
What Acronis answers, as values.

``from_json`` is strict about the fields we use and silent about the rest: the vendor adds fields at will, and older
captures of real answers lack some that its OpenAPI description calls required. Whatever is missing or of another type
raises ``MalformedAnswer`` naming the field.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, TypeVar

from provisioning.acronis.errors import MalformedAnswer

T = TypeVar("T")


class Fields:
    """A JSON object of the vendor, read field by field. ``name`` is what errors call it."""

    def __init__(self, value: object, name: str) -> None:
        if not isinstance(value, dict):
            raise MalformedAnswer(f"{name} is not an object")
        self._values = value
        self._name = name

    def text(self, key: str) -> str:
        return self._required(key, self.text_or_none(key))

    def text_or_none(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "text")

    def integer(self, key: str) -> int:
        return self._required(key, self.integer_or_none(key))

    def integer_or_none(self, key: str) -> int | None:
        value = self._values.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise self._wrong(key, "an integer")

    def truth(self, key: str, *, absent: bool | None = None) -> bool:
        """Read true or false, also as 1 or 0. ``absent`` stands for a missing or null one; None: it must be there."""
        value = self._values.get(key)
        if value is None:
            return self._required(key, absent)
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise self._wrong(key, "true or false")

    def moment_or_none(self, key: str) -> datetime | None:
        """Read a time as aware UTC. Some of the vendor's times have no zone; they are UTC."""
        text = self.text_or_none(key)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self._wrong(key, "a time") from None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def object_or_none(self, key: str) -> object | None:
        value: object = self._values.get(key)
        return value

    def each(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Read a list that must be there."""
        value = self._values.get(key)
        if not isinstance(value, list):
            raise self._wrong(key, "a list")
        return tuple(read(entry) for entry in value)

    def each_if_any(self, key: str, read: Callable[[object], T]) -> tuple[T, ...]:
        """Read a list that may be missing or null."""
        return () if self._values.get(key) is None else self.each(key, read)

    def _required(self, key: str, value: T | None) -> T:
        if value is None:
            raise MalformedAnswer(f"{self._name}.{key} is missing")
        return value

    def _wrong(self, key: str, expected: str) -> MalformedAnswer:
        return MalformedAnswer(f"{self._name}.{key} is not {expected}")


def text(value: object) -> str:
    """Read an entry of a list of texts."""
    if not isinstance(value, str):
        raise MalformedAnswer("an entry of a list is not text")
    return value


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list. ``after`` is the cursor of the next one, None on the last."""

    items: tuple[T, ...]
    after: str | None

    @classmethod
    def from_json(cls, value: object, read: Callable[[object], T]) -> "Page[T]":
        fields = Fields(value, "answer")
        paging = fields.object_or_none("paging")
        cursors = Fields(paging, "paging").object_or_none("cursors") if paging is not None else None
        after = Fields(cursors, "paging.cursors").text_or_none("after") if cursors is not None else None
        return cls(items=fields.each("items", read), after=after or None)


@dataclass(frozen=True, slots=True)
class ApiClient:
    """Our own registration. ``tenant_id`` is the tenant everything we sell hangs under."""

    client_id: str
    tenant_id: str
    enabled: bool

    @classmethod
    def from_json(cls, value: object) -> "ApiClient":
        fields = Fields(value, "client")
        return cls(
            client_id=fields.text("client_id"),
            tenant_id=fields.text("tenant_id"),
            enabled=fields.text_or_none("status") != "disabled",
        )


@dataclass(frozen=True, slots=True)
class Application:
    """A service of the platform. ``type`` is stable (``backup``, ``files_cloud``…), ``name`` is for people."""

    id: str
    name: str
    type: str
    usages: tuple[str, ...]
    api_base_url: str

    @classmethod
    def from_json(cls, value: object) -> "Application":
        fields = Fields(value, "application")
        return cls(
            id=fields.text("id"),
            name=fields.text("name"),
            type=fields.text("type"),
            usages=fields.each_if_any("usages", text),
            api_base_url=fields.text_or_none("api_base_url") or "",
        )


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


class LoginCheck(Enum):
    """Whether a new user may have a login. Logins are unique over the vendor's whole platform."""

    FREE = "free"
    TAKEN = "taken"
    NOT_ACCEPTABLE = "not acceptable"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """A role of a user on a tenant."""

    tenant_id: str
    role_id: str
    trustee_id: str

    @classmethod
    def from_json(cls, value: object) -> "AccessPolicy":
        fields = Fields(value, "access_policy")
        return cls(
            tenant_id=fields.text("tenant_id"),
            role_id=fields.text("role_id"),
            trustee_id=fields.text("trustee_id"),
        )


@dataclass(frozen=True, slots=True)
class VendorUser:
    """A user. ``access_policies`` is filled by ``users.of_tenant`` and ``users.in_subtree`` only."""

    id: str
    version: int
    tenant_id: str
    login: str
    enabled: bool
    activated: bool
    contact: Contact
    language: str | None
    personal_tenant_id: str | None
    access_policies: tuple[AccessPolicy, ...]

    @classmethod
    def from_json(cls, value: object) -> "VendorUser":
        fields = Fields(value, "user")
        return cls(
            id=fields.text("id"),
            version=fields.integer("version"),
            tenant_id=fields.text("tenant_id"),
            login=fields.text("login"),
            enabled=fields.truth("enabled"),
            activated=fields.truth("activated"),
            contact=Contact.from_json(fields.object_or_none("contact")),
            language=fields.text_or_none("language"),
            personal_tenant_id=fields.text_or_none("personal_tenant_id"),
            access_policies=fields.each_if_any("access_policies", AccessPolicy.from_json),
        )


@dataclass(frozen=True, slots=True)
class Quota:
    """
    A limit in the item's unit: bytes, pieces or seconds.

    ``value`` is the soft limit, None for none; ``overage`` what may be used above it before use is blocked, None for
    never blocked. ``version`` must go back with a change, else 426 (vendor knowledge base, article 71376).
    """

    value: int | None
    overage: int | None
    version: int

    @classmethod
    def from_json(cls, value: object) -> "Quota":
        fields = Fields(value, "quota")
        return cls(
            value=fields.integer_or_none("value"),
            overage=fields.integer_or_none("overage"),
            version=fields.integer("version"),
        )

    def to_json(self) -> dict[str, int | None]:
        return {"value": self.value, "overage": self.overage, "version": self.version}


@dataclass(frozen=True, slots=True)
class OfferingItem:
    """
    What the vendor meters for a tenant. ``name`` and ``infra_id`` together are its key within the application.

    ``tenant_id`` says whose it is, and may be missing where the call is about one tenant.
    """

    application_id: str
    name: str
    usage_name: str
    edition: str | None
    enabled: bool
    locked: bool
    type: str
    infra_id: str | None
    measurement_unit: str
    quota: Quota | None
    tenant_id: str | None = None

    @classmethod
    def from_json(cls, value: object) -> "OfferingItem":
        fields = Fields(value, "offering_item")
        quota = fields.object_or_none("quota")
        return cls(
            application_id=fields.text("application_id"),
            name=fields.text("name"),
            usage_name=fields.text("usage_name"),
            edition=fields.text_or_none("edition"),
            enabled=fields.truth("status"),
            locked=fields.truth("locked", absent=False),
            type=fields.text("type"),
            infra_id=fields.text_or_none("infra_id"),
            measurement_unit=fields.text("measurement_unit"),
            quota=None if quota is None else Quota.from_json(quota),
            tenant_id=fields.text_or_none("tenant_id"),
        )

    @classmethod
    def of_named_tenant(cls, value: object) -> "OfferingItem":
        """As ``from_json``, for lists over many tenants, where an item without its tenant is worth nothing."""
        Fields(value, "offering_item").text("tenant_id")
        return cls.from_json(value)


@dataclass(frozen=True, slots=True)
class OfferingItemChange:
    """A wish for one offering item. What is None stays as it is at the vendor."""

    application_id: str
    name: str
    infra_id: str | None = None
    enabled: bool | None = None
    quota: Quota | None = None

    def to_json(self) -> dict[str, Any]:
        change: dict[str, Any] = {"application_id": self.application_id, "name": self.name}
        if self.infra_id is not None:
            change["infra_id"] = self.infra_id
        if self.enabled is not None:
            change["status"] = int(self.enabled)
        if self.quota is not None:
            change["quota"] = self.quota.to_json()
        return change


@dataclass(frozen=True, slots=True)
class Infra:
    """A storage or disaster recovery site. ``name`` is what a buyer sees as the place of the backups."""

    id: str
    name: str
    location_id: str
    capabilities: tuple[str, ...]
    backend_type: str | None

    @classmethod
    def from_json(cls, value: object) -> "Infra":
        fields = Fields(value, "infra")
        return cls(
            id=fields.text("id"),
            name=fields.text("name"),
            location_id=fields.text("location_id"),
            capabilities=fields.each("capabilities", text),
            backend_type=fields.text_or_none("backend_type"),
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """
    A reading of a few hours ago, for estimates; bills are made from reports.

    ``value`` counts since ``range_start``, ``absolute_value`` is the running total; they differ for what is used up,
    such as compute points. Unit: ``measurement_unit``.
    """

    tenant_id: str | None
    application_id: str
    name: str
    edition: str | None
    usage_name: str
    type: str
    measurement_unit: str
    infra_id: str | None
    range_start: datetime | None
    value: int
    absolute_value: int
    quota: Quota | None

    @classmethod
    def from_json(cls, value: object) -> "Usage":
        fields = Fields(value, "usage")
        reading = fields.integer("value")
        absolute = fields.integer_or_none("absolute_value")
        offering_item = fields.object_or_none("offering_item")
        quota = Fields(offering_item, "usage.offering_item").object_or_none("quota") if offering_item else None
        return cls(
            # The vendor's own tenant_id is a number of its first API; the one known elsewhere is tenant_uuid.
            tenant_id=fields.text_or_none("tenant_uuid"),
            application_id=fields.text("application_id"),
            name=fields.text("name"),
            edition=fields.text_or_none("edition"),
            usage_name=fields.text("usage_name"),
            type=fields.text("type"),
            measurement_unit=fields.text("measurement_unit"),
            infra_id=fields.text_or_none("infra_id"),
            range_start=fields.moment_or_none("range_start"),
            value=reading,
            absolute_value=reading if absolute is None else absolute,
            quota=None if quota is None else Quota.from_json(quota),
        )


@dataclass(frozen=True, slots=True)
class TenantUsages:
    """All readings of one tenant."""

    tenant_id: str
    usages: tuple[Usage, ...]

    @classmethod
    def from_json(cls, value: object) -> "TenantUsages":
        fields = Fields(value, "tenant_usages")
        return cls(tenant_id=fields.text("tenant"), usages=fields.each("usages", Usage.from_json))


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was asked for."""

    id: str
    version: int

    @classmethod
    def from_json(cls, value: object) -> "Report":
        fields = Fields(value, "report")
        return cls(id=fields.text("id"), version=fields.integer("version"))


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A file of a report. ``status`` goes from ``in_progress`` to ``saved`` or ``failed``; ``size``: packed bytes."""

    id: str | None
    report_format: str
    status: str
    size: int | None

    @classmethod
    def from_json(cls, value: object) -> "StoredReport":
        fields = Fields(value, "stored_report")
        return cls(
            id=fields.text_or_none("id"),
            report_format=fields.text("report_format"),
            status=fields.text("status"),
            size=fields.integer_or_none("size"),
        )

    @property
    def is_ready(self) -> bool:
        return self.status == "saved" and self.id is not None

    @property
    def has_failed(self) -> bool:
        return self.status == "failed"


def items_of(read: Callable[[object], T]) -> Callable[[object], list[T]]:
    """Return a reader of ``{"items": [...]}``."""
    return lambda value: list(Fields(value, "answer").each("items", read))


def in_batches(ids: Iterator[str], *, size: int = 100) -> Iterator[list[str]]:
    """Cut ids into lists the vendor accepts: 100 at most in one query."""
    batch: list[str] = []
    for one in ids:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def without_absent(values: Mapping[str, T | None]) -> dict[str, T]:
    """Leave out what is None, where the vendor tells absent from null."""
    return {key: value for key, value in values.items() if value is not None}
