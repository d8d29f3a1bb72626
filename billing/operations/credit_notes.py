"""Credit notes: what was invoiced is given back, whole or by line, numbered and frozen from the first moment."""

import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, User
from billing import crediting, emails
from billing.crediting import Credit, Wish
from billing.models import CreditNote, CreditNoteLine, Invoice
from billing.operations import payments
from billing.queries.credit_notes import creditable
from billing.rating import plain
from common.errors import DomainError, FieldRefused
from common.templatetags.show import day, money

logger = logging.getLogger(__name__)

LONGEST_REASON = 500


class NotCreditable(DomainError):
    """Only an issued invoice can be credited; a draft is simply changed."""


class CreditedMeanwhile(DomainError):
    """What the person agreed to is not what would be credited any more, because something else was credited in between."""


class KeyUsed(DomainError):
    """The form was sent before, for another invoice."""


@transaction.atomic(durable=True)
def issue_credit_note(
    *,
    invoice_id: int,
    lines: Mapping[int, Wish] | None,
    reason: str,
    bills_again: bool,
    on: date,
    by: User | None,
    at: datetime,
    key: UUID | None = None,
    agreed: Decimal | None = None,
) -> CreditNote:
    """
    Credit ``lines`` of an issued invoice (by their ids, a net amount or `Units` each), or all that is left of it where None.

    The credit note bears the date ``on`` of the seller's calendar and takes its number in this transaction, from a series without
    gaps of its own: `<series>-CN-<year>-<n>`, where an invoice's is `<series>-<year>-<n>`. Seller and buyer are copied as the
    invoice prints them. What had been paid of the credited amount becomes the buyer's credit. With ``bills_again`` the next billing
    run bills the credited lines anew, as it finds them. The buyer gets a mail.

    Repeated with the same ``key``, that of the form, it returns the credit note of the first time. ``agreed`` is the gross that the
    person was shown.

    :raises NotCreditable: the invoice is a draft.
    :raises FieldRefused: the reason is missing or too long (``reason``), or the date is before the invoice's (``on``).
    :raises crediting.NothingToCredit: or `crediting.LineOverCredited`, `crediting.OverCredited`: less is left.
    :raises CreditedMeanwhile: it would not come to ``agreed``.
    :raises KeyUsed: the ``key`` is of another invoice's credit note.
    """
    buyer_id = Invoice.objects.values_list("buyer_id", flat=True).get(pk=invoice_id)
    Organization.objects.locked().get(pk=buyer_id)  # as issuing does: first the buyer, then the invoice
    invoice = Invoice.objects.locked().select_related("seller", "venture").get(pk=invoice_id)
    key = key or uuid4()
    if (first := CreditNote.objects.filter(key=key).first()) is not None:
        return _same(first, invoice)
    _check(invoice, reason.strip(), on)
    credit = crediting.credit(creditable(invoice), lines)
    if agreed is not None and credit.gross != agreed:
        now, shown = (money(amount, invoice.currency) for amount in (credit.gross, agreed))
        raise CreditedMeanwhile(f"The credit note would come to {now}, not to {shown} as shown. Look at it again.")
    credit_note = _new(invoice, credit, key=key, reason=reason.strip(), bills_again=bills_again, on=on, by=by, at=at)
    _write_lines(credit_note, credit)
    payments.free_excess(invoice)
    emails.credit_note_issued(credit_note)
    logger.info("credit note issued", extra={"credit_note": credit_note.number, "invoice": invoice.number})
    return credit_note


# --- Steps: inside the caller's transaction --------------------------------------------------------------------------------


def _same(first: CreditNote, invoice: Invoice) -> CreditNote:
    if first.invoice_id != invoice.pk:
        raise KeyUsed("This form has been sent already, for another invoice. Open it again.")
    return first


def _check(invoice: Invoice, reason: str, on: date) -> None:
    if invoice.status != Invoice.Status.ISSUED or invoice.issued_on is None:
        raise NotCreditable("This invoice is a draft. A draft is not credited; it changes with the next billing run.")
    if not reason:
        raise FieldRefused("reason", "Say why; the reason is printed on the credit note.")
    if len(reason) > LONGEST_REASON:
        raise FieldRefused("reason", f"The reason is longer than {LONGEST_REASON} characters.")
    if on < invoice.issued_on:
        raise FieldRefused("on", f"A credit note is not dated before its invoice, which is of {day(invoice.issued_on)}.")


def _new(
    invoice: Invoice, credit: Credit, *, key: UUID, reason: str, bills_again: bool, on: date, by: User | None, at: datetime
) -> CreditNote:
    prefix = f"{_series(invoice)}-CN-{on.year}"
    return CreditNote.objects.create(
        key=key,
        seller_id=invoice.seller_id,
        buyer_id=invoice.buyer_id,
        venture_id=invoice.venture_id,
        invoice=invoice,
        number=f"{prefix}-{get_next_value(f'credit note:{prefix}', initial_value=1):05d}",
        issued_on=on,
        currency=invoice.currency,
        net=credit.net,
        tax=credit.tax,
        gross=credit.gross,
        taxes=[
            {"name": tax.name, "percent": plain(tax.percent), "net": plain(tax.net), "tax": plain(tax.tax)} for tax in credit.taxes
        ],
        reason=reason,
        bills_again=bills_again,
        seller_copy=invoice.seller_copy,
        buyer_copy=invoice.buyer_copy,
        language=invoice.language,
        created_at=at,
        created_by=by,
    )


def _series(invoice: Invoice) -> str:
    return invoice.venture.invoice_series if invoice.seller.kind == Organization.Kind.MSP else invoice.seller.number


def _write_lines(credit_note: CreditNote, credit: Credit) -> None:
    percents = dict(credit_note.invoice.lines.values_list("pk", "tax_percent"))
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=credit_note,
            position=position,
            invoice_line_id=one.line.id,
            description=one.line.description,
            quantity=one.quantity,
            unit=one.unit,
            unit_price=one.unit_price,
            net=one.net,
            tax_percent=percents[one.line.id],
        )
        for position, one in enumerate(credit.lines, start=1)
    )
