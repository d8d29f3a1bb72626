"""Credit notes: a list, each one with its lines and document, and making one of an issued invoice."""

from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts.models import local_date
from billing import crediting, documents
from billing.admin.invoices import SellerFilter
from billing.credit_note_forms import BssCreditNoteForm
from billing.credit_notes_csv import credit_notes_csv
from billing.models import CreditNote, Invoice
from billing.operations import credit_notes
from billing.queries.credit_notes import printed_lines
from billing.rating import plain
from common import clock
from common.bss import Ledger, figure, month_filter, related, staff
from common.errors import DomainError
from common.templatetags.show import money

CREDIT = "billing.add_creditnote"
LONGEST_WORDS = 100


@admin.register(CreditNote)
class CreditNoteAdmin(Ledger):
    page_template = "admin/billing/credit_note.html"
    list_display = ("number", "buyer", "seller", "invoice", "issued_on", "net_shown", "gross_shown", "bills_again", "created_by")
    list_select_related = ("buyer", "seller", "invoice", "created_by")
    list_filter = (month_filter("issued_on"), SellerFilter, "bills_again")
    list_before_template = "admin/billing/_credit_note_tools.html"
    search_fields = ("number__istartswith", "invoice__number__istartswith", "buyer__number__iexact", "buyer__name", "reason")
    search_help_text = "Number of the credit note or its invoice, buyer (number or name), or reason"
    ordering = ("-issued_on", "-pk")

    @display(description="net", ordering="net")
    def net_shown(self, credit_note: CreditNote) -> str:
        return figure(money(credit_note.net, credit_note.currency))

    @display(description="gross", ordering="gross")
    def gross_shown(self, credit_note: CreditNote) -> str:
        return figure(money(credit_note.gross, credit_note.currency))

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("export/", own(self.export_view), name=self.url_name("export")),
            path("of/<int:invoice_id>/", own(self.credit_view), name=self.url_name("of")),
            path("<path:object_id>/pdf/", own(self.pdf_view), name=self.url_name("pdf")),
            *super().get_urls(),
        ]

    def page_facts(self, request: HttpRequest, row: CreditNote) -> dict[str, Any]:
        return {"credit_note": row, "lines": printed_lines(row), "may_see_invoice": request.user.has_perm("billing.view_invoice")}

    def related_lists(self, request: HttpRequest, row: CreditNote) -> list[tuple[str, str]]:
        of_buyer = f"q={row.buyer.number}"
        return [
            ("PDF", self.url_of(row, "pdf")),
            *related(request, "billing.view_invoice", "Invoices of this buyer", "billing_invoice_changelist", of_buyer),
        ]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the credit note's document."""
        credit_note = self.row_or_404(request, object_id)
        headers = {"Content-Disposition": f'inline; filename="{credit_note.number}.pdf"'}
        return HttpResponse(documents.credit_note_pdf(credit_note), content_type="application/pdf", headers=headers)

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, as it is filtered and searched; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.listed(request)
        headers = {"Content-Disposition": 'attachment; filename="credit-notes.csv"'}
        return StreamingHttpResponse(credit_notes_csv(found), content_type="text/csv; charset=utf-8", headers=headers)

    # --- Making one ------------------------------------------------------------------------------------------------------

    def credit_view(self, request: HttpRequest, invoice_id: int) -> HttpResponse:
        """Ask what of an issued invoice is credited (GET), preview it, and issue the credit note that was previewed."""
        if not (request.user.has_perm(CREDIT) and request.user.has_perm("billing.view_invoice")):
            raise PermissionDenied
        invoice = Invoice.objects.issued().with_open().select_related("seller", "buyer").filter(pk=invoice_id).first()
        if invoice is None:
            raise Http404
        form = BssCreditNoteForm.of(invoice, request.POST or None, words=request.GET.get("find", "")[:LONGEST_WORDS])
        if request.method != "POST" or request.POST.get("step") == "edit" or not form.is_valid():
            return self._form_page(request, invoice, form)
        if not form.is_confirmed:
            return self._preview_page(request, invoice, form)
        try:
            credit_note = credit_notes.issue_credit_note(
                invoice_id=invoice.pk,
                lines=form.wishes,
                reason=form.cleaned_data["reason"],
                bills_again=form.is_billed_again,
                on=local_date(clock.now(), invoice.seller),
                by=staff(request),
                at=clock.now(),
                key=form.cleaned_data["key"],
                agreed=form.cleaned_data["agreed"],
            )
        except DomainError as refusal:
            form.refuse(refusal)
            return self._form_page(request, invoice, form)
        told = money(credit_note.gross, credit_note.currency)
        messages.success(request, f"Credit note {credit_note.number} is issued: {told} to {invoice.buyer}.")
        return redirect(self.url_of(credit_note))

    def _form_page(self, request: HttpRequest, invoice: Invoice, form: BssCreditNoteForm) -> HttpResponse:
        return self.page(
            request,
            "admin/billing/credit_note_new.html",
            title=f"Credit note for {invoice}",
            invoice=invoice,
            form=form,
            words=request.GET.get("find", ""),
            used_up=crediting.why_nothing(form.invoice),
            back=reverse("admin:billing_invoice_change", args=[invoice.pk]),
        )

    def _preview_page(self, request: HttpRequest, invoice: Invoice, form: BssCreditNoteForm) -> HttpResponse:
        return self.page(
            request,
            "admin/billing/credit_note_preview.html",
            title=f"Preview: credit note for {invoice}",
            invoice=invoice,
            form=form,
            shown=form.preview(),
            key=uuid4(),
            agreed=plain(form.credit.gross),
        )
