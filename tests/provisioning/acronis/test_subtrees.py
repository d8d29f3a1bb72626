"""Whole branches of the vendor's tree in a few calls: tenants, their items, their users."""

from typing import Any

import httpx
import pytest

from provisioning.acronis import AccessPolicy, Acronis, Contact, MalformedAnswer
from tests.provisioning.acronis.conftest import ScriptedVendor, tenant_json, user_json

ITEM = {
    "application_id": "app",
    "name": "local_storage",
    "usage_name": "local_storage",
    "edition": None,
    "status": 1,
    "type": "count",
    "measurement_unit": "bytes",
}


def page(*items: Any, after: str = "") -> httpx.Response:
    return httpx.Response(200, json={"timestamp": "x", "items": items, "paging": {"cursors": {"after": after}}})


def test_tenants_of_a_subtree_come_page_by_page(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants", page(tenant_json(id="root"), after="c1"), page(tenant_json(id="t1")))

    found = [tenant.id for tenant in acronis.tenants.in_subtree("root")]

    assert found == ["root", "t1"]
    assert [dict(one.url.params) for one in vendor.requests("GET", "/tenants")] == [
        {"subtree_root_id": "root", "lod": "full"},
        {"after": "c1"},
    ]


def test_items_of_a_subtree_say_whose_they_are(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers(
        "GET",
        "/tenants/offering_items",
        page({**ITEM, "tenant_id": "t1"}, after="c1"),
        page({**ITEM, "tenant_id": "t2"}),
    )

    assert [item.tenant_id for item in acronis.offering_items.in_subtree("root")] == ["t1", "t2"]
    assert [dict(one.url.params) for one in vendor.requests("GET", "/tenants/offering_items")] == [
        {"subtree_root_tenant_id": "root"},
        {"after": "c1"},
    ]


def test_an_item_of_a_subtree_without_its_tenant_is_refused(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/offering_items", page(ITEM))

    with pytest.raises(MalformedAnswer, match=r"offering_item\.tenant_id is missing"):
        list(acronis.offering_items.in_subtree("root"))


def test_users_of_a_subtree_come_with_their_roles(vendor: ScriptedVendor, acronis: Acronis) -> None:
    policy = {"tenant_id": "t1", "role_id": "company_admin", "trustee_id": "u1"}
    vendor.answers("GET", "/users", page(user_json(id="u1", access_policies=[policy]), after="c1"), page(user_json(id="u2")))

    first, second = acronis.users.in_subtree("root")

    assert first.access_policies == (AccessPolicy("t1", "company_admin", "u1"),)
    assert second.access_policies == ()
    assert dict(vendor.requests("GET", "/users")[0].url.params) == {
        "subtree_root_tenant_id": "root",
        "with_access_policies": "true",
    }


def test_a_contact_has_an_address_empty_where_the_vendor_says_null(vendor: ScriptedVendor, acronis: Acronis) -> None:
    contact = {"email": "ann@bakery.example", "address1": "Ring 1", "address2": None, "zipcode": "1010", "city": "Vienna"}
    vendor.answers("GET", "/tenants/t1", httpx.Response(200, json=tenant_json(contact={**contact, "country": "AT"})))

    assert acronis.tenants.get("t1").contact == Contact(
        email="ann@bakery.example", address1="Ring 1", address2="", zipcode="1010", city="Vienna", country="AT"
    )
