"""What the services of the organization acted for use: the running month, by item and day, and the two reports with their files."""

from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import membership_of
from accounts.models import Organization
from billing import usage_asked, usage_files
from billing.models import Subscription
from billing.queries import consumption, metered
from billing.queries.next_invoice import estimate_of, next_invoice
from billing.views.services import visible_services
from catalog.models import Plan
from common import clock

PAGE_LENGTH = 100
SERVICES_A_PAGE = 25


@member_required
@require_safe
@never_cache
def usage(request: HttpRequest) -> HttpResponse:
    """Show what the running month costs so far and is expected to cost, altogether and by service."""
    reader = membership_of(request).organization
    found = consumption.consumption(reader, _services(request), _today(request))
    is_reseller = reader.kind == Organization.Kind.RESELLER
    context = {
        "found": found,
        "page": Paginator(found.services, SERVICES_A_PAGE).get_page(request.GET.get("page")),
        "is_reseller": is_reseller,
        "bought_heading": "What you are going to be invoiced" if is_reseller else "What this month costs you",
    }
    return TemplateResponse(request, "billing/usage.html", context)


@member_required
@require_safe
@never_cache
def summary(request: HttpRequest) -> HttpResponse:
    """The running month in two figures: a fragment other pages ask for; the page itself without script."""
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("billing:usage")
    found = consumption.consumption(membership_of(request).organization, _services(request), _today(request))
    return TemplateResponse(request, "billing/_usage_summary.html", {"found": found})


@member_required
@require_safe
@never_cache
def panel(request: HttpRequest, number: str) -> HttpResponse:
    """The running month of one service: a fragment of its page; its usage by item and day without script."""
    subscription = get_object_or_404(visible_services(request), number=number)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("billing:usage_service", number=number)
    reader = membership_of(request).organization
    found = consumption.consumption(reader, [subscription], _today(request))
    expected = None  # the page itself says what a fixed price comes to
    if subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        expected = next_invoice(subscription, None, reader=reader, at=clock.now())
    context = {"found": found, "subscription": subscription, "next_estimate": estimate_of(expected, found)}
    return TemplateResponse(request, "billing/_usage_panel.html", context)


@member_required
@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """
    The billing usage report, “Summary for period” or “Day-by-day for period”, of all services that may be seen or of one.

    ``report`` (summary, days), ``service``, ``month`` (YYYY-MM) and ``item`` choose; ``export=csv`` gives all of it as a file.
    """
    asked = usage_asked.read(request.GET, _services(request), today=_today(request))
    parts = metered.parts(asked.chosen, asked.period)
    days = metered.DayRows(parts, item=asked.item)
    is_export = request.GET.get("export") == "csv" and not asked.refusal
    refusal = usage_files.TOO_MANY if is_export and asked.is_by_day and days.are_too_many else asked.refusal
    if is_export and asked.is_by_day and not refusal:
        return usage_files.csv_answer(usage_files.days_csv(days), "usage-day-by-day", asked)
    items = metered.summaries(parts)
    rows = [one for one in items if asked.item in ("", one.item)]
    if is_export and not asked.is_by_day:
        return usage_files.csv_answer(usage_files.summary_csv(rows), "usage-summary", asked)
    shown: Any = days if asked.is_by_day else rows
    context = {
        "asked": asked,
        "refusal": refusal,
        "items": sorted({(one.item, metered.label_of(one.item, "")) for one in items}, key=lambda pair: pair[1]),
        "page": Paginator(shown, PAGE_LENGTH).get_page(request.GET.get("page")),
    }
    return TemplateResponse(request, "billing/usage_report.html", context)


@member_required
@require_safe
def service(request: HttpRequest, number: str) -> HttpResponse:
    """Show what one service used in a month: a chart per item, and the days of the item chosen down to the vendor's report."""
    subscription = get_object_or_404(visible_services(request), number=number)
    asked = usage_asked.read(request.GET, [subscription], today=_today(request))
    parts = metered.parts([subscription], asked.period)
    items = metered.items_by_day(parts[0]) if parts else []
    edition = request.GET.get("edition", "")
    chosen = next((one for one in items if (one.item, one.edition) == (asked.item, edition)), None)
    context = {"subscription": subscription, "asked": asked, "items": items, "chosen": chosen}
    return TemplateResponse(request, "billing/usage_service.html", context)


def _services(request: HttpRequest) -> list[Subscription]:
    return list(visible_services(request).order_by("consumer__name", "pk"))


def _today(request: HttpRequest) -> date:
    return clock.today(membership_of(request).organization.time_zone)
