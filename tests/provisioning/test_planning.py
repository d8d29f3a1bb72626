"""The plan: every case a line in a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.planning import (
    AvailableItem,
    Item,
    ItemsNotAvailable,
    ObservedTenant,
    ObservedUser,
    StorageFacts,
    TenantWish,
    UserWish,
    items_for_customer,
    items_for_partner,
    plan,
)

SERVERS = Item("backup", "pg_base_servers")
STORAGE = Item("backup", "pg_base_storage", "fra")
JANE = UserWish(login="jane.doe", email="jane@example.com", role="company_admin")
WISH = TenantWish(name="Dora Design", kind="customer", items=frozenset({SERVERS, STORAGE}), user=JANE)


def observed(**changes) -> ObservedTenant:
    """What agrees with WISH, but for the changes."""
    facts = {
        "id": "t1",
        "is_enabled": True,
        "pricing_mode": "production",
        "items": WISH.items,
        "users": (ObservedUser("u1", "Jane.Doe", is_activated=True, roles=frozenset({"company_admin"})),),
    }
    return ObservedTenant(**{**facts, **changes})


def kinds(wish: TenantWish, seen: ObservedTenant | None) -> list[str]:
    return [action.kind for action in plan(wish, seen)]


def test_where_both_agree_there_is_nothing_to_do():
    assert plan(WISH, observed()) == []


def test_a_new_customer_gets_everything_in_the_order_the_vendor_accepts():
    assert [action.sentence for action in plan(WISH, None)] == [
        "Create the customer tenant “Dora Design”",
        "Enable pg_base_servers, pg_base_storage",
        "Set the pricing mode to production",
        "Create the user jane.doe",
        "Make jane.doe company administrator",
        "Send the activation mail to jane@example.com",
    ]


def test_a_held_customer_is_created_disabled():
    wish = TenantWish(name="Dora", kind="customer", items=frozenset(), enabled=False)

    assert kinds(wish, None) == ["create_tenant", "set_pricing_mode", "disable_tenant"]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"items": frozenset({SERVERS})}, ["set_items"]),
        ({"items": WISH.items | {Item("backup", "pw_base_servers")}}, ["set_items"]),
        ({"pricing_mode": "trial"}, ["set_pricing_mode"]),
        ({"is_enabled": False}, ["enable_tenant"]),
        ({"users": ()}, ["create_user", "grant_role", "send_activation_mail"]),
        (
            {"users": (ObservedUser("u1", "jane.doe", is_activated=False, roles=frozenset()),)},
            ["grant_role", "send_activation_mail"],
        ),
        ({"users": (ObservedUser("u1", "jane.doe", is_activated=True, roles=frozenset({"notary_user"})),)}, ["grant_role"]),
    ],
)
def test_only_what_differs_is_done(seen, expected):
    assert kinds(WISH, observed(**seen)) == expected


def test_nobody_is_mailed_twice():
    asked = TenantWish(
        name="Dora", kind="customer", items=WISH.items, user=UserWish(JANE.login, JANE.email, JANE.role, mail_is_due=False)
    )

    assert "send_activation_mail" not in kinds(asked, None)


def test_a_new_partner_is_in_production_already():
    partner = TenantWish(name="Alster IT", kind="partner", items=WISH.items)

    assert kinds(partner, None) == ["create_tenant", "set_items"]


def test_a_hold_disables_and_its_release_enables():
    held = TenantWish(name="Dora", kind="customer", items=WISH.items, enabled=False)

    assert kinds(held, observed()) == ["disable_tenant"]
    assert kinds(held, observed(is_enabled=False)) == []


def test_production_is_never_taken_back():
    trial = TenantWish(name="Dora", kind="customer", items=WISH.items, pricing_mode="trial")

    assert plan(trial, observed()) == []


def test_many_items_are_counted_not_listed():
    items = frozenset(Item("backup", f"item{n}") for n in range(12))

    [sentence] = [action.sentence for action in plan(TenantWish("Dora", "customer", items), observed(items=frozenset()))]

    assert sentence == "Enable 12 offering items"


# --- What a tenant gets ---------------------------------------------------------------------------------------------------

AVAILABLE = [
    AvailableItem(Item("b", "pg_base_servers"), "backup", "pck_per_gigabyte"),
    AvailableItem(Item("b", "pw_base_servers"), "backup", "pck_per_workload"),
    *(
        AvailableItem(Item("b", f"{prefix}_base_storage", infra), "backup", edition)
        for prefix, edition in (("pg", "pck_per_gigabyte"), ("pw", "pck_per_workload"))
        for infra in ("fra", "zrh")
    ),
    AvailableItem(Item("f", "pu_base_fc_seats"), "files_cloud", "fss_per_user"),
    AvailableItem(Item("f", "pu_base_fc_storage", "fra-files"), "files_cloud", "fss_per_user"),
    AvailableItem(Item("f", "pg_base_fc_seats"), "files_cloud", "fss_per_gigabyte"),
    AvailableItem(Item("n", "notarizations"), "notary", ""),
    AvailableItem(Item("p", "drives_shipped_to_cloud"), "physical_data_shipping", ""),
]
STORAGES = {
    "fra": StorageFacts("Frankfurt", ("backup",)),
    "zrh": StorageFacts("Zurich", ("backup",)),
    "fra-files": StorageFacts("Frankfurt files", ("files_cloud",)),
}
EDITIONS = {"backup": "pck_per_gigabyte", "files_cloud": "fss_per_user"}


def test_a_partner_gets_everything_in_every_billing_mode():
    assert items_for_partner(AVAILABLE) == {entry.item for entry in AVAILABLE}


def test_a_customer_gets_one_edition_per_application_one_storage_per_type_and_what_has_no_edition():
    items = items_for_customer(AVAILABLE, editions=EDITIONS, storages=STORAGES)

    assert {(item.name, item.infra_id) for item in items} == {
        ("pg_base_servers", ""),
        ("pg_base_storage", "fra"),
        ("pu_base_fc_seats", ""),
        ("pu_base_fc_storage", "fra-files"),
        ("notarizations", ""),
        ("drives_shipped_to_cloud", ""),
    }


def test_a_preferred_storage_is_taken_and_one_that_is_not_offered_is_passed_over():
    items = items_for_customer(AVAILABLE, editions=EDITIONS, storages=STORAGES, preferred=["nowhere", "zrh"])

    assert [item.infra_id for item in items if item.name == "pg_base_storage"] == ["zrh"]


def test_an_edition_the_parent_lacks_is_named():
    with pytest.raises(ItemsNotAvailable, match="offering items not available: fss_unheard_of"):
        items_for_customer(AVAILABLE, editions={**EDITIONS, "files_cloud": "fss_unheard_of"}, storages=STORAGES)


@given(st.permutations(AVAILABLE))
def test_the_order_of_the_vendors_list_does_not_matter(shuffled):
    assert items_for_customer(shuffled, editions=EDITIONS, storages=STORAGES) == items_for_customer(
        AVAILABLE, editions=EDITIONS, storages=STORAGES
    )


subsets = st.sets(st.sampled_from([Item("a", f"item{n}") for n in range(6)])).map(frozenset)


@given(wished=subsets, seen=subsets)
def test_carrying_out_the_plan_leaves_an_empty_plan(wished, seen):
    wish = TenantWish("Dora", "customer", wished)
    there = observed(items=seen, users=())

    for action in plan(wish, there):
        there = observed(items=(there.items | set(action.enable)) - set(action.disable), users=())

    assert plan(wish, there) == []
