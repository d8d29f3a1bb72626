"""What every page's header tells."""

from django.template.loader import render_to_string
from django.urls import reverse

from ordering.models import Basket, BasketLine
from tests import factories
from tests.conftest import Personas


def header(personas: Personas, who: str) -> str:
    shown = personas.client(who).get(reverse("accounts:organization")).content.decode()
    return " ".join(shown[: shown.index("</header>")].split())


def test_the_name_over_the_door_is_the_sellers(personas: Personas) -> None:
    assert 'class="brand" href="/">Northwind Cloud GmbH<' in header(personas, "dora")
    assert 'class="brand" href="/">Northwind Cloud GmbH<' in header(personas, "alice")
    assert 'class="brand" href="/">Alster IT<' in header(personas, "carol")


def test_only_resellers_find_customers_and_only_staff_the_back_office(personas: Personas) -> None:
    assert reverse("accounts:customers") in header(personas, "alice")
    assert reverse("accounts:customers") not in header(personas, "dora")
    assert reverse("admin:index") not in header(personas, "alice")


def test_the_basket_counts_what_lies_in_it_for_the_organization_acted_for(personas: Personas) -> None:
    for buyer in (personas.direct_customer, personas.other_reseller):
        basket = Basket.objects.create(owner=personas.dora, buyer=buyer, created_at=factories.AT)
        BasketLine.objects.create(basket=basket, plan=factories.PlanFactory())

    assert "1 product<" in header(personas, "dora")
    assert "0 products<" in header(personas, "vic")


def test_the_switcher_offers_the_persons_other_organizations(personas: Personas) -> None:
    factories.MembershipFactory(user=personas.dora, organization=personas.other_reseller)

    shown = header(personas, "dora")

    assert reverse("accounts:act_for", args=[personas.direct_customer.number]) in shown
    assert reverse("accounts:act_for", args=[personas.other_reseller.number]) not in shown  # acted for already


def test_a_page_that_is_not_there_and_a_broken_one_need_no_database() -> None:
    assert "There is nothing at this address" in render_to_string("404.html")
    assert "Something went wrong on our side" in render_to_string("500.html")
