"""
What each buyer's draft should say.

A step of a billing run (`runs`), inside the transaction in which it has locked the buyers. What is issued is never touched: where
it differs from what is owed, the draft is to hold an adjustment. `draft_rows` then writes the difference.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case, F, Q, Sum, When

from accounts.models import Organization
from billing import adjusting, fixed
from billing.adjusting import Billed, Due
from billing.fixed import DatedPrice
from billing.models import Invoice, InvoiceLine, Subscription
from billing.queries import fixed_prices, rating_inputs
from billing.queries.rating_inputs import Card, PriceBook, TaxTerms
from billing.rating import Charge, Level, PriceChain, UsageSeries, plain, rate
from catalog.item_names import edition_label, item_label
from catalog.models import Plan
from common.errors import DomainError
from common.periods import Period


class PrepaidNotBilled(DomainError):
    """A prepaid subscription came into a run that bills afterwards."""


class Item(NamedTuple):
    """What a charge and the lines that bill it have in common. ``edition`` of a fixed price is empty, or the day it begins."""

    subscription_id: int
    item: str
    edition: str


@dataclass(slots=True)
class Findings:
    """What a run has to tell besides its drafts."""

    rate_cards: set[str] = field(default_factory=set)
    unrated: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: "Findings") -> None:
        self.rate_cards |= other.rate_cards
        self.unrated |= other.unrated


@dataclass(frozen=True, slots=True)
class Account:
    """One buyer of the run with everything that is billed to it."""

    buyer: Organization
    currency: str
    """What is metered is billed in it; a fixed price is in the currency it was sold in."""
    level: Level
    subscriptions: list[Subscription]
    billed: dict[int, dict[Item, list[Billed]]]
    """What issued invoices of the period say, by subscription."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines one draft is to have, in order."""

    buyer_id: int
    venture_id: int
    currency: str
    lines: list[InvoiceLine]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What charges are made from, read for many subscriptions at once."""

    usage: dict[int, list[UsageSeries]]
    """By tenant."""
    prices: dict[tuple[int, str], list[DatedPrice]]
    """By subscription and level."""


@dataclass(slots=True)
class Owed:
    """What some buyers owe, and by buyer why it cannot be said."""

    bills: list[Bill] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def subscriptions_of(seller: Organization) -> Any:
    """Return the subscriptions that ``seller`` bills, each with its ``buyer``: the consumer, or the reseller in between."""
    if seller.kind == Organization.Kind.MSP:
        in_between = Case(
            When(consumer__parent__kind=Organization.Kind.RESELLER, then=F("consumer__parent")), default=F("consumer")
        )
        return Subscription.objects.annotate(buyer=in_between)
    return Subscription.objects.filter(consumer__parent=seller).annotate(buyer=F("consumer"))


def of_period(seller: Organization, period: Period) -> Q:
    """Say which invoices are the seller's for the period."""
    return Q(seller=seller, period_start=period.start, period_end=period.end)


def owed(seller: Organization, buyers: list[Organization], period: Period) -> Owed:
    """
    Return what ``buyers`` owe ``seller`` for ``period``, in a number of queries that does not depend on how much they have.

    Who cannot be billed is in ``reasons``; the others are not kept from it.
    """
    accounts = _read_accounts(seller, buyers, period)
    subscriptions = [subscription for account in accounts for subscription in account.subscriptions]
    book = rating_inputs.price_book({one.plan.product_group_id for one in subscriptions}, period)
    inputs = _read_inputs(subscriptions, period)
    found = Owed()
    for account in accounts:
        findings = Findings()
        try:
            found.bills += _bills(account, book, inputs, findings)
        except DomainError as refusal:
            found.reasons[account.buyer.pk] = str(refusal)
        else:
            found.findings.add(findings)
    return found


def _read_inputs(subscriptions: list[Subscription], period: Period) -> Inputs:
    """Read the usage of what is billed by use, and the prices of what was sold at a fixed one: one query each, if any."""
    by_use = {one.service.tenant_id for one in subscriptions if one.billing_model == Plan.BillingModel.PAY_AS_YOU_GO}
    at_a_price = {one.pk for one in subscriptions if one.billing_model == Plan.BillingModel.POSTPAID_FIXED}
    return Inputs(
        usage=rating_inputs.usage_by_tenant(by_use, period) if by_use else {},
        prices=fixed_prices.prices_by_subscription(at_a_price, period) if at_a_price else {},
    )


