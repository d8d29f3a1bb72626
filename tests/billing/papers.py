"""Invoices and credit notes of every kind for the tests of what is printed, mailed and sent as data."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

from accounts.models import Organization
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, Subscription
from billing.operations.invoices import issue_invoice
from billing.rating import exact_product
from common.money import round_money
from tests import factories
from tests.billing.making import NOVEMBER_1, OCTOBER, subscribe

ISSUED_ON = date(2026, 11, 2)
VAT_19, VAT_7 = ("VAT 19 %", Decimal(19)), ("VAT 7 %", Decimal(7))


class Wanted(NamedTuple):
    """A line to be."""

    quantity: str = "142.8571428571"
    unit_price: str = "0.07"
    description: str = "Cloud storage for backups"
    unit: str = "GiB"
    taxes: Sequence[tuple[str, Decimal]] = (VAT_19,)
    consumer: str = "Zoe KG"
    period: tuple[date, date] = (OCTOBER.start, OCTOBER.end)


def draft(buyer: Organization, *lines: Wanted, currency: str = "EUR", category: str = "S", **facts: Any) -> Invoice:
    """A draft of the MSP with ``lines``; taxes are taken once on the nets they apply to, none but in category S."""
    subscription = subscribe(buyer)
    nets: dict[tuple[str, Decimal], Decimal] = {}
    rows = [_line(subscription, place, line, currency, category) for place, line in enumerate(lines or (Wanted(),), start=1)]
    for row, line in zip(rows, lines or (Wanted(),), strict=True):
        for tax in line.taxes if category == "S" else ():
            nets[tax] = nets.get(tax, Decimal(0)) + row.net
    taxes = {tax: round_money(net * tax[1] / 100, currency) for tax, net in nets.items()}
    net, tax = sum((row.net for row in rows), Decimal(0)), sum(taxes.values(), Decimal(0))
    made = Invoice.objects.create(
        seller=facts.pop("seller", None) or factories.msp(),
        buyer=buyer,
        venture=subscription.plan.venture,
        currency=currency,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        net=net,
        tax=tax,
        gross=net + tax,
        taxes=[
            {"name": name, "percent": f"{percent:f}", "net": f"{nets[name, percent]:f}", "tax": f"{amount:f}"}
            for (name, percent), amount in taxes.items()
        ],
        tax_category=category,
        created_at=NOVEMBER_1,
        **facts,
    )
    for row in rows:
        row.invoice = made
    InvoiceLine.objects.bulk_create(rows)
    return made


def issued(buyer: Organization, *lines: Wanted, **facts: Any) -> Invoice:
    """The same, issued on 2 November 2026."""
    return issue_invoice(invoice_id=draft(buyer, *lines, **facts).pk, on=ISSUED_ON, by=None, at=NOVEMBER_1)


def credited(invoice: Invoice) -> CreditNote:
    """A credit note of everything ``invoice`` bills, by rows alone."""
    note = CreditNote.objects.create(
        key=uuid4(),
        seller=invoice.seller,
        buyer=invoice.buyer,
        venture=invoice.venture,
        invoice=invoice,
        number=f"{invoice.number}-CN",
        issued_on=date(2026, 11, 5),
        currency=invoice.currency,
        net=invoice.net,
        tax=invoice.tax,
        gross=invoice.gross,
        taxes=invoice.taxes,
        reason="Billed by mistake",
        seller_copy=invoice.seller_copy,
        buyer_copy=invoice.buyer_copy,
        language=invoice.language,
        created_at=NOVEMBER_1,
    )
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            credit_note=note,
            position=line.position,
            invoice_line=line,
            description=line.description,
            quantity=line.quantity,
            unit=line.unit,
            unit_price=line.unit_price,
            net=line.net,
            tax_percent=line.tax_percent,
        )
        for line in invoice.lines.all()
    )
    return note


def _line(subscription: Subscription, position: int, line: Wanted, currency: str, category: str) -> InvoiceLine:
    quantity, unit_price = Decimal(line.quantity), Decimal(line.unit_price)
    taxes = line.taxes if category == "S" else ()
    return InvoiceLine(
        subscription=subscription,
        product_group=subscription.plan.product_group,
        position=position,
        item="pg_base_storage",
        description=line.description,
        period_start=line.period[0],
        period_end=line.period[1],
        quantity=quantity,
        unit=line.unit,
        unit_price=unit_price,
        net=round_money(exact_product(quantity, unit_price), currency),
        tax_percent=sum((percent for _, percent in taxes), Decimal(0)),
        working={"taxes": [[name, f"{percent:f}"] for name, percent in taxes], "consumer": line.consumer, "plan": "Cyber Protect"},
    )
