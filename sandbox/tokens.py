"""The token endpoint and its neighbours: grants, refresh, revocation, introspection, keys."""

import sqlite3
import time
from typing import Any

from flask import Blueprint, Response, request, url_for

from sandbox import auth, clients, current, mfa, tree
from sandbox.answers import answer
from sandbox.errors import TokenRefusal, bad_request

routes = Blueprint("tokens", __name__)

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TENANT_SCOPE = "urn:acronis.com:tenant-id:"
OFFLINE = "offline_access"
# Grants of the vendor that need a browser, a device or a hash nobody describes.
UNSERVED_GRANTS = ("authorization_code", "md5_password", "urn:ietf:params:oauth:grant-type:device_code")


def _invalid_request(description: str) -> TokenRefusal:
    return TokenRefusal(400, "invalid_request", description, reason="InvalidRequest")


def _denied(status: int, description: str) -> TokenRefusal:
    return TokenRefusal(status, "access_denied", description, reason="AccessDenied")


def _invalid_client() -> TokenRefusal:
    description = "invalid client credentials, please check client id and secret"
    return TokenRefusal(401, "invalid_client", description, reason="InvalidClient")


@routes.post("/idp/token")
@auth.open_to_all
def issue_token() -> Response:
    """Refusals have the shape of OAuth, not the envelope."""
    grant = request.form.get("grant_type", "")
    grants = {
        "client_credentials": _token_for_client,
        "password": _token_for_user,
        "refresh_token": _refreshed_token,
        JWT_BEARER: _narrowed_token,
    }
    if grant not in grants:
        known = "a grant of the vendor's that the sandbox does not serve" if grant in UNSERVED_GRANTS else "not a grant"
        raise _invalid_request(f"grant_type {grant!r} is {known}; served are {', '.join(grants)}.")
    response = answer(grants[grant]())
    response.headers["Cache-Control"] = "no-store"
    response.headers["Pragma"] = "no-cache"
    return response


def _token_for_client() -> dict[str, Any]:
    client = _authenticated_client()
    if client is None:
        raise _invalid_client()
    clients.note_access(client["id"])
    return _client_token(client["id"], _scoped_tenant(client["tenant_id"]))


def _authenticated_client() -> sqlite3.Row | None:
    """The client by its header, or by the body where it was made to send its secret there."""
    authorization = request.authorization
    if authorization is not None and authorization.type == "basic":
        return auth.client_with_secret(authorization.username or "", authorization.password or "")
    client = auth.client_with_secret(request.form.get("client_id", ""), request.form.get("client_secret", ""))
    return client if client is not None and client["auth_method"] == "client_secret_post" else None


def _client_token(client_id: str, tenant_id: str) -> dict[str, Any]:
    return auth.issued_token(subject=client_id, tenant_id=tenant_id, is_client=True, roles=[(tenant_id, _role_on(tenant_id))])


def _role_on(tenant_id: str) -> str:
    """The administrator's role on a tenant: what a client inherits from the user who made it."""
    return {"customer": "company_admin", "unit": "unit_admin", "root": "root_admin"}.get(
        tree.row_of(tenant_id)["kind"], "partner_admin"
    )


def _token_for_user() -> dict[str, Any]:
    """With `offline_access` in the scope a refresh token comes along."""
    user = auth.user_with_password(request.form.get("username", ""), request.form.get("password", ""))
    if user is None:
        raise _denied(401, "invalid login or password")
    _check_second_factor(user)
    body = _user_token(user, _scoped_tenant(user["tenant_id"]))
    if OFFLINE in request.form.get("scope", "").split():
        body["refresh_token"] = auth.issued_refresh_token(user["id"], access_token=body["access_token"])
    return body


def _check_second_factor(user: sqlite3.Row) -> None:
    """403 `totp_setup_required`, or 401 `totp_required` and `invalid_totp`, where the tenant demands a second factor."""
    if not mfa.needs_factor(user):
        return
    if not user["totp_secret"]:
        raise TokenRefusal(403, "totp_setup_required", "the second factor has to be set up first", reason="TotpSetupRequired")
    code = request.form.get("totp_code", "")
    if not code:
        raise TokenRefusal(401, "totp_required", "totp_code is required", reason="TotpRequired")
    if not mfa.is_valid_code(user, code):
        raise TokenRefusal(401, "invalid_totp", "totp_code is not valid", reason="InvalidTotp")


