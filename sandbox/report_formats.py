"""
The formats of a usage report: csv_v2_0, which programs read, the csv and html that people are mailed, and two kinds of JSON.

Only csv_v2_0 is the vendor's to the letter. That csv and html count in GiB and hours, the others in bytes and seconds, is the
vendor's too; columns of csv and html and the keys of tenants in JSON are ours.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html import escape
from itertools import groupby
from typing import Any

from sandbox.definitions import APPLICATIONS, Item
from sandbox.report_rows import Asked, Block

COLUMNS = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,"
    "measurement_unit,name,pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,"
    "tenant.customer_id,tenant.id,tenant.kind,tenant.name,usage.absolute.production,usage.absolute.total,"
    "usage.absolute.trial,usage.delta.production,usage.delta.total,usage.delta.trial,usage.effective.production,"
    "usage.effective.total,usage.effective.trial,edition"
)
# The keys of `infra` in a report, in its order, and the columns they come from.
INFRA = {"backend_type": "backend_type", "id": "id", "name": "name", "owner_id": "owner_tenant_id"}
READABLE_COLUMNS = (
    *("tenant", "customer_id", "kind", "date", "service", "item", "edition", "storage", "mode", "unit"),
    *("usage", "change", "to_be_billed", "quota", "currency", "price", "cost"),
)
PER_UNIT = {"bytes": Decimal(1024**3), "seconds": Decimal(3600)}  # prices and what people read are per GiB and per hour
READABLE_UNITS = {"bytes": "GiB", "seconds": "hours"}
SKUS = {
    "servers": "SBDAMSENS",
    "vms": "SBDBMSENS",
    "workstations": "SBDCMSENS",
    "storage": "SCVAMSENS",
    "pack_adv_security": "SESBMSENS",
    "pack_adv_management": "SESDMSENS",
}
KIND_CODES = {"usage_daily": 4, "usage_summary": 5, "usage_current": 8, "usage_breakdown": 9}
LEVEL_CODES = {"itself": 0, "direct_partners": 1, "all_customers": 2, "accounts": 3, "all_partners": 4}


@dataclass(frozen=True)
class Heading:
    """
    What a report says about itself.

    :param storages: the rows of all storages by id, also of those that are gone: their usage is still reported.
    """

    asked: Asked
    tenant_name: str
    tenant_number: int
    generated_on: date
    is_monthly: bool
    storages: Mapping[str, sqlite3.Row]

    @property
    def title(self) -> str:
        return f"Usage report of {self.tenant_name}, {self.asked.start} to {self.asked.end}"


Write = Callable[[Heading, Iterable[Block]], Iterator[str]]


@dataclass(frozen=True)
class Format:
    """How a report is written: pieces of text, none longer than the lines of one tenant."""

    extension: str
    media_type: str
    write: Write


# csv_v2_0


def _csv_v2(heading: Heading, blocks: Iterable[Block]) -> Iterator[str]:
    """The vendor's 29 columns, with SKUs a thirtieth; amounts in bytes, seconds and pieces."""
    yield f"{COLUMNS}{',sku' if heading.asked.show_skus else ''}\n"
    for block in blocks:
        yield "".join(_csv_v2_lines(block, heading))


def _csv_v2_lines(block: Block, heading: Heading) -> Iterator[str]:
    before, after, end = _cells(block, heading)
    is_priced = _price(block) is not None
    for on, mode, absolute, trial_absolute, delta, trial_delta, used, trial_used in block.readings:
        price = f"{_price(block)},{_cost(block, used)}" if is_priced else ","
        yield (
            f"{before}{on}{after[0]}{mode},{price}{after[1]}"
            f"{absolute},{absolute + trial_absolute},{trial_absolute},{delta},{delta + trial_delta},{trial_delta},"
            f"{used},{used + trial_used},{trial_used},{end}\n"
        )


