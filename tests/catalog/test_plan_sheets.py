"""Plans and prices as a spreadsheet: what goes out comes back, what is wrong is told, and nothing is written by halves."""

import io
import resource
import threading
import time
import zipfile
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook, load_workbook

from catalog.models import ModuleSettings, OrderUrl, Plan, PlanPrice
from catalog.operations import plan_sheets
from catalog.operations.plan_sheets import ImportOutdated, apply_import, export_csv, export_plans, preview_import, sheet_format
from catalog.operations.prices import NewPrice, set_prices
from catalog.plan_sheets import LONGEST_PAGE, PLAN_COLUMNS, PLANS, PRICE_COLUMNS, PRICES, read_book
from common.sheets import SheetRefused, guarded, unguarded
from tests import factories
from tests.catalog.plan_sheet_files import pages_of, plan_row, price_row, saved, workbook

TODAY = date(2026, 11, 2)
AT = factories.AT


@pytest.fixture
def shelves(db):
    factories.VentureFactory()
    return factories.ProductGroupFactory()


def look(content):
    return preview_import(content, today=TODAY)


def take(content, *, today=TODAY):
    preview = preview_import(content, today=today)
    assert preview.errors == ()
    return apply_import(content, digest=preview.digest, by=None, today=today, at=AT)


def errors_of(content):
    return [(error.page, error.row, error.column, error.sentence) for error in look(content).errors]


def everything():
    return (
        list(Plan.objects.order_by("pk").values()),
        list(PlanPrice.objects.order_by("pk").values()),
        list(OrderUrl.objects.order_by("pk").values()),
    )


# --- What is taken ------------------------------------------------------------------------------------------------------


def test_a_new_plan_is_a_draft_with_a_number_settings_and_its_prices(shelves):
    content = workbook(
        [
            plan_row(
                number="NEW-1", summary="100 GB", description="Long", enable_quantity="Yes", applicable_on_partner_website="yes"
            )
        ],
        [price_row(setup_fee=5, price=20.5), price_row(term=12, price=200, valid_from=date(2027, 1, 1), valid_until="2028-01-01")],
    )

    preview = take(content)

    plan = Plan.objects.get()
    assert plan.number.startswith("P")
    assert (plan.name, plan.status, plan.billing_model, plan.product_group) == ("Backup 100 GB", "draft", "postpaid_fixed", shelves)
    assert (plan.summary, plan.description, plan.quantity_is_enabled, plan.applicable_on_partner_website) == (
        "100 GB",
        "Long",
        True,
        True,
    )
    assert ModuleSettings.objects.get().plan == plan
    assert list(PlanPrice.objects.values_list("term_months", "setup_fee", "price", "valid_from", "valid_until")) == [
        (1, Decimal(5), Decimal("20.5"), TODAY, None),
        (12, Decimal(0), Decimal(200), date(2027, 1, 1), date(2028, 1, 1)),
    ]
    assert preview.counts == {"new": 3, "changed": 0, "unchanged": 0, "wrong": 0}


def test_looking_writes_nothing_and_takes_no_number(shelves):
    look(workbook([plan_row(number="NEW-1")], [price_row()]))

    assert not Plan.objects.exists()
    take(workbook([plan_row()]))
    first = Plan.objects.get().number
    look(workbook([plan_row(plan_name="Other")]))
    take(workbook([plan_row(plan_name="Third")]))
    assert int(Plan.objects.get(name="Third").number[1:]) == int(first[1:]) + 1


def test_the_same_file_again_writes_nothing(shelves):
    content = workbook(
        [plan_row(number="NEW-1"), plan_row(plan_name="By use", billing_model="Pay-as-you-go postpaid")],
        [price_row(), price_row(price=25, valid_from=date(2027, 6, 1)), price_row(currency="chf", term="12 months", price=210)],
    )
    take(content)
    before = everything()

    again = take(content)

    assert again.counts == {"new": 0, "changed": 0, "unchanged": 5, "wrong": 0}
    assert everything() == before
    assert take(content, today=TODAY + timedelta(days=30)).changes_anything is False


