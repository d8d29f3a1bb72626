"""Changing what runs: other quantity, other plan, other term, the end. First what it costs, then the order."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import buyer_required
from billing.models import Subscription
from billing.views.services import visible_services
from common import clock
from common.errors import DomainError
from ordering.amendment_desk import AmendmentDesk, placed_before
from ordering.models import Order
from ordering.operations import amendments
from ordering.views.requests import MemberRequest, address_of


@buyer_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def amend(request: MemberRequest, number: str, kind: str) -> HttpResponse:
    """
    Change one thing of a service. What is chosen stands in the address, so its quote can be looked at anew; only the order is sent.
    """
    subscription = _subscription(request, number)
    if request.method == "POST" and (order := placed_before(subscription, request.POST.dict())) is not None:
        return redirect("ordering:order", number=order.number)
    asked = request.POST if request.method == "POST" else request.GET
    desk = AmendmentDesk(subscription, kind, asked, reader=request.acting.organization, at=clock.now())
    if request.method == "POST" and desk.quote is not None:
        answer = desk.order(request.POST.dict(), source=Order.Source.STOREFRONT, by=request.user, address=address_of(request))
        if isinstance(answer, Order):
            return redirect("ordering:order", number=answer.number)
        messages.error(request, answer)
    return TemplateResponse(request, "ordering/amend/page.html", {"desk": desk, "subscription": subscription})


@buyer_required
@require_POST
def keep(request: MemberRequest, number: str) -> HttpResponse:
    """Take the planned end of a service back."""
    subscription = _subscription(request, number)
    try:
        amendments.take_back_cancellation(subscription_id=subscription.pk, by=request.user, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"The cancellation is taken back: {subscription.plan_name} goes on.")
    return redirect("billing:service", number=number)


def _subscription(request: MemberRequest, number: str) -> Subscription:
    mine = visible_services(request).select_related("plan__product_group", "plan__service_manager")
    return get_object_or_404(mine, number=number)
