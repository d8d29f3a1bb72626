"""Rate cards in the back office: uploaded, looked at, confirmed; and what customers would have paid."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from billing.admin import rate_card_what_if
from billing.models import RateCard, RateCardDraft
from billing.queries import what_if
from common import clock
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing import making, sheets
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER

IMPORT = "admin:billing_ratecard_import"


@pytest.fixture(autouse=True)
def november(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


def file(content, name="october.xlsx"):
    return SimpleUploadedFile(name, content)


@pytest.fixture
def group(personas):
    """A product group whose plan's service manager meters storage."""
    plan = factories.PlanFactory()
    VendorOfferingItem.objects.create(
        service_manager=plan.service_manager,
        application_id="6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
        application_type="backup",
        name="pg_base_storage",
        usage_name="storage",
        edition="pck_per_gigabyte",
        item_type="infra",
        measurement_unit="bytes",
    )
    return plan.product_group


def filled(group, **changes):
    return {
        "product_group": group.pk,
        "base_currency": "USD",
        "currency": "EUR",
        "exchange_rate": "1",
        "month": "10",
        "year": "2026",
        "file": file(sheets.workbook([sheets.STORAGE_ROW])),
        **changes,
    }


# --- Rate cards -----------------------------------------------------------------------------------------------------------


def upload(client, group, **changes):
    """Send a sheet and return the page of its preview."""
    answer = client.post(reverse(IMPORT), filled(group, **changes), follow=True)
    assert answer.redirect_chain, answer.context["form"].errors or answer.context.get("errors")
    return answer


def confirm(client, page):
    """Press the button of a preview that was looked at."""
    draft, fingerprint = page.context["draft"], page.context["preview"].fingerprint
    return client.post(page.context["urls"]["confirm"], {"compared_with": fingerprint, "draft": draft.pk}, follow=True)


def test_a_sheet_becomes_the_rate_card_of_its_month_once_it_is_confirmed(personas, group):
    client = personas.client("bert")

    page = upload(client, group)

    assert not RateCard.objects.exists()
    assert "New (1)" in page.content.decode()
    answer = confirm(client, page)
    card = RateCard.objects.get()
    assert (card.month, card.version, card.imported_by, card.base_currency) == (date(2026, 10, 1), 1, personas.bert, "EUR")
    assert answer.redirect_chain[-1][0] == reverse("admin:billing_ratecard_change", args=[card.pk])
    shown = answer.content.decode()
    assert "0.07 EUR" in shown
    assert "pg_base_storage" in shown


def test_the_preview_tells_what_changes_old_and_new_in_percent(personas, group):
    client = personas.client("bert")
    confirm(client, upload(client, group))
    dearer = ("storage", "pck_per_gigabyte", "GiB", 0.03, 0.084)

    page = upload(client, group, month="11", file=file(sheets.workbook([dearer]))).content.decode()

    assert "Changed (1)" in page
    assert "0.07 EUR → <strong>0.084 EUR</strong>" in page
    assert "+20.00 %" in page
    assert "the latest before: this month has none yet" in page


def test_a_preview_of_a_card_that_was_overtaken_asks_again(personas, group):
    client = personas.client("bert")
    page = upload(client, group)
    making.rate_card(group)

    answer = confirm(client, page)

    shown = answer.content.decode()
    assert "was confirmed meanwhile. Nothing was stored." in shown
    assert RateCard.objects.count() == 1
    assert confirm(client, answer).status_code == 200
    assert RateCard.objects.count() == 2


def test_confirmed_twice_it_is_one_card(personas, group):
    client = personas.client("bert")
    page = upload(client, group)

    first, second = confirm(client, page), confirm(client, page)

    assert first.redirect_chain[-1] == second.redirect_chain[-1]
    assert RateCard.objects.count() == 1


def test_a_sheet_that_waits_is_listed_and_can_be_discarded(personas, group):
    client = personas.client("bert")
    page = upload(client, group)
    listed = reverse("admin:billing_ratecard_changelist")

    assert "One uploaded sheet waits" in client.get(listed).content.decode()
    assert client.get(page.context["urls"]["discard"]).status_code == 405
    client.post(page.context["urls"]["discard"])

    assert not RateCardDraft.objects.exists()
    assert "uploaded sheet" not in client.get(listed).content.decode()


def test_the_changes_can_be_downloaded(personas, group):
    client = personas.client("bert")
    page = upload(client, group)

    answer = client.get(page.context["urls"]["changes"])

    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [(row["change"], row["item"], row["new price"]) for row in rows] == [("new", "pg_base_storage", "0.07")]