def test_what_is_exported_comes_back_unchanged(shelves):
    plan = factories.FixedPlanFactory(summary="=1+1", description="-- see below\nline two")
    factories.PlanFactory(name="By use")
    factories.PlanPriceFactory(plan=plan, currency="JPY", price=Decimal(3000), setup_fee=0, overage_price=Decimal("0.0325000001"))
    factories.PlanPriceFactory(plan=plan, currency="USD", valid_from=date(2026, 1, 1), valid_until=date(2026, 6, 1))
    factories.PlanPriceFactory(plan=plan, currency="USD", valid_from=date(2026, 6, 1), price=Decimal(22))
    before = everything()

    for content in (
        export_plans(Plan.objects.all()),
        export_csv(Plan.objects.all(), page=PLANS),
        export_csv(Plan.objects.all(), page=PRICES),
    ):
        preview = take(content)
        assert preview.changes_anything is False, [row for row in preview.rows if row.kind != "unchanged"]
        assert preview.counts["unchanged"] > 0
    assert everything() == before


def test_a_plan_is_changed_by_its_number_and_the_preview_says_what(shelves):
    plan = factories.FixedPlanFactory(status="draft", venture=factories.VentureFactory())

    preview = take(workbook([plan_row(number=plan.number, plan_name="Backup 50 GB", summary="New words")]))

    plan.refresh_from_db()
    assert (plan.name, plan.summary) == ("Backup 50 GB", "New words")
    (row,) = preview.rows
    assert row.kind == "changed"
    assert ("Summary", "", "New words") in row.changes
    assert plan.quantity_is_enabled is True  # the empty cell leaves it


def test_a_changed_price_begins_today_and_ends_the_one_before(shelves):
    plan = factories.FixedPlanFactory()

    take(workbook([], [price_row(plan_number=plan.number, setup_fee=10, price=24, overage_price=0.1)]))

    rows = plan.prices.filter(term_months=1).order_by("valid_from").values_list("price", "valid_from", "valid_until")
    assert list(rows) == [(Decimal(20), date(2026, 1, 1), TODAY), (Decimal(24), TODAY, None)]


def test_prices_come_out_as_when_they_are_set_by_hand(shelves):
    by_hand, by_file = factories.FixedPlanFactory(), factories.FixedPlanFactory()
    steps = [(date(2026, 11, 10), 24), (date(2026, 12, 1), 26), (date(2026, 11, 20), 25), (date(2026, 11, 10), 23), (TODAY, 20)]

    for day, price in steps:
        new = NewPrice("EUR", 1, Decimal(price), Decimal(10), Decimal("0.1"))
        set_prices(plan_id=by_hand.pk, prices=[new], valid_from=day, today=TODAY, by=None, at=AT)
        cells = {"plan_number": by_file.number, "setup_fee": 10, "price": price, "overage_price": 0.1, "valid_from": day}
        take(workbook([], [price_row(**cells)]))

    def rows(plan):
        return list(plan.prices.order_by("term_months", "valid_from").values_list("price", "valid_from", "valid_until"))

    assert rows(by_file) == rows(by_hand)


def test_a_price_ends_on_the_day_the_file_says(shelves):
    plan = factories.FixedPlanFactory()
    cells = {"plan_number": plan.number, "setup_fee": 10, "overage_price": 0.1, "valid_from": date(2026, 1, 1)}

    take(workbook([], [price_row(**cells, valid_until=date(2026, 12, 1))]))

    assert plan.prices.get(term_months=1).valid_until == date(2026, 12, 1)
    assert take(workbook([], [price_row(**cells, valid_until=date(2026, 12, 1))])).changes_anything is False


