"""Tenants: the tree, its rules, single and batch reads, search."""

import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, request

from sandbox import current, offering_items, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.contacts import merged_contact, search_text
from sandbox.errors import (
    MOVE_ITEMS_UNAVAILABLE,
    MOVE_UNDER_DISABLED,
    MOVE_UNDER_OWN_CHILD,
    MOVE_WITHIN_CUSTOMER,
    PARENT_DISABLED,
    TENANT_NOT_DISABLED,
    TENANT_NOT_FOUND,
    Refusal,
    bad_request,
    broken_rule,
    stale_version,
)
from sandbox.incoming import (
    boolean,
    integer,
    json_body,
    mapping,
    one_of,
    query,
    query_limit,
    query_moment,
    query_uuids,
    query_version,
    required,
    text,
    uuid,
    wants,
)
from sandbox.paging import cursor_of, opened_cursor, page_of
from sandbox.storage import update

routes = Blueprint("tenants", __name__)

PARENTS_OF = {
    "partner": ("root", "partner", "folder"),
    "folder": ("partner", "folder"),
    "customer": ("partner", "folder"),
    "unit": ("customer", "unit"),
}
CUSTOMER_TYPES = ("default", "enterprise", "consumer", "small_office", "ti_unified")
BATCH_LIMIT = 5000
SHORTEST_SEARCH = 3
SEARCH_LIMIT, SEARCH_LIMIT_MOST = 10, 300
DETAILS_LEVELS = ("stamps", "basic", "full", "full_without_contacts")


# As JSON


def tenant_object(row: sqlite3.Row) -> dict[str, Any]:
    has_children = current.db().execute(
        "SELECT 1 FROM tenants WHERE parent_id = ? AND id <> parent_id AND deleted_at IS NULL AND owner_id IS NULL",
        (row["id"],),
    )
    return {
        **_basic_object(row),
        "customer_id": row["customer_id"],
        "internal_tag": row["internal_tag"],
        "owner_id": row["owner_id"],
        "has_children": has_children.fetchone() is not None,
        "pricing_mode": tree.pricing_mode(row, current.now()),
        "production_start_date": row["production_from"],
        "contacts": [],
        **tree.details_of(row),
    }


def _basic_object(row: sqlite3.Row) -> dict[str, Any]:
    return {**_stamps_object(row), "name": row["name"], "kind": row["kind"], "enabled": bool(row["enabled"])}


def _stamps_object(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "parent_id", "version", "created_at", "updated_at", "deleted_at")}


