"""
Invoices and credit notes as PDF: A4, one column, in the buyer's language and formats, with the fonts inside.

The same issued document gives the same bytes. Where an e-invoice can be made of it (EN 16931), the PDF carries that too, as
Factur-X and ZUGFeRD want it; `einvoice.why_not` says why one cannot.
"""

from billing.document_facts import DocumentFacts
from billing.documents import archive
from billing.documents.layout import Layout
from billing.documents.reading import facts_of_credit_note, facts_of_invoice
from billing.einvoice import einvoice, why_not
from billing.models import CreditNote, Invoice

__all__ = ["credit_note_pdf", "invoice_pdf"]


def invoice_pdf(invoice: Invoice, *, with_einvoice: bool = True) -> bytes:
    """
    Return ``invoice`` as a PDF; a draft shows who sells and buys as they are now and is marked DRAFT on every sheet.

    Without the e-invoice it takes half the time; for whoever only looks at it.
    """
    return _pdf(facts_of_invoice(invoice), with_einvoice=with_einvoice)


def credit_note_pdf(credit_note: CreditNote, *, with_einvoice: bool = True) -> bytes:
    """Return ``credit_note`` as a PDF."""
    return _pdf(facts_of_credit_note(credit_note), with_einvoice=with_einvoice)


def _pdf(facts: DocumentFacts, *, with_einvoice: bool) -> bytes:
    layout = Layout(facts)
    sheets = layout.set()
    if with_einvoice and facts.issued_on is not None and not why_not(facts):
        archive.attach(sheets, einvoice(facts), title=layout.title, author=facts.seller["name"], day=facts.issued_on)
    return sheets.finished()