def _user_token(user: sqlite3.Row, tenant_id: str) -> dict[str, Any]:
    rows = current.db().execute("SELECT tenant_id, role_id FROM access_policies WHERE user_id = ?", (user["id"],))
    roles = [(row["tenant_id"], row["role_id"]) for row in rows]
    return auth.issued_token(subject=user["id"], tenant_id=tenant_id, is_client=False, roles=roles)


def _refreshed_token() -> dict[str, Any]:
    """A new token for the same user and tenant; the refresh token stays as it is until it expires or is revoked."""
    sent = request.form.get("refresh_token", "")
    if not sent:
        raise _invalid_request("refresh_token is required.")
    kept = auth.refresh_token_row(sent)
    user = None if kept is None else auth.user_by_id(kept["user_id"])
    if kept is None or user is None:
        raise _denied(401, "the refresh token is not valid")
    body = _user_token(user, _scoped_tenant(kept["tenant_id"]))
    auth.renew_refresh_token(sent, access_token=body["access_token"])
    return {**body, "refresh_token": sent}


def _narrowed_token() -> dict[str, Any]:
    """A token for a tenant below, in exchange for one of the same client or user."""
    caller = auth.caller_of_token(request.form.get("assertion", ""))
    if caller is None:
        raise _denied(401, "the assertion is not a valid token")
    tenant_id = _scoped_tenant(caller.tenant_id)
    if caller.is_client:
        return _client_token(caller.id, tenant_id)
    user = auth.user_by_id(caller.id)
    if user is None:
        raise _denied(401, "the assertion is not a valid token")
    return _user_token(user, tenant_id)


def _scoped_tenant(own_tenant_id: str) -> str:
    """The tenant named in the scope, if it lies in the caller's subtree; otherwise the caller's own."""
    named = [word for word in request.form.get("scope", "").split() if word.startswith(TENANT_SCOPE)]
    if not named:
        return own_tenant_id
    tenant_id = named[0].removeprefix(TENANT_SCOPE)
    row = current.db().execute("SELECT path FROM tenants WHERE id = ? AND deleted_at IS NULL", (tenant_id,)).fetchone()
    if row is None or f"/{own_tenant_id}/" not in row["path"]:
        raise _denied(403, "the scope goes beyond the client's rights")
    return tenant_id


# Revocation and introspection


@routes.post("/idp/revoke_token")
@auth.open_to_all
def revoke_token() -> Response:
    """
    200 without a body, also for a token that is none (RFC 7009); what was issued together goes together.

    A client's token needs that client's own credentials, a user's token nothing but itself.
    """
    token = request.form.get("token", "")
    if not token:
        raise _invalid_request("token is required.")
    client = _revoking_client()
    claims = auth.token_claims(token)
    if claims is not None and claims["sub_type"] == "api_client" and (client is None or client["id"] != claims["sub"]):
        raise _invalid_client()
    auth.revoke(token, claims)
    return Response(status=200)


def _revoking_client() -> sqlite3.Row | None:
    """:raises TokenRefusal: 401 for credentials that were sent and are wrong."""
    if request.authorization is None and not request.form.get("client_secret"):
        return None
    client = _authenticated_client()
    if client is None:
        raise _invalid_client()
    return client


@routes.post("/idp/introspect_token")
@auth.token_only
def introspect_token() -> Response:
    """The claims of a token that is good, or `active: false` alone (RFC 7662)."""
    token = request.form.get("token", "")
    if not token:
        raise bad_request("token is required.")
    claims = auth.token_claims(token)
    if claims is None or auth.caller_of_token(token) is None or claims["exp"] < time.time():
        return answer({"active": False})
    return answer({**claims, "active": True, "token_type": "bearer"})


# What libraries discover


@routes.get("/.well-known/openid-configuration")
@auth.open_to_all
def get_openid_configuration() -> Response:
    issuer = request.host_url.rstrip("/")
    base = f"{issuer}/api/2/idp"
    return answer(
        {
            "issuer": issuer,
            "authorization_endpoint": url_for("pages.portal_sign_in", _external=True),
            "token_endpoint": f"{base}/token",
            "revocation_endpoint": f"{base}/revoke_token",
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "introspection_endpoint": f"{base}/introspect_token",
            "jwks_uri": f"{base}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [auth.ALGORITHM],
            "grant_types_supported": ["client_credentials", "password", "refresh_token", JWT_BEARER],
        }
    )


@routes.get("/idp/keys")
@auth.open_to_all
def get_keys() -> Response:
    return answer(auth.public_keys())
