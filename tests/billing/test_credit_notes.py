"""Issuing credit notes: numbers, copies, bounds, and what the database refuses whoever asks."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from post_office.models import Email

from billing.crediting import LineOverCredited, NothingToCredit, Units
from billing.models import CreditNote, Invoice
from billing.operations import payments
from billing.operations.credit_notes import CreditedMeanwhile, KeyUsed, NotCreditable, issue_credit_note
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from common.errors import DomainError, FieldRefused
from tests.billing.invoicing import ISSUED_ON, Billed, drafted, invoiced
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

ON = date(2026, 11, 20)
AT = datetime.fromisoformat("2026-11-20T09:00:00+00:00")


def give(invoice: Invoice, lines: dict[int, Decimal | Units] | None = None, **facts: object) -> CreditNote:
    told = {"reason": "Service was down", "bills_again": False, "on": ON, "by": None, "at": AT, **facts}
    return issue_credit_note(invoice_id=invoice.pk, lines=lines, **told)  # type: ignore[arg-type]


def line_ids(invoice: Invoice) -> list[int]:
    return list(invoice.lines.order_by("position").values_list("pk", flat=True))


def what_is_left(invoice: Invoice) -> Decimal:
    return Invoice.objects.with_open().get(pk=invoice.pk).open_amount  # type: ignore[attr-defined,no-any-return]


@pytest.fixture
def invoice(personas: Personas) -> Invoice:
    """100 GiB at 1.00 EUR and 3 units at 4.50: 113.50 net, 135.07 gross, to dora's organization."""
    return invoiced(personas.direct_customer, Billed("100", "1"), Billed("3", "4.5"))


# --- What it says ------------------------------------------------------------------------------------------------------------


def test_a_whole_credit_note_is_the_invoice_given_back(invoice: Invoice, personas: Personas) -> None:
    credit_note = give(invoice, by=personas.bert)

    credit_note.refresh_from_db()
    assert (credit_note.number, credit_note.issued_on, credit_note.created_by) == ("INV-CN-2026-00001", ON, personas.bert)
    assert (credit_note.net, credit_note.tax, credit_note.gross) == (invoice.net, invoice.tax, invoice.gross)
    assert credit_note.taxes == invoice.taxes
    assert [(one.quantity, one.unit_price, one.net, one.tax_percent) for one in credit_note.lines.all()] == [
        (100, 1, 100, 19),
        (3, Decimal("4.5"), Decimal("13.5"), 19),
    ]
    assert what_is_left(invoice) == 0


def test_seller_and_buyer_are_those_of_the_invoice_whatever_they_became(invoice: Invoice, personas: Personas) -> None:
    personas.direct_customer.name = "Dora Design & Daughters"
    personas.direct_customer.save()

    credit_note = give(invoice)

    assert credit_note.buyer_copy == invoice.buyer_copy
    assert credit_note.seller_copy == invoice.seller_copy
    assert credit_note.buyer_copy["name"] == "Dora Design"


def test_the_buyer_gets_a_mail_that_names_both_numbers_and_the_amount(invoice: Invoice, personas: Personas) -> None:
    Email.objects.all().delete()

    credit_note = give(invoice)

    message = Email.objects.get().prepare_email_message()
    assert message.to == [personas.direct_customer.billing_email]
    assert credit_note.number in message.subject
    for body in (message.body, str(message.alternatives[0][0])):
        assert str(invoice.number) in body
        assert "135.07 EUR" in body


def test_parts_and_then_the_rest_leave_nothing(invoice: Invoice) -> None:
    first, second = line_ids(invoice)

    parts = [
        give(invoice, {first: Decimal("33.33"), second: Units(Decimal(1))}),
        give(invoice, {first: Decimal("0.01")}),
        give(invoice),
    ]

    assert sum(part.gross for part in parts) == invoice.gross
    assert sum(part.tax for part in parts) == invoice.tax
    assert what_is_left(invoice) == 0
    with pytest.raises(NothingToCredit):
        give(invoice)


