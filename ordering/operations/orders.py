"""Every move of an order up to the moment its lines are carried out, and what people do when that fails."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, User, local_date
from catalog.models import Plan, Term
from common.dispatch import after_commit
from common.errors import DomainError, FieldRefused
from ordering import emails, notifications
from ordering.models import Basket, Order, OrderLine
from ordering.operations import baskets, gates, prepayment, refusals, selling
from ordering.queries import amendments, checkouts, tracking
from provisioning.models import TenantUser
from provisioning.operations import services, users

DETAILS_CHANGE_WHILE = frozenset({Order.Status.PLACED, Order.Status.HELD, Order.Status.AWAITING_PAYMENT, Order.Status.FAILED})
"""States in which login, e-mail and role of the consumer's first user can still be mended."""


class CannotCancel(DomainError):
    """A part of the order is in use already."""


class StillHeld(DomainError):
    """The order waits for approval, or for its release."""


@transaction.atomic(durable=True)
def submit_order(
    *,
    basket_id: int,
    by: User,
    address: str | None,
    at: datetime,
    purchase_order: str = "",
    prices_seen: str = "",
    settings_seen: str = "",
) -> Order:
    """
    Turn an open basket into an order that copies names, terms, prices and settings. Submitting twice gives the same order.

    Where both buyer and consumer let orders execute by themselves, its lines are rung at once.

    :param address: the network address of the person who orders, kept with the order.
    :param prices_seen: what the buyer agreed to, as `checkouts.Summary.prices_seen` told it; empty where all is priced by use.
    :param settings_seen: what else the buyer looked at, as `checkouts.Summary.settings_seen` told it; empty: it is not compared.
    :raises NotForSale: a plan was withdrawn meanwhile.
    :raises SettingsChanged: the basket was changed since the buyer looked at it, in another tab; nothing is ordered.
    :raises PricesChanged: the basket costs something else than the buyer saw; nothing is ordered.
    :raises NoPrice: a reseller's price went missing meanwhile.
    :raises StepMissing: a step of the checkout is not done, or not any more.
    :raises SecondSubscription: the consumer got a subscription, or an order for one, meanwhile.
    :raises FieldRefused: the login was taken meanwhile.
    """
    basket = Basket.objects.locked().select_related("consumer__parent").get(pk=basket_id)
    if basket.ordered_at is not None:  # written with the order, so one that is open has none to look for
        return Order.objects.get(basket=basket)
    if basket.consumer is not None:
        gates.lock_consumer(basket.consumer)  # two baskets for one consumer are judged one after the other
        basket.buyer = _buyer_of(basket, basket.consumer)
    state = checkouts.checkout(basket, at=at)
    baskets.check_complete(state)
    if settings_seen and settings_seen != state.settings_seen:
        raise refusals.SettingsChanged("Your basket was changed in another tab. Look at it as it is now; nothing is ordered yet.")
    awaited = [item.plan.sold_through_id for item in state.items if item.needs_user]
    login = refusals.checked_login(basket.login, awaited) if awaited else ""

    consumer = _consumer_of(basket)
    sales = [
        selling.sale_of(
            item.plan,
            consumer=consumer,
            quantity=item.line.quantity,
            term_months=item.line.term_months,
            protection_model=item.protection_model,
            file_sync_model=item.file_sync_model,
            on=local_date(at, basket.buyer),
        )
        for item in state.items
    ]
    selling.check_prices_seen(state, sales, prices_seen)
    order = new_order(
        buyer=basket.buyer,
        consumer=consumer,
        basket=basket,
        source=Order.Source.STOREFRONT,
        placed_by=by,
        placed_at=at,
        placed_from=address,
        purchase_order=purchase_order,
    )
    lines = [
        OrderLine.objects.create(
            order=order,
            **selling.agreed_terms(order, item.plan),
            **sale.copied(),
            login=login if item.needs_user else "",
            email=basket.email if item.needs_user else "",
        )
        for item, sale in zip(state.items, sales, strict=True)
    ]
    basket.ordered_at = at
    basket.save(update_fields=["ordered_at"])
    notifications.order_placed(order, at=at)
    gates.receive(order, by=by, at=at)
    emails.order_received(order, lines)  # which says what happens next
    return order