def test_rows_that_are_not_right_are_listed_and_nothing_is_kept(personas, group):
    rows = [
        sheets.STORAGE_ROW,
        ("pg_unknown", "pck_per_gigabyte", "GiB", 1, 2, "last"),
        ("pg_base_storage", "", "GiB", "free", 2, ""),
    ]

    page = personas.client("bert").post(reverse(IMPORT), filled(group, file=file(sheets.workbook(rows)), exchange_rate="1"))

    assert not RateCard.objects.exists()
    assert [(error.row, error.column) for error in page.context["unknown"]] == [(3, "Item"), (4, "Edition")]
    assert [(error.row, error.column) for error in page.context["errors"]] == [(4, "Cost")]
    shown = page.content.decode()
    assert "Nothing was imported. 3 things have to be put right" in shown
    assert "1 new, 0 changed, 0 removed, 0 unchanged" in shown
    assert not RateCardDraft.objects.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"PK\x03\x04 broken", "broken.xlsx"), (b"item;price", "rates.csv"), (sheets.workbook([], header=("A", "B")), "header.xlsx")],
)
def test_a_file_that_is_no_rate_card_is_refused_with_a_sentence(personas, group, content, name):
    page = personas.client("bert").post(reverse(IMPORT), filled(group, file=file(content, name)))

    assert page.status_code == 200
    assert page.context["errors"]
    assert not RateCard.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"product_group": ""}, "product_group"),
        ({"currency": "XXL"}, "currency"),
        ({"exchange_rate": "0"}, "exchange_rate"),
        ({"exchange_rate": "a lot"}, "exchange_rate"),
        ({"exchange_rate": "0.9"}, "exchange_rate"),
        ({"month": "13"}, "month"),
        ({"year": "1999"}, "year"),
        ({"file": ""}, "file"),
        ({"file": file(b"")}, "file"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(personas, group, changes, field):
    page = personas.client("bert").post(reverse(IMPORT), filled(group, **changes))

    assert field in page.context["form"].errors
    assert not RateCard.objects.exists()


def test_a_file_that_is_too_large_is_refused(personas, group, settings):
    settings.UPLOAD_LIMIT_BYTES = 1000

    page = personas.client("bert").post(reverse(IMPORT), filled(group, file=file(b"x" * 1001)))

    assert "larger than" in page.context["form"].errors["file"][0]


def test_the_base_currency_is_shown_and_cannot_be_sent(personas, group):
    field = personas.client("bert").get(reverse(IMPORT)).context["form"]["base_currency"]

    assert (field.value(), field.field.disabled) == ("EUR", True)


def test_the_import_sheet_format_can_be_downloaded_filled_in_and_imported(personas, group):
    client = personas.client("bert")

    answer = client.get(reverse("admin:billing_ratecard_format"), {"product_group": group.pk})

    assert answer.content.startswith(b"PK")
    assert "rate-card-" in answer["Content-Disposition"]


def test_where_there_are_several_groups_the_format_asks_for_which(personas, group):
    factories.ProductGroupFactory(name="Other")

    answer = personas.client("bert").get(reverse("admin:billing_ratecard_format"))

    assert answer["Location"] == reverse(IMPORT)


def test_rate_cards_are_filtered_by_month_year_and_group(personas, group):
    wanted = making.rate_card(group)
    making.rate_card(group, month=date(2026, 9, 1))
    making.rate_card(factories.ProductGroupFactory(name="Other"))

    page = personas.client("bert").get(
        reverse("admin:billing_ratecard_changelist"), {"of_month": "10", "of_year": "2026", "product_group": group.pk}
    )

    assert list(page.context["cl"].result_list) == [wanted]
    assert f"{reverse(IMPORT)}?product_group={group.pk}" in page.content.decode()


def test_staff_who_may_not_import_are_refused(personas, group):
    assert personas.client("mira").get(reverse(IMPORT)).status_code == 403
    assert personas.client("mira").post(reverse(IMPORT), filled(group)).status_code == 403
    assert personas.client("mira").get(reverse("admin:billing_ratecard_format")).status_code == 403


def test_a_draft_is_for_those_who_may_import(personas, group):
    page = upload(personas.client("bert"), group)

    for url in (reverse("admin:billing_ratecard_preview", args=[page.context["draft"].pk]), *page.context["urls"].values()):
        assert personas.client("mira").get(url).status_code == 403
        assert personas.client("mira").post(url).status_code == 403
    assert personas.client("bert").get(reverse("admin:billing_ratecard_preview", args=[10**9])).status_code == 404


# --- What if ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def used(personas, group):
    """Dora used 100 GiB in October, a customer of Alice's 200, at 0.07; Alice pays 20 % less and takes 50 % more."""
    plan = group.plans.get()
    making.rate_card(group)
    direct = making.subscribe(personas.direct_customer, plan)
    resold = making.subscribe(
        personas.resellers_customer, plan, partner_discount_percent=Decimal(20), retail_markup_percent=Decimal(50)
    )
    making.use(direct, 100 * GIB)
    making.use(resold, 200 * GIB)
    return group


def cheaper(client, group):
    """Upload a card that is a cent cheaper per GiB."""
    row = ("pg_base_storage", "pck_per_gigabyte", "GiB", 0.03, 0.06)
    return upload(client, group, file=file(sheets.workbook([row])))


def test_what_if_shows_both_levels_before_anything_is_confirmed(personas, used):
    client = personas.client("bert")
    page = cheaper(client, used)

    answer = client.get(page.context["urls"]["what_if"])

    assert [(row.customer.name, row.level.value, row.now, row.then) for row in answer.context["rows"]] == [
        ("Café Carol", "wholesale", Decimal("11.20"), Decimal("9.60")),
        ("Café Carol", "retail", Decimal("16.80"), Decimal("14.40")),
        ("Dora Design", "msp", Decimal("7.00"), Decimal("6.00")),
    ]
    assert [(total.is_retail, total.now, total.then) for total in answer.context["totals"]] == [
        (False, Decimal("18.20"), Decimal("15.60")),
        (True, Decimal("16.80"), Decimal("14.40")),
    ]
    assert "-14.29 %" in answer.content.decode()
    assert RateCard.objects.count() == 1


def test_what_if_is_exported_whole(personas, used):
    client = personas.client("bert")
    page = cheaper(client, used)

    answer = client.get(reverse("admin:billing_ratecard_what_if_csv", args=[page.context["draft"].pk]))

    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [(row["customer"], row["level"], row["difference"], row["percent"]) for row in rows] == [
        ("Café Carol", "wholesale", "-1.60", "-14.29"),
        ("Café Carol", "retail", "-2.40", "-14.29"),
        ("Dora Design", "msp", "-1.00", "-14.29"),
    ]


def test_what_if_of_a_confirmed_card_is_held_against_the_one_before(personas, used):
    client = personas.client("bert")
    confirm(client, cheaper(client, used))
    card = RateCard.objects.get(version=2)

    answer = client.get(reverse("admin:billing_ratecard_card_what_if", args=[card.pk]))

    assert answer.context["other"].present == RateCard.objects.get(version=1)
    assert sum(row.difference for row in answer.context["rows"]) == Decimal("-5.00")


def test_without_any_card_what_if_says_why_there_is_nothing_to_compare(personas, used):
    client = personas.client("bert")
    page = cheaper(client, used)

    answer = client.get(page.context["urls"]["what_if"], {"month": "2026-08"})

    assert answer.context["other"].present is None
    assert "Nothing of Cyber Protect was billed by use in August 2026" in answer.content.decode()


def test_rows_that_cannot_be_rated_say_why_and_leave_the_totals(personas, used):
    client = personas.client("bert")
    personas.direct_customer.currency = "JPY"
    personas.direct_customer.save(update_fields=["currency"])
    page = cheaper(client, used)

    answer = client.get(page.context["urls"]["what_if"])

    assert "There is no exchange rate from EUR to JPY valid on 2026-10-31" in answer.content.decode()
    assert [total.unsaid for total in answer.context["totals"] if total.currency == "JPY"] == [1]


def test_the_number_of_queries_does_not_depend_on_customers(personas, used, django_assert_max_num_queries):
    client = personas.client("bert")
    page = cheaper(client, used)
    plan = used.plans.get()
    for n in range(8):
        making.use(making.subscribe(factories.OrganizationFactory(), plan), n * GIB, days=[OCTOBER.last_day])

    with django_assert_max_num_queries(45):
        answer = client.get(page.context["urls"]["what_if"])

    assert len(answer.context["rows"]) == 11


def test_too_many_customers_are_shown_page_by_page_and_exported_batch_by_batch(personas, used, monkeypatch):
    monkeypatch.setattr(rate_card_what_if, "MOST_FOR_TOTALS", 1)
    monkeypatch.setattr(rate_card_what_if, "CUSTOMERS_A_PAGE", 1)
    monkeypatch.setattr(what_if, "CUSTOMERS_AT_ONCE", 1)
    client = personas.client("bert")
    page = cheaper(client, used)

    second = client.get(page.context["urls"]["what_if"], {"page": "2"})
    exported = client.get(reverse("admin:billing_ratecard_what_if_csv", args=[page.context["draft"].pk]))

    assert [row.customer.name for row in second.context["rows"]] == ["Dora Design"]
    assert "the CSV file has everybody" in second.content.decode()
    assert len(b"".join(exported.streaming_content).splitlines()) == 4
