"""Prepaid: terms by the calendar, invoiced before they begin, and what changes inside them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.adjusting import Due, Kind
from billing.fixed import DatedPrice
from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations.credit_notes import issue_credit_note
from billing.operations.phases import begin_phase
from billing.operations.renewals import AdvanceLine, invoice_in_advance, renew, renew_due
from billing.prepaid import PaidTerm, charges, given_back_within, terms
from billing.queries.amendment_costs import Change, ChangeKind, cost_of_change
from billing.queries.paid_terms import paid_until
from catalog.pricing import Level
from common.money import round_money
from tests import factories
from tests.billing.making import sold_at, subscribe_fixed
from tests.conftest import Personas


def price(
    amount: str, *, term_months: int = 12, quantity: int = 1, valid_from: date = date(2026, 1, 31), setup: str = "0"
) -> DatedPrice:
    return DatedPrice(valid_from, "EUR", Decimal(amount), Decimal(setup), quantity=quantity, term_months=term_months)


def days(found: list[PaidTerm]) -> list[tuple[date, date]]:
    return [(term.days.start, term.used.end) for term in found]


def net(term: PaidTerm, prices: list[DatedPrice], **facts: date) -> Decimal:
    return sum((round_money(one.charge.net_unrounded, "EUR") for one in charges(term, prices, level="msp", **facts)), Decimal(0))


def test_terms_that_begin_on_the_31st_end_at_the_ends_of_months() -> None:
    found = list(terms([price("10", term_months=1)], date(2026, 1, 31), date(2026, 4, 1)))

    assert days(found) == [
        (date(2026, 1, 31), date(2026, 2, 28)),
        (date(2026, 2, 28), date(2026, 3, 31)),
        (date(2026, 3, 31), date(2026, 4, 30)),
    ]


def test_another_term_begins_on_the_day_it_was_agreed() -> None:
    prices = [price("10", term_months=1), price("100", term_months=12, valid_from=date(2026, 2, 10))]

    found = list(terms(prices, date(2026, 1, 31), date(2026, 3, 1)))

    assert days(found) == [(date(2026, 1, 31), date(2026, 2, 10)), (date(2026, 2, 10), date(2027, 2, 10))]
    assert net(found[0], prices) == Decimal("3.57")  # 10 × 10 of 28 days
    assert net(found[1], prices) == Decimal(100)


def test_the_first_term_costs_its_price_and_the_setup_fee() -> None:
    (term,) = terms([price("120", setup="15", quantity=2)], date(2026, 1, 31), date(2026, 2, 1))

    assert net(term, [price("120", setup="15", quantity=2)]) == Decimal(270)


def test_more_units_inside_a_term_cost_their_share_of_its_days() -> None:
    first = price("365", valid_from=date(2026, 1, 1))
    prices = [first, replace(first, quantity=3, valid_from=date(2026, 7, 2))]
    (term,) = terms(prices, date(2026, 1, 1), date(2026, 7, 3))

    assert net(term, prices) == Decimal(182) + Decimal(183 * 3)


def test_what_ends_inside_a_term_costs_the_days_it_ran() -> None:
    prices = [price("365", valid_from=date(2026, 1, 1))]
    (term,) = terms(prices, date(2026, 1, 1), date(2026, 1, 2))

    assert net(term, prices, ended_on=date(2026, 1, 11)) == Decimal(10)


# --- In the database --------------------------------------------------------------------------------------------------------

OCTOBER_1 = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def nets(kind: str) -> list[tuple[str, Decimal]]:
    return [(one.buyer.name, one.net) for one in Invoice.objects.issued().filter(kind=kind).select_related("buyer").order_by("pk")]


@pytest.mark.django_db
def test_an_order_is_invoiced_in_advance_by_both_sellers_once(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    prices = [sold_at("80", level=Level.WHOLESALE, setup_fee="8"), sold_at("100", level=Level.RETAIL, setup_fee="10")]
    line = AdvanceLine("O1/1", personas.resellers_customer, plan, plan.name, 2, 12, prices)

    invoice_in_advance([line], at=OCTOBER_1, by=None)
    again = invoice_in_advance([line], at=OCTOBER_1, by=None)

    assert nets("advance") == [(personas.reseller.name, Decimal(176)), (personas.resellers_customer.name, Decimal(220))]
    assert len(again) == 2
    assert {line.part for line in InvoiceLine.objects.all()} == {"term:1"}


@pytest.mark.django_db
def test_a_term_is_renewed_before_it_ends_and_never_twice(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    invoice_in_advance(
        [AdvanceLine("O1/1", personas.direct_customer, plan, plan.name, 1, 1, [sold_at("31")])], at=OCTOBER_1, by=None
    )
    subscription = subscribe_fixed(
        personas.direct_customer, sold_at("31"), plan=plan, started_on=date(2026, 10, 5), order_key="O1/1"
    )
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")

    assert renew_due(at=datetime(2026, 10, 20, 9, tzinfo=UTC)) == 0  # the term ends on 5 November, 14 days are told of it
    assert renew_due(at=datetime(2026, 10, 22, 9, tzinfo=UTC)) == 1
    assert renew_due(at=datetime(2026, 10, 23, 9, tzinfo=UTC)) == 0

    line = InvoiceLine.objects.get(part="term:2")
    assert (line.period_start, line.period_end, line.net) == (date(2026, 11, 5), date(2026, 12, 5), Decimal(31))
    assert paid_until(Subscription.objects.get()) == date(2026, 12, 5)


@pytest.mark.django_db
def test_a_change_inside_a_paid_term_is_invoiced_by_its_days(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), plan=plan, started_on=date(2026, 10, 1))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    renew(subscription_id=subscription.pk, at=OCTOBER_1)
    at = datetime(2026, 10, 11, 9, tzinfo=UTC)
    begin_phase(subscription_id=subscription.pk, valid_from=date(2026, 10, 11), quantity=3, at=at, by=None)

    renew(subscription_id=subscription.pk, at=at)

    assert [net for _, net in nets("renewal")] == [Decimal(31), Decimal(42)]  # 10 × 1 + 21 × 3 = 73 for the term


@pytest.mark.django_db
def test_what_was_paid_and_not_used_is_given_back(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), plan=plan, started_on=date(2026, 10, 1))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    renew(subscription_id=subscription.pk, at=OCTOBER_1)
    Subscription.objects.filter(pk=subscription.pk).update(status="ended", ended_on=date(2026, 10, 11))

    renew_due(at=datetime(2026, 10, 11, 9, tzinfo=UTC))
    renew_due(at=datetime(2026, 10, 12, 9, tzinfo=UTC))

    assert [net for _, net in nets("renewal")] == [Decimal(31), Decimal(-21)]


# --- What was credited of a term is not given back once more ------------------------------------------------------------------


def due(net: str, unit_price: str = "31") -> Due:
    quantity = (Decimal(net) / Decimal(unit_price)).quantize(Decimal("1E-10"))
    return Due(Kind.DIFFERENCE, quantity, "unit", Decimal(unit_price), Decimal(net), {})


@pytest.mark.parametrize(
    ("nets", "most", "left"),
    [
        (["-21"], "31", ["-21"]),
        (["-21"], "11", ["-11"]),
        (["-21"], "0", ["0"]),
        (["-21", "42"], "0", ["-21", "42"]),
        (["-31", "10"], "11", ["-21", "10"]),
        (["-5", "-21", "3"], "4", ["0", "-7", "3"]),
    ],
    ids=str,
)
def test_a_term_gives_back_no_more_than_is_left_of_it(nets: list[str], most: str, left: list[str]) -> None:
    found = given_back_within([due(net) for net in nets], Decimal(most))

    assert [one.net for one in found] == [Decimal(net) for net in left]
    assert all(round_money(one.quantity * one.unit_price, "EUR") == one.net for one in found)


@pytest.fixture
def paid(personas: Personas) -> Subscription:
    """Prepaid by the month since 1 October at 31, invoiced, one a day."""
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), plan=plan, started_on=date(2026, 10, 1))
    Subscription.objects.filter(pk=subscription.pk).update(billing_model="prepaid")
    renew(subscription_id=subscription.pk, at=OCTOBER_1)
    return Subscription.objects.get(pk=subscription.pk)


def give_away(amount: str) -> None:
    """Credit so much of the one line there is, for good."""
    line = InvoiceLine.objects.get()
    told = {"reason": "Service was down", "bills_again": False, "on": date(2026, 10, 5), "by": None, "key": uuid4()}
    at = datetime(2026, 10, 5, 9, tzinfo=UTC)
    issue_credit_note(invoice_id=line.invoice_id, lines={line.pk: Decimal(amount)}, at=at, **told)  # type: ignore[arg-type]


@pytest.mark.django_db
@pytest.mark.parametrize(("credited", "given_back"), [("5", "-21"), ("20", "-11"), ("31", None)], ids=str)
def test_what_was_credited_of_a_term_is_not_given_back_again(paid: Subscription, credited: str, given_back: str | None) -> None:
    give_away(credited)
    Subscription.objects.filter(pk=paid.pk).update(status="ended", ended_on=date(2026, 10, 11))

    renew_due(at=datetime(2026, 10, 11, 9, tzinfo=UTC))
    renew_due(at=datetime(2026, 10, 12, 9, tzinfo=UTC))

    assert [net for _, net in nets("renewal")] == [Decimal(net) for net in ("31", given_back) if net is not None]


@pytest.mark.django_db
def test_the_preview_of_an_end_promises_no_more_than_is_left_of_the_term(paid: Subscription) -> None:
    give_away("20")
    at = datetime(2026, 10, 11, 9, tzinfo=UTC)

    cost = cost_of_change(paid, change=Change(ChangeKind.CANCEL), level=Level.MSP, at=at)

    assert cost.credited == Decimal(11)


@pytest.mark.django_db
def test_more_units_after_a_credit_note_cost_what_they_cost_without_it(paid: Subscription) -> None:
    give_away("20")
    at = datetime(2026, 10, 11, 9, tzinfo=UTC)
    begin_phase(subscription_id=paid.pk, valid_from=date(2026, 10, 11), quantity=3, at=at, by=None)

    renew(subscription_id=paid.pk, at=at)

    assert [net for _, net in nets("renewal")] == [Decimal(31), Decimal(42)]
