import json
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from provisioning.acronis import (
    AccessPolicy,
    Acronis,
    ApiClient,
    Application,
    Contact,
    LoginCheck,
    MalformedAnswer,
    NotFound,
    OfferingItem,
    OfferingItemChange,
    Pricing,
    Quota,
    Report,
    SearchHit,
    StoredReport,
    external_login_url,
    find_data_centre,
)
from tests.provisioning.acronis.conftest import BASE, ScriptedVendor, envelope, tenant_json, user_json

NO_CONTENT = httpx.Response(204)


def ok(body: Any, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def page(*items: Any, after: str = "") -> httpx.Response:
    cursors = {"after": after} if after else {}
    return ok({"timestamp": "2026-11-01T00:00:00Z", "items": items, "paging": {"cursors": cursors}})


def sent(request: httpx.Request) -> Any:
    return json.loads(request.content)


def item_json(**changes: Any) -> dict[str, Any]:
    return {
        "application_id": "app",
        "name": "pg_base_storage",
        "usage_name": "storage",
        "edition": "pck_per_gigabyte",
        "status": 1,
        "locked": None,
        "type": "infra",
        "infra_id": "infra-1",
        "measurement_unit": "bytes",
        "quota": {"value": None, "overage": None, "version": 0},
        **changes,
    }


def usage_json(**changes: Any) -> dict[str, Any]:
    return {
        "tenant_uuid": "t1",
        "tenant_id": 1415032,
        "type": "count",
        "application_id": "app",
        "name": "pg_base_vms",
        "edition": "pck_per_gigabyte",
        "usage_name": "vms",
        "range_start": "2026-11-01T00:00:00",
        "absolute_value": 12,
        "value": 3,
        "measurement_unit": "quantity",
        "offering_item": {"status": 1, "quota": {"value": 10, "overage": 0, "version": 5}},
        **changes,
    }


# Lists


def test_pages_are_followed_by_cursor_alone_and_only_as_far_as_wanted(
    vendor: ScriptedVendor,
    acronis: Acronis,
) -> None:
    vendor.answers("GET", "/tenants", page(tenant_json(id="t1"), after="c1"), page(tenant_json(id="t2")))

    children = acronis.tenants.by_parent("root")
    first = next(children)
    asked_for_first = len(vendor.requests("GET", "/tenants"))
    rest = list(children)

    assert (first.id, asked_for_first, [one.id for one in rest]) == ("t1", 1, ["t2"])
    assert [dict(one.url.params) for one in vendor.requests("GET", "/tenants")] == [
        {"parent_id": "root"},
        {"after": "c1"},
    ]


def test_pages_that_go_in_a_circle_end(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants", page(after="c1"))

    with pytest.raises(MalformedAnswer, match="its pages go in a circle"):
        list(acronis.tenants.by_parent("root"))


def test_a_list_without_paging_is_one_page(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1/offering_items", ok({"timestamp": "x", "items": [item_json()]}))

    assert len(acronis.offering_items.list("t1")) == 1


def test_ids_are_asked_for_a_hundred_at_a_time(vendor: ScriptedVendor, acronis: Acronis) -> None:
    def infra(request: httpx.Request) -> httpx.Response:
        ids = request.url.params["uuids"].split(",")
        storage = {"name": "Vienna", "location_id": "l", "capabilities": ["backup"], "backend_type": None}
        return ok({"items": [{"id": infra_id, **storage} for infra_id in ids]})

    def usages(request: httpx.Request) -> httpx.Response:
        return ok(
            {"items": [{"tenant": t, "usages": [usage_json()]} for t in request.url.params["tenants"].split(",")]},
        )

    def tenants(request: httpx.Request) -> httpx.Response:
        return page(*[tenant_json(id=t) for t in request.url.params["uuids"].split(",")])

    vendor.answers("GET", "/infra", infra)
    vendor.answers("GET", "/tenants/usages", usages)
    vendor.answers("GET", "/tenants", tenants)
    ids = [f"id-{number}" for number in range(201)]

    assert [one.id for one in acronis.infra.by_ids(ids)] == ids
    assert [one.tenant_id for one in acronis.usages.of_tenants(ids)] == ids
    assert [one.id for one in acronis.tenants.by_ids(ids)] == ids
    for path in ("/infra", "/tenants/usages", "/tenants"):
        assert len(vendor.requests("GET", path)) == 3


def test_no_ids_ask_nothing(vendor: ScriptedVendor, acronis: Acronis) -> None:
    assert acronis.infra.by_ids([]) == []
    assert list(acronis.usages.of_tenants([])) == []
    assert vendor.asked == []


# Ourselves


def test_the_api_client_knows_its_tenant(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers(
        "GET",
        "/clients/our-client",
        ok({"client_id": "our-client", "tenant_id": "root", "status": "enabled"}),
    )

    assert acronis.clients.get("our-client") == ApiClient("our-client", "root", enabled=True)


def test_applications_are_listed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    body = {"id": "a", "name": "Cyber Protection", "type": "backup", "usages": ["vms"], "api_base_url": "/bc/"}
    vendor.answers("GET", "/applications", ok({"items": [body]}))

    assert acronis.applications.list() == [Application("a", "Cyber Protection", "backup", ("vms",), "/bc/")]


# Tenants


def test_a_tenant_is_created_with_what_is_known(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/tenants", ok(tenant_json(customer_id="CT-7"), 201))

    tenant = acronis.tenants.create(
        name="Bakery", parent_id="root", kind="customer", customer_id="CT-7", contact={"email": "ann@bakery.example"}
    )

    assert sent(vendor.asked[-1]) == {
        "name": "Bakery",
        "parent_id": "root",
        "kind": "customer",
        "customer_id": "CT-7",
        "contact": {"email": "ann@bakery.example"},
    }
    assert (tenant.customer_id, tenant.version, tenant.pricing_mode, tenant.contact) == ("CT-7", 1, None, Contact())


def test_an_update_sends_the_version_back(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("PUT", "/tenants/t1", ok(tenant_json(version=8, enabled=False)))

    tenant = acronis.tenants.update("t1", version=7, enabled=False)

    assert sent(vendor.asked[-1]) == {"version": 7, "enabled": False}
    assert (tenant.version, tenant.enabled) == (8, False)


def test_a_deletion_sends_the_version_too(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("DELETE", "/tenants/t1", NO_CONTENT)

    acronis.tenants.delete("t1", version=9)

    assert dict(vendor.asked[-1].url.params) == {"version": "9"}


def test_search_finds_tenants_and_users(vendor: ScriptedVendor, acronis: Acronis) -> None:
    tenant = {
        "obj_type": "tenant",
        "id": "t1",
        "parent_id": "root",
        "path": ["MSP"],
        "kind": "customer",
        "name": "Bakery",
    }
    user = {"obj_type": "user", "id": "u1", "parent_id": "t1", "path": ["MSP", "Bakery"], "login": "ann"}
    vendor.answers("GET", "/search", ok({"items": [tenant, user]}))

    hits = acronis.tenants.search("bak & co", under="root")

    assert hits == [
        SearchHit("tenant", "t1", "root", "customer", "Bakery", None, ("MSP",)),
        SearchHit("user", "u1", "t1", None, None, "ann", ("MSP", "Bakery")),
    ]
    assert dict(vendor.asked[-1].url.params) == {"tenant": "root", "text": "bak & co", "limit": "100"}


def test_pricing_is_read_and_set_with_its_version(vendor: ScriptedVendor, acronis: Acronis) -> None:
    trial = {
        "mode": "trial",
        "currency": None,
        "version": 1596545222672,
        "production_start_date": "2020-08-04T12:47:03",
    }
    vendor.answers("GET", "/tenants/t1/pricing", ok(trial))
    vendor.answers("PUT", "/tenants/t1/pricing", ok({**trial, "mode": "production", "currency": "EUR"}))

    pricing = acronis.tenants.pricing("t1")
    changed = acronis.tenants.set_pricing("t1", version=pricing.version, mode="production", currency="EUR")

    assert pricing == Pricing("trial", None, 1596545222672, datetime(2020, 8, 4, 12, 47, 3, tzinfo=UTC))
    assert sent(vendor.asked[-1]) == {"version": 1596545222672, "mode": "production", "currency": "EUR"}
    assert changed.mode == "production"


def test_ids_of_users_and_children_are_plain_texts(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1/users", ok({"items": ["u1", "u2"]}))
    vendor.answers("GET", "/tenants/t1/children", page("c1", after="x"), page("c2"))

    assert acronis.tenants.user_ids("t1") == ["u1", "u2"]
    assert acronis.tenants.children("t1") == ["c1", "c2"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-03-03T12:10:13+01:00", datetime(2020, 3, 3, 11, 10, 13, tzinfo=UTC)),
        ("2020-03-04T07:08:51.710695+00:00", datetime(2020, 3, 4, 7, 8, 51, 710695, tzinfo=UTC)),
        ("2022-09-14T17:52:39Z", datetime(2022, 9, 14, 17, 52, 39, tzinfo=UTC)),
        ("2020-03-01T00:00:00", datetime(2020, 3, 1, tzinfo=UTC)),
    ],
)
def test_all_four_spellings_of_a_time_are_read_as_utc(
    vendor: ScriptedVendor, acronis: Acronis, text: str, moment: datetime
) -> None:
    vendor.answers("GET", "/tenants/t1", ok(tenant_json(deleted_at=text)))

    assert acronis.tenants.get("t1").deleted_at == moment


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([], "tenant is not an object"),
        (tenant_json(id=None), "tenant.id is missing"),
        (tenant_json(name=5), "tenant.name is not text"),
        (tenant_json(version="1"), "tenant.version is not an integer"),
        (tenant_json(version=True), "tenant.version is not an integer"),
        (tenant_json(version=1.5), "tenant.version is not an integer"),
        (tenant_json(enabled="yes"), "tenant.enabled is not true or false"),
        (tenant_json(enabled=None), "tenant.enabled is missing"),
        (tenant_json(contact="x"), "contact is not an object"),
        (tenant_json(update_lock={}), "tenant.update_lock.enabled is missing"),
        (tenant_json(deleted_at="yesterday"), "tenant.deleted_at is not a time"),
    ],
)
def test_a_malformed_tenant_is_refused_by_field(
    vendor: ScriptedVendor,
    acronis: Acronis,
    body: Any,
    problem: str,
) -> None:
    vendor.answers("GET", "/tenants/t1", ok(body))

    with pytest.raises(MalformedAnswer) as failure:
        acronis.tenants.get("t1")

    assert str(failure.value) == f"Acronis' answer to GET /tenants/t1 cannot be read: {problem}."


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "answer.items is not a list"),
        ({"items": None}, "answer.items is not a list"),
        ({"items": ["x"]}, "offering_item is not an object"),
        ({"items": [], "paging": []}, "paging is not an object"),
        ({"items": [], "paging": {"cursors": {"after": 3}}}, "paging.cursors.after is not text"),
        ({"items": [item_json(status=2)]}, "offering_item.status is not true or false"),
        ({"items": [item_json(quota={"value": "9"})]}, "quota.value is not an integer"),
        ({"items": [item_json(quota={"value": 9})]}, "quota.version is missing"),
    ],
)
def test_a_malformed_list_is_refused_by_field(
    vendor: ScriptedVendor,
    acronis: Acronis,
    body: Any,
    problem: str,
) -> None:
    vendor.answers("GET", "/tenants/t1/offering_items", ok(body))

    with pytest.raises(MalformedAnswer, match=problem):
        acronis.offering_items.list("t1")


# Users


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (NO_CONTENT, LoginCheck.FREE),
        (envelope(409, 409, "User 'ann' exists"), LoginCheck.TAKEN),
        (envelope(406, 406, "Not acceptable"), LoginCheck.NOT_ACCEPTABLE),
    ],
)
def test_a_login_is_free_taken_or_not_acceptable(
    vendor: ScriptedVendor, acronis: Acronis, answer: httpx.Response, verdict: LoginCheck
) -> None:
    vendor.answers("GET", "/users/check_login", answer)

    assert acronis.users.check_login("ann+1@bakery.example") is verdict

    assert dict(vendor.asked[-1].url.params) == {"username": "ann+1@bakery.example"}


