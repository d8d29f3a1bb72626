"""Orders in the back office: their list, and an order's page with what would and did happen, and what can be done."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts import acting_as
from accounts.models import User
from accounts.queries.actors import actors_of
from common import clock
from common.bss import Move, month_filter, refuse, related, say, staff
from common.errors import DomainError
from ordering import module_wishes
from ordering.admin import drafting
from ordering.admin.amendments import AmendmentPages
from ordering.admin.creating import EXECUTE, OVERRIDE, CreatingPages
from ordering.admin.export import OrdersAsFile
from ordering.admin.ledger import AssignedFilter, OrderLedger, ResellerFilter, with_lines
from ordering.admin.quotes import QuotePages
from ordering.bss_forms import AssignForm, ReasonForm, ServiceDetailsForm
from ordering.models import Order, OrderLine, TermsAcceptance
from ordering.operations import amending, assigning, drafts, gates, orders, prepayment
from ordering.operations.refusals import PricesChanged
from ordering.queries import tracking
from provisioning.acronis.errors import AcronisError
from provisioning.operations.preview import steps_of_order

RELEASE = "ordering.release_order"
NEEDS_DETAILS = frozenset({Order.Status.DRAFT, Order.Status.PLACED, Order.Status.HELD, Order.Status.FAILED})
"""States in which it is told what the vendor still needs to know."""


def _is(*statuses: str) -> Callable[[Order], bool]:
    return lambda order: order.status in statuses


def _is_held_for(reason: str) -> Callable[[Order], bool]:
    return lambda order: order.status == Order.Status.HELD and order.held_for == reason


def _can_be_cancelled(order: Order) -> bool:
    return order.status != Order.Status.DRAFT and order.can_move_to(Order.Status.CANCELLED)


@admin.register(Order)
class OrderAdmin(AmendmentPages, CreatingPages, QuotePages, OrdersAsFile, OrderLedger):
    page_template = "admin/ordering/order.html"
    list_display = (
        "number",
        "status_label",
        "consumer",
        "reseller",
        "product",
        "source",
        "placed_by_whom",
        "assigned",
        "placed_at",
    )
    list_filter = ("status", "source", AssignedFilter, ResellerFilter, month_filter("placed_at"))
    list_before_template = "admin/ordering/_order_tools.html"
    empty_words = "There is no order yet. Buyers order in the storefront; “Create order” orders on behalf of one."
    ordering = ("-pk",)
    moves = (
        Move("place", "Place order", EXECUTE, _is("draft"), variant="primary"),
        Move("execute", "Execute", EXECUTE, _is("placed"), variant="primary"),
        Move("retry", "Retry", EXECUTE, _is("failed"), variant="primary"),
        Move("release", "Release", RELEASE, _is_held_for("credit_limit"), confirm="ask_release", variant="primary"),
        Move("approve", "Approve", EXECUTE, _is_held_for("approval"), confirm="ask_approve", variant="primary"),
        Move("cancel", "Cancel order", EXECUTE, _can_be_cancelled, confirm="ask_cancel"),
        Move("delete_draft", "Delete draft", EXECUTE, _is("draft"), confirm="ask_delete_draft"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return with_lines(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            *self.creating_urls(),
            *self.quote_urls(),
            *self.file_urls(),
            path("<path:object_id>/assign/", own(self.assign_view), name=self.url_name("assign")),
            path("<path:object_id>/decline/", own(self.decline_view), name=self.url_name("decline")),
            path("<path:object_id>/details/", own(self.details_view), name=self.url_name("details")),
            path("<path:object_id>/preview/", own(self.preview_view), name=self.url_name("preview")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            *super().get_urls(),
        ]

    # --- The page of an order ------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: Order) -> dict[str, Any]:
        progress = tracking.order_progress(row)
        is_draft = row.status == Order.Status.DRAFT
        outlook = drafting.told_outlook(row, at=clock.now()) if is_draft else None
        missing = tracking.missing_before_execution(row) if row.status in NEEDS_DETAILS else []
        return {
            "order": row,
            "outlook": outlook,
            "sent_along": outlook.sent_along if outlook else {},
            "quotes": self.quote_rows(row),
            "assign_form": AssignForm(initial={"to": row.assigned_to}) if request.user.has_perm(EXECUTE) else None,
            "assign_url": self.url_of(row, "assign"),
            "edit_url": self.url_of(row, "edit") if is_draft else "",
            "progress": progress,
            "progress_url": self.url_of(row, "progress"),
            "missing": missing,
            "details_form": self._details_form(request, row),
            "details_url": self.url_of(row, "details"),
            "preview_url": self.url_of(row, "preview") if row.status == Order.Status.PLACED else "",
            "invoices": prepayment.advance_invoices(row),
            "may_see_invoices": request.user.has_perm("billing.view_invoice"),
            "history": _history(row),
            "acceptances": _acceptances(row),
        }

    def _details_form(self, request: HttpRequest, order: Order) -> ServiceDetailsForm | None:
        """Return the form that mends role, login and e-mail, as long as they can be changed."""
        if order.status not in orders.DETAILS_CHANGE_WHILE or not request.user.has_perm(EXECUTE):
            return None
        open_lines = tracking.lines_with_open_details(order)
        return ServiceDetailsForm.of(open_lines[0]) if open_lines else None

    def details_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write role, login and e-mail; a refusal is shown beside its field, with what was typed."""
        order = self.row_or_404(request, object_id)
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = ServiceDetailsForm(request.POST)
        if form.is_valid():
            try:
                orders.change_service_details(order_id=order.pk, by=staff(request), at=clock.now(), **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, "The service details are saved.")
                return redirect(self.url_of(order))
        facts = self.page_facts(request, order) | {"details_form": form}
        moves = self.offered_moves(request, order)
        return self.page(request, self.page_template, title=str(order), original=order, row=order, moves=moves, **facts)

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask the vendor what executing the order would change there. Changes nothing."""
        order = self.row_or_404(request, object_id)
        return TemplateResponse(
            request, "admin/ordering/_preview.html", {"previews": [_preview(order, line) for line in _to_do(order)]}
        )

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show each step at the vendor; once nothing moves any more, the whole page is loaded anew, with its buttons."""
        order = self.row_or_404(request, object_id)
        progress = tracking.order_progress(order)
        context = {"order": order, "progress": progress, "progress_url": self.url_of(order, "progress")}
        response = TemplateResponse(request, "admin/ordering/_progress.html", context)
        if not progress.is_moving:
            response["HX-Refresh"] = "true"
        return response

    # --- Moves ---------------------------------------------------------------------------------------------------------

    def offered_moves(self, request: HttpRequest, row: Order) -> list[dict[str, str | bool]]:
        """Add to the buttons those that lead to a form."""
        buttons = super().offered_moves(request, row)
        may = request.user.has_perm
        if row.status == Order.Status.DRAFT and (may(EXECUTE) or may(OVERRIDE)):
            buttons.append(self._form_button("Edit draft", row, "edit"))
        if row.status == Order.Status.DRAFT and may(EXECUTE) and all(line.prices for line in row.lines.all()):
            buttons.append(self._form_button("Send quote…", row, "quote"))
        if row.status == Order.Status.HELD and may(RELEASE if row.held_for == Order.HeldFor.CREDIT_LIMIT else EXECUTE):
            buttons.append(self._form_button("Decline…", row, "decline"))
        return buttons

    def _form_button(self, label: str, row: Order, what: str) -> dict[str, str | bool]:
        return {"label": label, "url": self.url_of(row, what), "variant": "default", "asks_first": True}

    def place(self, request: HttpRequest, order: Order) -> str:
        before, at = _prices(order), clock.now()
        seen = request.POST.get("seen", "")
        try:
            placed = drafts.place_draft(order_id=order.pk, seen=seen, by=staff(request), at=at)
        except PricesChanged as refusal:
            changes = drafting.changed_since(request.POST.get("shown", ""), order, at=at)
            raise DomainError(f"{refusal} {changes}") from refusal
        changed = " Its price is not what the draft said: the price list has changed." if _prices(placed) != before else ""
        return f"Order {order} is placed.{changed} Check it, then execute it."

    def ask_delete_draft(self, request: HttpRequest, order: Order) -> list[str]:
        sentences = [f"Draft {order} for {order.consumer} is given up. It cannot be placed any more."]
        if order.quotes.exists():
            sentences.append("Its quotes stay to be read, but nothing can be ordered by them here.")
        return sentences

    def delete_draft(self, request: HttpRequest, order: Order) -> str:
        orders.cancel_order(order_id=order.pk, by=staff(request), at=clock.now())
        return f"Draft {order} is given up."

    def execute(self, request: HttpRequest, order: Order) -> str:
        return what_came_of(orders.execute_order(order_id=order.pk, by=staff(request), at=clock.now()))

    def ask_release(self, request: HttpRequest, order: Order) -> list[str]:
        return [order.held_because, f"Released, order {order} goes on although {order.buyer} is over its credit limit."]

    def release(self, request: HttpRequest, order: Order) -> str:
        return what_came_of(gates.release_order(order_id=order.pk, by=staff(request), at=clock.now()))

    def ask_approve(self, request: HttpRequest, order: Order) -> list[str]:
        reseller = order.consumer.reseller or order.buyer
        return [order.held_because, f"You approve order {order} in the place of {reseller}, who is not asked any more."]

    def approve(self, request: HttpRequest, order: Order) -> str:
        return what_came_of(gates.approve_order(order_id=order.pk, by=staff(request), at=clock.now()))

    def decline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why a held order is declined (GET), and decline it; whoever ordered is told."""
        order = self.row_or_404(request, object_id)
        if not request.user.has_perm(RELEASE if order.held_for == Order.HeldFor.CREDIT_LIMIT else EXECUTE):
            raise PermissionDenied
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                gates.decline_order(
                    order_id=order.pk,
                    reason=form.cleaned_data["reason"],
                    by=staff(request),
                    at=clock.now(),
                    held_for=Order.HeldFor(order.held_for or Order.HeldFor.APPROVAL),
                )
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"Order {order} is declined. Whoever ordered it is told why.")
                return redirect(self.url_of(order))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Decline order {order}",
            original=order,
            form=form,
            submit="Decline order",
            back=self.url_of(order),
            intro=f"{order.held_because} Declined, it is cancelled for good.",
        )

    def assign_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say who of the staff looks after an order."""
        order = self.row_or_404(request, object_id)
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = AssignForm(request.POST)
        if form.is_valid():
            to = form.cleaned_data["to"]
            say(request, partial(self._assign, request, order, to))
        else:
            messages.error(request, " ".join(str(sentence) for sentence in form.errors["to"]))
        return redirect(self.url_of(order))

    def _assign(self, request: HttpRequest, order: Order, to: User | None) -> str:
        assigning.assign_order(order_id=order.pk, to=to, by=staff(request), at=clock.now())
        return f"Order {order} is assigned to {to}." if to else f"Nobody looks after order {order} any more."

    def retry(self, request: HttpRequest, order: Order) -> str:
        orders.retry_order(order_id=order.pk, by=staff(request), at=clock.now())
        return f"Order {order} is tried again."

    def ask_cancel(self, request: HttpRequest, order: Order) -> list[str]:
        return consequences_of_cancelling(order)

    def cancel(self, request: HttpRequest, order: Order) -> str:
        orders.cancel_order(order_id=order.pk, by=staff(request), at=clock.now())
        return f"Order {order} is cancelled."

    def related_lists(self, request: HttpRequest, row: Order) -> list[tuple[str, str]]:
        act_as = acting_as.begin_link(request, row.buyer)
        if not row.lines.filter(service__isnull=False).exists():
            return act_as
        return [
            *act_as,
            *related(request, "billing.view_subscription", "Subscription", "billing_subscription_changelist", f"q={row.number}"),
            *related(request, "provisioning.view_tenant", "Tenant", "provisioning_tenant_changelist", f"q={row.consumer.number}"),
        ]


