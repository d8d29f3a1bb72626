"""Issued invoices and payments, made directly: what is tested is what is paid, not how it was billed."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from accounts.models import Organization
from billing.models import CreditNote, Invoice, Payment
from billing.operations import payments
from tests import factories

NOVEMBER_20 = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 20)
_NUMBERS = count(1)


def issued(
    seller: Organization,
    buyer: Organization,
    gross: str,
    *,
    due_on: date = date(2026, 11, 15),
    issued_on: date = date(2026, 11, 1),
    currency: str = "EUR",
    number: str = "",
) -> Invoice:
    """An issued invoice without tax."""
    return Invoice.objects.create(
        seller=seller,
        buyer=buyer,
        venture=factories.VentureFactory(),
        status=Invoice.Status.ISSUED,
        number=number or f"INV-2026-{next(_NUMBERS):05d}",
        currency=currency,
        period_start=date(2026, 10, 1),
        period_end=date(2026, 11, 1),
        issued_on=issued_on,
        due_on=due_on,
        seller_copy=seller.billing_snapshot(),
        buyer_copy=buyer.billing_snapshot(),
        net=Decimal(gross),
        gross=Decimal(gross),
        created_at=NOVEMBER_20,
    )


def credited(invoice: Invoice, gross: str) -> CreditNote:
    """A credit note over a part of ``invoice``."""
    return CreditNote.objects.create(
        key=uuid4(),
        seller_id=invoice.seller_id,
        buyer_id=invoice.buyer_id,
        venture_id=invoice.venture_id,
        invoice=invoice,
        number=f"CN-2026-{next(_NUMBERS):05d}",
        issued_on=date(2026, 11, 18),
        currency=invoice.currency,
        net=Decimal(gross),
        tax=0,
        gross=Decimal(gross),
        reason="Too much",
        seller_copy=invoice.seller_copy,
        buyer_copy=invoice.buyer_copy,
        created_at=NOVEMBER_20,
    )


def pay(seller: Organization, buyer: Organization, amount: str, **facts: Any) -> Payment:
    """Record a payment by bank transfer of 18 November."""
    told = {
        "currency": "EUR",
        "received_on": date(2026, 11, 18),
        "method": "bank_transfer",
        "reference": "",
        "note": "",
        "by": None,
        "at": NOVEMBER_20,
        **facts,
    }
    return payments.record_payment(seller=seller, buyer=buyer, amount=Decimal(amount), **told)


def left(invoice: Invoice) -> Decimal:
    """What is open of ``invoice`` now."""
    return Decimal(Invoice.objects.with_open().get(pk=invoice.pk).open_amount)  # type: ignore[attr-defined]


def paid_with(payment: Payment) -> dict[str | None, Decimal]:
    """What ``payment`` pays, by number of the invoice."""
    return {one.invoice.number: one.amount for one in payment.allocations.select_related("invoice")}
