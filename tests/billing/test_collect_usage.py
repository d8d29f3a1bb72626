"""Collecting by hand and by the clock: the command and the task, each on a vendor that takes its time."""

import io
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing import tasks
from billing.management.commands import collect_usage
from billing.models import UsageRecord
from billing.operations import usage
from common import clock
from provisioning.models import Tenant, VendorReport
from provisioning.operations import reports
from tests import factories
from tests.billing.reports import file, reading

AT = datetime(2026, 11, 1, 7, 0, tzinfo=UTC)


@pytest.fixture
def tenant(db: None) -> Tenant:
    return factories.SubscriptionFactory(started_on=date(2026, 10, 31)).service.tenant


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The clock: sleeping moves it on. Its last entry is now."""
    moments = [AT]

    def sleep(seconds: float) -> None:
        moments.append(moments[-1] + timedelta(seconds=seconds))

    for module in (clock, collect_usage):
        monkeypatch.setattr(module, "now", lambda: moments[-1])
    monkeypatch.setattr(collect_usage, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: moments[-1].timestamp()))
    return moments


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch, moment: list[datetime]) -> dict[str, Any]:
    """A vendor whose file is ready ten seconds after it was asked; `file` are the lines in it, by the report."""
    answers: dict[str, Any] = {
        "ready_after": 10,
        "file": lambda report: file([reading(report.service_manager.tenants.get(), report.period_start)]),
    }

    def advance(*, report_id: int, at: datetime) -> VendorReport:
        report = VendorReport.objects.get(pk=report_id)
        is_ready = at - report.created_at >= timedelta(seconds=answers["ready_after"])
        report.status = "ready" if is_ready else "requested"
        report.next_try_at = at if is_ready else at + timedelta(seconds=3)
        report.save()
        return report

    monkeypatch.setattr(reports, "advance", advance)
    monkeypatch.setattr(reports, "pieces", lambda report, *, on_read: answers["file"](report))
    return answers


def run(**options: Any) -> str:
    out = io.StringIO()
    call_command("collect_usage", **options, stdout=out)
    return out.getvalue()


def test_without_waiting_the_report_is_asked_for(tenant: Tenant, vendor: dict[str, Any]) -> None:
    told = run(day="2026-10-31")

    assert told == f"{tenant.service_manager}, 2026-10-31: asked for.\n"
    assert not UsageRecord.objects.exists()


def test_waiting_ends_when_everything_is_loaded(tenant: Tenant, vendor: dict[str, Any], moment: list[datetime]) -> None:
    told = run(period="2026-10", wait=True)

    assert told == f"{tenant.service_manager}, 2026-10: 1 row loaded.\n"
    assert UsageRecord.objects.get().tenant == tenant
    assert moment[-1] - AT < timedelta(seconds=30)


def test_waiting_has_an_end(tenant: Tenant, vendor: dict[str, Any], moment: list[datetime]) -> None:
    vendor["ready_after"] = 10_000

    with pytest.raises(CommandError, match="Not everything could be loaded"):
        run(day="2026-10-31", wait=True, timeout=60)

    assert timedelta(seconds=60) <= moment[-1] - AT < timedelta(seconds=70)


def test_a_report_that_fails_is_told_with_its_reason(tenant: Tenant, vendor: dict[str, Any], capsys: Any) -> None:
    vendor["file"] = lambda _: [b"date,name\n"]

    with pytest.raises(CommandError, match="Not everything could be loaded"):
        call_command("collect_usage", day="2026-10-31", wait=True)

    assert "failed. The report lacks the column application.id." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"period": "October"}, "“October” is not a month"),
        ({"day": "31.10.2026"}, "“31.10.2026” is not a day"),
        ({"day": "9999-12-31"}, "“9999-12-31” is not a day"),
        ({"day": "2026-12-24"}, "There is no usage of 2026-12-24 yet"),
        ({"first_day": "2026-10-30", "last_day": "2026-11-02"}, r"There is no usage of 2026-11-02 yet: it is 2026-11-01 \(UTC\)"),
        ({"first_day": "2026-10-30", "last_day": "2026-10-29"}, "The last day, 2026-10-29, comes before the first, 2026-10-30"),
        ({"first_day": "30.10."}, "“30.10.” is not a day"),
        ({"period": "2026-10", "last_day": "2026-10-30"}, "--to goes with --from"),
        ({"period": "2026-10", "service_manager": "Elsewhere"}, "No service manager “Elsewhere” is connected. Connected: Acronis"),
    ],
)
def test_the_command_says_what_is_wrong(tenant: Tenant, moment: list[datetime], given: dict[str, str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(**given)


def test_several_days_of_one_service_manager_are_collected(tenant: Tenant, vendor: dict[str, Any], moment: list[datetime]) -> None:
    factories.SubscriptionFactory()
    told = run(first_day="2026-10-29", service_manager=tenant.service_manager.name)

    [report] = VendorReport.objects.all()
    assert told == f"{tenant.service_manager}, 2026-10-29 to 2026-10-31: asked for.\n"
    assert report.service_manager == tenant.service_manager


def test_the_task_goes_on_with_what_was_asked_for_by_hand(tenant: Tenant, vendor: dict[str, Any], moment: list[datetime]) -> None:
    usage.ask_usage(first_day=date(2026, 8, 1), last_day=date(2026, 8, 31), at=AT)
    tasks.load_reports(of_a_later_version=True)
    moment.append(AT + timedelta(seconds=20))

    tasks.load_reports()

    [report] = VendorReport.objects.all()
    assert (report.status, str(report.period)) == ("loaded", "2026-08")


def test_without_a_connection_the_command_says_so(moment: list[datetime], db: None) -> None:
    with pytest.raises(CommandError, match="No service manager is connected"):
        run(period="2026-10")


def test_the_task_collects_what_is_due_and_ignores_what_it_does_not_know(
    tenant: Tenant, vendor: dict[str, Any], moment: list[datetime]
) -> None:
    tasks.collect_usage(of_a_later_version=True)
    moment.append(AT + timedelta(minutes=10))
    tasks.collect_usage()
    moment.append(AT + timedelta(minutes=20))
    tasks.collect_usage()

    [report] = VendorReport.objects.all()
    assert (report.status, report.period_start, report.period_end) == ("loaded", date(2026, 10, 30), date(2026, 11, 1))
    assert UsageRecord.objects.count() == 1
