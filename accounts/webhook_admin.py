"""Webhooks in the back office: which addresses there are, how each telling went, and sending it again."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.operations import webhooks
from common import clock
from common.bss import Ledger, Move, link, month_filter, refuse, related, staff
from common.errors import DomainError

ADD, CHANGE, SEND = "accounts.add_webhookendpoint", "accounts.change_webhookendpoint", "accounts.change_webhookdelivery"
MOST_AGAIN = 500
_NEW_SECRET = Move("new_secret", "New secret", ADD)
_COLOURS = {"delivered": "success", "waiting": "warning", "given up": "danger"}


class OwnEndpointForm(forms.Form):
    """An address that is told of everything that is sold, whoever buys it."""

    url = forms.CharField(
        label="Address",
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Of a program of ours, reachable from the internet by https.",
    )
    told_of = forms.MultipleChoiceField(
        label="What it is told of",
        choices=WebhookEndpoint.Event.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(Ledger):
    """Customers look after theirs in the storefront. Staff see all, try them out, switch them off, and add the MSP's own."""

    list_display = ("url", "organization", "event_list", "state_label", "waiting", "failed", "created_at")
    list_select_related = ("organization",)
    list_filter = ("is_active", "organization__kind")
    search_fields = ("url", "organization__number__iexact", "organization__name")
    search_help_text = "Address, or the organization's number or name"
    ordering = ("-pk",)
    fields = readonly_fields = (
        "url",
        "organization_link",
        "event_list",
        "state_label",
        "waiting",
        "failed",
        "created_at",
        "created_by",
    )
    list_before_template = "admin/accounts/_webhook_tools.html"
    moves = (
        Move("send_test", "Send test event", CHANGE, lambda row: row.is_active),
        Move("switch_on", "Switch on", CHANGE, lambda row: not row.is_active),
        Move("switch_off", "Switch off", CHANGE, lambda row: row.is_active, confirm="ask_switch_off", variant="danger"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        counts = {f"{status}_count": Count("deliveries", filter=Q(deliveries__status=status)) for status in ("waiting", "failed")}
        return super().get_queryset(request).select_related("organization").annotate(**counts)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("new/", own(self.new_view), name=self.url_name("new")),
            path("<path:object_id>/new-secret/", own(self.new_secret_view), name=self.url_name("new_secret")),
            *super().get_urls(),
        ]

    def offered_moves(self, request: HttpRequest, row: Any) -> list[dict[str, str | bool]]:
        """The secret of an address of ours can be made anew here; those of customers are theirs."""
        moves = super().offered_moves(request, row)
        if _is_own(row) and request.user.has_perm(ADD):
            url = self.url_of(row, "new_secret")
            moves.append({"label": _NEW_SECRET.label, "url": url, "variant": "default", "asks_first": True})
        return moves

    @display(description="told of")
    def event_list(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.told_of)

    @display(description="state", label={"on": "success", "off": "default"})
    def state_label(self, endpoint: WebhookEndpoint) -> str:
        return "on" if endpoint.is_active else "off"

    @display(description="waiting")
    def waiting(self, endpoint: Any) -> int:
        return int(endpoint.waiting_count)

    @display(description="given up")
    def failed(self, endpoint: Any) -> int:
        return int(endpoint.failed_count)

    @display(description="organization")
    def organization_link(self, endpoint: WebhookEndpoint) -> str:
        return _organization_link(endpoint.organization)

    def related_lists(self, request: HttpRequest, row: WebhookEndpoint) -> list[tuple[str, str]]:
        mine = f"endpoint__id__exact={row.pk}"
        return related(request, "accounts.view_webhookdelivery", "Deliveries", "accounts_webhookdelivery_changelist", mine)

    def send_test(self, request: HttpRequest, endpoint: WebhookEndpoint) -> str:
        webhooks.send_test(endpoint_id=endpoint.pk, at=clock.now())
        return "A test is on its way. Its delivery says how it went."

    def switch_on(self, request: HttpRequest, endpoint: WebhookEndpoint) -> str:
        webhooks.switch(endpoint_id=endpoint.pk, is_active=True)
        return f"{endpoint.url} is told of what happens from now on."

    def ask_switch_off(self, request: HttpRequest, endpoint: WebhookEndpoint) -> list[str]:
        return [f"{endpoint.organization} is told nothing at {endpoint.url} any more.", "What waits for it is given up."]

    def switch_off(self, request: HttpRequest, endpoint: WebhookEndpoint) -> str:
        webhooks.switch(endpoint_id=endpoint.pk, is_active=False)
        return f"{endpoint.url} is told nothing any more."

    def new_view(self, request: HttpRequest) -> HttpResponse:
        """Add an address of the MSP's own, and answer with the one page that ever shows its secret."""
        if not request.user.has_perm(ADD):
            raise PermissionDenied
        form = OwnEndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            msp = Organization.objects.get(kind=Organization.Kind.MSP)
            try:
                made = webhooks.add_endpoint(organization_id=msp.pk, by=staff(request), at=clock.now(), **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                return self._secret_page(request, made, title="The address is told from now on")
        intro = "It is told of the orders and subscriptions of all customers. Resellers and customers add theirs in the storefront."
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Add own webhook",
            form=form,
            submit="Add address",
            back=self.list_url(),
            intro=intro,
        )

    def new_secret_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make the secret of an address of ours anew and show it once."""
        row = self.row_or_404(request, object_id)
        if not (request.user.has_perm(ADD) and _is_own(row)):
            raise PermissionDenied
        if request.method == "POST":
            made = webhooks.renew_secret(endpoint_id=row.pk)
            return self._secret_page(request, made, title="The webhook has a new secret")
        sentences = [f"From the next delivery to {row.url} on, the new secret signs. The old one is worth nothing any more."]
        page: dict[str, Any] = {"original": row, "move": _NEW_SECRET, "sentences": sentences, "back": self.url_of(row)}
        return self.page(request, "admin/bss/confirm.html", title=f"New secret: {row}", **page)

    def _secret_page(self, request: HttpRequest, made: webhooks.NewSecret, *, title: str) -> HttpResponse:
        facts: dict[str, Any] = {"secret": made.secret, "endpoint": made.row, "back": self.url_of(made.row)}
        response: HttpResponse = self.page(request, "admin/accounts/webhook_secret.html", title=title, **facts)
        add_never_cache_headers(response)
        return response


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(Ledger):
    """The log: what was told to whom, what was answered, and what is tried again."""

    actions = ("send_again_selected",)  # type: ignore[assignment]
    list_display = ("created_at", "event_name", "status_label", "organization", "address", "attempts", "answer", "next_try_at")
    list_select_related = ("endpoint__organization",)
    list_filter = ("status", "event", month_filter("created_at"), ("endpoint", admin.RelatedOnlyFieldListFilter))
    search_fields = (
        "endpoint__url",
        "endpoint__organization__number__iexact",
        "endpoint__organization__name",
        "payload__data__order__iexact",
        "payload__data__service__iexact",
    )
    search_help_text = "Address, organization (number or name), or number of the order or subscription"
    ordering = ("-pk",)
    fields = readonly_fields = (
        "event_name",
        "status_label",
        "organization",
        "address",
        "created_at",
        "attempts",
        "next_try_at",
        "delivered_at",
        "answered_with",
        "error",
        "event_id",
        "payload_text",
    )
    moves = (Move("send_again", "Send again", SEND, lambda row: row.endpoint.is_active),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("endpoint__organization")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(SEND)

    @display(description="state", ordering="status", label=_COLOURS)
    def status_label(self, delivery: WebhookDelivery) -> str:
        return str(delivery.get_status_display()).lower()

    @display(description="event", ordering="event")
    def event_name(self, delivery: WebhookDelivery) -> str:
        """As programs read it; a test has a name of its own, which is no choice."""
        return delivery.event

    @display(description="organization")
    def organization(self, delivery: WebhookDelivery) -> str:
        return _organization_link(delivery.endpoint.organization)

    @display(description="address")
    def address(self, delivery: WebhookDelivery) -> str:
        return link(reverse("admin:accounts_webhookendpoint_change", args=[delivery.endpoint_id]), delivery.endpoint.url)

    @display(description="answer")
    def answer(self, delivery: WebhookDelivery) -> str:
        return f"{delivery.answered_with or ''} {delivery.error[:60]}".strip()

    @display(description="what it says")
    def payload_text(self, delivery: WebhookDelivery) -> str:
        return format_html('<pre class="bss-working">{}</pre>', json.dumps(delivery.payload, indent=2, ensure_ascii=False))

    def send_again(self, request: HttpRequest, delivery: WebhookDelivery) -> str:
        webhooks.send_again(delivery_ids=[delivery.pk], at=clock.now())
        return "It is being sent again."

    @admin.action(description="Send again", permissions=["send"])
    def send_again_selected(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Send the chosen ones again, five hundred at most in one go."""
        chosen = list(queryset.order_by("pk").values_list("pk", flat=True)[: MOST_AGAIN + 1])
        sent = webhooks.send_again(delivery_ids=chosen[:MOST_AGAIN], at=clock.now())
        left = len(chosen[:MOST_AGAIN]) - sent
        messages.success(request, f"{sent} {'delivery is' if sent == 1 else 'deliveries are'} being sent again.")
        if left:
            messages.warning(request, f"{left} left out: their address is switched off.")
        if len(chosen) > MOST_AGAIN:
            messages.warning(request, f"Only the first {MOST_AGAIN} were taken. Choose the rest again.")


def _is_own(endpoint: WebhookEndpoint) -> bool:
    return endpoint.organization.kind == Organization.Kind.MSP


def _organization_link(organization: Organization) -> str:
    return link(reverse("admin:accounts_organization_change", args=[organization.pk]), f"{organization} ({organization.number})")
