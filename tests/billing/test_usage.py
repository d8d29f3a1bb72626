"""Usage reports: collected, loaded whole or not at all, corrected without forgetting."""

import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import UnmappedUsage, UsageChange, UsageRecord
from billing.operations import usage, usage_loading, usage_sql
from common.errors import DomainError
from common.periods import Period
from provisioning.acronis import report_file
from provisioning.locks import REPORT
from provisioning.models import Tenant, VendorOfferingItem, VendorReport
from provisioning.operations import reports
from tests import factories
from tests.billing.reports import COLUMNS, GIB, PLATFORM, file, reading

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DAY = date(2026, 10, 3)
AT = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return factories.TenantFactory()


def ready_report(tenant: Tenant, *, period: Period = OCTOBER, at: datetime = AT) -> VendorReport:
    return VendorReport.objects.create(
        service_manager=tenant.service_manager,
        period_start=period.start,
        period_end=period.end,
        status=VendorReport.Status.READY,
        vendor_id=uuid4(),
        stored_id=uuid4(),
        next_try_at=at,
        created_at=at,
    )


def load(tenant: Tenant, *rows: dict[str, Any], **options: Any) -> VendorReport:
    """Load a new report of these lines."""
    return usage_loading.load_report(report_id=ready_report(tenant).pk, at=AT, file=file(rows, **options))


# --- What is loaded -----------------------------------------------------------------------------------------------------


def test_a_line_becomes_a_reading_that_says_where_it_came_from(tenant: Tenant) -> None:
    storage = str(uuid4())
    row = reading(tenant, DAY, 17 * GIB, **{"infra.id": storage, "usage.delta.production": -5, "usage.absolute.trial": 3})

    report = load(tenant, reading(tenant, date(2026, 10, 2)), row)

    record = UsageRecord.objects.get(day=DAY)
    assert (report.status, report.rows_loaded, report.loaded_at) == ("loaded", 2, AT)
    assert (record.tenant, record.item, record.edition, record.infra_id) == (tenant, "pg_base_storage", "pck_per_gigabyte", storage)
    assert (record.absolute, record.delta, record.trial_absolute, record.trial_delta) == (17 * GIB, -5, 3, 0)
    assert (record.measurement_unit, record.is_range, record.report, record.report_line) == ("bytes", False, report, 3)


def test_an_empty_unit_is_a_count_and_true_is_a_range(tenant: Tenant) -> None:
    load(tenant, reading(tenant, DAY, 4, name="notarizations", edition="", measurement_unit="", is_range="True"))

    record = UsageRecord.objects.get()
    assert (record.measurement_unit, record.is_range, record.edition) == ("quantity", True, "")


def test_a_tenant_whose_id_is_not_known_yet_is_found_by_its_key(tenant: Tenant) -> None:
    row = reading(tenant, DAY, **{"tenant.id": str(uuid4())})
    Tenant.objects.update(vendor_id=None)

    load(tenant, row)

    assert UsageRecord.objects.get().tenant == tenant


def test_a_second_tenant_with_our_key_is_not_ours(tenant: Tenant) -> None:
    load(tenant, reading(tenant, DAY), reading(tenant, DAY, **{"tenant.id": str(uuid4())}))

    assert UsageRecord.objects.count() == UnmappedUsage.objects.count() == 1


def test_a_tenant_of_another_service_manager_is_not_found(tenant: Tenant) -> None:
    elsewhere = factories.TenantFactory()

    load(tenant, reading(elsewhere, DAY))

    assert not UsageRecord.objects.exists()
    assert UnmappedUsage.objects.get().service_manager == tenant.service_manager


def test_a_line_of_a_tenant_that_is_not_ours_is_kept_apart(tenant: Tenant) -> None:
    report = load(tenant, reading(None, DAY, 5 * GIB))

    kept = UnmappedUsage.objects.get()
    assert (kept.tenant_name, kept.item, kept.absolute, kept.report, kept.report_line) == (
        "Somebody else, Inc.",
        "pg_base_storage",
        5 * GIB,
        report,
        2,
    )
    assert report.rows_loaded == 1


