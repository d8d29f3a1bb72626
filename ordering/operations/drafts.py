"""
Drafts: orders that staff write down, show to their buyer and place later.

A draft reserves nothing: neither a login nor the consumer's one subscription. What would refuse the order then is judged when it is
placed, at the prices of that moment, unless another price was set for it or a quote that is still valid promised one. Whoever
places it has seen what that comes to: `Outlook.seen` is told with it, and placed at anything else is refused.
"""

from copy import copy
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.models import Organization, User, local_date
from catalog.models import Plan, Term
from catalog.queries.offers import SoldPrice
from common.errors import DomainError, FieldRefused
from ordering import notifications
from ordering.costs import as_told, fingerprint
from ordering.models import Order, OrderLine
from ordering.operations import orders, quotes, refusals, selling


class NoDraft(DomainError):
    """The order is not a draft any more."""


class OtherPriceWouldBeLost(DomainError):
    """A form that was saved before knows nothing of the price that somebody else set for the draft since."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be ordered, as the form of the back office asks for it."""

    plan: Plan
    quantity: int = 1
    term_months: int = Term.MONTH
    protection_model: str = ""
    file_sync_model: str = ""
    login: str = ""
    email: str = ""
    role: str = ""
    purchase_order: str = ""
    other_price: selling.OtherPrice | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What placing a draft would come to now."""

    obstacle: str
    """Why it cannot be placed; empty where it can."""
    line: OrderLine | None
    """Its line as it would be placed, which is stored nowhere; None where it cannot be."""
    seen: str
    """Changes with everything whoever places it agrees to; empty where it cannot be placed."""


@transaction.atomic(durable=True)
def save_draft(*, key: UUID, consumer: Organization, wanted: Wanted, by: User, at: datetime) -> Order:
    """
    Write down an order for ``consumer`` without placing it. The same ``key`` again is the same draft, as it was sent last.

    Another price that somebody else set for it meanwhile stays: a form that is sent again was filled before that was there.

    :raises NoDraft: what was saved under ``key`` was placed meanwhile.
    :raises OtherPriceWouldBeLost: somebody else's price was for another plan, term or quantity, or ``wanted`` brings another.
    :raises NotForSale: or `FieldRefused`, `ItemsNotAvailable`: as `orders.create_order`, but for what only placing reserves.
    """
    consumer = Organization.objects.locked().select_related("parent").get(pk=consumer.pk)
    order = Order.objects.locked().select_related("buyer", "consumer__parent").filter(key=key).first()
    if order is None:
        if consumer.kind != Organization.Kind.CUSTOMER:
            raise FieldRefused("consumer", "Orders are for a direct customer or for a customer of a reseller.")
        order = orders.new_order(
            key=key,
            buyer=consumer.reseller or consumer,
            consumer=consumer,
            source=Order.Source.BSS,
            status=Order.Status.DRAFT,
            placed_by=by,
            placed_at=at,
        )
    _check_is_draft(order)
    line = order.lines.select_related("price_by").first()
    of_somebody_else = line is not None and bool(line.price_reason) and line.price_by_id != by.pk
    lost = _write(order, wanted, keeps_other_price=of_somebody_else, by=by, at=at)
    if of_somebody_else and lost is not None:  # which takes back what was written
        since = f"{lost.price_by} has set another price for it since: {lost.price_reason.rstrip('.')}."
        raise OtherPriceWouldBeLost(f"This was saved as draft {order} already. {since} Open the draft and change it there.")
    return order


@transaction.atomic(durable=True)
def change_draft(*, order_id: int, wanted: Wanted, may_override: bool, by: User, at: datetime) -> OrderLine | None:
    """
    Write a draft anew; of two people who do so the last one counts.

    Return the line as it was where another price that somebody set is not in it any more, so that it can be told; else None.

    :param may_override: where False, another price that somebody set stays as long as plan, term and quantity do.
    :raises NoDraft: it was placed or given up meanwhile.
    :raises NotForSale: or `FieldRefused`, `ItemsNotAvailable`: as `save_draft`.
    """
    order = _locked(order_id)
    _check_is_draft(order)
    return _write(order, wanted, keeps_other_price=not may_override, by=by, at=at)


@transaction.atomic(durable=True)
def place_draft(*, order_id: int, seen: str, by: User, at: datetime) -> Order:
    """
    Place a draft: it waits for “Execute” then, as every order of the back office. Placed already, nothing.

    It is sold at the prices of now, but for another price that was set, and for what a valid quote promised.

    :param seen: what ``by`` looked at, as `Outlook.seen` told it.
    :raises NoDraft: it was given up.
    :raises PricesChanged: it would be placed as something else than was seen; nothing is placed.
    :raises SecondSubscription: the consumer has a live subscription, or an order for one, at the plan's service manager.
    :raises NotForSale: or `FieldRefused`, `ItemsNotAvailable`: the plan or its term is not sold to the buyer any more, or one of
        our users or orders has the login.
    """
    order = _locked(order_id)
    if order.status not in (Order.Status.DRAFT, Order.Status.CANCELLED):
        return order
    _check_is_draft(order)
    line = order.lines.locked().select_related("plan").get()
    sale = _sale_now(order, line, reserves=True, at=at)
    managers = [line.plan.sold_through_id]
    details = orders.checked_details(managers, login=line.login, email=line.email, role=line.role, but_for=order)
    _fill(line, order, line.plan, sale, details)
    if _seen(order, line) != seen:
        raise refusals.PricesChanged("What it would be placed as is not what you saw. Nothing is placed yet.")
    line.save()
    order.move_to(Order.Status.PLACED)
    order.placed_by, order.placed_at = by, at
    order.currency, order.billing_copy = order.buyer.currency, order.buyer.billing_snapshot()
    order.save(update_fields=["status", "placed_by", "placed_at", "currency", "billing_copy"])
    notifications.order_placed(order, at=at)
    return order


def outlook(order: Order, *, at: datetime) -> Outlook:
    """Tell what placing the draft ``order`` would come to now: refused and why, or sold as what. Writes nothing."""
    line = order.lines.select_related("plan", "price_by").get()
    try:
        sale = _sale_now(order, line, reserves=True, at=at)
        managers = [line.plan.sold_through_id]
        details = orders.checked_details(managers, login=line.login, email=line.email, role=line.role, but_for=order)
    except DomainError as refusal:
        return Outlook(str(refusal), None, "")
    _fill(line, order, line.plan, sale, details)
    return Outlook("", line, _seen(order, line))


def kept_for(order: Order, plan: Plan, sale: selling.Sale, *, may_override: bool, on: date) -> selling.Sale:
    """Return what saving a draft would make of ``sale`` where no other price is told: what was set or promised for it stays."""
    return _kept(order, order.lines.first(), plan, sale, keeps_other_price=not may_override, on=on)[0]


# Steps: inside the caller's transaction


def _locked(order_id: int) -> Order:
    """Lock the consumer first, as whoever places an order does: two orders for one consumer are judged one after the other."""
    consumer = Order.objects.values_list("consumer", flat=True).get(pk=order_id)
    Organization.objects.locked().get(pk=consumer)
    return Order.objects.locked().select_related("buyer", "consumer__parent").get(pk=order_id)


def _check_is_draft(order: Order) -> None:
    if order.status == Order.Status.CANCELLED:
        raise NoDraft(f"Draft {order} was given up meanwhile. Create a new order.")
    if order.status != Order.Status.DRAFT:
        raise NoDraft(f"Order {order} was placed meanwhile and cannot be edited any more.")


def _sale_now(order: Order, line: OrderLine, *, reserves: bool, at: datetime) -> selling.Sale:
    """Return what the draft's line is sold as now; what was set or promised for it stays."""
    today = local_date(at, order.buyer)
    sale = selling.judged_sale(
        line.plan,
        buyer=order.buyer,
        consumer=order.consumer,
        quantity=line.quantity,
        term_months=line.term_months,
        protection_model=line.protection_model,
        file_sync_model=line.file_sync_model,
        on=today,
        reserves=reserves,
    )
    if line.price_reason:
        _check_currency(order, line)
        return replace(sale, prices=[SoldPrice.from_json(price) for price in line.prices])
    promise = quotes.promise_of(order, plan=line.plan, sale=sale, on=today)
    return sale if promise is None else replace(sale, prices=promise.prices, module_wish=promise.module_wish)


