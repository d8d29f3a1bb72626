"""
The usage the sandbox invents: a pure function of (seed of the tenant, usage name, age in days).

The seed is the tenant's customer id, or its own id when it has none, so the same demonstration meters the same amounts in every
run. Storage grows by some hundred MiB a day, counted things step up now and then, used-up things happen on some days.
"""

import sqlite3
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from sandbox.definitions import ITEMS, RANGE_USAGES

MIB = 1024**2
GIB = 1024**3


@dataclass(frozen=True)
class Habit:
    """
    How a usage behaves: the share of tenants that have it (percent), its first level, and how it goes on.

    Levels are in the item's unit, ranges inclusive. `daily` is what storage grows by in a day, `every` the days until one more
    is counted, `chance` the percentage of days on which something is used up.
    """

    share: int
    level: tuple[int, int]
    daily: tuple[int, int] = (0, 0)
    every: tuple[int, int] = (0, 0)
    chance: int = 0


HABITS = {
    "storage": Habit(100, (40 * GIB, 400 * GIB), daily=(300 * MIB, 3000 * MIB)),
    "local_storage": Habit(50, (20 * GIB, 200 * GIB), daily=(100 * MIB, 900 * MIB)),
    "workstations": Habit(100, (3, 10), every=(9, 21)),
    "servers": Habit(100, (1, 2), every=(60, 120)),
    "vms": Habit(60, (1, 4), every=(25, 50)),
    "mailboxes": Habit(65, (4, 20), every=(8, 20)),
    "o365_sharepoint_sites": Habit(30, (1, 4), every=(30, 60)),
    "pack_adv_security": Habit(25, (3, 8), every=(15, 30)),
    "dr_storage": Habit(20, (10 * GIB, 60 * GIB), daily=(50 * MIB, 300 * MIB)),
    "compute_points": Habit(20, (1800, 14_400), chance=15),
    "fc_storage": Habit(100, (5 * GIB, 60 * GIB), daily=(40 * MIB, 500 * MIB)),
    "fc_seats": Habit(100, (3, 12), every=(10, 25)),
    "notarizations": Habit(70, (1, 4), chance=45),
    "esignatures": Habit(30, (1, 3), chance=30),
    "notary_storage": Habit(70, (2 * MIB, 20 * MIB), daily=(20 * 1024, 200 * 1024)),
    "drives_shipped_to_cloud": Habit(20, (1, 1), chance=3),
}


@dataclass(frozen=True)
class Meter:
    """A habit as one tenant has it."""

    number: int
    level: int
    spread: int
    daily: int
    every: int
    chance: int

    def reading(self, age: int) -> int:
        """The level at the end of the day, or for used-up things the amount of that day."""
        if self.chance:
            drawn = _mixed(self.number + age)
            return self.level + (drawn >> 16) % (self.spread + 1) if drawn % 100 < self.chance else 0
        if self.daily:
            return self.level + self.daily * age + _mixed(self.number + age) % self.daily  # grows each day, never shrinks
        return self.level + age // self.every


@lru_cache(maxsize=20_000)
def meter(seed: str, usage_name: str) -> Meter | None:
    """The meter of a usage for a tenant, or None when this tenant does not use it."""
    habit = HABITS.get(usage_name)
    if habit is None:
        return None
    number = int.from_bytes(blake2b(f"{seed}|{usage_name}".encode(), digest_size=8).digest())
    if number % 100 >= habit.share:
        return None
    low, high = habit.level
    if habit.chance:
        return Meter(number, low, high - low, 0, 0, habit.chance)
    return Meter(
        number, _drawn(number >> 8, habit.level), 0, _drawn(number >> 20, habit.daily), _drawn(number >> 32, habit.every), 0
    )


def _drawn(number: int, between: tuple[int, int]) -> int:
    low, high = between
    return low + number % (high - low + 1)


