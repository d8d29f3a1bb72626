"""How a line's figures are printed, so that they can be recalculated from what is on the paper."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from billing.rating import exact_product
from common.money import round_money
from common.templatetags import show

_FEWEST_DECIMALS, _MOST_DECIMALS = 4, 10


def printed_quantity(quantity: Decimal, unit_price: Decimal, net: Decimal, currency: str) -> Decimal:
    """
    Shorten ``quantity`` to the fewest decimals, four to ten, with which quantity × unit price still gives ``net``.

    So whoever recalculates a printed line with the printed figures arrives at the printed amount.
    """
    for decimals in range(_FEWEST_DECIMALS, _MOST_DECIMALS):
        shorter = quantity.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
        if round_money(exact_product(shorter, unit_price), currency) == net:
            return shorter
    return quantity


def quantity_text(quantity: Decimal) -> str:
    """Write a quantity with every decimal it has and no needless zero: 1,234.5."""
    text = f"{quantity:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def unit_text(quantity: Decimal, unit: str) -> str:
    """Write the unit that belongs to ``quantity``: 1 hour, 4 hours; GiB has no plural."""
    return unit if unit == "GiB" or abs(quantity) == 1 else f"{unit}s"


def days_text(first: date, last: date) -> str:
    """Write a stretch of days as 1–31 Oct 2026, one alone as 1 Oct 2026, and in full where it does not lie in one month."""
    if first == last:
        return show.day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{show.day(last)}"
    return f"{show.day(first)} – {show.day(last)}"
