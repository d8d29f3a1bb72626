"""What can be changed of a subscription, what is under way, and what it runs under now."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from accounts.models import Organization, local_date
from billing.models import Subscription, SubscriptionPrice
from billing.queries.amendment_costs import Change
from billing.queries.paid_terms import term_end
from catalog.models import Plan, PlanQuerySet
from catalog.pricing import Amounts, Level
from catalog.queries.offers import Offer, SoldPrice, offers
from common.errors import DomainError
from common.money import round_money
from common.templatetags.show import day
from ordering import module_wishes
from ordering.amendment_terms import RunsUnder
from ordering.models import OrderLine, largest_quantity
from provisioning.models import Service


class AmendmentUnderWay(DomainError):
    """The subscription is being changed already; one at a time."""


@dataclass(frozen=True, slots=True)
class TermChoice:
    """A term of a plan. Prices are of one unit for the whole term, excl. VAT, at the reader's own end of the chain."""

    months: int
    currency: str
    price: Decimal
    retail: Amounts | None = None
    """What a reseller's customer pays; only where the reader is the reseller, or staff."""
    retail_currency: str = ""

    @property
    def label(self) -> str:
        return "1 month" if self.months == 1 else f"{self.months} months"

    @property
    def per_month(self) -> Decimal:
        """Of one unit, rounded, to compare terms by."""
        return round_money(self.price / self.months, self.currency)


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """
    Another plan that the subscription can change to.

    ``terms`` are empty where it is priced by use; then the licensing models can be chosen.
    """

    plan: Plan
    terms: Sequence[TermChoice]
    largest_quantity: int
    keeps_term: bool
    """Whether it is sold for the present term; else another one has to be chosen with it."""
    is_dearer: bool | None
    """Whether a month of one unit costs more than now, by the same or else the shortest term; None where it is priced by use."""


@dataclass(frozen=True, slots=True)
class CancelChoice:
    """A moment at which the subscription can end. ``last_day`` is the last that is served and billed, in the MSP's time zone."""

    ends: str
    label: str
    last_day: date


@dataclass(frozen=True, slots=True)
class Choices:
    """
    What can be changed. Empty parts cannot be; ``closed_because`` says why nothing can, or nothing but taking a cancellation back.

    :param under_way: the line that changes it already.
    :param planned_end: the first day it will not run any more, where that is planned.
    """

    subscription: Subscription
    present: RunsUnder
    closed_because: str = ""
    under_way: OrderLine | None = None
    planned_end: date | None = None
    largest_quantity: int = 1
    plans: list[PlanChoice] = field(default_factory=list)
    terms: list[TermChoice] = field(default_factory=list)
    cancel: list[CancelChoice] = field(default_factory=list)

    @property
    def has_quantity(self) -> bool:
        return self.largest_quantity > 1

    @property
    def has_any(self) -> bool:
        return bool(self.has_quantity or self.plans or self.terms or self.cancel)


def choices(subscription: Subscription, *, reader: Organization | None, at: datetime) -> Choices:
    """
    Return what ``reader`` can change of ``subscription`` now. A bounded number of queries, and nothing is asked of the vendor.

    :param reader: the consumer, its reseller, or None for staff, who order in the name of whoever is invoiced by the MSP.
    """
    present = runs_under(subscription, at=at)
    under_way = amendment_under_way(subscription)
    closed = Choices(
        subscription, present, closed_because(subscription, under_way), under_way=under_way, planned_end=subscription.cancels_on
    )
    if subscription.status == Subscription.Status.ENDED or subscription.service.ended_at is not None or under_way is not None:
        return closed
    today = local_date(at, msp())
    now = CancelChoice(OrderLine.Ends.NOW, "Now", today)
    if subscription.cancels_on is not None:
        return Choices(subscription, present, closed.closed_because, planned_end=subscription.cancels_on, cancel=[now])
    buyer = buyer_of(subscription, reader)
    plans = list(sold_plans(subscription, buyer, at=at).select_related("product_group", "service_manager"))
    priced = _terms(plans, subscription, reader, at=at)
    own = next((plan for plan in plans if plan.pk == subscription.plan_id), None)
    others = [plan for plan in plans if plan.pk != subscription.plan_id and (priced.get(plan.pk) or not plan.is_fixed)]
    level = reader_level(subscription, reader)
    return Choices(
        subscription,
        present,
        largest_quantity=largest_quantity(subscription.plan) if own else min(largest_quantity(subscription.plan), present.quantity),
        plans=[_plan_choice(plan, priced.get(plan.pk, []), present, level) for plan in others],
        terms=[term for term in priced.get(own.pk, []) if term.months != present.term_months] if own else [],
        cancel=[now, CancelChoice(OrderLine.Ends.AT_END_OF_TERM, "At the end of the term", last_day_of_term(subscription, today))],
    )


