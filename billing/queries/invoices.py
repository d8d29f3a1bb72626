"""What the invoice pages show: lines by end customer, what was paid and credited, and what the invoice is for in words."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from django.db.models import F, Q
from django.db.models.fields.json import KT

from billing.allocating import PaymentState
from billing.models import Invoice, InvoiceLine, InvoiceQuerySet, PaymentAllocation
from billing.printed import days_text, printed_quantity, quantity_text, unit_text
from billing.queries.payments import state_of
from common.templatetags import show

NARROWED_BY = {"open": "Open", "overdue": "Overdue", "paid": "Paid", "credited": "Credited"}
"""How a list can be narrowed by what was paid and credited, and what the reader calls it."""


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line with its quantity and unit as they are printed: the quantity still multiplies out to the net."""

    line: InvoiceLine
    quantity: str
    period: str


@dataclass(frozen=True, slots=True)
class CustomerLines:
    """The lines of one subscription of one end customer; ``subscription`` is empty until what was invoiced in advance starts."""

    consumer: str
    subscription: str
    plan: str
    lines: list[PrintedLine]
    net: Decimal


@dataclass(frozen=True, slots=True)
class ListedInvoice:
    """An invoice of a list: what it is for, and how it stands on a day."""

    invoice: Invoice
    what_for: str
    state: PaymentState


@dataclass(frozen=True, slots=True)
class Standing:
    """How one invoice stands: what was paid of it and by which payments, what was credited, what is open."""

    state: PaymentState
    what_for: str
    paid: Decimal
    credited: Decimal
    open_amount: Decimal
    allocations: list[PaymentAllocation]

    @property
    def is_partly_settled(self) -> bool:
        """Whether something is open, but not all of it."""
        return self.open_amount > 0 and bool(self.paid or self.credited)


def lines_by_customer(invoice: Invoice) -> list[CustomerLines]:
    """Return the lines in their order, grouped by subscription, under the names they were billed with. One query for all."""
    lines = (
        invoice.lines.annotate(consumer=KT("working__consumer"), plan=KT("working__plan"), number=F("subscription__number"))
        .defer("working", "readings")
        .order_by("position")
    )
    grouped = [(key, list(group)) for key, group in groupby(lines, key=lambda line: (line.consumer, line.number, line.plan))]
    return [
        CustomerLines(
            consumer or "",
            number or "",
            plan or "",
            [_printed(line, invoice) for line in group],
            sum((line.net for line in group), Decimal(0)),
        )
        for (consumer, number, plan), group in grouped
    ]


def narrowed(invoices: InvoiceQuerySet, by: str, *, today: date) -> InvoiceQuerySet:
    """Narrow issued ``invoices``, annotated by `with_open`, to a state of `NARROWED_BY`; any other word narrows nothing."""
    conditions = {
        "open": Q(open_amount__gt=0),
        "overdue": Q(open_amount__gt=0, due_on__lt=today),
        "paid": Q(open_amount=0) & (Q(gross__lte=0) | Q(credited__lt=F("gross"))),
        "credited": Q(credited__gt=0),
    }
    condition = conditions.get(by)
    return invoices if condition is None else invoices.filter(condition)


def listed(invoice: Invoice, today: date) -> ListedInvoice:
    """Tell what an invoice, annotated by `with_open`, is for and how it stands."""
    return ListedInvoice(invoice, what_for(invoice), state_of(invoice, today))


def standing(invoice: Invoice, today: date) -> Standing:
    """Tell how an invoice, annotated by `with_open`, stands on ``today``, with what was paid of it. One query."""
    allocations = PaymentAllocation.objects.filter(invoice=invoice).select_related("payment").order_by("payment__received_on", "pk")
    return Standing(
        state=state_of(invoice, today),
        what_for=what_for(invoice),
        paid=invoice.allocated,  # type: ignore[attr-defined]
        credited=invoice.credited,  # type: ignore[attr-defined]
        open_amount=invoice.open_amount,  # type: ignore[attr-defined]
        allocations=list(allocations),
    )


def what_for(invoice: Invoice) -> str:
    """Say in words what an invoice is for: a month, what was used above a quota, or a term that is paid in advance."""
    last = invoice.period_end - timedelta(days=1)
    is_a_month = invoice.period_start.day == 1 and invoice.period_end.day == 1 and last.month == invoice.period_start.month
    days = show.month(invoice.period_start) if is_a_month else days_text(invoice.period_start, last)
    words = {
        Invoice.Kind.OVERAGE: f"Above the quota, {days}",
        Invoice.Kind.ADVANCE: f"In advance, {days}",
        Invoice.Kind.RENEWAL: f"Renewal, {days}",
    }
    return words.get(Invoice.Kind(invoice.kind), days)


def _printed(line: InvoiceLine, invoice: Invoice) -> PrintedLine:
    exact = printed_quantity(line.quantity, line.unit_price, line.net, invoice.currency)
    quantity = f"{quantity_text(exact)} {unit_text(exact, line.unit)}"
    return PrintedLine(line, quantity, days_text(line.period_start, line.last_day))
