"""Mail leaves the outbox here."""

from typing import Any

from celery import shared_task
from post_office.mail import send_queued_mail_until_done


@shared_task(name="accounts.send_mail", time_limit=300)
def send_mail(**_ignored: Any) -> None:
    """Send what lies in the outbox; a mail that fails stays there and is tried again."""
    send_queued_mail_until_done(log_level=1)
