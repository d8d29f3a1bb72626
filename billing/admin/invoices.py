"""Invoices: a list, each one with its lines and how every amount came about, and issuing."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from unfold.decorators import display

from accounts.models import Organization, local_date
from billing import documents, fixed
from billing.models import Invoice, InvoiceLine
from billing.operations import invoices
from common import clock
from common.bss import STATE_COLOURS, Ledger, Move, figure, month_filter, related, staff
from common.templatetags.show import money, month

ISSUE = "billing.issue_invoice"

STEP_WORDS = {
    "list_price": "Price on the rate card",
    "card_exchange_rate": "Exchange rate of the rate card",
    "exchange_rate": "Exchange rate to the invoice's currency",
    "partner_discount": "Partner discount, percent",
    "retail_markup": "Reseller's markup, percent",
    "retail_discount": "Reseller's discount, percent",
    "retail_markup_amount": "Reseller's markup",
    "rounded": "Rounded to what it was sold at",
    "month_of_term": "Each month of the term, divided by its months",
}


class SellerFilter(admin.SimpleListFilter):
    """Who invoices: the MSP, or one of its resellers."""

    title = "seller"
    parameter_name = "seller"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        sellers = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by("kind", "name")
        return [(organization.number, organization.name) for organization in sellers[:300]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        return queryset.filter(seller__number=self.value()) if self.value() else queryset


@admin.register(Invoice)
class InvoiceAdmin(Ledger):
    page_template = "admin/billing/invoice.html"
    list_display = (
        "number_shown",
        "status_label",
        "buyer",
        "seller",
        "month_shown",
        "net_shown",
        "gross_shown",
        "issued_on",
        "due_on",
    )
    list_select_related = ("buyer", "seller")
    list_filter = ("status", month_filter("period_start"), SellerFilter)
    search_fields = ("number__istartswith", "buyer__number__iexact", "buyer__name", "seller__number__iexact")
    search_help_text = "Invoice number, buyer (number or name), or seller's number"
    ordering = ("-period_start", "-pk")
    moves = (
        Move(
            "issue", "Issue invoice", ISSUE, lambda invoice: invoice.can_move_to("issued"), confirm="ask_issue", variant="primary"
        ),
    )

    @display(description="number", ordering="number")
    def number_shown(self, invoice: Invoice) -> str:
        return invoice.number or "draft"

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, invoice: Invoice) -> tuple[str, str]:
        return invoice.status, str(invoice.get_status_display())

    @display(description="month", ordering="period_start")
    def month_shown(self, invoice: Invoice) -> str:
        return month(invoice.period_start)

    @display(description="net", ordering="net")
    def net_shown(self, invoice: Invoice) -> str:
        return figure(money(invoice.net, invoice.currency))

    @display(description="gross", ordering="gross")
    def gross_shown(self, invoice: Invoice) -> str:
        return figure(money(invoice.gross, invoice.currency))

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("<path:object_id>/pdf/", own(self.pdf_view), name=self.url_name("pdf")),
            path("<path:object_id>/lines/<int:position>/", own(self.explain_view), name=self.url_name("explain")),
            *super().get_urls(),
        ]

    def page_facts(self, request: HttpRequest, row: Invoice) -> dict[str, Any]:
        lines = row.lines.select_related("subscription__consumer").defer("working")
        return {"invoice": row, "lines": lines}

    def related_lists(self, request: HttpRequest, row: Invoice) -> list[tuple[str, str]]:
        run = related(request, "billing.view_billingrun", "Billing runs", "billing_billingrun_changelist")
        return [("PDF", self.url_of(row, "pdf")), *(run if row.run_id else [])]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the invoice's document; that of a draft says that it is one."""
        invoice = self.row_or_404(request, object_id)
        headers = {"Content-Disposition": f'inline; filename="{invoice.number or f"draft-{invoice.pk}"}.pdf"'}
        return HttpResponse(documents.invoice_pdf(invoice), content_type="application/pdf", headers=headers)

    def explain_view(self, request: HttpRequest, object_id: str, position: int) -> HttpResponse:
        """Show how one line's amount came about, down to the rows of the vendor's report."""
        invoice = self.row_or_404(request, object_id)
        line = get_object_or_404(InvoiceLine.objects.select_related("subscription__consumer"), invoice=invoice, position=position)
        words = STEP_WORDS | ({"list_price": "List price of the plan"} if line.item in fixed.ITEMS else {})
        steps = [{**step, "words": words.get(step["step"], step["step"])} for step in line.working.get("steps", [])]
        return self.page(
            request,
            "admin/billing/explain.html",
            title=f"How line {position} came about",
            original=invoice,
            invoice=invoice,
            line=line,
            working=line.working,
            steps=steps,
            back=self.url_of(invoice),
        )

    def ask_issue(self, request: HttpRequest, invoice: Invoice) -> list[str]:
        return [
            f"{money(invoice.gross, invoice.currency)} including VAT to {invoice.buyer} for {month(invoice.period_start)}.",
            "The invoice gets its number, is frozen for good, and the buyer gets a mail.",
        ]

    def issue(self, request: HttpRequest, invoice: Invoice) -> str:
        on = local_date(clock.now(), invoice.seller)
        issued = invoices.issue_invoice(invoice_id=invoice.pk, on=on, by=staff(request))
        return f"Invoice {issued.number} is issued."
