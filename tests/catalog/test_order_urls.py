"""Order URLs: when they are made, for whom, and that what was printed stays."""

from datetime import date
from decimal import Decimal

import pytest

from catalog.models import ModuleSettings, OrderUrl, PartnerTerms, Plan, PlanPrice
from catalog.operations import order_urls, partner_terms, plans
from catalog.operations.order_urls import make_order_urls
from tests import factories
from tests.factories import AT

TODAY = date(2026, 10, 1)
pytestmark = pytest.mark.django_db


def urls(plan: Plan) -> set[tuple[str, int]]:
    found = OrderUrl.objects.filter(plan=plan).select_related("reseller")
    return {(row.reseller.name if row.reseller else "own", row.term_months) for row in found}


def test_there_are_none_before_module_setting_and_price_are_saved() -> None:
    bare = factories.FixedPlanFactory(service_manager=None, status="draft")
    unpriced = factories.FixedPlanFactory(monthly=None, yearly=None)

    assert [make_order_urls(plan, on=TODAY, at=AT) for plan in (bare, unpriced)] == [0, 0]


def test_there_is_one_per_plan_and_term() -> None:
    plan = factories.FixedPlanFactory(applicable_on_partner_website=False)

    assert make_order_urls(plan, on=TODAY, at=AT) == 2
    assert urls(plan) == {("own", 1), ("own", 12)}


def test_pay_as_you_go_has_one_for_its_month() -> None:
    plan = factories.PlanFactory()

    make_order_urls(plan, on=TODAY, at=AT)

    assert urls(plan) == {("own", 1)}


def test_each_allowed_partner_has_its_own() -> None:
    plan = factories.PlanFactory()
    factories.PartnerTermsFactory(plan=plan, reseller__name="Alster IT")
    factories.PartnerTermsFactory(plan=plan, reseller__name="Not any more", is_allowed=False)

    make_order_urls(plan, on=TODAY, at=AT)

    assert urls(plan) == {("own", 1), ("Alster IT", 1)}


def test_partners_have_none_while_the_plan_is_not_applicable_on_their_websites() -> None:
    plan = factories.PlanFactory(applicable_on_partner_website=False)
    factories.PartnerTermsFactory(plan=plan)

    make_order_urls(plan, on=TODAY, at=AT)

    assert urls(plan) == {("own", 1)}


def test_made_again_they_stay_the_addresses_they_were() -> None:
    plan = factories.FixedPlanFactory()
    make_order_urls(plan, on=TODAY, at=AT)
    before = set(OrderUrl.objects.values_list("code", "term_months"))

    assert make_order_urls(plan, on=TODAY, at=AT) == 0
    assert set(OrderUrl.objects.values_list("code", "term_months")) == before


def test_the_address_of_a_term_that_is_no_longer_sold_stays() -> None:
    plan = factories.FixedPlanFactory()
    make_order_urls(plan, on=TODAY, at=AT)
    PlanPrice.objects.filter(plan=plan, term_months=12).update(valid_until=date(2026, 9, 1))

    make_order_urls(plan, on=TODAY, at=AT)

    assert ("own", 12) in urls(plan)
    assert order_urls.sold_terms(plan, on=TODAY) == [1]


def test_a_planned_price_has_its_order_url_already() -> None:
    plan = factories.FixedPlanFactory(monthly__valid_from=date(2027, 1, 1), yearly=None)

    make_order_urls(plan, on=TODAY, at=AT)

    assert urls(plan) == {("own", 1)}


def test_switched_off_and_on_the_address_is_the_same() -> None:
    plan = factories.PlanFactory()
    make_order_urls(plan, on=TODAY, at=AT)
    row = OrderUrl.objects.get()
    order_urls.switch_order_url(order_url_id=row.pk, is_active=False)
    order_urls.switch_order_url(order_url_id=row.pk, is_active=False)
    assert OrderUrl.objects.values_list("code", "is_active").get() == (row.code, False)
    order_urls.switch_order_url(order_url_id=row.pk, is_active=True)
    assert OrderUrl.objects.values_list("code", "is_active").get() == (row.code, True)


def test_codes_cannot_be_guessed_from_each_other() -> None:
    for plan in factories.PlanFactory.create_batch(20):
        make_order_urls(plan, on=TODAY, at=AT)

    codes = set(OrderUrl.objects.values_list("code", flat=True))
    assert len(codes) == 20
    assert {len(code) for code in codes} == {10}


def test_switching_applicable_on_partner_website_makes_those_of_partners() -> None:
    plan = factories.PlanFactory(applicable_on_partner_website=False)
    factories.PartnerTermsFactory(plan=plan, reseller__name="Alster IT")

    plans.set_selling_options(
        plan_id=plan.pk,
        billing_model=plan.billing_model,
        quantity_is_enabled=False,
        applicable_on_partner_website=True,
        today=TODAY,
        at=AT,
    )

    assert urls(plan) == {("own", 1), ("Alster IT", 1)}


# --- Partner terms for many at once ---------------------------------------------------------------------------------------


def test_many_partners_are_allowed_at_once_with_their_order_urls() -> None:
    plan = factories.PlanFactory()
    resellers = factories.ResellerFactory.create_batch(3)
    wish = {"plan_ids": [plan.pk], "reseller_ids": [one.pk for one in resellers], "discount_percent": Decimal(15)}

    first = partner_terms.allow_partners(**wish, today=TODAY, at=AT)
    second = partner_terms.allow_partners(**wish, today=TODAY, at=AT)

    assert (first, second) == (3, 0)
    assert set(PartnerTerms.objects.values_list("discount_percent", flat=True)) == {Decimal(15)}
    assert len(urls(plan)) == 4


def test_only_resellers_are_allowed() -> None:
    plan, customer = factories.PlanFactory(), factories.OrganizationFactory()

    changed = partner_terms.allow_partners(
        plan_ids=[plan.pk], reseller_ids=[customer.pk], discount_percent=Decimal(0), today=TODAY, at=AT
    )

    assert (changed, PartnerTerms.objects.count()) == (0, 0)


def test_partners_that_may_sell_no_more_keep_the_discount_they_had() -> None:
    terms = factories.PartnerTermsFactory(discount_percent=Decimal(30))

    assert partner_terms.disallow_partners(plan_ids=[terms.plan_id], reseller_ids=[terms.reseller_id]) == 1
    assert partner_terms.disallow_partners(plan_ids=[terms.plan_id], reseller_ids=[terms.reseller_id]) == 0

    terms.refresh_from_db()
    assert (terms.is_allowed, terms.discount_percent) == (False, Decimal(30))


@pytest.mark.parametrize("percent", ["-1", "100.001", "NaN", "1.2345"])
def test_a_discount_that_cannot_be_meant_is_refused(percent: str) -> None:
    plan = factories.PlanFactory()

    with pytest.raises(partner_terms.PartnerTermsRefused):
        partner_terms.allow_partners(plan_ids=[plan.pk], reseller_ids=[], discount_percent=Decimal(percent), today=TODAY, at=AT)


def test_settings_without_quota_do_not_matter_to_pay_as_you_go() -> None:
    plan = factories.PlanFactory()

    assert ModuleSettings.objects.get(plan=plan).storage_quota is None
    assert order_urls.sold_terms(plan, on=TODAY) == [1]
