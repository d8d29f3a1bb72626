"""Invoices: which there are and how they stand, what each says, and the document itself."""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Q, TextChoices
from django.db.models.fields.json import KT
from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing import documents
from billing.allocating import PaymentState
from billing.api.pdf import PdfView
from billing.api.sides import PartySerializer, TaxSerializer, as_printed, numbered, on_side, role_field, role_of
from billing.models import CreditNote, Invoice, InvoiceQuerySet, Payment, PaymentAllocation
from billing.queries.payments import state_of
from common import clock
from common.api import (
    DaysQuery,
    DaysSerializer,
    MoneySerializer,
    NewestFirst,
    PageSerializer,
    Strict,
    asked,
    days,
    money,
    plain,
    unit_price,
)
from common.periods import MalformedPeriod, Period


class State(TextChoices):
    """How an issued invoice stands, in the order in which the first that holds is told."""

    IN_FAVOUR = "in_favour", "Below nothing: it became a credit of the buyer"
    CREDITED = "credited", "Credited to its end"
    PAID = "paid", "Paid, or nothing was left to pay"
    OVERDUE = "overdue", "Something is open, and it is past its due date"
    PARTLY_PAID = "partly_paid", "Something is open, and something is paid"
    UNPAID = "unpaid", "Nothing is paid"


_STATES = {
    PaymentState.CREDIT: State.IN_FAVOUR,
    PaymentState.CREDITED: State.CREDITED,
    PaymentState.PAID: State.PAID,
    PaymentState.OVERDUE: State.OVERDUE,
    PaymentState.PARTLY_PAID: State.PARTLY_PAID,
    PaymentState.UNPAID: State.UNPAID,
}
OPEN = "open"

# --- What comes in --------------------------------------------------------------------------------------------------------


class InvoicesQuery(DaysQuery):
    """Which invoices."""

    days_of = " of issue"

    role = role_field()
    state = serializers.ChoiceField(
        required=False,
        choices=[*State.choices, (OPEN, "Something is open")],
        help_text="How they stand today. open: everything of which something is left to pay, overdue or not.",
    )
    month = serializers.CharField(required=False, max_length=7, help_text="The month they are for, as YYYY-MM.")

    def validate_month(self, month: str) -> Period:
        try:
            return Period.parse_month(month)
        except MalformedPeriod as refused:
            raise ValidationError(str(refused), code="invalid") from refused


# --- What goes out --------------------------------------------------------------------------------------------------------


class InvoiceSerializer(serializers.Serializer[Any]):
    """An issued invoice and how it stands. What it says never changes; what is credited, paid and open does."""

    number = serializers.CharField(help_text="What people quote.")
    kind = serializers.ChoiceField(choices=Invoice.Kind.choices)
    role = serializers.ChoiceField(choices=["bought", "sold"], help_text="On which side of it your organization stands.")
    seller = PartySerializer(help_text="Named as on the invoice.")
    buyer = PartySerializer(help_text="Named as on the invoice.")
    period = DaysSerializer(help_text="What it is for; of an invoice in advance, the days to come.")
    issued_on = serializers.DateField()
    due_on = serializers.DateField()
    state = serializers.ChoiceField(choices=State.choices, help_text="How it stands today, where its seller keeps its days.")
    net = MoneySerializer()
    tax = MoneySerializer()
    gross = MoneySerializer(help_text="Including VAT.")
    credited = MoneySerializer(help_text="By credit notes, including VAT.")
    paid = MoneySerializer(help_text="What of payments is allocated to it.")
    open = MoneySerializer(help_text="What is left to pay.")
    url = serializers.URLField(help_text="Where this API tells its lines and what was paid.")
    pdf_url = serializers.URLField(help_text="Where this API gives the document.")
    explain_url = serializers.URLField(help_text="Where this API tells how each amount came about.")


class InvoicePageSerializer(PageSerializer):
    results = InvoiceSerializer(many=True)


