"""Storages (`infra` of the vendor) and locations: the vendor's own, and those partners register."""

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response

from sandbox import auth, current, definitions, offering_items, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.definitions import ITEMS, LOCATIONS, PROVIDER_TENANT, STORAGES, Item
from sandbox.errors import (
    LOCATION_CONFLICT,
    STORAGE_CONFLICT,
    STORAGE_DEPROVISIONING,
    STORAGE_IN_USE,
    Refusal,
    bad_request,
    broken_rule,
    forbidden,
    not_found,
    stale_version,
)
from sandbox.incoming import integer, json_body, listing, one_of, query_uuids, query_version, required, text, uuid, wants
from sandbox.storage import insert, update

routes = Blueprint("infra", __name__)

CAPABILITIES = ("backup", "disaster_recovery", "files_cloud", "vcd")
LINK = re.compile(r"[a-z0-9+]+://[^\s/$.?#]\S*")
OWNER_KINDS = ("root", "partner", "folder", "customer")


def seed_storages(db: sqlite3.Connection) -> None:
    """Put the vendor's own locations and storages into a new file; does nothing the second time."""
    for location in LOCATIONS.values():
        db.execute(
            "INSERT OR IGNORE INTO locations (id, owner_tenant_id, platform_owned, name, version) VALUES (?, ?, 1, ?, 1)",
            (location.id, PROVIDER_TENANT, location.name),
        )
    for one in STORAGES.values():
        db.execute(
            "INSERT OR IGNORE INTO infra (id, owner_tenant_id, location_id, platform_owned, name, url, capabilities, backend_type,"
            " version) VALUES (?, ?, ?, 1, ?, ?, ?, ?, 1)",
            (one.id, PROVIDER_TENANT, one.location_id, one.name, one.url, json.dumps([one.capability]), one.backend_type),
        )


def fits(item: Item, infra_id: str) -> bool:
    """Does the item exist with this storage? One that needs no storage exists with the empty id only."""
    if item.capability is None or not infra_id:
        return item.capability is None and not infra_id
    row = current.db().execute("SELECT capabilities FROM infra WHERE id = ? AND deleted_at IS NULL", (infra_id,)).fetchone()
    return row is not None and item.capability in json.loads(row["capabilities"])


# Locations


def _location_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "owner_tenant_id": row["owner_tenant_id"],
        "platform_owned": bool(row["platform_owned"]),
        "name": row["name"],
        "version": row["version"],
        "readonly": bool(row["platform_owned"]),
    }


