"""Offering items: what is listed, what may be combined, quotas, editions, prices."""

from typing import Any

import httpx
import pytest

from sandbox import definitions
from sandbox.definitions import BACKUP, FILES_CLOUD, NOTARY
from tests.sandbox.conftest import Caller, one_of_each

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def put(call: Caller, tenant_id: str, *items: dict[str, Any], **more: Any) -> httpx.Response:
    return call("PUT", f"/tenants/{tenant_id}/offering_items", {"offering_items": list(items), **more})


def listed(call: Caller, tenant_id: str, **query: Any) -> dict[tuple[str, Any], dict[str, Any]]:
    found = call("GET", f"/tenants/{tenant_id}/offering_items", **{"edition": "*", **query}).json()["items"]
    return {(item["name"], item["infra_id"]): item for item in found}


def test_without_an_edition_only_items_without_one_are_listed(call: Caller) -> None:
    found = call("GET", f"/tenants/{PROVIDER}/offering_items").json()["items"]

    assert {item["edition"] for item in found} == {None}
    assert {"local_storage", "notarizations", "drives_shipped_to_cloud"} <= {item["name"] for item in found}


def test_parent_offers_every_storage_and_a_customer_must_choose(call: Caller) -> None:
    offered = call.offered(edition="pck_per_gigabyte")
    storages = [item for item in offered if item["name"] == "pg_base_storage"]
    customer = call.tenant("Customer")

    both = put(call, customer, *storages)
    one = put(call, customer, storages[0])

    assert len(storages) == 2
    assert storages[0]["quota"] == {"value": None, "overage": None, "version": 0}
    assert code(both) == (400, 1027)
    assert [item["infra_id"] for item in one.json()["items"]] == [storages[0]["infra_id"]]


def test_storages_have_names_places_and_capabilities(call: Caller) -> None:
    ids = [item["infra_id"] for item in call.offered() if item["infra_id"]]

    found = call("GET", "/infra", uuids=",".join(dict.fromkeys(ids))).json()["items"]

    assert sorted(one["capabilities"][0] for one in found) == [
        "backup",
        "backup",
        "disaster_recovery",
        "files_cloud",
        "files_cloud",
    ]
    place = call("GET", f"/locations/{found[0]['location_id']}").json()
    assert place["name"] in ("Frankfurt", "Zurich")


def test_new_tenant_lists_what_it_may_have_as_disabled_without_quota(call: Caller) -> None:
    customer = call.tenant("Customer")

    found = listed(call, customer)

    assert found.keys() == listed(call, PROVIDER).keys()
    assert {item["status"] for item in found.values()} == {0}
    assert not any("quota" in item for item in found.values())
    assert listed(call, customer, status=1) == {}


def test_customer_takes_one_edition_per_application_and_a_partner_both(call: Caller) -> None:
    customer, partner = call.tenant("Customer"), call.tenant("Partner", "partner")
    call.equip(customer, prefix="pg")

    second = put(call, customer, {"application_id": BACKUP, "name": "pw_base_servers", "status": 1})
    both = put(call, partner, *call.offered())

    assert code(second) == (400, 1027)
    assert both.status_code == 200
    assert listed(call, partner, status=1).keys() == listed(call, PROVIDER).keys()


def test_refused_change_changes_nothing(call: Caller) -> None:
    customer = call.tenant("Customer")

    refused = put(
        call,
        customer,
        {"application_id": BACKUP, "name": "pg_base_servers", "status": 1},
        {"application_id": BACKUP, "name": "pw_base_servers", "status": 1},
    )

    assert refused.status_code == 400
    assert listed(call, customer, status=1) == {}


