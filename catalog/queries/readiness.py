"""How far a plan is on its way from the product type to the storefront."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from django.db.models import Count, Q

from catalog.models import UNLIMITED_STORAGE, ActionMail, ModuleSettings, OrderUrl, Plan, PlanPrice
from common.templatetags.show import day


class Stage(StrEnum):
    """What leads from a product to an order, in the order of the seed text (004)."""

    PRODUCT = "product"
    PRODUCT_GROUP = "product_group"
    PLAN = "plan"
    MODULE_SETTING = "module_setting"
    PRICING = "pricing"
    ACTION_MAILS = "action_mails"
    ORDER_URLS = "order_urls"
    PUBLISH = "publish"

    @property
    def words(self) -> str:
        """What the seed text calls it."""
        return _WORDS[self]

    @property
    def is_optional(self) -> bool:
        """Whether a plan can be sold without it."""
        return self is Stage.ACTION_MAILS


_WORDS = {
    Stage.PRODUCT: "Product",
    Stage.PRODUCT_GROUP: "Product Group",
    Stage.PLAN: "Plan",
    Stage.MODULE_SETTING: "Module Setting",
    Stage.PRICING: "Pricing",
    Stage.ACTION_MAILS: "Notification & Action Mails",
    Stage.ORDER_URLS: "Order URLs",
    Stage.PUBLISH: "Publish",
}
NEEDED_TO_SELL = (Stage.MODULE_SETTING, Stage.PRICING)


@dataclass(frozen=True, slots=True)
class StageState:
    """
    Whether a stage is done and, where it is not, one sentence that says what is missing.

    ``facts`` are a few words about what is there, such as which prices.
    """

    stage: Stage
    missing: str = ""
    facts: str = ""

    @property
    def is_done(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database says about some plans, by plan."""

    settings: Mapping[int, ModuleSettings]
    prices: Mapping[int, Sequence[PlanPrice]]
    planned: Mapping[int, Sequence[PlanPrice]]
    order_urls: Mapping[int, int]
    own_mails: Mapping[int, int]
    group_mails: Mapping[int, int]


def stages(plan: Plan, *, on: date) -> list[StageState]:
    """Return the state of each stage of a plan on that day."""
    return stages_of([plan], on=on)[plan.pk]


def stages_of(plans: Iterable[Plan], *, on: date) -> dict[int, list[StageState]]:
    """
    Return, by plan, the state of each of its stages on that day.

    Five queries, however many plans, where their service managers, product groups and products are loaded.
    """
    looked_at = list(plans)
    found = _look(looked_at, on)
    return {plan.pk: _states(plan, found) for plan in looked_at}


def missing_to_sell(plan: Plan, *, on: date) -> list[str]:
    """Return a sentence for everything without which an order for ``plan`` would fail; empty when it can be published."""
    return [state.missing for state in stages(plan, on=on) if state.stage in NEEDED_TO_SELL and not state.is_done]


def _look(plans: Sequence[Plan], on: date) -> _Found:
    ids = [plan.pk for plan in plans]
    prices: defaultdict[int, list[PlanPrice]] = defaultdict(list)
    planned: defaultdict[int, list[PlanPrice]] = defaultdict(list)
    rows = PlanPrice.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=on), plan__in=ids)
    for row in rows.order_by("currency", "term_months", "valid_from"):
        (prices if row.valid_from <= on else planned)[row.plan_id].append(row)
    urls = OrderUrl.objects.filter(plan__in=ids, is_active=True).order_by().values_list("plan").annotate(Count("pk"))
    mails = ActionMail.objects.filter(is_active=True).order_by()
    groups = {plan.product_group_id for plan in plans}
    return _Found(
        settings={row.plan_id: row for row in ModuleSettings.objects.filter(plan__in=ids)},
        prices=prices,
        planned=planned,
        order_urls=dict(urls),
        own_mails=dict(mails.filter(plan__in=ids).values_list("plan").annotate(Count("pk"))),
        group_mails=dict(mails.filter(product_group__in=groups).values_list("product_group").annotate(Count("pk"))),
    )


