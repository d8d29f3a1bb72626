"""What the organization acted for uses: its own services and, for a reseller, its customers'."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import buyer_required, member_required
from accounts.acting import acting_membership
from accounts.models import Membership, Organization
from billing.models import Invoice, Subscription
from common import clock
from provisioning import queries as provisioning
from provisioning.models import Hold, TenantUser
from provisioning.operations import users

PAGE_LENGTH = 50
LONGEST_SEARCH = 100
INVOICES_SHOWN = 24


@member_required
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """List services; ``q`` finds them by product, number, consumer's name or consumer's number."""
    words = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    rows = _visible(request)
    if words:
        rows = rows.filter(
            Q(plan_name__icontains=words)
            | Q(number__iexact=words)
            | Q(consumer__name__icontains=words)
            | Q(consumer__number__iexact=words)
        )
    page = Paginator(rows.order_by("consumer__name", "-pk"), PAGE_LENGTH).get_page(request.GET.get("page"))
    return TemplateResponse(request, "billing/services.html", {"page": page, "words": words})


@member_required
@require_safe
def service(request: HttpRequest, number: str) -> HttpResponse:
    """Show one service: how it is licensed, how to sign in at the vendor, its invoices, and what was done for it."""
    rows = _visible(request).select_related("plan", "service__tenant", "service__service_manager")
    subscription = get_object_or_404(rows, number=number)
    tenant = subscription.service.tenant
    invoices = Invoice.objects.visible_to(request.user).issued().filter(lines__subscription=subscription).distinct()
    context = {
        "subscription": subscription,
        "service": subscription.service,
        "tenant": tenant,
        "person": TenantUser.objects.filter(tenant=tenant).order_by("pk").first(),
        "portal_url": provisioning.portal_url(subscription.service.service_manager),
        "holds": Hold.objects.filter(tenant=tenant, released_at__isnull=True).order_by("opened_at"),
        "invoices": invoices.select_related("buyer", "seller")[:INVOICES_SHOWN],
        "actions": provisioning.progress([tenant.pk]),
    }
    return TemplateResponse(request, "billing/service.html", context)


@buyer_required
@require_POST
def ask_activation_mail(request: HttpRequest, number: str) -> HttpResponse:
    """Have the vendor send the mail once more by which the service's first user sets a password."""
    subscription = get_object_or_404(_visible(request), number=number)
    person = get_object_or_404(TenantUser.objects.order_by("pk"), tenant__services=subscription.service_id)
    users.ask_activation_mail_again(tenant_user_id=person.pk, at=clock.now())
    messages.success(request, f"We have asked Acronis to send the activation mail to {person.email} once more.")
    return redirect("billing:service", number=number)


def _visible(request: HttpRequest) -> QuerySet[Subscription]:
    organization = _organization(request)
    is_suspended = Hold.objects.filter(tenant=OuterRef("service__tenant"), released_at__isnull=True)
    return (
        Subscription.objects.visible_to(request.user)
        .filter(Q(consumer=organization) | Q(consumer__parent=organization))
        .select_related("consumer", "service")
        .annotate(is_suspended=Exists(is_suspended))
    )


def _organization(request: HttpRequest) -> Organization:
    return cast(Membership, acting_membership(request)).organization  # member_required saw to it
