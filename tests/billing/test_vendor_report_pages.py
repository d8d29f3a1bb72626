"""Usage in the back office: reports and how far they are, asking for days, unmapped lines as a file, estimates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from billing.models import UnmappedUsage, UsageEstimate
from common import clock
from provisioning.models import ServiceManager, VendorReport
from tests import factories
from tests.conftest import Personas

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
LIST = "admin:provisioning_vendorreport_changelist"
COLLECT = "admin:provisioning_vendorreport_collect"
ESTIMATES = "admin:billing_usageestimate_changelist"
LOADING = {"status": "ready", "rows_read": 120_000}


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def bert(personas: Personas) -> Any:
    """The billing manager's browser, with the right to have usage collected."""
    [group] = personas.bert.groups.all()
    group.permissions.add(*Permission.objects.filter(codename__in=["collect_usage", "view_vendorreport"]))
    return personas.client("bert")


def a_report(manager: ServiceManager | None = None, **fields: Any) -> VendorReport:
    standard = {"period_start": date(2026, 11, 1), "period_end": date(2026, 11, 2), "next_try_at": NOW, "created_at": NOW}
    return VendorReport.objects.create(service_manager=manager or factories.ServiceManagerFactory(), **standard | fields)


def page_of(report: VendorReport, what: str = "change") -> str:
    return reverse(f"admin:provisioning_vendorreport_{what}", args=[report.pk])


# --- Reports ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words", "keeps_itself_up_to_date"),
    [
        pytest.param({}, "Acronis is yet to be asked for it.", True, id="wished"),
        pytest.param({"status": "requested"}, "Acronis is making it", True, id="requested"),
        pytest.param({"status": "ready"}, "The file is there", True, id="ready"),
        pytest.param(
            {"status": "ready", "stage": "reading", "rows_read": 120_000, "bytes_read": 3 * 1024**2, "bytes_total": 4 * 1024**2},
            "<strong>37 %</strong> Reading the file: 120,000 lines, 3.0 of 4.0 MiB.",
            True,
            id="reading",
        ),
        pytest.param(
            {"status": "ready", "stage": "reading", "rows_read": 9}, "Reading the file: 9 lines.", True, id="of unknown size"
        ),
        pytest.param(
            {"status": "ready", "stage": "adding", "rows_read": 9},
            "<strong>70 %</strong> Adding its readings: 9 lines.",
            True,
            id="adding",
        ),
        pytest.param({"status": "loaded", "rows_loaded": 3_100_000}, "3,100,000 readings are loaded.", False, id="loaded"),
        pytest.param(
            {"status": "failed", "error": "Line 4 of the report is bad."}, "Line 4 of the report is bad.", False, id="failed"
        ),
    ],
)
def test_a_reports_page_says_how_far_it_is(bert: Any, fields: dict[str, Any], words: str, keeps_itself_up_to_date: bool) -> None:
    report = a_report(**fields)

    page = bert.get(page_of(report)).content.decode()

    assert words in page
    assert (page_of(report, "progress") in page) == keeps_itself_up_to_date
    assert bert.get(reverse(LIST)).status_code == 200


def test_a_report_that_waits_for_six_o_clock_says_why_and_until_when(bert: Any) -> None:
    report = a_report(error="400: usage history is not ready", next_try_at=NOW + timedelta(hours=3))

    page = bert.get(page_of(report)).content.decode()

    assert "usage history is not ready" in page
    assert "It is tried again at 2 Nov 2026, 13:00 CET." in page


def test_the_part_that_shows_progress_has_the_whole_page_loaded_once_the_report_has_ended(bert: Any) -> None:
    under_way, loaded = a_report(status="ready"), a_report(status="loaded", rows_loaded=1)

    assert "HX-Refresh" not in bert.get(page_of(under_way, "progress")).headers
    assert bert.get(page_of(loaded, "progress")).headers["HX-Refresh"] == "true"


