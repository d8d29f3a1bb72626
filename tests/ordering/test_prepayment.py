"""Prepaid orders: invoiced first, carried out once the MSP's invoice is paid, credited where they are cancelled."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Organization
from billing.models import CreditNote, Invoice, Payment
from billing.operations.payments import record_payment
from catalog.models import Plan
from ordering.models import Order
from ordering.operations import orders, prepayment
from provisioning.models import TenantUser
from tests.conftest import Personas
from tests.ordering.conftest import Shop

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def plan(shop: Shop) -> Plan:
    """Prepaid: 20 EUR a month, 199 EUR a year."""
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
