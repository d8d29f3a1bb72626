"""Payments and accounts in the storefront: who sees what, and who records."""

import csv
from datetime import date
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from accounts.models import Membership
from billing.models import Invoice, Payment
from common import clock
from tests import factories
from tests.billing.paying import NOVEMBER_20, credited, issued, left, paid_with, pay
from tests.conftest import Personas

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOVEMBER_20)


@pytest.fixture
def direct(personas: Personas) -> Payment:
    """Dora paid the MSP 120 EUR: 100 for an invoice, 20 are credit."""
    issued(personas.msp, personas.direct_customer, "100", number="INV-2026-00901")
    return pay(personas.msp, personas.direct_customer, "120", reference="=thanks", note="for us alone")


@pytest.fixture
def retail(personas: Personas) -> Invoice:
    """What Alice's company invoiced Carol's: 80 EUR, due since 15 November."""
    return issued(personas.reseller, personas.resellers_customer, "80", number="R-2026-00901")


def url(name: str, *args: object, **query: object) -> str:
    told = "&".join(f"{key}={value}" for key, value in query.items())
    return reverse(f"billing:{name}", args=args) + (f"?{told}" if told else "")


def read(response: Any) -> list[list[str]]:
    return list(csv.reader(StringIO(response.text)))


# --- Who may ------------------------------------------------------------------------------------------------------------------

WHO = ("nobody", "alice", "carol", "bob", "dora", "vic", "mira", "stranger")
EVERY_MEMBER = (302, 200, 200, 200, 200, 200, 403, 403)
RESELLERS = (302, 200, 404, 200, 404, 404, 403, 403)
OF_ALICE = (302, 200, 404, 404, 404, 404, 403, 403)
DOORS = {
    "payments": EVERY_MEMBER,
    "statement": EVERY_MEMBER,
    "open_items": RESELLERS,
    "record_payment": RESELLERS,
    "direct payment": (302, 404, 404, 404, 200, 200, 403, 403),
    "retail payment": (302, 200, 200, 404, 404, 404, 403, 403),
    "take_back_payment": OF_ALICE,
    "statement of carol": OF_ALICE,
    "statement as PDF": EVERY_MEMBER,
    "statement of carol as PDF": OF_ALICE,
    "open items of carol": OF_ALICE,
    "record for carol": OF_ALICE,
}


@pytest.fixture
def addresses(personas: Personas, direct: Payment, retail: Invoice) -> dict[str, str]:
    carol = personas.resellers_customer.number
    paid = pay(personas.reseller, personas.resellers_customer, "30")
    return {
        **{name: url(name) for name in ("payments", "statement", "open_items", "record_payment")},
        "direct payment": url("payment", direct.key),
        "retail payment": url("payment", paid.key),
        "take_back_payment": url("take_back_payment", paid.key),
        "statement of carol": url("statement", customer=carol),
        "statement as PDF": url("statement", export="pdf"),
        "statement of carol as PDF": url("statement", customer=carol, export="pdf"),
        "open items of carol": url("open_items", customer=carol),
        "record for carol": url("record_payment", customer=carol),
    }


@pytest.mark.parametrize("who", WHO)
def test_each_door_answers_each_person(personas: Personas, addresses: dict[str, str], who: str) -> None:
    client = personas.client(who)

    answers = {name: client.get(address).status_code for name, address in addresses.items()}

    assert answers == {name: expected[WHO.index(who)] for name, expected in DOORS.items()}


@pytest.mark.parametrize("role", [Membership.Role.VIEWER, Membership.Role.BUYER])
def test_only_administrators_of_a_reseller_record_and_take_back(personas: Personas, retail: Invoice, role: str) -> None:
    Membership.objects.filter(user=personas.alice).update(role=role)
    paid = pay(personas.reseller, personas.resellers_customer, "30")
    client = personas.client("alice")

    for address in (url("record_payment", customer=personas.resellers_customer.number), url("take_back_payment", paid.key)):
        assert client.get(address).status_code == 403
        assert client.post(address, {"reason": "x"}).status_code == 403
    assert "Record payment" not in client.get(url("open_items")).text
    assert client.get(url("payment", paid.key)).status_code == 200
    assert Payment.objects.get().reversed_at is None


