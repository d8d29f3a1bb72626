"""
Rating: what was measured and dated rates in, charges with their working out. Plain values, no database, no clock.

Which days count is told by the stretch: the days of a calendar month on which the subscription ran, was no free trial, and was
under one plan. What was measured on them (`measuring`) becomes a quantity:

- Units: 1 GiB = 1,073,741,824 bytes, 1 hour = 3,600 seconds, 1 unit = 1 of whatever is counted.
- A level (last, max) is for the whole billed part of the month; where two plans share it, each counts by its share of the days.
- Included units come off first; what is free is free once, in the order of item and edition, where it holds for any edition.

Prices are one price, or tiers over the quantity that is left. ``graduated``: each tier's price for what lies in it, a charge each.
``volume``: the price of the tier that is reached, for all. A tier reaches from above ``lower`` up to and including ``upper``.

A minimum commitment is charged up to: what the month's charges, rounded as their lines are, leave of it.

Rounding: the quantity and the unit price are brought to ten decimals, half up, as they are stored and printed. The net is
exactly their product; only the invoice line rounds it, to the currency. Every step before is exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from billing.measuring import Aggregation, Measured, told, total
from catalog.pricing import Level
from common.errors import DomainError
from common.money import round_money
from common.periods import Period

TEN_DECIMALS = Decimal(1).scaleb(-10)
NOTHING = Decimal(0)
WHOLE = Fraction(1)
# Enough for a price times two exchange rates times three percentages, all with every decimal their columns hold.
DIGITS = 100
COMMITMENT = "minimum_commitment"


class UnitMismatch(DomainError):
    """A rate is for a unit that the vendor does not meter the item in."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Cost and price of one unit of what is above ``lower``, up to and including ``upper``; None: without end."""

    lower: Decimal
    upper: Decimal | None
    cost: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class RateTerms:
    """
    A rate of a rate card. Cost and price are for one ``unit`` in the card's ``currency``; with ``tiers``, those of the first.

    One unit of ``currency`` is ``exchange_rate`` of ``base_currency``. ``edition`` empty: any edition that has no rate
    of its own. ``aggregation`` empty: ``sum`` for range items, ``last`` for all others. ``mode``: graduated or volume, with tiers.
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
    mode: str = ""
    tiers: tuple[Tier, ...] = ()


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
class Stretch:
    """
    Days of one month under one plan. ``share`` is the part they are of all days that are billed in the month.

    ``included`` are free units of the whole month by (item, edition), an edition empty for any that is not named.
    """

    days: Period
    share: Fraction = WHOLE
    included: Mapping[tuple[str, str], Decimal] = field(default_factory=dict)
    part: str = ""
    """What its charges are known by, beside those of the month's other stretches."""


class Charge(NamedTuple):
    """
    What one item costs for some days. ``net_unrounded`` is exactly ``quantity`` × ``unit_price``.

    ``cost`` is the vendor's cost of it in the base currency, unrounded; None at retail level, where it is not the seller's.
    ``working`` is plain JSON with every number a decimal string; ``readings`` what was measured, as `measuring.told` writes it.
    ``part`` tells the charges of one item apart: a tier, or a plan's days.
    """

    item: str
    edition: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_unrounded: Decimal
    cost: Decimal | None
    working: dict[str, Any]
    part: str = ""
    readings: str = ""


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
    divisor_text: str


class _TierPrice(NamedTuple):
    """A tier with its price at the end of the chain, worked out once for all who buy at it."""

    tier: Tier
    unit_price: Decimal
    base_cost: Decimal
    """Of one unit, in the base currency."""
    part: str
    """What its charge is known by beside those of the other tiers."""
    told: dict[str, Any]
    """What the working says of it, whatever is bought."""
    told_cost: dict[str, str]


class _Priced(NamedTuple):
    """A rate with all that is the same for everybody who buys at it."""

    terms: RateTerms
    unit: _Unit
    aggregation: Aggregation | None
    """None: the usual one of the item."""
    tiers: list[_TierPrice]
    """Of a rate without tiers, one without bounds."""


_Key: TypeAlias = tuple[str, str]
_UNITS = {
    "GiB": _Unit("bytes", Decimal(1024**3), "1073741824"),
    "hour": _Unit("seconds", Decimal(3600), "3600"),
    "unit": _Unit("", Decimal(1), "1"),
}


