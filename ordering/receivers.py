"""What rings an order from below: an invoice that was paid."""

from typing import Any

from django.dispatch import receiver

from billing.signals import invoice_paid
from ordering.operations import gates, prepayment


@receiver(invoice_paid, dispatch_uid="ordering.invoice_paid")
def go_on_with_orders(*, invoice_id: int, **_ignored: Any) -> None:
    """Ring the orders that waited for the invoice."""
    prepayment.ring(invoice_id)
    gates.ring(invoice_id)
