"""What a plan by use includes and asks for at least: told in the shop, each buyer its own end of the chain."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from billing.models import ExchangeRate, RateCard
from billing.price_list import price_list
from billing.use_terms import UseTerms
from catalog.models import Plan, PlanAllowance, PlanCommitment
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.billing import making

TODAY = date(2026, 10, 15)


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def plan(personas: Any) -> Plan:
    """A plan by use that includes 5 servers and 100 GB, at least 50 EUR; Alice pays 20 % less and takes 50 % more."""
    plan = factories.PlanFactory(status="published", applicable_on_partner_website=True)
    for name, unit in (("pg_base_storage", "bytes"), ("pg_base_servers", "quantity")):
        VendorOfferingItem.objects.create(
            service_manager=plan.service_manager,
            application_id=uuid4(),
            application_type="backup",
            name=name,
            usage_name=name,
            edition="pck_per_gigabyte",
            item_type="count",
            measurement_unit=unit,
        )
    PlanAllowance.objects.create(plan=plan, item="pg_base_servers", quantity=5)
    PlanAllowance.objects.create(plan=plan, item="pg_base_storage", edition="pck_per_gigabyte", quantity=100)
    PlanCommitment.objects.create(plan=plan, currency="EUR", amount=50)
    factories.PartnerTermsFactory(plan=plan, reseller=personas.reseller, discount_percent=Decimal(20))
    factories.PartnerPriceFactory(plan=plan, reseller=personas.reseller, markup_percent=Decimal(50))
    return plan


@pytest.mark.parametrize(("who", "minimum"), [("dora", "50.00"), ("alice", "40.00"), ("carol", "60.00")])
def test_the_product_page_says_what_a_month_includes_and_costs_at_least(
    personas: Any, plan: Plan, who: str, minimum: str, django_assert_max_num_queries: Any
) -> None:
    making.rate_card(plan.product_group)
    client = personas.client(who)
    url = reverse("catalog:plan", args=[plan.number])
    client.get(url)

    with django_assert_max_num_queries(8):
        page = " ".join(client.get(url).content.decode().split())

    assert "Includes 5 servers;" in page
    assert "Includes 100 GB of cloud storage (Protection, per gigabyte);" in page
    assert f"Minimum {minimum} EUR a month" in page


def test_a_plan_without_such_terms_says_nothing_of_them(personas: Any) -> None:
    plan = factories.PlanFactory(status="published")

    page = personas.client("dora").get(reverse("catalog:plan", args=[plan.number])).content.decode()

    assert "Each month" not in page


def test_the_minimum_is_told_in_the_buyers_currency_where_a_rate_leads_there(personas: Any, plan: Plan) -> None:
    personas.direct_customer.currency = "CHF"

    making.rate_card(plan.product_group)

    def terms() -> UseTerms:
        shown = price_list(plan=plan, buyer=personas.direct_customer, today=TODAY)
        assert shown is not None
        return shown.terms

    without = terms()
    ExchangeRate.objects.create(base="EUR", quote="CHF", valid_from=TODAY, rate=Decimal("0.9"))
    converted = terms()
    PlanCommitment.objects.create(plan=plan, currency="CHF", amount=48)
    own = terms()

    assert (without.minimum, without.currency) == (Decimal(50), "EUR")
    assert (converted.minimum, converted.currency) == (Decimal("45.00"), "CHF")
    assert (own.minimum, own.currency) == (Decimal(48), "CHF")


def tiers(card: RateCard, mode: str) -> None:
    for line, (begin, end, price) in enumerate([(10, None, "0.05"), (0, 10, "0.07")], start=2):
        card.rates.create(
            item="pg_base_storage",
            unit="GiB",
            cost=0,
            price=Decimal(price),
            aggregation="last",
            tier_from=begin,
            tier_to=end,
            tier_mode=mode,
            line=line,
        )


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("graduated", ["GiB and month, up to 10", "GiB and month, above 10"]),
        ("volume", ["GiB and month, for all of it if up to 10", "GiB and month, for all of it if above 10"]),
    ],
)
def test_the_price_list_tells_tiers_from_low_to_high(personas: Any, plan: Plan, mode: str, words: list[str]) -> None:
    card = making.rate_card(plan.product_group, {"pg_base_servers": ("2", "unit", "last")})
    tiers(card, mode)

    shown = price_list(plan=plan, buyer=personas.direct_customer, today=TODAY)

    assert shown is not None
    assert [price.per for group in shown.groups for price in group.prices if price.item == "pg_base_storage"] == words
