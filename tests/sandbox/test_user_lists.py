"""Many users at once, the day after which a user is disabled, roles of services, passwords seen in a breach."""

from hashlib import sha1
from typing import Any

import httpx

from sandbox import definitions
from tests.sandbox.conftest import Caller
from tests.sandbox.test_users import policy

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def ids(call: Caller, **query: Any) -> list[str]:
    answer = call("GET", "/users", **query)
    assert answer.status_code == 200, answer.text
    return [user["id"] for user in answer.json()["items"]]


def new_user(call: Caller, tenant_id: str, login: str, **more: Any) -> str:
    body = {"tenant_id": tenant_id, "login": login, "contact": {"email": f"{login}@example.com"}, **more}
    made = call("POST", "/users", body)
    assert made.status_code == 200, made.text
    return str(made.json()["id"])


def test_users_are_found_by_the_ids_of_others(call: Caller) -> None:
    customer, other = call.tenant("Customer"), call.tenant("Other")
    first = new_user(call, customer, "first", external_id="E-1", origin_id="shop", origin_external_id="7")
    new_user(call, other, "second", external_id="E-1")
    third = new_user(call, customer, "third", origin_id="shop")

    assert ids(call, external_ids="E-1,E-2", tenant_id=customer) == [first]
    assert ids(call, origin_id="shop") == [first, third]
    assert ids(call, origin_id="shop", external_ids="E-1", tenant_id=customer) == [first]
    assert call("GET", f"/users/{first}").json()["origin_external_id"] == "7"
    assert code(call("GET", "/users", external_ids="E-1")) == (400, 400)


def test_users_are_filtered_by_role_kind_and_target(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant("Customer", parent_id=partner)
    unit = call.tenant("Unit", "unit", customer)
    seller, boss, clerk = new_user(call, partner, "seller"), new_user(call, customer, "boss"), new_user(call, unit, "clerk")
    call("PUT", f"/users/{boss}/access_policies", {"items": [policy(boss, customer, "company_admin")]})
    below = {"subtree_root_tenant_id": partner}

    assert ids(call, **below) == [seller, boss, clerk]
    assert ids(call, **below, tenant_kinds="customer,unit") == [boss, clerk]
    assert ids(call, **below, access_policies="company_admin") == [boss]
    assert ids(call, **below, target_tenant_id=customer) == [boss]
    assert ids(call, **below, inside_organization="true") == [seller]
    assert ids(call, subtree_root_tenant_id=customer, inside_organization="true") == [boss, clerk]


def test_user_is_disabled_after_its_day(call: Caller, http: httpx.Client) -> None:
    customer = call.tenant("Customer")
    user_id = new_user(call, customer, "guest", disable_after="2026-10-05T00:00:00Z")
    call("POST", f"/users/{user_id}/password", {"password": "long enough"})
    before = call("GET", f"/users/{user_id}").json()
    call.move_clock("2026-10-05T00:00:01Z")

    after = call("GET", f"/users/{user_id}").json()

    assert (before["enabled"], after["enabled"]) == (True, False)
    assert http.get("/api/2/users/me", auth=("guest", "long enough")).status_code == 401
    extended = call("PUT", f"/users/{user_id}", {"version": 1, "disable_after": "2026-11-05T00:00:00Z"})
    assert extended.json()["enabled"] is True
    assert code(call("PUT", f"/users/{user_id}", {"version": 2, "disable_after": "tomorrow"})) == (400, 400)


def test_business_types_and_identities_are_kept(call: Caller) -> None:
    customer = call.tenant("Customer")
    user_id = new_user(call, customer, "buyer", business_types=["buyer"], use_existing_identity="false")

    changed = call("PUT", f"/users/{user_id}", {"version": 1, "business_types": []})

    assert changed.json()["business_types"] == []
    assert code(call("PUT", f"/users/{user_id}", {"version": 2, "business_types": ["king"]})) == (400, 400)


def test_user_has_one_role_per_service_and_tenant(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer)
    user_id = new_user(call, customer, "boss")
    path = f"/users/{user_id}/access_policies"

    def give(*roles: str) -> httpx.Response:
        return call("PUT", path, {"items": [policy(user_id, customer, role) for role in roles]})

    assert give("readonly_admin", "protection_admin", "sync_share_admin", "notary_user").status_code == 200
    assert code(give("protection_admin", "backup_user")) == (400, 1027)
    assert len(call("GET", path).json()["items"]) == 4


def test_users_of_a_tenant_are_ordered_as_asked(call: Caller) -> None:
    customer = call.tenant("Customer")
    beta, alpha = new_user(call, customer, "beta"), new_user(call, customer, "Alpha")

    def listed(**query: Any) -> list[str]:
        found: list[str] = call("GET", f"/tenants/{customer}/users", **query).json()["items"]
        return found

    assert listed() == [alpha, beta]
    assert listed(order="-login") == [beta, alpha]
    assert listed(order="as_is", include_hidden="0") == [beta, alpha]
    assert code(call("GET", f"/tenants/{customer}/users", order="height")) == (400, 400)


def test_leaked_passwords_are_told_without_a_sign_in(http: httpx.Client) -> None:
    def compromised(password: str) -> bool:
        digest = sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
        return bool(http.post("/api/2/users/check_password", json={"password": digest}).json()["compromised"])

    assert compromised("password") is True
    assert compromised("correct horse battery staple") is False
