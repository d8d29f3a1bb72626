"""What could slip through the gate, or be kept by it for ever."""

from datetime import timedelta
from decimal import Decimal

import pytest
from post_office.models import Email

from accounts.models import WebhookDelivery, WebhookEndpoint
from catalog.models import Plan
from common.errors import DomainError
from ordering import notifications
from ordering.models import Order
from ordering.operations import gates, orders
from tests import factories
from tests.ordering.api import Programs
from tests.ordering.conftest import AT
from tests.ordering.test_gates import approving, by_alice, by_carol, limited, plan, shop_through_another_manager, state

__all__ = ["plan"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_login_is_free", "no_worker")]

HELD = Order.Status.HELD


def test_two_prepaid_orders_do_not_exceed_together_what_a_reseller_allows_its_customer(shop, monkeypatch):
    monkeypatch.setattr(orders, "after_commit", lambda name, **_: None)
    p = shop.personas
    prepaid = shop.fixed_plan(billing_model=Plan.BillingModel.PREPAID)
    limited(p.resellers_customer, "250")
    other = shop_through_another_manager(shop, prepaid)
    Plan.objects.filter(pk=other.pk).update(billing_model=Plan.BillingModel.PREPAID)
    other.refresh_from_db()
    for one in (prepaid, other):
        factories.PartnerTermsFactory(reseller=p.reseller, plan=one)
        factories.PartnerPriceFactory(reseller=p.reseller, plan=one)

    first = by_carol(shop, plan=prepaid, term_months=12)
    second = by_carol(shop, plan=other, term_months=12, login="second.one")

    assert state(first)[0] == Order.Status.AWAITING_PAYMENT
    assert state(second) == (HELD, Order.HeldFor.APPROVAL)
    assert "other orders in progress 218.40 EUR" in second.held_because


def test_orders_that_wait_for_a_person_keep_no_younger_one_from_going_on(shop, plan, monkeypatch):
    monkeypatch.setattr(gates, "SWEEP_LIMIT", 1)
    approving(shop)
    waits = by_carol(shop, plan=plan)
    limited(shop.personas.direct_customer, "5")
    younger = shop.order(plan=plan, login="second.one")

    limited(shop.personas.direct_customer, None)
    for turn in range(2):
        gates.release_what_fits(at=AT + turn * timedelta(seconds=gates.TURN_SECONDS))

    assert state(waits) == (HELD, Order.HeldFor.APPROVAL)
    assert state(younger) == (Order.Status.EXECUTING, "")


def test_an_order_that_cannot_go_on_keeps_no_other_one_from_it(shop, plan, monkeypatch):
    limited(shop.personas.direct_customer, "5")
    stuck = shop.order(plan=plan)
    other = shop.order(plan=shop_through_another_manager(shop, plan), login="second.one")
    limited(shop.personas.direct_customer, None)
    begin = orders.begin_or_await_payment

    def refuses(order, **facts):
        if order == stuck:
            raise DomainError("Not now.")
        begin(order, **facts)

    monkeypatch.setattr(orders, "begin_or_await_payment", refuses)
    assert gates.release_what_fits(at=AT) == 1

    assert (state(stuck)[0], state(other)[0]) == (HELD, Order.Status.EXECUTING)


def test_staff_decline_an_order_that_is_held_for_the_credit_limit(shop, plan):
    limited(shop.personas.direct_customer, "5")
    order = shop.order(plan=plan)

    shop.personas.client("root").post(f"/bss/ordering/order/{order.pk}/decline/", {"reason": "Pay first."})

    order.refresh_from_db()
    assert (order.status, order.cancelled_because) == (Order.Status.CANCELLED, "Pay first.")


def test_who_declined_a_resellers_own_order_is_said_rightly(shop, plan):
    limited(shop.personas.resellers_customer, "5")
    order = by_alice(shop, plan=plan)

    gates.decline_order(order_id=order.pk, reason="No.", by=shop.personas.alice, at=AT)

    assert "Alster IT has declined your order." in Email.objects.order_by("pk").last().email_message().body


def test_a_resellers_customer_hears_nothing_of_its_resellers_limit_by_programs(shop, plan):
    p = shop.personas
    limited(p.reseller, "5")
    WebhookEndpoint.objects.create(
        organization=p.resellers_customer, url="https://a.example/", secret="s", told_of=["order.held"], created_at=AT
    )

    order = by_carol(shop, plan=plan)
    notifications.order_held(order, at=AT)

    assert order.held_for == Order.HeldFor.CREDIT_LIMIT
    assert "limit" not in str(list(WebhookDelivery.objects.values_list("payload", flat=True)))
    programs = Programs(shop)
    to_carol, to_alice = (programs.get(who, f"orders/{order}") for who in ("carol", "alice"))
    assert "limit" not in to_carol.content.decode()
    assert to_alice.json()["held_for"] == "credit_limit"


def test_a_name_of_two_lines_makes_no_subject_of_two(shop, plan):
    customer = shop.personas.direct_customer
    customer.name = "Dora\r\nBcc: all@example.com"
    customer.credit_limit = Decimal(5)
    customer.save()

    shop.order(plan=plan)

    subjects = [mail.email_message().subject for mail in Email.objects.all()]
    assert any("Dora Bcc:" in subject for subject in subjects)
    assert not any("\n" in subject for subject in subjects)