def test_a_failed_report_is_collected_again_by_a_new_one_and_then_counts_as_made_up_for(bert: Any) -> None:
    failed = a_report(status="failed", error="Line 4 of the report is bad.")

    answer = bert.post(page_of(failed, "again"))
    again = bert.post(page_of(failed, "again"))

    newest = VendorReport.objects.get(status="wished")
    assert answer.url == again.url == page_of(newest)
    assert newest.period == failed.period
    assert list(VendorReport.objects.unresolved()) == [failed]
    VendorReport.objects.filter(pk=newest.pk).update(status="loaded")
    assert not VendorReport.objects.unresolved().exists()


def test_a_report_that_waits_is_gone_on_with_at_once(bert: Any) -> None:
    waiting = a_report(next_try_at=NOW + timedelta(hours=3))

    bert.post(page_of(waiting, "again"))

    waiting.refresh_from_db()
    assert waiting.next_try_at == NOW


def test_without_the_permission_there_is_no_button_and_no_way(personas: Personas, bert: Any) -> None:
    Permission.objects.get(codename="collect_usage").group_set.clear()
    report, client = a_report(status="failed"), personas.client("bert")

    assert "Collect again" not in client.get(page_of(report)).content.decode()
    assert client.post(page_of(report, "again")).status_code == 403
    assert client.get(reverse(COLLECT)).status_code == 403
    assert client.post(reverse("admin:billing_usageestimate_refresh")).status_code == 403


# --- Asking for days ----------------------------------------------------------------------------------------------------


def test_days_are_asked_for_from_one_service_manager(bert: Any) -> None:
    one, _ = factories.ServiceManagerFactory(), factories.ServiceManagerFactory()

    answer = bert.post(reverse(COLLECT), {"first_day": "2026-10-01", "last_day": "2026-10-31", "service_manager": one.pk})

    report = VendorReport.objects.get()
    assert answer.url == page_of(report)
    assert (report.service_manager, str(report.period), report.status) == (one, "2026-10", "wished")


def test_days_are_asked_for_from_each_service_manager_in_use(bert: Any) -> None:
    factories.ServiceManagerFactory.create_batch(2)
    factories.ServiceManagerFactory(is_active=False)

    answer = bert.post(reverse(COLLECT), {"first_day": "2026-11-02", "last_day": "2026-11-02", "service_manager": ""})

    assert answer.url == reverse(LIST)
    assert VendorReport.objects.count() == 2


@pytest.mark.parametrize(
    ("days", "field", "sentence"),
    [
        (("2026-11-01", "2026-11-03"), "last_day", "There is no usage of 2026-11-03 yet: it is 2026-11-02 (UTC)."),
        (("2026-12-01", "2026-12-02"), "first_day", "There is no usage of 2026-12-01 yet: it is 2026-11-02 (UTC)."),
        (("2026-10-02", "2026-10-01"), "last_day", "The last day must not come before the first, 2026-10-02."),
        (("2026-01-01", "2026-10-01"), "last_day", "Ask for 92 days at most; take several reports for more."),
        (("yesterday", "2026-10-01"), "first_day", "Enter a valid date."),
        (("", "2026-10-01"), "first_day", "This field is required."),
    ],
)
def test_days_that_cannot_be_asked_for_are_refused_beside_their_field(
    bert: Any, days: tuple[str, str], field: str, sentence: str
) -> None:
    factories.ServiceManagerFactory()

    page = bert.post(reverse(COLLECT), {"first_day": days[0], "last_day": days[1]})

    assert page.context["form"].errors[field] == [sentence]
    assert not VendorReport.objects.exists()


def test_without_a_connected_service_manager_asking_says_so(bert: Any) -> None:
    page = bert.post(reverse(COLLECT), {"first_day": "2026-11-01", "last_day": "2026-11-01"})

    assert "No service manager is connected" in page.content.decode()


# --- Unmapped lines -----------------------------------------------------------------------------------------------------


