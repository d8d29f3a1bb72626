"""What a change is quoted at is what is billed after it, at every level of the sale."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Organization
from billing.models import InvoiceLine, Subscription
from billing.operations.overage import Moment, bill_overage
from billing.operations.phases import begin_phase
from billing.operations.renewals import renew
from billing.operations.subscriptions import end_subscription
from billing.queries import paid_terms
from billing.queries.amendment_costs import Change, ChangeCost, changed_terms, cost_of_change, levels_seen
from billing.queries.sold import FixedPriceMissing, SoldInTwoCurrencies
from catalog.pricing import Level
from catalog.queries.offers import SoldPrice
from common.periods import Period
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing.making import EDITION, GIB, STORAGE, move, rate_card, sold_at, subscribe, use
from tests.billing.scenarios.scenes import bill, forgotten
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
BOTH = (Level.WHOLESALE, Level.RETAIL)


class Case(NamedTuple):
    """A subscription from ``start`` on, and what becomes of it on ``day``; wholesale is in EUR, retail in ``currency``."""

    kind: str
    start: date
    day: date
    currency: str
    term: int = 1
    before: int = 1
    after: int = 1
    new_term: int = 1

    def __str__(self) -> str:
        return f"{self.kind} {self.start} {self.day} {self.currency} {self.term}"

    @property
    def at(self) -> datetime:
        return datetime(self.day.year, self.day.month, self.day.day, 9, tzinfo=UTC)


CASES = [
    Case("quantity", date(2026, 10, 1), date(2026, 10, 31), "JPY", before=3, after=7),
    Case("quantity", date(2026, 10, 15), date(2026, 11, 2), "KWD", term=12, before=5, after=2),
    Case("plan", date(2026, 10, 31), date(2026, 11, 1), "EUR", term=3),
    Case("term", date(2026, 10, 1), date(2026, 11, 15), "JPY", term=1, new_term=12, before=2),
    Case("term", date(2026, 10, 31), date(2026, 12, 30), "KWD", term=12, new_term=1, before=2),
    Case("quantity", date(2026, 10, 15), date(2026, 10, 15), "EUR", before=1, after=2),
    Case("cancel", date(2026, 10, 15), date(2026, 11, 20), "KWD", term=12, before=3),
    Case("cancel", date(2026, 10, 31), date(2026, 11, 15), "JPY"),
]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    start = draw(st.sampled_from([date(2026, 10, 1), date(2026, 10, 15), date(2026, 10, 31), date(2028, 1, 31)]))
    return Case(
        kind=draw(st.sampled_from(["quantity", "plan", "term", "cancel"])),
        start=start,
        day=start + timedelta(days=draw(st.integers(0, 100))),
        currency=draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        term=draw(st.sampled_from([1, 3, 12])),
        before=draw(st.integers(1, 9)),
        after=draw(st.integers(1, 9)),
        new_term=draw(st.sampled_from([1, 6, 24])),
    )


def sold(case: Case, *, share: str = "1") -> list[SoldPrice]:
    amounts = {"EUR": ("99.99", "12.50"), "JPY": ("10007", "1500"), "KWD": ("31.337", "4.125")}
    found = []
    for level, currency in zip(BOTH, ("EUR", case.currency), strict=True):
        price, setup_fee = amounts[currency]
        places = Decimal(price)
        scaled = (Decimal(price) * Decimal(share)).quantize(places)
        found.append(sold_at(str(scaled), level=level, currency=currency, setup_fee=setup_fee))
    return found


def begun(personas: Personas, case: Case, billing_model: str) -> Subscription:
    """The subscription of a reseller's customer before the change."""
    plan = factories.FixedPlanFactory(billing_model=billing_model)
    facts = {"billing_model": billing_model, "started_on": case.start, "term_months": case.term, "quantity": case.before}
    subscription = subscribe(personas.resellers_customer, plan, **facts)
    move(subscription, *sold(case), valid_from=case.start)
    return subscription


def change_of(case: Case, subscription: Subscription) -> Change:
    if case.kind == "quantity":
        return Change(case.kind, quantity=case.after)
    if case.kind == "term":
        return Change(case.kind, term_months=case.new_term, prices=sold(case, share="7.5"))
    if case.kind == "plan":
        plan = factories.FixedPlanFactory(
            billing_model=subscription.billing_model,
            product_group=subscription.plan.product_group,
            service_manager=subscription.plan.service_manager,
        )
        return Change(case.kind, plan=plan, prices=sold(case, share="1.3"))
    return Change("cancel")


