"""Users: logins, single and batch reads, access policies, passwords and activation."""

import json
import re
import sqlite3
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, request

from sandbox import auth, current, mails, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.contacts import blank_contact, merged_contact, search_text
from sandbox.errors import INVALID_LOGIN, Refusal, bad_request, broken_rule, forbidden, not_found, stale_version
from sandbox.incoming import (
    boolean,
    integer,
    json_body,
    listing,
    mapping,
    one_of,
    query,
    query_identifiers,
    query_limit,
    query_moment,
    query_uuids,
    query_version,
    required,
    text,
    uuid,
    wants,
)
from sandbox.paging import cursor_of, opened_cursor, page_of
from sandbox.storage import insert, update

routes = Blueprint("users", __name__)

LOGIN = re.compile(r"[A-Za-z0-9.@_\-+:!#$%^*={}'`/?]{3,}")
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
BATCH_LIMIT = 2000
_ANY = ("partner", "folder", "customer", "unit")
_CUSTOMER = ("customer", "unit")
# On which kinds of tenant a role can be given.
ROLES = {
    "partner_admin": ("partner", "folder"),
    "hci_admin": ("partner", "folder"),
    "accounts_ro_admin": _ANY,
    "readonly_admin": _ANY,
    "company_admin": ("customer",),
    "unit_admin": ("unit",),
    "protection_admin": _CUSTOMER,
    "protection_ro_admin": _ANY,
    "restore_operator": _CUSTOMER,
    "backup_user": _CUSTOMER,
    "sync_share_admin": _CUSTOMER,
    "sync_share_user": _CUSTOMER,
    "sync_share_guest": _CUSTOMER,
    "notary_admin": _CUSTOMER,
    "notary_user": _CUSTOMER,
    "pds_operator": _ANY,
    "pds_support": _ANY,
}


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


def refuse_malformed_login(login: str, *, status: int) -> None:
    if not LOGIN.fullmatch(login):
        raise Refusal(
            status,
            "Login is not acceptable.",
            code=status if status == 406 else INVALID_LOGIN,
            info="A login has at least 3 characters: ASCII letters, digits and .@_-+:!#$%^*={}'`/?",
        )


def refuse_taken_login(login: str, *, but: str = "") -> None:
    """Logins are unique over the whole platform, compared without case."""
    taken = current.db().execute(
        "SELECT 1 FROM users WHERE login_key = ? AND id <> ? AND deleted_at IS NULL", (login.casefold(), but)
    )
    if taken.fetchone():
        raise Refusal(409, f"User '{login}' exists")


# As JSON


def user_object(row: sqlite3.Row) -> dict[str, Any]:
    """A single user; ids that are not set are left out, as the reference has no null for them."""
    found = {**_full_object(row), "terms_accepted": bool(row["activated"])}
    return {name: value for name, value in found.items() if value is not None or name not in NOT_NULL}


NOT_NULL = ("external_id", "origin_id", "origin_external_id", "disable_after")


def _full_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **_basic_object(row),
        "activated": bool(row["activated"]),
        "external_id": row["external_id"],
        "idp_id": IDENTITY_PROVIDER,
        "mfa_status": "disabled",
        "external_operation_status": None,
        **json.loads(row["details"]),
    }


def _basic_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        **_stamps_object(row),
        "login": row["login"],
        "enabled": bool(row["enabled"]),
        "personal_tenant_id": row["personal_tenant_id"],
    }


def _stamps_object(row: sqlite3.Row) -> dict[str, Any]:
    found = {name: row[name] for name in ("id", "version", "tenant_id", "created_at", "updated_at", "deleted_at")}
    return {**found, "origin_id": None, "origin_external_id": None, "disable_after": None}


# Logins


@routes.get("/users/check_login")
def check_login() -> Response:
    """204 free, 409 taken, 406 malformed."""
    login = request.args.get("username", "").strip()
    refuse_malformed_login(login, status=406)
    refuse_taken_login(login)
    return nothing()


