"""Users: logins, roles, passwords, activation."""

from typing import Any

import httpx
import pytest

from sandbox import definitions
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def policy(user_id: str, tenant_id: str, role_id: str) -> dict[str, Any]:
    """A role as every integration sends it: with zero ids and version 0."""
    nothing = "00000000-0000-0000-0000-000000000000"
    return {
        "id": nothing,
        "issuer_id": nothing,
        "version": 0,
        "trustee_type": "user",
        "trustee_id": user_id,
        "tenant_id": tenant_id,
        "role_id": role_id,
    }


def test_login_is_free_taken_or_malformed(call: Caller) -> None:
    call.user(call.tenant("Customer"), "Jane.Doe")

    assert call("GET", "/users/check_login", username="john.doe").status_code == 204
    taken = call("GET", "/users/check_login", username="jane.doe")
    assert code(taken) == (409, 409)
    assert taken.json()["error"]["message"] == "User 'jane.doe' exists"
    for malformed in ("ab", "with space", "größe", "a(b)c"):
        assert code(call("GET", "/users/check_login", username=malformed)) == (406, 406)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"login": "JANE"}, (409, 409)),
        ({"login": "a b c"}, (400, 1033)),
        ({"login": None}, (400, 400)),
        ({"contact": {"email": ""}}, (400, 400)),
        ({"contact": {"email": "nonsense"}}, (400, 400)),
        ({"contact": None}, (400, 400)),
        ({"tenant_id": definitions.ROOT_TENANT}, (403, 1002)),
    ],
)
def test_new_users_that_break_a_rule_are_refused(call: Caller, change: dict[str, Any], expected: tuple[int, int]) -> None:
    tenant_id = call.tenant("Customer")
    call.user(tenant_id, "jane")

    refused = call("POST", "/users", {"tenant_id": tenant_id, "login": "other", "contact": {"email": "a@b.example"}, **change})

    assert code(refused) == expected
    assert len(call("GET", f"/tenants/{tenant_id}/users").json()["items"]) == 1


def test_only_users_of_customers_have_a_personal_tenant(call: Caller) -> None:
    of_customer, of_partner = call.user(call.tenant("C"), "one.user"), call.user(call.tenant("P", "partner"), "two.user")

    personal = call("GET", f"/tenants/{of_customer['personal_tenant_id']}").json()

    assert (personal["kind"], personal["owner_id"]) == ("unit", of_customer["id"])
    assert of_partner["personal_tenant_id"] is None


