"""Issuing: numbers without gaps, and frozen for ever after."""

from collections.abc import Callable
from datetime import date

import pytest
from django.db import DatabaseError, InternalError, connection, transaction
from post_office.models import Email

from accounts.models import Organization
from billing import emails
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations.invoices import AccountParked, DatedTooEarly, NothingToIssue, issue_drafts, issue_invoice
from billing.operations.runs import run_billing
from tests import factories
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


def test_a_draft_of_a_parked_account_is_refused_and_left_out(draft: Invoice) -> None:
    assert draft.run is not None
    ParkedAccount.objects.create(run=draft.run, buyer=draft.buyer, reason="There is no exchange rate.", parked_at=NOVEMBER_1)

    with pytest.raises(AccountParked, match=r"There is no exchange rate\. Bill it again first\."):
        issue_invoice(invoice_id=draft.pk, on=ON, by=None)
    assert issue_drafts(run_id=draft.run.pk, on=ON, by=None) == 0


def test_all_drafts_of_a_run_are_issued_once(personas: Personas) -> None:
    run = bill(personas.msp, *factories.OrganizationFactory.create_batch(3))

    assert issue_drafts(run_id=run.pk, on=ON, by=personas.bert) == 3
    assert issue_drafts(run_id=run.pk, on=ON, by=personas.bert) == 0

    numbers = Invoice.objects.order_by("pk").values_list("number", flat=True)
    assert list(numbers) == ["INV-2026-00001", "INV-2026-00002", "INV-2026-00003"]


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
        "INSERT INTO billing_invoiceline (invoice_id, subscription_id, position, item, edition, description, period_start,"
        " period_end, quantity, unit, unit_price, net, tax_percent, working)"
        " SELECT invoice_id, subscription_id, 99, item, edition, description, period_start, period_end, quantity, unit,"
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
