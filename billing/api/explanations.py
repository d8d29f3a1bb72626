"""How each amount of an invoice came about, cut to what the caller may know: as the pages explain it, in words and as numbers."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing.api.invoices import InvoiceLineSerializer, line_of, lines_of
from billing.api.sides import numbered
from billing.api.workings import WorkingSerializer, working_of
from billing.models import Invoice
from billing.queries.explaining import BilledBefore, Explanation, PriceRow, ReadingRow, explain_to
from billing.rating import TEN_DECIMALS
from common.api import CursorPages, MoneySerializer, PageQuery, PageSerializer, asked, money, plain, unit_price

# --- What comes in --------------------------------------------------------------------------------------------------------


class ExplainQuery(PageQuery):
    """Which lines; all of them, unless one is named."""

    position = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1, help_text="One line of the invoice.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class FactSerializer(serializers.Serializer[Any]):
    """One sentence of the reckoning."""

    label = serializers.CharField()  # type: ignore[assignment]  # a field; the metaclass takes it away
    words = serializers.CharField()


class PriceStepSerializer(serializers.Serializer[Any]):
    """One step of the chain of prices, and the price after it."""

    step = serializers.CharField(
        help_text="list_price, card_exchange_rate, exchange_rate, partner_discount, retail_markup, retail_discount and so on."
    )
    words = serializers.CharField()
    factor = serializers.CharField(allow_null=True, help_text="A rate, percentage or number of months; null where it begins.")
    price = MoneySerializer(help_text="Of one unit, with all its decimals.")
    per = serializers.CharField(help_text="What the price is for, as in “per unit and month”.")


class BilledBeforeSerializer(serializers.Serializer[Any]):
    """What earlier invoices billed of the same thing, and this line corrects."""

    quantity = serializers.CharField(help_text="As printed.")
    unit = serializers.CharField()
    unit_price = MoneySerializer()
    net = MoneySerializer()
    invoices = serializers.CharField(help_text="Their numbers.")


class UsedReadingSerializer(serializers.Serializer[Any]):
    """One reading of the vendor's that the line is made from."""

    day = serializers.DateField()
    measured = serializers.CharField(help_text="In the vendor's unit, a decimal number.")
    quantity = serializers.CharField(help_text="In the unit of prices, rounded half up to at most ten decimals.")
    storage = serializers.CharField(help_text="Where it lies, an id of Acronis; may be empty.")
    report = serializers.IntegerField(help_text="Which of the vendor's reports it stands in.")
    report_line = serializers.IntegerField(help_text="In which line of the report.")


class ExplainedLineSerializer(InvoiceLineSerializer):
    """A line of an invoice with everything it was made from, as far as your organization may know it."""

    facts = FactSerializer(many=True, help_text="From what was measured or agreed to the quantity, in words.")
    working = WorkingSerializer(help_text="The same as numbers.")
    prices = PriceStepSerializer(
        many=True, help_text="From the price list to the unit price. Empty where only the seller knows how its price came about."
    )
    rate_card = serializers.CharField(help_text="Which rate card it was priced by, in a sentence; may be empty.")
    billed_before = BilledBeforeSerializer(many=True)
    readings = UsedReadingSerializer(many=True, help_text="By day and storage.")


class ExplainedPageSerializer(PageSerializer):
    results = ExplainedLineSerializer(many=True)


# --- The view ---------------------------------------------------------------------------------------------------------------


class LinePages(CursorPages):
    """The lines in their order."""

    ordering = "position"


class InvoiceExplainView(ScopedView):
    scopes = {"GET": ApiToken.Scope.INVOICES_READ}

    @extend_schema(
        operation_id="explain_invoice",
        summary="Explain an invoice",
        description=(
            "How each amount of an invoice came about, line by line: readings down to the vendor's report, quantity, rate, and the "
            "chain of prices. Whoever buys from a reseller is told the unit price, not what came before it; the vendor's cost is "
            "told to nobody."
        ),
        parameters=[ExplainQuery],
        responses=ExplainedPageSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        wanted = asked(ExplainQuery, request)
        reader = self.caller.organization
        invoice = numbered(Invoice.objects.issued(), reader, number)
        lines = lines_of(invoice)
        if "position" in wanted:
            lines = lines.filter(position=wanted["position"])
        pages = LinePages()
        page: list[Any] = pages.paginate_queryset(lines, request, self) or []
        told = [_explained(line, invoice, reader) for line in page]
        return pages.get_paginated_response(ExplainedLineSerializer(told, many=True).data)


def _explained(line: Any, invoice: Invoice, reader: Organization) -> dict[str, Any]:
    line.invoice = invoice
    why: Explanation = explain_to(line, reader)
    return {
        **line_of(line, invoice.currency),
        "facts": [{"label": fact.label, "words": fact.words} for fact in why.facts],
        "working": working_of(line.working),
        "prices": [_step(said, row) for said, row in zip(why.steps, why.prices, strict=True)],
        "rate_card": why.rate_card,
        "billed_before": [_billed(one, invoice.currency) for one in why.billed_before],
        "readings": [_reading(one) for one in why.readings],
    }


def _step(said: dict[str, str], row: PriceRow) -> dict[str, Any]:
    return {
        "step": said["step"],
        "words": row.words,
        "factor": said.get("factor"),
        "price": unit_price(row.amount, row.currency),
        "per": row.per,
    }


def _billed(one: BilledBefore, currency: str) -> dict[str, Any]:
    return {
        "quantity": one.quantity,
        "unit": one.unit,
        "unit_price": unit_price(one.unit_price, currency),
        "net": money(one.net, currency),
        "invoices": one.invoices,
    }


def _reading(one: ReadingRow) -> dict[str, Any]:
    return {
        "day": one.day,
        "measured": plain(one.measured),
        "quantity": plain(one.quantity.quantize(TEN_DECIMALS)),
        "storage": one.storage,
        "report": one.report,
        "report_line": one.report_line,
    }
