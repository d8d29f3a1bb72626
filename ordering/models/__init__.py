"""Baskets and orders, what was agreed to with them, and what was offered."""

from ordering.models.baskets import LARGEST_QUANTITY, Basket, BasketLine, largest_quantity
from ordering.models.orders import Order, OrderLine, OrderLineQuerySet, OrderQuerySet, OrderToExecute
from ordering.models.papers import Quote, TermsAcceptance

__all__ = [
    "LARGEST_QUANTITY",
    "Basket",
    "BasketLine",
    "Order",
    "OrderLine",
    "OrderLineQuerySet",
    "OrderQuerySet",
    "OrderToExecute",
    "Quote",
    "TermsAcceptance",
    "largest_quantity",
]
