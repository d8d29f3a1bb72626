"""Settings an application keeps per tenant: own values, inherited values, locks."""

import json
import sqlite3
from typing import Any

from flask import Blueprint, Response

from sandbox import current, tree
from sandbox.answers import answer, nothing
from sandbox.catalogue import find_application
from sandbox.errors import forbidden, not_found
from sandbox.incoming import boolean, json_body

routes = Blueprint("app_settings", __name__)

PATH = "/applications/<application_id>/settings/tenants/<tenant_id>/<name>"


@routes.get(PATH)
def get_setting(application_id: str, tenant_id: str, name: str) -> Response:
    """Its own value, and the one that counts: one locked above, else its own, else the nearest inherited. 404 if none."""
    tenant = tree.find_tenant(tenant_id)
    found = _setting_object(tenant, find_application(application_id).id, name)
    if found["effective"] is None:
        raise not_found(f"The setting {name} was never set.")
    return answer(found)


@routes.put(PATH)
def change_setting(application_id: str, tenant_id: str, name: str) -> Response:
    """
    200 with `value` (any JSON), `lock` (tenants below cannot change it) and `exclusive` (tenants below do not inherit it).

    403/1002 where a tenant above has locked it.
    """
    body, tenant, application = json_body(), tree.find_tenant(tenant_id), find_application(application_id)
    tree.refuse_change(tenant)
    rows = _settings_on_path(tenant, application.id, name)
    if any(row["locked"] for row in rows if row["tenant_id"] != tenant_id):
        raise forbidden("A tenant above has locked this setting.")
    sent = {word: boolean(body.get(word) or False, word) for word in ("lock", "exclusive")}
    current.db().execute(
        "INSERT OR REPLACE INTO application_settings VALUES (?, ?, ?, ?, ?, ?)",
        (tenant_id, application.id, name, json.dumps(body.get("value")), sent["lock"], sent["exclusive"]),
    )
    return answer(_setting_object(tenant, application.id, name))


@routes.delete(PATH)
def delete_setting(application_id: str, tenant_id: str, name: str) -> Response:
    """204; 404 when the tenant has no value of its own."""
    tenant, application = tree.find_tenant(tenant_id), find_application(application_id)
    tree.refuse_change(tenant)
    gone = current.db().execute(
        "DELETE FROM application_settings WHERE tenant_id = ? AND application_id = ? AND name = ?",
        (tenant_id, application.id, name),
    )
    if not gone.rowcount:
        raise not_found()
    return nothing()


def _settings_on_path(tenant: sqlite3.Row, application_id: str, name: str) -> list[sqlite3.Row]:
    """What the tenant and its ancestors have set, from the top down."""
    ids = tenant["path"].strip("/").split("/")
    rows = current.db().execute(
        "SELECT s.*, t.level FROM application_settings s JOIN tenants t ON t.id = s.tenant_id"  # noqa: S608
        f" WHERE s.application_id = ? AND s.name = ? AND s.tenant_id IN ({','.join('?' * len(ids))}) ORDER BY t.level",
        (application_id, name, *ids),
    )
    return rows.fetchall()


def _setting_object(tenant: sqlite3.Row, application_id: str, name: str) -> dict[str, Any]:
    rows = _settings_on_path(tenant, application_id, name)
    own = next((row for row in rows if row["tenant_id"] == tenant["id"]), None)
    counting = _counting(rows, tenant["id"])
    return {"name": name, "own": None if own is None else _own_object(own), "effective": counting and _effective_object(counting)}


def _counting(rows: list[sqlite3.Row], tenant_id: str) -> sqlite3.Row | None:
    inherited = [row for row in rows if row["tenant_id"] == tenant_id or not row["exclusive"]]
    locked = (row for row in inherited if row["locked"])
    return next(locked, inherited[-1] if inherited else None)


def _own_object(row: sqlite3.Row) -> dict[str, Any]:
    return {"value": json.loads(row["value"]), "lock": bool(row["locked"]), "exclusive": bool(row["exclusive"])}


def _effective_object(row: sqlite3.Row) -> dict[str, Any]:
    owner = {"type": "tenant", "id": row["tenant_id"]}
    return {"owner": owner, "value": json.loads(row["value"]), "lock": bool(row["locked"])}
