"""
What one seller's accounting takes over: invoices, credit notes and payments of some days, one row per amount and account.

Every row moves ``gross`` between the debtor's account and the account in ``ledger_code``: above nothing the debtor owes it, below
nothing the debtor gets it. The rows of a document, its revenue by product group and tax and then its taxes, sum to its net, its tax
and its gross to the minor unit; a credit note's and a payment's are below nothing, a payment that was taken back comes again above
nothing on that day. So of a whole file net is the revenue, tax what is owed of it, and gross how much more is receivable. Credits
that come from an invoice in the buyer's favour are no rows: that invoice is.

Amounts, dates and buyers are those of the documents, which are frozen; the accounts are those of the product groups, taxes and
organizations now. A missing one leaves its cell empty, and `missing_codes` tells which are.
"""

import csv
import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.models import Organization, local_date
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, Payment
from billing.models.invoices import TaxTotal
from billing.rating import plain
from catalog.models import ProductGroup, Tax
from common.money import round_money
from common.periods import Period
from common.sheets import guarded

CHUNK = 500
NOTHING = Decimal(0)
BYTE_ORDER_MARK = "\ufeff"


class Format(StrEnum):
    COMMA = "comma"
    SEMICOLON = "semicolon"


FORMATS = [
    (Format.COMMA.value, "CSV: comma between fields, decimal point"),
    (Format.SEMICOLON.value, "CSV for Excel in Europe: semicolon between fields, decimal comma"),
]

Day: TypeAlias = date  # in a row, `date` is the name of a column
Revenue: TypeAlias = tuple[int | None, tuple[tuple[str, str], ...], Decimal]
"""Product group, its taxes (name, percent), and the net of them on one document."""


class Row(NamedTuple):
    """A line of the file, in the order of its columns."""

    document: str
    kind: str
    posting: str
    """revenue, tax or payment."""
    date: Day
    due_date: Day | None
    period_from: Day | None
    period_to: Day | None
    seller: str
    debtor_code: str
    debtor: str
    vat_id: str
    country: str
    ledger_code: str
    product_group: str
    tax_name: str
    tax_percent: Decimal | None
    tax_category: str
    tax_base: Decimal | None
    net: Decimal
    tax: Decimal
    gross: Decimal
    currency: str
    related_document: str
    text: str


class MissingCode(NamedTuple):
    """A product group or tax of the exported documents that has no ledger code; ``pk`` is None for a tax that has gone."""

    model: str
    pk: int | None
    name: str


@dataclass(frozen=True)
class Accounts:
    """Where things are posted, read once for an export."""

    groups: dict[int, ProductGroup]
    taxes: dict[str, Tax]

    def of_group(self, pk: int | None) -> tuple[str, str]:
        """Return ledger code and name of a product group."""
        group = self.groups.get(pk) if pk is not None else None
        return (group.ledger_code, group.name) if group else ("", "")

    def of_tax(self, name: str) -> str:
        return tax.ledger_code if (tax := self.taxes.get(name)) else ""


def export(seller: Organization, days: Period, *, form: Format) -> Iterator[str]:
    """Give the file line by line, its header first: UTF-8, dates as 2026-10-31, no text that a spreadsheet takes for a formula."""
    writer = csv.writer(_Passing(), delimiter=";" if form is Format.SEMICOLON else ",")
    # Excel takes a file for UTF-8 only where it begins so; a program would take it for a part of the first name.
    yield (BYTE_ORDER_MARK if form is Format.SEMICOLON else "") + writer.writerow(Row._fields)
    for row in rows(seller, days):
        yield writer.writerow([_cell(value, row.currency, name, form) for name, value in zip(Row._fields, row, strict=True)])


def rows(seller: Organization, days: Period) -> Iterator[Row]:
    """
    Give the rows of ``seller``'s documents that bear a date in ``days``, by date; of a day invoices, credit notes, payments.

    Read in pieces of some hundred documents, so that a year needs no more memory than a day.
    """
    accounts = Accounts(ProductGroup.objects.in_bulk(), {tax.name: tax for tax in Tax.objects.all()})
    kinds = (_invoices, _credit_notes, _payments, _taken_back)
    return heapq.merge(*(kind(seller, days, accounts) for kind in kinds), key=attrgetter("date"))


