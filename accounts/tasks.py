"""Mail leaves the outbox here."""

from time import monotonic
from typing import Any

from celery import shared_task
from django.core.cache import cache
from post_office.mail import get_queued, send_queued

TIME_LIMIT = 300
ENOUGH = 150
"""After so many seconds no further batch begins; the next turn goes on. A batch cut off by the time limit might go out twice."""
OUTBOX = "accounts.outbox"


@shared_task(name="accounts.send_mail", time_limit=TIME_LIMIT)
def send_mail(**_ignored: Any) -> None:
    """
    Send what lies in the outbox, batch by batch; a mail that fails stays there and is tried again.

    One worker at a time, on whatever machine: two would send the same mails. post_office itself looks only at its own machine, and
    it closes the database session that a lock of `common.locks` would live in. A killed worker's turn ends with its time limit.
    """
    if not cache.add(OUTBOX, "sending", timeout=TIME_LIMIT):
        return
    began = monotonic()
    try:
        while get_queued().exists() and monotonic() - began < ENOUGH:
            send_queued(processes=1, log_level=1)
    finally:
        cache.delete(OUTBOX)
