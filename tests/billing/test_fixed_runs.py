"""The billing run bills what was sold at a fixed price, at each level of its sale, beside what is billed by use."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organization
from billing.models import BillingRun, ExchangeRate, Invoice, InvoiceLine, ParkedAccount, Subscription
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from billing.queries.explaining import explain
from catalog.pricing import Amounts, Level, Markup, walk
from catalog.queries.offers import SoldPrice
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, move, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

DECEMBER_1 = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


def bill(seller: Organization, *, period: Period = OCTOBER, at: datetime = NOVEMBER_1) -> BillingRun:
    return run_billing(seller_id=seller.pk, period=period, at=at)


def lines() -> list[tuple[Any, ...]]:
    return list(InvoiceLine.objects.order_by("pk").values_list("pk", "item", "description", "quantity", "unit_price", "net"))


def test_a_whole_month_reads_as_plan_days_and_quantity_times_price(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("20"), quantity=2, plan_name="Backup 50 GB")

    bill(personas.msp)

    invoice = Invoice.objects.get()
    line = invoice.lines.get()
    assert (line.item, line.description, line.subscription) == ("subscription", "Backup 50 GB", subscription)
    assert (line.period_start, line.period_end) == (OCTOBER.start, OCTOBER.end)
    assert (line.quantity, line.unit, line.unit_price, line.net) == (2, "unit", 20, 40)
    assert invoice.gross == Decimal("47.60")  # 19 % VAT


def test_the_first_month_is_billed_by_days_with_the_setup_fee(personas: Personas) -> None:
    sold = sold_at("240", setup_fee="10")
    subscribe_fixed(
        personas.direct_customer, sold, quantity=3, term_months=12, started_on=date(2026, 10, 15), plan_name="Backup 50 GB"
    )

    bill(personas.msp)

    monthly, setup = InvoiceLine.objects.order_by("-item")
    assert (monthly.description, monthly.net) == ("Backup 50 GB, 17 of 31 days", Decimal("32.90"))  # 3 × 20 × 17 ÷ 31
    assert (monthly.period_start, monthly.period_end) == (date(2026, 10, 15), OCTOBER.end)
    assert (setup.description, setup.quantity, setup.net) == ("Backup 50 GB, setup fee", 3, Decimal("30.00"))


def test_the_last_month_is_billed_by_days(personas: Personas) -> None:
    subscribe_fixed(personas.direct_customer, started_on=date(2026, 9, 1), ended_on=date(2026, 10, 11), status="ended")

    bill(personas.msp)

    assert InvoiceLine.objects.get().net == Decimal("6.45")  # 20 × 10 ÷ 31


def test_both_levels_are_billed_each_in_its_own_currency(personas: Personas) -> None:
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="JPY")
    wholesale, retail = sold_at("16", level=Level.WHOLESALE), sold_at("3000", level=Level.RETAIL, currency="JPY")
    subscribe_fixed(personas.resellers_customer, wholesale, retail, started_on=date(2026, 10, 31))

    bill(personas.msp)
    bill(personas.reseller)

    bought, sold = Invoice.objects.get(seller=personas.msp), Invoice.objects.get(seller=personas.reseller)
    assert (bought.buyer, bought.currency, bought.net) == (personas.reseller, "EUR", Decimal("0.52"))  # 16 ÷ 31
    assert (sold.buyer, sold.currency, sold.net) == (personas.resellers_customer, "JPY", Decimal(97))  # 3000 ÷ 31 = 96.77


def test_billing_twice_writes_nothing(personas: Personas) -> None:
    subscribe_fixed(personas.direct_customer, sold_at("200", setup_fee="5"), term_months=12, started_on=date(2026, 10, 29))
    bill(personas.msp)
    before = lines()

    bill(personas.msp)

    assert lines() == before


def test_a_price_moved_inside_the_month_is_a_line_of_its_own(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), plan_name="Backup 50 GB")
    move(subscription, sold_at("62"), valid_from=date(2026, 10, 11))

    bill(personas.msp)

    told = InvoiceLine.objects.order_by("position").values_list("description", "period_start", "period_end", "net")
    assert list(told) == [
        ("Backup 50 GB, 10 of 31 days", date(2026, 10, 1), date(2026, 10, 11), Decimal(10)),
        ("Backup 50 GB, 21 of 31 days", date(2026, 10, 11), date(2026, 11, 1), Decimal(42)),
    ]


def test_a_planned_move_counts_from_its_month_and_a_withdrawn_one_never(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer)
    move(subscription, sold_at("99"), valid_from=NOVEMBER.start)
    subscription.prices.filter(price=99).update(withdrawn_at=NOVEMBER_1)
    move(subscription, sold_at("25"), valid_from=NOVEMBER.start)

    bill(personas.msp)
    bill(personas.msp, period=NOVEMBER, at=DECEMBER_1)

    assert list(Invoice.objects.order_by("period_start").values_list("net", flat=True)) == [Decimal(20), Decimal(25)]


def test_an_end_that_becomes_known_after_issuing_is_an_adjustment(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer)
    bill(personas.msp)
    issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 2), by=None)
    subscription.ended_on, subscription.status = date(2026, 10, 11), "ended"
    subscription.save(update_fields=["ended_on", "status"])

    bill(personas.msp)

    adjustment = Invoice.objects.drafts().get()
    assert adjustment.net == Decimal("-13.55")  # 6.45 less 20
    assert adjustment.lines.get().description.startswith("Adjustment: ")


def test_metered_usage_of_a_fixed_plan_is_inside_the_quota(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 1000 * GIB)

    run = bill(personas.msp)

    assert [line.item for line in InvoiceLine.objects.all()] == ["subscription"]
    assert run.rate_cards == []


def test_what_was_sold_before_the_buyers_currency_changed_stays_in_the_old_one(personas: Personas) -> None:
    customer = personas.direct_customer
    venture = factories.VentureFactory()
    plan = factories.FixedPlanFactory(venture=venture)
    before = subscribe_fixed(customer, plan=plan, ended_on=date(2026, 10, 11), status="ended")
    Organization.objects.filter(pk=customer.pk).update(currency="CHF")
    other = factories.FixedPlanFactory(venture=venture)
    after = subscribe_fixed(customer, sold_at("31", currency="CHF"), plan=other, started_on=date(2026, 10, 11))

    run = bill(personas.msp)
    bill(personas.msp)

    assert not run.parked_accounts.exists()
    told = Invoice.objects.order_by("pk").values_list("currency", "net", "lines__subscription")
    assert sorted(told) == [("CHF", Decimal(21), after.pk), ("EUR", Decimal("6.45"), before.pk)]


def test_what_is_metered_follows_the_new_currency_beside_an_issued_fixed_price(personas: Personas) -> None:
    customer = personas.direct_customer
    subscribe_fixed(customer)
    bill(personas.msp)
    issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 2), by=None)
    Organization.objects.filter(pk=customer.pk).update(currency="CHF")
    metered = subscribe(customer)
    rate_card(metered.plan.product_group)
    ExchangeRate.objects.create(base="EUR", quote="CHF", rate=Decimal("0.5"), valid_from=date(2026, 1, 1))
    use(metered, 100 * GIB)

    bill(personas.msp)

    draft = Invoice.objects.drafts().get()
    assert (draft.currency, draft.net) == ("CHF", Decimal("3.50"))  # 100 × 0.07 ÷ 2; the 20 EUR are billed already


def test_prices_of_one_sale_in_two_currencies_park_the_account(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer)
    move(subscription, sold_at("25", currency="CHF"), valid_from=date(2026, 10, 15))

    bill(personas.msp)

    reason = ParkedAccount.objects.get().reason
    assert reason == f"{subscription} has prices in CHF and EUR; end it and sell it anew in one of them."


def test_a_level_without_a_price_parks_the_account(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.resellers_customer, sold_at("16", level=Level.WHOLESALE))
    bill(personas.msp)

    bill(personas.reseller)

    reason = ParkedAccount.objects.get().reason
    assert reason == f"{subscription} has a fixed price, but none that is valid from 2026-10-01 on."


def test_a_prepaid_term_is_no_matter_of_the_month(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("20"), plan=plan)
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")

    bill(personas.msp)

    assert not InvoiceLine.objects.exists()
    assert not ParkedAccount.objects.exists()


def test_fixed_and_metered_services_of_a_buyer_are_on_one_invoice_that_sums_up(personas: Personas) -> None:
    group = factories.ProductGroupFactory()
    metered = subscribe(personas.direct_customer, factories.PlanFactory(product_group=group))
    venture = metered.plan.venture
    rate_card(group)
    use(metered, 100 * GIB)
    fixed = factories.FixedPlanFactory(product_group=group, venture=venture)
    subscribe_fixed(personas.direct_customer, sold_at("33.33", setup_fee="1.11"), plan=fixed, started_on=date(2026, 10, 9))

    bill(personas.msp)

    invoice = Invoice.objects.get()
    nets = [line.net for line in invoice.lines.all()]
    assert invoice.net == sum(nets) == Decimal("7.00") + Decimal("24.73") + Decimal("1.11")  # 33.33 × 23 ÷ 31 = 24.7287…


def test_the_number_of_queries_does_not_grow_with_fixed_subscriptions(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()

    def queries_of_a_run() -> int:
        Invoice.objects.all().delete()
        with CaptureQueriesContext(connection) as queries:
            bill(personas.msp)
        return len(queries)

    subscribe_fixed(personas.direct_customer, plan=plan)
    queries_of_a_run()
    one = queries_of_a_run()
    for _ in range(5):
        subscribe_fixed(factories.OrganizationFactory(), plan=plan)

    assert queries_of_a_run() == one


# --- How an amount came about -------------------------------------------------------------------------------------------------


def test_the_reseller_is_told_the_chain_from_list_price_to_share_of_the_month(personas: Personas) -> None:
    listed = Amounts(Decimal(240))
    steps = walk(listed, Level.WHOLESALE, partner_discount_percent=Decimal("12.5"))
    wholesale = SoldPrice(Level.WHOLESALE, "EUR", steps[-1].amounts, steps)
    subscribe_fixed(
        personas.resellers_customer,
        wholesale,
        sold_at("300", level=Level.RETAIL),
        quantity=2,
        term_months=12,
        started_on=date(2026, 10, 15),
    )
    bill(personas.msp)

    why = explain(InvoiceLine.objects.get(), personas.alice)

    assert [(price.words, price.factor, price.amount, price.per) for price in why.prices] == [
        ("List price", "", Decimal(240), "unit and 12 months"),
        ("Less partner discount", "12.5 %", Decimal(210), "unit and 12 months"),
        ("Each month of the term", "÷ 12", Decimal("17.5"), "unit and month"),
    ]
    told = {fact.label: fact.words for fact in why.facts}
    assert told["Quantity"] == "2 units × 17 of 31 days = 1.0967741935"
    assert told["What counts"] == "A fixed price, whatever is used within the quota; sold at it from 15 Oct 2026 on."


def test_a_resellers_customer_is_told_what_it_pays_and_not_what_the_reseller_does(personas: Personas) -> None:
    amounts = Amounts(Decimal(240))
    steps = walk(amounts, Level.RETAIL, markup=Markup(percent=Decimal(50)))
    retail = SoldPrice(Level.RETAIL, "EUR", steps[-1].amounts, steps)
    subscribe_fixed(personas.resellers_customer, sold_at("240", level=Level.WHOLESALE), retail, term_months=12)
    bill(personas.msp)
    bill(personas.reseller)

    why = explain(InvoiceLine.objects.get(invoice__seller=personas.reseller), personas.carol)

    assert [(price.words, price.amount, price.per) for price in why.prices] == [
        ("Sold at", Decimal(360), "unit and 12 months"),
        ("Each month of the term", Decimal(30), "unit and month"),
    ]


def test_the_pages_that_explain_a_fixed_line_can_be_read(personas: Personas, client: Client) -> None:
    subscribe_fixed(personas.direct_customer, sold_at("20", setup_fee="10"), started_on=date(2026, 10, 15))
    bill(personas.msp)
    invoice = issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 2), by=None)
    client.force_login(personas.root)

    for line in invoice.lines.all():
        page = client.get(reverse("admin:billing_invoice_explain", args=[invoice.pk, line.position]))

        assert "List price" in page.content.decode()


def test_a_month_that_makes_the_term_add_up_says_so(personas: Personas) -> None:
    subscribe_fixed(personas.direct_customer, sold_at("200"), term_months=12, started_on=date(2026, 9, 1))
    bill(personas.msp)

    line = InvoiceLine.objects.get()

    assert (line.quantity, line.unit_price, line.net) == (1, Decimal("16.66"), Decimal("16.66"))
    assert explain(line, personas.dora).facts[0].words == (
        "A fixed price, whatever is used within the quota; sold at it from 1 Sep 2026 on. "
        "2 months cost 33.33 EUR together, 16.67 EUR of it was for those before."
    )
