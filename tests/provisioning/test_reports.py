"""Asking for usage reports, against the sandbox."""

import csv
from datetime import UTC, date, datetime, timedelta

import pytest

from common.periods import Period
from provisioning import vendor
from provisioning.acronis import report_file
from provisioning.models import VendorReport
from provisioning.operations import converging, reports
from tests.provisioning.test_converging import clock, wished

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
OCTOBER = Period.parse_month("2026-10")


@pytest.fixture
def october(acronis):
    """A customer with a month behind it."""
    tenant = wished(acronis)
    converging.converge(tenant.pk, clock=clock)
    acronis.move_clock(MORNING.isoformat())
    return tenant


def ready(acronis, at=MORNING) -> VendorReport:
    report = reports.wish_report(service_manager_id=acronis.service_manager.pk, period=OCTOBER, at=at)
    for _ in range(6):
        report = reports.advance(report_id=report.pk, at=at)
        acronis.move_clock((at := at + timedelta(minutes=2)).isoformat())
        if report.status == VendorReport.Status.READY:
            return report
    raise AssertionError(f"The report is {report.status}: {report.error}")


def test_a_wished_report_is_asked_for_polled_and_read_row_by_row(acronis, october):
    report = ready(acronis)

    rows = [row for row in csv.DictReader(report_file.lines(reports.pieces(report))) if row["tenant.customer_id"] == october.key]

    assert {row["date"] for row in rows} == {day.isoformat() for day in OCTOBER}
    assert {row["tenant.kind"] for row in rows} == {"customer"}


def test_wishing_again_while_one_is_under_way_returns_it(acronis):
    manager = acronis.service_manager.pk

    first = reports.wish_report(service_manager_id=manager, period=OCTOBER, at=MORNING)
    second = reports.wish_report(service_manager_id=manager, period=OCTOBER, at=MORNING + timedelta(minutes=1))

    assert first == second


def test_before_six_the_vendor_has_no_history_and_we_come_back_at_six(acronis, october):
    night = datetime(2026, 11, 2, 2, 30, tzinfo=UTC)
    acronis.move_clock(night.isoformat())
    report = reports.wish_report(
        service_manager_id=acronis.service_manager.pk, period=Period(date(2026, 11, 1), date(2026, 11, 2)), at=night
    )

    report = reports.advance(report_id=report.pk, at=night)

    assert (report.status, report.next_try_at) == (VendorReport.Status.WISHED, night.replace(hour=6, minute=0))
    assert report.attempts == 0


def test_a_vendor_that_is_down_is_asked_again_later_and_in_the_end_given_up(acronis, october):
    acronis.fault(method="POST", path="/reports$", times=999, status=503)
    report = reports.wish_report(service_manager_id=acronis.service_manager.pk, period=OCTOBER, at=MORNING)

    first = reports.advance(report_id=report.pk, at=MORNING)
    assert (first.status, first.next_try_at) == (VendorReport.Status.WISHED, MORNING + reports.BACKOFF[0])
    for _ in range(reports.ATTEMPTS):
        vendor.forget_connections()  # another process, which does not know yet that the vendor is down
        report = reports.advance(report_id=report.pk, at=MORNING)

    assert report.status == VendorReport.Status.FAILED
    assert "503" in report.error


def test_a_question_held_back_while_the_vendor_is_down_is_no_attempt(acronis, october):
    acronis.fault(method="POST", path="/reports$", times=999, status=503)
    report = reports.wish_report(service_manager_id=acronis.service_manager.pk, period=OCTOBER, at=MORNING)

    for _ in range(3 * reports.ATTEMPTS):
        report = reports.advance(report_id=report.pk, at=MORNING)

    assert report.status == VendorReport.Status.WISHED
    assert report.attempts == 5  # then the circuit was open
    assert "was not sent" in report.error


def test_a_period_in_the_future_fails_with_the_vendors_reason(acronis):
    report = reports.wish_report(service_manager_id=acronis.service_manager.pk, period=Period.parse_month("2027-05"), at=MORNING)

    report = reports.advance(report_id=report.pk, at=MORNING)

    assert report.status == VendorReport.Status.FAILED
    assert "400" in report.error


def test_a_report_that_does_not_come_within_an_hour_is_asked_for_anew(acronis, october):
    acronis.fault(method="GET", path="/stored$", times=99, status=200, body='{"items": []}')
    report = reports.wish_report(service_manager_id=acronis.service_manager.pk, period=OCTOBER, at=MORNING)
    report = reports.advance(report_id=report.pk, at=MORNING)

    early = reports.advance(report_id=report.pk, at=MORNING + timedelta(minutes=59))
    late = reports.advance(report_id=report.pk, at=MORNING + timedelta(minutes=61))

    assert (early.status, early.attempts) == (VendorReport.Status.REQUESTED, 0)
    assert (late.status, late.attempts) == (VendorReport.Status.WISHED, 1)
    assert late.error == "Acronis did not finish the report within an hour."


def test_a_service_manager_whose_address_is_none_fails_with_a_sentence(acronis):
    manager = acronis.service_manager
    report = reports.wish_report(service_manager_id=manager.pk, period=OCTOBER, at=MORNING)
    type(manager).objects.filter(pk=manager.pk).update(base_url="no address")

    report = reports.advance(report_id=report.pk, at=MORNING)

    assert report.status == VendorReport.Status.FAILED
    assert "cannot be asked" in report.error


def test_the_size_of_the_file_is_known_before_it_is_read(acronis, october):
    read: list[int] = []
    report = ready(acronis)

    text = b"".join(reports.pieces(report, on_read=read.append))

    assert report.bytes_total == sum(read) > 0
    assert len(text) > sum(read)
