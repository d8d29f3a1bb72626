"""Switching an application of a tenant from one edition to another."""

import sqlite3
from collections.abc import Mapping

from flask import Blueprint, Response

from sandbox import current, item_changes, tree
from sandbox.answers import answer, stamp
from sandbox.definitions import EDITIONS, ITEMS, LEGACY_EDITION, PROVIDER_TENANT, counterpart
from sandbox.errors import bad_request, broken_rule
from sandbox.incoming import json_body, query, required, text, uuid
from sandbox.offering_items import Holding, Key, Quota, enabled_keys, holdings, item_object
from sandbox.storage import milliseconds

routes = Blueprint("editions", __name__)

NEW_FEATURES = "NewFeaturesBecomeAvailable"


@routes.get("/tenants/<tenant_id>/edition")
def try_edition(tenant_id: str) -> Response:
    """The switch as a dry run: what it would warn of, or the refusal the switch itself would get."""
    tenant = tree.find_tenant(tenant_id)
    application_id, edition = uuid(query("application_id"), "application_id"), query("target_edition")
    _checked_switch(tenant, application_id, edition)
    return answer({"warnings": _warnings(tenant, application_id, edition)})


@routes.put("/tenants/<tenant_id>/edition")
def switch_edition(tenant_id: str) -> Response:
    """
    Replace the enabled items of an application by their counterparts in another edition, quotas included.

    The answer has both described shapes at once: the list of the new items, and `warnings`. 400/1021 with the items in
    `context` when the parent does not offer all of them.
    """
    body, tenant = json_body(), tree.find_tenant(tenant_id)
    application_id = uuid(required(body, "application_id"), "application_id")
    edition = text(required(body, "target_edition"), "target_edition")
    tree.refuse_change(tenant)
    changes = _checked_switch(tenant, application_id, edition)
    warnings = _warnings(tenant, application_id, edition)
    item_changes.store(tenant_id, changes, holdings(tenant_id))
    after = holdings(tenant_id)
    items = [item_object(key, after[key], tenant_id=tenant_id) for key, new in changes.items() if new.status]
    return answer({"timestamp": stamp(current.now()), "items": items, "warnings": warnings})


def _checked_switch(tenant: sqlite3.Row, application_id: str, edition: str) -> dict[Key, Holding]:
    """The changes of the switch, after holding them against the rules for any change of items."""
    if tenant["owner_id"]:
        raise broken_rule("A personal tenant goes by the tenant it lies in.")
    before = holdings(tenant["id"])
    changes = _switched(tenant, application_id, edition, before)
    item_changes.refuse_combinations(tenant, {**before, **changes})
    item_changes.refuse_disabling(tenant, changes, before)
    return changes


def _warnings(tenant: sqlite3.Row, application_id: str, edition: str) -> list[str]:
    """Does the parent offer something in the new edition that the present ones cannot count?"""
    held = {name for name, _ in enabled_keys(tenant["id"]) if ITEMS[name].application_id == application_id}
    editions = {ITEMS[name].edition for name in held} - {None}
    known = {item.usage_name for item in ITEMS.values() if item.edition in editions}
    offered = {ITEMS[name].usage_name for name, _ in enabled_keys(tenant["parent_id"]) if ITEMS[name].edition == edition}
    return [NEW_FEATURES] if editions and editions != {edition} and offered - known else []


def _switched(tenant: sqlite3.Row, application_id: str, edition: str, before: Mapping[Key, Holding]) -> dict[Key, Holding]:
    """The changes that lead from the present edition of an application to another."""
    if EDITIONS.get(edition) != application_id:
        raise bad_request("target_edition is not an edition of this application.")
    offered, version = enabled_keys(tenant["parent_id"]), milliseconds(current.now())
    changes: dict[Key, Holding] = {}
    missing: list[Key] = []
    for (name, infra_id), old in before.items():
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
        raise item_changes.unavailable(missing)
    return changes


@routes.get("/editions")
def get_editions() -> Response:
    """Every edition by name, for the official PHP library; the legacy one only where it is offered."""
    offered = {ITEMS[name].edition for name, _ in enabled_keys(PROVIDER_TENANT)}
    found = [name for name in EDITIONS if name != LEGACY_EDITION or name in offered]
    return answer({"items": [{"name": name, "application_id": EDITIONS[name]} for name in found]})
