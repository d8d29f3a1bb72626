"""Rate cards: imported whole, versioned, never changed; and the exchange rates beside them."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections, transaction
from openpyxl import load_workbook

from accounts.models import Organization
from billing.models import ExchangeRate, Rate, RateCard, RateCardDraft
from billing.operations import exchange_rates, rate_cards
from billing.queries.rate_cards import preview
from billing.queries.rating_inputs import MissingExchangeRate, price_book
from billing.sheets import HEADER, SheetRefused
from catalog.models import ProductGroup
from common.errors import FieldRefused
from common.periods import Period
from provisioning.models import ServiceManager, VendorOfferingItem, VendorStorage
from tests import factories
from tests.billing.sheets import STORAGE_ROW, workbook

AT = datetime(2026, 10, 5, 9, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)


def offering_item(manager: ServiceManager, name: str, usage_name: str, unit: str, edition: str = "", **fields: Any) -> None:
    VendorOfferingItem.objects.create(
        service_manager=manager,
        application_id=uuid4(),
        application_type="backup",
        name=name,
        usage_name=usage_name,
        edition=edition,
        item_type="count",
        measurement_unit=unit,
        **fields,
    )


@pytest.fixture
def group(db: None) -> ProductGroup:
    """A group whose plans run through one service manager with a few items, one of them in two storages."""
    return make_group()


def make_group() -> ProductGroup:
    factories.msp()
    plan = factories.PlanFactory()
    manager = plan.service_manager
    factories.PlanFactory(service_manager=manager)
    for name in ("Frankfurt", "Zurich"):
        storage = VendorStorage.objects.create(service_manager=manager, infra_id=uuid4(), name=name)
        offering_item(manager, "pg_base_storage", "storage", "bytes", "pck_per_gigabyte", storage=storage)
    offering_item(manager, "pg_base_servers", "servers", "quantity", "pck_per_gigabyte")
    offering_item(manager, "pg_base_adv_dr_compute_points", "compute_points", "seconds", "pck_per_gigabyte")
    offering_item(manager, "pg_base_google_mail", "google_mail", "n/a", "pck_per_gigabyte")
    offering_item(factories.ServiceManagerFactory(), "elsewhere", "elsewhere", "quantity")
    return plan.product_group


def import_card(group: ProductGroup, *rows: tuple[Any, ...], content: bytes | None = None, **terms: Any) -> RateCard:
    content = workbook(rows or [STORAGE_ROW]) if content is None else content
    given = {
        "product_group": group,
        "month": OCTOBER,
        "currency": "EUR",
        "exchange_rate": Decimal(1),
        "file": io.BytesIO(content),
        "file_name": "october.xlsx",
        "by": None,
        "at": AT,
        **terms,
    }
    return rate_cards.import_rate_card(**given)


# --- Importing ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_sheet_becomes_a_card_with_its_rates() -> None:
    group, bert = make_group(), factories.UserFactory()

    card = import_card(group, STORAGE_ROW, ("servers", "pck_per_gigabyte", "unit", 1, 2.5), by=bert)

    assert (card.product_group, card.month, card.version, card.currency, card.base_currency) == (group, OCTOBER, 1, "EUR", "EUR")
    assert (card.file_name, card.imported_by, card.imported_at, len(card.file_sha256)) == ("october.xlsx", bert, AT, 64)
    assert list(card.rates.values_list("item", "edition", "unit", "cost", "price", "aggregation", "line")) == [
        ("pg_base_storage", "pck_per_gigabyte", "GiB", Decimal("0.03"), Decimal("0.07"), "last", 2),
        ("pg_base_servers", "pck_per_gigabyte", "unit", Decimal(1), Decimal("2.5"), "last", 3),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_same_file_again_is_the_same_card() -> None:
    group = make_group()
    content = workbook([STORAGE_ROW])
    card = import_card(group, content=content)

    again = import_card(group, content=content)

    assert again == card
    assert RateCard.objects.count() == Rate.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_correction_is_a_new_version_and_so_is_going_back() -> None:
    group = make_group()
    content = workbook([STORAGE_ROW])
    import_card(group, content=content)

    corrected = import_card(group, ("storage", "pck_per_gigabyte", "GiB", 0.03, 0.08))
    back = import_card(group, content=content)
    other_currency = import_card(group, content=content, currency="USD", exchange_rate=Decimal("0.9"))

    assert [card.version for card in (corrected, back, other_currency)] == [2, 3, 4]


@pytest.mark.django_db(transaction=True)
def test_months_and_groups_count_their_own_versions() -> None:
    group = make_group()
    content = workbook([STORAGE_ROW])
    import_card(group, content=content)

    november = import_card(group, content=content, month=date(2026, 11, 1))

    assert november.version == 1


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_get_two_versions() -> None:
    group = make_group()
    cards: list[RateCard] = []

    def work(price: float) -> None:
        try:
            cards.append(import_card(group, ("storage", "pck_per_gigabyte", "GiB", 0.03, price)))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(price,)) for price in (0.1, 0.2, 0.3, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(card.version for card in cards) == [1, 2, 3, 4]


def test_a_wrong_sheet_leaves_nothing_behind(group: ProductGroup) -> None:
    with pytest.raises(SheetRefused, match="Row 3, Price"):
        import_card(group, STORAGE_ROW, ("servers", "pck_per_gigabyte", "unit", 1, "two"))

    assert not RateCard.objects.exists()


def test_a_file_over_the_limit_of_uploads_is_refused(group: ProductGroup, settings: Any) -> None:
    settings.UPLOAD_LIMIT_BYTES = 1000

    with pytest.raises(SheetRefused, match="larger than"):
        import_card(group)


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("month", {"month": date(2026, 10, 2)}),
        ("currency", {"currency": "EURO"}),
        ("currency", {"currency": "eur"}),
        ("currency", {"currency": "XXX"}),
        ("exchange_rate", {"exchange_rate": Decimal("1.1")}),
        ("exchange_rate", {"currency": "USD", "exchange_rate": Decimal(0)}),
        ("exchange_rate", {"currency": "USD", "exchange_rate": Decimal("-0.9")}),
        ("exchange_rate", {"currency": "USD", "exchange_rate": Decimal("NaN")}),
        ("exchange_rate", {"currency": "USD", "exchange_rate": Decimal("0.12345678901")}),
        ("exchange_rate", {"currency": "USD", "exchange_rate": Decimal("1e15")}),
    ],
)
def test_wrong_terms_are_refused_beside_their_field(group: ProductGroup, field: str, terms: dict[str, Any]) -> None:
    with pytest.raises(FieldRefused) as refused:
        import_card(group, **terms)

    assert refused.value.field == field
    assert not RateCard.objects.exists()


def test_the_format_to_fill_in_lists_the_groups_items_once(group: ProductGroup) -> None:
    book = load_workbook(io.BytesIO(rate_cards.sheet_format(group)))

    rows = list(book["Rate card"].iter_rows(values_only=True))

    assert rows[0] == HEADER
    assert rows[1:] == [
        ("pg_base_adv_dr_compute_points", "pck_per_gigabyte", "hour", *(None,) * 5, "sum"),
        ("pg_base_servers", "pck_per_gigabyte", "unit", *(None,) * 5, "last"),
        ("pg_base_storage", "pck_per_gigabyte", "GiB", *(None,) * 5, "last"),
    ]


def test_the_example_shows_tiers_and_would_be_taken(group: ProductGroup) -> None:
    book = load_workbook(io.BytesIO(rate_cards.sheet_format(group)))
    known = {row[0] for row in book["Rate card"].iter_rows(min_row=2, values_only=True)}
    rows = [row for row in book["Example"].iter_rows(min_row=2, values_only=True) if row[0] in known]

    sheet = rate_cards.read_sheet(io.BytesIO(workbook(rows, header=HEADER)), product_group=group)

    assert {row.tier_mode for row in sheet.rows} >= {"", "graduated"}


# --- Looked at, then confirmed --------------------------------------------------------------------------------------------


def prepare(group: ProductGroup, *rows: tuple[Any, ...], **terms: Any) -> RateCardDraft:
    given = {
        "product_group": group,
        "month": OCTOBER,
        "currency": "EUR",
        "exchange_rate": Decimal(1),
        "file": io.BytesIO(terms.pop("content", None) or workbook(rows or [STORAGE_ROW])),
        "file_name": "october.xlsx",
        "by": None,
        "at": AT,
        **terms,
    }
    return rate_cards.prepare_card(**given)


def confirm(draft: RateCardDraft, compared_with: str | None = None) -> RateCard:
    shown = preview(draft).fingerprint if compared_with is None else compared_with
    return rate_cards.confirm_card(draft_id=draft.pk, compared_with=shown, by=None, at=AT + timedelta(hours=1))


def storage(price: float, cost: float = 0.03) -> tuple[Any, ...]:
    return ("pg_base_storage", "pck_per_gigabyte", "GiB", cost, price, "last")


def test_a_draft_is_no_card_before_it_is_confirmed_and_the_same_one_after_a_second_click(group: ProductGroup) -> None:
    draft = prepare(group, storage(0.07), ("servers", "pck_per_gigabyte", "unit", 1, 2.5))

    assert not RateCard.objects.exists()
    first, second = confirm(draft), confirm(draft, "whatever was shown")

    assert first == second == RateCard.objects.get()
    assert list(first.rates.values_list("item", "cost", "price", "line")) == [
        ("pg_base_storage", Decimal("0.03"), Decimal("0.07"), 2),
        ("pg_base_servers", Decimal(1), Decimal("2.5"), 3),
    ]


def test_the_same_sheet_uploaded_twice_is_one_draft(group: ProductGroup) -> None:
    content = workbook([STORAGE_ROW])

    first, again = prepare(group, content=content), prepare(group, content=content)

    assert first == again
    assert prepare(group, content=content, month=date(2026, 11, 1)) != first


def test_tiers_are_kept_as_they_were_read(group: ProductGroup) -> None:
    rows = [(*storage(0.07)[:5], 0, 100, "volume"), (*storage(0.05)[:5], 100, None, None)]

    card = confirm(prepare(group, content=workbook(rows, header=HEADER[:8])))

    assert list(card.rates.values_list("tier_from", "tier_to", "tier_mode", "price")) == [
        (0, 100, "volume", Decimal("0.07")),
        (100, None, "volume", Decimal("0.05")),
    ]


def test_a_draft_is_compared_with_the_card_that_counts_for_its_month(group: ProductGroup) -> None:
    import_card(group, storage(0.07), ("servers", "pck_per_gigabyte", "unit", 1, 2.5), month=date(2026, 9, 1))

    shown = preview(prepare(group, storage(0.08), ("compute_points", "pck_per_gigabyte", "hour", 1, 3)))

    assert shown.compared_with == RateCard.objects.get()
    assert [(one.old.price, one.new.price, one.price_percent) for one in shown.comparison.changed] == [
        (Decimal("0.07"), Decimal("0.08"), Decimal("14.29"))
    ]
    assert [row.item for row in shown.comparison.new] == ["pg_base_adv_dr_compute_points"]
    assert [row.item for row in shown.comparison.removed] == ["pg_base_servers"]
    assert [item.name for item in shown.without_rate] == ["pg_base_servers"]


def test_a_draft_whose_comparison_is_outdated_asks_again(group: ProductGroup) -> None:
    mine, theirs = prepare(group, storage(0.08)), prepare(group, storage(0.09))
    shown = preview(mine).fingerprint
    confirm(theirs)

    with pytest.raises(rate_cards.DraftOutdated, match="Cyber Protect 2026-10, version 1 was confirmed meanwhile"):
        confirm(mine, shown)
    assert RateCard.objects.count() == 1
    assert preview(mine).confirmed_since == RateCard.objects.get()
    assert confirm(mine).version == 2


def test_a_draft_in_a_base_currency_of_the_past_is_refused(group: ProductGroup) -> None:
    draft = prepare(group)
    Organization.objects.filter(kind="msp").update(currency="CHF")

    with pytest.raises(rate_cards.DraftOutdated, match="base currency is CHF now"):
        confirm(draft)


def test_a_discarded_draft_is_gone_and_a_confirmed_one_stays(group: ProductGroup) -> None:
    dropped, kept = prepare(group, storage(0.08)), prepare(group, storage(0.09))
    confirm(kept)

    for _ in range(2):
        rate_cards.discard_draft(draft_id=dropped.pk)

    with pytest.raises(rate_cards.DraftGone):
        confirm(dropped, "none")
    with pytest.raises(rate_cards.DraftIsCard, match="was confirmed as Cyber Protect 2026-10, version 1"):
        rate_cards.discard_draft(draft_id=kept.pk)


@pytest.mark.django_db(transaction=True)
def test_two_who_confirm_at_once_get_one_card_and_a_refusal() -> None:
    group = make_group()
    drafts = [prepare(group, storage(price)) for price in (0.08, 0.09)]
    outcomes: list[str] = []

    def work(draft: RateCardDraft) -> None:
        try:
            outcomes.append(str(confirm(draft, "none")))
        except rate_cards.DraftOutdated:
            outcomes.append("asked again")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(draft,)) for draft in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["Cyber Protect 2026-10, version 1", "asked again"]
    assert RateCard.objects.count() == 1


# --- Never changed ------------------------------------------------------------------------------------------------------


@contextmanager
def refused_by_the_database() -> Iterator[None]:
    with pytest.raises(ProgrammingError, match="Cannot update or delete rows"), transaction.atomic():
        yield


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_ratecard SET exchange_rate = 2",
        "DELETE FROM billing_ratecard",
        "UPDATE billing_rate SET price = 0",
        "DELETE FROM billing_rate",
    ],
)
def test_the_database_refuses_to_change_a_card(group: ProductGroup, statement: str) -> None:
    card = RateCard.objects.create(
        product_group=group,
        month=OCTOBER,
        version=1,
        currency="EUR",
        base_currency="EUR",
        exchange_rate=1,
        file_name="october.xlsx",
        file_sha256="0" * 64,
        imported_at=AT,
    )
    card.rates.create(item="pg_base_storage", unit="GiB", cost=1, price=2, aggregation="last", line=2)

    with refused_by_the_database(), connection.cursor() as cursor:
        cursor.execute(statement)


# --- By command ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_card_is_imported_by_command(tmp_path: Path) -> None:
    group = make_group()
    path = tmp_path / "october.xlsx"
    path.write_bytes(workbook([STORAGE_ROW]))
    out = io.StringIO()

    call_command("import_rate_card", str(path), group=group.name, month="2026-10", currency="USD", exchange_rate="0.9", stdout=out)

    card = RateCard.objects.get()
    assert (card.currency, card.exchange_rate, card.file_name) == ("USD", Decimal("0.9"), "october.xlsx")
    assert out.getvalue() == "Cyber Protect 2026-10, version 1: 1 rate.\n"


def test_the_command_says_what_would_change_and_stores_nothing(group: ProductGroup, tmp_path: Path) -> None:
    import_card(group, storage(0.07), ("servers", "pck_per_gigabyte", "unit", 1, 2.5))
    path = tmp_path / "october.xlsx"
    tiers = [(*storage(0.08)[:5], 0, 100), (*storage(0.06)[:5], 100, None)]
    path.write_bytes(workbook(tiers, header=HEADER[:7]))
    out = io.StringIO()

    call_command("import_rate_card", str(path), group=group.name, month="2026-11", currency="EUR", dry_run=True, stdout=out)

    assert out.getvalue().splitlines() == [
        "Compared with Cyber Protect 2026-10, version 1.",
        "new: pg_base_storage (pck_per_gigabyte) from 100 to no end, cost 0.03, price 0.06 EUR",
        "changed: pg_base_storage (pck_per_gigabyte) from 0 to 100, price 0.07 → 0.08 (+14.29 %), "
        "tier to no end → 100, tier mode none → graduated",
        "removed: pg_base_servers (pck_per_gigabyte)",
        "1 new, 1 changed, 1 removed, 0 unchanged. Nothing was stored.",
    ]
    assert RateCard.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"group": "Nothing"}, "There is no product group “Nothing”."),
        ({"month": "October"}, "“October” is not a month"),
        ({"exchange_rate": "much"}, "“much” is not a number"),
        ({"currency": "EURO"}, "“EURO” is not a currency"),
        ({"file": "nowhere.xlsx"}, r"^nowhere.xlsx cannot be read: No such file or directory\.$"),
        ({}, "Row 2, Item: “tape_robot” is not an item"),
    ],
)
def test_the_command_says_what_is_wrong(group: ProductGroup, tmp_path: Path, changes: dict[str, str], sentence: str) -> None:
    path = tmp_path / "october.xlsx"
    path.write_bytes(workbook([("tape_robot", None, "unit", 1, 2)]))
    given = {"group": group.name, "month": "2026-10", "currency": "EUR", "exchange_rate": "1", **changes}

    with pytest.raises(CommandError, match=sentence):
        call_command("import_rate_card", given.pop("file", str(path)), **given)


# --- Exchange rates -----------------------------------------------------------------------------------------------------


def rate_in(month: str, base: str = "EUR", quote: str = "USD") -> Decimal:
    return price_book(set(), Period.parse_month(month)).exchange_rate(base, quote)


def test_the_rate_of_a_month_is_the_last_that_became_valid_in_it(db: None) -> None:
    exchange_rates.set_exchange_rate(base="EUR", quote="USD", valid_from=date(2026, 10, 1), rate=Decimal("1.1"))
    exchange_rates.set_exchange_rate(base="EUR", quote="USD", valid_from=date(2026, 11, 1), rate=Decimal("1.2"))

    assert rate_in("2026-10") == Decimal("1.1")
    assert rate_in("2026-11") == rate_in("2026-12") == Decimal("1.2")
    assert rate_in("2020-01", "EUR", "EUR") == 1


@pytest.mark.parametrize(("base", "quote", "month"), [("EUR", "USD", "2026-09"), ("USD", "EUR", "2026-10")])
def test_a_missing_rate_names_the_pair_and_the_day(db: None, base: str, quote: str, month: str) -> None:
    exchange_rates.set_exchange_rate(base="EUR", quote="USD", valid_from=date(2026, 10, 1), rate=Decimal("1.1"))

    with pytest.raises(MissingExchangeRate, match=f"no exchange rate from {base} to {quote} valid on {month}"):
        rate_in(month, base, quote)


def test_a_rate_for_the_same_day_is_replaced(db: None) -> None:
    for rate in ("1.1", "1.15"):
        exchange_rates.set_exchange_rate(base="EUR", quote="USD", valid_from=OCTOBER, rate=Decimal(rate))

    assert ExchangeRate.objects.get().rate == Decimal("1.15")


@pytest.mark.parametrize(
    ("field", "changes"),
    [("base", {"base": "EU"}), ("quote", {"quote": "EUR"}), ("quote", {"quote": "ZZZ"}), ("rate", {"rate": Decimal(0)})],
)
def test_a_wrong_exchange_rate_is_refused(db: None, field: str, changes: dict[str, Any]) -> None:
    given = {"base": "EUR", "quote": "USD", "valid_from": OCTOBER, "rate": Decimal("1.1"), **changes}

    with pytest.raises(FieldRefused) as refused:
        exchange_rates.set_exchange_rate(**given)

    assert refused.value.field == field


# --- How fast -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_five_thousand_rates_are_imported_by_a_handful_of_queries(django_assert_max_num_queries: Any) -> None:
    group = make_group()
    manager = group.plans.first().service_manager
    VendorOfferingItem.objects.bulk_create(
        VendorOfferingItem(
            service_manager=manager,
            application_id=uuid4(),
            application_type="backup",
            name=f"item_{n}",
            usage_name=f"item_{n}",
            item_type="count",
            measurement_unit="quantity",
        )
        for n in range(5000)
    )
    content = workbook([(f"item_{n}", None, "unit", 0.01, 0.02) for n in range(5000)])

    with django_assert_max_num_queries(30):
        card = import_card(group, content=content)

    assert card.rates.count() == 5000
