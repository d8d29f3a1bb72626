"""Switching offering items on and off, their quotas, and what may be combined."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response

from sandbox import current, infra, metering, tree
from sandbox.answers import answer, stamp
from sandbox.definitions import ITEMS, Item
from sandbox.errors import (
    DEFAULT_STORAGE,
    DEPENDENCY,
    ITEM_UNAVAILABLE,
    PARENT_DISABLED,
    STORAGE_USED_BY_CHILD,
    Refusal,
    bad_request,
    broken_rule,
    stale_version,
)
from sandbox.incoming import boolean, integer, json_body, listing, mapping, required, text, uuid
from sandbox.offering_items import Holding, Key, Quota, enabled_keys, holdings, item_object
from sandbox.storage import milliseconds

routes = Blueprint("item_changes", __name__)

SINGLE_STORAGE_KINDS = ("customer", "unit")
# Usage names that work only together with others of the same edition, as far as the edition has them. Storage and seats of
# File Sync & Share are one thing.
NEEDS = {
    "mailboxes": ("o365_mailboxes", "o365_onedrive"),
    "gsuite_seats": ("google_mail", "google_drive"),
    "fc_seats": ("fc_storage",),
    "fc_storage": ("fc_seats",),
}


@routes.put("/tenants/<tenant_id>/offering_items")
def change_items(tenant_id: str) -> Response:
    """
    Change the listed items and leave the others; all or nothing.

    400/1021 for items the parent does not have, 400/1027 for a second edition or storage on a customer, 400/1023 for items that
    need others, 400/1016 and 400/1017 for storages that are needed, 426 for a stale quota version.
    """
    body, tenant = json_body(), tree.find_tenant(tenant_id)
    tree.refuse_change(tenant)
    if tenant["owner_id"]:
        raise broken_rule("Offering items cannot be switched on a personal tenant.")
    if not tree.is_reachable(tree.parent_of(tenant)):
        raise Refusal(400, "The parent tenant is disabled.", code=PARENT_DISABLED)
    before = holdings(tenant_id)
    asked = [mapping(item, "offering_items") for item in listing(required(body, "offering_items"), "offering_items")]
    changes = dict(_change(item, before) for item in asked)
    _refuse_unavailable(tenant, changes, before)
    refuse_combinations(tenant, {**before, **changes})
    refuse_disabling(tenant, changes, before)
    if boolean(body.get("check_usage") or False, "check_usage"):
        _refuse_disabling_used(tenant, changes, before)
    store(tenant_id, changes, before)
    after = holdings(tenant_id)
    return answer(
        {
            "timestamp": stamp(current.now()),
            "items": [item_object(key, after[key], tenant_id=tenant_id) for key in changes],
        }
    )


def _change(asked: Mapping[str, Any], before: Mapping[Key, Holding]) -> tuple[Key, Holding]:
    """One entry of the request as the holding it asks for; what is not sent stays as it was."""
    key = item_key(asked)
    old = before.get(key, Holding())
    status = old.status if asked.get("status") is None else int(boolean(asked["status"], "status"))
    quota = old.quota if asked.get("quota") is None else _quota(mapping(asked["quota"], "quota"), old.quota, key)
    return key, Holding(status, quota if status else Quota())


def item_key(asked: Mapping[str, Any]) -> Key:
    """:raises Refusal: 400/1021 for an item or storage that does not exist, 400 for an item that lacks its storage."""
    name = text(required(asked, "name"), "name", required=True)
    application_id = uuid(required(asked, "application_id"), "application_id")
    infra_id = "" if asked.get("infra_id") is None else uuid(asked["infra_id"], "infra_id")
    item = ITEMS.get(name)
    if item is None or item.application_id != application_id or not infra.fits(item, infra_id):
        if item is not None and item.capability and not infra_id:
            raise bad_request(f"infra_id is required for {name}.")
        raise unavailable([(name, infra_id)])
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


def unavailable(keys: Iterable[Key]) -> Refusal:
    names = sorted({name for name, _ in keys})
    return Refusal(
        400,
        "Offering item is not available.",
        code=ITEM_UNAVAILABLE,
        info=f"Not available: {', '.join(names)}",
        context={"offering_items": names},
    )


def _refuse_unavailable(tenant: sqlite3.Row, changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> None:
    """What the tenant has already it may keep, as its own storage, which its parent does not have."""
    enabled = {key for key, new in changes.items() if new.status and not before.get(key, Holding()).status}
    missing = enabled - enabled_keys(tenant["parent_id"])
    if missing:
        raise unavailable(missing)


def refuse_combinations(tenant: sqlite3.Row, after: Mapping[Key, Holding]) -> None:
    """
    :raises Refusal: 400/1027 for a second edition or storage on a customer, 400/1023 for an item without one it needs.
    """
    enabled = [(ITEMS[name], infra_id) for (name, infra_id), holding in after.items() if holding.status]
    if tenant["kind"] in SINGLE_STORAGE_KINDS:
        _refuse_second_edition(enabled)
        _refuse_second_storage(enabled)
    usage_names = {(item.edition, item.usage_name) for item, _ in enabled}
    for item, _ in enabled:
        missing = [name for name in _needs(item) if (item.edition, name) not in usage_names]
        if missing:
            raise Refusal(
                400,
                "Offering item dependency error.",
                code=DEPENDENCY,
                info=f"{item.name} needs {', '.join(missing)} in the same edition.",
                context={"offering_item": item.name, "missing": missing},
            )


def _needs(item: Item) -> Iterable[str]:
    needed = NEEDS.get(item.usage_name, ())
    return (name for name in needed if any(one.edition == item.edition and one.usage_name == name for one in ITEMS.values()))


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


def refuse_disabling(tenant: sqlite3.Row, changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> None:
    """
    :raises Refusal: 400/1016 for a storage a child has, 400/1017 for the first of a partner's storages while others stay.
    """
    for name, infra_id in filter(lambda key: key[1], _disabled(changes, before)):
        if _child_has(tenant, name, infra_id):
            raise _needed_storage("The storage is used by a child tenant.", STORAGE_USED_BY_CHILD, name, infra_id)
        if tenant["kind"] not in SINGLE_STORAGE_KINDS and _is_default(name, infra_id, before, {**before, **changes}):
            raise _needed_storage("The default storage cannot be turned off.", DEFAULT_STORAGE, name, infra_id)


def _disabled(changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> list[Key]:
    return [key for key, new in changes.items() if not new.status and before.get(key, Holding()).status]


def _needed_storage(message: str, code: int, name: str, infra_id: str) -> Refusal:
    return Refusal(400, message, code=code, context={"offering_item": name, "infra_id": infra_id})


def _is_default(name: str, infra_id: str, before: Mapping[Key, Holding], after: Mapping[Key, Holding]) -> bool:
    """The storage an item was first switched on with is the tenant's default; it goes last."""
    first = next(other for (known, other), holding in before.items() if known == name and holding.status)
    stays = any(known == name and holding.status for (known, _), holding in after.items())
    return infra_id == first and stays


def _refuse_disabling_used(tenant: sqlite3.Row, changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> None:
    today = current.now().date()
    used = [name for name, _ in _disabled(changes, before) if metering.is_used(tenant, name, today)]
    if used:
        raise broken_rule("Offering items with usage cannot be disabled.", offering_items=used)


def _child_has(tenant: sqlite3.Row, name: str, infra_id: str) -> bool:
    found = current.db().execute(
        "SELECT 1 FROM offering_items o JOIN tenants t ON t.id = o.tenant_id"
        " WHERE o.name = ? AND o.infra_id = ? AND o.status = 1 AND t.parent_id = ? AND t.deleted_at IS NULL",
        (name, infra_id, tenant["id"]),
    )
    return found.fetchone() is not None


def store(tenant_id: str, changes: Mapping[Key, Holding], before: Mapping[Key, Holding]) -> None:
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
        " (SELECT id FROM tenants WHERE path > ? AND path < ?)",
        (at, at, name, infra_id, *tree.below(tree.row_of(tenant_id))),
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
    store(tenant_id, dict.fromkeys(gone, Holding()), before)
