"""Reconciliation in the back office: comparing a month, and what differs."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from common import clock
from common.bss import Ledger, figure, refuse, staff
from common.errors import DomainError
from common.templatetags.show import month, quantity
from reconciliation import exports, operations
from reconciliation.forms import CompareForm
from reconciliation.models import Discrepancy, ReconciliationRun

COMPARE = "reconciliation.add_reconciliationrun"
KIND_COLOURS = {"unmapped_tenant": "danger", "not_billed": "danger", "billed_without_usage": "warning", "quantity": "warning"}


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(Ledger):
    page_template = "admin/reconciliation/run.html"
    list_display = ("month_shown", "service_manager", "compared", "difference_count", "started_by", "started_at")
    list_select_related = ("service_manager", "started_by")
    list_filter = ("service_manager",)
    list_before_template = "admin/reconciliation/_run_tools.html"
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(differences=Count("discrepancies"))

    @display(description="month", ordering="period_start")
    def month_shown(self, run: ReconciliationRun) -> str:
        return month(run.period_start)

    @display(description="discrepancies", ordering="differences")
    def difference_count(self, run: Any) -> int:
        return int(run.differences)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [path("compare/", own(self.compare_view), name=self.url_name("compare")), *super().get_urls()]

    def compare_view(self, request: HttpRequest) -> HttpResponse:
        """Compare usage and invoices of a month. Repairs nothing."""
        if not request.user.has_perm(COMPARE):
            raise PermissionDenied
        form = CompareForm(request.POST or None, today=timezone.localdate(clock.now()))
        if request.method == "POST" and form.is_valid():
            try:
                run = self._compare(request, form)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                found = run.discrepancies.count()
                messages.success(request, f"{run.compared} pairs of tenant and item compared, {found or 'no'} discrepancies found.")
                return redirect(self.url_of(run))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Compare",
            form=form,
            submit="Compare",
            back=self.list_url(),
            intro="What the vendor metered and what was invoiced for it are laid side by side. Nothing is changed.",
        )

    @staticmethod
    def _compare(request: HttpRequest, form: CompareForm) -> ReconciliationRun:
        manager = form.cleaned_data["service_manager"]
        return operations.compare(service_manager_id=manager.pk, period=form.period, by=staff(request), at=clock.now())

    def page_facts(self, request: HttpRequest, row: ReconciliationRun) -> dict[str, Any]:
        kinds = row.discrepancies.order_by().values_list("kind").annotate(Count("pk")).order_by("kind")
        labels = dict(Discrepancy.Kind.choices)
        url = reverse("admin:reconciliation_discrepancy_changelist")
        return {
            "run": row,
            "kinds": [(labels[kind], count, f"{url}?run__id__exact={row.pk}&kind__exact={kind}") for kind, count in kinds],
            "all_url": f"{url}?run__id__exact={row.pk}",
            "export_url": reverse("admin:reconciliation_discrepancy_export") + f"?run__id__exact={row.pk}",
        }


@admin.register(Discrepancy)
class DiscrepancyAdmin(Ledger):
    list_display = (
        "kind_label",
        "organization",
        "tenant_name",
        "item",
        "edition",
        "used_shown",
        "billed_shown",
        "unit",
        "run_shown",
    )
    list_select_related = ("organization", "run__service_manager")
    list_filter = ("kind", "run__service_manager")
    list_before_template = "admin/reconciliation/_discrepancy_tools.html"
    search_fields = ("organization__number__iexact", "organization__name", "tenant_name", "vendor_tenant_id__iexact", "item")
    search_help_text = "Organization (number or name), tenant (id or name), or item"
    ordering = ("-run", "kind", "tenant_name", "item", "pk")
    fields = (
        ("run", "kind"),
        ("organization", "tenant_name", "vendor_tenant_id"),
        ("item", "edition", "unit"),
        ("used_shown", "billed_shown"),
    )

    @display(description="kind", ordering="kind", label=KIND_COLOURS)
    def kind_label(self, discrepancy: Discrepancy) -> tuple[str, str]:
        return discrepancy.kind, str(discrepancy.get_kind_display())

    @display(description="used")
    def used_shown(self, discrepancy: Discrepancy) -> str:
        return "" if discrepancy.used is None else figure(quantity(discrepancy.used))

    @display(description="billed")
    def billed_shown(self, discrepancy: Discrepancy) -> str:
        return "" if discrepancy.billed is None else figure(quantity(discrepancy.billed))

    @display(description="compared")
    def run_shown(self, discrepancy: Discrepancy) -> str:
        return f"{month(discrepancy.run.period_start)}, {discrepancy.run.service_manager}"

    def get_urls(self) -> list[URLPattern]:
        return [path("export/", self.admin_site.admin_view(self.export_view), name=self.url_name("export")), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, as it is filtered and searched; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.listed(request)
        headers = {"Content-Disposition": 'attachment; filename="discrepancies.csv"'}
        return StreamingHttpResponse(exports.rows_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)
