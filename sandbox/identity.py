"""Where to find the data centre, tokens, keys, API clients, one-time tokens and the pages they lead to."""

import base64
import secrets
import sqlite3
import time
from typing import Any

from flask import Blueprint, Response, render_template, request, session

from sandbox import auth, current, tree, users
from sandbox.answers import answer
from sandbox.errors import Refusal, TokenRefusal, bad_request, forbidden, not_found
from sandbox.incoming import json_body, one_of, query, required, text

routes = Blueprint("identity", __name__)
routes_v1 = Blueprint("identity_v1", __name__)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TENANT_SCOPE = "urn:acronis.com:tenant-id:"
OTT_SECONDS = 300


@routes_v1.get("/accounts")
def get_account() -> Response:
    """The data centre of a login, without a slash at the end; the one path of version 1 that is still served."""
    login = query("login")
    known = current.db().execute("SELECT 1 FROM users WHERE login_key = ? AND deleted_at IS NULL", (login.strip().casefold(),))
    if known.fetchone() is None:
        raise not_found("Account is not found.")
    return answer({"login": login, "id": 0, "server_url": _base_url()})


def _base_url() -> str:
    return request.host_url.rstrip("/")


# Tokens


@routes.post("/idp/token")
@auth.open_to_all
def issue_token() -> Response:
    """Refusals have the shape of OAuth, not the envelope."""
    grant = request.form.get("grant_type", "")
    if grant == "client_credentials":
        body = _token_for_client()
    elif grant == "password":
        body = _token_for_user()
    elif grant == JWT_BEARER:
        body = _narrowed_token()
    else:
        raise TokenRefusal(400, "invalid_request", f"grant_type {grant!r} is not supported.", reason="InvalidRequest")
    response = answer(body)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _token_for_client() -> dict[str, Any]:
    authorization = request.authorization
    if authorization is not None and authorization.type == "basic":
        client_id, secret = authorization.username or "", authorization.password or ""
    else:
        client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
    client = auth.client_with_secret(client_id, secret)
    if client is None:
        raise TokenRefusal(
            401,
            "invalid_client",
            "invalid client credentials, please check client id and secret",
            reason="InvalidClient",
        )
    tenant_id = _scoped_tenant(client["tenant_id"])
    return auth.issued_token(subject=client["id"], tenant_id=tenant_id, is_client=True, roles=[(tenant_id, "partner_admin")])


def _token_for_user() -> dict[str, Any]:
    user = auth.user_with_password(request.form.get("username", ""), request.form.get("password", ""))
    if user is None:
        raise TokenRefusal(401, "access_denied", "invalid login or password", reason="AccessDenied")
    tenant_id = _scoped_tenant(user["tenant_id"])
    rows = current.db().execute("SELECT tenant_id, role_id FROM access_policies WHERE user_id = ?", (user["id"],))
    roles = [(row["tenant_id"], row["role_id"]) for row in rows]
    return auth.issued_token(subject=user["id"], tenant_id=tenant_id, is_client=False, roles=roles)


def _narrowed_token() -> dict[str, Any]:
    """A token for a tenant below, in exchange for one of the same client."""
    claims = auth.token_claims(request.form.get("assertion", ""))
    if claims is None:
        raise TokenRefusal(401, "access_denied", "the assertion is not a valid token", reason="AccessDenied")
    tenant_id = _scoped_tenant(claims["owner_tuid"])
    return auth.issued_token(
        subject=claims["sub"],
        tenant_id=tenant_id,
        is_client=claims["sub_type"] == "api_client",
        roles=[(tenant_id, "partner_admin")],
    )


def _scoped_tenant(own_tenant_id: str) -> str:
    """The tenant named in the scope, if it lies in the caller's subtree; otherwise the caller's own."""
    named = [word for word in request.form.get("scope", "").split() if word.startswith(TENANT_SCOPE)]
    if not named:
        return own_tenant_id
    tenant_id = named[0].removeprefix(TENANT_SCOPE)
    row = current.db().execute("SELECT path FROM tenants WHERE id = ?", (tenant_id,)).fetchone()
    if row is None or f"/{own_tenant_id}/" not in row["path"]:
        raise TokenRefusal(403, "access_denied", "the scope goes beyond the client's rights", reason="AccessDenied")
    return tenant_id


