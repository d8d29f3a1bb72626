"""
Prepaid: a term is invoiced before it begins. The first with the order, each later one some days before the last one ends.

What was invoiced for a term is what its lines say, whichever document they stand on; where quantity, plan or term changed since, or
the subscription ended before its term did, the difference is invoiced, or given back.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import F, Q

from accounts.models import Organization, User, local_date
from billing import prepaid
from billing.adjusting import Billed, lines_due
from billing.descriptions import describe
from billing.fixed import DatedPrice, FixedCharge
from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations import drafts
from billing.operations.drafts import Bill, Item, Line
from billing.operations.overage import Moment, OverageNotBilled, bill_overage
from billing.operations.single_invoices import buyer_of, issue_all, issue_left_over, sellers_of, sellers_to, write_drafts
from billing.prepaid import PaidTerm
from billing.queries import sold
from billing.queries.rating_inputs import TaxTerms, price_book
from billing.queries.sold import Sold
from billing.rating import plain
from billing.taxing import Treatment
from catalog.models import Plan, ProductGroup
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


def paid_until(subscription: Subscription) -> date | None:
    """Return the first day no term was invoiced for; None where none was, or it is not prepaid."""
    if subscription.billing_model != Plan.BillingModel.PREPAID:
        return None
    lines = InvoiceLine.objects.filter(_lines_of(subscription.pk, subscription.order_key), item=prepaid.TERM)
    numbers = [_number_of(part) for part in lines.values_list("part", flat=True)]
    if not numbers:
        return None
    one = _read(subscription)
    prices = next(iter(one.prices.values()))
    last = list(prepaid.terms(prices, one.charged_from, add_months(one.charged_from, 37 * max(numbers))))[max(numbers) - 1]
    return last.used.end


def term_to_come(subscription: Subscription, *, at: datetime) -> Period | None:
    """Return the first term that begins after today; None where there is none, or it is not prepaid."""
    if subscription.billing_model != Plan.BillingModel.PREPAID or subscription.status != Subscription.Status.ACTIVE:
        return None
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    one = _read(subscription)
    prices = next(iter(one.prices.values()), None)
    if prices is None:
        return None
    terms = prepaid.terms(prices, one.charged_from, date.max)
    return next((term.days for term in terms if term.days.start > today), None)


def _read(subscription: Subscription) -> Sold:
    (one,) = sold.read(Subscription.objects.filter(pk=subscription.pk).annotate(buyer=F("consumer")), before=date.max)
    return one


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
    dated = DatedPrice(
        valid_from=today,
        currency=price.currency,
        price=price.amounts.price,
        setup_fee=price.amounts.setup_fee,
        steps=price.as_json()["steps"],
        quantity=line.quantity,
        term_months=line.term_months,
        plan_name=line.plan_name,
        overage_price=price.amounts.overage_price,
    )
    days = Period(today, add_months(today, line.term_months))
    charges = prepaid.charges(prepaid.PaidTerm(1, days, days), [dated], level=price.level.value)
    who = _Who(None, line.order_key, line.plan.product_group_id, line.consumer.name, line.plan_name)
    return _lines(charges, {}, who, price.currency, taxes, treated)


# --- Renewals ---------------------------------------------------------------------------------------------------------------


def _to_look_at(today: date) -> list[int]:
    """Return the prepaid subscriptions that run, or ended a short while ago."""
    lately = Q(status=Subscription.Status.ACTIVE) | Q(ended_on__gt=today - GIVEN_BACK_FOR)
    prepaid_ones = Subscription.objects.filter(lately, billing_model=Plan.BillingModel.PREPAID)
    return list(prepaid_ones.order_by("pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def _draft_renewal(seller: Organization, subscription: Subscription, *, at: datetime, least: date) -> list[Invoice]:
    """Write what one seller has still to invoice of a prepaid subscription as a draft; terms that begin before ``least`` anyway."""
    buyer = Organization.objects.locked().get(pk=buyer_of(seller, subscription.consumer).pk)
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    notice = ProductGroup.objects.get(plans=subscription.plan_id).renewal_notice_days
    until = max(today + timedelta(days=notice + 1), least)
    (one,) = sold.read(drafts.subscriptions_of(seller).filter(pk=subscription.pk), before=until)
    level = drafts.level_of(seller, buyer).value
    prices = one.fixed_prices(level)
    billed = _billed_terms(seller, one)
    treated = drafts.treatment_of(seller, buyer)
    book = price_book([one.product_group], Period.month_of(today))
    bill = Bill(buyer.pk, one.venture_id, prices[0].currency, treated, [])
    begun = _first_days(seller, one)
    days: list[Period] = []
    for term in _terms_to_look_at(one, prices, until=until, invoiced=max(begun, default=0)):
        is_due = term.days.start < until or one.ended_on is not None
        if not is_due and term.days.start in begun.get(term.number, ()):
            continue  # invoiced ahead of its time, as its notice was longer then
        charges = prepaid.charges(term, prices, level=level, ended_on=one.ended_on) if is_due else []
        of_term = {item: found for item, found in billed.items() if item.part.split()[0] == term.part}
        who = _Who(one.pk, "", one.product_group, one.consumer_name, one.phases[-1].plan_name)
        lines = _lines(charges, of_term, who, prices[0].currency, book.taxes, treated, fallback=term.days)
        bill.lines.extend(lines)
        days += [line.days for line in lines]
    if not days:
        return []
    period = Period(min(one.start for one in days), max(one.end for one in days))
    return write_drafts(seller, [bill], kind=Invoice.Kind.RENEWAL, period=period, at=at)


def _terms_to_look_at(one: Sold, prices: Sequence[DatedPrice], *, until: date, invoiced: int) -> Iterator[PaidTerm]:
    """
    Give the terms that begin before ``until`` and the subscription's end, and all up to the one numbered ``invoiced``.

    A later term may have been invoiced before the subscription ended, or its term was changed.
    """
    ends = min(until, one.ended_on or until)
    for term in prepaid.terms(prices, one.charged_from, date.max):
        if term.days.start >= ends and term.number > invoiced:
            return
        yield term


def _first_days(seller: Organization, one: Sold) -> dict[int, set[date]]:
    """Return by its number from which days on a term was invoiced."""
    lines = InvoiceLine.objects.filter(_lines_of(one.pk, one.order_key), invoice__seller=seller)
    found: dict[int, set[date]] = defaultdict(set)
    for part, day in lines.order_by().values_list("part", "period_start").distinct():
        found[_number_of(part)].add(day)
    return dict(found)


def _number_of(part: str) -> int:
    """Return which term an invoice line's ``part`` names."""
    return int(part.split()[0].removeprefix("term:"))


