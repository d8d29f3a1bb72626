"""
What an order has to wait for before it is carried out, in the order in which it is judged.

1. The reseller's approval, where it approves what its customers order and the customer ordered for itself.
2. The customer's credit limit, set by its reseller, whoever of the two ordered. The reseller decides.
3. The credit limit that the MSP set for its buyer: the direct customer, or the reseller. Staff decide.

What somebody allowed is not asked again (`Order.let_through`). A limit counts what is unpaid, what was used and is not invoiced yet
(`billing.queries.credit`), the other orders that are being carried out, and what the order costs first: the setup fee and one month
of a postpaid price. What is priced by use costs nothing beforehand. What is paid before it is carried out is no credit: a prepaid
order is never held for the limit of whom the MSP invoices. A reseller's customer, though, pays its reseller, and for that nobody
waits; there a prepaid term counts whole. An amendment counts by what it adds; one that adds nothing is let through, also by a buyer
over its limit, and so is a cancellation.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.models import Organization, local_date
from billing.models import SubscriptionPhase, SubscriptionPrice
from billing.queries.credit import Credit, credit_of, level_between
from catalog.models import Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError
from common.money import round_money
from common.templatetags.show import money
from ordering.models import Order, OrderLine

NOTHING = Decimal(0)
_LONGEST = 500
_UNDER_WAY = (Order.Status.AWAITING_PAYMENT, Order.Status.EXECUTING, Order.Status.FAILED)


class CostUnknown(DomainError):
    """What an order line costs cannot be compared with a limit."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps an order, and why in a sentence."""

    held_for: Order.HeldFor
    because: str


@dataclass(frozen=True, slots=True)
class Room:
    """How an order fits below the credit limit of ``debtor``; amounts in its currency."""

    debtor: Organization
    seller: Organization
    credit: Credit
    under_way: Decimal
    cost: Decimal
    unknown: str = ""

    @property
    def total(self) -> Decimal:
        """What would be owed with the order."""
        return self.credit.used + self.under_way + self.cost

    @property
    def is_enough(self) -> bool:
        return not self.unknown and self.credit.allows(self.under_way + self.cost)

    @property
    def sentence(self) -> str:
        """Why it is not enough."""
        limit = money(self.credit.limit or NOTHING, self.credit.currency)
        reason = " ".join(filter(None, (self.unknown, self.credit.unknown)))
        if reason:
            return f"Nobody can say whether the credit limit of {self.debtor}, {limit}, allows this order. {reason}"[:_LONGEST]
        parts = {
            "unpaid": self.credit.unpaid,
            "used and not invoiced yet": self.credit.unbilled,
            "other orders in progress": self.under_way,
            "this order": self.cost,
        }
        told = ", ".join(f"{label} {money(amount, self.credit.currency)}" for label, amount in parts.items() if amount)
        total = money(self.total, self.credit.currency)
        return f"With this order {self.debtor} would owe {self.seller} {total}; its credit limit is {limit} ({told})."[:_LONGEST]


def hold_of(order: Order, *, at: datetime) -> Hold | None:
    """
    Return what ``order`` has to wait for now; None where nothing keeps it. Without limits and approvals only its lines are read.

    :param order: with its ``buyer`` and ``consumer__parent`` as they are now.
    """
    if needs_approval(order):
        return Hold(Order.HeldFor.APPROVAL, _asked_for(order.consumer.reseller))
    for debtor, held_for in _limits(order):
        room = room_of(order, debtor, at=at)
        if room is not None and not room.is_enough:
            return Hold(held_for, room.sentence)
    return None


def why_it_waits(order: Order, reader: Organization | None) -> list[str]:
    """
    Say what a held order waits for, who decides, and what the reader can do, as far as the reader may know.

    A reseller's customer never reads how the reseller stands with the MSP.

    :param reader: the organization that looks; None is staff.
    """
    reseller = order.consumer.reseller
    if order.held_for == Order.HeldFor.APPROVAL:
        if reader is not None and reader == reseller:
            is_asked_for = order.held_because == _asked_for(reader)
            return ["This order waits for your approval.", *([] if is_asked_for else [order.held_because])]
        return [order.held_because, f"{reseller} was asked and decides; you get a mail."]
    if reader is not None and reseller is not None and reader == order.consumer:
        return [f"{reseller} has something to settle before this order can begin. You need not do anything; you get a mail."]
    if reader is None:
        return [order.held_because, "It waits for its release, and goes on by itself as soon as the limit is enough."]
    return [
        order.held_because,
        "Our staff decide about it. It goes on by itself as soon as your credit limit is enough, as when an invoice is paid.",
    ]


def what_a_consumer_may_know(order: Order) -> str:
    """Return what ``order`` is held for, but nothing where that is the limit of the consumer's reseller."""
    is_resellers = order.held_for == Order.HeldFor.CREDIT_LIMIT and order.consumer.reseller is not None
    return "" if is_resellers else order.held_for


def what_happens_next(order: Order, reader: Organization | None) -> list[str]:
    """Say in sentences what happens with an order now that it was placed or went on."""
    if order.status == Order.Status.HELD:
        return why_it_waits(order, reader)
    words = {
        Order.Status.PLACED.value: "Our staff check it and begin.",
        Order.Status.AWAITING_PAYMENT.value: "The invoice follows; we begin once it is paid.",
    }
    return [words.get(order.status, "We are setting it up now.")]