def missing_codes(seller: Organization, days: Period) -> list[MissingCode]:
    """Return the product groups and taxes that documents of these days use and that have no ledger code yet, by name."""
    groups: set[int | None] = set()
    taxes: set[str] = set()
    for used in (_used(_invoice_lines(Q(invoice__in=_issued(seller, days)))), _used(_credited_lines(_given(seller, days)))):
        for group, told in used:
            groups.add(group)
            taxes.update(name for name, _ in told or ())
    nameless = ProductGroup.objects.filter(pk__in=[pk for pk in groups if pk], ledger_code="").order_by("name")
    known = {tax.name: tax for tax in Tax.objects.filter(name__in=taxes)}
    return [
        *(MissingCode("productgroup", group.pk, group.name) for group in nameless),
        *(
            MissingCode("tax", known[name].pk if name in known else None, name)
            for name in sorted(taxes)
            if name not in known or not known[name].ledger_code
        ),
    ]


# --- Documents -------------------------------------------------------------------------------------------------------------


def _issued(seller: Organization, days: Period) -> QuerySet[Invoice]:
    return Invoice.objects.issued().filter(seller=seller, issued_on__gte=days.start, issued_on__lt=days.end)


def _given(seller: Organization, days: Period) -> QuerySet[CreditNote]:
    return CreditNote.objects.filter(seller=seller, issued_on__gte=days.start, issued_on__lt=days.end)


def _invoices(seller: Organization, days: Period, accounts: Accounts) -> Iterator[Row]:
    found = _issued(seller, days).select_related("seller", "buyer").order_by("issued_on", "pk")
    for chunk in _chunks(found):
        revenues = _by_document(_invoice_lines(Q(invoice__in=[one.pk for one in chunk])), "invoice")
        for invoice in chunk:
            yield from _document(
                invoice,
                "invoice",
                revenues[invoice.pk],
                accounts,
                sign=1,
                due_date=invoice.due_on,
                period=invoice.period,
                category=invoice.tax_category,
                related="",
                text=invoice.tax_note,
            )


def _credit_notes(seller: Organization, days: Period, accounts: Accounts) -> Iterator[Row]:
    found = _given(seller, days).select_related("seller", "buyer", "invoice").order_by("issued_on", "pk")
    for chunk in _chunks(found):
        revenues = _by_document(_credited_lines(CreditNote.objects.filter(pk__in=[one.pk for one in chunk])), "credit_note")
        for credit_note in chunk:
            yield from _document(
                credit_note,
                "credit note",
                revenues[credit_note.pk],
                accounts,
                sign=-1,
                due_date=None,
                period=credit_note.invoice.period,
                category=credit_note.invoice.tax_category,
                related=credit_note.invoice.number or "",
                text=credit_note.reason,
            )


def _document(
    document: Invoice | CreditNote,
    kind: str,
    revenues: Iterable[Revenue],
    accounts: Accounts,
    *,
    sign: int,
    due_date: date | None,
    period: Period,
    category: str,
    related: str,
    text: str,
) -> Iterator[Row]:
    assert document.issued_on is not None
    common = {
        "document": document.number or "",
        "kind": kind,
        "date": document.issued_on,
        "due_date": due_date,
        "period_from": period.start,
        "period_to": period.last_day,
        "seller": document.seller.number,
        "debtor_code": document.buyer.ledger_code or document.buyer.number,
        "debtor": document.buyer_copy["name"],
        "vat_id": document.buyer_copy["tax_id"],
        "country": document.buyer_copy["country"],
        "tax_category": category,
        "currency": document.currency,
        "related_document": related,
        "text": text,
    }
    yield from (_revenue(revenue, accounts, sign, common) for revenue in revenues)
    yield from (_tax(total, accounts, sign, common) for total in document.tax_totals if total.tax)


def _revenue(revenue: Revenue, accounts: Accounts, sign: int, common: dict[str, Any]) -> Row:
    group, taxes, net = revenue
    code, name = accounts.of_group(group)
    return Row(
        posting="revenue",
        ledger_code=code,
        product_group=name,
        tax_name=" + ".join(tax for tax, _ in taxes),
        tax_percent=sum((Decimal(percent) for _, percent in taxes), NOTHING) if taxes else None,
        tax_base=None,
        net=sign * net,
        tax=NOTHING,
        gross=sign * net,
        **common,
    )


