"""What a reseller decides about its customers' orders: the list of those that wait, each with what it brings, approve, decline."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import buyer_required, member_required
from accounts.models import Organization
from common import clock
from common.errors import DomainError
from ordering.forms import posted
from ordering.hold_forms import DeclineForm
from ordering.models import Order, OrderLine, OrderQuerySet
from ordering.operations import gates
from ordering.queries import holds, tracking
from ordering.views.requests import MemberRequest

PAGE_SIZE = 25


@member_required
@require_safe
def index(request: MemberRequest) -> HttpResponse:
    """List the orders that wait for the reseller's approval, the one that waits longest first."""
    found = _mine(request).to_approve().select_related("consumer__parent", "buyer")
    lines = OrderLine.objects.order_by("pk")
    page = Paginator(found.order_by("pk").prefetch_related(Prefetch("lines", lines)), PAGE_SIZE).get_page(request.GET.get("page"))
    return TemplateResponse(request, "ordering/approvals.html", {"page": page, "reseller": request.acting.organization})


@member_required
@require_safe
def show(request: MemberRequest, number: str) -> HttpResponse:
    """Show one order that waits, with what the customer pays, what it costs the reseller, and how it fits the customer's limit."""
    order = _order(request, number)
    if not _waits(order):
        return redirect("ordering:order", number=number)
    reader = request.acting.organization
    room = holds.room_of(order, order.consumer, at=clock.now())
    context: dict[str, Any] = {
        "order": order,
        "progress": tracking.order_progress(order, reader=reader),
        "why": holds.why_it_waits(order, reader),
        "room": room,
        "is_over": room is not None and not room.is_enough and room.sentence != order.held_because,
        "time_zone": reader.time_zone,
    }
    return TemplateResponse(request, "ordering/approval.html", context)


@buyer_required
@require_POST
def approve(request: MemberRequest, number: str) -> HttpResponse:
    """Let the order go on."""
    order = _order(request, number)
    try:
        order = gates.approve_order(order_id=order.pk, by=request.user, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return redirect("ordering:order", number=number)
    messages.success(request, f"Order {order} is approved. {order.consumer} gets a mail.")
    return _next(request, order)


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def decline(request: MemberRequest, number: str) -> HttpResponse:
    """Ask for the reason that the customer is told, and cancel the order."""
    order = _order(request, number)
    if request.method != "POST" and not _waits(order):
        return redirect("ordering:order", number=number)
    form = DeclineForm(posted(request))
    if form.is_bound and form.is_valid():
        try:
            gates.decline_order(order_id=order.pk, reason=form.cleaned_data["reason"], by=request.user, at=clock.now())
        except gates.NothingToDecide as refusal:
            messages.error(request, str(refusal))
            return redirect("ordering:order", number=number)
        except DomainError as refusal:
            form.add_error("reason", str(refusal))
        else:
            messages.success(request, f"Order {order} is declined. {order.consumer} gets a mail with your reason.")
            return _next(request, order)
    return TemplateResponse(request, "ordering/decline.html", {"order": order, "form": form})


def _mine(request: MemberRequest) -> OrderQuerySet:
    """Return the orders for customers of the reseller acted for; to everybody else these pages do not exist."""
    reseller = request.acting.organization
    if reseller.kind != Organization.Kind.RESELLER:
        raise Http404
    return Order.objects.visible_to(request.user).filter(consumer__parent=reseller)


def _order(request: MemberRequest, number: str) -> Order:
    decided = _mine(request).exclude(status=Order.Status.DRAFT)
    return get_object_or_404(decided.select_related("buyer__parent", "consumer__parent__parent", "placed_by"), number=number)


def _waits(order: Order) -> bool:
    return order.status == Order.Status.HELD and order.held_for == Order.HeldFor.APPROVAL


def _next(request: MemberRequest, order: Order) -> HttpResponse:
    """Show the rest of the list, or the order where it was the last."""
    if _mine(request).to_approve().exists():
        return redirect("ordering:approvals")
    return redirect("ordering:order", number=order.number)