def needs_approval(order: Order) -> bool:
    """Say whether the reseller has yet to approve what its customer ordered. Nobody has to approve a cancellation."""
    reseller = order.consumer.reseller
    return (
        reseller is not None
        and reseller.approves_customer_orders
        and order.buyer_id == order.consumer_id
        and Order.HeldFor.APPROVAL not in order.let_through
        and order.lines.exclude(kind=OrderLine.Kind.CANCEL).exists()
    )


def debtors(order: Order) -> list[Organization]:
    """Return whose limits ``order`` is measured by: a reseller's customer and the reseller, or the direct customer."""
    reseller = order.consumer.reseller
    return [order.consumer] if reseller is None else [order.consumer, reseller]


def room_of(order: Order, debtor: Organization, *, at: datetime) -> Room | None:
    """Return how ``order`` fits below the limit of ``debtor``; None where it has none, or the order asks for no credit of it."""
    if debtor.credit_limit is None:
        return None
    seller = debtor.parent
    assert seller is not None  # a buyer stands under its seller
    lines = [line for line in order.lines.select_related("subscription") if _asks_for_credit(line, debtor)]
    if not lines:
        return None
    unknown = ""
    cost = under_way = NOTHING
    try:
        cost = _cost(lines, debtor)
        if cost <= 0 and all(line.kind != OrderLine.Kind.NEW for line in lines):
            return None
        under_way = _cost(_lines_under_way(debtor, but=order), debtor)
    except CostUnknown as reason:
        unknown = str(reason)
    return Room(debtor, seller, credit_of(debtor, seller, at), under_way, cost, unknown)


def first_cost(line: OrderLine, debtor: Organization) -> Decimal:
    """
    Return what ``line`` costs ``debtor`` first, excl. VAT, in its currency: setup fee and a month, or a whole prepaid term.

    Of an amendment, what a month or term costs more than now; below nothing where it costs less.

    :raises CostUnknown: there is no price for the debtor, or in another currency.
    """
    if line.kind == OrderLine.Kind.CANCEL or line.billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        return NOTHING
    level = level_between(debtor)
    price = next((one for one in map(SoldPrice.from_json, line.prices) if one.level == level), None)
    if price is None:
        raise CostUnknown(f"{line.plan_name} has no price for {debtor}.")
    if price.currency != debtor.currency:
        raise CostUnknown(f"{line.plan_name} is priced in {price.currency}, the limit is in {debtor.currency}.")
    if line.module_wish.get("trial_days") and line.kind == OrderLine.Kind.NEW:
        return NOTHING
    ahead = _at_once(line.billing_model, price.amounts.price * line.quantity, line.term_months, price.currency)
    if line.kind == OrderLine.Kind.NEW:
        return ahead + price.amounts.setup_fee * line.quantity
    return ahead - _present_cost(line, debtor)


def _asked_for(reseller: Organization | None) -> str:
    return f"{reseller} approves what its customers order."


def _limits(order: Order) -> list[tuple[Organization, Order.HeldFor]]:
    """Return whose limit is asked, and what an order over it waits for."""
    reseller = order.consumer.reseller
    msps = (reseller or order.consumer, Order.HeldFor.CREDIT_LIMIT)
    asked = [msps] if reseller is None else [(order.consumer, Order.HeldFor.APPROVAL), msps]
    return [(debtor, held_for) for debtor, held_for in asked if held_for not in order.let_through]


def _asks_for_credit(line: OrderLine, debtor: Organization) -> bool:
    if line.kind == OrderLine.Kind.CANCEL:
        return False
    return line.billing_model != Plan.BillingModel.PREPAID or debtor.reseller is not None


def _lines_under_way(debtor: Organization, *, but: Order) -> list[OrderLine]:
    """Return the lines of other orders that were let go on and have become no subscription yet."""
    unfinished = OrderLine.objects.unfinished().filter(order__status__in=_UNDER_WAY).exclude(order=but)
    is_reseller = debtor.kind == Organization.Kind.RESELLER
    mine = unfinished.filter(order__consumer__parent=debtor) if is_reseller else unfinished.filter(order__consumer=debtor)
    return [line for line in mine.select_related("subscription", "order") if _asks_for_credit(line, debtor)]


def _cost(lines: Iterable[OrderLine], debtor: Organization) -> Decimal:
    return sum((first_cost(line, debtor) for line in lines), NOTHING)


def _at_once(billing_model: str, price: Decimal, term_months: int, currency: str) -> Decimal:
    if billing_model == Plan.BillingModel.PREPAID:
        return price
    return round_money(price / term_months, currency)


def _present_cost(line: OrderLine, debtor: Organization) -> Decimal:
    """Return what a month, or the prepaid term, of an amended subscription costs before the change; moves to come do not count."""
    assert line.subscription is not None  # an amendment has one; the database sees to it
    standing = SubscriptionPrice.objects.standing().filter(subscription=line.subscription, level=level_between(debtor))
    price = standing.filter(valid_from__lte=local_date(line.order.placed_at, debtor)).order_by("valid_from", "pk").last()
    phase = SubscriptionPhase.objects.filter(subscription=line.subscription).order_by("valid_from", "pk").last()
    if price is None or phase is None or price.currency != debtor.currency:
        return NOTHING
    return _at_once(line.billing_model, price.price * phase.quantity, phase.term_months, price.currency)
