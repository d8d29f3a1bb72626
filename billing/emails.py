"""
The mails of billing: rows in the outbox, written in the transaction that they tell of, in the buyer's language.

The document that goes with one is named in a header; it is drawn when the mail leaves (`mailing.DocumentBackend`), so that issuing
thousands does not wait for thousands of PDFs, and no mail goes without its own.
"""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from post_office.models import PRIORITY, STATUS, Email

from billing.document_facts import paid_from_credit
from billing.document_formats import Formats, formats_of
from billing.document_words import Words, words_in
from billing.models import CreditNote, Invoice

DOCUMENT_HEADER = "X-Cloudtill-Document"
"""Names the document as ``invoice 12`` or ``credit_note 12``, by its id; taken off before the mail leaves."""
BACKEND = "documents"
"""How post_office calls the way of sending that attaches it."""
LONGEST_SUBJECT = 250


def invoice_issued(invoice: Invoice) -> None:
    """Send the buyer's billing address ``invoice``, and say how much is due until when."""
    words, formats = _of(invoice.language, invoice.buyer_copy)
    ready = words.say("mail_invoice_ready", number=invoice.number, period=_period(invoice, formats))
    details = invoice.seller_copy["payment_details"] if _due(invoice) > 0 else ""
    put_into_outbox(
        document=f"invoice {invoice.pk}",
        words=words,
        seller=invoice.seller_copy,
        to=invoice.buyer_copy["billing_email"],
        subject=words.say("mail_invoice_subject", number=invoice.number, seller=invoice.seller_copy["name"]),
        heading=f"{words['invoice']} {invoice.number}",
        first=f"{ready} {_asked(invoice, words, formats)}",
        button_url=f"{settings.SITE_URL}{reverse('billing:invoice', args=[invoice.number])}",
        button_label=words["mail_open_invoice"],
        facts=_facts(invoice, words, formats),
        quoting=words.say("mail_quoting", number=invoice.number) if details else "",
        payment_details=details,
    )


def credit_note_issued(credit_note: CreditNote) -> None:
    """Send the buyer's billing address ``credit_note``, and say how much of which invoice it gives back, and why."""
    words, formats = _of(credit_note.language, credit_note.buyer_copy)
    amount = formats.money(credit_note.gross, credit_note.currency)
    put_into_outbox(
        document=f"credit_note {credit_note.pk}",
        words=words,
        seller=credit_note.seller_copy,
        to=credit_note.buyer_copy["billing_email"],
        subject=words.say("mail_credit_note_subject", number=credit_note.number, seller=credit_note.seller_copy["name"]),
        heading=f"{words['credit_note']} {credit_note.number}",
        first=words.say("mail_credit_note_ready", amount=amount, invoice=credit_note.invoice.number, number=credit_note.number),
        facts=[
            (words["reason"], credit_note.reason),
            (words["net"], formats.money(credit_note.net, credit_note.currency)),
            *((tax.name, formats.money(tax.tax, credit_note.currency)) for tax in credit_note.tax_totals),
            (words["credited"], amount),
        ],
    )


def _of(language: str, buyer: dict[str, Any]) -> tuple[Words, Formats]:
    told = language or buyer.get("language", "en")
    return words_in(told), formats_of(told, buyer.get("country", ""))


def put_into_outbox(*, document: str, words: Words, seller: dict[str, Any], to: str, subject: str, **told: Any) -> None:
    """
    Write the row of the mail that ``document`` goes with. The finished texts stand in it, not a template: a customer called
    "{% now %}" stays a name.

    :param told: what templates/billing/emails/document.html shows besides.
    """
    context = {**told, "language": words.language, "seller_name": seller["name"]}
    Email.objects.create(
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[to],
        subject=subject[:LONGEST_SUBJECT],
        message=render_to_string("billing/emails/document.txt", context),
        html_message=render_to_string("billing/emails/document.html", context),
        headers={DOCUMENT_HEADER: document},
        backend_alias=BACKEND,
        status=STATUS.queued,
        priority=PRIORITY.medium,
    )


def _due(invoice: Invoice) -> Decimal:
    return invoice.gross - paid_from_credit(invoice.buyer_copy)


def _period(invoice: Invoice, formats: Formats) -> str:
    """Name a whole month as such, else the days."""
    days = invoice.period
    is_month = days.start.day == 1 and days.end.day == 1 and (days.end - days.start).days <= 31
    return formats.month(days.start) if is_month else formats.days(days.start, days.last_day)


def _asked(invoice: Invoice, words: Words, formats: Formats) -> str:
    due = _due(invoice)
    if invoice.gross < 0:
        return words.say("mail_in_your_favour", amount=formats.money(-invoice.gross, invoice.currency))
    if due == 0:
        return words["mail_nothing_due"]
    assert invoice.due_on is not None  # it is issued
    return words.say("mail_pay", amount=formats.money(due, invoice.currency), day=formats.day(invoice.due_on))


def _facts(invoice: Invoice, words: Words, formats: Formats) -> list[tuple[str, str]]:
    currency = invoice.currency
    facts = [(words["period"], _period(invoice, formats)), (words["net"], formats.money(invoice.net, currency))]
    facts += [(tax.name, formats.money(tax.tax, currency)) for tax in invoice.tax_totals]
    if used := paid_from_credit(invoice.buyer_copy):
        facts.append((words["paid_from_credit"], formats.money(-used, currency)))
    key = "amount_due" if invoice.gross >= 0 else "in_your_favour"
    facts.append((words[key], formats.money(abs(_due(invoice)), currency)))
    if invoice.due_on:
        facts.append((words["due"], formats.day(invoice.due_on)))
    return facts
