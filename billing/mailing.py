"""Sends mails with the document that belongs to them: drawn when they leave, so it lies nowhere and is always there."""

from collections.abc import Callable, Sequence
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from post_office.settings import get_backend

from billing.documents import credit_note_pdf, invoice_pdf
from billing.emails import DOCUMENT_HEADER
from billing.models import CreditNote, Invoice

Drawer = Callable[[int], tuple[str, bytes]]
"""Draws the document of an id: the name of its file, and the PDF."""
_further: dict[str, Drawer] = {}


def attach_also(kind: str, drawer: Drawer) -> None:
    """Let mails whose header names a document of ``kind`` leave with what ``drawer`` draws; for the floors above."""
    _further[kind] = drawer


class DocumentBackend(BaseEmailBackend):
    """
    Attaches to each mail the document its header names, and hands it to the default way of sending.

    Where the document cannot be drawn, the mail does not leave: post_office keeps it, with the reason, and tries again later.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._way = get_connection(get_backend("default"))

    def open(self) -> bool | None:
        return self._way.open()

    def close(self) -> None:
        self._way.close()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        # post_office sends on threads of its own, which end with the batch: what they open here has to be closed here.
        is_opened_here = connection.connection is None
        try:
            attached = [_with_document(message) for message in email_messages]
        finally:
            if is_opened_here:
                connection.close()
        return self._way.send_messages(attached) or 0


def _with_document(message: EmailMessage) -> EmailMessage:
    """Return ``message`` with its document. Tried again after a failure it still has the header, and no document yet."""
    kind, _, pk = message.extra_headers[DOCUMENT_HEADER].partition(" ")
    name, pdf = _drawn(kind, int(pk))
    del message.extra_headers[DOCUMENT_HEADER]
    message.attach(f"{name}.pdf", pdf, "application/pdf")
    return message


def _drawn(kind: str, pk: int) -> tuple[str, bytes]:
    if kind in _further:
        return _further[kind](pk)
    if kind == "invoice":
        invoice = Invoice.objects.issued().get(pk=pk)
        return str(invoice.number), invoice_pdf(invoice)
    credit_note = CreditNote.objects.select_related("invoice").get(pk=pk)
    return credit_note.number, credit_note_pdf(credit_note)