@pytest.mark.parametrize(("currency", "price"), [("JPY", "33.3333"), ("KWD", "0.3333333333")], ids=["JPY", "KWD"])
def test_thirds_in_other_currencies_sum_to_the_whole(personas: Personas, currency: str, price: str) -> None:
    invoice = invoiced(personas.direct_customer, Billed("7", price), Billed("-1", price), currency=currency)
    first, second = line_ids(invoice)

    parts = [
        give(invoice, {first: Units(Decimal(2)), second: Units(Decimal(-1))}),
        give(invoice, {first: Units(Decimal(3))}),
        give(invoice),
    ]

    assert [sum(getattr(part, name) for part in parts) for name in ("net", "tax", "gross")] == [
        invoice.net,
        invoice.tax,
        invoice.gross,
    ]


def test_every_seller_and_every_year_has_a_series_of_its_own(personas: Personas) -> None:
    subscription = subscribe(personas.resellers_customer)
    wholesale, retail = invoiced(subscription), invoiced(subscription, seller=personas.reseller)

    numbers = [
        give(one, {line_ids(one)[0]: Decimal(10)}, on=on).number
        for one, on in ((wholesale, ON), (wholesale, ON), (wholesale, date(2027, 1, 1)), (retail, ON))
    ]

    own = personas.reseller.number
    assert numbers == ["INV-CN-2026-00001", "INV-CN-2026-00002", "INV-CN-2027-00001", f"{own}-CN-2026-00001"]


# --- Billed again, or never ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bills_again", "amount", "billed_next"),
    [(True, "7", ["7"]), (True, "3", ["3"]), (False, "7", []), (False, "3", [])],
    ids=["whole, again", "a part, again", "whole, never", "a part, never"],
)
def test_the_next_run_bills_what_was_credited_to_be_billed_again_and_nothing_else(
    personas: Personas, bills_again: bool, amount: str, billed_next: list[str]
) -> None:
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group)
    use(subscription, 100 * GIB)
    run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=NOVEMBER_1)
    invoice = issue_invoice(invoice_id=Invoice.objects.get().pk, on=ISSUED_ON, by=None)
    give(invoice, {line_ids(invoice)[0]: Decimal(amount)}, bills_again=bills_again)

    for _ in range(2):
        run_billing(seller_id=personas.msp.pk, period=OCTOBER, at=AT)

    assert [draft.net for draft in Invoice.objects.drafts()] == [Decimal(net) for net in billed_next]


# --- Paid invoices ----------------------------------------------------------------------------------------------------------------


def test_what_was_paid_of_the_credited_part_becomes_credit(invoice: Invoice, personas: Personas) -> None:
    payment = payments.record_payment(
        seller=personas.msp,
        buyer=personas.direct_customer,
        currency="EUR",
        amount=invoice.gross,
        received_on=ON,
        method="bank_transfer",
        reference=str(invoice.number),
        note="",
        by=None,
        at=AT,
    )

    give(invoice, {line_ids(invoice)[0]: Decimal(50)})

    rest = type(payment).objects.with_rest().get(pk=payment.pk).rest  # type: ignore[attr-defined]
    assert rest == Decimal("59.50")
    assert what_is_left(invoice) == 0


# --- Asked again, and asked wrongly ------------------------------------------------------------


def test_the_same_form_sent_again_gives_the_same_credit_note_and_no_second_mail(invoice: Invoice) -> None:
    key = uuid4()
    first = give(invoice, key=key)
    mails = Email.objects.count()

    again = give(invoice, key=key, reason="Another one")

    assert again == first
    assert CreditNote.objects.count() == 1
    assert Email.objects.count() == mails


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("same_form", [True, False], ids=["a double click", "two people"])
def test_two_at_once_credit_the_whole_once(personas: Personas, *, same_form: bool) -> None:
    invoice = invoiced(personas.direct_customer)
    key, start = uuid4(), Barrier(2)

    def press() -> str:
        try:
            start.wait(10)
            return give(invoice, key=key if same_form else uuid4()).number
        except NothingToCredit:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as people:
        ends = {future.result(30) for future in [people.submit(press), people.submit(press)]}

    assert ends == ({"INV-CN-2026-00001"} if same_form else {"INV-CN-2026-00001", "refused"})
    assert CreditNote.objects.get().gross == invoice.gross


def test_a_form_sent_for_another_invoice_is_refused(invoice: Invoice, personas: Personas) -> None:
    key: UUID = uuid4()
    give(invoice, key=key)

    with pytest.raises(KeyUsed):
        give(invoiced(personas.direct_customer), key=key)


