"""Prices as they would be after a change: by days, no day twice or never, and what they give back is what was not used."""

import itertools
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing import changing, prepaid
from billing.adjusting import Billed, lines_due
from billing.changing import DaysCost, changed, days_costs, difference, month_charges, running, total
from billing.fixed import DatedPrice, FixedCharge, Terms
from common.periods import Period, add_months
from tests.billing.scenarios.figures import MINOR_DIGITS, cents

CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
STARTS = st.sampled_from([date(2026, 10, 1), date(2026, 10, 15), date(2026, 10, 31), date(2028, 1, 31)])
TERMS = st.sampled_from([1, 3, 6, 12, 24, 36])
QUANTITIES = st.integers(1, 500)


@st.composite
def prices(draw: st.DrawFn) -> DatedPrice:
    currency = draw(CURRENCIES)
    return DatedPrice(
        valid_from=draw(STARTS),
        currency=currency,
        price=_amount(draw, currency),
        setup_fee=_amount(draw, currency),
        quantity=draw(QUANTITIES),
        term_months=draw(TERMS),
        plan_name="Backup",
    )


@st.composite
def changes(draw: st.DrawFn, price: DatedPrice) -> tuple[date, list[DatedPrice]]:
    """A day after the first, and the prices with another quantity, plan or term from it on."""
    day = price.valid_from + timedelta(days=draw(st.integers(1, 400)))
    what = draw(st.sampled_from(["quantity", "plan", "term"]))
    if what == "quantity":
        return day, changed([price], day, quantity=draw(QUANTITIES), term_months=None, new=None)
    term = draw(TERMS) if what == "term" else price.term_months
    new = replace(price, price=_amount(draw, price.currency), term_months=term, plan_name="Other")
    return day, changed([price], day, quantity=None, term_months=None, new=new)


def _amount(draw: st.DrawFn, currency: str) -> Decimal:
    places = MINOR_DIGITS[currency]
    return draw(st.decimals(min_value=Decimal(1).scaleb(-places), max_value=100_000, places=places))


def invoiced(owed: list[tuple[prepaid.PaidTerm, list[FixedCharge]]]) -> dict[int, set[date]]:
    return {term.number: {term.days.start} for term, charges in owed if charges}


# --- As it would be -----------------------------------------------------------------------------------------------------------


def test_another_quantity_leaves_the_price_and_what_is_planned_for_later() -> None:
    first = DatedPrice(date(2026, 10, 1), "EUR", Decimal(20), Decimal(5))
    later = replace(first, valid_from=date(2026, 12, 1), price=Decimal(25))

    found = changed([first, later], date(2026, 10, 11), quantity=3, term_months=None, new=None)

    assert [(one.valid_from, one.price, one.quantity) for one in found] == [
        (date(2026, 10, 1), 20, 1),
        (date(2026, 10, 11), 20, 3),
        (date(2026, 12, 1), 25, 3),
    ]


def test_another_price_takes_the_place_of_what_was_planned_for_later() -> None:
    first = DatedPrice(date(2026, 10, 1), "EUR", Decimal(20), Decimal(5))
    later = replace(first, valid_from=date(2026, 12, 1), price=Decimal(25))
    new = replace(first, price=Decimal(200), term_months=12)

    found = changed([first, later], date(2026, 10, 11), quantity=None, term_months=12, new=new)

    assert [(one.valid_from, one.price) for one in found] == [(date(2026, 10, 1), 20), (date(2026, 10, 11), 200)]


def test_a_day_before_the_first_price_has_none() -> None:
    first = DatedPrice(date(2026, 10, 1), "EUR", Decimal(20), Decimal(5))

    with pytest.raises(ValueError, match="No price is valid on 2026-09-30"):
        changed([first], date(2026, 9, 30), quantity=2, term_months=None, new=None)
    with pytest.raises(ValueError, match="No price is valid on 2026-09-30"):
        running([first], date(2026, 9, 30))


