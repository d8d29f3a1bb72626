"""Payments and statements of account for programs."""

from collections.abc import Iterator
from datetime import date

import pytest
import time_machine
from django.core.cache import cache

from billing.operations import payments as operations
from tests.billing.paying import NOVEMBER_20, credited, issued, pay
from tests.billing.programs import REFUSED, Programs, eur
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _on_the_twentieth() -> Iterator[None]:
    cache.clear()
    with time_machine.travel(NOVEMBER_20, tick=False):
        yield


@pytest.fixture
def programs(personas: Personas) -> Programs:
    """Carol owes alice 100, was given back 10 and paid 120; alice owes the MSP 60."""
    invoice = issued(personas.reseller, personas.resellers_customer, "100", number="R1-1")
    credited(invoice, "10")
    pay(personas.reseller, personas.resellers_customer, "120", reference="R1-1", note="Ours alone")
    issued(personas.msp, personas.reseller, "60", number="INV-1")
    return Programs(personas)


def test_payments_and_statements_are_open_to_tokens_with_the_scope_alone(programs: Programs, personas: Personas) -> None:
    everybody = {"dora": 200, "alice": 200, "carol": 200, "bob": 200, "cousin": 200, **REFUSED}
    of_carol = {**everybody, "dora": 400, "carol": 400, "bob": 400, "cousin": 400}

    assert programs.statuses("payments", everybody) == everybody
    assert programs.statuses("statement", everybody) == everybody
    path = f"statement?customer={personas.resellers_customer.number}"
    assert programs.statuses(path, of_carol) == of_carol


def test_a_payment_says_what_it_pays_and_what_is_left(programs: Programs, personas: Personas) -> None:
    (carols,) = programs.results("carol", "payments")
    (alices,) = programs.results("alice", "payments?role=sold")

    assert carols == {
        "id": carols["id"],
        "role": "bought",
        "seller": {"number": personas.reseller.number, "name": "Alster IT"},
        "buyer": {"number": personas.resellers_customer.number, "name": "Café Carol"},
        "received_on": "2026-11-18",
        "method": "bank_transfer",
        "reference": "R1-1",
        "amount": eur("120.00"),
        "credit_left": eur("30.00"),
        "taken_back_on": None,
        "allocations": [{"invoice": "R1-1", "amount": eur("90.00")}],
    }
    assert alices == {**carols, "role": "sold"}
    assert programs.results("alice", "payments") == []
    assert programs.results("bob", "payments?role=sold") == []


def test_payments_are_found_by_day_and_one_taken_back_says_so(programs: Programs, personas: Personas) -> None:
    wrong = pay(personas.reseller, personas.resellers_customer, "5", received_on=date(2026, 11, 19))
    operations.reverse_payment(payment_id=wrong.pk, reason="Not hers", by=None, at=NOVEMBER_20)

    newest, oldest = programs.results("carol", "payments")

    assert (newest["taken_back_on"], newest["credit_left"], newest["allocations"]) == ("2026-11-20", eur("0.00"), [])
    assert oldest["taken_back_on"] is None
    assert len(programs.results("carol", "payments?from=2026-11-19&to=2026-11-19")) == 1
    assert [len(page) for page in programs.walked("carol", "payments", size=1)] == [1, 1]
    assert programs.refused("carol", "payments?from=never") == (400, "from")


def test_a_statement_adds_up_for_both_of_its_sides(programs: Programs, personas: Personas) -> None:
    carols = programs.told("carol", "statement?from=2026-11-02")
    alices = programs.told("alice", f"statement?customer={personas.resellers_customer.number}&currency=EUR&from=2026-11-02")

    assert carols == alices
    assert carols["seller"]["name"] == "Alster IT"
    assert carols["period"] == {"from": "2026-11-02", "to": "2026-11-20"}
    assert [carols[name]["amount"] for name in ("opening", "invoiced", "credited", "paid", "closing")] == [
        "100.00",
        "0.00",
        "10.00",
        "120.00",
        "-30.00",
    ]
    assert [(one["kind"], one["amount"]["amount"], one["balance"]["amount"]) for one in carols["movements"]] == [
        ("credit_note", "-10.00", "90.00"),
        ("payment", "-120.00", "-30.00"),
    ]


def test_a_statement_is_with_ones_own_seller_and_of_three_months_by_itself(programs: Programs, personas: Personas) -> None:
    found = programs.told("alice", "statement")

    assert found["seller"]["number"] == personas.msp.number
    assert found["period"] == {"from": "2026-09-01", "to": "2026-11-20"}
    assert [(one["kind"], one["document"]) for one in found["movements"]] == [("invoice", "INV-1")]
    assert programs.told("alice", f"statement?seller={personas.msp.number}") == found


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("currency=euro", "currency"),
        ("customer=C0", "customer"),
        ("seller=C0", "seller"),
        ("customer=C0&seller=C1", "seller"),
        ("from=2026-11-02&to=2026-11-01", "to"),
        ("page_size=10", "page_size"),
    ],
)
def test_a_parameter_of_a_statement_that_is_none_is_named(programs: Programs, query: str, attr: str) -> None:
    assert programs.refused("alice", f"statement?{query}") == (400, attr)
