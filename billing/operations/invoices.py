"""Issuing: a draft gets its number and is frozen for ever."""

import logging
from datetime import date, datetime, timedelta

import pghistory
from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, User
from billing import emails
from billing.documents.reading import note_of
from billing.models import Invoice, ParkedAccount
from billing.operations import payments
from billing.queries.payments import credit_left
from billing.queries.sellers import seller_as_printed
from common import clock
from common.errors import DomainError
from common.languages import known_language
from common.periods import Period

logger = logging.getLogger(__name__)


class NothingToIssue(DomainError):
    """The draft has no lines."""


class DatedTooEarly(DomainError):
    """An invoice would be dated before the period it bills is over."""


class AccountParked(DomainError):
    """The run that made the draft could not bill this buyer when it last ran, so the draft may be out of date."""


class DraftHeld(DomainError):
    """A rule holds the draft until somebody has looked at it and released it."""


@transaction.atomic(durable=True)
def issue_invoice(*, invoice_id: int, on: date, by: User | None, at: datetime | None = None) -> Invoice:
    """
    Number and freeze a draft with the date ``on`` of the seller's calendar, and mail it to the buyer. Repeated: the same invoice.

    The number is taken in this transaction, so a series has no gaps: the MSP numbers by the venture's series and year, a
    reseller by its own number and year. Seller and buyer are copied as they are now, and the language and the note about the tax
    with them; it is due by the buyer's terms. What the buyer has as credit is used on it, and printed. ``by`` is kept in the
    history; None for the system itself. ``at`` is the moment that credit is used, now if it is not told.

    :raises NothingToIssue: the draft has no lines.
    :raises DatedTooEarly: on that date the period it bills is not over.
    :raises AccountParked: billing has to succeed first.
    :raises DraftHeld: it has to be released first.
    """
    buyer_id = Invoice.objects.values_list("buyer_id", flat=True).get(pk=invoice_id)
    buyer = Organization.objects.locked().get(pk=buyer_id)  # as a billing run does: first the buyer, then the invoice
    invoice = Invoice.objects.locked().select_related("seller", "venture__logo").get(pk=invoice_id)
    if invoice.status == Invoice.Status.ISSUED:
        return invoice
    _check_issuable(invoice, on)
    with pghistory.context(operation="issue_invoice", user=by.pk if by else None):
        _issue(invoice, buyer, on)
    payments.settle(invoice_id=invoice.pk, at=at or clock.now())
    emails.invoice_issued(invoice)
    logger.info("invoice issued", extra={"invoice": invoice.number})
    return invoice


# --- Steps: inside the caller's transaction --------------------------------------------------------------------------------


def _check_issuable(invoice: Invoice, on: date) -> None:
    if invoice.run is not None and on < invoice.run.period_end:
        billed = Period(invoice.run.period_start, invoice.run.period_end)
        raise DatedTooEarly(f"An invoice of {billed} cannot be dated {on}; the earliest date is {billed.end}.")
    if invoice.held_for:
        raise DraftHeld(f"This draft is held: {invoice.held_for} Look at it and release it first.")
    if not invoice.lines.exists():
        raise NothingToIssue("This draft has no lines; there is nothing to issue.")
    parked = ParkedAccount.objects.filter(run=invoice.run_id, buyer=invoice.buyer_id).first()
    if parked is not None:
        raise AccountParked(f"The account is parked: {parked.reason} Bill it again first.")


def _issue(invoice: Invoice, buyer: Organization, on: date) -> None:
    prefix = f"{_series(invoice)}-{on.year}"
    invoice.move_to(Invoice.Status.ISSUED)
    invoice.number = f"{prefix}-{get_next_value(f'invoice:{prefix}', initial_value=1):05d}"
    invoice.issued_on = on
    invoice.due_on = on + timedelta(days=buyer.payment_terms_days)
    invoice.seller_copy = seller_as_printed(invoice)
    invoice.buyer_copy = buyer.billing_snapshot() | _credit_used(invoice, buyer)
    invoice.language = known_language(buyer.language)
    invoice.buyer = buyer
    invoice.tax_note = note_of(invoice, invoice.language)
    changed = ["status", "number", "issued_on", "due_on", "seller_copy", "buyer_copy", "language", "tax_note"]
    invoice.save(update_fields=changed)


def _credit_used(invoice: Invoice, buyer: Organization) -> dict[str, str]:
    """Return what `payments.settle` is about to pay from the buyer's credit: the printed invoice asks for the rest only."""
    if invoice.gross <= 0:
        return {}
    used = min(credit_left(invoice.seller, buyer, invoice.currency), invoice.gross)
    return {"credit_used": f"{used:f}"} if used > 0 else {}


def _series(invoice: Invoice) -> str:
    return invoice.venture.invoice_series if invoice.seller.kind == Organization.Kind.MSP else invoice.seller.number
