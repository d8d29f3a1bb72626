"""The chain of prices of fixed plans: MSP → reseller → customer, exactly as it is written down."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pricing import Amounts, Level, Markup, published, walk

DECIMALS = {"JPY": 0, "EUR": 2, "KWD": 3}


@st.composite
def sales(draw: st.DrawFn) -> tuple[str, Amounts, Decimal, Markup]:
    """A currency of 0, 2 or 3 decimals, a list price, the reseller's discount and its markup."""
    currency = draw(st.sampled_from(sorted(DECIMALS)))
    money = st.decimals(0, 10_000_000, places=DECIMALS[currency])
    percent = st.decimals(0, 100, places=3)
    unit_price = st.decimals(0, 1000, places=10)
    listed = Amounts(draw(money), draw(money), draw(st.none() | unit_price))
    markup = Markup(
        percent=draw(st.decimals(0, 1000, places=3)),
        overage_percent=draw(st.none() | st.decimals(0, 1000, places=3)),
        amount=draw(st.none() | money),
        overage_amount=draw(unit_price),
        discount_percent=draw(percent),
    )
    return currency, listed, draw(percent), markup


def rounded(exact: Fraction, decimals: int) -> Decimal:
    """Round a fraction half up, worked out in whole numbers."""
    units = exact * 10**decimals
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    return Decimal(whole).scaleb(-decimals)


@given(sales())
def test_every_level_is_the_exact_chain_rounded_once(sale: tuple[str, Amounts, Decimal, Markup]) -> None:
    currency, listed, discount, markup = sale
    decimals = DECIMALS[currency]
    keeps = 1 - Fraction(discount) / 100
    takes = 1 - Fraction(markup.discount_percent) / 100

    def retail(amount: Decimal, added: Decimal | None, percent: Decimal) -> Fraction:
        cost = Fraction(amount) * keeps
        return (cost + Fraction(added) if added is not None else cost * (1 + Fraction(percent) / 100)) * takes

    msp = published(listed, Level.MSP, currency, partner_discount_percent=discount, markup=markup)
    wholesale = published(listed, Level.WHOLESALE, currency, partner_discount_percent=discount, markup=markup)
    sold = published(listed, Level.RETAIL, currency, partner_discount_percent=discount, markup=markup)

    assert msp == listed.rounded(currency)
    assert wholesale.price == rounded(Fraction(listed.price) * keeps, decimals)
    assert wholesale.setup_fee == rounded(Fraction(listed.setup_fee) * keeps, decimals)
    assert sold.price == rounded(retail(listed.price, markup.amount, markup.percent), decimals)
    by_percent = Decimal(0) if markup.amount is not None else markup.percent
    assert sold.setup_fee == rounded(retail(listed.setup_fee, None, by_percent), decimals)
    if listed.overage_price is not None:
        overage = markup.percent if markup.overage_percent is None else markup.overage_percent
        added = markup.overage_amount if markup.amount is not None else None
        assert sold.overage_price == rounded(retail(listed.overage_price, added, overage), 10)
    else:
        assert sold.overage_price is None


@given(sales())
def test_the_margin_is_what_is_left_to_the_cent(sale: tuple[str, Amounts, Decimal, Markup]) -> None:
    currency, listed, discount, markup = sale

    cost = published(listed, Level.WHOLESALE, currency, partner_discount_percent=discount, markup=markup)
    retail = published(listed, Level.RETAIL, currency, partner_discount_percent=discount, markup=markup)

    margin = retail.less(cost)
    assert cost.price + margin.price == retail.price
    assert cost.setup_fee + margin.setup_fee == retail.setup_fee
    assert margin == margin.rounded(currency)


@given(sales())
def test_the_steps_lead_from_the_list_price_to_what_is_published(sale: tuple[str, Amounts, Decimal, Markup]) -> None:
    currency, listed, discount, markup = sale

    for level in Level:
        steps = walk(listed, level, partner_discount_percent=discount, markup=markup)
        published_amounts = published(listed, level, currency, partner_discount_percent=discount, markup=markup)
        assert steps[0].amounts == listed
        assert steps[-1].amounts.rounded(currency) == published_amounts
        assert all(before.amounts != after.amounts for before, after in pairwise(steps))


@given(sales(), st.decimals(0, 1000, places=3))
def test_more_markup_never_makes_it_cheaper(sale: tuple[str, Amounts, Decimal, Markup], more: Decimal) -> None:
    currency, listed, discount, markup = sale
    higher = Markup(percent=markup.percent + more, discount_percent=markup.discount_percent)
    lower = Markup(percent=markup.percent, discount_percent=markup.discount_percent)

    def sold(with_markup: Markup) -> Decimal:
        return published(listed, Level.RETAIL, currency, partner_discount_percent=discount, markup=with_markup).price

    assert sold(higher) >= sold(lower)


@pytest.mark.parametrize(
    ("currency", "listed", "cost", "retail"),
    [
        ("EUR", "19.99", "15.99", "19.75"),  # 15.992 → 15.99; 15.992 × 1.3 × 0.95 = 19.750 12
        ("JPY", "1999", "1599", "1975"),  # 1599.2; 1975.012
        ("KWD", "1.999", "1.599", "1.975"),  # 1.599 2; 1.975 012
        ("EUR", "0.03", "0.02", "0.03"),  # 0.024; 0.029 64
    ],
)
def test_worked_examples(currency: str, listed: str, cost: str, retail: str) -> None:
    markup = Markup(percent=Decimal(30), discount_percent=Decimal(5))
    amounts = Amounts(Decimal(listed))

    assert published(amounts, Level.WHOLESALE, currency, partner_discount_percent=Decimal(20)).price == Decimal(cost)
    assert published(amounts, Level.RETAIL, currency, partner_discount_percent=Decimal(20), markup=markup).price == Decimal(retail)
