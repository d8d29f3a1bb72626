"""Payments: spread over what is open, never above it, and rung for when the last cent is paid."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import TestCase

from billing.models import Invoice, Payment, PaymentAllocation
from billing.operations import payments
from billing.queries.payments import credit_left, credits_of, paid
from billing.signals import invoice_paid
from common.errors import DomainError, FieldRefused
from tests.billing.paying import NOVEMBER_20, credited, issued, left, paid_with, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

DECEMBER_15 = date(2026, 12, 15)


@contextmanager
def rung() -> Iterator[list[int]]:
    """The invoices the bell rings for."""
    heard: list[int] = []

    def hear(invoice_id: int, **_: Any) -> None:
        heard.append(invoice_id)

    invoice_paid.connect(hear, weak=False)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield heard
    finally:
        invoice_paid.disconnect(hear)


def test_a_payment_pays_what_is_due_first_and_the_rest_is_credit(personas: Personas) -> None:
    later = issued(personas.msp, personas.direct_customer, "50", due_on=DECEMBER_15)
    first = issued(personas.msp, personas.direct_customer, "100")

    with rung() as heard:
        payment = pay(personas.msp, personas.direct_customer, "170")

    assert paid_with(payment) == {first.number: Decimal(100), later.number: Decimal(50)}
    assert credit_left(personas.msp, personas.direct_customer, "EUR") == 20
    assert heard == [first.pk, later.pk]


def test_a_part_leaves_the_rest_open_and_rings_for_nothing(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "100")

    with rung() as heard:
        pay(personas.msp, personas.direct_customer, "99.99")

    assert left(invoice) == Decimal("0.01")
    assert heard == []


def test_chosen_invoices_are_paid_in_their_order_and_no_others(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    one, two, three = (issued(msp, dora, "100") for _ in range(3))

    payment = pay(msp, dora, "150", invoices=[three.pk, one.pk])

    assert paid_with(payment) == {three.number: Decimal(100), one.number: Decimal(50)}
    assert left(two) == 100


def test_for_no_invoice_all_is_kept_as_credit(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "100")

    payment = pay(personas.msp, personas.direct_customer, "100", invoices=[])

    assert (paid_with(payment), left(invoice)) == ({}, 100)


def test_the_same_form_sent_twice_is_one_payment(personas: Personas) -> None:
    issued(personas.msp, personas.direct_customer, "100")
    key = uuid4()

    first, second = (pay(personas.msp, personas.direct_customer, "30", key=key) for _ in range(2))

    assert first == second
    assert PaymentAllocation.objects.count() == 1
    with pytest.raises(DomainError, match="another customer"):
        pay(personas.reseller, personas.resellers_customer, "30", key=key)


def test_another_currency_stays_credit_in_its_own(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "100")

    pay(personas.msp, personas.direct_customer, "100", currency="CHF")

    assert left(invoice) == 100
    assert credits_of(personas.msp, personas.direct_customer) == {"CHF": Decimal(100)}


def test_a_chosen_invoice_of_another_currency_is_refused_and_nothing_is_written(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "100")

    with pytest.raises(FieldRefused, match="is in EUR; a payment in CHF cannot pay it") as refused:
        pay(personas.msp, personas.direct_customer, "100", currency="CHF", invoices=[invoice.pk])

    assert refused.value.field == "invoices"
    assert not Payment.objects.exists()


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "-1"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"amount": "10000000001"}, "amount"),
        ({"currency": "XXL"}, "currency"),
        ({"received_on": date(2026, 11, 21)}, "received_on"),
        ({"received_on": date(1999, 12, 31)}, "received_on"),
        ({"method": "credit"}, "method"),
        ({"method": "shells"}, "method"),
        ({"invoices": [0]}, "invoices"),
    ],
)
def test_what_cannot_have_come_in_is_refused_by_its_field(personas: Personas, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        pay(personas.msp, personas.direct_customer, facts.pop("amount", "10"), **facts)

    assert refused.value.field == field


def test_a_payment_of_somebody_elses_customer_is_refused(personas: Personas) -> None:
    with pytest.raises(FieldRefused, match="Café Carol is no customer of Northwind"):
        pay(personas.msp, personas.resellers_customer, "10")


def test_an_invoice_of_another_buyer_cannot_be_chosen(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.reseller, "100")

    with pytest.raises(FieldRefused, match="Choose invoices that Northwind"):
        pay(personas.msp, personas.direct_customer, "10", invoices=[invoice.pk])


# --- Allocated and freed by hand ------------------------------------------------------------------------------------------


@pytest.fixture
def credit(personas: Personas) -> Payment:
    """100 EUR of Dora's that pay nothing yet."""
    return pay(personas.msp, personas.direct_customer, "100")


def allocate(payment: Payment, **facts: Any) -> list[PaymentAllocation]:
    return payments.allocate(payment_id=payment.pk, by=None, at=NOVEMBER_20, **facts)


def test_credit_is_allocated_by_hand_and_freed_again(personas: Personas, credit: Payment) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "80")

    with rung() as heard:
        (made,) = allocate(credit, invoice_id=invoice.pk, amount=Decimal(30))
        allocate(credit, invoice_id=invoice.pk)

    assert (left(invoice), heard) == (0, [invoice.pk])
    for _ in range(2):  # taken back again, nothing
        payments.deallocate(allocation_id=made.pk, payment_id=credit.pk, by=personas.bert, at=NOVEMBER_20)
        assert (left(invoice), paid_with(credit)) == (30, {invoice.number: Decimal(50)})


def test_credit_without_an_invoice_pays_what_is_due_first(personas: Personas, credit: Payment) -> None:
    later = issued(personas.msp, personas.direct_customer, "80", due_on=DECEMBER_15)
    first = issued(personas.msp, personas.direct_customer, "80")

    allocate(credit)

    assert paid_with(credit) == {first.number: Decimal(80), later.number: Decimal(20)}