def execute(subscription: Subscription, change: Change, at: datetime, *, order_key: str = "") -> None:
    if change.kind == "cancel":
        end_subscription(subscription_id=subscription.pk, at=at, by=None)
        return
    begin_phase(
        subscription_id=subscription.pk,
        valid_from=at.date(),
        plan=change.plan,
        quantity=change.quantity,
        term_months=change.term_months,
        prices=change.prices,
        order_key=order_key,
        at=at,
        by=None,
    )


def quotes(subscription: Subscription, change: Change, at: datetime) -> dict[Level, ChangeCost]:
    return {level: cost_of_change(subscription, change=change, level=level, at=at) for level in BOTH}


def sides(personas: Personas) -> list[tuple[Organization, Level]]:
    return [(personas.msp, Level.WHOLESALE), (personas.reseller, Level.RETAIL)]


def net_of(**which: Any) -> Decimal:
    return sum(InvoiceLine.objects.filter(**which).values_list("net", flat=True), Decimal(0))


# --- What is quoted is what is billed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_next_invoice_of_a_postpaid_subscription_says_what_was_quoted(personas: Personas, case: Case) -> None:
    _hold_postpaid(personas, case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_renewing_a_prepaid_subscription_after_a_change_invoices_what_was_quoted(personas: Personas, case: Case) -> None:
    _hold_prepaid(personas, case)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], phases=[Phase.generate])
@given(case=cases(), is_prepaid=st.booleans())
def test_whatever_changes_whenever_is_billed_as_it_was_quoted(personas: Personas, case: Case, *, is_prepaid: bool) -> None:
    with forgotten():
        (_hold_prepaid if is_prepaid else _hold_postpaid)(personas, case)


def _hold_postpaid(personas: Personas, case: Case) -> None:
    """Bill the month of a change, and hold what is billed against what was quoted."""
    subscription = begun(personas, case, "postpaid_fixed")
    change = change_of(case, subscription)
    month = Period.month_of(case.day)

    quoted = quotes(subscription, change, case.at)
    execute(subscription, change, case.at)
    for seller, _ in sides(personas):
        bill(seller, month, at=datetime(month.end.year, month.end.month, 2, 9, tzinfo=UTC))

    for seller, level in sides(personas):
        quote = quoted[level]
        lines = InvoiceLine.objects.filter(invoice__seller=seller)
        told = lines.filter(item="subscription").order_by("period_start").values_list("period_start", "period_end", "net")
        assert [(part.days.start, part.days.end, part.net) for part in quote.parts] == list(told)
        assert quote.next_invoice == net_of(invoice__seller=seller)
        assert quote.next_invoice_on == month.end
        assert (quote.due_now, quote.credited, quote.currency) == (0, 0, lines[0].invoice.currency)


def _hold_prepaid(personas: Personas, case: Case) -> None:
    """Renew after a change, and hold what is invoiced more or given back against what was quoted."""
    subscription = begun(personas, case, "prepaid")
    change = change_of(case, subscription)
    renew(subscription_id=subscription.pk, at=case.at)
    before = {seller: net_of(invoice__seller=seller) for seller, _ in sides(personas)}

    quoted = quotes(subscription, change, case.at)
    execute(subscription, change, case.at)
    renew(subscription_id=subscription.pk, at=case.at)

    for seller, level in sides(personas):
        quote = quoted[level]
        assert net_of(invoice__seller=seller) - before[seller] == quote.due_now - quote.credited == quote.difference.net
        assert quote.due_now == 0 or quote.credited == 0
        assert quote.next_invoice_on is None
    assert renew(subscription_id=subscription.pk, at=case.at) == []


def test_prices_as_they_would_be_are_those_that_are_read_after_it(personas: Personas) -> None:
    case = CASES[3]
    subscription = begun(personas, case, "postpaid_fixed")
    move(subscription, *sold(case, share="1.1"), valid_from=date(2027, 1, 1))
    change = change_of(case, subscription)

    would_be = [changed_terms(paid_terms.read(subscription), change, level, on=case.day, before=date.max).prices for level in BOTH]
    execute(subscription, change, case.at)

    assert would_be == [paid_terms.read(subscription).fixed_prices(level.value) for level in BOTH]


# --- By hand ------------------------------------------------------------------------------------------------------------------


