"""
What the data centre offers: applications, editions, offering items, locations and storages.

Ids of applications are the vendor's constants; ids of locations and storages are ours and never change. The list of items is
the per-gigabyte, per-workload, per-user and edition-less part of the vendor's catalogue, and of the legacy edition `standard` what
old integrations ask for; the legacy items are offered on demand only.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

BACKUP = "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
FILES_CLOUD = "dfd85a5f-a464-32ab-81fd-99bcc66a070f"
NOTARY = "f9c5744e-bd1a-36b6-b0f0-ecd7483e1796"
PHYSICAL_DATA_SHIPPING = "b71b2c18-590a-303c-9d5a-8444fbe713ac"
HCI = "cc29685d-a9ca-3e87-a83d-069f18b588f0"
PLATFORM = "7459244f-68f3-3bf4-9f53-5f63ecc1d91f"

LEGACY_EDITION = "standard"  # what the vendor assumes when a request for offering items names no edition
EDITIONS = {
    "pck_per_gigabyte": BACKUP,
    "pck_per_workload": BACKUP,
    "fss_per_user": FILES_CLOUD,
    "fss_per_gigabyte": FILES_CLOUD,
    LEGACY_EDITION: BACKUP,
}

# Used up in a month and counted from its first day; everything else is a level that is read.
RANGE_USAGES = frozenset({"compute_points", "notarizations", "esignatures", "drives_shipped_to_cloud", "drives_shipped_from_cloud"})


def _own_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://sandbox.invalid/{name}"))


ROOT_TENANT = _own_id("tenants/root")
PROVIDER_TENANT = _own_id("tenants/provider")


@dataclass(frozen=True)
class Application:
    id: str
    name: str
    type: str
    api_base_url: str


APPLICATIONS = {
    application.id: application
    for application in (
        Application(BACKUP, "Protection", "backup", "/bc/"),
        Application(FILES_CLOUD, "File Sync & Share", "files_cloud", "/fc/"),
        Application(NOTARY, "Notary", "notary", "/notary/console"),
        Application(PHYSICAL_DATA_SHIPPING, "Physical Data Shipping", "physical_data_shipping", "/pds/"),
        Application(HCI, "Acronis Storage SPLA", "hci", "/hci/"),
        Application(PLATFORM, "Management Portal", "platform", "/mc/"),
    )
}
OFFERED_APPLICATIONS = (BACKUP, FILES_CLOUD, NOTARY, PHYSICAL_DATA_SHIPPING)


@dataclass(frozen=True)
class Location:
    id: str
    name: str


@dataclass(frozen=True)
class Storage:
    """An `infra` of the vendor."""

    id: str
    location_id: str
    name: str
    url: str
    capability: str
    backend_type: str | None


FRANKFURT = Location(_own_id("locations/frankfurt"), "Frankfurt")
ZURICH = Location(_own_id("locations/zurich"), "Zurich")
LOCATIONS = {location.id: location for location in (FRANKFURT, ZURICH)}

STORAGES = {
    storage.id: storage
    for storage in (
        Storage(
            _own_id("infra/backup-frankfurt"),
            FRANKFURT.id,
            "Backup storage Frankfurt",
            "acronis+fes://backup-fra.sandbox.invalid:44445",
            "backup",
            "acronis",
        ),
        Storage(
            _own_id("infra/backup-zurich"),
            ZURICH.id,
            "Backup storage Zurich",
            "acronis+fes://backup-zrh.sandbox.invalid:44445",
            "backup",
            "acronis",
        ),
        Storage(
            _own_id("infra/files-frankfurt"),
            FRANKFURT.id,
            "File Sync & Share storage Frankfurt",
            "amazon+s3://files-fra.sandbox.invalid/files",
            "files_cloud",
            "amazon_s3",
        ),
        Storage(
            _own_id("infra/files-zurich"),
            ZURICH.id,
            "File Sync & Share storage Zurich",
            "amazon+s3://files-zrh.sandbox.invalid/files",
            "files_cloud",
            "amazon_s3",
        ),
        Storage(
            _own_id("infra/recovery-frankfurt"),
            FRANKFURT.id,
            "Disaster recovery Frankfurt",
            "acronis+dr://recovery-fra.sandbox.invalid:443",
            "disaster_recovery",
            None,
        ),
    )
}


@dataclass(frozen=True)
class Item:
    """An offering item as the catalogue defines it; with a capability it exists once per storage that has it."""

    application_id: str
    name: str
    usage_name: str
    edition: str | None
    type: str
    measurement_unit: str
    capability: str | None = None

    @property
    def is_range(self) -> bool:
        return self.usage_name in RANGE_USAGES

    @property
    def is_metered(self) -> bool:
        return self.type != "feature"


_PROTECTION_COUNTS = {
    "workstations": "workstations",
    "servers": "servers",
    "vms": "vms",
    "mobiles": "mobiles",
    "web_hosting_servers": "web_hosting_servers",
    "websites": "websites",
    "nas": "nas",
    "hosted_exchange": "hosted_exchange",
    "m365_seats": "mailboxes",
    "m365_sharepoint_sites": "o365_sharepoint_sites",
    "m365_teams": "o365_teams",
    "gworkspace_seats": "gsuite_seats",
    "secondary_vms": "secondary_vms",
    "secondary_workstations": "secondary_workstations",
}
_PROTECTION_FEATURES = {
    "m365_mailboxes": "o365_mailboxes",
    "m365_onedrive": "o365_onedrive",
    "google_mail": "google_mail",
    "google_drive": "google_drive",
    "google_team_drive": "google_team_drive",
}
_PACKS = {
    "adv_backup_workstations": "pack_adv_backup_workstations",
    "adv_backup_servers": "pack_adv_backup_servers",
    "adv_backup_vms": "pack_adv_backup_vms",
    "adv_backup_web_hosting_servers": "pack_adv_backup_web_hosting_servers",
    "adv_management": "pack_adv_management",
    "adv_security": "pack_adv_security",
    "adv_email_security": "pack_adv_email_security_mailboxes",
    "adv_dlp": "pack_adv_dlp",
}
_LEGACY_COUNTS = ("universal_devices", "virtualhosts", "win_server_essentials")
_RECOVERY = (
    ("dr_base", "dr_base", "feature", "n/a"),
    ("adv_dr_storage", "dr_storage", "infra", "bytes"),
    ("adv_dr_compute_points", "compute_points", "infra", "seconds"),
    ("adv_dr_cloud_servers", "dr_cloud_servers", "infra", "quantity"),
    ("adv_dr_internet_access", "dr_internet_access", "feature", "n/a"),
)


def _protection(prefix: str, edition: str) -> Iterator[Item]:
    yield Item(BACKUP, f"{prefix}_base_storage", "storage", edition, "infra", "bytes", "backup")
    for stem, usage_name in _PROTECTION_COUNTS.items():
        yield Item(BACKUP, f"{prefix}_base_{stem}", usage_name, edition, "count", "quantity")
    for stem, usage_name in _PROTECTION_FEATURES.items():
        yield Item(BACKUP, f"{prefix}_base_{stem}", usage_name, edition, "feature", "n/a")
    for stem, usage_name in _PACKS.items():
        yield Item(BACKUP, f"{prefix}_pack_{stem}", usage_name, edition, "count", "quantity")
    for stem, usage_name, kind, unit in _RECOVERY:
        yield Item(BACKUP, f"{prefix}_base_{stem}", usage_name, edition, kind, unit, "disaster_recovery")


def _legacy() -> Iterator[Item]:
    """The legacy edition: names without a prefix."""
    yield Item(BACKUP, "storage", "storage", LEGACY_EDITION, "infra", "bytes", "backup")
    for usage_name in (*_PROTECTION_COUNTS.values(), *_LEGACY_COUNTS):
        yield Item(BACKUP, usage_name, usage_name, LEGACY_EDITION, "count", "quantity")
    for usage_name in _PROTECTION_FEATURES.values():
        yield Item(BACKUP, usage_name, usage_name, LEGACY_EDITION, "feature", "n/a")


def _file_sync(prefix: str, edition: str) -> Iterator[Item]:
    yield Item(FILES_CLOUD, f"{prefix}_base_fc_storage", "fc_storage", edition, "infra", "bytes", "files_cloud")
    yield Item(FILES_CLOUD, f"{prefix}_base_fc_seats", "fc_seats", edition, "count", "quantity")


def _without_edition() -> Iterator[Item]:
    yield Item(BACKUP, "local_storage", "local_storage", None, "count", "bytes")
    for name, unit in (
        ("notarizations", "quantity"),
        ("esignatures", "quantity"),
        ("notary_storage", "bytes"),
        ("document_templates", "quantity"),
    ):
        yield Item(NOTARY, name, name, None, "count", unit)
    for name in ("drives_shipped_to_cloud", "drives_shipped_from_cloud"):
        yield Item(PHYSICAL_DATA_SHIPPING, name, name, None, "count", "quantity")


ITEMS = {
    item.name: item
    for item in (
        *_protection("pg", "pck_per_gigabyte"),
        *_protection("pw", "pck_per_workload"),
        *_file_sync("pu", "fss_per_user"),
        *_file_sync("pg", "fss_per_gigabyte"),
        *_without_edition(),
        *_legacy(),
    )
}


def storages_for(item: Item) -> list[str]:
    """The infra ids under which the item exists; one empty id for an item that needs no storage."""
    if item.capability is None:
        return [""]
    return [storage.id for storage in STORAGES.values() if storage.capability == item.capability]


def counterpart(item: Item, edition: str) -> Item | None:
    """The item that counts the same usage in another edition of the same application."""
    return next(
        (
            other
            for other in ITEMS.values()
            if other.edition == edition and other.application_id == item.application_id and other.usage_name == item.usage_name
        ),
        None,
    )


def usage_names_of(application_id: str) -> list[str]:
    return sorted({item.usage_name for item in ITEMS.values() if item.application_id == application_id})
