"""Several changes after another: each is billed as it was quoted, and all documents together say what the rules say."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.models import Invoice, Subscription
from billing.operations.renewals import invoice_change_in_advance, renew
from billing.queries.amendment_costs import Change, cost_of_change
from catalog.pricing import Level
from tests import factories
from tests.billing.scenarios.scenes import forgotten
from tests.billing.test_amendment_advance import should_be
from tests.billing.test_amendment_costs import BOTH, Case, begun, execute, sold
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
START = date(2026, 10, 31)


class Step(NamedTuple):
    """A change so many days after the last one; ``is_late``: paid and carried out so many days after it was invoiced."""

    kind: str
    days: int
    late: int
    number: int


STEPS = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(["quantity", "term", "plan", "plan and term"]),
        days=st.integers(0, 45),
        late=st.sampled_from([0, 0, 1, 40]),
        number=st.integers(1, 6),
    ),
    min_size=2,
    max_size=4,
)


@settings(max_examples=6, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, term=st.sampled_from([1, 3, 12]), trial=st.sampled_from([0, 0, 20]))
def test_one_change_after_another_is_billed_as_the_rules_say(personas: Personas, steps: list[Step], term: int, trial: int) -> None:
    with forgotten():
        subscription = begun(personas, Case("", START, START, "KWD", term=term, before=2), "prepaid")
        if trial:
            Subscription.objects.filter(pk=subscription.pk).update(trial_ends_on=START + timedelta(days=trial))
        day = START
        renew(subscription_id=subscription.pk, at=noon(day))
        for number, step in enumerate(steps):
            day += timedelta(days=step.days)
            subscription.refresh_from_db()
            change = change_of(step, subscription)
            if change is None:
                continue
            renew(subscription_id=subscription.pk, at=noon(day))
            before = nets()
            quoted = {level: cost_of_change(subscription, change=change, level=level, at=noon(day)) for level in BOTH}
            key = f"O1/{number + 1}"
            invoice_change_in_advance(subscription_id=subscription.pk, order_key=key, change=change, at=noon(day), by=None)
            after = nets()
            for level in BOTH:
                assert after[level] - before[level] == quoted[level].due_now
            day += timedelta(days=step.late)
            execute(subscription, change, noon(day), order_key=key)
            renew(subscription_id=subscription.pk, at=noon(day))
            if not step.late:
                for level in BOTH:
                    assert nets()[level] - before[level] == quoted[level].difference.net, (steps, term, level)
            subscription.refresh_from_db()
            until = day + timedelta(days=subscription.plan.product_group.renewal_notice_days + 1)
            assert nets() == should_be(subscription, until), (steps, term, day)
            assert renew(subscription_id=subscription.pk, at=noon(day)) == []


def change_of(step: Step, subscription: Subscription) -> Change | None:
    share = ["1", "0.5", "1.3", "2", "7.5", "0.1"][step.number - 1]
    months = [1, 3, 6, 12, 24, 36][step.number - 1]
    if step.kind == "quantity":
        return None if step.number == subscription.quantity else Change("quantity", quantity=step.number)
    case = Case("", START, START, "KWD")
    if step.kind == "term":
        return None if months == subscription.term_months else Change("term", term_months=months, prices=sold(case, share=share))
    plan = factories.FixedPlanFactory(
        billing_model="prepaid", product_group=subscription.plan.product_group, service_manager=subscription.plan.service_manager
    )
    term = {"term_months": months} if step.kind == "plan and term" else {}
    return Change("plan", plan=plan, prices=sold(case, share=share), quantity=step.number, **term)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 11, tzinfo=UTC)


def nets() -> dict[Level, Decimal]:
    """What is invoiced at each level so far."""
    found = {}
    for level, kind in ((Level.WHOLESALE, "msp"), (Level.RETAIL, "reseller")):
        found[level] = sum(Invoice.objects.issued().filter(seller__kind=kind).values_list("net", flat=True), Decimal(0))
    return found
