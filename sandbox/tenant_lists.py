"""Many tenants at once: children, batches, numeric ids."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from sandbox import current, offering_items, tree, usages
from sandbox.answers import answer, stamp
from sandbox.errors import bad_request
from sandbox.incoming import (
    UUIDS_AT_MOST,
    integer,
    json_body,
    listing,
    one_of,
    query,
    query_limit,
    query_moment,
    query_uuids,
    uuid,
    wants,
)
from sandbox.paging import cursor_of, opened_cursor, page_of
from sandbox.tenants import basic_object, stamps_object, tenant_object

routes = Blueprint("tenant_lists", __name__)

BATCH_LIMIT = 5000
DETAILS_LEVELS = ("stamps", "basic", "full", "full_without_contacts")
ORDERS = {"name": "name_key", "status": "enabled, name_key", "as_is": "number"}
BY_USAGE = "usage."


# Children


@routes.get("/tenants/<tenant_id>/children")
def get_children(tenant_id: str) -> Response:
    """
    Ids, or with `include_details` whole tenants, all on one page.

    `order` is name, status, as_is or `usage.` and a usage name, each also with a minus; `after` is the id to go on behind.
    """
    tree.find_open_tenant(tenant_id)
    order = request.args.get("order", "name")
    rows = _children(tenant_id, order.lstrip("-"), descending=order.startswith("-"))
    if request.args.get("after"):
        rows = _behind(rows, uuid(request.args["after"], "after"))
    if wants("include_details"):
        return answer({"items": [tenant_object(row) for row in rows]})
    return answer({"items": [row["id"] for row in rows]})


def _children(tenant_id: str, order: str, *, descending: bool) -> list[sqlite3.Row]:
    if not order.startswith(BY_USAGE) and order not in ORDERS:
        raise bad_request("order must be name, status, as_is or usage. and a usage name.")
    deleted = "" if wants("allow_deleted") else " AND deleted_at IS NULL"
    found = current.db().execute(
        "SELECT * FROM tenants WHERE parent_id = ? AND id <> parent_id AND owner_id IS NULL"  # noqa: S608
        f"{deleted} ORDER BY {ORDERS.get(order, 'name_key')} {'DESC' if descending else 'ASC'}",
        (tenant_id,),
    )
    rows: list[sqlite3.Row] = found.fetchall()
    if order.startswith(BY_USAGE):
        usage_name = order.removeprefix(BY_USAGE)
        rows.sort(key=lambda row: usages.used(row, usage_name), reverse=descending)
    return rows


def _behind(rows: list[sqlite3.Row], last_id: str) -> list[sqlite3.Row]:
    ids = [row["id"] for row in rows]
    if last_id not in ids:
        raise bad_request("after is not a child of the tenant.")
    return rows[ids.index(last_id) + 1 :]


# Numeric ids


@routes.post("/tenants:resolve_ids")
def resolve_ids() -> Response:
    """UUIDs of numeric ids of version 1 and the other way round; what does not exist or is out of sight is left out."""
    body = json_body()
    numbers = [integer(one, "ids") for one in listing(body.get("ids") or [], "ids")]
    uuids = [uuid(one, "uuids") for one in listing(body.get("uuids") or [], "uuids")]
    if not 1 <= len(numbers) + len(uuids) <= UUIDS_AT_MOST:
        raise bad_request(f"Between 1 and {UUIDS_AT_MOST} ids and uuids are required.")
    rows = current.db().execute(
        f"SELECT id, number FROM tenants WHERE (number IN ({_marks(numbers)}) OR id IN ({_marks(uuids)}))"  # noqa: S608
        " AND instr(path, ?) > 0 AND deleted_at IS NULL ORDER BY number",
        (*numbers, *uuids, f"/{current.caller().tenant_id}/"),
    )
    return answer({"items": [{"id": row["number"], "uuid": row["id"]} for row in rows]})


def _marks(values: list[Any]) -> str:
    return ",".join("?" * len(values))


# Batch


@routes.get("/tenants")
def get_tenants() -> Response:
    """A page of tenants by ids, parent or subtree; the cursor repeats every filter, so it is sent alone."""
    asked = opened_cursor("tenants") if request.args.get("after") else _asked_batch()
    where, values = _batch_condition(asked)
    rows = current.db().execute(
        "SELECT * FROM tenants WHERE number IN (SELECT number FROM tenants"  # noqa: S608
        f" WHERE {where} AND (level, number) > (?, ?) ORDER BY level, number LIMIT ?) ORDER BY level, number",
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
        "with_infra_items": wants("with_infra_offering_items"),
        "relative_to": _root_of_paths(by) if wants("include_relative_path") else None,
        "from": [-1, -1],
    }


def _root_of_paths(by: str) -> str:
    return current.caller().tenant_id if by == "uuids" else query(by)


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


def _batch_object(row: sqlite3.Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a batch at the level of detail that was asked for."""
    of_level = {"stamps": stamps_object, "basic": basic_object}.get(asked["lod"], tenant_object)
    found = of_level(row)
    found |= {"contacts": [], "offering_items": _items(row, asked)}
    if of_level is tenant_object:
        found["barrier"] = 0
        if asked["with_contacts"]:
            found["contacts"] = _contacts(row, found["contact"])
        if asked["relative_to"]:
            found["relative_path"] = _relative_path(row, asked["relative_to"])
    return found


def _items(row: sqlite3.Row, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not asked["with_items"] and not asked["with_infra_items"]:
        return []
    items = offering_items.item_objects(row, status=1)
    return items if asked["with_items"] else [item for item in items if item["type"] == "infra"]


def _contacts(row: sqlite3.Row, contact: dict[str, Any]) -> list[dict[str, Any]]:
    """The contact of the tenant if it has an address, and the one for the company's bills if there is one."""
    found = [contact] if contact["email"] else []
    billing = tree.details_of(row).get("company_billing_contact")
    found += [billing] if billing else []
    return [{**one, "tenant_id": row["id"], "user_id": None, "deleted_at": None} for one in found]


def _relative_path(row: sqlite3.Row, root_id: str) -> list[str]:
    """Ids from the tenant that was asked for down to the parent."""
    ids: list[str] = row["path"].strip("/").split("/")[:-1]
    return ids[ids.index(root_id) :] if root_id in ids else []
