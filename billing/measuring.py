"""
What the vendor metered, put together: the readings of some days as the few numbers that rating needs. Plain values, no database.

The readings of all storages (infra) of one item and edition are added up day by day before anything else, so that moving a backup
from one storage to another is not billed twice. Then, by the rate's aggregation:

- ``last``: the level of the last day that has a reading; the usual one of items that are a level;
- ``max``: the highest daily level;
- ``average``: the sum of the daily levels divided by all days, days without a reading counting as nothing;
- ``sum``: what the days added; the usual one of range items (shipped drives, notarizations, compute points).

Less than nothing, after the vendor took something back, is nothing. Millions of readings stay in the database: it adds up those of
one storage (`queries.measuring`), and only where an item lies on several storages are their days looked at one by one, here.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

NOTHING = Decimal(0)


class Aggregation(StrEnum):
    LAST = "last"
    MAX = "max"
    AVERAGE = "average"
    SUM = "sum"


class Reading(NamedTuple):
    """One day's reading in the vendor's unit: ``absolute`` the level at the day's end, ``delta`` what the day added."""

    day: date
    absolute: Decimal
    delta: Decimal
    report: int
    line: int


class Measured(NamedTuple):
    """
    The readings of one item, edition and storage on some days, as numbers in the vendor's unit.

    ``measurement_unit``: bytes, seconds, or anything else for a count. ``rows`` are the readings themselves, as the inside of a
    JSON list of [day, absolute, delta, report, line]: a line that is billed by them keeps them, unread.
    """

    item: str
    edition: str
    storage: str
    measurement_unit: str
    is_range: bool
    last: Decimal
    highest: Decimal
    levels: Decimal
    """The daily levels added up."""
    added: Decimal
    rows: str


def measured_of(
    readings: Sequence[Reading],
    *,
    item: str,
    edition: str,
    storage: str = "",
    measurement_unit: str = "bytes",
    is_range: bool = False,
) -> Measured:
    """Put together ``readings`` of one storage, at least one, as the database does."""
    ordered = sorted(readings)
    rows = ",".join(f'["{one.day}",{one.absolute:f},{one.delta:f},{one.report},{one.line}]' for one in ordered)
    levels = [one.absolute for one in ordered]
    added = sum((one.delta for one in ordered), NOTHING)
    return Measured(item, edition, storage, measurement_unit, is_range, levels[-1], max(levels), sum(levels, NOTHING), added, rows)


def total(several: Sequence[Measured], aggregation: Aggregation, days: int) -> Decimal:
    """Return one number for ``several`` storages of one item on ``days`` days: in the vendor's unit, not below nothing."""
    if aggregation is Aggregation.SUM:
        found = sum((one.added for one in several), NOTHING)
    elif aggregation is Aggregation.AVERAGE:
        found = sum((one.levels for one in several), NOTHING) / days
    elif len(several) == 1:
        found = several[0].last if aggregation is Aggregation.LAST else several[0].highest
    else:
        levels = levels_by_day(several)
        found = levels[max(levels)] if aggregation is Aggregation.LAST else max(levels.values())
    return max(found, NOTHING)


def levels_by_day(several: Iterable[Measured]) -> dict[date, Decimal]:
    """Return the level of each day that has a reading, all of ``several`` added up, in the order of the days."""
    levels: dict[str, Decimal] = {}
    for one in several:
        for day, level, *_ in _parsed(f"[{one.rows}]"):
            levels[day] = levels.get(day, NOTHING) + level
    return {date.fromisoformat(day): levels[day] for day in sorted(levels)}


def told(several: Iterable[Measured]) -> str:
    """Write the readings of ``several`` storages for `readings_of`: [[storage, [day, absolute, delta, report, line], …], …]."""
    return f"[{','.join([f'[{_quoted(one.storage)},{one.rows}]' for one in several])}]"


@lru_cache(maxsize=1024)
def _quoted(storage: str) -> str:
    return json.dumps(storage)


def readings_of(text: str, aggregation: str) -> list[list[Any]]:
    """
    Return what `told` wrote as [day, reading, report, line, storage], by day and storage.

    The reading is what ``aggregation`` looked at: what the day added for ``sum``, else the day's level.
    """
    at = 2 if aggregation == Aggregation.SUM else 1
    rows = [[row[0], row[at], row[3], row[4], storage] for storage, *readings in _parsed(text) for row in readings]
    return sorted(rows, key=lambda row: (row[0], row[4]))


def _parsed(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)
