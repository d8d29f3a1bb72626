"""
Invoices and credit notes as PDF: A4, one column, in the buyer's language and formats, with the fonts inside.

The same issued document gives the same bytes. With ``einvoice`` the PDF carries the same facts as data (EN 16931, Factur-X).
"""

from billing.documents.layout import Layout
from billing.documents.reading import facts_of_credit_note, facts_of_invoice
from billing.models import CreditNote, Invoice

__all__ = ["credit_note_pdf", "invoice_pdf"]


def invoice_pdf(invoice: Invoice) -> bytes:
    """Return ``invoice`` as a PDF; a draft shows who sells and buys as they are now and is marked DRAFT on every sheet."""
    return Layout(facts_of_invoice(invoice)).set().finished()


def credit_note_pdf(credit_note: CreditNote) -> bytes:
    """Return ``credit_note`` as a PDF."""
    return Layout(facts_of_credit_note(credit_note)).set().finished()
