"""The calls an integrator needs beside those Cloudtill makes every day: what is sent, and what is made of the answer."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from provisioning.acronis import (
    Acronis,
    ApiClient,
    ItemPrice,
    Location,
    MalformedAnswer,
    NewApiClient,
    Report,
    TenantApplications,
    TenantMfa,
)
from tests.provisioning.acronis.conftest import ScriptedVendor, tenant_json, user_json

NO_CONTENT = httpx.Response(204)


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def items(*entries: Any) -> httpx.Response:
    return ok({"timestamp": "x", "items": entries})


def sent(vendor: ScriptedVendor) -> Any:
    return json.loads(vendor.asked[-1].content)


def asked(vendor: ScriptedVendor) -> dict[str, str]:
    return dict(vendor.asked[-1].url.params)


# API clients

CLIENT = {"client_id": "c1", "tenant_id": "t1", "status": "enabled", "data": {"client_name": "Till"}}


def test_a_client_is_registered_and_its_secret_not_shown_by_accident(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/clients", ok({**CLIENT, "client_secret": "only-once"}, 201))

    made = acronis.clients.create(tenant_id="t1", name="Till", redirect_uris=["https://till.example/back"])

    assert made == NewApiClient("c1", "t1", "Till", "only-once")
    assert "only-once" not in repr(made)
    assert sent(vendor) == {
        "type": "api_client",
        "tenant_id": "t1",
        "token_endpoint_auth_method": "client_secret_basic",
        "data": {"client_name": "Till"},
        "redirect_uris": ["https://till.example/back"],
    }


def test_clients_are_listed_changed_and_removed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    old = {"client_id": "c2", "tenant_id": "t1", "status": "disabled", "last_access_at": "2026-10-01T08:00:00+02:00"}
    vendor.answers("GET", "/clients", items(CLIENT, old))
    vendor.answers("PUT", "/clients/c1", ok(CLIENT))
    vendor.answers("DELETE", "/clients/c1", NO_CONTENT)

    assert list(acronis.clients.by_ids(["c1", "c2"])) == [
        ApiClient("c1", "t1", enabled=True, name="Till"),
        ApiClient("c2", "t1", enabled=False, last_access_at=datetime(2026, 10, 1, 6, tzinfo=UTC)),
    ]
    assert asked(vendor) == {"uuids": "c1,c2"}
    acronis.clients.update("c1", enabled=False)
    assert sent(vendor) == {"status": "disabled"}
    acronis.clients.update("c1", name="Till 2", enabled=True)
    assert sent(vendor) == {"data": {"client_name": "Till 2"}, "status": "enabled"}
    acronis.clients.delete("c1")
    assert vendor.asked[-1].method == "DELETE"


# Services and places


def test_services_of_tenants_are_read_turned_on_and_off(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1/applications", items("a1", "a2"))
    vendor.answers("GET", "/tenants/applications", items({"tenant": "t1", "applications": ["a1"]}))
    vendor.answers("POST", "/applications/a1/bindings/tenants/t1", NO_CONTENT)
    vendor.answers("DELETE", "/applications/a1/bindings/tenants/t1", NO_CONTENT)

    assert acronis.applications.of_tenant("t1") == ["a1", "a2"]
    assert list(acronis.applications.of_tenants(["t1"])) == [TenantApplications("t1", ("a1",))]
    acronis.applications.turn_on("t1", "a1")
    acronis.applications.turn_off("t1", "a1")

    assert [one.method for one in vendor.asked[-2:]] == ["POST", "DELETE"]


def test_places_and_what_stands_there_are_read(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1/locations", ok({"locations": ["l1"]}))
    vendor.answers("GET", "/locations", items({"id": "l1", "name": "Vienna", "owner_tenant_id": None}))
    vendor.answers("GET", "/locations/l1/infra", ok({"infras": ["i1", "i2"]}))

    assert acronis.locations.of_tenant("t1") == ["l1"]
    assert acronis.locations.by_ids(["l1"]) == [Location("l1", "Vienna", None)]
    assert acronis.infra.of_location("l1") == ["i1", "i2"]


# Prices, editions, usages


def test_prices_come_and_go_as_text_without_becoming_fractions(vendor: ScriptedVendor, acronis: Acronis) -> None:
    storage = {"application_id": "a", "name": "pg_base_storage", "infra_id": "i1", "price": "0.0000000001", "version": 7}
    vms = {"application_id": "a", "name": "pg_base_vms", "price": "12.50", "version": 0}
    vendor.answers("GET", "/tenants/t1/offering_items/pricing", items(storage, vms))
    vendor.answers("PUT", "/tenants/t1/offering_items/pricing", lambda request: items(*json.loads(request.content)["items"]))

    prices = acronis.offering_items.prices("t1")
    changed = acronis.offering_items.set_prices("t1", prices)

    assert (
        prices
        == changed
        == [
            ItemPrice("a", "pg_base_storage", "i1", Decimal("0.0000000001"), 7),
            ItemPrice("a", "pg_base_vms", None, Decimal("12.50"), 0),
        ]
    )
    assert sent(vendor) == {"items": [storage, vms]}


@pytest.mark.parametrize("price", ["free", "", "NaN", "Infinity", 5, None])
def test_a_price_that_is_no_amount_is_refused(vendor: ScriptedVendor, acronis: Acronis, price: object) -> None:
    entry = {"application_id": "a", "name": "pg_base_vms", "price": price, "version": 0}
    vendor.answers("GET", "/tenants/t1/offering_items/pricing", items(entry))

    with pytest.raises(MalformedAnswer, match=r"price\.price is "):
        acronis.offering_items.prices("t1")


ITEM = {"application_id": "a", "usage_name": "u", "status": 1, "type": "count", "measurement_unit": "quantity"}
OFFER = [
    {**ITEM, "name": "pg_base_vms", "edition": "pck_per_gigabyte"},
    {**ITEM, "name": "pw_base_vms", "edition": "pck_per_workload"},
    {**ITEM, "name": "fc_seats", "edition": "fss_legacy"},
    {**ITEM, "name": "local_storage", "edition": None},
]


@pytest.mark.parametrize(
    ("edition", "in_query", "names"),
    [
        ("*", "*", ["pg_base_vms", "pw_base_vms", "fc_seats", "local_storage"]),
        (["*", "fss_legacy"], "*", ["pg_base_vms", "pw_base_vms", "fc_seats", "local_storage"]),
        (["pck_per_gigabyte", "fss_legacy"], "*", ["pg_base_vms", "fc_seats", "local_storage"]),
        ((), "*", ["local_storage"]),
    ],
)
def test_several_editions_cost_one_call(
    vendor: ScriptedVendor, acronis: Acronis, edition: Any, in_query: str, names: list[str]
) -> None:
    vendor.answers("GET", "/tenants/p/offering_items/available_for_child", items(*OFFER))

    found = acronis.offering_items.available_for_child("p", kind="customer", edition=edition)

    assert [item.name for item in found] == names
    assert asked(vendor) == {"kind": "customer", "edition": in_query}
    assert len(vendor.requests("GET", "/tenants/p/offering_items/available_for_child")) == 1


def test_one_edition_in_a_list_is_left_to_the_vendor(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/p/offering_items/available_for_child", items(OFFER[1], OFFER[3]))

    found = acronis.offering_items.available_for_child("p", kind="customer", edition={"pck_per_workload"})

    assert [item.name for item in found] == ["pw_base_vms", "local_storage"]
    assert asked(vendor) == {"kind": "customer", "edition": "pck_per_workload"}


def test_usages_can_be_asked_for_by_name_and_edition(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1/usages", items())
    vendor.answers("GET", "/tenants/usages", items())

    acronis.usages.of_tenant("t1", usage_names=["storage", "vms"], editions=["pck_per_gigabyte"])
    assert asked(vendor) == {"usage_names": "storage,vms", "editions": "pck_per_gigabyte"}
    assert list(acronis.usages.of_tenants(["t1"], usage_names=["storage"])) == []
    assert asked(vendor) == {"tenants": "t1", "usage_names": "storage"}


# Users, second factor, restoring


def test_users_are_read_by_id_and_as_ourselves(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/users", items(user_json(id="u1", mfa_status="setup_required")))
    vendor.answers("GET", "/users/me", ok(user_json(id="me")))

    (user,) = acronis.users.by_ids(["u1"])

    assert (user.id, user.mfa_status) == ("u1", "setup_required")
    assert asked(vendor) == {"uuids": "u1", "with_access_policies": "true"}
    assert acronis.users.me().id == "me"


def test_a_user_is_deleted_and_brought_back(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("DELETE", "/users/u1", NO_CONTENT)
    vendor.answers("POST", "/users/u1/restore", NO_CONTENT)

    acronis.users.delete("u1", version=3)
    assert asked(vendor) == {"version": "3"}
    acronis.users.restore("u1", enable=True)
    assert asked(vendor) == {"force": "false", "enable": "true"}


def test_a_deleted_tenant_is_seen_and_brought_back(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1", ok(tenant_json(deleted_at="2026-10-01T08:00:00Z")))
    vendor.answers("POST", "/tenants/t1/restore", NO_CONTENT)

    tenant = acronis.tenants.get("t1", including_deleted=True)
    assert asked(vendor) == {"allow_deleted": "true"}
    acronis.tenants.restore("t1", force=True)

    assert tenant.deleted_at == datetime(2026, 10, 1, 8, tzinfo=UTC)
    assert asked(vendor) == {"force": "true"}


def test_the_second_factor_is_read_and_demanded(vendor: ScriptedVendor, acronis: Acronis) -> None:
    status = {"mfa_status": "enabled", "users_count": 3, "users_with_totp_enabled_count": 1, "update_allowed": True}
    vendor.answers("GET", "/tenants/t1/mfa/status", ok(status))
    vendor.answers("PUT", "/tenants/t1/mfa/status", ok(status))
    vendor.answers("PUT", "/users/u1/mfa/status", httpx.Response(200))

    assert acronis.tenants.mfa("t1") == TenantMfa("enabled", 3, 1, may_be_changed=True)
    assert acronis.tenants.set_mfa("t1", enabled=True).status == "enabled"
    assert sent(vendor) == {"enabled": True}
    acronis.users.set_mfa("u1", enabled=False)
    assert sent(vendor) == {"enabled": False}


# Signing in, reports


@pytest.mark.parametrize(("named", "body"), [(("ann",), {"login": "ann"}), ((), {"user_id": "u1"})])
def test_a_one_time_token_is_for_a_login_or_a_user(
    vendor: ScriptedVendor, acronis: Acronis, named: tuple[str, ...], body: dict[str, str]
) -> None:
    vendor.answers("POST", "/idp/ott", ok({"ott": "T1RU"}))

    assert acronis.idp.one_time_token(*named, user_id=None if named else "u1") == "T1RU"
    assert sent(vendor) == {"purpose": "user_login", **body}


def test_a_one_time_token_is_for_one_user_only(acronis: Acronis) -> None:
    with pytest.raises(ValueError, match="either a login or a user id"):
        acronis.idp.one_time_token()
    with pytest.raises(ValueError, match="either a login or a user id"):
        acronis.idp.one_time_token("ann", user_id="u1")


def test_reports_are_listed_and_read_as_asked_for(vendor: ScriptedVendor, acronis: Acronis) -> None:
    parameters = {"kind": "usage_daily", "level": "accounts", "tenant_id": "t1"}
    vendor.answers("GET", "/tenants/t1/reports", items("r1"))
    vendor.answers("GET", "/reports/r1", ok({"id": "r1", "version": 2, "parameters": parameters}))

    assert acronis.reports.of_tenant("t1") == ["r1"]
    assert acronis.reports.get("r1") == Report("r1", 2, "usage_daily", "accounts", "t1")
