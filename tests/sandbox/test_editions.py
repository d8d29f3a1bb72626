"""Switching editions: the dry run, partners, quotas, the legacy edition."""

from collections.abc import Callable
from typing import Any

import httpx

from sandbox import definitions
from sandbox.definitions import BACKUP, FILES_CLOUD
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def switch(call: Caller, method: str, tenant_id: str, edition: str, application_id: str = BACKUP) -> httpx.Response:
    words = {"target_edition": edition, "application_id": application_id}
    return call(method, f"/tenants/{tenant_id}/edition", words if method == "PUT" else None, **(words if method == "GET" else {}))


def enabled(call: Caller, tenant_id: str) -> dict[str, dict[str, Any]]:
    found = call("GET", f"/tenants/{tenant_id}/offering_items", edition="*", status=1).json()["items"]
    return {item["name"]: item for item in found}


def test_answer_has_the_items_and_the_warnings(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer, prefix="pg")

    answer = switch(call, "PUT", customer, "pck_per_workload").json()

    assert answer["warnings"] == []
    assert {item["edition"] for item in answer["items"]} == {"pck_per_workload"}
    assert {item["status"] for item in answer["items"]} == {1}


def test_quota_gets_a_version_of_its_new_item(call: Caller) -> None:
    customer = call.tenant("Customer")
    item = {"application_id": BACKUP, "name": "pg_base_servers", "status": 1}
    body = {"offering_items": [{**item, "quota": {"value": 3, "overage": 2, "version": 0}}]}
    call("PUT", f"/tenants/{customer}/offering_items", body)

    switch(call, "PUT", customer, "pck_per_workload")

    quota = enabled(call, customer)["pw_base_servers"]["quota"]
    moved = {"application_id": BACKUP, "name": "pw_base_servers", "quota": {"value": 4, "overage": 2, "version": 0}}
    stale = call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [moved]})
    moved["quota"]["version"] = quota["version"]
    assert (quota["value"], quota["overage"]) == (3, 2)
    assert code(stale) == (426, 1001)
    assert call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [moved]}).status_code == 200


def test_file_sync_switches_by_itself(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer, files="pu")

    assert switch(call, "PUT", customer, "fss_per_gigabyte", FILES_CLOUD).status_code == 200

    names = enabled(call, customer)
    assert {"pg_base_fc_storage", "pg_base_fc_seats", "pg_base_servers"} <= names.keys()
    assert "pu_base_fc_seats" not in names


def test_edition_of_another_application_is_refused(call: Caller) -> None:
    customer = call.tenant("Customer")

    assert code(switch(call, "GET", customer, "fss_per_user")) == (400, 400)
    assert code(switch(call, "PUT", customer, "fss_per_user")) == (400, 400)


def test_partner_whose_customers_use_its_storages_cannot_leave_their_edition(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    call("PUT", f"/tenants/{partner}/offering_items", {"offering_items": call.offered()})
    call.equip(call.tenant("Customer", parent_id=partner), prefix="pg", parent_id=partner)

    dry, real = switch(call, "GET", partner, "pck_per_workload"), switch(call, "PUT", partner, "pck_per_workload")

    assert code(dry) == code(real) == (400, 1016)


def test_legacy_edition_is_listed_without_naming_one_where_it_is_offered(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start(legacy_standard=True))
    customer = call.tenant("Customer")
    item = {"application_id": BACKUP, "name": "vms", "status": "1"}

    taken = call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [item]})

    listed = call("GET", f"/tenants/{customer}/offering_items", status=1).json()["items"]
    assert taken.status_code == 200
    assert [(one["name"], one["edition"]) for one in listed] == [("vms", "standard")]
    assert "standard" in {one["name"] for one in call("GET", "/editions").json()["items"]}


def test_leaving_the_legacy_edition_warns_of_new_features(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start(legacy_standard=True))
    customer = call.tenant("Customer")
    item = {"application_id": BACKUP, "name": "vms", "status": 1}
    call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [item]})

    dry = switch(call, "GET", customer, "pck_per_gigabyte")
    switched = switch(call, "PUT", customer, "pck_per_gigabyte")

    assert dry.json() == {"warnings": ["NewFeaturesBecomeAvailable"]}
    assert switched.json()["warnings"] == ["NewFeaturesBecomeAvailable"]
    assert set(enabled(call, customer)) == {"pg_base_vms"}
