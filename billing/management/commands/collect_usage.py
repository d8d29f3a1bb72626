"""`manage.py collect_usage --period 2026-10 | --day 2026-10-03 | --from 2026-10-03 [--to 2026-10-09]`, with `[--wait]`"""

import time
from argparse import ArgumentParser
from datetime import UTC, date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.operations import usage
from billing.operations.usage import CollectSummary
from common.clock import now
from common.errors import DomainError
from common.periods import Period
from provisioning.models import ServiceManager, VendorReport

LOOK_SECONDS = 2.0


class Command(BaseCommand):
    help = "Ask the vendor for the daily usage of a month, a day or days (UTC) and load it; also again, where days were corrected."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--period", help="a month, YYYY-MM")
        what.add_argument("--day", help="YYYY-MM-DD")
        what.add_argument("--from", dest="first_day", help="the first of several days, YYYY-MM-DD; with --to")
        parser.add_argument("--to", dest="last_day", help="the last of them, YYYY-MM-DD; without it, yesterday (UTC)")
        parser.add_argument("--service-manager", help="its name; without it, each that is in use")
        parser.add_argument("--wait", action="store_true", help="stay until everything is loaded or has failed")
        parser.add_argument("--timeout", type=float, default=900, help="seconds to wait at most, by default 900")

    def handle(self, *_: Any, wait: bool, timeout: float, service_manager: str | None, **options: Any) -> None:
        at = now()
        try:
            period = _period(options, today=at.astimezone(UTC).date())
            summary = usage.collect_usage(period=period, at=at, service_manager=_manager(service_manager))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if not summary.reports:
            raise CommandError("No service manager is connected: use “Test connection” first.")
        summary = _wait_for(summary, seconds=timeout) if wait else summary
        for report in summary.reports:
            self.stdout.write(_sentence(report))
        if wait and len(summary.in_state(VendorReport.Status.LOADED)) < len(summary.reports):
            raise CommandError("Not everything could be loaded.")


def _period(options: dict[str, Any], *, today: date) -> Period:
    """
    Return the days that were asked for.

    :raises CommandError: they are not written as days, are in the wrong order, or have not come yet.
    """
    if options["last_day"] and not options["first_day"]:
        raise CommandError("--to goes with --from.")
    if options["period"]:
        return Period.parse_month(options["period"])
    if options["day"]:
        return Period(_day(options["day"]), _day(options["day"]) + timedelta(days=1))
    first = _day(options["first_day"])
    last = _day(options["last_day"]) if options["last_day"] else today - timedelta(days=1)
    if last > today:
        raise CommandError(f"There is no usage of {last} yet: it is {today} (UTC).")
    if last < first:
        raise CommandError(f"The last day, {last}, comes before the first, {first}.")
    return Period(first, last + timedelta(days=1))


def _manager(name: str | None) -> ServiceManager | None:
    """:raises CommandError: no service manager is called so, or it is not connected."""
    if name is None:
        return None
    manager = ServiceManager.objects.filter(name=name, root_tenant_id__isnull=False).first()
    if manager is None:
        known = ", ".join(ServiceManager.objects.filter(root_tenant_id__isnull=False).values_list("name", flat=True)) or "none"
        raise CommandError(f"No service manager “{name}” is connected. Connected: {known}.")
    return manager


def _wait_for(summary: CollectSummary, *, seconds: float) -> CollectSummary:
    """Go on with the reports until all are loaded or failed, or the time is over."""
    end = time.monotonic() + seconds
    while not summary.is_complete and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        summary = usage.go_on([report.pk for report in summary.reports], at=now())
    return summary


def _sentence(report: VendorReport) -> str:
    rows = report.rows_loaded
    done = report.get_status_display().lower() if rows is None else f"{rows:,} {'row' if rows == 1 else 'rows'} loaded"
    return f"{report.service_manager}, {report.period}: {done}.{f' {report.error}' if report.error else ''}"


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
        day + timedelta(days=1)
    except (ValueError, OverflowError):  # the last day of all has no day after it
        raise CommandError(f"“{text}” is not a day; write it as YYYY-MM-DD, for example 2026-10-03.") from None
    return day
