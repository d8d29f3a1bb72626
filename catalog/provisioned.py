"""What a plan provisions: its module setting, put into the words of the vendor."""

from collections.abc import Mapping

from catalog.models import ModuleItem, ModuleSettings, Plan
from catalog.models.module_settings import UNLIMITED_STORAGE
from common.errors import DomainError
from provisioning.models import Service, ServiceManager, TenantUser, VendorOfferingItem
from provisioning.operations.services import LARGEST_QUOTA
from provisioning.operations.wishes import ServiceWish
from provisioning.planning.choosing import ItemsNotAvailable, ItemWish
from provisioning.planning.values import GIB, POINT, UNLIMITED, Limit

STORAGE_USAGE = "storage"  # the usage name under which every edition of Protection meters its backup storage
UNIT_SIZES = {"bytes": GIB, "seconds": POINT}
"""How much of the vendor's unit one of the reader's is: GB of bytes, hours of seconds; everything else is counted in pieces."""


class NotSetUp(DomainError):
    """The module setting of a fixed plan lacks what a tenant would be made of; the text says what."""


class QuantityTooLarge(DomainError):
    """The quotas of so many units are more than the vendor can count."""


def wish_of_plan(
    plan: Plan,
    *,
    protection_model: str,
    file_sync_model: str,
    quantity: int = 1,
    login: str = "",
    email: str = "",
    role: str = TenantUser.Role.COMPANY_ADMINISTRATOR,
) -> ServiceWish:
    """
    Return what an order of ``plan`` entitles its consumer to: at most four queries, and the vendor is not asked.

    Pay-as-you-go covers everything the parent has, under the licensing models the buyer chose. A fixed plan covers what its module
    setting ticks, under the editions of the module setting, with quotas per unit; the wish multiplies them by ``quantity``.

    :raises NotSetUp: a fixed plan has no storage quota or no edition yet.
    :raises ItemsNotAvailable: the mirrored services definition does not know an item of the module setting.
    :raises QuantityTooLarge: the vendor cannot count the quotas of so many units.
    """
    settings = ModuleSettings.objects.select_related("backup_storage").filter(plan=plan).first()
    wish = ServiceWish(
        protection_model=protection_model,
        file_sync_model=file_sync_model,
        login=login,
        email=email,
        role=role,
        pricing_mode=pricing_mode_of(settings),
        backup_storage=settings.backup_storage if settings else None,
    )
    if not plan.is_fixed:
        return wish
    settings = settings or ModuleSettings(plan=plan)
    refuse_unfinished(settings)
    items = list(settings.items.all()) if settings.pk else []
    return fixed_wish(wish, settings, items, manager=plan.sold_through, quantity=quantity)


def refuse_unfinished(settings: ModuleSettings) -> None:
    """
    Let the module setting of a fixed plan pass if a tenant can be made of it.

    :raises NotSetUp: it has no storage quota or no edition yet.
    """
    if settings.storage_quota is None:
        raise NotSetUp("Enter the Storage Quota in the Module Setting.")
    if not (settings.protection_model and settings.file_sync_model):
        raise NotSetUp("Choose the Edition in the Module Setting.")


def fixed_wish(
    wish: ServiceWish, settings: ModuleSettings, items: list[ModuleItem], *, manager: ServiceManager, quantity: int
) -> ServiceWish:
    """
    Return the wish of a fixed plan: ``wish`` with editions, items and quotas of its module setting, which need not be saved.

    :raises ItemsNotAvailable: the mirrored services definition does not know an item of it.
    :raises QuantityTooLarge: the vendor cannot count the quotas of so many units.
    """
    said = _items(settings, items, manager)
    for limit in (item.limit.times(quantity) for item in said.values()):
        if (limit.soft or 0) + (limit.overage or 0) > LARGEST_QUOTA:
            raise QuantityTooLarge(f"The quotas of {quantity:,} units are more than Acronis can count. Order fewer.")
    return ServiceWish(
        protection_model=settings.protection_model,
        file_sync_model=settings.file_sync_model,
        login=wish.login,
        email=wish.email,
        role=wish.role,
        covers=Service.Covers.CHOSEN,
        items=said,
        quantity=quantity,
        pricing_mode=wish.pricing_mode,
        backup_storage=wish.backup_storage,
    )


def pricing_mode_of(settings: ModuleSettings | None) -> str:
    """Return what the vendor counts a new tenant as: a trial is billed by nobody."""
    is_trial = settings is not None and settings.is_free_trial
    return Service.PricingMode.TRIAL if is_trial else Service.PricingMode.PRODUCTION


def in_vendor_unit(amount: int | None, unit: str) -> int | None:
    """Turn GB into bytes and hours into seconds; pieces stay. None, which is no quota, stays None."""
    return None if amount is None else amount * UNIT_SIZES.get(unit, 1)


def storage_items(edition: str, units: Mapping[str, VendorOfferingItem]) -> list[str]:
    """Return the items of an edition of Protection that meter its backup storage; the vendor has one per edition."""
    return sorted(name for name, item in units.items() if is_backup_storage(item) and item.edition == edition)


def is_backup_storage(item: VendorOfferingItem) -> bool:
    """Whether the Storage Quota of the module setting is a quota of this item."""
    return item.application_type == "backup" and item.usage_name == STORAGE_USAGE and item.measurement_unit == "bytes"


def _items(settings: ModuleSettings, items: list[ModuleItem], manager: ServiceManager) -> dict[str, ItemWish]:
    mirrored = {item.name: item for item in VendorOfferingItem.objects.filter(service_manager=manager)}
    editions = manager.edition_for(protection=settings.protection_model, file_sync=settings.file_sync_model)
    storages = storage_items(editions["backup"], mirrored)
    if not storages:
        raise ItemsNotAvailable([editions["backup"]])
    ticked = [item for item in items if item.is_enabled and item.name not in storages]
    if missing := sorted(item.name for item in ticked if item.name not in mirrored):
        raise ItemsNotAvailable(missing)
    said = dict.fromkeys(storages, ItemWish(limit=storage_limit(settings)))
    for item in ticked:
        unit = mirrored[item.name].measurement_unit
        limit = Limit(in_vendor_unit(item.soft_quota, unit), in_vendor_unit(item.overage, unit))
        said[item.name] = ItemWish(limit=limit)
    return said


def storage_limit(settings: ModuleSettings) -> Limit:
    """Return the quota of the backup storage of one unit, in bytes; unlimited soft makes hard unlimited (seed text, 004)."""
    if settings.storage_quota is None or settings.storage_quota == UNLIMITED_STORAGE:
        return UNLIMITED
    return Limit(settings.storage_quota * GIB, in_vendor_unit(settings.overage, "bytes"))
