"""
What each buyer's draft should say, compared with what it says, and the difference written.

Steps of a billing run (`runs`), inside the transaction in which it has locked the buyers. What is issued is never touched: where it
differs from what is owed, the draft holds an adjustment.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Case, F, Q, Sum, When

from accounts.models import Organization
from billing import adjusting
from billing.adjusting import Billed, Due
from billing.models import BillingRun, Invoice, InvoiceLine, Subscription
from billing.queries import rating_inputs
from billing.queries.rating_inputs import Card, PriceBook, TaxTerms
from billing.rating import Charge, Level, PriceChain, UsageSeries, plain, rate
from catalog.item_names import edition_label, item_label
from common.errors import DomainError
from common.money import round_money
from common.periods import Period


class Item(NamedTuple):
    """What a charge and the lines that bill it have in common."""

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


# --- What should be ---------------------------------------------------------------------------------------------------------


def owed(seller: Organization, buyers: list[Organization], period: Period) -> Owed:
    """
    Return what ``buyers`` owe ``seller`` for ``period``, in a number of queries that does not depend on how much they have.

    Who cannot be billed is in ``reasons``; the others are not kept from it.
    """
    accounts = _read_accounts(seller, buyers, period)
    subscriptions = [subscription for account in accounts for subscription in account.subscriptions]
    book = rating_inputs.price_book({one.plan.product_group_id for one in subscriptions}, period)
    usage = rating_inputs.usage_by_tenant({one.service.tenant_id for one in subscriptions}, period)
    found = Owed()
    for account in accounts:
        findings = Findings()
        try:
            found.bills += _bills(account, book, usage, findings)
        except DomainError as refusal:
            found.reasons[account.buyer.pk] = str(refusal)
        else:
            found.findings.add(findings)
    return found


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

    A buyer that was invoiced for the period stays with that currency for it, whatever its own became since.
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
        currencies[buyer] = currency
    return billed, currencies


def _level(seller: Organization, buyer: Organization) -> Level:
    if seller.kind == Organization.Kind.RESELLER:
        return Level.RETAIL
    return Level.WHOLESALE if buyer.kind == Organization.Kind.RESELLER else Level.MSP


def _bills(account: Account, book: PriceBook, usage: dict[int, list[UsageSeries]], findings: Findings) -> list[Bill]:
    """
    Return the drafts ``account`` is to have, one per venture.

    :raises MissingRateCard: or `MissingExchangeRate`, `UnitMismatch`: the account cannot be billed.
    """
    bills: dict[int, Bill] = {}
    for subscription in account.subscriptions:
        charges = _charges(account, subscription, book, usage.get(subscription.service.tenant_id, []), findings)
        taxes = book.taxes.get(subscription.plan.product_group_id, ())
        lines = _lines(account, subscription, charges, book.period, taxes)
        if lines:
            venture = subscription.plan.venture_id
            bill = bills.setdefault(venture, Bill(account.buyer.pk, venture, account.currency, []))
            bill.lines.extend(lines)
    for bill in bills.values():
        for position, line in enumerate(bill.lines, start=1):
            line.position = position
    return list(bills.values())


def _charges(
    account: Account, subscription: Subscription, book: PriceBook, usage: list[UsageSeries], findings: Findings
) -> dict[Item, Charge]:
    part = _billed_part(subscription, book.period)
    if part is None or not usage:
        return {}
    card = book.card_of(subscription.plan.product_group)
    rated = rate(usage, card.rates, part, _chain(account, subscription, card, book))
    findings.rate_cards.add(card.sentence)
    findings.unrated.update((one.item, one.edition) for one in rated.unrated)
    for charge in rated.charges:
        charge.working["rate"]["sentence"] = card.sentence
    return {Item(subscription.pk, charge.item, charge.edition): charge for charge in rated.charges}


def _billed_part(subscription: Subscription, period: Period) -> Period | None:
    """Return the days of ``period`` on which ``subscription`` ran."""
    start = max(subscription.started_on, period.start)
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
    account: Account, subscription: Subscription, charges: dict[Item, Charge], period: Period, taxes: Iterable[TaxTerms]
) -> list[InvoiceLine]:
    """Return what is still to be billed of ``subscription``, without positions."""
    billed = account.billed.get(subscription.pk, {})
    part = _billed_part(subscription, period) or period
    told_taxes = [[tax.name, plain(tax.percent)] for tax in taxes]
    percent = sum((tax.percent for tax in taxes), Decimal(0))
    return [
        InvoiceLine(
            subscription=subscription,
            item=item.item,
            edition=item.edition,
            description=_description(item, due),
            period_start=part.start,
            period_end=part.end,
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
        for due in adjusting.lines_due(charges.get(item), billed.get(item, ()), account.currency)
    ]


def _description(item: Item, due: Due) -> str:
    label = f"{item_label(item.item)} ({edition_label(item.edition)})" if item.edition else item_label(item.item)
    told = {
        adjusting.Kind.CHARGE: label,
        adjusting.Kind.DIFFERENCE: f"Adjustment: {label}",
        adjusting.Kind.TAKEN_BACK: f"Adjustment: {label}, as billed before, taken back",
    }[due.kind]
    return told[:300]


# --- What is, and the difference --------------------------------------------------------------------------------------------


def write(run: BillingRun, seller: Organization, buyers: list[int], bills: list[Bill], *, at: datetime) -> None:
    """Make the drafts of ``buyers`` say what ``bills`` say: new ones are added, others changed or, if nothing is due, removed."""
    drafts = {
        (draft.buyer_id, draft.venture_id, draft.currency): draft
        for draft in Invoice.objects.drafts().locked().filter(of_period(seller, run.period), buyer__in=buyers)
    }
    present = _draft_lines(drafts.values())
    wanted = {(bill.buyer_id, bill.venture_id, bill.currency): bill for bill in bills}
    _remove([draft for key, draft in drafts.items() if key not in wanted])
    new: list[Invoice] = []
    changed: list[Invoice] = []
    drafted: list[tuple[Invoice, Bill]] = []
    for key, bill in wanted.items():
        if (draft := drafts.get(key)) is None:
            draft = _new_draft(run, seller, bill, at=at)
            new.append(draft)
        elif [_facts(line) for line in bill.lines] == present[draft.pk]:
            continue
        else:
            changed.append(draft)
        _total(draft, bill)
        drafted.append((draft, bill))
    Invoice.objects.bulk_create(new)
    if changed:
        InvoiceLine.objects.filter(invoice__in=changed).delete()
        Invoice.objects.bulk_update(changed, ["net", "tax", "gross", "taxes", "run"])
    _copy(drafted)


_COLUMNS = (
    "invoice_id",
    "position",
    "subscription_id",
    "item",
    "edition",
    "description",
    "period_start",
    "period_end",
    "quantity",
    "unit",
    "unit_price",
    "net",
    "tax_percent",
    "working",
)


def _copy(drafted: list[tuple[Invoice, Bill]]) -> None:
    """Write new lines by COPY: their workings are long, and quoting them into a statement takes longer than all the rest."""
    if not drafted:
        return
    with connection.cursor() as cursor, cursor.copy(f"COPY billing_invoiceline ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
        for draft, bill in drafted:
            for line in bill.lines:
                *facts, working = _facts(line)
                copy.write_row((draft.pk, line.position, *facts, json.dumps(working, ensure_ascii=False)))


def _draft_lines(drafts: Iterable[Invoice]) -> dict[int, list[tuple[Any, ...]]]:
    present: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for line in InvoiceLine.objects.filter(invoice__in=list(drafts)).order_by("invoice_id", "position").iterator(chunk_size=2000):
        present[line.invoice_id].append(_facts(line))
    return present


def _facts(line: InvoiceLine) -> tuple[Any, ...]:
    """Return what makes a line the same as another: its columns but for the invoice and the position, in order."""
    return (
        line.subscription_id,
        line.item,
        line.edition,
        line.description,
        line.period_start,
        line.period_end,
        line.quantity,
        line.unit,
        line.unit_price,
        line.net,
        line.tax_percent,
        line.working,
    )


def _remove(drafts: list[Invoice]) -> None:
    if drafts:
        Invoice.objects.filter(pk__in=[draft.pk for draft in drafts]).delete()


def _new_draft(run: BillingRun, seller: Organization, bill: Bill, *, at: datetime) -> Invoice:
    return Invoice(
        seller=seller,
        buyer_id=bill.buyer_id,
        venture_id=bill.venture_id,
        run=run,
        currency=bill.currency,
        period_start=run.period_start,
        period_end=run.period_end,
        created_at=at,
    )


def _total(draft: Invoice, bill: Bill) -> None:
    """Set the totals: nets are sums of rounded lines, each tax is taken once on the sum of its nets (EN 16931, BG-23)."""
    by_tax: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in bill.lines:
        for name, percent in line.working["taxes"]:
            by_tax[name, percent] += line.net
    amounts = {tax: round_money(net * Decimal(tax[1]) / 100, bill.currency) for tax, net in by_tax.items()}
    draft.net = sum((line.net for line in bill.lines), Decimal(0))
    draft.tax = sum(amounts.values(), Decimal(0))
    draft.gross = draft.net + draft.tax
    draft.taxes = [
        {"name": name, "percent": percent, "net": plain(net), "tax": plain(amounts[name, percent])}
        for (name, percent), net in sorted(by_tax.items())
    ]
