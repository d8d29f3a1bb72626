"""
Prepaid: a term is invoiced before it begins. The first with the order, each later one some days before the last one ends.

What was invoiced for a term is what its lines say, whichever document they stand on; where quantity, plan or term changed since, or
the subscription ended before its term did, the difference is invoiced, or given back.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from accounts.models import Organization, User, local_date
from billing import prepaid
from billing.adjusting import Billed, lines_due
from billing.descriptions import describe
from billing.fixed import FixedCharge, Terms
from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations import drafts
from billing.operations.drafts import Bill, Line
from billing.operations.overage import Moment, bill_overage
from billing.operations.single_invoices import buyer_of, issue_all, issue_left_over, sellers_of, sellers_to, write_drafts
from billing.queries import paid_terms, sold
from billing.queries.amendment_costs import Change, changed_terms, cost_of_change
from billing.queries.billed import Item
from billing.queries.open_overage import OverageNotBilled
from billing.queries.paid_terms import Invoiced, SoldAs, term_to_come
from billing.queries.rating_inputs import TaxTerms, price_book
from billing.queries.sold import Sold
from billing.rating import plain
from billing.taxing import Treatment
from catalog.models import Plan
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.errors import DomainError
from common.periods import Period, add_months

logger = logging.getLogger(__name__)

SWEEP_LIMIT = 500
GIVEN_BACK_FOR = timedelta(days=62)
"""So long after its end a subscription is looked at for what was paid of its last term and not used."""


class PriceMissing(DomainError):
    """An order line to be paid in advance names no price for one of its sellers."""


@dataclass(frozen=True, slots=True)
class AdvanceLine:
    """An order line that is paid before it is executed. ``prices`` are what it was sold at, one a level."""

    order_key: str
    consumer: Organization
    plan: Plan
    plan_name: str
    quantity: int
    term_months: int
    prices: Sequence[SoldPrice]


def invoice_in_advance(lines: Sequence[AdvanceLine], *, at: datetime, by: User | None) -> list[Invoice]:
    """
    Invoice the first term of ``lines``, all for one consumer, by each of its sellers, and issue it; the setup fee comes with it.

    The term is printed as beginning on the day of ``at``; it truly begins when the service does. Repeated with the same order keys,
    the same invoices. Opens transactions of its own; killed in between, a draft is left that `issue_left_over` issues.

    :raises PriceMissing: a line has no price for one of its sellers.
    """
    (consumer,) = {line.consumer for line in lines}
    for seller in sellers_to(consumer):
        issue_all(_draft_in_advance(seller, buyer_of(seller, consumer), lines, at=at), at=at, by=by)
    keys = [line.order_key for line in lines]
    found = Invoice.objects.filter(kind=Invoice.Kind.ADVANCE, lines__order_key__in=keys).distinct().order_by("pk")
    return issue_all(found.select_related("seller"), at=at, by=by)


def invoice_change_in_advance(
    *, subscription_id: int, order_key: str, change: Change, at: datetime, by: User | None
) -> list[Invoice]:
    """
    Invoice, by each seller, what ``change`` costs a prepaid subscription more for the terms that are invoiced, as if it took effect
    today, and issue it. Where it costs a buyer nothing more, there is no invoice: `renew` gives back once it took effect.

    The lines bear ``order_key``. They count for nothing until a phase bears it, too (`phases.begin_phase`); from then on they are
    the subscription's own, and `renew` invoices or gives back what differs because it took effect on another day. What is due
    without the change is invoiced before, on documents of its own.

    Repeated with the same order key, the same invoices. Opens transactions of its own; killed in between, it is completed when
    repeated, and a draft that is left is issued by `issue_left_over`.

    :raises FixedPriceMissing: or `SoldInTwoCurrencies`: it cannot be invoiced.
    """
    subscription = Subscription.objects.select_related("consumer__parent", "plan").get(pk=subscription_id)
    is_open = subscription.status == Subscription.Status.ACTIVE and not subscription.phases.filter(order_key=order_key).exists()
    if subscription.billing_model == Plan.BillingModel.PREPAID and is_open:
        renew(subscription_id=subscription_id, at=at, by=by)
        for seller in sellers_of(subscription):
            issue_all(_draft_change(seller, subscription, order_key, change, at=at), at=at, by=by)
    found = Invoice.objects.filter(kind=Invoice.Kind.ADVANCE, lines__order_key=order_key).distinct().order_by("pk")
    return issue_all(found.select_related("seller"), at=at, by=by)


def renew_due(*, at: datetime) -> int:
    """
    Invoice the terms that begin within their product group's notice, and what changed of terms that were invoiced; tell how many
    invoices were issued. Overage is billed at renewal, too. Repeated, nothing.

    One subscription that cannot be invoiced does not keep the others from it; it is tried again the next time, and logged.
    """
    issue_left_over(at=at)
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    issued = 0
    for pk in _to_look_at(today):
        try:
            issued += len(renew(subscription_id=pk, at=at))
        except DomainError as refusal:
            logger.warning("subscription not renewed", extra={"subscription": pk, "reason": str(refusal)})
        except Exception:  # whatever is wrong with one keeps nobody else waiting
            logger.exception("subscription not renewed", extra={"subscription": pk})
    return issued


def renew(*, subscription_id: int, at: datetime, by: User | None = None, next_term: bool = False) -> list[Invoice]:
    """
    Invoice what is due of one prepaid subscription: terms that are near, and differences of those that were invoiced.

    :param next_term: also the next term to begin, however far off that is. Repeated, nothing: a term further on is not invoiced.
    :raises FixedPriceMissing: or `SoldInTwoCurrencies`: it cannot be invoiced.
    """
    subscription = Subscription.objects.select_related("consumer__parent").get(pk=subscription_id)
    term = term_to_come(subscription, at=at) if next_term else None
    until = term.start + timedelta(days=1) if term else date.min
    written = [one for seller in sellers_of(subscription) for one in _draft_renewal(seller, subscription, at=at, least=until)]
    issued = issue_all(written, at=at, by=by)
    if issued and subscription.status == Subscription.Status.ACTIVE:
        try:
            issued += bill_overage(subscription_id=subscription_id, moment=Moment.RENEWAL, at=at, by=by)
        except OverageNotBilled as refusal:
            logger.warning("overage not billed", extra={"subscription": subscription.number, "reason": str(refusal)})
    return issued


# --- In advance -------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def _draft_in_advance(seller: Organization, buyer: Organization, lines: Sequence[AdvanceLine], *, at: datetime) -> list[Invoice]:
    """Write what one seller invoices of ``lines`` as drafts, one per venture and currency; what is written already is left out."""
    buyer = Organization.objects.locked().get(pk=buyer.pk)
    level = drafts.level_of(seller, buyer)
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    known = InvoiceLine.objects.filter(invoice__seller=seller, order_key__in=[line.order_key for line in lines])
    written = set(known.values_list("order_key", flat=True))
    groups = {line.plan.product_group_id for line in lines}
    taxes = price_book(groups, Period.month_of(today)).taxes
    treated = drafts.treatment_of(seller, buyer)
    bills: dict[tuple[int, str], Bill] = {}
    for line in lines:
        if line.order_key in written:
            continue
        at_level = next((price for price in line.prices if price.level == level), None)
        if at_level is None:
            raise PriceMissing(f"{line.plan_name} has no price of {seller} for {buyer}.")
        key = (line.plan.venture_id, at_level.currency)
        bill = bills.setdefault(key, Bill(buyer.pk, *key, treated, []))
        bill.lines.extend(_first_term(line, at_level, today, taxes, treated))
    longest = max((line.term_months for line in lines), default=1)
    period = Period(today, add_months(today, longest))
    return write_drafts(seller, bills.values(), kind=Invoice.Kind.ADVANCE, period=period, at=at)


def _first_term(
    line: AdvanceLine, price: SoldPrice, today: date, taxes: dict[int, tuple[TaxTerms, ...]], treated: Treatment
) -> list[Line]:
    dated = sold.dated(price, valid_from=today, quantity=line.quantity, term_months=line.term_months, plan_name=line.plan_name)
    days = Period(today, add_months(today, line.term_months))
    charges = prepaid.charges(prepaid.PaidTerm(1, days, days), [dated], level=price.level.value)
    who = _Who(None, line.order_key, line.consumer.name, [(today, SoldAs(line.plan.product_group_id, line.plan_name))])
    return _lines(charges, {}, {}, who, price.currency, taxes, treated)


@transaction.atomic(durable=True)
def _draft_change(
    seller: Organization, subscription: Subscription, order_key: str, change: Change, *, at: datetime
) -> list[Invoice]:
    """Write what one seller invoices of a change before it takes effect as a draft, once; none where it costs nothing more."""
    seen = _see(seller, subscription, at=at)
    if InvoiceLine.objects.filter(invoice__seller=seller, order_key=order_key).exists():
        return []
    if cost_of_change(subscription, change=change, level=Level(seen.level), at=at).due_now == 0:
        return []
    plan = change.plan or subscription.plan
    until = paid_terms.horizon(plan.pk, seen.today)
    visible = paid_terms.seen_until(until, seen.invoiced.begun)
    terms = changed_terms(seen.one, change, Level(seen.level), on=seen.today, before=visible)
    plan_name = change.plan_name or (change.plan.name if change.plan else subscription.plan_name)
    plans = [*_plans(seen.one), (seen.today, SoldAs(plan.product_group_id, plan_name))]
    who = _Who(None, order_key, seen.one.consumer_name, plans)
    return _draft_due(seen, terms, who, until=until, kind=Invoice.Kind.ADVANCE, at=at)


# --- Renewals ---------------------------------------------------------------------------------------------------------------


def _to_look_at(today: date) -> list[int]:
    """Return the prepaid subscriptions that run, or ended a short while ago."""
    lately = Q(status=Subscription.Status.ACTIVE) | Q(ended_on__gt=today - GIVEN_BACK_FOR)
    prepaid_ones = Subscription.objects.filter(lately, billing_model=Plan.BillingModel.PREPAID)
    return list(prepaid_ones.order_by("pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _draft_renewal(seller: Organization, subscription: Subscription, *, at: datetime, least: date) -> list[Invoice]:
    """Write what one seller has still to invoice of a prepaid subscription as a draft; terms that begin before ``least`` anyway."""
    seen = _see(seller, subscription, at=at)
    until = max(paid_terms.horizon(subscription.plan_id, seen.today), least)
    prices = seen.one.fixed_prices(seen.level)
    visible = paid_terms.seen_until(until, seen.invoiced.begun)
    terms = Terms(seen.one.charged_from, seen.level, [price for price in prices if price.valid_from < visible])
    who = _Who(seen.one.pk, "", seen.one.consumer_name, _plans(seen.one))
    return _draft_due(seen, terms, who, until=until, kind=Invoice.Kind.RENEWAL, at=at)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A prepaid subscription as one seller sells it to the buyer it has locked."""

    seller: Organization
    buyer: Organization
    level: str
    one: Sold
    invoiced: Invoiced
    today: date