def _read_accounts(seller: Organization, buyers: list[Organization], period: Period) -> list[Account]:
    ids = [buyer.pk for buyer in buyers]
    billed, currencies = _billed(seller, ids, period)
    named = {subscription for subscriptions in billed.values() for subscription in subscriptions}
    billable = subscriptions_of(seller).filter(
        Q(pk__in=named) | (Q(buyer__in=ids) & Q(pk__in=Subscription.objects.billable_in(period).values("pk")))
    )
    by_buyer: dict[int, list[Subscription]] = defaultdict(list)
    ordered = billable.select_related("consumer", "service", "plan__product_group").order_by("consumer__name", "consumer_id", "pk")
    for subscription in ordered:
        by_buyer[subscription.buyer].append(subscription)
    return [
        Account(
            buyer,
            currencies.get(buyer.pk, buyer.currency),
            _level(seller, buyer),
            by_buyer[buyer.pk],
            billed[buyer.pk],
        )
        for buyer in buyers
    ]


def _billed(
    seller: Organization, buyers: list[int], period: Period
) -> tuple[dict[int, dict[int, dict[Item, list[Billed]]]], dict[int, str]]:
    """
    Return what issued invoices of ``period`` say, by buyer, subscription and item, and each buyer's currency they say it in.

    A buyer that was invoiced for use in the period stays with that currency for it, whatever its own became since. What was sold at
    a fixed price says nothing about that: it is in the currency it was sold in.
    """
    billed: dict[int, dict[int, dict[Item, list[Billed]]]] = defaultdict(dict)
    currencies: dict[int, str] = {}
    lines = (
        InvoiceLine.objects.filter(
            invoice__in=Invoice.objects.issued().filter(of_period(seller, period), buyer__in=buyers),
        )
        .order_by()
        .values_list("invoice__buyer", "invoice__currency", "subscription", "item", "edition", "unit", "unit_price")
        .annotate(quantities=Sum("quantity"), nets=Sum("net"), numbers=ArrayAgg("invoice__number", distinct=True))
    )
    for buyer, currency, subscription, item, edition, unit, unit_price, quantity, net, invoices in lines:
        items = billed[buyer].setdefault(subscription, {})
        at_price = Billed(quantity, unit, unit_price, net, tuple(invoices))
        items.setdefault(Item(subscription, item, edition), []).append(at_price)
        if item not in fixed.ITEMS:
            currencies[buyer] = currency
    return billed, currencies


def _level(seller: Organization, buyer: Organization) -> Level:
    if seller.kind == Organization.Kind.RESELLER:
        return Level.RETAIL
    return Level.WHOLESALE if buyer.kind == Organization.Kind.RESELLER else Level.MSP


def _bills(account: Account, book: PriceBook, inputs: Inputs, findings: Findings) -> list[Bill]:
    """
    Return the drafts ``account`` is to have, one per venture and currency.

    :raises MissingRateCard: or `MissingExchangeRate`, `UnitMismatch`, `FixedPriceMissing`, `SoldInTwoCurrencies`: the account
        cannot be billed.
    """
    bills: dict[tuple[int, str], Bill] = {}
    for subscription in account.subscriptions:
        charges = _charges(account, subscription, book, inputs, findings)
        taxes = book.taxes.get(subscription.plan.product_group_id, ())
        currency = _currency(account, subscription, inputs)
        lines = _lines(account, subscription, charges, book.period, taxes, currency)
        if lines:
            venture = subscription.plan.venture_id
            bill = bills.setdefault((venture, currency), Bill(account.buyer.pk, venture, currency, []))
            bill.lines.extend(lines)
    for bill in bills.values():
        for position, line in enumerate(bill.lines, start=1):
            line.position = position
    return list(bills.values())


def _currency(account: Account, subscription: Subscription, inputs: Inputs) -> str:
    """Return what ``subscription`` is billed in: what was sold at a price stays in the currency it was sold in."""
    prices = inputs.prices.get((subscription.pk, account.level), [])
    return prices[0].currency if prices else account.currency


def _charges(
    account: Account, subscription: Subscription, book: PriceBook, inputs: Inputs, findings: Findings
) -> dict[Item, Charge]:
    part = _billed_part(subscription, book.period)
    if part is None:
        return {}
    if subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO:
        return _metered(account, subscription, book, part, inputs.usage.get(subscription.service.tenant_id, []), findings)
    return _fixed(account, subscription, part, inputs.prices.get((subscription.pk, account.level), []))


