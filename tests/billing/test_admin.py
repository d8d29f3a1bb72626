"""Money in the back office: exchange rates, billing runs, invoices and usage."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from billing.models import ExchangeRate, Invoice
from billing.operations import runs
from common import clock
from common.bss import CheapPaginator
from tests import factories
from tests.billing import making
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER


@pytest.fixture(autouse=True)
def november(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_1)


# --- Exchange rates -------------------------------------------------------------------------------------------------


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


# --- What invoices are made of ------------------------------------------------------------------------------------------------


@pytest.fixture
def october(personas):
    """dora used 100 GiB all October at 0.07 EUR: 7.00 EUR net, 8.33 EUR gross."""
    subscription = making.subscribe(personas.direct_customer)
    making.use(subscription, 100 * GIB)
    making.rate_card(subscription.plan.product_group)
    return subscription


def billed(personas):
    return runs.run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)


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
    for words in ("Price on the rate card", "31 Oct 2026", f"{100 * GIB:,}", "Vendor cost: ", "<svg"):
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