def _see(seller: Organization, subscription: Subscription, *, at: datetime) -> _Seen:
    buyer = Organization.objects.locked().get(pk=buyer_of(seller, subscription.consumer).pk)
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    (one,) = sold.read(drafts.subscriptions_of(seller).filter(pk=subscription.pk), before=date.max)
    return _Seen(seller, buyer, drafts.level_of(seller, buyer).value, one, paid_terms.invoiced_by(seller, one), today)


def _draft_due(seen: _Seen, terms: Terms, who: "_Who", *, until: date, kind: str, at: datetime) -> list[Invoice]:
    """Write what ``terms`` cost more, or less, than documents say as a draft; none where they agree."""
    currency = terms.prices[0].currency
    treated = drafts.treatment_of(seen.seller, seen.buyer)
    groups = {sold_as.product_group for sold_as in (*seen.invoiced.sold_as.values(), *(plan for _, plan in who.plans))}
    taxes = price_book(groups, Period.month_of(seen.today)).taxes
    lines: list[Line] = []
    for term, charges in prepaid.owed(terms, until=until, invoiced=seen.invoiced.begun, ends_on=seen.one.ends_on):
        billed = {
            item._replace(subscription_id=who.subscription_id or 0): found
            for item, found in seen.invoiced.items.items()
            if paid_terms.number_of(item.part) == term.number
        }
        most = seen.invoiced.left_of(term.number)
        lines += _lines(charges, billed, seen.invoiced.sold_as, who, currency, taxes, treated, fallback=term.days, most=most)
    if not lines:
        return []
    period = Period(min(line.days.start for line in lines), max(line.days.end for line in lines))
    bill = Bill(seen.buyer.pk, seen.one.venture_id, currency, treated, lines)
    return write_drafts(seen.seller, [bill], kind=kind, period=period, at=at)


