"""
Who asks: bearer tokens, Basic with a user's login, or the session cookie.

Tokens live by the machine's own clock, not the sandbox's: clients compare `expires_on` with theirs.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import g, request, session
from werkzeug.security import check_password_hash, generate_password_hash

from sandbox import current, mfa, tree
from sandbox.answers import stamp
from sandbox.current import Caller
from sandbox.errors import forbidden, second_factor_required, unauthenticated
from sandbox.storage import Storage

TOKEN_SECONDS = 7200
REFRESH_TOKEN_SECONDS = 14 * 86_400
READING = ("GET", "HEAD", "OPTIONS")
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

    :raises Refusal: 401 without a valid token, password or session, with code 1037 for a password without the second factor
        that is demanded; 403 for users who may only read.
    """
    name = f"{view.__module__}.{view.__name__}"
    if name in _open_views or request.method == "OPTIONS":
        return
    caller = _by_header() or _by_cookie()
    if caller is None or (name in _token_views and not caller.by_token):
        raise unauthenticated()
    if request.method not in READING and not caller.may_write:
        raise forbidden()
    g.caller = caller


def _by_header() -> Caller | None:
    authorization = request.authorization
    if authorization is None:
        return None
    if authorization.type == "bearer":
        return caller_of_token(authorization.token or "")
    if authorization.type == "basic":
        user = user_with_password(authorization.username or "", authorization.password or "")
        if user is not None and mfa.needs_factor(user):
            raise second_factor_required()
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


def user_with_login(login: str) -> sqlite3.Row | None:
    """The user of this login, compared without case, also one who may not sign in."""
    found = current.db().execute("SELECT * FROM users WHERE login_key = ? AND deleted_at IS NULL", (login.strip().casefold(),))
    row: sqlite3.Row | None = found.fetchone()
    return row


def user_with_password(login: str, password: str) -> sqlite3.Row | None:
    """The user who may sign in with these, or None; disabled users and users below a disabled tenant may not."""
    row = user_with_login(login)
    if row is None or not row["password_hash"] or not check_password_hash(row["password_hash"], password):
        return None
    return row if may_sign_in(row) else None


def may_sign_in(user: sqlite3.Row) -> bool:
    return is_enabled(user) and not user["deleted_at"] and tree.is_reachable(tree.row_of(user["tenant_id"]))


def is_enabled(user: sqlite3.Row) -> bool:
    """Enabled, and the moment it was to be disabled after has not come."""
    return bool(user["enabled"]) and not (user["disable_after"] and user["disable_after"] <= stamp(current.now()))


def user_by_id(user_id: str) -> sqlite3.Row | None:
    """The user who may sign in, or None."""
    row: sqlite3.Row | None = current.db().execute("SELECT * FROM users WHERE id = ?", (user_id,)).fetchone()
    return row if row is not None and may_sign_in(row) else None


def hashed_password(password: str) -> str:
    return generate_password_hash(password, method=PASSWORD_METHOD)


def hashed_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def client_with_secret(client_id: str, secret: str) -> sqlite3.Row | None:
    """The API client, unless the secret is wrong, it was disabled or deleted, or a tenant above it was disabled."""
    row = client_by_id(client_id)
    if row is None or row["auth_method"] == "none" or not hmac.compare_digest(row["secret_hash"], hashed_secret(secret)):
        return None
    return row if tree.is_reachable(tree.row_of(row["tenant_id"])) else None


def client_by_id(client_id: str) -> sqlite3.Row | None:
    """The API client that may be used, or None; its tenant is not looked at."""
    row: sqlite3.Row | None = (
        current.db()
        .execute("SELECT * FROM clients WHERE id = ? AND status = 'enabled' AND deleted_at IS NULL", (client_id,))
        .fetchone()
    )
    return row


def signed_in_user() -> sqlite3.Row | None:
    user_id = session.get("user_id")
    return None if user_id is None else user_by_id(user_id)


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
        "scope": [{"tid": str(tree.row_of(one)["number"]), "tuid": one, "role": role} for one, role in roles],
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
    """The claims of a token of ours that has neither expired nor been revoked, or None."""
    claims = _signed_claims(token, current.storage().setting("signing_key") or "")
    if claims is None or claims["exp"] <= time.time():
        return None
    revoked = current.db().execute("SELECT 1 FROM revoked_tokens WHERE jti = ?", (claims["jti"],))
    return None if revoked.fetchone() else dict(claims)


@lru_cache(maxsize=1024)
def _signed_claims(token: str, pem: str) -> Mapping[str, Any] | None:
    """What a token that was signed with the key says, expired or not. Remembered: a token comes with every call of its life."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            _loaded_key(pem).public_key(),
            algorithms=[ALGORITHM],
            options={"verify_aud": False, "verify_iat": False, "verify_exp": False},
        )
    except jwt.InvalidTokenError:
        return None
    return claims


def caller_of_token(token: str) -> Caller | None:
    """Whose token it is, as long as client or user, and every tenant above, may be used."""
    claims = token_claims(token)
    if claims is None or not tree.is_reachable(tree.row_of(claims["owner_tuid"])):
        return None
    if claims["sub_type"] == "api_client":
        client = client_by_id(claims["sub"])
        if client is None or not tree.is_reachable(tree.row_of(client["tenant_id"])):
            return None
        return Caller(claims["sub"], claims["owner_tuid"], is_client=True, by_token=True, may_write=True)
    user = user_by_id(claims["sub"])
    if user is None:
        return None
    return Caller(user["id"], claims["owner_tuid"], is_client=False, by_token=True, may_write=is_administrator(user["id"]))


# Refresh and revocation


def issued_refresh_token(user_id: str, *, access_token: str) -> str:
    """A token for as many access tokens as are asked for in a fortnight; only its hash is kept."""
    claims, token = token_claims(access_token) or {}, secrets.token_urlsafe(48)
    current.db().execute(
        "INSERT INTO refresh_tokens VALUES (?, ?, ?, ?, ?)",
        (hashed_secret(token), user_id, claims["owner_tuid"], claims["jti"], time.time() + REFRESH_TOKEN_SECONDS),
    )
    return token


def refresh_token_row(token: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = (
        current.db()
        .execute("SELECT * FROM refresh_tokens WHERE token_hash = ? AND expires_on > ?", (hashed_secret(token), time.time()))
        .fetchone()
    )
    return row


def renew_refresh_token(token: str, *, access_token: str) -> None:
    """Remember the newest access token of a refresh token, so that revoking one revokes the other."""
    claims = token_claims(access_token) or {}
    current.db().execute("UPDATE refresh_tokens SET access_jti = ? WHERE token_hash = ?", (claims["jti"], hashed_secret(token)))


def revoke(token: str, claims: dict[str, Any] | None) -> None:
    """Revoke an access token, given with its claims, or a refresh token, each with the other one; anything else is ignored."""
    db = current.db()
    if claims is not None:
        jti, expires_on = claims["jti"], claims["exp"]
        db.execute("DELETE FROM refresh_tokens WHERE access_jti = ?", (jti,))
    else:
        kept = refresh_token_row(token)
        if kept is None:
            return
        jti, expires_on = kept["access_jti"], time.time() + TOKEN_SECONDS
        db.execute("DELETE FROM refresh_tokens WHERE token_hash = ?", (kept["token_hash"],))
    db.execute("DELETE FROM revoked_tokens WHERE expires_on < ?", (time.time(),))
    db.execute("INSERT OR IGNORE INTO revoked_tokens VALUES (?, ?)", (jti, expires_on))
