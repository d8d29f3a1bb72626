"""Tenants: what should be at the vendor for an organization, whether it is, and who gets in there."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from common import clock
from common.bss import Ledger, LedgerInline, Move, link, related
from common.errors import DomainError
from provisioning import queries
from provisioning.acronis.errors import AcronisError
from provisioning.models import Hold, Service, Tenant, TenantUser, VendorAction
from provisioning.operations import converging, users


class VendorRefused(DomainError):
    """The vendor did not do what was asked; its answer, as a sentence for the page."""


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
