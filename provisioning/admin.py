"""The vendor in the back office: integrations, tenants, services, and everything that was done or read there."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from common import clock
from common.bss import STATE_COLOURS, BssAdmin, Ledger, LedgerInline, Move, link, month_filter, related
from common.errors import DomainError
from provisioning import queries
from provisioning.acronis.errors import AcronisError
from provisioning.forms import ServiceManagerForm
from provisioning.models import (
    Hold,
    Service,
    ServiceManager,
    Tenant,
    TenantUser,
    VendorAction,
    VendorOfferingItem,
    VendorReport,
    VendorStorage,
)
from provisioning.operations import connection, converging, users

ACTION_COLOURS = {**STATE_COLOURS, "interrupted": "warning"}


class VendorRefused(DomainError):
    """The vendor did not do what was asked; its answer, as a sentence for the page."""


class StorageInline(LedgerInline, TabularInline):
    model = VendorStorage
    fields = readonly_fields = ("name", "infra_id", "capability_names", "is_offered")
    ordering = ("name", "pk")
    verbose_name_plural = "storages (backup locations)"

    @display(description="holds")
    def capability_names(self, storage: VendorStorage) -> str:
        return ", ".join(storage.capabilities)


@admin.register(ServiceManager)
class ServiceManagerAdmin(BssAdmin):
    form = ServiceManagerForm
    list_display = ("name", "base_url", "vendor_currency", "is_active", "tested_at", "test_result")
    search_fields = ("name", "base_url")
    ordering = ("name",)
    inlines = (StorageInline,)
    readonly_fields = ("root_tenant_id", "tested_at", "test_result", "definition_fetched_at", "offering_items")
    fieldsets = (
        (None, {"fields": ("name", "base_url", "client_id", "client_secret", "is_active")}),
        ("What it sells", {"fields": ("vendor_currency", "fss_per_workload_edition", "activation")}),
        (
            "Where data lies",
            {"fields": ("default_backup_storage", "default_file_storage", "default_disaster_recovery_storage")},
        ),
        (
            "Connection",
            {
                "fields": (
                    "max_parallel_calls",
                    ("root_tenant_id", "tested_at"),
                    "test_result",
                    "definition_fetched_at",
                    "offering_items",
                )
            },
        ),
    )
    add_fieldsets = (*fieldsets[:1], (None, {"fields": ("vendor_currency",)}))
    moves = (
        Move("test_connection", "Test connection", "provisioning.change_servicemanager", variant="primary"),
        Move(
            "fetch_services_definition",
            "Get services definition",
            "provisioning.change_servicemanager",
            lambda manager: manager.root_tenant_id is not None,
        ),
    )

    @display(description="offering items")
    def offering_items(self, manager: ServiceManager) -> str:
        counts = manager.offering_items.filter(is_offered=True).aggregate(
            items=Count("pk"),
            editions=Count("edition", distinct=True, filter=~Q(edition="")),
            apps=Count("application_type", distinct=True),
        )
        if not counts["items"]:
            return "None yet. “Get services definition” reads them from the vendor."
        return f"{counts['items']} (editions: {counts['editions']}, applications: {counts['apps']})"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def test_connection(self, request: HttpRequest, manager: ServiceManager) -> str:
        return connection.test_connection(service_manager_id=manager.pk, at=clock.now())

    def fetch_services_definition(self, request: HttpRequest, manager: ServiceManager) -> str:
        return connection.fetch_services_definition(service_manager_id=manager.pk, at=clock.now())

    def related_lists(self, request: HttpRequest, row: ServiceManager) -> list[tuple[str, str]]:
        mine = f"service_manager__id__exact={row.pk}"
        return [
            *related(
                request,
                "provisioning.view_vendorofferingitem",
                "Offering items",
                "provisioning_vendorofferingitem_changelist",
                mine,
            ),
            *related(request, "provisioning.view_tenant", "Tenants", "provisioning_tenant_changelist", mine),
            *related(request, "provisioning.view_vendorreport", "Usage reports", "provisioning_vendorreport_changelist", mine),
        ]


@admin.register(VendorOfferingItem)
class VendorOfferingItemAdmin(Ledger):
    list_display = ("name", "application_type", "edition", "usage_name", "measurement_unit", "storage", "is_offered")
    list_select_related = ("storage",)
    list_filter = ("service_manager", "application_type", "is_offered")
    search_fields = ("name", "usage_name", "edition")
    fields = ("service_manager", *list_display)


class MailFilter(admin.SimpleListFilter):
    title = "activation mail"
    parameter_name = "mail"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("unconfirmed", "Not confirmed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        if self.value() != "unconfirmed":
            return queryset
        mails = TenantUser.objects.filter(
            tenant=OuterRef("pk"), activation_mail_asked_at__isnull=False, activation_mail_confirmed_at__isnull=True
        )
        return queryset.filter(Exists(mails))


class TroubleFilter(admin.SimpleListFilter):
    title = "trouble"
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failing", "The vendor refused"), ("held", "On hold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        match self.value():
            case "failing":
                return queryset.exclude(last_error="")
            case "held":
                return queryset.filter(Exists(Hold.objects.filter(tenant=OuterRef("pk"), released_at__isnull=True)))
        return queryset


class TenantUserInline(LedgerInline, TabularInline):
    model = TenantUser
    fields = readonly_fields = ("login", "email", "role", "vendor_id", "activation_mail_asked_at", "activation_mail_confirmed_at")
    verbose_name_plural = "users at the vendor"


class ServiceInline(LedgerInline, TabularInline):
    model = Service
    fields = readonly_fields = ("protection_model", "file_sync_model", "backup_storage", "wished_at", "ended_at")


class HoldInline(LedgerInline, TabularInline):
    model = Hold
    fields = readonly_fields = ("reason", "note", "opened_at", "released_at")


class VendorActionInline(LedgerInline, TabularInline):
    model = VendorAction
    fields = readonly_fields = ("started_at", "sentence", "status", "error", "ended_at")
    ordering = ("-pk",)
    per_page = 20
    verbose_name_plural = "done at the vendor, newest first"


@admin.register(Tenant)
class TenantAdmin(Ledger):
    """What should be at the vendor for an organization, and whether it is."""

    list_display = ("organization", "kind", "service_manager", "vendor_id", "state", "wished_at", "converged_at")
    list_select_related = ("organization", "service_manager")
    list_filter = ("kind", TroubleFilter, MailFilter, "service_manager")
    search_fields = (
        "organization__number__iexact",
        "organization__name",
        "vendor_name",
        "vendor_id__iexact",
        "users__login",
        "key__iexact",
    )
    search_help_text = "Organization's number or name, tenant id, or login"
    ordering = ("-pk",)
    inlines = (TenantUserInline, ServiceInline, HoldInline, VendorActionInline)
    fields = (
        ("organization", "service_manager"),
        ("kind", "parent"),
        ("vendor_id", "vendor_name"),
        ("state_words", "portal"),
        ("wished_at", "converged_at"),
        ("next_try_at", "last_error"),
    )
    moves = (
        Move("converge_now", "Converge now", "provisioning.change_tenant", variant="primary"),
        Move(
            "send_activation_mail",
            "Send activation mail again",
            "provisioning.change_tenant",
            lambda tenant: tenant.users.filter(vendor_id__isnull=False).exists(),
            confirm="ask_send_activation_mail",
        ),
    )

    @display(description="state", label={"agrees": "success", "differs": "warning", "failing": "danger"})
    def state(self, tenant: Tenant) -> tuple[str, str]:
        if tenant.last_error:
            return "failing", "The vendor refused"
        return ("agrees", "As wished") if tenant.agrees else ("differs", "To be carried out")

    @display(description="state")
    def state_words(self, tenant: Tenant) -> str:
        return self.state(tenant)[1]

    @display(description="portal")
    def portal(self, tenant: Tenant) -> str:
        return link(queries.portal_url(tenant.service_manager), "Acronis portal")

    def converge_now(self, request: HttpRequest, tenant: Tenant) -> str:
        try:
            converging.converge(tenant.pk, clock=clock.now)
        except AcronisError as error:
            raise VendorRefused(str(error)) from error
        return "The vendor agrees with what should be."

    def ask_send_activation_mail(self, request: HttpRequest, tenant: Tenant) -> list[str]:
        people = tenant.users.live().filter(vendor_id__isnull=False)
        return [f"Acronis sends the activation mail for {user.login} to {user.email} once more." for user in people]

    def send_activation_mail(self, request: HttpRequest, tenant: Tenant) -> str:
        people = list(tenant.users.live().filter(vendor_id__isnull=False))
        for user in people:
            users.ask_activation_mail_again(tenant_user_id=user.pk, at=clock.now())
        return f"Acronis is asked within a minute: {', '.join(user.login for user in people)}."

    def related_lists(self, request: HttpRequest, row: Tenant) -> list[tuple[str, str]]:
        return [
            *related(
                request, "provisioning.view_vendoraction", "Vendor actions", "provisioning_vendoraction_changelist", f"q={row.key}"
            ),
            *related(
                request,
                "billing.view_subscription",
                "Subscriptions",
                "billing_subscription_changelist",
                f"q={row.organization.number}",
            ),
            *related(
                request, "billing.view_usagerecord", "Usage", "billing_usagerecord_changelist", f"q={row.organization.number}"
            ),
        ]


@admin.register(Service)
class ServiceAdmin(Ledger):
    list_display = ("organization", "service_manager", "protection_model", "file_sync_model", "wished_at", "ended_at")
    list_select_related = ("organization", "service_manager")
    list_filter = ("service_manager", "protection_model", "file_sync_model", ("ended_at", admin.EmptyFieldListFilter))
    search_fields = ("organization__number__iexact", "organization__name", "subscription__number__iexact")
    search_help_text = "Organization's number or name, or subscription"
    ordering = ("-pk",)
    fields = (
        "organization",
        "service_manager",
        "tenant",
        "protection_model",
        "file_sync_model",
        "backup_storage",
        "wished_at",
        "ended_at",
    )


@admin.register(VendorAction)
class VendorActionAdmin(Ledger):
    list_display = ("started_at", "tenant_name", "sentence", "status_label", "error")
    list_display_links = ("started_at", "sentence")
    list_select_related = ("tenant__organization",)
    list_filter = ("status", month_filter("started_at"))
    search_fields = ("tenant__organization__number__iexact", "tenant__organization__name", "tenant__key__iexact")
    search_help_text = "Organization's number or name"
    ordering = ("-pk",)
    fields = ("tenant", "sentence", "kind", "status", "error", "started_at", "ended_at")

    @display(description="organization")
    def tenant_name(self, action: VendorAction) -> str:
        return action.tenant.organization.name

    @display(description="state", ordering="status", label=ACTION_COLOURS)
    def status_label(self, action: VendorAction) -> tuple[str, str]:
        return action.status, str(action.get_status_display())


@admin.register(Hold)
class HoldAdmin(Ledger):
    list_display = ("tenant_name", "reason", "note", "opened_at", "released_at")
    list_select_related = ("tenant__organization",)
    list_filter = ("reason", ("released_at", admin.EmptyFieldListFilter))
    search_fields = ("tenant__organization__number__iexact", "tenant__organization__name")
    search_help_text = "Organization's number or name"
    ordering = ("-pk",)
    fields = ("tenant", "reason", "note", "opened_at", "released_at")

    @display(description="organization")
    def tenant_name(self, hold: Hold) -> str:
        return hold.tenant.organization.name


@admin.register(VendorReport)
class VendorReportAdmin(Ledger):
    """Usage reports of the vendor: wished, asked for, ready, loaded."""

    list_display = (
        "period_start",
        "period_end",
        "service_manager",
        "kind",
        "status_label",
        "rows_loaded",
        "attempts",
        "next_try_at",
        "error",
    )
    list_select_related = ("service_manager",)
    list_filter = ("status", "service_manager", month_filter("period_start"))
    fields = (
        ("service_manager", "kind"),
        ("period_start", "period_end"),
        ("status", "rows_loaded"),
        ("attempts", "next_try_at"),
        "error",
        ("created_at", "loaded_at"),
        ("vendor_id", "stored_id"),
    )

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, report: VendorReport) -> tuple[str, str]:
        return report.status, str(report.get_status_display())
