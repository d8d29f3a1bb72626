"""The pages of credit notes: those received and, for a reseller, those given; and giving one to a customer of one's own."""

from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required
from accounts.acting import membership_of
from accounts.models import Organization, User, local_date
from billing import crediting, documents
from billing.credit_note_forms import CreditNoteForm
from billing.credit_notes_csv import credit_notes_csv
from billing.models import CreditNote, Invoice
from billing.operations import credit_notes as operations
from billing.queries import credit_notes as queries
from billing.rating import plain
from common import clock
from common.errors import DomainError
from common.periods import MalformedPeriod, Period
from common.templatetags.show import money

PAGE_SIZE = 50
LONGEST_WORDS = 100


@member_required
@require_safe
def credit_note_list(request: HttpRequest) -> Any:
    """
    List the credit notes that the organization acted for received, newest first; for a reseller with ``sold=1`` those it gave.

    ``q`` narrows by the number of the credit note or its invoice, ``month`` (YYYY-MM) by date; ``export=csv`` gives all that were
    found as a file.
    """
    organization = membership_of(request).organization
    is_sold = organization.kind == Organization.Kind.RESELLER and request.GET.get("sold") == "1"
    side = {"seller": organization} if is_sold else {"buyer": organization}
    everything = CreditNote.objects.visible_to(request.user).filter(**side).order_by("-issued_on", "-pk")
    found, refusal = _filtered(everything, request)
    if request.GET.get("export") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="credit-notes.csv"'}
        return StreamingHttpResponse(credit_notes_csv(found), content_type="text/csv; charset=utf-8", headers=headers)
    context = {
        "page": Paginator(found.select_related("invoice"), PAGE_SIZE).get_page(request.GET.get("page")),
        "organization": organization,
        "is_sold": is_sold,
        "is_filtered": bool(request.GET.get("q") or request.GET.get("month")),
        "refusal": refusal,
        "months": everything.dates("issued_on", "month", order="DESC"),
    }
    return TemplateResponse(request, "billing/credit_notes.html", context)


@member_required
@require_safe
def credit_note(request: HttpRequest, number: str) -> HttpResponse:
    """Show one credit note: why, of which invoice, its lines and totals, its PDF."""
    found = _visible(request, number)
    is_seller = found.seller_id == membership_of(request).organization_id
    context = {"credit_note": found, "lines": queries.printed_lines(found), "is_seller": is_seller}
    return TemplateResponse(request, "billing/credit_note.html", context)


@member_required
@require_safe
def pdf(request: HttpRequest, number: str) -> HttpResponse:
    """Give the credit note as a PDF."""
    found = _visible(request, number)
    headers = {"Content-Disposition": f'inline; filename="{found.number}.pdf"'}
    return HttpResponse(documents.credit_note_pdf(found), content_type="application/pdf", headers=headers)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def credit(request: HttpRequest, number: str) -> HttpResponse:
    """Ask what of an invoice to a customer of one's own is credited (GET), preview it, and issue what was previewed."""
    invoice = _own(request, number)
    assert isinstance(request.user, User)
    form = CreditNoteForm.of(invoice, request.POST or None, words=request.GET.get("find", "")[:LONGEST_WORDS])
    if request.method != "POST" or request.POST.get("step") == "edit" or not form.is_valid():
        return _form_page(request, invoice, form)
    if not form.is_confirmed:
        context = {"invoice": invoice, "form": form, "shown": form.preview(), "key": uuid4(), "agreed": plain(form.credit.gross)}
        return TemplateResponse(request, "billing/credit_preview.html", context)
    try:
        given = operations.issue_credit_note(
            invoice_id=invoice.pk,
            lines=form.wishes,
            reason=form.cleaned_data["reason"],
            bills_again=form.is_billed_again,
            on=local_date(clock.now(), invoice.seller),
            by=request.user,
            at=clock.now(),
            key=form.cleaned_data["key"],
            agreed=form.cleaned_data["agreed"],
        )
    except DomainError as refusal:
        form.refuse(refusal)
        return _form_page(request, invoice, form)
    told = money(given.gross, given.currency)
    messages.success(request, f"Credit note {given.number} is issued: {told} to {invoice.buyer}.")
    return redirect("billing:credit_note", given.number)


def _form_page(request: HttpRequest, invoice: Invoice, form: CreditNoteForm) -> HttpResponse:
    used_up = crediting.why_nothing(form.invoice)
    context = {"invoice": invoice, "form": form, "words": request.GET.get("find", ""), "used_up": used_up}
    return TemplateResponse(request, "billing/credit.html", context)


def _visible(request: HttpRequest, number: str) -> CreditNote:
    visible = CreditNote.objects.visible_to(request.user).select_related("seller", "buyer", "invoice")
    return get_object_or_404(visible, number=number.replace("\0", ""))


def _own(request: HttpRequest, number: str) -> Invoice:
    """
    Return an issued invoice of the reseller acted for.

    :raises PermissionDenied: the person is not its administrator.
    """
    membership = membership_of(request)
    sold = Invoice.objects.visible_to(request.user).issued().with_open().filter(seller=membership.organization)
    invoice = get_object_or_404(sold.select_related("seller", "buyer"), number=number.replace("\0", ""))
    if not membership.may_edit_billing:
        raise PermissionDenied("Only an administrator gives credit notes.")
    return invoice


def _filtered(found: QuerySet[CreditNote], request: HttpRequest) -> tuple[QuerySet[CreditNote], str]:
    """Narrow by what the filter form says; what it says wrongly is told, and narrows nothing."""
    if number := request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_WORDS]:
        found = found.filter(Q(number__icontains=number) | Q(invoice__number__icontains=number))
    if month := request.GET.get("month", ""):
        try:
            period = Period.parse_month(month)
        except MalformedPeriod as refused:
            return found, str(refused)
        found = found.filter(issued_on__gte=period.start, issued_on__lt=period.end)
    return found, ""
