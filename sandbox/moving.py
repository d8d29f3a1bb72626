"""Which kinds of tenant lie under which, and moving one under another parent."""

import json
import sqlite3

from sandbox import current, offering_items, tree
from sandbox.errors import (
    MOVE_ITEMS_UNAVAILABLE,
    MOVE_UNDER_DISABLED,
    MOVE_UNDER_OWN_CHILD,
    MOVE_WITHIN_CUSTOMER,
    MOVE_WITHOUT_LOCKING_TENANT,
    Refusal,
)
from sandbox.storage import update

PARENTS_OF = {
    "partner": ("root", "partner", "folder"),
    "folder": ("partner", "folder"),
    "customer": ("partner", "folder"),
    "unit": ("customer", "unit"),
}


def move(row: sqlite3.Row, parent_id: str) -> None:
    """
    Put the tenant, with all below it, under another parent that offers everything it has.

    :raises Refusal: 400 with code 1007, 1008, 1013, 1014 or 1032.
    """
    db, target = current.db(), tree.find_tenant(parent_id)
    _refuse_place(row, target)
    _refuse_missing_items(row, target)
    _refuse_lost_locks(row, target)
    new_path, old = f"{target['path']}{row['id']}/", row["path"]
    db.execute(
        "UPDATE tenants SET path = ? || substr(path, ?), level = level + ? WHERE path >= ? AND path < ?",
        (new_path, len(old) + 1, target["level"] + 1 - row["level"], *tree.below(row)),
    )
    update(db, "tenants", row["id"], parent_id=parent_id)


def _refuse_place(row: sqlite3.Row, target: sqlite3.Row) -> None:
    if row["id"] in target["path"].split("/"):
        raise Refusal(400, "A tenant cannot be moved under its own child.", code=MOVE_UNDER_OWN_CHILD)
    if row["kind"] == "unit" or target["kind"] not in PARENTS_OF.get(row["kind"], ()):
        raise Refusal(400, "A tenant can only be moved under a partner or folder.", code=MOVE_WITHIN_CUSTOMER)
    if not tree.is_reachable(target):
        raise Refusal(400, "The target tenant is disabled.", code=MOVE_UNDER_DISABLED)


def _refuse_missing_items(row: sqlite3.Row, target: sqlite3.Row) -> None:
    missing = offering_items.enabled_keys(row["id"]) - offering_items.enabled_keys(target["id"])
    if missing:
        raise Refusal(
            400,
            "Offering items are not available at the target.",
            code=MOVE_ITEMS_UNAVAILABLE,
            context={"offering_items": sorted({name for name, _ in missing})},
        )


def _refuse_lost_locks(row: sqlite3.Row, target: sqlite3.Row) -> None:
    """Who locked a tenant of the moved part must be above it afterwards too, or nobody could unlock it."""
    inside = set(target["path"].split("/"))
    locked = current.db().execute(
        "SELECT id, details, path FROM tenants WHERE path >= ? AND path < ? AND deleted_at IS NULL"
        " AND json_extract(details, '$.update_lock.enabled')",
        tree.below(row),
    )
    for one in locked:
        owner_id = json.loads(one["details"])["update_lock"]["owner_id"]
        within = one["path"][len(row["path"]) :].split("/")
        if owner_id not in inside and owner_id not in within and owner_id != row["id"]:
            raise Refusal(
                400,
                "The target hierarchy does not contain the tenant that locked a moved one.",
                code=MOVE_WITHOUT_LOCKING_TENANT,
                context={"id": one["id"], "owner_id": owner_id},
            )
