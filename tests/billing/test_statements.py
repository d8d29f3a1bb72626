"""Statements of account and open items: what they say is what the rows add up to."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Payment
from billing.operations import payments
from billing.queries.payments import balances, credits_of, totals
from billing.queries.statements import AccountStatement, account_statement, buyers_of, currencies_between, sellers_to
from tests.billing.paying import NOVEMBER_20, TODAY, credited, issued, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


def statement(personas: Personas, first: date = date(2026, 1, 1), last: date = TODAY, currency: str = "EUR") -> AccountStatement:
    return account_statement(personas.msp, personas.direct_customer, currency, first=first, last=last)


def told(of: AccountStatement) -> list[tuple[date, str, Decimal, Decimal]]:
    return [(line.movement.day, line.movement.kind.value, line.movement.amount, line.balance) for line in of.running.lines]


def test_the_closing_balance_is_what_is_open_less_the_credit(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    first = issued(msp, dora, "100")
    issued(msp, dora, "55.55", due_on=date(2026, 12, 1))
    in_favour = issued(msp, dora, "-20")
    payments.settle(invoice_id=in_favour.pk, at=NOVEMBER_20)
    pay(msp, dora, "200")
    bounced = pay(msp, dora, "7.77")
    payments.reverse_payment(payment_id=bounced.pk, reason="x", by=None, at=NOVEMBER_20)
    credited(first, "30")
    payments.free_excess(first)

    (balance,) = balances(msp, today=TODAY)

    assert statement(personas).running.closing == balance.open_amount - balance.credit == Decimal("-94.45")
    assert (statement(personas).invoiced, statement(personas).credited, statement(personas).paid) == (Decimal("135.55"), 30, 200)


def test_a_payment_that_was_taken_back_stands_twice_and_a_credit_from_an_invoice_once(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    in_favour = issued(msp, dora, "-20")
    payments.settle(invoice_id=in_favour.pk, at=NOVEMBER_20)
    late = datetime(2026, 11, 19, 23, 30, tzinfo=UTC)  # the next day in Berlin
    bounced = pay(msp, dora, "50")
    payments.reverse_payment(payment_id=bounced.pk, reason="x", by=None, at=late)

    assert told(statement(personas)) == [
        (date(2026, 11, 1), "Invoice", -20, -20),
        (date(2026, 11, 18), "Payment", -50, -70),
        (date(2026, 11, 20), "Payment taken back", 50, -20),
    ]


def test_the_days_of_the_period_count_on_both_ends(personas: Personas) -> None:
    issued(personas.msp, personas.direct_customer, "100")
    pay(personas.msp, personas.direct_customer, "40")

    of_the_day = statement(personas, date(2026, 11, 18), date(2026, 11, 18))
    after = statement(personas, date(2026, 11, 19), date(2026, 11, 30))

    assert (of_the_day.running.opening, told(of_the_day)) == (100, [(date(2026, 11, 18), "Payment", -40, 60)])
    assert (after.running.opening, after.running.closing, told(after)) == (60, 60, [])


def test_currencies_are_never_added_together(personas: Personas) -> None:
    msp, dora = personas.msp, personas.direct_customer
    issued(msp, dora, "100")
    issued(msp, dora, "10000", currency="JPY")
    pay(msp, dora, "9", currency="CHF")

    found = balances(msp, today=TODAY)

    assert [(one.currency, one.open_amount, one.credit) for one in found] == [("CHF", 0, 9), ("EUR", 100, 0), ("JPY", 10000, 0)]
    assert [(one.currency, one.open_amount, one.credit) for one in totals(found)] == [
        ("CHF", 0, 9),
        ("EUR", 100, 0),
        ("JPY", 10000, 0),
    ]
    assert currencies_between(msp, dora) == ["CHF", "EUR", "JPY"]
    assert credits_of(msp, dora) == {"CHF": 9}
    assert statement(personas, currency="JPY").running.closing == 10000


def test_who_is_between_whom_is_told_by_rows_and_by_whose_customer_one_is(personas: Personas) -> None:
    issued(personas.other_reseller, personas.direct_customer, "5")

    for _ in range(2):
        pay(personas.msp, personas.direct_customer, "5")

    assert sellers_to(personas.direct_customer) == [personas.other_reseller, personas.msp]
    assert buyers_of(personas.other_reseller) == [personas.direct_customer]
    assert personas.resellers_customer in buyers_of(personas.reseller)


def test_open_items_ask_two_queries_for_any_number_of_customers(personas: Personas, django_assert_num_queries: Any) -> None:
    for buyer in (personas.direct_customer, personas.reseller):
        for _ in range(3):
            issued(personas.msp, buyer, "10")
        pay(personas.msp, buyer, "5", currency="CHF")

    with django_assert_num_queries(2):
        assert len(balances(personas.msp, today=TODAY)) == 4
    assert Payment.objects.count() == 2
