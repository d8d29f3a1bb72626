"""
The amounts of a usage report, item by item: what the formats put into lines.

Tenants come in the order of the tree, so a partner's sums are complete when the walk leaves its subtree: memory holds the open
partners only, never the report.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from sandbox import metering
from sandbox.definitions import ITEMS, PLATFORM, Item

LEVELS = ("itself", "direct_partners", "all_partners", "all_customers", "accounts")
KINDS = ("usage_daily", "usage_summary", "usage_current", "usage_breakdown")
RESELLERS = ("partner", "folder")
# What the portal itself counts, on partners only: customers and resellers below.
COUNTED = {name: Item(PLATFORM, name, name, None, "count", "quantity") for name in ("euc_count", "reseller_count")}
CATALOGUE = ITEMS | COUNTED
ORDER = {name: place for place, name in enumerate(CATALOGUE)}


@dataclass(frozen=True)
class Asked:
    """What a report is about: days from `start` to `end`, both included."""

    tenant_id: str
    level: str
    kind: str
    start: date
    end: date
    hide_zero_usage: bool
    show_skus: bool

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


class Span(NamedTuple):
    """The days that one line stands for, counted from the start of the report, both included; `date` is the last."""

    first: int
    last: int
    date: str


class Reading(NamedTuple):
    """
    What one line says. `absolute` is the level at the end of the span, `delta` the change within it, and `used` what is to be
    billed: the change of used-up items, the level of all others. Each in production, and in trial.
    """

    date: str
    mode: str
    absolute: int
    trial_absolute: int
    delta: int
    trial_delta: int
    used: int
    trial_used: int


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one item of one tenant. `row` is the tenant's own item, which a partner need not have."""

    tenant: sqlite3.Row
    item: Item
    infra_id: str
    row: sqlite3.Row | None
    readings: list[Reading]


@dataclass(slots=True)
class Amounts:
    """One item over the days of the report: level and change, in production and in trial. Index 0 is the first day."""

    absolute: list[int]
    trial_absolute: list[int]
    delta: list[int]
    trial_delta: list[int]
    listed: list[bool]

    @classmethod
    def of(cls, days: int) -> "Amounts":
        return cls([0] * days, [0] * days, [0] * days, [0] * days, [False] * days)

    def add(self, other: "Amounts") -> None:
        for mine, more in (
            (self.absolute, other.absolute),
            (self.trial_absolute, other.trial_absolute),
            (self.delta, other.delta),
            (self.trial_delta, other.trial_delta),
        ):
            for day, amount in enumerate(more):
                if amount:
                    mine[day] += amount
        for day, is_listed in enumerate(other.listed):
            if is_listed:
                self.listed[day] = True


@dataclass
class Node:
    """A tenant of the walk with its items; for a partner also the sums of all below it."""

    row: sqlite3.Row
    items: dict[tuple[str, str], sqlite3.Row]
    sums: dict[tuple[str, str], Amounts] = field(default_factory=dict)


def blocks(db: sqlite3.Connection, asked: Asked) -> Iterator[Block]:
    """The items with lines, those of a tenant one after the other; customers before the partner above them."""
    open_partners: list[Node] = []
    for node in _nodes(db, asked):
        while open_partners and not node.row["path"].startswith(open_partners[-1].row["path"]):
            yield from _partner_blocks(open_partners.pop(), asked)
        if node.row["kind"] == "customer":
            yield from _customer_blocks(node, open_partners, asked)
        else:
            _count(open_partners, "reseller_count", node.row, asked)
            open_partners.append(node)
    while open_partners:
        yield from _partner_blocks(open_partners.pop(), asked)


def _nodes(db: sqlite3.Connection, asked: Asked) -> Iterator[Node]:
    """Partners and customers at and below the tenant that lived in the period, in the order of the tree."""
    path = db.execute("SELECT path FROM tenants WHERE id = ?", (asked.tenant_id,)).fetchone()["path"]
    rows = db.execute(
        "SELECT t.id, t.number, t.parent_id, t.path, t.kind, t.name AS tenant_name, t.customer_id, t.created_at, t.deleted_at,"
        " t.production_from, t.currency, o.name, o.infra_id, o.quota_value, o.enabled_at, o.disabled_at, p.price"
        " FROM tenants t LEFT JOIN offering_items o ON o.tenant_id = t.id AND o.enabled_at IS NOT NULL"
        " LEFT JOIN prices p ON p.tenant_id = t.id AND p.name = o.name AND p.infra_id = o.infra_id"
        " WHERE t.path >= ? AND t.path < ? AND t.kind IN ('partner', 'folder', 'customer')"
        " AND (t.deleted_at IS NULL OR t.deleted_at >= ?) AND t.created_at < ? ORDER BY t.path, o.number",
        (path, f"{path}~", str(asked.start), str(asked.end + timedelta(days=1))),
    )
    for _, group in groupby(rows, key=lambda row: row["id"]):
        found = list(group)
        items = {(row["name"], row["infra_id"]): row for row in found if row["name"] and ITEMS[row["name"]].is_metered}
        yield Node(found[0], items)


def _customer_blocks(node: Node, partners: list[Node], asked: Asked) -> Iterator[Block]:
    is_wanted = _is_wanted(node.row, asked)
    _count(partners, "euc_count", node.row, asked)
    summing = [partner for partner in partners if _is_wanted(partner.row, asked)]
    for (name, infra_id), row in sorted(node.items.items(), key=lambda entry: ORDER[entry[0][0]]):
        life = metering.life_of(row, enabled_at=row["enabled_at"], disabled_at=row["disabled_at"])
        is_used = metering.meter(life.seed, ITEMS[name].usage_name) is not None
        if not is_used and (asked.hide_zero_usage or not is_wanted):
            continue
        amounts = _metered(life, ITEMS[name].usage_name, asked)
        for partner in summing:
            _sum_of(partner, (name, infra_id), asked).add(amounts)
        if is_wanted:
            yield from _block(node.row, row, (name, infra_id), amounts, asked)


