"""Issued invoices and credit notes made by hand, where a test is about reading them and not about how they come about."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from accounts.models import Organization
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, Subscription
from tests import factories
from tests.billing.making import NOVEMBER_1, OCTOBER, STORAGE


def line(subscription: Subscription | None, net: str, *, item: str = STORAGE, consumer: str = "", **facts: Any) -> InvoiceLine:
    """A line of one unit at its net; ``working`` as far as lists read it."""
    named = consumer or (subscription.consumer.name if subscription else "")
    working = {"consumer": named, "plan": subscription.plan_name if subscription else "Backup", "kind": "charge"}
    return InvoiceLine(
        subscription=subscription,
        item=item,
        description=item,
        period_start=facts.pop("period_start", OCTOBER.start),
        period_end=facts.pop("period_end", OCTOBER.end),
        quantity=1,
        unit="unit",
        unit_price=Decimal(net),
        net=Decimal(net),
        tax_percent=19,
        working={**working, **facts.pop("working", {})},
        **facts,
    )


def issued(
    seller: Organization, buyer: Organization, lines: Sequence[InvoiceLine], *, number: str, currency: str = "EUR", **facts: Any
) -> Invoice:
    """An issued invoice of October with ``lines`` and 19 % on top."""
    net = sum((one.net for one in lines), Decimal(0))
    tax = (net * Decimal("0.19")).quantize(Decimal("0.01"))
    invoice = Invoice.objects.create(
        **{
            "seller": seller,
            "buyer": buyer,
            "venture": factories.VentureFactory(),
            "currency": currency,
            "period_start": OCTOBER.start,
            "period_end": OCTOBER.end,
            "seller_copy": seller.billing_snapshot(),
            "buyer_copy": buyer.billing_snapshot(),
            "net": net,
            "tax": tax,
            "gross": net + tax,
            "taxes": [{"name": "VAT 19 %", "percent": "19", "net": str(net), "tax": str(tax)}],
            "created_at": NOVEMBER_1,
            **facts,
        }
    )
    for position, one in enumerate(lines, start=1):
        one.invoice, one.position = invoice, position
        one.save()
    invoice.status, invoice.number = Invoice.Status.ISSUED, number
    invoice.issued_on = facts.get("issued_on", date(2026, 11, 2))
    invoice.due_on = facts.get("due_on", date(2026, 11, 16))
    invoice.save()
    return invoice


def credited(invoice: Invoice, net: str, *, number: str = "CN-1") -> CreditNote:
    """A credit note over ``net`` of the invoice's first line, 19 % on top."""
    amount = Decimal(net)
    tax = (amount * Decimal("0.19")).quantize(Decimal("0.01"))
    note = CreditNote.objects.create(
        key=uuid4(),
        seller=invoice.seller,
        buyer=invoice.buyer,
        venture=invoice.venture,
        invoice=invoice,
        number=number,
        issued_on=date(2026, 11, 5),
        currency=invoice.currency,
        net=amount,
        tax=tax,
        gross=amount + tax,
        reason="Agreed on the phone",
        seller_copy=invoice.seller_copy,
        buyer_copy=invoice.buyer_copy,
        created_at=NOVEMBER_1,
    )
    first = invoice.lines.order_by("position")[0]
    CreditNoteLine.objects.create(
        credit_note=note,
        position=1,
        invoice_line=first,
        description=first.description,
        quantity=1,
        unit=first.unit,
        unit_price=amount,
        net=amount,
        tax_percent=first.tax_percent,
    )
    return note
