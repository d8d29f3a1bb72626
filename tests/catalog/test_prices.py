"""Prices by their days: what is written, what is refused, and two people at it at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.models import User
from catalog.models import ModuleSettings, OrderUrl, Plan, PlanPrice
from catalog.operations import prices
from catalog.operations.prices import NewPrice, PriceRefused
from common.errors import DomainError
from tests import factories
from tests.factories import AT

TODAY = date(2026, 10, 1)
LATER = date(2026, 12, 1)
LATEST = date(2027, 2, 1)


@pytest.fixture
def plan(db: None) -> Plan:
    """A fixed plan with an overage quota and no price."""
    return factories.FixedPlanFactory(monthly=None, yearly=None)


def new(price: str = "20", **facts: Any) -> NewPrice:
    return NewPrice(**{"currency": "EUR", "term_months": 1, "price": Decimal(price), "overage_price": Decimal("0.10"), **facts})


def put(plan: Plan, *wanted: NewPrice, on: date = TODAY, today: date = TODAY, by: User | None = None) -> list[PlanPrice]:
    return prices.set_prices(plan_id=plan.pk, prices=wanted, valid_from=on, today=today, by=by, at=AT)


def rows(plan: Plan) -> list[tuple[str, date, date | None]]:
    found = PlanPrice.objects.filter(plan=plan).order_by("currency", "term_months", "valid_from")
    return [(f"{row.price.normalize():f}", row.valid_from, row.valid_until) for row in found]


def price_on(plan: Plan, day: date) -> list[Decimal]:
    return list(PlanPrice.objects.in_force(day).filter(plan=plan).values_list("price", flat=True))


# --- Days -----------------------------------------------------------------------------------------------------------------


def test_a_first_price_is_valid_until_further_notice_and_says_who_set_it(plan: Plan) -> None:
    person = factories.UserFactory()

    put(plan, new("20"), by=person)

    assert rows(plan) == [("20", TODAY, None)]
    assert PlanPrice.objects.get().created_by == person


def test_a_change_is_a_new_row_and_the_old_one_ends_that_day(plan: Plan) -> None:
    put(plan, new("20"))

    put(plan, new("25"), on=LATER, today=LATER)

    assert rows(plan) == [("20", TODAY, LATER), ("25", LATER, None)]


def test_a_planned_price_leaves_the_present_one_valid_until_its_day(plan: Plan) -> None:
    put(plan, new("20"))

    put(plan, new("25"), on=LATER)

    assert price_on(plan, date(2026, 11, 30)) == [Decimal(20)]
    assert price_on(plan, LATER) == [Decimal(25)]


def test_a_price_put_before_a_planned_one_ends_where_that_begins(plan: Plan) -> None:
    put(plan, new("20"))
    put(plan, new("30"), on=LATEST)

    put(plan, new("25"), on=LATER)

    assert rows(plan) == [("20", TODAY, LATER), ("25", LATER, LATEST), ("30", LATEST, None)]


def test_a_correction_on_the_same_day_keeps_the_row_and_says_who_had_the_last_word(plan: Plan) -> None:
    put(plan, new("2000"))
    person = factories.UserFactory()

    put(plan, new("20"), by=person)

    assert rows(plan) == [("20", TODAY, None)]
    assert PlanPrice.objects.get().created_by == person


def test_the_same_price_again_changes_nothing(plan: Plan) -> None:
    put(plan, new("20"))

    assert put(plan, new("20.00"), on=LATER) == []
    assert rows(plan) == [("20", TODAY, None)]


def test_other_terms_and_currencies_stay_as_they_are(plan: Plan) -> None:
    put(plan, new("20"), new("200", term_months=12), new("22", currency="USD"))

    put(plan, new("25"), on=LATER, today=LATER)

    assert sorted(price_on(plan, LATER)) == [Decimal(22), Decimal(25), Decimal(200)]


def test_a_withdrawn_price_ends_and_what_was_planned_is_dropped(plan: Plan) -> None:
    put(plan, new("20"))
    put(plan, new("30"), on=LATEST)

    for _ in range(2):
        prices.withdraw_price(plan_id=plan.pk, currency="EUR", term_months=1, valid_until=LATER, today=TODAY)

    assert rows(plan) == [("20", TODAY, LATER)]


def test_a_price_withdrawn_on_its_first_day_was_never_there(plan: Plan) -> None:
    put(plan, new("20"))

    prices.withdraw_price(plan_id=plan.pk, currency="EUR", term_months=1, valid_until=TODAY, today=TODAY)

    assert rows(plan) == []


def test_a_withdrawn_price_is_sold_again_when_it_is_set_again(plan: Plan) -> None:
    put(plan, new("20"))
    prices.withdraw_price(plan_id=plan.pk, currency="EUR", term_months=1, valid_until=LATER, today=TODAY)

    put(plan, new("20"))

    assert rows(plan) == [("20", TODAY, None)]


def test_a_planned_price_that_is_cancelled_leaves_the_present_one(plan: Plan) -> None:
    put(plan, new("20"))
    put(plan, new("25"), on=LATER)
    put(plan, new("30"), on=LATEST)
    planned = PlanPrice.objects.get(valid_from=LATER)

    for _ in range(2):
        prices.cancel_planned_price(plan_id=plan.pk, price_id=planned.pk, today=TODAY)

    assert rows(plan) == [("20", TODAY, LATEST), ("30", LATEST, None)]


def test_a_price_that_is_valid_is_not_cancelled(plan: Plan) -> None:
    row = put(plan, new("20"))[0]

    with pytest.raises(PriceRefused, match="valid already"):
        prices.cancel_planned_price(plan_id=plan.pk, price_id=row.pk, today=TODAY)


def test_order_urls_come_with_the_first_price_of_a_term(plan: Plan) -> None:
    put(plan, new("20"), new("200", term_months=12))
    put(plan, new("21"), on=LATER)

    assert sorted(OrderUrl.objects.filter(plan=plan).values_list("term_months", flat=True)) == [1, 12]


# --- Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "field", "sentence"),
    [
        ({"price": Decimal(-1)}, "price", "cannot be less than nothing"),
        ({"setup_fee": Decimal("-0.01")}, "setup_fee", "cannot be less than nothing"),
        ({"overage_price": Decimal(-1)}, "overage_price", "cannot be less than nothing"),
        ({"price": Decimal("1e12")}, "price", "misplaced comma"),
        ({"price": Decimal("NaN")}, "price", "no amount"),
        ({"price": Decimal("Infinity")}, "price", "no amount"),
        ({"price": Decimal("12.345")}, "price", "smallest amount is 0.01"),
        ({"currency": "JPY", "price": Decimal("100.5")}, "price", "smallest amount is 1"),
        ({"currency": "KWD", "setup_fee": Decimal("0.0005")}, "setup_fee", "smallest amount is 0.001"),
        ({"overage_price": Decimal("0.12345678901")}, "overage_price", "ten decimals"),
        ({"currency": "XXX"}, "currency", "no currency"),
        ({"currency": "eur"}, "currency", "no currency"),
        ({"currency": "DEM"}, "currency", "no currency"),
        ({"term_months": 2}, "term_months", "1, 3, 6, 12, 24 or 36"),
        ({"overage_price": None}, "overage_price", "has an overage quota"),
    ],
    ids=[
        "negative", "negative fee", "negative overage", "absurd", "nan", "infinite", "cents", "yen", "fils", "overage decimals",
        "unknown", "small letters", "no tender any more", "term", "overage missing",
    ],
)  # fmt: skip
def test_a_price_that_cannot_be_meant_is_refused_at_its_field(plan: Plan, facts: dict[str, Any], field: str, sentence: str) -> None:
    with pytest.raises(PriceRefused, match=sentence) as refusal:
        put(plan, new("20", term_months=12), new(**{"price": "20", **facts}) if "price" not in facts else _whole(facts))

    assert refusal.value.field == field
    assert rows(plan) == []


def _whole(facts: dict[str, Any]) -> NewPrice:
    return NewPrice(**{"currency": "EUR", "term_months": 1, "overage_price": Decimal("0.10"), **facts})


def test_currencies_with_three_decimals_keep_them(plan: Plan) -> None:
    put(plan, new("12.345", currency="KWD"))

    assert price_on(plan, TODAY) == [Decimal("12.345")]


def test_an_overage_price_without_an_overage_quota_is_refused(plan: Plan) -> None:
    ModuleSettings.objects.filter(plan=plan).update(overage=None)

    with pytest.raises(PriceRefused, match="has no overage quota"):
        put(plan, new("20"))


@pytest.mark.parametrize(
    ("day", "sentence"), [(date(2026, 9, 30), "cannot change in the past"), (date(2040, 1, 1), "next five years")]
)
def test_a_price_begins_today_or_soon(plan: Plan, day: date, sentence: str) -> None:
    with pytest.raises(PriceRefused, match=sentence) as refusal:
        put(plan, new("20"), on=day)

    assert refusal.value.field == "valid_from"


def test_a_price_is_not_withdrawn_in_the_past(plan: Plan) -> None:
    put(plan, new("20"))

    with pytest.raises(PriceRefused, match="in the past"):
        prices.withdraw_price(plan_id=plan.pk, currency="EUR", term_months=1, valid_until=date(2026, 9, 1), today=TODAY)


def test_the_same_term_twice_is_refused(plan: Plan) -> None:
    with pytest.raises(PriceRefused, match="twice"):
        put(plan, new("20"), new("21"))


def test_pay_as_you_go_has_no_prices(db: None) -> None:
    plan = factories.PlanFactory()

    with pytest.raises(DomainError, match="its prices are on the rate card"):
        put(plan, new("20", overage_price=None))


# --- Two at once ----------------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], object]) -> None:
    def alone(call: Callable[[], object]) -> None:
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        for done in [threads.submit(alone, call) for call in calls]:
            done.result()


@pytest.mark.django_db(transaction=True)
def test_two_people_who_set_a_price_at_once_leave_one_row_of_each_day() -> None:
    plan = factories.FixedPlanFactory(monthly=None, yearly=None)

    at_once(*(lambda price=price: put(plan, new(price), new("9", term_months=3)) for price in ("20", "21", "22", "23")))

    monthly = PlanPrice.objects.get(plan=plan, term_months=1)
    assert monthly.price in {Decimal(20), Decimal(21), Decimal(22), Decimal(23)}
    assert monthly.valid_until is None
    assert OrderUrl.objects.filter(plan=plan).count() == 2


@pytest.mark.django_db(transaction=True)
def test_setting_and_withdrawing_at_once_leaves_days_that_do_not_overlap() -> None:
    plan = factories.FixedPlanFactory(monthly=None, yearly=None)
    put(plan, new("20"))

    at_once(
        lambda: put(plan, new("25"), on=LATER),
        lambda: prices.withdraw_price(plan_id=plan.pk, currency="EUR", term_months=1, valid_until=LATER, today=TODAY),
    )

    assert rows(plan) in ([("20", TODAY, LATER), ("25", LATER, None)], [("20", TODAY, LATER)])
