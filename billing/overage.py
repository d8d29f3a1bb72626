"""
Overage: what is used above the soft storage quota of a plan. Plain values in, charges out; no database, no clock.

Source: seed text 004, “Billing of over-consumed quota”: use above the soft quota is billed at the plan's Overage Price, per GB
(1024³ bytes) and month. What counts in a month is its high-water mark: the most that was used above the quota on any of its billed
days. So it does not matter how often a month is looked at: at an upgrade, at a change of quantity or term, when somebody generates
an invoice, at renewal; each time what is above the mark so far is billed, and nothing twice. Where the quota or the price changes
inside a month, the mark goes on: what was billed under the old plan is not billed again under the new one.

A quota is the soft quota of one unit × the quantity. Without a quota, or without an overage price, nothing is billed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from billing.rating import DIGITS, TEN_DECIMALS, Charge, plain
from common.periods import Period

OVERAGE = "overage"
UNIT = "GiB"
GIB = Decimal(1024**3)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class QuotaDays:
    """Days of one month with one quota and one overage price; ``quota_gib`` is of all units together, None is unlimited."""

    days: Period
    quota_gib: Decimal | None
    overage_price: Decimal | None
    currency: str
    steps: Sequence[dict[str, Any]] = ()


def charges(levels: Mapping[date, Decimal], stretches: Sequence[QuotaDays], *, level: str, readings: str) -> list[Charge]:
    """
    Return what the use above the quota costs, one charge for each stretch that raised the month's high-water mark.

    :param levels: bytes in use at the end of each day, all storages together.
    :param stretches: the billed days of one month, in their order.
    """
    found: list[Charge] = []
    mark = NOTHING
    for number, stretch in enumerate(stretches):
        if stretch.quota_gib is None or stretch.overage_price is None:
            continue
        day, highest = _highest(levels, stretch.days)
        above = max(highest - stretch.quota_gib, NOTHING).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
        if above <= mark or day is None:
            continue
        part = stretch.days.start.isoformat() if number else ""
        if stretch.overage_price:
            found.append(_charge(stretch, above, mark, day, highest, level, part, readings))
        mark = above
    return found


def _highest(levels: Mapping[date, Decimal], days: Period) -> tuple[date | None, Decimal]:
    """Return the first day with the highest level, and that level in GB."""
    found: date | None = None
    for day in sorted(levels):
        if day in days and (found is None or levels[day] > levels[found]):
            found = day
    with localcontext() as context:
        context.prec = DIGITS
        return found, NOTHING if found is None else levels[found] / GIB


def _charge(
    stretch: QuotaDays, above: Decimal, mark: Decimal, day: date, highest: Decimal, level: str, part: str, readings: str
) -> Charge:
    assert stretch.overage_price is not None
    assert stretch.quota_gib is not None
    quantity = above - mark
    with localcontext() as context:
        context.prec = DIGITS
        net = quantity * stretch.overage_price
    working = {
        "period": [stretch.days.start.isoformat(), stretch.days.end.isoformat()],
        "overage": {
            "quota": plain(stretch.quota_gib),
            "day": day.isoformat(),
            "highest": plain(highest.quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)),
            "above": plain(above),
            "billed_above": plain(mark),
        },
        "measurement_unit": "bytes",
        "divisor": plain(GIB),
        "unit": UNIT,
        "quantity": plain(quantity),
        "level": level,
        "steps": _steps(stretch),
        "unit_price": plain(stretch.overage_price),
        "currency": stretch.currency,
        "net_unrounded": plain(net),
    }
    return Charge(OVERAGE, "", quantity, UNIT, stretch.overage_price, net, None, working, part, readings)


def _steps(stretch: QuotaDays) -> list[dict[str, str]]:
    """Tell the chain from the list price to the overage price it was sold at, leaving out what changes nothing."""
    told: list[dict[str, str]] = []
    for step in stretch.steps:
        if step.get("overage_price") is None:
            continue
        amount = plain(Decimal(step["overage_price"]))
        if told and told[-1]["amount"] == amount:
            continue
        factor = {} if step["factor"] is None else {"factor": plain(Decimal(step["factor"]))}
        told.append({"step": step["step"], "amount": amount, "currency": stretch.currency, **factor})
    return told