def what_came_of(order: Order) -> str:
    """Say how far an order went that was let go on."""
    match order.status:
        case Order.Status.HELD:
            return f"Order {order} is held. {order.held_because}"
        case Order.Status.AWAITING_PAYMENT:
            return f"Order {order} is invoiced now. It is executed by itself once the invoice is paid."
        case Order.Status.PLACED:
            return f"Order {order} waits for “Execute”."
    return f"Order {order} is being executed."


def consequences_of_cancelling(order: Order) -> list[str]:
    """Say what cancelling ``order`` means, one sentence each."""
    lines = list(order.lines.select_related("subscription"))
    if all(line.kind != OrderLine.Kind.NEW for line in lines):
        numbers = " and ".join(str(line.subscription) for line in lines)
        after = f"{numbers} stays as it is."
    elif any(line.service_id is not None for line in lines):
        after = "What was begun at Acronis is deleted there again."
    else:
        after = "Nothing is set up at Acronis for it."
    consequences = [f"Order {order} for {order.consumer} is given up. {after}"]
    invoiced = [invoice.number for invoice in prepayment.advance_invoices(order) if invoice.number]
    if invoiced:
        what = f"Invoice {invoiced[0]} is" if len(invoiced) == 1 else f"Invoices {' and '.join(invoiced)} are"
        consequences.append(f"{what} credited in full; what was paid becomes the buyer's credit.")
    return consequences


