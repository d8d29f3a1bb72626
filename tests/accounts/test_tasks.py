"""The outbox and its task."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from post_office import mail
from post_office.models import STATUS

from accounts.tasks import OUTBOX, send_mail

pytestmark = pytest.mark.django_db(transaction=True)  # the outbox closes the connections it sends on


class NoPostman:
    """A way of sending that does not work."""

    def __init__(self, *args, **kwargs):
        pass

    def open(self):
        raise ConnectionRefusedError("nobody at home")


def test_a_mail_in_the_outbox_is_sent_once(mailoutbox):
    email = mail.send("dora@example.com", "till@example.com", subject="Ready", message="It is ready.")

    send_mail()
    send_mail()

    email.refresh_from_db()
    assert email.status == STATUS.sent
    assert [sent.subject for sent in mailoutbox] == ["Ready"]


def test_while_one_worker_empties_the_outbox_another_leaves_it_alone(mailoutbox):
    mail.send("dora@example.com", "till@example.com", subject="Ready", message="It is ready.")
    cache.add(OUTBOX, "sending")

    send_mail()
    assert mailoutbox == []
    cache.delete(OUTBOX)
    send_mail()

    assert len(mailoutbox) == 1


def test_a_mail_that_cannot_be_sent_stays_and_is_tried_again_later(monkeypatch, settings):
    backend = f"{__name__}.NoPostman"
    settings.POST_OFFICE = {**settings.POST_OFFICE, "BACKENDS": {"default": backend}}
    email = mail.send("dora@example.com", "till@example.com", subject="Ready", message="It is ready.")

    send_mail()

    email.refresh_from_db()
    assert email.status == STATUS.requeued
    assert timedelta(0) < email.scheduled_time - timezone.now() <= timedelta(minutes=5)
