"""Mail leaves the outbox here."""

from typing import Any

from celery import shared_task
from django.core.cache import cache
from post_office.mail import send_queued_mail_until_done

TIME_LIMIT = 300
OUTBOX = "accounts.outbox"


@shared_task(name="accounts.send_mail", time_limit=TIME_LIMIT)
def send_mail(**_ignored: Any) -> None:
    """
    Send what lies in the outbox; a mail that fails stays there and is tried again.

    One worker at a time, on whatever machine: two would send the same mails. post_office itself looks only at its own machine, and
    it closes the database session that a lock of `common.locks` would live in. A killed worker's turn ends with its time limit.
    """
    if not cache.add(OUTBOX, "sending", timeout=TIME_LIMIT):
        return
    try:
        send_queued_mail_until_done(log_level=1)
    finally:
        cache.delete(OUTBOX)
