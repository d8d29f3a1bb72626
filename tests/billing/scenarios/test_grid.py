"""
The grid, in plain values: billing model × term × day it starts × seller × currency, each to the minor unit.

Expected figures come from `figures`, which knows nothing of billing.
"""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise, product

import pytest

from billing import fixed, prepaid
from billing.fixed import DatedPrice
from billing.measuring import Reading, measured_of
from billing.rating import PriceChain, RateTerms, Stretch, Tariff, rate
from catalog.pricing import Amounts, Level, Markup, published
from common.money import round_money
from common.periods import Period
from tests.billing.scenarios.figures import cents, chain, half_up, later, months_of_fixed_price, next_month

TERMS = (1, 3, 6, 12, 24, 36)
START_DAYS = (1, 15, 29, 30, 31)
STARTS = tuple(date(2027, 10, day) for day in START_DAYS)  # the leap February of 2028 lies in most lives
LISTED = {"EUR": Fraction("199.99"), "JPY": Fraction(29_990), "KWD": Fraction("64.995")}
SETUP = {"EUR": Fraction("10.05"), "JPY": Fraction(1_505), "KWD": Fraction("3.333")}
RATES = {"EUR": Fraction(1), "JPY": Fraction("163.27"), "KWD": Fraction("0.33518")}
PERCENTS = {"discount": 13, "markup": 37, "retail_discount": 4}
SHARES = {
    Level.MSP: {},
    Level.WHOLESALE: {"discount": PERCENTS["discount"]},
    Level.RETAIL: PERCENTS,
}
QUANTITY = 3
GRID = list(product(Level, LISTED))


def sold(level: Level, currency: str, term: int) -> Amounts:
    """What billing is told: the price of the term at this level of the sale."""
    listed = Amounts(_decimal(LISTED[currency] * term), _decimal(SETUP[currency]))
    markup = Markup(percent=Decimal(PERCENTS["markup"]), discount_percent=Decimal(PERCENTS["retail_discount"]))
    return published(listed, level, currency, partner_discount_percent=Decimal(PERCENTS["discount"]), markup=markup)


def dated(level: Level, currency: str, term: int, start: date, setup: bool = True) -> DatedPrice:
    amounts = sold(level, currency, term)
    fee = amounts.setup_fee if setup else Decimal(0)
    return DatedPrice(start, currency, amounts.price, fee, quantity=QUANTITY, term_months=term)


def worked_out(level: Level, currency: str, term: int) -> tuple[Fraction, Fraction]:
    """Price and setup fee of one unit for the term, rounded once where they are sold."""
    told = (LISTED[currency] * term, SETUP[currency])
    price, fee = (Fraction(cents(chain(amount, **SHARES[level]), currency)) for amount in told)
    return price, fee


def billed(charges: list[fixed.FixedCharge], currency: str) -> list[Decimal]:
    return [round_money(one.charge.net_unrounded, currency) for one in charges]


@pytest.mark.parametrize(("level", "currency"), GRID)
def test_postpaid_months_cost_what_was_agreed_to_the_minor_unit(level: Level, currency: str) -> None:
    for term, start in product(TERMS, STARTS):
        price, fee = worked_out(level, currency, term)
        terms = fixed.Terms(start, level.value, [dated(level, currency, term, start)])
        expected = months_of_fixed_price(price * QUANTITY, term, start, term + 1, currency)

        day, found = start, []
        for number in range(term + 1):
            month = fixed.charges(terms, Period(day, next_month(day)))
            monthly, *setup = billed(month, currency)
            found.append(monthly)
            assert setup == ([cents(fee * QUANTITY, currency)] if number == 0 else []), (term, start)
            day = next_month(day)

        assert found == expected, (term, start)


@pytest.mark.parametrize(("level", "currency"), GRID)
def test_whole_months_of_a_term_are_the_price_of_the_term(level: Level, currency: str) -> None:
    for term in TERMS:
        start = date(2027, 10, 1)
        price, _ = worked_out(level, currency, term)
        terms = fixed.Terms(start, level.value, [dated(level, currency, term, start, setup=False)])
        months = [Period.month_of(later(start, number)) for number in range(term)]

        found = [net for month in months for net in billed(fixed.charges(terms, month), currency)]

        assert sum(found) == cents(price * QUANTITY, currency), term


@pytest.mark.parametrize(("level", "currency"), GRID)
def test_prepaid_terms_follow_each_other_and_each_costs_its_price(level: Level, currency: str) -> None:
    for term, start in product(TERMS, STARTS):
        price, fee = worked_out(level, currency, term)
        prices = [dated(level, currency, term, start)]

        first, second, third = list(prepaid.terms(prices, start, later(start, 3 * term)))[:3]

        assert [one.days for one in (first, second, third)] == [
            Period(later(start, number * term), later(start, (number + 1) * term)) for number in range(3)
        ]
        whole, once = cents(price * QUANTITY, currency), cents(fee * QUANTITY, currency)
        assert billed(prepaid.charges(first, prices, level=level.value), currency) == [whole, once], (term, start)
        assert billed(prepaid.charges(second, prices, level=level.value), currency) == [whole], (term, start)


