"""Pages beside the subscriptions of the back office: what one of them used, and what all of them brought."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from accounts.models import Organization
from billing import usage_asked, usage_files
from billing.margin_files import margin_cells, margins_csv
from billing.margins import Margin, together
from billing.queries import metered
from billing.queries.sales_margins import SalesMargin, sales_margins, uncosted_total
from common.bss import BssAdmin, month_choices, today
from common.money import round_money
from common.periods import MalformedPeriod, Period, add_months
from common.sheets import guarded

ROWS_A_PAGE = 200
CUSTOMERS_A_PAGE = 100
MONTHS_BACK = 36
MARGINS = "billing.view_billingrun"
COLUMNS = ("customer_number", "customer", "reseller", "fixed_price_currency", "fixed_price_sold")


class UsageReportPage(BssAdmin):
    """Gives the admin of subscriptions the billing usage report of each (seed text 004, “Billing and Usage Report”)."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.usage_report_view)
        return [path("<path:object_id>/usage-report/", view, name=self.url_name("usage_report")), *super().get_urls()]

    def usage_report_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show “Summary for period” or “Day-by-day for period” of one service, or export it; ``month``, ``item`` narrow."""
        subscription = self.row_or_404(request, object_id)
        asked = usage_asked.read(request.GET, [subscription], today=today())
        parts = metered.parts([subscription], asked.period)
        days = metered.DayRows(parts, item=asked.item)
        items = metered.items_by_day(parts[0]) if parts else []
        rows = [one for one in metered.summaries(parts) if asked.item in ("", one.item)]
        refusal = asked.refusal
        if request.GET.get("export") == "csv" and not refusal:
            if not asked.is_by_day:
                return usage_files.csv_answer(usage_files.summary_csv(rows), f"usage-summary-{subscription.number}", asked)
            if not days.are_too_many:
                return usage_files.csv_answer(usage_files.days_csv(days), f"usage-day-by-day-{subscription.number}", asked)
            refusal = usage_files.TOO_MANY
        shown: Any = days if asked.is_by_day else rows
        return self.page(
            request,
            "admin/billing/usage_report.html",
            title=f"Billing Usage Report of {subscription}",
            original=subscription,
            subscription=subscription,
            asked=asked,
            refusal=refusal,
            charts=[one for one in items if one.chart is not None and asked.item in ("", one.item)],
            items=sorted({(one.item, metered.label_of(one.item, "")) for one in items}, key=lambda pair: pair[1]),
            page=Paginator(shown, ROWS_A_PAGE).get_page(request.GET.get("page")),
            back=self.url_of(subscription),
        )


class SalesMarginPage(BssAdmin):
    """Gives the admin of subscriptions the page of what was sold and what the vendor takes for it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.margins_view)
        return [path("margins/", view, name=self.url_name("margins")), *super().get_urls()]

    def margins_view(self, request: HttpRequest) -> HttpResponse:
        """Show the MSP's margin of each customer in a month (``month``, else the last one); ``export=csv`` gives all as a file."""
        if not request.user.has_perm(MARGINS):
            raise PermissionDenied
        period, refusal = _period(request)
        msp = Organization.objects.filter(kind=Organization.Kind.MSP).first()
        rows = sales_margins(msp, period) if msp is not None else []
        if request.GET.get("export") == "csv" and not refusal:
            return margins_csv(f"margins-{period}", COLUMNS, _cells(rows))
        return self.page(
            request,
            "admin/billing/margins.html",
            title="Margins",
            rows=Paginator(rows, CUSTOMERS_A_PAGE).get_page(request.GET.get("page")),
            totals=together([one.margin for one in rows if one.margin != Margin(None, None)]),
            uncosted=uncosted_total(rows),
            period=period,
            months=month_choices(today(), back=MONTHS_BACK, ahead=0),
            refusal=refusal,
        )


def _period(request: HttpRequest) -> tuple[Period, str]:
    last = Period.month_of(add_months(today().replace(day=1), -1))
    if not (text := request.GET.get("month", "")):
        return last, ""
    try:
        return Period.parse_month(text), ""
    except MalformedPeriod as refused:
        return last, str(refused)


def _cells(rows: list[SalesMargin]) -> Iterator[list[object]]:
    for one in rows:
        number = one.customer.number if one.customer else ""
        uncosted = [one.uncosted.currency, round_money(*one.uncosted)] if one.uncosted else ["", ""]
        names = [number, guarded(one.name), guarded(one.through)]
        yield [*names, *uncosted, *margin_cells(one.margin)]
