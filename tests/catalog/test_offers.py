"""What a fixed plan costs whom: the buyer's own end of the chain, in its own currency, on its own day."""

from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from accounts.models import Organization
from catalog.models import PartnerMarkup, PartnerPrice, Plan, is_on_sale
from catalog.pricing import Level
from catalog.queries.offers import NoPrice, SoldPrice, offers, sold_prices
from provisioning.models import ServiceManager
from tests import factories
from tests.conftest import Personas

TODAY = date(2026, 10, 15)


def resold(plan: Plan, reseller: Organization, **facts: Any) -> PartnerPrice:
    factories.PartnerTermsFactory(plan=plan, reseller=reseller, discount_percent=Decimal(20))
    return factories.PartnerPriceFactory(plan=plan, reseller=reseller, **{"markup_percent": Decimal(30), **facts})


def monthly(plan: Plan, buyer: Organization) -> Any:
    return offers([plan], buyer, on=TODAY).get(plan.pk, [None])[0]


def test_each_buyer_gets_its_own_end_of_the_chain(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    resold(plan, personas.reseller)

    direct, cost, retail = (
        monthly(plan, buyer) for buyer in (personas.direct_customer, personas.reseller, personas.resellers_customer)
    )

    assert (direct.amounts.price, direct.retail) == (Decimal("20.00"), None)
    assert (cost.amounts.price, cost.retail.price, cost.margin.price) == (Decimal("16.00"), Decimal("20.80"), Decimal("4.80"))
    assert (retail.amounts.price, retail.amounts.setup_fee, retail.retail) == (Decimal("20.80"), Decimal("10.40"), None)
    assert retail.amounts.overage_price == Decimal("0.104")


def test_terms_come_shortest_first_with_their_price_by_the_month(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()

    found = offers([plan], personas.direct_customer, on=TODAY)[plan.pk]

    assert [(offer.term_months, offer.per_month) for offer in found] == [(1, Decimal("20.00")), (12, Decimal("16.67"))]


def test_a_price_holds_from_its_first_day_until_the_day_before_its_end(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(monthly=None, yearly=None)
    factories.PlanPriceFactory(plan=plan, price=Decimal(20), valid_until=date(2026, 11, 1))
    factories.PlanPriceFactory(plan=plan, price=Decimal(25), valid_from=date(2026, 11, 1))

    def price(on: date) -> Decimal | None:
        found = offers([plan], personas.direct_customer, on=on).get(plan.pk)
        return found[0].amounts.price if found else None

    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 10, 31), date(2026, 11, 1)]
    assert [price(day) for day in days] == [None, Decimal(20), Decimal(20), Decimal(25)]
    assert [Plan.objects.for_sale_to(personas.direct_customer, on=day).count() for day in days] == [0, 1, 1, 1]


def test_there_is_nothing_for_sale_in_a_currency_without_a_price(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    resold(plan, personas.reseller)
    for buyer in (personas.direct_customer, personas.reseller, personas.resellers_customer):
        buyer.currency = "JPY"

        assert not Plan.objects.for_sale_to(buyer, on=TODAY).exists()
        assert offers([plan], buyer, on=TODAY) == {}


def test_a_customer_in_another_currency_needs_its_resellers_cost_too(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(yearly=None)
    resold(plan, personas.reseller)
    factories.PlanPriceFactory(plan=plan, currency="JPY", price=Decimal(3000), setup_fee=Decimal(0), overage_price=None)
    factories.PlanPriceFactory(plan=plan, currency="JPY", price=Decimal(30000), term_months=12, setup_fee=Decimal(0))
    customer = personas.resellers_customer
    customer.currency = "JPY"

    found = offers([plan], customer, on=TODAY)[plan.pk]

    assert [(offer.term_months, offer.currency, offer.amounts.price) for offer in found] == [(1, "JPY", Decimal(3120))]
    wholesale, retail = sold_prices(plan, term_months=1, consumer=customer, on=TODAY)
    assert (wholesale.level, wholesale.currency, wholesale.amounts.price) == (Level.WHOLESALE, "EUR", Decimal("16.00"))
    assert (retail.level, retail.currency, retail.amounts.price) == (Level.RETAIL, "JPY", Decimal(3120))
    with pytest.raises(NoPrice, match="no price in EUR for 12 months"):
        sold_prices(plan, term_months=12, consumer=customer, on=TODAY)


def test_a_markup_by_amount_counts_for_the_terms_it_is_given_for(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    price = resold(plan, personas.reseller, markup_kind="amount", markup_percent=Decimal(0), discount_percent=Decimal(10))
    PartnerMarkup.objects.create(
        partner_price=price, currency="EUR", term_months=12, amount=Decimal(40), overage_amount=Decimal("0.02")
    )

    found = offers([plan], personas.resellers_customer, on=TODAY)[plan.pk]
    own = offers([plan], personas.reseller, on=TODAY)[plan.pk]

    assert [(offer.term_months, offer.amounts.price) for offer in found] == [(12, Decimal("180.00"))]  # (160 + 40) × 0.9
    assert found[0].amounts.setup_fee == Decimal("7.20")  # 10 × 0.8 × 0.9: an amount is added to no setup fee
    assert found[0].amounts.overage_price == Decimal("0.09")  # (0.08 + 0.02) × 0.9
    assert [(offer.term_months, offer.retail is None) for offer in own] == [(1, True), (12, False)]
    with pytest.raises(NoPrice, match="no markup in EUR"):
        sold_prices(plan, term_months=1, consumer=personas.resellers_customer, on=TODAY)


@pytest.mark.parametrize(("term", "is_there"), [(1, False), (12, True)])
def test_only_terms_with_a_markup_count_in_the_search_by_term(personas: Personas, term: int, *, is_there: bool) -> None:
    plan = factories.FixedPlanFactory()
    price = resold(plan, personas.reseller, markup_kind="amount")
    PartnerMarkup.objects.create(partner_price=price, currency="EUR", term_months=12, amount=Decimal(40))

    found = Plan.objects.for_sale_to(personas.resellers_customer, on=TODAY).priced_for(
        personas.resellers_customer, term_months=term, on=TODAY
    )

    assert found.exists() is is_there


def test_a_plan_that_two_partners_sell_at_several_markups_is_on_sale_once(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    resold(plan, personas.other_reseller)
    price = resold(plan, personas.reseller, markup_kind="amount")
    for term in (1, 12):
        PartnerMarkup.objects.create(partner_price=price, currency="EUR", term_months=term, amount=Decimal(40))

    for buyer in (personas.direct_customer, personas.reseller, personas.resellers_customer):
        assert [found.pk for found in Plan.objects.for_sale_to(buyer, on=TODAY)] == [plan.pk]


def test_what_is_sold_can_be_copied_as_text_and_read_again(personas: Personas) -> None:
    plan = factories.FixedPlanFactory()
    resold(plan, personas.reseller, discount_percent=Decimal("2.5"))

    sold = sold_prices(plan, term_months=12, consumer=personas.resellers_customer, on=TODAY)

    assert [SoldPrice.from_json(one.as_json()) for one in sold] == sold
    assert [step.name for step in sold[1].steps] == ["list_price", "partner_discount", "retail_markup", "retail_discount"]


def test_many_plans_are_priced_with_few_questions(personas: Personas, django_assert_max_num_queries: Any) -> None:
    plans = factories.FixedPlanFactory.create_batch(20)
    for plan in plans:
        resold(plan, personas.reseller)

    with django_assert_max_num_queries(1):
        offers(plans, personas.direct_customer, on=TODAY)
    with django_assert_max_num_queries(1):
        found = offers(plans, personas.resellers_customer, on=TODAY)

    assert len(found) == 20


@pytest.mark.parametrize("billing_model", ["pay_as_you_go", "prepaid", "postpaid_fixed"])
def test_a_loaded_plan_says_as_the_query_does_whether_a_direct_customer_may_order_it(
    personas: Personas, billing_model: str
) -> None:
    by_use = billing_model == "pay_as_you_go"
    plan: Any = factories.PlanFactory() if by_use else factories.FixedPlanFactory(billing_model=billing_model)
    said = []

    for status, is_active, currency in product(["draft", "published", "archived"], [True, False], ["EUR", "JPY"]):
        Plan.objects.filter(pk=plan.pk).update(status=status)
        ServiceManager.objects.filter(pk=plan.service_manager_id).update(is_active=is_active)
        personas.direct_customer.currency = currency
        loaded = Plan.objects.select_related("service_manager").get(pk=plan.pk)
        has_price = bool(offers([loaded], personas.direct_customer, on=TODAY))
        by_query = Plan.objects.for_sale_to(personas.direct_customer, on=TODAY).filter(pk=plan.pk).exists()
        said.append((is_on_sale(loaded, has_price=has_price), by_query))

    assert all(by_row == by_query for by_row, by_query in said)
    assert {by_query for _, by_query in said} == {True, False}
