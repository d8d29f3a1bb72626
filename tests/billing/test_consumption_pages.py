"""The running month: what it costs so far and is expected to cost, told to each reader at its own end of the chain."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from billing.models import Subscription, SubscriptionPhase, UsageEstimate, UsageRecord
from billing.queries.consumption import Consumption, consumption
from common.periods import Period
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing.by_hand import credited, issued, line
from tests.billing.making import EDITION, GIB, STORAGE, STORAGE_RATE, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

USAGE = reverse("billing:usage")
HTMX = {"HTTP_HX_REQUEST": "true"}
TODAY = date(2026, 10, 11)
TEN_DAYS = Period(date(2026, 10, 1), date(2026, 10, 11))
POINTS = "pg_base_adv_dr_compute_points"
RATES = {STORAGE: STORAGE_RATE, POINTS: ("1", "hour", "sum")}


@pytest.fixture(autouse=True)
def _on_the_eleventh() -> Iterator[None]:
    with time_machine.travel("2026-10-11T09:00:00Z", tick=False):
        yield


@pytest.fixture
def used(personas: Personas) -> Subscription:
    """Dora's service: 100 GiB at 0.07 and one hour a day at 1 on ten days of October."""
    subscription = subscribe(personas.direct_customer)
    rate_card(subscription.plan.product_group, RATES)
    use(subscription, 100 * GIB, days=TEN_DAYS)
    use(subscription, 0, item=POINTS, unit="seconds", days=TEN_DAYS, is_range=True, delta=3600)
    return subscription


def of(personas: Personas, *services: Subscription) -> Consumption:
    return consumption(personas.direct_customer, services, TODAY)


def test_levels_stay_and_what_is_used_up_goes_on(personas: Personas, used: Subscription) -> None:
    [total] = of(personas, used).totals

    assert (total.so_far, total.forecast, total.last_month) == (Decimal("17.00"), Decimal("38.00"), None)


def test_the_page_says_so_far_expected_the_month_before_and_as_of_when(personas: Personas, used: Subscription) -> None:
    days = {"period_start": date(2026, 9, 1), "period_end": date(2026, 10, 1)}
    issued(personas.msp, personas.direct_customer, [line(used, "29.50")], number="INV-1", **days)

    page = personas.client("dora").get(USAGE).text

    for expected in (
        "17.00 EUR",
        "38.00 EUR",
        "29.50 EUR",
        "As of the readings of 10 Oct 2026",
        "estimated",
        "100 GiB",
        "31.00 EUR",
    ):
        assert expected in page
    assert page.count('class="filled') == 1


def test_what_was_credited_of_the_month_before_is_taken_off_for_buyer_and_seller(personas: Personas) -> None:
    bought, sold = (subscribe_fixed(buyer, sold_at("31")) for buyer in (personas.direct_customer, personas.resellers_customer))
    days = {"period_start": date(2026, 9, 1), "period_end": date(2026, 10, 1)}
    credited(issued(personas.msp, personas.direct_customer, [line(bought, "29.50")], number="INV-1", **days), "9.50")
    resold = issued(personas.reseller, personas.resellers_customer, [line(sold, "40.00")], number="R-1", **days)
    credited(resold, "10.00", number="CN-2")

    for_dora = consumption(personas.direct_customer, [bought], TODAY)
    for_alice = consumption(personas.reseller, [sold], TODAY)

    assert [total.last_month for total in for_dora.totals] == [Decimal("20.00")]
    assert [total.last_month for total in for_alice.resold] == [Decimal("30.00")]


def test_a_newer_estimate_of_the_vendor_counts_and_is_said(personas: Personas, used: Subscription) -> None:
    UsageEstimate.objects.create(
        tenant=used.service.tenant,
        item=STORAGE,
        edition=EDITION,
        is_range=False,
        measurement_unit="bytes",
        absolute=200 * GIB,
        as_of=datetime(2026, 10, 11, 6, 0, tzinfo=UTC),
    )

    page = personas.client("dora").get(USAGE).text

    assert of(personas, used).totals[0].so_far == Decimal("24.00")
    assert "estimates of 11 Oct 2026, 08:00" in page


def test_a_fixed_price_is_expected_whole_and_counts_by_its_days_so_far(personas: Personas) -> None:
    fixed = subscribe_fixed(personas.direct_customer, sold_at("31"))

    [total] = of(personas, fixed).totals

    assert (total.so_far, total.forecast) == (Decimal("11.00"), Decimal("31.00"))


def test_a_reseller_sees_both_sides_and_its_customer_only_its_own(personas: Personas) -> None:
    terms = {"partner_discount_percent": 20, "retail_markup_percent": 50}
    subscription = subscribe(personas.resellers_customer, **terms)
    rate_card(subscription.plan.product_group, RATES)
    use(subscription, 100 * GIB, days=TEN_DAYS)

    reseller, customer = (personas.client(name).get(USAGE).text for name in ("alice", "carol"))

    assert "5.60 EUR" in reseller
    assert "8.40 EUR" in reseller
    assert "What you are going to invoice your customers" in reseller
    assert "8.40 EUR" in customer
    assert "5.60" not in customer
    assert "7.00" not in customer


