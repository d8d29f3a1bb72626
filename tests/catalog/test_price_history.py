"""Whatever is done to the prices of a plan, in whichever order: a day has one price at most, and the past stays as it was."""

import operator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.models import Plan, PlanPrice
from catalog.operations import plan_sheets, plans, prices
from catalog.operations.prices import NewPrice
from common.errors import DomainError
from tests import factories
from tests.catalog.plan_sheet_files import price_row, workbook
from tests.factories import AT

FIRST_DAY = date(2026, 10, 1)
HORIZON = 40
AMOUNTS = st.sampled_from([Decimal(10), Decimal(20), Decimal(30)])
AHEAD = st.integers(min_value=-1, max_value=9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), AHEAD, AMOUNTS),
        st.tuples(st.just("withdraw"), AHEAD, st.none()),
        st.tuples(st.just("cancel"), st.integers(min_value=0, max_value=5), st.none()),
        st.tuples(st.just("import"), AHEAD, st.tuples(AMOUNTS, st.none() | st.integers(min_value=1, max_value=9))),
        st.tuples(st.just("duplicate"), st.just(0), st.none()),
        st.tuples(st.just("wait"), st.integers(min_value=1, max_value=4), st.none()),
    ),
    min_size=1,
    max_size=14,
)

Days = dict[date, Decimal | None]
"""What a month costs by the day; None where it is not sold."""


@dataclass
class Shop:
    """A plan whose prices are changed day after day; ``told`` is what was valid on the days that are over."""

    plan: Plan
    today: date = FIRST_DAY
    told: Days = field(default_factory=dict)

    def days(self, plan: Plan | None = None) -> Days:
        """Return the price of each day; two that are valid at once are an error here."""
        rows = list(PlanPrice.objects.filter(plan=plan or self.plan).values_list("valid_from", "valid_until", "price"))
        found: Days = {}
        for day in (FIRST_DAY + timedelta(days=number) for number in range(HORIZON + 60)):
            valid = [price for begin, end, price in rows if begin <= day and (end is None or day < end)]
            assert len(valid) <= 1, f"{day} has {valid}"
            found[day] = valid[0] if valid else None
        return found

    def set(self, ahead: int, amount: Decimal) -> None:
        before, day = self.days(), self.today + timedelta(days=ahead)
        new = [NewPrice("EUR", 1, amount)]
        prices.set_prices(plan_id=self.plan.pk, prices=new, valid_from=day, today=self.today, by=None, at=AT)
        after = self.days()
        assert after[day] == amount
        assert {one: after[one] for one in after if one < day} == {one: before[one] for one in before if one < day}

    def withdraw(self, ahead: int, _: None) -> None:
        before, day = self.days(), self.today + timedelta(days=ahead)
        prices.withdraw_price(plan_id=self.plan.pk, currency="EUR", term_months=1, valid_until=day, today=self.today)
        assert self.days() == {one: price if one < day else None for one, price in before.items()}

    def cancel(self, place: int, _: None) -> None:
        before, rows = self.days(), list(PlanPrice.objects.filter(plan=self.plan).order_by("valid_from"))
        if place >= len(rows):
            return
        row = rows[place]
        prices.cancel_planned_price(plan_id=self.plan.pk, price_id=row.pk, today=self.today)
        yesterday = before[row.valid_from - timedelta(days=1)]
        gone = {one for one in before if one >= row.valid_from and (row.valid_until is None or one < row.valid_until)}
        assert self.days() == {one: yesterday if one in gone else price for one, price in before.items()}

    def import_(self, ahead: int, said: tuple[Decimal, int | None]) -> None:
        before, day = self.days(), self.today + timedelta(days=ahead)
        amount, lasts = said
        until = None if lasts is None else day + timedelta(days=lasts)
        row = price_row(plan_number=self.plan.number, price=amount, valid_from=day, valid_until=until)
        sheet = workbook(None, [row])
        digest = plan_sheets.preview_import(sheet, today=self.today).digest
        plan_sheets.apply_import(sheet, digest=digest, by=None, today=self.today, at=AT)
        after = self.days()
        assert after[day] == amount
        assert until is None or after[until] is None or after[until] == before[until]
        assert {one: after[one] for one in after if one < day} == {one: before[one] for one in before if one < day}

    def duplicate(self, _: int, __: None) -> None:
        number = Plan.objects.filter(product_group=self.plan.product_group_id).count()
        copy = plans.duplicate_plan(plan_id=self.plan.pk, name=f"Copy {number}", today=self.today, by=None, at=AT)
        mine = self.days(copy)
        assert mine == {one: price if one >= self.today else None for one, price in self.days().items()}

    def wait(self, count: int, _: None) -> None:
        now = self.days()
        self.told |= {day: now[day] for day in now if day < self.today + timedelta(days=count)}
        self.today += timedelta(days=count)


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_a_day_has_one_price_at_most_and_the_past_is_never_rewritten(steps: list[tuple[str, int, object]]) -> None:
    shop = Shop(factories.FixedPlanFactory.create(monthly=None, yearly=None, module_settings__overage=None))

    for what, number, detail in steps:
        before = shop.days()
        act = operator.attrgetter("import_" if what == "import" else what)(shop)
        try:
            act(number, detail)
        except DomainError:
            assert shop.days() == before

        days = shop.days()
        assert {day: days[day] for day in shop.told} == shop.told
