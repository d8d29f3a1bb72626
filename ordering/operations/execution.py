"""
Carrying out one order line: wish, converge, start the subscription. What changes one there is does so as `amending` says.

Every part is safe to run again, and to be killed in. The row says what is due (`status`, `next_try_at`); whoever rings, one worker
at a time is on a line, by a lock that ends with its database session. No transaction is open while the vendor is asked.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from billing.models import Subscription
from billing.operations import subscriptions
from catalog.queries.offers import SoldPrice
from common.dispatch import after_commit
from common.errors import DomainError
from common.locks import Busy, alone
from ordering import emails, module_wishes, notifications
from ordering.models import Order, OrderLine
from ordering.operations import amending, orders, prepayment
from provisioning.acronis.errors import AcronisError, NotSent
from provisioning.operations import converging, wishes

Clock = Callable[[], datetime]

ORDER_LINE = 3  # beside TENANT and REPORT of provisioning.locks

# The pause after each failed try. After the last the line fails, and a person has to look.
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 120, 300, 900, 1800, 3600))
MAX_ATTEMPTS = len(PAUSES) + 1
LONGEST_PAUSE = timedelta(hours=6)  # whatever a Retry-After says
BUSY_PAUSE = timedelta(seconds=5)
RETRY_LATER = "Retry in a while. If it lasts, Acronis' support can tell why."
UNEXPECTED = "Something went wrong on our side. Our staff can see it; retry in a while."
SWEEP_LIMIT = 500


def execute_line(*, line_id: int, clock: Clock) -> None:
    """
    Carry out the line if it is due and no other worker is on it; otherwise return.

    What goes wrong stays on the line as one sentence: tried again after a pause where that makes sense, else the line and its order
    fail and wait for “Retry”.
    """
    try:
        with alone(ORDER_LINE, line_id):
            line = OrderLine.objects.due(clock()).filter(pk=line_id).first()
            if line is not None:
                _carry_out(line, clock)
    except Busy:
        return  # it is in good hands, and swept again if those are killed


def sweep(*, at: datetime) -> int:
    """Ring the lines that are due: lost messages, killed workers, pauses that are over. Return how many were rung."""
    due = list(OrderLine.objects.due(at).order_by("next_try_at").values_list("pk", flat=True)[:SWEEP_LIMIT])
    for line_id in due:
        after_commit("ordering.execute_line", line_id=line_id)
    return len(due)


def _carry_out(line: OrderLine, clock: Clock) -> None:
    is_amendment = line.kind != OrderLine.Kind.NEW
    try:
        if is_amendment:
            amending.prepare(line, at=clock())
        tenant_id = _wish(line.pk, at=clock())
        if tenant_id is not None:
            converging.converge(tenant_id, clock=clock)
        _complete(line.pk, at=clock())
    except (Busy, amending.WishedOtherwise):
        _come_back(line.pk, at=clock())
    except amending.Outlived as gone:
        _give_up(line.pk, str(gone), at=clock())
    except AcronisError as error:
        if error.retryable:
            _pause(line.pk, error, at=clock())
        else:
            _fail(line.pk, _with_advice(error), at=clock())
    except DomainError as refusal:
        _fail(line.pk, str(refusal), at=clock())
    except Exception:
        _fail(line.pk, UNEXPECTED, at=clock())
        raise
    else:
        if is_amendment:
            amending.true_up(line, at=clock())


@transaction.atomic(durable=True)
def _wish(line_id: int, *, at: datetime) -> int | None:
    """Write down the wish, unless an earlier try did, and return the tenant it is for; None: the vendor does not hear of it."""
    Order.objects.locked().get(lines=line_id)  # before its line, as everybody does who locks both
    line = OrderLine.objects.locked().select_related("order__consumer__parent", "plan__service_manager", "service").get(pk=line_id)
    if line.kind != OrderLine.Kind.NEW:
        return amending.wish(line, at=at)
    if line.service is None:
        line.service = wishes.wish_service(
            consumer=line.order.consumer,
            service_manager=line.plan.sold_through,
            wish=module_wishes.of_line(line),
            at=at,
        )
        line.save(update_fields=["service"])
    return line.service.tenant_id


@transaction.atomic(durable=True)
def _complete(line_id: int, *, at: datetime) -> None:
    """Start or change the subscription and close the line; with the last line the order, and tell the buyer."""
    found = _locked_in_progress(line_id)
    if found is None:
        return
    order, line = found
    if line.kind == OrderLine.Kind.NEW:
        line.subscription = _start(order, line, at=at)
    else:
        amending.complete(order, line, at=at)
    line.move_to(OrderLine.Status.COMPLETED)
    line.next_try_at, line.error = None, ""
    line.save(update_fields=["subscription", "status", "next_try_at", "error"])
    _settle(order, at=at)


def _start(order: Order, line: OrderLine, *, at: datetime) -> Subscription:
    assert line.service is not None  # wished before it was converged
    return subscriptions.start_subscription(
        service=line.service,
        plan=line.plan,
        plan_name=line.plan_name,
        order_number=order.number,
        quantity=line.quantity,
        term_months=line.term_months,
        prices=[SoldPrice.from_json(price) for price in line.prices],
        trial_days=line.module_wish.get("trial_days"),
        order_key=prepayment.order_key(order, line) if prepayment.paid_first([line]) else "",
        partner_discount_percent=line.partner_discount_percent,
        retail_markup_percent=line.retail_markup_percent,
        retail_discount_percent=line.retail_discount_percent,
        at=at,
    )


@transaction.atomic(durable=True)
def _pause(line_id: int, error: AcronisError, *, at: datetime) -> None:
    """Keep the reason and try again later, or fail after the last try."""
    found = _locked_in_progress(line_id)
    if found is None:
        return
    order, line = found
    if not isinstance(error, NotSent):  # what was never sent was no try
        line.attempts += 1
    if line.attempts >= MAX_ATTEMPTS:
        _fail_locked(order, line, f"{_with_advice(error)} We tried {line.attempts} times.", at=at)
        return
    asked = timedelta(seconds=error.retry_after or 0)
    line.error = str(error)[:1000]
    line.next_try_at = at + min(max(asked, PAUSES[max(line.attempts - 1, 0)]), LONGEST_PAUSE)
    line.save(update_fields=["attempts", "error", "next_try_at"])


@transaction.atomic(durable=True)
def _come_back(line_id: int, *, at: datetime) -> None:
    """Another worker is on the tenant: that is no failure, and nothing to count."""
    OrderLine.objects.filter(pk=line_id, status=OrderLine.Status.EXECUTING).update(next_try_at=at + BUSY_PAUSE)


@transaction.atomic(durable=True)
def _fail(line_id: int, sentence: str, *, at: datetime) -> None:
    found = _locked_in_progress(line_id)
    if found is not None:
        order, line = found
        line.attempts += 1
        _fail_locked(order, line, sentence, at=at)


@transaction.atomic(durable=True)
def _give_up(line_id: int, sentence: str, *, at: datetime) -> None:
    """Cancel the order of an amendment that came too late; what was invoiced for it in advance is credited."""
    found = _locked_in_progress(line_id)
    if found is None:
        return
    order, line = found
    _fail_locked(order, line, sentence, at=at)
    if order.status == Order.Status.FAILED and set(order.lines.values_list("kind", flat=True)) != {OrderLine.Kind.NEW}:
        orders.give_up(order, because=sentence, at=at)


def _with_advice(error: AcronisError) -> str:
    """What went wrong, and what to do where the vendor's words leave that open."""
    return str(error) if getattr(error, "to_do", "") else f"{error} {RETRY_LATER}"


