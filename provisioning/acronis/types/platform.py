"""The vendor's platform as a whole: API clients, services, places."""

from dataclasses import dataclass, field
from datetime import datetime

from provisioning.acronis.types.reading import Fields, text


@dataclass(frozen=True, slots=True)
class ApiClient:
    """
    A program's registration. The ``tenant_id`` of our own is the tenant everything we sell hangs under.

    ``name`` is what people called it, ``last_access_at`` when it last got a token (aware UTC).
    """

    client_id: str
    tenant_id: str
    enabled: bool
    name: str = ""
    last_access_at: datetime | None = None

    @classmethod
    def from_json(cls, value: object) -> "ApiClient":
        fields = Fields(value, "client")
        return cls(
            client_id=fields.text("client_id"),
            tenant_id=fields.text("tenant_id"),
            enabled=fields.text_or_none("status") != "disabled",
            name=_client_name(fields),
            last_access_at=fields.moment_or_none("last_access_at"),
        )


@dataclass(frozen=True, slots=True)
class NewApiClient:
    """A registration just made: the only time the vendor shows ``client_secret``."""

    client_id: str
    tenant_id: str
    name: str
    client_secret: str = field(repr=False)

    @classmethod
    def from_json(cls, value: object) -> "NewApiClient":
        fields = Fields(value, "client")
        return cls(
            client_id=fields.text("client_id"),
            tenant_id=fields.text("tenant_id"),
            name=_client_name(fields),
            client_secret=fields.text("client_secret"),
        )


def _client_name(fields: Fields) -> str:
    described = fields.object_or_none("data")
    return "" if described is None else Fields(described, "client.data").text_or_none("client_name") or ""


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
class TenantApplications:
    """The services of one tenant, by id; the portal itself is one of them."""

    tenant_id: str
    application_ids: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> "TenantApplications":
        fields = Fields(value, "tenant_applications")
        return cls(tenant_id=fields.text("tenant"), application_ids=fields.each("applications", text))


@dataclass(frozen=True, slots=True)
class Location:
    """A place that holds storages."""

    id: str
    name: str
    owner_tenant_id: str | None

    @classmethod
    def from_json(cls, value: object) -> "Location":
        fields = Fields(value, "location")
        return cls(
            id=fields.text("id"),
            name=fields.text("name"),
            owner_tenant_id=fields.text_or_none("owner_tenant_id"),
        )
