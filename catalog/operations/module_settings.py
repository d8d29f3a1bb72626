"""Saving the module setting “Acronis” of a plan: what a new tenant of it gets. What was sold keeps its service as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from catalog import module_rules as rules
from catalog.item_names import item_label
from catalog.models import ModuleItem, ModuleSettings, Plan, PlanPrice
from catalog.operations import order_urls
from catalog.queries.module_setting import editions_of, offering_of
from catalog.queries.readiness import missing_to_sell
from common.errors import DomainError, FieldRefused
from provisioning.models import ServiceManager


class SettingsRefused(DomainError):
    """Something cannot stand in the module setting; ``refusals`` say what, field by field."""

    def __init__(self, refusals: Sequence[rules.Refusal]) -> None:
        super().__init__(" ".join(refusal.sentence for refusal in refusals))
        self.refusals = tuple(refusals)


@dataclass(frozen=True, slots=True)
class NewSettings:
    """
    What the module setting is to say. Quotas in the reader's unit, for one unit of the plan: GB, hours or pieces.

    Of a pay-as-you-go plan only service manager, trial and backup location are looked at.

    :param items: offering item → what is said about it; items that are not named are off.
    """

    service_manager_id: int
    is_free_trial: bool = False
    trial_days: int = 30
    storage_quota: int | None = None
    overage: int | None = None
    protection_model: str = ""
    file_sync_model: str = ""
    backup_storage_id: int | None = None
    items: tuple[tuple[str, rules.ItemValues], ...] = ()


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of it: how many order URLs were made, and what else changed or no longer fits, a sentence each."""

    order_urls: int
    notes: tuple[str, ...]


@transaction.atomic(durable=True)
def save_module_settings(*, plan_id: int, settings: NewSettings, today: date, at: datetime) -> Saved:
    """
    Check and write the module setting of a plan, and make the order URLs that it now can have. Repeated, nothing changes.

    :raises SettingsRefused: a rule of `module_rules` is broken; nothing was written.
    :raises FieldRefused: of ``service_manager``: it does not exist, is switched off, has no services definition, or the plan was
        published and another one delivers it.
    """
    plan = Plan.objects.locked().get(pk=plan_id)
    manager = _chosen_manager(plan, settings)
    values = values_of(settings, plan=plan, manager=manager)
    offering = offering_of(manager)
    if refusals := rules.refusals(values, offering):
        raise SettingsRefused(refusals)
    row, _ = ModuleSettings.objects.get_or_create(plan=plan)
    notes = [*_given_up_items(row, values, offering), *_given_up_prices(plan, row, values), *_given_up_quantity(plan, values)]
    _write(plan, manager, row, settings, values)
    made = order_urls.make_order_urls(plan, on=today, at=at)
    if plan.status == Plan.Status.PUBLISHED:
        notes += [f"The plan is published. {sentence}" for sentence in missing_to_sell(plan, on=today)]
    return Saved(made, tuple(notes))


def values_of(settings: NewSettings, *, plan: Plan, manager: ServiceManager) -> rules.Values:
    """Put the settings into the words of the rules, -1 as unlimited; of a pay-as-you-go plan what it can have."""
    trial_and_place = {
        "is_free_trial": settings.is_free_trial,
        "trial_days": settings.trial_days,
        "backup_storage": settings.backup_storage_id,
    }
    if not plan.is_fixed:
        return rules.Values(is_fixed=False, **trial_and_place)  # type: ignore[arg-type]
    is_unlimited = settings.storage_quota == rules.UNLIMITED
    return rules.Values(
        is_fixed=True,
        storage_quota=settings.storage_quota,
        overage=None if is_unlimited and settings.overage == rules.UNLIMITED else settings.overage,
        editions=editions_of(manager, protection_model=settings.protection_model, file_sync_model=settings.file_sync_model),
        items={name: rules.unlimited_made_plain(item) for name, item in settings.items},
        **trial_and_place,  # type: ignore[arg-type]
    )


def rows_of(settings: NewSettings, values: rules.Values) -> tuple[ModuleSettings, list[ModuleItem]]:
    """Return the rows that ``values`` lead to, not saved and of no plan: what a preview is made of."""
    row = ModuleSettings(**_facts(settings, values))
    return row, [
        ModuleItem(name=name, is_enabled=item.is_enabled, soft_quota=item.soft, overage=item.hard)
        for name, item in sorted(values.items.items())
    ]


def no_longer_fits(plan: Plan) -> list[str]:
    """
    Return a sentence for all that was saved and could not be saved any more, such as an item that the vendor has dropped since.

    Nothing where the services definition of its service manager is not known.
    """
    manager, row = plan.service_manager, ModuleSettings.objects.filter(plan=plan).prefetch_related("items").first()
    if manager is None or manager.definition_fetched_at is None or row is None:
        return []
    values = values_of(_settings_of(row, manager), plan=plan, manager=manager)
    return [f"Module Setting: {refusal.sentence}" for refusal in rules.refusals(values, offering_of(manager))]


