"""Charts: whole numbers that a template draws."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing import charts
from common.periods import Period

WEEK = Period(date(2026, 10, 1), date(2026, 10, 8))
AMOUNTS = st.decimals(min_value="0.0001", max_value="1e12", allow_nan=False, allow_infinity=False)


def test_each_day_has_its_place_and_a_day_without_reading_stays_empty() -> None:
    chart = charts.bar_chart({date(2026, 10, 1): Decimal(50), date(2026, 10, 7): Decimal(100)}, WEEK)

    assert chart is not None
    assert [(bar.day.day, bar.height, bar.y) for bar in chart.bars] == [(1, 60, 60), (7, 120, 0)]
    assert chart.bars[1].x == 6 * chart.bars[0].width + 6 * charts.GAP
    assert chart.bars[1].x + chart.bars[1].width == chart.width
    assert chart.top == 100


def test_a_little_is_drawn_and_less_than_nothing_is_not() -> None:
    chart = charts.bar_chart(
        {date(2026, 10, 1): Decimal("0.001"), date(2026, 10, 2): Decimal(-5), WEEK.last_day: Decimal(90)}, WEEK
    )

    assert chart is not None
    assert [bar.height for bar in chart.bars] == [1, 0, 108]


def test_without_anything_used_there_is_no_chart() -> None:
    assert charts.bar_chart({}, WEEK) is None
    assert charts.bar_chart({WEEK.start: Decimal(0)}, WEEK) is None


def test_a_gauge_reaches_from_nothing_to_a_round_number() -> None:
    gauge = charts.gauge(Decimal(61), Decimal(122), Decimal(75))

    assert (gauge.top, gauge.filled, gauge.expected, gauge.mark, gauge.is_over) == (150, "40.67", "81.33", "50.00", False)
    assert charts.gauge(Decimal(61), Decimal(140), None).top == 200
    assert charts.gauge(Decimal(0), Decimal(0), None) == charts.Gauge(Decimal(1), "0.00", "0.00", "", False)
    assert charts.gauge(Decimal(-4), Decimal(-4), Decimal(0)).filled == "0.00"


def test_beyond_a_quota_the_gauge_goes_on_and_marks_the_quota() -> None:
    within, beyond = charts.quota_gauge(Decimal(25), Decimal(50)), charts.quota_gauge(Decimal(60), Decimal(50))

    assert (within.top, within.filled, within.mark, within.is_over) == (50, "50.00", "", False)
    assert (beyond.top, beyond.filled, beyond.mark, beyond.is_over) == (60, "100.00", "83.33", True)


@given(AMOUNTS)
def test_the_round_number_is_never_below_and_at_most_half_as_much_again(highest: Decimal) -> None:
    top = charts.round_top(highest)

    assert highest <= top <= highest * Decimal("1.5")
