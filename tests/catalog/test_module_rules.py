"""What may stand in the module setting: every rule, its field and its sentence."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import module_rules as rules
from catalog.module_rules import ItemValues, Location, NotWhole, Offered, Offering, Values

BACKUP, FILES = "pck_per_gigabyte", "fss_per_user"
FRANKFURT, ZURICH, BERN, GENEVA = 1, 2, 3, 4


def offered(name: str, label: str, **facts: Any) -> Offered:
    return Offered(**{"name": name, "label": label, "edition": BACKUP, "usage": name.removeprefix("pg_base_"), **facts})


def files(name: str, label: str, unit: str) -> Offered:
    return Offered(name=name, label=label, unit=unit, application="files_cloud", edition=FILES, usage=name.removeprefix("pu_base_"))


ITEMS = [
    offered("pg_base_storage", "Cloud storage", unit="bytes", storages=frozenset({FRANKFURT, ZURICH, GENEVA})),
    offered("pg_base_servers", "Servers"),
    offered("pg_base_vms", "Virtual machines", is_offered=False),
    offered("pg_base_m365_seats", "Microsoft 365 seats", usage="mailboxes"),
    offered("pg_base_m365_mailboxes", "M365 mailboxes", usage="o365_mailboxes", unit="n/a"),
    offered("pg_base_m365_onedrive", "M365 onedrive", usage="o365_onedrive", unit="n/a"),
    offered("pg_base_adv_dr_compute_points", "Compute points", unit="seconds"),
    offered("pw_base_servers", "Servers", edition="pck_per_workload"),
    offered("local_storage", "Local storage", edition="", unit="bytes"),
    files("pu_base_fc_seats", "Users", "quantity"),
    files("pu_base_fc_storage", "File storage", "bytes"),
]
OFFERING = Offering(
    items={item.name: item for item in ITEMS},
    editions={"backup": {BACKUP: "Protection, per gigabyte"}, "files_cloud": {FILES: "File Sync & Share, per user"}},
    locations={
        FRANKFURT: Location(FRANKFURT, "Frankfurt"),
        ZURICH: Location(ZURICH, "Zurich", capacity=1000),
        BERN: Location(BERN, "Bern"),
        GENEVA: Location(GENEVA, "Geneva", is_offered=False),
    },
)
GOOD = Values(is_fixed=True, storage_quota=50, overage=10, editions={"backup": BACKUP, "files_cloud": FILES})


def refused(offering: Offering = OFFERING, **change: Any) -> list[tuple[str, str]]:
    return [(found.field, found.sentence) for found in rules.refusals(replace(GOOD, **change), offering)]


def one(name: str, **said: Any) -> dict[str, ItemValues]:
    return {name: ItemValues(**said)}


# --- Whole numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "number"),
    [("", None), ("   ", None), ("0", 0), ("5", 5), (" 5 ", 5), ("-1", -1), ("007", 7), ("-5", -5)],
    ids=["empty", "blanks", "zero", "five", "spaces", "unlimited", "zeros", "negative"],
)
def test_whole_numbers_are_read_with_spaces_around_them(typed: str, number: int | None) -> None:
    assert rules.whole_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    ["1.5", "1e3", "1,000", "1_000", "+5", "--5", "- 5", "0x10", "five", "5 GB", "٣", "²", "∞", "NaN", "1" * 30],
    ids=[
        "half",
        "exponent",
        "comma",
        "underscore",
        "plus",
        "minus_twice",
        "minus_apart",
        "hex",
        "word",
        "unit",
        "arabic",
        "power",
        "infinite",
        "nan",
        "huge",
    ],
)
def test_anything_else_is_refused_with_a_sentence_that_says_so(typed: str) -> None:
    with pytest.raises(NotWhole, match="Only whole numbers"):
        rules.whole_number(typed)


@given(st.integers(-(10**18), 10**18), st.text(" \t", max_size=3))
def test_every_whole_number_is_read_as_itself(number: int, blanks: str) -> None:
    assert rules.whole_number(f"{blanks}{number}{blanks}") == number


@given(st.text(max_size=12))
def test_whatever_is_typed_is_a_number_nothing_or_a_sentence(typed: str) -> None:
    try:
        number = rules.whole_number(typed)
    except NotWhole:
        return

    assert number is None or int(typed) == number


# --- Storage quota and overage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soft", "hard"),
    [(0, None), (50, None), (50, 0), (50, 10), (-1, None), (8_388_608, 0)],
    ids=["nothing", "soft_only", "blocked_at_soft", "both", "unlimited", "most"],
)
def test_quotas_that_can_be_meant_pass(soft: int, hard: int | None) -> None:
    assert refused(storage_quota=soft, overage=hard) == []


@pytest.mark.parametrize(
    ("soft", "hard", "field", "sentence"),
    [
        (None, None, "storage_quota", "Enter the Storage Quota"),
        (None, 10, "overage", "no hard quota without a soft one"),
        (-2, None, "storage_quota", "only -1 is unlimited"),
        (-1, 10, "overage", "makes the hard quota unlimited too"),
        (-1, 0, "overage", "makes the hard quota unlimited too"),
        (50, -1, "overage", "leave it empty to block nothing"),
        (50, -10, "overage", "cannot be less than nothing"),
        (8_388_609, None, "storage_quota", "Enter 8,388,608 GB or less"),
        (8_388_608, 1, "overage", "more than Acronis can count"),
        (10**18, None, "storage_quota", "more than Acronis can count"),
    ],
    ids=[
        "none",
        "hard_alone",
        "negative",
        "hard_of_unlimited",
        "zero_of_unlimited",
        "hard_minus_1",
        "hard_negative",
        "too_much",
        "sum",
        "absurd",
    ],
)
def test_quotas_that_cannot_be_meant_are_refused_at_their_field(
    soft: int | None, hard: int | None, field: str, sentence: str
) -> None:
    found = dict(refused(storage_quota=soft, overage=hard))

    assert sentence in found[field]


@pytest.mark.parametrize(
    ("soft", "hard", "field", "sentence"),
    [
        (1001, None, "storage_quota", "Zurich holds 1,000 GB; the Storage Quota cannot be more."),
        (990, 11, "overage", "Zurich holds 1,000 GB; beside the Storage Quota that leaves 10 GB."),
    ],
    ids=["soft", "sum"],
)
def test_more_than_the_backup_location_holds_is_refused(soft: int, hard: int | None, field: str, sentence: str) -> None:
    assert refused(storage_quota=soft, overage=hard, backup_storage=ZURICH) == [(field, sentence)]


def test_exactly_what_the_backup_location_holds_passes() -> None:
    assert refused(storage_quota=990, overage=10, backup_storage=ZURICH) == []


def test_capacity_of_the_default_location_counts_where_none_is_chosen() -> None:
    by_default = replace(OFFERING, default_location=ZURICH)

    assert [field for field, _ in refused(by_default, storage_quota=1001)] == ["storage_quota"]
    assert refused(OFFERING, storage_quota=1001) == []  # Frankfurt, the first, has no known capacity


# --- Trial, location, editions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-1, 0, 366, 10**9])
def test_trial_of_no_days_or_of_years_is_refused(days: int) -> None:
    assert refused(is_free_trial=True, trial_days=days) == [("trial_days", "A free trial lasts from 1 to 365 days.")]


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        (99, "no such backup location"),
        (BERN, "Bern does not carry Cloud storage (pg_base_storage)"),
        (GENEVA, "no longer offers Geneva"),
    ],
    ids=["unknown", "without_the_item", "withdrawn"],
)
def test_backup_location_must_be_offered_and_carry_the_edition(location: int, sentence: str) -> None:
    ((field, said),) = refused(backup_storage=location)

    assert field == "backup_storage"
    assert sentence in said


@pytest.mark.parametrize(
    ("editions", "field", "sentence"),
    [
        ({"files_cloud": FILES}, "protection_model", "Choose the edition."),
        ({"backup": BACKUP}, "file_sync_model", "Choose the edition."),
        ({"backup": BACKUP, "files_cloud": "fss_per_gigabyte"}, "file_sync_model", "You are not offered fss_per_gigabyte"),
        ({"backup": "pck_per_workload", "files_cloud": FILES}, "protection_model", "has no backup storage"),
    ],
    ids=["no_protection", "no_file_sync", "not_offered", "no_storage"],
)
def test_edition_must_be_chosen_and_offered(editions: dict[str, str], field: str, sentence: str) -> None:
    ((refused_field, said),) = refused(editions=editions)

    assert refused_field == field
    assert sentence in said


def test_pay_as_you_go_has_neither_quotas_nor_editions() -> None:
    assert rules.refusals(Values(is_fixed=False), OFFERING) == []
    assert [found.field for found in rules.refusals(Values(is_fixed=False, backup_storage=GENEVA), OFFERING)] == ["backup_storage"]


# --- Offering items -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pg_base_vms", "offering items not available: Virtual machines (pg_base_vms)"),
        ("pw_base_servers", "offering items not available: Servers (pw_base_servers)"),
        ("pg_base_toasters", "offering items not available: pg_base_toasters (pg_base_toasters)"),
    ],
    ids=["withdrawn", "of_another_edition", "unknown"],
)
def test_item_the_provider_lacks_is_flagged_with_the_words_of_a_purchase(name: str, sentence: str) -> None:
    assert refused(items=one(name)) == [(f"on-{name}", sentence)]


def test_item_the_provider_lacks_may_stay_unticked() -> None:
    assert refused(items=one("pg_base_vms", is_enabled=False, soft=5)) == []


@pytest.mark.parametrize(
    ("said", "field", "sentence"),
    [
        ({"hard": 1}, "hard-pg_base_servers", "needs a soft quota"),
        ({"soft": -2}, "soft-pg_base_servers", "cannot be less than nothing"),
        ({"soft": 5, "hard": -1}, "hard-pg_base_servers", "cannot be less than nothing"),
        ({"soft": 1_000_000_001}, "soft-pg_base_servers", "Enter 1,000,000,000 pieces or less"),
        ({"soft": 1_000_000_000, "hard": 1}, "hard-pg_base_servers", "Together with the soft quota"),
    ],
    ids=["hard_alone", "soft_negative", "hard_negative", "soft_absurd", "sum"],
)
def test_quota_of_an_item_is_refused_at_its_field(said: dict[str, int], field: str, sentence: str) -> None:
    ((refused_field, words),) = refused(items=one("pg_base_servers", **said))

    assert refused_field == field
    assert sentence in words


def test_feature_has_no_quota() -> None:
    assert refused(items=one("pg_base_m365_onedrive", soft=1)) == [
        ("soft-pg_base_m365_onedrive", "M365 onedrive is on or off; it has no quota.")
    ]


def test_item_that_works_only_with_others_names_what_is_missing() -> None:
    alone = one("pg_base_m365_seats") | one("pg_base_m365_mailboxes")

    assert refused(items=alone) == [
        ("on-pg_base_m365_seats", "Microsoft 365 seats works only together with M365 onedrive. Tick both, or neither.")
    ]
    assert refused(items=alone | one("pg_base_m365_onedrive")) == []


def test_users_and_storage_of_file_sync_and_share_come_together() -> None:
    assert [field for field, _ in refused(items=one("pu_base_fc_seats"))] == ["on-pu_base_fc_seats"]
    assert refused(items=one("pu_base_fc_seats") | one("pu_base_fc_storage")) == []


def test_minus_one_is_said_plainly_as_unlimited() -> None:
    assert rules.unlimited_made_plain(ItemValues(soft=-1)) == ItemValues()
    assert rules.unlimited_made_plain(ItemValues(soft=-1, hard=-1)) == ItemValues()
    assert rules.unlimited_made_plain(ItemValues(soft=-1, hard=5)) == ItemValues(hard=5)  # refused: hard without soft
    assert rules.unlimited_made_plain(ItemValues(soft=5, hard=-1)) == ItemValues(soft=5, hard=-1)  # refused: hard < 0


# --- Whatever is entered --------------------------------------------------------------------------------------------------

amounts = st.none() | st.integers(-3, 3) | st.integers(-(2**63), 2**63) | st.integers(8_388_600, 8_388_610)
said_items = st.dictionaries(
    st.sampled_from([*OFFERING.items, "pg_base_toasters"]), st.builds(ItemValues, st.booleans(), amounts, amounts), max_size=5
)
anything = st.builds(
    Values,
    is_fixed=st.just(True),
    is_free_trial=st.booleans(),
    trial_days=st.integers(-1, 400),
    storage_quota=amounts,
    overage=amounts,
    editions=st.fixed_dictionaries(
        {}, optional={"backup": st.sampled_from([BACKUP, "pck_per_workload"]), "files_cloud": st.sampled_from([FILES, "other"])}
    ),
    backup_storage=st.none() | st.integers(1, 5),
    items=said_items,
)


@given(anything)
def test_every_field_is_refused_at_most_once(values: Values) -> None:
    fields = [refusal.field for refusal in rules.refusals(values, OFFERING)]

    assert len(fields) == len(set(fields))


@given(anything)
def test_every_refusal_is_one_readable_sentence(values: Values) -> None:
    for refusal in rules.refusals(values, OFFERING):
        assert refusal.sentence.startswith("offering items not available: ") or refusal.sentence.endswith(".")
        assert "None" not in refusal.sentence


@given(anything)
def test_what_passes_keeps_the_promises_of_the_rules(values: Values) -> None:
    if rules.refusals(values, OFFERING):
        return

    quotas = [(values.storage_quota if values.storage_quota != -1 else None, values.overage, 1024**3)]
    for name, item in values.items.items():
        quotas.append((item.soft, item.hard, rules.UNITS.get(OFFERING.items[name].unit, (1, ""))[0]))
        assert not item.is_enabled or OFFERING.items[name].is_offered
    for soft, hard, size in quotas:
        assert hard is None or soft is not None  # unlimited soft makes hard unlimited, and no hard without soft
        assert all(part is None or part >= 0 for part in (soft, hard))
        assert ((soft or 0) + (hard or 0)) * size <= rules.COUNTABLE
    place = rules.location_of(values, OFFERING)
    assert place is not None
    assert place.is_offered
    if place.capacity is not None:
        assert max(values.storage_quota or 0, 0) + (values.overage or 0) <= place.capacity


@given(st.integers(0, 2000), st.none() | st.integers(0, 2000))
def test_a_larger_quota_is_never_let_through_where_a_smaller_one_is_refused(soft: int, hard: int | None) -> None:
    smaller = rules.refusals(replace(GOOD, storage_quota=soft, overage=hard, backup_storage=ZURICH), OFFERING)
    larger = rules.refusals(replace(GOOD, storage_quota=soft + 1, overage=hard, backup_storage=ZURICH), OFFERING)

    assert larger or not smaller