def test_the_lines_of_a_tenant_that_has_become_ours_move_over(tenant: Tenant) -> None:
    row = reading(tenant, DAY)
    Tenant.objects.update(vendor_id=uuid4())
    load(tenant, row)
    Tenant.objects.update(vendor_id=row["tenant.id"])

    load(tenant, row)

    assert UsageRecord.objects.count() == 1
    assert not UnmappedUsage.objects.exists()


def test_sums_of_partners_and_counts_of_the_portal_are_not_consumption(tenant: Tenant) -> None:
    sums = [reading(tenant, DAY, **{"tenant.kind": kind}) for kind in ("partner", "folder", "root", "unit")]
    count = reading(tenant, DAY, 1, name="euc_count", edition="", **{"application.id": PLATFORM})

    report = load(tenant, *sums, count)

    assert report.status == "loaded"
    assert report.rows_loaded == UsageRecord.objects.count() == UnmappedUsage.objects.count() == 0


def test_an_item_by_the_name_of_its_usage_becomes_its_offering_item(tenant: Tenant) -> None:
    VendorOfferingItem.objects.create(
        service_manager=tenant.service_manager,
        application_id=uuid4(),
        application_type="backup",
        name="pg_base_storage",
        usage_name="storage",
        edition="pck_per_gigabyte",
        item_type="infra",
        measurement_unit="bytes",
    )

    load(tenant, reading(tenant, DAY, name="storage"), reading(tenant, DAY, name="vm_storage"))

    assert set(UsageRecord.objects.values_list("item", flat=True)) == {"pg_base_storage", "vm_storage"}


def test_columns_may_come_in_any_order_with_more_of_them_and_without_an_edition(tenant: Tenant) -> None:
    columns = [*reversed([column for column in COLUMNS if column not in ("edition", "tenant.name")]), "sku", "a new one"]

    report = load(tenant, reading(tenant, DAY, 7), columns=columns)

    assert report.status == "loaded"
    assert (UsageRecord.objects.get().absolute, UsageRecord.objects.get().edition) == (7, "")


def test_names_with_commas_quotes_and_line_breaks_are_one_cell(tenant: Tenant) -> None:
    load(tenant, reading(None, DAY, **{"tenant.name": 'Ships, "Sails"\n& Sons'}))

    assert UnmappedUsage.objects.get().tenant_name == 'Ships, "Sails"\n& Sons'


def test_a_report_without_lines_is_loaded(tenant: Tenant) -> None:
    report = load(tenant)

    assert (report.status, report.rows_loaded) == ("loaded", 0)


# --- Again, later, corrected --------------------------------------------------------------------------------------------


def test_the_same_readings_again_change_nothing(tenant: Tenant) -> None:
    rows = [reading(tenant, day) for day in OCTOBER]
    first = load(tenant, *rows)
    before = list(UsageRecord.objects.order_by("pk").values())

    second = load(tenant, *reversed(rows))

    assert list(UsageRecord.objects.order_by("pk").values()) == before
    assert {record["report_id"] for record in before} == {first.pk}
    assert second.status == "loaded"
    assert not UsageRecord.pgh_event_model.objects.exists()


def test_a_correction_replaces_the_reading_and_keeps_the_one_before(tenant: Tenant) -> None:
    first = load(tenant, reading(tenant, DAY, 10), reading(tenant, date(2026, 10, 4), 11))

    second = load(tenant, reading(tenant, DAY, 12), reading(tenant, date(2026, 10, 4), 11))

    assert UsageRecord.objects.get(day=DAY).absolute == 12
    assert UsageRecord.objects.get(day=DAY).report == second
    replaced = UsageRecord.pgh_event_model.objects.get()
    assert (replaced.absolute, replaced.report_id, replaced.day) == (10, first.pk, DAY)


def test_a_report_of_days_known_and_new_adds_the_new_corrects_what_differs_and_leaves_the_rest(tenant: Tenant) -> None:
    other = factories.TenantFactory(service_manager=tenant.service_manager)
    days = [date(2026, 10, day) for day in (2, 3, 4)]
    first = load(tenant, *(reading(tenant, day, 10) for day in days))

    second = load(tenant, *(reading(tenant, day, 12 if day == DAY else 10) for day in days), *(reading(other, day) for day in days))

    by = UsageRecord.objects.order_by("day").values_list("tenant", "report")
    assert [report for who, report in by if who == tenant.pk] == [first.pk, second.pk, first.pk]
    assert [report for who, report in by if who == other.pk] == [second.pk] * 3
    assert second.rows_loaded == 6
    assert UsageRecord.pgh_event_model.objects.get().absolute == 10


