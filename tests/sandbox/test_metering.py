"""The figures themselves: the short ways to a single figure agree with the days laid out."""

from datetime import date, timedelta

import pytest

from sandbox import metering
from sandbox.definitions import RANGE_USAGES

BORN = date(2026, 8, 20)


@pytest.mark.parametrize("usage_name", sorted(metering.HABITS))
@pytest.mark.parametrize("last", [None, date(2026, 10, 12)], ids=["alive", "ended"])
def test_single_figures_agree_with_the_days_laid_out(usage_name: str, last: date | None) -> None:
    seed = next(seed for seed in map(str, range(1000)) if metering.meter(seed, usage_name) is not None)
    life = metering.Life(seed=seed, born=BORN, first=BORN + timedelta(days=3), last=last, production_from=None)
    days = [life.first + timedelta(days=number) for number in range(-2, 70)]

    for day in days:
        laid_out = metering.series(life, usage_name, day, day)
        before = metering.series(life, usage_name, life.first, day)
        total = sum(before.delta) if usage_name in RANGE_USAGES else sum(laid_out.absolute)
        assert metering.level_on(life, usage_name, day) == sum(laid_out.absolute), day
        assert metering.total_until(life, usage_name, day) == total, day


def test_customer_who_does_not_use_a_thing_has_none_of_it() -> None:
    seed = next(seed for seed in map(str, range(1000)) if metering.meter(seed, "dr_storage") is None)
    life = metering.Life(seed=seed, born=BORN, first=BORN, last=None, production_from=None)

    assert metering.level_on(life, "dr_storage", date(2026, 10, 1)) == 0
    assert metering.series(life, "dr_storage", BORN, date(2026, 10, 1)).absolute == []