def _tax(total: TaxTotal, accounts: Accounts, sign: int, common: dict[str, Any]) -> Row:
    return Row(
        posting="tax",
        ledger_code=accounts.of_tax(total.name),
        product_group="",
        tax_name=total.name,
        tax_percent=total.percent,
        tax_base=sign * total.net,
        net=NOTHING,
        tax=sign * total.tax,
        gross=sign * total.tax,
        **common,
    )


def _invoice_lines(which: Q) -> Any:
    """Sum lines by document, product group and taxes; older lines have their group by their subscription's plan only."""
    group = Coalesce(F("product_group"), F("subscription__plan__product_group"))
    return InvoiceLine.objects.filter(which).order_by().annotate(group=group, taxes=F("working__taxes"))


def _credited_lines(which: QuerySet[CreditNote]) -> Any:
    group = Coalesce(F("invoice_line__product_group"), F("invoice_line__subscription__plan__product_group"))
    lines = CreditNoteLine.objects.filter(credit_note__in=which).order_by()
    return lines.annotate(group=group, taxes=F("invoice_line__working__taxes"))


def _by_document(lines: Any, document: str) -> dict[int, list[Revenue]]:
    found: dict[int, list[Revenue]] = defaultdict(list)
    summed = lines.values_list(document, "group", "taxes").annotate(total=Sum("net")).order_by(document, "group", "taxes")
    for pk, group, taxes, net in summed:
        found[pk].append((group, tuple((name, percent) for name, percent in taxes or ()), net))
    return found


def _used(lines: Any) -> Any:
    return lines.values_list("group", "taxes").distinct()


# --- Payments --------------------------------------------------------------------------------------------------------------


def _received(seller: Organization) -> Any:
    numbers = ArrayAgg("allocations__invoice__number", distinct=True, default=[], filter=Q(allocations__isnull=False))
    found = Payment.objects.filter(seller=seller, source_invoice__isnull=True).select_related("seller", "buyer")
    return found.annotate(pays=numbers)


def _payments(seller: Organization, days: Period, accounts: Accounts) -> Iterator[Row]:
    found = _received(seller).filter(received_on__gte=days.start, received_on__lt=days.end).order_by("received_on", "pk")
    return (_payment(one, "payment", one.received_on, -one.amount, _told(one)) for one in found.iterator(chunk_size=CHUNK))


def _taken_back(seller: Organization, days: Period, accounts: Accounts) -> Iterator[Row]:
    start, end = (_midnight(day, seller) for day in (days.start, days.end))
    found = _received(seller).filter(reversed_at__gte=start, reversed_at__lt=end).order_by("reversed_at", "pk")
    return (
        _payment(one, "payment taken back", local_date(one.reversed_at, seller), one.amount, one.reversal_reason)
        for one in found.iterator(chunk_size=CHUNK)
    )


def _payment(payment: Any, kind: str, on: date, amount: Decimal, text: str) -> Row:
    return Row(
        document=f"PAY-{payment.pk}",
        kind=kind,
        posting="payment",
        date=on,
        due_date=None,
        period_from=None,
        period_to=None,
        seller=payment.seller.number,
        debtor_code=payment.buyer.ledger_code or payment.buyer.number,
        debtor=payment.buyer.name,
        vat_id=payment.buyer.tax_id,
        country=payment.buyer.country,
        ledger_code="",
        product_group="",
        tax_name="",
        tax_percent=None,
        tax_category="",
        tax_base=None,
        net=NOTHING,
        tax=NOTHING,
        gross=amount,
        currency=payment.currency,
        related_document=", ".join(payment.pays),
        text=text,
    )


def _told(payment: Payment) -> str:
    return " · ".join(filter(None, [str(payment.get_method_display()), payment.reference, payment.note]))


def _midnight(day: date, seller: Organization) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(seller.time_zone)).astimezone(UTC)


# --- Writing ---------------------------------------------------------------------------------------------------------------


class _Passing:
    """A file for the csv writer that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


_AMOUNTS = frozenset({"net", "tax", "gross", "tax_base"})


def _cell(value: Any, currency: str, name: str, form: Format) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        number = f"{round_money(value, currency):f}" if name in _AMOUNTS else plain(value)
        return number.replace(".", ",") if form is Format.SEMICOLON else number
    return guarded(" ".join(value.split()))


def _chunks(found: QuerySet[Any]) -> Iterator[list[Any]]:
    documents = found.iterator(chunk_size=CHUNK)
    while chunk := list(islice(documents, CHUNK)):
        yield chunk