def test_order_urls_come_with_prices(shelves):
    plan = factories.FixedPlanFactory(applicable_on_partner_website=True)
    terms = factories.PartnerTermsFactory(plan=plan)

    take(workbook([], [price_row(plan_number=plan.number, term=24, overage_price=1)]))

    wanted = {(seller, term) for seller in (None, terms.reseller_id) for term in (1, 12, 24)}
    assert set(OrderUrl.objects.filter(plan=plan).values_list("reseller", "term_months")) == wanted


def test_a_draft_that_becomes_pay_as_you_go_loses_its_quotas(shelves):
    plan = factories.FixedPlanFactory(status="draft", monthly=None, yearly=None, quantity_is_enabled=False)

    take(workbook([plan_row(number=plan.number, plan_name=plan.name, billing_model="Pay-as-you-go postpaid")]))

    plan.refresh_from_db()
    assert (plan.billing_model, plan.module_settings.storage_quota) == ("pay_as_you_go", None)


def test_columns_may_stand_in_any_order_and_pages_alone(shelves):
    text = "Price;Plan Number;Currency;Term;Setup Fee;Overage Price (/GB);Valid From;Valid Until\n"
    plan = factories.FixedPlanFactory()

    preview = take((text + f"30.00;{plan.number};EUR;1;0;0.2;;\n").encode())

    assert preview.counts["new"] == 1
    assert plan.prices.get(price=30).overage_price == Decimal("0.2")


# --- What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({"number": "P9999"}, "Number", "There is no plan P9999."),
        ({"number": 12}, "Number", "There is no plan 12."),
        ({"venture": "Nobody"}, "Venture", "“Nobody” is not a venture that we know."),
        ({"venture": None}, "Venture", "missing"),
        ({"product_type": "Nothing"}, "Product Type", "“Nothing” is not a product type that we know."),
        ({"product": "Nothing"}, "Product", "“Nothing” is not a product of the type “Backup”."),
        ({"product_group": "Nothing"}, "Product Group", "“Nothing” is not a product group of"),
        ({"product_group": None}, "Product Group", "missing"),
        ({"plan_name": ""}, "Plan Name", "missing"),
        ({"plan_name": "x" * 101}, "Plan Name", "at most 100"),
        ({"plan_name": "=HYPERLINK(1)"}, "Plan Name", "It is a formula."),
        ({"plan_name": "Taken"}, "Plan Name", ""),
        ({"plan_name": True}, "Plan Name", "is not text"),
        ({"summary": "x" * 201}, "Summary", "at most 200"),
        ({"description": "x" * 20_001}, "Description", "at most 20,000"),
        ({"billing_model": "Barter"}, "Billing Model", "“Barter” is not a billing model"),
        ({"billing_model": None}, "Billing Model", "missing"),
        ({"status": "Published"}, "Status", "neither publishes nor archives"),
        ({"status": "Gone"}, "Status", "neither publishes nor archives"),
        ({"enable_quantity": "perhaps"}, "Enable Quantity", "neither Yes nor No"),
        ({"billing_model": "Pay-as-you-go postpaid", "enable_quantity": "Yes"}, "Enable Quantity", "ordered once"),
        ({"applicable_on_partner_website": 7}, "Applicable on Partner Website", "neither Yes nor No"),
    ],
)
def test_a_wrong_plan_is_told_by_row_and_column(shelves, cells, column, said):
    factories.PlanFactory(name="Taken", number="P77", product_group=factories.ProductGroupFactory(name="Else"))
    if cells.get("plan_name") == "Taken":
        cells = {"number": factories.PlanFactory(name="Mine", status="draft").number, "plan_name": "Other"}
        factories.PlanFactory(name="Other")
        said = "has a plan of this name already"

    found = errors_of(workbook([plan_row(plan_name="Good"), plan_row(**cells)]))

    assert [(page, row, at) for page, row, at, _ in found] == [(PLANS, 3, column)]
    assert said in found[0][3]


