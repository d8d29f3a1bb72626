"""What changes inside a month: plan, quantity, trial, term; by days, and nothing twice."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from accounts.models import Organization
from billing.models import (
    ExchangeRate,
    Invoice,
    InvoiceLine,
    Rate,
    RateCard,
    Subscription,
    SubscriptionAllowance,
    SubscriptionCommitment,
)
from billing.operations.overage import Moment, bill_overage
from billing.operations.phases import begin_phase
from billing.operations.renewals import renew, renew_due
from billing.operations.subscriptions import end_trials, start_subscription
from catalog.models import Plan, ProductGroup, Tax
from catalog.pricing import Level
from common.periods import Period
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing.making import EDITION, GIB, OCTOBER, SERVERS, STORAGE, move, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.billing.scenarios.figures import cents, chain, half_up
from tests.billing.scenarios.scenes import DECEMBER_1, NOVEMBER, NOVEMBER_2, bill, issue_drafts, rows, told
from tests.conftest import Personas

pytestmark = pytest.mark.django_db
LAST = OCTOBER.last_day
OCTOBER_11 = date(2026, 10, 11)


def other_plan(subscription: Subscription, **facts: object) -> Plan:
    """A pay-as-you-go plan of another group, of the same service manager, with a tax of its own."""
    group = factories.ProductGroupFactory(name="Other group", taxes=[Tax.objects.create(name="GST 5 %", percent=5)])
    return factories.PlanFactory(product_group=group, service_manager=subscription.plan.service_manager, **facts)


# --- By use -------------------------------------------------------------------------------------------------------------------


def test_levels_count_by_the_days_of_each_plan_and_additions_where_they_fell(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    old = subscription.plan.product_group
    rate_card(old, {STORAGE: ("0.07", "GiB", "last"), SERVERS: ("2", "unit", "sum")})
    use(subscription, 100 * GIB, days=[date(2026, 10, 10)])
    use(subscription, 200 * GIB, days=[LAST])
    use(subscription, 0, item=SERVERS, unit="", is_range=True, delta=3, days=[date(2026, 10, 4), date(2026, 10, 20)])
    plan = other_plan(subscription)
    rate_card(plan.product_group, {STORAGE: ("0.05", "GiB", "last"), SERVERS: ("3", "unit", "sum")})
    begin_phase(subscription_id=subscription.pk, valid_from=OCTOBER_11, plan=plan, at=NOVEMBER_2, by=None)

    bill(personas.msp)

    before, after = half_up(Fraction(1000, 31), 10), half_up(Fraction(4200, 31), 10)
    assert sorted(told()) == sorted(
        [
            (SERVERS, OCTOBER.start, OCTOBER_11, Decimal("6.00")),
            (SERVERS, OCTOBER_11, OCTOBER.end, Decimal("9.00")),
            (STORAGE, OCTOBER.start, OCTOBER_11, cents(Fraction(before) * 7 / 100, "EUR")),
            (STORAGE, OCTOBER_11, OCTOBER.end, cents(Fraction(after) * 5 / 100, "EUR")),
        ]
    )
    assert {(line.period_start.day, line.product_group, line.tax_percent) for line in InvoiceLine.objects.all()} == {
        (1, old, 19),
        (11, plan.product_group, 5),
    }


def test_what_a_former_plan_billed_is_taken_back_with_the_taxes_of_its_own_group(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    old = subscription.plan.product_group
    rate_card(old)
    use(subscription, 31 * GIB, days=[date(2026, 10, 10)])
    plan = other_plan(subscription)
    rate_card(plan.product_group)
    begin_phase(subscription_id=subscription.pk, valid_from=OCTOBER_11, plan=plan, at=NOVEMBER_2, by=None)
    bill(personas.msp)
    issue_drafts()

    use(subscription, 0, days=[date(2026, 10, 10)])
    bill(personas.msp)

    line = Invoice.objects.drafts().get().lines.get()
    assert (line.product_group, line.tax_percent, line.net) == (old, 19, Decimal("-0.70"))


def tiered(group: ProductGroup, mode: str, *tiers: tuple[int, int | None, str]) -> RateCard:
    card = rate_card(group, {SERVERS: ("1", "unit", "last")}, exchange_rate="0.9", currency="USD")
    for line, (lower, upper, price) in enumerate(tiers, start=10):
        Rate.objects.create(
            rate_card=card,
            item=STORAGE,
            unit="GiB",
            cost=Decimal(price) / 2,
            price=Decimal(price),
            aggregation="max",
            tier_from=lower,
            tier_to=upper,
            tier_mode=mode,
            line=line,
        )
    return card


@pytest.mark.parametrize(
    ("mode", "nets"),
    [
        # 20 of 270 are free. 0.9 EUR a USD, 0.94 CHF a EUR, 10 % less for the partner.
        ("graduated", [Fraction("0.10") * 100, Fraction("0.08") * 100, Fraction("0.05") * 50]),
        ("volume", [Fraction("0.05") * 250]),
    ],
)
def test_tiers_begin_above_what_is_free_and_a_month_cut_short_owes_its_share_of_the_minimum(
    personas: Personas, mode: str, nets: list[Fraction]
) -> None:
    Organization.objects.filter(pk=personas.reseller.pk).update(currency="CHF")
    subscription = subscribe(
        personas.resellers_customer, started_on=date(2026, 10, 15), partner_discount_percent=10, retail_markup_percent=50
    )
    tiered(subscription.plan.product_group, mode, (0, 100, "0.10"), (100, 200, "0.08"), (200, None, "0.05"))
    _rates()
    facts = {"subscription": subscription, "valid_from": subscription.started_on, "created_at": NOVEMBER_2}
    SubscriptionAllowance.objects.create(item=STORAGE, quantity=20, **facts)
    SubscriptionCommitment.objects.create(currency="EUR", amount=100, **facts)
    use(subscription, 270 * GIB, days=[date(2026, 10, 20)])
    use(subscription, 5 * GIB, days=[LAST])
    use(subscription, 900 * GIB, days=[date(2026, 10, 14)])  # before it began

    bill(personas.msp)
    bill(personas.reseller)

    for seller, rate, percents in (
        (personas.msp, Fraction("0.94"), {"discount": 10}),
        (personas.reseller, Fraction(1), {"discount": 10, "markup": 50}),
    ):
        invoice = Invoice.objects.get(seller=seller)
        expected = [cents(chain(net * Fraction("0.9"), **percents) * rate, invoice.currency) for net in nets]
        least = cents(chain(Fraction(100), **percents) * rate * 17 / 31, invoice.currency)
        rest = least - sum(expected)
        assert rest > 0
        assert sorted(line.net for line in invoice.lines.all()) == sorted([*expected, rest])
        assert invoice.net == least
    assert {invoice.currency for invoice in Invoice.objects.all()} == {"CHF", "EUR"}


def _rates() -> None:
    ExchangeRate.objects.create(base="EUR", quote="CHF", valid_from=date(2026, 10, 31), rate=Decimal("0.94"))


# --- At a fixed price ---------------------------------------------------------------------------------------------------------


def test_another_plan_and_then_more_units_each_cost_their_days(personas: Personas) -> None:
    prices = [sold_at("31", level=Level.WHOLESALE), sold_at("62", level=Level.RETAIL)]
    subscription = subscribe_fixed(personas.resellers_customer, *prices)
    plan = factories.FixedPlanFactory(service_manager=subscription.plan.service_manager)
    facts = {"subscription_id": subscription.pk, "at": NOVEMBER_2, "by": None}
    dearer = [sold_at("93", level=Level.WHOLESALE), sold_at("124", level=Level.RETAIL)]
    begin_phase(valid_from=OCTOBER_11, plan=plan, prices=dearer, **facts)
    begin_phase(valid_from=date(2026, 10, 21), quantity=3, **facts)
    begin_phase(valid_from=date(2026, 10, 21), quantity=3, **facts)

    bill(personas.msp)
    bill(personas.reseller)

    days = [(OCTOBER.start, OCTOBER_11), (OCTOBER_11, date(2026, 10, 21)), (date(2026, 10, 21), OCTOBER.end)]
    for seller, nets in ((personas.msp, (10, 30, 99)), (personas.reseller, (20, 40, 132))):
        lines = told(invoice__seller=seller)
        assert [(start, end) for _, start, end, _ in lines] == days
        assert [net for *_, net in lines] == list(nets)
    before = rows()
    bill(personas.msp)
    assert rows() == before


def test_a_change_after_issuing_brings_the_old_month_to_its_days(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"))
    bill(personas.msp)
    issue_drafts()
    begin_phase(subscription_id=subscription.pk, valid_from=OCTOBER_11, quantity=2, at=NOVEMBER_2, by=None)

    bill(personas.msp)

    assert Invoice.objects.drafts().get().net == 21


def test_overage_of_a_former_plan_bears_the_taxes_of_its_own_group(personas: Personas) -> None:
    subscription = subscribe_fixed(
        personas.direct_customer, sold_at("31", overage_price="0.50"), first_phase__quota_gib=Decimal(50)
    )
    old = subscription.plan.product_group
    VendorOfferingItem.objects.create(
        service_manager=subscription.plan.service_manager,
        application_id="6e6d758d-8e74-3ae3-ac84-50eb0dff12eb",
        name=STORAGE,
        usage_name="storage",
        edition=EDITION,
        measurement_unit="bytes",
    )
    begin_phase(
        subscription_id=subscription.pk,
        valid_from=OCTOBER_11,
        plan=other_plan(subscription, billing_model="postpaid_fixed"),
        quota_gib=Decimal(100),
        prices=[sold_at("62", overage_price="0.40")],
        at=NOVEMBER_2,
        by=None,
    )
    use(subscription, 60 * GIB, days=[date(2026, 10, 10)])

    at = datetime(2026, 10, 12, 9, tzinfo=UTC)
    (invoice,) = bill_overage(subscription_id=subscription.pk, moment=Moment.GENERATE_INVOICE, at=at, by=None)

    line = invoice.lines.get()
    assert (line.product_group, line.tax_percent, invoice.net, invoice.gross) == (old, 19, 5, Decimal("5.95"))


# --- Free trials --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [date(2026, 10, 11), date(2026, 10, 31), date(2026, 11, 1)], ids=str)
def test_a_trial_is_free_and_production_is_billed_from_its_day_on(personas: Personas, ends: date) -> None:
    metered = subscribe(personas.direct_customer, trial_ends_on=ends)
    rate_card(metered.plan.product_group, {STORAGE: ("0.31", "GiB", "average")})
    use(metered, 10 * GIB)
    fixed = subscribe_fixed(factories.OrganizationFactory(), sold_at("31", setup_fee="5"), trial_ends_on=ends)

    bill(personas.msp)
    bill(personas.msp, NOVEMBER)

    days = (OCTOBER.end - ends).days
    of_use, of_price = (told(invoice__buyer=one.consumer) for one in (metered, fixed))
    assert of_use == ([(STORAGE, ends, OCTOBER.end, Decimal("3.10"))] if days else [])
    assert sum(net for *_, net in of_price) == (days + 5 if days else 0)
    november = told(NOVEMBER, invoice__buyer=fixed.consumer)
    assert sum(net for *_, net in november) == (31 if days else 36)


def test_a_trial_that_went_to_production_early_is_billed_from_that_day_on(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer, sold_at("31"), trial_ends_on=date(2026, 11, 20))
    service = subscription.service
    assert service.pricing_mode == "production"

    end_trials(at=datetime(2026, 10, 21, 22, 30, tzinfo=UTC))  # already the 22nd in Berlin
    bill(personas.msp)

    assert [net for *_, net in told()] == [Decimal(10)]


# --- In advance ---------------------------------------------------------------------------------------------------------------


def prepaid(personas: Personas, *, started_on: date = OCTOBER.start, setup_fee: str = "0", **facts: object) -> Subscription:
    plan = factories.FixedPlanFactory(billing_model="prepaid")
    subscription = subscribe(personas.direct_customer, plan, billing_model="prepaid", started_on=started_on, **facts)
    move(subscription, sold_at("31", setup_fee=setup_fee), valid_from=started_on)
    return subscription


def end(subscription: Subscription, day: date) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(status="ended", ended_on=day)


def invoiced() -> list[Decimal]:
    return list(Invoice.objects.issued().order_by("pk").values_list("net", flat=True))


def test_a_renewed_term_that_never_began_is_given_back_whole(personas: Personas) -> None:
    subscription = prepaid(personas)
    renew(subscription_id=subscription.pk, at=datetime(2026, 10, 20, 9, tzinfo=UTC))  # November too: 14 days of notice
    end(subscription, date(2026, 10, 22))

    renew_due(at=datetime(2026, 10, 22, 9, tzinfo=UTC))
    renew_due(at=datetime(2026, 10, 23, 9, tzinfo=UTC))

    assert invoiced() == [Decimal(62), Decimal(-41)]  # 10 days of October, and November


def test_a_prepaid_trial_is_invoiced_when_its_first_term_is_near_and_not_if_it_ended_before(personas: Personas) -> None:
    subscription = prepaid(personas, setup_fee="5", trial_ends_on=NOVEMBER.start)

    assert renew_due(at=datetime(2026, 10, 17, 9, tzinfo=UTC)) == 0
    assert renew_due(at=datetime(2026, 10, 18, 9, tzinfo=UTC)) == 1
    end(subscription, date(2026, 10, 25))
    renew_due(at=datetime(2026, 10, 25, 9, tzinfo=UTC))

    assert invoiced() == [Decimal("36"), Decimal("-36")]


def test_a_term_changed_after_the_next_was_invoiced_costs_what_was_agreed_last(personas: Personas) -> None:
    subscription = prepaid(personas)
    at = datetime(2026, 10, 20, 9, tzinfo=UTC)
    renew(subscription_id=subscription.pk, at=at)
    begin_phase(
        subscription_id=subscription.pk, valid_from=date(2026, 10, 22), term_months=12, prices=[sold_at("365")], at=at, by=None
    )

    renew(subscription_id=subscription.pk, at=at)
    renew_due(at=DECEMBER_1)

    assert sum(invoiced()) == 21 + 365


def test_a_shorter_notice_gives_nothing_back_that_was_invoiced_earlier(personas: Personas) -> None:
    subscription = prepaid(personas)
    group = subscription.plan.product_group
    at = datetime(2026, 10, 5, 9, tzinfo=UTC)
    group.renewal_notice_days = 40
    group.save()
    renew(subscription_id=subscription.pk, at=at)
    group.renewal_notice_days = 0
    group.save()

    assert renew_due(at=at) == 0

    assert invoiced() == [Decimal(62)]


# --- Days by the MSP's calendar -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "moment", "day"),
    [
        ("Europe/Berlin", datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 25)),  # summer time until 3 o'clock
        ("Europe/Berlin", datetime(2026, 10, 25, 22, 30, tzinfo=UTC), date(2026, 10, 25)),  # winter time since
        ("Europe/Berlin", datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
        ("Europe/Berlin", datetime(2027, 3, 27, 23, 0, tzinfo=UTC), date(2027, 3, 28)),
        ("Europe/Berlin", datetime(2027, 3, 28, 22, 0, tzinfo=UTC), date(2027, 3, 29)),  # the day had 23 hours
        ("Europe/Berlin", datetime(2027, 2, 27, 23, 0, tzinfo=UTC), date(2027, 2, 28)),
        ("Europe/Berlin", datetime(2028, 2, 28, 22, 59, tzinfo=UTC), date(2028, 2, 28)),  # two days of 29
        ("Europe/Berlin", datetime(2028, 2, 28, 23, 0, tzinfo=UTC), date(2028, 2, 29)),
        ("America/Los_Angeles", datetime(2026, 11, 1, 6, 59, tzinfo=UTC), date(2026, 10, 31)),
        ("America/Los_Angeles", datetime(2026, 11, 2, 7, 59, tzinfo=UTC), date(2026, 11, 1)),  # the day had 25 hours
        ("America/Los_Angeles", datetime(2027, 3, 15, 7, 0, tzinfo=UTC), date(2027, 3, 15)),
    ],
    ids=str,
)
def test_the_first_day_is_that_of_the_msps_calendar_whatever_the_clocks_do(
    personas: Personas, zone: str, moment: datetime, day: date
) -> None:
    Organization.objects.filter(pk=personas.msp.pk).update(time_zone=zone)
    plan = factories.FixedPlanFactory()
    tenant = factories.TenantFactory(organization=personas.direct_customer, service_manager=plan.service_manager)
    start_subscription(
        service=factories.ServiceFactory(tenant=tenant),
        plan=plan,
        order_number="O1",
        quantity=1,
        prices=[sold_at("310")],
        at=moment,
    )
    month = Period.month_of(day)
    bill(personas.msp, month, at=datetime(month.end.year, month.end.month, 2, 9, tzinfo=UTC))

    (line,) = told(month)
    assert (line[1], line[2]) == (day, month.end)
    assert line[3] == cents(Fraction(310 * (month.end - day).days, month.days), "EUR")
