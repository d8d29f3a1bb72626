"""Tenants: one of them, made, read, changed and deleted."""

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response

from sandbox import current, moving, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.contacts import COMPANY_BILLING, blank_contact, language, merged_contact, search_text
from sandbox.errors import PARENT_DISABLED, TENANT_NOT_DISABLED, TENANT_NOT_FOUND, Refusal, broken_rule, stale_version
from sandbox.incoming import (
    boolean,
    integer,
    json_body,
    mapping,
    one_of,
    query_version,
    required,
    text,
    uuid,
    wants,
)
from sandbox.storage import update

routes = Blueprint("tenants", __name__)

CUSTOMER_TYPES = ("default", "enterprise", "consumer", "small_office", "ti_unified")
# What an integration may say about its own part in deleting or recovering a tenant, and what is shown of it.
OPERATIONS = {"no_operation": None, "deleting": "deleting", "recovering": "recovering"}
HIDDEN_DETAILS = ("company_billing_contact", "settings")


# As JSON


def tenant_object(row: sqlite3.Row) -> dict[str, Any]:
    has_children = current.db().execute(
        "SELECT 1 FROM tenants WHERE parent_id = ? AND id <> parent_id AND deleted_at IS NULL AND owner_id IS NULL",
        (row["id"],),
    )
    details = {name: value for name, value in tree.details_of(row).items() if name not in HIDDEN_DETAILS}
    return {
        **basic_object(row),
        "customer_id": row["customer_id"],
        "internal_tag": row["internal_tag"],
        "owner_id": row["owner_id"],
        "has_children": has_children.fetchone() is not None,
        "pricing_mode": tree.pricing_mode(row, current.now()),
        "production_start_date": row["production_from"],
        "contacts": [],
        **details,
    }


def basic_object(row: sqlite3.Row) -> dict[str, Any]:
    return {**stamps_object(row), "name": row["name"], "kind": row["kind"], "enabled": bool(row["enabled"])}


def stamps_object(row: sqlite3.Row) -> dict[str, Any]:
    return {name: row[name] for name in ("id", "parent_id", "version", "created_at", "updated_at", "deleted_at")}


# Creating


@routes.post("/tenants")
def create_tenant() -> Response:
    """201; 400/1003 under a disabled parent, 400/1027 where the kind does not fit, 409/1004 for a name in use."""
    body, at, db = json_body(), current.now(), current.db()
    name = text(required(body, "name"), "name", required=True, longest=255)
    kind = one_of(required(body, "kind"), "kind", tuple(moving.PARENTS_OF))
    parent = _parent_for_new(uuid(required(body, "parent_id"), "parent_id"), kind)
    tree.refuse_taken_name(name)
    details = tree.new_details(at=at)
    _change_details(details, body, kind=kind, at=at)
    _add_creation_details(details, body, at=at)
    tenant_id, is_trial = str(uuid4()), kind == "customer"
    tree.insert_tenant(
        db,
        at=at,
        details=details,
        id=tenant_id,
        parent_id=parent["id"],
        path=f"{parent['path']}{tenant_id}/",
        level=parent["level"] + 1,
        kind=kind,
        name=name,
        enabled=boolean(body.get("enabled", True), "enabled"),
        customer_id=_optional_text(body, "customer_id"),
        internal_tag=_optional_text(body, "internal_tag", longest=256),
        pricing_mode="trial" if is_trial else tree.pricing_mode(parent, at),
        production_from=stamp(tree.end_of_trial(at)) if is_trial else None,
    )
    return answer(tenant_object(tree.row_of(tenant_id)), 201)


def _parent_for_new(parent_id: str, kind: str) -> sqlite3.Row:
    try:
        parent = tree.find_tenant(parent_id)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
        raise Refusal(404, "Tenant is not found.", code=TENANT_NOT_FOUND, context={"id": parent_id}) from None
    if parent["kind"] not in moving.PARENTS_OF[kind] or parent["owner_id"]:
        raise broken_rule(f"A {kind} cannot be created under a {parent['kind']}.")
    if not tree.is_reachable(parent):
        raise Refusal(400, "The parent tenant is disabled.", code=PARENT_DISABLED, context={"id": parent_id})
    return parent


def _add_creation_details(details: dict[str, Any], body: Mapping[str, Any], *, at: datetime) -> None:
    """What can be sent when a tenant is made only."""
    if body.get("company_billing_contact") is not None:
        sent = mapping(body["company_billing_contact"], "company_billing_contact")
        contact = merged_contact(blank_contact(at=at), {**sent, "types": None}, at=at)
        details["company_billing_contact"] = {**contact, "types": [COMPANY_BILLING]}
    settings = mapping(body.get("settings") or {}, "settings")
    enhanced = settings.get("enhanced_security", body.get("enhanced_security"))
    if enhanced is not None:
        details["settings"] = {"enhanced_security": boolean(enhanced, "settings.enhanced_security")}


def _optional_text(body: Mapping[str, Any], name: str, *, longest: int = 255) -> str | None:
    return None if body.get(name) is None else text(body[name], name, longest=longest)


