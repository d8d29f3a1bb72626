"""What holds an order, and who lets it go on."""

from decimal import Decimal

import pytest
from post_office.models import Email

from accounts.models import Organization
from ordering.models import Order
from ordering.operations import gates, orders
from tests.ordering.conftest import AT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_login_is_free")]


def approving(shop):
    shop.personas.reseller.approves_customer_orders = True
    shop.personas.reseller.save(update_fields=["approves_customer_orders"])


def limited(organization, limit):
    organization.credit_limit = None if limit is None else Decimal(limit)
    organization.save(update_fields=["credit_limit"])


def by_carol(shop, **facts):
    """An order of the reseller's customer for itself."""
    p = shop.personas
    return shop.order(owner=p.carol, buyer=p.resellers_customer, consumer=p.resellers_customer, **facts)


def by_alice(shop, **facts):
    """An order of the reseller for its customer."""
    p = shop.personas
    return shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer, **facts)


def mails_to(address):
    return [mail for mail in Email.objects.order_by("pk") if address in mail.to]


# Approval


def test_a_customers_order_waits_until_its_reseller_approves_it(shop, no_worker):
    approving(shop)

    order = by_carol(shop)
    assert (order.status, order.held_for) == (Order.Status.HELD, Order.HeldFor.APPROVAL)
    assert order.held_because == "Alster IT approves what its customers order."
    assert no_worker == []
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    order.refresh_from_db()
    assert (order.status, order.held_for, order.held_because) == (Order.Status.EXECUTING, "", "")
    assert order.let_through == [Order.HeldFor.APPROVAL]
    assert no_worker == [order.lines.get().pk]


def test_a_reseller_need_not_approve_what_it_orders_itself(shop, no_worker):
    approving(shop)

    assert by_alice(shop).status == Order.Status.EXECUTING


def test_approval_comes_before_execution_by_staff(shop, no_worker):
    approving(shop)
    Organization.objects.filter(pk=shop.personas.resellers_customer.pk).update(orders_execute_automatically=False)
    order = by_carol(shop)

    with pytest.raises(orders.StillHeld, match="Alster IT approves"):
        orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    order.refresh_from_db()
    assert order.status == Order.Status.PLACED
    orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    order.refresh_from_db()
    assert (order.status, order.executed_by) == (Order.Status.EXECUTING, shop.personas.mira)
