"""Finding tenants and users by the beginning of words."""

import json
import re
import sqlite3
from typing import Any

from flask import Blueprint, Response, request

from sandbox import current, tree
from sandbox.answers import answer
from sandbox.errors import bad_request
from sandbox.incoming import integer, query, uuid, wants

routes = Blueprint("search", __name__)

SHORTEST_SEARCH = 3
SEARCH_LIMIT, SEARCH_LIMIT_MOST = 10, 300


@routes.get("/search")
def search() -> Response:
    """Tenants and users below a tenant that have, for each word of the text, a word beginning with it."""
    root = tree.find_open_tenant(uuid(query("tenant"), "tenant"))
    words = query("text").casefold().split()
    if len(query("text").strip()) < SHORTEST_SEARCH:
        raise bad_request(f"text must have at least {SHORTEST_SEARCH} characters.")
    limit = integer(request.args.get("limit", SEARCH_LIMIT), "limit")
    if not 1 <= limit <= SEARCH_LIMIT_MOST:  # this bound the vendor does publish
        raise bad_request(f"limit must be between 1 and {SEARCH_LIMIT_MOST}.")
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
