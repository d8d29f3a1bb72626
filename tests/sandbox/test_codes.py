"""Every platform code of the vendor's list: the situation that provokes it here, or why none does."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox import definitions, errors
from sandbox.definitions import BACKUP, FILES_CLOUD, FRANKFURT, NOTARY, PROVIDER_TENANT, ROOT_TENANT
from tests.sandbox.conftest import Caller
from tests.sandbox.test_users import policy

# Codes no operation of the API can meet, with the reason; the README repeats them.
NEVER = {
    1020: "machines register with the agents' own service",
    1034: "there is no operation on legal documents",
    1035: "there is no operation on legal documents",
    1036: "not in the vendor's list",
}
SERVERS = {"application_id": BACKUP, "name": "pg_base_servers"}
PASSWORD = "long enough"


def put_items(call: Caller, tenant_id: str, *items: dict[str, Any]) -> httpx.Response:
    return call("PUT", f"/tenants/{tenant_id}/offering_items", {"offering_items": list(items)})


def change(call: Caller, tenant_id: str, **fields: Any) -> httpx.Response:
    version = call("GET", f"/tenants/{tenant_id}").json()["version"]
    return call("PUT", f"/tenants/{tenant_id}", {"version": version, **fields})


def give_role(call: Caller, user_id: str, tenant_id: str, role_id: str) -> httpx.Response:
    return call("PUT", f"/users/{user_id}/access_policies", {"items": [policy(user_id, tenant_id, role_id)]})


def storages(call: Caller, name: str) -> list[dict[str, Any]]:
    return [item for item in call.offered() if item["name"] == name]


def partner_with_everything(call: Caller, name: str = "Partner") -> str:
    partner = call.tenant(name, "partner")
    assert put_items(call, partner, *call.offered()).status_code == 200
    return partner


def own_storage(call: Caller) -> str:
    body = {"owner_tenant_id": PROVIDER_TENANT, "name": "Own", "url": "amazon+s3://own.example/b", "capabilities": ["backup"]}
    made = call("POST", "/infra", body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def customer_on_own_storage(call: Caller, infra_id: str) -> str:
    customer = call.tenant("Customer")
    item = {"application_id": BACKUP, "name": "pg_base_storage", "infra_id": infra_id, "status": 1}
    assert put_items(call, customer, item).status_code == 200
    return customer


# The situations, one function per code


def without_a_token(call: Caller) -> httpx.Response:
    return call.http.get("/api/2/applications")


def with_a_stale_version(call: Caller) -> httpx.Response:
    return call("PUT", f"/tenants/{call.tenant('Customer')}", {"version": 7})


def outside_the_subtree(call: Caller) -> httpx.Response:
    return call("GET", f"/tenants/{ROOT_TENANT}")


def under_a_disabled_parent(call: Caller) -> httpx.Response:
    partner = call.tenant("Partner", "partner")
    change(call, partner, enabled=False)
    return call("POST", "/tenants", {"name": "x", "kind": "customer", "parent_id": partner})


def with_a_taken_name(call: Caller) -> httpx.Response:
    return change(call, call.tenant("One"), name=call("GET", f"/tenants/{call.tenant('Two')}").json()["name"])


def under_an_unknown_parent(call: Caller) -> httpx.Response:
    return call("POST", "/tenants", {"name": "x", "kind": "customer", "parent_id": BACKUP})


def deleting_an_enabled_tenant(call: Caller) -> httpx.Response:
    return call("DELETE", f"/tenants/{call.tenant('Customer')}", version=1)


def moving_under_its_own_child(call: Caller) -> httpx.Response:
    partner = call.tenant("Partner", "partner")
    return change(call, partner, parent_id=call.tenant("Child", "partner", partner))


def moving_under_a_customer(call: Caller) -> httpx.Response:
    return change(call, call.tenant("One"), parent_id=call.tenant("Two"))


def unregistering_a_storage_in_use(call: Caller) -> httpx.Response:
    infra_id = own_storage(call)
    customer_on_own_storage(call, infra_id)
    return call("DELETE", f"/infra/{infra_id}", version=1)


def sharing_an_address_in_file_sync(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    first, second = call.user(customer, "first"), call.user(customer, "second")
    call("PUT", f"/users/{second['id']}", {"version": 1, "contact": {"email": "First@example.com"}})
    assert give_role(call, first["id"], customer, "sync_share_user").status_code == 200
    return give_role(call, second["id"], customer, "sync_share_user")


def changing_what_is_being_deleted(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    assert change(call, customer, external_operation_status="deleting").status_code == 200
    refused = put_items(call, customer, {**SERVERS, "status": 1})
    assert change(call, customer, external_operation_status="no_operation").status_code == 200
    assert put_items(call, customer, {**SERVERS, "status": 1}).status_code == 200
    return refused


def changing_what_another_tenant_locked(call: Caller) -> httpx.Response:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant("Customer", parent_id=partner)
    change(call, customer, update_lock={"enabled": "true"})
    user = call.user(partner, "reseller")
    give_role(call, user["id"], partner, "partner_admin")
    call("POST", f"/users/{user['id']}/password", {"password": PASSWORD})
    return call.http.put(f"/api/2/tenants/{customer}", json={"version": 2}, auth=("reseller", PASSWORD))


def moving_under_a_disabled_tenant(call: Caller) -> httpx.Response:
    partner = call.tenant("Partner", "partner")
    change(call, partner, enabled=False)
    return change(call, call.tenant("Customer"), parent_id=partner)


def moving_to_where_items_are_missing(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    put_items(call, customer, {**SERVERS, "status": 1})
    return change(call, customer, parent_id=call.tenant("Partner", "partner"))


def registering_a_storage_twice(call: Caller) -> httpx.Response:
    own_storage(call)
    body = {"owner_tenant_id": PROVIDER_TENANT, "name": "Own", "url": "amazon+s3://other.example/b", "capabilities": ["backup"]}
    return call("POST", "/infra", body)


def taking_a_storage_from_a_child(call: Caller) -> httpx.Response:
    partner = partner_with_everything(call)
    call.equip(call.tenant("Customer", parent_id=partner), parent_id=partner)
    return put_items(call, partner, *({**one, "status": 0} for one in storages(call, "pg_base_storage")))


def turning_off_the_default_storage(call: Caller) -> httpx.Response:
    first = storages(call, "pg_base_storage")[0]
    return put_items(call, partner_with_everything(call), {**first, "status": 0})


def mailing_a_disabled_user(call: Caller) -> httpx.Response:
    user = call.user(call.tenant("Customer"), "off.user")
    call("PUT", f"/users/{user['id']}", {"version": 1, "enabled": False})
    return call("POST", f"/users/{user['id']}/send-activation-email")


def protecting_where_there_is_no_protection(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    return give_role(call, call.user(customer, "jane.doe")["id"], customer, "backup_user")


def taking_what_the_parent_lacks(call: Caller) -> httpx.Response:
    partner = call.tenant("Partner", "partner")
    return put_items(call, call.tenant("Customer", parent_id=partner), {**SERVERS, "status": 1})


def reporting_above_a_hard_quota(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    put_items(call, customer, {**SERVERS, "status": 1, "quota": {"value": 5, "overage": 1, "version": 0}})
    body = {"type": "api_client", "tenant_id": PROVIDER_TENANT, "token_endpoint_auth_method": "client_secret_basic"}
    client = call("POST", "/clients", {**body, "origin_id": "meter"}).json()
    pair = (client["client_id"], client["client_secret"])
    token = call.http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=pair).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    item = {"tenant_id": customer, "offering_item": "pg_base_servers"}
    allowed = call.http.put("/api/2/tenants/usages", json={"items": [{**item, "usage_value": 6}]}, headers=headers)
    assert "error" not in allowed.json()["items"][0]
    answer = call.http.put("/api/2/tenants/usages", json={"items": [{**item, "usage_value": 7}]}, headers=headers)
    assert answer.status_code == 200
    return httpx.Response(400, json=answer.json()["items"][0]["error"])


def seats_without_their_storage(call: Caller) -> httpx.Response:
    return put_items(call, call.tenant("Customer"), {"application_id": FILES_CLOUD, "name": "pu_base_fc_seats", "status": 1})


def mail_to(call: Caller, domain: str) -> httpx.Response:
    user = call.user(call.tenant("Customer"), "jane.doe")
    call("PUT", f"/users/{user['id']}", {"version": 1, "contact": {"email": f"jane@{domain}"}})
    return call("POST", f"/users/{user['id']}/send-activation-email")


def mailing_a_forbidden_address(call: Caller) -> httpx.Response:
    return mail_to(call, "forbidden.invalid")


def mailing_when_mail_is_broken(call: Caller) -> httpx.Response:
    return mail_to(call, "smtp.invalid")


def binding_a_service_the_parent_lacks(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer", parent_id=call.tenant("Partner", "partner"))
    return call("POST", f"/applications/{NOTARY}/bindings/tenants/{customer}")


def taking_a_second_edition(call: Caller) -> httpx.Response:
    items = ({**SERVERS, "name": name, "status": 1} for name in ("pg_base_servers", "pw_base_servers"))
    return put_items(call, call.tenant("Customer"), *items)


def taking_the_login_of_a_guest(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    give_role(call, call.user(customer, "guest.user")["id"], customer, "sync_share_guest")
    return call("POST", "/users", {"tenant_id": customer, "login": "guest.user", "contact": {"email": "g@example.com"}})


def unregistering_a_storage_of_a_deleted_tenant(call: Caller) -> httpx.Response:
    infra_id = own_storage(call)
    customer = customer_on_own_storage(call, infra_id)
    change(call, customer, enabled=False)
    assert call("DELETE", f"/tenants/{customer}", version=2).status_code == 204
    refused = call("DELETE", f"/infra/{infra_id}", version=1)
    assert call("DELETE", f"/infra/{infra_id}", version=1, force="true").status_code == 204
    return refused


def seating_more_users_than_the_quota(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    call.equip(customer)
    seats = {"application_id": FILES_CLOUD, "name": "pu_base_fc_seats", "quota": {"value": 1, "overage": 0, "version": 0}}
    assert put_items(call, customer, seats).status_code == 200
    first, second = call.user(customer, "first"), call.user(customer, "second")
    assert give_role(call, first["id"], customer, "sync_share_user").status_code == 200
    return give_role(call, second["id"], customer, "sync_share_admin")


def naming_a_location_twice(call: Caller) -> httpx.Response:
    body = {"owner_tenant_id": PROVIDER_TENANT, "name": "Basel"}
    assert call("POST", "/locations", body).status_code == 201
    return call("POST", "/locations", body)


def moving_away_from_who_locked(call: Caller) -> httpx.Response:
    partner, other = call.tenant("Partner", "partner"), call.tenant("Other", "partner")
    folder = call.tenant("Folder", "folder", partner)
    customer = call.tenant("Customer", parent_id=folder)
    user = call.user(partner, "reseller")
    give_role(call, user["id"], partner, "partner_admin")
    call("POST", f"/users/{user['id']}/password", {"password": PASSWORD})
    body = {"version": 1, "update_lock": {"enabled": True}}
    assert call.http.put(f"/api/2/tenants/{customer}", json=body, auth=("reseller", PASSWORD)).status_code == 200
    return change(call, folder, parent_id=other)


def taking_a_malformed_login(call: Caller) -> httpx.Response:
    return call("POST", "/users", {"tenant_id": call.tenant("Customer"), "login": "a b", "contact": {"email": "a@example.com"}})


def lacking_the_second_factor(call: Caller) -> httpx.Response:
    customer = call.tenant("Customer")
    user = call.user(customer, "jane.doe")
    call("POST", f"/users/{user['id']}/password", {"password": PASSWORD})
    call("PUT", f"/tenants/{customer}/mfa/status", {"enabled": True})
    return call.http.get("/api/2/users/me", auth=("jane.doe", PASSWORD))


SITUATIONS: dict[int, tuple[int, Callable[[Caller], httpx.Response]]] = {
    1000: (401, without_a_token),
    1001: (409, with_a_stale_version),
    1002: (403, outside_the_subtree),
    1003: (400, under_a_disabled_parent),
    1004: (409, with_a_taken_name),
    1005: (404, under_an_unknown_parent),
    1006: (400, deleting_an_enabled_tenant),
    1007: (400, moving_under_its_own_child),
    1008: (400, moving_under_a_customer),
    1009: (409, unregistering_a_storage_in_use),
    1010: (409, sharing_an_address_in_file_sync),
    1011: (409, changing_what_is_being_deleted),
    1012: (403, changing_what_another_tenant_locked),
    1013: (400, moving_under_a_disabled_tenant),
    1014: (400, moving_to_where_items_are_missing),
    1015: (409, registering_a_storage_twice),
    1016: (400, taking_a_storage_from_a_child),
    1017: (400, turning_off_the_default_storage),
    1018: (403, mailing_a_disabled_user),
    1019: (400, protecting_where_there_is_no_protection),
    1021: (400, taking_what_the_parent_lacks),
    1022: (400, reporting_above_a_hard_quota),
    1023: (400, seats_without_their_storage),
    1024: (403, mailing_a_forbidden_address),
    1025: (403, mailing_when_mail_is_broken),
    1026: (403, binding_a_service_the_parent_lacks),
    1027: (400, taking_a_second_edition),
    1028: (409, taking_the_login_of_a_guest),
    1029: (409, unregistering_a_storage_of_a_deleted_tenant),
    1030: (400, seating_more_users_than_the_quota),
    1031: (409, naming_a_location_twice),
    1032: (400, moving_away_from_who_locked),
    1033: (400, taking_a_malformed_login),
    1037: (401, lacking_the_second_factor),
}


@pytest.mark.parametrize("code", SITUATIONS)
def test_situation_is_refused_with_its_platform_code(code: int, call: Caller) -> None:
    status, situation = SITUATIONS[code]

    answer = situation(call)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["error"].keys() == {"code", "message", "details", "context", "domain"}


def test_every_code_of_the_list_has_a_situation_or_a_reason() -> None:
    named = {value for name, value in vars(errors).items() if name.isupper() and isinstance(value, int)}

    assert sorted([*SITUATIONS, *NEVER]) == list(range(1000, 1038))
    assert named == set(SITUATIONS)


def test_storages_and_locations_of_the_platform_are_not_for_changing(call: Caller) -> None:
    infra_id = storages(call, "pg_base_storage")[0]["infra_id"]

    refused = [
        call("PUT", f"/infra/{infra_id}", {"version": 1, "name": "Mine"}),
        call("DELETE", f"/infra/{infra_id}", version=1),
        call("PUT", f"/locations/{FRANKFURT.id}", {"version": 1, "name": "Mine"}),
        call("DELETE", f"/locations/{FRANKFURT.id}", version=1),
    ]

    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in refused} == {(403, 1002)}
    assert infra_id in definitions.STORAGES
