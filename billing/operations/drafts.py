"""
What each buyer's draft should say.

A step of a billing run (`runs`), inside the transaction in which it has locked the buyers. What is issued is never touched: where
it differs from what is owed, the draft is to hold an adjustment with the days it is for, of whatever month. What stands on any
other document counts as billed, be it issued or still a draft, so two documents never bill the same. `draft_rows` then writes the
difference.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Case, F, Q, QuerySet, When

from accounts.models import Organization
from billing import adjusting, fixed
from billing.adjusting import Billed, Due
from billing.descriptions import describe
from billing.models import Invoice, InvoiceLine, Subscription
from billing.queries import charging, sold
from billing.queries.billed import Item, add_up
from billing.queries.charging import Charged, DatedCharge, Seen
from billing.queries.late import Late
from billing.queries.rating_inputs import PriceBook, TaxTerms
from billing.rating import Charge, Level, plain
from billing.taxing import Party, Treatment, treatment
from common.periods import Period


@dataclass(slots=True)
class Findings:
    """What a run has to tell besides its drafts."""

    rate_cards: set[str] = field(default_factory=set)
    unrated: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: "Findings") -> None:
        self.rate_cards |= other.rate_cards
        self.unrated |= other.unrated


@dataclass(slots=True)
class Line:
    """One line a document is to have, as its row will say it."""

    subscription_id: int | None
    order_key: str
    product_group_id: int
    item: str
    edition: str
    part: str
    description: str
    days: Period
    due: Due
    tax_percent: Decimal
    working: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines one document is to have, in order."""

    buyer_id: int
    venture_id: int
    currency: str
    treatment: Treatment
    lines: list[Line]


@dataclass(slots=True)
class Owed:
    """What some buyers owe, and by buyer why it cannot be said."""

    bills: list[Bill] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


@dataclass(frozen=True, slots=True)
class Task:
    """What a run is to work out: the seller's month, the earlier months to look at again, and the prices of each."""

    seller: Organization
    period: Period
    books: Mapping[Period, PriceBook]
    late: Late
    unknown_cost: str = ""
    """Why the seller's own cost of the month is not known, so nothing is billed; empty where it is, or where that is allowed."""


def subscriptions_of(seller: Organization) -> "QuerySet[Any]":
    """Return the subscriptions that ``seller`` bills, each with its ``buyer``: the consumer, or the reseller in between."""
    if seller.kind == Organization.Kind.MSP:
        in_between = Case(
            When(consumer__parent__kind=Organization.Kind.RESELLER, then=F("consumer__parent")), default=F("consumer")
        )
        return Subscription.objects.annotate(buyer=in_between)
    return Subscription.objects.filter(consumer__parent=seller).annotate(buyer=F("consumer"))


def of_period(seller: Organization, period: Period) -> Q:
    """Say which invoices are those of the seller's run for the period."""
    return Q(seller=seller, period_start=period.start, period_end=period.end, kind=Invoice.Kind.MONTHLY)


def level_of(seller: Organization, buyer: Organization) -> Level:
    """Say at which level of the price chain ``seller`` sells to ``buyer``."""
    if seller.kind == Organization.Kind.RESELLER:
        return Level.RETAIL
    return Level.WHOLESALE if buyer.kind == Organization.Kind.RESELLER else Level.MSP


def owed(task: Task, buyers: list[Organization]) -> Owed:
    """
    Return what ``buyers`` owe the seller, in a number of queries that does not depend on how much they have.

    Who cannot be billed is in ``reasons``; the others are not kept from it.
    """
    found = Owed()
    if task.unknown_cost:
        found.reasons = {buyer.pk: task.unknown_cost for buyer in buyers}
        return found
    by_id = {buyer.pk: buyer for buyer in buyers}
    treatments = {buyer.pk: treatment_of(task.seller, buyer) for buyer in buyers}
    bills: dict[tuple[int, int, str], Bill] = {}
    for month, book in task.books.items():
        _owe_month(task, by_id, treatments, month, book, found, bills)
    found.bills = [bill for bill in bills.values() if bill.buyer_id not in found.reasons and bill.lines]
    return found


def treatment_of(seller: Organization, buyer: Organization) -> Treatment:
    """Say how ``seller`` taxes what it sells to ``buyer``."""
    return treatment(
        Party(seller.country, seller.tax_id),
        Party(buyer.country, buyer.tax_id, buyer.tax_treatment, buyer.tax_exemption_reason),
    )


def _owe_month(
    task: Task,
    buyers: dict[int, Organization],
    treatments: dict[int, Treatment],
    month: Period,
    book: PriceBook,
    found: Owed,
    bills: dict[tuple[int, int, str], Bill],
) -> None:
    """Add what is still to be billed of one month: the run's own, or an earlier one in which something changed."""
    is_own = month == task.period
    subscriptions = subscriptions_of(task.seller).filter(buyer__in=buyers)
    if not is_own:
        subscriptions = subscriptions.filter(task.late.of_month(month))
    billed, currencies = _billed(task, buyers, month, None if is_own else subscriptions)
    billable = Q(pk__in=Subscription.objects.billable_in(month).order_by().values("pk"))
    all_sold = sold.read(subscriptions.filter(billable | Q(pk__in=list(billed))), before=month.end)
    seen = [_seen(task.seller, buyers, one, currencies) for one in all_sold]
    for charged in charging.charges(seen, book):
        buyer = charged.seen.sold.buyer_id
        if charged.refusal:
            found.reasons.setdefault(buyer, charged.refusal)
            continue
        found.findings.rate_cards |= charged.rate_cards
        found.findings.unrated.update((one.item, one.edition) for one in charged.unrated)
        add_lines(bills, charged, billed.get(charged.seen.sold.pk, {}), book.taxes, treatments[buyer], month)