def _lines_of(subscription: int, order_key: str) -> Q:
    of_order = Q(order_key=order_key, subscription__isnull=True) if order_key else Q(pk__in=[])
    return (Q(subscription=subscription) | of_order) & Q(part__startswith="term:")


def _billed_terms(seller: Organization, one: Sold) -> dict[Item, list[Billed]]:
    """Return what documents say of the subscription's terms; the lines of its order are its own."""
    lines = InvoiceLine.objects.filter(_lines_of(one.pk, one.order_key), invoice__seller=seller)
    billed, _ = drafts.add_up(lines)
    found: dict[Item, list[Billed]] = defaultdict(list)
    for items in billed.values():
        for item, several in items.items():
            found[item._replace(subscription_id=one.pk)] += several
    return found


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom a line is for: a subscription, or an order line that waits to become one."""

    subscription_id: int | None
    order_key: str
    product_group: int
    consumer: str
    plan_name: str


def _lines(
    charges: Sequence[FixedCharge],
    billed: dict[Item, list[Billed]],
    who: _Who,
    currency: str,
    taxes: dict[int, tuple[TaxTerms, ...]],
    treated: Treatment,
    fallback: Period | None = None,
) -> list[Line]:
    """Return what is still to be invoiced of one term."""
    of_group = treated.taxes(taxes.get(who.product_group, ()))
    should = {Item(who.subscription_id or 0, one.charge.item, "", one.key): one.charge for one in charges}
    found: list[Line] = []
    for item in sorted({*should, *billed}):
        charge = should.get(item)
        for due in lines_due(charge, billed.get(item, ()), currency):
            days = _days(due.working, fallback)
            found.append(
                Line(
                    subscription_id=who.subscription_id,
                    order_key=who.order_key,
                    product_group_id=who.product_group,
                    item=item.item,
                    edition="",
                    part=item.part,
                    description=describe(item.item, "", due.working, kind=due.kind, plan=who.plan_name),
                    days=days,
                    due=due,
                    tax_percent=sum((tax.percent for tax in of_group), Decimal(0)),
                    working={
                        **due.working,
                        "kind": due.kind.value,
                        "taxes": [[tax.name, plain(tax.percent)] for tax in of_group],
                        "consumer": who.consumer,
                        "plan": who.plan_name,
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
