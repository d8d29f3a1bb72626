"""What is done to many orders at once: asked about first, then each by itself, and told of each what became of it."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from common import clock
from common.bss import staff
from common.errors import DomainError
from ordering.admin.creating import EXECUTE
from ordering.admin.ledger import missing_labels, product_words
from ordering.admin.orders import consequences_of_cancelling
from ordering.bss_forms import AssignForm
from ordering.models import Order
from ordering.operations import assigning, orders

if TYPE_CHECKING:
    from ordering.admin.ledger import OrderLedger as Base
else:
    Base = object

AT_ONCE = 200
SAID_REFUSALS = 10

Act = Callable[[Order], object]


class BulkActions(Base):
    """Mixed into the queue. Whoever may execute orders sees the actions."""

    actions = ("execute_selected", "retry_selected", "cancel_selected", "assign_to_me", "assign_selected")  # type: ignore[assignment]

    def has_execute_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(EXECUTE)

    @admin.action(description="Execute", permissions=["execute"])
    def execute_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        sentences = ["What each entitles to is set up at Acronis, or invoiced first where it is prepaid."]
        act = partial(self._called, orders.execute_order, request)
        told = _why_not_executed
        return self._ask_then_do(request, queryset, "execute_selected", "Execute", sentences, act, "let go on", told=told)

    @admin.action(description="Retry", permissions=["execute"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        sentences = ["What failed is tried again, with all its attempts. Orders that did not fail are left as they are."]
        act = partial(self._called, orders.retry_order, request)
        told = _why_not_retried
        return self._ask_then_do(request, queryset, "retry_selected", "Retry", sentences, act, "tried again", told=told)

    @admin.action(description="Cancel", permissions=["execute"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        sentences = ["They cannot be taken up again."]
        act = partial(self._called, orders.cancel_order, request)
        told = consequences_of_cancelling
        return self._ask_then_do(request, queryset, "cancel_selected", "Cancel", sentences, act, "cancelled", told=told)

    @admin.action(description="Assign to me", permissions=["execute"])
    def assign_to_me(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, _chosen(queryset), partial(self._assigned, request, staff(request)), "assigned to you")

    @admin.action(description="Assign to…", permissions=["execute"])
    def assign_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse | None:
        form = AssignForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, _chosen(queryset), "assign_selected", "Assign", [], form=form)
        to = form.cleaned_data["to"]
        words = f"assigned to {to}" if to else "assigned to nobody any more"
        self._each(request, _chosen(queryset), partial(self._assigned, request, to), words)
        return None

    # --- One by one ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _called(operation: Callable[..., Order], request: HttpRequest, order: Order) -> object:
        """Refuse what has moved on since it was chosen; the operations themselves take that for a repetition."""
        before = Order.objects.get(pk=order.pk).status
        if before not in (Order.Status.PLACED, Order.Status.FAILED, Order.Status.HELD, Order.Status.AWAITING_PAYMENT):
            raise DomainError(f"It is not waiting any more: {Order.Status(before).label}.")
        done = operation(order_id=order.pk, by=staff(request), at=clock.now())
        if done.status == Order.Status.HELD:
            raise DomainError(f"It is held. {done.held_because}")
        return done

    @staticmethod
    def _assigned(request: HttpRequest, to: User | None, order: Order) -> object:
        return assigning.assign_order(order_id=order.pk, to=to, by=staff(request), at=clock.now())

    def _ask_then_do(
        self,
        request: HttpRequest,
        queryset: QuerySet[Order],
        action: str,
        verb: str,
        sentences: list[str],
        act: Act,
        done: str,
        *,
        told: Callable[[Order], list[str]] | None = None,
    ) -> HttpResponse | None:
        chosen = _chosen(queryset)
        if len(chosen) > AT_ONCE:
            messages.error(request, f"Choose at most {AT_ONCE} orders at a time.")
            return None
        if "confirmed" not in request.POST:
            return self._ask(request, chosen, action, verb, sentences, told=told)
        self._each(request, chosen, act, done)
        return None

    def _ask(
        self,
        request: HttpRequest,
        chosen: list[Order],
        action: str,
        verb: str,
        sentences: list[str],
        *,
        told: Callable[[Order], list[str]] | None = None,
        form: AssignForm | None = None,
    ) -> HttpResponse:
        """Show what is about to be done to which orders; the same form, confirmed, comes back to the list."""
        what = "1 order" if len(chosen) == 1 else f"{len(chosen)} orders"
        return self.page(
            request,
            "admin/ordering/confirm_many.html",
            title=f"{verb} {what}",
            button=f"{verb} {what}",
            variant="danger" if verb == "Cancel" else "primary",
            sentences=sentences,
            rows=[(order, _words(order), told(order) if told else []) for order in chosen],
            action=action,
            checkbox=ACTION_CHECKBOX_NAME,
            form=form,
            back=request.get_full_path(),
        )

    def _each(self, request: HttpRequest, chosen: list[Order], act: Act, done: str) -> None:
        """Do it to each order by itself; say how many went through, and of the others why not."""
        refused: list[str] = []
        for order in chosen:
            try:
                act(order)
            except DomainError as refusal:
                refused.append(f"{order}: {refusal}")
        _tell_of_gone(request, chosen)
        went = len(chosen) - len(refused)
        if went:
            messages.success(request, f"{went} {'order' if went == 1 else 'orders'} {done}.")
        if refused:
            messages.error(request, f"{len(refused)} not: {' '.join(refused[:SAID_REFUSALS])}")
        if len(refused) > SAID_REFUSALS:
            messages.error(request, f"{len(refused) - SAID_REFUSALS} more were refused; look at them one by one.")


def _tell_of_gone(request: HttpRequest, chosen: list[Order]) -> None:
    """Say how many were chosen that have left the list since: somebody else was faster, or the same form came twice."""
    if request.POST.get("select_across") == "1":
        return
    gone = set(request.POST.getlist(ACTION_CHECKBOX_NAME)) - {str(order.pk) for order in chosen}
    if gone:
        are, them = ("is", "it") if len(gone) == 1 else ("are", "them")
        messages.warning(request, f"{len(gone)} {are} not in this list any more; nothing was done to {them}.")


def _why_not_executed(order: Order) -> list[str]:
    """Say beforehand what keeps an order from being executed."""
    if order.status == Order.Status.HELD:
        return [f"It is held and left as it is. {order.held_because}"]
    missing = missing_labels(order) if order.status == Order.Status.PLACED else []
    return [f"It is left as it is: {', '.join(missing)} missing."] if missing else []


def _why_not_retried(order: Order) -> list[str]:
    return [] if order.status == Order.Status.FAILED else ["It did not fail and is left as it is."]


def _chosen(queryset: QuerySet[Order]) -> list[Order]:
    """Return the chosen orders, the oldest first; one more than may be at once tells that there are too many."""
    return list(queryset.order_by("placed_at", "pk")[: AT_ONCE + 1])


def _words(order: Any) -> str:
    products = ", ".join(product_words(line) for line in order.lines.all())
    return f"{products} for {order.consumer}"