def _cells(block: Block, heading: Heading) -> tuple[str, tuple[str, str], str]:
    """The cells that are the same on every line of an item: before the date, around the prices, and at the end."""
    item, tenant = block.item, block.tenant
    application, storage = APPLICATIONS[item.application_id], heading.storages.get(block.infra_id)
    infra = tuple(storage[name] for name in INFRA.values()) if storage else (None,) * len(INFRA)
    unit = "" if item.measurement_unit == "quantity" else item.measurement_unit
    owner = (tenant["customer_id"], tenant["id"], tenant["kind"], tenant["tenant_name"])
    end = (item.edition, SKUS.get(item.usage_name)) if heading.asked.show_skus else (item.edition,)
    return (
        f"{_csv(application.id, application.type)},",
        (f",{_csv(*infra, item.is_range, unit, item.name, tenant['currency'])},", f",{_csv(_quota(block), *owner)},"),
        _csv(*end),
    )


def _csv(*cells: object) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return line.getvalue() if len(cells) > 1 or cells[0] is not None else ""


def _quota(block: Block) -> int | None:
    return None if block.row is None else block.row["quota_value"]


def _price(block: Block) -> str | None:
    """The tenant's own price of the item, if it has one."""
    return None if block.row is None else block.row["price"]


def _cost(block: Block, used: int) -> str:
    price = Decimal(_price(block) or 0)
    return f"{price * used / PER_UNIT.get(block.item.measurement_unit, Decimal(1)):.6f}"


# What people read


def _readable_lines(block: Block, heading: Heading) -> Iterator[tuple[object, ...]]:
    """The cells of `READABLE_COLUMNS`, production and trial added up, amounts in GiB, hours and pieces."""
    item, tenant, storage = block.item, block.tenant, heading.storages.get(block.infra_id)
    who = (tenant["tenant_name"], tenant["customer_id"], tenant["kind"])
    what = (APPLICATIONS[item.application_id].name, item.name, item.edition, storage["name"] if storage else None)
    unit = READABLE_UNITS.get(item.measurement_unit, "pieces")
    price, quota = _price(block), _quota(block)
    for one in block.readings:
        yield (
            *(*who, one.date, *what, one.mode, unit),
            _readable(item, one.absolute + one.trial_absolute),
            _readable(item, one.delta + one.trial_delta),
            _readable(item, one.used + one.trial_used),
            None if quota is None else _readable(item, quota),
            tenant["currency"],
            price,
            _cost(block, one.used) if price is not None else None,
            *((SKUS.get(item.usage_name),) if heading.asked.show_skus else ()),
        )


def _readable(item: Item, amount: int) -> str:
    """`12.5` GiB or hours, with at most six places; whole pieces as they are."""
    unit = PER_UNIT.get(item.measurement_unit)
    return str(amount) if unit is None else f"{amount / unit:.6f}".rstrip("0").rstrip(".")


def _readable_columns(heading: Heading) -> tuple[str, ...]:
    return (*READABLE_COLUMNS, "sku") if heading.asked.show_skus else READABLE_COLUMNS


def _csv_readable(heading: Heading, blocks: Iterable[Block]) -> Iterator[str]:
    yield f"{_csv(*_readable_columns(heading))}\n"
    for block in blocks:
        yield "".join(f"{_csv(*cells)}\n" for cells in _readable_lines(block, heading))


def _html(heading: Heading, blocks: Iterable[Block]) -> Iterator[str]:
    title = escape(heading.title)
    columns = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in _readable_columns(heading))
    yield (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body><h1>{title}</h1>\n<p>Made on {heading.generated_on}.</p>\n"
        f'<table border="1"><thead><tr>{columns}</tr></thead><tbody>\n'
    )
    for block in blocks:
        for cells in _readable_lines(block, heading):
            row = "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in cells)
            yield f"<tr>{row}</tr>\n"
    yield "</tbody></table></body></html>\n"


# JSON