class InvoiceLineSerializer(serializers.Serializer[Any]):
    """One amount. Quantity times unit price, rounded half up to the currency, is the net."""

    position = serializers.IntegerField()
    service = serializers.CharField(allow_null=True, help_text="The number of the service; null before an order is carried out.")
    consumer = serializers.CharField(help_text="Whose service it is, named as it was then; may be empty.")
    plan = serializers.CharField(help_text="Named as it was then; may be empty.")
    item = serializers.CharField(help_text="What is metered, as Acronis names it; or what is charged at a fixed price.")
    edition = serializers.CharField(help_text="The licensing model it belongs to, as Acronis names it; may be empty.")
    description = serializers.CharField()
    period = DaysSerializer(help_text="What it is for. Of late usage, days before those of the invoice.")
    quantity = serializers.CharField(help_text="A decimal number; below nothing where something is taken back.")
    unit = serializers.CharField(help_text="GiB (1024³ bytes), hour, or unit.")
    unit_price = MoneySerializer()
    net = MoneySerializer()
    tax_percent = serializers.CharField(help_text="The sum of its taxes, a decimal number.")


class CreditedSerializer(serializers.Serializer[Any]):
    """A credit note of the invoice."""

    number = serializers.CharField()
    issued_on = serializers.DateField()
    gross = MoneySerializer(help_text="Including VAT.")


class PaidSerializer(serializers.Serializer[Any]):
    """What of one payment pays the invoice."""

    payment = serializers.UUIDField(help_text="The id of the payment.")
    received_on = serializers.DateField()
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    reference = serializers.CharField(help_text="What the payer wrote; may be empty.")
    amount = MoneySerializer()


class WholeInvoiceSerializer(InvoiceSerializer):
    """An issued invoice with all that it says."""

    lines = InvoiceLineSerializer(many=True)
    taxes = TaxSerializer(many=True)
    tax_category = serializers.CharField(
        help_text="UNCL5305 as EN 16931 uses it: S taxed, AE reverse charge, E exempt, G or O outside."
    )
    tax_note = serializers.CharField(help_text="Why there is no tax, as printed; may be empty.")
    credit_notes = CreditedSerializer(many=True)
    payments = PaidSerializer(many=True)


# --- Views ------------------------------------------------------------------------------------------------------------------


class InvoicesView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="list_invoices",
        summary="List invoices",
        description="The invoices that were issued to your organization or, if you are a reseller, by it; the newest first.",
        parameters=[InvoicesQuery],
        responses=InvoicePageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(InvoicesQuery, request)
        found = _narrowed(on_side(_issued(), self.caller.organization, wanted["role"]), wanted)
        pages = NewestFirst()
        page = pages.paginate_queryset(found, request, self)
        told = [invoice_of(one, self.caller.organization, request) for one in page or []]
        return pages.get_paginated_response(InvoiceSerializer(told, many=True).data)


class InvoiceView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="read_invoice",
        summary="Read an invoice",
        description="One invoice by its number: its lines and taxes, the credit notes on it, and what was paid of it.",
        responses=WholeInvoiceSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        invoice = numbered(_issued(), self.caller.organization, number)
        told = {
            **invoice_of(invoice, self.caller.organization, request),
            "lines": [line_of(line, invoice.currency) for line in lines_of(invoice).defer("working", "readings")],
            "taxes": invoice.taxes,
            "tax_category": invoice.tax_category,
            "tax_note": invoice.tax_note,
            "credit_notes": [_credited(note) for note in CreditNote.objects.filter(invoice=invoice).order_by("pk")],
            "payments": [_paid(one, invoice) for one in _allocations(invoice)],
        }
        return Response(WholeInvoiceSerializer(told).data)


