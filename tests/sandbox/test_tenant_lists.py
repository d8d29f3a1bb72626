"""Many tenants at once: orders, details, numeric ids; and what tenants keep beside their names."""

from typing import Any

import httpx
import pytest

from sandbox import definitions
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def names(call: Caller, tenant_id: str, **query: Any) -> list[str]:
    found = call("GET", f"/tenants/{tenant_id}/children", include_details="true", **query).json()["items"]
    return [tenant["name"] for tenant in found]


def test_children_come_in_the_order_asked_for(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    for name in ("beta", "Alpha", "gamma"):
        call.tenant(name, parent_id=partner)
    beta = call("GET", f"/tenants/{partner}/children", order="as_is").json()["items"][0]
    call("PUT", f"/tenants/{beta}", {"version": 1, "enabled": False})

    assert names(call, partner) == ["Alpha", "beta", "gamma"]
    assert names(call, partner, order="-name") == ["gamma", "beta", "Alpha"]
    assert names(call, partner, order="as_is") == ["beta", "Alpha", "gamma"]
    assert names(call, partner, order="status")[0] == "beta"
    assert names(call, partner, order="as_is", after=beta) == ["Alpha", "gamma"]
    assert code(call("GET", f"/tenants/{partner}/children", order="colour")) == (400, 400)
    assert code(call("GET", f"/tenants/{partner}/children", after=PROVIDER)) == (400, 400)


def test_children_are_ordered_by_usage(call: Caller) -> None:
    customers = [call.tenant(f"Customer {number}", customer_id=f"C-{number}") for number in range(4)]
    for customer in customers:
        call.equip(customer)
    call.move_clock("2026-10-20T08:00:00Z")

    ids = call("GET", f"/tenants/{PROVIDER}/children", order="-usage.storage").json()["items"]

    stored = [
        sum(item["absolute_value"] for item in call("GET", f"/tenants/{one}/usages", usage_names="storage").json()["items"])
        for one in ids
    ]
    assert sorted(ids) == sorted(customers)
    assert stored == sorted(stored, reverse=True)
    assert stored[-1] > 0


def test_numeric_ids_and_uuids_are_exchanged(call: Caller) -> None:
    customer = call.tenant("Customer")
    call.equip(customer)
    number = call("GET", f"/tenants/{customer}/usages").json()["items"][0]["tenant_id"]

    by_number = call("POST", "/tenants:resolve_ids", {"ids": [number, 999_999]}).json()
    by_uuid = call("POST", "/tenants:resolve_ids", {"uuids": [customer, definitions.ROOT_TENANT]}).json()

    assert by_number == by_uuid == {"items": [{"id": number, "uuid": customer}]}
    assert code(call("POST", "/tenants:resolve_ids", {})) == (400, 400)


def test_batch_shows_contacts_infra_items_and_paths_on_demand(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant(
        "Customer",
        parent_id=partner,
        contact={"email": "info@example.com", "types": ["legal", "primary"], "language": "pt_BR"},
        company_billing_contact={"email": "bills@example.com"},
    )
    call("PUT", f"/tenants/{partner}/offering_items", {"offering_items": call.offered()})
    call.equip(customer, parent_id=partner)
    query = {"subtree_root_id": partner, "with_contacts": "1", "with_infra_offering_items": "1", "include_relative_path": "1"}

    rows = {row["id"]: row for row in call("GET", "/tenants", **query).json()["items"]}

    found = rows[customer]
    assert [(one["email"], one["types"]) for one in found["contacts"]] == [
        ("info@example.com", ["legal", "primary"]),
        ("bills@example.com", ["company_billing"]),
    ]
    assert {item["type"] for item in found["offering_items"]} == {"infra"}
    assert (found["relative_path"], rows[partner]["relative_path"]) == ([partner], [])
    assert "company_billing_contact" not in call("GET", f"/tenants/{customer}").json()


def test_cursor_may_come_with_filters_beside_it(call: Caller) -> None:
    for number in range(3):
        call.tenant(f"Customer {number}")
    first = call("GET", "/tenants", parent_id=PROVIDER, limit=2, lod="full_without_contacts").json()

    rest = call("GET", "/tenants", after=first["paging"]["cursors"]["after"], allow_deleted="false").json()

    assert (len(first["items"]), len(rest["items"])) == (2, 1)
    assert "paging" not in rest


@pytest.mark.parametrize("language", ["de", "zh-TW", "es-419", "pt_BR", "pt-BR"])
def test_languages_of_the_vendor_are_taken(call: Caller, language: str) -> None:
    customer = call.tenant("Customer", language=language)

    assert call("GET", f"/tenants/{customer}").json()["language"] == language


def test_other_languages_are_refused(call: Caller) -> None:
    body = {"name": "x", "kind": "customer", "parent_id": PROVIDER}

    assert code(call("POST", "/tenants", {**body, "language": "tlh"})) == (400, 400)
    assert code(call("POST", "/tenants", {**body, "contact": {"language": "tlh"}})) == (400, 400)


def test_partner_becomes_a_folder_and_back_but_never_a_customer(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")

    folder = call("PUT", f"/tenants/{partner}", {"version": 1, "kind": "folder"})
    back = call("PUT", f"/tenants/{partner}", {"version": 2, "kind": "partner"})
    customer = call("PUT", f"/tenants/{partner}", {"version": 3, "kind": "customer"})

    assert (folder.json()["kind"], back.json()["kind"]) == ("folder", "partner")
    assert code(customer) == (400, 1027)


def test_moving_goes_with_the_customers_users_and_items(call: Caller) -> None:
    first, second = call.tenant("First", "partner"), call.tenant("Second", "partner")
    for partner in (first, second):
        call("PUT", f"/tenants/{partner}/offering_items", {"offering_items": call.offered()})
    customer = call.tenant("Customer", parent_id=first)
    call.equip(customer, parent_id=first)
    user = call.user(customer, "jane.doe")

    moved = call("PUT", f"/tenants/{customer}", {"version": 1, "parent_id": second})

    assert (moved.status_code, moved.json()["parent_id"]) == (200, second)
    found = call("GET", "/users", subtree_root_tenant_id=second).json()["items"]
    assert [one["id"] for one in found] == [user["id"]]
    assert call("GET", f"/tenants/{first}").json()["has_children"] is False
    assert len(call("GET", "/tenants/offering_items", subtree_root_tenant_id=customer).json()["items"]) > 10


def test_unit_lies_in_a_customer_and_is_open_to_ancestors(call: Caller) -> None:
    customer = call.tenant("Customer")
    unit = {"name": "Unit", "kind": "unit", "parent_id": customer}

    closed = call("POST", "/tenants", {**unit, "ancestral_access": False})

    assert code(closed) == (400, 1027)
    assert call("POST", "/tenants", unit).status_code == 201


def test_versions_and_editions_are_told_to_the_php_library(call: Caller) -> None:
    assert call("GET", "/versions").json()["application"]["version"].split(".")[0].isdigit()
    assert {one["name"] for one in call("GET", "/editions").json()["items"]} == set(definitions.EDITIONS) - {"standard"}


def test_page_longer_than_the_longest_is_the_longest_but_a_search_is_bounded(call: Caller) -> None:
    assert call("GET", "/tenants", parent_id=PROVIDER, limit=100_000).status_code == 200
    assert code(call("GET", "/tenants", parent_id=PROVIDER, limit=0)) == (400, 400)
    assert code(call("GET", "/search", tenant=PROVIDER, text="abc", limit=301)) == (400, 400)
