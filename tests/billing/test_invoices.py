"""Issuing: numbers without gaps, and frozen for ever after."""

from collections.abc import Callable
from datetime import date

import pytest
from django.core.mail import EmailMessage
from django.db import DatabaseError, InternalError, connection, transaction
from post_office.models import STATUS, Email

from accounts.models import Organization
from accounts.tasks import send_mail
from billing import emails, mailing
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations.invoices import AccountParked, DatedTooEarly, DraftHeld, NothingToIssue, issue_invoice
from billing.operations.runs import run_billing
from tests import factories
from tests.billing import papers
from tests.billing.making import GIB, NOVEMBER_1, OCTOBER, rate_card, subscribe, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

ON = date(2026, 11, 2)


def bill(seller: Organization, *consumers: Organization) -> BillingRun:
    """A run with a draft for each of ``consumers``' buyers."""
    plan = factories.PlanFactory()
    rate_card(plan.product_group)
    for consumer in consumers:
        use(subscribe(consumer, plan), 100 * GIB, days=[date(2026, 10, 31)])
    return run_billing(seller_id=seller.pk, period=OCTOBER, at=NOVEMBER_1)


@pytest.fixture
def draft(personas: Personas) -> Invoice:
    bill(personas.msp, personas.direct_customer)
    return Invoice.objects.get()


def test_issuing_numbers_dates_and_copies(draft: Invoice, personas: Personas) -> None:
    personas.direct_customer.payment_terms_days = 30
    personas.direct_customer.save()

    invoice = issue_invoice(invoice_id=draft.pk, on=ON, by=personas.bert)

    invoice.refresh_from_db()
    assert (invoice.number, invoice.issued_on, invoice.due_on) == ("INV-2026-00001", ON, date(2026, 12, 2))
    assert invoice.seller_copy["name"] == "Northwind Cloud GmbH"
    assert invoice.buyer_copy == personas.direct_customer.billing_snapshot()


def test_issuing_again_returns_the_same_invoice_and_sends_no_second_mail(draft: Invoice) -> None:
    first = issue_invoice(invoice_id=draft.pk, on=ON, by=None)

    again = issue_invoice(invoice_id=draft.pk, on=date(2027, 1, 1), by=None)

    assert (again.number, again.issued_on) == (first.number, ON)
    assert Email.objects.count() == 1


def test_the_buyer_gets_a_mail_that_says_what_is_due_and_where_it_lies(draft: Invoice, personas: Personas) -> None:
    issue_invoice(invoice_id=draft.pk, on=ON, by=None)

    message = Email.objects.get().prepare_email_message()
    assert message.to == [personas.direct_customer.billing_email]
    assert message.subject == "Invoice INV-2026-00001 from Northwind Cloud GmbH"
    for body in (message.body, str(message.alternatives[0][0])):
        assert "/invoices/INV-2026-00001/" in body
        assert "8.33 EUR" in body  # 7.00 and 19 %
        assert "16 Nov 2026" in body


def test_a_draft_without_lines_is_refused(draft: Invoice) -> None:
    draft.lines.all().delete()

    with pytest.raises(NothingToIssue):
        issue_invoice(invoice_id=draft.pk, on=ON, by=None)

    draft.refresh_from_db()
    assert draft.status == Invoice.Status.DRAFT


def test_an_invoice_is_not_dated_before_its_month_is_over(draft: Invoice) -> None:
    with pytest.raises(DatedTooEarly, match="An invoice of 2026-10 cannot be dated 2026-10-31; the earliest date is 2026-11-01"):
        issue_invoice(invoice_id=draft.pk, on=date(2026, 10, 31), by=None)

    draft.refresh_from_db()
    assert (draft.status, draft.number) == (Invoice.Status.DRAFT, None)
    assert not Email.objects.exists()


