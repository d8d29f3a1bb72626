"""API clients and what they live on: grants, scopes, refresh, revocation, introspection."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from sandbox import definitions
from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
UNAUTHENTICATED = 1000


def token(http: httpx.Client, auth: tuple[str, str] | None = None, **form: str) -> httpx.Response:
    return http.post("/api/2/idp/token", data={"grant_type": "client_credentials", **form}, auth=auth)


def bearer(answer: httpx.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def new_client(call: Caller, tenant_id: str, **more: Any) -> dict[str, Any]:
    fields = {"type": "api_client", "tenant_id": tenant_id, "token_endpoint_auth_method": "client_secret_basic"}
    made = call("POST", "/clients", {**fields, "data": {"client_name": "Shop"}, **more})
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def test_user_makes_a_client_with_basic_and_sees_its_secret_once(http: httpx.Client, call: Caller) -> None:
    body = {"type": "agent", "tenant_id": PROVIDER, "token_endpoint_auth_method": "client_secret_basic"}

    made = http.post("/api/2/clients", json=body, auth=(LOGIN, PASSWORD))

    client = made.json()
    read = call("GET", f"/clients/{client['client_id']}").json()
    assert (made.status_code, client["type"], client["status"]) == (201, "api_client", "enabled")
    assert token(http, (client["client_id"], client["client_secret"])).status_code == 200
    assert "client_secret" not in read
    assert read["created_by"] == http.get("/api/2/users/me", auth=(LOGIN, PASSWORD)).json()["id"]


def test_client_of_a_customer_reaches_that_customer_only(call: Caller, http: httpx.Client) -> None:
    inside, outside = call.tenant("Inside"), call.tenant("Outside")
    client = new_client(call, inside)

    granted = token(http, (client["client_id"], client["client_secret"]))

    claims = jwt.decode(granted.json()["access_token"], options={"verify_signature": False})
    assert (claims["owner_tuid"], claims["scope"][0]["role"]) == (inside, "company_admin")
    assert http.get(f"/api/2/tenants/{inside}", headers=bearer(granted)).status_code == 200
    assert http.get(f"/api/2/tenants/{outside}", headers=bearer(granted)).status_code == 403
    assert http.get("/api/2/users/me", headers=bearer(granted)).json()["tenant_id"] == inside


def test_disabled_client_gets_no_token_and_its_old_ones_stop(call: Caller, http: httpx.Client) -> None:
    client = new_client(call, PROVIDER)
    pair = (client["client_id"], client["client_secret"])
    headers = bearer(token(http, pair))

    changed = call("PUT", f"/clients/{pair[0]}", {"status": "disabled"})

    refused = token(http, pair)
    assert changed.json()["status"] == "disabled"
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert http.get("/api/2/applications", headers=headers).json()["error"]["code"] == UNAUTHENTICATED
    call("PUT", f"/clients/{pair[0]}", {"status": "enabled"})
    assert token(http, pair).status_code == 200


def test_deleted_client_is_gone_but_shown_on_demand(call: Caller, http: httpx.Client) -> None:
    client = new_client(call, PROVIDER)
    client_id = client["client_id"]

    gone = call("DELETE", f"/clients/{client_id}")

    assert gone.status_code == 204
    assert call("GET", f"/clients/{client_id}").status_code == 404
    assert token(http, (client_id, client["client_secret"])).status_code == 401
    assert call("GET", "/clients", uuids=client_id).json()["items"] == []
    assert len(call("GET", "/clients", uuids=client_id, allow_deleted="1").json()["items"]) == 1


def test_disabled_tenant_disables_its_clients(call: Caller, http: httpx.Client) -> None:
    partner = call.tenant("Partner", "partner")
    client = new_client(call, partner)
    call("PUT", f"/tenants/{partner}", {"version": 1, "enabled": False})

    assert token(http, (client["client_id"], client["client_secret"])).status_code == 401


def test_client_shows_when_it_was_used_last(call: Caller, http: httpx.Client) -> None:
    client = new_client(call, PROVIDER)
    path = f"/clients/{client['client_id']}"
    before = call("GET", path).json()

    token(http, (client["client_id"], client["client_secret"]))

    after = call("GET", path).json()
    assert before["last_access_at"] is None
    assert after["last_access_at"] > "2026-10-01T08:00:00"
    assert after["data"] == {"client_name": "Shop"}


def test_secret_in_the_body_counts_only_for_clients_made_so(call: Caller, http: httpx.Client) -> None:
    posting = new_client(call, PROVIDER, token_endpoint_auth_method="client_secret_post")

    by_body = token(http, client_id=posting["client_id"], client_secret=posting["client_secret"])
    wrong_place = token(http, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)

    assert by_body.status_code == 200
    assert wrong_place.status_code == 401


def test_user_without_administrator_role_cannot_make_clients(call: Caller, http: httpx.Client) -> None:
    tenant_id = call.tenant("Customer")
    user = call.user(tenant_id, "reader")
    call("POST", f"/users/{user['id']}/password", {"password": "long enough"})
    body = {"type": "api_client", "tenant_id": tenant_id, "token_endpoint_auth_method": "client_secret_basic"}

    assert http.post("/api/2/clients", json=body, auth=("reader", "long enough")).status_code == 403


def test_refresh_token_comes_with_offline_access_and_gives_new_tokens(http: httpx.Client) -> None:
    form = {"grant_type": "password", "username": LOGIN, "password": PASSWORD}
    without = http.post("/api/2/idp/token", data=form).json()
    first = http.post("/api/2/idp/token", data={**form, "scope": "offline_access"}).json()

    again = token(http, grant_type="refresh_token", refresh_token=first["refresh_token"])

    assert "refresh_token" not in without
    assert again.json()["refresh_token"] == first["refresh_token"]
    assert http.get("/api/2/users/me", headers=bearer(again)).json()["login"] == LOGIN
    assert token(http, grant_type="refresh_token", refresh_token="spoilt").status_code == 401


@pytest.mark.parametrize("revoked", ["access_token", "refresh_token"])
def test_what_was_issued_together_is_revoked_together(http: httpx.Client, revoked: str) -> None:
    form = {"grant_type": "password", "username": LOGIN, "password": PASSWORD, "scope": "offline_access"}
    issued = http.post("/api/2/idp/token", data=form).json()

    answer = http.post("/api/2/idp/revoke_token", data={"token": issued[revoked]})

    headers = {"Authorization": f"Bearer {issued['access_token']}"}
    assert (answer.status_code, answer.content) == (200, b"")
    assert http.get("/api/2/users/me", headers=headers).status_code == 401
    assert token(http, grant_type="refresh_token", refresh_token=issued["refresh_token"]).status_code == 401


def test_client_revokes_its_own_token_only_with_its_secret(call: Caller, http: httpx.Client) -> None:
    stranger = new_client(call, PROVIDER)
    own = call.headers["Authorization"].removeprefix("Bearer ")

    for auth in (None, (stranger["client_id"], stranger["client_secret"])):
        assert http.post("/api/2/idp/revoke_token", data={"token": own}, auth=auth).status_code == 401
    assert call("GET", "/applications").status_code == 200
    http.post("/api/2/idp/revoke_token", data={"token": own}, auth=(CLIENT_ID, CLIENT_SECRET))
    assert call("GET", "/applications").status_code == 401


def test_introspection_tells_good_tokens_from_others(call: Caller, http: httpx.Client) -> None:
    own = call.headers["Authorization"].removeprefix("Bearer ")

    good = http.post("/api/2/idp/introspect_token", data={"token": own}, headers=call.headers).json()
    spoilt = http.post("/api/2/idp/introspect_token", data={"token": f"{own}x"}, headers=call.headers).json()

    assert (good["active"], good["owner_tuid"], good["client_id"]) == (True, PROVIDER, CLIENT_ID)
    assert spoilt == {"active": False}


def test_token_is_exchanged_for_one_of_a_tenant_below(call: Caller, http: httpx.Client) -> None:
    inside, outside = call.tenant("Inside"), call.tenant("Outside")
    own = call.headers["Authorization"].removeprefix("Bearer ")
    form = {"grant_type": JWT_BEARER, "assertion": own, "scope": f"urn:acronis.com:tenant-id:{inside}"}

    narrowed = http.post("/api/2/idp/token", data=form, headers=call.headers)

    back = {**form, "assertion": narrowed.json()["access_token"], "scope": f"urn:acronis.com:tenant-id:{PROVIDER}"}
    assert http.get(f"/api/2/tenants/{inside}", headers=bearer(narrowed)).status_code == 200
    assert http.get(f"/api/2/tenants/{outside}", headers=bearer(narrowed)).status_code == 403
    assert http.post("/api/2/idp/token", data=back).json()["error"] == "access_denied"


def test_clients_survive_a_restart_and_the_default_one_is_usable_again(start: Callable[..., httpx.Client]) -> None:
    before = Caller(start())
    client = new_client(before, PROVIDER)
    before("PUT", f"/clients/{CLIENT_ID}", {"status": "disabled"})

    again = start(now=None)

    assert token(again, (CLIENT_ID, CLIENT_SECRET)).status_code == 200
    assert token(again, (client["client_id"], client["client_secret"])).status_code == 200


def test_link_for_a_forgotten_password_needs_no_sign_in(http: httpx.Client) -> None:
    assert http.get("/api/2/accounts/forgot_link", params={"login": "nobody"}).json() == {"link": "/forgot_password"}


def test_file_of_an_earlier_sandbox_gains_what_it_lacks(start: Callable[..., httpx.Client], tmp_path: Path) -> None:
    client = new_client(Caller(start()), PROVIDER)
    with closing(sqlite3.connect(tmp_path / "sandbox.sqlite3")) as old:
        for table, column in (("clients", "origin_id"), ("clients", "auth_method"), ("users", "mfa_waived")):
            old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        old.commit()

    again = start(now=None)

    assert token(again, (client["client_id"], client["client_secret"])).status_code == 200
    assert again.get("/api/2/users/me", auth=(LOGIN, PASSWORD)).json()["mfa_status"] == "disabled"


@pytest.mark.parametrize(
    "grant", ["md5_password", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code", "magic", ""]
)
def test_grants_that_are_not_served_are_refused_in_the_shape_of_oauth_and_told_what_is(http: httpx.Client, grant: str) -> None:
    refused = token(http, grant_type=grant)

    body = refused.json()
    served = http.get("/api/2/.well-known/openid-configuration").json()["grant_types_supported"]
    assert (refused.status_code, set(body)) == (400, {"domain", "reason", "error", "error_description"})
    assert (body["error"], body["reason"]) == ("invalid_request", "InvalidRequest")
    assert body["error_description"].endswith(f"served are {', '.join(served)}.")
    assert repr(grant) in body["error_description"]
