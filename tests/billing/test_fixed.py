"""Fixed prices by the month and day: worked out by hand, and rules that hold for every price."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.fixed import SETUP_FEE, SUBSCRIPTION, DatedPrice, FixedCharge, Terms, charges, printed, rounded
from common.money import minor_unit, round_money
from common.periods import Period, add_months

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))


def price(
    amount: str, *, currency: str = "EUR", setup_fee: str = "0", valid_from: date = date(2026, 1, 1), **steps: list[dict[str, str]]
) -> DatedPrice:
    return DatedPrice(valid_from, currency, Decimal(amount), Decimal(setup_fee), **steps)


def terms(*prices: DatedPrice, quantity: int = 1, term_months: int = 1, charged_from: date = date(2026, 1, 1)) -> Terms:
    return Terms(charged_from, "msp", [replace(one, quantity=quantity, term_months=term_months) for one in prices])


def nets(found: list[FixedCharge], currency: str = "EUR") -> list[Decimal]:
    return [round_money(one.charge.net_unrounded, currency) for one in found]


def month(year: int, number: int) -> Period:
    return Period.month_of(date(year, number, 1))


# --- Worked examples ----------------------------------------------------------------------------------------------------------


def test_a_whole_month_is_quantity_times_price() -> None:
    (only,) = charges(terms(price("20"), quantity=2), OCTOBER)

    assert (only.charge.item, only.charge.quantity, only.charge.unit_price) == (SUBSCRIPTION, 2, 20)
    assert only.charge.net_unrounded == 40


@pytest.mark.parametrize(
    ("first", "net"),
    [
        (date(2026, 10, 1), "31.00"),
        (date(2026, 10, 15), "17.00"),
        (date(2026, 10, 29), "3.00"),
        (date(2026, 10, 30), "2.00"),
        (date(2026, 10, 31), "1.00"),
    ],
    ids=str,
)
def test_the_first_month_is_billed_by_its_days(first: date, net: str) -> None:
    found = charges(terms(price("31"), charged_from=first), Period(first, OCTOBER.end))

    assert nets(found) == [Decimal(net)]


@pytest.mark.parametrize(
    ("part", "net"),
    [
        (Period(date(2028, 2, 15), date(2028, 3, 1)), "10.34"),  # 20 × 15 ÷ 29 of a leap year = 10.3448…
        (Period(date(2027, 2, 15), date(2027, 3, 1)), "10.00"),  # 20 × 14 ÷ 28
        (Period(date(2026, 10, 1), date(2026, 10, 11)), "6.45"),  # ended on the 10th: 20 × 10 ÷ 31 = 6.4516…
        (Period(date(2026, 10, 10), date(2026, 10, 11)), "0.65"),  # one day
    ],
    ids=str,
)
def test_days_count_as_a_share_of_their_own_month(part: Period, net: str) -> None:
    assert nets(charges(terms(price("20")), part)) == [Decimal(net)]


@pytest.mark.parametrize(
    ("amount", "currency", "net"),
    [("200", "EUR", "16.67"), ("20000", "JPY", "1667"), ("20", "KWD", "1.667"), ("100", "EUR", "8.33")],
    ids=str,
)
def test_a_month_of_a_year_is_a_twelfth_in_the_currencys_own_unit(amount: str, currency: str, net: str) -> None:
    found = charges(terms(price(amount, currency=currency), term_months=12), OCTOBER)

    assert nets(found, currency) == [Decimal(net)]


def test_a_price_that_begins_inside_the_month_counts_from_its_day() -> None:
    dear = price("62", valid_from=date(2026, 10, 11))

    first, second = charges(terms(price("31"), dear), OCTOBER)

    assert (first.key, first.charge.working["days"], nets([first])) == ("", 10, [Decimal("10.00")])
    assert (second.key, second.charge.working["days"], nets([second])) == ("2026-10-11", 21, [Decimal("42.00")])


def test_a_price_that_begins_later_or_ended_before_does_not_count() -> None:
    prices = (price("1"), price("20", valid_from=date(2026, 9, 1)), price("99", valid_from=date(2026, 11, 1)))

    assert nets(charges(terms(*prices), OCTOBER)) == [Decimal("20.00")]


def test_the_setup_fee_comes_once_in_the_month_of_the_first_day() -> None:
    sold = terms(price("20", setup_fee="10"), quantity=3, charged_from=date(2026, 10, 15))

    october = charges(sold, Period(date(2026, 10, 15), OCTOBER.end))
    november = charges(sold, month(2026, 11))

    assert [(one.charge.item, net) for one, net in zip(october, nets(october), strict=True)] == [
        (SUBSCRIPTION, Decimal("32.90")),  # 3 × 20 × 17 ÷ 31 = 32.9032…
        (SETUP_FEE, Decimal("30.00")),
    ]
    assert [one.charge.item for one in november] == [SUBSCRIPTION]


def test_nothing_is_charged_for_a_price_of_nothing() -> None:
    assert charges(terms(price("0")), OCTOBER) == []


def test_an_amount_half_way_is_rounded_up_although_its_share_has_endless_decimals() -> None:
    amount = rounded(Fraction(5, 6) * Fraction(3, 100), "EUR")

    quantity, unit_price = printed(
        Fraction(5, 6), Fraction(3, 100), amount, "EUR"
    )  # 0.025 exactly, 0.024999999999 with ten decimals

    assert round_money(quantity * unit_price, "EUR") == Decimal("0.03")


@pytest.mark.parametrize(
    ("amount", "currency", "months"),
    [
        ("200", "EUR", "16.67 16.66 16.67 16.67 16.66 16.67 16.67 16.66 16.67 16.67 16.66 16.67"),
        ("1015", "JPY", "85 84 85 84 85 85 84 85 84 85 84 85"),
        ("0.05", "EUR", "0.00 0.01 0.00 0.01 0.00 0.01 0.00 0.00 0.01 0.00 0.01 0.00"),
    ],
    ids=str,
)
def test_twelve_months_of_a_year_are_its_price_to_the_cent(amount: str, currency: str, months: str) -> None:
    sold = terms(price(amount, currency=currency), term_months=12)

    found = [sum(nets(charges(sold, month(2026, number)), currency), Decimal(0)) for number in range(1, 13)]

    assert found == [Decimal(net) for net in months.split()]
    assert sum(found) == Decimal(amount)


def test_months_are_counted_from_the_first_whole_one_of_the_price() -> None:
    dear = price("100", valid_from=date(2026, 3, 15))
    sold = terms(price("1"), dear, term_months=12)

    april, may = (charges(sold, month(2026, number))[0].charge for number in (4, 5))

    assert (april.unit_price, may.unit_price) == (Decimal("8.33"), Decimal("8.34"))
    assert "together" not in april.working
    assert may.working["together"] == {"months": 2, "amount": "16.67", "before": "8.33"}


def test_months_of_a_free_trial_do_not_count() -> None:
    sold = terms(price("200"), term_months=12, charged_from=date(2026, 2, 1))  # sold in January, billed from February on

    assert nets(charges(sold, month(2026, 2))) == [Decimal("16.67")]
    assert nets(charges(sold, month(2026, 3))) == [Decimal("16.66")]


@pytest.mark.parametrize(
    ("amount", "quantity", "days", "line"),
    [
        ("200", 1, 31, ("1", "16.67")),
        ("200", 2, 31, ("2", "16.667")),  # 33.33; twice 16.67 would be a cent more
        ("200", 1, 17, ("0.5483870968", "16.67")),
        ("199", 3, 31, ("3", "16.583")),  # 49.75
    ],
    ids=str,
)
def test_a_unit_price_has_no_more_decimals_than_the_amount_needs(
    amount: str, quantity: int, days: int, line: tuple[str, str]
) -> None:
    sold = terms(price(amount, valid_from=OCTOBER.start), quantity=quantity, term_months=12)

    (only,) = charges(sold, Period(OCTOBER.start, OCTOBER.start + timedelta(days)))

    assert (only.charge.quantity, only.charge.unit_price) == tuple(map(Decimal, line))


def test_the_working_tells_the_chain_of_prices_and_the_days() -> None:
    steps = [
        {"step": "list_price", "factor": None, "price": "240", "setup_fee": "10"},
        {"step": "partner_discount", "factor": "12.5", "price": "210", "setup_fee": "8.75"},
    ]
    sold = terms(price("210", setup_fee="8.75", steps=steps), quantity=2, term_months=12, charged_from=date(2026, 10, 22))

    monthly, setup = (one.charge.working for one in charges(sold, Period(date(2026, 10, 22), OCTOBER.end)))

    assert (monthly["units"], monthly["days"], monthly["days_of_month"]) == (2, 10, 31)
    assert [(step["step"], step["amount"]) for step in monthly["steps"]] == [
        ("list_price", "240"),
        ("partner_discount", "210"),
        ("month_of_term", "17.5"),
    ]
    assert [(step["step"], step["amount"]) for step in setup["steps"]] == [("list_price", "10"), ("partner_discount", "8.75")]


def test_days_without_a_price_and_days_of_two_months_are_bugs() -> None:
    with pytest.raises(ValueError, match="No price is valid"):
        charges(terms(price("20", valid_from=date(2026, 10, 2))), OCTOBER)
    with pytest.raises(ValueError, match="end of a month"):
        charges(terms(price("20")), Period(date(2026, 10, 1), date(2026, 11, 2)))


# --- What holds for every price -----------------------------------------------------------------------------------------------

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
QUANTITIES = st.integers(1, 1000)
TERMS = st.sampled_from([1, 3, 6, 12, 24, 36])


@st.composite
def amounts(draw: st.DrawFn, least: int = 1) -> tuple[Decimal, str]:
    currency = draw(CURRENCIES)
    return draw(st.integers(least, 10_000_000)) * minor_unit(currency), currency


@given(amounts(), QUANTITIES, TERMS)
def test_the_whole_months_of_a_term_sum_to_its_price(sold: tuple[Decimal, str], quantity: int, term_months: int) -> None:
    amount, currency = sold
    held = terms(price(str(amount), currency=currency, valid_from=OCTOBER.start), quantity=quantity, term_months=term_months)
    months = [Period.month_of(add_months(OCTOBER.start, number)) for number in range(term_months)]

    found = [net for each in months for net in nets(charges(held, each), currency)]

    assert sum(found, Decimal(0)) == amount * quantity
    assert all(abs(Fraction(net) - Fraction(amount) * quantity / term_months) < minor_unit(currency) for net in found)


@given(amounts(), QUANTITIES, TERMS, st.integers(1, 30))
def test_every_line_is_the_exact_amount_rounded_once(sold: tuple[Decimal, str], quantity: int, term_months: int, days: int) -> None:
    amount, currency = sold
    held = terms(price(str(amount), currency=currency), quantity=quantity, term_months=term_months)
    part = Period(OCTOBER.start, OCTOBER.start + timedelta(days))

    found = charges(held, part)

    exact = Fraction(amount) * quantity * days / 31 / term_months
    assert sum(nets(found, currency), Decimal(0)) == rounded(exact, currency)
    assert bool(found) == bool(rounded(exact, currency))  # an amount of nothing has no line


@given(amounts(310), amounts(310), QUANTITIES, st.integers(2, 31))
def test_the_days_at_each_price_tile_the_month(
    first: tuple[Decimal, str], second: tuple[Decimal, str], quantity: int, changed_on: int
) -> None:
    changed = date(2026, 10, changed_on)
    prices = (price(str(first[0])), price(str(second[0]), valid_from=changed))

    found = charges(terms(*prices, quantity=quantity), OCTOBER)

    assert [one.charge.working["period"] for one in found] == [
        ["2026-10-01", changed.isoformat()],
        [changed.isoformat(), "2026-11-01"],
    ]
    assert sum(one.charge.working["days"] for one in found) == 31