def _check_currency(order: Order, line: OrderLine) -> None:
    """Refuse another price that was set when the parties had other currencies than now."""
    first, last = line.prices[0]["currency"], line.prices[-1]["currency"]
    if (first, last) != (order.buyer.currency, order.consumer.currency):
        sentence = f"The other price was set in {first}; {order.buyer} is invoiced in {order.buyer.currency} now."
        raise DomainError(f"{sentence} Edit the draft and set it anew.")


def _write(order: Order, wanted: Wanted, *, keeps_other_price: bool, by: User, at: datetime) -> OrderLine | None:
    """Write what is wanted; return the line as it was where another price that was set is not in it any more."""
    today = local_date(at, order.buyer)
    line = order.lines.locked().select_related("plan").first()
    before = copy(line)
    sale = selling.judged_sale(
        wanted.plan,
        buyer=order.buyer,
        consumer=order.consumer,
        quantity=wanted.quantity,
        term_months=wanted.term_months,
        protection_model=wanted.protection_model,
        file_sync_model=wanted.file_sync_model,
        on=today,
        other_price=wanted.other_price,
        reserves=False,
    )
    details = orders.checked_details(
        [wanted.plan.sold_through_id], login=wanted.login, email=wanted.email, role=wanted.role, but_for=order
    )
    if wanted.other_price is not None:
        reason = wanted.other_price.reason
        price_by: int | None = by.pk
        if line is not None and _is_same_other_price(line, sale, reason):
            price_by = line.price_by_id
    else:
        sale, reason, price_by = _kept(order, line, wanted.plan, sale, keeps_other_price=keeps_other_price, on=today)
    line = line or OrderLine(order=order)
    line.price_reason, line.price_by_id = reason, price_by
    _fill(line, order, wanted.plan, sale, details)
    line.save()
    order.purchase_order = wanted.purchase_order
    order.currency, order.billing_copy = order.buyer.currency, order.buyer.billing_snapshot()
    order.save(update_fields=["purchase_order", "currency", "billing_copy"])
    was_set = before is not None and bool(before.price_reason)
    return before if before is not None and was_set and _other_price(before) != _other_price(line) else None