@transaction.atomic(durable=True)
def create_order(
    *,
    key: UUID,
    consumer: Organization,
    plan: Plan,
    quantity: int = 1,
    term_months: int = Term.MONTH,
    protection_model: str = "",
    file_sync_model: str = "",
    login: str = "",
    email: str = "",
    role: str = "",
    purchase_order: str = "",
    other_price: selling.OtherPrice | None = None,
    by: User,
    at: datetime,
) -> Order:
    """
    Place an order on behalf of a direct customer or a reseller's customer, as an account manager does in the BSS.

    It waits for `execute_order`. Login, e-mail and role may still be missing. The buyer of a reseller's customer's
    order is the reseller. The licensing models of a fixed plan are the plan's own. The same ``key`` twice gives the same order.

    :raises NotForSale: the plan is not sold to the buyer.
    :raises ItemsNotAvailable: the service manager lacks an offering item of the plan's module setting.
    :raises SecondSubscription: the consumer has a live subscription, or an order for one, at the plan's service manager.
    :param other_price: what ``by``, who may do so, sells it at instead of at the price list.
    :raises FieldRefused: no customer, a quantity or term the plan is not sold for, no price in the customer's currency, another
        price that nobody can be invoiced, a missing licensing model, an unknown role, a malformed login or e-mail, or a login that
        one of our users or orders has.
    """
    consumer = Organization.objects.locked().select_related("parent").get(pk=consumer.pk)
    if (order := Order.objects.filter(key=key).first()) is not None:
        if order.status == Order.Status.DRAFT:
            raise DomainError(f"This was saved as draft {order} already. Open the draft and place it there.")
        return order
    if consumer.kind != Organization.Kind.CUSTOMER:
        raise FieldRefused("consumer", "Orders are for a direct customer or for a customer of a reseller.")
    buyer = consumer.reseller or consumer
    sale = selling.judged_sale(
        plan,
        buyer=buyer,
        consumer=consumer,
        quantity=quantity,
        term_months=term_months,
        protection_model=protection_model,
        file_sync_model=file_sync_model,
        on=local_date(at, buyer),
        other_price=other_price,
    )
    details = checked_details([plan.sold_through_id], login=login, email=email, role=role)

    order = new_order(
        key=key,
        buyer=buyer,
        consumer=consumer,
        source=Order.Source.BSS,
        placed_by=by,
        placed_at=at,
        purchase_order=purchase_order,
    )
    OrderLine.objects.create(
        order=order,
        **selling.agreed_terms(order, plan),
        **sale.copied(),
        **details,
        price_reason=other_price.reason if other_price else "",
        price_by=by if other_price else None,
    )
    notifications.order_placed(order, at=at)
    return order


@transaction.atomic(durable=True)
def change_service_details(*, order_id: int, login: str, email: str, role: str, by: User, at: datetime) -> Order:
    """
    Write login, e-mail and role of the consumer's first user, while the order waits for execution or payment, or has failed.

    :raises FieldRefused: an unknown role, a malformed login or e-mail, or a login that one of our users or orders has; once
        the order goes on by itself or has been begun at the vendor, also one that is missing.
    :raises UserExists: the vendor has created the user already.
    :raises DomainError: the order is in progress, completed or cancelled.
    """
    order = _locked(order_id)
    if order.status not in DETAILS_CHANGE_WHILE:
        raise DomainError("Service details can be changed while the order waits for execution or payment, or has failed.")
    lines = tracking.lines_with_open_details(order)
    managers = [line.plan.sold_through_id for line in lines]
    details = checked_details(managers, login=login, email=email, role=role, but_for=order)
    if lines and order.status in (Order.Status.HELD, Order.Status.AWAITING_PAYMENT):
        _check_all_given(details)
    for line in lines:
        line.login, line.email, line.role = details["login"], details["email"], details["role"]
        line.save(update_fields=["login", "email", "role"])
        if line.service is not None:
            _check_all_given(details)
            users.change_user(tenant_id=line.service.tenant_id, at=at, **details)
    return order