class Tariff:
    """
    The rates of one card as one kind of buyer pays them. Made once for all who buy along the same chain, and asked by each.

    ``sentence`` says which card it is, as the working repeats it.
    """

    def __init__(self, rates: Iterable[RateTerms], chain: PriceChain, *, sentence: str = "") -> None:
        self.chain = chain
        self._sentence = sentence
        self._rates = {(terms.item, terms.edition): terms for terms in rates}
        self._priced: dict[_Key, _Priced | None] = {}

    def of(self, item: str, edition: str) -> _Priced | None:
        """Return the rate of an item with its prices at the end of the chain: of its edition, else of any; None without one."""
        key = (item, edition)
        if key not in self._priced:
            terms = self._rates.get(key) or self._rates.get((item, ""))
            self._priced[key] = self._priced_at(terms) if terms else None
        return self._priced[key]

    def _priced_at(self, terms: RateTerms) -> _Priced:
        tiers = terms.tiers or (Tier(NOTHING, None, terms.cost, terms.price),)
        aggregation = Aggregation(terms.aggregation) if terms.aggregation else None
        return _Priced(terms, _UNITS[terms.unit], aggregation, [self._price(terms, tier) for tier in tiers])

    def _price(self, terms: RateTerms, tier: Tier) -> _TierPrice:
        steps = price_steps(terms, self.chain, tier.price)
        unit_price = _ten_decimals(steps[-1].amount)
        card = {"card": terms.card, "edition": terms.edition, "currency": terms.currency}
        told_here: dict[str, Any] = {
            "divisor": _UNITS[terms.unit].divisor_text,
            "unit": terms.unit,
            "level": self.chain.level.value,
            "rate": {**card, "sentence": self._sentence} if self._sentence else card,
            "currency": self.chain.invoice_currency,
            "steps": [step.as_json() for step in steps],
            "unit_price": plain(unit_price),
        }
        if terms.mode:
            upper = None if tier.upper is None else plain(tier.upper)
            told_here["tier"] = {"mode": terms.mode, "from": plain(tier.lower), "to": upper}
        told_cost = {
            "unit_cost": plain(tier.cost),
            "currency": terms.currency,
            "exchange_rate": plain(terms.exchange_rate),
            "amount_currency": terms.base_currency,
        }
        part = f"above {plain(tier.lower)}" if terms.mode == "graduated" and tier.lower else ""
        return _TierPrice(tier, unit_price, tier.cost * terms.exchange_rate, part, told_here, told_cost)


def rate(usage: Iterable[Measured], tariff: Tariff, stretch: Stretch) -> Rated:
    """
    Return what the usage of one subscription on the days of ``stretch`` costs, by item and edition.

    A charge of quantity nothing is left out. Usage without a rate is listed as unrated, unless it is nothing at all.

    :raises UnitMismatch: a rate's unit is not the one the item is metered in.
    """
    with localcontext() as context:
        context.prec = DIGITS
        return _rate(usage, tariff, stretch)


def commitment(
    amount: Decimal, currency: str, chain: PriceChain, charges: Sequence[Charge], days: int, of_month: int
) -> Charge | None:
    """
    Return the charge that brings a month's ``charges`` up to the minimum agreed; None where they reach it.

    :param amount: the minimum of a whole month at the MSP's price in ``currency``; ``chain`` leads from that to the buyer's price,
        its ``base_currency`` and ``exchange_rate`` being the minimum's.
    :param days: how many days of the month are billed, of the ``of_month`` it has.
    """
    with localcontext() as context:
        context.prec = DIGITS
        steps = _walk_on([PriceStep("minimum", None, amount, currency)], chain)
        least = round_money(steps[-1].amount * days / of_month, chain.invoice_currency)
        billed = sum((round_money(charge.net_unrounded, chain.invoice_currency) for charge in charges), NOTHING)
        rest = least - billed
    if rest <= 0:
        return None
    working = {
        "commitment": {"minimum": plain(least), "billed": plain(billed), "days": days, "days_of_month": of_month},
        "steps": [step.as_json() for step in steps],
        "quantity": "1",
        "unit": "unit",
        "level": chain.level.value,
        "unit_price": plain(rest),
        "currency": chain.invoice_currency,
        "net_unrounded": plain(rest),
    }
    return Charge(COMMITMENT, "", Decimal(1), "unit", rest, rest, None if chain.level is Level.RETAIL else NOTHING, working)


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and without needless zeros: 1E+2 is 100, 0.0700 is 0.07."""
    text = str(number)
    if "E" in text:
        text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def price_steps(terms: RateTerms, chain: PriceChain, price: Decimal | None = None) -> list[PriceStep]:
    """Walk the chain from the card's price to the buyer's, exactly; steps that change neither price nor currency are left out."""
    with localcontext() as context:
        context.prec = DIGITS
        steps = [PriceStep("list_price", None, terms.price if price is None else price, terms.currency)]
        if terms.exchange_rate != 1 or terms.currency != terms.base_currency:
            amount = steps[0].amount * terms.exchange_rate
            steps.append(PriceStep("card_exchange_rate", terms.exchange_rate, amount, terms.base_currency))
        return _walk_on(steps, chain)


def exact_product(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Multiply without losing a digit: two numbers as wide as their columns have more than the usual context keeps."""
    with localcontext() as context:
        context.prec = DIGITS
        return quantity * unit_price


def _rate(usage: Iterable[Measured], tariff: Tariff, stretch: Stretch) -> Rated:
    rated, share = Rated([], []), stretch.share
    free = {key: quantity * share.numerator / share.denominator for key, quantity in stretch.included.items()}
    told_days = {"period": [stretch.days.start.isoformat(), stretch.days.end.isoformat()], "days": stretch.days.days}
    for (item, edition), group in groupby(sorted(usage), key=_item_and_edition):
        several = list(group)
        priced = tariff.of(item, edition)
        if priced is not None:
            rated.charges.extend(_charges(several, priced, tariff.chain.level, stretch, told_days, free))
        elif any(one.levels or one.added or one.highest for one in several):
            rated.unrated.append(Unrated(item, edition, several[0].measurement_unit))
    return rated