def test_a_quota_shows_how_full_it_is_and_what_more_costs(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    subscription = subscribe_fixed(personas.direct_customer, sold_at("20", overage_price="0.10"), plan=plan)
    phase = {"valid_from": date(2026, 10, 2), "plan": plan, "plan_name": plan.name, "quantity": 2, "quota_gib": 50}
    SubscriptionPhase.objects.create(subscription=subscription, created_at=factories.AT, **phase)
    facts = {"usage_name": "storage", "measurement_unit": "bytes", "edition": EDITION, "application_id": uuid4()}
    VendorOfferingItem.objects.create(service_manager=plan.service_manager, name=STORAGE, **facts)
    use(subscription, 120 * GIB, days=TEN_DAYS)

    page = personas.client("dora").get(USAGE).text

    assert "120 of 100 GB storage" in page
    assert "20 GB above the quota." in page
    assert "billed at 0.10 EUR per GB" in page


def test_a_service_without_a_price_of_the_month_is_told_and_not_counted(personas: Personas) -> None:
    subscription = subscribe(personas.direct_customer)
    use(subscription, 100 * GIB, days=TEN_DAYS)

    page = personas.client("dora").get(USAGE).text

    assert "The price of this month is not known yet" in page
    assert "rate card" not in page


def test_a_free_trial_costs_nothing(personas: Personas, used: Subscription) -> None:
    used.trial_ends_on = date(2026, 10, 30)
    used.save()

    found = of(personas, used)

    assert found.services[0].is_trial
    assert found.totals[0].so_far == 0


def test_who_uses_nothing_is_told_what_comes(personas: Personas) -> None:
    assert "You use nothing yet" in personas.client("dora").get(USAGE).text
    assert "Your customers use nothing yet" in personas.client("alice").get(USAGE).text


def test_the_panel_is_a_fragment_of_the_service_and_leads_on_without_script(personas: Personas, used: Subscription) -> None:
    url, client = reverse("billing:usage_panel", args=[used.number]), personas.client("dora")

    fragment = client.get(url, **HTMX).text

    assert "38.00 EUR" in fragment
    assert "<html" not in fragment
    assert client.get(url).url == reverse("billing:usage_service", args=[used.number])
    assert personas.client("bob").get(url, **HTMX).status_code == 404


def test_the_panel_tells_the_next_invoice_of_the_service_what_it_has_come_to(personas: Personas, used: Subscription) -> None:
    url, client = reverse("billing:usage_panel", args=[used.number]), personas.client("dora")

    told = " ".join(client.get(url, **HTMX).text.partition('id="next-invoice-estimate"')[2].split())
    service = client.get(reverse("billing:service", args=[used.number])).text

    assert 'hx-swap-oob="true">17.00 EUR so far and 38.00 EUR expected by the end of the month' in told
    assert "As of the readings of 10 Oct 2026." in told
    assert '<span id="next-invoice-estimate">It is billed by use.</span>' in service


def test_the_next_invoice_of_a_resellers_customer_is_told_to_each_at_its_own_price(personas: Personas) -> None:
    agreed = {"partner_discount_percent": 10, "retail_markup_percent": 50}
    subscription = subscribe(personas.resellers_customer, **agreed)
    rate_card(subscription.plan.product_group, RATES)
    use(subscription, 100 * GIB, days=TEN_DAYS)
    url = reverse("billing:usage_panel", args=[subscription.number])

    told = {who: personas.client(who).get(url, **HTMX).text.partition("next-invoice-estimate")[2] for who in ("alice", "carol")}

    assert "6.30 EUR expected" in told["alice"]  # 7 less 10 %
    assert "9.45 EUR expected" in told["carol"]  # and half of that again
    assert "9.45" not in told["alice"]
    assert "6.30" not in told["carol"]


@pytest.mark.parametrize("why", ["no reading", "no rate card", "free trial", "fixed price"])
def test_the_next_invoice_is_told_no_figure_that_nobody_knows_yet(personas: Personas, used: Subscription, why: str) -> None:
    if why == "no reading":
        UsageRecord.objects.all().delete()
    elif why == "no rate card":
        used = subscribe(personas.direct_customer, factories.PlanFactory(product_group__name="Without a card"))
        use(used, 100 * GIB, days=TEN_DAYS)
    elif why == "free trial":
        Subscription.objects.update(trial_ends_on=date(2026, 11, 10))
    else:
        used = subscribe_fixed(personas.direct_customer)

    fragment = personas.client("dora").get(reverse("billing:usage_panel", args=[used.number]), **HTMX).text

    assert "next-invoice-estimate" not in fragment


def test_the_summary_is_a_fragment_that_is_empty_without_use(personas: Personas, used: Subscription) -> None:
    url = reverse("billing:usage_summary")

    assert "38.00 EUR" in personas.client("dora").get(url, **HTMX).text
    assert personas.client("bob").get(url, **HTMX).text.strip() == ""
    assert personas.client("dora").get(url).url == USAGE


def test_as_many_queries_for_many_services_as_for_one(
    personas: Personas, used: Subscription, django_assert_max_num_queries: object
) -> None:
    def ask() -> None:
        services = list(Subscription.objects.select_related("consumer__parent", "service"))
        with django_assert_max_num_queries(20):  # type: ignore[operator]
            assert consumption(personas.direct_customer, services, TODAY).totals

    ask()
    for _ in range(3):
        use(subscribe(personas.direct_customer, factories.PlanFactory(product_group=used.plan.product_group)), GIB, days=TEN_DAYS)
    ask()
