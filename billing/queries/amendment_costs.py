"""What a change of a running subscription costs, quoted before anybody agrees to it. Writes nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from accounts.models import Organization, local_date
from billing import changing, fixed, prepaid
from billing.changing import NOTHING, DaysCost, Difference, Running
from billing.fixed import DatedPrice, FixedCharge
from billing.models import Subscription
from billing.prepaid import PaidTerm
from billing.queries import paid_terms, sold
from billing.queries.open_overage import open_overage
from billing.queries.paid_terms import Invoiced
from billing.queries.sold import FixedPriceMissing, Sold, SoldInTwoCurrencies
from catalog.models import Plan
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.periods import Period, add_months


class ChangeKind(StrEnum):
    """The same words as the kinds of order lines."""

    QUANTITY = "quantity"
    PLAN = "plan"
    TERM = "term"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Change:
    """
    What is to become different; what is None stays.

    :ivar plan_name: what the new plan is sold as; empty: its present name.
    :ivar prices: what is invoiced from then on, one a level of the sale; needed where a fixed plan or the term changes.
    :ivar ends_on: of a cancellation, the first day it does not run; None: it ends today, which is its last billed day.
    """

    kind: str
    quantity: int | None = None
    plan: Plan | None = None
    term_months: int | None = None
    prices: Sequence[SoldPrice] = ()
    ends_on: date | None = None
    plan_name: str = ""


@dataclass(frozen=True, slots=True)
class ChangeCost:
    """
    What a change costs at one level of the sale, in the currency of that level. All amounts exclude VAT.

    ``first_day`` is the first day of the change, today by the MSP's calendar; of a cancellation the first day that is not billed.
    ``before`` and ``after`` tell what runs; both are None where it is billed by use, ``after`` also where it ends. ``parts`` are
    the days of ``period``, the running calendar month or the prepaid terms that are invoiced by now, as they cost with the change,
    those before it and those after; nothing in a free trial. ``difference`` is what the change costs more and what it gives back,
    within these days.
    """

    kind: str
    level: Level
    currency: str
    billing_model: str
    first_day: date
    before: Running | None
    after: Running | None
    period: Period
    parts: tuple[DaysCost, ...]
    difference: Difference
    due_now: Decimal
    """Prepaid: what is invoiced at once, before the change takes effect; nothing where it gives back more than it costs."""
    credited: Decimal
    """Prepaid: what is given back with an invoice in the buyer's favour, where it gives back more than it costs."""
    next_invoice_on: date | None
    """Not prepaid: the day from which on the running month is invoiced; None where nothing of it is."""
    next_invoice: Decimal
    """Postpaid at a fixed price: what that invoice says of the running month, overage apart."""
    until_end: Decimal
    """Of a planned end, postpaid at a fixed price: what is billed from the 1st of the running month to the end."""
    overage_due: Decimal
    """What was used above the quota this month and is invoiced before the change."""

    @property
    def last_day(self) -> date | None:
        """Of a cancellation the last day that is billed."""
        return self.first_day - timedelta(days=1) if self.kind == ChangeKind.CANCEL else None

    @property
    def setup_fee(self) -> Decimal:
        """What of it is setup fee: nothing, unless it changes on its very first day."""
        return self.difference.setup_fee


def levels_seen(subscription: Subscription, reader: Organization | None) -> tuple[Level, ...]:
    """
    Return the levels of a sale that ``reader`` may know; None: staff, who may know all.

    A reseller knows what it pays and what its customer pays, the customer only that, the MSP's direct customer the MSP's price.
    """
    if subscription.consumer.reseller is None:
        return (Level.MSP,)
    if reader is None or reader.kind != Organization.Kind.CUSTOMER:
        return (Level.WHOLESALE, Level.RETAIL)
    return (Level.RETAIL,)


