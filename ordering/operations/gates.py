"""
The gate that every order passes on its way to being carried out, wherever it came from: approval first, then credit limits.

What keeps an order, and why, is judged by `queries.holds`. A held order reserves what a placed one does. Whoever decides about it
is told here; the buyer is told by whoever let the order go on, in one mail that says what came of it (`emails.order_received`
does). Drafts never pass: they are placed first.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from accounts.models import Organization, User
from common.dispatch import after_commit
from common.errors import DomainError
from ordering import emails, notifications
from ordering.models import Order
from ordering.queries import holds

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 200
TURN_SECONDS = 300
"""How often held orders are looked at again; where there are more than `SWEEP_LIMIT`, each such time others have their turn."""


class NothingToDecide(DomainError):
    """The order does not wait for this decision, or not any more."""


@transaction.atomic(durable=True)
def approve_order(*, order_id: int, by: User | None, at: datetime) -> Order:
    """
    Let an order go on that waited for approval; it may be held for a credit limit next. Approved before, nothing.

    Who may decide is for the caller to see to: the reseller's buyers and administrators, and staff.

    :param by: None: a program of theirs.
    :raises NothingToDecide: it does not wait for approval, or was cancelled meanwhile.
    """
    order = _locked(order_id)
    if Order.HeldFor.APPROVAL in order.let_through:
        return order
    _check_waits(order, Order.HeldFor.APPROVAL, "approve")
    _let_through(order, by=by, at=at)
    emails.order_approved(order)
    return order


@transaction.atomic(durable=True)
def release_order(*, order_id: int, by: User, at: datetime) -> Order:
    """
    Let an order go on although its buyer is over the credit limit, as staff with `ordering.release_order` do. Repeated, nothing.

    :raises NothingToDecide: it is not held for a credit limit, or was cancelled meanwhile.
    """
    order = _locked(order_id)
    if Order.HeldFor.CREDIT_LIMIT in order.let_through:
        return order
    _check_waits(order, Order.HeldFor.CREDIT_LIMIT, "release")
    _let_through(order, by=by, at=at)
    emails.order_released(order)
    return order


@transaction.atomic(durable=True)
def decline_order(
    *, order_id: int, reason: str, by: User | None, at: datetime, held_for: Order.HeldFor = Order.HeldFor.APPROVAL
) -> Order:
    """
    Cancel a held order and tell whoever placed it why. Declined or cancelled before, nothing.

    :param reason: in the words of whoever declines it; the buyer reads them.
    :param held_for: the decision that is answered with no; what a reseller declines is its approval.
    :raises NothingToDecide: the order does not wait for that decision any more.
    :raises DomainError: no reason is given, or a very long one.
    """
    from ordering.operations import orders  # which lets orders pass by this module

    order = _locked(order_id)
    if order.status == Order.Status.CANCELLED:
        return order
    _check_waits(order, held_for, "decline")
    orders.give_up(order, because=_checked_reason(reason), at=at)
    emails.order_declined(order, held_for=held_for)
    logger.info("order declined", extra={"order": order.number, "by": by.pk if by else None})
    return order


def release_what_fits(*, at: datetime) -> int:
    """
    Look at held orders again, the oldest first, and let go on what nothing holds any more; tell how many those were.

    An invoice was paid, a limit raised, another order cancelled, or the reseller does not ask for approvals any more. An order that
    nothing keeps and that cannot go on all the same keeps no other one from it.
    """
    held = list(Order.objects.filter(status=Order.Status.HELD).order_by("pk").values_list("pk", flat=True))
    gone_on = 0
    for order_id in _whose_turn_it_is(held, at=at):
        try:
            gone_on += _look_again(order_id, at=at)
        except DomainError as refusal:
            logger.warning("held order does not go on", extra={"order": order_id, "reason": str(refusal)})
    return gone_on


def ring(invoice_id: int) -> None:
    """Look at held orders at once where a paid invoice may have made room for one: of its buyer, or of a customer of its buyer."""
    payer = Organization.objects.filter(invoices_bought=invoice_id)
    held = Order.objects.filter(status=Order.Status.HELD)
    if held.filter(Q(consumer__in=payer) | Q(consumer__parent__in=payer)).exists():
        after_commit("ordering.release_what_fits")


# Steps: inside the caller's transaction


def let_go_on(order: Order, *, by: User | None, at: datetime) -> None:
    """
    Take an order that is placed as far as it goes: held with a sentence that says why, waiting for a payment, or being executed.

    The caller has locked the order, or just made it, and tells the buyer what came of it.

    :param order: with its ``buyer`` and ``consumer__parent``.
    :param by: who wants it executed; None where a program ordered.
    """
    from ordering.operations import orders  # which lets orders pass by this module

    hold = _judged(order, at=at)
    if hold is None:
        orders.begin_or_await_payment(order, by=by, at=at)
        return
    order.executed_by = by
    _keep(order, hold, at=at)


def receive(order: Order, *, by: User | None, at: datetime) -> None:
    """
    Take an order that its buyer has just placed as far as it goes: on, where buyer and consumer let orders execute by themselves.

    Where they do not, it waits for “Execute”; the reseller's approval is asked for before that.
    """
    if executes_by_itself(order):
        let_go_on(order, by=by, at=at)
    elif holds.needs_approval(order) and (hold := holds.hold_of(order, at=at)) is not None:
        _keep(order, hold, at=at)


def lock_consumer(consumer: Organization) -> None:
    """Lock ``consumer`` and, where its orders count against a limit of its reseller, that one first: one query, in one order."""
    reseller = consumer.reseller
    limited = [reseller.pk] if reseller is not None and reseller.credit_limit is not None else []
    list(Organization.objects.locked().only("pk").filter(pk__in=[consumer.pk, *limited]))


def executes_by_itself(order: Order) -> bool:
    """Say whether both buyer and consumer let orders execute by themselves."""
    return order.buyer.orders_execute_automatically and order.consumer.orders_execute_automatically


def _locked(order_id: int) -> Order:
    return Order.objects.locked().select_related("buyer__parent", "consumer__parent", "executed_by").get(pk=order_id)


def _judged(order: Order, *, at: datetime) -> holds.Hold | None:
    """Return what holds the order. Whose limit counts is locked, so that orders of one debtor are judged one after the other."""
    if any(debtor.credit_limit is not None for debtor in holds.debtors(order)):
        lock_consumer(order.consumer)
    return holds.hold_of(order, at=at)


def _keep(order: Order, hold: holds.Hold, *, at: datetime) -> None:
    """Hold the order, and tell whoever decides."""
    order.move_to(Order.Status.HELD)
    order.held_for, order.held_because = hold.held_for, hold.because
    order.save(update_fields=["status", "held_for", "held_because", "executed_by"])
    notifications.order_held(order, at=at)
    emails.decision_wanted(order)
    logger.info("order held", extra={"order": order.number, "held_for": order.held_for})


def _check_waits(order: Order, held_for: Order.HeldFor, verb: str) -> None:
    if order.status == Order.Status.CANCELLED:
        raise NothingToDecide(f"Order {order} was cancelled meanwhile; there is nothing to {verb}.")
    if order.status != Order.Status.HELD or order.held_for != held_for:
        raise NothingToDecide(f"Order {order} does not wait for this: {order.get_status_display()}. There is nothing to {verb}.")


def _let_through(order: Order, *, by: User | None, at: datetime) -> None:
    """Write down that what it was held for is allowed, and go on."""
    order.let_through = [*order.let_through, order.held_for]
    _go_on(order, by=by, at=at)
    logger.info(
        "order let through", extra={"order": order.number, "let_through": order.let_through[-1], "by": by.pk if by else None}
    )


def _go_on(order: Order, *, by: User | None, at: datetime) -> None:
    """
    Bring a held order back among the placed ones, and on to where it was going when it was held.

    One that a person or its buyer's settings had let go on is carried out; one that was held before “Execute” waits for that.
    """
    order.move_to(Order.Status.PLACED)
    order.held_for, order.held_because = "", ""
    order.save(update_fields=["status", "held_for", "held_because", "let_through"])
    if order.executed_by is not None or executes_by_itself(order):
        let_go_on(order, by=order.executed_by or by, at=at)


def _checked_reason(reason: str) -> str:
    told = " ".join(reason.split())
    longest = Order._meta.get_field("cancelled_because").max_length
    if not told:
        raise DomainError("Say why; the customer reads it.")
    if longest is not None and len(told) > longest:
        raise DomainError(f"Say it in at most {longest} characters.")
    return told


def _whose_turn_it_is(held: list[int], *, at: datetime) -> list[int]:
    """Return at most `SWEEP_LIMIT` of ``held``, others every `TURN_SECONDS`: those that wait for a person are not in the way."""
    if len(held) <= SWEEP_LIMIT:
        return held
    first = int(at.timestamp()) // TURN_SECONDS * SWEEP_LIMIT % len(held)
    return [*held[first:], *held[:first]][:SWEEP_LIMIT]


@transaction.atomic(durable=True)
def _look_again(order_id: int, *, at: datetime) -> bool:
    """Judge one held order again; say whether it went on."""
    order = _locked(order_id)
    if order.status != Order.Status.HELD:
        return False
    hold = _judged(order, at=at)
    if hold is not None and hold.held_for == order.held_for:
        if hold.because != order.held_because:  # other figures than when it was held
            order.held_because = hold.because
            order.save(update_fields=["held_because"])
        return False
    _go_on(order, by=None, at=at)
    emails.order_goes_on(order)
    return True