def _sum_of(partner: Node, key: tuple[str, str], asked: Asked) -> Amounts:
    found = partner.sums.get(key)
    if found is None:
        found = partner.sums[key] = Amounts.of(asked.days)
    return found


def _metered(life: metering.Life, usage_name: str, asked: Asked) -> Amounts:
    amounts = Amounts.of(asked.days)
    first = max(0, (life.first - asked.start).days)
    last = asked.days - 1 if life.last is None else min(asked.days - 1, (life.last - asked.start).days)
    for day in range(first, last + 1):
        amounts.listed[day] = True
    used = metering.series(life, usage_name, asked.start, asked.end)
    day = (used.first - asked.start).days
    trial_days = _trial_days(life, used)
    amounts.trial_absolute[day : day + trial_days] = used.absolute[:trial_days]
    amounts.trial_delta[day : day + trial_days] = used.delta[:trial_days]
    amounts.absolute[day + trial_days : day + len(used.absolute)] = used.absolute[trial_days:]
    amounts.delta[day + trial_days : day + len(used.delta)] = used.delta[trial_days:]
    return amounts


def _trial_days(life: metering.Life, used: metering.Series) -> int:
    """How many of the days come before production."""
    if life.production_from is None:
        return 0
    return min(max((life.production_from - used.first).days, 0), len(used.absolute))


def _count(partners: Iterable[Node], name: str, row: sqlite3.Row, asked: Asked) -> None:
    """Add the tenant to the portal's own count of every partner above it, for the days it lived."""
    summing = [partner for partner in partners if _is_wanted(partner.row, asked)]
    if not summing:
        return
    life, counted = metering.life_of(row), Amounts.of(asked.days)
    first = max(0, (life.born - asked.start).days)
    last = asked.days - 1 if life.last is None else (life.last - asked.start).days
    for day in range(first, min(last, asked.days - 1) + 1):
        counted.listed[day], counted.absolute[day] = True, 1
    if life.born >= asked.start:
        counted.delta[first] = 1
    for partner in summing:
        _sum_of(partner, (name, ""), asked).add(counted)


def _partner_blocks(node: Node, asked: Asked) -> Iterator[Block]:
    if _is_wanted(node.row, asked):
        for key, amounts in sorted(node.sums.items(), key=lambda entry: (ORDER[entry[0][0]], entry[0][1])):
            yield from _block(node.row, node.items.get(key), key, amounts, asked)


def _is_wanted(row: sqlite3.Row, asked: Asked) -> bool:
    is_root: bool = row["id"] == asked.tenant_id
    match asked.level:
        case "itself":
            return is_root
        case "direct_partners":
            return not is_root and bool(row["parent_id"] == asked.tenant_id)
        case "all_partners":
            return not is_root and row["kind"] in RESELLERS
        case "all_customers":
            return bool(row["kind"] == "customer")
        case _:
            return True


# Readings


def _block(tenant: sqlite3.Row, row: sqlite3.Row | None, key: tuple[str, str], amounts: Amounts, asked: Asked) -> Iterator[Block]:
    item = CATALOGUE[key[0]]
    readings = list(_readings(item, amounts, asked))
    if readings:
        yield Block(tenant, item, key[1], row, readings)


def _readings(item: Item, amounts: Amounts, asked: Asked) -> Iterator[Reading]:
    """A reading for each span in which the item was on, and unless zeros are hidden also where nothing was used."""
    is_range, hide_zero_usage = item.is_range, asked.hide_zero_usage
    for span in spans(asked):
        first, last, on = span
        if first == last:
            is_listed = amounts.listed[last]
            delta, trial_delta = amounts.delta[last], amounts.trial_delta[last]
        else:
            is_listed = any(amounts.listed[first : last + 1])
            delta, trial_delta = _change(item, amounts, span)
        if not is_listed:
            continue
        absolute, trial_absolute = amounts.absolute[last], amounts.trial_absolute[last]
        if hide_zero_usage and not (absolute or trial_absolute or delta or trial_delta):
            continue
        mode = "trial" if trial_absolute and not absolute else "production"
        used, trial_used = (delta, trial_delta) if is_range else (absolute, trial_absolute)
        yield Reading(on, mode, absolute, trial_absolute, delta, trial_delta, used, trial_used)


@lru_cache(maxsize=16)
def spans(asked: Asked) -> list[Span]:
    """Every day of a daily report, every calendar month of a breakdown, and the whole period of the others."""
    days = [asked.start + timedelta(days=day) for day in range(asked.days)]
    if asked.kind == "usage_daily":
        return [Span(place, place, str(day)) for place, day in enumerate(days)]
    if asked.kind != "usage_breakdown":
        return [Span(0, asked.days - 1, str(asked.end))]
    ends = [place for place, day in enumerate(days) if place == asked.days - 1 or days[place + 1].month != day.month]
    return [Span(before + 1, place, str(days[place])) for before, place in zip([-1, *ends], ends, strict=False)]


def _change(item: Item, amounts: Amounts, span: Span) -> tuple[int, int]:
    """The change within the days of the span, in production and in trial."""
    days = slice(span.first, span.last + 1)
    production, trial = sum(amounts.delta[days]), sum(amounts.trial_delta[days])
    if not item.is_range and not amounts.listed[span.last] and any(amounts.listed[days]):  # it ended inside the span
        last = max(place for place in range(span.first, span.last + 1) if amounts.listed[place])
        production -= amounts.absolute[last]
        trial -= amounts.trial_absolute[last]
    return production, trial
