"""
Offering items: what a tenant has and what it may have.

A tenant may have what its parent has. A row of `offering_items` exists once an item was switched on or off for the tenant;
items the parent has but the tenant never had are listed as disabled.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request

from sandbox import current, tree
from sandbox.answers import answer, stamp
from sandbox.definitions import ITEMS, LEGACY_EDITION, OFFERED_APPLICATIONS, Item
from sandbox.incoming import one_of, query, query_limit, query_moment, query_names, uuid, wants
from sandbox.paging import cursor_of, opened_cursor, page_of

routes = Blueprint("offering_items", __name__)

Key = tuple[str, str]  # name and infra id, the infra id empty for an item that needs no storage
BATCH_LIMIT = 5000
ORDER = {name: place for place, name in enumerate(ITEMS)}
LOCKED_TOGETHER = ("fc_storage", "fc_seats")  # neither is switched on or off without the other
TYPES = ("count", "feature", "infra")
KINDS = ("partner", "folder", "customer", "unit")


@dataclass(frozen=True)
class Quota:
    """Soft limit, what may be used above it (null: no hard limit), and the version it was read at."""

    value: int | None = None
    overage: int | None = None
    version: int = 0

    @property
    def most(self) -> int | None:
        """What cannot be exceeded; null for a soft quota and for none at all."""
        return None if self.value is None or self.overage is None else self.value + self.overage

    def to_json(self) -> dict[str, int | None]:
        return {"value": self.value, "overage": self.overage, "version": self.version}


@dataclass(frozen=True)
class Holding:
    """One item as a tenant has it."""

    status: int = 0
    quota: Quota = Quota()
    updated_at: str | None = None


# Reading


def holdings(tenant_id: str) -> dict[Key, Holding]:
    """Every item that was ever switched on for the tenant, or that was switched off again, oldest first."""
    rows = current.db().execute("SELECT * FROM offering_items WHERE tenant_id = ? ORDER BY number", (tenant_id,))
    return {(row["name"], row["infra_id"]): _holding(row) for row in rows}


def _holding(row: sqlite3.Row) -> Holding:
    quota = Quota(row["quota_value"], row["quota_overage"], row["quota_version"])
    return Holding(row["status"], quota, row["updated_at"])


def enabled_keys(tenant_id: str) -> set[Key]:
    rows = current.db().execute("SELECT name, infra_id FROM offering_items WHERE tenant_id = ? AND status = 1", (tenant_id,))
    return {(row["name"], row["infra_id"]) for row in rows}


def listed_keys(tenant: sqlite3.Row, held: Mapping[Key, Holding], *, status: int | None = None) -> list[Key]:
    """
    What the tenant has or may have, without services that were removed from it, in the order of the catalogue.

    :param status: only what is switched on (1), or only what is not (0).
    """
    removed = removed_applications(tenant["id"])
    keys = {key for key, holding in held.items() if holding.status}
    if status == 0:
        keys = enabled_keys(tenant["parent_id"]) - keys
    elif status is None:
        keys |= enabled_keys(tenant["parent_id"])
    return sorted((key for key in keys if ITEMS[key[0]].application_id not in removed), key=in_order)


def in_order(key: Key) -> tuple[int, str]:
    return ORDER[key[0]], key[1]


def removed_applications(tenant_id: str) -> set[str]:
    rows = current.db().execute("SELECT application_id FROM bindings WHERE tenant_id = ? AND bound = 0", (tenant_id,))
    return {row["application_id"] for row in rows}


def item_object(key: Key, holding: Holding, *, tenant_id: str) -> dict[str, Any]:
    item = ITEMS[key[0]]
    found: dict[str, Any] = {
        "application_id": item.application_id,
        "name": item.name,
        "edition": item.edition,
        "usage_name": item.usage_name,
        "tenant_id": tenant_id,
        "updated_at": holding.updated_at or stamp(current.now()),
        "deleted_at": None,
        "status": holding.status,
        "locked": item.usage_name in LOCKED_TOGETHER,
        "type": item.type,
        "infra_id": key[1] or None,
        "measurement_unit": item.measurement_unit,
    }
    if holding.status and item.is_metered:  # the vendor shows no quota on features and disabled items
        found["quota"] = holding.quota.to_json()
    return found


def item_objects(tenant: sqlite3.Row, *, status: int | None = None) -> list[dict[str, Any]]:
    held = holdings(tenant["id"])
    keys = listed_keys(tenant, held, status=status)
    return [item_object(key, held.get(key, Holding()), tenant_id=tenant["id"]) for key in keys]


@routes.get("/tenants/<tenant_id>/offering_items")
def get_items(tenant_id: str) -> Response:
    """
    Without `edition` only the legacy edition and edition-less items, as the vendor does.

    `available_only` leaves out what the parent does not have; `for_ui` and `include_secondary` change nothing.
    """
    tenant = tree.find_tenant(tenant_id)
    edition = request.args.get("edition", LEGACY_EDITION)
    usage_names = query_names("usage_names")
    status = None if request.args.get("status") is None else int(wants("status"))
    kind = one_of(request.args["type"], "type", TYPES) if request.args.get("type") else None
    infra_id = uuid(request.args["infra_uuid"], "infra_uuid") if request.args.get("infra_uuid") else None
    for name in ("for_ui", "include_secondary"):
        wants(name)
    offered = enabled_keys(tenant["parent_id"]) if wants("available_only") else None
    found = [
        item
        for item in item_objects(tenant, status=status)
        if in_edition(item["edition"], edition)
        and (usage_names is None or item["usage_name"] in usage_names)
        and (kind is None or item["type"] == kind)
        and (infra_id is None or item["infra_id"] == infra_id)
        and (offered is None or (item["name"], item["infra_id"] or "") in offered)
    ]
    return answer({"timestamp": stamp(current.now()), "items": found})


def in_edition(edition: str | None, wanted: str) -> bool:
    return wanted == "*" or edition is None or edition == wanted


@routes.get("/tenants/<tenant_id>/offering_items/available_for_child")
def get_items_for_child(tenant_id: str) -> Response:
    """Asked of the parent: all it has, switched on and without quota, ready to be put on a child."""
    tree.find_tenant(tenant_id)
    if request.args.get("kind"):
        one_of(request.args["kind"], "kind", KINDS)
    edition, removed = request.args.get("edition", LEGACY_EDITION), removed_applications(tenant_id)
    found = [
        item_object(key, Holding(status=1), tenant_id=tenant_id)
        for key in sorted(enabled_keys(tenant_id), key=in_order)
        if in_edition(ITEMS[key[0]].edition, edition) and ITEMS[key[0]].application_id not in removed
    ]
    return answer({"timestamp": stamp(current.now()), "items": found})


@routes.get("/tenants/offering_items")
def get_items_of_subtree() -> Response:
    """A page of the items ever switched on in a subtree, tenants in the order of the tree."""
    asked = opened_cursor("offering_items") if request.args.get("after") else _asked_subtree()
    root = tree.find_tenant(asked["root"])
    names = [name for name, item in ITEMS.items() if _is_asked(item, asked)]
    deleted = "" if asked["allow_deleted"] else " AND t.deleted_at IS NULL"
    rows = current.db().execute(
        "SELECT o.*, t.path, t.deleted_at FROM tenants t JOIN offering_items o ON o.tenant_id = t.id"  # noqa: S608
        f" WHERE t.path >= ? AND t.path < ?{deleted} AND o.updated_at >= ? AND (t.path, o.name, o.infra_id) > (?, ?, ?)"
        f" AND o.name IN ({','.join('?' * len(names))}) ORDER BY t.path, o.name, o.infra_id LIMIT ?",
        (
            max(root["path"], asked["from"][0]),
            f"{root['path']}~",
            asked["updated_since"] or "",
            *asked["from"],
            *names,
            asked["limit"] + 1,
        ),
    )
    page, more = page_of(rows.fetchall(), asked["limit"])
    items = [
        item_object((row["name"], row["infra_id"]), _holding(row), tenant_id=row["tenant_id"]) | {"deleted_at": row["deleted_at"]}
        for row in page
    ]
    found: dict[str, Any] = {"timestamp": stamp(current.now()), "items": items}
    if more:
        found["paging"] = cursor_of("offering_items", {**asked, "from": [page[-1]["path"], page[-1]["name"], page[-1]["infra_id"]]})
    return answer(found)


def _asked_subtree() -> dict[str, Any]:
    return {
        "root": uuid(query("subtree_root_tenant_id"), "subtree_root_tenant_id"),
        "usage_names": sorted(query_names("usage_names") or ()),
        "editions": sorted(query_names("editions") or ()),
        "offering_items": sorted(query_names("offering_items") or ()),
        "updated_since": query_moment("updated_since"),
        "limit": query_limit(default=BATCH_LIMIT, most=BATCH_LIMIT),
        "allow_deleted": wants("allow_deleted"),
        "from": ["", "", ""],
    }


def _is_asked(item: Item, asked: Mapping[str, Any]) -> bool:
    return (
        (not asked["usage_names"] or item.usage_name in asked["usage_names"])
        and (not asked["offering_items"] or item.name in asked["offering_items"])
        and (not asked["editions"] or item.edition is None or item.edition in asked["editions"])
    )


# Applications of a tenant


def applications_of(tenant: sqlite3.Row) -> list[str]:
    """Services switched on for the tenant, in the vendor's order; the portal itself is always there."""
    rows = current.db().execute("SELECT application_id FROM bindings WHERE tenant_id = ? AND bound = 1", (tenant["id"],))
    bound = {row["application_id"] for row in rows}
    return [application_id for application_id in OFFERED_APPLICATIONS if application_id in bound]


def storages_of(tenant: sqlite3.Row) -> list[str]:
    """Storages in the tenant's items, enabled or available, in the order of the catalogue."""
    keys = listed_keys(tenant, holdings(tenant["id"]))
    return list(dict.fromkeys(infra_id for _, infra_id in keys if infra_id))
