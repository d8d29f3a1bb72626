"""The pricing mode of a tenant: trial or production, and the currency of its prices."""

import sqlite3
from typing import Any

from flask import Blueprint, Response

from sandbox import current, tree
from sandbox.answers import answer, stamp
from sandbox.errors import broken_rule, stale_version
from sandbox.incoming import integer, json_body, one_of, required
from sandbox.storage import milliseconds, update

routes = Blueprint("pricing", __name__)

CURRENCIES = ("AUD", "BRL", "CAD", "EUR", "CNY", "GBP", "JPY", "KZT", "NZD", "RUB", "USD", "ZAR")


@routes.get("/tenants/<tenant_id>/pricing")
def get_pricing(tenant_id: str) -> Response:
    return answer(_pricing_object(tree.find_tenant(tenant_id)))


@routes.put("/tenants/<tenant_id>/pricing")
def change_pricing(tenant_id: str) -> Response:
    """200; only from trial to production, never back (400/1027). 409/1001 for a stale version, 403/1012 under a lock."""
    body, at, row = json_body(), current.now(), tree.find_tenant(tenant_id)
    tree.refuse_change(row)
    sent = integer(required(body, "version"), "version")
    if sent != row["pricing_version"]:
        raise stale_version(sent=sent, current=row["pricing_version"])
    changes: dict[str, Any] = {"pricing_version": max(milliseconds(at), sent + 1), "updated_at": stamp(at)}
    present = tree.pricing_mode(row, at)
    wanted = one_of(body.get("mode") or present, "mode", ("trial", "production", "suspended"))
    if wanted != present:
        if (present, wanted) != ("trial", "production"):
            raise broken_rule(f"The pricing mode cannot change from {present} to {wanted}.")
        changes |= {"pricing_mode": "production", "production_from": stamp(at)}
    if "currency" in body:
        currency = body["currency"]
        changes["currency"] = None if currency is None else one_of(currency, "currency", CURRENCIES)
    update(current.db(), "tenants", tenant_id, **changes)
    return answer(_pricing_object(tree.row_of(tenant_id)))


def _pricing_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "mode": tree.pricing_mode(row, current.now()),
        "currency": row["currency"],
        "version": row["pricing_version"],
        "production_start_date": row["production_from"],
    }
