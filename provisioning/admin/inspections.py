"""Inspections: looking at everything the vendor has, how far it is, and who is affected by what differs."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Count, F, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts.models import Organization
from common import clock
from common.bss import STATE_COLOURS, Ledger, staff
from provisioning.models import Drift, Inspection
from provisioning.operations import inspecting
from provisioning.planning.differences import KIND_NAMES

INSPECT = "provisioning.inspect_vendor"
LISTED_RESELLERS = 100


@admin.register(Inspection)
class InspectionAdmin(Ledger):
    """Looks at the vendor: one every night, and whenever somebody asks."""

    page_template = "admin/provisioning/inspection.html"
    list_before_template = "admin/provisioning/_inspection_tools.html"
    list_display = (
        "started_at",
        "service_manager",
        "state",
        "progress",
        "differences",
        "tenants_skipped",
        "asked_by",
        "ended_at",
        "error",
    )
    list_select_related = ("service_manager", "asked_by")
    list_filter = ("status", "service_manager")
    ordering = ("-pk",)

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def state(self, inspection: Inspection) -> tuple[str, str]:
        return inspection.status, str(inspection.get_status_display())

    @display(description="tenants")
    def progress(self, inspection: Inspection) -> str:
        return f"{inspection.tenants_checked} of {inspection.tenants_total}"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "may_inspect": request.user.has_perm(INSPECT)})

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("inspect-now/", own(self.inspect_view), name=self.url_name("inspect")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            *super().get_urls(),
        ]

    def inspect_view(self, request: HttpRequest) -> HttpResponse:
        """Have every connected service manager inspected by a worker; one that is under way is not begun twice."""
        if not request.user.has_perm(INSPECT):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        inspections = inspecting.ask_inspections(at=clock.now(), by=staff(request))
        if len(inspections) == 1:
            return redirect(self.url_of(inspections[0]))
        if not inspections:
            messages.error(request, "No service manager is connected: use “Test connection” first.")
        return redirect(self.list_url())

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that keeps itself up to date; once the inspection has ended, the whole page is loaded anew."""
        inspection = self.row_or_404(request, object_id)
        context = {"inspection": inspection, "progress_url": self.url_of(inspection, "progress")}
        response = TemplateResponse(request, "admin/provisioning/_inspection_progress.html", context)
        if not inspection.is_open:
            response["HX-Refresh"] = "true"
        return response

    def page_facts(self, request: HttpRequest, row: Inspection) -> dict[str, Any]:
        found = Drift.objects.found_by(row).order_by()
        url, of_this = reverse("admin:provisioning_drift_changelist"), f"state=all&inspection={row.pk}"
        kinds = found.values_list("kind").annotate(n=Count("pk")).order_by("-n", "kind")
        return {
            "inspection": row,
            "progress_url": self.url_of(row, "progress"),
            "all_url": f"{url}?{of_this}",
            "kinds": [(KIND_NAMES.get(kind, kind), number, f"{url}?{of_this}&kind={kind}") for kind, number in kinds],
            "resellers": [
                (name or "Direct customers", *numbers, f"{url}?{of_this}&reseller={pk or 'direct'}")
                for pk, name, *numbers in _affected(found)
            ],
        }


def _affected(found: QuerySet[Drift]) -> list[tuple[int | None, str | None, int, int, int]]:
    """Count per reseller, None for direct customers, the most affected first: organizations, live services, differences."""
    is_reseller = Q(tenant__organization__kind=Organization.Kind.RESELLER)
    is_resellers = Q(tenant__organization__parent__kind=Organization.Kind.RESELLER)

    def of_reseller(name: str) -> Case:
        own, above = f"tenant__organization{name}", f"tenant__organization__parent{name}"
        return Case(When(is_reseller, then=F(own)), When(is_resellers, then=F(above)), default=None)

    live = Q(tenant__services__isnull=False, tenant__services__ended_at__isnull=True)
    rows = (
        found.annotate(reseller=of_reseller("__pk"), reseller_name=of_reseller("__name"))
        .values("reseller", "reseller_name")
        .annotate(
            organizations=Count("tenant", distinct=True),
            live_services=Count("tenant__services", filter=live, distinct=True),
            number=Count("pk", distinct=True),
        )
        .order_by("-number", "reseller_name")
    )
    return list(rows.values_list("reseller", "reseller_name", "organizations", "live_services", "number")[:LISTED_RESELLERS])