def _states(plan: Plan, found: _Found) -> list[StageState]:
    settings, prices = found.settings.get(plan.pk), found.prices.get(plan.pk, [])
    in_settings = _missing_in_settings(plan, settings)
    in_prices = _missing_in_prices(plan, settings, prices, found.planned.get(plan.pk, []))
    return [
        StageState(Stage.PRODUCT, facts=plan.product_group.product.name),
        StageState(Stage.PRODUCT_GROUP, facts=plan.product_group.name),
        StageState(Stage.PLAN, facts=plan.name),
        StageState(Stage.MODULE_SETTING, in_settings, _settings_in_words(plan, settings)),
        StageState(Stage.PRICING, in_prices, _prices_in_words(plan, prices)),
        _action_mails(plan, found),
        _order_urls(plan, found),
        _publication(plan, is_ready=not in_settings and not in_prices),
    ]


def _missing_in_settings(plan: Plan, settings: ModuleSettings | None) -> str:
    if plan.service_manager is None or settings is None:
        return "Choose the service manager in the Module Setting."
    if not plan.service_manager.is_active:
        return f"{plan.service_manager} is switched off; nothing new is sold through it."
    if plan.is_fixed and settings.storage_quota is None:
        return "Enter the Storage Quota in the Module Setting."
    if plan.is_fixed and not (settings.protection_model and settings.file_sync_model):
        return "Choose the Edition in the Module Setting."
    return ""


def _missing_in_prices(
    plan: Plan, settings: ModuleSettings | None, prices: Sequence[PlanPrice], planned: Sequence[PlanPrice]
) -> str:
    if not plan.is_fixed:
        return ""  # the rate card has them
    if not prices:
        return "Enter a price that is valid today."
    if plan.quantity_is_enabled and settings is not None and settings.storage_quota == UNLIMITED_STORAGE:
        return "Switch Enable Quantity off: the Storage Quota is -1, unlimited."
    if settings is not None and settings.has_overage_quota:
        without = sorted({f"{row.currency}, {row.get_term_months_display()}" for row in prices if row.overage_price is None})
        # A planned price takes over by itself on its day; what nobody looks at then would be used for nothing.
        without += [
            f"{row.currency}, {row.get_term_months_display()} from {day(row.valid_from)}"
            for row in planned
            if row.overage_price is None
        ]
        if without:
            return f"Enter the Overage Price (/GB) for {'; '.join(without)}."
    return ""


def _settings_in_words(plan: Plan, settings: ModuleSettings | None) -> str:
    if plan.service_manager is None or settings is None:
        return ""
    words = [str(plan.service_manager)]
    if settings.storage_quota is not None:
        words.append("unlimited" if settings.storage_quota == UNLIMITED_STORAGE else f"{settings.storage_quota:,} GB")
    if settings.is_free_trial:
        words.append("free trial")
    return ", ".join(words)


def _prices_in_words(plan: Plan, prices: Sequence[PlanPrice]) -> str:
    if not plan.is_fixed:
        return "By the rate card"
    currencies = sorted({row.currency for row in prices})
    terms = sorted({row.term_months for row in prices})
    if not prices:
        return ""
    return f"{', '.join(currencies)}; {_months_in_words(terms)}"


def _months_in_words(terms: Sequence[int]) -> str:
    listed = ", ".join(str(months) for months in terms)
    return f"{listed} month{'' if list(terms) == [1] else 's'}"


def _action_mails(plan: Plan, found: _Found) -> StageState:
    own = found.own_mails.get(plan.pk, 0)
    of_group = found.group_mails.get(plan.product_group_id, 0)
    if own:
        return StageState(Stage.ACTION_MAILS, facts=f"{own} of its own")
    if of_group:
        return StageState(Stage.ACTION_MAILS, facts=f"{of_group} of the product group")
    return StageState(Stage.ACTION_MAILS, "Optional: nobody who does not pay is reminded or suspended.")


def _order_urls(plan: Plan, found: _Found) -> StageState:
    if count := found.order_urls.get(plan.pk, 0):
        return StageState(Stage.ORDER_URLS, facts=f"{count} in use")
    return StageState(Stage.ORDER_URLS, "They are made the moment module setting and price are saved.")


def _publication(plan: Plan, *, is_ready: bool) -> StageState:
    if plan.status == Plan.Status.PUBLISHED:
        return StageState(Stage.PUBLISH, facts="In the storefront")
    if plan.status == Plan.Status.ARCHIVED:
        return StageState(Stage.PUBLISH, "Archived: nobody can order it.")
    return StageState(Stage.PUBLISH, "Ready to be published." if is_ready else "Finish the steps above first.")
