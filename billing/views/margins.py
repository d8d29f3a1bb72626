"""A reseller's margins: what it was invoiced, what it invoiced, and what is left, by customer, service and item."""

from collections.abc import Iterator
from datetime import date

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import membership_of
from accounts.models import Organization
from billing.margin_files import margin_cells, margins_csv
from billing.margins import together
from billing.queries import margins as queries
from billing.queries.margins import CustomerMargin, ServiceMargin
from common import clock
from common.periods import MalformedPeriod, Period, add_months
from common.sheets import guarded

PAGE_LENGTH = 100


@member_required
@require_safe
def margins(request: HttpRequest) -> HttpResponse:
    """
    Show what each customer brought the reseller in a month, and all together by pair of currencies.

    ``month`` (YYYY-MM) chooses, else the last one with an invoice; ``export=csv`` gives all customers as a file.
    """
    reseller = _reseller(request)
    months = queries.months_with_invoices(reseller)
    period, refusal = _period(request, reseller, months)
    rows = queries.customer_margins(reseller, period)
    if request.GET.get("export") == "csv":
        return margins_csv(f"margins-{reseller.number}-{period}", ("customer_number", "customer"), _customer_cells(rows))
    context = {
        "page": Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page")),
        "totals": together([one.margin for one in rows]),
        "period": period,
        "months": months if period.start in months else sorted({*months, period.start}, reverse=True),
        "refusal": refusal,
        "waits": any(one.margin.paid is None or one.margin.got is None for one in rows),
    }
    return TemplateResponse(request, "billing/margins.html", context)


@member_required
@require_safe
def customer(request: HttpRequest, number: str) -> HttpResponse:
    """Show the margin of one customer by service and item; ``month`` and ``export=csv`` as in the list."""
    reseller = _reseller(request)
    customers = Organization.objects.visible_to(request.user).filter(parent=reseller)
    found = get_object_or_404(customers, number=number)
    months = queries.months_with_invoices(reseller)
    period, refusal = _period(request, reseller, months)
    services = queries.service_margins(reseller, found, period)
    if request.GET.get("export") == "csv":
        return margins_csv(f"margins-{found.number}-{period}", ("service", "product", "item"), _item_cells(services))
    context = {
        "customer": found,
        "services": services,
        "totals": together([one.margin for one in services]),
        "period": period,
        "months": months if period.start in months else sorted({*months, period.start}, reverse=True),
        "refusal": refusal,
    }
    return TemplateResponse(request, "billing/margins_customer.html", context)


def _reseller(request: HttpRequest) -> Organization:
    organization = membership_of(request).organization
    if organization.kind != Organization.Kind.RESELLER:
        raise Http404
    return organization


def _period(request: HttpRequest, reseller: Organization, months: list[date]) -> tuple[Period, str]:
    """Return the month asked for, else the newest with an invoice, else last month; and what is wrong with what was asked."""
    last = add_months(clock.today(reseller.time_zone).replace(day=1), -1)
    newest = Period.month_of(months[0] if months else last)
    if not (text := request.GET.get("month", "")):
        return newest, ""
    try:
        return Period.parse_month(text), ""
    except MalformedPeriod as refused:
        return newest, str(refused)


def _customer_cells(rows: list[CustomerMargin]) -> Iterator[list[object]]:
    for one in rows:
        yield [one.customer.number if one.customer else "", guarded(one.name), *margin_cells(one.margin)]


def _item_cells(services: list[ServiceMargin]) -> Iterator[list[object]]:
    for one in services:
        number, plan = (one.subscription.number, one.subscription.plan_name) if one.subscription else ("", "")
        for item in one.items:
            yield [number, guarded(plan), guarded(item.label), *margin_cells(item.margin)]