def _location(location_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = _live("locations", location_id)
    if row is None:
        raise not_found()
    return row


def _live(table: str, row_id: str) -> sqlite3.Row | None:
    """The row of a table named here, unless it was deleted."""
    row: sqlite3.Row | None = (
        current.db().execute(f"SELECT * FROM {table} WHERE id = ? AND deleted_at IS NULL", (row_id,)).fetchone()  # noqa: S608
    )
    return row


def _refuse_foreign(row: sqlite3.Row) -> None:
    """Only the owner's own storages and locations may be changed, not the vendor's."""
    if row["platform_owned"]:
        raise forbidden("It belongs to the platform.")
    tree.find_tenant(row["owner_tenant_id"])


@routes.get("/locations")
@auth.token_only
def get_locations() -> Response:
    """`uuids` is required; locations that do not exist are left out."""
    rows = (_live("locations", one) for one in query_uuids("uuids"))
    return answer({"items": [_location_object(row) for row in rows if row is not None]})


@routes.get("/locations/<location_id>")
@auth.token_only
def get_location(location_id: str) -> Response:
    return answer(_location_object(_location(location_id)))


@routes.post("/locations")
@auth.token_only
def create_location() -> Response:
    """201; 409/1031 for a name the owner uses already."""
    body = json_body()
    owner_id, name = uuid(required(body, "owner_tenant_id"), "owner_tenant_id"), _name(required(body, "name"))
    owner = _owner(owner_id)
    _refuse_taken("locations", owner["id"], name, code=LOCATION_CONFLICT)
    location_id = str(uuid4())
    columns = {"id": location_id, "owner_tenant_id": owner["id"], "platform_owned": 0, "name": name, "version": 1}
    insert(current.db(), "locations", columns)
    return answer(_location_object(_location(location_id)), 201)


def _name(value: Any) -> str:
    return text(value, "name", required=True, longest=255)


def _owner(tenant_id: str) -> sqlite3.Row:
    owner = tree.find_tenant(tenant_id)
    if owner["kind"] not in OWNER_KINDS:
        raise broken_rule(f"A {owner['kind']} cannot own storages.")
    return owner


def _refuse_taken(table: str, owner_id: str, name: str, *, code: int, but: str = "") -> None:
    taken = current.db().execute(
        f"SELECT 1 FROM {table} WHERE owner_tenant_id = ? AND name = ? AND id <> ? AND deleted_at IS NULL",  # noqa: S608
        (owner_id, name, but),
    )
    if taken.fetchone():
        raise Refusal(409, "The name is in use.", code=code, context={"name": name})


@routes.put("/locations/<location_id>")
@auth.token_only
def change_location(location_id: str) -> Response:
    """200; 409/1001 for a stale version, 409/1031 for a name in use, 403 for the vendor's own."""
    body, row = json_body(), _location(location_id)
    version, name = integer(required(body, "version"), "version"), _name(required(body, "name"))
    _refuse_foreign(row)
    _check_version(row, version)
    _refuse_taken("locations", row["owner_tenant_id"], name, code=LOCATION_CONFLICT, but=location_id)
    update(current.db(), "locations", location_id, name=name, version=row["version"] + 1)
    return answer(_location_object(_location(location_id)))


def _check_version(row: sqlite3.Row, sent: int) -> None:
    if sent != row["version"]:
        raise stale_version(sent=sent, current=row["version"])


@routes.delete("/locations/<location_id>")
@auth.token_only
def delete_location(location_id: str) -> Response:
    """204; 409/1031 while storages lie there."""
    row = _location(location_id)
    _refuse_foreign(row)
    _check_version(row, query_version())
    if _storage_ids_at(location_id):
        raise Refusal(409, "Storages lie in this location.", code=LOCATION_CONFLICT, context={"id": location_id})
    update(current.db(), "locations", location_id, deleted_at=stamp(current.now()))
    return nothing()


def _storage_ids_at(location_id: str) -> list[str]:
    rows = current.db().execute("SELECT id FROM infra WHERE location_id = ? AND deleted_at IS NULL ORDER BY number", (location_id,))
    return [row["id"] for row in rows]


@routes.get("/locations/<location_id>/infra")
@routes.get("/location/<location_id>/infra", endpoint="misspelt_location")
@auth.token_only
def get_storages_of_location(location_id: str) -> Response:
    """Also under `/location/`, as the vendor's guide spells it."""
    return answer({"infras": _storage_ids_at(_location(location_id)["id"])})


@routes.get("/tenants/<tenant_id>/locations")
def get_locations_of_tenant(tenant_id: str) -> Response:
    """Locations of the storages the tenant has or may have, and those it owns."""
    tenant = tree.find_tenant(tenant_id)
    storages = offering_items.storages_of(tenant)
    rows = current.db().execute(
        "SELECT id FROM locations WHERE deleted_at IS NULL AND (owner_tenant_id = ? AND NOT platform_owned OR id IN"  # noqa: S608
        f" (SELECT location_id FROM infra WHERE id IN ({','.join('?' * len(storages))}))) ORDER BY number",
        (tenant_id, *storages),
    )
    return answer({"locations": [row["id"] for row in rows]})


# Storages


def _storage_object(row: sqlite3.Row) -> dict[str, Any]:
    found = {name: row[name] for name in ("id", "owner_tenant_id", "location_id", "name", "url", "backend_type", "version")}
    found |= {"platform_owned": bool(row["platform_owned"]), "readonly": bool(row["platform_owned"])}
    found["capabilities"] = json.loads(row["capabilities"])
    return found | {name: row[name] for name in ("content_url", "content_mobile_url") if row[name]}


def _storage(infra_id: str) -> sqlite3.Row:
    row = _live("infra", infra_id)
    if row is None:
        raise not_found()
    return row


@routes.get("/infra")
@auth.token_only
def get_storages() -> Response:
    """`uuids` is required; storages that do not exist are left out."""
    rows = (_live("infra", one) for one in query_uuids("uuids"))
    return answer({"items": [_storage_object(row) for row in rows if row is not None]})


@routes.get("/infra/<infra_id>")
@auth.token_only
def get_storage(infra_id: str) -> Response:
    return answer(_storage_object(_storage(infra_id)))


@routes.get("/tenants/<tenant_id>/infra")
def get_storages_of_tenant(tenant_id: str) -> Response:
    return answer({"infras": offering_items.storages_of(tree.find_tenant(tenant_id))})


@routes.post("/infra")
@auth.token_only
def register_storage() -> Response:
    """
    201; the owner has the storage at once, for every item it has with another storage of the type.

    409/1015 for a name or address in use. Without `location_id` it lies where the vendor's first location is.
    """
    body = json_body()
    owner = _owner(uuid(required(body, "owner_tenant_id"), "owner_tenant_id"))
    for name in ("name", "url", "capabilities"):
        required(body, name)
    infra_id = str(uuid4())
    columns = {"backend_type": None, "location_id": definitions.FRANKFURT.id, **_columns(body)}
    _refuse_conflict(owner["id"], columns, but=infra_id)
    fixed = {"id": infra_id, "owner_tenant_id": owner["id"], "platform_owned": 0, "version": 1}
    insert(current.db(), "infra", {**columns, **fixed})
    _offer_to_owner(owner["id"], infra_id, json.loads(columns["capabilities"]))
    return answer(_storage_object(_storage(infra_id)), 201)


def _columns(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were sent, checked."""
    found: dict[str, Any] = {}
    if body.get("name") is not None:
        found["name"] = _name(body["name"])
    for name in ("url", "content_url", "content_mobile_url"):
        if body.get(name) is not None:
            found[name] = _link(body[name], name)
    if body.get("location_id") is not None:
        found["location_id"] = _location(uuid(body["location_id"], "location_id"))["id"]
    if body.get("capabilities") is not None:
        sent = [one_of(word, "capabilities", CAPABILITIES) for word in listing(body["capabilities"], "capabilities")]
        found["capabilities"] = json.dumps(list(dict.fromkeys(sent)))
    if body.get("backend_type") is not None:
        found["backend_type"] = text(body["backend_type"], "backend_type")
    return found


def _link(value: Any, name: str) -> str:
    link = text(value, name)
    if not LINK.fullmatch(link):
        raise bad_request(f"{name} must be an address like acronis+fes://host:44445.")
    return link


def _refuse_conflict(owner_id: str, columns: Mapping[str, Any], *, but: str) -> None:
    if "name" in columns:
        _refuse_taken("infra", owner_id, columns["name"], code=STORAGE_CONFLICT, but=but)
    taken = current.db().execute("SELECT 1 FROM infra WHERE url = ? AND id <> ? AND deleted_at IS NULL", (columns.get("url"), but))
    if taken.fetchone():
        raise Refusal(409, "The address is in use.", code=STORAGE_CONFLICT, context={"url": columns["url"]})


def _offer_to_owner(owner_id: str, infra_id: str, capabilities: list[str]) -> None:
    at = stamp(current.now())
    for name in sorted({name for name, _ in offering_items.enabled_keys(owner_id) if ITEMS[name].capability in capabilities}):
        current.db().execute(
            "INSERT OR IGNORE INTO offering_items (tenant_id, name, infra_id, status, quota_version, enabled_at, updated_at)"
            " VALUES (?, ?, ?, 1, 0, ?, ?)",
            (owner_id, name, infra_id, at, at),
        )


@routes.put("/infra/<infra_id>")
@auth.token_only
def change_storage(infra_id: str) -> Response:
    """200; only what was sent changes. 409/1001 for a stale version, 409/1015 for a conflict, 403 for the vendor's own."""
    body, row = json_body(), _storage(infra_id)
    version = integer(required(body, "version"), "version")
    _refuse_foreign(row)
    _check_version(row, version)
    columns = _columns(body)
    _refuse_conflict(row["owner_tenant_id"], columns, but=infra_id)
    update(current.db(), "infra", infra_id, **columns, version=row["version"] + 1)
    return answer(_storage_object(_storage(infra_id)))


@routes.delete("/infra/<infra_id>")
@auth.token_only
def unregister_storage(infra_id: str) -> Response:
    """
    204; 409/1009 while a tenant other than the owner has it, 409/1029 while a deleted one still does.

    `force` takes it from all of them.
    """
    row = _storage(infra_id)
    _refuse_foreign(row)
    _check_version(row, query_version())
    if not wants("force"):
        _refuse_used(row)
    db, at = current.db(), stamp(current.now())
    db.execute(
        "UPDATE offering_items SET status = 0, quota_value = NULL, quota_overage = NULL, quota_version = 0, disabled_at = ?,"
        " updated_at = ? WHERE infra_id = ? AND status = 1",
        (at, at, infra_id),
    )
    update(db, "infra", infra_id, deleted_at=at)
    return nothing()


def _refuse_used(row: sqlite3.Row) -> None:
    users = current.db().execute(
        "SELECT t.deleted_at FROM offering_items o JOIN tenants t ON t.id = o.tenant_id"
        " WHERE o.infra_id = ? AND o.status = 1 AND o.tenant_id <> ? ORDER BY t.deleted_at IS NOT NULL LIMIT 1",
        (row["id"], row["owner_tenant_id"]),
    )
    first = users.fetchone()
    if first is None:
        return
    if first["deleted_at"] is None:
        raise Refusal(409, "The storage is in use.", code=STORAGE_IN_USE, context={"id": row["id"]})
    raise Refusal(409, "The storage is being deprovisioned.", code=STORAGE_DEPROVISIONING, context={"id": row["id"]})
