"""Orders as a file for spreadsheets: a row per line of an order."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from catalog.queries.offers import SoldPrice
from common.sheets import guarded
from ordering.models import Order, OrderLine

COLUMNS = (
    "order",
    "state",
    "placed_at",
    "source",
    "customer_number",
    "customer",
    "buyer_number",
    "buyer",
    "kind",
    "product",
    "billing_model",
    "term_months",
    "quantity",
    "currency",
    "price_per_unit_and_term",
    "setup_fee_per_unit",
    "other_price_because",
    "subscription",
    "reference",
    "placed_by",
    "assigned_to",
    "why",
)


class _Passing:
    """A file for the csv writer that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def orders_csv(found: QuerySet[Order]) -> Iterator[str]:
    """
    Give the lines of the file one by one, the header first; moments are UTC, prices what the MSP invoices the buyer, excl. VAT.

    Prices are empty where it is priced by use.
    """
    writer: Any = csv.writer(_Passing())
    yield writer.writerow(COLUMNS)
    orders = found.prefetch_related(None).prefetch_related("lines__subscription")
    for order in orders.select_related("buyer", "consumer", "placed_by", "api_token", "assigned_to").iterator(chunk_size=500):
        for line in order.lines.all():
            yield writer.writerow(_row(order, line))


def _row(order: Order, line: OrderLine) -> list[Any]:
    price = SoldPrice.from_json(line.prices[0]) if line.prices else None  # the first level is what the MSP invoices
    return [
        order.number,
        order.get_status_display(),
        f"{order.placed_at:%Y-%m-%d %H:%M:%S}",
        order.get_source_display(),
        order.consumer.number,
        guarded(order.consumer.name),
        order.buyer.number,
        guarded(order.buyer.name),
        line.get_kind_display(),
        guarded(line.plan_name),
        line.billing_model,
        line.term_months,
        line.quantity,
        price.currency if price else order.currency,
        f"{price.amounts.price:f}" if price else "",
        f"{price.amounts.setup_fee:f}" if price else "",
        guarded(line.price_reason),
        line.subscription.number if line.subscription else "",
        guarded(order.purchase_order),
        guarded(order.placer),
        guarded(str(order.assigned_to or "")),
        guarded(order.held_because or line.error or order.cancelled_because),
    ]
