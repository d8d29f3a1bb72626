"""
What a month will come to: what was measured so far, carried on to its end. Plain values in, plain values out; no database.

The method is plain on purpose, so that everybody can follow it:

- a level (storage, workstations) stays what it is now until the end of the month;
- what is used up (compute hours, shipped drives) goes on at the pace so far: what was added, ÷ the days so far × all days;
- a fixed price is charged whole;
- free units, tiers, a minimum and what lies above a quota are priced on what comes out, as the invoice will.

The nightly readings count; where the vendor's answer of today (an estimate) is newer, it counts as one more day.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from billing.measuring import NOTHING, Measured
from common.periods import Period


class ItemKey(NamedTuple):
    item: str
    edition: str
    storage: str


@dataclass(frozen=True, slots=True)
class Present:
    """What the vendor says of one item and storage today: its level, or of what is used up the sum since the first of the month."""

    measurement_unit: str
    is_range: bool
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Known:
    """How far a tenant's usage is known: by nightly readings to ``read_until``, and by ``estimates`` of ``estimated_on``."""

    read_until: date | None
    estimated_on: date | None
    estimates: Mapping[ItemKey, Present]

    @property
    def is_estimated(self) -> bool:
        """Whether the estimates say something that the readings do not."""
        return self.estimated_on is not None and (self.read_until is None or self.estimated_on > self.read_until)

    @property
    def until(self) -> date | None:
        return self.estimated_on if self.is_estimated else self.read_until


def so_far(measured: Iterable[Measured], days: Period, known: Known) -> list[Measured]:
    """Return what was measured on ``days``, with today's estimates as one more day where they are newer."""
    found = list(measured)
    if not known.is_estimated or known.estimated_on is None or known.estimated_on not in days:
        return found
    told = [_with_estimate(one, known.estimated_on, known.estimates.get(_key(one))) for one in found]
    seen = {_key(one) for one in found}
    new = [_new(key, known.estimated_on, one) for key, one in known.estimates.items() if key not in seen and one.amount > 0]
    return [*told, *new]


def forecast(measured: Iterable[Measured], days: Period, known: Known) -> list[Measured]:
    """Return what ``days`` will come to, of what was measured `so_far`; unchanged where nothing of them is known yet."""
    if known.until is None or known.until < days.start:
        return list(measured)
    elapsed = min((known.until - days.start).days + 1, days.days)
    left = days.days - elapsed
    return [
        one._replace(levels=one.levels + max(one.last, NOTHING) * left, added=one.added * days.days / elapsed) for one in measured
    ]


def _key(measured: Measured) -> ItemKey:
    return ItemKey(measured.item, measured.edition, measured.storage)


def _with_estimate(one: Measured, day: date, present: Present | None) -> Measured:
    """A level becomes today's; what is used up is never less than what the readings of the month add up to."""
    if present is None:
        return one
    if one.is_range:
        added = max(present.amount, one.added)
        return one._replace(added=added, rows=f"{one.rows},{_row(day, one.last, added - one.added)}")
    return one._replace(
        last=present.amount,
        highest=max(one.highest, present.amount),
        levels=one.levels + present.amount,
        rows=f"{one.rows},{_row(day, present.amount, present.amount - one.last)}",
    )


def _new(key: ItemKey, day: date, present: Present) -> Measured:
    """What no reading of the month knows yet."""
    level, added = (NOTHING, present.amount) if present.is_range else (present.amount, NOTHING)
    return Measured(*key, present.measurement_unit, present.is_range, level, level, level, added, _row(day, level, added))


def _row(day: date, level: Decimal, added: Decimal) -> str:
    """A reading as the database writes it, of no report."""
    return f'["{day}",{level:f},{added:f},0,0]'
