"""The shop: what is for sale to the organization acted for, and what one product is, includes and costs."""

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import acting_membership
from accounts.models import Organization
from catalog.models import Plan, Term
from catalog.queries import shop
from catalog.queries.offers import offers
from common import clock

PAGE_LENGTH = 12
LONGEST_SEARCH = 100
LONGEST_ID = 18  # digits that always fit a bigint


@member_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """List the products for sale to the organization acted for; ``q``, ``product``, ``billing`` and ``term`` narrow them down."""
    buyer = _buyer(request)
    today = clock.today(buyer.time_zone)
    wanted = _wanted(request)
    found = shop.range_for(buyer, on=today, **wanted)
    page = Paginator(found.plans, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "shelves": shop.shelves(list(page), buyer, on=today),
        "products": found.products,
        "billing_models": Plan.BillingModel.choices,
        "terms": Term.choices,
        "wanted": wanted,
        "is_narrowed": any(wanted.values()),
    }
    return TemplateResponse(request, "catalog/home.html", context)


@member_required
@require_safe
def plan(request: HttpRequest, number: str) -> HttpResponse:
    """Show one product: what it is, what is included, how it is billed and what it costs this buyer; ``edition`` narrows rates."""
    buyer = _buyer(request)
    today = clock.today(buyer.time_zone)
    for_sale = Plan.objects.for_sale_to(buyer, on=today)
    whole = for_sale.select_related("product_group__product", "service_manager", "module_settings__backup_storage")
    plan = get_object_or_404(whole, number=number)
    settings = getattr(plan, "module_settings", None)
    goods = shop.Goods(plan, offers([plan], buyer, on=today).get(plan.pk, ()))
    context = {
        "plan": plan,
        "settings": settings,
        "goods": goods,
        "chosen": _chosen(request, goods),
        "included": shop.included(settings) if plan.is_fixed and settings is not None else None,
        "buyer": buyer,
        "today": today,
        "edition": request.GET.get("edition", ""),
    }
    return TemplateResponse(request, "catalog/plan.html", context)


def _wanted(request: HttpRequest) -> dict[str, Any]:
    """Return what the list is narrowed to; what cannot be meant narrows nothing."""

    def asked(name: str, choices: Iterable[Any]) -> str:
        text = request.GET.get(name, "")
        return text if text in {str(choice) for choice in choices} else ""

    product, term = request.GET.get("product", ""), asked("term", Term.values)
    is_id = product.isascii() and product.isdecimal() and len(product) <= LONGEST_ID
    return {
        "words": request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH],
        "product": int(product) if is_id else None,
        "billing_model": asked("billing", Plan.BillingModel.values),
        "term_months": int(term) if term else None,
    }


def _chosen(request: HttpRequest, goods: shop.Goods) -> int:
    """Return the term that is asked for, else the shortest."""
    sold = [offer.term_months for offer in goods.offers]
    asked = request.GET.get("term", "")
    return next((months for months in sold if str(months) == asked), sold[0] if sold else Term.MONTH)


def _buyer(request: HttpRequest) -> Organization:
    membership = acting_membership(request)
    assert membership is not None  # member_required saw to it
    return membership.organization