@pytest.mark.parametrize("number", ["C1", "%00", "M1"])
def test_a_customer_that_is_none_of_its_own_is_not_found(personas: Personas, number: str) -> None:
    for name in ("statement", "open_items", "record_payment"):
        assert personas.client("alice").get(url(name, customer=number)).status_code == 404
    assert personas.client("alice").get(url("payment", uuid4())).status_code == 404


# --- Looking ----------------------------------------------------------------------------------------------------------------


def test_a_customer_sees_what_it_paid_what_for_and_its_credit_but_no_note(personas: Personas, direct: Payment) -> None:
    client = personas.client("vic")

    listed, page = client.get(url("payments")).text, client.get(url("payment", direct.key)).text

    for text in (listed, page):
        assert "INV-2026-00901" in text
        assert "20.00 EUR" in text
        assert "for us alone" not in text
    assert "You have 20.00 EUR of credit with Northwind Cloud GmbH" in listed


@pytest.mark.parametrize(
    ("asked", "is_found"),
    [
        ({"q": "00901"}, True),
        ({"q": "thanks"}, True),
        ({"q": "nothing"}, False),
        ({"month": "2026-11"}, True),
        ({"month": "2026-10"}, False),
    ],
)
def test_payments_are_found_and_given_as_a_file(personas: Personas, direct: Payment, asked: dict[str, str], is_found: bool) -> None:
    client = personas.client("dora")

    page = client.get(url("payments"), asked).text
    rows = read(client.get(url("payments"), {**asked, "export": "csv"}))

    assert ("120.00 EUR" in page) is is_found
    assert ("No payment matches" in page) is not is_found
    assert [row[5] for row in rows[1:]] == (["120.00"] if is_found else [])
    assert "note" not in rows[0]


def test_a_month_that_is_none_is_refused_in_a_sentence(personas: Personas, direct: Payment) -> None:
    assert "“never” is not a month" in personas.client("dora").get(url("payments", month="never")).text


def test_a_reseller_chooses_between_what_it_paid_and_what_it_was_paid(personas: Personas, retail: Invoice) -> None:
    pay(personas.reseller, personas.resellers_customer, "30", reference="from carol")
    pay(personas.msp, personas.reseller, "40", reference="to the msp")
    client = personas.client("alice")

    own, sold = client.get(url("payments")).text, client.get(url("payments", sold=1)).text

    assert ("to the msp" in own, "from carol" in own) == (True, False)
    assert ("to the msp" in sold, "from carol" in sold) == (False, True)


def test_the_statement_tells_every_movement_and_ends_with_what_is_open(personas: Personas, direct: Payment) -> None:
    invoice = issued(personas.msp, personas.direct_customer, "50", number="INV-2026-00902", issued_on=date(2026, 11, 19))
    credited(invoice, "10")
    client = personas.client("dora")

    page = client.get(url("statement")).text
    rows = read(client.get(url("statement", export="csv")))

    assert [row[1:3] + row[5:] for row in rows[1:]] == [
        ["Opening balance", "", "", "", "0.00"],
        ["Invoice", "INV-2026-00901", "100.00", "", "100.00"],
        ["Credit note", rows[3][2], "", "10.00", "90.00"],
        ["Payment", "", "", "120.00", "-30.00"],
        ["Invoice", "INV-2026-00902", "50.00", "", "20.00"],
        ["Closing balance", "", "", "", "20.00"],
    ]
    assert "Closing balance" in page


def test_another_currency_is_another_statement(personas: Personas, direct: Payment) -> None:
    pay(personas.msp, personas.direct_customer, "9", currency="CHF")
    client = personas.client("dora")

    assert "in CHF, from" in client.get(url("statement")).text  # the first by its letters
    assert "in EUR, from" in client.get(url("statement", currency="EUR")).text


def test_a_reseller_sees_what_its_customers_owe_by_age(personas: Personas, retail: Invoice) -> None:
    client = personas.client("alice")

    page, of_carol = client.get(url("open_items")), client.get(url("open_items", customer=personas.resellers_customer.number))

    (balance,) = page.context["balances"]
    assert [int(amount) for amount in balance.buckets] == [0, 80, 0, 0, 0]
    assert "5 days overdue" in of_carol.text
    assert [row[3] for row in read(client.get(url("open_items", export="csv")))[1:]] == ["R-2026-00901"]


# --- Recording ----------------------------------------------------------------------------------------------------------------


