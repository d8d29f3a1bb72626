"""What of an invoice can still be credited, read for the rules in `crediting`."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum
from django.db.models.fields.json import KT

from billing.crediting import NOTHING, Creditable, InvoicedLine, Tax
from billing.models import CreditNote, CreditNoteLine, Invoice
from billing.printed import printed_quantity, quantity_text, unit_text


class Origin(NamedTuple):
    """Whom a line was billed for: what it says itself, as the names were then."""

    consumer: str
    subscription: str


class PrintedCredit(NamedTuple):
    """A line of a credit note with its quantity and unit as they are printed."""

    line: CreditNoteLine
    quantity: str
    origin: Origin
    invoice_position: int


def creditable(invoice: Invoice) -> Creditable:
    """Return the lines of ``invoice`` and its taxes with what is left of each. Three queries, however many lines there are."""
    before = {
        line: (quantity, net)
        for line, quantity, net in CreditNoteLine.objects.filter(credit_note__invoice=invoice)
        .order_by()
        .values_list("invoice_line")
        .annotate(quantities=Sum("quantity"), nets=Sum("net"))
    }
    rows = invoice.lines.order_by("position").values_list(
        "pk", "position", "description", "quantity", "unit", "unit_price", "net", "working__taxes"
    )
    lines = tuple(
        InvoicedLine(pk, position, description, quantity, unit, unit_price, net, _taxes(taxes), *before.get(pk, (NOTHING, NOTHING)))
        for pk, position, description, quantity, unit, unit_price, net, taxes in rows
    )
    return Creditable(invoice.currency, lines, _taxes_left(invoice))


def credited(invoices: QuerySet[Invoice]) -> dict[str, Decimal]:
    """Return by currency what was given back, excl. VAT, of ``invoices``, whenever that was; one query."""
    rows = CreditNote.objects.filter(invoice__in=invoices.order_by().values("pk")).order_by()
    return dict(rows.values_list("currency").annotate(Sum("net")))


def origins(invoice: Invoice) -> dict[int, Origin]:
    """Return by line whom it was billed for; one query."""
    rows = invoice.lines.values_list("pk", KT("working__consumer"), "subscription__number")
    return {pk: Origin(consumer or "", subscription or "") for pk, consumer, subscription in rows}


def printed_lines(credit_note: CreditNote) -> list[PrintedCredit]:
    """Return the lines of a credit note in their order; one query."""
    named = credit_note.lines.annotate(
        consumer=F("invoice_line__working__consumer"),
        subscription=F("invoice_line__subscription__number"),
        billed_as=F("invoice_line__position"),
    ).order_by("position")
    return [_printed(line, credit_note.currency) for line in named]


def _printed(line: Any, currency: str) -> PrintedCredit:
    exact = printed_quantity(line.quantity, line.unit_price, line.net, currency)
    origin = Origin(line.consumer or "", line.subscription or "")
    return PrintedCredit(line, f"{quantity_text(exact)} {unit_text(exact, line.unit)}", origin, line.billed_as)


def _taxes(told: Iterable[tuple[str, str]] | None) -> tuple[Tax, ...]:
    return tuple(Tax(name, Decimal(percent)) for name, percent in told or ())


def _taxes_left(invoice: Invoice) -> dict[Tax, Decimal]:
    left: dict[Tax, Decimal] = defaultdict(Decimal)
    for total in invoice.tax_totals:
        left[Tax(total.name, total.percent)] += total.tax
    told: Any = CreditNote.objects.filter(invoice=invoice).order_by().values_list("taxes", flat=True)
    for tax in (one for taxes in told for one in taxes):
        left[Tax(tax["name"], Decimal(tax["percent"]))] -= Decimal(tax["tax"])
    return dict(left)
