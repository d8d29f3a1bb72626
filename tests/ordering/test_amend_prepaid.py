"""Changes of what is paid in advance: paid first where they cost more, given back where they cost less."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.operations import renewals, subscriptions
from billing.operations.payments import record_payment
from ordering.amendment_terms import AmendmentWish
from ordering.operations import amendments, orders, prepayment
from ordering.operations.refusals import NotForSale
from ordering.queries.amendments import choices
from tests import factories
from tests.ordering.amend import LATER, execute, subscribed
from tests.ordering.conftest import AT

pytestmark = pytest.mark.django_db


@pytest.fixture
def year(shop, vendor_answers):
    """A prepaid year of one unit, 200 EUR and 10 EUR once, from 1 October on; invoiced and paid."""
    vendor_answers(*[None] * 9)
    plan = shop.fixed_plan(name="Backup 50 GB", billing_model="prepaid")
    subscription = subscribed(plan, shop.personas.direct_customer, term_months=12)
    renewals.renew(subscription_id=subscription.pk, at=AT)
    (invoice,) = invoices(subscription)
    assert invoice.net == 210
    pay(invoice)
    return subscription


def invoices(subscription):
    return list(Invoice.objects.filter(buyer=subscription.consumer).order_by("pk"))


def order(subscription, kind, *, at=LATER, **facts):
    wish = AmendmentWish(kind, **facts)
    quote = amendments.quote_amendment(subscription_id=subscription.pk, wish=wish, reader=subscription.consumer, at=at)
    made = amendments.place_amendment(
        subscription_id=subscription.pk,
        wish=wish,
        quote_seen=quote.fingerprint,
        reader=subscription.consumer,
        source="storefront",
        key=uuid4(),
        by=factories.UserFactory(),
        at=at,
    )
    return quote.own, made


def go_on(order, *, at=LATER):
    prepayment.go_on(order_id=order.pk, at=at)
    order.refresh_from_db()


def pay(invoice):
    record_payment(
        key=uuid4(),
        seller=invoice.seller,
        buyer=invoice.buyer,
        currency=invoice.currency,
        amount=invoice.gross,
        received_on=LATER.date(),
        method="bank_transfer",
        reference=invoice.number,
        note="",
        by=None,
        at=LATER,
    )


def total(subscription):
    """What all documents say of the subscription, its lines in advance included."""
    return sum(line.net for line in InvoiceLine.objects.filter(invoice__buyer=subscription.consumer, part__startswith="term:"))


def test_more_is_invoiced_first_and_carried_out_once_that_is_paid(year):
    cost, made = order(year, "quantity", quantity=2)
    assert made.status == "awaiting_payment"
    go_on(made)
    go_on(made)
    (_, invoice) = invoices(year)
    assert (invoice.kind, invoice.net) == ("advance", cost.due_now)
    assert cost.due_now == round(Decimal(200) * 351 / 365, 2)  # from 15 October to the end of September
    year.refresh_from_db()
    assert year.quantity == 1

    pay(invoice)
    go_on(made)
    line = execute(made.lines.get())

    assert line.status == "completed"
    year.refresh_from_db()
    assert year.quantity == 2
    assert len(invoices(year)) == 2  # nothing more is due on the same day


def test_paid_a_week_later_the_days_in_between_are_given_back(year):
    cost, made = order(year, "quantity", quantity=2)
    go_on(made)
    pay(invoices(year)[-1])
    week = LATER + timedelta(days=7)
    go_on(made, at=week)

    execute(made.lines.get(), at=week)

    assert [invoice.net < 0 for invoice in invoices(year)] == [False, False, True]
    one_unit, two_units = round(Decimal(200) * 21 / 365, 2), round(Decimal(400) * 344 / 365, 2)
    assert total(year) == 10 + one_unit + two_units
    assert cost.due_now > total(year) - 210


def test_less_is_carried_out_at_once_and_given_back(shop, vendor_answers):
    vendor_answers(None)
    plan = shop.fixed_plan(name="Backup 50 GB", billing_model="prepaid")
    two = subscribed(plan, shop.personas.direct_customer, quantity=2, term_months=12)
    renewals.renew(subscription_id=two.pk, at=AT)

    cost, made = order(two, "quantity", quantity=1)
    execute(made.lines.get())

    assert made.status == "executing"
    assert (cost.due_now, cost.credited) == (0, round(Decimal(200) * 351 / 365, 2))
    assert invoices(two)[-1].net == -cost.credited


def test_cancelled_now_the_unused_days_are_given_back(year):
    cost, made = order(year, "cancel", ends="now")
    execute(made.lines.get())

    assert cost.credited == round(Decimal(200) * 350 / 365, 2)
    assert total(year) == 210 - cost.credited


def test_cancelled_at_the_end_of_the_term_nothing_is_given_back_and_nothing_renewed(year):
    cost, made = order(year, "cancel", ends="at_end_of_term")
    execute(made.lines.get())
    renewals.renew_due(at=LATER + timedelta(days=345))

    year.refresh_from_db()
    assert year.cancels_on == date(2027, 10, 1)
    assert (cost.credited, total(year)) == (0, 210)


def test_another_ventures_plan_is_not_offered_because_its_invoices_are_others(shop, year):
    other = shop.fixed_plan(
        name="Backup 200 GB", billing_model="prepaid", venture=factories.VentureFactory(name="Other unit", invoice_series="OU")
    )
    own = shop.fixed_plan(
        name="Backup 100 GB", billing_model="prepaid", venture=year.plan.venture, product_group=year.plan.product_group
    )
    other.product_group = year.plan.product_group
    other.save()

    offered = [one.plan for one in choices(year, reader=year.consumer, at=LATER).plans]

    assert offered == [own]
    with pytest.raises(NotForSale, match="is invoiced by Other unit, not"):
        order(year, "plan", plan=other)


def test_given_up_while_it_waits_for_the_payment_its_invoice_is_credited(year):
    _, made = order(year, "quantity", quantity=2)
    go_on(made)
    invoice = invoices(year)[-1]

    orders.cancel_order(order_id=made.pk, by=None, at=LATER)
    prepayment.sweep(at=LATER)

    assert CreditNote.objects.get().gross == invoice.gross
    assert order(year, "quantity", quantity=3)[1].status == "awaiting_payment"  # another one may follow


def test_ended_while_it_waits_for_the_payment_it_is_given_up_and_credited(year):
    _, made = order(year, "quantity", quantity=2)
    go_on(made)
    subscriptions.end_subscription(subscription_id=year.pk, at=LATER, by=None)

    amendments.give_up_outlived(at=LATER)
    prepayment.sweep(at=LATER)

    made.refresh_from_db()
    assert made.status == "cancelled"
    assert CreditNote.objects.count() == 1
