"""Prices of offering items, as the provider sets them for its tenants."""

import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response

from sandbox import current, tree
from sandbox.answers import answer
from sandbox.definitions import ITEMS
from sandbox.errors import bad_request, stale_version
from sandbox.incoming import integer, json_body, listing, mapping, required
from sandbox.item_changes import item_key
from sandbox.offering_items import enabled_keys, in_order
from sandbox.storage import milliseconds

routes = Blueprint("item_prices", __name__)


@routes.get("/tenants/<tenant_id>/offering_items/pricing")
def get_prices(tenant_id: str) -> Response:
    return answer(_prices_object(tree.find_tenant(tenant_id)))


@routes.put("/tenants/<tenant_id>/offering_items/pricing")
def change_prices(tenant_id: str) -> Response:
    """Prices are decimal numbers as strings; 409/1001 for a stale version."""
    tenant = tree.find_tenant(tenant_id)
    tree.refuse_change(tenant)
    present = {(item["name"], item.get("infra_id", "")): item for item in _prices_object(tenant)["items"]}
    for entry in listing(required(json_body(), "items"), "items"):
        sent = mapping(entry, "items")
        key = item_key(sent)
        version = present[key]["version"] if key in present else 0
        if sent.get("version") is not None and integer(sent["version"], "version") != version:
            raise stale_version(sent=integer(sent["version"], "version"), current=version)
        current.db().execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant_id, name, infra_id)"
            " DO UPDATE SET price = excluded.price, version = excluded.version",
            (tenant_id, *key, _price(required(sent, "price")), max(milliseconds(current.now()), version + 1)),
        )
    return answer(_prices_object(tenant))


def _price(value: Any) -> str:
    try:
        price = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price < 0:
        raise bad_request('price must be a decimal number as a string, like "0.05".')
    return str(value)


def _prices_object(tenant: sqlite3.Row) -> dict[str, Any]:
    rows = current.db().execute("SELECT * FROM prices WHERE tenant_id = ?", (tenant["id"],))
    prices = {(row["name"], row["infra_id"]): row for row in rows}
    found = []
    for name, infra_id in sorted(enabled_keys(tenant["id"]), key=in_order):
        row = prices.get((name, infra_id))
        entry: dict[str, Any] = {"application_id": ITEMS[name].application_id, "name": name}
        entry |= {"price": row["price"] if row else "0", "version": row["version"] if row else 0}
        found.append(entry | ({"infra_id": infra_id} if infra_id else {}))
    return {"items": found}
