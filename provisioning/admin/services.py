"""Services: what a subscription entitles a customer to at the vendor, and how that changes."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from common import clock
from common.bss import Ledger, Move, refuse, related
from common.errors import DomainError
from provisioning import queries
from provisioning.admin.asking import progress_fragment, require, vendor_speaks
from provisioning.forms.services import LicensingForm, QuotasForm
from provisioning.models import Hold, Service
from provisioning.operations import preview, services

BY_USE = "pay_as_you_go"
"""The billing model that is always quantity 1."""
CHANGE = "provisioning.change_service"
ENDED = "The service was terminated; nothing about it changes any more."


def _is_on_trial(service: Service) -> bool:
    return service.ended_at is None and service.pricing_mode == Service.PricingMode.TRIAL


@admin.register(Service)
class ServiceAdmin(Ledger):
    page_template = "admin/provisioning/service.html"
    list_display = (
        "organization",
        "state",
        "protection",
        "file_sync",
        "quantity",
        "pricing",
        "service_manager",
    )
    list_select_related = ("organization", "service_manager")
    list_filter = (
        "service_manager",
        "protection_model",
        "file_sync_model",
        "pricing_mode",
        ("ended_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("organization__number__iexact", "organization__name", "subscription__number__iexact")
    search_help_text = "Organization's number or name, or subscription"
    ordering = ("-pk",)
    moves = (Move("to_production", "Switch to production", CHANGE, _is_on_trial, confirm="ask_to_production"),)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("<path:object_id>/licensing/", own(self.licensing_view), name=self.url_name("licensing")),
            path("<path:object_id>/quotas/", own(self.quotas_view), name=self.url_name("quotas")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request).select_related("organization", "service_manager", "tenant")
        return rows.annotate(is_held=Exists(Hold.objects.filter(tenant=OuterRef("tenant"), released_at__isnull=True)))

    @display(description="state", label={"good": "success", "busy": "info", "attention": "warning", "bad": "danger"})
    def state(self, service: Any) -> tuple[str, str]:
        """How its tenant stands; of a service that ended, that."""
        if service.ended_at is not None:
            return "attention", "Terminated"
        state = queries.tenant_state(service.tenant, is_held=service.is_held)
        return state.tone, state.words

    @display(description="protection", ordering="protection_model")
    def protection(self, service: Service) -> str:
        return str(service.get_protection_model_display())

    @display(description="File Sync & Share", ordering="file_sync_model")
    def file_sync(self, service: Service) -> str:
        return str(service.get_file_sync_model_display())

    @display(description="pricing", ordering="pricing_mode")
    def pricing(self, service: Service) -> str:
        return str(service.get_pricing_mode_display())

    # --- The page of a service -----------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: Service) -> dict[str, Any]:
        return {
            "service": row,
            "progress": queries.tenant_progress(row.tenant),
            "progress_url": self.url_of(row, "progress"),
            "tenant_url": reverse("admin:provisioning_tenant_change", args=[row.tenant_id]),
            "storages": {words: row.storages[kind] or self._default(row, kind) for kind, words in STORAGE_WORDS.items()},
            "quotas": [_quota_words(quota, row.quantity) for quota in queries.quota_rows(row) if quota.limit.soft is not None],
            "switched_off": row.items.filter(is_enabled=False),
        }

    @staticmethod
    def _default(service: Service, kind: str) -> str:
        default = service.service_manager.default_storages[kind]
        return f"{default}, the default" if default else "The first by name"

    def offered_moves(self, request: HttpRequest, row: Any) -> list[dict[str, str | bool]]:
        moves = super().offered_moves(request, row)
        if row.ended_at is None and request.user.has_perm(CHANGE):
            pages = {"licensing": "Change licensing models", "quotas": "Change quotas"}
            moves = [self._button(row, name, label) for name, label in pages.items()] + moves
        changes = _changes(request, queries.live_subscription(row))
        return [*(_leading_to(url, label) for label, url in changes), *moves]

    def _button(self, service: Service, page: str, label: str) -> dict[str, str | bool]:
        return _leading_to(self.url_of(service, page), label)

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        service = self.row_or_404(request, object_id)
        return progress_fragment(request, service.tenant, self.url_of(service, "progress"))

    def related_lists(self, request: HttpRequest, row: Service) -> list[tuple[str, str]]:
        mine = f"q={row.organization.number}"
        return [
            *related(request, "provisioning.view_tenant", "Tenant", "provisioning_tenant_changelist", mine),
            *related(request, "billing.view_subscription", "Subscription", "billing_subscription_changelist", mine),
            *_usage_report(request, row),
        ]

    # --- Licensing models ----------------------------------------------------------------------------------------------

    def licensing_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for other models, show what the vendor says to them, and change them once that was seen."""
        service = self._changeable(request, object_id)
        form = LicensingForm(request.POST if request.method == "POST" else None, service=service)
        trial = None
        if form.is_valid():
            try:
                with vendor_speaks():
                    if "confirm" in request.POST:
                        services.change_licensing(service_id=service.pk, at=clock.now(), **form.cleaned_data)
                        messages.success(request, "The licensing models are being changed at Acronis.")
                        return redirect(self.url_of(service))
                    trial = services.try_licensing(service_id=service.pk, **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
        return self.page(
            request,
            "admin/provisioning/licensing.html",
            title=f"Licensing models of {service.organization}",
            original=service,
            form=form,
            trial=trial,
            back=self.url_of(service),
        )

    # --- Quotas --------------------------------------------------------------------------------------------------------

    def quotas_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show and write quotas; before that, on demand, what they would change at the vendor."""
        service = self._changeable(request, object_id)
        subscription = queries.live_subscription(service)
        form = QuotasForm(
            request.POST if request.method == "POST" else None,
            rows=queries.quota_rows(service),
            quantity=service.quantity,
            billed=subscription.quantity if subscription else None,
            is_moving=not service.tenant.agrees,
        )
        plan: dict[str, Any] = {}
        if form.is_valid():
            try:
                if "preview" in request.POST:
                    with vendor_speaks():
                        steps = preview.steps_of_quotas(service_id=service.pk, **form.cleaned_data)
                    plan = {"steps": steps, "is_asked": True}
                else:
                    services.change_quotas(service_id=service.pk, at=clock.now(), **form.cleaned_data)
                    messages.success(request, "The quotas are saved and on their way to Acronis.")
                    return redirect(self.url_of(service))
            except DomainError as refusal:
                form.refuse(refusal)
        return self.page(
            request,
            "admin/provisioning/quotas.html",
            title=f"Quotas of {service.organization}",
            original=service,
            form=form,
            service=service,
            subscription=subscription,
            changes=dict(_changes(request, subscription)),
            back=self.url_of(service),
            **plan,
        )

    def _changeable(self, request: HttpRequest, object_id: str) -> Service:
        service: Service = self.row_or_404(request, object_id)
        require(request, CHANGE)
        if service.ended_at is not None:
            raise PermissionDenied(ENDED)
        return service

    # --- Trial ---------------------------------------------------------------------------------------------------------

    def ask_to_production(self, request: HttpRequest, service: Service) -> list[str]:
        return [
            f"The free trial of {service.organization} ends now. There is no way back.",
            "Acronis bills the whole month in which the switch falls, whatever the day. Our invoices begin with today.",
        ]

    def to_production(self, request: HttpRequest, service: Service) -> str:
        services.switch_to_production(service_id=service.pk, at=clock.now())
        return f"{service.organization} goes to production at Acronis within a minute."


def _leading_to(url: str, label: str) -> dict[str, str | bool]:
    return {"label": label, "url": url, "variant": "default", "asks_first": True}


def _changes(request: HttpRequest, subscription: Any) -> list[tuple[str, str]]:
    """
    Return the words and addresses of what changes a subscription with what it is billed for (seed text 004, Upgrade/Downgrade
    quantity, Upgrade Service); their pages belong to a higher floor. What is billed by use has no quantity to change.
    """
    if subscription is None or not request.user.has_perm("ordering.execute_order"):
        return []
    kinds = {"quantity": "Upgrade Quantity", "plan": "Upgrade Service"}
    if subscription.billing_model == BY_USE:
        del kinds["quantity"]
    return [(label, reverse("admin:ordering_order_amend", args=[subscription.number, kind])) for kind, label in kinds.items()]


def _usage_report(request: HttpRequest, service: Service) -> list[tuple[str, str]]:
    """Return the words and address of the billing usage report; its page belongs to a higher floor."""
    subscription = getattr(service, "subscription", None)
    if subscription is None or not request.user.has_perm("billing.view_subscription"):
        return []
    return [("Billing Usage Report", reverse("admin:billing_subscription_usage_report", args=[subscription.pk]))]


STORAGE_WORDS = {
    "backup": "Backup storage",
    "files_cloud": "File Sync & Share storage",
    "disaster_recovery": "Disaster recovery storage",
}


def _quota_words(quota: queries.QuotaRow, quantity: int) -> dict[str, str]:
    return {"name": quota.name, "words": quota.limit.times(quantity).words(quota.unit)}
