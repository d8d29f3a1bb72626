"""Orders in the back office: their list, an order's page with what would and did happen, and creating one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts import acting_as
from accounts.queries.actors import actors_of
from common import clock
from common.bss import Move, month_filter, refuse, related, staff
from common.errors import DomainError
from ordering import module_wishes
from ordering.admin.ledger import OrderLedger
from ordering.bss_forms import CreateOrderForm, ServiceDetailsForm
from ordering.models import Order, OrderLine, TermsAcceptance
from ordering.operations import orders, prepayment
from ordering.queries import tracking
from provisioning.acronis.errors import AcronisError
from provisioning.operations.preview import steps_of_order

EXECUTE = "ordering.execute_order"


@admin.register(Order)
class OrderAdmin(OrderLedger):
    page_template = "admin/ordering/order.html"
    list_display = ("number", "status_label", "consumer", "reseller", "product", "source", "placed_by", "placed_at")
    list_filter = ("status", "source", month_filter("placed_at"))
    ordering = ("-pk",)
    moves = (
        Move("execute", "Execute", EXECUTE, lambda order: order.status == Order.Status.PLACED, variant="primary"),
        Move("retry", "Retry", EXECUTE, lambda order: order.status == Order.Status.FAILED, variant="primary"),
        Move("cancel", "Cancel order", EXECUTE, lambda order: order.can_move_to(Order.Status.CANCELLED), confirm="ask_cancel"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).prefetch_related("lines")

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("create/", own(self.create_view), name=self.url_name("create")),
            path("<path:object_id>/details/", own(self.details_view), name=self.url_name("details")),
            path("<path:object_id>/preview/", own(self.preview_view), name=self.url_name("preview")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            *super().get_urls(),
        ]

    # --- The page of an order ------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: Order) -> dict[str, Any]:
        progress = tracking.order_progress(row)
        missing = tracking.missing_before_execution(row) if row.status in (Order.Status.PLACED, Order.Status.FAILED) else []
        return {
            "order": row,
            "progress": progress,
            "progress_url": self.url_of(row, "progress"),
            "missing": missing,
            "details_form": self._details_form(request, row),
            "details_url": self.url_of(row, "details"),
            "preview_url": self.url_of(row, "preview") if row.status == Order.Status.PLACED else "",
            "invoices": prepayment.advance_invoices(row),
            "may_see_invoices": request.user.has_perm("billing.view_invoice"),
            "history": _history(row),
            "acceptances": TermsAcceptance.objects.filter(basket=row.basket_id).select_related("document", "person"),
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

    def execute(self, request: HttpRequest, order: Order) -> str:
        begun = orders.execute_order(order_id=order.pk, by=staff(request), at=clock.now())
        if begun.status == Order.Status.AWAITING_PAYMENT:
            return f"Order {order} is invoiced now. It is executed by itself once the invoice is paid."
        return f"Order {order} is being executed."

    def retry(self, request: HttpRequest, order: Order) -> str:
        orders.retry_order(order_id=order.pk, by=staff(request), at=clock.now())
        return f"Order {order} is tried again."

    def ask_cancel(self, request: HttpRequest, order: Order) -> list[str]:
        is_begun = order.lines.filter(service__isnull=False).exists()
        after = "What was begun at Acronis is deleted there again." if is_begun else "Nothing is set up at Acronis for it."
        consequences = [f"Order {order} for {order.consumer} is given up. {after}"]
        numbers = [invoice.number for invoice in prepayment.advance_invoices(order) if invoice.number]
        if numbers:
            what = f"Invoice {numbers[0]} is" if len(numbers) == 1 else f"Invoices {' and '.join(numbers)} are"
            consequences.append(f"{what} credited in full; what was paid becomes the buyer's credit.")
        return consequences

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

    # --- Create order --------------------------------------------------------------------------------------------------

    def create_view(self, request: HttpRequest) -> HttpResponse:
        """Place an order on behalf of a customer. It then waits for “Execute”."""
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        if request.method != "POST":
            return self._create_page(request, CreateOrderForm.empty(consumer_number=request.GET.get("consumer", "")))
        form = CreateOrderForm(request.POST)
        if form.is_valid():
            try:
                order = orders.create_order(by=staff(request), at=clock.now(), **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"Order {order} is placed. Check it, then execute it.")
                return redirect(self.url_of(order))
        return self._create_page(request, form)

    def _create_page(self, request: HttpRequest, form: CreateOrderForm) -> HttpResponse:
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Create order",
            form=form,
            submit="Create order",
            back=self.list_url(),
            needs_admin_scripts=True,
            intro="The order waits until you execute it. Login, e-mail and role are needed only for the customer's first service.",
        )


def _to_do(order: Order) -> list[OrderLine]:
    done = (OrderLine.Status.COMPLETED, OrderLine.Status.CANCELLED)
    return list(order.lines.exclude(status__in=done).select_related("plan__service_manager"))


def _preview(order: Order, line: OrderLine) -> dict[str, Any]:
    """Return what executing ``line`` would do at the vendor, or why nobody can say."""
    try:
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
