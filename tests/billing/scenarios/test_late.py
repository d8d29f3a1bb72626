"""What comes or changes after a month was billed is on the next month's invoice, with its own dates, once."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.models import Organization
from billing.models import BillingRun, Invoice, InvoiceLine, ParkedAccount, RateCard, Subscription
from billing.operations.credit_notes import issue_credit_note
from billing.operations.phases import begin_phase
from billing.operations.runs import bill_accounts
from tests import factories
from tests.billing.making import GIB, OCTOBER, SERVERS, STORAGE, move, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.billing.scenarios.figures import total
from tests.billing.scenarios.scenes import (
    DECEMBER_1,
    NOVEMBER,
    NOVEMBER_10,
    bill,
    billed_and_issued,
    issue_drafts,
    mark,
    rows,
    told,
)
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
LAST_OF_OCTOBER, LAST_OF_NOVEMBER = date(2026, 10, 31), date(2026, 11, 30)


def used(consumer: Organization, gib: int = 100) -> Subscription:
    """Pays 0.07 EUR a GiB; so much in October."""
    subscription = subscribe(consumer)
    if not RateCard.objects.exists():
        rate_card(subscription.plan.product_group)
    use(subscription, gib * GIB, days=[LAST_OF_OCTOBER])
    return subscription


def late_card(price: str, *, month: date = OCTOBER.start, version: int = 1) -> None:
    """A card that came on 10 November."""
    group = factories.ProductGroupFactory(name="Cyber Protect")
    rate_card(group, {STORAGE: (price, "GiB", "last")}, month=month, version=version, imported_at=NOVEMBER_10)


@pytest.mark.parametrize(("gib", "difference"), [(150, "3.50"), (80, "-1.40"), (0, "-7.00")], ids=["more", "less", "nothing"])
def test_a_reading_changed_after_issuing_is_adjusted_on_the_next_invoice_once(
    personas: Personas, gib: int, difference: str
) -> None:
    subscription = used(personas.direct_customer)
    issued = billed_and_issued(personas.msp)
    use(subscription, gib * GIB, days=[LAST_OF_OCTOBER])
    use(subscription, 200 * GIB, days=[LAST_OF_NOVEMBER])
    mark(subscription)

    bill(personas.msp, NOVEMBER)

    adjustment, own = told(NOVEMBER)
    assert adjustment == (STORAGE, OCTOBER.start, OCTOBER.end, Decimal(difference))
    assert own == (STORAGE, NOVEMBER.start, NOVEMBER.end, Decimal("14.00"))
    draft = Invoice.objects.drafts().get()
    assert (draft.net, draft.tax, draft.gross) == total([Decimal(difference), Decimal(14)], "EUR")
    assert draft.lines.first().working["billed"][0]["invoices"] == [issued.number]
    before = rows()

    bill(personas.msp, at=DECEMBER_1)
    bill(personas.msp, NOVEMBER)
    bill(personas.msp, NOVEMBER)

    assert rows() == before


def test_a_reading_changed_once_more_changes_the_adjustment_on_the_draft(personas: Personas) -> None:
    subscription = used(personas.direct_customer)
    billed_and_issued(personas.msp)
    use(subscription, 150 * GIB, days=[LAST_OF_OCTOBER])
    mark(subscription)
    bill(personas.msp, NOVEMBER)
    use(subscription, 100 * GIB, days=[LAST_OF_OCTOBER])
    mark(subscription, at=DECEMBER_1)

    bill(personas.msp, NOVEMBER)

    assert not Invoice.objects.drafts().exists()


def test_a_corrected_card_of_an_old_month_is_billed_on_the_next_invoice(personas: Personas) -> None:
    used(personas.direct_customer)
    billed_and_issued(personas.msp)
    late_card("0.06", version=2)

    bill(personas.msp, NOVEMBER)

    assert [net for *_, net in told(NOVEMBER)] == [Decimal("-7.00"), Decimal("6.00")]
    before = rows()
    bill(personas.msp, at=DECEMBER_1)
    bill(personas.msp, NOVEMBER)
    assert rows() == before


def test_a_corrected_card_reaches_who_moved_to_a_plan_of_another_group_since(personas: Personas) -> None:
    subscription = used(personas.direct_customer)
    old = subscription.plan.product_group
    billed_and_issued(personas.msp)
    other = factories.ProductGroupFactory(name="Other group")
    rate_card(other, month=NOVEMBER.start)
    plan = factories.PlanFactory(product_group=other, service_manager=subscription.plan.service_manager)
    begin_phase(subscription_id=subscription.pk, valid_from=NOVEMBER.start, plan=plan, at=NOVEMBER_10, by=None)
    late_card("0.08", version=2)

    bill(personas.msp, NOVEMBER)

    assert sum(net for *_, net in told(NOVEMBER)) == Decimal("1.00")
    assert {line.product_group for line in InvoiceLine.objects.filter(invoice__status="draft")} == {old}


def test_a_corrected_card_of_a_month_counts_for_later_months_that_have_none(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    group = subscription.plan.product_group
    rate_card(group, month=date(2026, 8, 1))
    use(subscription, 100 * GIB, days=[LAST_OF_OCTOBER])
    billed_and_issued(personas.msp)
    late_card("0.08", month=date(2026, 8, 1), version=2)
    late_card("0.99", month=date(2026, 7, 1))  # counts for no month that was billed

    bill(personas.msp, NOVEMBER)

    assert [net for *_, net in told(NOVEMBER)] == [Decimal("-7.00"), Decimal("8.00")]


@pytest.mark.parametrize("again", [True, False])
def test_what_was_credited_is_billed_by_the_next_run_only_if_that_was_wished(personas: Personas, again: bool) -> None:
    subscription = used(personas.direct_customer)
    invoice = billed_and_issued(personas.msp)
    issue_credit_note(
        key=uuid4(),
        invoice_id=invoice.pk,
        lines=None,
        reason="Wrong address",
        bills_again=again,
        on=NOVEMBER_10.date(),
        by=None,
        at=NOVEMBER_10,
    )
    use(subscription, 10 * GIB, days=[LAST_OF_NOVEMBER])

    bill(personas.msp, NOVEMBER)
    bill(personas.msp, at=DECEMBER_1)
    bill(personas.msp, NOVEMBER)

    billed_again = [(STORAGE, OCTOBER.start, OCTOBER.end, Decimal("7.00"))] if again else []
    assert told(NOVEMBER) == [*billed_again, (STORAGE, NOVEMBER.start, NOVEMBER.end, Decimal("0.70"))]


# --- Accounts that wait -------------------------------------------------------------------------------------------------------


def test_a_parked_account_is_billed_alone_once_its_card_is_there(personas: Personas) -> None:
    group = factories.ProductGroupFactory(name="No card yet")
    parked = subscribe(personas.direct_customer, factories.PlanFactory(product_group=group))
    use(parked, 5, item=SERVERS, unit="", days=[LAST_OF_OCTOBER])
    other = used(factories.OrganizationFactory())
    run = bill(personas.msp)
    assert [one.buyer for one in ParkedAccount.objects.all()] == [personas.direct_customer]
    before = rows()
    rate_card(group, {SERVERS: ("4.5", "unit", "max")})

    bill_accounts(run.pk, [personas.direct_customer.pk], at=NOVEMBER_10)
    bill_accounts(run.pk, [personas.direct_customer.pk], at=NOVEMBER_10)

    assert not ParkedAccount.objects.exists()
    assert {invoice.buyer: invoice.gross for invoice in Invoice.objects.all()} == {
        personas.direct_customer: Decimal("26.78"),  # 5 × 4.50, and 19 %: 4.275
        other.consumer: Decimal("8.33"),
    }
    after = rows()
    assert all(row in after for row in before)


def test_a_reseller_whose_own_cost_is_unknown_is_parked_until_it_is_known_or_allowed(personas: Personas) -> None:
    used(personas.resellers_customer)

    bill(personas.reseller)

    assert "its own cost is not known yet" in ParkedAccount.objects.get().reason
    assert not Invoice.objects.exists()

    bill(personas.reseller, allows_unknown_cost=True)

    assert not ParkedAccount.objects.exists()
    assert [(invoice.seller, invoice.net) for invoice in Invoice.objects.all()] == [(personas.reseller, Decimal("7.00"))]


def test_a_reseller_bills_as_soon_as_the_msp_has_billed_it(personas: Personas) -> None:
    used(personas.resellers_customer)
    bill(personas.reseller)
    bill(personas.msp)

    bill(personas.reseller)

    assert not ParkedAccount.objects.exists()
    assert BillingRun.objects.count() == 2
    assert {invoice.seller for invoice in Invoice.objects.all()} == {personas.msp, personas.reseller}


# --- Drafts that stand --------------------------------------------------------------------------------------------------------


def test_a_draft_follows_its_buyer_to_another_reason_for_paying_no_tax(personas: Personas) -> None:
    customer = personas.direct_customer
    used(customer)
    Organization.objects.filter(pk=customer.pk).update(tax_treatment="exempt", tax_exemption_reason="Order of St John")
    bill(personas.msp)
    line = InvoiceLine.objects.get()
    Organization.objects.filter(pk=customer.pk).update(tax_exemption_reason="Embassy")

    bill(personas.msp)

    draft = Invoice.objects.get()
    assert (draft.tax_category, draft.tax_note, draft.net, draft.gross) == ("E", "Embassy", 7, 7)
    assert draft.lines.get().net == line.net


def test_a_fixed_price_is_taken_back_in_the_currency_it_was_billed_in(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("3000", currency="JPY"))
    bill(personas.msp)
    issue_drafts()
    Subscription.objects.filter(pk=subscription.pk).update(status="ended", ended_on=OCTOBER.start)

    bill(personas.msp)

    draft = Invoice.objects.drafts().get()
    assert (draft.currency, draft.net) == ("JPY", -3000)


def test_a_planned_price_of_the_old_plan_goes_when_the_plan_changes(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"))
    move(subscription, sold_at("310"), valid_from=date(2026, 10, 20))
    plan = factories.FixedPlanFactory(service_manager=subscription.plan.service_manager)
    begin_phase(
        subscription_id=subscription.pk, valid_from=date(2026, 10, 11), plan=plan, prices=[sold_at("62")], at=NOVEMBER_10, by=None
    )

    bill(personas.msp)

    assert [net for *_, net in told()] == [Decimal(10), Decimal(42)]