def _json_v1(heading: Heading, blocks: Iterable[Block]) -> Iterator[str]:
    return _json(heading, blocks, "usages", _short_rows)


def _json_v2(heading: Heading, blocks: Iterable[Block]) -> Iterator[str]:
    """What csv_v2_0 says, its dotted column names as objects in objects."""
    return _json(heading, blocks, "rows", _full_rows)


Rows = Callable[[Block, Heading], Iterator[dict[str, Any]]]


def _json(heading: Heading, blocks: Iterable[Block], name: str, rows: Rows) -> Iterator[str]:
    """One object, written tenant by tenant."""
    yield f'{{"params":{_compact(_params(heading))},"tenants":['
    separator = ""
    for _, group in groupby(blocks, key=lambda block: block.tenant["id"]):
        found = list(group)
        tenant = _tenant_object(found[0].tenant)
        tenant[name] = [row for block in found for row in rows(block, heading)]
        yield f"{separator}{_compact(tenant)}"
        separator = ","
    yield "]}"


def _params(heading: Heading) -> dict[str, Any]:
    asked = heading.asked
    return {
        "kind": KIND_CODES[asked.kind],
        "gen_date": _unix(heading.generated_on),
        "begin_date": _unix(asked.start),
        "end_date": _unix(asked.end),
        "group_id": heading.tenant_number,
        "name": heading.title,
        "report_level": LEVEL_CODES[asked.level],
        "report_type": int(heading.is_monthly),
    }


def _unix(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _tenant_object(tenant: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": tenant["id"],
        "group_id": tenant["number"],
        "kind": tenant["kind"],
        "name": tenant["tenant_name"],
        "customer_id": tenant["customer_id"],
    }


def _short_rows(block: Block, heading: Heading) -> Iterator[dict[str, Any]]:
    item = block.item
    for one in block.readings:
        yield {
            "date": one.date,
            "application_id": item.application_id,
            "name": item.name,
            "usage_name": item.usage_name,
            "edition": item.edition,
            "infra_id": block.infra_id or None,
            "measurement_unit": item.measurement_unit,
            "absolute_value": one.absolute + one.trial_absolute,
            "value": one.used + one.trial_used,
            **({"sku": SKUS.get(item.usage_name)} if heading.asked.show_skus else {}),
        }


def _full_rows(block: Block, heading: Heading) -> Iterator[dict[str, Any]]:
    item, storage, price = block.item, heading.storages.get(block.infra_id), _price(block)
    application = APPLICATIONS[item.application_id]
    for one in block.readings:
        yield {
            "application": {"id": application.id, "name": application.type},
            "date": one.date,
            "infra": None if storage is None else {key: storage[name] for key, name in INFRA.items()},
            "is_range": item.is_range,
            "measurement_unit": item.measurement_unit,
            "name": item.name,
            "pricing": {
                "currency": block.tenant["currency"],
                "mode": one.mode,
                "price": price,
                "total_cost": _cost(block, one.used) if price is not None else None,
            },
            "quota": {"value": _quota(block)},
            "usage": {
                "absolute": _amounts(one.absolute, one.trial_absolute),
                "delta": _amounts(one.delta, one.trial_delta),
                "effective": _amounts(one.used, one.trial_used),
            },
            "edition": item.edition,
            **({"sku": SKUS.get(item.usage_name)} if heading.asked.show_skus else {}),
        }


def _amounts(production: int, trial: int) -> dict[str, int]:
    return {"production": production, "total": production + trial, "trial": trial}


def _compact(found: dict[str, Any]) -> str:
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


FORMATS = {
    "csv_v2_0": Format("csv", "text/csv", _csv_v2),
    "json_v2_0": Format("json", "application/json", _json_v2),
    "csv": Format("csv", "text/csv", _csv_readable),
    "html": Format("html", "text/html", _html),
    "json_v1": Format("json", "application/json", _json_v1),
}
