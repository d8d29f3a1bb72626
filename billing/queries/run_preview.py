"""
A billing run beside the month before: per buyer and currency what is billed now and what was, and what stands out.

Everything is read in a number of queries that does not grow with accounts; ten thousand rows are compared in memory.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Exists, OuterRef, Q, Sum

from accounts.models import Organization
from billing import holding
from billing.holding import Flag, Rules
from billing.models import BillingRun, CreditNote, Invoice, InvoiceLine, ParkedAccount, Subscription, UsageRecord
from catalog.models import Plan
from common.periods import Period, add_months


@dataclass(frozen=True, slots=True)
class Row:
    """One buyer in one currency. Amounts are nets; ``now`` and ``last`` are None where nothing is billed."""

    buyer_id: int
    number: str
    name: str
    currency: str
    now: Decimal | None
    last: Decimal | None
    drafts: tuple[int, ...]
    issued: int
    held_for: str
    parked_for: str
    flags: frozenset[Flag]

    @property
    def difference(self) -> Decimal:
        return (self.now or Decimal(0)) - (self.last or Decimal(0))

    @property
    def percent(self) -> Decimal | None:
        return holding.change_percent(self.now, self.last)

    @property
    def flags_in_order(self) -> list[Flag]:
        return [flag for flag in Flag if flag in self.flags]

    @property
    def flag_names(self) -> list[str]:
        return [holding.FLAG_NAMES[flag] for flag in self.flags_in_order]


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """What some rows come to in one currency."""

    currency: str
    buyers: int
    now: Decimal
    last: Decimal

    @property
    def difference(self) -> Decimal:
        return self.now - self.last

    @property
    def percent(self) -> Decimal | None:
        return holding.change_percent(self.now, self.last)


SORTS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: (row.name.casefold(), row.number, row.currency),
    "now": lambda row: (row.now is not None, row.now or Decimal(0)),
    "last": lambda row: (row.last is not None, row.last or Decimal(0)),
    "difference": lambda row: row.difference,
    "percent": lambda row: (row.percent is not None, row.percent or Decimal(0)),
}


def month_before(period: Period) -> Period:
    return Period.month_of(add_months(period.start, -1))


def compared(run: BillingRun) -> list[Row]:
    """Return a row per buyer and currency that has something this month or the last, or is parked; by name."""
    threshold = Rules.from_json(run.rules).flag_percent
    parked = dict(ParkedAccount.objects.filter(run=run).values_list("buyer", "reason"))
    billed = amounts(run)
    buyers = _buyers({*parked, *(found["buyer"] for found in billed)})
    shown = {found["buyer"] for found in billed}
    billed += [_nothing(buyers[buyer]) for buyer in parked if buyer not in shown]
    unrated = buyers_with_unrated_use(run)
    rows = [
        _row(
            found,
            buyers[found["buyer"]],
            parked.get(found["buyer"], ""),
            threshold=threshold,
            has_unrated=found["buyer"] in unrated,
        )
        for found in billed
    ]
    return sorted(rows, key=SORTS["name"])


def narrowed(rows: Iterable[Row], *, flag: str = "", search: str = "", currency: str = "") -> list[Row]:
    """Return the rows with a flag, of a currency, and of buyers whose name or number has ``search`` in it."""
    term = search.casefold()
    return [
        row
        for row in rows
        if (not flag or flag in row.flags)
        and (not currency or row.currency == currency)
        and (not term or term in row.name.casefold() or term in row.number.casefold())
    ]


def in_order(rows: list[Row], sort: str) -> list[Row]:
    """Return the rows by a column; with “-” before it the greatest first. An unknown column is the name."""
    key = SORTS.get(sort.removeprefix("-"), SORTS["name"])
    return sorted(rows, key=key, reverse=sort.startswith("-"))


def counts(rows: Iterable[Row]) -> dict[Flag, int]:
    """Return for each flag how many rows have it; none where nobody has."""
    found = dict.fromkeys(Flag, 0)
    for row in rows:
        for flag in row.flags:
            found[flag] += 1
    return {flag: number for flag, number in found.items() if number}


def sums(rows: Iterable[Row]) -> list[CurrencyTotal]:
    """Return what the rows come to, by currency."""
    found: dict[str, tuple[int, Decimal, Decimal]] = {}
    for row in rows:
        buyers, now, last = found.get(row.currency, (0, Decimal(0), Decimal(0)))
        found[row.currency] = (buyers + 1, now + (row.now or 0), last + (row.last or 0))
    return [CurrencyTotal(currency, *found[currency]) for currency in sorted(found)]


# --- What is read -------------------------------------------------------------------------------------------------------


def buyers_with_unrated_use(run: BillingRun) -> frozenset[int]:
    """Return who used an item in the month that the run found no rate for, and is not billed for it."""
    if not run.unrated:
        return frozenset()
    missing = Q(pk__in=())
    for item, edition in run.unrated:
        used = UsageRecord.objects.filter(
            Q(absolute__gt=0) | Q(delta__gt=0),
            tenant=OuterRef("service__tenant"),
            item=item,
            edition=edition,
            day__gte=run.period_start,
            day__lt=run.period_end,
        )
        billed = InvoiceLine.objects.filter(
            invoice__seller=run.seller_id,
            subscription=OuterRef("pk"),
            period_start__gte=run.period_start,
            item=item,
            edition=edition,
        )
        missing |= Q(Exists(used)) & ~Q(Exists(billed))
    by_use = Subscription.objects.billable_in(run.period).filter(billing_model=Plan.BillingModel.PAY_AS_YOU_GO)
    if run.seller.kind == Organization.Kind.MSP:
        found = by_use.filter(missing).values_list("consumer", "consumer__parent", "consumer__parent__kind").order_by()
        return frozenset(parent if parent and kind == Organization.Kind.RESELLER else consumer for consumer, parent, kind in found)
    return frozenset(by_use.filter(missing, consumer__parent=run.seller_id).order_by().values_list("consumer", flat=True))


def amounts(run: BillingRun) -> list[Any]:
    """
    Read what each buyer is billed in each currency in the month and the one before: drafts and what is issued, less what was
    credited of it. Two queries.

    Names are not joined to it: before PostgreSQL has gathered statistics about a first run it would look for each of them anew.
    """
    before = month_before(run.period)
    this = Q(period_start=run.period_start, period_end=run.period_end)
    draft = this & Q(status=Invoice.Status.DRAFT)
    rows: Any = (
        Invoice.objects.filter(seller=run.seller_id, kind=Invoice.Kind.MONTHLY)
        .filter(this | Q(period_start=before.start, period_end=before.end))
        .order_by()
        .values("buyer", "currency")
        .annotate(
            now=Sum("net", filter=this),
            last=Sum("net", filter=~this),
            drafts=ArrayAgg("pk", filter=draft, default=[]),
            issued=Count("pk", filter=this & Q(status=Invoice.Status.ISSUED)),
            held=ArrayAgg("held_for", filter=draft & ~Q(held_for=""), default=[]),
        )
    )
    credited = _credited(run, before)
    for row in rows:
        now, last = credited.get((row["buyer"], row["currency"]), (None, None))
        row["now"] = row["now"] - now if now is not None else row["now"]
        row["last"] = row["last"] - last if last is not None else row["last"]
    return list(rows)


def _credited(run: BillingRun, before: Period) -> dict[tuple[int, str], tuple[Decimal | None, Decimal | None]]:
    """Return by buyer and currency the nets credited of the invoices of the run's month, and of those of the one before."""
    this = Q(invoice__period_start=run.period_start, invoice__period_end=run.period_end)
    last = Q(invoice__period_start=before.start, invoice__period_end=before.end)
    notes = CreditNote.objects.filter(this | last, seller=run.seller_id, invoice__kind=Invoice.Kind.MONTHLY)
    rows = notes.order_by().values("buyer", "currency").annotate(now=Sum("net", filter=this), last=Sum("net", filter=last))
    return {(row["buyer"], row["currency"]): (row["now"], row["last"]) for row in rows}


class _Buyer(NamedTuple):
    pk: int
    number: str
    name: str
    currency: str


def _buyers(ids: Iterable[int]) -> dict[int, _Buyer]:
    found = Organization.objects.filter(pk__in=list(ids)).order_by().values_list("pk", "number", "name", "currency")
    return {row[0]: _Buyer(*row) for row in found}


def _nothing(buyer: _Buyer) -> dict[str, Any]:
    return {"buyer": buyer.pk, "currency": buyer.currency, "now": None, "last": None, "drafts": [], "issued": 0, "held": []}


def _row(found: dict[str, Any], buyer: _Buyer, parked_for: str, *, threshold: Decimal, has_unrated: bool) -> Row:
    held_for = " ".join(found["held"])
    return Row(
        buyer_id=found["buyer"],
        number=buyer.number,
        name=buyer.name,
        currency=found["currency"],
        now=found["now"],
        last=found["last"],
        drafts=tuple(sorted(found["drafts"])),
        issued=found["issued"],
        held_for=held_for,
        parked_for=parked_for,
        flags=holding.flags(
            now=found["now"],
            last=found["last"],
            threshold=threshold,
            has_unrated=has_unrated,
            is_parked=bool(parked_for),
            is_held=bool(held_for),
        ),
    )