def test_only_months_that_were_over_leave_a_mark_for_billing_whether_readings_are_new_or_corrected(tenant: Tenant) -> None:
    in_october, reported = AT - timedelta(days=15), [reading(tenant, DAY, 10)]
    usage_loading.load_report(report_id=ready_report(tenant, at=in_october).pk, at=in_october, file=file(reported))
    assert not UsageChange.objects.exists()

    other = factories.TenantFactory(service_manager=tenant.service_manager)
    load(tenant, reading(other, DAY), reading(other, date(2026, 10, 4)))
    assert [(change.tenant, change.month) for change in UsageChange.objects.all()] == [(other, OCTOBER.start)]

    load(tenant, reading(tenant, DAY, 11))
    assert {change.tenant for change in UsageChange.objects.all()} == {tenant, other}


def test_a_new_reading_twice_beside_one_we_know_fails_the_report(tenant: Tenant) -> None:
    load(tenant, reading(tenant, DAY, 1))
    new = date(2026, 10, 4)

    report = load(tenant, reading(tenant, DAY, 1), reading(tenant, new, 2), reading(tenant, new, 3))

    assert report.error == "Lines 3 and 4 of the report are readings of the same item, tenant and day."
    assert UsageRecord.objects.count() == 1


def test_an_older_report_that_comes_late_does_not_undo_a_correction(tenant: Tenant) -> None:
    older, newer = ready_report(tenant), ready_report(tenant, period=Period(DAY, DAY + timedelta(days=1)))
    usage_loading.load_report(report_id=newer.pk, at=AT, file=file([reading(tenant, DAY, 12)]))

    usage_loading.load_report(report_id=older.pk, at=AT, file=file([reading(tenant, DAY, 10)]))

    assert UsageRecord.objects.get().absolute == 12


def test_a_loaded_report_is_not_loaded_again(tenant: Tenant) -> None:
    report = load(tenant, reading(tenant, DAY, 10))

    usage_loading.load_report(report_id=report.pk, at=AT, file=file([reading(tenant, DAY, 99)]))

    assert UsageRecord.objects.get().absolute == 10


def test_the_file_is_taken_piece_by_piece_and_its_header_may_come_in_several(tenant: Tenant) -> None:
    whole = b"\xef\xbb\xbf" + b"".join(file(reading(tenant, day) for day in OCTOBER))

    pieces = (whole[start : start + 7] for start in range(0, len(whole), 7))
    report = usage_loading.load_report(report_id=ready_report(tenant).pk, at=AT, file=pieces)

    assert (report.status, report.rows_loaded) == ("loaded", 31)


# --- Whole or not at all ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("usage.absolute.production", "many", "“many” is not a number that can be kept"),
        ("usage.delta.production", "1,5", "“1,5” is not a number that can be kept"),
        ("usage.absolute.trial", "1" * 40, "is not a number that can be kept"),
        ("usage.absolute.production", "", "is empty"),
        ("usage.delta.trial", "NaN", "“NaN” is not a number"),
        ("usage.absolute.production", "-1", "is negative"),
        ("date", "2026-13-01", "“2026-13-01” is not a day of 2026-10"),
        ("date", "03/10/2026", "“03/10/2026” is not a day of 2026-10"),
        ("date", "2026-11-01", "“2026-11-01” is not a day of 2026-10"),
        ("date", "", "is not a day of 2026-10"),
        ("name", "", "is empty"),
        ("tenant.id", "", "is empty"),
        ("tenant.kind", "", "is empty"),
        ("measurement_unit", "furlongs", "“furlongs” is not a unit we know"),
        ("is_range", "maybe", "“maybe” is neither True nor False"),
        ("name", "x" * 101, "is too long"),
        ("edition", "x" * 51, "is too long"),
        ("infra.id", "x" * 37, "is too long"),
    ],
)
def test_a_malformed_value_fails_the_whole_report_by_line_and_column(column: str, value: str, sentence: str) -> None:
    tenant = factories.TenantFactory()

    report = load(tenant, reading(tenant, DAY), reading(None, DAY), reading(tenant, date(2026, 10, 4), **{column: value}))

    assert report.status == "failed"
    assert report.error.startswith(f"Line 4 of the report, column {column}: ")
    assert sentence in report.error
    assert UsageRecord.objects.count() == UnmappedUsage.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_line_of_another_length_fails_the_report() -> None:
    tenant = factories.TenantFactory()
    broken = [*file([reading(tenant, DAY)]), b"a,b,c\n"]

    report = usage_loading.load_report(report_id=ready_report(tenant).pk, at=AT, file=broken)

    assert report.status == "failed"
    assert report.error.startswith("Line 3 of the report is not a line of this table")
    assert not UsageRecord.objects.exists()


