"""What beat rings for money: the night's usage, the month's bills."""

from typing import Any

from celery import shared_task

from billing.operations import usage
from common import clock


@shared_task(name="billing.collect_usage", time_limit=1800)
def collect_usage(**_ignored: Any) -> None:
    """Ask for the usage of every day not covered yet, and load the reports that are ready."""
    usage.collect_due(at=clock.now())
