"""The shop: who sees what, and at which price."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from accounts.models import Organization
from billing.models import ExchangeRate, Rate, RateCard
from catalog.models import Plan
from tests import factories
from tests.conftest import Personas

THIS_MONTH = date(2026, 10, 1)


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


def sold(plan: Plan, reseller: Organization, *, discount: int = 20, markup: int = 30, retail_discount: int = 0) -> None:
    factories.PartnerTermsFactory(plan=plan, reseller=reseller, discount_percent=Decimal(discount))
    factories.PartnerPriceFactory(
        plan=plan, reseller=reseller, markup_percent=Decimal(markup), discount_percent=Decimal(retail_discount)
    )


def card(plan: Plan, *, month: date = THIS_MONTH, version: int = 1, price: str = "10", **facts: Any) -> RateCard:
    """A rate card with one storage item per Protection edition and one item that belongs to none."""
    made = RateCard.objects.create(
        product_group=plan.product_group,
        month=month,
        version=version,
        **{"currency": "EUR", "base_currency": "EUR", "exchange_rate": Decimal(1), **facts},
        file_name="rates.xlsx",
        file_sha256="0" * 64,
        imported_at=factories.AT,
    )
    for line, (item, edition, unit, aggregation) in enumerate(
        [
            ("pg_base_storage", "pck_per_gigabyte", "GiB", "last"),
            ("pw_base_workstations", "pck_per_workload", "unit", "max"),
            ("pg_base_fc_storage", "fss_per_gigabyte", "GiB", "last"),
            ("notarizations", "", "unit", "sum"),
        ],
        start=2,
    ):
        Rate.objects.create(
            rate_card=made,
            item=item,
            edition=edition,
            unit=unit,
            aggregation=aggregation,
            cost=Decimal("7.77"),
            price=Decimal(price) + line,
            line=line,
        )
    return made


def page(personas: Personas, who: str, plan: Plan, query: str = "") -> str:
    response = personas.client(who).get(reverse("catalog:plan", args=[plan.number]) + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


# --- The list -----------------------------------------------------------------------------------------------------------


def test_a_visitor_is_sent_to_sign_in(personas: Personas) -> None:
    plan = factories.PlanFactory()

    for url in [reverse("catalog:home"), reverse("catalog:plan", args=[plan.number])]:
        response = personas.client("nobody").get(url)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))


@pytest.mark.parametrize(
    ("who", "sees"),
    [("dora", {"Open", "Direct only"}), ("vic", {"Open", "Direct only"}), ("alice", {"Open"}), ("carol", {"Open"}), ("bob", set())],
)
def test_everybody_sees_what_may_be_sold_to_them(personas: Personas, who: str, sees: set[str]) -> None:
    sold(factories.PlanFactory(name="Open"), personas.reseller)
    factories.PlanFactory(name="Direct only", applicable_on_partner_website=False)
    factories.PlanFactory(name="Draft", status=Plan.Status.DRAFT)

    shelves = personas.client(who).get(reverse("catalog:home")).context["shelves"]

    assert {plan.name for shelf in shelves for plan in [goods.plan for goods in shelf.goods]} == sees


def test_a_plan_the_reseller_does_not_publish_is_not_there_for_its_customers(personas: Personas) -> None:
    plan = factories.PlanFactory()
    factories.PartnerTermsFactory(plan=plan, reseller=personas.reseller)
    factories.PartnerPriceFactory(plan=plan, reseller=personas.reseller, is_published=False)

    assert personas.client("alice").get(reverse("catalog:plan", args=[plan.number])).status_code == 200
    assert personas.client("carol").get(reverse("catalog:plan", args=[plan.number])).status_code == 404


def test_search_finds_by_every_word(personas: Personas) -> None:
    factories.PlanFactory(name="Cyber Protect", summary="Backup for offices")
    factories.PlanFactory(name="Cyber Archive", summary="Mail kept for ten years")

    response = personas.client("dora").get(reverse("catalog:home"), {"q": "cyber OFFICES"})

    assert response.context["page"].paginator.count == 1
    assert "Cyber Protect" in response.content.decode()


@pytest.mark.parametrize(
    ("who", "query", "sentence"),
    [
        ("dora", "", "Nothing is for sale yet"),
        ("dora", "?q=%3Cb%3Emoon", "Nothing matches “&lt;b&gt;moon”"),
        ("bob", "", "No product is open to you yet"),
    ],
)
def test_an_empty_shop_says_why(personas: Personas, who: str, query: str, sentence: str) -> None:
    assert sentence in personas.client(who).get(reverse("catalog:home") + query).content.decode()


@pytest.mark.parametrize(
    ("who", "sentence"),
    [("bert", "Open the BSS"), ("stranger", "You act for no organization yet")],
)
def test_who_acts_for_nobody_is_told_where_to_go(personas: Personas, who: str, sentence: str) -> None:
    response = personas.client(who).get(reverse("catalog:home"))

    assert response.status_code == 403
    assert sentence in response.content.decode()


def test_the_list_asks_few_questions_however_long_it_is(personas: Personas, django_assert_max_num_queries: Any) -> None:
    factories.PlanFactory.create_batch(60)
    client = personas.client("dora")

    with django_assert_max_num_queries(8):
        first = client.get(reverse("catalog:home"))
    last = client.get(reverse("catalog:home"), {"page": "2"})

    assert first.context["page"].paginator.count == 60
    assert "Page 2 of 5" in last.content.decode()


# --- The product and its prices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "price"),
    [
        ("dora", "102.00 EUR"),  # the MSP price
        ("alice", "81.60 EUR"),  # less 20 %
        ("carol", "95.472 EUR"),  # and 30 % on it, less 10 %
    ],
)
def test_each_buyer_sees_its_own_price_and_no_other(personas: Personas, who: str, price: str) -> None:
    plan = factories.PlanFactory()
    sold(plan, personas.reseller, discount=20, markup=30, retail_discount=10)
    sold(plan, personas.other_reseller, discount=50, markup=100)
    card(plan, price="100")
    prices = {"102.00 EUR", "81.60 EUR", "95.472 EUR", "51.00 EUR", "7.77 EUR"}

    shown = page(personas, who, plan)

    assert {other for other in prices if f"<strong>{other}</strong>" in shown} == {price}
    assert "7.77" not in shown  # what the vendor takes is nobody's business
    assert "discount" not in shown


def test_prices_say_unit_and_period(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan)

    shown = page(personas, "dora", plan)

    assert "<strong>12.00 EUR</strong> per GiB and month" in shown
    assert "<strong>13.00 EUR</strong> per unit and month" in shown
    assert "<strong>15.00 EUR</strong> per unit </td>" in shown  # each notarization is paid once
    assert "File Sync &amp; Share, per workload" in shown
    assert "exclude VAT" in shown


def test_the_filter_leaves_one_licensing_model_and_what_belongs_to_none(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan)

    shown = page(personas, "dora", plan, "?edition=pck_per_workload")

    assert "13.00 EUR" in shown
    assert "15.00 EUR" in shown
    assert "12.00 EUR" not in shown


def test_the_newest_version_of_the_latest_month_that_has_begun_counts(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan, month=date(2026, 9, 1), price="90")
    card(plan, price="40")
    card(plan, version=2, price="50")
    card(plan, month=date(2026, 11, 1), price="60")

    shown = page(personas, "dora", plan)

    assert "<strong>52.00 EUR</strong>" in shown
    assert "Rates of October 2026" in shown


def test_prices_are_shown_in_the_buyers_currency_where_a_rate_leads_to_it(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan, currency="USD", exchange_rate=Decimal("0.5"))
    ExchangeRate.objects.create(base="EUR", quote="CHF", valid_from=date(2026, 1, 1), rate=Decimal("2"))
    ExchangeRate.objects.create(base="EUR", quote="CHF", valid_from=date(2026, 10, 1), rate=Decimal("0.93"))
    ExchangeRate.objects.create(base="EUR", quote="CHF", valid_from=date(2026, 10, 16), rate=Decimal("3"))
    Organization.objects.filter(pk=personas.direct_customer.pk).update(currency="CHF")

    assert "<strong>5.58 CHF</strong>" in page(personas, "dora", plan)  # 12 USD x 0.5 x 0.93


def test_without_an_exchange_rate_the_page_says_in_which_currency_it_speaks(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan)
    Organization.objects.filter(pk=personas.direct_customer.pk).update(currency="CHF")

    shown = page(personas, "dora", plan)

    assert "<strong>12.00 EUR</strong>" in shown
    assert "there is no exchange rate to your currency" in shown


def test_a_plan_without_rates_says_so(personas: Personas) -> None:
    assert "No prices for this month yet" in page(personas, "dora", factories.PlanFactory())


def test_only_who_may_order_finds_the_button(personas: Personas) -> None:
    plan = factories.PlanFactory()

    assert reverse("ordering:add_to_basket", args=[plan.number]) in page(personas, "dora", plan)
    assert "Your role lets you look, not order." in page(personas, "vic", plan)
    assert reverse("ordering:add_to_basket", args=[plan.number]) not in page(personas, "vic", plan)


@pytest.mark.parametrize("who", ["dora", "alice", "carol"])
def test_a_product_page_asks_few_questions(personas: Personas, who: str, django_assert_max_num_queries: Any) -> None:
    plan = factories.PlanFactory()
    sold(plan, personas.reseller)
    card(plan)
    client = personas.client(who)

    with django_assert_max_num_queries(8):
        client.get(reverse("catalog:plan", args=[plan.number]))


def test_a_customer_of_a_reseller_is_in_its_resellers_shop(personas: Personas) -> None:
    shown = personas.client("carol").get(reverse("catalog:home")).content.decode()

    assert "Alster IT" in shown
    assert "Northwind" not in shown


def test_pages_carry_nothing_the_content_policy_refuses(personas: Personas) -> None:
    plan = factories.PlanFactory()
    card(plan)

    shown = page(personas, "dora", plan)

    assert "<style" not in shown
    assert "style=" not in shown
    assert " onclick" not in shown
    assert shown.count("<script") == shown.count("<script src=")
