"""The tree of tenants: its rules, locking, paging and search."""

from typing import Any

import httpx
import pytest

from sandbox import definitions
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT


def code(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["error"]["code"]


def test_new_customer_is_on_trial_and_new_partner_in_production(call: Caller) -> None:
    customer, partner = call.tenant("Customer"), call.tenant("Partner", "partner")

    trial = call("GET", f"/tenants/{customer}").json()

    assert (trial["pricing_mode"], trial["version"], trial["enabled"]) == ("trial", 1, True)
    assert trial["production_start_date"] == "2026-12-01T00:00:00.000000+00:00"
    assert trial["contact"]["email"] == ""
    assert trial["contact"]["phone"] is None
    assert call("GET", f"/tenants/{partner}").json()["pricing_mode"] == "production"


def test_json_is_one_line_without_newline_and_204_is_empty(call: Caller) -> None:
    found, gone = call("GET", f"/tenants/{PROVIDER}"), call("GET", "/users/check_login", username="free.login")

    assert "\n" not in found.text
    assert (gone.status_code, gone.content) == (204, b"")
    assert "content-type" not in gone.headers


def test_name_in_use_is_a_conflict_even_in_another_case(call: Caller) -> None:
    call.tenant("Müller GmbH")

    again = call("POST", "/tenants", {"name": "MÜLLER GmbH", "kind": "customer", "parent_id": PROVIDER})

    assert code(again) == (409, 1004)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"kind": "customer", "parent_id": PROVIDER}, (400, 400)),
        ({"name": " ", "kind": "customer", "parent_id": PROVIDER}, (400, 400)),
        ({"name": "x", "kind": "root", "parent_id": PROVIDER}, (400, 400)),
        ({"name": "x", "kind": "unit", "parent_id": PROVIDER}, (400, 1027)),
        ({"name": "x", "kind": "customer", "parent_id": definitions.ROOT_TENANT}, (403, 1002)),
        ({"name": "x", "kind": "customer", "parent_id": definitions.BACKUP}, (404, 1005)),
        ({"name": "x", "kind": "customer", "parent_id": PROVIDER, "internal_tag": "x" * 257}, (400, 400)),
        ({"name": "x", "kind": "customer", "parent_id": PROVIDER, "contact": {"email": "no"}}, (400, 400)),
    ],
)
def test_new_tenants_that_break_a_rule_are_refused(call: Caller, body: object, expected: tuple[int, int]) -> None:
    assert code(call("POST", "/tenants", body)) == expected