def test_what_is_not_what_was_agreed_to_is_refused(invoice: Invoice) -> None:
    agreed = invoice.gross
    give(invoice, {line_ids(invoice)[1]: Decimal(1)})

    with pytest.raises(CreditedMeanwhile, match=r"would come to 133\.88 EUR, not to 135\.07 EUR as shown"):
        give(invoice, agreed=agreed)

    assert CreditNote.objects.count() == 1


def test_a_draft_is_not_credited(personas: Personas) -> None:
    with pytest.raises(NotCreditable):
        give(drafted(subscribe(personas.direct_customer), Billed("1", "1")))


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"reason": "  "}, "reason"), ({"reason": "x" * 501}, "reason"), ({"on": ISSUED_ON - timedelta(days=1)}, "on")],
    ids=["no reason", "a long reason", "before its invoice"],
)
def test_what_is_wrong_belongs_to_a_field(invoice: Invoice, facts: dict[str, object], field: str) -> None:
    with pytest.raises(FieldRefused) as refusal:
        give(invoice, **facts)

    assert refusal.value.field == field


def test_more_than_is_left_is_refused_with_the_line_and_what_is_left_and_leaves_no_gap(invoice: Invoice) -> None:
    first, _ = line_ids(invoice)
    give(invoice, {first: Decimal(60)})

    with pytest.raises(LineOverCredited, match=r"Line 1 \(Item 1\): 40\.00 EUR is left to credit, not 40\.01 EUR"):
        give(invoice, {first: Decimal("40.01")})

    assert give(invoice).number == "INV-CN-2026-00002"


# --- What the database refuses, whoever asks ------------------------------------------------------------

Attempt = Callable[[CreditNote], tuple[str, list[object]]]
INSERT_LINE = (
    "INSERT INTO billing_creditnoteline (credit_note_id, position, invoice_line_id, description, quantity, unit, unit_price, net,"
    " tax_percent) SELECT credit_note_id, 99, {line}, description, quantity, unit, unit_price, {net}, tax_percent"
    " FROM billing_creditnoteline WHERE credit_note_id = %s ORDER BY position LIMIT 1"
)
OF_THE_OTHER_LINE = (
    "(SELECT max(id) FROM billing_invoiceline WHERE invoice_id = (SELECT invoice_id FROM billing_creditnote WHERE id = {}))"
)
REFUSED: dict[str, Attempt] = {
    "another amount": lambda one: ("UPDATE billing_creditnote SET net = net - 1, gross = gross - 1 WHERE id = %s", [one.pk]),
    "another reason": lambda one: ("UPDATE billing_creditnote SET reason = 'x' WHERE id = %s", [one.pk]),
    "no credit note": lambda one: ("DELETE FROM billing_creditnote WHERE id = %s", [one.pk]),
    "another line": lambda one: ("UPDATE billing_creditnoteline SET net = 0 WHERE credit_note_id = %s", [one.pk]),
    "no line": lambda one: ("DELETE FROM billing_creditnoteline WHERE credit_note_id = %s", [one.pk]),
    "more than is left": lambda one: (
        INSERT_LINE.format(line=OF_THE_OTHER_LINE.format(one.pk), net="13.51"),
        [one.pk],
    ),
    "with the other sign": lambda one: (
        INSERT_LINE.format(line=OF_THE_OTHER_LINE.format(one.pk), net="-1"),
        [one.pk],
    ),
    "a line of another invoice": lambda one: (
        INSERT_LINE.format(line="(SELECT max(id) FROM billing_invoiceline)", net="1"),
        [one.pk],
    ),
}


@pytest.mark.parametrize("attempt", REFUSED.values(), ids=REFUSED)
def test_the_database_refuses_to_change_a_credit_note_or_to_credit_too_much(
    invoice: Invoice, personas: Personas, attempt: Attempt
) -> None:
    credit_note = give(invoice, {line_ids(invoice)[0]: Decimal(60)})
    invoiced(personas.resellers_customer)

    with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*attempt(credit_note))

    assert CreditNote.objects.get() == credit_note
    assert credit_note.lines.get().net == 60


def test_nothing_refused_leaves_anything_behind(invoice: Invoice) -> None:
    with pytest.raises(DomainError):
        give(invoice, {line_ids(invoice)[0]: Decimal(101)})

    assert not CreditNote.objects.exists()
    assert what_is_left(invoice) == invoice.gross
