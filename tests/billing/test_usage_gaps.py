"""What a bill made now would leave out."""

from datetime import UTC, date, datetime

import pytest

from billing.queries.usage_gaps import usage_gaps
from common.periods import Period
from provisioning.models import ServiceManager, VendorReport
from tests import factories

pytestmark = pytest.mark.django_db

OCTOBER = Period.parse_month("2026-10")
AFTER = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


def loaded(manager: ServiceManager, first: date, end: date, *, wanted_at: datetime = AFTER, status: str = "loaded") -> None:
    VendorReport.objects.create(
        service_manager=manager, period_start=first, period_end=end, status=status, created_at=wanted_at, next_try_at=wanted_at
    )


def manager_in_use(started_on: date = date(2026, 10, 1)) -> ServiceManager:
    return factories.SubscriptionFactory(started_on=started_on).service.service_manager


def test_a_month_of_which_nothing_was_loaded_is_missing_as_a_whole():
    manager = manager_in_use()

    [gap] = usage_gaps(OCTOBER)

    assert (gap.service_manager, gap.periods) == (manager, [OCTOBER])
    assert str(gap) == f"{manager}: no usage was loaded for 2026-10. What comes later is billed as an adjustment."


def test_days_between_loaded_reports_are_missing():
    manager = manager_in_use()
    loaded(manager, date(2026, 10, 1), date(2026, 10, 10))
    loaded(manager, date(2026, 10, 12), date(2026, 11, 1))

    [gap] = usage_gaps(OCTOBER)

    assert gap.periods == [Period(date(2026, 10, 10), date(2026, 10, 12))]


def test_a_report_wanted_before_its_last_day_was_over_does_not_cover_that_day():
    manager = manager_in_use()
    loaded(manager, OCTOBER.start, OCTOBER.end, wanted_at=datetime(2026, 10, 31, 7, 0, tzinfo=UTC))

    [gap] = usage_gaps(OCTOBER)

    assert gap.periods == [Period(date(2026, 10, 31), date(2026, 11, 1))]


def test_a_report_that_failed_covers_nothing():
    loaded(manager_in_use(), OCTOBER.start, OCTOBER.end, status="failed")

    assert [gap.periods for gap in usage_gaps(OCTOBER)] == [[OCTOBER]]


def test_before_the_first_subscription_and_without_one_nothing_is_missing():
    factories.ServiceManagerFactory()
    manager = manager_in_use(started_on=date(2026, 10, 20))
    loaded(manager, date(2026, 10, 20), date(2026, 11, 1))

    assert usage_gaps(OCTOBER) == []
    assert usage_gaps(Period.parse_month("2026-09")) == []
