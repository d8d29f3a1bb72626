"""Storages and locations of the partners' own, and settings of applications."""

from typing import Any

import httpx

from sandbox import definitions
from sandbox.app import LOGIN, PASSWORD
from sandbox.definitions import BACKUP, PROVIDER_TENANT, ZURICH
from tests.sandbox.conftest import Caller

STORAGE = {"owner_tenant_id": PROVIDER_TENANT, "name": "Own", "url": "amazon+s3://own.example/b", "capabilities": ["backup"]}


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def test_registered_storage_is_offered_and_can_be_taken(call: Caller) -> None:
    made = call("POST", "/infra", {**STORAGE, "location_id": ZURICH.id, "backend_type": "amazon_s3"})
    infra_id = made.json()["id"]
    item = {"application_id": BACKUP, "name": "pg_base_storage", "infra_id": infra_id, "status": 1}
    customer = call.tenant("Customer")

    taken = call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [item]})

    assert (made.status_code, made.json()["platform_owned"], made.json()["version"]) == (201, False, 1)
    assert {one["name"] for one in call.offered() if one["infra_id"] == infra_id} == {"pg_base_storage", "pw_base_storage"}
    assert taken.status_code == 200
    assert infra_id in call("GET", f"/locations/{ZURICH.id}/infra").json()["infras"]
    assert infra_id in call("GET", f"/tenants/{customer}/infra").json()["infras"]
    assert call("GET", "/infra", uuids=infra_id).json()["items"][0]["backend_type"] == "amazon_s3"


def test_storage_fits_items_of_its_type_only(call: Caller) -> None:
    infra_id = call("POST", "/infra", STORAGE).json()["id"]
    item = {"application_id": definitions.FILES_CLOUD, "name": "pu_base_fc_storage", "infra_id": infra_id, "status": 1}

    assert code(call("PUT", f"/tenants/{call.tenant('C')}/offering_items", {"offering_items": [item]})) == (400, 1021)


def test_storage_is_changed_at_the_version_it_was_read_and_removed(call: Caller) -> None:
    path = f"/infra/{call('POST', '/infra', STORAGE).json()['id']}"

    changed = call("PUT", path, {"version": "1", "name": "New name", "url": "amazon+s3://new.example/b"})
    stale = call("PUT", path, {"version": 1, "name": "Newer"})
    stale_removal = call("DELETE", path, version=1)
    removed = call("DELETE", path, version=2)

    assert (changed.json()["version"], changed.json()["name"]) == (2, "New name")
    assert code(stale) == code(stale_removal) == (409, 1001)
    assert removed.status_code == 204
    assert call("GET", path).status_code == 404
    assert call("POST", "/infra", STORAGE).status_code == 201


def test_forced_removal_takes_the_storage_from_everybody(call: Caller) -> None:
    infra_id = call("POST", "/infra", STORAGE).json()["id"]
    customer = call.tenant("Customer")
    item = {"application_id": BACKUP, "name": "pg_base_storage", "infra_id": infra_id, "status": 1}
    call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [item]})

    removed = call("DELETE", f"/infra/{infra_id}", version=1, force="true")

    assert removed.status_code == 204
    listed = call("GET", f"/tenants/{customer}/offering_items", edition="*", infra_uuid=infra_id).json()["items"]
    assert listed == []


def test_malformed_storages_are_refused(call: Caller) -> None:
    for wrong in ({"url": "no link"}, {"capabilities": ["teapots"]}, {"name": ""}, {"location_id": "x"}):
        assert code(call("POST", "/infra", {**STORAGE, **wrong})) == (400, 400)


def test_location_is_made_renamed_and_removed_once_empty(call: Caller) -> None:
    place = call("POST", "/locations", {"owner_tenant_id": PROVIDER_TENANT, "name": "Basel"}).json()
    path = f"/locations/{place['id']}"
    infra_id = call("POST", "/infra", {**STORAGE, "location_id": place["id"]}).json()["id"]

    renamed = call("PUT", path, {"version": 1, "name": "Bern"})
    in_use = call("DELETE", path, version=2)
    call("DELETE", f"/infra/{infra_id}", version=1)
    removed = call("DELETE", path, version=2)

    assert (renamed.json()["name"], renamed.json()["version"]) == ("Bern", 2)
    assert code(in_use) == (409, 1031)
    assert removed.status_code == 204
    assert call("GET", path).status_code == 404


def test_storages_need_a_token_as_the_description_says(http: httpx.Client) -> None:
    assert http.get(f"/api/2/locations/{ZURICH.id}", auth=(LOGIN, PASSWORD)).status_code == 401


def setting(call: Caller, method: str, tenant_id: str, body: Any = None) -> httpx.Response:
    return call(method, f"/applications/{BACKUP}/settings/tenants/{tenant_id}/licensing_mode", body)


def test_setting_is_inherited_until_a_tenant_has_its_own(call: Caller) -> None:
    customer = call.tenant("Customer")
    assert setting(call, "GET", customer).status_code == 404
    setting(call, "PUT", PROVIDER_TENANT, {"value": "per_gb"})

    inherited = setting(call, "GET", customer).json()
    own = setting(call, "PUT", customer, {"value": "per_device"}).json()
    removed = setting(call, "DELETE", customer)

    owner = {"type": "tenant", "id": PROVIDER_TENANT}
    assert inherited == {
        "name": "licensing_mode",
        "own": None,
        "effective": {"owner": owner, "value": "per_gb", "lock": False},
    }
    assert own["own"] == {"value": "per_device", "lock": False, "exclusive": False}
    assert own["effective"]["value"] == "per_device"
    assert removed.status_code == 204
    assert setting(call, "DELETE", customer).status_code == 404
    assert setting(call, "GET", customer).json()["effective"]["value"] == "per_gb"


def test_locked_setting_wins_and_an_exclusive_one_is_not_inherited(call: Caller) -> None:
    customer = call.tenant("Customer")
    setting(call, "PUT", customer, {"value": "per_device"})
    setting(call, "PUT", PROVIDER_TENANT, {"value": "per_gb", "lock": "true"})

    locked = setting(call, "GET", customer).json()
    refused = setting(call, "PUT", customer, {"value": "per_device"})
    setting(call, "PUT", PROVIDER_TENANT, {"value": "per_gb", "exclusive": True})

    assert locked["effective"]["value"] == "per_gb"
    assert code(refused) == (403, 1002)
    assert setting(call, "GET", customer).json()["effective"]["value"] == "per_device"
