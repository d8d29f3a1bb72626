"""
The worker and its timetable.

Three queues: `orders` (people wait), `billing`, `default`. A message only rings; the row knows what is due. Each
schedule below says what happens when one is missed. Times are UTC.
"""

import os
from datetime import timedelta

from celery import Celery
from celery.schedules import crontab
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("cloudtill")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

app.conf.task_routes = {
    "ordering.*": {"queue": "orders"},
    "billing.*": {"queue": "billing"},
    "provisioning.*": {"queue": "default"},
    "accounts.*": {"queue": "default"},
}

app.conf.beat_schedule = {
    # Rings order lines that are due: lost messages, killed workers, retries whose time has come. Missed: a minute later.
    "ordering.sweep": {"task": "ordering.sweep", "schedule": timedelta(seconds=20)},
    # Goes on with orders that wait for a payment: invoices them, executes what is paid. Missed: a minute later.
    "ordering.sweep_payments": {"task": "ordering.sweep_payments", "schedule": timedelta(minutes=1)},
    # Looks at held orders again: a limit was raised, a part paid, approvals are not asked for any more. Missed: five minutes later.
    "ordering.release_what_fits": {"task": "ordering.release_what_fits", "schedule": timedelta(minutes=5)},
    # Rings tenants that are to be converged by themselves (a mail to send again, a hold). Missed: a minute later.
    "provisioning.sweep": {"task": "provisioning.sweep", "schedule": timedelta(minutes=1)},
    # Looks for what differs at the vendor, tenant by tenant. Missed: the next night, or by hand, `manage.py inspect_vendor`.
    "provisioning.inspect_all": {"task": "provisioning.inspect_all", "schedule": crontab(minute=15, hour=1)},
    # Asks the vendor for yesterday's usage and loads what is ready. Missed: the next round asks for every day still open.
    "billing.collect_usage": {"task": "billing.collect_usage", "schedule": crontab(minute="*/10", hour="6-23")},
    # Goes on with usage reports that are under way or were asked for by hand. Missed: a few seconds later.
    "billing.load_reports": {"task": "billing.load_reports", "schedule": timedelta(seconds=20)},
    # Reads what is used now, for estimates; the vendor renews that every five to six hours. Missed: the old ones stay, with their
    # moment, until the next round, or by hand, “Refresh now”.
    "billing.refresh_estimates": {"task": "billing.refresh_estimates", "schedule": crontab(minute=10, hour="7,13,19")},
    # Ends the billing of services that ended at the vendor's side. Missed: the next round; billing ends as of the same day.
    "billing.end_orphaned": {"task": "billing.end_orphaned", "schedule": timedelta(minutes=10)},
    # Ends subscriptions whose planned end has come. Missed: the next round; billing ends on the planned day all the same.
    "billing.end_planned": {"task": "billing.end_planned", "schedule": timedelta(minutes=10)},
    # Ends free trials whose days are over. Missed: the next round; billing begins on the day promised. What was ended early by hand
    # is billed from the day of the round that sees it.
    "billing.end_trials": {"task": "billing.end_trials", "schedule": timedelta(minutes=10)},
    # Queues the run of the month before for every seller. Missed: by hand, `manage.py bill --period`; twice changes nothing.
    "billing.bill_last_month": {
        "task": "billing.bill_last_month",
        "schedule": crontab(minute=30, hour=7, day_of_month="1-5"),
    },
    # Invoices prepaid terms that begin soon. Missed: the next hour; the notice is counted in days.
    "billing.renew_due": {"task": "billing.renew_due", "schedule": crontab(minute=20)},
    # Rings for billing runs, and for issuing, that nobody is at: lost messages, killed workers. Missed: a minute later.
    "billing.sweep_runs": {"task": "billing.sweep_runs", "schedule": timedelta(minutes=1)},
    # Empties the outbox. Missed: mails wait a minute longer.
    "accounts.send_mail": {"task": "accounts.send_mail", "schedule": timedelta(seconds=30)},
    # Rings the addresses of webhooks that something is due for. Missed: they are told half a minute later.
    "accounts.sweep_webhooks": {"task": "accounts.sweep_webhooks", "schedule": timedelta(seconds=30)},
    # Deletes what the API and webhooks keep for a while: answers by idempotency key, deliveries. Missed: the next day.
    "accounts.forget_old": {"task": "accounts.forget_old", "schedule": crontab(minute=40, hour=2)},
}


@worker_ready.connect
def show_metrics(**_ignored: object) -> None:
    """Show the worker's counters once its processes are forked, so that none of them inherits the port."""
    from config.metrics import serve_worker  # settings are loaded by now

    serve_worker()
