"""What beat rings for money: the night's usage, the month's bills."""

from typing import Any

from celery import shared_task

from billing.operations import estimates, runs, subscriptions, usage
from common import clock


@shared_task(name="billing.collect_usage", time_limit=1800)
def collect_usage(**_ignored: Any) -> None:
    """Ask for the usage of every day not covered yet, and load the reports that are ready."""
    usage.collect_due(at=clock.now())


@shared_task(name="billing.load_reports", time_limit=3600)
def load_reports(**_ignored: Any) -> None:
    """Go on with the usage reports that are due: ask for them, look whether they are ready, load them."""
    usage.load_due(at=clock.now())


@shared_task(name="billing.refresh_estimates", time_limit=3600)
def refresh_estimates(**_ignored: Any) -> None:
    """Ask the vendor what is used now, for estimates."""
    estimates.refresh_estimates(at=clock.now())


@shared_task(name="billing.bill_last_month", time_limit=3600)
def bill_last_month(**_ignored: Any) -> None:
    """Bring every seller's drafts of the month before to what is owed; running it again writes only what changed since."""
    runs.bill_last_month(at=clock.now())


@shared_task(name="billing.end_orphaned", time_limit=300)
def end_orphaned(**_ignored: Any) -> None:
    """End the billing of services that ended without it."""
    subscriptions.end_orphaned(at=clock.now())


@shared_task(name="billing.end_trials", time_limit=300)
def end_trials(**_ignored: Any) -> None:
    """End the free trials whose days are over, and bill those that ended early."""
    subscriptions.end_trials(at=clock.now())