def closed_because(subscription: Subscription, under_way: OrderLine | None) -> str:
    """Say why nothing can be changed of it, or nothing but its end; empty where something can."""
    if subscription.status == Subscription.Status.ENDED:
        return f"Subscription {subscription} has ended. Order the service anew."
    if subscription.service.ended_at is not None:
        return f"The service of subscription {subscription} was terminated."
    if under_way is not None:
        return f"Order {under_way.order} changes subscription {subscription} already. Wait until it is done, or cancel it."
    if subscription.cancels_on is not None:
        return f"Subscription {subscription} ends after {day(last_day(subscription.cancels_on))}. Take the cancellation back first."
    return ""


def amendment_under_way(subscription: Subscription) -> OrderLine | None:
    """Return the line that changes the subscription and is neither done nor given up; one that failed keeps nobody waiting."""
    under_way = OrderLine.objects.amendments().filter(
        subscription=subscription, status__in=[OrderLine.Status.WAITING, OrderLine.Status.EXECUTING]
    )
    return under_way.select_related("order").first()


def check_alone(line: OrderLine) -> None:
    """
    Let ``line`` pass if no other one changes its subscription; a step inside the transaction that begins with it.

    :raises AmendmentUnderWay: there is one, see `orderline_one_amendment_at_a_time`.
    """
    subscription = Subscription.objects.locked().get(pk=line.subscription_id or 0)
    other = amendment_under_way(subscription)
    if other is not None and other != line:
        raise AmendmentUnderWay(
            f"Order {other.order} changes subscription {subscription} already. Wait until it is done, or cancel it."
        )


def amendments_of(subscription: Subscription) -> list[OrderLine]:
    """Return every change that was ordered of the subscription, the newest first."""
    return list(OrderLine.objects.amendments().filter(subscription=subscription).select_related("order").order_by("-pk"))


def runs_under(subscription: Subscription, *, at: datetime) -> RunsUnder:
    """Return what the subscription runs under: what was sold, and what the service is to have at the vendor now."""
    service: Service = subscription.service
    return RunsUnder(
        plan_name=subscription.plan_name,
        billing_model=subscription.billing_model,
        quantity=subscription.quantity,
        term_months=subscription.term_months,
        prices=present_prices(subscription, on=local_date(at, msp())),
        module_wish=module_wishes.of_service(service),
        protection_model=service.protection_model,
        file_sync_model=service.file_sync_model,
    )


def present_prices(subscription: Subscription, *, on: date) -> list[SoldPrice]:
    """Return what it is invoiced at on that day, or from its first billed day on, one a level; none where it is priced by use."""
    rows = SubscriptionPrice.objects.standing().filter(subscription=subscription).order_by("level", "valid_from", "pk")
    by_level: dict[str, SubscriptionPrice] = {}
    for row in rows:
        if row.level not in by_level or row.valid_from <= on:
            by_level[row.level] = row
    order = {level: number for number, level in enumerate(Level)}
    return sorted((_sold(row) for row in by_level.values()), key=lambda price: order[price.level])


def change_of(line: OrderLine) -> Change:
    """Return what an order line changes, as billing takes it."""
    prices = [SoldPrice.from_json(price) for price in line.prices]
    match line.kind:
        case OrderLine.Kind.QUANTITY:
            return Change(line.kind, quantity=line.quantity)
        case OrderLine.Kind.TERM:
            return Change(line.kind, term_months=line.term_months, prices=prices)
        case OrderLine.Kind.CANCEL:
            at_end = line.ends == OrderLine.Ends.AT_END_OF_TERM
            return Change(line.kind, ends_on=date.fromisoformat(line.quote["first_day"]) if at_end else None)
    return Change(
        line.kind,
        quantity=line.quantity,
        plan=line.plan,
        term_months=line.term_months,
        prices=prices,
        plan_name=line.plan_name,
    )