_item_and_edition = attrgetter("item", "edition")


def _charges(
    several: list[Measured],
    priced: _Priced,
    level: Level,
    stretch: Stretch,
    told_days: dict[str, Any],
    free: dict[_Key, Decimal],
) -> list[Charge]:
    """Return the charges of one item and edition, one a tier; none where nothing is left to pay."""
    _check_unit(several, priced)
    first = several[0]
    aggregation = priced.aggregation or (Aggregation.SUM if first.is_range else Aggregation.LAST)
    measured = total(several, aggregation, stretch.days.days)
    quantity = measured / priced.unit.divisor
    is_shared = stretch.share is not WHOLE and aggregation is not Aggregation.SUM
    if is_shared:
        quantity = quantity * stretch.share.numerator / stretch.share.denominator
    used = _ten_decimals(quantity)
    included = _taken(free, first.item, first.edition, used)
    billed = used - included
    if billed == 0:
        return []
    working = {
        **told_days,
        "aggregation": aggregation.value,
        "measurement_unit": first.measurement_unit,
        "measured": plain(_ten_decimals(measured)),
    }
    if is_shared:
        working["share"] = [stretch.share.numerator, stretch.share.denominator]
    if included:
        working["included"] = plain(included)
        working["used"] = plain(used)
    readings = told(several)
    return [
        _charge(first, amount, price, priced.terms, level, working, stretch.part, readings)
        for amount, price in _by_tier(billed, priced, stretch.share)
    ]


def _taken(free: dict[_Key, Decimal], item: str, edition: str, used: Decimal) -> Decimal:
    """Take what is free of ``used``, and leave the rest of it for the next."""
    if not free:
        return NOTHING
    key = (item, edition) if (item, edition) in free else (item, "")
    taken = min(free.get(key, NOTHING), used)
    if taken:
        free[key] -= taken
        taken = _ten_decimals(taken)
    return taken


def _by_tier(quantity: Decimal, priced: _Priced, share: Fraction) -> list[tuple[Decimal, _TierPrice]]:
    """Split ``quantity`` over the tiers: volume gives it all to the tier it reaches; bounds hold for a whole month."""
    if len(priced.tiers) == 1:
        return [(quantity, priced.tiers[0])]
    bounded = [(price, _ten_decimals(price.tier.lower * share.numerator / share.denominator)) for price in priced.tiers]
    reached = [(price, lower) for price, lower in bounded if quantity > lower]
    if priced.terms.mode == "volume":
        return [(quantity, reached[-1][0])]
    uppers = [*(lower for _, lower in reached[1:]), quantity]
    return [(upper - lower, price) for (price, lower), upper in zip(reached, uppers, strict=True)]


def _charge(
    first: Measured,
    quantity: Decimal,
    price: _TierPrice,
    terms: RateTerms,
    level: Level,
    working: dict[str, Any],
    stretch: str,
    readings: str,
) -> Charge:
    net = quantity * price.unit_price
    cost = None if level is Level.RETAIL else quantity * price.base_cost
    told_here = {**working, **price.told, "quantity": plain(quantity), "net_unrounded": plain(net)}
    if cost is not None:
        told_here["cost"] = {**price.told_cost, "amount": plain(cost)}
    part = f"{stretch} {price.part}".strip()
    return Charge(terms.item, first.edition, quantity, terms.unit, price.unit_price, net, cost, told_here, part, readings)


def _check_unit(several: list[Measured], priced: _Priced) -> None:
    terms, unit = priced.terms, priced.unit
    for one in several:
        metered = one.measurement_unit if one.measurement_unit in ("bytes", "seconds") else ""
        if metered != unit.measured_in:
            raise UnitMismatch(
                f"{terms.card} has a price of {terms.item} per {terms.unit}, but it is metered in {metered or 'units'}."
            )


def _walk_on(steps: list[PriceStep], chain: PriceChain) -> list[PriceStep]:
    """Go on from the base currency to the buyer's price."""

    def go_on(name: str, factor: Decimal, multiplier: Decimal, currency: str) -> None:
        before = steps[-1]
        if multiplier != 1 or before.currency != currency:
            steps.append(PriceStep(name, factor, before.amount * multiplier, currency))

    go_on("exchange_rate", chain.exchange_rate, chain.exchange_rate, chain.invoice_currency)
    if chain.level is not Level.MSP:
        discount = chain.partner_discount_percent
        go_on("partner_discount", discount, (100 - discount) / 100, chain.invoice_currency)
    if chain.level is Level.RETAIL:
        markup, discount = chain.retail_markup_percent, chain.retail_discount_percent
        go_on("retail_markup", markup, (100 + markup) / 100, chain.invoice_currency)
        go_on("retail_discount", discount, (100 - discount) / 100, chain.invoice_currency)
    return steps


def _ten_decimals(number: Decimal) -> Decimal:
    return number.quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
