"""
The second factor: which tenants demand it, which users have one, and the codes of it (TOTP, RFC 6238).

A partner or customer demands it of its users; folders and units go by the tenant they lie in. The portal's page where a person
scans the code does not exist here: `POST /sandbox/users/<id>/totp` hands the secret out instead. API clients need none.
"""

import base64
import hmac
import json
import secrets
import sqlite3
import struct
import time
from typing import Any

from flask import Blueprint, Response

from sandbox import current, tree
from sandbox.answers import answer, stamp
from sandbox.errors import bad_request, not_found
from sandbox.incoming import boolean, json_body, required
from sandbox.storage import update

routes = Blueprint("mfa", __name__)
switchboard = Blueprint("mfa_switchboard", __name__)

OWN_KINDS = ("root", "partner", "customer")
INHERITING_KINDS = ("folder", "unit")
STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20


# What is demanded


def is_demanded(tenant: sqlite3.Row) -> bool:
    """Does the tenant, or the one a folder or unit goes by, demand a second factor?"""
    while tenant["kind"] in INHERITING_KINDS:
        tenant = tree.parent_of(tenant)
    return bool(tree.details_of(tenant)["mfa_status"] == "enabled")


def status_of_user(user: sqlite3.Row) -> str:
    """`forcibly_disabled` is a user who was excepted; `setup_required` one who still has to set up the codes."""
    if not is_demanded(tree.row_of(user["tenant_id"])):
        return "disabled"
    if user["mfa_waived"]:
        return "forcibly_disabled"
    return "enabled" if user["totp_secret"] else "setup_required"


def needs_factor(user: sqlite3.Row) -> bool:
    return status_of_user(user) in ("enabled", "setup_required")


# Codes


def is_valid_code(user: sqlite3.Row, code: str) -> bool:
    """The code of this half minute or the one before or after, by the machine's clock."""
    now = int(time.time())
    near = (code_at(user["totp_secret"], now + shift * STEP_SECONDS) for shift in (-1, 0, 1))
    return any(hmac.compare_digest(code.strip().encode(), expected.encode()) for expected in near)


def code_at(secret: str, seconds: int) -> str:
    """The six digits of a secret (base 32) at a moment in seconds since 1970."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", seconds // STEP_SECONDS), "sha1")
    start = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


@switchboard.post("/users/<user_id>/totp")
def set_up_codes(user_id: str) -> Response:
    """As if the user had scanned the code in the portal: the secret in base 32, for `totp_code` at the token endpoint."""
    if current.db().execute("SELECT 1 FROM users WHERE id = ? AND deleted_at IS NULL", (user_id,)).fetchone() is None:
        raise not_found()
    secret = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    update(current.db(), "users", user_id, totp_secret=secret, mfa_waived=0)
    return answer({"secret": secret})


# Tenants


@routes.get("/tenants/<tenant_id>/mfa/status")
def get_tenant_status(tenant_id: str) -> Response:
    return answer(_status_object(tree.find_tenant(tenant_id)))


@routes.put("/tenants/<tenant_id>/mfa/status")
def change_tenant_status(tenant_id: str) -> Response:
    """
    Demand a second factor of all users of the tenant, or no longer; then their codes are forgotten.

    400 for folders and units, which go by the tenant they lie in.
    """
    body, at = json_body(), current.now()
    enabled = boolean(required(body, "enabled"), "enabled")
    tenant = tree.find_tenant(tenant_id)
    tree.refuse_change(tenant)
    if tenant["kind"] not in OWN_KINDS:
        raise bad_request(f"A {tenant['kind']} goes by the tenant it lies in.")
    details = {**tree.details_of(tenant), "mfa_status": "enabled" if enabled else "disabled"}
    update(current.db(), "tenants", tenant_id, details=json.dumps(details), updated_at=stamp(at))
    if not enabled:
        for user in _users_of(tenant):
            update(current.db(), "users", user["id"], totp_secret=None, mfa_waived=0)
    return answer(_status_object(tree.row_of(tenant_id)))


def _status_object(tenant: sqlite3.Row) -> dict[str, Any]:
    users = _users_of(tenant)
    return {
        "mfa_status": "enabled" if is_demanded(tenant) else "disabled",
        "users_count": len(users),
        "users_with_totp_enabled_count": sum(1 for user in users if user["totp_secret"]),
        "update_allowed": tenant["kind"] in OWN_KINDS and current.caller().may_write,
    }


def _users_of(tenant: sqlite3.Row) -> list[sqlite3.Row]:
    """Users of the tenant and of the folders and units that go by it."""
    return (
        current.db()
        .execute(
            "WITH RECURSIVE inside(id) AS (SELECT ? UNION ALL SELECT c.id FROM inside i JOIN tenants c ON c.parent_id = i.id"
            " WHERE c.id <> c.parent_id AND c.kind IN ('folder', 'unit'))"
            " SELECT u.* FROM users u JOIN inside i ON i.id = u.tenant_id WHERE u.deleted_at IS NULL",
            (tenant["id"],),
        )
        .fetchall()
    )


# Users


@routes.put("/users/<user_id>/mfa/status")
def change_user_status(user_id: str) -> Response:
    """200 without a body; off excepts the user and forgets the codes, on asks for codes again."""
    enabled = boolean(required(json_body(), "enabled"), "enabled")
    user = current.db().execute("SELECT * FROM users WHERE id = ? AND deleted_at IS NULL", (user_id,)).fetchone()
    if user is None:
        raise not_found()
    tree.find_open_tenant(user["tenant_id"])
    if enabled:
        update(current.db(), "users", user_id, mfa_waived=0)
    else:
        update(current.db(), "users", user_id, mfa_waived=1, totp_secret=None)
    return Response(status=200)
