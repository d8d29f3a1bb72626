"""Invoices: a list, each one with its lines and how every amount came about, what was paid and credited, holding and issuing."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts.models import Organization, local_date
from billing import documents
from billing.admin.accounting import AccountingPage
from billing.forms import HoldForm
from billing.models import Invoice, InvoiceLine
from billing.operations import hold_rules, invoices
from billing.queries.explaining import explain
from billing.queries.payments import state_of
from common import clock
from common.bss import STATE_COLOURS, Ledger, Move, figure, month_filter, refuse, related, staff, today
from common.errors import DomainError
from common.templatetags.show import money, month

ISSUE = "billing.issue_invoice"
LINES_PER_PAGE = 100
STATES = {
    **STATE_COLOURS,
    "held": "danger",
    "overdue": "danger",
    "paid": "success",
    "unpaid": "info",
    "partly paid": "info",
    "credited": "default",
    "in favour": "default",
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


class MoneyFilter(admin.SimpleListFilter):
    """Drafts that are held back, and issued invoices by what was paid and credited of them."""

    title = "payment"
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterator[tuple[str, str]]:
        yield from (
            ("open", "Open"),
            ("overdue", "Overdue"),
            ("paid", "Paid"),
            ("credited", "Credited, whole or in part"),
            ("held", "Held drafts"),
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        invoices: Any = queryset  # annotated by `with_open`
        narrowed: dict[str, Any] = {
            "open": lambda: invoices.unpaid(),
            "overdue": lambda: invoices.unpaid().filter(due_on__lt=today()),
            "paid": lambda: invoices.issued().filter(open_amount=0, gross__gt=0, credited__lt=F("gross")),
            "credited": lambda: invoices.filter(credited__gt=0),
            "held": lambda: invoices.drafts().exclude(held_for=""),
        }
        narrow = narrowed.get(str(self.value()))
        found: QuerySet[Invoice] = narrow() if narrow else queryset
        return found


def _is_held(invoice: Invoice) -> bool:
    return bool(invoice.held_for)


def _is_issuable(invoice: Invoice) -> bool:
    return invoice.can_move_to("issued") and not invoice.held_for


@admin.register(Invoice)
class InvoiceAdmin(AccountingPage, Ledger):
    page_template = "admin/billing/invoice.html"
    list_display = (
        "number_shown",
        "status_label",
        "buyer",
        "seller",
        "month_shown",
        "gross_shown",
        "open_shown",
        "issued_on",
        "due_on",
    )
    list_select_related = ("buyer", "seller")
    list_filter = ("status", MoneyFilter, "kind", month_filter("period_start"), SellerFilter)
    list_before_template = "admin/billing/_invoice_tools.html"
    search_fields = ("number__istartswith", "buyer__number__iexact", "buyer__name", "seller__number__iexact")
    search_help_text = "Invoice number, buyer (number or name), or seller's number"
    ordering = ("-period_start", "-pk")
    moves = (
        Move("issue", "Issue invoice", ISSUE, _is_issuable, confirm="ask_issue", variant="primary"),
        Move("release", "Release", ISSUE, _is_held, confirm="ask_release", variant="primary"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).with_open()

    @display(description="number", ordering="number")
    def number_shown(self, invoice: Invoice) -> str:
        return invoice.number or "draft"

    @display(description="state", ordering="status", label=STATES)
    def status_label(self, invoice: Invoice) -> tuple[str, str]:
        return _state(invoice)

    @display(description="month", ordering="period_start")
    def month_shown(self, invoice: Invoice) -> str:
        return month(invoice.period_start)

    @display(description="gross", ordering="gross")
    def gross_shown(self, invoice: Invoice) -> str:
        return figure(money(invoice.gross, invoice.currency))

    @display(description="open")
    def open_shown(self, invoice: Any) -> str:
        return figure(money(invoice.open_amount, invoice.currency)) if invoice.number else ""

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("accounting/", own(self.accounting_view), name=self.url_name("accounting")),
            path("<path:object_id>/pdf/", own(self.pdf_view), name=self.url_name("pdf")),
            path("<path:object_id>/hold/", own(self.hold_view), name=self.url_name("hold")),
            path("<path:object_id>/lines/<int:position>/", own(self.explain_view), name=self.url_name("explain")),
            *super().get_urls(),
        ]

    def page_facts(self, request: HttpRequest, row: Invoice) -> dict[str, Any]:
        lines = row.lines.defer("working", "readings").order_by("position")
        named = lines.annotate(consumer=KT("working__consumer"), number=F("subscription__number"))
        sees = request.user.has_perm
        return {
            "invoice": row,
            "state": _state(row),
            "page": Paginator(named, LINES_PER_PAGE).get_page(request.GET.get("page")),
            "credit_notes": row.credit_notes.order_by("issued_on", "pk") if sees("billing.view_creditnote") else [],
            "allocations": row.allocations.select_related("payment").order_by("pk") if sees("billing.view_payment") else [],
        }

    def offered_moves(self, request: HttpRequest, row: Invoice) -> list[dict[str, str | bool]]:
        buttons = super().offered_moves(request, row)
        if row.run_id and row.number is None and request.user.has_perm(ISSUE):
            words = "Hold for another reason" if row.held_for else "Hold"
            buttons.append({"label": words, "url": self.url_of(row, "hold"), "variant": "default", "asks_first": True})
        if row.number and row.credited < row.gross and request.user.has_perm("billing.add_creditnote"):  # type: ignore[attr-defined]
            url = reverse("admin:billing_creditnote_of", args=[row.pk])
            buttons.append({"label": "Credit note…", "url": url, "variant": "default", "asks_first": True})
        return buttons

    def related_lists(self, request: HttpRequest, row: Invoice) -> list[tuple[str, str]]:
        run = [] if row.run_id is None else [("Billing run", reverse("admin:billing_billingrun_change", args=[row.run_id]))]
        told = f"buyer={row.buyer.number}&seller={row.seller.number}&invoice={row.pk}"
        pay = related(request, "billing.add_payment", "Record payment", "billing_payment_record", told)
        is_open = row.status == Invoice.Status.ISSUED and row.open_amount > 0  # type: ignore[attr-defined]
        return [
            ("PDF", self.url_of(row, "pdf")),
            *(pay if is_open else []),
            *(run if request.user.has_perm("billing.view_billingrun") else []),
        ]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the invoice's document; that of a draft says that it is one."""
        invoice = self.row_or_404(request, object_id)
        headers = {"Content-Disposition": f'inline; filename="{invoice.number or f"draft-{invoice.pk}"}.pdf"'}
        return HttpResponse(documents.invoice_pdf(invoice), content_type="application/pdf", headers=headers)

    def explain_view(self, request: HttpRequest, object_id: str, position: int) -> HttpResponse:
        """Show how one line's amount came about, down to the rows of the vendor's report."""
        invoice = self.row_or_404(request, object_id)
        line = get_object_or_404(InvoiceLine.objects.select_related("subscription"), invoice=invoice, position=position)
        line.invoice = invoice
        return self.page(
            request,
            "admin/billing/explain.html",
            title=f"How line {position} came about",
            original=invoice,
            invoice=invoice,
            line=line,
            why=explain(line, staff(request)),
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

    # --- Held drafts -----------------------------------------------------------------------------------------------------

    def hold_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why a draft is to be held (GET), and hold it."""
        invoice = self.row_or_404(request, object_id)
        if not request.user.has_perm(ISSUE):
            raise PermissionDenied
        form = HoldForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                hold_rules.hold_draft(invoice_id=invoice.pk, reason=form.cleaned_data["reason"], by=staff(request))
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, "The draft is held. It is issued only after somebody has released it.")
                return redirect(self.url_of(invoice))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Hold the draft for {invoice.buyer}",
            original=invoice,
            form=form,
            submit="Hold draft",
            back=self.url_of(invoice),
            intro="Held, it is issued neither alone nor with its run. Runs keep it up to date.",
        )

    def ask_release(self, request: HttpRequest, invoice: Invoice) -> list[str]:
        amount = money(invoice.gross, invoice.currency)
        return [
            f"It is held for this reason: {invoice.held_for}",
            f"{amount} including VAT to {invoice.buyer}. Released, it is issued with its run, or alone.",
        ]

    def release(self, request: HttpRequest, invoice: Invoice) -> str:
        assert invoice.run_id is not None  # only drafts of runs are held
        hold_rules.release_drafts(run_id=invoice.run_id, invoices=[invoice.pk], by=staff(request))
        return "The draft is released; it may be issued."


def _state(invoice: Any) -> tuple[str, str]:
    """Tell in a word, with its colour's key, how an invoice stands that `with_open` has annotated."""
    if invoice.number is None:
        return ("held", "held") if invoice.held_for else ("draft", "draft")
    state = state_of(invoice, today())
    return state.value, state.value
