"""What the order form says about licensing models, metering, costs and billing. Plain values in, sentences out."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from catalog.models import Plan, Term
from catalog.pricing import Amounts
from common.templatetags.show import money, unit_price
from ordering.costs import Cost, End
from provisioning.models import FileSyncModel, ProtectionModel, ServiceManager

PROTECTION_DESCRIPTIONS = {
    ProtectionModel.PER_GIGABYTE: "Protection service that is getting enabled based on the “per gigabyte” licensing model.",
    ProtectionModel.PER_WORKLOAD: "Protection service that is getting enabled based on the “per workload” licensing model.",
}
FILE_SYNC_DESCRIPTIONS = {
    FileSyncModel.PER_USER: "File Sync & Share service that is getting enabled based on the “per user” licensing model.",
    FileSyncModel.PER_WORKLOAD: "File Sync & Share service that is getting enabled based on the “per workload” licensing model.",
}

# What the vendor's editions count, in a reader's words.
_METERED = {
    "pck_per_gigabyte": "the gigabytes that are stored",
    "pck_per_workload": "the workloads that are protected, and the storage they use",
    "fss_per_gigabyte": "the gigabytes that are stored",
    "fss_per_user": "the users, and the storage they use",
}


def file_sync_description(model: str, service_manager: ServiceManager) -> str:
    """
    Describe a File Sync & Share licensing model.

    The vendor has no edition called “per workload”; the description says what is metered in its place.
    """
    description = FILE_SYNC_DESCRIPTIONS[FileSyncModel(model)]
    if model == FileSyncModel.PER_WORKLOAD:
        return f"{description} Acronis meters {_metered_by(service_manager.fss_per_workload_edition)}."
    return description


def metering(plan: Plan, *, protection: str, file_sync: str) -> list[str]:
    """Say in one sentence per service how it is metered; nothing for a service whose model is not chosen yet."""
    sentences = []
    if protection:
        edition = {"per_gigabyte": "pck_per_gigabyte", "per_workload": "pck_per_workload"}[protection]
        sentences.append(f"Protection, {ProtectionModel(protection).label.lower()}: Acronis meters {_metered_by(edition)}.")
    if file_sync:
        edition = "fss_per_user" if file_sync == FileSyncModel.PER_USER else plan.sold_through.fss_per_workload_edition
        label = FileSyncModel(file_sync).label.lower()
        sentences.append(f"File Sync & Share, {label}: Acronis meters {_metered_by(edition)}.")
    return sentences


def billing(billing_model: str, *, term_months: int, trial_days: int | None) -> list[str]:
    """
    Say when a line is billed, one sentence each.

    :param trial_days: how long nothing is, where it begins as a free trial.
    """
    sentences = [f"Free trial: nothing is billed for the first {trial_days} days."] if trial_days else []
    if billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        return [*sentences, "On the 1st of each month for the month before, by use."]
    if billing_model == Plan.BillingModel.PREPAID:
        begins = "Your service begins once the invoice is paid" if not trial_days else "Invoiced before the free trial ends"
        return [*sentences, f"In advance for the whole term. {begins}; each next term is invoiced before it begins."]
    share = "" if term_months == Term.MONTH else f" 1/{term_months} of the price of the term."
    return [
        *sentences,
        f"On the 1st of each month for the month before{':' if share else '.'}{share}",
        "The first and the last month are billed by days.",
    ]


def cost_facts(
    cost: Cost, *, own: str = "", customer: str = "Your customer pays", margin: str = "Your margin"
) -> list[tuple[str, str]]:
    """
    Say what a line costs, all units together, as labels and words.

    :param own: how the reader's own end is called; empty: “Your cost” where a customer's price follows, else “Price”.
    """
    if cost.retail is None:
        return _end_facts(cost.own, own or "Price", "Setup fee", "Overage price")
    facts = _end_facts(cost.own, own or "Your cost", "Setup fee", "Overage price")
    facts += _end_facts(cost.retail, customer, "Setup fee for the customer", "Overage price for the customer")
    if cost.margin is not None:
        facts.append((margin, _for_term(cost.margin)))
    return facts


def term_label(currency: str, term_months: int, price: Decimal) -> str:
    """Say one term of the list to choose from, short enough for a phone: 12 months: 200.00 EUR."""
    return f"{_term(term_months)}: {money(price, currency)}"


def changed_price(name: str, *, term_months: int, currency: str, told: Mapping[str, Any], unit: Amounts) -> str:
    """Say what of a price is not as it was told; ``told`` as `costs.as_told` returned it."""
    if told.get("currency") != currency:
        return f"{name} is priced in {currency} now: {money(unit.price, currency)} for {_term(term_months)}."
    parts = []
    for key, label in (("price", f"the price for {_term(term_months)}"), ("setup_fee", "the setup fee")):
        before, now = Decimal(told[key]), getattr(unit, key)
        if before != now:
            parts.append(f"{label} is {money(now, currency)} instead of {money(before, currency)}")
    before, now = told["overage_price"], unit.overage_price
    if (None if before is None else Decimal(before)) != now:
        words = ["none" if price is None else f"{unit_price(Decimal(price), currency)} per GB" for price in (now, before)]
        parts.append(f"the overage price is {words[0]} instead of {words[1]}")
    return f"The price of {name} has changed: {', '.join(parts)}."


def _end_facts(end: End, price: str, setup_fee: str, overage_price: str) -> list[tuple[str, str]]:
    facts = [(price, f"{_for_term(end)}, excl. VAT")]
    if end.unit.setup_fee:
        facts.append((setup_fee, f"{_of_units(end.setup_fee, end.unit.setup_fee, end)} once"))
    if end.unit.overage_price is not None:
        facts.append((overage_price, f"{unit_price(end.unit.overage_price, end.currency)} per GB and month above the quota"))
    return facts


def _for_term(end: End) -> str:
    return f"{_of_units(end.price, end.unit.price, end)} for {_term(end.term_months)}"


def _of_units(total: Decimal, each: Decimal, end: End) -> str:
    words = money(total, end.currency)
    return words if end.quantity == 1 else f"{words} ({end.quantity:,} × {money(each, end.currency)})"


def _term(months: int) -> str:
    return str(Term(months).label)


def _metered_by(edition: str) -> str:
    return _METERED.get(edition, f"what its edition {edition} counts")
