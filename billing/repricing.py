"""
How a bulk change makes a new price of an old one. Plain values in, plain values out: no database, no clock.

A change is a percentage or an amount, up or down, of the price, the setup fee or the overage price, or several of them. Prices and
setup fees are rounded half up to the currency's minor unit, or go to the nearest amount with a chosen ending such as .99; in a
currency without decimals an ending is the last two digits. The overage price is a unit price: it keeps up to ten decimals and
takes no ending. What costs nothing keeps costing nothing under a percentage, and is never given an ending.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from catalog.pricing import DIGITS, TEN_DECIMALS, Amounts
from common.money import minor_unit, round_money

NOTHING = Decimal(0)
ENDINGS = ("0.00", "0.50", "0.90", "0.95", "0.99")


class Kind(StrEnum):
    PERCENT = "percent"
    AMOUNT = "amount"


class Part(StrEnum):
    """What of a price is changed."""

    PRICE = "price"
    SETUP_FEE = "setup_fee"
    OVERAGE_PRICE = "overage_price"


@dataclass(frozen=True, slots=True)
class Change:
    """``by`` is a percentage, or an amount in the currency of each price; less than nothing is down. ``ending`` may be empty."""

    kind: Kind
    by: Decimal
    parts: frozenset[Part]
    ending: str = ""

    def words(self) -> str:
        """Say it for people: “5 % up on price and setup fee, ending in .99”."""
        named = {Part.PRICE: "price", Part.SETUP_FEE: "setup fee", Part.OVERAGE_PRICE: "overage price"}
        parts = " and ".join(words for part, words in named.items() if part in self.parts)
        unit = " %" if self.kind is Kind.PERCENT else ""
        size = f"{abs(self.by):f}"
        size = size.rstrip("0").rstrip(".") if "." in size else size
        ending = f", ending in {self.ending.removeprefix('0')}" if self.ending else ""
        return f"{size}{unit} {'down' if self.by < 0 else 'up'} on {parts}{ending}"


def changed(old: Amounts, change: Change, currency: str) -> Amounts:
    """Return ``old`` after ``change``; it may come out less than nothing, which is for the caller to refuse."""
    new = old
    if Part.PRICE in change.parts:
        new = replace(new, price=_ended(_moved(old.price, change), old.price, change, currency))
    if Part.SETUP_FEE in change.parts:
        new = replace(new, setup_fee=_ended(_moved(old.setup_fee, change), old.setup_fee, change, currency))
    if Part.OVERAGE_PRICE in change.parts and old.overage_price is not None:
        overage = _moved(old.overage_price, change).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
        new = replace(new, overage_price=overage)
    return new


def with_ending(amount: Decimal, ending: str, currency: str) -> Decimal:
    """Return the amount nearest to ``amount`` that ends so, the higher of two as near; never less than nothing."""
    whole = Decimal(1) if minor_unit(currency) < 1 else Decimal(100)
    last = Decimal(ending) * whole
    steps = ((amount - last) / whole).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return round_money(max(steps, NOTHING) * whole + last, currency)


def _moved(old: Decimal, change: Change) -> Decimal:
    with localcontext() as context:
        context.prec = DIGITS
        return old * (100 + change.by) / Decimal(100) if change.kind is Kind.PERCENT else old + change.by


def _ended(amount: Decimal, old: Decimal, change: Change, currency: str) -> Decimal:
    if amount == old or amount <= 0 or not change.ending:
        return round_money(amount, currency)
    return with_ending(amount, change.ending, currency)
