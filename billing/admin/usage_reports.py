"""The vendor's usage reports: how far each is, asking for days again, and what came of them."""

from datetime import UTC, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from billing.models import UnmappedUsage
from billing.operations import usage
from billing.usage_forms import CollectUsageForm
from common import clock
from common.bss import STATE_COLOURS, Ledger, figure, month_filter, refuse, related
from common.errors import DomainError
from provisioning.models import VendorReport

COLLECT = "provisioning.collect_usage"
UNMAPPED_COUNTED = 10_000
SILENCE = timedelta(minutes=2)
"""So long after its last sign, a worker that was loading a report is taken for gone."""


class StateFilter(admin.SimpleListFilter):
    """What is under way, and what failed without another report making up for it."""

    title = "attention"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Under way"), ("unresolved", "Failed, days still missing")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "open":
            return queryset.open()
        return queryset.unresolved() if self.value() == "unresolved" else queryset


@admin.register(VendorReport)
class VendorReportAdmin(Ledger):
    """Wished, asked for, polled, loaded. Nothing is edited; days are collected again by a new report."""

    page_template = "admin/billing/vendor_report.html"
    list_before_template = "admin/billing/_vendor_report_tools.html"
    list_display = ("days", "service_manager", "status_label", "progress", "rows", "next_try", "error")
    list_display_links = ("days",)
    list_select_related = ("service_manager",)
    list_filter = (StateFilter, "status", "service_manager", month_filter("period_start"))
    search_fields = ("service_manager__name", "vendor_id__iexact", "error")
    search_help_text = "Service manager, the vendor's id of the report, or words of the error"
    ordering = ("-pk",)

    @display(description="days (UTC)", ordering="period_start")
    def days(self, report: VendorReport) -> str:
        return str(report.period)

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, report: VendorReport) -> tuple[str, str]:
        return report.status, str(report.get_status_display())

    @display(description="progress")
    def progress(self, report: VendorReport) -> str:
        return figure("" if report.percent is None else f"{report.percent} %")

    @display(description="rows", ordering="rows_loaded")
    def rows(self, report: VendorReport) -> str:
        number = report.rows_read if report.is_loading else report.rows_loaded
        return figure("" if number is None else f"{number:,}")

    @display(description="next try", ordering="next_try_at")
    def next_try(self, report: VendorReport) -> Any:
        return report.next_try_at if report.is_open else None

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("collect/", own(self.collect_view), name=self.url_name("collect")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            path("<path:object_id>/again/", own(self.again_view), name=self.url_name("again")),
            *super().get_urls(),
        ]

    # Asking for days

    def collect_view(self, request: HttpRequest) -> HttpResponse:
        """Choose days and have their usage read, for the first time or again."""
        if not request.user.has_perm(COLLECT):
            raise PermissionDenied
        now = clock.now()
        form = CollectUsageForm(request.POST or None, today=now.astimezone(UTC).date())
        if request.method == "POST" and form.is_valid():
            try:
                reports = usage.ask_usage(at=now, **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"Acronis is asked for {len(reports)} {'report' if len(reports) == 1 else 'reports'}.")
                return redirect(self.url_of(reports[0]) if len(reports) == 1 else self.list_url())
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Collect usage",
            intro="Acronis makes a report of these days, and its readings replace those that read differently. "
            "What was invoiced already is put right on the next invoice.",
            form=form,
            submit="Collect usage",
            back=self.list_url(),
        )

    def again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the days of one report read again, or go on with it at once; then show the report that does it."""
        report = self.row_or_404(request, object_id)
        if not request.user.has_perm(COLLECT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        newest = usage.ask_again(report_id=report.pk, at=clock.now())
        messages.success(request, f"The usage of {newest.period} is asked for.")
        return redirect(self.url_of(newest))

    # One report

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that keeps itself up to date; once the report is loaded or has failed, the whole page is."""
        report = self.row_or_404(request, object_id)
        response = TemplateResponse(request, "admin/billing/_vendor_report_progress.html", self._progress(report))
        if not report.is_open:
            response["HX-Refresh"] = "true"
        return response

    def page_facts(self, request: HttpRequest, row: VendorReport) -> dict[str, Any]:
        may_see_unmapped = request.user.has_perm("billing.view_unmappedusage")
        unmapped = UnmappedUsage.objects.filter(report=row)[:UNMAPPED_COUNTED].count() if may_see_unmapped else 0
        return {
            **self._progress(row),
            "again": _again(row) if request.user.has_perm(COLLECT) else "",
            "again_url": self.url_of(row, "again"),
            "unmapped": f"{unmapped:,}{'+' if unmapped == UNMAPPED_COUNTED else ''}" if unmapped else "",
            "unmapped_url": f"{reverse('admin:billing_unmappedusage_changelist')}?report={row.pk}",
        }

    def related_lists(self, request: HttpRequest, row: VendorReport) -> list[tuple[str, str]]:
        same = f"service_manager__id__exact={row.service_manager_id}"
        return related(
            request, "provisioning.view_vendorreport", "All of this service manager", "provisioning_vendorreport_changelist", same
        )

    def _progress(self, report: VendorReport) -> dict[str, Any]:
        return {
            "report": report,
            "sentence": _sentence(report),
            "progress_url": self.url_of(report, "progress"),
            "is_waiting": report.is_open and report.next_try_at > clock.now(),
            "every": "2s" if report.is_loading or report.status == VendorReport.Status.REQUESTED else "10s",
        }


def _again(report: VendorReport) -> str:
    """Return the words of the button that goes on with the report or begins anew; none while a worker is at it."""
    if report.seen_at is not None and report.is_loading and clock.now() - report.seen_at < SILENCE:
        return ""
    return "Try now" if report.is_open else "Collect again"


def _sentence(report: VendorReport) -> str:
    """Say what is done for the report now, or what came of it."""
    status = VendorReport.Status
    if report.is_loading:
        return f"{report.get_stage_display()}: {report.rows_read:,} lines{_of_the_file(report)}."
    match report.status:
        case status.WISHED:
            return "Acronis is yet to be asked for it."
        case status.REQUESTED:
            return "Acronis is making it, which takes a minute or two."
        case status.READY:
            return "The file is there; a worker reads it in a moment."
        case status.LOADED:
            return f"{report.rows_loaded or 0:,} readings are loaded."
    return "Nothing of it was kept. Collecting again makes a new report of the same days."


def _of_the_file(report: VendorReport) -> str:
    if report.stage != VendorReport.Stage.READING or not report.bytes_total:
        return ""
    return f", {report.bytes_read / 1024**2:,.1f} of {report.bytes_total / 1024**2:,.1f} MiB"
