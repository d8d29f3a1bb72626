"""The shop: what is for sale to the organization acted for, and what one product is and costs."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from accounts.access import member_required
from accounts.acting import acting_membership
from accounts.models import Organization
from catalog.models import Plan
from catalog.queries import shop
from common import clock

PAGE_LENGTH = 48
LONGEST_SEARCH = 100


@member_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """List the products for sale to the organization acted for; ``q`` narrows them down."""
    words = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    buyer = _buyer(request)
    plans = shop.plans_for_sale(buyer, on=clock.today(buyer.time_zone), words=words)
    page = Paginator(plans, PAGE_LENGTH).get_page(request.GET.get("page"))
    context = {"page": page, "shelves": shop.shelves(page), "words": words}
    return TemplateResponse(request, "catalog/home.html", context)


@member_required
@require_safe
def plan(request: HttpRequest, number: str) -> HttpResponse:
    """Show one product: what it is, how it is billed and what it costs this buyer; ``edition`` narrows the prices."""
    buyer = _buyer(request)
    today = clock.today(buyer.time_zone)
    for_sale = Plan.objects.for_sale_to(buyer, on=today).select_related("product_group__product", "service_manager")
    context = {
        "plan": get_object_or_404(for_sale, number=number),
        "buyer": buyer,
        "today": today,
        "edition": request.GET.get("edition", ""),
    }
    return TemplateResponse(request, "catalog/plan.html", context)


def _buyer(request: HttpRequest) -> Organization:
    membership = acting_membership(request)
    assert membership is not None  # member_required saw to it
    return membership.organization