def _seen(seller: Organization, buyers: dict[int, Organization], one: sold.Sold, currencies: dict[int, str]) -> Seen:
    buyer = buyers[one.buyer_id]
    return Seen(one, level_of(seller, buyer), currencies.get(buyer.pk, buyer.currency))


def _billed(
    task: Task, buyers: Collection[int], month: Period, subscriptions: "QuerySet[Any] | None"
) -> tuple[dict[int, dict[Item, list[Billed]]], dict[int, str]]:
    """
    Return what other documents say of ``month``, by subscription and item, and each buyer's currency they say it in.

    A buyer that was invoiced for use in the month stays with that currency for it, whatever its own became since. What was sold at
    a fixed price says nothing about that: it is in the currency it was sold in.
    """
    own_draft = of_period(task.seller, task.period) & Q(status=Invoice.Status.DRAFT)
    documents = Invoice.objects.filter(seller=task.seller, buyer__in=list(buyers)).exclude(own_draft)
    lines = InvoiceLine.objects.filter(
        invoice__in=documents.order_by().values("pk"),
        subscription__isnull=False,
        period_start__gte=month.start,
        period_start__lt=month.end,
    ).exclude(part__startswith="term:")
    if subscriptions is not None:
        lines = lines.filter(subscription__in=subscriptions.order_by().values("pk"))
    return add_up(lines)


def add_lines(
    bills: dict[tuple[int, int, str], Bill],
    charged: Charged,
    billed: Mapping[Item, list[Billed]],
    taxes: Mapping[int, tuple[TaxTerms, ...]],
    treated: Treatment,
    fallback: Period,
) -> None:
    """Add the lines that are still to be billed of one subscription to the document of its buyer, venture and currency."""
    one = charged.seen.sold
    lines = lines_due(charged, billed, taxes, treated, fallback)
    if lines:
        key = (one.buyer_id, one.venture_id, charged.currency)
        bill = bills.get(key) or bills.setdefault(key, Bill(*key, treated, []))
        bill.lines.extend(lines)


def lines_due(
    charged: Charged,
    billed: Mapping[Item, list[Billed]],
    taxes: Mapping[int, tuple[TaxTerms, ...]],
    treated: Treatment,
    fallback: Period,
) -> list[Line]:
    """
    Return what is still to be billed of one subscription.

    :param fallback: the days a line is for that takes back what is not owed any more, where nothing else says.
    """
    one = charged.seen.sold
    charges = {_item(one.pk, dated.charge): dated for dated in charged.charges}
    part = one.billed_part(fallback) or fallback
    lines: list[Line] = []
    items: Iterable[Item] = charges if not billed else {*charges, *billed}
    taxed = {group: _taxed(treated.taxes(of_group)) for group, of_group in taxes.items()}
    for item in sorted(items):
        dated = charges.get(item)
        phase = _phase_on(one, dated.days.start if dated else _day_of(item, part))
        group = dated.product_group if dated else phase.product_group
        found = adjusting.lines_due(dated.charge if dated else None, billed.get(item, ()), charged.currency)
        lines += [_line(one, item, dated, due, part, phase.plan_name, group, taxed.get(group, _UNTAXED)) for due in found]
    return lines


class _Taxed(NamedTuple):
    """The taxes of a line as its working tells them, and their percents together."""

    told: list[list[str]]
    percent: Decimal


_UNTAXED = _Taxed([], Decimal(0))


def _taxed(taxes: tuple[TaxTerms, ...]) -> _Taxed:
    return _Taxed([[tax.name, plain(tax.percent)] for tax in taxes], sum((tax.percent for tax in taxes), Decimal(0)))


def _day_of(item: Item, part: Period) -> date:
    """Return a day for which what is taken back was sold; lines that begin inside a month are named by the day."""
    named = (item.edition if item.item in fixed.ITEMS else item.part)[:10]
    return date.fromisoformat(named) if _is_day(named) else part.start


def _phase_on(one: sold.Sold, day: date) -> sold.Phase:
    """Return what it was sold as on ``day``: by the group it is taxed, by the name it is told."""
    return next((phase for phase in reversed(one.phases) if phase.valid_from <= day), one.phases[-1])


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def _item(subscription: int, charge: Charge) -> Item:
    return Item(subscription, charge.item, charge.edition, charge.part)


def _line(
    one: sold.Sold,
    item: Item,
    dated: DatedCharge | None,
    due: Due,
    part: Period,
    plan: str,
    group: int,
    taxed: _Taxed,
) -> Line:
    working = {
        **due.working,
        "kind": due.kind.value,
        "taxes": taxed.told,
        "consumer": one.consumer_name,
        "plan": plan,
    }
    return Line(
        subscription_id=one.pk,
        order_key="",
        product_group_id=group,
        item=item.item,
        edition=item.edition,
        part=item.part,
        description=describe(item.item, item.edition, due.working, kind=due.kind, plan=plan),
        days=dated.days if dated else part,
        due=due,
        tax_percent=taxed.percent,
        working=working,
    )