@pytest.mark.parametrize("column", ["usage.absolute.production", "tenant.id", "is_range", "date"])
def test_a_missing_column_fails_the_report(tenant: Tenant, column: str) -> None:
    report = load(tenant, reading(tenant, DAY), columns=[name for name in COLUMNS if name != column])

    assert (report.status, report.error) == ("failed", f"The report lacks the column {column}.")


def test_an_empty_file_fails_the_report(tenant: Tenant) -> None:
    report = usage_loading.load_report(report_id=ready_report(tenant).pk, at=AT, file=[])

    assert (report.status, report.error) == ("failed", "The report lacks the column application.id.")


def test_the_same_reading_twice_fails_the_report(tenant: Tenant) -> None:
    report = load(tenant, reading(tenant, DAY, 1), reading(None, DAY), reading(tenant, DAY, 2))

    assert report.error == "Lines 2 and 4 of the report are readings of the same item, tenant and day."
    assert not UsageRecord.objects.exists()


def test_the_same_line_twice_of_a_tenant_that_is_not_ours_fails_the_report(tenant: Tenant) -> None:
    report = load(tenant, reading(None, DAY, 1), reading(tenant, DAY), reading(None, DAY, 1))

    assert report.error == "Lines 2 and 4 of the report are readings of the same item, tenant and day."
    assert not UsageRecord.objects.exists()
    assert not UnmappedUsage.objects.exists()


def test_a_report_that_cannot_be_gone_on_with_does_not_stop_the_others(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound = subscribed(date(2026, 10, 31)), subscribed(date(2026, 10, 31))
    made = [ready_report(one, period=Period(DAY, DAY + timedelta(days=1))) for one in (broken, sound)]

    def pieces(report: VendorReport, *, on_read: Any) -> list[bytes]:
        if report == made[0]:
            raise RuntimeError("a bug")
        return file([reading(sound, DAY)])

    monkeypatch.setattr(reports, "pieces", pieces)

    with pytest.raises(ExceptionGroup, match="could not be gone on with"):
        usage.load_due(at=AT)

    assert UsageRecord.objects.get().tenant == sound


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        pytest.param(b"\xff\xfe", "Line 3 of the report is not a line of this table (invalid byte sequence", id="not UTF-8"),
        pytest.param(b'"never closed', "is not a line of this table (unterminated CSV quoted field)", id="an open quote"),
        pytest.param(b"x" * 1_100_000, "A line of the report is longer than 1 MiB.", id="a line without end"),
    ],
)
def test_bytes_that_are_no_report_are_refused(broken: bytes, sentence: str) -> None:
    tenant = factories.TenantFactory()

    report = usage_loading.load_report(report_id=ready_report(tenant).pk, at=AT, file=[*file([reading(tenant, DAY)]), broken])

    assert report.status == "failed"
    assert sentence in report.error
    assert not UsageRecord.objects.exists()


def test_the_same_reading_twice_is_found_where_the_first_says_what_we_know(tenant: Tenant) -> None:
    load(tenant, reading(tenant, DAY, 1))

    report = load(tenant, reading(tenant, DAY, 1), reading(tenant, DAY, 2))

    assert report.status == "failed"
    assert UsageRecord.objects.get().absolute == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("after", [0, 1, 20])
