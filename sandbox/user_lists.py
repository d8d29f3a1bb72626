"""Many users at once, and the one who asks."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from sandbox import current, policies, tree, users
from sandbox.answers import answer, stamp
from sandbox.contacts import blank_contact
from sandbox.errors import bad_request
from sandbox.incoming import (
    one_of,
    query,
    query_identifiers,
    query_limit,
    query_moment,
    query_names,
    query_uuids,
    uuid,
    wants,
)
from sandbox.paging import cursor_of, opened_cursor, page_of

routes = Blueprint("user_lists", __name__)

BATCH_LIMIT = 2000
SELECTORS = ("uuids", "external_ids", "subtree_root_tenant_id", "origin_id")
ORDERS = {"name": "u.login_key", "login": "u.login_key", "as_is": "u.number", "status": "u.enabled, u.login_key"}
FOUND = "EXISTS (SELECT 1 FROM access_policies a"


@routes.get("/users/me")
def get_current_user() -> Response:
    """The signed-in user; for an API client a user of the client's name in its tenant."""
    caller = current.caller()
    tenant = tree.row_of(caller.tenant_id)
    found = _client_as_user() if caller.is_client else _signed_in_user(users.row_of(caller.id))
    return answer(
        {
            **found,
            "tenant_kind": tenant["kind"],
            "tenant_pricing_model": tree.pricing_mode(tenant, current.now()),
            "brand_id": tree.details_of(tenant)["brand_uuid"],
            "login_totp_time": None,
            "session_mfa_status": "passed_or_not_required",
        }
    )


def _signed_in_user(row: sqlite3.Row) -> dict[str, Any]:
    found = {**users.full_object(row), "access_policies": policies.policies_of(row["id"])}
    found["terms_accepted"] = bool(row["activated"])
    return {name: value for name, value in found.items() if value is not None or name != "external_id"}


def _client_as_user() -> dict[str, Any]:
    """Old integrations ask who they are and read `tenant_id`."""
    caller, at = current.caller(), stamp(current.now())
    return {
        "id": caller.id,
        "version": 1,
        "tenant_id": caller.tenant_id,
        "login": caller.id,
        "contact": blank_contact(at=current.now()),
        "activated": True,
        "enabled": True,
        "created_at": at,
        "updated_at": at,
        "deleted_at": None,
        "language": "en",
        "business_types": [],
        "notifications": [],
        "personal_tenant_id": None,
        "origin_id": None,
        "origin_external_id": None,
        "disable_after": None,
        "terms_accepted": True,
        "access_policies": [],
    }


@routes.get("/tenants/<tenant_id>/users")
def get_users_of_tenant(tenant_id: str) -> Response:
    """Ids; `include_hidden` changes nothing, as no user here is hidden."""
    tenant = tree.find_open_tenant(tenant_id)
    wants("include_hidden")
    deleted = "" if wants("allow_deleted") else " AND u.deleted_at IS NULL"
    where, values = "t.id = ?", [tenant_id]
    if wants("include_grand_children"):
        where, values = "t.path >= ? AND t.path < ?", [tenant["path"], f"{tenant['path']}~"]
    order = request.args.get("order", "name")
    column = ORDERS[one_of(order.lstrip("-"), "order", tuple(ORDERS))]
    rows = current.db().execute(
        f"SELECT u.id FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE {where}{deleted}"  # noqa: S608
        f" ORDER BY {column} {'DESC' if order.startswith('-') else 'ASC'}",
        values,
    )
    return answer({"items": [row["id"] for row in rows]})


# Batch


@routes.get("/users")
def get_users() -> Response:
    """A page of users by ids, external ids, origin or subtree; the cursor repeats every filter."""
    asked = opened_cursor("users") if request.args.get("after") else _asked_batch()
    where, values = _batch_condition(asked)
    rows = current.db().execute(
        f"SELECT u.* FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE {where}"  # noqa: S608
        " AND t.path >= ? AND t.path < ? AND u.number > ? ORDER BY u.number LIMIT ?",
        (*values, *_own_subtree(), asked["from"], asked["limit"] + 1),
    )
    page, more = page_of(rows.fetchall(), asked["limit"])
    found: dict[str, Any] = {
        "timestamp": stamp(current.now()),
        "items": [_batch_object(row, asked) for row in page],
    }
    if more:
        found["paging"] = cursor_of("users", {**asked, "from": page[-1]["number"]})
    return answer(found)


