"""A reseller's margins: both sides by customer, service and item, down to the invoices they come from."""

import csv
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from django.db.models import Sum
from django.urls import reverse

from billing.models import ExchangeRate, Invoice, Subscription
from billing.queries import margins
from tests import factories
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import OCTOBER, SERVERS, subscribe
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

MARGINS, OCTOBERS = reverse("billing:margins"), {"month": "2026-10"}


@pytest.fixture
def sold(personas: Personas) -> Subscription:
    """Carol's service: invoiced to Alice for 70 and to Carol for 100, each in two items."""
    subscription = subscribe(personas.resellers_customer)
    paid = [line(subscription, "56.10"), line(subscription, "13.90", item=SERVERS)]
    got = [line(subscription, "80.00"), line(subscription, "20.00", item=SERVERS)]
    issued(personas.msp, personas.reseller, paid, number="INV-1")
    issued(personas.reseller, personas.resellers_customer, got, number="R-1")
    return subscription


def of_carol(personas: Personas) -> str:
    return reverse("billing:margins_customer", args=[personas.resellers_customer.number])


def test_each_customer_stands_with_both_sides_and_what_is_left(personas: Personas, sold: Subscription) -> None:
    page = personas.client("alice").get(MARGINS).text

    for expected in ("Margins in October 2026", "Café Carol", "70.00 EUR", "100.00 EUR", "30.00 EUR", "30 %"):
        assert expected in page


def test_the_customers_page_goes_down_to_service_and_item(personas: Personas, sold: Subscription) -> None:
    page = personas.client("alice").get(of_carol(personas), OCTOBERS).text

    for expected in (sold.number, "Cloud storage", "23.90 EUR", "29.9 %", "Servers", "6.10 EUR", "30.5 %"):
        assert expected in page


def test_the_sums_are_those_of_the_invoices_less_what_was_credited(personas: Personas, sold: Subscription) -> None:
    credited(Invoice.objects.get(number="R-1"), "10.00")
    invoices = Invoice.objects.aggregate(got=Sum("net"))["got"]

    [row] = margins.customer_margins(personas.reseller, OCTOBER)
    [service] = margins.service_margins(personas.reseller, personas.resellers_customer, OCTOBER)

    assert row.margin.paid is not None
    assert row.margin.got is not None
    assert row.margin.paid.value + row.margin.got.value == invoices - 10
    assert row.margin.amount == (Decimal(20), "EUR")
    assert service.margin.amount == row.margin.amount
    assert sum(item.margin.amount.value for item in service.items if item.margin.amount) == Decimal(20)


def test_between_currencies_there_is_a_margin_only_by_an_exchange_rate(personas: Personas, sold: Subscription) -> None:
    customer = factories.OrganizationFactory(parent=personas.reseller, name="Dollar Diner", currency="USD")
    subscription = subscribe(customer, sold.plan)
    issued(personas.msp, personas.reseller, [line(subscription, "50.00")], number="INV-2")
    issued(personas.reseller, customer, [line(subscription, "66.00")], number="R-2", currency="USD")
    client = personas.client("alice")

    without = client.get(MARGINS, OCTOBERS).text
    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 10, 15), rate=Decimal("1.1"))
    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 11, 15), rate=Decimal(2))
    with_rate = client.get(MARGINS, OCTOBERS).text

    assert "EUR and USD are not taken from each other" in without
    assert "66.00 USD" in without
    assert "By the exchange rate of 15 Oct 2026: 1 EUR = 1.10 USD" in with_rate
    assert "10.00 EUR" in with_rate
    assert "-16.00" not in without + with_rate


def test_what_is_invoiced_on_one_side_only_says_so(personas: Personas) -> None:
    subscription = subscribe(personas.resellers_customer)
    issued(personas.msp, personas.reseller, [line(subscription, "50.00")], number="INV-1")

    page = personas.client("alice").get(MARGINS, OCTOBERS).text

    assert "not yet" in page
    assert "A margin stands beside a customer once both are" in page


def test_what_was_invoiced_before_its_service_started_is_told_by_name(personas: Personas) -> None:
    advance = [line(None, "50.00", consumer="Café Carol", order_key="O1/1")]
    issued(personas.msp, personas.reseller, advance, number="INV-1", kind="advance")

    before = personas.client("alice").get(MARGINS, OCTOBERS).text
    subscribe(personas.resellers_customer, order_key="O1/1")
    after = personas.client("alice").get(of_carol(personas), OCTOBERS).text

    assert "before its service starts" in before
    assert "50.00 EUR" in after


def test_the_files_hold_bare_numbers(personas: Personas, sold: Subscription) -> None:
    client = personas.client("alice")

    [customer] = csv.DictReader(StringIO(client.get(MARGINS, {"export": "csv"}).text))
    items = list(csv.DictReader(StringIO(client.get(of_carol(personas), {"export": "csv"}).text)))

    assert (customer["paid"], customer["got"], customer["margin"], customer["margin_percent"]) == (
        "70.00",
        "100.00",
        "30.00",
        "30.0",
    )
    assert [(one["service"], one["paid"], one["got"]) for one in items] == [
        (sold.number, "56.10", "80.00"),
        (sold.number, "13.90", "20.00"),
    ]


def test_a_month_that_is_none_is_refused_and_one_without_invoices_says_so(personas: Personas, sold: Subscription) -> None:
    client = personas.client("alice")

    assert "is not a month" in client.get(MARGINS, {"month": "soon"}).text
    assert "No invoices in May 2026" in client.get(MARGINS, {"month": "2026-05"}).text
    assert "Nothing was invoiced for Café Carol" in client.get(of_carol(personas), {"month": "2026-05"}).text


@pytest.mark.parametrize(("name", "status"), [("alice", 200), ("bob", 404), ("carol", 404), ("dora", 404), ("stranger", 403)])
def test_only_the_reseller_sees_its_customers_margin(personas: Personas, sold: Subscription, name: str, status: int) -> None:
    client = personas.client(name)

    assert client.get(of_carol(personas)).status_code == status
    assert client.get(MARGINS).status_code == (200 if name == "bob" else status)
    assert "Café Carol" not in client.get(MARGINS).text or name == "alice"


def test_the_pages_ask_as_few_queries_for_many_customers_as_for_one(
    personas: Personas, sold: Subscription, django_assert_max_num_queries: object
) -> None:
    for number in range(3):
        customer = factories.OrganizationFactory(parent=personas.reseller)
        subscription = subscribe(customer, sold.plan)
        issued(personas.msp, personas.reseller, [line(subscription, "5.00")], number=f"INV-{number + 9}")
        issued(personas.reseller, customer, [line(subscription, "6.00")], number=f"R-{number + 9}")
    client = personas.client("alice")

    for url, most in ((MARGINS, 8), (of_carol(personas), 9)):
        with django_assert_max_num_queries(most):  # type: ignore[operator]
            assert client.get(url).status_code == 200
