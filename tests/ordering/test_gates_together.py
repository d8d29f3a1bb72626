"""What becomes of a held order that several decide about at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from post_office.models import Email

from common.errors import DomainError
from ordering.models import Order
from ordering.operations import gates, orders
from ordering.queries import checkouts
from tests import factories
from tests.ordering.conftest import ADDRESS, AT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("every_login_is_free", "no_worker")]


def at_once(*steps):
    """Take all steps at the same moment; return what each came to, a refusal by its sentence."""
    start = Barrier(len(steps))

    def take(step):
        try:
            start.wait(10)
            return step()
        except DomainError as refusal:
            return str(refusal)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as people:
        return [future.result(30) for future in [people.submit(take, step) for step in steps]]


@pytest.fixture
def held(shop):
    """An order of a reseller's customer that waits for approval."""
    p = shop.personas
    p.reseller.approves_customer_orders = True
    p.reseller.save(update_fields=["approves_customer_orders"])
    return shop.order(owner=p.carol, buyer=p.resellers_customer)


def test_two_approvals_at_the_same_moment_let_it_go_on_once(shop, held, no_worker):
    def approve():
        return gates.approve_order(order_id=held.pk, by=shop.personas.alice, at=AT).status

    assert at_once(approve, approve) == [Order.Status.EXECUTING] * 2
    assert len(no_worker) == 1
    assert Email.objects.filter(to="carol@example.com").count() == 2  # received, approved


def test_of_an_approval_and_a_cancellation_at_the_same_moment_one_wins_and_the_other_is_told(shop, held, no_worker):
    p = shop.personas

    ends = at_once(
        lambda: gates.approve_order(order_id=held.pk, by=p.alice, at=AT).status,
        lambda: orders.cancel_order(order_id=held.pk, by=p.carol, at=AT).status,
    )

    held.refresh_from_db()
    if held.status == Order.Status.CANCELLED:
        assert ends == [f"Order {held} was cancelled meanwhile; there is nothing to approve.", Order.Status.CANCELLED]
        assert no_worker == []
    else:
        assert ends == [Order.Status.EXECUTING, "This order is In progress; it cannot become Cancelled."]
        assert len(no_worker) == 1


def test_two_orders_of_one_reseller_at_the_same_moment_never_exceed_its_limit_together(shop):
    p = shop.personas
    plan = shop.fixed_plan()  # 16 a month and 8 once to the reseller
    factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=p.reseller, plan=plan)
    p.reseller.credit_limit = Decimal(30)
    p.reseller.save(update_fields=["credit_limit"])
    other = factories.OrganizationFactory(parent=p.reseller)
    factories.MembershipFactory(user=p.carol, organization=other)
    baskets = [
        shop.complete(plan=plan, owner=p.carol, buyer=p.resellers_customer),
        shop.complete(plan=plan, owner=p.carol, buyer=other, login="other.one"),
    ]

    def submit(basket):
        seen = checkouts.summary(basket, at=AT).prices_seen
        return orders.submit_order(basket_id=basket.pk, by=p.carol, address=ADDRESS, at=AT, prices_seen=seen).status

    ends = at_once(*[lambda basket=basket: submit(basket) for basket in baskets])

    assert sorted(ends) == [Order.Status.EXECUTING, Order.Status.HELD]
