"""
What is still to be billed: a charge as it should be, less what was issued. Plain values in, plain values out.

Nothing issued: the charge itself. Something issued and the same net: nothing. Otherwise the difference in quantity at the
same unit price, where that multiplies out to the difference in money; else what was issued is taken back and the whole charge
is billed again, so that on every line quantity × unit price, rounded once, is the net.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from billing.rating import Charge, exact_product, plain
from common.money import round_money


class Kind(StrEnum):
    CHARGE = "charge"
    DIFFERENCE = "difference"
    TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True)
class Billed:
    """What issued lines say of one item at one unit price, added up."""

    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    invoices: tuple[str, ...]


class Due(NamedTuple):
    """A line to write. ``net`` is rounded; it is ``quantity`` × ``unit_price`` rounded once."""

    kind: Kind
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    working: dict[str, Any]
    readings: str = ""


def lines_due(charge: Charge | None, billed: Sequence[Billed], currency: str) -> list[Due]:
    """
    Return the lines that bring what was billed to what should be; none where they agree.

    The nets of ``billed`` and of what is returned sum to the net of ``charge``, rounded; to nothing where there is no charge.
    """
    should = round_money(charge.net_unrounded, currency) if charge else Decimal(0)
    if not billed:
        return [_whole(charge, Kind.CHARGE, currency)] if charge else []
    already = sum((one.net for one in billed), Decimal(0))
    if should == already:
        return []
    difference = _difference(charge, billed, should - already, currency) if charge else None
    if difference is not None:
        return [difference]
    taken_back = [_taken_back(one) for one in billed if one.net or one.quantity]
    return [*taken_back, _whole(charge, Kind.DIFFERENCE, currency)] if charge else taken_back


def _whole(charge: Charge, kind: Kind, currency: str) -> Due:
    net = round_money(charge.net_unrounded, currency)
    return Due(kind, charge.quantity, charge.unit, charge.unit_price, net, charge.working, charge.readings)


def _difference(charge: Charge, billed: Sequence[Billed], net: Decimal, currency: str) -> Due | None:
    """Return the difference in quantity at an unchanged price; None where it does not multiply out."""
    at_this_price = [one for one in billed if one.unit_price == charge.unit_price and one.unit == charge.unit]
    elsewhere = sum((abs(one.net) for one in billed if one not in at_this_price), Decimal(0))
    quantity = charge.quantity - sum((one.quantity for one in at_this_price), Decimal(0))
    if elsewhere or round_money(exact_product(quantity, charge.unit_price), currency) != net:
        return None
    working = {**charge.working, "billed": _told(billed)}
    return Due(Kind.DIFFERENCE, quantity, charge.unit, charge.unit_price, net, working, charge.readings)


def _taken_back(one: Billed) -> Due:
    return Due(Kind.TAKEN_BACK, -one.quantity, one.unit, one.unit_price, -one.net, {"billed": _told([one])})


def _told(billed: Sequence[Billed]) -> list[dict[str, Any]]:
    return [
        {
            "quantity": plain(one.quantity),
            "unit": one.unit,
            "unit_price": plain(one.unit_price),
            "net": plain(one.net),
            "invoices": list(one.invoices),
        }
        for one in billed
    ]
