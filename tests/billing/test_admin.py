"""Money in the back office: rate cards, billing runs, invoices and usage."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from billing.models import BillingRun, ExchangeRate, Invoice, ParkedAccount, RateCard
from billing.operations import runs
from common import clock
from common.bss import CheapPaginator
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


def test_a_sheet_becomes_the_rate_card_of_its_month(personas, group):
    answer = personas.client("bert").post(reverse(IMPORT), filled(group), follow=True)

    card = RateCard.objects.get()
    assert (card.month, card.version, card.imported_by, card.base_currency) == (date(2026, 10, 1), 1, personas.bert, "EUR")
    assert answer.redirect_chain[-1][0] == reverse("admin:billing_ratecard_change", args=[card.pk])
    page = answer.content.decode()
    assert "0.07 EUR" in page
    assert "pg_base_storage" in page


def test_rows_that_are_not_right_are_listed_and_nothing_is_kept(personas, group):
    rows = [
        sheets.STORAGE_ROW,
        ("pg_unknown", "pck_per_gigabyte", "GiB", 1, 2, "last"),
        ("pg_base_storage", "", "GiB", "free", 2, ""),
    ]

    page = personas.client("bert").post(reverse(IMPORT), filled(group, file=file(sheets.workbook(rows)), exchange_rate="1"))

    assert not RateCard.objects.exists()
    assert {error.row for error in page.context["errors"]} >= {3, 4}
    shown = page.content.decode()
    assert "Nothing was imported." in shown
    for error in page.context["errors"]:
        assert error.column in shown


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


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"base": "QQQ"}, "base"),
        ({"quote": "usd"}, "quote"),
        ({"valid_from": "yesterday"}, "valid_from"),
        ({"rate": "0"}, "rate"),
        ({"rate": "-1"}, "rate"),
    ],
)
def test_an_exchange_rate_that_is_wrong_is_refused_beside_its_field(personas, changes, field):
    form = {"base": "usd", "quote": "EUR", "valid_from": "2026-10-01", "rate": "0.92", **changes}

    page = personas.client("bert").post(reverse("admin:billing_exchangerate_add"), form)

    assert field in page.context["form"].errors
    assert not ExchangeRate.objects.exists()


def test_an_exchange_rate_is_entered_by_hand(personas):
    form = {"base": "usd", "quote": "EUR", "valid_from": "2026-10-01", "rate": "0.92"}

    personas.client("bert").post(reverse("admin:billing_exchangerate_add"), form)

    assert ExchangeRate.objects.values_list("base", "quote", "rate").get() == ("USD", "EUR", Decimal("0.92"))


# --- Billing runs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def october(personas):
    """dora used 100 GiB all October at 0.07 EUR: 7.00 EUR net, 8.33 EUR gross."""
    subscription = making.subscribe(personas.direct_customer)
    making.use(subscription, 100 * GIB)
    making.rate_card(subscription.plan.product_group)
    return subscription


def billed(personas):
    return runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


def test_a_billing_manager_runs_a_month_looks_and_issues(personas, october):
    client = personas.client("bert")

    ran = client.post(reverse("admin:billing_billingrun_run"), {"seller": personas.msp.pk, "month": "2026-10"}, follow=True)
    run = BillingRun.objects.get()
    asked = client.get(reverse("admin:billing_billingrun_issue_all", args=[run.pk])).content.decode()
    client.post(reverse("admin:billing_billingrun_issue_all", args=[run.pk]))

    page = ran.content.decode()
    assert "1 draft to issue, 0 parked" in page
    assert "7.00 EUR" in page
    assert "1 invoice of Northwind Cloud GmbH for October 2026, 8.33 EUR including VAT." in asked
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.gross, invoice.issued_on) == ("issued", Decimal("8.33"), date(2026, 11, 1))


def test_looking_at_what_would_be_issued_issues_nothing(personas, october):
    run = billed(personas)

    personas.client("bert").get(reverse("admin:billing_billingrun_issue_all", args=[run.pk]))

    assert Invoice.objects.get().status == "draft"


def test_an_account_that_cannot_be_billed_is_shown_with_the_reason_and_billed_once_it_is_mended(personas):
    subscription = making.subscribe(personas.direct_customer)
    making.use(subscription, 100 * GIB)
    run = billed(personas)
    client = personas.client("bert")

    page = client.get(reverse("admin:billing_billingrun_change", args=[run.pk])).content.decode()
    parked = client.get(reverse("admin:billing_parkedaccount_changelist")).content.decode()
    making.rate_card(subscription.plan.product_group)
    client.post(reverse("admin:billing_billingrun_run_again", args=[run.pk]))

    assert "rate card" in page
    assert "Dora Design" in parked
    assert not ParkedAccount.objects.exists()
    assert Invoice.objects.get().net == 7


def test_a_month_that_is_not_over_cannot_even_be_chosen(personas):
    page = personas.client("bert").post(reverse("admin:billing_billingrun_run"), {"seller": personas.msp.pk, "month": "2026-11"})

    assert "month" in page.context["form"].errors
    assert not BillingRun.objects.exists()


def test_staff_who_may_not_issue_do_not(personas, october):
    run = billed(personas)
    permissions = personas.bert.groups.get().permissions
    permissions.remove(*permissions.filter(codename__in=["issue_invoice", "add_billingrun"]))
    client = personas.client("bert")
    invoice = Invoice.objects.get()

    assert client.post(reverse("admin:billing_billingrun_issue_all", args=[run.pk])).status_code == 403
    assert client.post(reverse("admin:billing_invoice_issue", args=[invoice.pk])).status_code == 403
    assert client.post(reverse("admin:billing_billingrun_run_again", args=[run.pk])).status_code == 403
    assert client.get(reverse("admin:billing_billingrun_run")).status_code == 403
    assert "Issue invoice" not in client.get(reverse("admin:billing_invoice_change", args=[invoice.pk])).content.decode()
    invoice.refresh_from_db()
    assert invoice.status == "draft"


# --- Invoices ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def draft(personas, october):
    billed(personas)
    return Invoice.objects.get()


def test_one_invoice_is_issued_after_asking_and_again_is_the_same(personas, draft):
    client = personas.client("bert")
    url = reverse("admin:billing_invoice_issue", args=[draft.pk])

    asked = client.get(url).content.decode()
    page = client.post(url, follow=True).content.decode()
    client.post(url)

    assert "8.33 EUR including VAT to Dora Design for October 2026." in asked
    draft.refresh_from_db()
    assert f"Invoice {draft.number} is issued." in page
    assert Invoice.objects.exclude(number=None).count() == 1


def test_an_invoice_shows_its_lines_and_explains_each_amount(personas, draft):
    client = personas.client("bert")

    page = client.get(reverse("admin:billing_invoice_change", args=[draft.pk])).content.decode()
    explained = client.get(reverse("admin:billing_invoice_explain", args=[draft.pk, 1])).content.decode()

    for words in ("7.00 EUR", "8.33 EUR", "VAT 19 %", "100 GiB"):
        assert words in page
    for words in ("Price on the rate card", "2026-10-31", str(100 * GIB), "Vendor cost"):
        assert words in explained


def test_a_line_that_is_not_there_is_not_found(personas, draft):
    assert personas.client("bert").get(reverse("admin:billing_invoice_explain", args=[draft.pk, 99])).status_code == 404


def test_the_document_of_an_invoice_is_a_pdf(personas, draft):
    answer = personas.client("bert").get(reverse("admin:billing_invoice_pdf", args=[draft.pk]))

    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF")


@pytest.mark.parametrize("person", ["dora", "alice", "stranger", "mira"])
def test_nobody_without_the_right_sees_an_invoice_or_its_document(personas, draft, person):
    client = personas.client(person)

    for name, args in (("change", [draft.pk]), ("pdf", [draft.pk]), ("explain", [draft.pk, 1])):
        assert client.get(reverse(f"admin:billing_invoice_{name}", args=args), follow=True).status_code in (403, 404)


def test_invoices_are_found_by_number_and_buyer_and_filtered(personas, draft):
    client = personas.client("bert")
    url = reverse("admin:billing_invoice_changelist")
    client.post(reverse("admin:billing_invoice_issue", args=[draft.pk]))
    draft.refresh_from_db()

    for query in (
        {"q": draft.number},
        {"q": personas.direct_customer.number},
        {"q": "Dora"},
        {"month": "2026-10"},
        {"seller": "M1"},
    ):
        assert list(client.get(url, query).context["cl"].result_list) == [draft], query
    for query in ({"q": "INV-1999"}, {"month": "2026-09"}, {"seller": personas.reseller.number}, {"status__exact": "draft"}):
        assert list(client.get(url, query).context["cl"].result_list) == [], query


# --- Usage ------------------------------------------------------------------------------------------------------------------


def test_usage_is_found_by_organization_and_by_month(personas, october):
    other = making.subscribe(factories.OrganizationFactory(name="Elbe Logistik"))
    making.use(other, 5)
    client = personas.client("bert")
    url = reverse("admin:billing_usagerecord_changelist")

    mine = client.get(url, {"q": "Dora", "month": "2026-10"}).context["cl"]
    nobody = client.get(url, {"q": "nobody"}).context["cl"]

    assert mine.result_count == OCTOBER.days
    assert {record.tenant for record in mine.result_list} == {october.service.tenant}
    assert nobody.result_count == 0


def test_a_list_of_millions_counts_ten_thousand_at_most(october, django_assert_num_queries):
    records = type(october).objects.order_by("pk")

    with django_assert_num_queries(1) as asked:
        assert CheapPaginator(records, 50).count == 1

    assert "LIMIT 10000" in asked.captured_queries[0]["sql"]


@pytest.mark.parametrize("term", ["S5", "Dora", "O5000"])
def test_subscriptions_are_found_by_what_people_quote(personas, october, term):
    page = personas.client("root").get(reverse("admin:billing_subscription_changelist"), {"q": term})

    assert list(page.context["cl"].result_list) == [october]


# --- The end of a subscription -------------------------------------------------------------------------------------------------


def terminate(subscription):
    return reverse("admin:billing_subscription_terminate", args=[subscription.pk])


def test_terminating_is_agreed_to_first_then_ends_billing_and_service(personas):
    subscription = making.subscribe(personas.direct_customer)
    client = personas.client("root")

    asked = client.get(terminate(subscription)).content.decode()
    client.post(terminate(subscription))
    client.post(terminate(subscription))

    assert "deletes it with all its users, devices and backups. This cannot be undone." in asked
    assert "The last day that is billed is 1 Nov 2026." in asked
    subscription.refresh_from_db()
    assert (subscription.status, subscription.ended_on) == ("ended", date(2026, 11, 2))
    assert subscription.service.tenant.retired_at == NOVEMBER_1
    assert "Terminate" not in client.get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(("who", "status"), [("bert", 403), ("dora", 302), ("nobody", 302)])
def test_who_may_not_terminate_services_ends_no_subscription(personas, who, status, method):
    subscription = making.subscribe(personas.direct_customer)

    response = getattr(personas.client(who), method)(terminate(subscription))

    assert response.status_code == status
    subscription.refresh_from_db()
    assert subscription.status == "active"
    assert subscription.service.ended_at is None


def test_the_button_is_there_for_who_may_terminate(personas):
    subscription = making.subscribe(personas.direct_customer)
    page = reverse("admin:billing_subscription_change", args=[subscription.pk])
    assert terminate(subscription) not in personas.client("bert").get(page).content.decode()

    permission = Permission.objects.get(codename="terminate_service")
    personas.bert.user_permissions.add(permission)

    assert terminate(subscription) in personas.client("bert").get(page).content.decode()


def test_a_subscription_leads_to_its_service_and_tenant(personas):
    subscription = making.subscribe(personas.direct_customer)

    page = personas.client("root").get(reverse("admin:billing_subscription_change", args=[subscription.pk])).content.decode()

    assert reverse("admin:provisioning_service_change", args=[subscription.service_id]) in page
    assert reverse("admin:provisioning_tenant_change", args=[subscription.service.tenant_id]) in page
