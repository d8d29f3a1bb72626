"""
The tree of tenants: finding a tenant a caller may see, and the rules every part of the sandbox shares.
"""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sandbox import current, definitions
from sandbox.answers import stamp
from sandbox.contacts import blank_contact, search_text
from sandbox.errors import DEPROVISIONING, NAME_CONFLICT, TENANT_LOCKED, Refusal, forbidden, not_found
from sandbox.storage import insert, milliseconds

# Finding


def find_tenant(tenant_id: str, *, allow_deleted: bool = False) -> sqlite3.Row:
    """
    A tenant in the caller's subtree.

    :raises Refusal: 404 when there is none or it was deleted, 403/1002 when it lies outside the subtree.
    """
    row: sqlite3.Row | None = current.db().execute("SELECT * FROM tenants WHERE id = ?", (tenant_id,)).fetchone()
    if row is None or (row["deleted_at"] and not allow_deleted):
        raise not_found()
    if not in_subtree(row):
        raise forbidden()
    return row


def find_open_tenant(tenant_id: str, *, allow_deleted: bool = False) -> sqlite3.Row:
    """
    As `find_tenant`, for what ancestors see of a tenant's inside: users, children, search.

    :raises Refusal: 403/1002 when the tenant, or one between it and the caller, does without access of its ancestors.
    """
    row = find_tenant(tenant_id, allow_deleted=allow_deleted)
    below = row["path"].split(f"/{current.caller().tenant_id}/")[-1].strip("/").split("/")
    for ancestor_id in filter(None, below):
        if not details_of(row_of(ancestor_id))["ancestral_access"]:
            raise forbidden("The tenant does not allow access of its ancestors.")
    return row


def in_subtree(row: sqlite3.Row) -> bool:
    return f"/{current.caller().tenant_id}/" in row["path"]


def is_reachable(row: sqlite3.Row) -> bool:
    """Is the tenant alive and enabled, and each of its ancestors?"""
    ids = row["path"].strip("/").split("/")
    marks = ",".join("?" * len(ids))
    off = current.db().execute(
        f"SELECT 1 FROM tenants WHERE id IN ({marks}) AND (enabled = 0 OR deleted_at IS NOT NULL)",  # noqa: S608
        ids,
    )
    return off.fetchone() is None


def row_of(tenant_id: str) -> sqlite3.Row:
    row: sqlite3.Row = current.db().execute("SELECT * FROM tenants WHERE id = ?", (tenant_id,)).fetchone()
    return row


def details_of(row: sqlite3.Row) -> dict[str, Any]:
    details: dict[str, Any] = json.loads(row["details"])
    return details


# Pricing mode


def pricing_mode(row: sqlite3.Row, at: datetime) -> str:
    """A trial turns into production by itself when its end has come."""
    if row["pricing_mode"] == "trial" and row["production_from"] and stamp(at) >= row["production_from"]:
        return "production"
    return str(row["pricing_mode"])


def end_of_trial(created_at: datetime) -> datetime:
    """The first moment after one full calendar month of trial."""
    months = created_at.year * 12 + created_at.month + 1
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


# Creating


def new_details(*, at: datetime) -> dict[str, Any]:
    return {
        "customer_type": "default",
        "contact": blank_contact(at=at),
        "language": "en",
        "brand_id": None,
        "brand_uuid": definitions.PROVIDER_TENANT,
        "brand_enabled": False,
        "default_idp_id": "11111111-1111-1111-1111-111111111111",
        "update_lock": {"enabled": False, "owner_id": None},
        "ancestral_access": True,
        "mfa_status": "disabled",
        "external_operation_status": None,
    }


def insert_tenant(db: sqlite3.Connection, *, at: datetime, details: dict[str, Any] | None = None, **columns: Any) -> None:
    """Insert a tenant row; what is not given gets the vendor's default."""
    details = details or new_details(at=at)
    row = {
        "customer_id": None,
        "internal_tag": None,
        "enabled": 1,
        "owner_id": None,
        "pricing_mode": "production",
        "production_from": None,
        "pricing_version": milliseconds(at),
        "version": 1,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "name_key": columns["name"].casefold(),
        "search_text": search_text(columns["name"], columns.get("customer_id"), details["contact"]),
        "details": json.dumps(details),
        **columns,
    }
    insert(db, "tenants", row)


def insert_personal_tenant(db: sqlite3.Connection, parent: sqlite3.Row, *, owner_id: str, name: str, at: datetime) -> str:
    """The unit that holds one user's own quotas; hidden from lists of children and from search."""
    tenant_id = str(uuid4())
    insert_tenant(
        db,
        at=at,
        id=tenant_id,
        parent_id=parent["id"],
        path=f"{parent['path']}{tenant_id}/",
        level=parent["level"] + 1,
        kind="unit",
        name=name,
        owner_id=owner_id,
        pricing_mode=parent["pricing_mode"],
        production_from=parent["production_from"],
    )
    return tenant_id


# Rules


def refuse_taken_name(name: str, *, but: str = "") -> None:
    """Names are compared without case, over the whole tree."""
    taken = current.db().execute(
        "SELECT 1 FROM tenants WHERE name_key = ? AND id <> ? AND deleted_at IS NULL AND owner_id IS NULL",
        (name.casefold(), but),
    )
    if taken.fetchone():
        raise Refusal(409, "A tenant with this name already exists.", code=NAME_CONFLICT, context={"name": name}, info=name)


def refuse_locked(row: sqlite3.Row) -> None:
    lock = details_of(row)["update_lock"]
    if lock["enabled"] and lock["owner_id"] != current.caller().tenant_id:
        raise Refusal(403, "The tenant is locked.", code=TENANT_LOCKED, context={"owner_id": lock["owner_id"]})


def refuse_deprovisioning(row: sqlite3.Row) -> None:
    """A tenant an integration has marked as being deleted takes no changes until the mark is gone."""
    if details_of(row)["external_operation_status"] == "deleting":
        raise Refusal(409, "The tenant is being deprovisioned.", code=DEPROVISIONING, context={"id": row["id"]})


def refuse_change(row: sqlite3.Row) -> None:
    """:raises Refusal: 403/1012 under another tenant's lock, 409/1011 while the tenant is being deprovisioned."""
    refuse_locked(row)
    refuse_deprovisioning(row)


def free_name(name: str) -> str:
    """The name, or the first of `name (1)`, `name (2)`, … that no tenant has."""
    taken = "SELECT 1 FROM tenants WHERE name_key = ? AND deleted_at IS NULL AND owner_id IS NULL"
    free, number = name, 0
    while current.db().execute(taken, (free.casefold(),)).fetchone():
        number += 1
        free = f"{name} ({number})"
    return free


def below(row: sqlite3.Row) -> tuple[str, str]:
    """The bounds between which the path of the tenant and of every tenant below it lies, for the index on paths."""
    return row["path"], f"{row['path']}~"


def parent_of(row: sqlite3.Row) -> sqlite3.Row:
    return row_of(row["parent_id"])
