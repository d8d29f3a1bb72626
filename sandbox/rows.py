"""What the sandbox holds, as rows for the console and for the switchboard's JSON."""

import json
import sqlite3
from typing import Any

from flask import url_for

from sandbox import current, definitions, tree

# Tenants in the order of their tree: below each its children by name. 0x1F is not found in names a person would type.
TREE = """
WITH RECURSIVE branch (id, depth, place, route) AS (
    SELECT id, 0, name_key, '' FROM tenants WHERE id = :root
    UNION ALL
    SELECT t.id, b.depth + 1, b.place || char(31) || t.name_key, CASE b.depth WHEN 0 THEN '' ELSE b.route || p.name || ' / ' END
    FROM branch b JOIN tenants p ON p.id = b.id JOIN tenants t ON t.parent_id = b.id
    WHERE t.id <> t.parent_id AND t.deleted_at IS NULL AND t.owner_id IS NULL
)
"""
MAIL_PAGES = {"report": "report_pages.read_mail"}  # where the link of a mail leads; of all other kinds to what it asks for
FOUND = "(:text = '' OR instr(t.search_text, :text) OR instr(coalesce(t.internal_tag, ''), :text) OR t.id = :text)"


def branch(root: str, *, text: str = "", limit: int = -1, offset: int = 0) -> list[dict[str, Any]]:
    """
    A tenant and all below it in the order of the tree, with `depth` and `route` (the names between root and parent).

    :param text: only those whose name, customer id, contact, tag or id has it, compared without case.
    """
    rows = current.db().execute(
        TREE + "SELECT t.*, p.name AS parent_name, b.depth, b.route,"  # noqa: S608 - of constants
        " (SELECT count(*) FROM offering_items o WHERE o.tenant_id = t.id AND o.status = 1) AS items"
        " FROM branch b JOIN tenants t ON t.id = b.id JOIN tenants p ON p.id = t.parent_id"
        f" WHERE {FOUND} ORDER BY b.place LIMIT :limit OFFSET :offset",
        {"root": root, "text": text.strip().casefold(), "limit": limit, "offset": offset},
    )
    return [{**tenant_row(row), "depth": row["depth"], "route": row["route"].removesuffix(" / ")} for row in rows]


def branch_size(root: str, *, text: str = "") -> int:
    found = current.db().execute(
        f"{TREE} SELECT count(*) FROM branch b JOIN tenants t ON t.id = b.id WHERE {FOUND}",  # noqa: S608 - of constants
        {"root": root, "text": text.strip().casefold()},
    )
    return int(found.fetchone()[0])


def tenant_rows(limit: int = -1) -> list[dict[str, Any]]:
    """Tenants, newest first, without deleted and personal ones."""
    rows = current.db().execute(
        "SELECT t.*, p.name AS parent_name,"
        " (SELECT count(*) FROM offering_items o WHERE o.tenant_id = t.id AND o.status = 1) AS items"
        " FROM tenants t JOIN tenants p ON p.id = t.parent_id WHERE t.deleted_at IS NULL AND t.owner_id IS NULL"
        " ORDER BY t.number DESC LIMIT ?",
        (limit,),
    )
    return [tenant_row(row) for row in rows]


def tenant_row(row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "parent_id", "parent_name", "kind", "name", "customer_id", "internal_tag", "items", "created_at")
    enabled, pricing_mode = bool(row["enabled"]), tree.pricing_mode(row, current.now())
    return {**{name: row[name] for name in names}, "enabled": enabled, "pricing_mode": pricing_mode}


def enabled_items(tenant_id: str) -> list[dict[str, Any]]:
    """A tenant's enabled items, with the storage's name and both quotas."""
    rows = current.db().execute(
        "SELECT o.*, i.name AS storage FROM offering_items o LEFT JOIN infra i ON i.id = o.infra_id"
        " WHERE o.tenant_id = ? AND o.status = 1 ORDER BY o.name, storage",
        (tenant_id,),
    )
    return [
        {
            "name": row["name"],
            "unit": definitions.ITEMS[row["name"]].measurement_unit if row["name"] in definitions.ITEMS else "",
            "storage": row["storage"],
            "value": row["quota_value"],
            "overage": row["quota_overage"],
        }
        for row in rows
    ]


def user_rows(limit: int = -1, *, text: str = "", tenant_id: str = "", offset: int = 0) -> list[dict[str, Any]]:
    """Users, newest first, without deleted ones."""
    rows = current.db().execute(
        "SELECT u.id, u.tenant_id, t.name AS tenant_name, u.login, u.activated, u.enabled, u.created_at, u.details,"
        " (SELECT group_concat(role_id) FROM access_policies a WHERE a.user_id = u.id) AS roles"
        " FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.deleted_at IS NULL"
        " AND (:text = '' OR instr(u.search_text, :text) OR instr(t.name_key, :text)) AND :tenant IN ('', u.tenant_id)"
        " ORDER BY u.number DESC LIMIT :limit OFFSET :offset",
        {"text": text.strip().casefold(), "tenant": tenant_id, "limit": limit, "offset": offset},
    )
    names = ("id", "tenant_id", "tenant_name", "login", "created_at")
    return [
        {
            **{name: row[name] for name in names},
            "email": json.loads(row["details"])["contact"]["email"],
            "roles": (row["roles"] or "").split(",") if row["roles"] else [],
            "activated": bool(row["activated"]),
            "enabled": bool(row["enabled"]),
        }
        for row in rows
    ]


def mail_rows(limit: int = -1, *, text: str = "", offset: int = 0) -> list[dict[str, Any]]:
    """Mails, newest first, each with its link."""
    rows = current.db().execute(
        "SELECT * FROM mails WHERE :text = '' OR instr(lower(login || ' ' || sent_to || ' ' || subject), :text)"
        " ORDER BY number DESC LIMIT :limit OFFSET :offset",
        {"text": text.strip().lower(), "limit": limit, "offset": offset},
    )
    return [
        {
            "kind": row["kind"],
            "to": row["sent_to"],
            "login": row["login"],
            "subject": row["subject"],
            "sent_at": row["sent_at"],
            "used_at": row["used_at"],
            "link": url_for(MAIL_PAGES.get(row["kind"], "pages.follow_mail"), token=row["token"], _external=True),
        }
        for row in rows
    ]


def call_rows(limit: int = -1, *, text: str = "", offset: int = 0) -> list[dict[str, Any]]:
    """Logged calls, newest first; `text` is part of the path, a method, a status or the name of a fault."""
    rows = current.db().execute(
        "SELECT * FROM calls WHERE :text = '' OR instr(lower(path), :text) OR :text IN (lower(method), cast(status AS text), fault)"
        " ORDER BY number DESC LIMIT :limit OFFSET :offset",
        {"text": text.strip().lower(), "limit": limit, "offset": offset},
    )
    return [dict(row) for row in rows]


def counts() -> dict[str, int]:
    """How many there are of each, by the name of the page."""
    row = current.db().execute(
        "SELECT (SELECT count(*) FROM tenants WHERE deleted_at IS NULL AND owner_id IS NULL) AS tenants,"
        " (SELECT count(*) FROM users WHERE deleted_at IS NULL) AS users, (SELECT count(*) FROM mails) AS mails,"
        " (SELECT count(*) FROM calls) AS calls, (SELECT count(*) FROM faults) AS faults"
    )
    return dict(row.fetchone())
