"""How far a load is, told while it goes on; and which months that were over it changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from billing.models import UsageChange, UsageRecord
from billing.operations import usage_loading
from common.periods import Period
from provisioning.models import Tenant, VendorReport
from provisioning.operations import report_progress
from tests import factories
from tests.billing.reports import GIB, file, reading

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
LATE = datetime(2026, 11, 3, 7, 0, tzinfo=UTC)
THE_LAST = date(2026, 10, 31)
WHAT_OTHERS_SEE = "SELECT stage, rows_read, status, (SELECT count(*) FROM billing_usagerecord) FROM provisioning_vendorreport"


def ready_report(tenant: Tenant, *, at: datetime, period: Period = OCTOBER, **fields: Any) -> VendorReport:
    return VendorReport.objects.create(
        service_manager=tenant.service_manager,
        period_start=period.start,
        period_end=period.end,
        status=VendorReport.Status.READY,
        vendor_id=uuid4(),
        stored_id=uuid4(),
        next_try_at=at,
        created_at=at,
        **fields,
    )


def load(tenant: Tenant, *rows: dict[str, Any], at: datetime = LATE, period: Period = OCTOBER) -> VendorReport:
    report = ready_report(tenant, at=at, period=period)
    loaded = usage_loading.load_report(report_id=report.pk, at=at, file=file(rows))
    assert loaded.status == "loaded", loaded.error
    return loaded


# --- Progress -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_how_far_it_is_can_be_seen_while_nothing_of_the_load_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_progress, "EVERY", 0.0)
    tenant = factories.TenantFactory()
    report = ready_report(tenant, at=LATE, bytes_total=1000)
    seen: list[tuple[Any, ...]] = []
    onlooker = connection.copy()

    def watched() -> Iterator[bytes]:
        for piece in file(reading(tenant, day) for day in OCTOBER):
            yield piece
            with onlooker.cursor() as cursor:
                cursor.execute(
                    "SELECT stage, rows_read, status, (SELECT count(*) FROM billing_usagerecord) FROM provisioning_vendorreport"
                )
                seen.append(cursor.fetchone())

    try:
        report = usage_loading.load_report(report_id=report.pk, at=LATE, file=watched())
    finally:
        onlooker.close()

    assert seen[0] == ("reading", 0, "ready", 0)
    assert seen[-2] == ("reading", 30, "ready", 0)
    assert (report.status, report.stage, report.rows_read, report.rows_loaded) == ("loaded", "", 31, 31)
    assert UsageRecord.objects.count() == 31


@pytest.mark.django_db(transaction=True)
def test_progress_that_cannot_be_told_does_not_stop_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_progress, "EVERY", 0.0)
    monkeypatch.setattr(report_progress, "TELL", "SELECT no_such_function(%(report)s)")
    tenant = factories.TenantFactory()

    assert load(tenant, reading(tenant, THE_LAST)).rows_loaded == 1


@pytest.mark.parametrize(
    ("fields", "percent"),
    [
        ({"status": "wished"}, None),
        ({"status": "ready"}, None),
        ({"status": "ready", "stage": "reading", "bytes_read": 10}, None),
        ({"status": "ready", "stage": "reading", "bytes_read": 10, "bytes_total": 100}, 5),
        ({"status": "ready", "stage": "reading", "bytes_read": 130, "bytes_total": 100}, 50),
        ({"status": "ready", "stage": "checking"}, 50),
        ({"status": "ready", "stage": "adding"}, 70),
        ({"status": "loaded"}, 100),
        ({"status": "failed"}, None),
    ],
)
def test_percent_never_goes_back(fields: dict[str, Any], percent: int | None) -> None:
    assert VendorReport(**fields).percent == percent


# --- Months that were over ----------------------------------------------------------------------------------------------


@pytest.fixture
def tenant(db: None) -> Tenant:
    return factories.TenantFactory()


def marks() -> dict[tuple[int, date], datetime]:
    return {(mark.tenant_id, mark.month): mark.changed_at for mark in UsageChange.objects.all()}


def test_readings_of_a_month_that_is_over_leave_a_mark_and_those_of_the_present_one_do_not(tenant: Tenant) -> None:
    days = Period(date(2026, 9, 30), date(2026, 11, 3))

    load(tenant, *(reading(tenant, day) for day in days), period=days)

    assert marks() == {(tenant.pk, date(2026, 9, 1)): LATE, (tenant.pk, date(2026, 10, 1)): LATE}


@pytest.mark.parametrize(
    ("at", "number"),
    [
        pytest.param(datetime(2026, 10, 31, 23, 59, tzinfo=UTC), 0, id="the last minute of the month"),
        pytest.param(datetime(2026, 11, 1, 0, 0, tzinfo=UTC), 1, id="the first after it"),
    ],
)
def test_a_month_is_over_by_utc(tenant: Tenant, at: datetime, number: int) -> None:
    load(tenant, reading(tenant, THE_LAST), at=at)

    assert UsageChange.objects.count() == number


def test_the_same_readings_again_leave_the_mark_as_it_was_and_a_correction_renews_it(tenant: Tenant) -> None:
    other = factories.TenantFactory(service_manager=tenant.service_manager)
    load(tenant, reading(tenant, THE_LAST, GIB), reading(other, THE_LAST, GIB))

    load(tenant, reading(tenant, THE_LAST, GIB), reading(other, THE_LAST, 2 * GIB), at=LATE + timedelta(days=1))

    month = date(2026, 10, 1)
    assert marks() == {(tenant.pk, month): LATE, (other.pk, month): LATE + timedelta(days=1)}


def test_a_correction_of_trial_usage_alone_changes_no_bill_but_the_reading(tenant: Tenant) -> None:
    load(tenant, reading(tenant, THE_LAST, GIB))

    load(tenant, reading(tenant, THE_LAST, GIB, **{"usage.absolute.trial": 5}), at=LATE + timedelta(days=1))

    assert marks() == {(tenant.pk, date(2026, 10, 1)): LATE}
    assert UsageRecord.objects.get().trial_absolute == 5
    assert UsageRecord.pgh_event_model.objects.get().trial_absolute == 0


def test_an_older_report_that_changes_nothing_leaves_no_mark(tenant: Tenant) -> None:
    older = ready_report(tenant, at=LATE)
    load(tenant, reading(tenant, THE_LAST, GIB), period=Period(THE_LAST, OCTOBER.end))
    UsageChange.objects.all().delete()

    usage_loading.load_report(report_id=older.pk, at=LATE, file=file([reading(tenant, THE_LAST, 9)]))

    assert UsageRecord.objects.get().absolute == GIB
    assert marks() == {}


@pytest.mark.django_db(transaction=True)
def test_a_refused_report_leaves_no_mark() -> None:
    tenant = factories.TenantFactory()
    report = ready_report(tenant, at=LATE)

    report = usage_loading.load_report(report_id=report.pk, at=LATE, file=file([reading(tenant, THE_LAST)] * 2))

    assert report.error == "Lines 2 and 3 of the report are readings of the same item, tenant and day."
    assert marks() == {}
