"""Who may give an order up that waits or failed, wherever it is asked: on its page and by a program."""

from accounts.models import Organization
from ordering.models import Order, OrderLine


def may_cancel(order: Order, organization: Organization) -> bool:
    """
    Say whether ``organization`` may cancel the order, as far as that depends on whose it is.

    Its buyer may, and the MSP. The reseller of its consumer may where it changes a service there is: a reseller can change and end
    its customers' services itself, and one change that waits, perhaps for a payment that never comes, keeps every other one out.
    """
    if organization.kind == Organization.Kind.MSP or order.buyer_id == organization.pk:
        return True
    return order.consumer.reseller == organization and order.lines.exclude(kind=OrderLine.Kind.NEW).exists()


def why_cancelled(order: Order, organization: Organization) -> str:
    """Return what the buyer of an order that ``organization`` cancels is told; empty where that is the buyer itself."""
    is_resellers = order.consumer.reseller == organization and order.buyer_id != organization.pk
    return f"{organization} has cancelled it." if is_resellers else ""


def not_yours(order: Order) -> str:
    """Return what an organization is told that may see the order and not change it."""
    return f"{order.buyer} placed this order; only its buyers change it."
