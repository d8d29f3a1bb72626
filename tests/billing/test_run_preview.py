"""A run beside the month before, and what its hold rules look at."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Organization
from billing.holding import Flag, Rules
from billing.models import BillingRun, ExchangeRate, Invoice, ParkedAccount
from billing.operations.credit_notes import issue_credit_note
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from billing.queries import run_preview
from billing.queries.hold_facts import drafts_with_facts
from billing.queries.run_preview import Row, compared
from common.periods import Period
from tests import factories
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, STORAGE_RATE, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
SEPTEMBER = Period(date(2026, 9, 1), date(2026, 10, 1))
SEPTEMBER_30, OCTOBER_31 = [date(2026, 9, 30)], [date(2026, 10, 31)]


@pytest.fixture
def plan(db: None) -> Any:
    plan = factories.PlanFactory()
    rate_card(plan.product_group, month=SEPTEMBER.start)
    return plan


def buyer_of(plan: Any, name: str, *, september: int = 0, october: int = 0, **facts: Any) -> Organization:
    """A buyer with so many GiB at the end of each month, at 0.07 EUR."""
    buyer = factories.OrganizationFactory(name=name, **facts)
    subscription = subscribe(buyer, plan, started_on=SEPTEMBER.start)
    for days, gib in ((SEPTEMBER_30, september), (OCTOBER_31, october)):
        if gib:
            use(subscription, gib * GIB, days=days)
    return buyer


def bill(seller: Organization, *, period: Period = OCTOBER) -> BillingRun:
    return run_billing(seller_id=seller.pk, period=period, at=NOVEMBER_1)


def rows_of(run: BillingRun) -> dict[str, Row]:
    return {row.name: row for row in compared(run)}


def test_each_buyer_stands_beside_its_last_month_with_what_stands_out(personas: Personas, plan: Any) -> None:
    for name, september, october in (("Same", 100, 110), ("More", 100, 130), ("Gone", 100, 0), ("New", 0, 100)):
        buyer_of(plan, name, september=september, october=october)
    bill(personas.msp, period=SEPTEMBER)
    issue_invoice(invoice_id=Invoice.objects.get(buyer__name="Same").pk, on=date(2026, 10, 1), by=None)

    rows = rows_of(bill(personas.msp))

    told = {name: (row.last, row.now, row.difference, row.percent, row.flags) for name, row in rows.items()}
    assert told == {
        "Same": (Decimal("7.00"), Decimal("7.70"), Decimal("0.70"), Decimal(10), frozenset()),
        "More": (Decimal("7.00"), Decimal("9.10"), Decimal("2.10"), Decimal(30), {Flag.CHANGED}),
        "Gone": (Decimal("7.00"), None, Decimal("-7.00"), None, {Flag.GONE}),
        "New": (None, Decimal("7.00"), Decimal("7.00"), None, {Flag.NEW}),
    }
    assert rows["Gone"].drafts == ()
    assert rows["New"].drafts == (Invoice.objects.get(buyer__name="New").pk,)


def test_what_was_credited_and_is_billed_again_counts_once(personas: Personas, plan: Any) -> None:
    buyer_of(plan, "Again", september=100, october=100)
    for period in (SEPTEMBER, OCTOBER):
        bill(personas.msp, period=period)
    for invoice in Invoice.objects.drafts():
        issue_invoice(invoice_id=invoice.pk, on=date(2026, 11, 1), by=None)
        issue_credit_note(
            invoice_id=invoice.pk,
            lines=None,
            reason="Wrong address",
            bills_again=invoice.period_start == OCTOBER.start,
            on=date(2026, 11, 2),
            by=None,
            at=NOVEMBER_1,
        )

    row = rows_of(bill(personas.msp))["Again"]

    assert (row.now, row.last) == (Decimal("7.00"), Decimal(0))


def test_the_threshold_is_the_runs_own(personas: Personas, plan: Any) -> None:
    buyer_of(plan, "More", september=100, october=130)
    bill(personas.msp, period=SEPTEMBER)
    run = bill(personas.msp)
    run.rules = Rules(flag_percent=Decimal(31)).as_json()

    assert rows_of(run)["More"].flags == frozenset()


def test_a_parked_account_without_invoice_is_there_with_its_reason(personas: Personas, plan: Any) -> None:
    buyer_of(factories.PlanFactory(product_group=factories.ProductGroupFactory(name="No card")), "Parked", october=5)

    row = rows_of(bill(personas.msp))["Parked"]

    assert (row.now, row.last, row.flags) == (None, None, {Flag.PARKED})
    assert "has no rate card" in row.parked_for


def test_who_used_something_without_a_rate_is_marked_and_nobody_else(personas: Personas, plan: Any) -> None:
    buyer_of(plan, "Rated", october=100)
    other = buyer_of(plan, "Unrated", october=100)
    use(other.subscriptions.get(), GIB, item="total_storage", edition="", days=OCTOBER_31)
    use(subscribe(personas.resellers_customer, plan), GIB, item="total_storage", edition="", days=OCTOBER_31)

    run = bill(personas.msp)

    assert run_preview.buyers_with_unrated_use(run) == {other.pk, personas.reseller.pk}
    assert rows_of(run)["Rated"].flags == {Flag.NEW}
    assert rows_of(run)["Unrated"].flags == {Flag.NEW, Flag.UNRATED}
    assert run_preview.buyers_with_unrated_use(bill(personas.reseller)) == {personas.resellers_customer.pk}


def test_currencies_are_compared_and_summed_apart(personas: Personas, plan: Any) -> None:
    ExchangeRate.objects.create(base="EUR", quote="USD", valid_from=date(2026, 1, 1), rate=Decimal(2))
    buyer_of(plan, "Euro", september=100, october=200)
    buyer_of(plan, "Dollar", october=100, currency="USD")
    bill(personas.msp, period=SEPTEMBER)

    rows = compared(bill(personas.msp))

    sums = [(one.currency, one.buyers, one.last, one.now, one.percent) for one in run_preview.sums(rows)]
    assert sums == [
        ("EUR", 1, Decimal("7.00"), Decimal("14.00"), Decimal(100)),
        ("USD", 1, Decimal(0), Decimal("14.00"), None),
    ]
    assert [row.name for row in run_preview.narrowed(rows, currency="USD")] == ["Dollar"]
    assert [row.name for row in run_preview.narrowed(rows, search="eUr")] == ["Euro"]
    assert [row.name for row in run_preview.narrowed(rows, flag="changed")] == ["Euro"]
    assert [row.name for row in run_preview.in_order(rows, "percent")] == ["Dollar", "Euro"]
    assert [row.name for row in run_preview.in_order(rows, "-last")] == ["Euro", "Dollar"]
    assert run_preview.counts(rows) == {Flag.NEW: 1, Flag.CHANGED: 1}


def test_the_number_of_queries_does_not_grow_with_accounts(personas: Personas, plan: Any, django_assert_num_queries: Any) -> None:
    rules = Rules(change_percent=Decimal(1), new_customers=True, adjustments=True, unrated=True)

    def asked(count: int) -> BillingRun:
        for number in range(count):
            buyer = buyer_of(plan, f"Buyer {number}", september=1, october=2)
            use(buyer.subscriptions.get(), GIB, item="total_storage", edition="", days=OCTOBER_31)
        run = BillingRun.objects.select_related("seller").get(pk=bill(personas.msp).pk)
        with django_assert_num_queries(5):  # parked accounts, amounts, credit notes, names, use without rate
            compared(run)
        with django_assert_num_queries(6):  # amounts, credit notes, drafts, known buyers, corrections, use without rate
            drafts_with_facts(run, rules)
        return run

    asked(1)
    run = asked(5)

    assert len(compared(run)) == 6


def test_the_rules_see_new_buyers_corrections_and_the_whole_month(personas: Personas, plan: Any) -> None:
    old, new = buyer_of(plan, "Old", september=100, october=100), buyer_of(plan, "New", october=100)
    bill(personas.msp, period=SEPTEMBER)
    issue_invoice(invoice_id=Invoice.objects.get().pk, on=date(2026, 10, 1), by=None)
    bill(personas.msp)
    issue_invoice(invoice_id=Invoice.objects.get(buyer=old, status="draft").pk, on=date(2026, 11, 1), by=None)
    use(old.subscriptions.get(), 150 * GIB, days=OCTOBER_31)
    run = bill(personas.msp)

    everything = Rules(new_customers=True, adjustments=True, unrated=True)
    facts = {Invoice.objects.get(pk=draft.pk).buyer: draft.facts for draft in drafts_with_facts(run, everything)}

    assert (facts[old].net, facts[old].now, facts[old].last) == (Decimal("3.50"), Decimal("10.50"), Decimal("7.00"))
    assert (facts[old].is_new, facts[old].has_adjustments) == (False, True)
    assert (facts[new].is_new, facts[new].has_adjustments, facts[new].last) == (True, False, None)
    assert [draft.facts.currency for draft in drafts_with_facts(run, everything, buyers=[new.pk])] == ["EUR"]


def test_a_card_of_another_group_that_lacks_the_item_marks_nobody_who_is_billed_for_it(personas: Personas, plan: Any) -> None:
    other = factories.PlanFactory(product_group=factories.ProductGroupFactory(name="Without storage"))
    rate_card(other.product_group, {"pg_base_servers": STORAGE_RATE}, month=SEPTEMBER.start)
    billed, missing = buyer_of(plan, "Billed", october=10), buyer_of(other, "Missing", october=10)

    run = bill(personas.msp)

    assert run_preview.buyers_with_unrated_use(run) == {missing.pk}
    assert not ParkedAccount.objects.exists()
    assert Invoice.objects.get().buyer == billed
