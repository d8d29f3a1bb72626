"""What a month will come to: levels stay, what is used up goes on at its pace, and newer estimates count as one more day."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing import expecting
from billing.expecting import ItemKey, Known, Present
from billing.measuring import Aggregation, Measured, Reading, measured_of, total
from common.periods import Period

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))


def levels(*amounts: int, is_range: bool = False) -> Measured:
    """The level of each of the first days of October; of what is used up, what each added."""
    readings = [
        Reading(date(2026, 10, day), Decimal(amount), Decimal(amount), 7, day) for day, amount in enumerate(amounts, start=1)
    ]
    return measured_of(readings, item="storage", edition="", is_range=is_range)


def known(until: date | None, estimated_on: date | None = None, **estimates: Present) -> Known:
    return Known(until, estimated_on, {ItemKey(name, "", ""): one for name, one in estimates.items()})


def test_a_level_stays_and_its_average_goes_on_at_it() -> None:
    [found] = expecting.forecast([levels(10, 20)], OCTOBER, known(date(2026, 10, 2)))

    assert total([found], Aggregation.LAST, 31) == 20
    assert total([found], Aggregation.MAX, 31) == 20
    assert total([found], Aggregation.AVERAGE, 31) == Decimal(10 + 30 * 20) / 31


def test_what_is_used_up_goes_on_at_the_pace_so_far() -> None:
    [found] = expecting.forecast([levels(3, 0, 0, 3, is_range=True)], OCTOBER, known(date(2026, 10, 4)))

    assert found.added == Decimal(6) * 31 / 4


def test_a_newer_estimate_is_one_more_day() -> None:
    knows = known(date(2026, 10, 2), date(2026, 10, 3), storage=Present("bytes", False, Decimal(50)))

    [found] = expecting.so_far([levels(10, 20)], OCTOBER, knows)

    assert (found.last, found.highest, found.levels) == (50, 50, 80)
    assert knows.until == date(2026, 10, 3)


def test_an_estimate_that_is_no_newer_or_of_other_days_changes_nothing() -> None:
    present = Present("bytes", False, Decimal(50))
    measured = [levels(10, 20)]

    assert expecting.so_far(measured, OCTOBER, known(date(2026, 10, 2), date(2026, 10, 2), storage=present)) == measured
    assert expecting.so_far(measured, OCTOBER, known(date(2026, 10, 2), date(2026, 11, 2), storage=present)) == measured
    assert expecting.so_far(measured, OCTOBER, known(date(2026, 10, 2))) == measured


def test_what_is_used_up_is_never_estimated_below_its_readings() -> None:
    for amount, expected in ((4, 6), (9, 9)):
        knows = known(date(2026, 10, 2), date(2026, 10, 3), storage=Present("seconds", True, Decimal(amount)))

        [found] = expecting.so_far([levels(3, 3, is_range=True)], OCTOBER, knows)

        assert found.added == expected


def test_what_only_an_estimate_knows_is_counted_and_nothing_used_is_not() -> None:
    knows = known(
        None,
        date(2026, 10, 1),
        servers=Present("", False, Decimal(2)),
        points=Present("seconds", True, Decimal(7200)),
        idle=Present("", False, Decimal(0)),
    )

    found = {one.item: one for one in expecting.so_far([], OCTOBER, knows)}

    assert set(found) == {"servers", "points"}
    assert total([found["servers"]], Aggregation.LAST, 31) == 2
    assert total([found["points"]], Aggregation.SUM, 31) == 7200


def test_several_storages_keep_adding_up_by_day_with_an_estimate() -> None:
    second = levels(1, 2)._replace(storage="b")
    estimates = {ItemKey("storage", "", name): Present("bytes", False, Decimal(amount)) for name, amount in (("", 50), ("b", 5))}

    found = expecting.so_far([levels(10, 20), second], OCTOBER, Known(date(2026, 10, 2), date(2026, 10, 3), estimates))

    assert total(found, Aggregation.LAST, 31) == 55


def test_before_anything_is_known_nothing_is_made_up() -> None:
    assert expecting.forecast([], OCTOBER, known(None)) == []
    assert expecting.forecast([levels(10)], OCTOBER, known(None)) == [levels(10)]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=31))
def test_a_forecast_is_never_below_what_there_is_and_at_the_months_end_it_is_that(amounts: list[int]) -> None:
    until = date(2026, 10, len(amounts))

    for is_range in (False, True):
        measured = levels(*amounts, is_range=is_range)
        [found] = expecting.forecast([measured], OCTOBER, known(until))

        assert found.added >= measured.added
        assert found.levels >= measured.levels
        assert (found.last, found.highest) == (measured.last, measured.highest)
        if len(amounts) == OCTOBER.days:
            assert found == measured
