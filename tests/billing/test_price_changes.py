"""Prices changed in bulk: exactly what was previewed, once, in one transaction; subscriptions move only on purpose."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.models import InvoiceLine, PriceChange, Subscription, SubscriptionPrice
from billing.operations import price_changes, renewals
from billing.operations.price_changes import NothingChanges, PreviewOutdated, TooLate
from billing.queries.price_changes import Preview, Wish, move_day, preview
from billing.repricing import Change, Kind, Part
from catalog.models import Plan, PlanPrice
from catalog.pricing import Amounts, Level, Markup, walk
from catalog.queries.offers import SoldPrice
from common.errors import DomainError, FieldRefused
from tests import factories
from tests.billing.making import sold_at, subscribe, subscribe_fixed
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 10)
AT = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
DECEMBER = date(2026, 12, 1)
JANUARY = date(2027, 1, 1)
UP_5 = Change(Kind.PERCENT, Decimal(5), frozenset({Part.PRICE}))


def wish(*plans: Plan, change: Change = UP_5, **facts: Any) -> Wish:
    told = {"currencies": (), "terms": (), "valid_from": DECEMBER, "moves_from": None, **facts}
    return Wish(plans=tuple(plan.pk for plan in plans), change=change, **told)


def confirm(wanted: Wish, shown: Preview | None = None, **facts: Any) -> PriceChange:
    shown = shown or preview(wanted, today=TODAY)
    told = {"key": uuid4(), "today": TODAY, "by": None, "at": AT, **facts}
    return price_changes.change_prices(wish=wanted, fingerprint=shown.fingerprint, **told)


def call_off(change: PriceChange, *, today: date = TODAY) -> str:
    return price_changes.call_off(change_id=change.pk, today=today, by=None, at=AT)


def prices(plan: Plan, term_months: int = 1) -> list[tuple[Decimal, date, date | None]]:
    rows = PlanPrice.objects.filter(plan=plan, term_months=term_months).order_by("valid_from")
    return [(row.price, row.valid_from, row.valid_until) for row in rows]


def sold(subscription: Subscription) -> list[tuple[str, Decimal, date]]:
    rows = SubscriptionPrice.objects.standing().filter(subscription=subscription).order_by("valid_from", "level")
    return [(row.level, row.price, row.valid_from) for row in rows]


def sold_by_reseller(listed: str, markup: Markup, *, discount: str = "20") -> tuple[SoldPrice, SoldPrice]:
    amounts = Amounts(Decimal(listed))

    def at(level: Level) -> SoldPrice:
        steps = walk(amounts, level, partner_discount_percent=Decimal(discount), markup=markup)
        return SoldPrice(level, "EUR", steps[-1].amounts.rounded("EUR"), steps)

    return at(Level.WHOLESALE), at(Level.RETAIL)


@pytest.fixture
def plan(personas: Personas) -> Plan:
    return factories.FixedPlanFactory()


# --- The preview ----------------------------------------------------------------------------------------------------------------


def test_the_preview_shows_every_price_old_and_new_with_its_difference(plan: Plan) -> None:
    rows = preview(wish(plan), today=TODAY).rows

    assert [(row.currency, row.term_months, row.old.price, row.new.price, row.difference.price) for row in rows] == [
        ("EUR", 1, Decimal(20), Decimal(21), Decimal(1)),
        ("EUR", 12, Decimal(200), Decimal(210), Decimal(10)),
    ]


def test_only_chosen_currencies_and_terms_are_in_it(plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF")

    rows = preview(wish(plan, currencies=("CHF",), terms=(1,)), today=TODAY).rows

    assert [row.key for row in rows] == [(plan.pk, "CHF", 1)]


def test_a_price_that_is_not_there_or_would_be_absurd_is_refused_in_its_row(plan: Plan) -> None:
    down = Change(Kind.AMOUNT, Decimal(-30), frozenset({Part.PRICE}))

    missing = preview(wish(plan, currencies=("CHF",)), today=TODAY).rows
    negative = preview(wish(plan, change=down, currencies=("EUR",)), today=TODAY).rows
    huge = preview(wish(plan, change=replace(down, by=Decimal(10_000_000))), today=TODAY).rows

    assert [row.refusal for row in missing] == ["No price is valid on 1 Dec 2026."]
    assert [row.refusal for row in negative] == ["The price cannot be less than nothing.", ""]
    assert all("cannot be more than" in row.refusal for row in huge)


def test_what_is_refused_stays_while_the_rest_changes(plan: Plan) -> None:
    down = Change(Kind.AMOUNT, Decimal(-30), frozenset({Part.PRICE}))

    confirm(wish(plan, change=down, currencies=("EUR",)))

    assert prices(plan) == [(Decimal(20), date(2026, 1, 1), None)]
    assert [price for price, *_ in prices(plan, 12)] == [Decimal(200), Decimal(170)]


def test_pay_as_you_go_has_no_prices_to_change_and_says_so(personas: Personas) -> None:
    plan = factories.PlanFactory()

    shown = preview(wish(plan), today=TODAY)

    assert shown.rows == []
    assert shown.sentences == [
        f"{plan} is pay-as-you-go: it has no prices to change. Its prices are on the rate card of {plan.product_group}."
    ]


def test_a_price_that_is_planned_for_later_is_told_and_stays(plan: Plan) -> None:
    PlanPrice.objects.filter(plan=plan, term_months=1).update(valid_until=JANUARY)
    factories.PlanPriceFactory(plan=plan, price=Decimal(30), valid_from=JANUARY)

    shown = preview(wish(plan, terms=(1,)), today=TODAY)
    confirm(wish(plan, terms=(1,)), shown)

    assert [row.note for row in shown.rows] == ["A planned price begins on 1 Jan 2027 and stays."]
    assert prices(plan) == [
        (Decimal(20), date(2026, 1, 1), DECEMBER),
        (Decimal(21), DECEMBER, JANUARY),
        (Decimal(30), JANUARY, None),
    ]


def test_a_price_that_is_to_be_withdrawn_still_is_and_comes_back_so(plan: Plan) -> None:
    PlanPrice.objects.filter(plan=plan, term_months=1).update(valid_until=JANUARY)

    shown = preview(wish(plan, terms=(1,)), today=TODAY)
    change = confirm(wish(plan, terms=(1,)), shown)

    assert [row.note for row in shown.rows] == ["It is sold until 1 Jan 2027 only, and that stays."]
    assert prices(plan) == [(Decimal(20), date(2026, 1, 1), DECEMBER), (Decimal(21), DECEMBER, JANUARY)]
    call_off(change)
    assert prices(plan) == [(Decimal(20), date(2026, 1, 1), JANUARY)]


def test_a_withdrawal_planned_since_the_preview_is_looked_at_before_confirming(plan: Plan) -> None:
    shown = preview(wish(plan), today=TODAY)
    PlanPrice.objects.filter(plan=plan, term_months=1).update(valid_until=JANUARY)

    with pytest.raises(PreviewOutdated):
        confirm(wish(plan), shown)


def test_a_change_in_one_currency_moves_nobody_in_another(plan: Plan, personas: Personas) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=Decimal(25))
    euros = subscribe_fixed(personas.direct_customer, plan=plan)
    francs = subscribe_fixed(factories.OrganizationFactory(currency="CHF"), sold_at("22", currency="CHF"), plan=plan)
    wholesale, _ = sold_by_reseller("20", Markup())
    both = subscribe_fixed(personas.resellers_customer, wholesale, sold_at("22", level=Level.RETAIL, currency="CHF"), plan=plan)
    wanted = wish(plan, currencies=("EUR",), moves_from=DECEMBER)

    confirm(wanted)

    assert [price for _, price, _ in sold(euros)] == [Decimal(20), Decimal(21)]
    assert [price for _, price, _ in sold(francs)] == [Decimal(22)]
    assert [(level, price) for level, price, _ in sold(both)] == [
        ("retail", Decimal(22)),
        ("wholesale", Decimal(16)),
        ("wholesale", Decimal("16.80")),
    ]


def test_who_is_affected_is_told_with_present_and_new_price(plan: Plan, personas: Personas) -> None:
    direct = subscribe_fixed(personas.direct_customer, plan=plan)
    subscribe_fixed(factories.OrganizationFactory(), plan=plan, status="ended", ended_on=date(2026, 11, 1))
    subscribe_fixed(factories.OrganizationFactory())

    moves = preview(wish(plan), today=TODAY).moves

    assert [(move.subscription, move.is_moved) for move in moves] == [(direct, False)]
    assert [(price.present.price, price.new.amounts.price) for price in moves[0].prices] == [(Decimal(20), Decimal(21))]


def test_the_number_of_queries_does_not_grow_with_prices_or_subscriptions(plan: Plan, personas: Personas) -> None:
    def queries(*plans: Plan) -> int:
        with CaptureQueriesContext(connection) as captured:
            preview(wish(*plans, moves_from=DECEMBER), today=TODAY)
        return len(captured)

    subscribe_fixed(personas.direct_customer, plan=plan)
    few = queries(plan)
    others = [factories.FixedPlanFactory() for _ in range(3)]
    for one in others:
        subscribe_fixed(factories.OrganizationFactory(parent=personas.reseller), *sold_by_reseller("20", Markup()), plan=one)

    assert queries(plan, *others) == few


# --- Confirming ---------------------------------------------------------------------------------------------------------------


def test_confirming_plans_the_prices_and_leaves_running_subscriptions_alone(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)

    change = confirm(wish(plan), by=personas.root)

    assert prices(plan) == [(Decimal(20), date(2026, 1, 1), DECEMBER), (Decimal(21), DECEMBER, None)]
    assert sold(subscription) == [("msp", Decimal(20), date(2026, 10, 1))]
    assert (change.words, change.created_by, change.valid_from, change.moves_from) == (
        "5 % up on price",
        personas.root,
        DECEMBER,
        None,
    )
    assert [(row.old_price, row.new_price) for row in change.rows.all()] == [
        (Decimal(20), Decimal(21)),
        (Decimal(200), Decimal(210)),
    ]


def test_confirming_the_same_preview_again_writes_nothing(plan: Plan) -> None:
    wanted, key = wish(plan), uuid4()
    shown = preview(wanted, today=TODAY)
    first = confirm(wanted, shown, key=key)

    again = confirm(wanted, shown, key=key)

    assert again == first
    assert PriceChange.objects.count() == 1
    assert [price for price, *_ in prices(plan)] == [Decimal(20), Decimal(21)]


def test_what_changed_since_the_preview_is_not_confirmed(plan: Plan, personas: Personas) -> None:
    wanted = wish(plan)
    shown = preview(wanted, today=TODAY)
    PlanPrice.objects.filter(plan=plan, term_months=1).update(price=22)

    with pytest.raises(PreviewOutdated):
        confirm(wanted, shown)

    shown = preview(wanted, today=TODAY)
    subscribe_fixed(personas.direct_customer, plan=plan)
    with pytest.raises(PreviewOutdated):
        confirm(wanted, shown)
    assert not PriceChange.objects.exists()


def test_nothing_to_change_is_refused(plan: Plan) -> None:
    with pytest.raises(NothingChanges):
        confirm(wish(plan, currencies=("CHF",)))


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"valid_from": date(2026, 11, 9)}, "valid_from"),
        ({"valid_from": date(2032, 1, 1)}, "valid_from"),
        ({"valid_from": TODAY, "moves_from": date(2026, 11, 30)}, "moves_from"),
        ({"valid_from": JANUARY, "moves_from": DECEMBER}, "moves_from"),
        ({"moves_from": date(2032, 1, 1)}, "moves_from"),
    ],
    ids=["past", "far", "too early", "before the price", "far move"],
)
def test_days_that_cannot_be_meant_are_refused_at_their_field(plan: Plan, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldRefused) as refusal:
        confirm(wish(plan, **facts))

    assert refusal.value.field == field


# --- Moving running subscriptions -----------------------------------------------------------------------------------------------


def test_running_subscriptions_move_on_the_day_and_not_before(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)

    change = confirm(wish(plan, moves_from=JANUARY), by=personas.root)

    assert sold(subscription) == [("msp", Decimal(20), date(2026, 10, 1)), ("msp", Decimal(21), JANUARY)]
    moved = change.moves.get()
    assert (moved.changed_by, moved.created_at) == (personas.root, AT)


def test_who_is_left_out_keeps_its_price(plan: Plan, personas: Personas) -> None:
    moved = subscribe_fixed(personas.direct_customer, plan=plan)
    left = subscribe_fixed(factories.OrganizationFactory(), plan=plan)
    shown = preview(wish(plan, moves_from=DECEMBER), today=TODAY)

    confirm(wish(plan, moves_from=DECEMBER, left=frozenset({left.pk})), shown)

    assert [price for _, price, _ in sold(moved)] == [Decimal(20), Decimal(21)]
    assert [price for _, price, _ in sold(left)] == [Decimal(20)]


def test_a_resellers_subscription_moves_at_the_percentages_it_was_sold_at(plan: Plan, personas: Personas) -> None:
    levels = sold_by_reseller("20", Markup(percent=Decimal(30), discount_percent=Decimal(5)))
    facts = {"partner_discount_percent": 20, "retail_markup_percent": 30, "retail_discount_percent": 5}
    subscription = subscribe_fixed(personas.resellers_customer, *levels, plan=plan, **facts)
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan, discount_percent=Decimal(50))  # of today, not of then

    confirm(wish(plan, moves_from=DECEMBER))

    assert [(level, price) for level, price, day in sold(subscription) if day == DECEMBER] == [
        ("retail", Decimal("20.75")),  # 21 less 20 %, plus 30 %, less 5 % = 20.748
        ("wholesale", Decimal("16.80")),
    ]


def test_a_markup_by_amount_stays_the_amount(plan: Plan, personas: Personas) -> None:
    levels = sold_by_reseller("20", Markup(amount=Decimal(4)))
    subscription = subscribe_fixed(personas.resellers_customer, *levels, plan=plan, partner_discount_percent=20)

    confirm(wish(plan, moves_from=DECEMBER))

    assert [(level, price) for level, price, day in sold(subscription) if day == DECEMBER] == [
        ("retail", Decimal("20.80")),  # 21 less 20 % plus 4
        ("wholesale", Decimal("16.80")),
    ]


def test_an_own_markup_on_the_overage_price_is_kept(plan: Plan, personas: Personas) -> None:
    amounts = Amounts(Decimal(20), overage_price=Decimal("0.10"))
    markup = Markup(percent=Decimal(30), overage_percent=Decimal(100))
    steps = walk(amounts, Level.RETAIL, markup=markup)
    retail = SoldPrice(Level.RETAIL, "EUR", steps[-1].amounts.rounded("EUR"), steps)
    wholesale = sold_at("20", level=Level.WHOLESALE, overage_price="0.10")
    subscribe_fixed(personas.resellers_customer, wholesale, retail, plan=plan)
    both = Change(Kind.PERCENT, Decimal(10), frozenset({Part.PRICE, Part.OVERAGE_PRICE}))

    change = confirm(wish(plan, change=both, moves_from=DECEMBER))

    moved = change.moves.get(level="retail")
    assert (moved.price, moved.overage_price) == (Decimal("28.60"), Decimal("0.22"))


def test_a_level_in_a_currency_that_has_no_list_price_is_refused_in_its_row(plan: Plan, personas: Personas) -> None:
    wholesale, _ = sold_by_reseller("20", Markup())
    subscription = subscribe_fixed(
        personas.resellers_customer, wholesale, sold_at("30", level=Level.RETAIL, currency="CHF"), plan=plan
    )

    confirm(wish(plan, moves_from=DECEMBER))

    (move,) = preview(wish(plan, moves_from=DECEMBER), today=TODAY).moves
    assert move.refusal == "The plan has no price in CHF for 1 month on 1 Dec 2026."
    assert len(sold(subscription)) == 2


def test_a_subscription_whose_move_is_planned_is_not_moved_again(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)
    confirm(wish(plan, moves_from=JANUARY))

    shown = preview(wish(plan, moves_from=DECEMBER), today=TODAY)
    confirm(wish(plan, moves_from=DECEMBER), shown)

    assert [move.refusal for move in shown.moves] == ["Its price already moves on 1 Jan 2027; call that off first."]
    assert [price for _, price, _ in sold(subscription)] == [Decimal(20), Decimal(21)]


def test_one_subscription_moves_to_what_its_plan_costs_now(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("15"), plan=plan)

    change = price_changes.move_to_present_price(
        subscription_id=subscription.pk, moves_from=DECEMBER, today=TODAY, by=personas.root, at=AT
    )

    assert sold(subscription) == [("msp", Decimal(15), date(2026, 10, 1)), ("msp", Decimal(20), DECEMBER)]
    assert (change.words, change.valid_from, change.moves_from) == (f"{subscription} to the present price", None, DECEMBER)


def test_a_move_that_makes_no_sense_is_refused_with_its_reason(plan: Plan, personas: Personas) -> None:
    def move(subscription: Subscription, moves_from: date = DECEMBER) -> None:
        price_changes.move_to_present_price(subscription_id=subscription.pk, moves_from=moves_from, today=TODAY, by=None, at=AT)

    present = subscribe_fixed(personas.direct_customer, sold_at("20", setup_fee="10", overage_price="0.10"), plan=plan)
    ended = subscribe_fixed(factories.OrganizationFactory(), plan=plan, status="ended", ended_on=date(2026, 11, 1))
    metered = subscribe(factories.OrganizationFactory())

    with pytest.raises(NothingChanges):
        move(present)
    with pytest.raises(DomainError, match="has ended"):
        move(ended)
    with pytest.raises(DomainError, match="is pay-as-you-go"):
        move(metered)
    with pytest.raises(FieldRefused, match="1 Dec 2026"):
        move(present, date(2026, 11, 30))


@pytest.fixture
def paid(personas: Personas) -> Subscription:
    """Prepaid by the month since 5 November, that month invoiced at 15; its plan costs 20 now."""
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("15"), plan=plan, started_on=date(2026, 11, 5))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    renewals.renew(subscription_id=subscription.pk, at=AT)
    return Subscription.objects.get(pk=subscription.pk)


@pytest.mark.parametrize("day", [DECEMBER, date(2026, 12, 20), date(2027, 1, 5)], ids=str)
def test_a_price_cannot_move_inside_a_prepaid_term(paid: Subscription, day: date) -> None:
    sentence = "What is paid keeps its price until it ends. The next term, not invoiced yet, begins on 5 Dec 2026"

    with pytest.raises(FieldRefused, match=sentence):
        price_changes.move_to_present_price(subscription_id=paid.pk, moves_from=day, today=TODAY, by=None, at=AT)

    assert not SubscriptionPrice.objects.filter(valid_from__gt=TODAY).exists()


def test_a_prepaid_price_moves_with_the_next_term_and_what_is_paid_stays_as_it_was(paid: Subscription) -> None:
    moves_from = move_day(paid, TODAY)

    price_changes.move_to_present_price(subscription_id=paid.pk, moves_from=moves_from, today=TODAY, by=None, at=AT)
    for day in (20, 25, 28):
        renewals.renew_due(at=datetime(2026, 11, day, 9, tzinfo=UTC))
    renewals.renew_due(at=datetime(2026, 12, 6, 9, tzinfo=UTC))

    lines = InvoiceLine.objects.order_by("period_start").values_list("period_start", "net")
    assert list(lines) == [(date(2026, 11, 5), Decimal(15)), (date(2026, 12, 5), Decimal(20))]


def test_a_term_that_is_invoiced_ahead_keeps_its_price_too(paid: Subscription) -> None:
    renewals.renew_due(at=datetime(2026, 11, 25, 9, tzinfo=UTC))

    assert move_day(paid, date(2026, 11, 25)) == date(2027, 1, 5)


# --- Calling off --------------------------------------------------------------------------------------------------------------


def test_called_off_in_time_everything_is_as_it_was(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)
    change = confirm(wish(plan, moves_from=DECEMBER))

    told = call_off(change)

    assert told == "1 subscription will not move; 2 planned prices withdrawn."
    assert prices(plan) == [(Decimal(20), date(2026, 1, 1), None)]
    assert sold(subscription) == [("msp", Decimal(20), date(2026, 10, 1))]
    assert "already" in call_off(change)


def test_a_planned_price_that_was_replaced_comes_back(plan: Plan) -> None:
    confirm(wish(plan))
    change = confirm(wish(plan))

    call_off(change)

    assert [price for price, *_ in prices(plan)] == [Decimal(20), Decimal(21)]


def test_a_price_that_somebody_changed_since_is_left(plan: Plan) -> None:
    change = confirm(wish(plan))
    PlanPrice.objects.filter(plan=plan, term_months=1, valid_from=DECEMBER).update(price=25)

    assert call_off(change) == "1 planned price withdrawn; 1 price left, because changed since."
    assert [price for price, *_ in prices(plan)] == [Decimal(20), Decimal(25)]


def test_once_the_prices_are_valid_only_the_moves_can_be_called_off(plan: Plan, personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, plan=plan)
    change = confirm(wish(plan, moves_from=JANUARY))

    told = call_off(change, today=date(2026, 12, 15))

    assert told == "1 subscription will not move; the list prices stay: they are valid since 1 Dec 2026."
    assert [price for price, *_ in prices(plan)] == [Decimal(20), Decimal(21)]
    assert len(sold(subscription)) == 1


def test_after_the_day_nothing_can_be_called_off(plan: Plan) -> None:
    change = confirm(wish(plan))

    with pytest.raises(TooLate):
        call_off(change, today=DECEMBER)


def test_what_was_confirmed_cannot_be_edited(plan: Plan) -> None:
    change = confirm(wish(plan))

    with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
        PriceChange.objects.filter(pk=change.pk).update(words="something else")
