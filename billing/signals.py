"""Doorbells for the floors above. The rows say what is due; whoever missed the bell sweeps them."""

from django.dispatch import Signal

# Sent after commit with ``invoice_id``, when the last open cent of an invoice was paid. An invoice that was credited to its end is
# not paid. It may come again, where a payment was taken back meanwhile or a part credited; `queries.payments.paid` finds the same
# invoices by their rows.
invoice_paid = Signal()
