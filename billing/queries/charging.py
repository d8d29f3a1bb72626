"""
What subscriptions cost on days of one month: rows in, charges with their working out. Writes nothing, and knows no invoice.

The billing run compares these charges with what was invoiced; estimates, what-ifs and margins look at them as they are.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from billing import fixed, overage
from billing.fixed import DatedPrice
from billing.measuring import Measured, levels_by_day, told
from billing.queries import measuring
from billing.queries.measuring import MeteredDays
from billing.queries.rating_inputs import PriceBook
from billing.queries.sold import Phase, Sold
from billing.rating import WHOLE, Charge, PriceChain, Stretch, Unrated, commitment, rate
from catalog.models import Plan
from catalog.pricing import Level
from common.errors import DomainError
from common.periods import Period
from provisioning.models import VendorOfferingItem

Expected: TypeAlias = Callable[[int, Period, list[Measured]], list[Measured]]


@dataclass(frozen=True, slots=True)
class Seen:
    """A subscription as one seller sells it: at which level, and in which currency what is metered is billed."""

    sold: Sold
    level: Level
    currency: str


class DatedCharge(NamedTuple):
    """A charge with the days it is for, and the product group whose taxes count."""

    days: Period
    product_group: int
    charge: Charge


@dataclass(slots=True)
class Charged:
    """What one subscription costs; with a ``refusal``, why that cannot be said."""

    seen: Seen
    currency: str
    charges: list[DatedCharge] = field(default_factory=list)
    unrated: list[Unrated] = field(default_factory=list)
    rate_cards: set[str] = field(default_factory=set)
    refusal: str = ""


@dataclass(slots=True)
class _Metered:
    """The days of one phase of a subscription, and what was measured on them."""

    phase: Phase
    days: Period
    measured: list[Measured]


def charges(seen: Sequence[Seen], book: PriceBook, *, until: date | None = None, expected: Expected | None = None) -> list[Charged]:
    """
    Return what each subscription costs in the month of ``book``, in the order they were given: three queries at most.

    :param until: look at the days before it only; None: at the whole month. Prepaid terms are not in it (`operations.renewals`),
        but what a prepaid subscription used above its quota is.
    :param expected: what to make of the measured days of a tenant before they are priced; an estimate carries them on.
    """
    period = book.period if until is None else Period(book.period.start, max(min(until, book.period.end), book.period.start))
    metered = _measure(seen, period)
    if expected is not None:
        for number, entries in metered.items():
            for entry in entries:
                entry.measured = expected(seen[number].sold.tenant_id, entry.days, entry.measured)
    storage = _storage_items({one.sold.service_manager_id for one in seen if not one.sold.is_metered})
    return [_charged(one, book, period, metered[number], storage) for number, one in enumerate(seen)]


def _measure(seen: Sequence[Seen], period: Period) -> dict[int, list[_Metered]]:
    """Measure what is billed by use, a phase at a time, and what counts against a quota that has a price above it."""
    found: dict[int, list[_Metered]] = defaultdict(list)
    asked: dict[tuple[int, Period], MeteredDays] = {}  # one for both levels of a sale
    waiting: dict[int, list[_Metered]] = defaultdict(list)
    for number, one in enumerate(seen):
        part = one.sold.billed_part(period)
        if part is None or not (one.sold.is_metered or _sells_overage(one)):
            continue
        for phase, days in one.sold.by_phase(part):
            entry = _Metered(phase, days, [])
            days_asked = asked.setdefault((one.sold.tenant_id, days), MeteredDays(len(asked), one.sold.tenant_id, days))
            waiting[days_asked.key].append(entry)
            found[number].append(entry)
    for key, several in measuring.measured(asked.values()).items():
        for entry in waiting[key]:
            entry.measured = several
    return found


def _sells_overage(seen: Seen) -> bool:
    return any(price.overage_price for price in seen.sold.prices.get(seen.level.value, ())) and any(
        phase.quota_gib is not None for phase in seen.sold.phases
    )


def _storage_items(service_managers: Collection[int]) -> frozenset[tuple[int, str]]:
    """Return what counts against a storage quota: the items under which the vendor meters backup storage."""
    if not service_managers:
        return frozenset()
    items = VendorOfferingItem.objects.filter(service_manager__in=service_managers, usage_name="storage")
    return frozenset(items.order_by().values_list("service_manager_id", "name").distinct())


def _charged(seen: Seen, book: PriceBook, period: Period, metered: list[_Metered], storage: frozenset[tuple[int, str]]) -> Charged:
    charged = Charged(seen, _currency(seen))
    part = seen.sold.billed_part(period)
    if part is None:
        return charged
    try:
        if seen.sold.is_metered:
            _by_use(charged, book, part, metered)
        else:
            _at_a_price(charged, part, metered, storage)
    except DomainError as refusal:
        charged.refusal = str(refusal)
    return charged


def _currency(seen: Seen) -> str:
    """Return what it is billed in: a fixed price stays in the currency it was sold in, also where it is only taken back."""
    prices = [] if seen.sold.is_metered else seen.sold.prices.get(seen.level.value, [])
    return prices[0].currency if prices else seen.currency


# --- By use -----------------------------------------------------------------------------------------------------------------


def _by_use(charged: Charged, book: PriceBook, part: Period, metered: list[_Metered]) -> None:
    seen = charged.seen
    included = seen.sold.included_on(part.start)
    for number, one in enumerate(metered):
        if not one.measured:
            continue
        group = one.phase.product_group
        card = book.card_of(group)
        chain = _chain(seen, one.phase, card.base_currency, book)
        share = WHOLE if one.days == part else Fraction(one.days.days, part.days)
        name = one.days.start.isoformat() if number else ""
        rated = rate(one.measured, book.tariff(group, chain), Stretch(one.days, share, included, name))
        charged.rate_cards.add(card.sentence)
        charged.unrated += rated.unrated
        charged.charges += [DatedCharge(one.days, group, charge) for charge in rated.charges]
    _add_commitment(charged, book, part)


def _add_commitment(charged: Charged, book: PriceBook, part: Period) -> None:
    """Charge up to the minimum that was agreed for the month."""
    sold = charged.seen.sold
    agreed = sold.commitment_on(part.start)
    if agreed is None:
        return
    phase, _ = sold.by_phase(part)[0]
    chain = _chain(charged.seen, phase, agreed.currency, book)
    month = Period.month_of(part.start)
    billed = [one.charge for one in charged.charges]
    charge = commitment(agreed.amount, agreed.currency, chain, billed, part.days, month.days)
    if charge is not None:
        charged.charges.append(DatedCharge(part, phase.product_group, charge))


def _chain(seen: Seen, phase: Phase, base_currency: str, book: PriceBook) -> PriceChain:
    return PriceChain(
        base_currency=base_currency,
        invoice_currency=seen.currency,
        exchange_rate=book.exchange_rate(base_currency, seen.currency),
        partner_discount_percent=phase.partner_discount_percent,
        retail_markup_percent=phase.retail_markup_percent,
        retail_discount_percent=phase.retail_discount_percent,
        level=seen.level,
    )


# --- At a fixed price -------------------------------------------------------------------------------------------------------


def _at_a_price(charged: Charged, part: Period, metered: list[_Metered], storage: frozenset[tuple[int, str]]) -> None:
    sold, level = charged.seen.sold, charged.seen.level.value
    prices = sold.fixed_prices(level)
    if sold.billing_model == Plan.BillingModel.POSTPAID_FIXED:
        for one in fixed.charges(fixed.Terms(sold.charged_from, level, prices), part):
            start, end = map(date.fromisoformat, one.charge.working["period"])
            days = Period(start, end)
            charged.charges.append(DatedCharge(days, _group_on(sold, days.start), one.named))
    _add_overage(charged, part, prices, metered, storage)


def _add_overage(
    charged: Charged, part: Period, prices: list[DatedPrice], metered: list[_Metered], storage: frozenset[tuple[int, str]]
) -> None:
    sold = charged.seen.sold
    in_storage = [one for entry in metered for one in entry.measured if (sold.service_manager_id, one.item) in storage]
    if not in_storage:
        return
    stretches = list(_quota_days(sold, part, prices))
    for charge in overage.charges(levels_by_day(in_storage), stretches, level=charged.seen.level.value, readings=told(in_storage)):
        start, end = map(date.fromisoformat, charge.working["period"])
        charged.charges.append(DatedCharge(Period(start, end), _group_on(sold, start), charge))


def _quota_days(sold: Sold, part: Period, prices: list[DatedPrice]) -> list[overage.QuotaDays]:
    """Cut ``part`` at every day on which price, plan or quantity changes: each such day begins a dated price."""
    found = []
    for number, price in enumerate(prices):
        after = prices[number + 1].valid_from if number + 1 < len(prices) else date.max
        start, end = max(price.valid_from, part.start), min(after, part.end)
        if start >= end:
            continue
        phase = [one for one in sold.phases if one.valid_from <= start][-1]
        quota = None if phase.quota_gib is None else phase.quota_gib * phase.quantity
        found.append(overage.QuotaDays(Period(start, end), quota, price.overage_price, price.currency, price.steps))
    return found


def _group_on(sold: Sold, day: date) -> int:
    return [one for one in sold.phases if one.valid_from <= day][-1].product_group
