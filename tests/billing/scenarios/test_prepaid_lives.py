"""Prepaid subscriptions whatever becomes of them: when they have ended, what was used was invoiced, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing import prepaid
from billing.models import Invoice, Subscription
from billing.operations.drafts import subscriptions_of
from billing.operations.phases import begin_phase
from billing.operations.renewals import renew_due
from billing.queries import sold
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.money import round_money
from tests import factories
from tests.billing.making import move, sold_at, subscribe
from tests.billing.scenarios.scenes import forgotten
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
PRICES = {1: "31", 3: "87.50", 12: "299.99"}
EVENTS = st.lists(
    st.tuples(st.integers(0, 45), st.sampled_from(["nothing", "quantity", "term"]), st.integers(1, 4), st.sampled_from([1, 3, 12])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate])
@given(events=EVENTS, first_term=st.sampled_from([1, 3, 12]), day=st.integers(1, 31), notice=st.sampled_from([0, 14, 45]))
def test_what_was_used_of_all_terms_is_what_was_invoiced_in_the_end(
    personas: Personas, events: list[tuple[int, str, int, int]], first_term: int, day: int, notice: int
) -> None:
    with forgotten():
        at = datetime(2027, 10, day, 12, tzinfo=UTC)
        subscription = _begin(personas, at.date(), first_term, notice)
        renew_due(at=at)
        for days, what, quantity, term in events:
            at += timedelta(days=days)
            renew_due(at=at)
            facts = {"subscription_id": subscription.pk, "valid_from": at.date(), "at": at, "by": None}
            if what == "quantity":
                begin_phase(quantity=quantity, **facts)
            elif what == "term":
                begin_phase(term_months=term, prices=_prices(term), **facts)
            renew_due(at=at)
            assert renew_due(at=at) == 0
        ended_on = at.date() + timedelta(days=1)
        Subscription.objects.filter(pk=subscription.pk).update(status="ended", ended_on=ended_on)

        renew_due(at=at + timedelta(days=1))

        assert renew_due(at=at + timedelta(days=2)) == 0
        for seller, level in ((personas.msp, Level.WHOLESALE), (personas.reseller, Level.RETAIL)):
            nets = Invoice.objects.issued().filter(seller=seller).values_list("net", flat=True)
            assert sum(nets) == _used(subscription, seller, level, ended_on)


def _prices(term: int) -> list[SoldPrice]:
    wholesale, retail = Decimal(PRICES[term]), Decimal(PRICES[term]) * 2
    return [
        sold_at(str(wholesale), level=Level.WHOLESALE, setup_fee="7.50"),
        sold_at(str(retail), level=Level.RETAIL, setup_fee="10"),
    ]


def _begin(personas: Personas, first: date, term: int, notice: int) -> Subscription:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    plan.product_group.renewal_notice_days = notice
    plan.product_group.save()
    subscription = subscribe(personas.resellers_customer, plan, billing_model="prepaid", started_on=first, term_months=term)
    move(subscription, *_prices(term), valid_from=first)
    return subscription


def _used(subscription: Subscription, seller: Organization, level: Level, ended_on: date) -> Decimal:
    """Add up what each term costs that began, up to the end."""
    (one,) = sold.read(subscriptions_of(seller).filter(pk=subscription.pk), before=date.max)
    prices = one.fixed_prices(level.value)
    return sum(
        (
            round_money(found.charge.net_unrounded, "EUR")
            for term in prepaid.terms(prices, one.charged_from, ended_on)
            for found in prepaid.charges(term, prices, level=level.value, ended_on=ended_on)
        ),
        Decimal(0),
    )
