"""Tenants: what should be at the vendor for an organization, whether it is, and stopping and starting it."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.decorators import display

from common import clock
from common.bss import Ledger, Move, refuse, related
from common.errors import DomainError
from provisioning import queries
from provisioning.admin.asking import progress_fragment, require
from provisioning.admin.panel import lets_out_to
from provisioning.admin.resellers import SynchronizationPages
from provisioning.admin.users import user_cards
from provisioning.forms.tenants import SuspendForm
from provisioning.models import Hold, Tenant, TenantUser
from provisioning.operations import due, holds

HOLD = "provisioning.place_hold"
SHOWN_ACTIONS = 20


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
        return [("failing", "Failing"), ("held", "On hold")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> QuerySet[Tenant]:
        match self.value():
            case "failing":
                return queryset.exclude(last_error="")
            case "held":
                return queryset.filter(Exists(_open_holds()))
        return queryset


def _open_holds() -> QuerySet[Hold]:
    return Hold.objects.filter(tenant=OuterRef("pk"), released_at__isnull=True)


def _is_held_by_hand(tenant: Tenant) -> bool:
    return tenant.holds.filter(reason=Hold.Reason.MANUAL, released_at__isnull=True).exists()


@admin.register(Tenant)
class TenantAdmin(SynchronizationPages, Ledger):
    """What should be at the vendor for an organization, and whether it is."""

    page_template = "admin/provisioning/tenant.html"
    list_display = ("organization", "kind", "state", "vendor_id", "service_manager", "seen_to_agree")
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
    moves = (
        Move(
            "converge_now",
            "Bring in line now",
            "provisioning.change_tenant",
            lambda tenant: tenant.gone_at is None,
            variant="primary",
        ),
        Move("resume", "Resume", HOLD, _is_held_by_hand),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(is_held=Exists(_open_holds()))

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("<path:object_id>/suspend/", own(self.suspend_view), name=self.url_name("suspend")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            *super().get_urls(),
        ]

    @display(description="state", label={"good": "success", "busy": "info", "attention": "warning", "bad": "danger"})
    def state(self, tenant: Any) -> tuple[str, str]:
        state = queries.tenant_state(tenant, is_held=tenant.is_held)
        return state.tone, state.words

    @display(description="seen to agree", ordering="converged_at")
    def seen_to_agree(self, tenant: Tenant) -> datetime | None:
        return tenant.converged_at

    # --- The page of a tenant ------------------------------------------------------------------------------------------

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the tenant. “Login to panel” leaves for the vendor, so its forms may send the browser there."""
        response = super().change_view(request, *args, **kwargs)
        tenant = getattr(response, "context_data", {}).get("row")
        return lets_out_to(response, tenant.service_manager.base_url) if tenant else response

    def page_facts(self, request: HttpRequest, row: Tenant) -> dict[str, Any]:
        return {
            "tenant": row,
            "progress": queries.tenant_progress(row),
            "progress_url": self.url_of(row, "progress"),
            "portal_url": queries.portal_url(row.service_manager),
            "holds": queries.open_holds(row),
            "past_holds": row.holds.filter(released_at__isnull=False).order_by("-pk")[:SHOWN_ACTIONS],
            "users": user_cards(request, row),
            "services": row.services.order_by("-pk"),
            "children_count": row.children.live().count(),
            "actions": row.actions.order_by("-pk")[:SHOWN_ACTIONS],
        }

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.row_or_404(request, object_id)
        return progress_fragment(request, tenant, self.url_of(tenant, "progress"))

    # --- Moves ---------------------------------------------------------------------------------------------------------

    def offered_moves(self, request: HttpRequest, row: Any) -> list[dict[str, str | bool]]:
        moves = super().offered_moves(request, row)
        if request.user.has_perm(HOLD) and row.retired_at is None and not _is_held_by_hand(row):
            moves.append({"label": "Suspend", "url": self.url_of(row, "suspend"), "variant": "default", "asks_first": True})
        return moves

    def converge_now(self, request: HttpRequest, tenant: Tenant) -> str:
        due.look_again(tenant_id=tenant.pk, at=clock.now())
        return "Acronis is looked at now; what is done there appears below."

    def suspend_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why, then stop the tenant until somebody resumes it."""
        tenant = self.row_or_404(request, object_id)
        require(request, HOLD)
        form = SuspendForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                hold = holds.place_hold(
                    tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, note=form.cleaned_data["note"], at=clock.now()
                )
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"{tenant.organization} is being suspended: {hold.note}")
                return redirect(self.url_of(tenant))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Suspend {tenant.organization}",
            original=tenant,
            form=form,
            submit="Suspend",
            back=self.url_of(tenant),
            intro=_what_suspending_does(tenant),
        )

    def resume(self, request: HttpRequest, tenant: Tenant) -> str:
        holds.release_hold(tenant_id=tenant.pk, reason=Hold.Reason.MANUAL, at=clock.now())
        if left := queries.open_holds(tenant):
            reasons = ", ".join(str(one.hold).lower() for one in left)
            return f"Your hold is lifted. The tenant stays suspended: {reasons}."
        return f"{tenant.organization} runs again as soon as Acronis has enabled the tenant."

    def related_lists(self, request: HttpRequest, row: Tenant) -> list[tuple[str, str]]:
        number = row.organization.number
        return [
            *related(
                request, "provisioning.view_vendoraction", "Vendor actions", "provisioning_vendoraction_changelist", f"q={row.key}"
            ),
            *related(request, "provisioning.view_vendoraccess", "Accesses", "provisioning_vendoraccess_changelist", f"q={number}"),
            *related(request, "billing.view_subscription", "Subscriptions", "billing_subscription_changelist", f"q={number}"),
            *related(request, "billing.view_usagerecord", "Usage", "billing_usagerecord_changelist", f"q={number}"),
        ]


def _what_suspending_does(tenant: Tenant) -> str:
    words = "Nobody there can sign in and nothing is backed up until you resume it. Data stays, and Acronis goes on billing it."
    if not (below := tenant.children.live().count()):
        return words
    return f"{words} {below} customer tenant{'' if below == 1 else 's'} below it stop{'s' if below == 1 else ''} with it."