def test_a_double_click_allocates_once(personas: Personas, credit: Payment) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "80")
    allocate(credit, invoice_id=invoice.pk, amount=Decimal(30), seen_rest=Decimal(100))

    with pytest.raises(payments.ChangedMeanwhile, match=r"Meanwhile 70\.00 EUR is left"):
        allocate(credit, invoice_id=invoice.pk, amount=Decimal(30), seen_rest=Decimal(100))

    assert left(invoice) == 50


@pytest.mark.parametrize(
    ("gross", "amount", "sentence"),
    [
        ("80", "100.01", r"Of this payment 100\.00 EUR is left"),
        ("80", "81", r"80\.00 EUR is open"),
        ("0", "1", "Nothing is open"),
    ],
)
def test_more_than_is_left_or_open_is_refused(personas: Personas, credit: Payment, gross: str, amount: str, sentence: str) -> None:
    invoice = issued(personas.msp, personas.direct_customer, gross)

    with pytest.raises(FieldRefused, match=sentence):
        allocate(credit, invoice_id=invoice.pk, amount=Decimal(amount))


def test_where_nothing_is_left_or_open_it_is_said(personas: Personas, credit: Payment) -> None:
    with pytest.raises(payments.NothingLeft, match="Dora Design has nothing open in EUR"):
        allocate(credit)
    issued(personas.msp, personas.direct_customer, "100")
    allocate(credit)
    with pytest.raises(payments.NothingLeft, match="Nothing is left of this payment"):
        allocate(credit)


# --- Taken back -----------------------------------------------------------------------------------------------------------


def test_a_reversed_payment_opens_what_it_paid_and_cannot_be_used_again(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "80")
    payment = pay(personas.msp, personas.direct_customer, "100")

    for reason in ("Bounced", "Again"):  # the second time changes nothing
        payments.reverse_payment(payment_id=payment.pk, reason=reason, by=personas.bert, at=NOVEMBER_20)

    payment.refresh_from_db()
    assert (payment.reversal_reason, payment.reversed_by) == ("Bounced", personas.bert)
    assert (left(invoice), credit_left(personas.msp, personas.direct_customer, "EUR")) == (80, 0)
    with pytest.raises(payments.PaymentReversed):
        allocate(payment)


def test_a_payment_is_not_reversed_without_a_reason(personas: Personas, credit: Payment) -> None:
    with pytest.raises(FieldRefused, match="Say why"):
        payments.reverse_payment(payment_id=credit.pk, reason=" ", by=None, at=NOVEMBER_20)


# --- What issuing and crediting do to payments ------------------------------------------------------------------------------


def settle(invoice: Invoice) -> None:
    payments.settle(invoice_id=invoice.pk, at=NOVEMBER_20)


def test_credit_is_used_on_the_next_invoice_the_oldest_first(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    younger = pay(msp, dora, "60", received_on=date(2026, 11, 19))
    older = pay(msp, dora, "60", received_on=date(2026, 11, 10))
    pay(msp, dora, "60", currency="CHF")
    invoice = issued(msp, dora, "100")

    with rung() as heard:
        settle(invoice)

    assert (paid_with(older), paid_with(younger)) == ({invoice.number: Decimal(60)}, {invoice.number: Decimal(40)})
    assert heard == [invoice.pk]


def test_an_invoice_that_costs_nothing_is_paid_at_once(personas: Personas) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "0")

    with rung() as heard:
        settle(invoice)

    assert heard == [invoice.pk]


def test_an_invoice_below_nothing_becomes_a_credit_once_and_pays_what_is_open(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    open_one = issued(msp, dora, "30")
    invoice = issued(msp, dora, "-50")

    with rung() as heard:
        settle(invoice)
        settle(invoice)

    credit = Payment.objects.get()
    assert (credit.source_invoice, credit.method, credit.amount) == (invoice, "credit", 50)
    assert (paid_with(credit), heard) == ({open_one.number: Decimal(30)}, [open_one.pk])
    with pytest.raises(DomainError, match="This credit comes from an invoice"):
        payments.reverse_payment(payment_id=credit.pk, reason="x", by=None, at=NOVEMBER_20)


def test_a_credit_note_frees_what_was_paid_above_the_rest_the_newest_first(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    invoice = issued(msp, dora, "100")
    first, second = pay(msp, dora, "60"), pay(msp, dora, "40")
    credited(invoice, "50")

    payments.free_excess(invoice)
    payments.free_excess(invoice)

    assert (paid_with(first), paid_with(second), left(invoice)) == ({invoice.number: Decimal(50)}, {}, 0)
    assert credit_left(msp, dora, "EUR") == 50


def test_more_credited_than_the_invoice_comes_to_is_credit_too(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    invoice = issued(msp, dora, "7")  # of 10 and -3: the 10 may be credited
    pay(msp, dora, "7")
    for amount, expected in (("8", 8), ("2", 10)):
        credited(invoice, amount)
        payments.free_excess(invoice)
        payments.free_excess(invoice)
        assert credit_left(msp, dora, "EUR") == expected

    assert left(invoice) == 0


def test_what_was_credited_to_its_end_is_not_paid_and_what_was_credited_in_part_may_be(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    whole, part, free, unpaid = (issued(msp, dora, gross) for gross in ("100", "100", "0", "100"))
    pay(msp, dora, "60", invoices=[part.pk])
    credited(whole, "100")
    credited(part, "40")

    with rung() as heard:
        payments.free_excess(whole)
        payments.free_excess(part)

    assert heard == [part.pk]
    assert set(paid(Invoice.objects.all())) == {part, free}
    assert left(unpaid) == 100
