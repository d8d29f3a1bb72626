"""A subscription starts once per service, and ends with it."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.models import Subscription, SubscriptionPrice
from billing.operations import subscriptions
from billing.operations.subscriptions import PricesMissing, end_subscription, start_subscription
from catalog.models import Plan
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from provisioning.models import Service
from provisioning.operations import services
from tests import factories
from tests.billing.making import sold_at

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


# --- The end ------------------------------------------------------------------------------------------------------------------

END = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)  # 1 December, half past midnight, in Berlin


def test_ending_bills_the_last_day_and_has_the_tenant_deleted(service: Service, plan: Plan) -> None:
    subscription = start(service, plan)

    end_subscription(subscription_id=subscription.pk, at=END, by=None)

    subscription.refresh_from_db()
    service.refresh_from_db()
    assert (subscription.status, subscription.ended_on) == ("ended", date(2026, 12, 2))
    assert (service.ended_at, service.tenant.retired_at, service.tenant.next_try_at) == (END, END, END)


def test_ended_again_nothing_moves(service: Service, plan: Plan) -> None:
    subscription = start(service, plan)
    end_subscription(subscription_id=subscription.pk, at=END, by=None)

    again = end_subscription(subscription_id=subscription.pk, at=END + timedelta(days=3), by=None)

    service.refresh_from_db()
    assert (again.ended_on, service.ended_at) == (date(2026, 12, 2), END)


def test_if_the_service_cannot_be_terminated_it_is_billed_on(service: Service, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = start(service, plan)

    def broken(tenant_id: int, *, at: datetime) -> None:
        raise RuntimeError("the power went")

    monkeypatch.setattr(services, "wish_again", broken)
    with pytest.raises(RuntimeError):
        end_subscription(subscription_id=subscription.pk, at=END, by=None)

    subscription.refresh_from_db()
    service.refresh_from_db()
    assert (subscription.status, service.ended_at) == ("active", None)


def test_after_the_end_the_customer_may_be_served_anew(service: Service, plan: Plan) -> None:
    end_subscription(subscription_id=start(service, plan).pk, at=END, by=None)

    tenant = factories.TenantFactory(organization=service.organization, service_manager=service.service_manager, key="another")

    assert start(factories.ServiceFactory(tenant=tenant), plan, at=END).status == "active"


def test_the_sweep_ends_what_was_ended_at_the_vendors_side_as_of_that_day(service: Service, plan: Plan) -> None:
    orphan, running = start(service, plan), start(factories.ServiceFactory(service_manager=service.service_manager), plan)
    Service.objects.filter(pk=service.pk).update(ended_at=END)

    first = subscriptions.end_orphaned(at=END + timedelta(days=3))
    second = subscriptions.end_orphaned(at=END + timedelta(days=4))

    orphan.refresh_from_db()
    running.refresh_from_db()
    assert (first, second) == (1, 0)
    assert (orphan.status, orphan.ended_on, running.status) == ("ended", date(2026, 12, 2), "active")
    assert Service.objects.get(pk=service.pk).ended_at == END


def test_what_ended_before_its_billing_began_is_never_billed(service: Service, plan: Plan) -> None:
    Service.objects.filter(pk=service.pk).update(ended_at=AT - timedelta(days=2))
    subscription = start(service, plan)

    subscriptions.end_orphaned(at=END)

    subscription.refresh_from_db()
    assert subscription.started_on == subscription.ended_on == date(2026, 11, 1)


@pytest.mark.django_db(transaction=True)
def test_two_ends_at_once_are_one(service: Service, plan: Plan) -> None:
    subscription = start(service, plan)
    both_ready = threading.Barrier(2)
    ends: list[date | None] = []

    def work(at: datetime) -> None:
        try:
            both_ready.wait(timeout=30)
            ends.append(end_subscription(subscription_id=subscription.pk, at=at, by=None).ended_on)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[END + timedelta(days=days)]) for days in (0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(ends) == 2
    assert len(set(ends)) == 1


# --- Sold at a fixed price ---------------------------------------------------------------------------------------------------


@pytest.fixture
def fixed_plan(service: Service) -> Plan:
    return factories.FixedPlanFactory(service_manager=service.service_manager)


def sell(service: Service, plan: Plan, *prices: SoldPrice) -> Subscription:
    return start_subscription(service=service, plan=plan, order_number="O1", quantity=2, term_months=12, prices=prices, at=AT)


def test_what_it_was_sold_at_is_kept_by_level(service: Service, fixed_plan: Plan) -> None:
    wholesale = sold_at("80", level=Level.WHOLESALE, setup_fee="8", overage_price="0.07")
    retail = sold_at("100", level=Level.RETAIL, currency="CHF")

    subscription = sell(service, fixed_plan, wholesale, retail)

    assert (subscription.term_months, subscription.quantity, subscription.billing_model) == (12, 2, "postpaid_fixed")
    kept = {row.level: row for row in subscription.prices.all()}
    assert (kept["wholesale"].price, kept["wholesale"].setup_fee, kept["wholesale"].overage_price) == (80, 8, Decimal("0.07"))
    assert (kept["retail"].price, kept["retail"].currency) == (100, "CHF")
    assert {row.valid_from for row in kept.values()} == {subscription.started_on}
    assert SoldPrice.from_json(kept["wholesale"].working) == wholesale


def test_started_again_the_prices_are_not_written_twice(service: Service, fixed_plan: Plan) -> None:
    first = sell(service, fixed_plan, sold_at("80"))

    again = sell(service, fixed_plan, sold_at("90"))

    assert again == first
    assert [row.price for row in again.prices.all()] == [Decimal(80)]


def test_a_fixed_plan_is_not_started_without_a_price(service: Service, fixed_plan: Plan) -> None:
    with pytest.raises(PricesMissing, match="the order names none"):
        sell(service, fixed_plan)


def test_what_it_was_sold_at_can_neither_be_edited_nor_deleted(service: Service, fixed_plan: Plan) -> None:
    row = sell(service, fixed_plan, sold_at("80")).prices.get()

    for change in (lambda: SubscriptionPrice.objects.update(price=1), row.delete):
        with pytest.raises(DatabaseError, match=r"Cannot (update|delete)"), transaction.atomic():
            change()
