"""What a new tenant of a plan would get at the vendor, by the very code that carries out orders. Asks nobody, changes nothing."""

from dataclasses import dataclass

from accounts.models import Organization
from catalog import provisioned
from catalog.item_names import edition_label, item_label
from catalog.models import Plan
from catalog.operations.module_settings import NewSettings, rows_of, values_of
from common.errors import DomainError
from provisioning.models import FileSyncModel, ProtectionModel, Service, ServiceManager
from provisioning.operations import preview
from provisioning.operations.wishes import ServiceWish


@dataclass(frozen=True, slots=True)
class ItemPreview:
    """An offering item of the new tenant; ``one`` and ``many`` say its quotas for one unit and for more."""

    name: str
    label: str
    storage: str
    one: str
    many: str


@dataclass(frozen=True, slots=True)
class TenantPreview:
    """What a new tenant would get, or the sentence with which the purchase would fail."""

    quantity: int
    for_whom: str = ""
    editions: tuple[str, ...] = ()
    pricing_mode: str = ""
    items: tuple[ItemPreview, ...] = ()
    features: tuple[str, ...] = ()
    steps: tuple[preview.Step, ...] = ()
    problem: str = ""


def preview_settings(
    *, plan: Plan, manager: ServiceManager, settings: NewSettings, quantity: int = 1, consumer: Organization | None = None
) -> TenantPreview:
    """
    Return what an order of ``plan`` would give to ``consumer`` (None: a new direct customer), were the module setting saved so.

    Of a pay-as-you-go plan it is shown for the first licensing models of the order form; its buyer chooses others as well.
    """
    for_whom = str(consumer) if consumer is not None else "a new direct customer"
    try:
        wish = _wish(plan, manager, settings, quantity=1)
        one = preview.new_customer(service_manager=manager, wish=wish, consumer=consumer)
        more = _wish(plan, manager, settings, quantity=quantity)
        many = preview.new_customer(service_manager=manager, wish=more, consumer=consumer)
    except DomainError as refusal:
        return TenantPreview(quantity, for_whom=for_whom, problem=str(refusal))
    editions = manager.edition_for(protection=wish.protection_model, file_sync=wish.file_sync_model)
    present = {item.edition for item in one.items}
    names = one.storage_names
    metered = [item for item in one.items if item.unit != "n/a"]
    lines = [
        ItemPreview(
            name=item.name,
            label=item_label(item.name),
            storage=names.get(item.infra_id, ""),
            one=one.items[item].words(item.unit),
            many=many.items[item].words(item.unit),
        )
        for item in sorted(metered, key=lambda item: (item.application_type, not item.infra_id, item_label(item.name)))
    ]
    return TenantPreview(
        quantity,
        for_whom=for_whom,
        editions=tuple(edition_label(edition) for edition in editions.values() if edition in present),
        pricing_mode=str(Service.PricingMode(wish.pricing_mode).label),
        items=tuple(lines),
        features=tuple(sorted(item_label(item.name) for item in one.items if item.unit == "n/a")),
        steps=tuple(many.steps),
    )


def _wish(plan: Plan, manager: ServiceManager, settings: NewSettings, *, quantity: int) -> ServiceWish:
    row, items = rows_of(settings, values_of(settings, plan=plan, manager=manager))
    wish = ServiceWish(
        protection_model=ProtectionModel.PER_GIGABYTE,
        file_sync_model=FileSyncModel.PER_USER,
        pricing_mode=provisioned.pricing_mode_of(row),
        backup_storage=row.backup_storage,
    )
    if not plan.is_fixed:
        return wish
    provisioned.refuse_unfinished(row)
    return provisioned.fixed_wish(wish, row, items, manager=manager, quantity=quantity)
