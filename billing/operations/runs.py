"""
The billing run: what one seller's buyers owe for a month.

For each buyer it computes what should be on the invoices of the month, compares that with what is, and writes only the
difference to a draft: run twice, nothing; late usage after issuing, an adjustment. Buyers are billed in batches, each batch a
transaction of its own that locks its buyers first, so a run may be killed anywhere and run again, or run twice at once.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection, transaction
from django.db.models import Case, Count, F, Q, Sum, When

from accounts.models import Organization, local_date
from billing import adjusting
from billing.adjusting import Billed, Due
from billing.models import BillingRun, Invoice, InvoiceLine, ParkedAccount, Subscription
from billing.queries import rating_inputs
from billing.queries.rating_inputs import Card, PriceBook, TaxTerms
from billing.rating import Charge, Level, PriceChain, UsageSeries, plain, rate
from catalog.item_names import edition_label, item_label
from common.errors import DomainError
from common.money import round_money
from common.periods import Period

logger = logging.getLogger(__name__)

SUBSCRIPTIONS_PER_BATCH = 200  # with ten items and a month of days each some 60,000 readings, about 50 MB while they are rated


class NotACalendarMonth(DomainError):
    """Pay-as-you-go is billed by the calendar month; other periods would overlap."""


class PeriodNotOver(DomainError):
    """The month has not ended yet where the seller keeps its days."""


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


def run_billing(*, seller_id: int, period: Period, at: datetime) -> BillingRun:
    """
    Bring the drafts of ``seller_id`` for ``period``, a calendar month that is over, to what its buyers owe.

    Repeating it writes only what changed since. A buyer that cannot be billed is parked with the reason, keeps what it had,
    and the run goes on; billed by a later run, it is parked no more. Opens transactions of its own.

    :raises NotACalendarMonth: ``period`` is not one.
    :raises PeriodNotOver: its last day has not ended in the seller's time zone.
    """
    seller = Organization.objects.get(pk=seller_id)
    _check_period(seller, period, at)
    accounts = _accounts(seller, period)
    run = _begin(seller, period, accounts_total=len(accounts), at=at)
    findings = Findings()
    done = 0
    for batch in _batches(accounts):
        findings.add(_bill_or_park(run, batch, at=at))
        done += len(batch)
        BillingRun.objects.filter(pk=run.pk).update(accounts_done=done)
    return _finish(run, findings, at=at)


def bill_last_month(*, at: datetime) -> list[BillingRun]:
    """Run the billing of the month before ``at`` for every seller, each by its own calendar: the MSP, then its resellers."""
    return [run_billing(seller_id=seller.pk, period=_month_before(local_date(at, seller)), at=at) for seller in sellers()]


def sellers() -> list[Organization]:
    """Return who has something to bill: the MSP, and the resellers whose customers have subscriptions."""
    with_subscriptions = Organization.objects.resellers().filter(children__subscriptions__isnull=False).distinct()
    return [Organization.objects.get(kind=Organization.Kind.MSP), *with_subscriptions.order_by("pk")]


def _month_before(day: date) -> Period:
    return Period.month_of(day.replace(day=1) - timedelta(days=1))


# --- The run as a row -----------------------------------------------------------------------------------------------------


def _check_period(seller: Organization, period: Period, at: datetime) -> None:
    if period != Period.month_of(period.start):
        raise NotACalendarMonth(f"Pay-as-you-go is billed by the calendar month; {period} is none.")
    if local_date(at, seller) < period.end:
        raise PeriodNotOver(f"{period} is not over yet; it can be billed from {period.end.isoformat()} on.")


def _accounts(seller: Organization, period: Period) -> dict[int, int]:
    """Return each buyer to look at and the number of its subscriptions: whoever used or was billed something in ``period``."""
    counted = _subscriptions(seller).billable_in(period).order_by().values_list("buyer").annotate(Count("pk"))
    accounts: dict[int, int] = dict(counted)
    for buyer in Invoice.objects.filter(_of_run(seller, period)).order_by().values_list("buyer", flat=True).distinct():
        accounts.setdefault(buyer, 0)
    return dict(sorted(accounts.items()))


def _subscriptions(seller: Organization) -> Any:
    """Return the subscriptions that ``seller`` bills, each with its ``buyer``: the consumer, or the reseller in between."""
    if seller.kind == Organization.Kind.MSP:
        in_between = Case(
            When(consumer__parent__kind=Organization.Kind.RESELLER, then=F("consumer__parent")), default=F("consumer")
        )
        return Subscription.objects.annotate(buyer=in_between)
    return Subscription.objects.filter(consumer__parent=seller).annotate(buyer=F("consumer"))


def _of_run(seller: Organization, period: Period) -> Q:
    return Q(seller=seller, period_start=period.start, period_end=period.end)


def _batches(accounts: dict[int, int]) -> Iterator[list[int]]:
    """Split the buyers so that no batch has many more subscriptions than memory should hold at once."""
    batch: list[int] = []
    subscriptions = 0
    for buyer, count in accounts.items():
        if batch and subscriptions + count > SUBSCRIPTIONS_PER_BATCH:
            yield batch
            batch, subscriptions = [], 0
        batch.append(buyer)
        subscriptions += max(count, 1)
    if batch:
        yield batch


@transaction.atomic(durable=True)
def _begin(seller: Organization, period: Period, *, accounts_total: int, at: datetime) -> BillingRun:
    BillingRun.objects.get_or_create(
        seller=seller,
        period_start=period.start,
        period_end=period.end,
        defaults={"started_at": at, "accounts_total": accounts_total},
    )
    run = BillingRun.objects.locked().get(seller=seller, period_start=period.start, period_end=period.end)
    if run.can_move_to(BillingRun.Status.RUNNING):
        run.move_to(BillingRun.Status.RUNNING)
    run.started_at, run.finished_at = at, None
    run.accounts_total, run.accounts_done = accounts_total, 0
    run.save(update_fields=["status", "started_at", "finished_at", "accounts_total", "accounts_done"])
    return run


@transaction.atomic(durable=True)
def _finish(run: BillingRun, findings: Findings, *, at: datetime) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run.pk)
    if run.can_move_to(BillingRun.Status.FINISHED):  # of two at once the other may have been first
        run.move_to(BillingRun.Status.FINISHED)
    run.finished_at = at
    run.rate_cards, run.unrated = sorted(findings.rate_cards), [list(pair) for pair in sorted(findings.unrated)]
    run.save(update_fields=["status", "finished_at", "rate_cards", "unrated"])
    logger.info("billing run finished", extra={"run": run.pk, "seller": run.seller_id, "accounts": run.accounts_total})
    return run


# --- One batch of buyers ----------------------------------------------------------------------------------------------------


def _bill_or_park(run: BillingRun, buyers: list[int], *, at: datetime) -> Findings:
    """Bill a batch; where it fails as a whole, bill its buyers one by one and park only those that fail alone."""
    try:
        return _bill(run, buyers, at=at)
    except Exception as error:
        if len(buyers) == 1:
            logger.exception("account not billed", extra={"run": run.pk, "buyer": buyers[0]})
            _park(
                run,
                {buyers[0]: f"Billing failed unexpectedly ({type(error).__name__}); the log of {at:%Y-%m-%d %H:%M} says more."},
                at,
            )
            return Findings()
    findings = Findings()
    for buyer in buyers:
        findings.add(_bill_or_park(run, [buyer], at=at))
    return findings


@transaction.atomic(durable=True)
def _bill(run: BillingRun, buyers: list[int], *, at: datetime) -> Findings:
    """Bill ``buyers`` in one transaction, in a number of queries that does not depend on how much they have."""
    locked = list(Organization.objects.locked().filter(pk__in=buyers))
    seller = Organization.objects.get(pk=run.seller_id)
    accounts = _read_accounts(seller, locked, run.period)
    subscriptions = [subscription for account in accounts for subscription in account.subscriptions]
    book = rating_inputs.price_book({one.plan.product_group_id for one in subscriptions}, run.period)
    usage = rating_inputs.usage_by_tenant({one.service.tenant_id for one in subscriptions}, run.period)
    bills: list[Bill] = []
    reasons: dict[int, str] = {}
    findings = Findings()
    for account in accounts:
        found = Findings()
        try:
            bills += _bills(account, book, usage, found)
        except DomainError as refusal:
            reasons[account.buyer.pk] = str(refusal)
        else:
            findings.add(found)
    billed = [buyer for buyer in buyers if buyer not in reasons]
    _write(run, seller, billed, bills, at=at)
    ParkedAccount.objects.filter(run=run, buyer__in=billed).delete()
    _park_rows(run, reasons, at)
    return findings


@transaction.atomic(durable=True)
def _park(run: BillingRun, reasons: dict[int, str], at: datetime) -> None:
    _park_rows(run, reasons, at)


def _park_rows(run: BillingRun, reasons: dict[int, str], at: datetime) -> None:
    ParkedAccount.objects.bulk_create(
        [ParkedAccount(run=run, buyer_id=buyer, reason=reason[:1000], parked_at=at) for buyer, reason in reasons.items()],
        update_conflicts=True,
        unique_fields=["run", "buyer"],
        update_fields=["reason", "parked_at"],
    )


# --- What should be ---------------------------------------------------------------------------------------------------------


def _read_accounts(seller: Organization, buyers: list[Organization], period: Period) -> list[Account]:
    ids = [buyer.pk for buyer in buyers]
    billed, currencies = _billed(seller, ids, period)
    named = {subscription for subscriptions in billed.values() for subscription in subscriptions}
    billable = _subscriptions(seller).filter(
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
            invoice__in=Invoice.objects.issued().filter(_of_run(seller, period), buyer__in=buyers),
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


def _write(run: BillingRun, seller: Organization, buyers: list[int], bills: list[Bill], *, at: datetime) -> None:
    """Make the drafts of ``buyers`` say what ``bills`` say: new ones are added, others changed or, if nothing is due, removed."""
    drafts = {
        (draft.buyer_id, draft.venture_id, draft.currency): draft
        for draft in Invoice.objects.drafts().locked().filter(_of_run(seller, run.period), buyer__in=buyers)
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
