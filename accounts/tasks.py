"""Mail leaves the outbox here, and webhooks leave."""

from time import monotonic
from typing import Any

from celery import shared_task
from django.core.cache import cache
from post_office.mail import get_queued, send_queued

from accounts.operations import idempotency, webhooks
from common import clock

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


@shared_task(name="accounts.deliver_webhooks", soft_time_limit=150, time_limit=180)
def deliver_webhooks(*, endpoint_id: int, **_ignored: Any) -> None:
    """Send an endpoint what is due. Rung twice, or redelivered after its worker was killed, it goes on where it stood."""
    webhooks.deliver_due(endpoint_id=endpoint_id, clock=clock.now)


@shared_task(name="accounts.sweep_webhooks", time_limit=60)
def sweep_webhooks(**_ignored: Any) -> None:
    """Ring every endpoint that something is due for."""
    webhooks.sweep(at=clock.now())


@shared_task(name="accounts.forget_old", time_limit=600)
def forget_old(**_ignored: Any) -> None:
    """Delete what was kept long enough: answers by idempotency key, and deliveries of webhooks."""
    now = clock.now()
    while idempotency.forget_old(at=now) or webhooks.forget_old(at=now):
        continue