def _prices(order: Order) -> list[Any]:
    """Return what an order is sold at, without how that came about."""
    told = [price for line in order.lines.all().order_by("pk") for price in line.prices]
    return [[price["currency"], Decimal(price["price"]), Decimal(price["setup_fee"])] for price in told]


def _acceptances(order: Order) -> QuerySet[TermsAcceptance]:
    of_basket = Q(basket=order.basket_id) if order.basket_id else Q(pk__in=[])
    return TermsAcceptance.objects.filter(of_basket | Q(order=order)).select_related("document", "person", "order")


def _to_do(order: Order) -> list[OrderLine]:
    done = (OrderLine.Status.COMPLETED, OrderLine.Status.CANCELLED)
    return list(order.lines.exclude(status__in=done).select_related("plan__service_manager"))


def _preview(order: Order, line: OrderLine) -> dict[str, Any]:
    """Return what executing ``line`` would do at the vendor, or why nobody can say."""
    try:
        if line.kind != OrderLine.Kind.NEW:
            return {"line": line, "steps": amending.steps(line, at=clock.now())}
        steps = steps_of_order(consumer=order.consumer, service_manager=line.plan.sold_through, wish=module_wishes.of_line(line))
    except (AcronisError, DomainError) as error:
        return {"line": line, "problem": str(error)}
    return {"line": line, "steps": steps}


def _history(order: Order) -> list[dict[str, Any]]:
    """Return each state the order was in, when it began and who brought it there; the oldest first. Two queries."""
    row: Any = order  # the history's relation is made at run time
    events = list(row.events.order_by("pgh_id").select_related("pgh_context"))
    actors = actors_of(events)
    states: list[dict[str, Any]] = []
    for event in events:
        label = Order.Status(event.status).label
        if not states or states[-1]["label"] != label:
            states.append({"label": label, "at": event.pgh_created_at, "who": actors.get(event.pk, "")})
    return states
