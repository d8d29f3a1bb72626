"""Users: finding, showing, creating, changing, deleting and restoring one."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response

from sandbox import auth, current, logins, mails, mfa, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.contacts import blank_contact, language, merged_contact, search_text
from sandbox.errors import PARENT_DISABLED, Refusal, bad_request, broken_rule, not_found, stale_version
from sandbox.incoming import (
    boolean,
    integer,
    json_body,
    listing,
    mapping,
    moment,
    one_of,
    query_version,
    required,
    text,
    uuid,
    wants,
)
from sandbox.storage import insert, update

routes = Blueprint("users", __name__)

IDENTITY_PROVIDER = "11111111-1111-1111-1111-111111111111"
NOTIFICATIONS = (
    "maintenance",
    "quota",
    "reports",
    "backup_error",
    "backup_warning",
    "backup_info",
    "backup_daily_report",
    "backup_critical",
    "device_control_warning",
    "certificate_management_error",
    "certificate_management_warning",
    "certificate_management_info",
)
DEFAULT_NOTIFICATIONS = ["quota", "reports", "backup_daily_report"]
CUSTOMER_KINDS = ("customer", "unit")
NOT_NULL = ("external_id", "origin_id", "origin_external_id", "disable_after")
COLUMNS = ("login", "enabled", "external_id", "disable_after")


# Finding


def row_of(user_id: str) -> sqlite3.Row:
    row: sqlite3.Row = current.db().execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    return row


def find_user(user_id: str, *, allow_deleted: bool = False) -> sqlite3.Row:
    """
    A user in the caller's subtree.

    :raises Refusal: 404 when there is none or it was deleted, 403/1002 outside the subtree.
    """
    row = row_of(user_id)
    if row is None or (row["deleted_at"] and not allow_deleted):
        raise not_found()
    tree.find_open_tenant(row["tenant_id"], allow_deleted=allow_deleted)
    return row


# As JSON


def user_object(row: sqlite3.Row) -> dict[str, Any]:
    """A single user; ids that are not set are left out, as the reference has no null for them."""
    found = {**full_object(row), "terms_accepted": bool(row["activated"])}
    return {name: value for name, value in found.items() if value is not None or name not in NOT_NULL}


def full_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **basic_object(row),
        "activated": bool(row["activated"]),
        "external_id": row["external_id"],
        "idp_id": IDENTITY_PROVIDER,
        "mfa_status": mfa.status_of_user(row),
        "external_operation_status": None,
        **json.loads(row["details"]),
    }


def basic_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **stamps_object(row),
        "login": row["login"],
        "enabled": auth.is_enabled(row),
        "personal_tenant_id": row["personal_tenant_id"],
    }


def stamps_object(row: sqlite3.Row) -> dict[str, Any]:
    names = ("id", "version", "tenant_id", "created_at", "updated_at", "deleted_at")
    return {name: row[name] for name in (*names, "origin_id", "origin_external_id", "disable_after")}


# Creating and reading


@routes.post("/users")
def create_user() -> Response:
    """200, not 201; a user without roles, with a personal tenant in customers and units. 409 for a login in use."""
    body, at, db = json_body(), current.now(), current.db()
    tenant = tree.find_open_tenant(uuid(required(body, "tenant_id"), "tenant_id"))
    if tenant["owner_id"]:
        raise broken_rule("A personal tenant has no further users.")
    if not tree.is_reachable(tenant):
        raise Refusal(400, "The tenant is disabled.", code=PARENT_DISABLED, context={"id": tenant["id"]})
    login = text(required(body, "login"), "login", longest=255)
    logins.refuse_malformed_login(login, status=400)
    logins.refuse_taken_login(login)
    contact = merged_contact(blank_contact(at=at), mapping(body.get("contact") or {}, "contact"), at=at)
    if not contact["email"]:
        raise bad_request("contact.email is required.")
    user_id = str(uuid4())
    details: dict[str, Any] = {
        "contact": contact,
        "language": "en",
        "business_types": [],
        "notifications": DEFAULT_NOTIFICATIONS,
    }
    _change_details(details, body)
    boolean(body.get("use_existing_identity") or False, "use_existing_identity")
    personal = tenant["kind"] in CUSTOMER_KINDS
    insert_user(
        db,
        at=stamp(at),
        id=user_id,
        tenant_id=tenant["id"],
        login=login,
        enabled=boolean(body.get("enabled", True), "enabled"),
        external_id=_word(body, "external_id"),
        origin_id=_word(body, "origin_id"),
        origin_external_id=_word(body, "origin_external_id"),
        disable_after=_disable_after(body),
        personal_tenant_id=tree.insert_personal_tenant(db, tenant, owner_id=user_id, name=login, at=at) if personal else None,
        details=details,
    )
    return answer(user_object(row_of(user_id)))


def insert_user(db: sqlite3.Connection, *, at: str, details: dict[str, Any], **columns: Any) -> None:
    """A user who is not activated yet, unless the columns say otherwise."""
    row = {
        "login_key": columns["login"].casefold(),
        "activated": 0,
        "enabled": 1,
        "version": 1,
        "created_at": at,
        "updated_at": at,
        "details": json.dumps(details),
        "search_text": search_text(columns["login"], None, details["contact"]),
        **columns,
    }
    insert(db, "users", row)


def new_policy(user_id: str, tenant_id: str, role_id: str, *, issuer_id: str, at: str) -> dict[str, Any]:
    """A role of a user on a tenant, as it is kept and shown."""
    return {
        "id": str(uuid4()),
        "version": 1,
        "created_at": at,
        "updated_at": at,
        "deleted_at": None,
        "trustee_id": user_id,
        "trustee_type": "user",
        "issuer_id": issuer_id,
        "tenant_id": tenant_id,
        "role_id": role_id,
    }


def _word(body: Mapping[str, Any], name: str) -> str | None:
    return text(body[name], name) if body.get(name) else None


def _disable_after(body: Mapping[str, Any]) -> str | None:
    return moment(body["disable_after"], "disable_after") if body.get("disable_after") else None


def _change_details(details: dict[str, Any], body: Mapping[str, Any]) -> None:
    if body.get("language"):
        details["language"] = language(body["language"])
    if body.get("idp_id"):
        details["idp_id"] = uuid(body["idp_id"], "idp_id")
    if body.get("business_types") is not None:
        found = listing(body["business_types"], "business_types")
        details["business_types"] = [one_of(word, "business_types", ("buyer",)) for word in found]
    if body.get("notifications") is not None:
        found = listing(body["notifications"], "notifications")
        details["notifications"] = [one_of(word, "notifications", NOTIFICATIONS) for word in found]


@routes.get("/users/<user_id>")
def get_user(user_id: str) -> Response:
    return answer(user_object(find_user(user_id, allow_deleted=wants("allow_deleted"))))


# Changing


@routes.put("/users/<user_id>")
def change_user(user_id: str) -> Response:
    """
    200; only the fields that were sent change.

    The e-mail address of an activated user waits until it is confirmed from a mail, and its change alone leaves the version.
    """
    body, at, row = json_body(), current.now(), find_user(user_id)
    _check_version(row, integer(required(body, "version"), "version"))
    details = json.loads(row["details"])
    before = json.dumps([*(row[name] for name in COLUMNS), details])
    waiting = _change_contact(row, details, body)
    _change_details(details, body)
    columns = _changed_columns(row, body)
    if waiting is None or json.dumps([*columns.values(), details]) != before:
        _save(row, details, columns, at=stamp(at))
    if waiting is not None:
        mails.send(row_of(user_id), kind="email_change", to=waiting)
    return answer(user_object(row_of(user_id)))


def _check_version(row: sqlite3.Row, sent: int) -> None:
    if sent != row["version"]:
        raise stale_version(sent=sent, current=row["version"])


def _changed_columns(row: sqlite3.Row, body: Mapping[str, Any]) -> dict[str, Any]:
    columns: dict[str, Any] = {name: row[name] for name in COLUMNS}
    if body.get("login") is not None:
        columns["login"] = text(body["login"], "login", longest=255)
        logins.refuse_malformed_login(columns["login"], status=400)
        logins.refuse_taken_login(columns["login"], but=row["id"])
    if body.get("enabled") is not None:
        columns["enabled"] = int(boolean(body["enabled"], "enabled"))
    if body.get("external_id") is not None:
        columns["external_id"] = text(body["external_id"], "external_id")
    if "disable_after" in body:
        columns["disable_after"] = _disable_after(body)
    return columns


def _change_contact(row: sqlite3.Row, details: dict[str, Any], body: Mapping[str, Any]) -> str | None:
    """Merge the contact; the new address of an activated user is returned instead of being taken over."""
    if body.get("contact") is None:
        return None
    old = details["contact"]
    merged = merged_contact(old, mapping(body["contact"], "contact"), at=current.now())
    if not merged["email"]:
        raise bad_request("contact.email is required.")
    if row["activated"] and merged["email"] != old["email"]:
        waiting = merged["email"]
        merged["email"] = old["email"]
        if {**merged, "updated_at": None} == {**old, "updated_at": None}:
            merged = old
        details["contact"] = merged
        return str(waiting)
    details["contact"] = merged
    return None


def _save(row: sqlite3.Row, details: dict[str, Any], columns: dict[str, Any], *, at: str) -> None:
    update(
        current.db(),
        "users",
        row["id"],
        **columns,
        login_key=columns["login"].casefold(),
        version=row["version"] + 1,
        updated_at=at,
        details=json.dumps(details),
        search_text=search_text(columns["login"], None, details["contact"]),
    )


def confirm_email(user_id: str, email: str) -> None:
    """The user followed the link in the mail: the new address counts from now on."""
    row = row_of(user_id)
    details = json.loads(row["details"])
    details["contact"] |= {"email": email, "email_confirmed": True, "updated_at": stamp(current.now())}
    _save(row, details, {name: row[name] for name in COLUMNS}, at=stamp(current.now()))


def activate(user_id: str, password: str) -> None:
    """Give the user a password; a user who has one is activated."""
    update(
        current.db(),
        "users",
        user_id,
        password_hash=auth.hashed_password(password),
        activated=1,
        updated_at=stamp(current.now()),
    )


# Deleting and restoring


@routes.delete("/users/<user_id>")
def delete_user(user_id: str) -> Response:
    """204; 400 while the user is enabled. The personal tenant goes with the user."""
    row, at = find_user(user_id), stamp(current.now())
    if auth.is_enabled(row):
        raise bad_request("It is prohibited to delete a non-disabled user.")
    _check_version(row, query_version())
    update(current.db(), "users", user_id, deleted_at=at, updated_at=at, version=row["version"] + 1)
    if row["personal_tenant_id"]:
        update(current.db(), "tenants", row["personal_tenant_id"], deleted_at=at, updated_at=at)
    return nothing()


@routes.post("/users/<user_id>/restore")
def restore_user(user_id: str) -> Response:
    """
    204; the user is back with its roles, disabled unless `enable` says otherwise, and free of a day it was to be disabled after.

    409 for a login somebody else has by now; `force` adds a number to it instead. 404 when the user was not deleted or its
    tenant is gone.
    """
    json_body()
    row = find_user(user_id, allow_deleted=True)
    if not row["deleted_at"] or tree.row_of(row["tenant_id"])["deleted_at"]:
        raise not_found("There is no deleted user to restore in a tenant that exists.")
    login = free_login(row["login"]) if wants("force") else row["login"]
    logins.refuse_taken_login(login, but=user_id)
    bring_back(row, login=login, enabled=wants("enable"))
    return nothing()


def bring_back(row: sqlite3.Row, *, login: str, enabled: bool) -> None:
    """Undo the deletion of a user and of the personal tenant."""
    db, at = current.db(), stamp(current.now())
    details = json.loads(row["details"])
    columns = {"login": login, "enabled": int(enabled), "external_id": row["external_id"], "disable_after": None}
    _save(row, details, columns, at=at)
    update(db, "users", row["id"], deleted_at=None)
    if row["personal_tenant_id"]:
        update(db, "tenants", row["personal_tenant_id"], deleted_at=None, updated_at=at)


def free_login(login: str) -> str:
    """The login, or the first of `login_1`, `login_2`, … that nobody has."""
    taken = "SELECT 1 FROM users WHERE login_key = ? AND deleted_at IS NULL"
    free, number = login, 0
    while current.db().execute(taken, (free.casefold(),)).fetchone():
        number += 1
        free = f"{login}_{number}"
    return free