def record(personas: Personas, **changes: Any) -> Any:
    told = {
        "key": "7e4ba5d4-63c4-4a05-a3a5-14e4c2e6d002",
        "amount": "100",
        "currency": "EUR",
        "received_on": "2026-11-19",
        "method": "bank_transfer",
        **changes,
    }
    client = personas.client("alice")
    return client.post(url("record_payment", customer=personas.resellers_customer.number), told, follow=True)


def test_a_reseller_records_a_payment_once_however_often_the_form_is_sent(personas: Personas, retail: Invoice) -> None:
    for _ in range(2):
        page = record(personas)

    payment = Payment.objects.get()
    assert (payment.seller, payment.buyer, payment.recorded_by) == (personas.reseller, personas.resellers_customer, personas.alice)
    assert paid_with(payment) == {"R-2026-00901": 80}
    assert "100.00 EUR recorded; 80.00 EUR for R-2026-00901; 20.00 EUR kept as credit." in page.text


def test_a_payment_can_be_kept_as_credit_whole(personas: Personas, retail: Invoice) -> None:
    record(personas, is_credit="on")

    assert left(retail) == 80


def test_from_an_invoice_the_form_begins_with_what_is_open(personas: Personas, retail: Invoice) -> None:
    address = url("record_payment", customer=personas.resellers_customer.number, invoice="R-2026-00901")

    form = personas.client("alice").get(address).context["form"]

    assert (str(form["amount"].value()), form["invoices"].value()) == ("80.00", [retail.pk])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "-5"}, "amount"),
        ({"amount": "0.001"}, "amount"),
        ({"currency": "QQQ"}, "currency"),
        ({"received_on": "2027-01-01"}, "received_on"),
        ({"invoices": "0"}, "invoices"),
        ({"method": "credit"}, "method"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(personas: Personas, retail: Invoice, changes: dict[str, str], field: str) -> None:
    page = record(personas, **changes)

    assert field in page.context["form"].errors
    assert not Payment.objects.exists()


def test_an_invoice_of_somebody_else_cannot_be_paid_by_it(personas: Personas, retail: Invoice) -> None:
    foreign = issued(personas.other_reseller, factories.OrganizationFactory(parent=personas.other_reseller), "10")

    page = record(personas, invoices=str(foreign.pk))

    assert "invoices" in page.context["form"].errors


def test_a_reseller_takes_a_payment_back_with_a_reason_its_customer_does_not_see(personas: Personas, retail: Invoice) -> None:
    record(personas)
    payment = Payment.objects.get()
    client = personas.client("alice")

    without = client.post(url("take_back_payment", payment.key), {"reason": " "})
    page = client.post(url("take_back_payment", payment.key), {"reason": "Bounced"}, follow=True).text

    assert "reason" in without.context["form"].errors
    assert "Bounced" in page
    assert left(retail) == 80
    of_carol = personas.client("carol").get(url("payment", payment.key)).text
    assert "Taken back" in of_carol
    assert "Bounced" not in of_carol
    assert client.get(url("take_back_payment", payment.key)).status_code == 403


def test_a_reseller_pays_open_invoices_with_credit_its_customer_has(personas: Personas, retail: Invoice) -> None:
    record(personas, is_credit="on")
    payment = Payment.objects.get()
    address = url("use_credit", payment.key)

    assert address in personas.client("alice").get(url("payment", payment.key)).text
    assert [personas.client(name).post(address).status_code for name in ("carol", "bob", "dora")] == [404, 404, 404]
    told = personas.client("alice").post(address, follow=True).text
    again = personas.client("alice").post(address, follow=True).text

    assert "Allocated: 80.00 EUR for R-2026-00901." in told
    assert "Café Carol has nothing open in EUR." in again
    assert left(retail) == 0
    Membership.objects.filter(user=personas.alice).update(role=Membership.Role.BUYER)
    assert personas.client("alice").post(address).status_code == 403
    assert address not in personas.client("alice").get(url("payment", payment.key)).text


def test_lists_ask_few_queries_however_much_they_show(personas: Personas, django_assert_max_num_queries: Any) -> None:
    for _ in range(6):
        issued(personas.msp, personas.direct_customer, "10")
        pay(personas.msp, personas.direct_customer, "12")
    client = personas.client("dora")

    for name in ("payments", "statement"):
        with django_assert_max_num_queries(30):
            assert client.get(url(name)).status_code == 200