@pytest.mark.parametrize(("level", "currency"), GRID)
def test_a_prepaid_term_that_ends_early_costs_its_share_of_days(level: Level, currency: str) -> None:
    for term, start in product(TERMS, STARTS):
        price, _ = worked_out(level, currency, term)
        prices = [dated(level, currency, term, start, setup=False)]
        first = next(prepaid.terms(prices, start, later(start, term)))
        ended = date(start.year, start.month + 1, 11)
        used = min((ended - start).days, first.days.days)

        found = billed(prepaid.charges(first, prices, level=level.value, ended_on=ended), currency)

        assert found == [cents(price * QUANTITY * used / first.days.days, currency)], (term, start)


@pytest.mark.parametrize(("level", "currency"), GRID)
def test_use_costs_what_the_last_level_does_along_the_chain(level: Level, currency: str) -> None:
    price, per_usd = Fraction("0.0731"), Fraction("0.9127")
    terms = RateTerms(
        "pg_base_storage", "", "GiB", Decimal("0.03"), _decimal(price), "last", "card", "USD", _decimal(per_usd), "EUR"
    )
    discount, markup, retail = (Decimal(PERCENTS[name]) for name in ("discount", "markup", "retail_discount"))
    tariff = Tariff([terms], PriceChain("EUR", currency, _decimal(RATES[currency]), discount, markup, retail, level))
    for start in STARTS:
        days = Period(start, next_month(start))
        level_of = {day: 777 * 10**9 + 13 * day.day for day in days}
        readings = [Reading(day, Decimal(amount), Decimal(0), 1, 2) for day, amount in level_of.items()]

        (charge,) = rate([measured_of(readings, item="pg_base_storage", edition="e")], tariff, Stretch(days)).charges

        unit_price = half_up(chain(price * per_usd, **SHARES[level]) * RATES[currency], 10)
        quantity = half_up(Fraction(level_of[days.last_day], 1024**3), 10)
        assert (charge.quantity, charge.unit_price) == (quantity, unit_price), start
        net = round_money(charge.net_unrounded, currency)
        assert net == cents(Fraction(quantity) * Fraction(unit_price), currency), start


@pytest.mark.parametrize("currency", LISTED)
@pytest.mark.parametrize("term", TERMS)
def test_what_a_reseller_keeps_is_retail_less_wholesale(currency: str, term: int) -> None:
    for start in STARTS:
        nets = {}
        for level in (Level.WHOLESALE, Level.RETAIL):
            terms = fixed.Terms(start, level.value, [dated(level, currency, term, start, setup=False)])
            first, second = Period(start, next_month(start)), Period.month_of(next_month(start))
            nets[level] = sum(net for part in (first, second) for net in billed(fixed.charges(terms, part), currency))
        prices = {level: worked_out(level, currency, term)[0] * QUANTITY for level in nets}
        expected = {level: sum(months_of_fixed_price(price, term, start, 2, currency)) for level, price in prices.items()}

        assert nets[Level.RETAIL] - nets[Level.WHOLESALE] == expected[Level.RETAIL] - expected[Level.WHOLESALE] > 0


# --- February, and the days of a life ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("year", "days"), [(2027, 28), (2028, 29)], ids=["common year", "leap year"])
def test_february_has_its_own_number_of_days(year: int, days: int) -> None:
    price = dated(Level.MSP, "EUR", 1, date(year, 2, 15), setup=False)
    terms = fixed.Terms(date(year, 2, 15), "msp", [price])

    (charge,) = fixed.charges(terms, Period(date(year, 2, 15), date(year, 3, 1)))

    amount = LISTED["EUR"] * QUANTITY * (days - 14) / days
    assert round_money(charge.charge.net_unrounded, "EUR") == cents(amount, "EUR")


@pytest.mark.parametrize("start", STARTS, ids=str)
@pytest.mark.parametrize("term", TERMS)
def test_terms_of_a_life_cover_each_of_its_days_once(term: int, start: date) -> None:
    prices = [dated(Level.MSP, "EUR", term, start)]

    found = list(prepaid.terms(prices, start, later(start, 40)))

    assert found[0].days.start == start
    assert all(one.used.end == following.days.start for one, following in pairwise(found))


def _decimal(number: Fraction) -> Decimal:
    """A number that decimals hold exactly."""
    found = Decimal(number.numerator) / Decimal(number.denominator)
    assert Fraction(found) == number
    return found
