"""Margins: what was got less what was paid, and never across currencies without saying how."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.margins import Amount, Conversion, Margin, paired, together

EURO_TO_DOLLAR = Conversion("EUR", "USD", Decimal("1.1"), date(2026, 10, 1))
BY_CURRENCY = st.dictionaries(
    st.sampled_from(["EUR", "USD", "CHF", "JPY"]), st.decimals(min_value=-(10**6), max_value=10**6, places=2), max_size=4
)


def test_the_margin_is_a_share_of_what_was_got() -> None:
    margin = Margin(Amount(Decimal("56.10"), "EUR"), Amount(Decimal("67.32"), "EUR"))

    assert (margin.amount, margin.percent) == (Amount(Decimal("11.22"), "EUR"), Decimal("16.7"))


def test_two_currencies_have_no_margin_without_an_exchange_rate() -> None:
    margin = Margin(Amount(Decimal(50), "EUR"), Amount(Decimal(66), "USD"))

    assert (margin.amount, margin.percent) == (None, None)


def test_with_an_exchange_rate_in_either_direction_the_margin_is_in_the_currency_paid_in() -> None:
    in_euro = Margin(Amount(Decimal(50), "EUR"), Amount(Decimal(66), "USD"), EURO_TO_DOLLAR)
    in_dollar = Margin(Amount(Decimal(55), "USD"), Amount(Decimal(60), "EUR"), EURO_TO_DOLLAR)

    assert in_euro.amount == Amount(Decimal("10.00"), "EUR")
    assert in_dollar.amount == Amount(Decimal("11.00"), "USD")
    with pytest.raises(ValueError, match="does not lead"):
        EURO_TO_DOLLAR.convert(Amount(Decimal(1), "CHF"), "EUR")


def test_a_side_that_is_not_invoiced_yet_is_nothing_and_not_zero() -> None:
    assert Margin(Amount(Decimal(50), "EUR"), None).amount is None
    assert Margin(None, Amount(Decimal(50), "EUR")).percent is None
    assert Margin(Amount(Decimal(50), "EUR"), Amount(Decimal(0), "EUR")).percent is None


@given(BY_CURRENCY, BY_CURRENCY)
def test_putting_side_by_side_loses_nothing_and_counts_nothing_twice(paid: dict[str, Decimal], got: dict[str, Decimal]) -> None:
    margins = paired(paid, got)

    assert {one.paid.currency: one.paid.value for one in margins if one.paid} == paid
    assert {one.got.currency: one.got.value for one in margins if one.got} == got


@given(st.lists(st.tuples(BY_CURRENCY, BY_CURRENCY), max_size=6))
def test_together_the_margins_are_what_was_got_less_what_was_paid(of: list[tuple[dict[str, Decimal], dict[str, Decimal]]]) -> None:
    margins = [margin for paid, got in of for margin in paired(paid, got)]
    totals = together(margins)

    for currency in ("EUR", "USD", "CHF", "JPY"):
        paid = sum((one[0].get(currency, Decimal(0)) for one in of), Decimal(0))
        got = sum((one[1].get(currency, Decimal(0)) for one in of), Decimal(0))
        assert sum((one.paid.value for one in totals if one.paid and one.paid.currency == currency), Decimal(0)) == paid
        assert sum((one.got.value for one in totals if one.got and one.got.currency == currency), Decimal(0)) == got
    same = [one for one in totals if one.paid and one.got and one.paid.currency == one.got.currency]
    assert all(one.amount and one.amount.value == one.got.value - one.paid.value for one in same if one.got and one.paid)