def test_killed_in_the_middle_nothing_is_kept_and_the_report_is_loaded_again(after: int) -> None:
    tenant = factories.TenantFactory()
    report = ready_report(tenant)
    whole = file([reading(tenant, day) for day in OCTOBER])

    def dying() -> Iterator[bytes]:
        yield from whole[:after]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        usage_loading.load_report(report_id=report.pk, at=AT, file=dying())

    report.refresh_from_db()
    assert report.status == "ready"
    assert not UsageRecord.objects.exists()
    assert usage_loading.load_report(report_id=report.pk, at=AT, file=whole).rows_loaded == 31


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_a_file_cut_off_on_the_way_is_never_half_loaded(kept: float) -> None:
    tenant = factories.TenantFactory()
    report = ready_report(tenant)
    packed = gzip.compress(b"".join(file(reading(tenant, day) for day in OCTOBER)))
    cut_off = packed[: int(len(packed) * kept)]

    report = usage_loading.load_report(report_id=report.pk, at=AT, file=report_file.unpacked(iter([cut_off])))

    assert "ends early" in report.error
    assert report.status == "failed" or report.next_try_at > AT
    assert not UsageRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_killed_between_the_readings_and_the_reports_state_neither_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = factories.TenantFactory()
    report = ready_report(tenant)
    with monkeypatch.context() as patched:
        patched.setattr(usage_sql, "FORGET_MAPPED", "SELECT pg_terminate_backend(pg_backend_pid())")

        with pytest.raises(Exception, match=r"terminat|closed"):
            usage_loading.load_report(report_id=report.pk, at=AT, file=file([reading(tenant, DAY)]))
    connection.close()

    report.refresh_from_db()
    assert report.status == "ready"
    assert not UsageRecord.objects.exists()


# --- Collecting ---------------------------------------------------------------------------------------------------------


def subscribed(on: date, **fields: Any) -> Tenant:
    return factories.SubscriptionFactory(started_on=on, **fields).service.tenant


def loaded(tenant: Tenant, period: Period, *, at: datetime) -> None:
    report = ready_report(tenant, period=period, at=at)
    usage_loading.load_report(report_id=report.pk, at=at, file=file([]))


def test_every_day_since_the_first_subscription_is_open(db: None) -> None:
    tenant = subscribed(date(2026, 10, 29))

    assert usage.open_periods(tenant.service_manager, at=AT) == [Period(date(2026, 10, 28), date(2026, 11, 1))]


def test_days_that_a_report_covers_are_not_open(db: None) -> None:
    tenant = subscribed(date(2026, 10, 25))
    loaded(tenant, Period(date(2026, 10, 26), date(2026, 10, 28)), at=AT)

    assert usage.open_periods(tenant.service_manager, at=AT) == [
        Period(date(2026, 10, 24), date(2026, 10, 26)),
        Period(date(2026, 10, 28), date(2026, 11, 1)),
    ]


def test_a_report_made_before_the_day_was_over_does_not_cover_it(db: None) -> None:
    tenant = subscribed(date(2026, 10, 31))
    loaded(tenant, OCTOBER, at=datetime(2026, 10, 31, 20, 0, tzinfo=UTC))

    assert usage.open_periods(tenant.service_manager, at=AT) == [Period(date(2026, 10, 31), date(2026, 11, 1))]


def test_open_days_are_looked_for_forty_days_back(db: None) -> None:
    tenant = subscribed(date(2026, 1, 1))

    [period] = usage.open_periods(tenant.service_manager, at=AT)

    assert period.days == 40


def test_no_subscription_means_no_open_day(tenant: Tenant) -> None:
    assert usage.open_periods(tenant.service_manager, at=AT) == []


def test_a_failed_report_rests_and_is_then_asked_for_again(db: None) -> None:
    tenant = subscribed(date(2026, 11, 1))
    report = ready_report(tenant, period=Period(date(2026, 10, 31), date(2026, 11, 1)))
    VendorReport.objects.filter(pk=report.pk).update(status="failed")

    assert usage.open_periods(tenant.service_manager, at=AT + timedelta(hours=1)) == []
    assert usage.open_periods(tenant.service_manager, at=AT + timedelta(hours=7)) != []


