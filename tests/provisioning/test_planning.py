"""The plan: every case a line in a table."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.planning.actions import SetItems, SwitchEdition
from provisioning.planning.choosing import CustomerChoice, ItemsNotAvailable, ItemWish, items_for_customer, items_for_partner
from provisioning.planning.differences import differences
from provisioning.planning.rules import plan
from provisioning.planning.values import GIB, UNLIMITED, Item, Limit, ObservedTenant, ObservedUser, TenantWish, UserWish

SERVERS = Item("backup", "pg_base_servers", edition="pck_per_gigabyte")
STORAGE = Item("backup", "pg_base_storage", "fra", unit="bytes", edition="pck_per_gigabyte")
PW_SERVERS = Item("backup", "pw_base_servers", edition="pck_per_workload")
NOTARY = Item("notary", "notarizations")
JANE = UserWish(login="jane.doe", email="jane@example.com", role="company_admin")
CONTACT = {"email": "till@dora.example", "city": "Berlin", "address2": ""}
WISH = TenantWish(
    name="Dora Design",
    other_names=("Dora Design (C1)",),
    kind="customer",
    items={SERVERS: UNLIMITED, STORAGE: UNLIMITED},
    users=(JANE,),
    language="de",
    contact=CONTACT,
)
OBSERVED_JANE = ObservedUser("u1", "Jane.Doe", is_activated=True, roles=frozenset({"company_admin"}), email="jane@example.com")
AGREES = ObservedTenant(
    id="t1",
    is_enabled=True,
    pricing_mode="production",
    items=WISH.items,
    users=(OBSERVED_JANE,),
    name="Dora Design",
    language="de",
    contact={**CONTACT, "address2": "typed in the portal"},
)
KNOWN_JANE = replace(JANE, vendor_id="u1", mail_is_due=False)


def sentences(wish: TenantWish, seen: ObservedTenant | None) -> list[str]:
    return [action.sentence for action in plan(wish, seen)]


def limited(limit: Limit, item: Item = SERVERS) -> dict[Item, Limit]:
    return {**WISH.items, item: limit}


# --- The plan -----------------------------------------------------------------------------------------------------------

NEW = [
    "Create the customer tenant “Dora Design”",
    "Enable pg_base_servers; pg_base_storage",
    "Set the pricing mode to production",
    "Create the user jane.doe",
    "Make jane.doe company administrator",
    "Send the activation mail to jane@example.com",
]

CASES = {
    "nothing to do": (WISH, AGREES, []),
    "new": (WISH, None, NEW),
    "new, held": (replace(WISH, enabled=False), None, [*NEW, "Disable the tenant"]),
    "new, in trial": (replace(WISH, pricing_mode="trial", users=()), None, NEW[:2]),
    "new, with quotas": (
        replace(WISH, users=(), items={SERVERS: Limit(10), STORAGE: Limit(50 * GIB, 10 * GIB)}),
        None,
        [NEW[0], "Enable pg_base_servers, soft quota 10; pg_base_storage, soft quota 50 GB, hard at 60 GB", NEW[2]],
    ),
    "new partner, in production from the start": (
        TenantWish(name="Alster IT", kind="partner", items={SERVERS: UNLIMITED}),
        None,
        ["Create the partner tenant “Alster IT”", "Enable pg_base_servers"],
    ),
    "new, with a generated password": (
        replace(WISH, users=(replace(JANE, password_is_due=True),)),
        None,
        [*NEW[:5], "Set the password of jane.doe"],
    ),
    "new, mail asked for already": (replace(WISH, users=(replace(JANE, mail_is_due=False),)), None, NEW[:5]),
    "quota set": (replace(WISH, items=limited(Limit(10))), AGREES, ["Set pg_base_servers to soft quota 10"]),
    "quota raised": (
        replace(WISH, items=limited(Limit(100 * GIB, 0), STORAGE)),
        replace(AGREES, items=limited(Limit(50 * GIB, 0), STORAGE)),
        ["Set pg_base_storage to soft quota 100 GB, hard at 100 GB"],
    ),
    "quota taken away": (WISH, replace(AGREES, items=limited(Limit(10))), ["Set pg_base_servers to no quota"]),
    "edition change": (
        replace(WISH, items={PW_SERVERS: UNLIMITED}),
        replace(AGREES, items={SERVERS: Limit(3)}),
        ["Switch from Protection per gigabyte to Protection per workload"],
    ),
    "edition change, and an item of another application": (
        replace(WISH, items={PW_SERVERS: UNLIMITED, NOTARY: UNLIMITED}),
        replace(AGREES, items={SERVERS: UNLIMITED}),
        ["Switch from Protection per gigabyte to Protection per workload", "Enable notarizations"],
    ),
    "item missing at the vendor": (WISH, replace(AGREES, items={SERVERS: UNLIMITED}), ["Enable pg_base_storage"]),
    "extra item at the vendor": (WISH, replace(AGREES, items={**WISH.items, NOTARY: UNLIMITED}), ["Disable notarizations"]),
    "trial to production": (WISH, replace(AGREES, pricing_mode="trial"), ["Set the pricing mode to production"]),
    "production is never taken back": (replace(WISH, pricing_mode="trial"), AGREES, []),
    "hold": (replace(WISH, enabled=False), AGREES, ["Disable the tenant"]),
    "hold, carried out": (replace(WISH, enabled=False), replace(AGREES, is_enabled=False), []),
    "release": (WISH, replace(AGREES, is_enabled=False), ["Enable the tenant"]),
    "release comes before what a disabled tenant refuses": (
        replace(WISH, items=limited(Limit(10))),
        replace(AGREES, is_enabled=False),
        ["Enable the tenant", "Set pg_base_servers to soft quota 10"],
    ),
    "suspension comes before what may be refused": (
        replace(WISH, enabled=False, items=limited(Limit(10))),
        AGREES,
        ["Disable the tenant", "Set pg_base_servers to soft quota 10"],
    ),
    "retire": (
        replace(WISH, is_retired=True),
        AGREES,
        ["Disable the tenant", "Delete the tenant “Dora Design” with all its users and backups"],
    ),
    "retire, disabled already": (
        replace(WISH, is_retired=True),
        replace(AGREES, is_enabled=False),
        ["Delete the tenant “Dora Design” with all its users and backups"],
    ),
    "retire, gone": (replace(WISH, is_retired=True), None, []),
    "renamed": (WISH, replace(AGREES, name="Dora"), ["Rename the tenant to “Dora Design”"]),
    "named with our number, as its own name was taken": (WISH, replace(AGREES, name="Dora Design (C1)"), []),
    "moved": (WISH, replace(AGREES, contact={"email": "till@dora.example", "city": "Bonn"}), ["Set the contact's city"]),
    "another language": (WISH, replace(AGREES, language="en"), ["Set the language to de"]),
    "user deleted at the vendor": (replace(WISH, users=(JANE,)), replace(AGREES, users=()), NEW[3:]),
    "user without role": (
        WISH,
        replace(AGREES, users=(replace(OBSERVED_JANE, roles=frozenset({"notary_user"})),)),
        ["Make jane.doe company administrator"],
    ),
    "user not activated, mail not asked for": (
        WISH,
        replace(AGREES, users=(replace(OBSERVED_JANE, is_activated=False),)),
        ["Send the activation mail to jane@example.com"],
    ),
    "login changed here": (
        replace(WISH, users=(replace(KNOWN_JANE, login="jane.roe"),)),
        AGREES,
        ["Change the login Jane.Doe to jane.roe"],
    ),
    "e-mail changed here": (
        replace(WISH, users=(replace(KNOWN_JANE, email="j@example.com", email_is_due=True),)),
        AGREES,
        ["Change the e-mail address of jane.doe to j@example.com"],
    ),
    "e-mail waits for the person's consent": (replace(WISH, users=(replace(KNOWN_JANE, email="j@example.com"),)), AGREES, []),
    "password reset": (
        replace(WISH, users=(replace(KNOWN_JANE, password_is_due=True),)),
        AGREES,
        ["Set the password of jane.doe"],
    ),
    "drift in several things at once": (
        WISH,
        replace(AGREES, is_enabled=False, items={SERVERS: Limit(1), NOTARY: UNLIMITED}, language="fr"),
        [
            "Enable the tenant",
            "Set the language to de",
            "Enable pg_base_storage and set pg_base_servers to no quota and disable notarizations",
        ],
    ),
}


@pytest.mark.parametrize(("wish", "seen", "expected"), CASES.values(), ids=CASES.keys())
def test_the_plan_says_in_order_what_is_to_be_done(wish, seen, expected):
    assert sentences(wish, seen) == expected


def test_many_items_are_counted_and_listed_as_details():
    items = {Item("backup", f"item{n:02}"): Limit(n) if n else UNLIMITED for n in range(12)}

    [action] = plan(replace(WISH, items=items), replace(AGREES, items={}))

    assert action.sentence == "Enable 12 offering items"
    assert action.details[:2] == ("enable item00", "enable item01, soft quota 1")


@pytest.mark.parametrize(
    ("limit", "unit", "words"),
    [
        (Limit(), "bytes", "no quota"),
        (Limit(0, 0), "quantity", "soft quota 0, hard at 0"),
        (Limit(10, 2), "quantity", "soft quota 10, hard at 12"),
        (Limit(50 * GIB), "bytes", "soft quota 50 GB"),
        (Limit(GIB * 3 // 2), "bytes", "soft quota 1.50 GB"),
        (Limit(7200), "seconds", "soft quota 2 compute points"),
    ],
)
def test_quotas_are_said_in_the_units_people_know(limit, unit, words):
    assert limit.words(unit) == words


# --- Differences --------------------------------------------------------------------------------------------------------


def test_where_both_agree_nothing_differs():
    assert differences(WISH, AGREES) == []


def test_each_offering_item_is_a_difference_of_its_own():
    seen = replace(AGREES, items={SERVERS: Limit(1), NOTARY: UNLIMITED})

    found = [(one.kind, one.subject, one.wished, one.found) for one in differences(WISH, seen)]

    assert found == [
        ("enable_item", "pg_base_storage@fra", "on, no quota", "off"),
        ("limit_item", "pg_base_servers", "no quota", "soft quota 1"),
        ("disable_item", "notarizations", "off", "on, no quota"),
    ]


def test_a_user_somebody_deleted_is_one_difference_and_a_mail_that_is_due_is_none():
    [found] = differences(WISH, replace(AGREES, users=()))

    assert (found.kind, found.subject, found.found) == ("create_user", "jane.doe", "no such user")


def test_a_role_somebody_took_away_is_named_with_what_is_there():
    [found] = differences(WISH, replace(AGREES, users=(replace(OBSERVED_JANE, roles=frozenset({"notary_user"})),)))

    assert (found.kind, found.wished, found.found) == ("grant_role", "company administrator", "notary_user")


@pytest.mark.parametrize(
    ("seen", "kind", "wished", "found"),
    [
        ({"is_enabled": False}, "enable_tenant", "enabled", "disabled"),
        ({"name": "Dora"}, "rename_tenant", "Dora Design", "Dora"),
        ({"language": "en"}, "set_language", "de", "en"),
        ({"contact": {"email": "till@dora.example", "city": "Bonn"}}, "set_contact", "Berlin", "Bonn"),
        ({"pricing_mode": "trial"}, "set_pricing_mode", "production", "trial"),
        ({"items": {PW_SERVERS: UNLIMITED}}, "switch_edition", "Protection per gigabyte", "Protection per workload"),
    ],
)
def test_a_difference_says_what_is_wished_and_what_is_there(seen, kind, wished, found):
    [difference] = differences(WISH, replace(AGREES, **seen))

    assert (difference.kind, difference.wished, difference.found) == (kind, wished, found)


def test_production_found_in_a_trial_is_a_difference_that_no_plan_can_put_right():
    wish, seen = replace(WISH, pricing_mode="trial"), replace(AGREES, pricing_mode="production")

    [difference] = differences(wish, seen)

    assert plan(wish, seen) == []
    assert (difference.kind, difference.wished, difference.found) == ("set_pricing_mode", "trial", "production")


def test_a_login_changed_at_the_vendor_is_found_by_the_users_id():
    seen = replace(AGREES, users=(replace(OBSERVED_JANE, login="somebody.else"),))

    [difference] = differences(replace(WISH, users=(KNOWN_JANE,)), seen)

    assert (difference.kind, difference.wished, difference.found) == ("change_login", "jane.doe", "somebody.else")


# --- What a tenant gets ---------------------------------------------------------------------------------------------------


def backup(name: str, infra: str = "", edition: str = "") -> Item:
    return Item("b", name, infra, edition=edition, application_type="backup", usage_name=name.split("_", 2)[-1])


def files(name: str, infra: str = "", edition: str = "") -> Item:
    return Item("f", name, infra, edition=edition, application_type="files_cloud", usage_name=name.split("_", 2)[-1])


AVAILABLE = [
    backup("pg_base_servers", edition="pck_per_gigabyte"),
    backup("pw_base_servers", edition="pck_per_workload"),
    *(
        backup(f"{prefix}_base_storage", infra, edition)
        for prefix, edition in (("pg", "pck_per_gigabyte"), ("pw", "pck_per_workload"))
        for infra in ("fra", "zrh", "all")
    ),
    backup("pg_base_dr_storage", "zrh-dr", "pck_per_gigabyte"),
    files("pu_base_fc_seats", edition="fss_per_user"),
    files("pu_base_fc_storage", "fra-files", "fss_per_user"),
    files("pu_base_fc_storage", "all", "fss_per_user"),
    files("pg_base_fc_seats", edition="fss_per_gigabyte"),
    Item("n", "notarizations", application_type="notary"),
    Item("p", "drives_shipped_to_cloud", application_type="physical_data_shipping"),
]
NAMES = {"fra": "Frankfurt", "zrh": "Zurich", "fra-files": "Frankfurt files", "zrh-dr": "Zurich DR", "all": "Vienna"}
EDITIONS = {"backup": "pck_per_gigabyte", "files_cloud": "fss_per_user"}


def chosen(**choice) -> dict[tuple[str, str], Limit]:
    items = items_for_customer(AVAILABLE, CustomerChoice(**{"editions": EDITIONS, **choice}), storage_names=NAMES)
    return {(item.name, item.infra_id): limit for item, limit in items.items()}


def test_a_partner_gets_everything_in_every_billing_mode_without_quota():
    assert items_for_partner(AVAILABLE) == dict.fromkeys(AVAILABLE, UNLIMITED)


def test_a_customer_gets_one_edition_per_application_one_storage_per_type_and_what_has_no_edition():
    assert set(chosen()) == {
        ("pg_base_servers", ""),
        ("pg_base_storage", "fra"),
        ("pg_base_dr_storage", "zrh-dr"),
        ("pu_base_fc_seats", ""),
        ("pu_base_fc_storage", "fra-files"),
        ("notarizations", ""),
        ("drives_shipped_to_cloud", ""),
    }


def test_a_storage_that_holds_two_types_is_taken_only_for_the_type_it_was_chosen_for():
    storages = [key for key in chosen(storages={"files_cloud": ["all"]}) if key[1]]

    assert sorted(storages) == [("pg_base_dr_storage", "zrh-dr"), ("pg_base_storage", "fra"), ("pu_base_fc_storage", "all")]


def test_a_preferred_storage_is_taken_and_one_that_is_not_offered_is_passed_over():
    assert ("pg_base_storage", "zrh") in chosen(storages={"backup": ["nowhere", "zrh"]})


def test_what_a_service_says_about_an_item_counts():
    items = chosen(items={"notarizations": ItemWish(is_enabled=False), "pg_base_servers": ItemWish(limit=Limit(10, 2))})

    assert ("notarizations", "") not in items
    assert items["pg_base_servers", ""] == Limit(10, 2)


def test_a_service_that_does_not_cover_everything_has_the_chosen_items_only():
    items = {"pg_base_storage": ItemWish(limit=Limit(50 * GIB))}

    assert chosen(items=items, covers_everything=False) == {("pg_base_storage", "fra"): Limit(50 * GIB)}


def test_items_the_parent_lacks_are_named_in_the_words_of_the_platform():
    wanted = {"pg_base_robots": ItemWish(), "pw_base_servers": ItemWish(), "pg_base_servers": ItemWish()}

    with pytest.raises(ItemsNotAvailable) as refusal:
        chosen(items=wanted)

    assert str(refusal.value) == "offering items not available: pg_base_robots, pw_base_servers"


def test_an_edition_the_parent_lacks_is_named():
    with pytest.raises(ItemsNotAvailable, match=r"^offering items not available: fss_unheard_of$"):
        chosen(editions={**EDITIONS, "files_cloud": "fss_unheard_of"})


@given(st.permutations(AVAILABLE))
def test_the_order_of_the_vendors_list_does_not_matter(shuffled):
    choice = CustomerChoice(editions=EDITIONS)

    assert items_for_customer(shuffled, choice, storage_names=NAMES) == items_for_customer(AVAILABLE, choice, storage_names=NAMES)


# --- Properties ---------------------------------------------------------------------------------------------------------

limits = st.builds(Limit, st.none() | st.integers(0, 9)) | st.builds(Limit, st.integers(0, 9), st.integers(0, 9))
sets_of_items = st.dictionaries(st.sampled_from([Item("a", f"item{n}") for n in range(6)]), limits)


@given(wished=sets_of_items, seen=sets_of_items)
def test_carrying_out_the_plan_leaves_an_empty_plan(wished, seen):
    wish, there = replace(WISH, items=wished), replace(AGREES, items=seen)

    for action in plan(wish, there):
        assert isinstance(action, SetItems)
        kept = {item: limit for item, limit in there.items.items() if item not in action.disable}
        there = replace(there, items={**kept, **dict(action.enable), **dict(action.limit)})

    assert plan(wish, there) == []


@given(wished=sets_of_items, seen=sets_of_items)
def test_there_is_a_difference_for_every_item_that_differs_and_for_no_other(wished, seen):
    subjects = {one.subject for one in differences(replace(WISH, items=wished), replace(AGREES, items=seen))}

    assert subjects == {item.name for item in wished.keys() | seen.keys() if wished.get(item) != seen.get(item)}


def test_an_edition_is_switched_for_customers_only():
    wish, seen = replace(WISH, items={PW_SERVERS: UNLIMITED}), replace(AGREES, items={SERVERS: UNLIMITED})

    assert isinstance(plan(wish, seen)[0], SwitchEdition)
    assert plan(replace(wish, kind="partner"), seen)[0] == SetItems(enable=((PW_SERVERS, UNLIMITED),), disable=(SERVERS,))