def _own_subtree() -> tuple[str, str]:
    path = tree.row_of(current.caller().tenant_id)["path"]
    return path, f"{path}~"


def _asked_batch() -> dict[str, Any]:
    selectors = [name for name in SELECTORS if request.args.get(name)]
    narrowed = [name for name in selectors if name != "origin_id"]  # it selects by itself, or narrows another
    if not selectors or len(narrowed) > 1:
        raise bad_request(f"One of {', '.join(SELECTORS)} and after is required.")
    by = selectors[0]
    return {
        "by": by,
        "ids": query_identifiers(by) if by in ("external_ids", "origin_id") else query_uuids(by),
        "origin_id": request.args.get("origin_id"),
        "tenant_id": uuid(query("tenant_id"), "tenant_id") if by == "external_ids" else None,
        "updated_since": query_moment("updated_since"),
        "limit": query_limit(default=BATCH_LIMIT, most=BATCH_LIMIT),
        "lod": one_of(request.args.get("lod", "full"), "lod", ("stamps", "basic", "full")),
        "allow_deleted": wants("allow_deleted"),
        "with_access_policies": wants("with_access_policies"),
        "inside_organization": wants("inside_organization"),
        "roles": sorted(query_names("access_policies") or ()),
        "tenant_kinds": sorted(query_names("tenant_kinds") or ()),
        "target_tenant_id": uuid(query("target_tenant_id"), "target_tenant_id") if request.args.get("target_tenant_id") else None,
        "from": 0,
    }


def _batch_condition(asked: Mapping[str, Any]) -> tuple[str, list[Any]]:
    marks = ",".join("?" * len(asked["ids"]))
    if asked["by"] == "uuids":
        where, values = f"u.id IN ({marks})", list(asked["ids"])
    elif asked["by"] == "external_ids":
        where, values = f"u.external_id IN ({marks}) AND u.tenant_id = ?", [*asked["ids"], asked["tenant_id"]]
    elif asked["by"] == "origin_id":
        where, values = "1", []
    else:
        root = tree.find_open_tenant(asked["ids"][0], allow_deleted=asked["allow_deleted"])
        where, values = _below(root, inside_organization=asked["inside_organization"])
    for condition, more in _filters(asked):
        where, values = f"{where} AND {condition}", [*values, *more]
    return where, values


def _below(root: sqlite3.Row, *, inside_organization: bool) -> tuple[str, list[Any]]:
    """The subtree; inside an organization only the tenant itself with its folders and units, not the tenants of others below."""
    if inside_organization:
        return f"t.id IN ({_ORGANIZATION})", [root["id"]]
    return "t.path >= ? AND t.path < ?", [root["path"], f"{root['path']}~"]


_ORGANIZATION = (
    "WITH RECURSIVE inside(id) AS (SELECT ? UNION ALL SELECT c.id FROM inside i JOIN tenants c ON c.parent_id = i.id"
    " WHERE c.id <> c.parent_id AND c.kind IN ('folder', 'unit')) SELECT id FROM inside"
)


def _filters(asked: Mapping[str, Any]) -> list[tuple[str, list[Any]]]:
    found: list[tuple[str, list[Any]]] = []
    if not asked["allow_deleted"]:
        found.append(("u.deleted_at IS NULL", []))
    if asked["updated_since"]:
        found.append(("u.updated_at >= ?", [asked["updated_since"]]))
    if asked["origin_id"]:
        found.append(("u.origin_id = ?", [asked["origin_id"]]))
    if asked["roles"]:
        found.append((f"{FOUND} WHERE a.user_id = u.id AND a.role_id IN ({_marks(asked['roles'])}))", asked["roles"]))
    if asked["tenant_kinds"]:
        found.append((f"t.kind IN ({_marks(asked['tenant_kinds'])})", asked["tenant_kinds"]))
    if asked["target_tenant_id"]:
        found.append((f"{FOUND} WHERE a.user_id = u.id AND a.tenant_id = ?)", [asked["target_tenant_id"]]))
    return found


def _marks(values: list[str]) -> str:
    return ",".join("?" * len(values))


def _batch_object(row: sqlite3.Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    of_level = {"stamps": users.stamps_object, "basic": users.basic_object}.get(asked["lod"], users.full_object)
    found = {**of_level(row), "access_policies": policies.policies_of(row["id"]) if asked["with_access_policies"] else []}
    return {name: value for name, value in found.items() if value is not None or name != "external_id"}
