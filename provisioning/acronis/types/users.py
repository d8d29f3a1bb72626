"""Users and what they may do."""

from dataclasses import dataclass
from enum import Enum

from provisioning.acronis.types.reading import Fields
from provisioning.acronis.types.tenants import Contact


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
    mfa_status: str | None = None

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
            mfa_status=fields.text_or_none("mfa_status"),
        )
