"""A subscription starts once per service."""

import threading
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection

from billing.models import Subscription
from billing.operations.subscriptions import start_subscription
from catalog.models import Plan
from provisioning.models import Service
from tests import factories

pytestmark = pytest.mark.django_db

AT = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # 1 November, half past midnight, in Berlin


def start(service: Service, plan: Plan, at: datetime = AT) -> Subscription:
    return start_subscription(
        service=service, plan=plan, order_number="O1001", quantity=1, partner_discount_percent=Decimal(20), at=at
    )


@pytest.fixture
def service(db: None) -> Service:
    factories.msp()
    return factories.ServiceFactory()


@pytest.fixture
def plan(service: Service) -> Plan:
    return factories.PlanFactory(service_manager=service.service_manager)


def test_a_subscription_copies_what_was_sold(service: Service, plan: Plan) -> None:
    subscription = start(service, plan)

    subscription.refresh_from_db()
    assert subscription.consumer == service.organization
    assert (subscription.plan, subscription.plan_name, subscription.billing_model) == (plan, plan.name, "pay_as_you_go")
    assert (subscription.partner_discount_percent, subscription.order_number) == (Decimal(20), "O1001")


def test_the_first_billed_day_is_that_of_the_msps_calendar(service: Service, plan: Plan) -> None:
    assert start(service, plan).started_on == date(2026, 11, 1)


def test_numbers_follow_each_other(service: Service, plan: Plan) -> None:
    first = start(service, plan)
    second = start(factories.ServiceFactory(service_manager=service.service_manager), plan)

    assert [first.number, second.number] == ["S10001", "S10002"]


def test_starting_again_returns_the_same_subscription(service: Service, plan: Plan) -> None:
    first = start(service, plan)

    again = start(service, plan, at=datetime(2026, 12, 1, tzinfo=UTC))

    assert again == first
    assert (Subscription.objects.count(), again.started_on) == (1, date(2026, 11, 1))


def test_the_database_refuses_a_second_subscription_of_a_service(service: Service, plan: Plan) -> None:
    first = start(service, plan)

    with pytest.raises(IntegrityError):
        factories.SubscriptionFactory(service=first.service, plan=plan)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_start_one_subscription(service: Service, plan: Plan) -> None:
    numbers: list[str] = []
    both_ready = threading.Barrier(2)

    def work() -> None:
        try:
            both_ready.wait(timeout=30)
            numbers.append(start(service, plan).number)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(numbers) == 2
    assert len(set(numbers)) == 1
    assert Subscription.objects.count() == 1
