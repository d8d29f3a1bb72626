"""A new price of an old one: percent and amount, up and down, rounded to the coin or to an ending."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.repricing import ENDINGS, Change, Kind, Part, changed, with_ending
from catalog.pricing import Amounts
from common.money import minor_unit, round_money

ALL = frozenset(Part)


def change(by: str, *parts: Part, kind: Kind = Kind.PERCENT, ending: str = "") -> Change:
    return Change(kind, Decimal(by), frozenset(parts or (Part.PRICE,)), ending)


def price_after(old: str, how: Change, currency: str = "EUR") -> Decimal:
    return changed(Amounts(Decimal(old)), how, currency).price


@pytest.mark.parametrize(
    ("old", "by", "currency", "new"),
    [
        ("20", "5", "EUR", "21.00"),
        ("19.99", "5", "EUR", "20.99"),  # 20.9895
        ("19.99", "-5", "EUR", "18.99"),  # 18.9905
        ("1250", "3", "JPY", "1288"),  # 1287.5, half up
        ("12.345", "10", "KWD", "13.580"),  # 13.5795, half up
        ("0", "50", "EUR", "0.00"),
    ],
)
def test_a_percentage_is_rounded_half_up_to_the_smallest_coin(old: str, by: str, currency: str, new: str) -> None:
    assert price_after(old, change(by), currency) == Decimal(new)


def test_an_amount_goes_up_or_down_and_may_end_below_nothing_for_others_to_refuse() -> None:
    assert price_after("20", change("2.5", kind=Kind.AMOUNT)) == Decimal("22.50")
    assert price_after("2", change("-2.5", kind=Kind.AMOUNT)) == Decimal("-0.50")


@pytest.mark.parametrize(
    ("amount", "ending", "currency", "ended"),
    [
        ("21", "0.99", "EUR", "20.99"),
        ("21.60", "0.99", "EUR", "21.99"),
        ("21.49", "0.99", "EUR", "21.99"),  # as near to 20.99: the higher
        ("21.20", "0.50", "EUR", "21.50"),
        ("21.20", "0.00", "EUR", "21.00"),
        ("0.10", "0.95", "EUR", "0.95"),
        ("1234", "0.90", "JPY", "1190"),
        ("1245", "0.90", "JPY", "1290"),
        ("21.2", "0.90", "KWD", "20.900"),
    ],
)
def test_an_ending_is_the_nearest_amount_that_ends_so(amount: str, ending: str, currency: str, ended: str) -> None:
    assert with_ending(Decimal(amount), ending, currency) == Decimal(ended)


def test_only_the_chosen_parts_change() -> None:
    old = Amounts(Decimal(20), Decimal(10), Decimal("0.07"))

    assert changed(old, change("10", Part.SETUP_FEE), "EUR") == Amounts(Decimal(20), Decimal(11), Decimal("0.07"))
    assert changed(old, change("10", *ALL), "EUR") == Amounts(Decimal(22), Decimal(11), Decimal("0.077"))


def test_an_overage_price_keeps_its_decimals_and_takes_no_ending() -> None:
    old = Amounts(Decimal(20), overage_price=Decimal("0.0333"))

    assert changed(old, change("5", Part.OVERAGE_PRICE, ending="0.99"), "EUR").overage_price == Decimal("0.034965")
    assert changed(Amounts(Decimal(20)), change("5", Part.OVERAGE_PRICE), "EUR").overage_price is None


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (change("5", Part.PRICE, Part.SETUP_FEE, ending="0.99"), "5 % up on price and setup fee, ending in .99"),
        (change("-2.50", Part.OVERAGE_PRICE, kind=Kind.AMOUNT), "2.5 down on overage price"),
        (change("100"), "100 % up on price"),
    ],
    ids=["percent", "amount", "hundred"],
)
def test_a_change_says_itself_in_words(how: Change, words: str) -> None:
    assert how.words() == words


AMOUNTS = st.decimals("0.01", "1000000", places=2)


@given(AMOUNTS, st.sampled_from(ENDINGS), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_an_ending_is_never_further_away_than_half_a_step(amount: Decimal, ending: str, currency: str) -> None:
    whole = Decimal(1) if minor_unit(currency) < 1 else Decimal(100)

    ended = with_ending(amount, ending, currency)

    assert ended >= 0
    assert ended % whole == Decimal(ending) * whole
    assert ended == Decimal(ending) * whole or abs(ended - amount) <= whole / 2


@given(AMOUNTS, st.decimals("0.01", "500", places=2))
def test_a_higher_price_never_becomes_the_lower_one(amount: Decimal, by: Decimal) -> None:
    low, high = round_money(amount, "EUR"), round_money(amount, "EUR") + 1

    assert price_after(str(low), change(str(by))) <= price_after(str(high), change(str(by)))
    assert price_after(str(low), change(str(by))) >= low
