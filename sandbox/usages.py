"""Present usage of tenants, single and batch."""

import sqlite3
from datetime import date
from typing import Any

from flask import Blueprint, Response

from sandbox import current, metering, offering_items, tree
from sandbox.answers import answer
from sandbox.definitions import ITEMS, Item
from sandbox.incoming import query_names, query_uuids
from sandbox.offering_items import Holding, Key

routes = Blueprint("usages", __name__)

Amounts = tuple[int, int]  # value and absolute value


@routes.get("/tenants/<tenant_id>/usages")
def get_usages(tenant_id: str) -> Response:
    return answer({"items": _usages_of(tree.find_tenant(tenant_id))})


@routes.get("/tenants/usages")
def get_usages_of_tenants() -> Response:
    """At most a hundred tenants; a fresh tenant already shows its items with zeros."""
    rows = [tree.find_tenant(tenant_id) for tenant_id in query_uuids("tenants")]
    return answer({"items": [{"tenant": row["id"], "usages": _usages_of(row)} for row in rows]})


def _usages_of(tenant: sqlite3.Row) -> list[dict[str, Any]]:
    usage_names, editions = query_names("usage_names"), query_names("editions")
    today = current.now().date()
    held, amounts = offering_items.holdings(tenant["id"]), _amounts(tenant, today)
    return [
        _usage_object(tenant, key, held.get(key, Holding()), amounts.get(key, (0, 0)), today)
        for key in offering_items.listed_keys(tenant, held)
        if _is_asked(ITEMS[key[0]], usage_names, editions)
    ]


def _is_asked(item: Item, usage_names: set[str] | None, editions: set[str] | None) -> bool:
    return (
        item.is_metered
        and (usage_names is None or item.usage_name in usage_names)
        and (editions is None or item.edition is None or item.edition in editions)
    )


def _amounts(tenant: sqlite3.Row, today: date) -> dict[Key, Amounts]:
    """What every customer at or below the tenant uses today, added up per item."""
    rows = current.db().execute(
        "SELECT t.id, t.customer_id, t.created_at, t.deleted_at, t.production_from, o.name, o.infra_id, o.enabled_at"
        " FROM tenants t JOIN offering_items o ON o.tenant_id = t.id"
        " WHERE t.path >= ? AND t.path < ? AND t.kind = 'customer' AND t.deleted_at IS NULL AND o.status = 1",
        (tenant["path"], f"{tenant['path']}~"),
    )
    sums: dict[Key, Amounts] = {}
    for row in rows:
        usage_name = ITEMS[row["name"]].usage_name
        if metering.meter(row["customer_id"] or row["id"], usage_name) is None:
            continue
        life = metering.life_of(row, enabled_at=row["enabled_at"])
        value, absolute = sums.get((row["name"], row["infra_id"]), (0, 0))
        sums[row["name"], row["infra_id"]] = (
            value + metering.level_on(life, usage_name, today),
            absolute + metering.total_until(life, usage_name, today),
        )
    return sums


def _usage_object(tenant: sqlite3.Row, key: Key, holding: Holding, amounts: Amounts, today: date) -> dict[str, Any]:
    """`value` counts since the first of the month for what is used up; `absolute_value` is the running total."""
    item = ITEMS[key[0]]
    status: dict[str, Any] = {"status": holding.status}
    if holding.status:
        status["quota"] = holding.quota.to_json()
    found = {
        "tenant_uuid": tenant["id"],
        "tenant_id": tenant["number"],
        "type": item.type,
        "application_id": item.application_id,
        "name": item.name,
        "edition": item.edition,
        "usage_name": item.usage_name,
        "range_start": f"{today.replace(day=1)}T00:00:00",
        "absolute_value": amounts[1],
        "value": amounts[0],
        "measurement_unit": item.measurement_unit,
        "offering_item": status,
    }
    return found | ({"infra_id": key[1]} if key[1] else {})