def test_a_draft_of_a_parked_account_is_refused(draft: Invoice) -> None:
    assert draft.run is not None
    ParkedAccount.objects.create(run=draft.run, buyer=draft.buyer, reason="There is no exchange rate.", parked_at=NOVEMBER_1)

    with pytest.raises(AccountParked, match=r"There is no exchange rate\. Bill it again first\."):
        issue_invoice(invoice_id=draft.pk, on=ON, by=None)


def test_every_seller_and_every_year_has_a_series_of_its_own(personas: Personas) -> None:
    bill(personas.msp, personas.resellers_customer)
    run_billing(seller_id=personas.reseller.pk, period=OCTOBER, at=NOVEMBER_1)
    by_msp, by_reseller = Invoice.objects.get(seller=personas.msp), Invoice.objects.get(seller=personas.reseller)

    wholesale = issue_invoice(invoice_id=by_msp.pk, on=ON, by=None)
    retail = issue_invoice(invoice_id=by_reseller.pk, on=date(2027, 1, 1), by=None)

    assert (wholesale.number, retail.number) == ("INV-2026-00001", f"{personas.reseller.number}-2027-00001")


def test_a_rollback_leaves_no_gap_in_the_numbers(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    bill(personas.msp, *factories.OrganizationFactory.create_batch(2))
    first, second = Invoice.objects.order_by("pk")

    def fails(invoice: Invoice) -> None:
        raise ConnectionError(invoice.number)

    with monkeypatch.context() as broken:
        broken.setattr(emails, "invoice_issued", fails)
        with pytest.raises(ConnectionError, match="INV-2026-00001"):
            issue_invoice(invoice_id=first.pk, on=ON, by=None)
    issued = issue_invoice(invoice_id=second.pk, on=ON, by=None)

    first.refresh_from_db()
    assert (first.status, first.number) == (Invoice.Status.DRAFT, None)
    assert issued.number == "INV-2026-00001"


Attempt = Callable[[Invoice], tuple[str, list[object]]]
FROZEN: list[Attempt] = [
    lambda invoice: ("UPDATE billing_invoice SET net = net + 1, gross = gross + 1 WHERE id = %s", [invoice.pk]),
    lambda invoice: ("UPDATE billing_invoice SET status = 'draft', number = NULL WHERE id = %s", [invoice.pk]),
    lambda invoice: ("DELETE FROM billing_invoice WHERE id = %s", [invoice.pk]),
    lambda invoice: ("UPDATE billing_invoiceline SET net = 0 WHERE invoice_id = %s", [invoice.pk]),
    lambda invoice: ("DELETE FROM billing_invoiceline WHERE invoice_id = %s", [invoice.pk]),
    lambda invoice: (
        "INSERT INTO billing_invoiceline"
        " (invoice_id, subscription_id, order_key, part, readings, position, item, edition, description,"
        " period_start, period_end, quantity, unit, unit_price, net, tax_percent, working)"
        " SELECT invoice_id, subscription_id, '', '', '', 99, item, edition, description, period_start, period_end, quantity, unit,"
        " unit_price, net, tax_percent, working FROM billing_invoiceline WHERE invoice_id = %s",
        [invoice.pk],
    ),
]


@pytest.mark.parametrize("attempt", FROZEN)
def test_the_database_refuses_to_change_what_was_issued(draft: Invoice, attempt: Attempt) -> None:
    invoice = issue_invoice(invoice_id=draft.pk, on=ON, by=None)

    with pytest.raises((InternalError, DatabaseError), match="pgtrigger"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(*attempt(invoice))

    invoice.refresh_from_db()
    assert invoice.lines.get().net == invoice.net == 7


def test_the_history_says_who_issued(draft: Invoice, personas: Personas) -> None:
    issue_invoice(invoice_id=draft.pk, on=ON, by=personas.bert)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.metadata ->> 'user', e.status FROM billing_invoiceevent e JOIN pghistory_context c ON c.id = e.pgh_context_id"
            " WHERE e.pgh_obj_id = %s ORDER BY e.pgh_id DESC LIMIT 1",
            [draft.pk],
        )
        assert cursor.fetchone() == (str(personas.bert.pk), "issued")


# --- What else issuing writes down, and what it refuses ------------------------------------------------------------------------


def test_a_held_draft_is_not_issued_before_it_is_released(personas: Personas) -> None:
    held = papers.draft(personas.direct_customer, held_for="It is twice last month's.")

    with pytest.raises(DraftHeld, match="It is twice last month's"):
        issue_invoice(invoice_id=held.pk, on=ON, by=None)

    held.refresh_from_db()
    assert (held.status, held.number) == (Invoice.Status.DRAFT, None)


def test_the_language_and_the_note_are_copied_when_it_is_issued(db: None) -> None:
    buyer = factories.OrganizationFactory(language="de-AT", country="AT")
    paper = papers.issued(buyer, category="AE")
    buyer.language = "en"
    buyer.save()

    paper.refresh_from_db()
    assert paper.language == "de"
    assert paper.tax_note.startswith("Steuerschuldnerschaft des Leistungsempfängers")


# --- Mails ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "country", "subject", "asked"),
    [
        ("en", "DE", "Invoice INV-2026-00001 from Northwind Cloud GmbH", "Please pay 11.90 EUR by 16 Nov 2026."),
        ("de", "DE", "Rechnung INV-2026-00001 von Northwind Cloud GmbH", "Bitte zahlen Sie 11,90 EUR bis 16.11.2026."),
        ("fr", "CH", "Facture INV-2026-00001 de Northwind Cloud GmbH", "Merci de régler 11,90 EUR au plus tard le 16 nov. 2026."),
    ],
)
def test_the_mail_speaks_the_buyers_language(db: None, language: str, country: str, subject: str, asked: str) -> None:
    papers.issued(factories.OrganizationFactory(language=language, country=country))

    email = Email.objects.get()
    assert email.subject == subject
    assert asked in email.message
    assert asked in email.html_message
    assert f'<html lang="{language}">' in email.html_message