@dataclass(frozen=True, slots=True)
class _Who:
    """
    Whom a line is for: a subscription, or an order line that waits to become one. ``plans``: what it is sold as from which day on.
    """

    subscription_id: int | None
    order_key: str
    consumer: str
    plans: Sequence[tuple[date, SoldAs]]

    def sold_as(self, day: date) -> SoldAs:
        """Return what it is sold as on ``day``; of one that began later it is the first."""
        (_, first), *_ = self.plans
        return next((plan for start, plan in reversed(self.plans) if start <= day), first)


def _plans(one: Sold) -> list[tuple[date, SoldAs]]:
    return [(phase.valid_from, SoldAs(phase.product_group, phase.plan_name)) for phase in one.phases]


def _lines(
    charges: Sequence[FixedCharge],
    billed: dict[Item, list[Billed]],
    billed_as: Mapping[tuple[str, str, Decimal], SoldAs],
    who: _Who,
    currency: str,
    taxes: dict[int, tuple[TaxTerms, ...]],
    treated: Treatment,
    fallback: Period | None = None,
    most: Decimal = Decimal(0),
) -> list[Line]:
    """Return what is still to be invoiced of one term; what is given back, at ``most``, bears the taxes it was charged with."""
    should = {Item(who.subscription_id or 0, one.charge.item, "", one.key): one.charge for one in charges}
    items = sorted({*should, *billed})
    dues = [(item, due) for item in items for due in lines_due(should.get(item), billed.get(item, ()), currency)]
    within = prepaid.given_back_within([due for _, due in dues], most)
    found: list[Line] = []
    for (item, _), due in zip(dues, within, strict=True):
        if due.net or due.quantity:
            days = _days(due.working, fallback)
            sold_as = billed_as.get((item.item, item.part, due.unit_price)) or who.sold_as(days.start)
            of_group = treated.taxes(taxes.get(sold_as.product_group, ()))
            found.append(
                Line(
                    subscription_id=who.subscription_id,
                    order_key=who.order_key,
                    product_group_id=sold_as.product_group,
                    item=item.item,
                    edition="",
                    part=item.part,
                    description=describe(item.item, "", due.working, kind=due.kind, plan=sold_as.plan_name),
                    days=days,
                    due=due,
                    tax_percent=sum((tax.percent for tax in of_group), Decimal(0)),
                    working={
                        **due.working,
                        "kind": due.kind.value,
                        "taxes": [[tax.name, plain(tax.percent)] for tax in of_group],
                        "consumer": who.consumer,
                        "plan": sold_as.plan_name,
                    },
                )
            )
    return found


def _days(working: dict[str, object], fallback: Period | None) -> Period:
    told = working.get("period")
    if isinstance(told, list):
        start, end = map(date.fromisoformat, told)
        return Period(start, end)
    assert fallback is not None, "only what was billed is taken back"
    return fallback
