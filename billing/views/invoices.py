"""The pages of invoices: what was issued to the organization acted for and, for a reseller, by it."""

import csv
from datetime import date

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import membership_of
from accounts.models import Organization, User
from billing import documents
from billing.models import Invoice, InvoiceLine, InvoiceQuerySet
from billing.queries import explaining
from billing.queries import invoices as queries
from common import clock
from common.money import round_money
from common.periods import MalformedPeriod, Period
from common.sheets import guarded

PAGE_SIZE = 50
LONGEST_NUMBER = 40
CSV_COLUMNS = [
    "number",
    "kind",
    "issued_on",
    "due_on",
    "period",
    "seller",
    "buyer",
    "currency",
    "net",
    "tax",
    "gross",
    "credited",
    "paid",
    "open",
    "state",
]


@member_required
@require_safe
def invoice_list(request: HttpRequest) -> HttpResponse:
    """
    List the invoices issued to the organization acted for, newest first; for a reseller with ``sold=1`` those issued by it.

    ``q`` narrows by number, ``month`` (YYYY-MM) by period, ``state`` by what was paid and credited; ``export=csv`` gives all that
    were found as a file.
    """
    organization = membership_of(request).organization
    is_sold = organization.kind == Organization.Kind.RESELLER and request.GET.get("sold") == "1"
    side = {"seller": organization} if is_sold else {"buyer": organization}
    today = _today_of_seller(organization, is_sold=is_sold)
    everything = Invoice.objects.visible_to(request.user).issued().filter(**side)
    found, refusal = _filtered(everything.with_open(), request, today)
    if request.GET.get("export") == "csv":
        return _csv(found, today)
    page = Paginator(found.select_related("buyer").order_by("-issued_on", "-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [queries.listed(one, today) for one in page],
        "organization": organization,
        "is_sold": is_sold,
        "is_filtered": any(request.GET.get(name) for name in ("q", "month", "state")),
        "refusal": refusal,
        "months": everything.order_by("-period_start").values_list("period_start", flat=True).distinct(),
        "states": queries.NARROWED_BY.items(),
    }
    return TemplateResponse(request, "billing/invoices.html", context)


@member_required
@require_safe
def invoice(request: HttpRequest, number: str) -> HttpResponse:
    """Show one invoice: its lines by end customer, its totals, what was paid and credited of it, its PDF."""
    found = _visible(request, number)
    context = {
        "invoice": found,
        "standing": queries.standing(found, clock.today(found.seller.time_zone)),
        "customers": queries.lines_by_customer(found),
        "last_day": found.period.last_day,
        "is_seller": found.seller_id == membership_of(request).organization_id,
    }
    return TemplateResponse(request, "billing/invoice.html", context)


@member_required
@require_safe
def pdf(request: HttpRequest, number: str) -> HttpResponse:
    """Give the invoice as a PDF."""
    found = _visible(request, number)
    answer = HttpResponse(documents.invoice_pdf(found), content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{found.number}.pdf"'
    return answer


@member_required
@require_safe
def explain(request: HttpRequest, number: str, position: int) -> HttpResponse:
    """Show how a line's amount came about: a fragment in the invoice's page, a page of its own without script."""
    found = _visible(request, number)
    line = get_object_or_404(InvoiceLine, invoice=found, position=position)
    line.invoice = found
    assert isinstance(request.user, User)
    context = {"invoice": found, "why": explaining.explain(line, request.user)}
    template = "billing/_explanation.html" if request.htmx else "billing/explain.html"  # type: ignore[attr-defined]
    return TemplateResponse(request, template, context)


def _visible(request: HttpRequest, number: str) -> Invoice:
    visible = Invoice.objects.visible_to(request.user).issued().with_open().select_related("seller", "buyer")
    return get_object_or_404(visible, number=number.replace("\0", ""))


def _today_of_seller(organization: Organization, *, is_sold: bool) -> date:
    """Return the day by which an invoice is overdue: where its seller keeps its days."""
    seller = organization if is_sold or organization.parent is None else organization.parent
    return clock.today(seller.time_zone)


def _filtered(invoices: InvoiceQuerySet, request: HttpRequest, today: date) -> tuple[InvoiceQuerySet, str]:
    """Narrow by what the filter form says; what it says wrongly is told, and narrows nothing."""
    invoices = queries.narrowed(invoices, request.GET.get("state", ""), today=today)
    if number := request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_NUMBER]:
        invoices = invoices.filter(number__icontains=number)
    if month := request.GET.get("month", ""):
        try:
            invoices = invoices.filter(period_start=Period.parse_month(month).start)
        except MalformedPeriod as refused:
            return invoices, str(refused)
    return invoices, ""


def _csv(invoices: InvoiceQuerySet, today: date) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="invoices.csv"'
    writer = csv.writer(answer)
    writer.writerow(CSV_COLUMNS)
    for one in invoices.order_by("-issued_on", "-pk").iterator(chunk_size=500):
        amounts = (one.net, one.tax, one.gross, one.credited, one.allocated, one.open_amount)  # type: ignore[attr-defined]
        writer.writerow(
            [
                one.number,
                one.kind,
                one.issued_on,
                one.due_on,
                one.period,
                guarded(one.seller_copy["name"]),
                guarded(one.buyer_copy["name"]),
                one.currency,
                *(round_money(amount, one.currency) for amount in amounts),
                queries.state_of(one, today).value,
            ]
        )
    return answer
