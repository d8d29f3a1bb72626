"""What is agreed with a subscriber beside the rate card, and from which months on something else could be."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from billing.models import Invoice, InvoiceLine, Subscription, SubscriptionAllowance, SubscriptionCommitment
from catalog.queries.metered_items import MeteredItem, metered_items, with_any_edition
from common.periods import add_months

MONTHS_AHEAD = 24


@dataclass(frozen=True, slots=True)
class AgreedAllowance:
    """A dated row with its item as people read it. ``state`` is planned, valid, past, or ended where it says nothing is free."""

    row: SubscriptionAllowance
    item: MeteredItem
    state: str


@dataclass(frozen=True, slots=True)
class AgreedCommitment:
    row: SubscriptionCommitment
    state: str


def items_of(subscription: Subscription) -> list[MeteredItem]:
    """Return what can be agreed upon: what the vendor meters for the subscription's plan."""
    return with_any_edition(metered_items(subscription.plan))


def allowances(subscription: Subscription, *, on: date) -> list[AgreedAllowance]:
    """Return every row, by item, the newest first; an item that is metered no more keeps its name."""
    known = {(one.name, one.edition): one for one in items_of(subscription)}
    rows = subscription.allowances.select_related("created_by").order_by("item", "edition", "-valid_from")
    found: list[AgreedAllowance] = []
    begun: set[tuple[str, str]] = set()
    for row in rows:
        key = (row.item, row.edition)
        item = known.get(key) or MeteredItem(row.edition, row.item, "unit")
        found.append(AgreedAllowance(row, item, _state(row.valid_from, row.quantity, on, is_newest=key not in begun)))
        if row.valid_from <= on:
            begun.add(key)
    return found


def commitments(subscription: Subscription, *, on: date) -> list[AgreedCommitment]:
    """Return every row, the newest first."""
    found: list[AgreedCommitment] = []
    has_begun = False
    for row in subscription.commitments.select_related("created_by").order_by("-valid_from"):
        found.append(AgreedCommitment(row, _state(row.valid_from, row.amount, on, is_newest=not has_begun)))
        has_begun = has_begun or row.valid_from <= on
    return found


def open_months(subscription: Subscription, *, today: date) -> list[date]:
    """Return the days from which something can be agreed: its first day, and the first of each month nothing was invoiced for."""
    issued = InvoiceLine.objects.filter(subscription=subscription, invoice__status=Invoice.Status.ISSUED)
    last = issued.order_by("-period_end").values_list("period_end", flat=True).first()
    first = max(subscription.started_on, last or subscription.started_on)
    start = first if first in (subscription.started_on, first.replace(day=1)) else add_months(first.replace(day=1), 1)
    until = add_months(max(today, start).replace(day=1), MONTHS_AHEAD)
    days = [start]
    while (following := add_months(days[-1].replace(day=1), 1)) <= until:
        days.append(following)
    return [day for day in days if subscription.ended_on is None or day < subscription.ended_on]


def _state(valid_from: date, amount: Decimal, on: date, *, is_newest: bool) -> str:
    if valid_from > on:
        return "planned"
    if not is_newest:
        return "past"
    return "valid" if amount else "ended"
