"""
The lines of a usage report in the format csv_v2_0, one by one.

Tenants come in the order of the tree, so a partner's sums are complete when the walk leaves its subtree: memory holds the open
partners only, never the report.
"""

import csv
import io
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import groupby

from sandbox import metering
from sandbox.definitions import APPLICATIONS, ITEMS, PLATFORM, PROVIDER_TENANT, STORAGES, Item

COLUMNS = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,"
    "measurement_unit,name,pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,"
    "tenant.customer_id,tenant.id,tenant.kind,tenant.name,usage.absolute.production,usage.absolute.total,"
    "usage.absolute.trial,usage.delta.production,usage.delta.total,usage.delta.trial,usage.effective.production,"
    "usage.effective.total,usage.effective.trial,edition"
)
LEVELS = ("itself", "direct_partners", "all_partners", "all_customers", "accounts")
RESELLERS = ("partner", "folder")
PRICED_PER = {"bytes": Decimal(1024**3), "seconds": Decimal(3600)}  # prices are per GiB and per hour
SKUS = {
    "servers": "SBDAMSENS",
    "vms": "SBDBMSENS",
    "workstations": "SBDCMSENS",
    "storage": "SCVAMSENS",
    "pack_adv_security": "SESBMSENS",
    "pack_adv_management": "SESDMSENS",
}
# What the portal itself counts, on partners only: customers and resellers below.
COUNTED = {name: Item(PLATFORM, name, name, None, "count", "quantity") for name in ("euc_count", "reseller_count")}
CATALOGUE = ITEMS | COUNTED
ORDER = {name: place for place, name in enumerate(CATALOGUE)}


@dataclass(frozen=True)
class Asked:
    """What a report is about: days from `start` to `end`, both included."""

    tenant_id: str
    level: str
    start: date
    end: date
    is_daily: bool
    hide_zero_usage: bool
    show_skus: bool

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


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


def lines(db: sqlite3.Connection, asked: Asked) -> Iterator[str]:
    """The header line, then a line per tenant, item, storage and (in a daily report) day."""
    yield f"{COLUMNS}{',sku' if asked.show_skus else ''}\n"
    open_partners: list[Node] = []
    for node in _nodes(db, asked):
        while open_partners and not node.row["path"].startswith(open_partners[-1].row["path"]):
            yield from _partner_lines(open_partners.pop(), asked)
        if node.row["kind"] == "customer":
            yield from _customer_lines(node, open_partners, asked)
        else:
            _count(open_partners, "reseller_count", node.row, asked)
            open_partners.append(node)
    while open_partners:
        yield from _partner_lines(open_partners.pop(), asked)


def _nodes(db: sqlite3.Connection, asked: Asked) -> Iterator[Node]:
    """Partners and customers at and below the tenant that lived in the period, in the order of the tree."""
    path = db.execute("SELECT path FROM tenants WHERE id = ?", (asked.tenant_id,)).fetchone()["path"]
    rows = db.execute(
        "SELECT t.id, t.parent_id, t.path, t.kind, t.name AS tenant_name, t.customer_id, t.created_at, t.deleted_at,"
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


def _customer_lines(node: Node, partners: list[Node], asked: Asked) -> Iterator[str]:
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
            yield from _item_lines(node.row, row, name, infra_id, amounts, asked)


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


def _partner_lines(node: Node, asked: Asked) -> Iterator[str]:
    if _is_wanted(node.row, asked):
        for (name, infra_id), amounts in sorted(node.sums.items(), key=lambda entry: (ORDER[entry[0][0]], entry[0][1])):
            row = node.items.get((name, infra_id))
            yield from _item_lines(node.row, row, name, infra_id, amounts, asked)


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


# Lines


def _item_lines(
    tenant: sqlite3.Row, row: sqlite3.Row | None, name: str, infra_id: str, amounts: Amounts, asked: Asked
) -> Iterator[str]:
    item = CATALOGUE[name]
    before, after, end = _cells(item, infra_id, tenant, row, asked)
    is_priced, is_range, dates = row is not None and row["price"], item.is_range, _dates(asked)
    for day in _days(amounts, asked):
        absolute, trial_absolute = amounts.absolute[day], amounts.trial_absolute[day]
        delta, trial_delta = _change(item, amounts, day, asked)
        if asked.hide_zero_usage and not (absolute or trial_absolute or delta or trial_delta):
            continue
        used, trial_used = (delta, trial_delta) if is_range else (absolute, trial_absolute)
        mode = "trial" if trial_absolute and not absolute else "production"
        price = _priced(item, row, used) if is_priced and row is not None else ","
        yield (
            f"{before}{dates[day]}{after[0]}{mode},{price}{after[1]}"
            f"{absolute},{absolute + trial_absolute},{trial_absolute},{delta},{delta + trial_delta},{trial_delta},"
            f"{used},{used + trial_used},{trial_used},{end}\n"
        )


@lru_cache(maxsize=16)
def _dates(asked: Asked) -> list[str]:
    """The days of the report as they are printed, worked out once."""
    return [str(asked.start + timedelta(days=day)) for day in range(asked.days)]


def _days(amounts: Amounts, asked: Asked) -> Iterable[int]:
    """The days with a line: each on which the item was on; in a summary the last day stands for the period."""
    if asked.is_daily:
        return [day for day, is_listed in enumerate(amounts.listed) if is_listed]
    return [asked.days - 1] if any(amounts.listed) else []


def _change(item: Item, amounts: Amounts, day: int, asked: Asked) -> tuple[int, int]:
    """The change of the day, or of the whole period in a summary, in production and in trial."""
    if asked.is_daily:
        return amounts.delta[day], amounts.trial_delta[day]
    production, trial = sum(amounts.delta), sum(amounts.trial_delta)
    if not item.is_range and not amounts.listed[day] and any(amounts.listed):  # it ended inside the period
        last = max(place for place, is_listed in enumerate(amounts.listed) if is_listed)
        production -= amounts.absolute[last]
        trial -= amounts.trial_absolute[last]
    return production, trial


def _cells(
    item: Item, infra_id: str, tenant: sqlite3.Row, row: sqlite3.Row | None, asked: Asked
) -> tuple[str, tuple[str, str], str]:
    """The cells that are the same on every line of an item: before the date, around the prices, and at the end."""
    application, storage = APPLICATIONS[item.application_id], STORAGES.get(infra_id)
    infra = (storage.backend_type, storage.id, storage.name, PROVIDER_TENANT) if storage else (None,) * 4
    unit = "" if item.measurement_unit == "quantity" else item.measurement_unit
    quota = None if row is None else row["quota_value"]
    owner = (tenant["customer_id"], tenant["id"], tenant["kind"], tenant["tenant_name"])
    end = (item.edition, SKUS.get(item.usage_name)) if asked.show_skus else (item.edition,)
    return (
        f"{_csv(application.id, application.type)},",
        (f",{_csv(*infra, item.is_range, unit, item.name, tenant['currency'])},", f",{_csv(quota, *owner)},"),
        _csv(*end),
    )


def _csv(*cells: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return line.getvalue() if len(cells) > 1 or cells[0] is not None else ""


def _priced(item: Item, row: sqlite3.Row, used: int) -> str:
    """The two cells of the tenant's price of the item and what the usage costs; items without a price leave both empty."""
    cost = Decimal(row["price"]) * used / PRICED_PER.get(item.measurement_unit, Decimal(1))
    return f"{row['price']},{cost:.6f}"
