"""The back office beside subscriptions: the billing usage report of each, and what all of them brought."""

import csv
from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
import time_machine
from django.urls import reverse

from billing.models import ExchangeRate, InvoiceLine, Subscription
from billing.queries.sales_margins import sales_margins
from tests import factories
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import GIB, OCTOBER, report, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

MARGINS = reverse("admin:billing_subscription_margins")
OCTOBERS = {"month": "2026-10"}


@pytest.fixture(autouse=True)
def _in_november() -> object:
    with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
        yield


@pytest.fixture
def used(personas: Personas) -> Subscription:
    subscription = subscribe(personas.direct_customer)
    use(subscription, 100 * GIB)
    return subscription


def of(subscription: Subscription) -> str:
    return reverse("admin:billing_subscription_usage_report", args=[subscription.pk])


def costing(subscription: Subscription, net: str, cost: str, currency: str = "EUR", **working: object) -> InvoiceLine:
    told = {"amount": cost, "amount_currency": currency, "unit_cost": cost, "currency": currency, "exchange_rate": "1"}
    return line(subscription, net, working={"cost": told, **working})


# --- Billing Usage Report -----------------------------------------------------------------------------------------------------


def test_the_subscription_leads_to_its_usage_report_with_both_reports(personas: Personas, used: Subscription) -> None:
    client = personas.client("bert")

    page = client.get(reverse("admin:billing_subscription_change", args=[used.pk])).text
    summary = client.get(of(used), OCTOBERS).text
    days = client.get(of(used), {**OCTOBERS, "report": "days"}).text

    assert f'href="{of(used)}"' in page
    assert "Billing Usage Report" in page
    for text in (summary, days):
        assert "Summary for period" in text
        assert "Day-by-day for period" in text
        assert "100 GiB" in text
        assert "<svg" in text
    assert days.count("<tr>") == 32


@pytest.mark.parametrize(("which", "rows"), [("summary", 1), ("days", 31)])
def test_both_reports_are_exported(personas: Personas, used: Subscription, which: str, rows: int) -> None:
    answer = personas.client("bert").get(of(used), {**OCTOBERS, "report": which, "export": "csv"})

    found = list(csv.DictReader(StringIO(answer.getvalue().decode())))
    assert len(found) == rows
    assert {row["service"] for row in found} == {used.number}
    assert used.number in answer["Content-Disposition"]
    if which == "days":
        assert {row["vendor_report"] for row in found} == {str(report(used).pk)}


def test_a_month_without_usage_and_a_month_that_is_none_are_told(personas: Personas, used: Subscription) -> None:
    assert "Nothing was metered in November 2026" in personas.client("bert").get(of(used)).text
    assert "is not a month" in personas.client("bert").get(of(used), {"month": "x"}).text


@pytest.mark.parametrize(("name", "status"), [("bert", 200), ("root", 200), ("mira", 403), ("dora", 404), ("nobody", 302)])
def test_only_staff_who_see_subscriptions_see_their_usage(personas: Personas, used: Subscription, name: str, status: int) -> None:
    answer = personas.client(name).get(of(used), OCTOBERS, follow=name == "dora")

    assert answer.status_code == status


# --- Margins -------------------------------------------------------------------------------------------------------------------


def test_margins_are_what_was_sold_less_what_the_vendor_takes(personas: Personas, used: Subscription) -> None:
    resold = subscribe(personas.resellers_customer, used.plan)
    invoice = issued(personas.msp, personas.direct_customer, [costing(used, "70", "40")], number="INV-1")
    issued(personas.msp, personas.reseller, [costing(resold, "50", "35"), line(resold, "20", item="subscription")], number="INV-2")
    issued(personas.reseller, personas.resellers_customer, [line(resold, "99")], number="R-1")
    credited(invoice, "10")

    page = personas.client("bert").get(MARGINS, OCTOBERS).text
    [carol, dora] = csv.DictReader(StringIO(personas.client("bert").get(MARGINS, {**OCTOBERS, "export": "csv"}).text))

    assert [carol[name] for name in ("customer", "reseller", "got", "paid", "margin", "margin_percent", "fixed_price_sold")] == [
        "Café Carol",
        "Alster IT",
        "50.00",
        "35.00",
        "15.00",
        "30.0",
        "20.00",
    ]
    assert [dora[name] for name in ("customer", "got", "paid", "margin")] == ["Dora Design", "60.00", "40.00", "20.00"]
    for expected in ("110.00 EUR", "75.00 EUR", "35.00 EUR", "31.8 %", "20.00 EUR"):
        assert expected in page
    assert "99.00" not in page


def test_an_adjustment_counts_only_what_its_cost_is_above_the_one_before(personas: Personas, used: Subscription) -> None:
    issued(personas.msp, personas.direct_customer, [costing(used, "70", "40")], number="INV-1")
    issued(personas.msp, personas.direct_customer, [costing(used, "35", "60", kind="difference")], number="INV-2")
    again = [line(used, "-105", working={"kind": "taken_back"}), costing(used, "90", "50", kind="difference")]
    issued(personas.msp, personas.direct_customer, again, number="INV-3")

    [row] = sales_margins(personas.msp, OCTOBER)

    assert row.margin.got == (Decimal(90), "EUR")
    assert row.margin.paid == (Decimal(50), "EUR")


def test_a_minimum_costs_nothing_and_counts_as_margin(personas: Personas, used: Subscription) -> None:
    lines = [costing(used, "30", "20"), line(used, "20", item="minimum_commitment")]
    issued(personas.msp, personas.direct_customer, lines, number="INV-1")

    [row] = sales_margins(personas.msp, OCTOBER)

    assert (row.margin.amount, row.uncosted) == ((Decimal(30), "EUR"), None)


def test_a_cost_in_another_currency_needs_an_exchange_rate(personas: Personas, used: Subscription) -> None:
    issued(personas.msp, personas.direct_customer, [costing(used, "70", "40", "EUR")], number="INV-1", currency="USD")
    client = personas.client("bert")

    without = client.get(MARGINS, OCTOBERS).text
    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 10, 1), rate=Decimal("1.4"))
    with_rate = client.get(MARGINS, OCTOBERS).text

    assert "no exchange rate between USD and EUR" in without
    assert "10.00 EUR" in with_rate
    assert "1 EUR = 1.4 USD from 1 Oct 2026" in with_rate


def test_the_last_month_is_shown_first_and_one_without_invoices_says_so(personas: Personas) -> None:
    client = personas.client("bert")

    assert "No invoice of October 2026 is issued yet" in client.get(MARGINS).text
    assert "is not a month" in client.get(MARGINS, {"month": "2026-77"}).text


@pytest.mark.parametrize(("name", "status"), [("bert", 200), ("mira", 403), ("dora", 404)])
def test_margins_are_for_billing_managers(personas: Personas, name: str, status: int) -> None:
    assert personas.client(name).get(MARGINS, follow=name == "dora").status_code == status


def test_margins_ask_as_few_queries_for_many_customers_as_for_one(
    personas: Personas, used: Subscription, django_assert_max_num_queries: object
) -> None:
    for number in range(3):
        customer = factories.OrganizationFactory()
        subscription = subscribe(customer, used.plan)
        issued(personas.msp, customer, [costing(subscription, "5", "3")], number=f"INV-{number}")

    with django_assert_max_num_queries(2):  # type: ignore[operator]
        assert len(sales_margins(personas.msp, OCTOBER)) == 3
