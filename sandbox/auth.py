"""
Who asks: bearer tokens, Basic with a user's login, or the session cookie.

Tokens live by the machine's own clock, not the sandbox's: clients compare `expires_on` with theirs.
"""

import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import g, request, session
from werkzeug.security import check_password_hash, generate_password_hash

from sandbox import current, tree
from sandbox.current import Caller
from sandbox.errors import forbidden, unauthenticated
from sandbox.storage import Storage

TOKEN_SECONDS = 7200
ALGORITHM = "RS256"
# Cheap on purpose: the sandbox guards nothing, and tests sign in often.
PASSWORD_METHOD = "pbkdf2:sha256:2000"
ADMIN_ROLES = frozenset({"root_admin", "partner_admin", "company_admin", "unit_admin"})

View = Callable[..., Any]
_open_views: set[str] = set()
_token_views: set[str] = set()


def open_to_all(view: View) -> View:
    """Mark a view that answers without authentication."""
    _open_views.add(f"{view.__module__}.{view.__name__}")
    return view


def token_only(view: View) -> View:
    """Mark a view that takes a bearer token and neither Basic nor cookie."""
    _token_views.add(f"{view.__module__}.{view.__name__}")
    return view


def identify(view: View) -> None:
    """
    Find out who asks, before the view runs.

    :raises Refusal: 401 without a valid token, password or session; 403 for users who may only read.
    """
    name = f"{view.__module__}.{view.__name__}"
    if name in _open_views:
        return
    caller = _by_header() or _by_cookie()
    if caller is None or (name in _token_views and not caller.by_token):
        raise unauthenticated()
    if request.method != "GET" and not caller.may_write:
        raise forbidden()
    g.caller = caller


def _by_header() -> Caller | None:
    authorization = request.authorization
    if authorization is None:
        return None
    if authorization.type == "bearer":
        return _by_token(authorization.token or "")
    if authorization.type == "basic":
        user = user_with_password(authorization.username or "", authorization.password or "")
        return None if user is None else _as_caller(user)
    return None


def _by_cookie() -> Caller | None:
    user = signed_in_user()
    return None if user is None else _as_caller(user)


def _as_caller(user: sqlite3.Row) -> Caller:
    return Caller(
        id=user["id"], tenant_id=user["tenant_id"], is_client=False, by_token=False, may_write=is_administrator(user["id"])
    )


def is_administrator(user_id: str) -> bool:
    rows = current.db().execute("SELECT role_id FROM access_policies WHERE user_id = ?", (user_id,))
    return any(row["role_id"] in ADMIN_ROLES for row in rows)


# Passwords, secrets, sessions


def user_with_password(login: str, password: str) -> sqlite3.Row | None:
    """The user who may sign in with these, or None; disabled users and users below a disabled tenant may not."""
    row: sqlite3.Row | None = (
        current.db()
        .execute("SELECT * FROM users WHERE login_key = ? AND deleted_at IS NULL", (login.strip().casefold(),))
        .fetchone()
    )
    if row is None or not row["password_hash"] or not check_password_hash(row["password_hash"], password):
        return None
    return row if may_sign_in(row) else None


def may_sign_in(user: sqlite3.Row) -> bool:
    return bool(user["enabled"]) and not user["deleted_at"] and tree.is_reachable(tree.row_of(user["tenant_id"]))


def hashed_password(password: str) -> str:
    return generate_password_hash(password, method=PASSWORD_METHOD)


def hashed_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def client_with_secret(client_id: str, secret: str) -> sqlite3.Row | None:
    """The API client, unless the secret is wrong or its tenant was disabled."""
    row: sqlite3.Row | None = current.db().execute("SELECT * FROM clients WHERE id = ?", (client_id,)).fetchone()
    if row is None or not hmac.compare_digest(row["secret_hash"], hashed_secret(secret)):
        return None
    return row if tree.is_reachable(tree.row_of(row["tenant_id"])) else None


def signed_in_user() -> sqlite3.Row | None:
    user_id = session.get("user_id")
    if user_id is None:
        return None
    row: sqlite3.Row | None = current.db().execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    return row if row is not None and may_sign_in(row) else None


def sign_in(user_id: str) -> None:
    session.clear()
    session["user_id"] = user_id


# Tokens


@cache
def _new_key() -> str:
    """One key per process is enough, as making one takes a while."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def ensure_key(storage: Storage) -> None:
    """Tokens outlive a restart, so the signing key is kept in the storage."""
    if storage.setting("signing_key") is None:
        storage.set_setting("signing_key", _new_key())


@cache
def _loaded_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _signing_key() -> rsa.RSAPrivateKey:
    return _loaded_key(current.storage().setting("signing_key") or "")


def public_keys() -> dict[str, Any]:
    """The JWKS of `/idp/keys`."""
    key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(_signing_key().public_key()))
    return {"keys": [{**key, "kid": _key_id(), "use": "sig", "alg": ALGORITHM}]}


def _key_id() -> str:
    return hashlib.sha256((current.storage().setting("signing_key") or "").encode()).hexdigest()[:16]


def issued_token(*, subject: str, tenant_id: str, is_client: bool, roles: list[tuple[str, str]]) -> dict[str, Any]:
    """
    The body of a token answer, with both `expires_on` and `expires_in`.

    :param tenant_id: the tenant the token is good for, with all below; `owner_tuid` for integrators who look there.
    :param roles: pairs of tenant id and role, for the `scope` claim.
    """
    issued_on = int(time.time())
    claims = {
        "iss": request.host_url.rstrip("/"),
        "aud": request.host,
        "sub": subject,
        "sub_type": "api_client" if is_client else "user",
        "iat": issued_on,
        "exp": issued_on + TOKEN_SECONDS,
        "jti": str(uuid4()),
        "ver": 2,
        "owner_tuid": tenant_id,
        "scope": [{"tuid": of_tenant, "role": role} for of_tenant, role in roles],
        **({"client_id": subject} if is_client else {"uid": subject}),
    }
    token = jwt.encode(claims, _signing_key(), algorithm=ALGORITHM, headers={"kid": _key_id()})
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_on": claims["exp"],
        "expires_in": TOKEN_SECONDS,
        "id_token": token,
    }


def token_claims(token: str) -> dict[str, Any] | None:
    """The claims of a token of ours that has not expired, or None."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token, _signing_key().public_key(), algorithms=[ALGORITHM], options={"verify_aud": False, "verify_iat": False}
        )
    except jwt.InvalidTokenError:
        return None
    return claims


def _by_token(token: str) -> Caller | None:
    claims = token_claims(token)
    if claims is None or not tree.is_reachable(tree.row_of(claims["owner_tuid"])):
        return None
    if claims["sub_type"] == "api_client":
        known = current.db().execute("SELECT 1 FROM clients WHERE id = ?", (claims["sub"],)).fetchone()
        return Caller(claims["sub"], claims["owner_tuid"], is_client=True, by_token=True, may_write=True) if known else None
    user = current.db().execute("SELECT * FROM users WHERE id = ?", (claims["sub"],)).fetchone()
    if user is None or not may_sign_in(user):
        return None
    return Caller(user["id"], claims["owner_tuid"], is_client=False, by_token=True, may_write=is_administrator(user["id"]))
