"""The billing run: what should be, less what is, becomes drafts."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import BillingRun, ExchangeRate, Invoice, InvoiceLine, ParkedAccount
from billing.operations import draft_rows, runs
from billing.operations.invoices import issue_invoice
from billing.operations.runs import NotACalendarMonth, PeriodNotOver, run_billing
from catalog.models import Tax
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, SERVERS, STORAGE, STORAGE_RATE, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


def bill(seller: Organization, *, period: Period = OCTOBER, at: datetime = NOVEMBER_1) -> BillingRun:
    return run_billing(seller_id=seller.pk, period=period, at=at)


def snapshot() -> list[tuple[Any, ...]]:
    """Every invoice and line there is, keys included."""
    invoices = Invoice.objects.order_by("pk").values_list("pk", "status", "net", "tax", "gross", "number")
    lines = InvoiceLine.objects.order_by("pk").values_list("pk", "invoice", "position", "quantity", "unit_price", "net")
    return [*invoices, *lines]


def test_a_direct_customer_gets_a_draft_worked_out_by_hand(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("4.5", "unit", "max")})
    use(subscription, 333 * GIB + GIB // 3)
    use(subscription, 3, item=SERVERS, unit="")

    run = bill(personas.msp)

    invoice = Invoice.objects.get()
    assert (invoice.seller, invoice.buyer, invoice.run) == (personas.msp, personas.direct_customer, run)
    assert [(line.item, line.net) for line in invoice.lines.all()] == [
        (SERVERS, Decimal("13.50")),  # 3 × 4.50
        (STORAGE, Decimal("23.33")),  # 333.3333… × 0.07 = 23.3333…
    ]
    assert (invoice.net, invoice.tax, invoice.gross) == (Decimal("36.83"), Decimal("7.00"), Decimal("43.83"))  # 19 % = 6.9977
    assert invoice.taxes == [{"name": "VAT 19 %", "percent": "19", "net": "36.83", "tax": "7"}]
    assert (run.status, run.accounts_total, run.accounts_done) == (BillingRun.Status.FINISHED, 1, 1)


def test_both_levels_are_billed_each_by_its_own_seller(personas: Personas) -> None:
    terms = {"partner_discount_percent": 20, "retail_markup_percent": 30, "retail_discount_percent": 5}
    subscription = subscribe(personas.resellers_customer, **terms)
    rate_card(subscription.plan.product_group)
    use(subscription, 1000 * GIB)

    bill(personas.msp)
    bill(personas.reseller)

    wholesale, retail = Invoice.objects.get(seller=personas.msp), Invoice.objects.get(seller=personas.reseller)
    assert (wholesale.buyer, wholesale.net) == (personas.reseller, Decimal("56.00"))  # 70 less 20 %
    assert (retail.buyer, retail.net) == (personas.resellers_customer, Decimal("69.16"))  # 56 plus 30 %, less 5 %


def test_a_resellers_lines_are_grouped_by_end_customer(personas: Personas) -> None:
    plan = factories.PlanFactory()
    rate_card(plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("1", "unit", "last")})
    zoe = factories.OrganizationFactory(name="Zoe KG", parent=personas.reseller)
    for consumer in (zoe, personas.resellers_customer):
        subscription = subscribe(consumer, plan)
        use(subscription, GIB * 100)
        use(subscription, 2, item=SERVERS, unit="")

    bill(personas.msp)

    lines = Invoice.objects.get().lines.all()
    assert [(line.position, line.subscription.consumer.name, line.item) for line in lines] == [
        (1, "Café Carol", SERVERS),
        (2, "Café Carol", STORAGE),
        (3, "Zoe KG", SERVERS),
        (4, "Zoe KG", STORAGE),
    ]


def test_billing_twice_changes_nothing(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    bill(personas.msp)
    before = snapshot()

    bill(personas.msp)

    assert snapshot() == before


def test_later_usage_changes_the_draft(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    bill(personas.msp)

    use(subscription, 200 * GIB)
    bill(personas.msp)

    invoice = Invoice.objects.get()
    assert (invoice.net, invoice.lines.get().net) == (Decimal("14.00"), Decimal("14.00"))


def test_a_draft_that_nothing_is_due_on_any_more_goes(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    bill(personas.msp)

    use(subscription, 0)
    bill(personas.msp)

    assert not Invoice.objects.exists()


def test_usage_after_issuing_becomes_an_adjustment(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    bill(personas.msp)
    issued = issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 2), by=None)

    use(subscription, 150 * GIB, days=[date(2026, 10, 31)])
    bill(personas.msp)
    bill(personas.msp)

    issued.refresh_from_db()
    adjustment = Invoice.objects.drafts().get()
    line = adjustment.lines.get()
    assert (issued.net, adjustment.net) == (Decimal("7.00"), Decimal("3.50"))
    assert line.description.startswith("Adjustment: Cloud storage")
    assert (line.quantity, line.period_start, line.period_end) == (Decimal(50), OCTOBER.start, OCTOBER.end)
    assert line.working["billed"][0]["invoices"] == [issued.number]


def test_a_corrected_price_after_issuing_takes_back_and_bills_again(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    bill(personas.msp)
    issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 11, 2), by=None)

    rate_card(subscription.plan.product_group, {STORAGE: ("0.06", "GiB", "last")}, version=2)
    bill(personas.msp)

    adjustment = Invoice.objects.drafts().get()
    assert [line.net for line in adjustment.lines.all()] == [Decimal("-7.00"), Decimal("6.00")]
    assert (adjustment.net, adjustment.tax, adjustment.gross) == (Decimal("-1.00"), Decimal("-0.19"), Decimal("-1.19"))


def test_a_service_that_starts_within_the_month_is_billed_from_that_day(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer, started_on=date(2026, 10, 22))
    rate_card(subscription.plan.product_group, {STORAGE: ("0.10", "GiB", "average")})
    use(subscription, 100 * GIB)

    bill(personas.msp)

    line = InvoiceLine.objects.get()
    assert (line.quantity, line.net) == (Decimal(100), Decimal("10.00"))
    assert (line.period_start, line.period_end) == (date(2026, 10, 22), date(2026, 11, 1))


def test_a_service_that_ran_on_no_day_is_not_billed(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer, started_on=date(2026, 10, 22), ended_on=date(2026, 10, 22), status="ended")
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)

    bill(personas.msp)

    assert not Invoice.objects.exists()


def test_an_account_without_rate_card_is_parked_and_the_run_goes_on(personas: Personas) -> None:
    without_card = factories.ProductGroupFactory(name="No card yet")
    parked = subscribe(personas.direct_customer, factories.PlanFactory(product_group=without_card))
    fine = subscribe(factories.OrganizationFactory())
    rate_card(fine.plan.product_group)
    use(parked, GIB)
    use(fine, 100 * GIB)

    run = bill(personas.msp)

    account = ParkedAccount.objects.get()
    assert (account.run, account.buyer) == (run, personas.direct_customer)
    assert account.reason == "“No card yet” has no rate card for 2026-10 nor for any month before. Import one."
    assert Invoice.objects.get().buyer == fine.consumer

    rate_card(without_card, {STORAGE: ("50", "GiB", "last")})
    bill(personas.msp)

    assert not ParkedAccount.objects.exists()
    assert Invoice.objects.get(buyer=personas.direct_customer).net == Decimal("50.00")


def test_an_account_without_exchange_rate_is_parked_until_there_is_one(personas: Personas) -> None:
    personas.direct_customer.currency = "USD"
    personas.direct_customer.save()
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 11, 1), rate=Decimal(9))

    bill(personas.msp)

    assert ParkedAccount.objects.get().reason == "There is no exchange rate from EUR to USD valid on 2026-10-31. Enter one."

    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 10, 31), rate=Decimal("1.1"))
    bill(personas.msp)

    invoice = Invoice.objects.get()
    assert (invoice.currency, invoice.net) == ("USD", Decimal("7.70"))
    assert not ParkedAccount.objects.exists()


def test_a_rate_in_the_wrong_unit_parks_the_account(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, {SERVERS: ("1", "GiB", "last")})
    use(subscription, 3, item=SERVERS, unit="")

    bill(personas.msp)

    assert "pg_base_servers per GiB, but it is metered in units" in ParkedAccount.objects.get().reason


def test_an_account_that_the_database_refuses_is_parked_alone(personas: Personas) -> None:
    plan = factories.PlanFactory()
    rate_card(plan.product_group, {STORAGE: ("99999999999", "GiB", "last")})
    huge, small = subscribe(personas.direct_customer, plan), subscribe(factories.OrganizationFactory(), plan)
    use(huge, 10**7 * GIB)  # more money than a column holds
    use(small, GIB)

    bill(personas.msp)

    assert "failed unexpectedly" in ParkedAccount.objects.get(buyer=huge.consumer).reason
    assert [invoice.buyer for invoice in Invoice.objects.all()] == [small.consumer]


def test_the_latest_version_of_the_month_counts(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    rate_card(subscription.plan.product_group, {STORAGE: ("0.08", "GiB", "last")}, version=2)
    use(subscription, 100 * GIB)

    run = bill(personas.msp)

    assert Invoice.objects.get().net == Decimal("8.00")
    assert run.rate_cards == ["Cyber Protect 2026-10, version 2"]


def test_without_a_card_of_the_month_the_latest_before_counts_and_is_named(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, month=date(2026, 8, 1))
    rate_card(subscription.plan.product_group, {STORAGE: ("0.09", "GiB", "last")}, month=date(2026, 11, 1))
    use(subscription, 100 * GIB)

    run = bill(personas.msp)

    sentence = "Cyber Protect 2026-08, version 1; there is none for 2026-10"
    assert run.rate_cards == [sentence]
    assert InvoiceLine.objects.get().working["rate"]["sentence"] == sentence


def test_usage_without_a_rate_is_told_by_the_run_and_not_billed(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    use(subscription, 100 * GIB, item="total_storage", edition="")

    run = bill(personas.msp)

    assert run.unrated == [["total_storage", ""]]
    assert Invoice.objects.get().net == Decimal("7.00")


def test_yen_are_rounded_to_whole_yen(personas: Personas) -> None:
    personas.direct_customer.currency = "JPY"
    personas.direct_customer.save()
    ExchangeRate.objects.create(base="EUR", quote="JPY", valid_from=date(2026, 1, 1), rate=Decimal("160.55"))
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)

    bill(personas.msp)

    invoice = Invoice.objects.get()
    assert (invoice.net, invoice.tax, invoice.gross) == (1124, 214, 1338)  # 1123.85; 19 % of 1124 = 213.56


def test_several_taxes_are_each_taken_once_on_the_sum_of_nets(personas: Personas) -> None:
    taxes = [Tax.objects.create(name="GST 5 %", percent=5), Tax.objects.create(name="PST 7 %", percent=7)]
    plan = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="Canada", taxes=taxes))
    subscription = subscribe(personas.direct_customer, plan)
    rate_card(plan.product_group, {STORAGE: ("0.333", "GiB", "last"), SERVERS: ("0.333", "unit", "last")})
    use(subscription, GIB)
    use(subscription, 1, item=SERVERS, unit="")

    bill(personas.msp)

    invoice = Invoice.objects.get()
    assert [(tax["name"], tax["net"], tax["tax"]) for tax in invoice.taxes] == [
        ("GST 5 %", "0.66", "0.03"),
        ("PST 7 %", "0.66", "0.05"),
    ]
    assert (invoice.net, invoice.gross) == (Decimal("0.66"), Decimal("0.74"))
    assert {line.tax_percent for line in invoice.lines.all()} == {Decimal(12)}


def test_a_month_that_is_not_over_where_the_seller_lives_is_refused(personas: Personas) -> None:
    last_evening = datetime(2026, 10, 31, 22, 59, tzinfo=UTC)  # 23:59 in Berlin, on winter time since the 25th

    with pytest.raises(PeriodNotOver, match="can be billed from 2026-11-01 on"):
        bill(personas.msp, at=last_evening)

    assert bill(personas.msp, at=datetime(2026, 10, 31, 23, 0, tzinfo=UTC)).status == BillingRun.Status.FINISHED


def test_only_calendar_months_are_billed(personas: Personas) -> None:
    with pytest.raises(NotACalendarMonth):
        bill(personas.msp, period=Period(date(2026, 10, 1), date(2026, 10, 15)))


def test_killed_between_two_accounts_a_rerun_completes(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "SUBSCRIPTIONS_PER_BATCH", 1)
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    for consumer in factories.OrganizationFactory.create_batch(3):
        use(subscribe(consumer, plan), 100 * GIB)
    write, written = draft_rows.write, 0

    def killed_at_the_second(*args: Any, **kwargs: Any) -> None:
        nonlocal written
        written += 1
        write(*args, **kwargs)
        if written == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(draft_rows, "write", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        bill(personas.msp)
    assert (Invoice.objects.count(), BillingRun.objects.get().status) == (1, BillingRun.Status.RUNNING)

    run = bill(personas.msp)

    assert (run.status, run.accounts_done) == (BillingRun.Status.FINISHED, 3)
    assert [invoice.net for invoice in Invoice.objects.all()] == [Decimal("7.00")] * 3


class Collector:
    """The garbage collector, as far as a run speaks to it."""

    def __init__(self, frozen: int = 0) -> None:
        self.frozen = frozen
        self.told: list[str] = []

    def get_freeze_count(self) -> int:
        return self.frozen

    def freeze(self) -> None:
        self.frozen = 1
        self.told.append("freeze")

    def unfreeze(self) -> None:
        self.frozen = 0
        self.told.append("unfreeze")


@pytest.mark.parametrize(("frozen", "told"), [(0, ["freeze", "unfreeze"]), (7, [])], ids=["by the run", "by somebody before"])
def test_garbage_is_looked_for_everywhere_again_after_a_run_even_one_that_stops(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, frozen: int, told: list[str]
) -> None:
    collector, frozen_while_writing = Collector(frozen), []

    def stopped(*args: Any, **kwargs: Any) -> None:
        frozen_while_writing.append(collector.frozen > 0)
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "gc", collector)
    monkeypatch.setattr(draft_rows, "write", stopped)
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    use(subscribe(personas.direct_customer, plan), 100 * GIB)

    with pytest.raises(KeyboardInterrupt):
        bill(personas.msp)

    assert frozen_while_writing == [True]
    assert (collector.told, collector.frozen) == (told, frozen)


def test_the_number_of_queries_does_not_grow_with_accounts_or_usage(personas: Personas) -> None:
    def queries_of_a_run() -> int:
        Invoice.objects.all().delete()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            bill(personas.msp)
        return len(queries)

    plan = factories.PlanFactory()
    rate_card(plan.product_group, {STORAGE: STORAGE_RATE, SERVERS: ("1", "unit", "last")})
    use(subscribe(factories.OrganizationFactory(), plan), GIB, days=[date(2026, 10, 31)])
    bill(personas.msp)
    few = queries_of_a_run()
    for consumer in factories.OrganizationFactory.create_batch(5):
        subscription = subscribe(consumer, plan)
        use(subscription, GIB)
        use(subscription, 2, item=SERVERS, unit="")

    assert queries_of_a_run() == few
    assert Invoice.objects.count() == 6


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(levels=st.lists(st.integers(min_value=0, max_value=10**15), min_size=1, max_size=3))
def test_whatever_was_used_billing_twice_changes_nothing_and_sums_add_up(personas: Personas, levels: list[int]) -> None:
    plan = factories.PlanFactory()
    rate_card(factories.ProductGroupFactory(name=f"Group of {plan.number}"))
    plan.product_group = factories.ProductGroupFactory(name=f"Group of {plan.number}")
    plan.save()
    consumer = factories.OrganizationFactory()
    subscription = subscribe(consumer, plan)
    for number, level in enumerate(levels):
        use(subscription, level, item=f"{STORAGE}_{number}", days=[date(2026, 10, 31)])
    rate_card(plan.product_group, {f"{STORAGE}_{number}": STORAGE_RATE for number in range(len(levels))}, version=2)

    bill(personas.msp)
    before = snapshot()
    bill(personas.msp)

    assert snapshot() == before
    for invoice in Invoice.objects.filter(buyer=consumer):
        assert invoice.net == sum(line.net for line in invoice.lines.all())
        assert invoice.gross == invoice.net + sum(Decimal(tax["tax"]) for tax in invoice.taxes)


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_make_one_result(personas: Personas) -> None:
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    for consumer in factories.OrganizationFactory.create_batch(3):
        use(subscribe(consumer, plan), 100 * GIB, days=[date(2026, 10, 31)])
    errors: list[BaseException] = []
    both_ready = threading.Barrier(2)

    def run() -> None:
        try:
            both_ready.wait(timeout=30)
            bill(personas.msp)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert errors == []
    assert [invoice.net for invoice in Invoice.objects.all()] == [Decimal("7.00")] * 3
    assert BillingRun.objects.get().status == BillingRun.Status.FINISHED
    assert not ParkedAccount.objects.exists()