def _batch_object(row: sqlite3.Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a batch at the level of detail that was asked for."""
    of_level = {"stamps": _stamps_object, "basic": _basic_object}.get(asked["lod"], tenant_object)
    found = of_level(row)
    items = offering_items.item_objects(row, status=1) if asked["with_items"] else []
    found |= {"contacts": [], "offering_items": items}
    if of_level is tenant_object:
        found["barrier"] = 0
        if asked["with_contacts"] and found["contact"]["email"]:
            found["contacts"] = [{**found["contact"], "tenant_id": row["id"], "user_id": None, "deleted_at": None}]
    return found


# Creating


@routes.post("/tenants")
def create_tenant() -> Response:
    """201; 400/1003 under a disabled parent, 400/1027 where the kind does not fit, 409/1004 for a name in use."""
    body, at, db = json_body(), current.now(), current.db()
    name = text(required(body, "name"), "name", required=True, longest=255)
    kind = one_of(required(body, "kind"), "kind", tuple(PARENTS_OF))
    parent = _parent_for_new(uuid(required(body, "parent_id"), "parent_id"), kind)
    tree.refuse_taken_name(name)
    details = tree.new_details(at=at)
    _change_details(details, body, at=at)
    tenant_id, is_trial = str(uuid4()), kind == "customer"
    tree.insert_tenant(
        db,
        at=at,
        details=details,
        id=tenant_id,
        parent_id=parent["id"],
        path=f"{parent['path']}{tenant_id}/",
        level=parent["level"] + 1,
        kind=kind,
        name=name,
        enabled=boolean(body.get("enabled", True), "enabled"),
        customer_id=_optional_text(body, "customer_id"),
        internal_tag=_optional_text(body, "internal_tag", longest=256),
        pricing_mode="trial" if is_trial else tree.pricing_mode(parent, at),
        production_from=stamp(tree.end_of_trial(at)) if is_trial else None,
    )
    return answer(tenant_object(tree.row_of(tenant_id)), 201)


def _parent_for_new(parent_id: str, kind: str) -> sqlite3.Row:
    try:
        parent = tree.find_tenant(parent_id)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        raise Refusal(404, "Tenant is not found.", code=TENANT_NOT_FOUND, context={"id": parent_id}) from None
    if parent["kind"] not in PARENTS_OF[kind] or parent["owner_id"]:
        raise broken_rule(f"A {kind} cannot be created under a {parent['kind']}.")
    if not tree.is_reachable(parent):
        raise Refusal(400, "The parent tenant is disabled.", code=PARENT_DISABLED, context={"id": parent_id})
    return parent


def _optional_text(body: Mapping[str, Any], name: str, *, longest: int = 255) -> str | None:
    return None if body.get(name) is None else text(body[name], name, longest=longest)


def _change_details(details: dict[str, Any], body: Mapping[str, Any], *, at: datetime) -> None:
    """Take over the fields kept in `details`, for creating and for updating alike."""
    if body.get("contact") is not None:
        details["contact"] = merged_contact(details["contact"], mapping(body["contact"], "contact"), at=at)
    if body.get("language"):
        details["language"] = text(body["language"], "language", required=True, longest=10)
    if body.get("default_idp_id"):
        details["default_idp_id"] = uuid(body["default_idp_id"], "default_idp_id")
    if body.get("customer_type"):
        details["customer_type"] = one_of(body["customer_type"], "customer_type", CUSTOMER_TYPES)
    if body.get("ancestral_access") is not None:
        details["ancestral_access"] = boolean(body["ancestral_access"], "ancestral_access")
    if body.get("update_lock") is not None:
        locked = boolean(mapping(body["update_lock"], "update_lock").get("enabled"), "update_lock.enabled")
        owner_id = current.caller().tenant_id if locked else None
        details["update_lock"] = {"enabled": locked, "owner_id": owner_id}


# Reading one


@routes.get("/tenants/<tenant_id>")
def get_tenant(tenant_id: str) -> Response:
    row = tree.find_tenant(tenant_id, allow_deleted=wants("allow_deleted"))
    found = tenant_object(row)
    if wants("embed_path"):
        ids = row["path"].strip("/").split("/")[:-1]
        found["path"] = list(reversed(ids[ids.index(current.caller().tenant_id) :])) if _is_below(row) else []
    return answer(found)


def _is_below(row: sqlite3.Row) -> bool:
    return bool(row["id"] != current.caller().tenant_id)


@routes.get("/tenants/<tenant_id>/children")
def get_children(tenant_id: str) -> Response:
    tree.find_open_tenant(tenant_id)
    deleted = "" if wants("allow_deleted") else " AND deleted_at IS NULL"
    order = request.args.get("order", "name")
    column = {"name": "name_key", "status": "enabled, name_key", "as_is": "number"}.get(order.lstrip("-"))
    if column is None:
        raise bad_request("order must be name, status or as_is.")
    rows = current.db().execute(
        "SELECT * FROM tenants WHERE parent_id = ? AND id <> parent_id AND owner_id IS NULL"  # noqa: S608
        f"{deleted} ORDER BY {column} {'DESC' if order.startswith('-') else 'ASC'}",
        (tenant_id,),
    )
    if wants("include_details"):
        return answer({"items": [tenant_object(row) for row in rows]})
    return answer({"items": [row["id"] for row in rows]})


# Changing


@routes.put("/tenants/<tenant_id>")
def change_tenant(tenant_id: str) -> Response:
    """200; only the fields that were sent change. 409/1001 for a stale version, 403/1012 under another tenant's lock."""
    body, at, row = json_body(), current.now(), tree.find_tenant(tenant_id)
    _check_version(row, integer(required(body, "version"), "version"))
    tree.refuse_locked(row)
    details = tree.details_of(row)
    _change_details(details, body, at=at)
    columns: dict[str, Any] = {}
    if "name" in body:
        columns["name"] = text(body["name"], "name", required=True, longest=255)
        columns["name_key"] = columns["name"].casefold()
        tree.refuse_taken_name(columns["name"], but=tenant_id)
    for name, longest in (("customer_id", 255), ("internal_tag", 256)):
        if name in body:
            columns[name] = _optional_text(body, name, longest=longest)
    if body.get("enabled") is not None:
        columns["enabled"] = boolean(body["enabled"], "enabled")
    if body.get("kind") not in (None, row["kind"]):
        columns["kind"] = _changed_kind(row, body["kind"])
    if body.get("parent_id") not in (None, row["parent_id"]):
        _move(row, uuid(body["parent_id"], "parent_id"))
    customer_id = columns.get("customer_id", row["customer_id"])
    update(
        current.db(),
        "tenants",
        tenant_id,
        **columns,
        version=row["version"] + 1,
        updated_at=stamp(at),
        details=json.dumps(details),
        search_text=search_text(columns.get("name", row["name"]), customer_id, details["contact"]),
    )
    return answer(tenant_object(tree.row_of(tenant_id)))


def _check_version(row: sqlite3.Row, sent: int) -> None:
    if sent != row["version"]:
        raise stale_version(sent=sent, current=row["version"])


def _changed_kind(row: sqlite3.Row, kind: Any) -> str:
    if {row["kind"], kind} != {"partner", "folder"}:
        raise broken_rule("Only a partner can become a folder and a folder a partner.")
    return str(kind)


def _move(row: sqlite3.Row, parent_id: str) -> None:
    """Put the tenant, with all below it, under another parent that offers everything it has."""
    db, target = current.db(), tree.find_tenant(parent_id)
    if row["id"] in target["path"].split("/"):
        raise Refusal(400, "A tenant cannot be moved under its own child.", code=MOVE_UNDER_OWN_CHILD)
    if row["kind"] == "unit" or target["kind"] not in PARENTS_OF[row["kind"]]:
        raise Refusal(400, "A tenant can only be moved under a partner or folder.", code=MOVE_WITHIN_CUSTOMER)
    if not tree.is_reachable(target):
        raise Refusal(400, "The target tenant is disabled.", code=MOVE_UNDER_DISABLED)
    missing = offering_items.enabled_keys(row["id"]) - offering_items.enabled_keys(parent_id)
    if missing:
        raise Refusal(
            400,
            "Offering items are not available at the target.",
            code=MOVE_ITEMS_UNAVAILABLE,
            context={"offering_items": sorted({name for name, _ in missing})},
        )
    new_path = f"{target['path']}{row['id']}/"
    db.execute(
        "UPDATE tenants SET path = ? || substr(path, ?), level = level + ? WHERE substr(path, 1, ?) = ?",
        (
            new_path,
            len(row["path"]) + 1,
            target["level"] + 1 - row["level"],
            len(row["path"]),
            row["path"],
        ),
    )
    update(db, "tenants", row["id"], parent_id=parent_id)


@routes.delete("/tenants/<tenant_id>")
def delete_tenant(tenant_id: str) -> Response:
    """204; the tenant with everything below is marked deleted. 400/1006 while it is enabled."""
    row, db, at = tree.find_tenant(tenant_id), current.db(), stamp(current.now())
    tree.refuse_locked(row)
    if row["enabled"]:
        number = str(row["number"])
        sentence = "It is prohibited to delete a non-disabled tenant."
        raise Refusal(
            400,
            sentence,
            code=TENANT_NOT_DISABLED,
            info=f"{sentence} {number}",
            addition=[{"id": number}],
            context={"id": number},
        )
    _check_version(row, query_version())
    below = (len(row["path"]), row["path"])
    db.execute(
        "UPDATE users SET deleted_at = ?, updated_at = ? WHERE deleted_at IS NULL AND tenant_id IN"
        " (SELECT id FROM tenants WHERE substr(path, 1, ?) = ?)",
        (at, at, *below),
    )
    db.execute(
        "UPDATE tenants SET deleted_at = ?, updated_at = ?, version = version + 1"
        " WHERE deleted_at IS NULL AND substr(path, 1, ?) = ?",
        (at, at, *below),
    )
    return nothing()


# Batch


@routes.get("/tenants")
def get_tenants() -> Response:
    """A page of tenants by ids, parent or subtree; the cursor repeats every filter, so it is sent alone."""
    asked = opened_cursor("tenants") if request.args.get("after") else _asked_batch()
    where, values = _batch_condition(asked)
    rows = current.db().execute(
        f"SELECT * FROM tenants WHERE {where} AND (level, number) > (?, ?) ORDER BY level, number LIMIT ?",  # noqa: S608
        (*values, *asked["from"], asked["limit"] + 1),
    )
    page, more = page_of(rows.fetchall(), asked["limit"])
    found: dict[str, Any] = {"timestamp": stamp(current.now()), "items": [_batch_object(row, asked) for row in page]}
    if more:
        found["paging"] = cursor_of("tenants", {**asked, "from": [page[-1]["level"], page[-1]["number"]]})
    return answer(found)


def _asked_batch() -> dict[str, Any]:
    selectors = [name for name in ("uuids", "parent_id", "subtree_root_id") if request.args.get(name)]
    if len(selectors) != 1:
        raise bad_request("Exactly one of uuids, parent_id, subtree_root_id and after is required.")
    by = selectors[0]
    return {
        "by": by,
        "ids": query_uuids("uuids") if by == "uuids" else [uuid(query(by), by)],
        "updated_since": query_moment("updated_since"),
        "limit": query_limit(default=BATCH_LIMIT, most=BATCH_LIMIT),
        "lod": one_of(request.args.get("lod", "full"), "lod", DETAILS_LEVELS),
        "allow_deleted": wants("allow_deleted"),
        "with_contacts": wants("with_contacts"),
        "with_items": wants("with_offering_items") or wants("expand_offering_items"),
        "from": [-1, -1],
    }


def _batch_condition(asked: Mapping[str, Any]) -> tuple[str, list[Any]]:
    where, values = _selected(asked)
    if not asked["allow_deleted"]:
        where += " AND deleted_at IS NULL"
    if asked["updated_since"]:
        where += " AND updated_at >= ?"
        values.append(asked["updated_since"])
    return where, values


def _selected(asked: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The selector as SQL, after checking that the caller may see what it names."""
    if asked["by"] == "uuids":
        marks = ",".join("?" * len(asked["ids"]))
        return f"id IN ({marks}) AND instr(path, ?) > 0", [*asked["ids"], f"/{current.caller().tenant_id}/"]
    root = tree.find_open_tenant(asked["ids"][0], allow_deleted=asked["allow_deleted"])
    if asked["by"] == "parent_id":
        return "parent_id = ? AND id <> parent_id", [root["id"]]
    return "path >= ? AND path < ?", [root["path"], f"{root['path']}~"]


# Search


@routes.get("/search")
def search() -> Response:
    """Tenants and users below a tenant that have, for each word of the text, a word beginning with it."""
    root = tree.find_open_tenant(query("tenant"))
    words = query("text").casefold().split()
    if len(query("text").strip()) < SHORTEST_SEARCH:
        raise bad_request(f"text must have at least {SHORTEST_SEARCH} characters.")
    limit = query_limit(default=SEARCH_LIMIT, most=SEARCH_LIMIT_MOST)
    found: list[dict[str, Any]] = []
    for row in _search_rows(root, words):
        if all(re.search(rf"(?:^|[^\w]){re.escape(word)}", row["search_text"], re.MULTILINE) for word in words):
            found.append(_hit(root, row))
        if len(found) == limit:
            break
    return answer({"items": found})


def _search_rows(root: sqlite3.Row, words: list[str]) -> sqlite3.Cursor:
    """Candidates that contain every word somewhere: tenants first, then users, oldest first."""
    contains = " AND instr(x.search_text, ?) > 0" * len(words)
    alive = "" if wants("allow_deleted") else " AND x.deleted_at IS NULL"
    inside = f"t.path >= ? AND t.path < ?{contains}{alive}"
    values = [root["path"], f"{root['path']}~", *words]
    return current.db().execute(
        "SELECT 'tenant' AS obj_type, x.id, x.parent_id, t.path, x.kind, x.name AS title, x.details, x.search_text,"  # noqa: S608
        f" x.deleted_at, x.number FROM tenants x JOIN tenants t ON t.id = x.id WHERE x.owner_id IS NULL AND {inside}"
        " UNION ALL "
        "SELECT 'user', x.id, x.tenant_id, t.path, t.kind, x.login, x.details, x.search_text, x.deleted_at, x.number"
        f" FROM users x JOIN tenants t ON t.id = x.tenant_id WHERE {inside} ORDER BY 1, 10",
        [*values, *values],
    )


def _hit(root: sqlite3.Row, row: sqlite3.Row) -> dict[str, Any]:
    hit = {"obj_type": row["obj_type"], "id": row["id"], "parent_id": row["parent_id"], "kind": row["kind"]}
    hit["path"] = _names_between(root, row["path"])
    hit["deleted_at"] = row["deleted_at"]
    if row["obj_type"] == "tenant":
        return hit | {"name": row["title"]}
    contact = json.loads(row["details"])["contact"]
    return hit | {"login": row["title"], "first_name": contact["firstname"], "last_name": contact["lastname"]}


def _names_between(root: sqlite3.Row, path: str) -> list[str]:
    ids = path.strip("/").split("/")
    return [tree.row_of(tenant_id)["name"] for tenant_id in ids[ids.index(root["id"]) :]]
