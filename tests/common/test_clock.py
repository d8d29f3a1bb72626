"""The clock of a demonstration."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from common import clock

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@time_machine.travel(NOON, tick=False)
def test_without_a_file_the_clock_is_the_real_one(settings):
    settings.CLOCK_FILE = ""

    assert clock.now() == NOON
    with pytest.raises(RuntimeError, match="CLOCK_FILE is not set"):
        clock.move_to(NOON)


@time_machine.travel(NOON, tick=False)
def test_a_moved_clock_goes_on_from_where_it_was_set(settings, tmp_path):
    settings.CLOCK_FILE = str(tmp_path / "state" / "clock")
    assert clock.now() == NOON

    clock.move_to(datetime(2026, 10, 1, 8, 0, tzinfo=UTC))

    assert clock.now() == datetime(2026, 10, 1, 8, 0, tzinfo=UTC)
    with time_machine.travel(NOON + timedelta(minutes=5), tick=False):
        assert clock.now() == datetime(2026, 10, 1, 8, 5, tzinfo=UTC)


@time_machine.travel(datetime(2026, 10, 31, 23, 30, tzinfo=UTC), tick=False)
def test_today_depends_on_where_days_begin(settings):
    settings.CLOCK_FILE = ""

    assert clock.today("UTC") == date(2026, 10, 31)
    assert clock.today("Europe/Berlin") == date(2026, 11, 1)