def test_child_gets_only_what_its_parent_has(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    put(call, partner, {"application_id": BACKUP, "name": "pg_base_servers", "status": 1})
    customer = call.tenant("Customer", parent_id=partner)

    available = put(call, customer, {"application_id": BACKUP, "name": "pg_base_servers", "status": 1})
    missing = put(call, customer, {"application_id": BACKUP, "name": "pg_base_vms", "status": 1})
    unknown = put(call, customer, {"application_id": BACKUP, "name": "pg_base_teapots", "status": 1})

    assert available.status_code == 200
    assert code(missing) == code(unknown) == (400, 1021)
    assert missing.json()["error"]["context"] == {"offering_items": ["pg_base_vms"]}


def test_what_a_partner_loses_its_customers_lose(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    put(call, partner, *call.offered())
    customer = call.tenant("Customer", parent_id=partner)
    call.equip(customer, parent_id=partner)

    put(call, partner, {"application_id": BACKUP, "name": "pg_base_servers", "status": 0})
    storage = next(item for item in listed(call, customer, status=1).values() if item["name"] == "pg_base_storage")
    in_use = put(call, partner, {**storage, "status": 0})

    assert "pg_base_servers" not in {name for name, _ in listed(call, customer)}
    assert code(in_use) == (400, 1016)


def test_seats_need_their_features_and_files_their_storage(call: Caller) -> None:
    customer = call.tenant("Customer")
    infra_id = next(item["infra_id"] for item in call.offered() if item["name"] == "pu_base_fc_storage")
    storage = {"application_id": FILES_CLOUD, "name": "pu_base_fc_storage", "infra_id": infra_id, "status": 1}
    seats = {"application_id": FILES_CLOUD, "name": "pu_base_fc_seats", "status": 1}

    assert code(put(call, customer, seats)) == (400, 1023)
    assert code(put(call, customer, storage)) == (400, 1023)
    assert put(call, customer, storage, seats).status_code == 200
    lonely = {"application_id": BACKUP, "name": "pg_base_m365_seats", "status": 1}
    assert code(put(call, customer, lonely)) == (400, 1023)


def test_quota_needs_its_three_keys_and_the_version_it_was_read_at(call: Caller) -> None:
    customer, item = call.tenant("Customer"), {"application_id": BACKUP, "name": "pg_base_servers"}

    first = put(call, customer, {**item, "status": 1, "quota": {"value": 10, "overage": 0, "version": 0}})
    quota = first.json()["items"][0]["quota"]
    stale = put(call, customer, {**item, "quota": {"value": 20, "overage": 0, "version": 0}})
    incomplete = put(call, customer, {**item, "quota": {"value": 20, "version": quota["version"]}})
    second = put(call, customer, {**item, "quota": {"value": 20, "overage": None, "version": quota["version"]}})

    assert quota["version"] > 1_700_000_000_000
    assert code(stale) == (426, 1001)
    assert code(incomplete) == (400, 400)
    changed = second.json()["items"][0]
    assert (changed["status"], changed["quota"]["value"], changed["quota"]["overage"]) == (1, 20, None)
    assert changed["quota"]["version"] > quota["version"]


def test_quota_without_value_goes_back_to_version_zero(call: Caller) -> None:
    customer, item = call.tenant("Customer"), {"application_id": BACKUP, "name": "pg_base_servers"}
    first = put(call, customer, {**item, "status": "1", "quota": {"value": 10, "overage": 5, "version": None}})
    version = first.json()["items"][0]["quota"]["version"]

    unlimited = put(call, customer, {**item, "quota": {"value": None, "overage": 5, "version": str(version)}})

    assert unlimited.json()["items"][0]["quota"] == {"value": None, "overage": None, "version": 0}


def test_used_items_stay_on_when_usage_is_checked(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer)
    item = {"application_id": BACKUP, "name": "pg_base_servers", "status": 0}

    checked = put(call, customer, item, check_usage=True)
    unchecked = put(call, customer, item)

    assert code(checked) == (400, 1027)
    assert unchecked.json()["items"][0]["status"] == 0


def test_enabling_an_item_enables_its_service_and_removing_it_hides_its_items(call: Caller) -> None:
    customer = call.tenant("Customer")
    put(call, customer, {"application_id": NOTARY, "name": "notarizations", "status": 1})
    with_notary = call("GET", f"/tenants/{customer}/applications").json()["items"]

    removed = call("DELETE", f"/applications/{NOTARY}/bindings/tenants/{customer}")

    assert with_notary == [NOTARY, definitions.PLATFORM]
    assert removed.status_code == 204
    assert "notarizations" not in {name for name, _ in listed(call, customer)}
    assert call("GET", f"/tenants/{customer}/applications").json()["items"] == [definitions.PLATFORM]
    assert call("DELETE", f"/applications/{definitions.PLATFORM}/bindings/tenants/{customer}").status_code == 403
    assert call("POST", f"/applications/{NOTARY}/bindings/tenants/{customer}").status_code == 204
    assert listed(call, customer)[("notarizations", None)]["status"] == 0


def test_edition_switch_takes_quotas_along(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer, prefix="pg")
    put(
        call,
        customer,
        {"application_id": BACKUP, "name": "pg_base_servers", "quota": {"value": 3, "overage": 0, "version": 0}},
    )

    dry = call("GET", f"/tenants/{customer}/edition", target_edition="pck_per_workload", application_id=BACKUP)
    untouched = {item["edition"] for item in listed(call, customer, status=1).values()}
    switched = call("PUT", f"/tenants/{customer}/edition", {"target_edition": "pck_per_workload", "application_id": BACKUP})

    found = listed(call, customer, status=1)
    assert dry.json() == {"warnings": []}
    assert "pck_per_gigabyte" in untouched
    assert switched.status_code == 200
    assert {item["edition"] for item in found.values()} == {"pck_per_workload", "fss_per_user", None}
    quota = found["pw_base_servers", None]["quota"]
    assert (quota["value"], quota["overage"]) == (3, 0)


def test_edition_switch_names_what_stands_in_its_way(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    put(call, partner, *[item for item in call.offered() if item["edition"] in ("pck_per_gigabyte", "fss_per_user", None)])
    customer = call.tenant("Customer", parent_id=partner)
    call.equip(customer, parent_id=partner)

    dry = call("GET", f"/tenants/{customer}/edition", target_edition="pck_per_workload", application_id=BACKUP)

    assert code(dry) == (400, 1021)
    assert "pg_base_servers" in dry.json()["error"]["context"]["offering_items"]


def test_prices_are_strings_with_versions(call: Caller) -> None:
    found = call("GET", f"/tenants/{PROVIDER}/offering_items/pricing").json()["items"]
    item = next(entry for entry in found if entry["name"] == "pg_base_servers")

    changed = call("PUT", f"/tenants/{PROVIDER}/offering_items/pricing", {"items": [{**item, "price": "0.05"}]})
    stale = call("PUT", f"/tenants/{PROVIDER}/offering_items/pricing", {"items": [{**item, "price": "0.06"}]})
    priced = next(entry for entry in changed.json()["items"] if entry["name"] == "pg_base_servers")
    number = call("PUT", f"/tenants/{PROVIDER}/offering_items/pricing", {"items": [{**priced, "price": 0.05}]})

    assert priced["price"] == "0.05"
    assert code(stale) == (409, 1001)
    assert code(number) == (400, 400)


def test_subtree_batch_pages_through_every_enabled_item(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    put(call, partner, *call.offered())
    customer = call.tenant("Customer", parent_id=partner)
    call.equip(customer, parent_id=partner)

    seen, after = [], None
    while not seen or after:
        query = {"limit": 60, **({"after": after} if after else {"subtree_root_tenant_id": partner})}
        page = call("GET", "/tenants/offering_items", **query).json()
        seen += [(item["tenant_id"], item["name"], item["infra_id"]) for item in page["items"]]
        after = page.get("paging", {}).get("cursors", {}).get("after")

    chosen = one_of_each(call.offered(partner), prefix="pg", files="pu")
    assert len(seen) == len(set(seen)) == len(call.offered()) + len(chosen)


@pytest.mark.parametrize("application", ["backup", "files_cloud", "notary", "physical_data_shipping", "platform"])
def test_applications_keep_the_vendors_ids(call: Caller, application: str) -> None:
    found = {one["type"]: one["id"] for one in call("GET", "/applications").json()["items"]}

    assert call("GET", f"/applications/{found[application]}").json()["type"] == application
    assert found["backup"] == "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
