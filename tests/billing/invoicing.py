"""Issued invoices for tests of what comes after them: credit notes, payments, accounting."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations.invoices import issue_invoice
from billing.rating import exact_product, plain
from common.money import round_money
from tests import factories
from tests.billing.making import NOVEMBER_1, OCTOBER, subscribe

VAT = ("VAT 19 %", Decimal(19))
ISSUED_ON = date(2026, 11, 2)


class Billed(NamedTuple):
    """A line to be: quantity × unit price, and its taxes."""

    quantity: str
    unit_price: str
    taxes: Sequence[tuple[str, Decimal]] = (VAT,)


def drafted(subscription: Subscription, *lines: Billed, seller: Organization | None = None, currency: str = "EUR") -> Invoice:
    """A draft of the MSP, or of ``seller``, to whoever buys from it for the subscription's consumer."""
    seller = seller or factories.msp()
    consumer = subscription.consumer
    buyer = consumer.reseller if seller.kind == Organization.Kind.MSP and consumer.reseller else consumer
    nets: dict[tuple[str, Decimal], Decimal] = {}
    rows = []
    for position, line in enumerate(lines, start=1):
        quantity, unit_price = Decimal(line.quantity), Decimal(line.unit_price)
        net = round_money(exact_product(quantity, unit_price), currency)
        for tax in line.taxes:
            nets[tax] = nets.get(tax, Decimal(0)) + net
        rows.append(_line(subscription, position, line, net))
    taxes = {tax: round_money(net * tax[1] / 100, currency) for tax, net in nets.items()}
    net, tax = sum((row.net for row in rows), Decimal(0)), sum(taxes.values(), Decimal(0))
    draft = Invoice.objects.create(
        seller=seller,
        buyer=buyer,
        venture=subscription.plan.venture,
        currency=currency,
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        net=net,
        tax=tax,
        gross=net + tax,
        taxes=[
            {"name": name, "percent": plain(percent), "net": plain(nets[name, percent]), "tax": plain(amount)}
            for (name, percent), amount in sorted(taxes.items())
        ],
        created_at=NOVEMBER_1,
    )
    for row in rows:
        row.invoice = draft
    InvoiceLine.objects.bulk_create(rows)
    return draft


def invoiced(
    consumer: Organization | Subscription,
    *lines: Billed,
    seller: Organization | None = None,
    currency: str = "EUR",
    on: date = ISSUED_ON,
) -> Invoice:
    """An issued invoice to ``consumer``, or its reseller where the MSP sells: for October, 100 units at 1.00 if nothing is told."""
    subscription = consumer if isinstance(consumer, Subscription) else subscribe(consumer)
    draft = drafted(subscription, *(lines or (Billed("100", "1"),)), seller=seller, currency=currency)
    return issue_invoice(invoice_id=draft.pk, on=on, by=None)


def _line(subscription: Subscription, position: int, line: Billed, net: Decimal) -> InvoiceLine:
    return InvoiceLine(
        subscription=subscription,
        product_group=subscription.plan.product_group,
        position=position,
        item="pg_base_storage",
        edition="",
        description=f"Item {position}",
        period_start=OCTOBER.start,
        period_end=OCTOBER.end,
        quantity=Decimal(line.quantity),
        unit="GiB",
        unit_price=Decimal(line.unit_price),
        net=net,
        tax_percent=sum((percent for _, percent in line.taxes), Decimal(0)),
        working={
            "taxes": [[name, plain(percent)] for name, percent in line.taxes],
            "consumer": subscription.consumer.name,
            "plan": subscription.plan_name,
            "kind": "charge",
        },
    )