@pytest.mark.parametrize(
    ("cells", "column", "said"),
    [
        ({"plan_number": "P9999"}, "Plan Number", "There is no plan P9999."),
        ({"plan_number": None}, "Plan Number", "missing"),
        ({"plan_number": "NEW-9"}, "Plan Number", "There is no plan NEW-9."),
        ({"currency": "XXX"}, "Currency", "is no currency"),
        ({"currency": "EURO"}, "Currency", "at most 3"),
        ({"currency": None}, "Currency", "missing"),
        ({"term": 5}, "Term", "is not a term"),
        ({"term": None}, "Term", "missing"),
        ({"term": "soon"}, "Term", "not a number"),
        ({"term": 1.5}, "Term", "is not a term"),
        ({"price": None}, "Price", "missing"),
        ({"price": -1}, "Price", "negative"),
        ({"price": "12,50"}, "Price", "with a decimal point"),
        ({"price": "1e9"}, "Price", "not a number"),
        ({"price": 1e12}, "Price", "cannot be more than"),
        ({"price": float(10**300)}, "Price", "cannot be more than"),
        ({"price": 0.001}, "Price", "finer than EUR"),
        ({"price": True}, "Price", "not a number"),
        ({"price": "=A1"}, "Price", "formula"),
        ({"currency": "JPY", "price": 10.5}, "Price", "finer than JPY"),
        ({"setup_fee": -5}, "Setup Fee", "negative"),
        ({"overage_price": None}, "Overage Price (/GB)", "Enter the Overage Price"),
        ({"overage_price": 1e-12}, "Overage Price (/GB)", "more than ten decimals"),
        ({"valid_from": date(2026, 11, 1)}, "Valid From", "cannot change in the past"),
        ({"valid_from": date(2032, 1, 1)}, "Valid From", "within the next five years"),
        ({"valid_from": "tomorrow"}, "Valid From", "is not a day"),
        ({"valid_from": "2026-02-30"}, "Valid From", "is not a day"),
        ({"valid_from": 46000}, "Valid From", "is not a day"),
        ({"valid_until": TODAY}, "Valid Until", "must lie after"),
    ],
)
def test_a_wrong_price_is_told_by_row_and_column(shelves, cells, column, said):
    plan = factories.FixedPlanFactory()
    good = {"plan_number": plan.number, "price": 33, "overage_price": 0.2}

    found = errors_of(workbook([], [price_row(**{**good, "term": 36}), price_row(**{**good, **cells})]))

    assert [(page, row, at) for page, row, at, _ in found] == [(PRICES, 3, column)]
    assert said in found[0][3]


def test_what_is_settled_by_publishing_stays(shelves):
    plan = factories.FixedPlanFactory()
    factories.VentureFactory(name="Other", invoice_series="OTH")

    found = errors_of(
        workbook([plan_row(number=plan.number, plan_name=plan.name, venture="Other", billing_model="Prepaid", status="Published")])
    )

    assert [(column, "settled" in sentence) for _, _, column, sentence in found] == [("Venture", True), ("Billing Model", True)]


def test_rows_that_contradict_each_other_are_refused(shelves):
    plan = factories.FixedPlanFactory(status="draft")
    twice = plan_row(number=plan.number, plan_name=plan.name)
    price = price_row(plan_number=plan.number, price=30, overage_price=1)
    found = errors_of(
        workbook(
            [twice, twice, plan_row(number="NEW-1"), plan_row(number="new-1", plan_name="Else"), plan_row()],
            [price, price, price_row(plan_number=plan.number, price=31, overage_price=1, valid_from=TODAY)],
        )
    )

    assert [(page, row, column) for page, row, column, _ in found] == [
        (PLANS, 3, "Number"),
        (PLANS, 5, "Number"),
        (PLANS, 6, "Plan Name"),
        (PRICES, 3, "Valid From"),
        (PRICES, 4, "Valid From"),
    ]


def test_the_past_is_not_rewritten(shelves):
    plan = factories.FixedPlanFactory()
    cells = {"plan_number": plan.number, "setup_fee": 10, "overage_price": 0.1, "valid_from": date(2026, 1, 1)}

    for change in ({"price": 19}, {"valid_until": date(2026, 10, 1)}):
        assert "past" in errors_of(workbook([], [price_row(**{**cells, **change})]))[0][3]