def _settings_of(row: ModuleSettings, manager: ServiceManager) -> NewSettings:
    return NewSettings(
        service_manager_id=manager.pk,
        is_free_trial=row.is_free_trial,
        trial_days=row.trial_days,
        storage_quota=row.storage_quota,
        overage=row.overage,
        protection_model=row.protection_model,
        file_sync_model=row.file_sync_model,
        backup_storage_id=row.backup_storage_id,
        items=tuple((item.name, rules.ItemValues(item.is_enabled, item.soft_quota, item.overage)) for item in row.items.all()),
    )


# Steps: inside the caller's transaction


def _chosen_manager(plan: Plan, settings: NewSettings) -> ServiceManager:
    manager = ServiceManager.objects.filter(pk=settings.service_manager_id).first()
    if manager is None:
        raise FieldRefused("service_manager", "Choose the service manager.")
    is_another = plan.service_manager_id != manager.pk
    if is_another and plan.service_manager_id is not None and plan.status != Plan.Status.DRAFT:
        raise FieldRefused(
            "service_manager",
            f"{plan} was published with another service manager. Duplicate the plan to sell it through {manager}.",
        )
    if is_another and not manager.is_active:
        raise FieldRefused("service_manager", f"{manager} is switched off; nothing new is sold through it.")
    if manager.definition_fetched_at is None:
        raise FieldRefused("service_manager", f"What {manager} offers is not known yet. Use “Get services definition”.")
    return manager


def _write(plan: Plan, manager: ServiceManager, row: ModuleSettings, settings: NewSettings, values: rules.Values) -> None:
    for name, fact in _facts(settings, values).items():
        setattr(row, name, fact)
    row.save()
    kept = {item.name: item for item in row.items.all()}
    for name, item in sorted(values.items.items()):
        facts = {"is_enabled": item.is_enabled, "soft_quota": item.soft, "overage": item.hard}
        present = kept.pop(name, None)
        if present is None and item != rules.ItemValues(is_enabled=False):
            ModuleItem.objects.create(settings=row, name=name, **facts)
        elif present is not None and any(getattr(present, field) != fact for field, fact in facts.items()):
            for field, fact in facts.items():
                setattr(present, field, fact)
            present.save(update_fields=list(facts))
    for gone in kept.values():
        gone.delete()
    plan.service_manager = manager
    plan.quantity_is_enabled = plan.quantity_is_enabled and values.storage_quota != rules.UNLIMITED
    plan.save(update_fields=["service_manager", "quantity_is_enabled"])


def _facts(settings: NewSettings, values: rules.Values) -> dict[str, object]:
    return {
        "is_free_trial": values.is_free_trial,
        "trial_days": values.trial_days,
        "backup_storage_id": values.backup_storage,
        "storage_quota": values.storage_quota,
        "overage": values.overage,
        "protection_model": settings.protection_model if values.is_fixed else "",
        "file_sync_model": settings.file_sync_model if values.is_fixed else "",
    }


# --- What no longer fits, said and never dropped in silence -----------------------------------------------------------------


def _given_up_items(row: ModuleSettings, values: rules.Values, offering: rules.Offering) -> list[str]:
    """Items of an edition that was left, which have no counterpart in the new one that carries on what was said."""
    said = {offering.items[name].usage for name in values.items if name in offering.items}
    before = [item for item in row.items.filter(is_enabled=True) if item.name not in values.items]
    lost = [item.name for item in before if item.name not in offering.items or offering.items[item.name].usage not in said]
    words = sorted({item_label(name) for name in lost})
    return [f"No longer in the plan: {', '.join(words)}."] if words else []


def _given_up_prices(plan: Plan, before: ModuleSettings, values: rules.Values) -> list[str]:
    if not before.has_overage_quota or values.overage:
        return []
    prices = PlanPrice.objects.filter(plan=plan, valid_until__isnull=True, overage_price__isnull=False)
    words = "; ".join(sorted({f"{price.currency}, {price.get_term_months_display()}" for price in prices}))
    if not words:
        return []
    return [
        f"There is no overage quota any more, so the Overage Price (/GB) no longer applies: {words}. Set new prices without it."
    ]


def _given_up_quantity(plan: Plan, values: rules.Values) -> list[str]:
    if not plan.quantity_is_enabled or values.storage_quota != rules.UNLIMITED:
        return []
    return ["“Enable Quantity” is off now: an unlimited Storage Quota cannot be multiplied."]