def cost_of_change(subscription: Subscription, *, change: Change, level: Level, at: datetime) -> ChangeCost:
    """
    Return what ``change`` costs at ``level`` if it takes effect today: what is then billed, to the cent.

    The setup fee is not charged again (see `billing.changing`). What was used above the quota since the last reading is not in it.

    :raises FixedPriceMissing: or `SoldInTwoCurrencies`: the sale has no price at that level, or the new one none in its currency.
    :raises OverageNotBilled: the price of what is used above the quota is missing.
    """
    msp = Organization.objects.get(kind=Organization.Kind.MSP)
    today = local_date(at, msp)
    seller, buyer = _sides(subscription, level, msp)
    seen = _Seen(subscription, paid_terms.read(subscription), level, seller, today)
    if seen.one.is_metered:
        return _by_use(seen, change, buyer.currency)
    cost = _prepaid(seen, change) if subscription.billing_model == Plan.BillingModel.PREPAID else _postpaid(seen, change)
    is_change = change.kind != ChangeKind.CANCEL
    overage = open_overage(seen.one, seller=seller, level=level, currency=buyer.currency, today=today, is_change=is_change)
    return replace(cost, overage_due=NOTHING if overage is None else overage.net)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A subscription as one seller sells it on the day it is asked about."""

    subscription: Subscription
    one: Sold
    level: Level
    seller: Organization
    today: date


def _sides(subscription: Subscription, level: Level, msp: Organization) -> tuple[Organization, Organization]:
    """Return who invoices at ``level``, and whom."""
    consumer, reseller = subscription.consumer, subscription.consumer.reseller
    if level is Level.RETAIL:
        return reseller or msp, consumer
    return msp, reseller if level is Level.WHOLESALE and reseller else consumer


# --- By use -----------------------------------------------------------------------------------------------------------------


def _by_use(seen: _Seen, change: Change, currency: str) -> ChangeCost:
    """Use is billed as it comes: nothing is known of it before."""
    month, ends_on = Period.month_of(seen.today), _end(seen, change)
    is_billed = seen.one.charged_from < min(month.end, ends_on or month.end)
    return replace(_cost(seen, change, currency, period=month, ends_on=ends_on), next_invoice_on=month.end if is_billed else None)


# --- Postpaid at a fixed price ------------------------------------------------------------------------------------------------


def _postpaid(seen: _Seen, change: Change) -> ChangeCost:
    month = Period.month_of(seen.today)
    old, new = _terms(seen, before=month.end), changed_terms(seen.one, change, seen.level, on=seen.today, before=month.end)
    ends_on = _end(seen, change)
    before = changing.month_charges(old, month, seen.one.ends_on)
    after = changing.month_charges(new, month, ends_on)
    currency = new.prices[0].currency
    cost = _cost(seen, change, currency, period=month, ends_on=ends_on, old=old, new=new, before=before, after=after)
    until_end = NOTHING if ends_on is None else _until(_terms(seen, before=date.max), month, ends_on)
    next_invoice_on = month.end if after else None
    return replace(cost, next_invoice_on=next_invoice_on, next_invoice=changing.total(after, currency), until_end=until_end)


def _until(terms: fixed.Terms, month: Period, ends_on: date) -> Decimal:
    """Add up what every month costs from ``month`` to the end."""
    net, number = NOTHING, 0
    while (start := add_months(month.start, number)) < ends_on:
        charges = changing.month_charges(terms, Period.month_of(start), ends_on)
        net += changing.total(charges, terms.prices[0].currency)
        number += 1
    return net


# --- Prepaid ----------------------------------------------------------------------------------------------------------------


def _prepaid(seen: _Seen, change: Change) -> ChangeCost:
    plan_id = change.plan.pk if change.plan else seen.subscription.plan_id
    invoiced = paid_terms.invoiced_by(seen.seller, seen.one)
    ends_on = _end(seen, change)
    old, without = _owed(seen, invoiced, seen.subscription.plan_id, None, seen.one.ends_on)
    if change.kind == ChangeKind.CANCEL:
        without = [(term, charges) for term, charges in without if term.number in invoiced.begun]  # only that can be given back
    new, changed_to = _owed(seen, invoiced, plan_id, change, ends_on)
    open_starts = {term.days.start for term, _ in (*without, *changed_to) if term.used.end > seen.today}
    before, after = _charges_of(without, open_starts), _charges_of(changed_to, open_starts)
    days = [changing.day_range(one) for one in (*before, *after)]
    period = Period(min(one.start for one in days), max(one.end for one in days)) if days else Period.month_of(seen.today)
    currency = new.prices[0].currency
    cost = _cost(seen, change, currency, period=period, ends_on=ends_on, old=old, new=new, before=before, after=after)
    net = cost.difference.net
    most = sum((invoiced.left_of(term.number) for term, _ in changed_to if term.days.start in open_starts), NOTHING)
    return replace(cost, due_now=max(net, NOTHING), credited=max(min(-net, most), NOTHING))


def _owed(
    seen: _Seen, invoiced: Invoiced, plan_id: int, change: Change | None, ends_on: date | None
) -> tuple[fixed.Terms, list[tuple[PaidTerm, list[FixedCharge]]]]:
    """Return what all terms cost that are invoiced by now or were, as renewing sees them; with the change, where there is one."""
    until = paid_terms.horizon(plan_id, seen.today)
    visible = paid_terms.seen_until(until, invoiced.begun)
    terms = _terms(seen, before=visible)
    if change is not None:
        terms = changed_terms(seen.one, change, seen.level, on=seen.today, before=visible)
    return terms, list(prepaid.owed(terms, until=until, invoiced=invoiced.begun, ends_on=ends_on))


def _charges_of(owed: Sequence[tuple[PaidTerm, list[FixedCharge]]], starts: Collection[date]) -> list[FixedCharge]:
    """Return what the terms cost that begin on ``starts``; those that are over stay as they are."""
    return [charge for term, charges in owed if term.days.start in starts for charge in charges]


# --- What both have in common -------------------------------------------------------------------------------------------------


def changed_terms(one: Sold, change: Change, level: Level, *, on: date, before: date) -> fixed.Terms:
    """
    Return what is invoiced at ``level`` as if ``change`` began on the day ``on``, by the prices that begin before ``before``.

    :raises FixedPriceMissing: or `SoldInTwoCurrencies`: there is no price at that level, or the new one has none in its currency.
    """
    prices = one.fixed_prices(level.value)
    if change.kind != ChangeKind.CANCEL:
        present = changing.running(prices, on)
        new = _new_price(one, change, level, prices[0].currency, present, on)
        prices = changing.changed(prices, on, quantity=change.quantity, term_months=change.term_months, new=new)
    return fixed.Terms(one.charged_from, level.value, [price for price in prices if price.valid_from < before])


def _new_price(one: Sold, change: Change, level: Level, currency: str, present: Running, on: date) -> DatedPrice | None:
    if not change.prices:
        return None
    at_level = next((price for price in change.prices if price.level == level), None)
    if at_level is None:
        raise FixedPriceMissing(f"{one.number} is to change, but no price was told for one level of its sale.")
    if at_level.currency != currency:
        raise SoldInTwoCurrencies(f"{one.number} is sold in {currency}; a price in {at_level.currency} cannot take its place.")
    return sold.dated(
        at_level,
        valid_from=on,
        quantity=change.quantity or present.quantity,
        term_months=change.term_months or present.term_months,
        plan_name=change.plan_name or (change.plan.name if change.plan else present.plan_name),
    )


def _terms(seen: _Seen, *, before: date) -> fixed.Terms:
    prices = seen.one.fixed_prices(seen.level.value)
    return fixed.Terms(seen.one.charged_from, seen.level.value, [price for price in prices if price.valid_from < before])


def _end(seen: _Seen, change: Change) -> date | None:
    """Return the first day it does not run, with the change."""
    if change.kind != ChangeKind.CANCEL:
        return seen.one.ends_on
    asked = change.ends_on or seen.today + timedelta(days=1)
    return min(asked, seen.one.ends_on or date.max)


def _cost(
    seen: _Seen,
    change: Change,
    currency: str,
    *,
    period: Period,
    ends_on: date | None,
    old: fixed.Terms | None = None,
    new: fixed.Terms | None = None,
    before: Sequence[FixedCharge] = (),
    after: Sequence[FixedCharge] = (),
) -> ChangeCost:
    ends = change.kind == ChangeKind.CANCEL
    first_day = ends_on if ends and ends_on is not None else seen.today
    return ChangeCost(
        kind=change.kind,
        level=seen.level,
        currency=currency,
        billing_model=seen.one.billing_model,
        first_day=first_day,
        before=changing.running(old.prices, seen.today) if old else None,
        after=changing.running(new.prices, seen.today) if new and not ends else None,
        period=period,
        parts=tuple(changing.days_costs(after, currency, first_day)),
        difference=changing.difference(before, after, currency),
        due_now=NOTHING,
        credited=NOTHING,
        next_invoice_on=None,
        next_invoice=NOTHING,
        until_end=NOTHING,
        overage_due=NOTHING,
    )
