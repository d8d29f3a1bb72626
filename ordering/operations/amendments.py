"""
Changes of a running subscription, from the quote to the order: quantity, plan, term, cancellation.

What can be changed is said in `judging_amendments`. The vendor is asked only outside of transactions, so what is in use is looked
at once more when the change is carried out.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import ApiToken, Organization, User
from billing.models import Subscription
from billing.operations import subscriptions
from billing.queries.amendment_costs import ChangeCost, cost_of_change, levels_seen
from common.templatetags.show import day
from ordering import emails, notifications
from ordering.amendment_quotes import AmendmentQuote, EndCost, Part
from ordering.amendment_terms import AmendmentWish, Row, compared, heading
from ordering.costs import fingerprint
from ordering.models import Order, OrderLine
from ordering.operations import gates, orders, refusals, selling
from ordering.operations.judging_amendments import AmendmentRefused, Asked, asked_of_vendor, judged
from ordering.queries import amendments as subject

SWEEP_LIMIT = 200

ONE_AT_A_TIME = "orderline_one_amendment_at_a_time"
"""The constraint that judges where two were ordered at the same moment."""


def quote_amendment(*, subscription_id: int, wish: AmendmentWish, reader: Organization | None, at: datetime) -> AmendmentQuote:
    """
    Return what ``wish`` would change and cost if it were carried out now. Nothing is written; no transaction may be open.

    :param reader: the organization that asks: the consumer or its reseller; None is staff, who are told both ends of a sale.
    :raises AmendmentRefused: it has ended or is to end, is being changed already, or was changed for a later
        day.
    :raises NotForSale: the other plan is not sold to this buyer, or is of another product, service manager or billing model.
    :raises FieldRefused: a quantity, term or licensing model it cannot have; less than what is in use (`fitting.BelowUse`).
    :raises DomainError: the plan cannot be provisioned, or its cost is not known.
    """
    subscription = _read(subscription_id)
    asked = judged(subscription, wish, reader=reader, at=at)
    return replace(_quoted(asked, reader=reader, at=at), warnings=[*asked_of_vendor(asked, at=at), *asked.warnings])


def place_amendment(
    *,
    subscription_id: int,
    wish: AmendmentWish,
    quote_seen: str,
    reader: Organization | None,
    source: str,
    key: UUID,
    by: User | None,
    at: datetime,
    address: str | None = None,
    api_token: ApiToken | None = None,
    purchase_order: str = "",
) -> Order:
    """
    Order what was quoted: an order with one line. The same ``key`` twice gives the same order. No transaction may be open.

    An order from the storefront or a program goes on by itself under the same rules as one for a new service; one of the BSS, or of
    the MSP's own program, waits for “Execute”. What costs a prepaid subscription more is paid first.

    :param quote_seen: the fingerprint of the quote that was confirmed.
    :param reader: whose quote that was; it is also who orders. None: staff order for whoever the MSP invoices.
    :raises PricesChanged: the quote is not what it was; nothing is ordered.
    :raises AmendmentRefused: and whatever `quote_amendment` raises.
    """
    subscription = _read(subscription_id)
    if (order := _same(subscription, key)) is not None:
        return order
    facts = {"source": source, "placed_by": by, "api_token": api_token, "placed_from": address, "purchase_order": purchase_order}
    try:
        asked_of_vendor(judged(subscription, wish, reader=reader, at=at), at=at)
        return _place(subscription_id, wish, quote_seen=quote_seen, reader=reader, key=key, facts=facts, at=at)
    except (AmendmentRefused, IntegrityError) as error:
        if (order := _same(subscription, key)) is not None:  # the other click of two was faster
            return order
        if isinstance(error, AmendmentRefused) or ONE_AT_A_TIME not in str(error):
            raise
        raise AmendmentRefused(f"Another change of subscription {subscription} has been ordered at this moment.") from None


@transaction.atomic(durable=True)
def take_back_cancellation(*, subscription_id: int, by: User | None, at: datetime) -> Subscription:
    """
    Let a subscription go on whose end was planned. Repeated, nothing.

    :raises DomainError: it has ended meanwhile.
    """
    return subscriptions.keep(subscription_id=subscription_id, by=by, at=at)


def give_up_outlived(*, at: datetime) -> int:
    """
    Cancel the orders that wait, or failed, although what they were to change has ended; tell how many. Repeated, nothing.

    What was invoiced for them in advance is credited.
    """
    waiting = [Order.Status.PLACED, Order.Status.HELD, Order.Status.AWAITING_PAYMENT, Order.Status.FAILED]
    unfinished = OrderLine.objects.amendments().unfinished()
    ended = unfinished.filter(order__status__in=waiting, subscription__status=Subscription.Status.ENDED)
    found = list(ended.order_by("order").values_list("order", flat=True)[:SWEEP_LIMIT])
    return sum(_give_up(order_id, waiting, at=at) for order_id in found)


@transaction.atomic(durable=True)
def _give_up(order_id: int, waiting: Sequence[str], *, at: datetime) -> bool:
    order = Order.objects.locked().select_related("buyer", "consumer__parent").get(pk=order_id)
    if order.status not in waiting:
        return False
    orders.give_up(order, because="The subscription has ended before it could be changed.", at=at)
    return True


@transaction.atomic(durable=True)
def _place(
    subscription_id: int,
    wish: AmendmentWish,
    *,
    quote_seen: str,
    reader: Organization | None,
    key: UUID,
    facts: dict[str, Any],
    at: datetime,
) -> Order:
    gates.lock_consumer(_read(subscription_id).consumer)  # as everybody does who orders for it
    Subscription.objects.locked().get(pk=subscription_id)
    subscription = _read(subscription_id)
    if (order := _same(subscription, key)) is not None:
        return order
    asked = judged(subscription, wish, reader=reader, at=at)
    quote = _quoted(asked, reader=reader, at=at)
    if quote.fingerprint != quote_seen:
        raise refusals.PricesChanged("What this change costs has changed since you saw it. Nothing is ordered yet.")
    order = orders.new_order(
        key=key, buyer=subject.buyer_of(subscription, reader), consumer=subscription.consumer, placed_at=at, **facts
    )
    OrderLine.objects.create(order=order, **_line_facts(order, asked, quote, at=at))
    notifications.order_placed(order, at=at)
    is_msps = reader is not None and reader.kind == Organization.Kind.MSP
    if order.source != Order.Source.BSS and not is_msps:
        gates.receive(order, by=order.placed_by, at=at)
        emails.amendment_ordered(order)  # which says what happens next
    return order


def _read(subscription_id: int) -> Subscription:
    related = ("consumer__parent", "plan__product_group", "plan__service_manager", "service__service_manager", "service__tenant")
    return Subscription.objects.select_related(*related).get(pk=subscription_id)


def _same(subscription: Subscription, key: UUID) -> Order | None:
    """
    Return the order that was made of the form with this ``key`` before.

    :raises AmendmentRefused: it was sent for something else.
    """
    order = Order.objects.filter(key=key).first()
    if order is not None and not order.lines.filter(subscription=subscription).exists():
        raise AmendmentRefused("This form was sent for something else already. Open the page of the service anew.")
    return order


# --- The quote ------------------------------------------------------------------------------------------------------------------


def _quoted(asked: Asked, *, reader: Organization | None, at: datetime) -> AmendmentQuote:
    seen = levels_seen(asked.subscription, subject.buyer_of(asked.subscription, reader))
    found = [cost_of_change(asked.subscription, change=asked.change, level=level, at=at) for level in seen]
    costs = [end_cost(cost) for cost in found]
    is_staff = reader is None or reader.kind == Organization.Kind.MSP
    rows = compared(asked.before, asked.after, whose=subject.reader_level(asked.subscription, reader), is_staff=is_staff)
    told = heading(asked.wish.kind, asked.before, asked.after, ends=asked.wish.ends)
    first_day = found[0].first_day
    return AmendmentQuote(
        wish=asked.wish,
        heading=told,
        before=asked.before,
        after=asked.after,
        rows=rows,
        first_day=first_day,
        costs=costs if asked.after.is_fixed else [],
        warnings=asked.warnings,
        fingerprint=fingerprint([*_agreed_to(told, first_day, rows, costs), list(asked.warnings)]),
    )


def _agreed_to(told: str, first_day: date, rows: Sequence[Row], costs: Sequence[EndCost]) -> list[list[Any]]:
    """Return everything the reader agrees to. What was used above the quota is owed whatever is agreed, so it may go on growing."""
    return [
        [told, first_day.isoformat()],
        *([row.label, row.before, row.after] for row in rows),
        *([cost.level, {**cost.as_json(), "overage_first": ""}] for cost in costs),
    ]


def end_cost(cost: ChangeCost) -> EndCost:
    """Return what the change costs at one end of the sale, in words and figures that can be kept."""
    return EndCost(
        level=cost.level,
        currency=cost.currency,
        parts=[
            Part(
                f"{part.quantity:,} × {part.plan_name}, {day(part.days.start)} to {day(part.days.last_day)}:"
                f" {part.days.days} of {part.of.days} days",
                part.net,
                part.is_new,
            )
            for part in cost.parts
        ],
        more=cost.difference.charged,
        less=cost.difference.given_back,
        due_now=cost.due_now,
        credited=cost.credited,
        overage_first=cost.overage_due,
        next_invoice_on=cost.next_invoice_on,
        next_invoice=cost.next_invoice,
        until_end=cost.until_end,
    )


def _line_facts(order: Order, asked: Asked, quote: AmendmentQuote, *, at: datetime) -> dict[str, Any]:
    """Return what the order line copies: what is to be, what was before, and what it was quoted at on every level of the sale."""
    subscription, after = asked.subscription, asked.after
    levels = levels_seen(subscription, None)
    costs = [end_cost(cost_of_change(subscription, change=asked.change, level=level, at=at)) for level in levels]
    percents = ("partner_discount_percent", "retail_markup_percent", "retail_discount_percent")
    facts: dict[str, Any] = {name: getattr(subscription, name) for name in percents}
    if asked.wish.kind == OrderLine.Kind.PLAN:
        facts = selling.agreed_terms(order, asked.plan)
    return {
        **facts,
        "kind": asked.wish.kind,
        "plan": asked.plan,
        "plan_name": after.plan_name,
        "billing_model": after.billing_model,
        "quantity": after.quantity,
        "term_months": after.term_months,
        "prices": [price.as_json() for price in after.prices],
        "module_wish": after.module_wish,
        "protection_model": after.protection_model,
        "file_sync_model": after.file_sync_model,
        "ends": asked.wish.ends,
        "subscription": subscription,
        "service": subscription.service,
        "role": "",
        "quote": {
            "before": asked.before.as_json(),
            "first_day": quote.first_day.isoformat(),
            "costs": [cost.as_json() for cost in costs] if after.is_fixed else [],
            "fingerprint": quote.fingerprint,
        },
    }
