"""What visitors of order URLs meet: the plan in their basket, or a sentence that says why it is not there."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import public
from accounts.acting import acting_membership, own_memberships
from accounts.arriving import arrive_at
from accounts.models import Membership, Organization
from catalog.models import OrderUrl, PartnerPrice, Plan, PlanPrice
from catalog.queries.partner_prices import allowed_plans
from common import clock
from common.errors import DomainError
from ordering.operations import baskets

CONFLICT, FORBIDDEN, GONE, UNAVAILABLE = 409, 403, 410, 503


@dataclass(frozen=True, slots=True)
class Sorry:
    """Why nothing was put into the basket, and what the visitor can do: a page with its status and one link on."""

    status: int
    title: str
    sentence: str
    advice: str
    label: str = "Go to the products"
    url_name: str = "catalog:home"


@public
@never_cache
@require_safe
def order_url(request: HttpRequest, code: str) -> HttpResponse:
    """
    Put the plan of an order URL into the basket of a signed-in buyer of its seller, and show the basket.

    Visitors sign in, or sign up, and come back. Everybody else gets a sentence. Following it again changes nothing. Browsers that
    only look ahead (HEAD, prefetching, pictures) fill no basket.
    """
    found = get_object_or_404(OrderUrl.objects.select_related("plan__service_manager", "reseller__parent"), code=code)
    seller = found.reseller or Organization.objects.get(kind=Organization.Kind.MSP)
    today = clock.today(seller.time_zone)
    if (sorry := _not_sold(found, seller, today)) is not None:
        return _page(request, sorry)
    if not request.user.is_authenticated:
        if _looks_ahead(request):
            return HttpResponse(status=UNAVAILABLE)
        arrive_at(request, seller)
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.path})}")
    membership = acting_membership(request)
    if membership is None:
        return _page(request, _nobody(request))
    sorry = _not_for(request, membership, seller) or _without_price(found, membership.organization)
    return _into_basket(request, found, membership) if sorry is None else _page(request, sorry)


def _into_basket(request: HttpRequest, found: OrderUrl, membership: Membership) -> HttpResponse:
    if _looks_ahead(request):
        return HttpResponse(status=UNAVAILABLE)
    if request.method == "GET":
        try:
            baskets.add_plan(
                owner=membership.user,
                buyer=membership.organization,
                plan=found.plan,
                quantity=1,
                term_months=found.term_months,
                at=clock.now(),
            )
        except DomainError as refusal:
            return _page(
                request,
                Sorry(
                    CONFLICT,
                    "It is not in your basket",
                    str(refusal),
                    "Look at what is there.",
                    "Go to the basket",
                    "ordering:basket",
                ),
            )
    return redirect("ordering:basket")


def _looks_ahead(request: HttpRequest) -> bool:
    """Whether nobody follows the link: the browser fetches it in case somebody does, or as a part of another page."""
    purposes = " ".join(request.headers.get(name, "") for name in ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")).lower()
    is_part = request.headers.get("Sec-Fetch-Dest", "document") not in ("document", "")
    return "prefetch" in purposes or "preview" in purposes or is_part


def _not_sold(found: OrderUrl, seller: Organization, today: date) -> Sorry | None:
    if not found.is_active:
        return _gone("This order URL is not in use any more", f"{seller} has switched it off.")
    if not _sells(found, seller):
        return _gone("This plan is not sold any more", f"{seller} does not sell what this order URL was for.")
    prices = PlanPrice.objects.in_force(today).filter(plan=found.plan_id, term_months=found.term_months)
    if found.plan.is_fixed and not prices.exists():
        term = found.get_term_months_display()
        return _gone("This term is not sold any more", f"{seller} sells {found.plan} no longer for {term}.")
    return None


def _sells(found: OrderUrl, seller: Organization) -> bool:
    plan = found.plan
    if plan.status != Plan.Status.PUBLISHED or not plan.sold_through.is_active:
        return False
    if found.reseller_id is None:
        return True
    is_published = PartnerPrice.objects.filter(plan=plan, reseller=seller, is_published=True).exists()
    return is_published and allowed_plans(seller).filter(pk=plan.pk).exists()


def _gone(title: str, sentence: str) -> Sorry:
    return Sorry(GONE, title, sentence, "See what is sold now, or ask whom you have the link from.")


def _nobody(request: HttpRequest) -> Sorry:
    """Who is signed in acts for no organization."""
    if request.user.is_staff:
        advice = "To order on behalf of a customer, create the order in the BSS."
        return Sorry(FORBIDDEN, "Order URLs are for buyers", "You act for no organization.", advice, "Open the BSS", "admin:index")
    advice = "An administrator of your organization, or your account manager, adds you; then open the order URL again."
    return Sorry(FORBIDDEN, "You act for no organization yet", "So nothing can be ordered.", advice)


def _not_for(request: HttpRequest, membership: Membership, seller: Organization) -> Sorry | None:
    """Why this order URL is not for the organization acted for, or not for the person's role in it."""
    organization = membership.organization
    if organization.parent_id == seller.pk:
        if membership.may_order:
            return None
        advice = f"Ask a buyer or an administrator of {organization} to open the order URL, or to change your role."
        return Sorry(FORBIDDEN, "Your role lets you look, not order", f"You are a viewer at {organization}.", advice)
    if organization.pk == seller.pk:
        advice = "Give it to your customers. To order on behalf of one, open the plan under Products and choose the customer."
        return Sorry(FORBIDDEN, "This is one of your own order URLs", f"Customers of {organization} order by it.", advice)
    if other := _fitting(request, seller):
        advice = f"You also act for {other}: change to it in the menu at the top, then open the order URL again."
    else:
        advice = "Your own seller's products are under Products."
    sentence = f"You act for {organization}, which is no customer of the seller whose order URL this is."
    return Sorry(FORBIDDEN, "This order URL is for somebody else's customers", sentence, advice)


def _fitting(request: HttpRequest, seller: Organization) -> Organization | None:
    """Another organization that this person orders for, and whose seller it is."""
    fitting = (one.organization for one in own_memberships(request) if one.organization.parent_id == seller.pk and one.may_order)
    return next(fitting, None)


def _without_price(found: OrderUrl, buyer: Organization) -> Sorry | None:
    """Why this buyer in particular cannot order the plan: it has no price in the buyer's currency, or is not open to the buyer."""
    today = clock.today(buyer.time_zone)
    plans = Plan.objects.filter(pk=found.plan_id)
    if plans.for_sale_to(buyer, on=today).priced_for(buyer, term_months=found.term_months, on=today).exists():
        return None
    priced_in = Q(currency=buyer.currency, term_months=found.term_months)
    if found.plan.is_fixed and not PlanPrice.objects.in_force(today).filter(priced_in, plan=found.plan_id).exists():
        sentence = f"{found.plan} has no price in {buyer.currency}, the currency {buyer} is invoiced in, for this term."
    else:
        sentence = f"{found.plan} is not sold to {buyer} for this term."
    advice = "Ask your seller for an offer, or choose another plan or term under Products."
    return Sorry(CONFLICT, "There is no price for you here", sentence, advice)


def _page(request: HttpRequest, sorry: Sorry) -> HttpResponse:
    link = reverse(sorry.url_name) if request.user.is_authenticated else reverse("account_login")
    context = {"sorry": sorry, "link": link, "label": sorry.label if request.user.is_authenticated else "Sign in"}
    return TemplateResponse(request, "ordering/order_url.html", context, status=sorry.status)
