"""
Offering items: what a tenant has, what it may have, quotas, editions, prices.

A tenant may have what its parent has. A row of `offering_items` exists once an item was switched on or off for the tenant;
items the parent has but the tenant never had are listed as disabled.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from flask import Blueprint, Response, request

from sandbox import current, metering, tree
from sandbox.answers import answer, stamp
from sandbox.definitions import (
    EDITIONS,
    ITEMS,
    LEGACY_EDITION,
    OFFERED_APPLICATIONS,
    STORAGES,
    Item,
    counterpart,
    storages_for,
)
from sandbox.errors import (
    DEPENDENCY,
    ITEM_UNAVAILABLE,
    PARENT_DISABLED,
    STORAGE_USED_BY_CHILD,
    Refusal,
    bad_request,
    broken_rule,
    stale_version,
)
from sandbox.incoming import (
    boolean,
    integer,
    json_body,
    listing,
    mapping,
    query,
    query_limit,
    query_moment,
    query_names,
    required,
    text,
    uuid,
    wants,
)
from sandbox.paging import cursor_of, opened_cursor, page_of
from sandbox.storage import milliseconds

routes = Blueprint("offering_items", __name__)

Key = tuple[str, str]  # name and infra id, the infra id empty for an item that needs no storage
BATCH_LIMIT = 5000
ORDER = {name: place for place, name in enumerate(ITEMS)}
SINGLE_STORAGE_KINDS = ("customer", "unit")
# Usage names that work only together with others of the same edition. Storage and seats of File Sync & Share are one thing.
NEEDS = {
    "mailboxes": ("o365_mailboxes", "o365_onedrive"),
    "gsuite_seats": ("google_mail", "google_drive"),
    "fc_seats": ("fc_storage",),
    "fc_storage": ("fc_seats",),
}


@dataclass(frozen=True)
class Quota:
    """Soft limit, what may be used above it (null: no hard limit), and the version it was read at."""

    value: int | None = None
    overage: int | None = None
    version: int = 0

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
    """Every item that was ever switched on for the tenant, or that was switched off again."""
    rows = current.db().execute("SELECT * FROM offering_items WHERE tenant_id = ?", (tenant_id,))
    return {(row["name"], row["infra_id"]): _holding(row) for row in rows}


def _holding(row: sqlite3.Row) -> Holding:
    quota = Quota(row["quota_value"], row["quota_overage"], row["quota_version"])
    return Holding(row["status"], quota, row["updated_at"])


def enabled_keys(tenant_id: str) -> set[Key]:
    rows = current.db().execute("SELECT name, infra_id FROM offering_items WHERE tenant_id = ? AND status = 1", (tenant_id,))
    return {(row["name"], row["infra_id"]) for row in rows}


def listed_keys(tenant: sqlite3.Row, held: Mapping[Key, Holding]) -> list[Key]:
    """What the tenant has or may have, without services that were removed from it, in the order of the catalogue."""
    removed = removed_applications(tenant["id"])
    keys = {key for key, holding in held.items() if holding.status} | enabled_keys(tenant["parent_id"])
    return sorted((key for key in keys if ITEMS[key[0]].application_id not in removed), key=_in_order)


def _in_order(key: Key) -> tuple[int, str]:
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
        "locked": False,
        "type": item.type,
        "infra_id": key[1] or None,
        "measurement_unit": item.measurement_unit,
    }
    if holding.status and item.is_metered:  # the vendor shows no quota on features and disabled items
        found["quota"] = holding.quota.to_json()
    return found


def item_objects(tenant: sqlite3.Row, *, status: int | None = None) -> list[dict[str, Any]]:
    held = holdings(tenant["id"])
    found = (item_object(key, held.get(key, Holding()), tenant_id=tenant["id"]) for key in listed_keys(tenant, held))
    return [item for item in found if status is None or item["status"] == status]


@routes.get("/tenants/<tenant_id>/offering_items")
def get_items(tenant_id: str) -> Response:
    """Without `edition` only the legacy edition and edition-less items, as the vendor does."""
    tenant = tree.find_tenant(tenant_id)
    edition = request.args.get("edition", LEGACY_EDITION)
    usage_names = query_names("usage_names")
    status = None if request.args.get("status") is None else int(wants("status"))
    kind, infra_id = request.args.get("type"), request.args.get("infra_uuid")
    found = [
        item
        for item in item_objects(tenant, status=status)
        if in_edition(item["edition"], edition)
        and (usage_names is None or item["usage_name"] in usage_names)
        and (kind is None or item["type"] == kind)
        and (infra_id is None or item["infra_id"] == infra_id)
    ]
    return answer({"timestamp": stamp(current.now()), "items": found})


def in_edition(edition: str | None, wanted: str) -> bool:
    return wanted == "*" or edition is None or edition == wanted


@routes.get("/tenants/<tenant_id>/offering_items/available_for_child")
def get_items_for_child(tenant_id: str) -> Response:
    """Asked of the parent: all it has, switched on and without quota, ready to be put on a child."""
    tree.find_tenant(tenant_id)
    edition, removed = request.args.get("edition", LEGACY_EDITION), removed_applications(tenant_id)
    found = [
        item_object(key, Holding(status=1), tenant_id=tenant_id)
        for key in sorted(enabled_keys(tenant_id), key=_in_order)
        if in_edition(ITEMS[key[0]].edition, edition) and ITEMS[key[0]].application_id not in removed
    ]
    return answer({"timestamp": stamp(current.now()), "items": found})


@routes.get("/tenants/offering_items")
def get_items_of_subtree() -> Response:
    """A page of the items ever switched on in a subtree."""
    asked = opened_cursor("offering_items") if request.args.get("after") else _asked_subtree()
    root = tree.find_tenant(asked["root"])
    names = [name for name, item in ITEMS.items() if _is_asked(item, asked)]
    since = asked["updated_since"] or ""
    rows = current.db().execute(
        "SELECT o.* FROM offering_items o JOIN tenants t ON t.id = o.tenant_id"  # noqa: S608
        " WHERE t.path >= ? AND t.path < ? AND t.deleted_at IS NULL AND o.updated_at >= ? AND o.number > ?"
        f" AND o.name IN ({','.join('?' * len(names))}) ORDER BY o.number LIMIT ?",
        (root["path"], f"{root['path']}~", since, asked["from"], *names, asked["limit"] + 1),
    )
    page, more = page_of(rows.fetchall(), asked["limit"])
    items = [item_object((row["name"], row["infra_id"]), _holding(row), tenant_id=row["tenant_id"]) for row in page]
    found: dict[str, Any] = {"timestamp": stamp(current.now()), "items": items}
    if more:
        found["paging"] = cursor_of("offering_items", {**asked, "from": page[-1]["number"]})
    return answer(found)


def _asked_subtree() -> dict[str, Any]:
    return {
        "root": uuid(query("subtree_root_tenant_id"), "subtree_root_tenant_id"),
        "usage_names": sorted(query_names("usage_names") or ()),
        "editions": sorted(query_names("editions") or ()),
        "offering_items": sorted(query_names("offering_items") or ()),
        "updated_since": query_moment("updated_since"),
        "limit": query_limit(default=BATCH_LIMIT, most=BATCH_LIMIT),
        "from": 0,
    }


def _is_asked(item: Item, asked: Mapping[str, Any]) -> bool:
    return (
        (not asked["usage_names"] or item.usage_name in asked["usage_names"])
        and (not asked["offering_items"] or item.name in asked["offering_items"])
        and (not asked["editions"] or item.edition is None or item.edition in asked["editions"])
    )


# Changing


@routes.put("/tenants/<tenant_id>/offering_items")
def change_items(tenant_id: str) -> Response:
    """
    Change the listed items and leave the others; all or nothing.

    400/1021 for items the parent does not have, 400/1027 for a second edition or storage on a customer, 400/1023 for items that
    need others, 426 for a stale quota version.
    """
    body, tenant = json_body(), tree.find_tenant(tenant_id)
    tree.refuse_locked(tenant)
    if tenant["owner_id"]:
        raise broken_rule("Offering items cannot be switched on a personal tenant.")
    if not tree.is_reachable(tree.parent_of(tenant)):
        raise Refusal(400, "The parent tenant is disabled.", code=PARENT_DISABLED)
    before = holdings(tenant_id)
    asked = [mapping(item, "offering_items") for item in listing(required(body, "offering_items"), "offering_items")]
    changes = dict(_change(item, before) for item in asked)
    _refuse_unavailable(tenant, changes)
    _refuse_combinations(tenant, {**before, **changes})
    _refuse_disabling(tenant, changes, before, check_usage=boolean(body.get("check_usage", False), "check_usage"))
    _store(tenant_id, changes, before)
    after = holdings(tenant_id)
    return answer(
        {
            "timestamp": stamp(current.now()),
            "items": [item_object(key, after[key], tenant_id=tenant_id) for key in changes],
        }
    )


def _change(asked: Mapping[str, Any], before: Mapping[Key, Holding]) -> tuple[Key, Holding]:
    """One entry of the request as the holding it asks for; what is not sent stays as it was."""
    key = _key(asked)
    old = before.get(key, Holding())
    status = old.status if asked.get("status") is None else int(boolean(asked["status"], "status"))
    quota = old.quota if asked.get("quota") is None else _quota(mapping(asked["quota"], "quota"), old.quota, key)
    return key, Holding(status, quota if status else Quota())


def _key(asked: Mapping[str, Any]) -> Key:
    name = text(required(asked, "name"), "name", required=True)
    application_id = uuid(required(asked, "application_id"), "application_id")
    infra_id = "" if asked.get("infra_id") is None else uuid(asked["infra_id"], "infra_id")
    item = ITEMS.get(name)
    if item is None or item.application_id != application_id or infra_id not in storages_for(item):
        if item is not None and item.capability and not infra_id:
            raise bad_request(f"infra_id is required for {name}.")
        raise _unavailable([(name, infra_id)])
    return name, infra_id


def _quota(sent: Mapping[str, Any], old: Quota, key: Key) -> Quota:
    """:raises Refusal: 400 unless value, overage and version are sent, 426 when the quota was changed since it was read."""
    for name in ("value", "overage", "version"):
        if name not in sent:
            raise bad_request(f"quota.{name} is required for {key[0]}.")
    version = integer(sent["version"] or 0, "quota.version")
    if version != old.version:
        raise stale_version(sent=version, current=old.version, status=426)
    value, overage = (None if sent[name] is None else integer(sent[name], f"quota.{name}") for name in ("value", "overage"))
    if min(value or 0, overage or 0) < 0:
        raise bad_request(f"The quota of {key[0]} must not be negative.")
    if value is None:
        return Quota()
    if (value, overage) == (old.value, old.overage):
        return old
    return Quota(value, overage, max(milliseconds(current.now()), old.version + 1))


def _unavailable(keys: Iterable[Key]) -> Refusal:
    names = sorted({name for name, _ in keys})
    return Refusal(
        400,
        "Offering item is not available.",
        code=ITEM_UNAVAILABLE,
        info=f"Not available: {', '.join(names)}",
        context={"offering_items": names},
    )


def _refuse_unavailable(tenant: sqlite3.Row, changes: Mapping[Key, Holding]) -> None:
    missing = {key for key, holding in changes.items() if holding.status} - enabled_keys(tenant["parent_id"])
    if missing:
        raise _unavailable(missing)


def _refuse_combinations(tenant: sqlite3.Row, after: Mapping[Key, Holding]) -> None:
    enabled = [(ITEMS[name], infra_id) for (name, infra_id), holding in after.items() if holding.status]
    if tenant["kind"] in SINGLE_STORAGE_KINDS:
        _refuse_second_edition(enabled)
        _refuse_second_storage(enabled)
    usage_names = {(item.edition, item.usage_name) for item, _ in enabled}
    for item, _ in enabled:
        missing = [name for name in NEEDS.get(item.usage_name, ()) if (item.edition, name) not in usage_names]
        if missing:
            raise Refusal(
                400,
                "Offering item dependency error.",
                code=DEPENDENCY,
                info=f"{item.name} needs {', '.join(missing)} in the same edition.",
                context={"offering_item": item.name, "missing": missing},
            )


def _refuse_second_edition(enabled: Iterable[tuple[Item, str]]) -> None:
    editions: dict[str, set[str]] = {}
    for item, _ in enabled:
        if item.edition:
            editions.setdefault(item.application_id, set()).add(item.edition)
    for application_id, found in editions.items():
        if len(found) > 1:
            raise broken_rule(
                "A customer can have one edition per application.",
                application_id=application_id,
                editions=sorted(found),
            )


def _refuse_second_storage(enabled: Iterable[tuple[Item, str]]) -> None:
    storages: dict[str, set[str]] = {}
    for item, infra_id in enabled:
        if item.capability:
            storages.setdefault(item.capability, set()).add(infra_id)
    for capability, found in storages.items():
        if len(found) > 1:
            raise broken_rule("A customer can have one storage per type.", type=capability, infra_ids=sorted(found))


def _refuse_disabling(
    tenant: sqlite3.Row, changes: Mapping[Key, Holding], before: Mapping[Key, Holding], *, check_usage: bool
) -> None:
    disabled = [key for key, new in changes.items() if not new.status and before.get(key, Holding()).status]
    for name, infra_id in disabled:
        if infra_id and _child_has(tenant, name, infra_id):
            raise Refusal(
                400,
                "The storage is used by a child tenant.",
                code=STORAGE_USED_BY_CHILD,
                context={"offering_item": name, "infra_id": infra_id},
            )
    if check_usage:
        today = current.now().date()
        used = [name for name, _ in disabled if metering.is_used(tenant, name, today)]
        if used:
            raise broken_rule("Offering items with usage cannot be disabled.", offering_items=used)


def _child_has(tenant: sqlite3.Row, name: str, infra_id: str) -> bool:
    found = current.db().execute(
        "SELECT 1 FROM offering_items o JOIN tenants t ON t.id = o.tenant_id"
        " WHERE o.name = ? AND o.infra_id = ? AND o.status = 1 AND t.parent_id = ? AND t.deleted_at IS NULL",
        (name, infra_id, tenant["id"]),
    )
    return found.fetchone() is not None


def _store(tenant_id: str, changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> None:
    """Write the changes. Switching on an item switches on its service; what a partner loses, everybody below loses."""
    db, at = current.db(), stamp(current.now())
    for (name, infra_id), new in changes.items():
        old = before.get((name, infra_id), Holding())
        switched = new.status != old.status
        db.execute(
            "INSERT INTO offering_items (tenant_id, name, infra_id, status, quota_value, quota_overage, quota_version,"
            " enabled_at, disabled_at, updated_at)"
            " VALUES (:tenant_id, :name, :infra_id, :status, :value, :overage, :version, :enabled, :disabled, :at)"
            " ON CONFLICT (tenant_id, name, infra_id) DO UPDATE SET status = excluded.status,"
            " quota_value = excluded.quota_value, quota_overage = excluded.quota_overage,"
            " quota_version = excluded.quota_version, enabled_at = coalesce(excluded.enabled_at, enabled_at),"
            " disabled_at = CASE WHEN excluded.status THEN NULL ELSE coalesce(excluded.disabled_at, disabled_at) END,"
            " updated_at = excluded.updated_at",
            {
                "tenant_id": tenant_id,
                "name": name,
                "infra_id": infra_id,
                "status": new.status,
                **new.quota.to_json(),
                "enabled": at if switched and new.status else None,
                "disabled": at if switched and not new.status else None,
                "at": at,
            },
        )
        if new.status:
            bind(tenant_id, ITEMS[name].application_id)
        elif switched:
            _disable_below(tenant_id, name, infra_id, at=at)


def _disable_below(tenant_id: str, name: str, infra_id: str, *, at: str) -> None:
    current.db().execute(
        "UPDATE offering_items SET status = 0, quota_value = NULL, quota_overage = NULL, quota_version = 0,"
        " disabled_at = ?, updated_at = ? WHERE name = ? AND infra_id = ? AND status = 1 AND tenant_id IN"
        " (SELECT id FROM tenants WHERE instr(path, ?) > 0 AND id <> ?)",
        (at, at, name, infra_id, f"/{tenant_id}/", tenant_id),
    )


def bind(tenant_id: str, application_id: str) -> None:
    current.db().execute(
        "INSERT INTO bindings VALUES (?, ?, 1) ON CONFLICT (tenant_id, application_id) DO UPDATE SET bound = 1",
        (tenant_id, application_id),
    )


def unbind(tenant_id: str, application_id: str) -> None:
    """Remove a service: its items go off for the tenant and everybody below, and are no longer listed."""
    current.db().execute(
        "INSERT INTO bindings VALUES (?, ?, 0) ON CONFLICT (tenant_id, application_id) DO UPDATE SET bound = 0",
        (tenant_id, application_id),
    )
    before = holdings(tenant_id)
    gone = [key for key, old in before.items() if old.status and ITEMS[key[0]].application_id == application_id]
    _store(tenant_id, dict.fromkeys(gone, Holding()), before)


# Edition switch


@routes.get("/tenants/<tenant_id>/edition")
def try_edition(tenant_id: str) -> Response:
    """The switch as a dry run: what would be warned of, or 400/1021 with the items that stand in its way."""
    tenant = tree.find_tenant(tenant_id)
    _switched(tenant, uuid(query("application_id"), "application_id"), query("target_edition"))
    return answer({"warnings": []})


@routes.put("/tenants/<tenant_id>/edition")
def switch_edition(tenant_id: str) -> Response:
    """Replace the enabled items of an application by their counterparts in another edition, quotas included."""
    body, tenant = json_body(), tree.find_tenant(tenant_id)
    tree.refuse_locked(tenant)
    application_id = uuid(required(body, "application_id"), "application_id")
    changes = _switched(tenant, application_id, str(required(body, "target_edition")))
    before = holdings(tenant_id)
    _refuse_combinations(tenant, {**before, **changes})
    _store(tenant_id, changes, before)
    after = holdings(tenant_id)
    items = [item_object(key, after[key], tenant_id=tenant_id) for key, new in changes.items() if new.status]
    return answer({"timestamp": stamp(current.now()), "items": items, "warnings": []})


def _switched(tenant: sqlite3.Row, application_id: str, edition: str) -> dict[Key, Holding]:
    """The changes that lead from the present edition of an application to another."""
    if EDITIONS.get(edition) != application_id:
        raise bad_request("target_edition is not an edition of this application.")
    offered, version = enabled_keys(tenant["parent_id"]), milliseconds(current.now())
    changes: dict[Key, Holding] = {}
    missing: list[Key] = []
    for (name, infra_id), old in holdings(tenant["id"]).items():
        item = ITEMS[name]
        if not old.status or item.application_id != application_id or item.edition in (None, edition):
            continue
        other = counterpart(item, edition)
        if other is None or (other.name, infra_id) not in offered:
            missing.append((name, infra_id))
            continue
        quota = old.quota if old.quota.value is None else Quota(old.quota.value, old.quota.overage, version)
        changes[name, infra_id] = Holding()
        changes[other.name, infra_id] = Holding(1, quota)
    if missing:
        raise _unavailable(missing)
    return changes


@routes.get("/editions")
def get_editions() -> Response:
    return answer({"items": [{"name": name, "application_id": EDITIONS[name]} for name in EDITIONS]})


# Prices of items


@routes.get("/tenants/<tenant_id>/offering_items/pricing")
def get_prices(tenant_id: str) -> Response:
    return answer(_prices_object(tree.find_tenant(tenant_id)))


@routes.put("/tenants/<tenant_id>/offering_items/pricing")
def change_prices(tenant_id: str) -> Response:
    """Prices are decimal numbers as strings; 409/1001 for a stale version."""
    tenant = tree.find_tenant(tenant_id)
    present = {(item["name"], item.get("infra_id", "")): item for item in _prices_object(tenant)["items"]}
    for entry in listing(required(json_body(), "items"), "items"):
        sent = mapping(entry, "items")
        key = _key(sent)
        version = present[key]["version"] if key in present else 0
        if sent.get("version") is not None and integer(sent["version"], "version") != version:
            raise stale_version(sent=integer(sent["version"], "version"), current=version)
        current.db().execute(
            "INSERT INTO prices VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant_id, name, infra_id)"
            " DO UPDATE SET price = excluded.price, version = excluded.version",
            (tenant_id, *key, _price(required(sent, "price")), max(milliseconds(current.now()), version + 1)),
        )
    return answer(_prices_object(tenant))


def _price(value: Any) -> str:
    try:
        price = Decimal(value) if isinstance(value, str) else None
    except InvalidOperation:
        price = None
    if price is None or not price.is_finite() or price < 0:
        raise bad_request('price must be a decimal number as a string, like "0.05".')
    return str(value)


def _prices_object(tenant: sqlite3.Row) -> dict[str, Any]:
    rows = current.db().execute("SELECT * FROM prices WHERE tenant_id = ?", (tenant["id"],))
    prices = {(row["name"], row["infra_id"]): row for row in rows}
    found = []
    for name, infra_id in sorted(enabled_keys(tenant["id"]), key=_in_order):
        row = prices.get((name, infra_id))
        entry: dict[str, Any] = {"application_id": ITEMS[name].application_id, "name": name}
        entry |= {"price": row["price"] if row else "0", "version": row["version"] if row else 0}
        found.append(entry | ({"infra_id": infra_id} if infra_id else {}))
    return {"items": found}


# Applications of a tenant


def applications_of(tenant: sqlite3.Row) -> list[str]:
    """Services switched on for the tenant, in the vendor's order; the portal itself is always there."""
    rows = current.db().execute("SELECT application_id FROM bindings WHERE tenant_id = ? AND bound = 1", (tenant["id"],))
    bound = {row["application_id"] for row in rows}
    return [application_id for application_id in OFFERED_APPLICATIONS if application_id in bound]


def storages_of(tenant: sqlite3.Row) -> list[str]:
    """Storages in the tenant's items, enabled or available."""
    keys = listed_keys(tenant, holdings(tenant["id"]))
    ids = {infra_id for _, infra_id in keys}
    return [storage_id for storage_id in STORAGES if storage_id in ids]
