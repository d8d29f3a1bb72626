"""What the module setting of a plan can choose from: the mirrored services definition, as plain values."""

from catalog.item_names import edition_label, item_label
from catalog.models import UNLIMITED_STORAGE, ModuleSettings, Plan
from catalog.module_rules import Location, Offered, Offering
from provisioning.models import FileSyncModel, ProtectionModel, Service, ServiceManager, VendorOfferingItem, VendorStorage

INDEPENDENT = {"files_cloud": "File Sync & Share", "notary": "Notary", "physical_data_shipping": "Physical Data Shipping"}
"""Application types that are sold beside Protection, in the words and the order of the page (seed text, 004)."""


def offering_of(manager: ServiceManager) -> Offering:
    """Return what the service provider has at ``manager``: two queries. What is no longer offered is marked, not missing."""
    rows: dict[str, list[VendorOfferingItem]] = {}
    for row in VendorOfferingItem.objects.filter(service_manager=manager).order_by("pk"):
        rows.setdefault(row.name, []).append(row)
    items = {name: _offered(same) for name, same in rows.items()}
    editions: dict[str, dict[str, str]] = {}
    for item in items.values():
        if item.edition and item.is_offered:
            editions.setdefault(item.application, {})[item.edition] = edition_label(item.edition)
    places = VendorStorage.objects.filter(service_manager=manager, capabilities__contains=["backup"]).order_by("name", "pk")
    return Offering(
        items=items,
        editions=editions,
        locations={place.pk: Location(place.pk, place.name, place.capacity, place.is_offered) for place in places},
        default_location=manager.default_backup_storage_id,
    )


def editions_of(manager: ServiceManager, *, protection_model: str, file_sync_model: str) -> dict[str, str]:
    """Return the vendor's edition per application type; a model that is not chosen yet has none."""
    chosen = manager.edition_for(
        protection=protection_model or ProtectionModel.PER_GIGABYTE, file_sync=file_sync_model or FileSyncModel.PER_USER
    )
    return {
        application: edition
        for application, edition in chosen.items()
        if {"backup": protection_model, "files_cloud": file_sync_model}[application]
    }


def running_services(plan: Plan) -> int:
    """
    Count the services that were sold of ``plan`` and run. They keep what they were sold with.

    Billing stands above the catalogue and points at plans, so its subscriptions are reached by the name of that relation.
    """
    return Service.objects.live().filter(subscription__plan=plan).count()


def _offered(rows: list[VendorOfferingItem]) -> Offered:
    """Make one item of its rows, of which it has one per storage."""
    offered = [row for row in rows if row.is_offered]
    first = (offered or rows)[0]
    return Offered(
        name=first.name,
        label=item_label(first.name),
        unit=first.measurement_unit,
        application=first.application_type,
        edition=first.edition,
        usage=first.usage_name,
        is_offered=bool(offered),
        storages=frozenset(row.storage_id for row in offered if row.storage_id is not None),
    )


def settings_in_words(plan: Plan) -> str:
    """Say what the module setting of ``plan`` holds now, for its history: service manager, trial, quotas, editions, items."""
    row = ModuleSettings.objects.select_related("plan__service_manager", "backup_storage").get(plan=plan)
    words = [str(row.plan.service_manager), f"Free Trial {f'YES, {row.trial_days} days' if row.is_free_trial else 'NO'}"]
    if row.storage_quota is not None:
        words.append(f"Storage Quota {'-1' if row.storage_quota == UNLIMITED_STORAGE else f'{row.storage_quota:,} GB'}")
        words.append("Overage empty" if row.overage is None else f"Overage {row.overage:,} GB")
    words += [row.get_protection_model_display(), row.get_file_sync_model_display(), str(row.backup_storage or "")]
    items = [item for item in row.items.all() if item.is_enabled]
    words += [
        item.name
        if item.soft_quota is None
        else f"{item.name} {item.soft_quota:,}{'' if item.overage is None else f'+{item.overage:,}'}"
        for item in items
    ]
    return ", ".join(word for word in words if word)