# Creating


@routes.post("/users")
def create_user() -> Response:
    """200, not 201. Needs tenant, login and contact.email; 409 for a login in use."""
    body, at, db = json_body(), current.now(), current.db()
    tenant = tree.find_open_tenant(uuid(required(body, "tenant_id"), "tenant_id"))
    login = text(required(body, "login"), "login", longest=255)
    refuse_malformed_login(login, status=400)
    refuse_taken_login(login)
    contact = merged_contact(blank_contact(at=at), mapping(required(body, "contact"), "contact"), at=at)
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
    personal = tenant["kind"] in _CUSTOMER
    insert_user(
        db,
        at=stamp(at),
        id=user_id,
        tenant_id=tenant["id"],
        login=login,
        enabled=boolean(body.get("enabled", True), "enabled"),
        external_id=text(body["external_id"], "external_id") if body.get("external_id") else None,
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


def _change_details(details: dict[str, Any], body: Mapping[str, Any]) -> None:
    if body.get("language"):
        details["language"] = text(body["language"], "language", required=True, longest=10)
    if body.get("business_types") is not None:
        found = listing(body["business_types"], "business_types")
        details["business_types"] = [one_of(word, "business_types", ("buyer",)) for word in found]
    if body.get("notifications") is not None:
        found = listing(body["notifications"], "notifications")
        details["notifications"] = [one_of(word, "notifications", NOTIFICATIONS) for word in found]


# Reading


@routes.get("/users/<user_id>")
def get_user(user_id: str) -> Response:
    return answer(user_object(find_user(user_id, allow_deleted=wants("allow_deleted"))))


@routes.get("/users/me")
def get_current_user() -> Response:
    """The signed-in user; for an API client a user of the client's name in its tenant."""
    caller, at = current.caller(), stamp(current.now())
    tenant = tree.row_of(caller.tenant_id)
    if caller.is_client:
        contact = blank_contact(at=current.now())
        found = {"id": caller.id, "version": 1, "tenant_id": tenant["id"], "login": caller.id, "contact": contact}
        found |= {"activated": True, "enabled": True, "created_at": at, "updated_at": at, "deleted_at": None}
        found |= {"language": "en", "business_types": [], "notifications": [], "personal_tenant_id": None}
        found |= {"origin_id": None, "origin_external_id": None, "disable_after": None, "terms_accepted": True}
        found["access_policies"] = []
    else:
        row = row_of(caller.id)
        found = {**_full_object(row), "access_policies": _policies(row["id"]), "terms_accepted": bool(row["activated"])}
        found = {name: value for name, value in found.items() if value is not None or name != "external_id"}
    return answer(
        {
            **found,
            "tenant_kind": tenant["kind"],
            "tenant_pricing_model": tree.pricing_mode(tenant, current.now()),
            "brand_id": tree.details_of(tenant)["brand_uuid"],
            "login_totp_time": None,
            "session_mfa_status": "passed_or_not_required",
        }
    )


@routes.get("/tenants/<tenant_id>/users")
def get_users_of_tenant(tenant_id: str) -> Response:
    tenant = tree.find_open_tenant(tenant_id)
    deleted = "" if wants("allow_deleted") else " AND u.deleted_at IS NULL"
    where, values = "t.id = ?", [tenant_id]
    if wants("include_grand_children"):
        where, values = "t.path >= ? AND t.path < ?", [tenant["path"], f"{tenant['path']}~"]
    rows = current.db().execute(
        f"SELECT u.id FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE {where}{deleted} ORDER BY u.login_key",  # noqa: S608
        values,
    )
    return answer({"items": [row["id"] for row in rows]})


@routes.get("/users")
def get_users() -> Response:
    """A page of users by ids, external ids or subtree; the cursor repeats every filter."""
    asked = opened_cursor("users") if request.args.get("after") else _asked_batch()
    where, values = _batch_condition(asked)
    rows = current.db().execute(
        f"SELECT u.* FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE {where}"  # noqa: S608
        " AND t.path >= ? AND t.path < ? AND u.number > ? ORDER BY u.number LIMIT ?",
        (*values, *_own_subtree(), asked["from"], asked["limit"] + 1),
    )
    page, more = page_of(rows.fetchall(), asked["limit"])
    found: dict[str, Any] = {
        "timestamp": stamp(current.now()),
        "items": [_batch_object(row, asked) for row in page],
    }
    if more:
        found["paging"] = cursor_of("users", {**asked, "from": page[-1]["number"]})
    return answer(found)


def _own_subtree() -> tuple[str, str]:
    path = tree.row_of(current.caller().tenant_id)["path"]
    return path, f"{path}~"


def _asked_batch() -> dict[str, Any]:
    selectors = [name for name in ("uuids", "external_ids", "subtree_root_tenant_id") if request.args.get(name)]
    if len(selectors) != 1:
        raise bad_request("Exactly one of uuids, external_ids, subtree_root_tenant_id and after is required.")
    by = selectors[0]
    return {
        "by": by,
        "ids": query_uuids(by) if by == "uuids" else query_identifiers(by),
        "tenant_id": uuid(query("tenant_id"), "tenant_id") if by == "external_ids" else None,
        "updated_since": query_moment("updated_since"),
        "limit": query_limit(default=BATCH_LIMIT, most=BATCH_LIMIT),
        "lod": one_of(request.args.get("lod", "full"), "lod", ("stamps", "basic", "full")),
        "allow_deleted": wants("allow_deleted"),
        "with_access_policies": wants("with_access_policies"),
        "from": 0,
    }


def _batch_condition(asked: Mapping[str, Any]) -> tuple[str, list[Any]]:
    marks = ",".join("?" * len(asked["ids"]))
    if asked["by"] == "uuids":
        where, values = f"u.id IN ({marks})", list(asked["ids"])
    elif asked["by"] == "external_ids":
        where, values = f"u.external_id IN ({marks}) AND u.tenant_id = ?", [*asked["ids"], asked["tenant_id"]]
    else:
        root = tree.find_open_tenant(asked["ids"][0], allow_deleted=asked["allow_deleted"])
        where, values = "t.path >= ? AND t.path < ?", [root["path"], f"{root['path']}~"]
    if not asked["allow_deleted"]:
        where += " AND u.deleted_at IS NULL"
    if asked["updated_since"]:
        where += " AND u.updated_at >= ?"
        values.append(asked["updated_since"])
    return where, values


def _batch_object(row: sqlite3.Row, asked: Mapping[str, Any]) -> dict[str, Any]:
    of_level = {"stamps": _stamps_object, "basic": _basic_object}.get(asked["lod"], _full_object)
    found = {**of_level(row), "access_policies": _policies(row["id"]) if asked["with_access_policies"] else []}
    return {name: value for name, value in found.items() if value is not None or name != "external_id"}


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
    before = json.dumps([row["login"], row["enabled"], row["external_id"], details])
    waiting = _change_contact(row, details, body)
    _change_details(details, body)
    columns: dict[str, Any] = {"login": row["login"], "enabled": row["enabled"], "external_id": row["external_id"]}
    if body.get("login") is not None:
        columns["login"] = text(body["login"], "login", longest=255)
        refuse_malformed_login(columns["login"], status=400)
        refuse_taken_login(columns["login"], but=user_id)
    if body.get("enabled") is not None:
        columns["enabled"] = int(boolean(body["enabled"], "enabled"))
    if body.get("external_id") is not None:
        columns["external_id"] = text(body["external_id"], "external_id")
    if waiting is None or json.dumps([*columns.values(), details]) != before:
        _save(row, details, columns, at=stamp(at))
    if waiting is not None:
        mails.send(row_of(user_id), kind="email_change", to=waiting)
    return answer(user_object(row_of(user_id)))


def _check_version(row: sqlite3.Row, sent: int) -> None:
    if sent != row["version"]:
        raise stale_version(sent=sent, current=row["version"])


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
    columns = {name: row[name] for name in ("login", "enabled", "external_id")}
    _save(row, details, columns, at=stamp(current.now()))


@routes.delete("/users/<user_id>")
def delete_user(user_id: str) -> Response:
    """204; 400 while the user is enabled. The personal tenant goes with the user."""
    row, at = find_user(user_id), stamp(current.now())
    if row["enabled"]:
        raise bad_request("It is prohibited to delete a non-disabled user.")
    _check_version(row, query_version())
    update(current.db(), "users", user_id, deleted_at=at, updated_at=at, version=row["version"] + 1)
    if row["personal_tenant_id"]:
        update(current.db(), "tenants", row["personal_tenant_id"], deleted_at=at, updated_at=at)
    return nothing()


# Access policies


@routes.get("/users/<user_id>/access_policies")
def get_policies(user_id: str) -> Response:
    find_user(user_id)
    return answer({"timestamp": stamp(current.now()), "items": _policies(user_id)})


def _policies(user_id: str) -> list[dict[str, Any]]:
    rows = current.db().execute("SELECT details FROM access_policies WHERE user_id = ? ORDER BY rowid", (user_id,))
    return [json.loads(row["details"]) for row in rows]


@routes.put("/users/<user_id>/access_policies")
def change_policies(user_id: str) -> Response:
    """Replace the whole list; an empty one takes all roles away."""
    find_user(user_id)
    sent = listing(required(json_body(), "items"), "items")
    policies = [_policy(user_id, mapping(entry, "items")) for entry in sent]
    save_policies(current.db(), user_id, policies)
    return answer({"timestamp": stamp(current.now()), "items": policies})


def save_policies(db: sqlite3.Connection, user_id: str, policies: list[dict[str, Any]]) -> None:
    db.execute("DELETE FROM access_policies WHERE user_id = ?", (user_id,))
    for policy in policies:
        db.execute(
            "INSERT INTO access_policies VALUES (?, ?, ?, ?, ?)",
            (policy["id"], user_id, policy["tenant_id"], policy["role_id"], json.dumps(policy)),
        )


def _policy(user_id: str, sent: Mapping[str, Any]) -> dict[str, Any]:
    tenant = tree.find_tenant(uuid(required(sent, "tenant_id"), "items.tenant_id"))
    role_id = one_of(required(sent, "role_id"), "items.role_id", tuple(ROLES))
    if sent.get("trustee_id", user_id) != user_id or sent.get("trustee_type", "user") != "user":
        raise bad_request("items.trustee_id must be the user.")
    if tenant["kind"] not in ROLES[role_id]:
        raise broken_rule(f"The role {role_id} cannot be given on a {tenant['kind']}.", role_id=role_id)
    policy = new_policy(user_id, tenant["id"], role_id, issuer_id=current.caller().id, at=stamp(current.now()))
    optional = ("resource_server_id", "resource_namespace", "resource_path")
    return policy | {name: text(sent[name], name) for name in optional if sent.get(name) is not None}


def new_policy(user_id: str, tenant_id: str, role_id: str, *, issuer_id: str, at: str) -> dict[str, Any]:
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


# Passwords and activation


@routes.post("/users/<user_id>/password")
def set_password(user_id: str) -> Response:
    """204; for API clients and users of tenants below only. Also activates the user."""
    row, caller = find_user(user_id), current.caller()
    if not caller.is_client or row["tenant_id"] == caller.tenant_id:
        raise forbidden("Passwords can be set by API clients, for users of tenants below.")
    activate(user_id, text(required(json_body(), "password"), "password", required=True))
    return nothing()


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


@routes.post("/users/<user_id>/send-activation-email")
def send_activation_email(user_id: str) -> Response:
    """204; a mail with a link to set a password, also to a user who has one already."""
    row = find_user(user_id)
    mails.send(row, kind="activation", to=json.loads(row["details"])["contact"]["email"])
    return nothing()
