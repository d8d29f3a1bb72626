"""
Rating: daily readings and dated rates in, charges with their working out. Plain values, no database, no clock.

Which days count: those of the billed part of the month, which is the half-open month cut by the subscription's half-open
life. What readings say of other days is left out. The readings of all storages (infra) of one item and edition are added up
day by day first, so that moving a backup from one storage to another is not billed twice. Then, by the rate's aggregation:

- ``last``: the level of the last day that has a reading; the usual one of items that are a level;
- ``max``: the highest daily level;
- ``average``: the sum of the daily levels divided by all days of the billed part, days without a reading counting as nothing;
- ``sum``: what the days added; the usual one of range items (shipped drives, notarizations, compute points). Less than
  nothing, after the vendor took something back, is billed as nothing.

Units: 1 GiB = 1,073,741,824 bytes, 1 hour = 3,600 seconds, 1 unit = 1 of whatever is counted.

Rounding: the quantity and the unit price are brought to ten decimals, half up, as they are stored and printed. The net is
exactly their product; only the invoice line rounds it, to the currency. Every step before is exact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from catalog.pricing import Level
from common.errors import DomainError
from common.periods import Period

TEN_DECIMALS = Decimal(1).scaleb(-10)
NOTHING = Decimal(0)
# Enough for a price times two exchange rates times three percentages, all with every decimal their columns hold.
DIGITS = 100


class Aggregation(StrEnum):
    LAST = "last"
    MAX = "max"
    AVERAGE = "average"
    SUM = "sum"


class UnitMismatch(DomainError):
    """A rate is for a unit that the vendor does not meter the item in."""


class Reading(NamedTuple):
    """One day's reading in the vendor's unit. A named tuple, because a run makes millions of them."""

    day: date
    absolute: Decimal
    delta: Decimal
    report: int
    line: int


@dataclass(frozen=True, slots=True)
class UsageSeries:
    """The readings of one item, edition and storage. ``measurement_unit``: bytes, seconds, or anything else for a count."""

    item: str
    edition: str
    infra_id: str
    measurement_unit: str
    is_range: bool
    readings: Sequence[Reading]


@dataclass(frozen=True, slots=True)
class RateTerms:
    """
    A line of a rate card. Cost and price are for one ``unit`` in the card's ``currency``.

    One unit of ``currency`` is ``exchange_rate`` of ``base_currency``. ``edition`` empty: any edition that has no rate
    of its own. ``aggregation`` empty: ``sum`` for range items, ``last`` for all others.
    """

    item: str
    edition: str
    unit: str
    cost: Decimal
    price: Decimal
    aggregation: str
    card: str
    currency: str
    exchange_rate: Decimal
    base_currency: str


@dataclass(frozen=True, slots=True)
class PriceChain:
    """
    How the card's price becomes this buyer's. One unit of ``base_currency`` is ``exchange_rate`` of ``invoice_currency``.

    Wholesale is the MSP price less the partner discount; retail is wholesale plus the markup, less the retail discount.
    """

    base_currency: str
    invoice_currency: str
    exchange_rate: Decimal
    partner_discount_percent: Decimal
    retail_markup_percent: Decimal
    retail_discount_percent: Decimal
    level: Level


@dataclass(frozen=True, slots=True)
class Charge:
    """
    What one item costs for the billed part of a period. ``net_unrounded`` is exactly ``quantity`` × ``unit_price``.

    ``cost`` is the vendor's cost of it in the base currency, unrounded; None at retail level, where it is not the seller's.
    ``working`` is plain JSON with every number a decimal string.
    """

    item: str
    edition: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_unrounded: Decimal
    cost: Decimal | None
    working: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unrated:
    """Usage that no rate is for: metered by the vendor for information, not billed, but shown."""

    item: str
    edition: str
    measurement_unit: str


@dataclass(frozen=True, slots=True)
class Rated:
    charges: list[Charge]
    unrated: list[Unrated]


@dataclass(frozen=True, slots=True)
class PriceStep:
    """One step of the chain: ``amount`` is the price after it. ``factor`` is a rate or a percentage, None where it begins."""

    name: str
    factor: Decimal | None
    amount: Decimal
    currency: str

    def as_json(self) -> dict[str, str]:
        told = {"step": self.name, "amount": plain(self.amount), "currency": self.currency}
        return told if self.factor is None else {**told, "factor": plain(self.factor)}


class _Unit(NamedTuple):
    measured_in: str
    divisor: Decimal


_Rates: TypeAlias = dict[tuple[str, str], RateTerms]
_DAY_AND_STORAGE = itemgetter(0, 4)
_UNITS = {"GiB": _Unit("bytes", Decimal(1024**3)), "hour": _Unit("seconds", Decimal(3600)), "unit": _Unit("", Decimal(1))}


def rate(usage: Iterable[UsageSeries], rates: Iterable[RateTerms], period: Period, chain: PriceChain) -> Rated:
    """
    Return what the usage of one subscription costs in ``period``, its billed part of a month, by item and edition.

    A charge of quantity nothing is left out. Usage without a rate is listed as unrated, unless it is nothing at all.

    :raises UnitMismatch: a rate's unit is not the one the item is metered in.
    """
    by_item = {(terms.item, terms.edition): terms for terms in rates}
    with localcontext() as context:
        context.prec = DIGITS
        return _rate(usage, by_item, period, chain)


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros: 1E+2 is 100, 0.0700 is 0.07."""
    text = str(number)
    if "E" in text:
        text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def price_steps(terms: RateTerms, chain: PriceChain) -> list[PriceStep]:
    """Walk the chain from the card's price to the buyer's, exactly; steps that change neither price nor currency are left out."""
    with localcontext() as context:
        context.prec = DIGITS
        return _walk(terms, chain)


