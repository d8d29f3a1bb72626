"""Credit notes: what was given back of which invoice."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing import documents
from billing.api.pdf import PdfView
from billing.api.sides import LONGEST_NUMBER, PartySerializer, TaxSerializer, as_printed, numbered, on_side, role_field, role_of
from billing.models import CreditNote
from billing.queries.credit_notes import PrintedCredit, printed_lines
from common.api import DaysQuery, MoneySerializer, NewestFirst, PageSerializer, Strict, asked, money, plain, unit_price

# --- What comes in --------------------------------------------------------------------------------------------------------


class CreditNotesQuery(DaysQuery):
    """Which credit notes."""

    days_of = " of issue"

    role = role_field()
    invoice = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="The number of the invoice they are on.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class CreditNoteSerializer(serializers.Serializer[Any]):
    """What a buyer got back of an invoice. Amounts are above nothing; it never changes."""

    number = serializers.CharField(help_text="What people quote.")
    invoice = serializers.CharField(help_text="The number of the invoice.")
    role = serializers.ChoiceField(choices=["bought", "sold"], help_text="On which side of it your organization stands.")
    seller = PartySerializer(help_text="Named as on the credit note.")
    buyer = PartySerializer(help_text="Named as on the credit note.")
    issued_on = serializers.DateField()
    reason = serializers.CharField()
    bills_again = serializers.BooleanField(help_text="Whether what was credited is billed anew by a later invoice.")
    net = MoneySerializer()
    tax = MoneySerializer()
    gross = MoneySerializer(help_text="Including VAT.")


class CreditNotePageSerializer(PageSerializer):
    results = CreditNoteSerializer(many=True)


class CreditLineSerializer(serializers.Serializer[Any]):
    """What is credited of one line; below nothing of a line below nothing."""

    position = serializers.IntegerField()
    invoice_position = serializers.IntegerField(help_text="The line of the invoice.")
    service = serializers.CharField(help_text="The number of the service; may be empty.")
    consumer = serializers.CharField(help_text="Whose service it is, named as it was then; may be empty.")
    description = serializers.CharField()
    quantity = serializers.CharField(help_text="A decimal number.")
    unit = serializers.CharField(help_text="GiB (1024³ bytes), hour, or unit.")
    unit_price = MoneySerializer()
    net = MoneySerializer()
    tax_percent = serializers.CharField(help_text="The sum of its taxes, a decimal number.")


class WholeCreditNoteSerializer(CreditNoteSerializer):
    """A credit note with all that it says."""

    lines = CreditLineSerializer(many=True)
    taxes = TaxSerializer(many=True)


# --- Views ------------------------------------------------------------------------------------------------------------------


class CreditNotesView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="list_credit_notes",
        summary="List credit notes",
        description="The credit notes your organization received or, if you are a reseller, gave; the newest first.",
        parameters=[CreditNotesQuery],
        responses=CreditNotePageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(CreditNotesQuery, request)
        found = on_side(CreditNote.objects.select_related("seller", "buyer", "invoice"), self.caller.organization, wanted["role"])
        named = {"invoice": "invoice__number", "from": "issued_on__gte", "to": "issued_on__lte"}
        found = found.filter(**{named[name]: value for name, value in wanted.items() if name in named})
        pages = NewestFirst()
        page = pages.paginate_queryset(found, request, self)
        told = [_credit_note(one, self.caller.organization) for one in page or []]
        return pages.get_paginated_response(CreditNoteSerializer(told, many=True).data)


class CreditNoteView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="read_credit_note",
        summary="Read a credit note",
        description="One credit note by its number, with what is credited of each line.",
        responses=WholeCreditNoteSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        note = numbered(CreditNote.objects.select_related("seller", "buyer", "invoice"), self.caller.organization, number)
        told = {
            **_credit_note(note, self.caller.organization),
            "lines": [_line(printed, note.currency) for printed in printed_lines(note)],
            "taxes": note.taxes,
        }
        return Response(WholeCreditNoteSerializer(told).data)


class CreditNotePdfView(PdfView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="read_credit_note_pdf",
        summary="Read a credit note as a PDF",
        description="The document as it was issued.",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, number: str) -> HttpResponse:
        asked(Strict, request)
        notes = CreditNote.objects.select_related("seller", "buyer", "invoice")
        note = numbered(notes, self.caller.organization, number)
        return self.document(documents.credit_note_pdf(note), number=note.number)


def _credit_note(note: CreditNote, reader: Organization) -> dict[str, Any]:
    return {
        "number": note.number,
        "invoice": note.invoice.number,
        "role": role_of(note, reader),
        "seller": as_printed(note.seller, note.seller_copy),
        "buyer": as_printed(note.buyer, note.buyer_copy),
        "issued_on": note.issued_on,
        "reason": note.reason,
        "bills_again": note.bills_again,
        **{name: money(getattr(note, name), note.currency) for name in ("net", "tax", "gross")},
    }


def _line(printed: PrintedCredit, currency: str) -> dict[str, Any]:
    line = printed.line
    return {
        "position": line.position,
        "invoice_position": printed.invoice_position,
        "service": printed.origin.subscription,
        "consumer": printed.origin.consumer,
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": unit_price(line.unit_price, currency),
        "net": money(line.net, currency),
        "tax_percent": plain(line.tax_percent),
    }
