"""The invented resellers and customers: how many, whose, how old, and that they behave like any other tenant."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import definitions, invented_names
from sandbox.app import PASSWORD
from tests.sandbox.conftest import Caller
from tests.sandbox.contract import hold

PROVIDER = definitions.PROVIDER_TENANT
Start = Callable[..., httpx.Client]
Rows = list[dict[str, Any]]


def invented(call: Caller) -> Rows:
    """All tenants below the provider but personal ones."""
    found = call("GET", "/tenants", subtree_root_id=PROVIDER, lod="full").json()["items"]
    return [tenant for tenant in found if tenant["kind"] in ("partner", "customer") and tenant["id"] != PROVIDER]


@pytest.fixture
def peopled(start: Start) -> Caller:
    return Caller(start(partners=3, customers=40))


def test_customers_are_spread_over_the_provider_and_its_partners(peopled: Caller) -> None:
    tenants = invented(peopled)
    kinds = Counter(tenant["kind"] for tenant in tenants)
    parents = Counter(tenant["parent_id"] for tenant in tenants if tenant["kind"] == "customer")

    assert kinds == {"partner": 3, "customer": 40}
    assert set(parents) == {PROVIDER} | {tenant["id"] for tenant in tenants if tenant["kind"] == "partner"}
    assert set(parents.values()) == {10}
    assert len({tenant["name"] for tenant in tenants}) == 43
    assert len({tenant["customer_id"] for tenant in tenants}) == 43


def test_every_customer_has_items_and_one_user_who_can_sign_in(peopled: Caller) -> None:
    users = peopled("GET", "/users", subtree_root_tenant_id=PROVIDER, with_access_policies="true").json()["items"]
    users = [user for user in users if user["tenant_id"] != PROVIDER]
    roles = {user["tenant_id"]: [policy["role_id"] for policy in user["access_policies"]] for user in users}
    tenants = invented(peopled)

    assert Counter(user["tenant_id"] for user in users) == {tenant["id"]: 1 for tenant in tenants}
    for tenant in tenants:
        is_partner = tenant["kind"] == "partner"
        items = peopled("GET", f"/tenants/{tenant['id']}/offering_items", edition="*", status=1).json()["items"]
        assert roles[tenant["id"]] == ["partner_admin" if is_partner else "company_admin"]
        assert is_partner or len([item for item in items if "quota" in item]) == 10
        assert is_partner or len({item["edition"] for item in items if item["edition"]}) == 2
    me = peopled.http.get("/api/2/users/me", auth=(users[0]["login"], PASSWORD)).json()
    assert (me["id"], me["activated"]) == (users[0]["id"], True)


def test_invented_customers_obey_the_rules_of_the_others(peopled: Caller) -> None:
    customer = next(tenant for tenant in invented(peopled) if tenant["kind"] == "customer" and tenant["parent_id"] != PROVIDER)
    path = f"/tenants/{customer['id']}"
    items = peopled("GET", f"{path}/offering_items", edition="*", status=1).json()["items"]

    again = peopled("PUT", f"{path}/offering_items", {"offering_items": items})
    changed = peopled("PUT", path, {"version": customer["version"], "internal_tag": "changed", "enabled": False})
    found = peopled("GET", "/search", tenant=PROVIDER, text=customer["customer_id"]).json()["items"]
    gone = peopled("DELETE", path, version=changed.json()["version"])

    assert again.status_code == 200, again.text
    assert changed.json()["internal_tag"] == "changed"
    assert [tenant["id"] for tenant in found if tenant["obj_type"] == "tenant"] == [customer["id"]]
    assert gone.status_code == 204


def test_invented_tenants_and_users_answer_as_described(peopled: Caller) -> None:
    customer = next(tenant for tenant in invented(peopled) if tenant["kind"] == "customer")
    user_id = peopled("GET", f"/tenants/{customer['id']}/users").json()["items"][0]

    hold(peopled("GET", f"/tenants/{customer['id']}"))
    hold(peopled("GET", f"/users/{user_id}"))
    hold(peopled("GET", f"/users/{user_id}/access_policies"))
    hold(peopled("GET", f"/tenants/{customer['id']}/usages"))
    hold(peopled("GET", "/tenants", subtree_root_id=PROVIDER, with_contacts="true"))


def test_customers_were_created_over_the_year_before(peopled: Caller) -> None:
    ages = [
        (datetime.fromisoformat("2026-10-01T08:00:00Z") - datetime.fromisoformat(tenant["created_at"])).days
        for tenant in invented(peopled)
        if tenant["kind"] == "customer"
    ]

    assert 1 <= min(ages) <= max(ages) <= 365
    assert max(ages) - min(ages) > 250


def test_some_customers_are_on_trial(start: Start) -> None:
    tenants = invented(Caller(start(customers=200)))

    assert {tenant["pricing_mode"] for tenant in tenants} == {"trial", "production"}


def test_same_numbers_again_add_nothing_and_greater_ones_the_rest(start: Start) -> None:
    first = invented(Caller(start(partners=2, customers=10)))
    again = invented(Caller(start(partners=2, customers=10)))
    fewer = invented(Caller(start(partners=1, customers=5)))
    more = invented(Caller(start(partners=3, customers=12)))

    assert first == again == fewer
    assert [tenant for tenant in more if tenant["id"] in {one["id"] for one in first}] == first
    assert Counter(tenant["kind"] for tenant in more) == {"partner": 3, "customer": 12}


def test_deleted_invented_tenant_does_not_come_back(start: Start) -> None:
    call = Caller(start(customers=2))
    customer = invented(call)[0]
    call("PUT", f"/tenants/{customer['id']}", {"version": 1, "enabled": False})
    call("DELETE", f"/tenants/{customer['id']}", version=2)

    assert len(invented(Caller(start(customers=2)))) == 1


def test_other_sandbox_invents_the_same_tenants_with_the_same_usage(start: Start, tmp_path: Path) -> None:
    def seen(path: Path) -> tuple[Any, Any]:
        call = Caller(start(storage_path=path, customers=8))
        tenants = invented(call)
        names = [(tenant["id"], tenant["name"], tenant["customer_id"], tenant["created_at"]) for tenant in tenants]
        ids = ",".join(tenant["id"] for tenant in tenants)
        usages = call("GET", "/tenants/usages", tenants=ids).json()["items"]
        return names, [[(usage["name"], usage["value"]) for usage in found["usages"]] for found in usages]

    assert seen(tmp_path / "one") == seen(tmp_path / "two")


def test_name_and_login_that_are_taken_are_left_to_their_owners(start: Start) -> None:
    call = Caller(start())
    call.tenant(invented_names.customer(1))
    call.user(call.tenant("Own"), invented_names.person(1, "c")["login"])

    again = Caller(start(customers=1))

    customer = next(tenant for tenant in invented(again) if tenant["customer_id"] == "C-00001")
    assert customer["name"] == f"{invented_names.customer(1)} (C-00001)"
    assert again("GET", f"/tenants/{customer['id']}/users").json()["items"] != []


def test_names_are_unique_up_to_the_greatest_population() -> None:
    numbers = range(1, 100_001)

    assert len({invented_names.customer(number) for number in numbers}) == len(numbers)
    assert len({invented_names.reseller(number) for number in numbers}) == len(numbers)


def test_usage_of_the_population_grows_day_by_day(start: Start) -> None:
    call = Caller(start(partners=2, customers=12))
    levels: dict[Any, list[int]] = {}
    for day in (2, 3, 4, 10):
        call.move_clock(f"2026-10-{day:02}T08:00:00Z")
        for usage in call("GET", f"/tenants/{PROVIDER}/usages", usage_names="storage,fc_storage,workstations").json()["items"]:
            levels.setdefault((usage["name"], usage.get("infra_id")), []).append(usage["value"])

    storages = [found for (name, _), found in levels.items() if name.endswith("storage") and any(found)]
    assert len(storages) >= 4
    assert all(earlier < later for found in storages for earlier, later in pairwise(found))
    assert all(earlier <= later for found in levels.values() for earlier, later in pairwise(found))
