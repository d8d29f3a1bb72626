"""Orders after they were placed: the list, the page with every step live, retry, cancel."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import buyer_required, member_required
from accounts.models import Organization
from billing.models import Invoice
from common import clock
from common.errors import DomainError, FieldRefused
from ordering.forms import OrderFilterForm, ServiceDetailsForm
from ordering.models import Order, OrderLine, OrderQuerySet
from ordering.operations import orders, prepayment
from ordering.queries import cancelling, holds, tracking
from ordering.queries.terms import acceptances_of
from ordering.views.logins import answer_about, posted_details, suggestions_after, taken_up
from ordering.views.requests import MemberRequest
from provisioning.models import TenantUser

PAGE_SIZE = 25


@member_required
def index(request: MemberRequest) -> HttpResponse:
    """List what the organization ordered or uses, newest first."""
    form = OrderFilterForm(request.GET)
    found = _mine(request).select_related("consumer", "buyer").prefetch_related(Prefetch("lines", OrderLine.objects.order_by("pk")))
    if form.is_valid():
        if text := form.cleaned_data["q"]:
            found = found.found_by(text)
        if status := form.cleaned_data["status"]:
            found = found.filter(status=status)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    is_narrowed = bool(form.data.get("q") or form.data.get("status"))
    return TemplateResponse(request, "ordering/orders.html", {"page": page, "form": form, "is_narrowed": is_narrowed})


@member_required
def show(request: MemberRequest, number: str) -> HttpResponse:
    """Show one order, with each step at the vendor."""
    order = _order(request, number)
    return TemplateResponse(request, "ordering/order.html", _progress_of(request, order))


@member_required
@require_safe
def accepted_terms(request: MemberRequest, number: str, pk: int) -> HttpResponse:
    """Show the words of terms that were accepted with an order, to be read again or printed by whoever ordered."""
    order = _order(request, number)
    if order.buyer_id != request.acting.organization_id:
        raise Http404
    acceptance = get_object_or_404(acceptances_of(order), document=pk)
    zone = request.acting.organization.time_zone
    context = {"order": order, "acceptance": acceptance, "document": acceptance.document, "time_zone": zone}
    return TemplateResponse(request, "ordering/accepted_terms.html", context)


@member_required
def progress(request: MemberRequest, number: str) -> HttpResponse:
    """The part of the order page that changes while the order is in progress."""
    order = _order(request, number)
    if not request.htmx:
        return redirect("ordering:order", number=number)
    return TemplateResponse(request, "ordering/_progress.html", _progress_of(request, order))


@buyer_required
@require_POST
def retry(request: MemberRequest, number: str) -> HttpResponse:
    """Begin a failed order again."""
    order = _own_order(request, number)
    try:
        orders.retry_order(order_id=order.pk, by=request.user, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("ordering:order", number=number)


@buyer_required
@require_POST
def cancel(request: MemberRequest, number: str) -> HttpResponse:
    """Give up an order that waits or failed: one's own, or a change of a customer's service."""
    order, own = _order(request, number), request.acting.organization
    if not cancelling.may_cancel(order, own):
        raise PermissionDenied(cancelling.not_yours(order))
    try:
        because = cancelling.why_cancelled(order, own)
        orders.cancel_order(order_id=order.pk, by=request.user, at=clock.now(), because=because)
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("ordering:order", number=number)


@buyer_required
def change_service_details(request: MemberRequest, number: str) -> HttpResponse:
    """Correct login and e-mail of an order that failed or waits, for example because the login was taken meanwhile."""
    order = _own_order(request, number)
    lines = tracking.lines_with_open_details(order)
    if not lines:
        return redirect("ordering:order", number=number)
    before = {"login": lines[0].login, "email": lines[0].email}
    form = ServiceDetailsForm(posted_details(request), initial={**before, **taken_up(request)}, order=order)
    suggestions: list[str] = []
    if form.is_bound and form.is_valid():
        try:
            orders.change_service_details(
                order_id=order.pk,
                role=lines[0].role or TenantUser.Role.COMPANY_ADMINISTRATOR,
                by=request.user,
                at=clock.now(),
                **form.cleaned_data,
            )
        except FieldRefused as refusal:
            managers = [line.plan.sold_through for line in lines]
            suggestions = suggestions_after(refusal, form.cleaned_data, managers, order.consumer)
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The service details are saved.")
            return redirect("ordering:order", number=number)
    context = {"order": order, "form": form, "suggestions": suggestions}
    return TemplateResponse(request, "ordering/change_service_details.html", context)


@buyer_required
@require_POST
def check_login(request: MemberRequest, number: str) -> HttpResponse:
    """Say whether a login is free for an order whose service details can be mended."""
    order = _own_order(request, number)
    managers = [line.plan.sold_through for line in tracking.lines_with_open_details(order)]
    return answer_about(request, managers, order.consumer, but_for=order)


def _mine(request: MemberRequest) -> OrderQuerySet:
    """What this person may see and what concerns the organization acted for."""
    return Order.objects.visible_to(request.user).of(request.acting.organization)


def _order(request: MemberRequest, number: str) -> Order:
    return get_object_or_404(_mine(request).select_related("buyer", "consumer__parent", "placed_by"), number=number)


def _own_order(request: MemberRequest, number: str) -> Order:
    order = _order(request, number)
    if order.buyer_id != request.acting.organization_id:
        raise PermissionDenied(cancelling.not_yours(order))
    return order


def _invoices_to_pay(order: Order, payer: Organization) -> list[Invoice]:
    """Return the issued invoices that ``payer`` is to pay before ``order`` is carried out, or got before it was cancelled."""
    if order.status not in (Order.Status.AWAITING_PAYMENT, Order.Status.CANCELLED):
        return []
    return [invoice for invoice in prepayment.advance_invoices(order) if invoice.number and invoice.buyer_id == payer.pk]


def _progress_of(request: MemberRequest, order: Order) -> dict[str, object]:
    acting = request.acting
    progress = tracking.order_progress(order, reader=acting.organization)
    invoices = _invoices_to_pay(order, acting.organization)
    waits = order.status in orders.DETAILS_CHANGE_WHILE
    may_change = waits and acting.may_order and order.buyer_id == acting.organization_id
    may_decide = order.held_for == Order.HeldFor.APPROVAL and order.consumer.reseller == acting.organization
    may_give_up = waits and acting.may_order and not may_decide and cancelling.may_cancel(order, acting.organization)
    return {
        "order": order,
        "progress": progress,
        "invoices": invoices,
        "begins_when_paid": any(invoice.seller.kind == Organization.Kind.MSP for invoice in invoices),
        "why": holds.why_it_waits(order, acting.organization) if order.status == Order.Status.HELD else [],
        "may_decide": may_decide,
        "may_retry": may_change and order.status == Order.Status.FAILED,
        "may_correct": may_change and bool(tracking.lines_with_open_details(order)),
        "may_cancel": may_give_up and not any(each.line.status == OrderLine.Status.COMPLETED for each in progress.lines),
        "time_zone": acting.organization.time_zone,
        "acceptances": acceptances_of(order) if order.buyer_id == acting.organization_id else [],
    }
