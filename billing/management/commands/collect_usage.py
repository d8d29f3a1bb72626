"""`manage.py collect_usage --period 2026-10 | --day 2026-10-03 [--wait]`"""

import time
from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.operations import usage
from billing.operations.usage import CollectSummary
from common.clock import now
from common.errors import DomainError
from common.periods import Period
from provisioning.models import VendorReport

LOOK_SECONDS = 2.0


class Command(BaseCommand):
    help = "Ask the vendor for the daily usage of a month or a day (UTC) and load it; also again, for days that were corrected."

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--period", help="a month, YYYY-MM")
        what.add_argument("--day", help="YYYY-MM-DD")
        parser.add_argument("--wait", action="store_true", help="stay until everything is loaded or has failed")
        parser.add_argument("--timeout", type=float, default=900, help="seconds to wait at most, by default 900")

    def handle(self, *_: Any, period: str | None, day: str | None, wait: bool, timeout: float, **__: Any) -> None:
        try:
            summary = usage.collect_usage(period=Period.parse_month(period) if period else _day(day or ""), at=now())
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        if not summary.reports:
            raise CommandError("No service manager is connected: use “Test connection” first.")
        summary = _wait_for(summary, seconds=timeout) if wait else summary
        for report in summary.reports:
            self.stdout.write(_sentence(report))
        if wait and len(summary.in_state(VendorReport.Status.LOADED)) < len(summary.reports):
            raise CommandError("Not everything could be loaded.")


def _wait_for(summary: CollectSummary, *, seconds: float) -> CollectSummary:
    """Go on with the reports until all are loaded or failed, or the time is over."""
    end = time.monotonic() + seconds
    while not summary.is_complete and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        summary = usage.go_on([report.pk for report in summary.reports], at=now())
    return summary


def _sentence(report: VendorReport) -> str:
    period = Period(report.period_start, report.period_end)
    rows = report.rows_loaded
    done = report.get_status_display().lower() if rows is None else f"{rows:,} {'row' if rows == 1 else 'rows'} loaded"
    return f"{report.service_manager}, {period}: {done}.{f' {report.error}' if report.error else ''}"


def _day(text: str) -> Period:
    try:
        day = date.fromisoformat(text)
        return Period(day, day + timedelta(days=1))
    except (ValueError, OverflowError):  # the last day of all has no day after it
        raise CommandError(f"“{text}” is not a day; write it as YYYY-MM-DD, for example 2026-10-03.") from None
