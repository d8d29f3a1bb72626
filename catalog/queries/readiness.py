"""How far a plan is on its way from the product type to the storefront."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from catalog.models import ModuleSettings, Plan, PlanPrice


class Stage(StrEnum):
    """What a plan needs before it can be sold, in the order of the seed text."""

    PLAN = "plan"
    MODULE_SETTING = "module_setting"
    PRICING = "pricing"


@dataclass(frozen=True, slots=True)
class StageState:
    """Whether a stage is done and, where it is not, one sentence that says what is missing."""

    stage: Stage
    missing: str = ""

    @property
    def is_done(self) -> bool:
        return not self.missing


def stages(plan: Plan, *, on: date) -> list[StageState]:
    """Return the state of each stage of a plan on that day: at most two queries."""
    settings = ModuleSettings.objects.filter(plan=plan).first()
    return [
        StageState(Stage.PLAN),
        StageState(Stage.MODULE_SETTING, _missing_in_settings(plan, settings)),
        StageState(Stage.PRICING, _missing_in_prices(plan, settings, on)),
    ]


def missing_to_sell(plan: Plan, *, on: date) -> list[str]:
    """Return a sentence for everything without which an order for ``plan`` would fail; empty when it can be published."""
    missing = [state.missing for state in stages(plan, on=on) if not state.is_done]
    if plan.billing_model == Plan.BillingModel.PREPAID:
        missing.append("Prepaid plans are invoiced and paid before they are provisioned; orders cannot wait for a payment yet.")
    return missing


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


def _missing_in_prices(plan: Plan, settings: ModuleSettings | None, on: date) -> str:
    if not plan.is_fixed:
        return ""  # the rate card has them
    prices = list(PlanPrice.objects.in_force(on).filter(plan=plan))
    if not prices:
        return "Enter a price that is valid today."
    if settings is not None and settings.has_overage_quota:
        without = sorted({f"{row.currency}, {row.get_term_months_display()}" for row in prices if row.overage_price is None})
        if without:
            return f"Enter the Overage Price (/GB) for {'; '.join(without)}."
    return ""