@transaction.atomic(durable=True)
def execute_order(*, order_id: int, by: User | None, at: datetime) -> Order:
    """
    Let the lines of a placed order be carried out; the account manager pressed “Execute”. Repeated, nothing.

    An order over a credit limit is held instead, and says why. Prepaid lines are invoiced first: the order waits for the payment,
    and goes on by itself.

    :raises StillHeld: it waits for a decision.
    :raises NotReady: the role, login or e-mail that the vendor needs is missing.
    :raises IllegalTransition: the order failed or was cancelled.
    """
    order = _locked(order_id)
    if order.status in (Order.Status.AWAITING_PAYMENT, Order.Status.EXECUTING, Order.Status.COMPLETED):
        return order
    if order.status == Order.Status.HELD:
        raise StillHeld(f"Order {order} is held. {order.held_because}")
    if missing := tracking.missing_before_execution(order):
        raise refusals.NotReady(" ".join(item.sentence for item in missing))
    if order.status != Order.Status.PLACED:  # it passed the gate before, or is given up
        begin_or_await_payment(order, by=by, at=at)
        return order
    gates.let_go_on(order, by=by, at=at)
    if order.status == Order.Status.HELD:
        emails.order_held(order)
    return order


@transaction.atomic(durable=True)
def retry_order(*, order_id: int, by: User | None, at: datetime) -> Order:
    """
    Begin again with the lines that failed, with all their attempts. Repeated while they are in progress, nothing.

    :raises IllegalTransition: the order did not fail.
    """
    order = _locked(order_id)
    if order.status == Order.Status.EXECUTING:
        return order
    if order.status != Order.Status.FAILED:
        raise DomainError(f"Order {order} did not fail; there is nothing to retry.")
    begin_or_await_payment(order, by=by, at=at)
    return order


@transaction.atomic(durable=True)
def cancel_order(*, order_id: int, by: User | None, at: datetime, because: str = "") -> Order:
    """
    Give up an order that waits or failed. Repeated, nothing.

    Where it was begun at the vendor, its services end in the same transaction, and what stands there is deleted.

    :param because: what its buyer is told and mailed; empty where there is nothing to explain.
    :raises CannotCancel: a part of it is completed and used.
    :raises IllegalTransition: the order is in progress or completed.
    """
    order = _locked(order_id)
    if order.status == Order.Status.CANCELLED:
        return order
    lines = list(order.lines.locked())
    if order.status == Order.Status.FAILED and any(line.status == OrderLine.Status.COMPLETED for line in lines):
        raise CannotCancel(f"A part of order {order} is completed and in use. Retry the rest, or contact us.")
    give_up(order, because=because, at=at)
    if because:  # somebody else did it
        emails.order_cancelled(order)
    return order


# Steps: inside the caller's transaction


def give_up(order: Order, *, because: str, at: datetime) -> None:
    """
    Cancel an order and its lines, whatever it waited for. What an amendment was to change stays as it is.

    :param because: what the buyer is told; empty where there is nothing to explain.
    :raises IllegalTransition: the order is in progress or completed.
    """
    was_draft = order.status == Order.Status.DRAFT
    order.move_to(Order.Status.CANCELLED)
    order.held_for, order.held_because, order.cancelled_because = "", "", because
    order.save(update_fields=["status", "held_for", "held_because", "cancelled_because"])
    lines = list(order.lines.locked())
    for line in lines:
        line.move_to(OrderLine.Status.CANCELLED)
        line.next_try_at = None
        line.save(update_fields=["status", "next_try_at"])
        if line.kind == OrderLine.Kind.NEW and line.service_id is not None:
            services.terminate_service(service_id=line.service_id, at=at)
    if prepayment.paid_first(lines):
        after_commit("ordering.go_on_with_payment", order_id=order.pk)  # what was invoiced for it is credited
    if not was_draft:  # which nobody else ever saw
        notifications.order_cancelled(order, at=at)


