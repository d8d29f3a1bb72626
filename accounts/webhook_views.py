"""An organization's webhooks, for its administrators: where it is told of what, how each telling went, and sending it again."""

import json

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.acting import membership_of, person_of
from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.operations import webhooks
from accounts.webhook_forms import DeliveryFilterForm, WebhookChangeForm, WebhookForm
from common import clock
from common.bss import refuse
from common.errors import DomainError

PAGE_LENGTH = 50


@member_required
@require_safe
def webhook_list(request: HttpRequest) -> HttpResponse:
    """List the organization's addresses with what waits and what was given up."""
    organization = _administered(request)
    waiting, failed = (Count("deliveries", filter=Q(deliveries__status=status)) for status in ("waiting", "failed"))
    endpoints = WebhookEndpoint.objects.filter(organization=organization).annotate(waiting=waiting, failed=failed)
    context = {"endpoints": endpoints, "organization": organization, "most": webhooks.MOST_ENDPOINTS}
    return TemplateResponse(request, "accounts/webhooks.html", context)


@member_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_webhook(request: HttpRequest) -> HttpResponse:
    """
    Add an address and answer with the one page that ever shows its secret.

    No redirect follows, as with a new API token. Sending the form again is refused for the address.
    """
    organization = _administered(request)
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = webhooks.add_endpoint(
                organization_id=organization.pk, by=person_of(request), at=clock.now(), **form.cleaned_data
            )
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            return _secret_page(request, made, is_new=True)
    return TemplateResponse(request, "accounts/webhooks_add.html", {"form": form})


@member_required
@require_safe
def webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an address with the log of its deliveries, the newest first."""
    endpoint = _endpoint(request, pk)
    form = DeliveryFilterForm(request.GET)
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).defer("payload")
    if form.is_valid():
        rows = rows.filter(**{name: value for name, value in form.cleaned_data.items() if value})
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "endpoint": endpoint,
        "told_of": [WebhookEndpoint.Event(event).label for event in endpoint.told_of],
        "page": page,
        "form": form,
        "is_narrowed": any(form.data.get(name) for name in form.fields),
        "time_zone": endpoint.organization.time_zone,
    }
    return TemplateResponse(request, "accounts/webhook.html", context)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Change the address, what it is told of, and whether it is."""
    endpoint = _endpoint(request, pk)
    form = WebhookChangeForm.of(endpoint, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            webhooks.change_endpoint(endpoint_id=endpoint.pk, **form.cleaned_data)
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            messages.success(request, "The webhook is saved.")
            return redirect("accounts:webhook", pk=endpoint.pk)
    return TemplateResponse(request, "accounts/webhooks_edit.html", {"form": form, "endpoint": endpoint})


@member_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def renew_webhook_secret(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then make a new secret and show it once."""
    endpoint = _endpoint(request, pk)
    if request.method == "POST":
        return _secret_page(request, webhooks.renew_secret(endpoint_id=endpoint.pk), is_new=False)
    return TemplateResponse(request, "accounts/webhooks_renew.html", {"endpoint": endpoint})


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def delete_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, then delete an address with its log."""
    endpoint = _endpoint(request, pk)
    if request.method == "POST":
        webhooks.delete_endpoint(endpoint_id=endpoint.pk)
        messages.success(request, f"{endpoint.url} is told nothing any more.")
        return redirect("accounts:webhooks")
    return TemplateResponse(request, "accounts/webhooks_delete.html", {"endpoint": endpoint})


@member_required
@require_POST
def test_webhook(request: HttpRequest, pk: int) -> HttpResponse:
    """Send an address a test."""
    endpoint = _endpoint(request, pk)
    try:
        webhooks.send_test(endpoint_id=endpoint.pk, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "A test is on its way. Reload the page in a moment to see how it went.")
    return redirect("accounts:webhook", pk=endpoint.pk)


@member_required
@require_safe
def webhook_delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what one delivery said and what was answered."""
    delivery = _delivery(request, pk)
    written = json.dumps(delivery.payload, indent=2, ensure_ascii=False)
    context = {"delivery": delivery, "written": written, "time_zone": delivery.endpoint.organization.time_zone}
    return TemplateResponse(request, "accounts/webhook_delivery.html", context)


@member_required
@require_POST
def resend_webhook_delivery(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a delivery again."""
    delivery = _delivery(request, pk)
    if webhooks.send_again(delivery_ids=[delivery.pk], at=clock.now()):
        messages.success(request, "It is being sent again. Reload the page in a moment to see how it went.")
    else:
        messages.error(request, "This address is switched off. Switch it on to send to it.")
    return redirect("accounts:webhook_delivery", pk=delivery.pk)


def _secret_page(request: HttpRequest, made: webhooks.NewSecret, *, is_new: bool) -> HttpResponse:
    context = {"endpoint": made.row, "secret": made.secret, "is_new": is_new}
    return TemplateResponse(request, "accounts/webhooks_secret.html", context)


def _endpoint(request: HttpRequest, pk: int) -> WebhookEndpoint:
    endpoints = WebhookEndpoint.objects.filter(organization=_administered(request)).select_related("organization", "created_by")
    return get_object_or_404(endpoints, pk=pk)


def _delivery(request: HttpRequest, pk: int) -> WebhookDelivery:
    mine = WebhookDelivery.objects.filter(endpoint__organization=_administered(request))
    return get_object_or_404(mine.select_related("endpoint__organization"), pk=pk)


def _administered(request: HttpRequest) -> Organization:
    """
    Return the organization acted for.

    :raises PermissionDenied: the person is not an administrator of it.
    """
    membership = membership_of(request)
    if not membership.may_edit_billing:
        raise PermissionDenied("Only an administrator sees and makes webhooks.")
    return membership.organization
