"""What resellers take from their customers."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps

from accounts.models import Organization
from catalog.models import OrderUrl, PartnerMarkup, PartnerPrice, Plan
from catalog.operations import partners
from catalog.operations.partners import MakesLoss, NotAllowed, PartnerPriceRefused
from catalog.queries import partner_prices
from catalog.queries.offers import offers
from catalog.queries.partner_prices import Wish
from tests.conftest import Personas
from tests.factories import AT, FixedPlanFactory, PartnerTermsFactory, PlanFactory, PlanPriceFactory

TODAY = AT.date()
ONE_TERM = {("EUR", 1): (Decimal("4.50"), Decimal("0.05"))}


@pytest.fixture
def plan(personas: Personas) -> Plan:
    """20 EUR a month and 200 a year, setup 10, overage 0.10; the reseller buys 20 % cheaper."""
    plan: Plan = FixedPlanFactory(number="P100")
    PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    return plan


def set_price(reseller: Organization, plan: Plan, **changed: Any) -> PartnerPrice:
    wanted: dict[str, Any] = {
        "markup_kind": "percent",
        "markup_percent": Decimal(25),
        "overage_markup_percent": None,
        "discount_percent": Decimal(0),
        "is_published": True,
        "amounts": {},
    }
    return partners.set_partner_price(reseller=reseller, plan=plan, at=AT, **{**wanted, **changed})


def by_amount(amounts: Mapping[tuple[str, int], tuple[Decimal, Decimal]], **changed: Any) -> dict[str, Any]:
    return {"markup_kind": "amount", "markup_percent": Decimal(0), "amounts": amounts, **changed}


def events(model: str) -> int:
    return apps.get_model("catalog", f"{model}Event").objects.count()


def test_customers_pay_cost_and_markup_less_discount(personas: Personas, plan: Plan) -> None:
    set_price(
        personas.reseller, plan, markup_percent=Decimal(50), overage_markup_percent=Decimal(100), discount_percent=Decimal(10)
    )

    month, _ = offers([plan], personas.resellers_customer, on=TODAY)[plan.pk]

    assert month.amounts.price == Decimal("21.60")  # 20 − 20 % = 16, + 50 % = 24, − 10 %
    assert month.amounts.setup_fee == Decimal("10.80")
    assert month.amounts.overage_price == Decimal("0.144")  # 0.10 − 20 % = 0.08, doubled = 0.16, − 10 %


def test_a_term_without_an_amount_is_not_sold(personas: Personas, plan: Plan) -> None:
    set_price(personas.reseller, plan, **by_amount(ONE_TERM))

    sold = offers([plan], personas.resellers_customer, on=TODAY)[plan.pk]

    assert [(offer.term_months, offer.amounts.price, offer.amounts.overage_price) for offer in sold] == [
        (1, Decimal("20.50"), Decimal("0.13"))
    ]


def test_the_same_price_again_changes_nothing(personas: Personas, plan: Plan) -> None:
    first = set_price(personas.reseller, plan, **by_amount(ONE_TERM))
    before = (events("PartnerPrice"), events("PartnerMarkup"))

    second = set_price(personas.reseller, plan, **by_amount(ONE_TERM))

    assert second.pk == first.pk
    assert (events("PartnerPrice"), events("PartnerMarkup")) == before


def test_the_amounts_given_are_all_there_are(personas: Personas, plan: Plan) -> None:
    set_price(personas.reseller, plan, **by_amount({**ONE_TERM, ("EUR", 12): (Decimal(40), Decimal(0))}))

    set_price(personas.reseller, plan, **by_amount({("EUR", 12): (Decimal(45), Decimal(0))}))

    assert list(PartnerMarkup.objects.values_list("term_months", "amount")) == [(12, Decimal(45))]
    set_price(personas.reseller, plan)
    assert not PartnerMarkup.objects.exists()


def test_history_keeps_what_it_was_before(personas: Personas, plan: Plan) -> None:
    set_price(personas.reseller, plan, markup_percent=Decimal(25))
    set_price(personas.reseller, plan, markup_percent=Decimal(30))

    kept = apps.get_model("catalog", "PartnerPriceEvent").objects.order_by("pgh_id").values_list("markup_percent", flat=True)

    assert list(kept) == [Decimal(25), Decimal(30)]


def test_setting_a_price_makes_the_order_urls_that_are_missing(personas: Personas, plan: Plan) -> None:
    set_price(personas.reseller, plan)

    terms = OrderUrl.objects.filter(plan=plan, reseller=personas.reseller).values_list("term_months", flat=True)

    assert sorted(terms) == [1, 12]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        pytest.param({"markup_percent": Decimal(-1)}, "markup_percent", id="negative"),
        pytest.param({"markup_percent": Decimal("1000.001")}, "markup_percent", id="absurd"),
        pytest.param({"markup_percent": Decimal("NaN")}, "markup_percent", id="no number"),
        pytest.param({"markup_percent": Decimal("0.0001")}, "markup_percent", id="too fine"),
        pytest.param({"overage_markup_percent": Decimal(1001)}, "overage_markup_percent", id="absurd overage"),
        pytest.param({"discount_percent": Decimal("100.5")}, "discount_percent", id="more than all"),
        pytest.param({"discount_percent": Decimal(-3)}, "discount_percent", id="negative discount"),
        pytest.param({"markup_kind": "guess"}, "markup_kind", id="unknown kind"),
        pytest.param({"amounts": ONE_TERM}, "amounts", id="amounts with percent"),
        pytest.param(by_amount({}), "amounts", id="published without an amount"),
        pytest.param(by_amount({("EUR", 1): (Decimal(-1), Decimal(0))}), "amount-EUR-1", id="negative amount"),
        pytest.param(by_amount({("EUR", 1): (Decimal("1E9"), Decimal(0))}), "amount-EUR-1", id="absurd amount"),
        pytest.param(by_amount({("EUR", 1): (Decimal("0.005"), Decimal(0))}), "amount-EUR-1", id="finer than cents"),
        pytest.param(by_amount({("EUR", 1): (Decimal(1), Decimal("1E-11"))}), "overage_amount-EUR-1", id="overage too fine"),
        pytest.param(by_amount({("EUR", 1): (Decimal(1), Decimal(-1))}), "overage_amount-EUR-1", id="negative overage"),
        pytest.param(by_amount({("EUR", 3): (Decimal(1), Decimal(0))}), "amount-EUR-3", id="term without a price"),
        pytest.param(by_amount({("USD", 1): (Decimal(1), Decimal(0))}), "amount-USD-1", id="currency without a price"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_field(personas: Personas, plan: Plan, changed: dict[str, Any], field: str) -> None:
    with pytest.raises(PartnerPriceRefused) as refusal:
        set_price(personas.reseller, plan, **changed)

    assert refusal.value.field == field
    assert not PartnerPrice.objects.exists()


def test_an_overage_amount_needs_an_overage_price(personas: Personas) -> None:
    plan = FixedPlanFactory(monthly=None, yearly=None)
    PlanPriceFactory(plan=plan, overage_price=None)
    PartnerTermsFactory(reseller=personas.reseller, plan=plan)

    with pytest.raises(PartnerPriceRefused) as refusal:
        set_price(personas.reseller, plan, **by_amount(ONE_TERM))

    assert refusal.value.field == "overage_amount-EUR-1"


def test_what_is_priced_by_use_is_marked_up_by_percent_only(personas: Personas) -> None:
    plan = PlanFactory()
    PartnerTermsFactory(reseller=personas.reseller, plan=plan)

    with pytest.raises(PartnerPriceRefused) as refusal:
        set_price(personas.reseller, plan, **by_amount(ONE_TERM))

    assert refusal.value.field == "markup_kind"
    assert set_price(personas.reseller, plan).markup_percent == Decimal(25)


def test_a_loss_is_refused_until_it_is_meant(personas: Personas, plan: Plan) -> None:
    losing = {"markup_percent": Decimal(10), "discount_percent": Decimal(20)}

    with pytest.raises(MakesLoss, match="EUR, 1 month; EUR, 12 months") as refusal:
        set_price(personas.reseller, plan, **losing)

    assert refusal.value.field == "accepts_loss"
    assert set_price(personas.reseller, plan, accepts_loss=True, **losing).discount_percent == Decimal(20)


def test_a_loss_on_use_is_refused_until_it_is_meant(personas: Personas) -> None:
    plan = PlanFactory()
    PartnerTermsFactory(reseller=personas.reseller, plan=plan)

    with pytest.raises(MakesLoss):
        set_price(personas.reseller, plan, markup_percent=Decimal(25), discount_percent=Decimal("20.001"))

    assert set_price(personas.reseller, plan, markup_percent=Decimal(25), discount_percent=Decimal(20)).is_published


def test_a_setup_fee_below_cost_is_no_loss_where_the_first_term_makes_up_for_it(personas: Personas, plan: Plan) -> None:
    wish = Wish("amount", discount_percent=Decimal(10), amounts={("EUR", 12): (Decimal(50), Decimal("0.08"))})

    (_, year) = partner_prices.retail_rows(plan, wish, cost_discount=Decimal(20), own_currency="EUR", on=TODAY)

    assert year.margin is not None
    assert (year.margin.setup_fee, year.margin.price) == (Decimal("-0.80"), Decimal("29.00"))  # 8 → 7.20; 160 + 50 − 10 % = 189
    assert year.margin_percent == Decimal("15.3")
    assert not year.makes_loss


@pytest.mark.parametrize("reason", ["no terms", "not allowed", "switched off", "archived", "of another reseller"])
def test_a_plan_the_msp_does_not_allow_cannot_be_priced(personas: Personas, reason: str) -> None:
    plan = FixedPlanFactory(applicable_on_partner_website=reason != "switched off")
    if reason == "of another reseller":
        PartnerTermsFactory(reseller=personas.other_reseller, plan=plan)
    elif reason != "no terms":
        PartnerTermsFactory(reseller=personas.reseller, plan=plan, is_allowed=reason != "not allowed")
    if reason == "archived":
        Plan.objects.filter(pk=plan.pk).update(status="archived")

    with pytest.raises(NotAllowed):
        set_price(personas.reseller, plan)

    assert not PartnerPrice.objects.exists()


def test_currencies_are_the_resellers_own_and_its_customers(personas: Personas) -> None:
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")
    Organization.objects.filter(pk=personas.direct_customer.pk).update(currency="USD")

    assert partner_prices.customers_currencies(personas.reseller) == ["EUR", "CHF"]


def test_a_term_the_msp_does_not_price_in_the_resellers_currency_is_left_out(personas: Personas, plan: Plan) -> None:
    PlanPriceFactory(plan=plan, currency="CHF", term_months=1, price=Decimal(22))
    PlanPriceFactory(plan=plan, currency="CHF", term_months=36, price=Decimal(600))

    rows = partner_prices.retail_rows(plan, Wish(), cost_discount=Decimal(20), own_currency="EUR", on=TODAY)

    assert [(row.currency, row.term_months, row.cost.price) for row in rows] == [
        ("EUR", 1, Decimal("16.00")),
        ("EUR", 12, Decimal("160.00")),
        ("CHF", 1, Decimal("17.60")),
    ]
