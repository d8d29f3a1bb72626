"""Bringing a deleted tenant back, with everything that was deleted along with it."""

import sqlite3

from flask import Blueprint, Response

from sandbox import current, tree, users
from sandbox.answers import nothing, stamp
from sandbox.errors import PARENT_DISABLED, Refusal, not_found
from sandbox.incoming import json_body, wants
from sandbox.logins import refuse_taken_login
from sandbox.storage import update

routes = Blueprint("restoring", __name__)


@routes.post("/tenants/<tenant_id>/restore")
def restore_tenant(tenant_id: str) -> Response:
    """
    204; the tenant is back, disabled as it was, with the tenants and users that its deletion took along.

    409/1004 for a name somebody else has by now, 409 likewise for a login; `force` adds a number to them instead. 404 when the
    tenant was not deleted, 403/1012 under a lock, 409/1003 below a tenant that was deleted itself.
    """
    json_body()
    row = tree.find_tenant(tenant_id, allow_deleted=True)
    if not row["deleted_at"]:
        raise not_found("There is no deleted tenant to restore.")
    tree.refuse_locked(row)
    if tree.parent_of(row)["deleted_at"]:
        raise Refusal(409, "The parent tenant was deleted.", code=PARENT_DISABLED, context={"id": row["parent_id"]})
    force = wants("force")
    for tenant in _deleted_along(row):
        _bring_back_tenant(tenant, force=force)
    return nothing()


def _deleted_along(row: sqlite3.Row) -> list[sqlite3.Row]:
    """The tenant and those below it that were deleted in the same moment, parents first."""
    rows = current.db().execute(
        "SELECT * FROM tenants WHERE path >= ? AND path < ? AND deleted_at = ? ORDER BY level, number",
        (*tree.below(row), row["deleted_at"]),
    )
    return rows.fetchall()


def _bring_back_tenant(row: sqlite3.Row, *, force: bool) -> None:
    name = tree.free_name(row["name"]) if force and not row["owner_id"] else row["name"]
    if not row["owner_id"]:
        tree.refuse_taken_name(name, but=row["id"])
    update(
        current.db(),
        "tenants",
        row["id"],
        name=name,
        name_key=name.casefold(),
        search_text=row["search_text"].replace(row["name"].casefold(), name.casefold(), 1),
        deleted_at=None,
        updated_at=stamp(current.now()),
        version=row["version"] + 1,
    )
    users_of = current.db().execute("SELECT * FROM users WHERE tenant_id = ? AND deleted_at = ?", (row["id"], row["deleted_at"]))
    for user in users_of.fetchall():
        login = users.free_login(user["login"]) if force else user["login"]
        refuse_taken_login(login, but=user["id"])
        users.bring_back(user, login=login, enabled=bool(user["enabled"]))
