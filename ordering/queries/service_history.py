"""What happened to a service since it was ordered: orders, changes, suspensions, its end."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Organization
from billing.models import Subscription
from ordering.models import Order, OrderLine
from provisioning.models import Hold

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, what, by whom where a person or a program did it, and by which order."""

    at: datetime
    sentence: str
    by: str = ""
    order_number: str = ""


_DONE = {
    OrderLine.Kind.NEW: "Ordered {plan}",
    OrderLine.Kind.QUANTITY: "Quantity changed to {quantity:,}",
    OrderLine.Kind.PLAN: "Changed to {plan}",
    OrderLine.Kind.TERM: "Term changed to {term}",
    OrderLine.Kind.CANCEL: "Cancelled{when}",
}
_STANDS = {
    OrderLine.Status.WAITING: " (waits)",
    OrderLine.Status.EXECUTING: " (in progress)",
    OrderLine.Status.FAILED: " (failed; nothing has changed)",
    OrderLine.Status.CANCELLED: " (given up; nothing has changed)",
}


def service_history(subscription: Subscription, *, reader: Organization) -> list[Happening]:
    """
    Return what happened to ``subscription``, the oldest first, as far as ``reader`` sees the orders: two queries.

    Members of staff are not named: who of them it was is told in the back office.
    """
    lines = OrderLine.objects.filter(subscription=subscription, order__in=Order.objects.of(reader))
    lines = lines.exclude(order__status=Order.Status.DRAFT).select_related("order__placed_by", "order__api_token")
    found = [_ordered(line) for line in lines.order_by("-pk")[:LONGEST]]
    for hold in Hold.objects.filter(tenant=subscription.service.tenant_id, opened_at__gte=subscription.created_at):
        found.append(Happening(hold.opened_at, f"Suspended: {hold.get_reason_display().lower()}"))
        if hold.released_at is not None:
            found.append(Happening(hold.released_at, f"Suspension lifted: {hold.get_reason_display().lower()}"))
    if subscription.service.ended_at is not None:
        found.append(Happening(subscription.service.ended_at, "Terminated"))
    return sorted(found, key=lambda one: one.at)


def _ordered(line: OrderLine) -> Happening:
    order = line.order
    when = " at the end of the term" if line.ends == OrderLine.Ends.AT_END_OF_TERM else ""
    said = _DONE[OrderLine.Kind(line.kind)].format(
        plan=line.plan_name, quantity=line.quantity, term=line.get_term_months_display(), when=when
    )
    sentence = said + _STANDS.get(OrderLine.Status(line.status), "")
    is_staffs = order.source == Order.Source.BSS
    return Happening(order.placed_at, sentence, "our staff" if is_staffs else order.placer, order.number)