def direct(personas: Personas, billing_model: str, price: str = "31", **facts: Any) -> Subscription:
    plan = factories.FixedPlanFactory(billing_model=billing_model)
    started_on = facts.setdefault("started_on", date(2026, 10, 1))
    subscription = subscribe(personas.direct_customer, plan, billing_model=billing_model, **facts)
    move(subscription, sold_at(price, setup_fee="5", overage_price="0.50"), valid_from=started_on)
    return subscription


def cost(subscription: Subscription, change: Change, day: date) -> ChangeCost:
    at = datetime(day.year, day.month, day.day, 9, tzinfo=UTC)
    return cost_of_change(subscription, change=change, level=Level.MSP, at=at)


def test_a_quote_tells_what_runs_before_and_after_and_the_days_of_the_month(personas: Personas) -> None:
    subscription = direct(personas, "postpaid_fixed", "62", term_months=1)

    found = cost(subscription, Change("quantity", quantity=3), date(2026, 10, 11))

    assert found.before is not None
    assert found.after is not None
    assert (found.before.quantity, found.before.per_term, found.after.quantity, found.after.per_month) == (1, 62, 3, 186)
    assert [(one.days.days, one.quantity, one.net, one.is_new) for one in found.parts] == [(10, 1, 20, False), (21, 3, 126, True)]
    assert (found.first_day, found.last_day, found.setup_fee) == (date(2026, 10, 11), None, 0)
    assert (found.next_invoice, found.next_invoice_on) == (20 + 126 + 5, date(2026, 11, 1))  # the setup fee of the start


def test_a_prepaid_quote_gives_back_the_unused_days_of_the_old_and_charges_them_anew(personas: Personas) -> None:
    subscription = direct(personas, "prepaid", "31")
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 1, 9, tzinfo=UTC))

    found = cost(subscription, Change("quantity", quantity=3), date(2026, 10, 11))

    assert (found.difference.given_back, found.difference.charged, found.due_now, found.credited) == (21, 63, 42, 0)
    assert [(one.days.days, one.of.days, one.net, one.is_new) for one in found.parts] == [(10, 31, 10, False), (21, 31, 63, True)]
    assert found.period == Period(date(2026, 10, 1), date(2026, 11, 1))


def test_a_longer_prepaid_term_gives_back_the_rest_of_the_running_one(personas: Personas) -> None:
    subscription = direct(personas, "prepaid", "31")
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 1, 9, tzinfo=UTC))

    found = cost(subscription, Change("term", term_months=12, prices=[sold_at("300", setup_fee="5")]), date(2026, 10, 11))

    assert (found.difference.given_back, found.difference.charged, found.due_now) == (21, 300, 279)
    assert [(one.days, one.net) for one in found.parts] == [
        (Period(date(2026, 10, 1), date(2026, 10, 11)), 10),
        (Period(date(2026, 10, 11), date(2027, 10, 11)), 300),
    ]


def test_a_free_trial_costs_nothing_before_its_first_billed_day(personas: Personas) -> None:
    subscription = direct(personas, "postpaid_fixed", trial_ends_on=date(2026, 11, 5))

    found = cost(subscription, Change("quantity", quantity=3), date(2026, 10, 11))

    assert (found.parts, found.next_invoice, found.next_invoice_on) == ((), 0, None)
    assert found.after is not None
    assert found.after.per_month == 93


def test_a_cancellation_tells_its_last_day_and_what_is_still_billed(personas: Personas) -> None:
    subscription = direct(personas, "postpaid_fixed", "360", term_months=12)
    now = cost(subscription, Change("cancel"), date(2026, 11, 10))
    end = paid_terms.term_end(subscription, on=date(2026, 11, 10))
    at_end = cost(subscription, Change("cancel", ends_on=end), date(2026, 11, 10))

    assert (now.last_day, now.after, now.until_end, now.difference.given_back) == (date(2026, 11, 10), None, 10, 20)
    # The year, less the month before this one.
    assert (at_end.last_day, at_end.until_end, at_end.difference.net) == (date(2027, 9, 30), 330, 0)
    assert (now.next_invoice, at_end.next_invoice) == (10, 30)


