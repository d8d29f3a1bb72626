"""Estimates: what tenants use now, as the vendor's `/usages` says it; the real client asks the sandbox."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from billing import tasks
from billing.models import Subscription, UsageEstimate, UsageRecord
from billing.operations import estimates, usage
from billing.operations.estimates import Refresh
from common import clock
from common.errors import DomainError
from common.periods import Period
from provisioning.acronis import report_file
from provisioning.acronis.types import Usage
from provisioning.models import ServiceManager, Tenant, VendorOfferingItem, VendorReport
from provisioning.operations import reports
from tests import factories
from tests.billing.test_usage_from_the_vendor import customer
from tests.conftest import LocalAcronis

NOON = datetime(2026, 10, 20, 12, 0, tzinfo=UTC)


def refreshed(acronis: LocalAcronis, *, at: datetime = NOON) -> Refresh:
    acronis.move_clock(at.isoformat())
    [refresh] = estimates.refresh_estimates(at=at)
    return refresh


def loaded(acronis: LocalAcronis, period: Period, *, at: datetime) -> VendorReport:
    """Collect these days, minute by minute, until the report is loaded."""
    summary = usage.collect_usage(period=period, at=at)
    while not summary.is_complete:
        at += timedelta(minutes=1)
        acronis.move_clock(at.isoformat())
        summary = usage.go_on([report.pk for report in summary.reports], at=at)
    [report] = summary.reports
    assert report.status == "loaded", report.error
    return report


def test_present_usage_is_kept_as_of_the_moment_it_was_asked_for(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")

    refresh = refreshed(acronis)

    kept = UsageEstimate.objects.filter(tenant=tenant)
    assert (refresh.tenants, refresh.error) == (1, "")
    assert {one.as_of for one in kept} == {NOON}
    assert kept.get(item="pg_base_storage").absolute > 0
    assert {one.measurement_unit for one in kept} >= {"bytes", "quantity"}
    acronis.service_manager.refresh_from_db()
    assert (acronis.service_manager.estimates_at, acronis.service_manager.estimates_error) == (NOON, "")


def test_an_estimate_goes_by_the_same_name_and_unit_as_the_daily_reading_of_that_item(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")
    refreshed(acronis)

    report = loaded(acronis, Period(NOON.date(), NOON.date() + timedelta(days=1)), at=NOON + timedelta(hours=20))

    readings = {
        (one.item, one.edition, one.infra_id): (one.measurement_unit, one.is_range, one.absolute)
        for one in UsageRecord.objects.filter(tenant=tenant)
    }
    told = {
        (one.item, one.edition, one.infra_id): (one.measurement_unit, one.is_range, one.absolute)
        for one in UsageEstimate.objects.filter(tenant=tenant)
    }
    assert len(readings) > 3
    assert {key: told[key] for key in readings} == readings
    rows = csv.DictReader(report_file.lines(reports.pieces(report)))
    assert {row["name"] for row in rows if row["tenant.customer_id"] == tenant.key} == {item for item, _, _ in readings}


def test_refreshing_again_keeps_the_newer_answer_only(acronis: LocalAcronis) -> None:
    customer(acronis, "dora")
    refreshed(acronis)
    number = UsageEstimate.objects.count()

    refreshed(acronis, at=NOON + timedelta(days=1))

    assert UsageEstimate.objects.count() == number
    assert set(UsageEstimate.objects.values_list("as_of", flat=True)) == {NOON + timedelta(days=1)}


def test_an_answer_that_comes_late_does_not_put_back_a_newer_one(acronis: LocalAcronis) -> None:
    customer(acronis, "dora")
    refreshed(acronis, at=NOON + timedelta(days=1))

    estimates.refresh_estimates(at=NOON)

    assert set(UsageEstimate.objects.values_list("as_of", flat=True)) == {NOON + timedelta(days=1)}


def test_what_the_vendor_lists_no_more_goes(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")
    UsageEstimate.objects.create(
        tenant=tenant, item="pg_gone", is_range=False, measurement_unit="bytes", absolute=1, as_of=NOON - timedelta(days=1)
    )

    refreshed(acronis)

    assert not UsageEstimate.objects.filter(item="pg_gone").exists()


def test_who_is_not_served_any_more_has_no_estimate(acronis: LocalAcronis) -> None:
    customer(acronis, "dora")
    refreshed(acronis)
    Subscription.objects.update(status=Subscription.Status.ENDED, ended_on=NOON.date())

    refresh = refreshed(acronis, at=NOON + timedelta(hours=6))

    assert refresh.tenants == 0
    assert not UsageEstimate.objects.exists()


def test_a_tenant_that_is_gone_at_the_vendor_does_not_keep_the_others_from_being_read(acronis: LocalAcronis) -> None:
    kept, gone = customer(acronis, "dora"), customer(acronis, "paula")
    Tenant.objects.filter(pk=gone.pk).update(vendor_id=uuid4())

    refresh = refreshed(acronis)

    assert (refresh.tenants, refresh.error) == (1, "")
    assert set(UsageEstimate.objects.values_list("tenant", flat=True)) == {kept.pk}


def test_a_service_manager_that_is_down_says_so_and_does_not_stop_the_others(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")
    broken = factories.ServiceManagerFactory(base_url="not an address")
    factories.SubscriptionFactory(service__tenant__service_manager=broken)
    ServiceManager.objects.filter(pk=acronis.service_manager.pk).update(name="Zuletzt")

    results = {refresh.service_manager.pk: refresh for refresh in estimates.refresh_estimates(at=NOON)}

    broken.refresh_from_db()
    assert "cannot be asked" in broken.estimates_error
    assert broken.estimates_wished_at is None
    assert results[acronis.service_manager.pk].tenants == 1
    assert UsageEstimate.objects.filter(tenant=tenant).exists()


def test_a_vendor_that_fails_leaves_what_was_known_with_its_older_moment(acronis: LocalAcronis) -> None:
    customer(acronis, "dora")
    refreshed(acronis)
    acronis.fault(method="GET", path="/tenants/usages", times=99, status=503)

    refresh = refreshed(acronis, at=NOON + timedelta(hours=6))

    acronis.service_manager.refresh_from_db()
    assert "503" in refresh.error
    assert acronis.service_manager.estimates_error == refresh.error
    assert acronis.service_manager.estimates_at == NOON
    assert set(UsageEstimate.objects.values_list("as_of", flat=True)) == {NOON}


def test_an_item_told_by_the_name_of_its_usage_is_called_by_its_offering_item_and_counts_once(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")
    item = VendorOfferingItem.objects.filter(usage_name="storage", edition="pck_per_gigabyte").first()
    assert item is not None
    answer = estimates.TenantUsages(str(tenant.vendor_id), (said("storage", 7), said(item.name, 7), said("vm_storage", 3)))

    estimates._keep(acronis.service_manager, {str(tenant.vendor_id): tenant.pk}, [answer], at=NOON)

    assert dict(UsageEstimate.objects.values_list("item", "absolute")) == {item.name: Decimal(7), "vm_storage": Decimal(3)}


def said(name: str, amount: int) -> Usage:
    return Usage.from_json(
        {
            "application_id": "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
            "name": name,
            "edition": "pck_per_gigabyte",
            "usage_name": name,
            "type": "infra",
            "measurement_unit": "bytes",
            "value": amount,
        }
    )


@pytest.mark.parametrize(
    ("usage_name", "offering_item", "expected"),
    [
        pytest.param("compute_points", {"status": 1}, (True, 5, True), id="used up: since the first of the month"),
        pytest.param("storage", {"status": 1}, (False, 900, True), id="a level: the level"),
        pytest.param("storage", {"status": 0}, (False, 900, False), id="switched off"),
        pytest.param("vm_storage", None, (False, 900, True), id="of no offering item"),
    ],
)
def test_a_usage_says_what_a_daily_report_would(usage_name: str, offering_item: Any, expected: tuple[bool, int, bool]) -> None:
    told = Usage.from_json(
        {
            "application_id": "a",
            "name": usage_name,
            "usage_name": usage_name,
            "type": "count",
            "measurement_unit": "bytes",
            "value": 5,
            "absolute_value": 900,
            "offering_item": offering_item,
        }
    )

    assert (told.is_range, told.present, told.is_on) == expected


def test_asking_twice_rings_once_and_a_lost_worker_is_asked_again(
    acronis: LocalAcronis, django_capture_on_commit_callbacks: Any
) -> None:
    rung = []
    for minutes in (0, 1, 20):
        with django_capture_on_commit_callbacks() as callbacks:
            estimates.ask_refresh(at=NOON + timedelta(minutes=minutes))
        rung.append(len(callbacks))

    assert rung == [1, 0, 1]


def test_without_a_connection_asking_says_so(db: None) -> None:
    with pytest.raises(DomainError, match="No service manager is connected"):
        estimates.ask_refresh(at=NOON)


def test_the_task_refreshes_and_ignores_what_it_does_not_know(acronis: LocalAcronis, monkeypatch: pytest.MonkeyPatch) -> None:
    customer(acronis, "dora")
    monkeypatch.setattr(clock, "now", lambda: NOON)

    tasks.refresh_estimates(of_a_later_version=True)

    assert set(UsageEstimate.objects.values_list("as_of", flat=True)) == {NOON}
