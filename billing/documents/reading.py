"""Reads what a document says from its rows: two queries, one of them for the lines."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.db.models.fields.json import KT

from billing import taxing
from billing.document_facts import DocumentFacts, LineFacts, Reference, TaxFacts, paid_from_credit
from billing.document_words import words_in
from billing.models import CreditNote, Invoice, TaxTotal
from billing.printed import printed_quantity
from billing.queries.sellers import seller_as_printed

_ONE_DAY = timedelta(days=1)


def facts_of_invoice(invoice: Invoice) -> DocumentFacts:
    """Return what ``invoice`` says; a draft tells who sells and buys as they are now."""
    is_draft = invoice.status == Invoice.Status.DRAFT
    seller = seller_as_printed(invoice) if is_draft else invoice.seller_copy
    buyer = invoice.buyer.billing_snapshot() if is_draft else invoice.buyer_copy
    language = invoice.language or buyer.get("language", "en")
    return DocumentFacts(
        kind="invoice" if invoice.gross >= 0 else "correction",
        number=invoice.number,
        issued_on=invoice.issued_on,
        due_on=invoice.due_on,
        period=(invoice.period_start, invoice.period_end - _ONE_DAY),
        currency=invoice.currency,
        language=language,
        seller=seller,
        buyer=buyer,
        lines=_invoice_lines(invoice),
        taxes=_taxes(invoice.tax_totals),
        net=invoice.net,
        tax=invoice.tax,
        gross=invoice.gross,
        category=invoice.tax_category,
        note=note_of(invoice, language) if is_draft else invoice.tax_note,
        paid=paid_from_credit(buyer),
    )


def facts_of_credit_note(credit_note: CreditNote) -> DocumentFacts:
    """Return what ``credit_note`` says."""
    invoice = credit_note.invoice
    return DocumentFacts(
        kind="credit_note",
        number=credit_note.number,
        issued_on=credit_note.issued_on,
        due_on=None,
        period=(invoice.period_start, invoice.period_end - _ONE_DAY),
        currency=credit_note.currency,
        language=credit_note.language or credit_note.buyer_copy.get("language", "en"),
        seller=credit_note.seller_copy,
        buyer=credit_note.buyer_copy,
        lines=_credited_lines(credit_note),
        taxes=_taxes(credit_note.tax_totals),
        net=credit_note.net,
        tax=credit_note.tax,
        gross=credit_note.gross,
        category=invoice.tax_category,
        note=invoice.tax_note,
        reason=credit_note.reason,
        reference=Reference(invoice.number or "", invoice.issued_on),
    )


def note_of(invoice: Invoice, language: str) -> str:
    """
    Return why the draft ``invoice`` has no tax, in ``language``: what the law asks for, and for an exemption its reason.

    The reason is what the draft was made with, else the buyer's of now.
    """
    note = words_in(language).note(taxing.NOTE_KEYS.get(invoice.tax_category, ""))
    reason = (invoice.tax_note or invoice.buyer.tax_exemption_reason) if invoice.tax_category == "E" else ""
    return f"{note} {reason}".strip()


def _taxes(totals: list[TaxTotal]) -> list[TaxFacts]:
    return [TaxFacts(*total) for total in totals]


def _invoice_lines(invoice: Invoice) -> list[LineFacts]:
    rows = invoice.lines.order_by("position").values_list(
        KT("working__consumer"),
        KT("working__plan"),
        F("subscription__number"),
        "order_key",
        "description",
        "period_start",
        "period_end",
        "quantity",
        "unit",
        "unit_price",
        "net",
        F("working__taxes"),
    )
    return list(_lines(rows, invoice.currency))


def _credited_lines(credit_note: CreditNote) -> list[LineFacts]:
    rows = credit_note.lines.order_by("position").values_list(
        F("invoice_line__working__consumer"),
        F("invoice_line__working__plan"),
        F("invoice_line__subscription__number"),
        F("invoice_line__order_key"),
        "description",
        F("invoice_line__period_start"),
        F("invoice_line__period_end"),
        "quantity",
        "unit",
        "unit_price",
        "net",
        F("invoice_line__working__taxes"),
    )
    return list(_lines(rows, credit_note.currency))


def _lines(rows: Iterable[tuple[Any, ...]], currency: str) -> Iterable[LineFacts]:
    """Give the lines under the names they were billed with; what explains an amount stays where it is."""
    for consumer, plan, number, order_key, description, start, end, quantity, unit, price, net, taxes in rows:
        yield LineFacts(
            f"{consumer} · {plan}, {number or order_key}",
            description,
            start,
            end,
            printed_quantity(quantity, price, net, currency),
            unit,
            price,
            net,
            tuple((name, Decimal(percent)) for name, percent in taxes or ()),
        )