def unmapped(report: VendorReport, name: str, **fields: Any) -> UnmappedUsage:
    standard = {"vendor_tenant_id": f"id-of-{name}"[:36], "item": "pg_base_storage", "day": date(2026, 11, 1), "report_line": 7}
    amounts = {"measurement_unit": "bytes", "absolute": Decimal("1.5"), "delta": Decimal(10)}
    return UnmappedUsage.objects.create(
        service_manager=report.service_manager, report=report, tenant_name=name, **standard | amounts | fields
    )


def test_unmapped_lines_are_exported_as_they_are_filtered_and_no_name_becomes_a_formula(bert: Any) -> None:
    first, other = a_report(status="loaded"), a_report(status="loaded")
    unmapped(first, "=HYPERLINK(1)")
    unmapped(other, "Somebody else")
    export = reverse("admin:billing_unmappedusage_export")

    lines = b"".join(bert.get(export, {"report": first.pk}).streaming_content).decode().splitlines()

    assert lines[0].startswith("Day (UTC),Service manager,Tenant id,")
    assert lines[1:] == [
        f"2026-11-01,{first.service_manager},id-of-=HYPERLINK(1),'=HYPERLINK(1),pg_base_storage,,,bytes,1.5,10,{first.pk},7"
    ]
    assert len(b"".join(bert.get(export, {"q": "Somebody"}).streaming_content).splitlines()) == 2
    assert len(b"".join(bert.get(export).streaming_content).splitlines()) == 3


def test_a_reports_page_leads_to_the_lines_that_are_not_ours(bert: Any) -> None:
    report = a_report(status="loaded")
    unmapped(report, "Somebody else")

    page = bert.get(page_of(report)).content.decode()

    assert "1 lines of tenants that are not ours" not in page
    assert "1 line of a tenant that is not ours" in page
    assert f"{reverse('admin:billing_unmappedusage_changelist')}?report={report.pk}" in page


@pytest.mark.parametrize("nonsense", ["x", "9" * 40, "²"])
def test_a_report_that_is_none_shows_no_lines(bert: Any, nonsense: str) -> None:
    unmapped(a_report(status="loaded"), "Somebody else")

    assert bert.get(reverse("admin:billing_unmappedusage_changelist"), {"report": nonsense}).context["cl"].result_count == 0


# --- Estimates ----------------------------------------------------------------------------------------------------------


def test_estimates_are_listed_in_the_units_of_people_with_their_moment(bert: Any) -> None:
    tenant = factories.TenantFactory()
    ServiceManager.objects.update(estimates_at=NOW)
    for item, unit, amount, is_range in (("storage", "bytes", 3 * 2**29, False), ("points", "seconds", 5400, True)):
        UsageEstimate.objects.create(tenant=tenant, item=item, measurement_unit=unit, absolute=amount, is_range=is_range, as_of=NOW)

    page = bert.get(reverse(ESTIMATES), {"q": tenant.organization.number}).content.decode()

    assert page.count("1.5</span>") == 2
    assert "GiB" in page
    assert "hour, this month so far" in page
    assert f"{tenant.service_manager}: as of 2 Nov 2026, 10:00 CET." in page


def test_refreshing_asks_a_worker_once_and_the_page_follows_it(bert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = factories.ServiceManagerFactory()
    refresh, state = reverse("admin:billing_usageestimate_refresh"), reverse("admin:billing_usageestimate_state")

    assert bert.post(refresh).url == reverse(ESTIMATES)

    manager.refresh_from_db()
    assert manager.estimates_wished_at == NOW
    assert state in bert.get(reverse(ESTIMATES)).content.decode()
    assert "HX-Refresh" not in bert.get(state).headers
    ServiceManager.objects.update(estimates_wished_at=None, estimates_error="Acronis is away")
    assert bert.get(state).headers["HX-Refresh"] == "true"
    assert "Acronis is away" in bert.get(reverse(ESTIMATES)).content.decode()


def test_refreshing_without_a_connection_says_so(bert: Any) -> None:
    page = bert.post(reverse("admin:billing_usageestimate_refresh"), follow=True).content.decode()

    assert "No service manager is connected" in page
