"""What beat rings for money: the night's usage, estimates, the month's bills, renewals."""

from typing import Any

from celery import shared_task

from billing.operations import estimates, issuing, renewals, run_queue, subscriptions, usage
from common import clock
from common.locks import Busy


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


@shared_task(name="billing.bill_last_month", time_limit=300)
def bill_last_month(**_ignored: Any) -> None:
    """Queue the run of the month before for every seller; running it again writes only what changed since."""
    run_queue.queue_last_month(at=clock.now())


@shared_task(name="billing.renew_due", time_limit=3600)
def renew_due(**_ignored: Any) -> None:
    """Invoice the prepaid terms that are about to begin, and what changed of those that were invoiced."""
    renewals.renew_due(at=clock.now())


@shared_task(name="billing.work_off_run", time_limit=4 * 3600)
def work_off_run(*, run_id: int, **_ignored: Any) -> None:
    """Bring the drafts of one run to what is owed."""
    try:
        run_queue.work_off(run_id, at=clock.now())
    except Busy:
        return  # the worker that is at it looks at the row again before it leaves


@shared_task(name="billing.issue_run", time_limit=4 * 3600)
def issue_run(*, run_id: int, **_ignored: Any) -> None:
    """Issue the drafts of one run, as somebody asked for."""
    try:
        issuing.issue_off(run_id, at=clock.now())
    except Busy:
        return  # the worker that is at it goes on


@shared_task(name="billing.sweep_runs", time_limit=60)
def sweep_runs(**_ignored: Any) -> None:
    """Ring for runs, and for issuing, that wait for a worker or were left by one that died."""
    now = clock.now()
    run_queue.sweep(at=now)
    issuing.sweep(at=now)


@shared_task(name="billing.end_orphaned", time_limit=300)
def end_orphaned(**_ignored: Any) -> None:
    """End the billing of services that ended without it."""
    subscriptions.end_orphaned(at=clock.now())


@shared_task(name="billing.end_planned", time_limit=300)
def end_planned(**_ignored: Any) -> None:
    """End the subscriptions whose planned end has come."""
    subscriptions.end_planned(at=clock.now())


@shared_task(name="billing.end_trials", time_limit=300)
def end_trials(**_ignored: Any) -> None:
    """End the free trials whose days are over, and bill those that ended early."""
    subscriptions.end_trials(at=clock.now())
