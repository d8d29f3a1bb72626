"""A subscription that is to end with its term: nothing is billed beyond its day, and it is ended then by itself."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations import subscriptions
from billing.operations.phases import PhaseRefused, begin_phase
from billing.operations.price_changes import move_to_present_price
from billing.operations.renewals import renew, renew_due
from billing.operations.subscriptions import EndRefused, end_planned, end_subscription, keep, plan_end
from billing.queries.consumption import one_service
from billing.queries.paid_terms import paid_until, term_end, term_to_come
from billing.tasks import end_planned as task
from common.errors import DomainError
from tests import factories
from tests.billing.making import NOVEMBER_1, OCTOBER, STORAGE, move, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.billing.scenarios.scenes import bill, issue_drafts
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
FIRST = date(2026, 10, 1)


def on(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def prepaid(personas: Personas, **facts: Any) -> Subscription:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    started_on = facts.setdefault("started_on", FIRST)
    subscription = subscribe(personas.direct_customer, plan, billing_model="prepaid", **facts)
    move(subscription, sold_at("31"), valid_from=started_on)
    return subscription


def plan(subscription: Subscription, day: date, *, at: datetime | None = None) -> Subscription:
    return plan_end(subscription_id=subscription.pk, on=day, by=None, at=at or on(date(2026, 10, 5)))


def nets() -> list[int]:
    return [int(net) for net in Invoice.objects.issued().order_by("pk").values_list("net", flat=True)]


# --- When the term ends -------------------------------------------------------------------------------------------------------


def test_a_term_ends_where_it_was_agreed_to(personas: Personas) -> None:
    fixed = subscribe_fixed(personas.direct_customer, started_on=date(2026, 10, 31), term_months=3)
    in_advance = prepaid(personas, started_on=date(2026, 8, 31), term_months=1)
    by_use = subscribe(personas.direct_customer)
    trial = subscribe(personas.direct_customer, started_on=FIRST, trial_ends_on=date(2026, 10, 20))

    ends = {
        (one.billing_model, day): term_end(one, on=day)
        for one, day in [
            (fixed, date(2026, 10, 31)),
            (fixed, date(2027, 1, 30)),
            (fixed, date(2027, 1, 31)),
            (in_advance, date(2026, 9, 29)),
            (in_advance, date(2026, 9, 30)),
            (by_use, date(2026, 12, 31)),
        ]
    }

    assert list(ends.values()) == [
        date(2027, 1, 31),
        date(2027, 1, 31),
        date(2027, 4, 30),
        date(2026, 9, 30),
        date(2026, 10, 31),
        date(2027, 1, 1),
    ]
    assert term_end(trial, on=date(2026, 10, 19)) == date(2026, 10, 20)
    assert term_end(trial, on=date(2026, 10, 20)) == date(2026, 11, 1)


def test_another_term_is_counted_from_the_day_it_was_agreed(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, started_on=FIRST)
    begin_phase(
        subscription_id=subscription.pk,
        valid_from=date(2026, 10, 11),
        term_months=12,
        prices=[sold_at("200")],
        at=on(date(2026, 10, 11)),
        by=None,
    )

    assert term_end(Subscription.objects.get(), on=date(2026, 10, 11)) == date(2027, 10, 11)


# --- Planned and taken back ---------------------------------------------------------------------------------------------------


def test_what_was_renewed_already_is_given_back_and_nothing_is_renewed_any_more(personas: Personas) -> None:
    subscription = prepaid(personas)
    renew(subscription_id=subscription.pk, at=on(date(2026, 10, 18)))  # November too: 14 days of notice

    plan(subscription, date(2026, 11, 1), at=on(date(2026, 10, 20)))
    planned = Subscription.objects.get()

    assert renew_due(at=on(date(2026, 10, 20))) == 1
    assert renew_due(at=on(date(2026, 10, 31))) == 0
    assert nets() == [62, -31]
    assert paid_until(planned) == date(2026, 11, 1)
    assert term_to_come(planned, at=on(date(2026, 10, 20))) is None
    assert renew(subscription_id=subscription.pk, at=on(date(2026, 10, 20)), next_term=True) == []


def test_who_stays_is_renewed_again(personas: Personas) -> None:
    subscription = prepaid(personas)
    at = on(date(2026, 10, 20))
    renew(subscription_id=subscription.pk, at=at)
    plan(subscription, date(2026, 11, 1), at=at)
    renew_due(at=at)

    keep(subscription_id=subscription.pk, by=None, at=at)
    keep(subscription_id=subscription.pk, by=None, at=at)
    kept = Subscription.objects.get()
    assert paid_until(kept) == date(2026, 11, 1)  # November was given back
    renew_due(at=at)

    assert (nets(), paid_until(kept)) == ([62, -31, 31], date(2026, 12, 1))


def test_an_end_is_planned_for_a_later_day_and_the_last_one_counts(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    at = on(date(2026, 10, 5))

    with pytest.raises(EndRefused, match="for a later day than today"):
        plan(subscription, date(2026, 10, 5), at=at)
    plan(subscription, date(2026, 11, 1), at=at)
    plan(subscription, date(2026, 12, 1), at=at)

    assert Subscription.objects.get().cancels_on == date(2026, 12, 1)
    with pytest.raises(EndRefused, match=r"last day .* is over"):
        keep(subscription_id=subscription.pk, by=None, at=on(date(2026, 12, 1)))


def test_what_has_ended_has_no_end_to_plan_or_to_take_back(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    end_subscription(subscription_id=subscription.pk, at=on(date(2026, 10, 5)), by=None)

    with pytest.raises(EndRefused, match="has ended on 2026-10-06"):
        plan(subscription, date(2026, 11, 1))
    with pytest.raises(EndRefused, match="has ended on 2026-10-06"):
        keep(subscription_id=subscription.pk, by=None, at=on(date(2026, 10, 5)))


# --- Its day comes ------------------------------------------------------------------------------------------------------------


def test_it_ends_on_its_day_and_the_service_with_it(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    other = subscribe(personas.direct_customer)
    plan(subscription, date(2026, 11, 1))
    plan(other, date(2026, 11, 2))

    assert end_planned(at=on(date(2026, 10, 31))) == 0
    assert end_planned(at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC)) == 1  # the 1st in Berlin
    assert end_planned(at=NOVEMBER_1) == 0

    subscription.refresh_from_db()
    assert (subscription.status, subscription.ended_on) == ("ended", date(2026, 11, 1))
    assert subscription.service.ended_at is not None
    assert Subscription.objects.get(pk=other.pk).status == "active"


def test_however_late_the_sweep_comes_the_planned_day_is_the_end(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), started_on=FIRST)
    plan(subscription, date(2026, 10, 11))

    bill(personas.msp)
    late = [(line.period_end, line.net) for line in InvoiceLine.objects.all()]
    end_planned(at=NOVEMBER_1)
    bill(personas.msp)
    issue_drafts()

    assert late == [(date(2026, 10, 11), 10)]
    assert nets() == [10]
    assert Subscription.objects.get().ended_on == date(2026, 10, 11)


def test_ended_before_its_planned_day_it_is_billed_to_its_last_day(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    plan(subscription, date(2026, 11, 1))

    end_subscription(subscription_id=subscription.pk, at=on(date(2026, 10, 10)), by=None)

    assert Subscription.objects.get().ended_on == date(2026, 10, 11)


def test_one_that_cannot_be_ended_keeps_no_other_from_it(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, other = subscribe(personas.direct_customer), subscribe(personas.direct_customer)
    for one in (stuck, other):
        plan(one, date(2026, 10, 10))
    end = subscriptions.end_subscription

    def fails_for_one(*, subscription_id: int, **facts: Any) -> Subscription:
        if subscription_id == stuck.pk:
            raise RuntimeError("broken")
        return end(subscription_id=subscription_id, **facts)

    monkeypatch.setattr(subscriptions, "end_subscription", fails_for_one)

    assert end_planned(at=on(date(2026, 10, 10))) == 1
    assert Subscription.objects.get(pk=other.pk).status == "ended"


def test_beat_ends_what_is_due(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = subscribe(personas.direct_customer)
    plan(subscription, date(2026, 10, 10))
    monkeypatch.setattr("common.clock.now", lambda: on(date(2026, 10, 10)))

    task()

    assert Subscription.objects.get().status == "ended"


# --- What else goes by it -----------------------------------------------------------------------------------------------------


def test_what_is_to_come_of_a_month_stops_at_the_planned_end(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), started_on=FIRST)
    metered = subscribe(personas.direct_customer)
    rate_card(metered.plan.product_group, {STORAGE: ("1", "GiB", "sum")})
    use(metered, 0, delta=1024**3, is_range=True, days=[FIRST + timedelta(days=number) for number in range(5)])
    for one in (subscription, metered):
        plan(one, date(2026, 10, 11))

    told = [
        one_service(personas.direct_customer, Subscription.objects.get(pk=one.pk), date(2026, 10, 5))
        for one in (subscription, metered)
    ]

    assert [one.forecast for one in told if one is not None] == [10, 10]


def test_a_change_cannot_begin_after_the_end_and_a_price_does_not_move_beyond_it(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, started_on=FIRST)
    plan(subscription, OCTOBER.end)

    with pytest.raises(PhaseRefused, match="cannot be changed from 2026-11-01 on"):
        begin_phase(subscription_id=subscription.pk, valid_from=OCTOBER.end, quantity=2, at=NOVEMBER_1, by=None)
    with pytest.raises(DomainError, match="31 Oct 2026 is its last day"):
        move_to_present_price(
            subscription_id=subscription.pk, moves_from=OCTOBER.end, today=date(2026, 10, 5), by=None, at=NOVEMBER_1
        )