@given(prices())
def test_what_runs_costs_all_units_by_term_and_by_month(price: DatedPrice) -> None:
    found = running([price], price.valid_from)

    whole = Fraction(price.price) * price.quantity
    assert (found.per_term, found.per_month) == (
        cents(whole, price.currency),
        cents(whole / price.term_months, price.currency),
    )


# --- Postpaid -----------------------------------------------------------------------------------------------------------------


@given(st.data())
def test_old_and_new_days_of_a_postpaid_month_are_its_billed_days_each_once(data: st.DataObject) -> None:
    price = data.draw(prices())
    day, after = data.draw(changes(price))
    month = Period.month_of(day)

    parts = days_costs(month_charges(Terms(price.valid_from, "msp", after), month, None), price.currency, day)

    told = {one.days: one for one in parts}
    for one in parts:
        assert one.is_new == (one.days.start >= day)
        assert one.days.end <= day or one.is_new
    billed = Period(max(month.start, price.valid_from), month.end)
    missing = [each for each in billed if not any(each in days for days in told)]
    doubled = [each for each in billed if sum(each in days for days in told) > 1]
    assert doubled == []
    # What rounds to nothing has no line: its days are not told.
    assert all(_rounds_to_nothing(price, after, days, month) for days in _runs(missing, day))


def _runs(days: list[date], cut: date) -> list[Period]:
    old, new = [one for one in days if one < cut], [one for one in days if one >= cut]
    return [Period(part[0], part[-1] + timedelta(days=1)) for part in (old, new) if part]


def _rounds_to_nothing(price: DatedPrice, after: list[DatedPrice], days: Period, month: Period) -> bool:
    one = [each for each in after if each.valid_from <= days.start][-1]
    monthly = Fraction(one.price) * one.quantity / one.term_months
    # Whole months are rounded together, so one of them may be a minor unit less than it is alone.
    return monthly * Fraction(days.days, month.days) <= Fraction(1, 10 ** MINOR_DIGITS[price.currency])


@given(st.data())
def test_old_and_new_days_of_a_postpaid_month_cost_their_share_of_it(data: st.DataObject) -> None:
    price = data.draw(prices())
    day, after = data.draw(changes(price))
    month = Period.month_of(day)

    for one in days_costs(month_charges(Terms(price.valid_from, "msp", after), month, None), price.currency, day):
        if one.days == month:
            continue  # a whole month is rounded together with those before it
        valid = [each for each in after if each.valid_from <= one.days.start][-1]
        monthly = Fraction(valid.price) * valid.quantity / valid.term_months
        assert one.net == cents(monthly * Fraction(one.days.days, month.days), price.currency)


@given(st.data())
def test_a_change_bears_no_setup_fee(data: st.DataObject) -> None:
    price = data.draw(prices())
    day, after = data.draw(changes(price))
    month = Period.month_of(day)

    before, with_it = (month_charges(Terms(price.valid_from, "msp", several), month, None) for several in ([price], after))

    found = difference(before, with_it, price.currency)
    assert found.setup_fee == 0
    assert found.net == total(with_it, price.currency) - total(before, price.currency)


@given(prices(), st.integers(0, 500))
def test_nothing_is_billed_beyond_the_end(price: DatedPrice, days: int) -> None:
    ends_on = price.valid_from + timedelta(days=days)
    terms = Terms(price.valid_from, "msp", [price])

    found: list[FixedCharge] = []
    for number in range(18):
        found += month_charges(terms, Period.month_of(add_months(price.valid_from.replace(day=1), number)), ends_on)

    assert all(changing.day_range(one).end <= ends_on for one in found)
    assert days or not found


# --- Prepaid ------------------------------------------------------------------------------------------------------------------


@given(st.data(), st.sampled_from([0, 14, 45]))
def test_after_a_change_of_prepaid_all_documents_together_say_what_its_terms_cost(data: st.DataObject, notice: int) -> None:
    price = data.draw(prices())
    day, after = data.draw(changes(price))
    until = day + timedelta(days=notice + 1)
    before = list(prepaid.owed(Terms(price.valid_from, "msp", [price]), until=until, invoiced={}, ends_on=None))
    billed = _billed(before, price.currency)

    new = list(prepaid.owed(Terms(price.valid_from, "msp", after), until=until, invoiced=invoiced(before), ends_on=None))

    lines = _due(new, billed, price.currency)
    quoted = difference(_all(before), _all(new), price.currency)
    assert sum(lines, Decimal(0)) == quoted.net == total(_all(new), price.currency) - total(_all(before), price.currency)
    assert quoted.charged >= 0
    assert quoted.given_back >= 0