def test_a_user_is_created_with_a_contact(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/users", ok(user_json()))

    user = acronis.users.create(
        tenant_id="t1",
        login="ann",
        email="ann@bakery.example",
        firstname="Ann",
        language="de",
    )

    assert sent(vendor.asked[-1]) == {
        "tenant_id": "t1",
        "login": "ann",
        "contact": {"email": "ann@bakery.example", "firstname": "Ann", "lastname": ""},
        "language": "de",
    }
    assert (user.activated, user.contact.lastname) == (False, "Baker")


def test_users_of_a_tenant_leave_out_those_below_it(vendor: ScriptedVendor, acronis: Acronis) -> None:
    policy = {"tenant_id": "t1", "role_id": "company_admin", "trustee_id": "u1"}
    own = user_json(id="u1", tenant_id="t1", access_policies=[policy])
    vendor.answers("GET", "/users", page(own, user_json(id="u2", tenant_id="below")))

    (user,) = acronis.users.of_tenant("t1")

    assert user.id == "u1"
    assert user.access_policies == (AccessPolicy("t1", "company_admin", "u1"),)
    assert dict(vendor.asked[-1].url.params) == {"subtree_root_tenant_id": "t1", "with_access_policies": "true"}


def test_roles_are_replaced_as_a_whole(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("PUT", "/users/u1/access_policies", lambda request: page(*sent(request)["items"]))

    policies = acronis.users.set_access_policies("u1", [("t1", "company_admin"), ("t1", "protection_admin")])

    nil = "00000000-0000-0000-0000-000000000000"
    assert sent(vendor.asked[-1])["items"][0] == {
        "id": nil,
        "issuer_id": nil,
        "version": 0,
        "trustee_type": "user",
        "trustee_id": "u1",
        "tenant_id": "t1",
        "role_id": "company_admin",
    }
    assert [one.role_id for one in policies] == ["company_admin", "protection_admin"]


def test_roles_are_read_and_users_read_and_changed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/users/u1/access_policies", page())
    vendor.answers("GET", "/users/u1", ok(user_json(id="u1")))
    vendor.answers("PUT", "/users/u1", ok(user_json(id="u1", version=2, enabled=False)))

    assert acronis.users.access_policies("u1") == []
    assert acronis.users.get("u1").id == "u1"
    assert acronis.users.update("u1", version=1, enabled=False).version == 2
    assert sent(vendor.asked[-1]) == {"version": 1, "enabled": False}


def test_the_activation_mail_is_asked_for_with_an_empty_object(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/users/u1/send-activation-email", NO_CONTENT)

    acronis.users.send_activation_email("u1")

    assert sent(vendor.asked[-1]) == {}
    assert vendor.asked[-1].headers["Content-Type"] == "application/json"


# Offering items and usages


def test_offering_items_are_asked_for_in_all_editions(vendor: ScriptedVendor, acronis: Acronis) -> None:
    off = item_json(name="local_storage", edition=None, status=0, type="count")
    del off["infra_id"], off["quota"], off["locked"]
    vendor.answers("GET", "/tenants/t1/offering_items", page(item_json(), off))

    storage, local = acronis.offering_items.list("t1")

    assert dict(vendor.asked[-1].url.params) == {"edition": "*"}
    assert storage == OfferingItem(
        application_id="app",
        name="pg_base_storage",
        usage_name="storage",
        edition="pck_per_gigabyte",
        enabled=True,
        locked=False,
        type="infra",
        infra_id="infra-1",
        measurement_unit="bytes",
        quota=Quota(None, None, 0),
    )
    assert (local.edition, local.enabled, local.infra_id, local.quota) == (None, False, None, None)


def test_what_a_child_could_have_is_asked_of_the_parent(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/root/offering_items/available_for_child", page(item_json()))

    (item,) = acronis.offering_items.available_for_child("root", kind="customer", edition="pck_per_gigabyte")

    assert item.name == "pg_base_storage"
    assert dict(vendor.asked[-1].url.params) == {"kind": "customer", "edition": "pck_per_gigabyte"}


def test_a_change_names_only_what_should_change(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("PUT", "/tenants/t1/offering_items", page(item_json()))

    acronis.offering_items.set(
        "t1",
        [
            OfferingItemChange("app", "pg_base_storage", infra_id="infra-1", enabled=True, quota=Quota(2**40, 0, 17)),
            OfferingItemChange("app", "pg_base_vms", enabled=False),
        ],
        check_usage=True,
    )

    storage = {"application_id": "app", "name": "pg_base_storage", "infra_id": "infra-1", "status": 1}
    storage["quota"] = {"value": 1099511627776, "overage": 0, "version": 17}
    vms = {"application_id": "app", "name": "pg_base_vms", "status": 0}
    assert sent(vendor.asked[-1]) == {"offering_items": [storage, vms], "check_usage": True}


def test_usages_keep_both_values_and_the_uuid(vendor: ScriptedVendor, acronis: Acronis) -> None:
    derived = usage_json(name="vm_storage", offering_item=None)
    vendor.answers("GET", "/tenants/t1/usages", ok({"items": [usage_json(), derived]}))

    vms, storage = acronis.usages.of_tenant("t1")

    assert (vms.tenant_id, vms.value, vms.absolute_value, vms.quota) == ("t1", 3, 12, Quota(10, 0, 5))
    assert vms.range_start == datetime(2026, 11, 1, tzinfo=UTC)
    assert storage.quota is None


# Reports: the order and its files; the file itself is in test_reports


def test_a_report_is_ordered_for_days_and_then_looked_after(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/reports", ok({"id": "r1", "version": 1}))
    in_progress = {"report_format": "csv_v2_0", "status": "in_progress"}
    saved = {"id": "s1", "report_format": "csv_v2_0", "status": "saved", "size": 77}
    vendor.answers("GET", "/reports/r1/stored", ok({"items": [in_progress]}), ok({"items": [saved]}))
    vendor.answers("DELETE", "/reports/r1", NO_CONTENT)

    report = acronis.reports.create(
        tenant_id="root",
        level="accounts",
        kind="usage_daily",
        period_start=date(2026, 10, 1),
        period_end=date(2026, 10, 31),
    )
    body = sent(vendor.asked[-1])
    (before,), (after,) = acronis.reports.stored(report.id), acronis.reports.stored(report.id)
    acronis.reports.delete(report.id, version=report.version)

    assert report == Report("r1", 1)
    assert body["parameters"]["period"] == {"start": "2026-10-01", "end": "2026-10-31"}
    assert (body["parameters"]["formats"], body["parameters"]["kind"]) == (["csv_v2_0"], "usage_daily")
    assert (body["result_action"], body["schedule"], body["recipients"]) == ("save", {"type": "once"}, [])
    assert before == StoredReport(None, "csv_v2_0", "in_progress", None)
    assert (before.is_ready, after.is_ready, after.has_failed) == (False, True, False)
    assert dict(vendor.asked[-1].url.params) == {"version": "1"}


# Signing in at the vendor


def test_a_one_time_token_becomes_an_address(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/idp/ott", ok({"ott": "T1RU-_A=="}))

    ott = acronis.idp.one_time_token("ann@bakery.example")

    assert sent(vendor.asked[-1]) == {"purpose": "user_login", "login": "ann@bakery.example"}
    assert external_login_url(acronis.base_url + "/", ott) == (
        f"{BASE}/api/2/idp/external-login#ott=T1RU-_A%3D%3D&targetURI={BASE}/mc/"
    )


def test_a_login_leads_to_its_data_centre() -> None:
    asked = []

    def entry(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return ok({"login": "ann", "id": 0, "server_url": "https://eu2-cloud.example/"})

    found = find_data_centre("ann", entry_url="https://cloud.example", transport=httpx.MockTransport(entry))

    assert found == "https://eu2-cloud.example"
    assert str(asked[0].url) == "https://cloud.example/api/1/accounts?login=ann"
    assert "Authorization" not in asked[0].headers


def test_an_unknown_login_has_no_data_centre() -> None:
    with pytest.raises(NotFound):
        find_data_centre("nobody", transport=httpx.MockTransport(lambda _: httpx.Response(404)))


@pytest.mark.parametrize("address", ["", "javascript:alert(1)", "http://eu2-cloud.example", "https://a@b.example"])
def test_an_unsafe_data_centre_is_refused(address: str) -> None:
    transport = httpx.MockTransport(lambda _: ok({"server_url": address}))

    with pytest.raises(MalformedAnswer, match=r"account\.server_url is not a safe web address"):
        find_data_centre("ann", transport=transport)