def sold_plans(subscription: Subscription, buyer: Organization, *, at: datetime) -> PlanQuerySet:
    """
    Return the plans that are sold to ``buyer`` and what runs can be changed to, its own included.

    They are of the same product, billing model and service manager; of what is paid in advance also of the same venture, whose
    invoices what was paid stands on.
    """
    found = Plan.objects.for_sale_to(buyer, on=local_date(at, buyer)).filter(
        product_group__product=subscription.plan.product_group.product_id,
        billing_model=subscription.billing_model,
        service_manager=subscription.service.service_manager_id,
    )
    if subscription.billing_model == Plan.BillingModel.PREPAID:
        return found.filter(venture=subscription.plan.venture_id)
    return found


def buyer_of(subscription: Subscription, reader: Organization | None) -> Organization:
    """Return who orders a change: the organization that asks; for staff it is whoever the MSP invoices."""
    if reader is None or reader.kind == Organization.Kind.MSP:
        return subscription.consumer.reseller or subscription.consumer
    return reader


def reader_level(subscription: Subscription, reader: Organization | None) -> Level | None:
    """Return whose end of the chain ``reader`` sees, see `costs.of_sale`: staff and the reseller see both ends of a sale."""
    reseller = subscription.consumer.reseller
    is_above = reader is None or reader.kind == Organization.Kind.MSP or reader == reseller
    return Level.WHOLESALE if reseller is not None and is_above else None


def last_day_of_term(subscription: Subscription, today: date) -> date:
    """Return the last day of the term that runs on ``today``, a day of the MSP's."""
    return last_day(term_end(subscription, on=today))


def last_day(first_day_after: date) -> date:
    return first_day_after - timedelta(days=1)


def msp() -> Organization:
    return Organization.objects.get(kind=Organization.Kind.MSP)


def _terms(
    plans: Sequence[Plan], subscription: Subscription, reader: Organization | None, *, at: datetime
) -> dict[int, list[TermChoice]]:
    """Return by plan the terms that have a price at every end of the sale, the shortest first."""
    consumer = subscription.consumer
    buyer = buyer_of(subscription, reader)
    on = local_date(at, buyer)
    theirs = offers(plans, consumer, on=on)
    if reader_level(subscription, reader) is not Level.WHOLESALE:
        return {plan: [_term(offer, None) for offer in found] for plan, found in theirs.items()}
    assert consumer.reseller is not None  # or there were no wholesale level
    own = {(plan, offer.term_months): offer for plan, found in offers(plans, consumer.reseller, on=on).items() for offer in found}
    return {
        plan: [_term(own[plan, offer.term_months], offer) for offer in found if (plan, offer.term_months) in own]
        for plan, found in theirs.items()
    }


def _term(own: Offer, retail: Offer | None) -> TermChoice:
    if retail is None:
        return TermChoice(own.term_months, own.currency, own.amounts.price)
    return TermChoice(own.term_months, own.currency, own.amounts.price, retail.amounts, retail.currency)


def _plan_choice(plan: Plan, terms: Sequence[TermChoice], present: RunsUnder, level: Level | None) -> PlanChoice:
    same = next((term for term in terms if term.months == present.term_months), None)
    cost = present.cost(level)
    is_dearer = None
    if terms and cost is not None:
        is_dearer = (same or terms[0]).per_month > round_money(cost.own.unit.price / present.term_months, cost.own.currency)
    return PlanChoice(plan, terms, largest_quantity(plan), same is not None or not plan.is_fixed, is_dearer)


def _sold(row: SubscriptionPrice) -> SoldPrice:
    """Return what a row says; its working tells the steps that led to the price."""
    amounts = Amounts(row.price, row.setup_fee, row.overage_price)
    steps = SoldPrice.from_json(row.working).steps if row.working.get("steps") else []
    return SoldPrice(Level(row.level), row.currency, amounts, steps)
