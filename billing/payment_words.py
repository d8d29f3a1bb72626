"""What is said of a payment, in the back office and in the storefront."""

from collections.abc import Iterable
from decimal import Decimal

from billing.models import Payment, PaymentAllocation
from common.templatetags.show import money


def recorded_words(payment: Payment) -> str:
    """Return the sentence that says what became of a payment that was just recorded."""
    made = list(payment.allocations.select_related("invoice"))
    rest = payment.amount - sum((one.amount for one in made), Decimal(0))
    told = [f"{money(payment.amount, payment.currency)} recorded"]
    if made:
        told.append(allocated_words(made, payment.currency))
    if rest:
        told.append(f"{money(rest, payment.currency)} kept as credit")
    return f"{'; '.join(told)}."


def allocated_words(made: Iterable[PaymentAllocation], currency: str) -> str:
    """Return what is paid of which invoice: 100.00 EUR for INV-2026-00001, 20.00 EUR for INV-2026-00002."""
    return ", ".join(f"{money(one.amount, currency)} for {one.invoice.number}" for one in made)
