"""What the demonstration's summary says of an order, from the rows."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.models import Invoice, UsageRecord
from common.money import round_money
from ordering.models import Order


class Command(BaseCommand):
    """Prints one JSON object: the order, what it made at the vendor, its usage, and the invoices its subscription is on."""

    help = "Print an order with its tenant, subscription, usage rows and issued invoices, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", help="the order's number")

    def handle(self, *args: Any, order: str, **options: Any) -> None:
        found = Order.objects.filter(number=order).select_related("consumer", "buyer").first()
        if found is None:
            raise CommandError(f"There is no order {order}.")
        line = found.lines.select_related("service__tenant", "subscription").get()
        if line.service is None or line.subscription is None:
            raise CommandError(f"Order {order} is not completed.")
        tenant = line.service.tenant
        invoices = Invoice.objects.issued().filter(lines__subscription=line.subscription).distinct().order_by("pk")
        facts = {
            "order": found.number,
            "consumer": found.consumer.name,
            "buyer": found.buyer.name,
            "tenant_id": str(tenant.vendor_id),
            "customer_id": tenant.key,
            "login": tenant.users.get().login,
            "subscription": line.subscription.number,
            "usage_rows": UsageRecord.objects.filter(tenant=tenant).count(),
            "invoices": [_invoice(invoice, line.subscription.pk) for invoice in invoices],
        }
        self.stdout.write(json.dumps(facts, ensure_ascii=False))


def _invoice(invoice: Invoice, subscription_id: int) -> dict[str, Any]:
    lines = invoice.lines.filter(subscription=subscription_id).order_by("position")
    return {
        "number": invoice.number,
        "seller": invoice.seller.name,
        "buyer": invoice.buyer.name,
        "currency": invoice.currency,
        **{name: str(round_money(getattr(invoice, name), invoice.currency)) for name in ("net", "tax", "gross")},
        "lines": [
            {
                "item": row.item,
                "quantity": f"{row.quantity.normalize():f}",
                "unit": row.unit,
                "unit_price": f"{row.unit_price.normalize():f}",
                "net": str(round_money(row.net, invoice.currency)),
            }
            for row in lines
        ],
    }
