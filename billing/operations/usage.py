"""
Collecting usage: which days' reports of the vendor are wished for, asked for and loaded (`usage_loading`), and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Min, Q, QuerySet

from billing.models import Subscription
from billing.operations.usage_loading import load_report
from billing.queries.usage_gaps import days_covered
from common.dispatch import after_commit
from common.errors import DomainError, FieldRefused
from common.periods import Period, joined
from provisioning.models import ServiceManager, VendorReport
from provisioning.operations import reports

# How far back days without usage are asked for by themselves; older ones are asked for by `manage.py collect_usage`.
OPEN_DAYS = 40
REST_AFTER_FAILURE = timedelta(hours=6)
MOST_DAYS = 92
"""So many days fit into one report asked for by hand: a quarter."""


@dataclass(frozen=True, slots=True)
class CollectSummary:
    """The reports that were looked after, each as it is now."""

    reports: list[VendorReport]

    def in_state(self, *states: str) -> list[VendorReport]:
        return [report for report in self.reports if report.status in states]

    @property
    def is_complete(self) -> bool:
        """Whether every report is loaded or has failed for good."""
        return len(self.in_state(VendorReport.Status.LOADED, VendorReport.Status.FAILED)) == len(self.reports)

    @property
    def rows_loaded(self) -> int:
        return sum(report.rows_loaded or 0 for report in self.in_state(VendorReport.Status.LOADED))


# --- Wanting it ---------------------------------------------------------------------------------------------------------


def collect_usage(*, period: Period, at: datetime, service_manager: ServiceManager | None = None) -> CollectSummary:
    """
    Want the vendor's report for the days of ``period`` (UTC), from each service manager in use, and go on with it.

    Days that have not come are left out; today's reading is not final. Again later it asks for a new report, and what
    reads differently then replaces what was read before.

    :param service_manager: from this one alone.
    :raises DomainError: no day of ``period`` has begun yet.
    """
    begun = period.intersect(Period(date.min, _utc_day(at) + timedelta(days=1)))
    if begun is None:
        raise DomainError(f"There is no usage of {period} yet.")
    managers = managers_in_use() if service_manager is None else [service_manager]
    wished = [reports.wish_report(service_manager_id=manager.pk, period=begun, at=at) for manager in managers]
    return go_on([report.pk for report in wished], at=at)


def ask_usage(
    *, first_day: date, last_day: date, at: datetime, service_manager: ServiceManager | None = None
) -> list[VendorReport]:
    """
    Want the vendor's report for these days (UTC, the last included) and let a worker do the rest.

    While a report of the same days is under way it is that one, gone on with at once.

    :param service_manager: from this one alone; None: from each that is in use.
    :raises FieldRefused: the days are in the wrong order, have not come yet, or are too many for one report.
    :raises DomainError: no service manager is connected.
    """
    today = _utc_day(at)
    if first_day > today:
        raise FieldRefused("first_day", f"There is no usage of {first_day} yet: it is {today} (UTC).")
    if last_day > today:
        raise FieldRefused("last_day", f"There is no usage of {last_day} yet: it is {today} (UTC).")
    if last_day < first_day:
        raise FieldRefused("last_day", f"The last day must not come before the first, {first_day}.")
    if (last_day - first_day).days >= MOST_DAYS:
        raise FieldRefused("last_day", f"Ask for {MOST_DAYS} days at most; take several reports for more.")
    managers = managers_in_use() if service_manager is None else [service_manager]
    if not managers:
        raise DomainError("No service manager is connected: use “Test connection” first.")
    period = Period(first_day, last_day + timedelta(days=1))
    wished = [reports.wish_report(service_manager_id=manager.pk, period=period, at=at) for manager in managers]
    return [ask_again(report_id=report.pk, at=at) for report in wished]


def ask_again(*, report_id: int, at: datetime) -> VendorReport:
    """Have a worker collect the days of a report anew, or go on at once with one that is under way; return the report it is."""
    report = reports.try_again(report_id=report_id, at=at)
    after_commit("billing.load_reports")
    return report


def collect_due(*, at: datetime) -> CollectSummary:
    """Want the report of every day until yesterday (UTC) that no report has covered yet, and go on with all that are due."""
    for manager in managers_in_use():
        for period in open_periods(manager, at=at):
            reports.wish_report(service_manager_id=manager.pk, period=period, at=at)
    return load_due(at=at)


# --- Going on with it -----------------------------------------------------------------------------------------------------


def load_due(*, at: datetime) -> CollectSummary:
    """Go on with every report that is due."""
    due = VendorReport.objects.filter(kind="usage_daily").due(at).order_by("pk")
    return go_on(list(due.values_list("pk", flat=True)), at=at)


def go_on(report_ids: Sequence[int], *, at: datetime) -> CollectSummary:
    """
    Take each report, oldest first, as far as it goes now: asked for, polled, loaded. What is not due yet is left alone.

    :raises ExceptionGroup: something that is a bug happened to some of them; the others were gone on with all the same.
    """
    bugs: list[Exception] = []
    for pk in sorted(report_ids):
        try:
            _go_on_with(pk, at=at)
        except Exception as bug:
            bugs.append(bug)
    if bugs:
        raise ExceptionGroup("Usage reports that could not be gone on with", bugs)
    return CollectSummary(list(VendorReport.objects.filter(pk__in=report_ids).order_by("pk")))


def _go_on_with(report_id: int, *, at: datetime) -> None:
    report = VendorReport.objects.get(pk=report_id)
    for _ in range(2):  # an answer may come at once: asked for, then ready
        if report.next_try_at <= at and report.status in (VendorReport.Status.WISHED, VendorReport.Status.REQUESTED):
            report = reports.advance(report_id=report_id, at=at)
    if report.status == VendorReport.Status.READY and report.next_try_at <= at:
        load_report(report_id=report_id, at=at)


# --- Which days are still open --------------------------------------------------------------------------------------------


def open_periods(manager: ServiceManager, *, at: datetime) -> list[Period]:
    """
    The days without usage, in runs: since the first subscription, at most `OPEN_DAYS`, until yesterday (UTC).

    Usage is there once a report is loaded that was wanted after the day was over. Days of a report under way, or of one that
    failed a short while ago, are not asked for again.
    """
    today = _utc_day(at)
    subscriptions = Subscription.objects.filter(service__service_manager=manager)
    first = subscriptions.aggregate(first=Min("started_on"))["first"]
    if first is None:
        return []
    # A subscription begins by the MSP's calendar, which may be a day ahead of the vendor's.
    first = max(first - timedelta(days=1), today - timedelta(days=OPEN_DAYS))
    covered = days_covered(_covering(manager, at=at).filter(period_end__gt=first))
    return joined(day for n in range((today - first).days) if (day := first + timedelta(days=n)) not in covered)


def _covering(manager: ServiceManager, *, at: datetime) -> QuerySet[VendorReport]:
    status = VendorReport.Status
    return VendorReport.objects.filter(service_manager=manager, kind="usage_daily").filter(
        Q(status__in=[status.WISHED, status.REQUESTED, status.READY, status.LOADED])
        | Q(status=status.FAILED, created_at__gt=at - REST_AFTER_FAILURE)
    )


def managers_in_use() -> list[ServiceManager]:
    """Connected service managers that sell, or through which somebody is still served."""
    served = Subscription.objects.filter(status=Subscription.Status.ACTIVE).values("service__service_manager")
    return list(ServiceManager.objects.filter(Q(is_active=True) | Q(pk__in=served), root_tenant_id__isnull=False).order_by("pk"))


def _utc_day(at: datetime) -> date:
    """The vendor's days begin at midnight UTC."""
    return at.astimezone(UTC).date()
