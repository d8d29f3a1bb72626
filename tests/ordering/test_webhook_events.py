"""Which events programs are told of, as an order goes its way and a subscription starts, changes and ends."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from billing.operations import subscriptions
from billing.operations.phases import begin_phase
from common.errors import DomainError
from ordering.operations import execution, orders
from tests import factories
from tests.ordering.conftest import AT, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


@pytest.fixture(autouse=True)
def told(shop: Shop) -> None:
    """Two programs, of a customer and of the MSP, that want to know everything."""
    for organization in (shop.personas.direct_customer, shop.personas.msp):
        WebhookEndpoint.objects.create(
            organization=organization,
            url="https://hooks.example.com/",
            secret="whsec_s",
            told_of=list(WebhookEndpoint.Event.values),
            created_at=AT,
        )


def events(organization: Organization) -> list[str]:
    """Return what ``organization`` was told, in turn."""
    found = WebhookDelivery.objects.filter(endpoint__organization=organization).order_by("pk")
    return list(found.values_list("event", flat=True))


def last() -> dict[str, Any]:
    delivery = WebhookDelivery.objects.latest("pk")
    data: dict[str, Any] = delivery.payload["data"]
    return data


def test_an_order_is_told_placed_then_its_service_started_then_completed(shop: Shop, vendor_answers: Any) -> None:
    vendor_answers(None)
    line = shop.line()

    execution.execute_line(line_id=line.pk, clock=lambda: AT)

    customer, msp = shop.personas.direct_customer, shop.personas.msp
    assert events(customer) == events(msp) == ["order.placed", "subscription.started", "order.completed"]
    line.refresh_from_db()
    assert line.subscription is not None
    assert last()["status"] == "completed"
    assert [one["service"] for one in last()["lines"]] == [line.subscription.number]


def test_an_order_is_told_failed_each_time_and_cancelled_once(shop: Shop, vendor_answers: Any) -> None:
    vendor_answers(DomainError("No."), DomainError("No."))
    line = shop.line()
    execution.execute_line(line_id=line.pk, clock=lambda: AT)
    orders.retry_order(order_id=line.order_id, by=None, at=AT)
    execution.execute_line(line_id=line.pk, clock=lambda: AT)
    orders.cancel_order(order_id=line.order_id, by=None, at=AT)
    orders.cancel_order(order_id=line.order_id, by=None, at=AT)

    assert events(shop.personas.direct_customer) == ["order.placed", "order.failed", "order.failed", "order.cancelled"]


def test_a_held_order_is_told_with_what_it_waits_for(shop: Shop) -> None:
    customer = shop.personas.direct_customer
    customer.credit_limit = Decimal(1)
    customer.save()

    shop.order(plan=shop.fixed_plan())

    assert events(customer) == ["order.placed", "order.held"]
    assert (last()["status"], last()["held_for"]) == ("held", "credit_limit")


def test_a_subscription_is_told_when_it_changes_and_when_its_end_is_planned_taken_back_and_come(shop: Shop) -> None:
    customer = shop.personas.direct_customer
    plan = shop.fixed_plan()
    service = factories.ServiceFactory(tenant=factories.TenantFactory(organization=customer, service_manager=plan.service_manager))
    subscription = factories.SubscriptionFactory(
        service=service, plan=plan, billing_model="postpaid_fixed", started_on=AT.date(), first_phase__quota_gib=Decimal(50)
    )
    day = AT + timedelta(days=5)

    begin_phase(subscription_id=subscription.pk, valid_from=day.date(), quantity=3, at=day, by=None)
    changed = last()
    subscriptions.plan_end(subscription_id=subscription.pk, on=(day + timedelta(days=9)).date(), by=None, at=day)
    planned = last()
    subscriptions.keep(subscription_id=subscription.pk, by=None, at=day)
    kept = last()
    subscriptions.end_subscription(subscription_id=subscription.pk, by=None, at=day)

    plan_told = "subscription.cancellation_planned"
    assert events(customer) == ["subscription.changed", plan_told, plan_told, "subscription.ended"]
    assert (changed["service"], changed["quantity"]) == (subscription.number, 3)
    assert (planned["cancels_on"], kept["cancels_on"]) == ("2026-10-15", None)
    assert (last()["status"], last()["ended_on"]) == ("ended", "2026-10-07")
