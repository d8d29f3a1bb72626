"""What visitors of order URLs meet: the plan in their basket, or a sentence that says why it is not there."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.access import public
from accounts.acting import acting_membership, own_memberships
from accounts.arriving import arrive_at
from accounts.models import Membership
from catalog.models import OrderUrl
from common import clock
from common.errors import DomainError
from ordering import waiting
from ordering.judging import CONFLICT, FORBIDDEN, Sorry, not_for, not_sold, seller_of, without_price
from ordering.operations import baskets

UNAVAILABLE = 503


@public
@never_cache
@require_safe
def order_url(request: HttpRequest, code: str) -> HttpResponse:
    """
    Put the plan of an order URL into the basket of a signed-in buyer of its seller, and show the basket.

    Visitors sign in, or sign up, and come back; meanwhile it waits in their session. Everybody else gets a sentence. Following it
    again changes nothing. Browsers that only look ahead (HEAD, prefetching, pictures) fill no basket.
    """
    found = get_object_or_404(OrderUrl.objects.select_related("plan__service_manager", "reseller__parent"), code=code)
    seller = seller_of(found)
    today = clock.today(seller.time_zone)
    if (sorry := not_sold(found, seller, today)) is not None:
        return _page(request, sorry)
    if not request.user.is_authenticated:
        if _looks_ahead(request):
            return HttpResponse(status=UNAVAILABLE)
        arrive_at(request, seller)
        if request.method == "GET":
            _let_wait(request, found)
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': request.path})}")
    membership = acting_membership(request)
    if membership is None:
        return _page(request, _nobody(request))
    sorry = not_for(membership, own_memberships(request), seller) or without_price(found, membership.organization)
    return _into_basket(request, found, membership) if sorry is None else _page(request, sorry)


def _let_wait(request: HttpRequest, found: OrderUrl) -> None:
    for sentence in waiting.put(request.session, found):
        messages.warning(request, sentence)
    messages.info(request, f"{found.plan} waits in your basket. Sign in or sign up to order it.")


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


def _nobody(request: HttpRequest) -> Sorry:
    """Who is signed in acts for no organization."""
    if request.user.is_staff:
        advice = "To order on behalf of a customer, create the order in the BSS."
        return Sorry(FORBIDDEN, "Order URLs are for buyers", "You act for no organization.", advice, "Open the BSS", "admin:index")
    advice = "An administrator of your organization, or your account manager, adds you; then open the order URL again."
    return Sorry(FORBIDDEN, "You act for no organization yet", "So nothing can be ordered.", advice)


def _page(request: HttpRequest, sorry: Sorry) -> HttpResponse:
    link = reverse(sorry.url_name) if request.user.is_authenticated else reverse("account_login")
    context = {"sorry": sorry, "link": link, "label": sorry.label if request.user.is_authenticated else "Sign in"}
    return TemplateResponse(request, "ordering/order_url.html", context, status=sorry.status)
