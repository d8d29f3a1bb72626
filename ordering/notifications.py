"""
What programs are told of orders: one function per event, each a step inside the transaction in which it happens.

The same goes to the buyer, the consumer, the reseller above and the MSP, so a price, an address or a vendor's words are not in it;
the API tells each of them the rest.
"""

from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import WebhookEndpoint
from accounts.operations import webhooks
from ordering.models import Order, OrderLine
from ordering.queries import holds

Event = WebhookEndpoint.Event


def order_placed(order: Order, *, at: datetime) -> None:
    """An order has come in, by whichever way. Emitted when its lines are written."""
    _tell(Event.ORDER_PLACED, order, at)


def order_held(order: Order, *, at: datetime) -> None:
    """It waits for an approval or a release; `held_for` says which, as far as all who are told may know."""
    _tell(Event.ORDER_HELD, order, at)


def order_completed(order: Order, *, at: datetime) -> None:
    """Everything in it is carried out."""
    _tell(Event.ORDER_COMPLETED, order, at)


def order_failed(order: Order, *, at: datetime) -> None:
    """A line of it failed, and a person has to look. Told again each time a retry fails."""
    _tell(Event.ORDER_FAILED, order, at)


def order_cancelled(order: Order, *, at: datetime) -> None:
    """It was given up."""
    _tell(Event.ORDER_CANCELLED, order, at)


def _tell(event: Event, order: Order, at: datetime) -> None:
    webhooks.emit(event=event, organizations=[order.buyer, order.consumer], payload=partial(_facts, order), at=at)


def _facts(order: Order) -> dict[str, Any]:
    lines = order.lines.select_related("plan", "subscription").order_by("pk")
    return {
        "order": order.number,
        "status": order.status,
        "held_for": holds.what_a_consumer_may_know(order) or None,
        "source": order.source,
        "buyer": order.buyer.number,
        "consumer": order.consumer.number,
        "placed_at": order.placed_at.isoformat(),
        "lines": [_line(line) for line in lines],
        "url": settings.SITE_URL + reverse("api:order", args=[order.number]),
        "page_url": settings.SITE_URL + reverse("ordering:order", args=[order.number]),
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "status": line.status,
        "plan": line.plan.number,
        "plan_name": line.plan_name,
        "quantity": line.quantity,
        "term_months": line.term_months,
        "service": line.subscription.number if line.subscription is not None else None,
    }
