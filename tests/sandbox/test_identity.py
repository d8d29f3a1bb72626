"""Tokens, keys, clients, one-time tokens and who is refused."""

import time
from collections.abc import Callable

import httpx
import jwt
import time_machine

from sandbox import definitions
from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT


def test_token_is_a_signed_jwt_that_names_its_tenant_and_both_ends(http: httpx.Client) -> None:
    answer = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET))
    key = jwt.PyJWK(http.get("/api/2/idp/keys").json()["keys"][0])

    body = answer.json()
    claims = jwt.decode(body["access_token"], key, algorithms=["RS256"], options={"verify_aud": False})

    assert claims["owner_tuid"] == PROVIDER
    assert body["expires_on"] == claims["exp"] == claims["iat"] + 7200
    assert body["expires_in"] == 7200
    assert abs(body["expires_on"] - 7200 - time.time()) < 60
    assert body["token_type"] == "bearer"
    assert answer.headers["Cache-Control"] == "no-store"


def test_wrong_secret_is_refused_in_the_shape_of_oauth(http: httpx.Client) -> None:
    answer = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, "wrong"))

    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.json()["reason"] == "InvalidClient"


def test_unknown_grant_is_an_invalid_request(http: httpx.Client) -> None:
    answer = http.post("/api/2/idp/token", data={"grant_type": "refresh_token"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_missing_and_spoilt_tokens_get_the_recorded_body(http: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = http.get(f"/api/2/tenants/{PROVIDER}", headers=headers)

        assert answer.status_code == 401
        assert answer.text == (
            '{"error":{"code":1000,"message":"An error has occurred.","details":{"info":"","addition":[{}]},'
            '"context":{},"domain":"PlatformAccountServer"}}'
        )


def test_token_survives_a_restart_and_the_clock_moving_on(start: Callable[..., httpx.Client]) -> None:
    before = Caller(start())
    before.move_clock("2027-01-01T00:00:00Z")

    again = start(now=None).get(f"/api/2/tenants/{PROVIDER}", headers=before.headers)

    assert again.status_code == 200


def test_token_ends_after_two_hours_of_the_machines_clock(call: Caller) -> None:
    issued_at = time.time()

    answers = {}
    for seconds in (0, 7190, 7210):
        with time_machine.travel(issued_at + seconds, tick=False):
            answers[seconds] = call("GET", f"/tenants/{PROVIDER}")

    assert {seconds: answer.status_code for seconds, answer in answers.items()} == {0: 200, 7190: 200, 7210: 401}
    assert answers[7210].json()["error"]["code"] == 1000


def test_client_tells_its_own_tenant(call: Caller) -> None:
    assert call("GET", f"/clients/{CLIENT_ID}").json()["tenant_id"] == PROVIDER
    assert call("GET", f"/clients/{PROVIDER}").status_code == 404


def test_account_leads_to_the_data_centre_without_a_slash(http: httpx.Client) -> None:
    answer = http.get("/api/1/accounts", params={"login": LOGIN})

    assert answer.json() == {"login": LOGIN, "id": 0, "server_url": "http://sandbox.test"}
    assert http.get("/api/1/accounts", params={"login": "nobody"}).status_code == 404


def test_basic_signs_a_user_in_but_not_for_reports(http: httpx.Client) -> None:
    me = http.get("/api/2/users/me", auth=(LOGIN, PASSWORD))
    reports = http.get(f"/api/2/tenants/{PROVIDER}/reports", auth=(LOGIN, PASSWORD))

    assert me.json()["login"] == LOGIN
    assert me.json()["tenant_kind"] == "partner"
    assert reports.status_code == 401


def test_user_without_an_administrator_role_may_not_write(call: Caller, http: httpx.Client) -> None:
    tenant_id = call.tenant("Reader Ltd")
    user = call.user(tenant_id, "reader")
    call("POST", f"/users/{user['id']}/password", {"password": "long enough"})

    answer = http.put(f"/api/2/tenants/{tenant_id}", json={"version": 1}, auth=("reader", "long enough"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 1002)


def test_narrowed_token_reaches_only_its_tenant(call: Caller, http: httpx.Client) -> None:
    inside, outside = call.tenant("Inside"), call.tenant("Outside")
    body = {"grant_type": "client_credentials", "scope": f"urn:acronis.com:tenant-id:{inside}"}

    token = http.post("/api/2/idp/token", data=body, auth=(CLIENT_ID, CLIENT_SECRET)).json()["access_token"]

    headers = {"Authorization": f"Bearer {token}"}
    assert http.get(f"/api/2/tenants/{inside}", headers=headers).status_code == 200
    assert http.get(f"/api/2/tenants/{outside}", headers=headers).status_code == 403
    body["scope"] = f"urn:acronis.com:tenant-id:{definitions.ROOT_TENANT}"
    refused = http.post("/api/2/idp/token", data=body, auth=(CLIENT_ID, CLIENT_SECRET))
    assert refused.status_code == 403


def test_one_time_token_signs_in_once_and_sets_a_session(call: Caller, http: httpx.Client) -> None:
    user = call.user(call.tenant("Panel Ltd"), "panel.user")
    call("POST", f"/users/{user['id']}/password", {"password": "long enough"})
    ott = call("POST", "/idp/ott", {"purpose": "user_login", "login": "Panel.User"}).json()["ott"]

    first = http.post("/api/2/idp/ott/login", json={"ott": ott})
    again = http.post("/api/2/idp/ott/login", json={"ott": ott})

    assert first.json()["id"] == user["id"]
    assert again.status_code == 401
    assert http.get("/api/2/users/me").json()["login"] == "panel.user"
    assert "panel.user" in http.get("/mc/").text
    http.get("/api/2/idp/logout")
    assert http.get("/api/2/users/me").status_code == 401


def test_one_time_tokens_are_for_clients_and_open_tenants_only(call: Caller, http: httpx.Client) -> None:
    closed = call.tenant("Closed Ltd", ancestral_access=False)
    assert call("GET", f"/tenants/{closed}/users").status_code == 403

    by_user = http.post("/api/2/idp/ott", json={"purpose": "user_login", "login": LOGIN}, auth=(LOGIN, PASSWORD))
    unknown = call("POST", "/idp/ott", {"purpose": "user_login", "login": "nobody.here"})

    assert by_user.status_code == 403
    assert unknown.status_code == 400


def test_unknown_paths_and_methods_get_the_envelope(call: Caller) -> None:
    missing, wrong_method = call("GET", "/nothing/here"), call("DELETE", "/applications")

    assert missing.json()["error"]["code"] == missing.status_code == 404
    assert wrong_method.json()["error"]["code"] == wrong_method.status_code == 405


def test_bodies_of_another_type_and_broken_json_are_refused(call: Caller, http: httpx.Client) -> None:
    text = http.post("/api/2/tenants", content="name=x", headers={**call.headers, "Content-Type": "text/plain"})
    broken = http.post("/api/2/tenants", content="{", headers={**call.headers, "Content-Type": "application/json"})

    assert (text.status_code, text.json()["error"]["code"]) == (415, 415)
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, 400)
