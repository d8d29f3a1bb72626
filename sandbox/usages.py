"""
Present usage of tenants, single and batch, and usage reported by others.

What was reported replaces the invented amount in `/usages` from then on; reports keep to the invented ones.
"""

import sqlite3
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response

from sandbox import auth, current, metering, offering_items, tree
from sandbox.answers import answer, stamp
from sandbox.definitions import ITEMS, Item
from sandbox.errors import ITEM_UNAVAILABLE, QUOTA_EXCEEDED, Refusal, bad_request, forbidden
from sandbox.incoming import integer, json_body, listing, mapping, query_names, query_uuids, required
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


def used(tenant: sqlite3.Row, usage_name: str) -> int:
    """The absolute value of a usage name, over all items that count it; what children are ordered by."""
    amounts = _amounts(tenant, current.now().date(), usage_name=usage_name)
    return sum(absolute for _, absolute in amounts.values())


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


def _amounts(tenant: sqlite3.Row, today: date, *, usage_name: str | None = None) -> dict[Key, Amounts]:
    """What every customer at or below the tenant uses today, added up per item; of one usage name only, if it is given."""
    names = [name for name, item in ITEMS.items() if item.is_metered and usage_name in (None, item.usage_name)]
    rows = current.db().execute(
        "SELECT t.id, t.customer_id, t.created_at, o.name, o.infra_id, o.enabled_at,"  # noqa: S608
        " r.value AS reported FROM tenants t JOIN offering_items o ON o.tenant_id = t.id LEFT JOIN reported_usages r"
        " ON r.tenant_id = o.tenant_id AND r.name = o.name AND r.infra_id = o.infra_id"
        " WHERE t.path >= ? AND t.path < ? AND t.kind = 'customer' AND t.deleted_at IS NULL AND o.status = 1"
        f" AND o.name IN ({','.join('?' * len(names))})",
        (*tree.below(tenant), *names),
    )
    sums: dict[Key, Amounts] = {}
    for row in rows:
        value, absolute = _amounts_of(row, today)
        before = sums.get((row["name"], row["infra_id"]), (0, 0))
        sums[row["name"], row["infra_id"]] = before[0] + value, before[1] + absolute
    return sums


def _amounts_of(row: sqlite3.Row, today: date) -> Amounts:
    if row["reported"] is not None:
        return row["reported"], row["reported"]
    seed, usage_name = row["customer_id"] or row["id"], ITEMS[row["name"]].usage_name
    return _metered(seed, row["created_at"], row["enabled_at"], usage_name, today)


@lru_cache(maxsize=200_000)
def _metered(seed: str, created_at: str, enabled_at: str | None, usage_name: str, today: date) -> Amounts:
    """The invented amounts are a pure function, and a partner's usage asks for those of ten thousand customers again and again."""
    life = metering.new_life(seed, created_at=created_at, enabled_at=enabled_at)
    return metering.level_on(life, usage_name, today), metering.total_until(life, usage_name, today)


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


# Reporting


@routes.put("/tenants/usages")
@auth.token_only
def report_usages() -> Response:
    """
    200, also when some items failed: those carry an `error`.

    For callers of the root tenant, and for API clients that were made with an `origin_id`: the consents a vendor's partner has
    to be given are taken as granted. Everybody else gets 403/1002.
    """
    items = listing(required(json_body(), "items"), "items")
    if not _may_report():
        raise forbidden("Only usage reporters may report usages.")
    return answer({"items": [_reported(mapping(one, "items")) for one in items]})


def _may_report() -> bool:
    caller = current.caller()
    client = auth.client_by_id(caller.id) if caller.is_client else None
    return tree.row_of(caller.tenant_id)["kind"] == "root" or bool(client is not None and client["origin_id"])


def _reported(sent: Mapping[str, Any]) -> dict[str, Any]:
    """One item as it was sent, with the refusal it met."""
    names = ("tenant_id", "resource_id", "usage_type", "offering_item", "infra_id")
    echo = {name: sent[name] for name in names if isinstance(sent.get(name), str)}
    try:
        _keep_report(sent)
    except Refusal as refusal:
        return {**echo, "error": refusal.envelope()}
    return echo


def _keep_report(sent: Mapping[str, Any]) -> None:
    """:raises Refusal: 404 and 403 for the tenant, 1021 for an item it does not have, 1022 above a hard quota."""
    tenant = tree.find_tenant(str(sent.get("tenant_id") or sent.get("resource_id")))
    value = integer(required(sent, "usage_value"), "usage_value")
    if value < 0:
        raise bad_request("usage_value must not be negative.")
    key, holding = _reported_item(tenant, sent)
    most = holding.quota.most
    if most is not None and value > most:
        raise Refusal(400, "The hard quota is exceeded.", code=QUOTA_EXCEEDED, context={"quota": most, "value": value})
    current.db().execute(
        "INSERT OR REPLACE INTO reported_usages VALUES (?, ?, ?, ?, ?)", (tenant["id"], *key, value, stamp(current.now()))
    )


def _reported_item(tenant: sqlite3.Row, sent: Mapping[str, Any]) -> tuple[Key, Holding]:
    """The enabled item named by `offering_item`, or the one that counts `usage_type`."""
    for (name, infra_id), holding in offering_items.holdings(tenant["id"]).items():
        named = name == sent["offering_item"] if sent.get("offering_item") else ITEMS[name].usage_name == sent.get("usage_type")
        if named and holding.status and ITEMS[name].is_metered and sent.get("infra_id") in (None, "", infra_id):
            return (name, infra_id), holding
    raise Refusal(400, "Offering item is not available.", code=ITEM_UNAVAILABLE)
