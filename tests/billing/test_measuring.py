"""Measuring: the database puts readings together as the plain functions say, and a line tells them afterwards."""

from datetime import date
from decimal import Decimal

import pytest

from billing.measuring import Aggregation, Reading, levels_by_day, measured_of, readings_of, told, total
from billing.models import UsageRecord
from billing.queries.measuring import MeteredDays, measured
from common.periods import Period
from tests.billing.making import EDITION, GIB, OCTOBER, STORAGE, report, subscribe
from tests.conftest import Personas

LEVELS = {1: (100, 100), 2: (500, 400), 3: (300, -200)}


def write(subscription, storage: str, levels: dict[int, tuple[int, int]]) -> list[Reading]:
    """Write readings of October and return them as plain values."""
    source = report(subscription)
    UsageRecord.objects.bulk_create(
        UsageRecord(
            tenant=subscription.service.tenant,
            item=STORAGE,
            edition=EDITION,
            infra_id=storage,
            day=date(2026, 10, day),
            is_range=False,
            measurement_unit="bytes",
            absolute=level,
            delta=delta,
            report=source,
            report_line=day + 1,
        )
        for day, (level, delta) in levels.items()
    )
    return [
        Reading(date(2026, 10, day), Decimal(level), Decimal(delta), source.pk, day + 1) for day, (level, delta) in levels.items()
    ]


@pytest.mark.django_db
def test_the_database_puts_readings_together_as_the_plain_function_does(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    plain = [
        measured_of(write(subscription, storage, levels), item=STORAGE, edition=EDITION, storage=storage)
        for storage, levels in {"one": LEVELS, "two": {2: (7, 7), 31: (9, 2)}}.items()
    ]

    found = measured([MeteredDays(5, subscription.service.tenant_id, OCTOBER)])

    assert sorted(found) == [5]
    for ours, theirs in zip(sorted(found[5]), plain, strict=True):
        assert ours[:-1] == theirs[:-1]
        assert readings_of(told([ours]), "last") == readings_of(told([theirs]), "last")


@pytest.mark.django_db
def test_only_the_days_asked_for_are_measured(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    write(subscription, "", LEVELS)

    found = measured([MeteredDays(0, subscription.service.tenant_id, Period(date(2026, 10, 2), date(2026, 10, 3)))])

    assert [(one.last, one.levels, one.added) for one in found[0]] == [(500, 500, 400)]


def test_storages_are_added_up_day_by_day_before_anything_else() -> None:
    moved = [
        measured_of([Reading(date(2026, 10, 1), Decimal(5 * GIB), Decimal(0), 1, 2)], item=STORAGE, edition="", storage="old"),
        measured_of([Reading(date(2026, 10, 2), Decimal(5 * GIB), Decimal(0), 1, 3)], item=STORAGE, edition="", storage="new"),
    ]

    assert total(moved, Aggregation.MAX, 31) == 5 * GIB  # moved, not doubled
    assert list(levels_by_day(moved).values()) == [5 * GIB, 5 * GIB]


def test_a_line_tells_what_its_aggregation_looked_at() -> None:
    readings = [Reading(date(2026, 10, day), Decimal(level), Decimal(delta), 9, day) for day, (level, delta) in LEVELS.items()]
    text = told([measured_of(readings, item=STORAGE, edition="", storage='a "storage"')])

    assert [row[1] for row in readings_of(text, "last")] == [100, 500, 300]
    assert [row[1] for row in readings_of(text, "sum")] == [100, 400, -200]
    assert readings_of(text, "last")[0] == ["2026-10-01", 100, 9, 1, 'a "storage"']