def test_a_prepaid_cancellation_gives_back_what_is_not_used(personas: Personas) -> None:
    subscription = direct(personas, "prepaid", "31")
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 20, 9, tzinfo=UTC))  # November as well

    now = cost(subscription, Change("cancel"), date(2026, 10, 20))
    at_end = cost(subscription, Change("cancel", ends_on=date(2026, 11, 1)), date(2026, 10, 20))

    assert (now.credited, now.due_now, now.last_day) == (11 + 31, 0, date(2026, 10, 20))
    assert (at_end.credited, at_end.last_day) == (31, date(2026, 10, 31))


def test_a_prepaid_cancellation_gives_back_nothing_that_was_not_invoiced(personas: Personas) -> None:
    subscription = direct(personas, "prepaid", "31")
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 1, 9, tzinfo=UTC))

    found = cost(subscription, Change("cancel", ends_on=date(2026, 11, 1)), date(2026, 10, 20))  # November is near, not invoiced

    assert (found.credited, found.due_now) == (0, 0)


def test_use_is_not_known_before_but_when_it_is_invoiced_is(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)

    ends = cost(subscription, Change("cancel"), date(2026, 10, 11))
    goes_on = cost(subscription, Change("plan", plan=subscription.plan), date(2026, 10, 11))

    assert (ends.before, ends.after, ends.parts, ends.difference.net) == (None, None, (), 0)
    assert (ends.last_day, ends.next_invoice_on, ends.currency) == (date(2026, 10, 11), date(2026, 11, 1), "EUR")
    assert (goes_on.first_day, goes_on.next_invoice_on) == (date(2026, 10, 11), date(2026, 11, 1))


# --- Overage ------------------------------------------------------------------------------------------------------------------


def over_its_quota(personas: Personas, price: str | None = "0.50") -> Subscription:
    plan = factories.FixedPlanFactory()
    subscription = subscribe(
        personas.direct_customer,
        plan,
        billing_model="postpaid_fixed",
        started_on=date(2026, 10, 1),
        first_phase__quota_gib=Decimal(50),
    )
    move(subscription, sold_at("31", overage_price=price), valid_from=date(2026, 10, 1))
    VendorOfferingItem.objects.create(
        service_manager=plan.service_manager,
        application_id="6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
        name=STORAGE,
        usage_name="storage",
        edition=EDITION,
        measurement_unit="bytes",
    )
    rate_card(plan.product_group)
    use(subscription, 60 * GIB, days=[date(2026, 10, 10)])
    return subscription


def test_the_overage_that_is_quoted_is_invoiced_first_and_not_quoted_again(personas: Personas) -> None:
    subscription = over_its_quota(personas)
    change = Change("quantity", quantity=2)
    at = datetime(2026, 10, 11, 9, tzinfo=UTC)

    quoted = cost_of_change(subscription, change=change, level=Level.MSP, at=at)
    (invoice,) = bill_overage(subscription_id=subscription.pk, moment=Moment.QUANTITY, at=at, by=None)

    assert quoted.overage_due == invoice.net == 5
    assert cost_of_change(subscription, change=change, level=Level.MSP, at=at).overage_due == 0


# --- Refused ------------------------------------------------------------------------------------------------------------------


def test_a_price_that_is_missing_or_of_another_currency_is_refused(personas: Personas) -> None:
    subscription = direct(personas, "postpaid_fixed")

    with pytest.raises(FixedPriceMissing):
        cost(subscription, Change("term", term_months=12, prices=[sold_at("300", level=Level.RETAIL)]), date(2026, 10, 11))
    with pytest.raises(SoldInTwoCurrencies):
        cost(subscription, Change("term", term_months=12, prices=[sold_at("300", currency="CHF")]), date(2026, 10, 11))


def test_a_sale_without_a_price_at_that_level_is_refused(personas: Personas) -> None:
    subscription = direct(personas, "postpaid_fixed")

    with pytest.raises(FixedPriceMissing):
        cost_of_change(subscription, change=Change("cancel"), level=Level.RETAIL, at=datetime(2026, 10, 11, 9, tzinfo=UTC))


def test_everybody_sees_the_levels_they_are_part_of(personas: Personas) -> None:
    resold, direct_sale = subscribe(personas.resellers_customer), subscribe(personas.direct_customer)

    assert levels_seen(resold, None) == levels_seen(resold, personas.reseller) == BOTH
    assert levels_seen(resold, personas.resellers_customer) == (Level.RETAIL,)
    assert levels_seen(direct_sale, None) == levels_seen(direct_sale, personas.direct_customer) == (Level.MSP,)
