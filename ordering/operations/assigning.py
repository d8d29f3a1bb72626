"""Who of the staff looks after an order."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from common.errors import FieldRefused
from ordering.models import Order


@transaction.atomic(durable=True)
def assign_order(*, order_id: int, to: User | None, by: User, at: datetime) -> Order:
    """
    Let ``to`` look after an order; None: nobody does. Repeated, nothing. Of two people who assign it the last one counts.

    :raises FieldRefused: ``to`` may not execute orders, so could do nothing about it.
    """
    order = Order.objects.locked().get(pk=order_id)
    if to is not None and not (to.is_staff and to.has_perm("ordering.execute_order")):
        raise FieldRefused("to", f"{to} may not execute orders. Assign it to somebody who may.")
    if order.assigned_to_id != (to.pk if to else None):
        order.assigned_to = to
        order.save(update_fields=["assigned_to"])
    return order
