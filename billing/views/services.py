"""What the organization acted for uses: its own services and, for a reseller, its customers'."""

import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urlsplit

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import acting_membership
from accounts.models import Membership, Organization
from billing import services_asked
from billing.models import Invoice, Subscription
from billing.queries import services as queries
from billing.queries.next_invoice import next_invoice
from common import clock
from provisioning import queries as provisioning
from provisioning.models import Hold, ServiceManager

PAGE_LENGTH = 50
INVOICES_SHOWN = 24
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-]+(:[0-9]+)?")


@member_required
@require_safe
def services(request: HttpRequest) -> HttpResponse:
    """
    List services: ``q`` finds them by product, number, consumer's name or number, ``state`` and ``customer`` narrow them, ``sort``
    orders them; ``export=csv`` gives all of them as a file.
    """
    asked = services_asked.read(request.GET)
    rows = asked.rows(visible_services(request))
    if request.GET.get("export") == "csv":
        return _export(request, rows)
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    sold = _sold(request, page.object_list)
    context = {
        "page": page,
        "rows": [(one, sold.get(one.pk)) for one in page],
        "asked": asked,
        "states": services_asked.STATES.items(),
        "orders": [(key, label) for key, (label, _) in services_asked.ORDERS.items()],
        "customers": _customers(request),
    }
    return TemplateResponse(request, "billing/services.html", context)


@member_required
@require_safe
@never_cache
def service(request: HttpRequest, number: str) -> HttpResponse:
    """Show one service: how it stands, how to sign in at the vendor, its invoices, and what was done for it."""
    subscription = get_object_or_404(visible_services(request), number=number)
    one, tenant = subscription.service, subscription.service.tenant
    invoices = Invoice.objects.visible_to(request.user).issued().filter(lines__subscription=subscription).distinct()
    sold = _sold(request, [subscription]).get(subscription.pk)
    quotas = queries.quotas(one)
    context = {
        **live_facts(subscription),
        "service": one,
        "sold": sold,
        "next_invoice": next_invoice(subscription, sold, reader=_organization(request), at=clock.now()),
        "sign_in": queries.sign_in(tenant),
        "has_quotas": bool(quotas) and one.ended_at is None,
        "quotas": [quota for quota in quotas if quota.is_limited],
        "unlimited": [quota.label for quota in quotas if not quota.is_limited],
        "portal_url": provisioning.portal_url(one.service_manager),
        "holds": Hold.objects.filter(tenant=tenant, released_at__isnull=True).order_by("opened_at"),
        "invoices": invoices.select_related("buyer", "seller")[:INVOICES_SHOWN],
    }
    response = TemplateResponse(request, "billing/service.html", context)
    # “Login to your panel” is a form whose answer leads to the vendor, and Chromium holds that against the page's policy.
    response._csp_update = {"form-action": _origins(one.service_manager)}  # type: ignore[attr-defined]
    return response


@member_required
@require_safe
@never_cache
def progress(request: HttpRequest, number: str) -> HttpResponse:
    """The part of the page that changes while the vendor is told; once nothing moves any more, the whole page is loaded anew."""
    facts = live_facts(get_object_or_404(visible_services(request), number=number))
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("billing:service", number=number)
    response = TemplateResponse(request, "billing/_at_vendor.html", facts)
    if not facts["at_vendor"].is_moving:
        response["HX-Refresh"] = "true"
    return response


def live_facts(subscription: Subscription) -> dict[str, Any]:
    """Return what `billing/_at_vendor.html` shows."""
    tenant = subscription.service.tenant
    return {"subscription": subscription, "tenant": tenant, "at_vendor": queries.at_vendor(tenant)}


def visible_services(request: HttpRequest) -> QuerySet[Subscription]:
    """The services of the organization acted for and of its customers, as far as this person may see them."""
    organization = _organization(request)
    is_suspended = Hold.objects.filter(tenant=OuterRef("service__tenant"), released_at__isnull=True)
    return (
        Subscription.objects.visible_to(request.user)
        .filter(Q(consumer=organization) | Q(consumer__parent=organization))
        .select_related("consumer__parent", "plan__product_group", "service__tenant", "service__service_manager")
        .annotate(is_suspended=Exists(is_suspended))
    )


def _export(request: HttpRequest, rows: QuerySet[Subscription]) -> HttpResponse:
    services = list(rows)
    sold = _sold(request, services)
    name = f"services-{_organization(request).number}.csv"
    return HttpResponse(
        services_asked.services_csv((one, sold.get(one.pk)) for one in services),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _customers(request: HttpRequest) -> QuerySet[Organization]:
    """The customers a reseller can narrow the list to: those that have, or had, a service."""
    return _organization(request).children.filter(subscriptions__isnull=False).distinct().order_by("name", "pk")


def _sold(request: HttpRequest, subscriptions: Iterable[Subscription]) -> dict[int, queries.Sold]:
    """Return what those of fixed price cost the organization acted for, today where it keeps its days."""
    reader = _organization(request)
    return queries.sold_to(reader, subscriptions, today=clock.today(reader.time_zone))


def _organization(request: HttpRequest) -> Organization:
    return cast(Membership, acting_membership(request)).organization  # member_required saw to it


def _origins(service_manager: ServiceManager) -> list[str]:
    """The vendor's host for a policy, where anything beside a plain host would say something else."""
    address = urlsplit(service_manager.base_url)
    origin = f"{address.scheme}://{address.netloc}"
    return [origin] if _ORIGIN.fullmatch(origin) else []
