"""Prepaid orders: invoiced first, carried out once the MSP's invoice is paid, credited where they are cancelled."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from post_office.models import Email

from accounts.models import Organization
from billing.models import CreditNote, Invoice, Payment
from billing.operations.credit_notes import issue_credit_note
from billing.operations.payments import record_payment
from catalog.models import Plan
from common.errors import FieldRefused
from ordering import emails
from ordering.models import Order
from ordering.operations import orders, prepayment
from provisioning.models import TenantUser
from tests.conftest import Personas
from tests.ordering.conftest import Shop

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def plan(shop: Shop) -> Plan:
    """Prepaid: 20 EUR a month, 200 EUR a year, 10 EUR once."""
    return shop.fixed_plan(billing_model="prepaid")


def order_of(consumer: Organization, plan: Plan, personas: Personas, **facts: Any) -> Order:
    return orders.create_order(
        key=uuid4(),
        consumer=consumer,
        plan=plan,
        login=f"jane.{consumer.pk}",
        email="jane@example.com",
        role=TenantUser.Role.COMPANY_ADMINISTRATOR,
        by=personas.root,
        at=AT,
        **facts,
    )


def executed(order: Order, personas: Personas) -> Order:
    orders.execute_order(order_id=order.pk, by=personas.root, at=AT)
    prepayment.go_on(order_id=order.pk, at=AT)
    order.refresh_from_db()
    return order


def pay(invoice: Invoice, amount: Decimal | None = None) -> Payment:
    return record_payment(
        key=uuid4(),
        seller=invoice.seller,
        buyer=invoice.buyer,
        currency=invoice.currency,
        amount=amount or invoice.gross,
        received_on=date(2026, 11, 22),
        method="bank_transfer",
        reference=invoice.number or "",
        note="",
        by=None,
        at=AT,
    )


def test_an_order_waits_for_its_invoice_to_be_paid_and_goes_on_then(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas, term_months=12), personas)
    assert order.status == "awaiting_payment"
    invoice = Invoice.objects.get()
    assert (invoice.kind, invoice.status, invoice.net) == ("advance", "issued", Decimal(210))  # the year and the setup fee

    pay(invoice, invoice.gross - 1)
    prepayment.go_on(order_id=order.pk, at=AT)
    order.refresh_from_db()
    assert order.status == "awaiting_payment"
    pay(invoice, Decimal(1))
    prepayment.go_on(order_id=order.pk, at=AT)

    order.refresh_from_db()
    assert order.status == "executing"
    assert set(order.lines.values_list("status", flat=True)) == {"executing"}


def test_rung_many_times_it_is_invoiced_once(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)

    prepayment.go_on(order_id=order.pk, at=AT)
    prepayment.sweep(at=AT)

    assert Invoice.objects.count() == 1


def test_a_cancelled_order_gives_back_what_was_paid(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    invoice = Invoice.objects.get()
    payment = pay(invoice, Decimal(5))

    orders.cancel_order(order_id=order.pk, by=personas.root, at=AT)
    prepayment.sweep(at=AT)
    prepayment.sweep(at=AT)

    assert CreditNote.objects.get().gross == invoice.gross
    assert Payment.objects.with_rest().get(pk=payment.pk).rest == Decimal(5)


def test_a_free_trial_is_not_paid_first(personas: Personas, plan: Plan) -> None:
    plan.module_settings.is_free_trial = True
    plan.module_settings.save()

    order = executed(order_of(personas.direct_customer, plan, personas), personas)

    assert order.status == "executing"
    assert not Invoice.objects.exists()


def test_the_invoice_that_was_paid_rings_its_order(
    personas: Personas, plan: Plan, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(prepayment, "after_commit", lambda _name, *, order_id: rung.append(order_id))
    order = executed(order_of(personas.direct_customer, plan, personas), personas)

    with django_capture_on_commit_callbacks(execute=True):
        pay(Invoice.objects.get())

    assert rung == [order.pk]


def test_an_order_whose_invoice_is_only_unpaid_is_not_looked_at_by_the_sweep(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    assert prepayment.sweep(at=AT) == 0

    pay(Invoice.objects.get())

    assert prepayment.sweep(at=AT) == 1
    order.refresh_from_db()
    assert order.status == "executing"


def test_an_invoice_that_was_given_back_is_not_taken_for_paid(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    issue_credit_note(
        invoice_id=Invoice.objects.get().pk, lines=None, reason="Wrong", bills_again=False, on=date(2026, 11, 22), by=None, at=AT
    )

    prepayment.sweep(at=AT)

    order.refresh_from_db()
    assert order.status == "awaiting_payment"


def test_an_order_that_was_paid_and_failed_is_credited_though_the_bell_is_lost(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    invoice = Invoice.objects.get()
    payment = pay(invoice)
    prepayment.go_on(order_id=order.pk, at=AT)
    order.lines.update(status="failed")
    Order.objects.filter(pk=order.pk).update(status="failed")

    orders.cancel_order(order_id=order.pk, by=personas.root, at=AT)
    prepayment.sweep(at=AT)

    assert CreditNote.objects.get().gross == invoice.gross
    assert Payment.objects.with_rest().get(pk=payment.pk).rest == invoice.gross
    assert prepayment.sweep(at=AT) == 0


def test_a_resellers_customers_order_waits_for_the_reseller_alone(personas: Personas, plan: Plan, shop: Shop) -> None:
    shop.plan = plan
    shop.sells_through(personas.reseller)
    order = executed(order_of(personas.resellers_customer, plan, personas), personas)
    of_msp, of_reseller = prepayment.advance_invoices(order)
    assert (of_msp.buyer, of_reseller.buyer) == (personas.reseller, personas.resellers_customer)

    pay(of_reseller)
    prepayment.go_on(order_id=order.pk, at=AT)
    order.refresh_from_db()
    assert order.status == "awaiting_payment"

    pay(of_msp)
    prepayment.go_on(order_id=order.pk, at=AT)
    order.refresh_from_db()
    assert order.status == "executing"


def test_who_orders_sees_what_to_pay_and_that_it_was_given_back(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    page = f"/orders/{order.number}/"
    number = Invoice.objects.get().number

    waiting = personas.client("dora").get(page).text
    orders.cancel_order(order_id=order.pk, by=personas.root, at=AT)
    prepayment.sweep(at=AT)
    cancelled = personas.client("dora").get(page).text

    assert "Waiting for payment" in waiting
    assert f"/invoices/{number}/" in waiting
    assert "Pay the invoice and we begin at once" in waiting
    assert "credited in full" in cancelled
    assert "Nothing is" not in cancelled


def test_a_resellers_customer_sees_its_own_invoice_alone(personas: Personas, plan: Plan, shop: Shop) -> None:
    shop.plan = plan
    shop.sells_through(personas.reseller)
    order = executed(order_of(personas.resellers_customer, plan, personas), personas)
    of_msp, of_reseller = prepayment.advance_invoices(order)

    carol, alice = (personas.client(name).get(f"/orders/{order.number}/").text for name in ("carol", "alice"))

    assert of_reseller.number in carol
    assert of_msp.number not in carol
    assert "Pay the invoice and we begin at once" not in carol
    assert of_msp.number in alice
    assert "Pay the invoice and we begin at once" in alice


def test_login_and_email_can_be_mended_while_it_waits_but_not_left_out(personas: Personas, plan: Plan) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)
    details = {"email": "dora@example.com", "role": TenantUser.Role.COMPANY_ADMINISTRATOR, "by": personas.root, "at": AT}

    orders.change_service_details(order_id=order.pk, login="dora.kern", **details)
    with pytest.raises(FieldRefused, match="missing"):
        orders.change_service_details(order_id=order.pk, login="", **details)

    assert order.lines.get().login == "dora.kern"


def test_the_back_office_shows_what_an_order_waits_for_and_what_cancelling_does(personas: Personas, plan: Plan) -> None:
    order = order_of(personas.direct_customer, plan, personas)
    at_once = personas.client("root").post(reverse("admin:ordering_order_execute", args=[order.pk]), follow=True).text
    prepayment.go_on(order_id=order.pk, at=AT)
    invoice = Invoice.objects.get()

    page = personas.client("root").get(reverse("admin:ordering_order_change", args=[order.pk])).text
    asked = personas.client("root").get(reverse("admin:ordering_order_cancel", args=[order.pk])).text
    unseen = personas.client("mira").get(reverse("admin:ordering_order_change", args=[order.pk])).text
    listed = personas.client("root").get(reverse("admin:ordering_order_changelist"), {"status__exact": "awaiting_payment"}).text

    assert "executed by itself once the invoice is paid" in at_once
    assert "Its invoice is being made" in at_once
    assert reverse("admin:billing_invoice_change", args=[invoice.pk]) in page
    assert "Waiting for payment" in page
    assert f"Invoice {invoice.number} is credited in full" in asked
    assert invoice.number in unseen
    assert reverse("admin:billing_invoice_change", args=[invoice.pk]) not in unseen
    assert order.number in listed


def test_the_way_to_an_order_says_what_is_due_now(personas: Personas, plan: Plan, shop: Shop, every_login_is_free: object) -> None:
    shop.complete(plan=plan, quantity=2, term_months=12)
    dora = personas.client("dora")

    product, review = (" ".join(dora.get(page).text.split()) for page in (f"/products/{plan.number}/", "/checkout/review/"))

    assert "What the first term costs, by invoice" in product
    assert "420.00 EUR excl. VAT is due now, by invoice. The service begins once it is paid." in review
    assert "<strong>420.00 EUR</strong> excl. VAT, by invoice" in review
    for untrue in ("Nothing is due now", "The first invoice comes on", "First invoice on"):
        assert untrue not in review


def test_mails_say_when_it_begins_and_when_it_is_billed(personas: Personas, plan: Plan, shop: Shop) -> None:
    order = shop.order(plan=plan, term_months=12)
    emails.service_ready(order)

    received, ready = (mail.message for mail in Email.objects.order_by("pk"))

    assert order.status == "awaiting_payment"
    assert "The invoice follows; we begin once it is paid." in received
    assert "Due now: 210.00 EUR excl. VAT, by invoice" in received
    assert "Each next term is invoiced before it begins." in ready
    assert "for the month before" not in ready


@pytest.mark.parametrize(("who", "finds"), [("dora", True), ("carol", False)])
def test_orders_that_wait_for_payment_are_found_by_that(personas: Personas, plan: Plan, who: str, finds: bool) -> None:
    order = executed(order_of(personas.direct_customer, plan, personas), personas)

    listed = personas.client(who).get("/orders/", {"status": "awaiting_payment"}).text

    assert (str(order.number) in listed) is finds
