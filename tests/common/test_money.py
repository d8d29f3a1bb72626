"""Rounding and splitting money."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.money import allocate, minor_unit, round_money

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])  # two, no and three decimals
amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=6)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.025", "EUR", "0.03"),  # half to even would give 0.02
        ("-0.005", "EUR", "-0.01"),
        ("0.0049999999", "EUR", "0.00"),
        ("10.5", "JPY", "11"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_half_goes_up_away_from_zero_to_the_minor_unit(amount, currency, rounded):
    assert str(round_money(Decimal(amount), currency)) == rounded


@given(amount=amounts, currency=CURRENCIES)
def test_rounding_twice_is_rounding_once_and_is_off_by_half_a_unit_at_most(amount, currency):
    rounded = round_money(amount, currency)

    assert round_money(rounded, currency) == rounded
    assert abs(rounded - amount) <= minor_unit(currency) / 2


@given(
    total=amounts,
    weights=st.lists(st.decimals(min_value=0, max_value=10**6, places=3), min_size=1, max_size=20),
    currency=CURRENCIES,
)
def test_parts_are_rounded_and_sum_to_the_whole(total, weights, currency):
    if not any(weights):
        weights = [*weights, Decimal(1)]
    total = round_money(total, currency)

    parts = allocate(total, weights, currency)

    assert sum(parts) == total
    assert all(part == round_money(part, currency) for part in parts)
    assert len(parts) == len(weights)


@given(total=amounts, weights=st.lists(st.integers(min_value=1, max_value=100).map(Decimal), min_size=1, max_size=12))
def test_no_part_is_further_from_its_share_than_one_unit(total, weights):
    total = round_money(total, "EUR")

    for part, weight in zip(allocate(total, weights, "EUR"), weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < Decimal("0.01")


@pytest.mark.parametrize(
    ("total", "weights"),
    [("1.005", ["1"]), ("1.00", []), ("1.00", ["0", "0"]), ("1.00", ["2", "-1"])],
    ids=["not rounded", "nobody", "no weight", "negative weight"],
)
def test_what_cannot_be_split_is_refused(total, weights):
    with pytest.raises(ValueError, match=r"not rounded|Weights"):
        allocate(Decimal(total), [Decimal(weight) for weight in weights], "EUR")