class InvoicePdfView(PdfView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="read_invoice_pdf",
        summary="Read an invoice as a PDF",
        description="The document as it was issued.",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        asked(Strict, request)
        invoice = numbered(_issued(), self.caller.organization, number)
        return self.document(documents.invoice_pdf(invoice), number=str(invoice.number))


# --- Which ------------------------------------------------------------------------------------------------------------------


def _issued() -> InvoiceQuerySet:
    return Invoice.objects.issued().with_open().select_related("seller", "buyer")


def _narrowed(invoices: InvoiceQuerySet, wanted: dict[str, Any]) -> InvoiceQuerySet:
    if "state" in wanted:
        invoices = invoices.filter(_standing(invoices)[wanted["state"]])
    if "month" in wanted:
        invoices = invoices.filter(period_start__gte=wanted["month"].start, period_start__lt=wanted["month"].end)
    if "from" in wanted:
        invoices = invoices.filter(issued_on__gte=wanted["from"])
    return invoices.filter(issued_on__lte=wanted["to"]) if "to" in wanted else invoices


def _standing(invoices: InvoiceQuerySet) -> dict[str, Q]:
    """Return by state what the rows of such invoices say, as `billing.allocating.payment_state` tells it of one."""
    is_open, is_overdue = Q(open_amount__gt=0), _overdue(invoices)
    is_touched = Q(open_amount__lt=F("gross") - F("credited"))
    is_credited = Q(credited__gte=F("gross"), gross__gt=0)
    return {
        State.IN_FAVOUR: Q(gross__lt=0),
        State.CREDITED: Q(open_amount=0) & is_credited,
        State.PAID: Q(open_amount=0, gross__gte=0) & ~is_credited,
        State.OVERDUE: is_open & is_overdue,
        State.PARTLY_PAID: is_open & ~is_overdue & is_touched,
        State.UNPAID: is_open & ~is_overdue & ~is_touched,
        OPEN: is_open,
    }


def _overdue(invoices: InvoiceQuerySet) -> Q:
    """Return what is past its day, each seller's invoices by that seller's calendar: one time zone, most of the time."""
    zones = invoices.order_by().values_list("seller__time_zone", flat=True).distinct()
    late = [Q(seller__time_zone=zone, due_on__lt=clock.today(zone)) for zone in zones]
    return reduce(or_, late, Q(pk__in=[]))


def lines_of(invoice: Invoice) -> Any:
    """Return the lines with whom each was billed for, as it was named then; one query."""
    named = invoice.lines.annotate(consumer=KT("working__consumer"), plan=KT("working__plan"), service=F("subscription__number"))
    return named.order_by("position")


def _allocations(invoice: Invoice) -> Any:
    return PaymentAllocation.objects.filter(invoice=invoice).select_related("payment").order_by("pk")


# --- As it is told ------------------------------------------------------------------------------------------------------------


def invoice_of(invoice: Any, reader: Organization, request: Request) -> dict[str, Any]:
    """Write an invoice that is annotated by `with_open`."""
    amounts = {name: getattr(invoice, name) for name in ("net", "tax", "gross", "credited")}
    return {
        "number": invoice.number,
        "kind": invoice.kind,
        "role": role_of(invoice, reader),
        "seller": as_printed(invoice.seller, invoice.seller_copy),
        "buyer": as_printed(invoice.buyer, invoice.buyer_copy),
        "period": days(invoice.period),
        "issued_on": invoice.issued_on,
        "due_on": invoice.due_on,
        "state": state_told(invoice),
        **{name: money(amount, invoice.currency) for name, amount in amounts.items()},
        "paid": money(invoice.allocated, invoice.currency),
        "open": money(invoice.open_amount, invoice.currency),
        "url": _address("invoice", invoice, request),
        "pdf_url": _address("invoice_pdf", invoice, request),
        "explain_url": _address("invoice_explain", invoice, request),
    }


def state_told(invoice: Any) -> str:
    """Say how an invoice that is annotated by `with_open` stands today, where its seller keeps its days."""
    return _STATES[state_of(invoice, clock.today(invoice.seller.time_zone))].value


def line_of(line: Any, currency: str) -> dict[str, Any]:
    """Write a line of `lines_of`."""
    return {
        "position": line.position,
        "service": line.service,
        "consumer": line.consumer or "",
        "plan": line.plan or "",
        "item": line.item,
        "edition": line.edition,
        "description": line.description,
        "period": days(Period(line.period_start, line.period_end)),
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": unit_price(line.unit_price, currency),
        "net": money(line.net, currency),
        "tax_percent": plain(line.tax_percent),
    }


def _address(name: str, invoice: Invoice, request: Request) -> str:
    return str(request.build_absolute_uri(reverse(f"api:{name}", args=[invoice.number])))


def _credited(note: CreditNote) -> dict[str, Any]:
    return {"number": note.number, "issued_on": note.issued_on, "gross": money(note.gross, note.currency)}


def _paid(one: PaymentAllocation, invoice: Invoice) -> dict[str, Any]:
    payment = one.payment
    return {
        "payment": payment.key,
        "received_on": payment.received_on,
        "method": payment.method,
        "reference": payment.reference,
        "amount": money(one.amount, invoice.currency),
    }
