"""A reseller's marketplace: its page, its colours, and the form of the partner panel that sets it up."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import member_required, public
from accounts.acting import acting_membership, membership_of
from accounts.arriving import arrive_at
from accounts.models import Organization
from catalog.colours import stylesheet, stylesheet_version
from catalog.context import show_as
from catalog.forms.partner_panel import MarketplaceForm
from catalog.models import Marketplace
from catalog.operations import marketplaces
from catalog.queries import marketplaces as queries
from catalog.queries import shop
from catalog.views.partner import reseller_of
from common import clock
from common.errors import DomainError, FieldRefused

PAGE_LENGTH = 24
A_YEAR, AN_HOUR = 365 * 24 * 3600, 3600


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_marketplace(request: HttpRequest) -> HttpResponse:
    """Show how the marketplace is set up, and let an administrator of the reseller change it."""
    reseller = reseller_of(request)
    row = queries.marketplace_of(reseller)
    may_edit = membership_of(request).may_edit_billing
    form = MarketplaceForm(request.POST or None, request.FILES or None, reseller=reseller, marketplace=row)
    if request.method == "POST":
        if not may_edit:
            raise PermissionDenied("Only an administrator changes the marketplace.")
        if form.is_valid():
            try:
                saved = marketplaces.save_marketplace(reseller=reseller, at=clock.now(), **form.facts())
            except FieldRefused as refusal:
                form.add_error(refusal.field, str(refusal))
            except DomainError as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"{saved} is saved and {'open' if saved.is_open else 'closed to strangers'}.")
                return redirect("catalog:edit_marketplace")
    context = {"form": form, "marketplace": row, "may_edit": may_edit, "address": _address(request, row)}
    return TemplateResponse(request, "catalog/partner_marketplace.html", context)


@public
@require_safe
def marketplace(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what a reseller sells. Closed, only its own people and its signed-in customers see it; prices, as it wishes."""
    row, visitor = _entered(request, slug)
    today = clock.today(visitor.time_zone)
    page = Paginator(queries.marketplace_plans(visitor, on=today), PAGE_LENGTH).get_page(request.GET.get("page"))
    shows_prices = _may_see_prices(row, visitor)
    context = {
        "marketplace": row,
        "page": page,
        "plans": queries.on_sale(list(page), visitor, shows_prices=shows_prices, on=today),
        "shows_prices": shows_prices,
        **_reader(request, row, visitor),
    }
    return TemplateResponse(request, "catalog/marketplace.html", context)


@public
@require_safe
def marketplace_plan(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    """Show one plan of a marketplace: what it includes, and what it costs where the visitor may see that."""
    row, visitor = _entered(request, slug)
    today = clock.today(visitor.time_zone)
    plans = queries.marketplace_plans(visitor, on=today).select_related(
        "product_group__product", "service_manager", "module_settings__backup_storage"
    )
    plan = get_object_or_404(plans, number=number)
    shows_prices = _may_see_prices(row, visitor)
    settings = getattr(plan, "module_settings", None)
    context = {
        "marketplace": row,
        "plan": plan,
        "settings": settings,
        "included": shop.included(settings) if plan.is_fixed and settings is not None else None,
        "terms": queries.on_sale([plan], visitor, shows_prices=shows_prices, on=today)[0].terms,
        "shows_prices": shows_prices,
        "buyer": visitor,
        "today": today,
        "edition": request.GET.get("edition", ""),
        **_reader(request, row, visitor),
    }
    return TemplateResponse(request, "catalog/marketplace_plan.html", context)


@public
@require_safe
def theme(request: HttpRequest, slug: str) -> HttpResponse:
    """
    Give the colours of a marketplace as a stylesheet, for a light and for a dark page.

    Asked for with the ``v`` of these very colours, it never changes and is kept for a year; without, for an hour.
    """
    accent = Marketplace.objects.filter(slug=slug).values_list("accent", flat=True).first()
    if accent is None:
        raise Http404
    is_current = request.GET.get("v") == stylesheet_version(accent)
    kept = f"public, max-age={A_YEAR}, immutable" if is_current else f"public, max-age={AN_HOUR}"
    return HttpResponse(stylesheet(accent), content_type="text/css; charset=utf-8", headers={"Cache-Control": kept})


def _entered(request: HttpRequest, slug: str) -> tuple[Marketplace, Organization]:
    """
    Return the marketplace, and the organization whose eyes see it: the customer acted for, else a visitor's.

    :raises Http404: there is none, or it is closed and the reader does not belong to it.
    """
    row = queries.marketplace_at(slug)
    if row is None:
        raise Http404
    acting = acting_membership(request)
    organization = acting.organization if acting is not None else None
    is_customer = organization is not None and organization.reseller == row.reseller
    if not (row.is_open or is_customer or organization == row.reseller):
        raise Http404
    arrive_at(request, row.reseller)
    show_as(request, row)
    if is_customer and organization is not None:
        return row, organization
    return row, queries.visitor_of(row.reseller)


def _may_see_prices(row: Marketplace, visitor: Organization) -> bool:
    """The reseller's own customers always do."""
    return row.shows_prices or visitor.pk is not None


def _reader(request: HttpRequest, row: Marketplace, visitor: Organization) -> dict[str, bool]:
    """Who reads: the reseller's own people see a preview, people of other sellers are told so, others may order."""
    acting = acting_membership(request)
    is_seller = acting is not None and acting.organization == row.reseller
    is_signed_in = request.user.is_authenticated
    return {
        "is_preview": is_seller,
        "is_foreign": is_signed_in and not is_seller and visitor.pk is None,
        "may_order": not is_signed_in or (visitor.pk is not None and acting is not None and acting.may_order),
    }


def _address(request: HttpRequest, row: Marketplace | None) -> str:
    return "" if row is None or not row.slug else f"{settings.SITE_URL}/m/{row.slug}/"
