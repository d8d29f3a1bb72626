"""Price moves beside changes of quantity, plan and term: of whatever comes last, that counts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.models import Subscription
from billing.operations.phases import begin_phase
from billing.operations.price_changes import call_off, move_to_present_price
from billing.queries.amendment_costs import Change, cost_of_change
from catalog.models import Plan, PlanPrice
from catalog.pricing import Level
from common.periods import Period
from tests import factories
from tests.billing.making import sold_at, subscribe_fixed
from tests.billing.scenarios.scenes import bill, told
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
TODAY = date(2026, 10, 11)
AT = datetime(2026, 10, 11, 9, tzinfo=UTC)
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


def priced(price: str, **facts: Any) -> Plan:
    """A plan that costs ``price`` EUR a month by the list."""
    plan = factories.FixedPlanFactory(**facts)
    PlanPrice.objects.filter(plan=plan, currency="EUR", term_months=1).update(price=Decimal(price), setup_fee=0)
    return plan


@pytest.fixture
def subscription(personas: Personas) -> Subscription:
    """Sold at 20 EUR a month, while its plan costs 30 by now."""
    return subscribe_fixed(personas.direct_customer, sold_at("20"), plan=priced("30"))


def move(subscription: Subscription, moves_from: date = NOVEMBER.start) -> Any:
    return move_to_present_price(subscription_id=subscription.pk, moves_from=moves_from, today=TODAY, by=None, at=AT)


def november(personas: Personas) -> list[Decimal]:
    bill(personas.msp, NOVEMBER)
    return [net for *_, net in told(NOVEMBER)]


def test_after_a_change_of_plan_the_present_price_is_that_of_the_new_plan(personas: Personas, subscription: Subscription) -> None:
    plan = priced("50", product_group=subscription.plan.product_group, service_manager=subscription.plan.service_manager)
    begin_phase(subscription_id=subscription.pk, valid_from=TODAY, plan=plan, prices=[sold_at("40")], at=AT, by=None)

    move(subscription)

    assert november(personas) == [50]


def test_a_change_of_plan_withdraws_the_move_that_was_planned_for_the_old_one(
    personas: Personas, subscription: Subscription
) -> None:
    planned = move(subscription)
    plan = priced("50", product_group=subscription.plan.product_group, service_manager=subscription.plan.service_manager)

    begin_phase(subscription_id=subscription.pk, valid_from=TODAY, plan=plan, prices=[sold_at("40")], at=AT, by=None)

    assert november(personas) == [40]
    assert call_off(change_id=planned.pk, today=TODAY, by=None, at=AT) == "0 subscriptions will not move."


def test_a_change_of_quantity_keeps_the_planned_move_for_all_units(personas: Personas, subscription: Subscription) -> None:
    move(subscription)
    subscription.refresh_from_db()
    change = Change("quantity", quantity=3)
    in_november = datetime(2026, 11, 11, 9, tzinfo=UTC)

    quoted = cost_of_change(subscription, change=change, level=Level.MSP, at=in_november)
    begin_phase(subscription_id=subscription.pk, valid_from=in_november.date(), quantity=3, at=in_november, by=None)

    assert november(personas) == [one.net for one in quoted.parts] == [10, 60]
