"""Rating: usage and rates in, charges out. Every case by hand, to the cent."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.measuring import Measured, Reading, measured_of, readings_of
from billing.rating import Level, PriceChain, Rated, RateTerms, Stretch, Tariff, UnitMismatch, exact_product, plain
from billing.rating import rate as rate_by
from common.money import round_money
from common.periods import Period

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
GIB = 1024**3

quantities = st.decimals(min_value=0, max_value=10**15, places=0)
percents = st.decimals(min_value=0, max_value=100, places=3)
prices = st.decimals(min_value=0, max_value=10**6, places=10)


def series(
    *levels: int | Decimal,
    item: str = "pg_base_storage",
    edition: str = "pck_per_gigabyte",
    infra: str = "",
    unit: str = "bytes",
    is_range: bool = False,
    deltas: Sequence[int] | None = None,
    start: date = date(2026, 10, 1),
) -> Measured:
    """Readings of consecutive days from ``start`` on."""
    added = deltas or [0] * len(levels)
    readings = [
        Reading(start + timedelta(days=n), Decimal(level), Decimal(delta), 7, n + 2)
        for n, (level, delta) in enumerate(zip(levels, added, strict=True))
    ]
    return measured_of(readings, item=item, edition=edition, storage=infra, measurement_unit=unit, is_range=is_range)


def terms(
    price: str = "0.07",
    *,
    item: str = "pg_base_storage",
    edition: str = "pck_per_gigabyte",
    unit: str = "GiB",
    aggregation: str = "last",
    cost: str = "0.03",
    currency: str = "EUR",
    exchange_rate: str = "1",
) -> RateTerms:
    return RateTerms(
        item, edition, unit, Decimal(cost), Decimal(price), aggregation, "Card 2026-10", currency, Decimal(exchange_rate), "EUR"
    )


def chain(
    level: Level = Level.MSP,
    *,
    discount: str = "0",
    markup: str = "0",
    retail_discount: str = "0",
    currency: str = "EUR",
    exchange_rate: str = "1",
) -> PriceChain:
    return PriceChain("EUR", currency, Decimal(exchange_rate), Decimal(discount), Decimal(markup), Decimal(retail_discount), level)


def rate(usage: Sequence[Measured], rates: Sequence[RateTerms], days: Period, at: PriceChain) -> Rated:
    return rate_by(usage, Tariff(rates, at), Stretch(days))


def net(rated: Rated, currency: str = "EUR") -> Decimal:
    return sum((round_money(charge.net_unrounded, currency) for charge in rated.charges), Decimal(0))


@pytest.mark.parametrize(
    ("aggregation", "quantity", "amount"),
    [
        ("last", "300", "21.00"),
        ("max", "500", "35.00"),
        ("average", "29.0322580645", "2.03"),  # (100 + 500 + 300) / 31 days × 0.07 = 2.0322…
        ("sum", "40", "2.80"),
    ],
)
def test_each_aggregation_gives_the_amount_worked_out_by_hand(aggregation: str, quantity: str, amount: str) -> None:
    usage = [series(100 * GIB, 500 * GIB, 300 * GIB, deltas=[10 * GIB, 20 * GIB, 10 * GIB])]

    rated = rate(usage, [terms(aggregation=aggregation)], OCTOBER, chain())

    assert rated.charges[0].quantity == Decimal(quantity)
    assert net(rated) == Decimal(amount)


@pytest.mark.parametrize(
    ("measured_in", "unit", "measured", "quantity"),
    [("bytes", "GiB", GIB * 3 // 2, "1.5"), ("seconds", "hour", 5400, "1.5"), ("", "unit", 7, "7"), ("quantity", "unit", 7, "7")],
)
def test_units_are_converted_from_what_the_vendor_meters(measured_in: str, unit: str, measured: int, quantity: str) -> None:
    rated = rate([series(measured, unit=measured_in)], [terms(unit=unit)], OCTOBER, chain())

    assert rated.charges[0].quantity == Decimal(quantity)


def test_a_rate_for_a_unit_that_is_not_metered_is_refused() -> None:
    with pytest.raises(UnitMismatch, match="pg_base_storage per GiB, but it is metered in units"):
        rate([series(7, unit="")], [terms(unit="GiB")], OCTOBER, chain())


@pytest.mark.parametrize(
    ("level", "unit_price"),
    [
        (Level.MSP, "0.07"),
        (Level.WHOLESALE, "0.056"),  # less 20 %
        (Level.RETAIL, "0.06916"),  # plus 30 %, less 5 %
    ],
)
def test_the_price_chain_is_walked_as_far_as_the_level_says(level: Level, unit_price: str) -> None:
    rated = rate([series(GIB)], [terms()], OCTOBER, chain(level, discount="20", markup="30", retail_discount="5"))

    assert rated.charges[0].unit_price == Decimal(unit_price)


def test_two_exchange_rates_lead_from_the_card_to_the_invoice() -> None:
    card_in_dollars = terms("0.10", currency="USD", exchange_rate="0.9")

    rated = rate([series(1000 * GIB)], [card_in_dollars], OCTOBER, chain(currency="JPY", exchange_rate="160.55"))

    (charge,) = rated.charges
    assert charge.unit_price == Decimal("14.4495")  # 0.10 USD = 0.09 EUR = 14.4495 JPY
    assert round_money(charge.net_unrounded, "JPY") == Decimal("14450")  # 14,449.5 half up
    assert charge.cost == Decimal("27")  # 1000 × 0.03 USD × 0.9, in EUR
    assert [step["step"] for step in charge.working["steps"]] == ["list_price", "card_exchange_rate", "exchange_rate"]


def test_storages_of_one_item_are_added_up_day_by_day() -> None:
    moved = [series(100 * GIB, 0, infra="a"), series(0, 100 * GIB, infra="b")]

    rated = rate(moved, [terms(aggregation="max")], OCTOBER, chain())

    assert [charge.quantity for charge in rated.charges] == [Decimal(100)]


def test_the_last_level_is_that_of_the_last_day_with_a_reading() -> None:
    rated = rate([series(100 * GIB, 50 * GIB)], [terms(aggregation="last")], OCTOBER, chain())

    assert rated.charges[0].quantity == Decimal(50)


def test_range_items_are_billed_by_what_was_added_unless_the_rate_says_otherwise() -> None:
    shipped = series(3, 5, unit="", is_range=True, deltas=[3, 2], item="drives_shipped_to_cloud", edition="")

    rated = rate(
        [shipped], [terms("90", item="drives_shipped_to_cloud", edition="", unit="unit", aggregation="")], OCTOBER, chain()
    )

    assert net(rated) == Decimal("450.00")


def test_less_than_nothing_is_billed_as_nothing() -> None:
    taken_back = series(3, 1, unit="", is_range=True, deltas=[0, -2])

    rated = rate([taken_back], [terms(unit="unit", aggregation="sum")], OCTOBER, chain())

    assert rated.charges == []


def test_a_rate_of_the_edition_beats_one_for_all_editions() -> None:
    for_all, own = terms("1", edition=""), terms("2")

    usage = [series(GIB), series(GIB, edition="pck_per_workload")]
    rated = rate(usage, [own, for_all], OCTOBER, chain())

    assert {charge.edition: charge.unit_price for charge in rated.charges} == {"pck_per_gigabyte": 2, "pck_per_workload": 1}


def test_usage_without_a_rate_is_listed_and_not_billed() -> None:
    usage = [series(GIB), series(GIB, item="total_storage", edition=""), series(0, item="vms", edition="", unit="")]

    rated = rate(usage, [terms()], OCTOBER, chain())

    assert [charge.item for charge in rated.charges] == ["pg_base_storage"]
    assert [(one.item, one.measurement_unit) for one in rated.unrated] == [("total_storage", "bytes")]


def test_nothing_used_is_no_charge() -> None:
    assert rate([series(0, 0)], [terms()], OCTOBER, chain()) == Rated([], [])


def test_retail_working_does_not_hold_the_sellers_cost() -> None:
    (charge,) = rate([series(GIB)], [terms()], OCTOBER, chain(Level.RETAIL)).charges

    assert charge.cost is None
    assert "cost" not in charge.working


def test_the_working_names_every_reading_with_its_report_and_line() -> None:
    (charge,) = rate([series(GIB, 2 * GIB, infra="storage-1")], [terms()], OCTOBER, chain()).charges

    assert readings_of(charge.readings, "last") == [
        ["2026-10-01", 1073741824, 7, 2, "storage-1"],
        ["2026-10-02", 2147483648, 7, 3, "storage-1"],
    ]


@pytest.mark.parametrize(
    ("number", "text"), [("1E+2", "100"), ("0.0700", "0.07"), ("-0.00", "0"), ("5", "5"), ("1E-10", "0.0000000001")]
)
def test_plain_writes_decimals_as_people_do(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


@given(less=quantities, more=quantities, price=prices, discount=percents, aggregation=st.sampled_from(["last", "max", "average"]))
def test_more_usage_never_costs_less(less: Decimal, more: Decimal, price: Decimal, discount: Decimal, aggregation: str) -> None:
    less, more = sorted([less, more])
    rates = [terms(str(price), aggregation=aggregation)]
    prices_to = chain(Level.WHOLESALE, discount=str(discount))

    assert net(rate([series(less)], rates, OCTOBER, prices_to)) <= net(rate([series(more)], rates, OCTOBER, prices_to))


@given(level=quantities, price=prices, discount=percents, markup=percents)
def test_printed_quantity_times_printed_price_is_the_net(
    level: Decimal, price: Decimal, discount: Decimal, markup: Decimal
) -> None:
    rated = rate([series(level)], [terms(str(price))], OCTOBER, chain(Level.RETAIL, discount=str(discount), markup=str(markup)))

    for charge in rated.charges:
        assert exact_product(Decimal(charge.working["quantity"]), Decimal(charge.working["unit_price"])) == charge.net_unrounded
        assert charge.quantity.as_tuple().exponent == charge.unit_price.as_tuple().exponent == -10


@given(added=st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=31))
def test_what_the_days_added_sums_to_the_quantity(added: list[int]) -> None:
    usage = [series(*added, deltas=added, unit="", is_range=True)]

    rated = rate(usage, [terms("1", unit="unit", aggregation="sum")], OCTOBER, chain())

    assert sum((charge.quantity for charge in rated.charges), Decimal(0)) == sum(added)
