"""Which days of a month no usage was loaded for: what a bill made now would leave out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date

from django.db.models import Min

from billing.models import Subscription
from common.periods import Period, joined
from provisioning.models import ServiceManager, VendorReport


@dataclass(frozen=True, slots=True)
class UsageGap:
    """Days for which a service manager's usage is missing, though somebody was served through it."""

    service_manager: ServiceManager
    periods: list[Period]

    def __str__(self) -> str:
        days = ", ".join(map(str, self.periods))
        return f"{self.service_manager}: no usage was loaded for {days}. What comes later is billed as an adjustment."


def usage_gaps(period: Period) -> list[UsageGap]:
    """Return the gaps in ``period``, from the first day on which a subscription ran; an empty list where nothing is missing."""
    first_days = (
        Subscription.objects.billable_in(period).order_by().values_list("service__service_manager").annotate(Min("started_on"))
    )
    managers = ServiceManager.objects.in_bulk([manager for manager, _ in first_days])
    gaps = []
    for manager, first in sorted(first_days):
        loaded = VendorReport.objects.filter(service_manager=manager, status=VendorReport.Status.LOADED)
        covered = days_covered(loaded.filter(period_start__lt=period.end, period_end__gt=period.start))
        if missing := joined(day for day in period if day >= first and day not in covered):
            gaps.append(UsageGap(managers[manager], missing))
    return gaps


def days_covered(reports: Iterable[VendorReport]) -> set[date]:
    """Return the days whose usage is final in ``reports``: one asked for before a day was over (UTC) does not cover it."""
    return {
        day
        for report in reports
        for day in report.period
        if day < (report.requested_at or report.created_at).astimezone(UTC).date()
    }