def _mixed(number: int) -> int:
    """A number that looks random, made of a number; the same everywhere and always (splitmix64)."""
    number = (number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return number ^ (number >> 31)


class Series(NamedTuple):
    """
    One item day by day, from `first` on without gaps.

    `absolute` is the level at the end of the day, or the amount used up since the first of the month; `delta` the change or the
    amount of the day.
    """

    first: date
    absolute: list[int]
    delta: list[int]


@dataclass(frozen=True)
class Life:
    """When an item of a tenant could have usage, and from when it is charged."""

    seed: str
    born: date
    first: date
    last: date | None
    production_from: date | None


def life_of(tenant: sqlite3.Row, *, enabled_at: str | None = None, disabled_at: str | None = None) -> Life:
    """
    The days an item has usage: since it was enabled, until it was disabled or the tenant deleted.

    A suspended tenant goes on: its data stays, and the vendor goes on billing. A switch to production in the middle of a month
    makes the whole month production.
    """
    ends = [date_of(at) for at in (disabled_at, tenant["deleted_at"]) if at]
    production_from = tenant["production_from"]
    return new_life(
        tenant["customer_id"] or tenant["id"],
        created_at=tenant["created_at"],
        enabled_at=enabled_at,
        last=min(ends) if ends else None,
        production_from=date_of(production_from).replace(day=1) if production_from else None,
    )


def new_life(
    seed: str, *, created_at: str, enabled_at: str | None, last: date | None = None, production_from: date | None = None
) -> Life:
    """The days of an item that was enabled when its tenant was created or, at a time of its own, later."""
    born = date_of(created_at)
    return Life(seed, born, max(born, date_of(enabled_at)) if enabled_at else born, last, production_from)


def date_of(at: str) -> date:
    """The day of a stamp; stamps are in UTC, and so is the vendor's day."""
    return _day(at[:10])


_day = lru_cache(maxsize=4096)(date.fromisoformat)


def series(life: Life, usage_name: str, start: date, end: date) -> Series:
    """The days from `start` to `end`, both included, on which the item was on; none if this tenant does not use it."""
    found = meter(life.seed, usage_name)
    first, last = max(start, life.first), min(end, life.last or end)
    if found is None or first > last:
        return Series(first, [], [])
    if usage_name in RANGE_USAGES:
        return _range_series(found, life, first, last)
    age = (first - life.born).days
    absolute = [found.reading(day) for day in range(age, age + (last - first).days + 1)]
    before = found.reading(age - 1) if first > life.first else 0
    return Series(first, absolute, [after - earlier for earlier, after in pairwise([before, *absolute])])


def _range_series(found: Meter, life: Life, first: date, last: date) -> Series:
    """Starts counting on the first of the month, though only the days asked for are kept."""
    result = Series(first, [], [])
    day, total = max(life.first, first.replace(day=1)), 0
    while day <= last:
        amount = found.reading((day - life.born).days)
        total = amount if day.day == 1 else total + amount
        if day >= first:
            result.absolute.append(total)
            result.delta.append(amount)
        day += timedelta(days=1)
    return result


def level_on(life: Life, usage_name: str, day: date) -> int:
    """What the item shows on a day: the level, or the amount since the first of the month."""
    return _used(life, usage_name, max(life.first, day.replace(day=1)), day)


def total_until(life: Life, usage_name: str, day: date) -> int:
    """All that was ever used up until a day, for range items; for levels the level itself."""
    if usage_name in RANGE_USAGES and life.last is not None:
        day = min(day, life.last)
    return _used(life, usage_name, life.first, day)


def _used(life: Life, usage_name: str, start: date, day: date) -> int:
    """The level on a day, or what was used up from `start` to it; as `series` has it, without listing the days."""
    found = meter(life.seed, usage_name)
    if found is None or not life.first <= day <= (life.last or day):
        return 0
    age = (day - life.born).days
    if usage_name not in RANGE_USAGES:
        return found.reading(age)
    return sum(found.reading(earlier) for earlier in range((start - life.born).days, age + 1))


def is_used(tenant: sqlite3.Row, name: str, day: date) -> bool:
    """Has an enabled item of this customer usage today?"""
    return tenant["kind"] == "customer" and level_on(life_of(tenant), ITEMS[name].usage_name, day) > 0
