"""Periods and months."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.periods import MalformedPeriod, Period, add_months, joined

days = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1))


@given(days)
def test_a_month_holds_its_days_and_no_other(day):
    month = Period.month_of(day)

    assert day in month
    assert month.end not in month
    assert list(month)[-1] == month.last_day
    assert len(list(month)) == month.days


@given(days, st.integers(min_value=1, max_value=60))
def test_months_tile_time_without_gap_or_overlap(day, count):
    months = [Period.month_of(add_months(day.replace(day=1), n)) for n in range(count)]

    assert all(one.end == next_one.start for one, next_one in pairwise(months))
    assert sum(month.days for month in months) == (months[-1].end - months[0].start).days


@pytest.mark.parametrize(
    ("anchor", "months", "there"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 2, date(2026, 3, 31)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
    ],
)
def test_months_are_counted_from_the_anchor(anchor, months, there):
    assert add_months(anchor, months) == there


@given(days, days, days, days)
def test_what_two_periods_share_lies_in_both(a, b, c, d):
    if a == b or c == d:
        return
    one, other = Period(min(a, b), max(a, b)), Period(min(c, d), max(c, d))

    shared = one.intersect(other)

    assert set(shared or ()) == set(one) & set(other) if max(one.days, other.days) < 400 else True
    assert shared == other.intersect(one)


def test_a_period_that_does_not_end_after_its_start_is_refused():
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(date(2026, 1, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    "text",
    ["2026-13", "2026-1", "26-01", "", "October", "2026-10-01", "0000-01", "0001-01", "9999-12", "２０２６-10"],
)
def test_what_is_no_month_is_refused_with_an_example(text):
    with pytest.raises(MalformedPeriod, match="write it as YYYY-MM"):
        Period.parse_month(text)


def test_periods_are_written_as_people_read_them():
    assert str(Period.parse_month("2026-10")) == "2026-10"
    assert str(Period(date(2026, 10, 5), date(2026, 10, 8))) == "2026-10-05 to 2026-10-07"


def test_days_that_follow_each_other_are_joined():
    first = date(2026, 10, 30)

    assert joined([]) == []
    assert joined([first, date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 5)]) == [
        Period(first, date(2026, 11, 2)),
        Period(date(2026, 11, 5), date(2026, 11, 6)),
    ]


def test_one_day_is_written_as_one_day():
    assert str(Period(date(2026, 10, 31), date(2026, 11, 1))) == "2026-10-31"