def _change_details(details: dict[str, Any], body: Mapping[str, Any], *, kind: str, at: datetime) -> None:
    """Take over the fields kept in `details`, for creating and for updating alike."""
    if body.get("contact") is not None:
        details["contact"] = merged_contact(details["contact"], mapping(body["contact"], "contact"), at=at)
    if body.get("language"):
        details["language"] = language(body["language"])
    if body.get("default_idp_id"):
        details["default_idp_id"] = uuid(body["default_idp_id"], "default_idp_id")
    if body.get("customer_type"):
        details["customer_type"] = one_of(body["customer_type"], "customer_type", CUSTOMER_TYPES)
    if body.get("ancestral_access") is not None:
        details["ancestral_access"] = boolean(body["ancestral_access"], "ancestral_access")
        if kind == "unit" and not details["ancestral_access"]:
            raise broken_rule("A unit cannot do without access of its ancestors.")
    if body.get("update_lock") is not None:
        locked = boolean(mapping(body["update_lock"], "update_lock").get("enabled"), "update_lock.enabled")
        owner_id = current.caller().tenant_id if locked else None
        details["update_lock"] = {"enabled": locked, "owner_id": owner_id}


# Reading one


@routes.get("/tenants/<tenant_id>")
def get_tenant(tenant_id: str) -> Response:
    row = tree.find_tenant(tenant_id, allow_deleted=wants("allow_deleted"))
    found = tenant_object(row)
    if wants("embed_path"):
        ids = row["path"].strip("/").split("/")[:-1]
        found["path"] = list(reversed(ids[ids.index(current.caller().tenant_id) :])) if _is_below(row) else []
    return answer(found)


def _is_below(row: sqlite3.Row) -> bool:
    return bool(row["id"] != current.caller().tenant_id)


# Changing


@routes.put("/tenants/<tenant_id>")
def change_tenant(tenant_id: str) -> Response:
    """
    200; only the fields that were sent change.

    409/1001 for a stale version, 403/1012 under another tenant's lock, 409/1011 while an integration has marked the tenant as
    being deleted. `parent_id` moves the tenant.
    """
    body, at, row = json_body(), current.now(), tree.find_tenant(tenant_id)
    _check_version(row, integer(required(body, "version"), "version"))
    tree.refuse_locked(row)
    if body.get("external_operation_status") is None:
        tree.refuse_deprovisioning(row)
    details = tree.details_of(row)
    _change_details(details, body, kind=row["kind"], at=at)
    if body.get("external_operation_status") is not None:
        word = one_of(body["external_operation_status"], "external_operation_status", tuple(OPERATIONS))
        details["external_operation_status"] = OPERATIONS[word]
    if body.get("brand_id") is not None:
        details["brand_id"] = integer(body["brand_id"], "brand_id")
    columns: dict[str, Any] = {}
    if "name" in body:
        columns["name"] = text(body["name"], "name", required=True, longest=255)
        columns["name_key"] = columns["name"].casefold()
        tree.refuse_taken_name(columns["name"], but=tenant_id)
    for name, longest in (("customer_id", 255), ("internal_tag", 256)):
        if name in body:
            columns[name] = _optional_text(body, name, longest=longest)
    if body.get("enabled") is not None:
        columns["enabled"] = boolean(body["enabled"], "enabled")
    if body.get("kind") not in (None, row["kind"]):
        columns["kind"] = _changed_kind(row, body["kind"])
    if body.get("parent_id") not in (None, row["parent_id"]):
        moving.move(row, uuid(body["parent_id"], "parent_id"))
    customer_id = columns.get("customer_id", row["customer_id"])
    update(
        current.db(),
        "tenants",
        tenant_id,
        **columns,
        version=row["version"] + 1,
        updated_at=stamp(at),
        details=json.dumps(details),
        search_text=search_text(columns.get("name", row["name"]), customer_id, details["contact"]),
    )
    return answer(tenant_object(tree.row_of(tenant_id)))


def _check_version(row: sqlite3.Row, sent: int) -> None:
    if sent != row["version"]:
        raise stale_version(sent=sent, current=row["version"])


def _changed_kind(row: sqlite3.Row, kind: Any) -> str:
    if {row["kind"], kind} != {"partner", "folder"}:
        raise broken_rule("Only a partner can become a folder and a folder a partner.")
    return str(kind)


@routes.delete("/tenants/<tenant_id>")
def delete_tenant(tenant_id: str) -> Response:
    """204; the tenant with everything below is marked deleted. 400/1006 while it is enabled."""
    row, db, at = tree.find_tenant(tenant_id), current.db(), stamp(current.now())
    tree.refuse_locked(row)
    if row["enabled"]:
        number = str(row["number"])
        sentence = "It is prohibited to delete a non-disabled tenant."
        raise Refusal(
            400,
            sentence,
            code=TENANT_NOT_DISABLED,
            info=f"{sentence} {number}",
            addition=[{"id": number}],
            context={"id": number},
        )
    _check_version(row, query_version())
    below = tree.below(row)
    db.execute(
        "UPDATE users SET deleted_at = ?, updated_at = ? WHERE deleted_at IS NULL AND tenant_id IN"
        " (SELECT id FROM tenants WHERE path >= ? AND path < ?)",
        (at, at, *below),
    )
    db.execute(
        "UPDATE tenants SET deleted_at = ?, updated_at = ?, version = version + 1"
        " WHERE deleted_at IS NULL AND path >= ? AND path < ?",
        (at, at, *below),
    )
    return nothing()
