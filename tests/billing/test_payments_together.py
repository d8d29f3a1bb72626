"""What nobody can exceed: two at once, or whoever writes to the database by hand."""

import threading
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DatabaseError, InternalError, connection, transaction

from billing.models import Invoice, Payment, PaymentAllocation
from billing.operations import bank_statements, payments
from billing.queries.bank_statements import preview
from billing.queries.payments import credit_left
from common.errors import DomainError
from tests import factories
from tests.billing.paying import NOVEMBER_20, credited, issued, left, pay
from tests.conftest import Personas


def at_once(*works: Callable[[], object]) -> list[object]:
    """Do all at the same moment, each on a connection of its own, and return what came of each."""
    ready = threading.Barrier(len(works))
    came: list[object] = []

    def do(work: Callable[[], object]) -> None:
        try:
            ready.wait(timeout=20)
            came.append(work())
        except DomainError as refusal:
            came.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return came


@pytest.mark.django_db(transaction=True)
def test_two_at_once_never_spend_more_than_was_paid_nor_pay_more_than_is_open() -> None:
    msp = factories.msp()
    dora = factories.OrganizationFactory()
    one_payment = pay(msp, dora, "100")
    bills = [issued(msp, dora, "80") for _ in range(2)]

    def spend(invoice: Invoice) -> Callable[[], object]:
        return lambda: payments.allocate(payment_id=one_payment.pk, invoice_id=invoice.pk, by=None, at=NOVEMBER_20)

    assert len(at_once(*(spend(bill) for bill in bills))) == 2
    assert sum(PaymentAllocation.objects.values_list("amount", flat=True)) == 100

    bill = issued(msp, dora, "50")
    rich = [pay(msp, dora, "40", invoices=[]) for _ in range(2)]

    def fill(payment: Payment) -> Callable[[], object]:
        return lambda: payments.allocate(payment_id=payment.pk, invoice_id=bill.pk, by=None, at=NOVEMBER_20)

    assert len(at_once(*(fill(payment) for payment in rich))) == 2
    assert left(bill) == 0
    assert credit_left(msp, dora, "EUR") == 30

    key = uuid4()
    same = at_once(*[lambda: pay(msp, dora, "5", invoices=[], key=key)] * 2)
    assert same[0] == same[1]
    assert credit_left(msp, dora, "EUR") == 35

    last = issued(msp, dora, "20")
    file = f"Date;Amount;Currency;Reference\n2026-11-10;20.00;EUR;{last.number}\n".encode()
    statement = bank_statements.read_statement(seller=msp, content=file, file_name="x.csv", currency="", by=None, at=NOVEMBER_20)
    shown = preview(statement).fingerprint
    at_once(*[lambda: bank_statements.confirm(statement_id=statement.pk, fingerprint=shown, by=None, at=NOVEMBER_20)] * 2)
    assert Payment.objects.exclude(bank_key="").count() == 1
    assert left(last) == 0


# --- By hand in the database ----------------------------------------------------------------------------------------------


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def allocate_by_hand(payment: Payment, invoice: Invoice, amount: str) -> None:
    sql(
        "INSERT INTO billing_paymentallocation (payment_id, invoice_id, amount, allocated_at) VALUES (%s, %s, %s, now())",
        payment.pk,
        invoice.pk,
        Decimal(amount),
    )


@pytest.mark.django_db
def test_the_database_refuses_more_than_is_left_of_either_side(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    bill, other = issued(msp, dora, "100"), issued(msp, dora, "100")
    credited(bill, "40")
    rich, poor = pay(msp, dora, "500", invoices=[]), pay(msp, dora, "10", invoices=[])

    allocate_by_hand(rich, bill, "59.999")
    for payment, invoice, amount, told in (
        (rich, bill, "0.002", "more is allocated than is open"),
        (poor, other, "10.001", "more is allocated than was paid"),
        (poor, other, "-1", "paymentallocation_positive"),
        (poor, other, "0", "paymentallocation_positive"),
    ):
        with pytest.raises(DatabaseError, match=told):
            allocate_by_hand(payment, invoice, amount)

    assert left(bill) == Decimal("0.001")


@pytest.mark.django_db
def test_the_database_refuses_to_mix_currencies_parties_and_what_is_not_issued(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    payment, francs = pay(msp, dora, "10"), pay(msp, dora, "10", currency="CHF")
    taken_back = pay(msp, dora, "10")
    payments.reverse_payment(payment_id=taken_back.pk, reason="x", by=None, at=NOVEMBER_20)
    bill = issued(msp, dora, "100")
    draft = Invoice.objects.create(
        seller=msp,
        buyer=dora,
        venture=bill.venture,
        currency="EUR",
        period_start=bill.period_start,
        period_end=bill.period_end,
        net=5,
        gross=5,
        created_at=NOVEMBER_20,
    )
    of_another = issued(msp, personas.reseller, "100")
    by_another = issued(personas.reseller, dora, "100")

    wrong = [(francs, bill), (taken_back, bill), (payment, draft), (payment, of_another), (payment, by_another)]
    for paid, invoice in wrong:
        with pytest.raises(DatabaseError, match="between the same two, in its own currency"):
            allocate_by_hand(paid, invoice, "1")

    assert not PaymentAllocation.objects.exists()


CHANGES = [
    "UPDATE billing_payment SET amount = amount + 1",
    "UPDATE billing_payment SET buyer_id = seller_id",
    "UPDATE billing_payment SET received_on = received_on + 1",
    "UPDATE billing_paymentallocation SET amount = amount / 2",
    "DELETE FROM billing_payment",
]


@pytest.mark.django_db
@pytest.mark.parametrize("statement", CHANGES)
def test_the_database_refuses_to_change_what_was_paid(personas: Personas, statement: str) -> None:
    bill = issued(personas.msp, personas.direct_customer, "100")
    pay(personas.msp, personas.direct_customer, "40")

    with pytest.raises((InternalError, DatabaseError)):
        sql(statement)

    assert left(bill) == 60
