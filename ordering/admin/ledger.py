"""What every list of orders shares: its columns, what it finds, and how what was ordered is told."""

from unfold.decorators import display

from common.bss import STATE_COLOURS, Ledger
from ordering.models import Order, OrderLine


class OrderLedger(Ledger):
    """What both lists of orders share."""

    list_select_related = ("consumer", "buyer", "placed_by")
    search_fields = (
        "number__istartswith",
        "consumer__number__iexact",
        "consumer__name",
        "buyer__number__iexact",
        "buyer__name",
        "lines__login",
        "purchase_order",
    )
    search_help_text = "Order, customer or reseller (number or name), login, reference"

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, order: Order) -> tuple[str, str]:
        return order.status, str(order.get_status_display())

    @display(description="product")
    def product(self, order: Order) -> str:
        return ", ".join(product_words(line) for line in order.lines.all())

    @display(description="through")
    def reseller(self, order: Order) -> str:
        return order.buyer.name if order.buyer_id != order.consumer_id else "direct"


def product_words(line: OrderLine) -> str:
    """Name what was ordered; of what has a fixed price also the term and how many."""
    return f"{line.plan_name}, {line.get_term_months_display()}, quantity {line.quantity:,}" if line.prices else line.plan_name
