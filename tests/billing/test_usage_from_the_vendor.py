"""Usage all the way: the real client asks the sandbox for a month's report, and its lines become readings."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.models import UnmappedUsage, UsageRecord
from billing.operations import usage
from billing.operations.usage import CollectSummary
from common.periods import Period
from provisioning.acronis import report_file
from provisioning.models import FileSyncModel, ProtectionModel, Tenant, VendorReport
from provisioning.operations import converging, reports, wishes
from tests import factories
from tests.conftest import LocalAcronis

OCTOBER = Period.parse_month("2026-10")
MORNING = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


def customer(acronis: LocalAcronis, login: str, **organization: object) -> Tenant:
    """Return the tenant of a subscribed customer, made at the vendor on 1 October."""
    wish = wishes.ServiceWish(ProtectionModel.PER_GIGABYTE, FileSyncModel.PER_USER, login=login, email=f"{login}@example.com")
    service = wishes.wish_service(
        consumer=factories.OrganizationFactory(**organization), service_manager=acronis.service_manager, wish=wish, at=factories.AT
    )
    tenants = [tenant for tenant in (service.tenant.parent, service.tenant) if tenant is not None]
    for tenant in tenants:
        converging.converge(tenant.pk, clock=lambda: factories.AT + timedelta(minutes=1))
    factories.SubscriptionFactory(service=service)
    return Tenant.objects.get(pk=service.tenant_id)


def collected(acronis: LocalAcronis, *, start: datetime = MORNING) -> CollectSummary:
    """Collect October on the morning after, minute by minute, until nothing is left to do."""
    acronis.move_clock(start.isoformat())
    summary = usage.collect_usage(period=OCTOBER, at=start)
    for minute in range(1, 40):
        if summary.is_complete:
            break
        at = start + timedelta(minutes=minute)
        acronis.move_clock(at.isoformat())
        summary = usage.go_on([report.pk for report in summary.reports], at=at)
    return summary


def test_the_readings_are_the_lines_of_the_vendors_report(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "dora")

    [report] = collected(acronis).reports

    assert (report.status, report.error) == ("loaded", "")
    lines = [row for row in csv.DictReader(report_file.lines(reports.pieces(report))) if row["tenant.customer_id"] == tenant.key]
    kept = UsageRecord.objects.filter(tenant=tenant)
    assert len(lines) == kept.count() > 31
    assert {
        (row["name"], row["edition"], row["infra.id"], row["date"], Decimal(row["usage.absolute.production"])) for row in lines
    } == {(one.item, one.edition, one.infra_id, one.day.isoformat(), one.absolute) for one in kept}
    assert {one.item for one in kept if one.is_range} >= {"notarizations"}
    assert not UnmappedUsage.objects.exists()


def test_a_resellers_own_lines_are_sums_and_count_for_nobody(acronis: LocalAcronis) -> None:
    tenant = customer(acronis, "carol", parent=factories.ResellerFactory())

    [report] = collected(acronis).reports

    kinds = {row["tenant.kind"] for row in csv.DictReader(report_file.lines(reports.pieces(report)))}
    assert kinds == {"partner", "customer"}
    assert set(UsageRecord.objects.values_list("tenant", flat=True)) == {tenant.pk}
    assert report.rows_loaded == UsageRecord.objects.count()


def test_collecting_a_month_again_adds_nothing(acronis: LocalAcronis) -> None:
    customer(acronis, "dora")
    collected(acronis)
    before = list(UsageRecord.objects.order_by("pk").values())

    summary = collected(acronis, start=MORNING + timedelta(days=1))

    assert summary.rows_loaded == len(before)
    assert list(UsageRecord.objects.order_by("pk").values()) == before
    assert VendorReport.objects.count() == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 503}, id="down"),
        pytest.param({"status": 429, "headers": {"Retry-After": "90"}}, id="too many"),
        pytest.param({"reset": True}, id="cut"),
        pytest.param({"status": 200, "body": "<html>maintenance</html>"}, id="a page in its place"),
    ],
)
def test_a_vendor_that_stumbles_over_the_file_is_asked_again_or_the_reason_is_kept(
    acronis: LocalAcronis, fault: dict[str, object]
) -> None:
    customer(acronis, "dora")
    acronis.fault(method="GET", path="/stored/", times=3, **fault)

    for day in range(4):
        [report] = collected(acronis, start=MORNING + timedelta(days=day)).reports
        if report.status == VendorReport.Status.LOADED:
            break
        assert report.error
        assert not UsageRecord.objects.exists()

    assert report.status == VendorReport.Status.LOADED
    assert UsageRecord.objects.exists()