@routes.get("/.well-known/openid-configuration")
@auth.open_to_all
def get_openid_configuration() -> Response:
    base = f"{_base_url()}/api/2/idp"
    return answer(
        {
            "issuer": _base_url(),
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [auth.ALGORITHM],
            "grant_types_supported": ["client_credentials", "password", JWT_BEARER],
        }
    )


@routes.get("/idp/keys")
@auth.open_to_all
def get_keys() -> Response:
    return answer(auth.public_keys())


# API clients


@routes.get("/clients/<client_id>")
def get_client(client_id: str) -> Response:
    """How an integration learns its own tenant: `tenant_id` of its own client."""
    row = current.db().execute("SELECT * FROM clients WHERE id = ?", (client_id,)).fetchone()
    if row is None:
        raise not_found()
    tree.find_tenant(row["tenant_id"])
    return answer(_client_object(row))


def _client_object(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "client_id": row["id"],
        "tenant_id": row["tenant_id"],
        "client_secret_expires_at": 0,
        "type": "api_client",
        "data": {"client_name": row["name"]},
        "token_endpoint_auth_method": "client_secret_basic",
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "last_access_at": None,
        "last_access_from_ip": None,
        "status": "enabled",
        "redirect_uris": [],
    }


# Signing in without a password


@routes.post("/idp/ott")
def issue_one_time_token() -> Response:
    """For API clients only; good once, for five minutes, for a user in the client's tenant or below."""
    body = json_body()
    if not current.caller().is_client:
        raise forbidden("One-time tokens are for API clients only.")
    one_of(required(body, "purpose"), "purpose", ("user_login", "verify"))
    user = _named_user(body)
    tree.find_open_tenant(user["tenant_id"])
    if not auth.may_sign_in(user):
        raise forbidden("The user or a tenant above is disabled.")
    ott = base64.urlsafe_b64encode(b"OTT\x01" + secrets.token_bytes(36)).decode()
    current.db().execute("INSERT INTO one_time_tokens VALUES (?, ?, ?)", (ott, user["id"], time.time() + OTT_SECONDS))
    return answer({"ott": ott})


def _named_user(body: dict[str, Any]) -> sqlite3.Row:
    for name, column in (("user_id", "id"), ("login", "login_key"), ("external_id", "external_id")):
        if body.get(name):
            value = text(body[name], name)
            row: sqlite3.Row | None = (
                current.db()
                .execute(
                    f"SELECT * FROM users WHERE {column} = ? AND deleted_at IS NULL",  # noqa: S608
                    (value.casefold() if name == "login" else value,),
                )
                .fetchone()
            )
            if row is None:
                raise bad_request("The user does not exist.")
            return row
    raise bad_request("One of login, user_id and external_id is required.")


@routes.post("/idp/ott/login")
@auth.open_to_all
def sign_in_with_one_time_token() -> Response:
    """The user, and a session cookie. A token that was used or has expired is refused."""
    ott = text(required(json_body(), "ott"), "ott")
    db = current.db()
    row = db.execute("SELECT * FROM one_time_tokens WHERE ott = ?", (ott,)).fetchone()
    db.execute("DELETE FROM one_time_tokens WHERE ott = ? OR expires_on < ?", (ott, time.time()))
    if row is None or row["expires_on"] < time.time():
        raise Refusal(401, "The one-time token is not valid.")
    user = users.row_of(row["user_id"])
    if not auth.may_sign_in(user):
        raise Refusal(401, "The one-time token is not valid.")
    auth.sign_in(user["id"])
    return answer(users.user_object(user))


@routes.get("/idp/external-login")
@auth.open_to_all
def external_login_page() -> str:
    """A page that takes the token from the address, posts it and goes on to `targetURI` here."""
    return render_template("external_login.html")


@routes.get("/idp/logout")
@auth.open_to_all
def sign_out() -> str:
    """End the session; the vendor answers with a page, too, not with a redirect."""
    session.clear()
    return render_template("sign_in.html", login="", problem="")