def _fixed(account: Account, subscription: Subscription, part: Period, prices: list[DatedPrice]) -> dict[Item, Charge]:
    """
    Return what a subscription of fixed price costs on the days of ``part``.

    :raises PrepaidNotBilled: or `FixedPriceMissing`, `SoldInTwoCurrencies`: the account cannot be billed.
    """
    if subscription.billing_model != Plan.BillingModel.POSTPAID_FIXED:
        raise PrepaidNotBilled(f"{subscription} is prepaid; the monthly run bills what is paid afterwards.")
    fixed_prices.check_prices(prices, subscription)
    terms = fixed.Terms(subscription.quantity, subscription.term_months, subscription.charged_from, account.level.value, prices)
    return {Item(subscription.pk, one.charge.item, one.key): one.charge for one in fixed.charges(terms, part)}


def _metered(
    account: Account,
    subscription: Subscription,
    book: PriceBook,
    part: Period,
    usage: list[UsageSeries],
    findings: Findings,
) -> dict[Item, Charge]:
    if not usage:
        return {}
    card = book.card_of(subscription.plan.product_group)
    rated = rate(usage, card.rates, part, _chain(account, subscription, card, book))
    findings.rate_cards.add(card.sentence)
    findings.unrated.update((one.item, one.edition) for one in rated.unrated)
    for charge in rated.charges:
        charge.working["rate"]["sentence"] = card.sentence
    return {Item(subscription.pk, charge.item, charge.edition): charge for charge in rated.charges}


def _billed_part(subscription: Subscription, period: Period) -> Period | None:
    """Return the days of ``period`` on which ``subscription`` ran and was no free trial any more."""
    start = max(subscription.charged_from, period.start)
    end = min(subscription.ended_on or period.end, period.end)
    return Period(start, end) if start < end else None


def _chain(account: Account, subscription: Subscription, card: Card, book: PriceBook) -> PriceChain:
    return PriceChain(
        base_currency=card.base_currency,
        invoice_currency=account.currency,
        exchange_rate=book.exchange_rate(card.base_currency, account.currency),
        partner_discount_percent=subscription.partner_discount_percent,
        retail_markup_percent=subscription.retail_markup_percent,
        retail_discount_percent=subscription.retail_discount_percent,
        level=account.level,
    )


def _lines(
    account: Account,
    subscription: Subscription,
    charges: dict[Item, Charge],
    period: Period,
    taxes: Iterable[TaxTerms],
    currency: str,
) -> list[InvoiceLine]:
    """Return what is still to be billed of ``subscription``, without positions."""
    billed = account.billed.get(subscription.pk, {})
    part = _billed_part(subscription, period) or period
    days = {item: _days(charge, part) for item, charge in charges.items()}
    told_taxes = [[tax.name, plain(tax.percent)] for tax in taxes]
    percent = sum((tax.percent for tax in taxes), Decimal(0))
    return [
        InvoiceLine(
            subscription=subscription,
            item=item.item,
            edition=item.edition,
            description=_description(item, due, subscription),
            period_start=days.get(item, part).start,
            period_end=days.get(item, part).end,
            quantity=due.quantity,
            unit=due.unit,
            unit_price=due.unit_price,
            net=due.net,
            tax_percent=percent,
            working={
                **due.working,
                "kind": due.kind.value,
                "taxes": told_taxes,
                "consumer": subscription.consumer.name,
                "plan": subscription.plan_name,
            },
        )
        for item in sorted({*charges, *billed})
        for due in adjusting.lines_due(charges.get(item), billed.get(item, ()), currency)
    ]


def _days(charge: Charge, part: Period) -> Period:
    """Return the days that a charge is for: all of ``part``, but of a price that begins or ends inside it only its own."""
    if charge.item not in fixed.ITEMS:
        return part
    start, end = map(date.fromisoformat, charge.working["period"])
    return Period(start, end)


def _description(item: Item, due: Due, subscription: Subscription) -> str:
    label = _label(item, due, subscription)
    told = {
        adjusting.Kind.CHARGE: label,
        adjusting.Kind.DIFFERENCE: f"Adjustment: {label}",
        adjusting.Kind.TAKEN_BACK: f"Adjustment: {label}, as billed before, taken back",
    }[due.kind]
    return told[:300]


def _label(item: Item, due: Due, subscription: Subscription) -> str:
    if item.item == fixed.SETUP_FEE:
        return f"{subscription.plan_name}, setup fee"
    if item.item == fixed.SUBSCRIPTION:
        days, of_month = due.working.get("days"), due.working.get("days_of_month")
        return subscription.plan_name if days == of_month else f"{subscription.plan_name}, {days} of {of_month} days"
    return f"{item_label(item.item)} ({edition_label(item.edition)})" if item.edition else item_label(item.item)