@pytest.fixture
def vendor_answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A vendor whose reports are ready at the third look; says which reports were looked at."""
    looks: list[int] = []

    def advance(*, report_id: int, at: datetime) -> VendorReport:
        looks.append(report_id)
        report = VendorReport.objects.get(pk=report_id)
        report.status = ("requested", "requested", "ready")[min(looks.count(report_id), 3) - 1]
        report.next_try_at = at if report.status == "ready" else at + timedelta(seconds=20)
        report.save()
        return report

    monkeypatch.setattr(reports, "advance", advance)

    def pieces(report: VendorReport, *, on_read: Any) -> list[bytes]:
        return file([reading(report.service_manager.tenants.get(), report.period_start)])

    monkeypatch.setattr(reports, "pieces", pieces)
    return looks


def test_what_is_due_is_wished_asked_for_polled_and_loaded(vendor_answers: list[int], db: None) -> None:
    tenant = subscribed(date(2026, 10, 31))

    first = usage.collect_due(at=AT)
    second = usage.collect_due(at=AT + timedelta(seconds=10))
    third = usage.collect_due(at=AT + timedelta(seconds=30))
    fourth = usage.collect_due(at=AT + timedelta(seconds=60))

    assert [report.status for report in first.reports] == ["requested"]
    assert second.reports == []
    assert not third.is_complete
    assert fourth.is_complete
    assert fourth.rows_loaded == 1
    assert UsageRecord.objects.get().tenant == tenant
    assert usage.collect_due(at=AT + timedelta(minutes=10)).reports == []
    assert VendorReport.objects.count() == 1


def test_collecting_a_period_asks_each_service_manager_in_use(vendor_answers: list[int], db: None) -> None:
    one, other = subscribed(date(2026, 10, 1)), subscribed(date(2026, 10, 1))
    retired = subscribed(date(2026, 10, 1), ended_on=date(2026, 10, 2), status="ended").service_manager
    retired.is_active = False
    retired.save()
    factories.ServiceManagerFactory(root_tenant_id=None)
    other.service_manager.is_active = False
    other.service_manager.save()

    summary = usage.collect_usage(period=OCTOBER, at=AT)

    assert {report.service_manager_id for report in summary.reports} == {one.service_manager_id, other.service_manager_id}
    assert {(report.period_start, report.period_end) for report in summary.reports} == {(OCTOBER.start, OCTOBER.end)}


def test_the_future_is_cut_off(vendor_answers: list[int], db: None) -> None:
    subscribed(date(2026, 10, 1))

    summary = usage.collect_usage(period=OCTOBER, at=datetime(2026, 10, 10, 12, 0, tzinfo=UTC))

    assert summary.reports[0].period_end == date(2026, 10, 11)
    with pytest.raises(DomainError, match="no usage of 2026-12 yet"):
        usage.collect_usage(period=Period.parse_month("2026-12"), at=AT)


@pytest.mark.django_db(transaction=True)
def test_a_report_that_another_worker_loads_is_left_to_it() -> None:
    tenant = factories.TenantFactory()
    report = ready_report(tenant)
    other_worker = connection.copy()
    try:
        with other_worker.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [REPORT, report.pk])

        left = usage_loading.load_report(report_id=report.pk, at=AT, file=file([reading(tenant, DAY)]))
    finally:
        other_worker.close()

    assert left.status == "ready"
    assert not UsageRecord.objects.exists()


def test_quantities_are_exact(tenant: Tenant) -> None:
    load(tenant, reading(tenant, DAY, "123456789012345678.0123456789"))

    assert UsageRecord.objects.get().absolute == Decimal("123456789012345678.0123456789")


@pytest.mark.parametrize("column", ["tenant_id", "report_id"])
def test_the_database_refuses_a_reading_of_nothing(tenant: Tenant, column: str) -> None:
    fields = {"tenant_id": tenant.pk, "report_id": ready_report(tenant).pk, column: 0}
    record = UsageRecord(**fields, item="x", day=DAY, is_range=False, measurement_unit="bytes", absolute=1, delta=1, report_line=2)

    with pytest.raises(IntegrityError, match="tenant or report that is not there"), transaction.atomic():
        record.save()