def _locked(order_id: int) -> Order:
    return Order.objects.locked().select_related("buyer", "consumer__parent").get(pk=order_id)


def begin_or_await_payment(order: Order, *, by: User | None, at: datetime) -> None:
    """Begin with an order; one that is to be paid first waits for that, and is rung to be invoiced."""
    lines = list(order.lines.locked())
    if not prepayment.must_be_paid_first(order, lines):
        begin(order, lines, by=by, at=at)
        return
    order.move_to(Order.Status.AWAITING_PAYMENT)
    order.executed_by = by
    order.save(update_fields=["status", "executed_by"])
    after_commit("ordering.go_on_with_payment", order_id=order.pk)  # a sweep rings what was lost


def begin(order: Order, lines: Iterable[OrderLine], *, by: User | None, at: datetime) -> None:
    """
    Make every line that is neither done nor in progress due now, and ring it.

    :param lines: all of the order's, locked.
    :raises AmendmentUnderWay: a change that failed is to be retried while the subscription is changed otherwise.
    """
    order.move_to(Order.Status.EXECUTING)
    order.executed_by = by
    order.save(update_fields=["status", "executed_by"])
    for line in lines:
        if line.status not in (OrderLine.Status.WAITING, OrderLine.Status.FAILED):
            continue
        if line.kind != OrderLine.Kind.NEW:
            amendments.check_alone(line)
        line.move_to(OrderLine.Status.EXECUTING)
        line.attempts, line.error, line.next_try_at = 0, "", at
        line.save(update_fields=["status", "attempts", "error", "next_try_at"])
        after_commit("ordering.execute_line", line_id=line.pk)  # a sweep rings what was lost


def _buyer_of(basket: Basket, consumer: Organization) -> Organization:
    """Return the buyer, which is loaded already where it is the consumer itself or the reseller that the consumer belongs to."""
    if basket.buyer_id == consumer.pk:
        return consumer
    reseller = consumer.reseller
    return reseller if reseller is not None and basket.buyer_id == reseller.pk else basket.buyer


def _consumer_of(basket: Basket) -> Organization:
    assert basket.consumer is not None  # the basket step is done only with a consumer
    return basket.consumer


def new_order(*, buyer: Organization, consumer: Organization, status: Order.Status = Order.Status.PLACED, **facts: object) -> Order:
    """Give a new order its number, and a copy of what its buyer is invoiced by."""
    return Order.objects.create(
        number=f"O{get_next_value('order', initial_value=10001)}",
        buyer=buyer,
        consumer=consumer,
        currency=buyer.currency,
        billing_copy=buyer.billing_snapshot(),
        status=status,
        **facts,
    )


def checked_details(managers: Iterable[int], *, login: str, email: str, role: str, but_for: Order | None = None) -> dict[str, str]:
    """
    Return login, e-mail and role as an order line keeps them. What is not given stays empty until the order is executed.

    :raises FieldRefused: an unknown role, a malformed login or e-mail, or a login that one of our users or orders has.
    """
    if role and role not in TenantUser.Role.values:
        raise FieldRefused("role", "Choose a role.")
    return {
        "login": refusals.checked_login(login, list(managers), but_for=but_for) if login.strip() else "",
        "email": refusals.checked_email(email) if email.strip() else "",
        "role": role,
    }


def _check_all_given(details: dict[str, str]) -> None:
    for field, label in tracking.ACCOUNT_FIELDS.items():
        if not details[field]:
            raise FieldRefused(field, f"{label} is missing: Acronis needs it to create the user.")