def test_a_buyers_name_is_never_read_as_a_template(personas: Personas) -> None:
    personas.msp.name = '{% now "Y" %} & <b>Co</b>'
    personas.msp.save()

    papers.issued(personas.direct_customer)

    email = Email.objects.get()
    assert '{% now "Y" %} & <b>Co</b>' in email.subject
    assert "<b>Co</b>" not in email.html_message


def test_the_pdf_is_attached_when_the_mail_leaves(personas: Personas, mailoutbox: list[EmailMessage]) -> None:
    paper = papers.issued(personas.direct_customer)
    emails.credit_note_issued(papers.credited(paper))

    for email in Email.objects.order_by("pk"):
        email.dispatch()

    by_name = {name: content for message in mailoutbox for name, content, _ in message.attachments}
    assert list(by_name) == [f"{paper.number}.pdf", f"{paper.number}-CN.pdf"]
    assert all(content.startswith(b"%PDF") for content in by_name.values())
    assert all(emails.DOCUMENT_HEADER not in message.extra_headers for message in mailoutbox)


def test_a_mail_whose_pdf_cannot_be_drawn_stays_in_the_outbox(
    personas: Personas, mailoutbox: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = papers.issued(personas.direct_customer)

    def fails(invoice: Invoice) -> bytes:
        raise OSError(f"no paper for {invoice.number}")

    monkeypatch.setattr(mailing, "invoice_pdf", fails)
    email = Email.objects.get()
    email.dispatch()

    email.refresh_from_db()
    assert email.status == STATUS.failed
    assert f"no paper for {paper.number}" in email.logs.get().message
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True)
def test_the_outbox_sends_each_document_once(mailoutbox: list[EmailMessage]) -> None:
    papers.issued(factories.OrganizationFactory())

    send_mail()
    send_mail()

    assert [len(message.attachments) for message in mailoutbox] == [1]
    assert Email.objects.get().status == STATUS.sent
