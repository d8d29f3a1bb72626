"""What an invoice line is called: plain words made of what was charged. No database."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from billing import fixed, overage, prepaid, rating
from billing.adjusting import Kind
from catalog.item_names import edition_label, item_label
from common.money import round_money
from common.templatetags import show

LONGEST = 300


def describe(item: str, edition: str, working: Mapping[str, Any], *, kind: Kind, plan: str) -> str:
    """Return the description of a line; an adjustment says that it is one."""
    label = _label(item, edition, working, plan)
    if kind is Kind.DIFFERENCE:
        label = f"Adjustment: {label}"
    elif kind is Kind.TAKEN_BACK:
        label = f"Adjustment: {label}, as billed before, taken back"
    return label[:LONGEST]


def _label(item: str, edition: str, working: Mapping[str, Any], plan: str) -> str:
    sold_as = working.get("plan_name", plan)
    if item == fixed.SETUP_FEE:
        return f"{sold_as}, setup fee"
    if item == fixed.SUBSCRIPTION:
        days, of_month = working.get("days"), working.get("days_of_month")
        return sold_as if days == of_month else f"{sold_as}, {days} of {of_month} days"
    if item == prepaid.TERM:
        return _term(sold_as, working)
    if item == overage.OVERAGE:
        quota = working.get("overage", {}).get("quota")
        return f"{sold_as}, storage above the quota" + (f" of {quota} GB" if quota else "")
    if item == rating.COMMITMENT:
        return f"{sold_as}, up to the minimum of the month{_minimum(working)}"
    label = f"{item_label(item)} ({edition_label(edition)})" if edition else item_label(item)
    return f"{label}{_tier(working)}"


def _term(sold_as: str, working: Mapping[str, Any]) -> str:
    if "term_months" not in working:
        return sold_as
    months = working["term_months"]
    term = f"{sold_as}, {months} {'month' if months == 1 else 'months'} in advance"
    days, of_term = working["days"], working["days_of_term"]
    return term if days == of_term else f"{term}, {days} of {of_term} days"


def _minimum(working: Mapping[str, Any]) -> str:
    if "commitment" not in working:
        return ""
    minimum = round_money(Decimal(working["commitment"]["minimum"]), working["currency"])
    return f" of {show.money(minimum, working['currency'])}"


def _tier(working: Mapping[str, Any]) -> str:
    tier = working.get("tier")
    if not tier or tier["mode"] != "graduated":
        return ""
    unit = working["unit"]
    if tier["to"] is None:
        return f", above {tier['from']} {unit}"
    return f", {tier['from']} to {tier['to']} {unit}" if tier["from"] != "0" else f", up to {tier['to']} {unit}"