def test_roles_are_replaced_as_a_whole_and_fit_their_tenant(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    user = call.user(tenant_id, "jane.doe")
    path = f"/users/{user['id']}/access_policies"
    assert call("GET", path).json()["items"] == []

    given = call("PUT", path, {"items": [policy(user["id"], tenant_id, "company_admin")]}).json()["items"]
    wrong_level = call("PUT", path, {"items": [policy(user["id"], tenant_id, "partner_admin")]})
    unknown = call("PUT", path, {"items": [policy(user["id"], tenant_id, "emperor")]})
    batch = call("GET", "/users", uuids=user["id"], with_access_policies="true").json()["items"][0]

    assert [one["role_id"] for one in given] == ["company_admin"]
    assert given[0]["id"] != "00000000-0000-0000-0000-000000000000"
    assert code(wrong_level) == (400, 1027)
    assert code(unknown) == (400, 400)
    assert batch["access_policies"] == given
    call("PUT", path, {"items": []})
    assert call("GET", path).json()["items"] == []


def test_activation_mail_leads_to_a_password_and_works_once(call: Caller) -> None:
    user = call.user(call.tenant("Customer"), "jane.doe")

    sent = call.http.post(f"/api/2/users/{user['id']}/send-activation-email", headers=call.headers)
    mail = call.http.get("/sandbox/mails").json()["items"][0]
    page = call.http.get(mail["link"])
    short = call.http.post(mail["link"], data={"password": "short"})
    done = call.http.post(mail["link"], data={"password": "long enough"})

    assert (sent.status_code, sent.content) == (204, b"")
    assert (mail["to"], mail["login"]) == ("jane.doe@example.com", "jane.doe")
    assert "jane.doe" in page.text
    assert short.status_code == 400
    assert done.headers["Location"] == "/mc/"
    assert call("GET", f"/users/{user['id']}").json()["activated"] is True
    assert call.http.get(mail["link"]).status_code == 404
    signed_in = call.http.post("/mc/login", data={"login": "jane.doe", "password": "long enough"})
    refused = call.http.post("/mc/login", data={"login": "jane.doe", "password": "wrong"})
    assert (signed_in.status_code, refused.status_code) == (302, 401)


def test_password_activates_but_only_from_above(call: Caller) -> None:
    below, own = call.user(call.tenant("Customer"), "below.user"), call.user(PROVIDER, "own.user")

    set_below = call("POST", f"/users/{below['id']}/password", {"password": "anything"})
    set_own = call("POST", f"/users/{own['id']}/password", {"password": "anything"})

    assert set_below.status_code == 204
    assert call("GET", f"/users/{below['id']}").json()["activated"] is True
    assert code(set_own) == (403, 1002)


def test_blanks_at_the_ends_belong_to_a_password(call: Caller, http: httpx.Client) -> None:
    user = call.user(call.tenant("Customer"), "jane.doe")
    sign_in = {"grant_type": "password", "username": "jane.doe"}

    call("POST", f"/users/{user['id']}/password", {"password": " with blanks "})

    assert http.post("/api/2/idp/token", data=sign_in | {"password": " with blanks "}).status_code == 200
    assert http.post("/api/2/idp/token", data=sign_in | {"password": "with blanks"}).status_code == 401
    assert code(call("POST", f"/users/{user['id']}/password", {"password": ""})) == (400, 400)


def test_update_needs_the_version_and_merges_the_contact(call: Caller) -> None:
    user = call.user(call.tenant("Customer"), "jane.doe")

    changed = call("PUT", f"/users/{user['id']}", {"version": 1, "login": "jane.roe", "contact": {"firstname": "Jane"}}).json()
    stale = call("PUT", f"/users/{user['id']}", {"version": 1, "enabled": False})

    assert (changed["version"], changed["login"], changed["contact"]["firstname"]) == (2, "jane.roe", "Jane")
    assert changed["contact"]["email"] == "jane.doe@example.com"
    assert code(stale) == (409, 1001)
    assert call("GET", "/users/check_login", username="jane.doe").status_code == 204


def test_new_address_of_an_active_user_waits_for_its_confirmation(call: Caller) -> None:
    user = call.user(call.tenant("Customer"), "jane.doe")
    call("POST", f"/users/{user['id']}/password", {"password": "anything"})

    waiting = call("PUT", f"/users/{user['id']}", {"version": 1, "contact": {"email": "new@example.com"}}).json()
    mail = call.http.get("/sandbox/mails").json()["items"][0]
    call.http.post(mail["link"])
    confirmed = call("GET", f"/users/{user['id']}").json()

    assert (waiting["version"], waiting["contact"]["email"]) == (1, "jane.doe@example.com")
    assert mail["to"] == "new@example.com"
    assert (confirmed["version"], confirmed["contact"]["email"]) == (2, "new@example.com")


def test_delete_needs_a_disabled_user(call: Caller) -> None:
    user = call.user(call.tenant("Customer"), "jane.doe")

    enabled = call("DELETE", f"/users/{user['id']}", version=1)
    call("PUT", f"/users/{user['id']}", {"version": 1, "enabled": "false"})
    deleted = call("DELETE", f"/users/{user['id']}", version=2)

    assert code(enabled) == (400, 400)
    assert deleted.status_code == 204
    assert call("GET", f"/users/{user['id']}").status_code == 404
    assert call("GET", f"/tenants/{user['personal_tenant_id']}").status_code == 404
    assert call("GET", "/users/check_login", username="jane.doe").status_code == 204


def test_batch_of_a_subtree_is_paged(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    made = [call.user(call.tenant(f"C{number}", parent_id=partner), f"user.{number}")["id"] for number in range(3)]

    first = call("GET", "/users", subtree_root_tenant_id=partner, limit=2, lod="stamps").json()
    second = call("GET", "/users", after=first["paging"]["cursors"]["after"], allow_deleted="false").json()

    assert [item["id"] for item in [*first["items"], *second["items"]]] == made
    assert "paging" not in second
    assert "login" not in second["items"][0]
    assert call("GET", f"/tenants/{partner}/users", include_grand_children="true").json()["items"] == made
