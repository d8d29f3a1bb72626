"""What is used now, as the vendor last said it: to look up, and to be read anew."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from billing.models import UsageEstimate
from billing.operations import estimates
from billing.queries.metered import shown_unit
from common import clock
from common.bss import Ledger, figure, say
from common.templatetags.show import quantity
from provisioning.models import ServiceManager, Tenant

REFRESH = "provisioning.collect_usage"


@admin.register(UsageEstimate)
class UsageEstimateAdmin(Ledger):
    """The latest answer per tenant and item; the daily readings beside it are what is billed."""

    list_display = ("organization", "item", "edition", "amount", "unit", "as_of")
    list_display_links = ("organization",)
    list_select_related = ("tenant__organization",)
    list_filter = ("tenant__service_manager", "is_range")
    list_before_template = "admin/billing/_estimate_tools.html"
    search_fields = ("item",)
    search_help_text = "Organization's number or name, or exact item"
    ordering = ("-pk",)
    fields = (
        ("tenant", "as_of"),
        ("item", "edition"),
        ("infra_id", "is_range"),
        ("amount", "unit"),
        ("absolute", "measurement_unit"),
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Find the tenants first, as the list of readings does."""
        if not search_term.strip():
            return queryset, False
        named = Q(organization__number__iexact=search_term) | Q(organization__name__icontains=search_term)
        tenants = list(Tenant.objects.filter(named).values_list("pk", flat=True)[:1000])
        return (queryset.filter(tenant__in=tenants) if tenants else queryset.filter(item=search_term)), False

    @display(description="organization")
    def organization(self, estimate: UsageEstimate) -> str:
        return estimate.tenant.organization.name

    @display(description="estimate")
    def amount(self, estimate: UsageEstimate) -> str:
        return figure(quantity(estimate.absolute / shown_unit(estimate.measurement_unit).divisor))

    @display(description="unit")
    def unit(self, estimate: UsageEstimate) -> str:
        name = shown_unit(estimate.measurement_unit).name
        return f"{name}, this month so far" if estimate.is_range else name

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("refresh/", own(self.refresh_view), name=self.url_name("refresh")),
            path("state/", own(self.state_view), name=self.url_name("state")),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), **_state()})

    def refresh_view(self, request: HttpRequest) -> HttpResponse:
        """Have a worker ask Acronis now; once, by POST."""
        if not request.user.has_perm(REFRESH):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        say(request, _ask)
        return redirect(self.list_url())

    def state_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the list that says how old the estimates are; once the last refresh has ended, the list is loaded anew."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = _state()
        response = TemplateResponse(request, "admin/billing/_estimate_state.html", context)
        if not context["is_refreshing"]:
            response["HX-Refresh"] = "true"
        return response


def _ask() -> str:
    managers = estimates.ask_refresh(at=clock.now())
    return f"Acronis is asked what is used now, through {', '.join(map(str, managers))}."


def _state() -> dict[str, Any]:
    """Return how old each connected service manager's estimates are, and whether some are being read anew."""
    managers = list(ServiceManager.objects.filter(root_tenant_id__isnull=False).order_by("name"))
    return {
        "managers": managers,
        "is_refreshing": any(manager.estimates_wished_at is not None for manager in managers),
        "state_url": reverse("admin:billing_usageestimate_state"),
    }
