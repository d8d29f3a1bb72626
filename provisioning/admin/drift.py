"""Differences at the vendor: what was found, who is affected, and deciding about it."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import display

from accounts.models import Organization
from common import clock
from common.bss import Ledger, Move, link, related, staff
from common.errors import DomainError
from common.templatetags.show import day
from provisioning import exports
from provisioning.admin.asking import id_sent
from provisioning.admin.inspections import INSPECT
from provisioning.models import Drift, Inspection, Service, ServiceManager
from provisioning.operations import drift as deciding
from provisioning.planning.differences import KIND_NAMES

DECIDE = "provisioning.decide_drift"
LISTED_RESELLERS = 100
SAID_REFUSALS = 10
ADOPTED_AT_ONCE = 20  # each asks the vendor several times while somebody waits for the page
STATUS_COLOURS = {
    "open": "warning",
    "repairing": "info",
    "failing": "danger",
    "repaired": "success",
    "adopted": "success",
    "vanished": "default",
}


def is_open(row: Drift) -> bool:
    return row.status in (Drift.Status.OPEN, Drift.Status.REPAIRING)


class StateFilter(admin.SimpleListFilter):
    """Shows what waits for somebody, unless asked for the rest."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("undecided", "To be decided"),
            ("repairing", "Being repaired"),
            ("failing", "Repair failed"),
            ("repaired", "Repaired"),
            ("adopted", "Adopted"),
            ("vanished", "Gone by itself"),
            ("all", "All, with history"),
        ]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """As Django's own, but where nothing is chosen the open ones are shown, not all."""
        for choice in super().choices(changelist):
            yield {**choice, "display": "Open"} if choice["display"] == "All" else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "all":
                return queryset
            case "undecided":
                return queryset.filter(status=Drift.Status.OPEN)
            case "failing":
                return queryset.filter(status=Drift.Status.REPAIRING).exclude(tenant__last_error="")
            case "repairing" | "repaired" | "adopted" | "vanished":
                return queryset.filter(status=self.value())
        return queryset.open()  # type: ignore[attr-defined]


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(KIND_NAMES.items(), key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class ResellerFilter(admin.SimpleListFilter):
    """Of one reseller and its customers, or of the direct customers."""

    title = "reseller"
    parameter_name = "reseller"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        waiting = Drift.objects.open()
        of_customers = waiting.values("tenant__organization__parent")
        affected = Q(pk__in=of_customers) | Q(pk__in=waiting.values("tenant__organization"))
        resellers = Organization.objects.resellers().filter(affected).values_list("pk", "name")[:LISTED_RESELLERS]
        return [("direct", "Direct customers"), *((str(pk), name) for pk, name in resellers)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        if self.value() == "direct":
            return queryset.filter(tenant__organization__parent__kind=Organization.Kind.MSP, tenant__kind="customer")
        reseller = id_sent(self.value())
        return queryset.filter(Q(tenant__organization=reseller) | Q(tenant__organization__parent=reseller))


class ManagerFilter(admin.SimpleListFilter):
    title = "service manager"
    parameter_name = "manager"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in ServiceManager.objects.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(tenant__service_manager=id_sent(self.value())) if self.value() else queryset


class FoundByFilter(admin.SimpleListFilter):
    """What one inspection found; its page links here."""

    title = "inspection"
    parameter_name = "inspection"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name)
        return [(chosen, "The chosen one")] if chosen else []

    def has_output(self) -> bool:
        return False  # reached by a link, not offered: there is one every night

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.value():
            return queryset
        inspection = Inspection.objects.filter(pk=id_sent(self.value())).first()
        return queryset.found_by(inspection) if inspection else queryset.none()  # type: ignore[attr-defined]


@admin.register(Drift)
class DriftAdmin(Ledger):
    """One difference a row; those open first of all, and of all the history."""

    page_template = "admin/provisioning/drift.html"
    list_before_template = "admin/provisioning/_drift_tools.html"
    list_display = ("kind_label", "state", "decide", "who", "sentence", "wished_and_found", "since")
    list_display_links = ("kind_label", "sentence")
    list_select_related = ("tenant__organization__parent", "tenant__service_manager", "decided_by")
    list_filter = (StateFilter, KindFilter, ResellerFilter, ManagerFilter, FoundByFilter)
    search_fields = (
        "tenant__organization__number__iexact",
        "tenant__organization__name",
        "tenant__vendor_name",
        "tenant__vendor_id__iexact",
        "subject",
        "tenant__users__login",
    )
    search_help_text = "Organization (number or name), login, offering item, or tenant id"
    ordering = ("-first_seen_at", "-pk")
    actions = ("repair_selected", "adopt_selected")  # type: ignore[assignment]
    moves = (
        Move("repair", "Repair at Acronis", DECIDE, is_open, confirm="ask_repair", variant="primary"),
        Move("adopt", "Adopt here", DECIDE, is_open, confirm="ask_adopt"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = Q(tenant=OuterRef("tenant")) | Q(tenant__parent=OuterRef("tenant"))
        counted = Service.objects.live().filter(mine).order_by().annotate(all=Value(1)).values("all").annotate(n=Count("pk"))
        return super().get_queryset(request).annotate(live_services=Coalesce(Subquery(counted.values("n")), 0))

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return [name for name in self.list_display if name != "decide" or self.has_decide_permission(request)]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(DECIDE)

    # The list

    @display(description="kind", ordering="kind", label=True)
    def kind_label(self, row: Drift) -> str:
        return KIND_NAMES.get(row.kind, row.kind)

    @display(description="who is affected", ordering="tenant__organization__name")
    def who(self, row: Any) -> str:
        organization = row.tenant.organization
        services = f"{row.live_services} live service{'' if row.live_services == 1 else 's'}"
        return format_html(
            "{}<br>{}",
            link(reverse("admin:accounts_organization_change", args=[organization.pk]), organization.name),
            f"{services}, of {organization.reseller.name}" if organization.reseller else services,
        )

    @display(description="wished and found")
    def wished_and_found(self, row: Drift) -> str:
        return format_html("Wished: {}<br>Found: {}", row.wished, row.found) if row.wished or row.found else ""

    @display(description="state", label=STATUS_COLOURS)
    def state(self, row: Drift) -> tuple[str, str]:
        if row.status == Drift.Status.REPAIRING and row.tenant.last_error:
            return "failing", "Repair failed"
        return row.status, str(row.get_status_display())

    @display(description="decide")
    def decide(self, row: Drift) -> str:
        if not is_open(row):
            return ""
        return format_html("{} {}", link(self.url_of(row, "repair"), "Repair"), link(self.url_of(row, "adopt"), "Adopt"))

    @display(description="since", ordering="first_seen_at")
    def since(self, row: Drift) -> str:
        return day(timezone.localtime(row.first_seen_at).date())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        extra = {
            **(extra_context or {}),
            "last_inspection": Inspection.objects.select_related("service_manager").first(),
            "is_anything_open": Drift.objects.open().exists(),
            "may_inspect": request.user.has_perm(INSPECT),
        }
        return super().changelist_view(request, extra)

    # One row

    def page_facts(self, request: HttpRequest, row: Drift) -> dict[str, Any]:
        tenant = row.tenant
        others = tenant.drifts.open().exclude(pk=row.pk).order_by("pk")[:SAID_REFUSALS]
        return {
            "drift": row,
            "kind": KIND_NAMES.get(row.kind, row.kind),
            "state": self.state(row),
            "services": Service.objects.live()
            .filter(Q(tenant=tenant) | Q(tenant__parent=tenant))
            .select_related("organization")
            .order_by("organization__name", "pk")[:SAID_REFUSALS],
            "others": [(other, self.url_of(other)) for other in others],
        }

    def related_lists(self, request: HttpRequest, row: Drift) -> list[tuple[str, str]]:
        tenant, number = row.tenant, row.tenant.organization.number
        return [
            *related(request, "provisioning.view_tenant", "Tenant", "provisioning_tenant_changelist", f"q={tenant.vendor_id}"),
            *related(
                request, "provisioning.view_drift", "All of this customer", "provisioning_drift_changelist", f"q={number}&state=all"
            ),
        ]

    def ask_repair(self, request: HttpRequest, row: Drift) -> list[str]:
        first, *others = deciding.repaired_along(row)
        also = [f"Along with it, because all of the tenant is put right: {'; '.join(others)}."] if others else []
        return [f"At Acronis, for {row.tenant.organization}: {first}.", *also]

    def repair(self, request: HttpRequest, row: Drift) -> str:
        return deciding.repair(drift_id=row.pk, by=staff(request), at=clock.now())

    def ask_adopt(self, request: HttpRequest, row: Drift) -> list[str]:
        return [
            f"{row.tenant.organization} should have “{row.wished}” and has “{row.found}” at Acronis.",
            "Acronis is asked what is there now, and that becomes what should be there. Nothing is changed at Acronis.",
        ]

    def adopt(self, request: HttpRequest, row: Drift) -> str:
        return deciding.adopt(drift_id=row.pk, by=staff(request), clock=clock.now)

    # Many rows

    @admin.action(description="Repair the chosen ones at Acronis", permissions=["decide"])
    def repair_selected(self, request: HttpRequest, queryset: QuerySet[Drift]) -> None:
        self._each(request, queryset, self.repair, "is being repaired", "are being repaired")

    @admin.action(description="Adopt the chosen ones here", permissions=["decide"])
    def adopt_selected(self, request: HttpRequest, queryset: QuerySet[Drift]) -> None:
        if queryset.count() > ADOPTED_AT_ONCE:
            messages.error(request, f"Adopt at most {ADOPTED_AT_ONCE} at a time: Acronis is asked about each of them again.")
            return
        self._each(request, queryset, self.adopt, "was adopted", "were adopted")

    @staticmethod
    def _each(request: HttpRequest, queryset: QuerySet[Drift], decide: Any, one: str, many: str) -> None:
        """Decide about each row by itself; say how many went through, and why the others did not."""
        done, refused = 0, []
        for row in queryset.select_related("tenant__organization").order_by("pk"):
            try:
                decide(request, row)
            except DomainError as refusal:
                refused.append(f"{row.tenant.organization}, {row.sentence}: {refusal}")
            else:
                done += 1
        if done:
            messages.success(request, f"{done} difference{f' {one}' if done == 1 else f's {many}'}.")
        for sentence in refused[:SAID_REFUSALS]:
            messages.error(request, sentence)
        if len(refused) > SAID_REFUSALS:
            messages.error(request, f"{len(refused) - SAID_REFUSALS} more could not be decided; try them one by one.")

    # As a file

    def get_urls(self) -> list[URLPattern]:
        return [path("export/", self.admin_site.admin_view(self.export_view), name=self.url_name("export")), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, as it is filtered and searched; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.listed(request)
        headers = {"Content-Disposition": 'attachment; filename="differences.csv"'}
        return StreamingHttpResponse(exports.drift_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)
