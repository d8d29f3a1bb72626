"""Deleted tenants and users come back, with what their deletion took along."""

from typing import Any

import httpx

from sandbox import definitions
from tests.sandbox.conftest import Caller
from tests.sandbox.test_users import policy

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def delete_tenant(call: Caller, tenant_id: str) -> None:
    version = call("GET", f"/tenants/{tenant_id}").json()["version"]
    call("PUT", f"/tenants/{tenant_id}", {"version": version, "enabled": False})
    assert call("DELETE", f"/tenants/{tenant_id}", version=version + 1).status_code == 204


def delete_user(call: Caller, user_id: str) -> None:
    version = call("GET", f"/users/{user_id}").json()["version"]
    call("PUT", f"/users/{user_id}", {"version": version, "enabled": "false"})
    assert call("DELETE", f"/users/{user_id}", version=version + 1).status_code == 204


def test_restored_partner_brings_its_customers_and_users_back(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer, gone_before = call.tenant("Customer", parent_id=partner), call.tenant("Gone before", parent_id=partner)
    user = call.user(customer, "jane.doe")
    call.user(gone_before, "old.user")
    delete_tenant(call, gone_before)
    delete_tenant(call, partner)
    assert call("GET", f"/users/{user['id']}").status_code == 404

    restored = call("POST", f"/tenants/{partner}/restore")

    assert restored.status_code == 204
    back = call("GET", f"/tenants/{partner}").json()
    assert (back["enabled"], back["deleted_at"], back["has_children"]) == (False, None, True)
    assert call("GET", f"/tenants/{partner}/children").json()["items"] == [customer]
    assert call("GET", f"/users/{user['id']}").json()["login"] == "jane.doe"
    assert call("GET", f"/tenants/{user['personal_tenant_id']}").status_code == 200
    assert call("GET", f"/tenants/{gone_before}").status_code == 404


def test_deleted_tenants_are_read_on_demand_only(call: Caller) -> None:
    customer = call.tenant("Customer")
    delete_tenant(call, customer)

    assert call("GET", f"/tenants/{customer}").status_code == 404
    assert call("GET", f"/tenants/{customer}", allow_deleted="1").json()["deleted_at"] > "2026-10-01"
    assert customer in call("GET", f"/tenants/{PROVIDER}/children", allow_deleted="true").json()["items"]
    assert customer not in call("GET", f"/tenants/{PROVIDER}/children").json()["items"]


def test_name_taken_meanwhile_is_a_conflict_that_force_settles(call: Caller) -> None:
    first = call.tenant("Customer")
    delete_tenant(call, first)
    call.tenant("Customer")

    refused = call("POST", f"/tenants/{first}/restore")
    forced = call("POST", f"/tenants/{first}/restore", force="true")

    assert code(refused) == (409, 1004)
    assert forced.status_code == 204
    assert call("GET", f"/tenants/{first}").json()["name"] == "Customer (1)"
    found = call("GET", "/search", tenant=PROVIDER, text="customer (1)").json()["items"]
    assert [hit["id"] for hit in found] == [first]


def test_login_taken_meanwhile_stops_the_whole_restore_unless_forced(call: Caller) -> None:
    customer, other = call.tenant("Customer"), call.tenant("Other")
    user = call.user(customer, "jane.doe")
    delete_tenant(call, customer)
    call.user(other, "jane.doe")

    refused = call("POST", f"/tenants/{customer}/restore")

    assert code(refused) == (409, 409)
    assert call("GET", f"/tenants/{customer}").status_code == 404
    assert call("POST", f"/tenants/{customer}/restore", force="1").status_code == 204
    assert call("GET", f"/users/{user['id']}").json()["login"] == "jane.doe_1"


def test_tenant_below_a_deleted_one_waits_for_it(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant("Customer", parent_id=partner)
    delete_tenant(call, customer)
    delete_tenant(call, partner)

    assert code(call("POST", f"/tenants/{customer}/restore")) == (409, 1003)
    assert call("POST", f"/tenants/{partner}/restore").status_code == 204
    assert call("POST", f"/tenants/{customer}/restore").status_code == 204
    assert call("POST", f"/tenants/{customer}/restore").status_code == 404


def test_restored_user_has_its_roles_and_is_enabled_on_demand(call: Caller) -> None:
    customer = call.tenant("Customer")
    first, second = call.user(customer, "first"), call.user(customer, "second")
    call("PUT", f"/users/{first['id']}/access_policies", {"items": [policy(first["id"], customer, "company_admin")]})
    for user in (first, second):
        delete_user(call, user["id"])

    call("POST", f"/users/{first['id']}/restore", enable="true")
    call("POST", f"/users/{second['id']}/restore")

    assert call("GET", f"/users/{first['id']}").json()["enabled"] is True
    assert call("GET", f"/users/{second['id']}").json()["enabled"] is False
    roles = call("GET", f"/users/{first['id']}/access_policies").json()["items"]
    assert [role["role_id"] for role in roles] == ["company_admin"]
    assert call("GET", f"/tenants/{first['personal_tenant_id']}").status_code == 200


def test_user_whose_login_was_taken_needs_force(call: Caller) -> None:
    customer = call.tenant("Customer")
    user = call.user(customer, "jane.doe")
    delete_user(call, user["id"])
    call.user(customer, "JANE.doe")

    assert code(call("POST", f"/users/{user['id']}/restore")) == (409, 409)
    assert call("POST", f"/users/{user['id']}/restore", force="true").status_code == 204
    assert call("GET", f"/users/{user['id']}").json()["login"] == "jane.doe_1"
