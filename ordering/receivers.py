"""What rings from below: an invoice that was paid, somebody who has signed in."""

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from billing.signals import invoice_paid
from ordering import waiting
from ordering.operations import gates, prepayment


@receiver(invoice_paid, dispatch_uid="ordering.invoice_paid")
def go_on_with_orders(*, invoice_id: int, **_ignored: Any) -> None:
    """Ring the orders that waited for the invoice."""
    prepayment.ring(invoice_id)
    gates.ring(invoice_id)


@receiver(user_logged_in, dispatch_uid="ordering.signed_in")
def take_up_what_waits(*, request: HttpRequest, **_ignored: Any) -> None:
    """Put what a visitor had waiting into the basket, whichever way somebody signs in or up."""
    if waiting.count(request.session):
        waiting.take_up(request)