@given(st.data(), st.sampled_from([0, 14, 45]))
def test_the_days_of_prepaid_terms_are_each_charged_once_around_a_change(data: st.DataObject, notice: int) -> None:
    price = data.draw(prices())
    day, after = data.draw(changes(price))
    until = day + timedelta(days=notice + 1)

    owed = list(prepaid.owed(Terms(price.valid_from, "msp", after), until=until, invoiced={}, ends_on=None))

    used = [term.used for term, _ in owed]
    assert used[0].start == price.valid_from
    assert all(one.end == other.start for one, other in itertools.pairwise(used))
    assert used[-1].end >= until
    parts: list[DaysCost] = days_costs(_all(owed), price.currency, day)
    assert all(one.days.end <= day or one.is_new for one in parts)
    assert all(one.end <= other.start for one, other in zip(_days(parts), _days(parts)[1:], strict=False))


@given(st.data())
def test_a_prepaid_end_gives_back_the_share_of_the_days_that_were_not_used(data: st.DataObject) -> None:
    price = data.draw(prices())
    day = price.valid_from + timedelta(days=data.draw(st.integers(1, 400)))
    terms = Terms(price.valid_from, "msp", [price])
    before = list(prepaid.owed(terms, until=day + timedelta(days=46), invoiced={}, ends_on=None))

    after = prepaid.owed(terms, until=day + timedelta(days=46), invoiced=invoiced(before), ends_on=day)

    found = difference(_all(before), _all(list(after)), price.currency)
    expected = Decimal(0)
    for term, _ in before:
        used = max(min((day - term.days.start).days, term.days.days), 0)
        whole = Fraction(price.price) * price.quantity
        expected += cents(whole, price.currency) - cents(whole * Fraction(used, term.days.days), price.currency)
    assert (found.charged, found.given_back, found.setup_fee) == (0, expected, 0)


@given(st.data())
def test_a_term_that_was_invoiced_ahead_changes_with_the_running_one(data: st.DataObject) -> None:
    price = data.draw(prices())
    day = price.valid_from + timedelta(days=1)
    quantity = data.draw(QUANTITIES)
    terms = Terms(price.valid_from, "msp", changed([price], day, quantity=quantity, term_months=None, new=None))
    second = add_months(price.valid_from, price.term_months)
    ahead = {1: {price.valid_from}, 2: {second}}

    owed = {term.number: charges for term, charges in prepaid.owed(terms, until=day, invoiced=ahead, ends_on=None)}

    assert total(owed[2], price.currency) == cents(Fraction(price.price) * quantity, price.currency)


def _all(owed: list[tuple[prepaid.PaidTerm, list[FixedCharge]]]) -> list[FixedCharge]:
    return [charge for _, charges in owed for charge in charges]


def _days(parts: list[DaysCost]) -> list[Period]:
    return [one.days for one in parts]


def _billed(owed: list[tuple[prepaid.PaidTerm, list[FixedCharge]]], currency: str) -> dict[tuple[str, str], list[Billed]]:
    """What documents say after everything of ``owed`` was invoiced."""
    return {
        (one.charge.item, one.key): [
            Billed(due.quantity, due.unit, due.unit_price, due.net, ("1",)) for due in lines_due(one.charge, (), currency)
        ]
        for one in _all(owed)
    }


def _due(
    owed: list[tuple[prepaid.PaidTerm, list[FixedCharge]]], billed: dict[tuple[str, str], list[Billed]], currency: str
) -> list[Decimal]:
    should = {(one.charge.item, one.key): one.charge for one in _all(owed)}
    return [due.net for key in {*should, *billed} for due in lines_due(should.get(key), billed.get(key, ()), currency)]