def test_every_wrong_cell_of_a_row_is_told(shelves):
    found = errors_of(workbook([plan_row(venture="Nobody", billing_model="Barter", enable_quantity="perhaps")]))

    assert {column for _, _, column, _ in found} == {"Venture", "Billing Model", "Enable Quantity"}


def test_nothing_is_applied_when_one_row_is_wrong(shelves):
    content = workbook([plan_row(number="NEW-1"), plan_row(plan_name="")], [price_row()])
    preview = look(content)

    with pytest.raises(SheetRefused):
        apply_import(content, digest=preview.digest, by=None, today=TODAY, at=AT)

    assert not Plan.objects.exists()


def test_what_has_changed_since_the_preview_is_shown_again(shelves):
    plan = factories.FixedPlanFactory(status="draft")
    content = workbook([plan_row(number=plan.number, plan_name=plan.name, summary="From the file")])
    preview = look(content)
    Plan.objects.update(summary="By hand")

    with pytest.raises(ImportOutdated, match="has changed since the preview"):
        apply_import(content, digest=preview.digest, by=None, today=TODAY, at=AT)

    plan.refresh_from_db()
    assert plan.summary == "By hand"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00rubbish", "neither an Excel workbook"),
        (b"a\0b", "neither an Excel workbook"),
        (b"PK\x03\x04 not a zip", "not an Excel workbook"),
        (b"Number,Venture\n1,2\n", "lacks the column"),
        (b"Plan Number,Currency,Colour\n", "“Colour” that we do not know"),
        (b"Plan Number,Plan Number,Currency\n", "twice"),
        ((",".join(PRICE_COLUMNS) + "\n").encode(), "no filled row"),
        ((",".join(PRICE_COLUMNS) + '\n"open').encode(), "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_a_sentence(content, said):
    with pytest.raises(SheetRefused, match=said):
        read_book(content)


def test_a_workbook_without_our_pages_is_refused():
    with pytest.raises(SheetRefused, match="neither a page"):
        read_book(saved(Workbook()))


def test_a_zip_bomb_and_a_document_type_are_refused():
    for part, said in ((b"0" * 150_000_000, "unpacks to far more"), (b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', "document type")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", part)
        with pytest.raises(SheetRefused, match=said):
            read_book(packed.getvalue())


def test_a_page_that_is_too_long_is_refused():
    lines = "\n".join(["P1,EUR,1,0,1,,,"] * (LONGEST_PAGE + 1))

    with pytest.raises(SheetRefused, match="more than 20,000 rows"):
        read_book((",".join(PRICE_COLUMNS) + "\n" + lines).encode())


# --- Large files --------------------------------------------------------------------------------------------------------


def test_ten_thousand_rows_with_three_hundred_wrong_ones_are_all_told_and_none_applied(shelves):
    bad = {
        0: ({"plan_name": ""}, "Plan Name"),
        1: ({"venture": "Nobody"}, "Venture"),
        2: ({"billing_model": "Barter"}, "Billing Model"),
    }
    wrong = {line: bad[line % 3] for line in range(20, 9020, 30)}
    rows = [plan_row(**{"plan_name": f"Plan {line}", **wrong.get(line, ({}, ""))[0]}) for line in range(2, 10_002)]
    content = workbook(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()

    preview = look(content)

    took = time.perf_counter() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert len(wrong) == 300
    assert [(error.row, error.column) for error in preview.errors] == [
        (line, column) for line, (_, column) in sorted(wrong.items())
    ]
    assert all(error.sentence for error in preview.errors)
    assert preview.counts == {"new": 9700, "changed": 0, "unchanged": 0, "wrong": 300}
    with pytest.raises(SheetRefused) as refused:
        apply_import(content, digest=preview.digest, by=None, today=TODAY, at=AT)
    assert len(refused.value.errors) == 300
    assert not Plan.objects.exists()
    assert took < 30  # on a busy machine; the benchmark has the true figure
    assert grown < 300 * 1024


def test_the_number_of_queries_does_not_grow_with_the_rows(shelves):
    def queries(count, name):
        plans = [plan_row(number=f"NEW-{n}", plan_name=f"{name} {n}") for n in range(count)]
        prices = [price_row(plan_number=f"NEW-{n}", term=term) for n in range(count) for term in (1, 12)]
        with CaptureQueriesContext(connection) as seen:
            take(workbook(plans, prices))
        return len(seen)

    few, many = queries(2, "Few"), queries(200, "Many")

    assert many == few
    with CaptureQueriesContext(connection) as seen:
        export_plans(Plan.objects.all())
    assert len(seen) <= 5


# --- Two at once --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_file_at_once_add_each_plan_once():
    factories.VentureFactory()
    factories.ProductGroupFactory()
    content = workbook([plan_row(number=f"NEW-{n}", plan_name=f"Plan {n}") for n in range(50)], [price_row(plan_number="NEW-1")])
    digest = preview_import(content, today=TODAY).digest
    came, failed = [], []

    def run():
        try:
            came.append(apply_import(content, digest=digest, by=None, today=TODAY, at=AT).changes_anything)
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert sorted(came) == [False, True]
    assert Plan.objects.count() == 50
    assert PlanPrice.objects.count() == 1


# --- Injection ----------------------------------------------------------------------------------------------------------

NASTY = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "'=1+1", "''=1", "=1\x0b", "\t=1"]


@pytest.mark.parametrize("text", [*NASTY, "plain", "'quoted'", "it's", "a=b", ""])
def test_what_is_guarded_reads_back_as_it_was(text):
    assert unguarded(guarded(text)) == text.replace("\x0b", "")
    assert not guarded(text).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_no_exported_cell_is_a_formula(shelves):
    for number, text in enumerate(NASTY):
        factories.PlanFactory(name=f"{text} {number}", summary=text, description=text)

    book = load_workbook(io.BytesIO(export_plans(Plan.objects.all())))
    cells = [cell for page in book.worksheets for row in page.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert not [cell.value for cell in cells if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@", "\t"))]
    csv = export_csv(Plan.objects.all(), page=PLANS).decode("utf-8-sig")
    assert not [cell for line in csv.splitlines() for cell in line.split(",") if cell.strip('"').startswith(("=", "+", "-", "@"))]


# --- The sheet to fill in -----------------------------------------------------------------------------------------------


def test_the_format_has_headers_examples_notes_and_choices(shelves):
    factories.PlanFactory()

    content = sheet_format()

    book = load_workbook(io.BytesIO(content))
    pages = pages_of(content)
    assert pages[PLANS] == [PLAN_COLUMNS]
    assert pages[PRICES] == [PRICE_COLUMNS]
    assert any("NEW-1" in row for row in pages["Examples"])
    assert book["Lists"].sheet_state == "hidden"
    assert len(book[PLANS].data_validations.dataValidation) == 7
    assert "Nothing is published" in str(pages["Notes"])


def test_the_examples_of_the_format_can_be_imported(shelves):
    book = load_workbook(io.BytesIO(sheet_format()))
    rows = list(book["Examples"].iter_rows(values_only=True))
    plans = [row for row in rows if row[8] in ("Fixed postpaid", "Pay-as-you-go postpaid")]
    prices = [row[:8] for row in rows if row[0] == "NEW-1" and row[1] == "EUR"]

    preview = take(workbook(plans, prices))

    assert preview.counts == {"new": 4, "changed": 0, "unchanged": 0, "wrong": 0}


def test_an_empty_format_has_nothing_to_import(shelves):
    with pytest.raises(SheetRefused, match="no filled row"):
        look(sheet_format())


def test_a_format_is_there_before_the_catalogue_is(db):
    assert plan_sheets.sheet_format().startswith(b"PK")
