"""
What a subscription of fixed price costs in a month: prices with their days in, charges with their working out. Plain values, no
database, no clock.

A price is for one unit and the whole term. A calendar month costs quantity × price ÷ months of the term; of the first and the
last month only the days that are billed count, as a share of that month's days. A price that begins inside a month counts from
its day on, so that month has one charge for each price. The setup fee × quantity is charged once, in the month of the first day
that is billed, as it was sold. What the usage was does not matter: it is inside the quota.

Rounding: an amount is exact until it is rounded once, half up, to the currency's minor unit. Whole months are rounded together:
the first n of a price cost n months rounded, and the n-th what that is more than for the months before. So twelve whole months of
a yearly price are that price, to the cent, and no month differs from a twelfth by as much as a minor unit. Days of a first or last
month are rounded by themselves. Quantity and unit price have up to ten decimals, no more than needed for their product to round
to that same amount, so that a line can be recalculated from what is printed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from billing.rating import DIGITS, TEN_DECIMALS, Charge, exact_product, plain
from common.money import minor_unit, round_money
from common.periods import Period

SUBSCRIPTION, SETUP_FEE = "subscription", "setup_fee"
ITEMS = frozenset({SUBSCRIPTION, SETUP_FEE})
UNIT = "unit"


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """
    What one unit costs for the whole term from ``valid_from`` on, until the next price begins, and how many are sold.

    A change of quantity, plan or term begins another one, as a change of price does. ``steps`` are the steps from the list price to
    it as `SoldPrice.as_json` tells them, each with its ``price``, ``setup_fee`` and ``overage_price``.
    """

    valid_from: date
    currency: str
    price: Decimal
    setup_fee: Decimal
    steps: Sequence[dict[str, Any]] = ()
    quantity: int = 1
    term_months: int = 1
    plan_name: str = ""
    overage_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """
    One subscription at one level of its sale: ``prices`` in the order of their days, the first from its first day or before.

    ``charged_from`` is the first day that is billed: its first day, or the day after its free trial.
    """

    charged_from: date
    level: str
    prices: Sequence[DatedPrice]


@dataclass(frozen=True, slots=True)
class FixedCharge:
    """A charge; ``key`` tells the prices of one month apart and is empty for the first."""

    key: str
    charge: Charge

    @property
    def named(self) -> Charge:
        """The charge with its key as the edition: so invoices have told such lines apart from the first."""
        return self.charge._replace(edition=self.key) if self.key else self.charge


def charges(terms: Terms, part: Period) -> list[FixedCharge]:
    """
    Return what ``part``, the billed days of one calendar month, costs; what rounds to nothing is left out.

    :raises ValueError: ``part`` reaches over the end of a month, or no price is valid on its first day.
    """
    month = Period.month_of(part.start)
    if part.end > month.end:
        raise ValueError(f"{part} reaches over the end of a month.")
    stretches = list(_stretches(terms.prices, part))
    found = [_monthly(terms, price, days, month, is_first=number == 0) for number, (price, days) in enumerate(stretches)]
    if terms.charged_from in part:
        found.append(_setup(terms, part))
    return [one for one in found if round_money(one.charge.net_unrounded, one.charge.working["currency"])]


def _stretches(prices: Sequence[DatedPrice], part: Period) -> Iterator[tuple[DatedPrice, Period]]:
    """Give each price that counts in ``part`` with its days of it."""
    if not prices or prices[0].valid_from > part.start:
        raise ValueError(f"No price is valid on {part.start}.")
    ends: Iterable[tuple[date, date]] = pairwise([*(price.valid_from for price in prices), date.max])
    for price, (start, end) in zip(prices, ends, strict=True):
        if (days := Period(start, end).intersect(part)) is not None:
            yield price, days


def _monthly(terms: Terms, price: DatedPrice, days: Period, month: Period, *, is_first: bool) -> FixedCharge:
    share = Fraction(days.days, month.days)
    quantity = price.quantity * share
    unit_price = Fraction(price.price) / price.term_months
    working = {
        "days": days.days,
        "days_of_month": month.days,
        "term_months": price.term_months,
        "term_price": plain(price.price),
        "steps": steps_of(price, "price", price.term_months),
    }
    amount = rounded(quantity * unit_price, price.currency)
    if share == 1 and (each := _nth_month(terms, price, month)).amount != amount:
        amount = each.amount
        working["together"] = {"months": each.number, "amount": plain(each.together), "before": plain(each.before)}
    charge = charge_of(SUBSCRIPTION, terms.level, price, (quantity, unit_price, amount), days, working)
    return FixedCharge("" if is_first else days.start.isoformat(), charge)


class _NthMonth(NamedTuple):
    """The ``number``-th whole month billed at a price: what so many months cost ``together``, and what those ``before`` it did."""

    number: int
    together: Decimal
    before: Decimal

    @property
    def amount(self) -> Decimal:
        return self.together - self.before


def _nth_month(terms: Terms, price: DatedPrice, month: Period) -> _NthMonth:
    monthly = price.quantity * Fraction(price.price) / price.term_months
    first = max(price.valid_from, terms.charged_from)
    number = (month.start.year - first.year) * 12 + month.start.month - first.month + (first.day == 1)
    return _NthMonth(number, rounded(monthly * number, price.currency), rounded(monthly * (number - 1), price.currency))


def _setup(terms: Terms, part: Period) -> FixedCharge:
    price = terms.prices[0]  # as it was sold, though it may have moved to another price during a free trial
    working = {"steps": steps_of(price, "setup_fee", 1)}
    fee, quantity = Fraction(price.setup_fee), Fraction(price.quantity)
    figures = (quantity, fee, rounded(quantity * fee, price.currency))
    return FixedCharge("", charge_of(SETUP_FEE, terms.level, price, figures, part, working))


def charge_of(
    item: str,
    level: str,
    price: DatedPrice,
    figures: tuple[Fraction, Fraction, Decimal],
    days: Period,
    working: dict[str, Any],
) -> Charge:
    """
    Return the charge of an amount of fixed price with its working.

    :param figures: quantity and unit price, exact, and the amount that is billed for them.
    """
    billed, at = printed(*figures, price.currency)
    net = exact_product(billed, at)
    told = {
        "period": [days.start.isoformat(), days.end.isoformat()],
        "units": price.quantity,
        **working,
        "price_from": price.valid_from.isoformat(),
        **({"plan_name": price.plan_name} if price.plan_name else {}),
        "quantity": plain(billed),
        "unit": UNIT,
        "level": level,
        "unit_price": plain(at),
        "currency": price.currency,
        "net_unrounded": plain(net),
    }
    return Charge(item, "", billed, UNIT, at, net, None, told)


def printed(quantity: Fraction, unit_price: Fraction, amount: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """
    Return quantity and unit price, with at most ten decimals, whose product rounds to ``amount``.

    The unit price with the fewest decimals that do; else quantity or unit price, or both, half a step higher. Where the amount is
    not theirs, as months are rounded together, the unit price is what it is of one unit. Amounts too large for ten decimals to hold
    that promise are told as one piece at their own price.
    """
    return next(pair for pair in _pairs(quantity, unit_price, amount, currency) if _gives(pair, amount, currency))


def _pairs(quantity: Fraction, unit_price: Fraction, amount: Decimal, currency: str) -> Iterator[tuple[Decimal, Decimal]]:
    """Give what may be printed, the best first."""
    places = [Decimal(1).scaleb(-number) for number in range(-minor_unit(currency).adjusted(), 11)]
    billed = _decimals(quantity, ROUND_HALF_UP)
    yield from ((billed, _decimals(unit_price, ROUND_HALF_UP, place)) for place in places)
    for of_price in (ROUND_HALF_UP, ROUND_CEILING):
        for of_quantity in (ROUND_HALF_UP, ROUND_CEILING):
            yield _decimals(quantity, of_quantity), _decimals(unit_price, of_price)
    yield from ((billed, _decimals(Fraction(amount) / quantity, ROUND_HALF_UP, place)) for place in places)
    yield Decimal(1), amount


def _gives(pair: tuple[Decimal, Decimal], amount: Decimal, currency: str) -> bool:
    return round_money(exact_product(*pair), currency) == amount


def rounded(amount: Fraction, currency: str) -> Decimal:
    """Round an exact amount half up, to the minor unit of ``currency``."""
    return round_money(_quotient(amount), currency)


def _decimals(number: Fraction, rounding: str, place: Decimal = TEN_DECIMALS) -> Decimal:
    with localcontext() as context:
        context.prec = DIGITS
        return _quotient(number).quantize(place, rounding=rounding)


def _quotient(number: Fraction) -> Decimal:
    """Divide with more digits than money has, so that an amount that lies half way stays there."""
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(number.numerator) / Decimal(number.denominator)


def steps_of(price: DatedPrice, kind: str, term_months: int) -> list[dict[str, str]]:
    """Tell the chain from the list price to one unit and month, leaving out steps that change nothing of this ``kind``."""
    told: list[dict[str, str]] = []
    for step in price.steps:
        amount = Decimal(step[kind])
        if told and Decimal(told[-1]["amount"]) == amount:
            continue
        factor = {} if step["factor"] is None else {"factor": plain(Decimal(step["factor"]))}
        told.append({"step": step["step"], "amount": plain(amount), "currency": price.currency, **factor})
    sold = price.price if kind == "price" else price.setup_fee
    if told and Decimal(told[-1]["amount"]) != sold:
        told.append({"step": "rounded", "amount": plain(sold), "currency": price.currency})
    if term_months != 1:
        monthly = _decimals(Fraction(sold) / term_months, ROUND_HALF_UP)
        told.append({"step": "month_of_term", "factor": str(term_months), "amount": plain(monthly), "currency": price.currency})
    return told