def exact_product(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Multiply without losing a digit: two numbers as wide as their columns have more than the usual context keeps."""
    with localcontext() as context:
        context.prec = DIGITS
        return quantity * unit_price


def _rate(usage: Iterable[UsageSeries], rates: _Rates, period: Period, chain: PriceChain) -> Rated:
    rated = Rated([], [])
    ordered = sorted(usage, key=_item_and_edition)
    for (item, edition), group in groupby(ordered, key=_item_and_edition):
        series = list(group)
        terms = rates.get((item, edition)) or rates.get((item, ""))
        if terms is None:
            if _is_used(series, period):
                rated.unrated.append(Unrated(item, edition, series[0].measurement_unit))
        elif (charge := _charge(series, terms, period, chain)) is not None:
            rated.charges.append(charge)
    return rated


def _item_and_edition(series: UsageSeries) -> tuple[str, str]:
    return series.item, series.edition


def _is_used(series: list[UsageSeries], period: Period) -> bool:
    return any(
        reading.absolute or reading.delta for one in series for reading in one.readings if period.start <= reading.day < period.end
    )


def _charge(series: list[UsageSeries], terms: RateTerms, period: Period, chain: PriceChain) -> Charge | None:
    """Return the charge of one item and edition; None where its quantity is nothing."""
    unit = _unit_for(series, terms)
    aggregation = Aggregation(terms.aggregation or (Aggregation.SUM if series[0].is_range else Aggregation.LAST))
    readings = [(reading, one.infra_id) for one in series for reading in one.readings if period.start <= reading.day < period.end]
    measured = _aggregate([reading for reading, _ in readings], aggregation, period)
    quantity = _ten_decimals(measured / unit.divisor)
    if quantity == 0:
        return None
    steps = _walk(terms, chain)
    unit_price = _ten_decimals(steps[-1].amount)
    net = quantity * unit_price
    cost = None if chain.level is Level.RETAIL else quantity * terms.cost * terms.exchange_rate
    working = {
        "period": [period.start.isoformat(), period.end.isoformat()],
        "days": period.days,
        "aggregation": aggregation.value,
        "measurement_unit": series[0].measurement_unit,
        "readings": _readings_json(readings, aggregation),
        "measured": plain(_ten_decimals(measured)),
        "divisor": plain(unit.divisor),
        "unit": terms.unit,
        "quantity": plain(quantity),
        "level": chain.level.value,
        "rate": {"card": terms.card, "edition": terms.edition, "currency": terms.currency},
        "steps": [step.as_json() for step in steps],
        "unit_price": plain(unit_price),
        "currency": chain.invoice_currency,
        "net_unrounded": plain(net),
    }
    if cost is not None:
        working["cost"] = {
            "unit_cost": plain(terms.cost),
            "currency": terms.currency,
            "exchange_rate": plain(terms.exchange_rate),
            "amount": plain(cost),
            "amount_currency": terms.base_currency,
        }
    return Charge(terms.item, series[0].edition, quantity, terms.unit, unit_price, net, cost, working)


def _unit_for(series: list[UsageSeries], terms: RateTerms) -> _Unit:
    unit = _UNITS[terms.unit]
    for one in series:
        metered = one.measurement_unit if one.measurement_unit in ("bytes", "seconds") else ""
        if metered != unit.measured_in:
            raise UnitMismatch(
                f"{terms.card} has a price of {terms.item} per {terms.unit}, but it is metered in {metered or 'units'}."
            )
    return unit


def _aggregate(readings: list[Reading], aggregation: Aggregation, period: Period) -> Decimal:
    """Return one number for the period in the vendor's unit, never less than nothing."""
    if not readings:
        return NOTHING
    if aggregation is Aggregation.SUM:
        return max(sum((reading.delta for reading in readings), NOTHING), NOTHING)
    levels: dict[date, Decimal] = {}
    for reading in readings:
        levels[reading.day] = levels.get(reading.day, NOTHING) + reading.absolute
    if aggregation is Aggregation.LAST:
        level = levels[max(levels)]
    elif aggregation is Aggregation.MAX:
        level = max(levels.values())
    else:
        level = sum(levels.values(), NOTHING) / period.days
    return max(level, NOTHING)


def _walk(terms: RateTerms, chain: PriceChain) -> list[PriceStep]:
    steps = [PriceStep("list_price", None, terms.price, terms.currency)]

    def go_on(name: str, factor: Decimal, multiplier: Decimal, currency: str) -> None:
        before = steps[-1]
        if multiplier != 1 or before.currency != currency:
            steps.append(PriceStep(name, factor, before.amount * multiplier, currency))

    go_on("card_exchange_rate", terms.exchange_rate, terms.exchange_rate, terms.base_currency)
    go_on("exchange_rate", chain.exchange_rate, chain.exchange_rate, chain.invoice_currency)
    if chain.level is not Level.MSP:
        discount = chain.partner_discount_percent
        go_on("partner_discount", discount, (100 - discount) / 100, chain.invoice_currency)
    if chain.level is Level.RETAIL:
        markup, discount = chain.retail_markup_percent, chain.retail_discount_percent
        go_on("retail_markup", markup, (100 + markup) / 100, chain.invoice_currency)
        go_on("retail_discount", discount, (100 - discount) / 100, chain.invoice_currency)
    return steps


def _readings_json(readings: list[tuple[Reading, str]], aggregation: Aggregation) -> list[list[Any]]:
    """Return [day, reading, report, line, storage] of each reading: what the aggregation looked at, in the vendor's unit."""
    is_sum = aggregation is Aggregation.SUM
    told = [[_iso(r.day), plain(r.delta if is_sum else r.absolute), r.report, r.line, infra] for r, infra in readings]
    return sorted(told, key=_DAY_AND_STORAGE)


@lru_cache(maxsize=1000)
def _iso(day: date) -> str:
    return day.isoformat()  # a month has 31 of them, a run has millions


def _ten_decimals(number: Decimal) -> Decimal:
    return number.quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
