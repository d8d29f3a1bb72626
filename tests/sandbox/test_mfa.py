"""The second factor: who must have one, and what happens to those who lack it."""

import time
from typing import Any

import httpx
import pytest

from sandbox import definitions, mfa
from sandbox.app import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT
PASSWORD = "long enough"


@pytest.fixture
def guarded(call: Caller) -> dict[str, str]:
    """A customer that demands a second factor, and its user."""
    tenant_id = call.tenant("Guarded")
    user_id = call.user(tenant_id, "guarded.user")["id"]
    call("POST", f"/users/{user_id}/password", {"password": PASSWORD})
    assert call("PUT", f"/tenants/{tenant_id}/mfa/status", {"enabled": "true"}).status_code == 200
    return {"tenant_id": tenant_id, "user_id": user_id}


def sign_in(http: httpx.Client, **more: str) -> httpx.Response:
    form = {"grant_type": "password", "username": "guarded.user", "password": PASSWORD, **more}
    return http.post("/api/2/idp/token", data=form)


def refusal(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("error")


def test_user_must_set_the_codes_up_and_then_send_one(call: Caller, http: httpx.Client, guarded: dict[str, str]) -> None:
    without = sign_in(http)
    secret = http.post(f"/sandbox/users/{guarded['user_id']}/totp").json()["secret"]

    missing, wrong = sign_in(http), sign_in(http, totp_code="000000x")
    right = sign_in(http, totp_code=mfa.code_at(secret, int(time.time())))

    assert refusal(without) == (403, "totp_setup_required")
    assert refusal(missing) == (401, "totp_required")
    assert refusal(wrong) == (401, "invalid_totp")
    assert right.status_code == 200


def test_codes_are_those_of_the_published_example() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238, appendix B: "12345678901234567890"

    assert mfa.code_at(secret, 59) == "287082"
    assert mfa.code_at(secret, 1111111109) == "081804"


def test_password_alone_gets_1037_and_clients_are_unaffected(call: Caller, http: httpx.Client, guarded: dict[str, str]) -> None:
    answer = http.get("/api/2/users/me", auth=("guarded.user", PASSWORD))
    client = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET))

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 1037)
    assert answer.json()["error"]["message"] == "Multi-Factor Authentication is required"
    assert client.status_code == 200


def test_tenant_counts_its_users_and_switching_off_forgets_their_codes(
    call: Caller, http: httpx.Client, guarded: dict[str, str]
) -> None:
    path = f"/tenants/{guarded['tenant_id']}/mfa/status"
    http.post(f"/sandbox/users/{guarded['user_id']}/totp")
    on = call("GET", path).json()

    off = call("PUT", path, {"enabled": False}).json()

    assert on == {"mfa_status": "enabled", "users_count": 1, "users_with_totp_enabled_count": 1, "update_allowed": True}
    assert (off["mfa_status"], off["users_with_totp_enabled_count"]) == ("disabled", 0)
    assert sign_in(http).status_code == 200


def test_users_show_where_they_stand_and_can_be_excepted(call: Caller, http: httpx.Client, guarded: dict[str, str]) -> None:
    path = f"/users/{guarded['user_id']}"
    seen = [call("GET", path).json()["mfa_status"]]

    http.post(f"/sandbox/users/{guarded['user_id']}/totp")
    seen.append(call("GET", path).json()["mfa_status"])
    excepted = call("PUT", f"{path}/mfa/status", {"enabled": False})
    seen.append(call("GET", path).json()["mfa_status"])

    assert seen == ["setup_required", "enabled", "forcibly_disabled"]
    assert (excepted.status_code, excepted.content) == (200, b"")
    assert sign_in(http).status_code == 200
    call("PUT", f"{path}/mfa/status", {"enabled": True})
    assert refusal(sign_in(http)) == (403, "totp_setup_required")


def test_folders_and_units_go_by_the_tenant_they_lie_in(call: Caller, guarded: dict[str, str]) -> None:
    unit = call.tenant("Unit", "unit", guarded["tenant_id"])
    folder = call.tenant("Folder", "folder")

    assert call("GET", f"/tenants/{unit}/mfa/status").json()["mfa_status"] == "enabled"
    assert call("GET", f"/tenants/{unit}/mfa/status").json()["update_allowed"] is False
    assert call("PUT", f"/tenants/{unit}/mfa/status", {"enabled": False}).status_code == 400
    assert call("PUT", f"/tenants/{folder}/mfa/status", {"enabled": True}).status_code == 400
