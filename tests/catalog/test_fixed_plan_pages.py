"""Fixed plans in the shop: terms, what is included, and nobody's price but the reader's own."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from catalog.models import ModuleItem, ModuleSettings, PartnerPrice, Plan
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.conftest import Personas


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def plan(personas: Personas) -> Plan:
    """20.00 EUR a month. Alice pays 16.00 and takes 20.80, Bob pays 17.00 and takes 23.80."""
    plan = factories.FixedPlanFactory(name="Backup 50 GB")
    for reseller, discount, markup in ((personas.reseller, 20, 30), (personas.other_reseller, 15, 40)):
        factories.PartnerTermsFactory(plan=plan, reseller=reseller, discount_percent=Decimal(discount))
        factories.PartnerPriceFactory(plan=plan, reseller=reseller, markup_percent=Decimal(markup))
    return plan


def page(personas: Personas, who: str, url: str) -> str:
    response = personas.client(who).get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def product_url(plan: Plan, query: str = "") -> str:
    return reverse("catalog:plan", args=[plan.number]) + query


AMOUNTS = {"20.00", "16.00", "20.80", "17.00", "23.80"}


@pytest.mark.parametrize("where", ["list", "product"])
@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("dora", {"20.00"}),
        ("vic", {"20.00"}),
        ("alice", {"16.00", "20.80"}),
        ("carol", {"20.80"}),
        ("bob", {"17.00", "23.80"}),
    ],
)
def test_nobody_sees_a_price_of_another_audience(personas: Personas, plan: Plan, who: str, sees: set[str], where: str) -> None:
    shown = page(personas, who, reverse("catalog:home") if where == "list" else product_url(plan))

    for amount in AMOUNTS - sees:
        assert f"{amount} EUR" not in shown
    if where == "product":
        assert all(f"{amount} EUR" in shown for amount in sees)


def test_a_card_tells_the_cheapest_month_and_a_resellers_margin(personas: Personas, plan: Plan) -> None:
    direct, reseller = page(personas, "dora", reverse("catalog:home")), page(personas, "alice", reverse("catalog:home"))

    assert '<strong>16.67 EUR</strong> <span class="hint">a month</span>' in direct
    assert "Your cost from" in reseller
    assert "<strong>13.33 EUR</strong>" in reseller
    assert "your margin 48.00 EUR for 12 months" in reseller


def test_the_product_page_says_what_is_included(personas: Personas, plan: Plan) -> None:
    settings = ModuleSettings.objects.get(plan=plan)
    ModuleItem.objects.create(settings=settings, name="pg_base_servers", soft_quota=3, overage=1)
    ModuleItem.objects.create(settings=settings, name="pg_base_vms", is_enabled=False)

    shown = page(personas, "dora", product_url(plan))

    assert "<dt>Cloud storage</dt> <dd>50 GB; up to 10 GB more can be used before it is blocked</dd>" in shown
    assert "<dt>Servers</dt> <dd>3; up to 1 more can be used before it is blocked</dd>" in shown
    assert "Virtual machines" not in shown
    assert "Licensed per gigabyte" in shown
    assert "Per GB above, and month" in shown
    assert "0.10 EUR" in shown


def test_what_has_no_quota_stands_in_one_line_and_the_storage_once(personas: Personas, plan: Plan) -> None:
    settings = ModuleSettings.objects.get(plan=plan)
    for name, application, usage, unit in (
        ("pg_base_storage", "backup", "storage", "bytes"),
        ("fc_storage", "files_cloud", "storage", "bytes"),
        ("pg_base_vms", "backup", "vms", "quantity"),
    ):
        ModuleItem.objects.create(settings=settings, name=name)
        VendorOfferingItem.objects.create(
            service_manager=plan.sold_through,
            name=name,
            application_id=uuid4(),
            application_type=application,
            usage_name=usage,
            edition="pck_per_gigabyte",
            item_type="count",
            measurement_unit=unit,
        )

    shown = page(personas, "dora", product_url(plan))

    assert shown.count("Cloud storage") == 1
    assert "<dt>Without a limit</dt> <dd> File Sync &amp; Share storage; Virtual machines </dd>" in shown


def test_without_overage_quota_there_is_no_overage_price(personas: Personas, plan: Plan) -> None:
    ModuleSettings.objects.filter(plan=plan).update(storage_quota=-1, overage=None)

    shown = page(personas, "dora", product_url(plan))

    assert "<dt>Cloud storage</dt> <dd>unlimited</dd>" in shown
    assert "Per GB above" not in shown


def test_the_term_asked_for_is_chosen(personas: Personas, plan: Plan) -> None:
    assert 'value="12" id="term-12" checked' in page(personas, "dora", product_url(plan, "?term=12"))
    assert 'value="1" id="term-1" checked' in page(personas, "dora", product_url(plan, "?term=7"))


def test_quantity_is_asked_for_only_where_it_is_enabled(personas: Personas, plan: Plan) -> None:
    assert 'type="number" id="quantity"' in page(personas, "dora", product_url(plan))

    Plan.objects.filter(pk=plan.pk).update(quantity_is_enabled=False)

    assert 'type="number"' not in page(personas, "dora", product_url(plan))


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?billing=postpaid_fixed", ["Backup 50 GB"]),
        ("?billing=pay_as_you_go", ["By use"]),
        ("?billing=free", ["Backup 50 GB", "By use"]),
        ("?term=12", ["Backup 50 GB"]),
        ("?term=1", ["Backup 50 GB", "By use"]),
        ("?term=36", []),
        ("?term=abc&product=x", ["Backup 50 GB", "By use"]),
        ("?product=999999999999999999", []),
        ("?q=backup+50", ["Backup 50 GB"]),
    ],
)
def test_the_list_is_narrowed_by_what_people_ask_for(personas: Personas, plan: Plan, query: str, names: list[str]) -> None:
    factories.PlanFactory(name="By use", product_group=plan.product_group)

    response = personas.client("dora").get(reverse("catalog:home") + query)

    assert [goods.plan.name for shelf in response.context["shelves"] for goods in shelf.goods] == names
    assert response.context["page"].paginator.count == len(names)


def test_the_plans_of_one_product_can_be_shown(personas: Personas, plan: Plan) -> None:
    group = factories.ProductGroupFactory(product=factories.ProductFactory(name="Archive"))
    factories.PlanFactory(name="Archive", product_group=group)
    url = reverse("catalog:home")

    both, one = page(personas, "dora", url), personas.client("dora").get(url, {"product": group.product_id})

    assert "Acronis Cyber Protect Cloud (1)" in both
    assert "Archive (1)" in both
    assert [shelf.product for shelf in one.context["shelves"]] == [group.product]


def test_a_dated_price_is_shown_from_its_day_on(personas: Personas) -> None:
    plan = factories.FixedPlanFactory(monthly=None, yearly=None)
    factories.PlanPriceFactory(plan=plan, price=Decimal(20), valid_until=date(2026, 11, 1))
    factories.PlanPriceFactory(plan=plan, price=Decimal(25), valid_from=date(2026, 11, 1))

    assert "20.00 EUR" in page(personas, "dora", product_url(plan))
    with time_machine.travel("2026-11-01T09:00:00Z", tick=False):
        assert "25.00 EUR" in page(personas, "dora", product_url(plan))


def test_a_plan_without_price_in_the_buyers_currency_does_not_exist_for_it(personas: Personas, plan: Plan) -> None:
    personas.direct_customer.currency = "CHF"
    personas.direct_customer.save()

    assert personas.client("dora").get(product_url(plan)).status_code == 404
    assert "Nothing is for sale yet" in page(personas, "dora", reverse("catalog:home"))


@pytest.mark.parametrize(("who", "most"), [("dora", 7), ("alice", 8), ("carol", 8)])
def test_pages_ask_few_questions(personas: Personas, plan: Plan, who: str, most: int, django_assert_max_num_queries: Any) -> None:
    for other in factories.FixedPlanFactory.create_batch(30, product_group=plan.product_group):
        factories.PartnerTermsFactory(plan=other, reseller=personas.reseller)
        factories.PartnerPriceFactory(plan=other, reseller=personas.reseller)
    client = personas.client(who)
    client.get(reverse("catalog:home"))

    for url in (reverse("catalog:home"), product_url(plan)):
        with django_assert_max_num_queries(most):
            client.get(url)


def test_a_reseller_that_has_no_price_yet_is_told_so(personas: Personas, plan: Plan) -> None:
    PartnerPrice.objects.filter(reseller=personas.reseller).update(markup_kind="amount", markup_percent=0)

    shown = page(personas, "alice", product_url(plan))

    assert "no markup yet" in shown
    assert personas.client("carol").get(product_url(plan)).status_code == 404