# Steps: inside the caller's transaction


def _locked_in_progress(line_id: int) -> tuple[Order, OrderLine] | None:
    """Lock the order, then the line. None if the line is not in progress any more, so its worker came too late."""
    order = Order.objects.locked().get(lines=line_id)
    line = OrderLine.objects.locked().select_related("plan", "service__organization").get(pk=line_id)
    return (order, line) if line.status == OrderLine.Status.EXECUTING else None


def _fail_locked(order: Order, line: OrderLine, sentence: str, *, at: datetime) -> None:
    amending.put_back(line, at=at)
    line.move_to(OrderLine.Status.FAILED)
    line.next_try_at, line.error = None, sentence[:1000]
    line.save(update_fields=["status", "attempts", "next_try_at", "error"])
    _settle(order, at=at)


def _settle(order: Order, *, at: datetime) -> None:
    """Close the order when none of its lines is in progress: failed if one failed, else completed."""
    statuses = set(order.lines.values_list("status", flat=True))
    if OrderLine.Status.EXECUTING in statuses:
        return
    if OrderLine.Status.FAILED in statuses:
        order.move_to(Order.Status.FAILED)
        order.save(update_fields=["status"])
        notifications.order_failed(order, at=at)
        return
    order.move_to(Order.Status.COMPLETED)
    order.completed_at = at
    order.save(update_fields=["status", "completed_at"])
    notifications.order_completed(order, at=at)
    emails.order_completed(order)