def test_nothing_is_created_under_a_disabled_parent(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    call("PUT", f"/tenants/{partner}", {"version": 1, "enabled": False})

    refused = call("POST", "/tenants", {"name": "x", "kind": "customer", "parent_id": partner})

    assert code(refused) == (400, 1003)


def test_update_keeps_what_was_not_sent_and_takes_strings_and_unknown_keys(call: Caller) -> None:
    tenant_id = call.tenant("Customer", customer_id="C-1", contact={"city": "Ulm"})

    changed = call(
        "PUT", f"/tenants/{tenant_id}", {"version": "1", "enabled": "false", "contact": {"phone": "1"}, "whatever": 1}
    ).json()

    assert (changed["version"], changed["enabled"], changed["customer_id"]) == (2, False, "C-1")
    assert (changed["contact"]["city"], changed["contact"]["phone"]) == ("Ulm", "1")


def test_stale_version_is_a_conflict_and_changes_nothing(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    call("PUT", f"/tenants/{tenant_id}", {"version": 1, "internal_tag": "first"})

    late = call("PUT", f"/tenants/{tenant_id}", {"version": 1, "internal_tag": "second"})

    assert code(late) == (409, 1001)
    assert call("GET", f"/tenants/{tenant_id}").json()["internal_tag"] == "first"


def test_delete_needs_a_disabled_tenant_and_its_version(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    number = call("GET", f"/tenants/{tenant_id}/usages").json()["items"][0]["tenant_id"]

    enabled = call("DELETE", f"/tenants/{tenant_id}", version=1)
    call("PUT", f"/tenants/{tenant_id}", {"version": 1, "enabled": False})
    stale = call("DELETE", f"/tenants/{tenant_id}", version=1)
    deleted = call("DELETE", f"/tenants/{tenant_id}", version=2)

    assert code(enabled) == (400, 1006)
    assert enabled.json()["error"]["context"] == {"id": str(number)}
    assert code(stale) == (409, 1001)
    assert deleted.status_code == 204
    assert code(call("GET", f"/tenants/{tenant_id}")) == (404, 404)
    assert call("GET", f"/tenants/{tenant_id}", allow_deleted="true").json()["deleted_at"]


def test_deleting_a_partner_deletes_all_below_and_frees_the_names(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant("Customer", parent_id=partner)
    call.user(customer, "someone")
    call("PUT", f"/tenants/{partner}", {"version": 1, "enabled": False})

    call("DELETE", f"/tenants/{partner}", version=2)

    assert call("GET", f"/tenants/{customer}").status_code == 404
    assert call("GET", "/users/check_login", username="someone").status_code == 204
    assert call.tenant("Customer") != customer


def test_suspended_tenant_locks_its_users_out_and_resumes(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    user = call.user(tenant_id, "locked.out")
    call("POST", f"/users/{user['id']}/password", {"password": "long enough"})
    auth = ("locked.out", "long enough")

    call("PUT", f"/tenants/{tenant_id}", {"version": 1, "enabled": False})
    suspended = call.http.get("/api/2/users/me", auth=auth)
    call("PUT", f"/tenants/{tenant_id}", {"version": 2, "enabled": True})
    resumed = call.http.get("/api/2/users/me", auth=auth)

    assert (suspended.status_code, resumed.status_code) == (401, 200)


def test_tenants_outside_the_subtree_are_forbidden(call: Caller) -> None:
    assert code(call("GET", f"/tenants/{definitions.ROOT_TENANT}")) == (403, 1002)


def test_moving_keeps_the_subtree_and_refuses_loops(call: Caller) -> None:
    first, second = call.tenant("First", "partner"), call.tenant("Second", "partner")
    customer = call.tenant("Customer", parent_id=first)

    moved = call("PUT", f"/tenants/{first}", {"version": 1, "parent_id": second})
    loop = call("PUT", f"/tenants/{second}", {"version": 1, "parent_id": first})

    assert moved.json()["parent_id"] == second
    path = call("GET", f"/tenants/{customer}", embed_path="true").json()["path"]
    assert path == [first, second, PROVIDER]
    assert code(loop) == (400, 1007)


def test_batch_pages_carry_every_filter_in_the_cursor(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    made = {call.tenant(f"Customer {number}", parent_id=partner) for number in range(5)}

    seen, pages, after = [], 0, None
    while pages == 0 or after:
        query = {"after": after} if after else {"parent_id": partner, "limit": 2, "lod": "basic"}
        page = call("GET", "/tenants", **query).json()
        seen += [item["id"] for item in page["items"]]
        assert all("contact" not in item for item in page["items"])
        after = page.get("paging", {}).get("cursors", {}).get("after")
        pages += 1

    assert (pages, len(seen), set(seen)) == (3, 5, made)


def test_batch_needs_exactly_one_selector_and_a_cursor_of_its_own(call: Caller) -> None:
    assert code(call("GET", "/tenants")) == (400, 400)
    assert code(call("GET", "/tenants", parent_id=PROVIDER, subtree_root_id=PROVIDER)) == (400, 400)
    assert code(call("GET", "/tenants", after="made-up")) == (400, 400)
    assert code(call("GET", "/tenants", uuids=",".join([PROVIDER[:-3] + f"{n:03}" for n in range(101)]))) == (400, 400)


def test_subtree_batch_starts_with_its_root_and_follows_changes(call: Caller) -> None:
    partner = call.tenant("Partner", "partner")
    customer = call.tenant("Customer", parent_id=partner)
    whole = call("GET", "/tenants", subtree_root_id=partner).json()
    call("PUT", f"/tenants/{customer}", {"version": 1, "internal_tag": "changed"})

    changed = call("GET", "/tenants", subtree_root_id=partner, updated_since=whole["timestamp"]).json()

    assert [item["id"] for item in whole["items"]] == [partner, customer]
    assert [item["id"] for item in changed["items"]] == [customer]


def test_children_are_listed_by_name_without_personal_tenants(call: Caller) -> None:
    beta, alpha = call.tenant("Beta", "partner"), call.tenant("Alpha")
    call.user(alpha, "someone")

    assert call("GET", f"/tenants/{PROVIDER}/children").json() == {"items": [alpha, beta]}
    assert call("GET", f"/tenants/{alpha}/children").json() == {"items": []}
    assert call("GET", f"/tenants/{alpha}").json()["has_children"] is False


@pytest.mark.parametrize("text", ["ct-0007", "CT-0007", "müll", "Wide gmbh", "anna", "anna.berg@"])
def test_search_finds_beginnings_of_words_in_any_case(call: Caller, text: str) -> None:
    tenant_id = call.tenant(
        "Wide Müller GmbH", customer_id="CT-0007", contact={"firstname": "Anna", "email": "anna.berg@example.com"}
    )
    call.tenant("Other Ltd", customer_id="XCT-00071")

    found = call("GET", "/search", tenant=PROVIDER, text=text).json()["items"]

    assert [hit["id"] for hit in found] == [tenant_id]
    assert found[0]["path"] == ["Example Managed Services", "Wide Müller GmbH"]


def test_search_finds_users_and_refuses_short_texts(call: Caller) -> None:
    user = call.user(call.tenant("Customer"), "find.me")

    found = call("GET", "/search", tenant=PROVIDER, text="find").json()["items"]

    assert [(hit["obj_type"], hit["id"], hit["login"]) for hit in found] == [("user", user["id"], "find.me")]
    assert code(call("GET", "/search", tenant=PROVIDER, text="fi")) == (400, 400)


def test_trial_turns_into_production_but_never_back(call: Caller) -> None:
    tenant_id = call.tenant("Customer")
    before = call("GET", f"/tenants/{tenant_id}/pricing").json()
    changed = call("PUT", f"/tenants/{tenant_id}/pricing", {**before, "mode": "production", "currency": "EUR"}).json()

    stale = call("PUT", f"/tenants/{tenant_id}/pricing", {**before, "mode": "production"})
    back = call("PUT", f"/tenants/{tenant_id}/pricing", {**changed, "mode": "trial"})

    assert (before["mode"], changed["mode"], changed["currency"]) == ("trial", "production", "EUR")
    assert code(stale) == (409, 1001)
    assert code(back) == (400, 1027)


def test_trial_ends_by_itself_after_a_full_month(call: Caller) -> None:
    tenant_id = call.tenant("Customer")

    call.move_clock("2026-11-30T23:00:00Z")
    before = call("GET", f"/tenants/{tenant_id}").json()["pricing_mode"]
    call.move_clock("2026-12-01T00:00:01Z")
    after = call("GET", f"/tenants/{tenant_id}").json()["pricing_mode"]

    assert (before, after) == ("trial", "production")


def test_locked_tenant_answers_only_to_the_owner_of_the_lock(call: Caller) -> None:
    tenant_id = call.tenant("Customer", update_lock={"enabled": "true"})
    user = call.user(tenant_id, "company.admin")
    call(
        "PUT",
        f"/users/{user['id']}/access_policies",
        {"items": [{"tenant_id": tenant_id, "trustee_id": user["id"], "role_id": "company_admin"}]},
    )
    call("POST", f"/users/{user['id']}/password", {"password": "long enough"})

    by_customer = call.http.put(
        f"/api/2/tenants/{tenant_id}", json={"version": 1, "name": "Mine"}, auth=("company.admin", "long enough")
    )
    by_owner = call("PUT", f"/tenants/{tenant_id}", {"version": 1, "name": "Mine"})

    assert code(by_customer) == (403, 1012)
    assert by_owner.status_code == 200
