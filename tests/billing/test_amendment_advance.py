"""What a prepaid change costs more is invoiced before it takes effect, and trued up once it did."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Organization
from billing import prepaid
from billing.models import Invoice, Subscription
from billing.operations import renewals
from billing.operations.credit_notes import issue_credit_note
from billing.operations.phases import begin_phase
from billing.operations.renewals import invoice_change_in_advance, renew, renew_due
from billing.queries.amendment_costs import Change, cost_of_change
from billing.queries.margins import service_margins
from billing.queries.paid_terms import paid_until, read
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.money import round_money
from common.periods import Period
from tests import factories
from tests.billing.making import move, sold_at, subscribe
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
KEY = "O7/1"
MORE = Change("quantity", quantity=3)
OCTOBER_11 = datetime(2026, 10, 11, 9, tzinfo=UTC)


def sold(wholesale: str, retail: str) -> list[SoldPrice]:
    return [
        sold_at(wholesale, level=Level.WHOLESALE, setup_fee="5"),
        sold_at(retail, level=Level.RETAIL, currency="JPY", setup_fee="900"),
    ]


@pytest.fixture
def subscription(personas: Personas) -> Subscription:
    """Two units a month at 31 EUR, resold at 6,200 JPY, from 1 October on; October is invoiced."""
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    found = subscribe(personas.resellers_customer, plan, billing_model="prepaid", started_on=date(2026, 10, 1), quantity=2)
    move(found, *sold("31", "6200"), valid_from=date(2026, 10, 1))
    renew(subscription_id=found.pk, at=datetime(2026, 10, 1, 9, tzinfo=UTC))
    return found


def in_advance(subscription: Subscription, change: Change = MORE, at: datetime = OCTOBER_11) -> list[Invoice]:
    return invoice_change_in_advance(subscription_id=subscription.pk, order_key=KEY, change=change, at=at, by=None)


def begin(subscription: Subscription, day: date, change: Change = MORE) -> None:
    begin_phase(
        subscription_id=subscription.pk,
        valid_from=day,
        quantity=change.quantity,
        term_months=change.term_months,
        prices=change.prices,
        order_key=KEY,
        at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        by=None,
    )


def nets(personas: Personas) -> dict[Level, Decimal]:
    found = {}
    for seller, level in ((personas.msp, Level.WHOLESALE), (personas.reseller, Level.RETAIL)):
        found[level] = sum(Invoice.objects.issued().filter(seller=seller).values_list("net", flat=True), Decimal(0))
    return found


def should_be(subscription: Subscription, until: date) -> dict[Level, Decimal]:
    """What all terms that begin before ``until`` cost, by the rules alone."""
    one = read(subscription)
    found = {}
    for level in (Level.WHOLESALE, Level.RETAIL):
        prices = one.fixed_prices(level.value)
        found[level] = sum(
            (
                round_money(charge.charge.net_unrounded, prices[0].currency)
                for term in prepaid.terms(prices, one.charged_from, until)
                for charge in prepaid.charges(term, prices, level=level.value)
            ),
            Decimal(0),
        )
    return found


def test_both_sellers_invoice_the_difference_before_the_change_and_once(personas: Personas, subscription: Subscription) -> None:
    quoted = [cost_of_change(subscription, change=MORE, level=level, at=OCTOBER_11) for level in (Level.WHOLESALE, Level.RETAIL)]

    issued = in_advance(subscription)
    again = in_advance(subscription, at=datetime(2026, 10, 12, 9, tzinfo=UTC))

    assert [(one.seller, one.buyer, one.currency) for one in issued] == [
        (personas.msp, personas.reseller, "EUR"),
        (personas.reseller, personas.resellers_customer, "JPY"),
    ]
    assert [one.net for one in issued] == [one.due_now for one in quoted] == [21, 4200]
    assert [one.pk for one in again] == [one.pk for one in issued]
    assert {one.status for one in issued} == {Invoice.Status.ISSUED}


def test_until_the_change_took_effect_its_invoice_counts_for_nothing(personas: Personas, subscription: Subscription) -> None:
    in_advance(subscription)
    before = nets(personas)

    assert renew_due(at=OCTOBER_11) == 0

    assert nets(personas) == before
    assert paid_until(subscription) == date(2026, 11, 1)


@pytest.mark.parametrize("day", [date(2026, 10, 11), date(2026, 10, 17), date(2026, 10, 31), date(2026, 11, 20)], ids=str)
@pytest.mark.parametrize(
    "change",
    [MORE, Change("term", term_months=12, prices=sold("300", "60000"))],
    ids=["quantity", "term"],
)
def test_whatever_day_it_takes_effect_all_documents_together_say_what_the_terms_cost(
    personas: Personas, subscription: Subscription, change: Change, day: date
) -> None:
    in_advance(subscription, change)
    at = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    renew(subscription_id=subscription.pk, at=at)

    begin(subscription, day, change)
    issued = renew(subscription_id=subscription.pk, at=at)

    assert nets(personas) == should_be(subscription, date.fromordinal(day.toordinal() + 15))
    assert renew(subscription_id=subscription.pk, at=at) == []
    if day == OCTOBER_11.date():
        assert issued == []  # as it was quoted


def test_what_costs_nothing_more_is_not_invoiced_before_and_given_back_after(
    personas: Personas, subscription: Subscription
) -> None:
    less = Change("quantity", quantity=1)

    assert in_advance(subscription, less) == []
    begin(subscription, OCTOBER_11.date(), less)
    issued = renew(subscription_id=subscription.pk, at=OCTOBER_11)

    assert [(one.kind, one.net) for one in issued] == [(Invoice.Kind.RENEWAL, -21), (Invoice.Kind.RENEWAL, -4200)]


def test_killed_after_one_seller_it_is_completed_by_the_next_try(
    personas: Personas, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue_all = renewals.issue_all

    def killed_at_the_first(drafts: Iterable[Invoice], **facts: Any) -> list[Invoice]:
        drafts = list(drafts)
        if any(draft.kind == Invoice.Kind.ADVANCE for draft in drafts):
            raise KeyboardInterrupt
        return issue_all(drafts, **facts)

    with monkeypatch.context() as patched:
        patched.setattr(renewals, "issue_all", killed_at_the_first)
        with pytest.raises(KeyboardInterrupt):
            in_advance(subscription)
    assert [one.status for one in Invoice.objects.filter(kind=Invoice.Kind.ADVANCE)] == [Invoice.Status.DRAFT]

    issued = in_advance(subscription)

    assert [(one.seller, one.net, one.status) for one in issued] == [
        (personas.msp, 21, Invoice.Status.ISSUED),
        (personas.reseller, 4200, Invoice.Status.ISSUED),
    ]


def test_a_renewal_that_is_near_is_invoiced_before_and_the_change_of_it_with_the_change(
    personas: Personas, subscription: Subscription
) -> None:
    at = datetime(2026, 10, 20, 9, tzinfo=UTC)  # 14 days of notice: November is due

    issued = in_advance(subscription, at=at)

    renewal = Invoice.objects.get(kind=Invoice.Kind.RENEWAL, seller=personas.msp, period_start=date(2026, 11, 1))
    assert renewal.net == 62
    assert issued[0].net == 12 + 31  # 12 days of October, and November


def test_the_next_term_that_was_invoiced_ahead_changes_at_once(personas: Personas, subscription: Subscription) -> None:
    renew(subscription_id=subscription.pk, at=OCTOBER_11, next_term=True)

    issued = in_advance(subscription)
    begin(subscription, OCTOBER_11.date())

    assert issued[0].net == 21 + 31
    assert renew(subscription_id=subscription.pk, at=OCTOBER_11) == []


def test_what_has_changed_already_is_not_invoiced_again(personas: Personas, subscription: Subscription) -> None:
    issued = in_advance(subscription)
    begin(subscription, OCTOBER_11.date())
    begin(subscription, date(2026, 10, 13))  # the worker was killed, and tries again the day after

    assert [one.pk for one in in_advance(subscription)] == [one.pk for one in issued]
    assert subscription.phases.filter(order_key=KEY).count() == 1
    assert renew(subscription_id=subscription.pk, at=OCTOBER_11) == []


def test_what_is_not_prepaid_is_not_invoiced_in_advance(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    postpaid = subscribe(personas.direct_customer, plan, billing_model="postpaid_fixed", started_on=date(2026, 10, 1))
    move(postpaid, sold_at("31"), valid_from=date(2026, 10, 1))

    assert in_advance(postpaid) == []
    assert not Invoice.objects.exists()


def test_the_invoice_of_a_change_that_is_not_to_be_is_credited_whole(personas: Personas, subscription: Subscription) -> None:
    issued = in_advance(subscription)

    notes = [
        issue_credit_note(
            invoice_id=one.pk, lines=None, reason="Cancelled", bills_again=False, on=date(2026, 10, 12), by=None, at=OCTOBER_11
        )
        for one in issued
    ]

    assert [note.gross for note in notes] == [one.gross for one in issued]
    assert issued[0].lines.filter(net__lt=0).exists()  # what the old days would have cost is taken off the same invoice
    assert renew(subscription_id=subscription.pk, at=OCTOBER_11) == []


def test_a_change_in_advance_is_in_the_margin_of_its_service(personas: Personas, subscription: Subscription) -> None:
    in_advance(subscription)
    begin(subscription, OCTOBER_11.date())
    customer, october = Organization.objects.get(pk=personas.resellers_customer.pk), Period.month_of(date(2026, 10, 1))

    services = service_margins(personas.reseller, customer, october)

    assert {one.subscription for one in services} == {subscription}
    assert sum(one.margin.paid.value for one in services if one.margin.paid) == 62 + 10 + 21  # two units, setup fees, the change
