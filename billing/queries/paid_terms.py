"""The terms of subscriptions: which were invoiced in advance and until when, which comes next, and when the running one ends."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Q, QuerySet, Sum

from accounts.models import Organization, local_date
from billing import prepaid
from billing.adjusting import Billed
from billing.fixed import DatedPrice
from billing.models import CreditNoteLine, InvoiceLine, Subscription
from billing.queries import sold
from billing.queries.billed import Item, add_up
from billing.queries.sold import Sold
from catalog.models import Plan, ProductGroup
from common.periods import Period, add_months

LONGEST_TERM = 37
"""Months; no term is as long."""


class SoldAs(NamedTuple):
    """What a line of a term was sold as: by the group it is taxed, by the name it is told."""

    product_group: int
    plan_name: str


@dataclass(frozen=True, slots=True)
class Invoiced:
    """
    What one seller's documents say of a prepaid subscription's terms: by number from which days on, and by item how much.

    :ivar credited: by number what was given away of a term by credit notes, not to be billed again.
    :ivar sold_as: what was billed of a part at a unit price, so that it is given back as it was charged, whatever plan runs by now.
    """

    begun: dict[int, set[date]]
    items: dict[Item, list[Billed]]
    sold_as: dict[tuple[str, str, Decimal], SoldAs]
    credited: dict[int, Decimal]

    def left_of(self, number: int) -> Decimal:
        """Return what the buyer still bears of a term: what documents charge less what was credited. No more can be given back."""
        charged = (one.net for item, found in self.items.items() if number_of(item.part) == number for one in found)
        return max(sum(charged, Decimal(0)) - self.credited.get(number, Decimal(0)), Decimal(0))


def horizon(plan_id: int, today: date) -> date:
    """Return before which day terms begin that are invoiced by now, after the notice of the plan's product group."""
    return today + timedelta(days=ProductGroup.objects.get(plans=plan_id).renewal_notice_days + 1)


def lines_of(subscription: int, order_keys: Collection[str]) -> Q:
    """Say which lines are of the terms of a subscription: its own, and those in advance of the order lines that made it so."""
    of_orders = Q(order_key__in=sorted(order_keys), subscription__isnull=True) if order_keys else Q(pk__in=[])
    return (Q(subscription=subscription) | of_orders) & Q(part__startswith="term:")


def invoiced_by(seller: Organization, one: Sold) -> Invoiced:
    """Return what documents of ``seller``, drafts too, say of its terms, less what was credited to be billed again."""
    lines = InvoiceLine.objects.filter(lines_of(one.pk, one.order_keys), invoice__seller=seller)
    begun: dict[int, set[date]] = defaultdict(set)
    for part, day in lines.order_by().values_list("part", "period_start").distinct():
        begun[number_of(part)].add(day)
    billed, _ = add_up(lines)
    items: dict[Item, list[Billed]] = defaultdict(list)
    for of_key in billed.values():
        for item, several in of_key.items():
            items[item._replace(subscription_id=one.pk)] += several
    return Invoiced(dict(begun), items, _sold_as(lines), _credited(lines))


def _credited(lines: "QuerySet[InvoiceLine]") -> dict[int, Decimal]:
    given = CreditNoteLine.objects.filter(credit_note__bills_again=False, invoice_line__in=lines.order_by().values("pk"))
    found: dict[int, Decimal] = defaultdict(Decimal)
    for part, net in given.order_by().values_list("invoice_line__part").annotate(Sum("net")):
        found[number_of(part)] += net
    return dict(found)


def _sold_as(lines: "QuerySet[InvoiceLine]") -> dict[tuple[str, str, Decimal], SoldAs]:
    """Return what each part was sold as at each price; lines that were written before groups were kept on them are left out."""
    charged = lines.filter(product_group__isnull=False, working__has_key="plan_name").order_by("pk")
    columns = charged.values_list("item", "part", "unit_price", "product_group", "working__plan_name")
    return {(item, part, unit_price): SoldAs(group, name) for item, part, unit_price, group, name in columns}


def seen_until(until: date, begun: dict[int, set[date]]) -> date:
    """Return before which day prices begin that count for terms before ``until`` and for those invoiced ahead."""
    return max([until, *(day + timedelta(days=1) for days in begun.values() for day in days)])


def number_of(part: str) -> int:
    """Return which term an invoice line's ``part`` names."""
    return int(part.split()[0].removeprefix("term:"))


def paid_until(subscription: Subscription) -> date | None:
    """
    Return the first day no term was invoiced for, at the latest that of a planned end; None where none was, or it is not prepaid.

    A term that was given back whole does not count.
    """
    if subscription.billing_model != Plan.BillingModel.PREPAID:
        return None
    one = read(subscription)
    lines = InvoiceLine.objects.filter(lines_of(one.pk, one.order_keys), item=prepaid.TERM).order_by()
    nets: dict[int, int] = defaultdict(int)
    for part, net in lines.values_list("part").annotate(Sum("net")):
        nets[number_of(part)] += net
    numbers = [number for number, net in nets.items() if net]
    if not numbers:
        return None
    last = _terms(one, before=add_months(one.charged_from, LONGEST_TERM * max(numbers)))[max(numbers) - 1]
    return min(last.used.end, one.ends_on or date.max)


def first_unpaid(subscription: Subscription, *, on: date) -> date:
    """
    Return the day after ``on`` on which the first term of a prepaid subscription begins that no document charges yet.

    :raises FixedPriceMissing: it has no price at all, so it has no terms either.
    """
    one = read(subscription)
    prices = _any_prices(one)
    if not prices:
        raise sold.FixedPriceMissing(f"{subscription.number} has a fixed price, but none is told.")
    paid = max(paid_until(subscription) or date.min, on + timedelta(days=1))
    return next(term.days.start for term in prepaid.terms(prices, one.charged_from, date.max) if term.days.start >= paid)


def term_to_come(subscription: Subscription, *, at: datetime) -> Period | None:
    """Return the first term that begins after today and before a planned end; None where there is none, or it is not prepaid."""
    if subscription.billing_model != Plan.BillingModel.PREPAID or subscription.status != Subscription.Status.ACTIVE:
        return None
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    one = read(subscription)
    prices = _any_prices(one)
    if not prices:
        return None
    days = next(term.days for term in prepaid.terms(prices, one.charged_from, date.max) if term.days.start > today)
    return None if one.ends_on is not None and days.start >= one.ends_on else days


def term_end(subscription: Subscription, *, on: date) -> date:
    """
    Return the first day after the term that runs on ``on``: from when on a subscription that is to end with its term does not run.

    Before its first billed day, that day: it ends with its free trial. By use: the 1st of the next month. At a fixed price, prepaid
    or postpaid, terms are counted from the first billed day, and anew from the day on which another term was agreed.
    """
    if on < subscription.charged_from:
        return subscription.charged_from
    if subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        return Period.month_of(on).end
    return _terms(read(subscription), before=on + timedelta(days=1))[-1].used.end


def read(subscription: Subscription) -> Sold:
    """Read all that was agreed with the subscriber, also what is planned."""
    (one,) = sold.read(Subscription.objects.filter(pk=subscription.pk).annotate(buyer=F("consumer")), before=date.max)
    return one


def _terms(one: Sold, *, before: date) -> list[prepaid.PaidTerm]:
    return list(prepaid.terms(_any_prices(one), one.charged_from, before))


def _any_prices(one: Sold) -> list[DatedPrice]:
    """Terms are the same at each level of a sale."""
    return next(iter(one.prices.values()), [])
