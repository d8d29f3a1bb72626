"""
What a subscription of fixed price costs in a month: prices with their days in, charges with their working out. Plain values, no
database, no clock.

A price is for one unit and the whole term. A calendar month costs quantity × price ÷ months of the term; of the first and the
last month only the days that are billed count, as a share of that month's days. A price that begins inside a month counts from
its day on, so that month has one charge for each price. The setup fee × quantity is charged once, in the month of the first day,
at the price of that day. What the usage was does not matter: it is inside the quota.

Rounding: an amount is exact until it is rounded once, half up, to the currency's minor unit. Quantity and unit price are brought
to ten decimals, as they are stored and printed, and so that their product rounds to that same amount. Twelve monthly lines of a
yearly price therefore differ from it by at most half a minor unit each.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

from billing.rating import DIGITS, TEN_DECIMALS, Charge, exact_product, plain
from common.money import round_money
from common.periods import Period

SUBSCRIPTION, SETUP_FEE = "subscription", "setup_fee"
ITEMS = frozenset({SUBSCRIPTION, SETUP_FEE})
UNIT = "unit"


@dataclass(frozen=True, slots=True)
class DatedPrice:
    """
    What one unit costs for the whole term from ``valid_from`` on, until the next price begins.

    ``steps`` are the steps from the list price to it as `SoldPrice.as_json` tells them, each with its ``price`` and ``setup_fee``.
    """

    valid_from: date
    currency: str
    price: Decimal
    setup_fee: Decimal
    steps: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """One subscription at one level of its sale: ``prices`` in the order of their days, the first from its first day or before."""

    quantity: int
    term_months: int
    started_on: date
    level: str
    prices: Sequence[DatedPrice]


@dataclass(frozen=True, slots=True)
class FixedCharge:
    """A charge with the days it is for; ``key`` tells the prices of one month apart and is empty for the first."""

    key: str
    charge: Charge


def charges(terms: Terms, part: Period) -> list[FixedCharge]:
    """
    Return what ``part``, the billed days of one calendar month, costs; amounts of nothing are left out.

    :raises ValueError: ``part`` reaches over the end of a month, or no price is valid on its first day.
    """
    month = Period.month_of(part.start)
    if part.end > month.end:
        raise ValueError(f"{part} reaches over the end of a month.")
    stretches = list(_stretches(terms.prices, part))
    found = [_monthly(terms, price, days, month, is_first=number == 0) for number, (price, days) in enumerate(stretches)]
    if terms.started_on in part:
        price = next(price for price, days in stretches if terms.started_on in days)
        found.append(_setup(terms, price, part))
    return [one for one in found if one.charge.net_unrounded]


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
    quantity = terms.quantity * share
    unit_price = Fraction(price.price) / terms.term_months
    working = {
        "days": days.days,
        "days_of_month": month.days,
        "term_months": terms.term_months,
        "term_price": plain(price.price),
        "steps": _steps(price, "price", terms.term_months),
    }
    charge = _charge(SUBSCRIPTION, terms, price, quantity, unit_price, days, working)
    return FixedCharge("" if is_first else days.start.isoformat(), charge)


def _setup(terms: Terms, price: DatedPrice, part: Period) -> FixedCharge:
    working = {"steps": _steps(price, "setup_fee", 1)}
    return FixedCharge("", _charge(SETUP_FEE, terms, price, Fraction(terms.quantity), Fraction(price.setup_fee), part, working))


def _charge(
    item: str, terms: Terms, price: DatedPrice, quantity: Fraction, unit_price: Fraction, days: Period, working: dict[str, Any]
) -> Charge:
    billed, at = printed(quantity, unit_price, price.currency)
    net = exact_product(billed, at)
    told = {
        "period": [days.start.isoformat(), days.end.isoformat()],
        "units": terms.quantity,
        **working,
        "price_from": price.valid_from.isoformat(),
        "quantity": plain(billed),
        "unit": UNIT,
        "level": terms.level,
        "unit_price": plain(at),
        "currency": price.currency,
        "net_unrounded": plain(net),
    }
    return Charge(item, "", billed, UNIT, at, net, None, told)


def printed(quantity: Fraction, unit_price: Fraction, currency: str) -> tuple[Decimal, Decimal]:
    """
    Return quantity and unit price with ten decimals whose product rounds to the same amount as the exact one.

    Half up where that does; else one of them, or both, half a step higher. Amounts too large for ten decimals to hold that promise
    are told as one piece at their own price.
    """
    amount = rounded(quantity * unit_price, currency)
    for of_price in (ROUND_HALF_UP, ROUND_CEILING):
        for of_quantity in (ROUND_HALF_UP, ROUND_CEILING):
            pair = _decimals(quantity, of_quantity), _decimals(unit_price, of_price)
            if round_money(exact_product(*pair), currency) == amount:
                return pair
    return Decimal(1), amount


def rounded(amount: Fraction, currency: str) -> Decimal:
    """Round an exact amount half up, to the minor unit of ``currency``."""
    return round_money(_quotient(amount), currency)


def _decimals(number: Fraction, rounding: str) -> Decimal:
    with localcontext() as context:
        context.prec = DIGITS
        return _quotient(number).quantize(TEN_DECIMALS, rounding=rounding)


def _quotient(number: Fraction) -> Decimal:
    """Divide with more digits than money has, so that an amount that lies half way stays there."""
    with localcontext() as context:
        context.prec = DIGITS
        return Decimal(number.numerator) / Decimal(number.denominator)


def _steps(price: DatedPrice, kind: str, term_months: int) -> list[dict[str, str]]:
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