def _kept(
    order: Order, line: OrderLine | None, plan: Plan, sale: selling.Sale, *, keeps_other_price: bool, on: date
) -> tuple[selling.Sale, str, int | None]:
    """Return ``sale`` at the price that was set for it, or that a quote promised; also why it is another price, and who set it."""
    if keeps_other_price and line is not None and line.price_reason and _is_same_sale(line, plan, sale):
        prices = [SoldPrice.from_json(price) for price in line.prices]
        return replace(sale, prices=prices), line.price_reason, line.price_by_id
    promise = quotes.promise_of(order, plan=plan, sale=sale, on=on)
    if promise is None:
        return sale, "", None
    return replace(sale, prices=promise.prices, module_wish=promise.module_wish), promise.price_reason, promise.price_by


def _fill(line: OrderLine, order: Order, plan: Plan, sale: selling.Sale, details: dict[str, str]) -> None:
    facts: dict[str, Any] = {**selling.agreed_terms(order, plan), **sale.copied(), **details}
    for name, value in facts.items():
        setattr(line, name, value)


def _is_same_sale(line: OrderLine, plan: Plan, sale: selling.Sale) -> bool:
    """Whether it is what another price was set for: the same of everything, in the same currencies."""
    currencies = [price.currency for price in sale.prices]
    asked = (plan.pk, sale.term_months, sale.wish.quantity, currencies)
    return asked == (line.plan_id, line.term_months, line.quantity, [price["currency"] for price in line.prices])


def _is_same_other_price(line: OrderLine, sale: selling.Sale, reason: str) -> bool:
    return line.price_reason == reason and [SoldPrice.from_json(price) for price in line.prices] == sale.prices


def _other_price(line: OrderLine) -> list[Any]:
    """Return what stands on a line by somebody's decision; equal where nothing of it was lost."""
    return [line.price_reason, line.price_by_id, _told(line)]


def _seen(order: Order, line: OrderLine) -> str:
    """Return `Outlook.seen` of a line as it would be placed: prices, what is included for them, for whom, and who gets in."""
    sold = [line.plan_id, line.billing_model, line.term_months, line.quantity, line.protection_model, line.file_sync_model]
    about = [order.consumer_id, order.buyer_id, order.purchase_order, line.price_reason, line.login, line.email, line.role]
    return fingerprint([sold, _told(line), [line.module_wish], about])


def _told(line: OrderLine) -> list[Any]:
    prices = [SoldPrice.from_json(price) for price in line.prices]
    return [[str(price.level), as_told(price.currency, price.amounts)] for price in prices]
