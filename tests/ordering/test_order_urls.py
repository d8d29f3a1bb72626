"""Order URLs: a plan in the basket for whom it is meant, a sentence for everybody else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import Membership, Organization
from catalog.models import Marketplace, OrderUrl, PartnerPrice, PartnerTerms, Plan, PlanPrice
from catalog.operations import order_urls
from ordering.models import Basket, BasketLine
from provisioning.models import ServiceManager
from tests import factories
from tests.conftest import Personas

TODAY = factories.AT.date()
BACKEND = "django.contrib.auth.backends.ModelBackend"
PRICES = ("EUR", "20.00", "200.00", "16.00", "160.00", "20.80", "208.00")


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def plan(personas: Personas) -> Plan:
    """Sold by the MSP and by Alice, for a month and for a year."""
    plan: Plan = factories.FixedPlanFactory(number="P100", name="Backup 50")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
    order_urls.make_order_urls(plan, on=TODAY, at=factories.AT)
    return plan


@pytest.fixture
def msps(plan: Plan) -> OrderUrl:
    return OrderUrl.objects.get(plan=plan, reseller=None, term_months=12)


@pytest.fixture
def alices(plan: Plan, personas: Personas) -> OrderUrl:
    return OrderUrl.objects.get(plan=plan, reseller=personas.reseller, term_months=12)


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def signed_in(organization: Organization, role: str) -> Client:
    client = Client()
    client.force_login(factories.MembershipFactory(organization=organization, role=role).user, backend=BACKEND)
    return client


# --- Into the basket ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "whose"), [("dora", "msps"), ("carol", "alices"), ("alice", "msps")])
def test_a_buyer_of_the_seller_finds_plan_and_term_in_the_basket(
    personas: Personas, who: str, whose: str, request: pytest.FixtureRequest
) -> None:
    found: OrderUrl = request.getfixturevalue(whose)

    response = personas.client(who).get(found.path)

    assert response.status_code == 302
    assert response["Location"] == "/basket/"
    line = BasketLine.objects.get()
    assert (line.plan.number, line.term_months, line.quantity) == ("P100", 12, 1)


def test_following_it_again_changes_nothing(personas: Personas, msps: OrderUrl) -> None:
    client = personas.client("dora")

    for _ in range(3):
        assert client.get(msps.path).status_code == 302

    assert BasketLine.objects.count() == 1
    assert Basket.objects.count() == 1


def test_the_order_url_of_another_term_changes_the_term(personas: Personas, msps: OrderUrl) -> None:
    client = personas.client("dora")
    client.get(msps.path)

    client.get(OrderUrl.objects.get(reseller=None, term_months=1).path)

    assert BasketLine.objects.get().term_months == 1


def test_what_is_priced_by_use_goes_into_the_basket_too(personas: Personas) -> None:
    plan = factories.PlanFactory()
    order_urls.make_order_urls(plan, on=TODAY, at=factories.AT)

    personas.client("dora").get(OrderUrl.objects.get(reseller=None).path)

    assert BasketLine.objects.get().plan == plan


def test_a_buyer_who_is_served_already_is_told_and_led_to_the_basket(personas: Personas, msps: OrderUrl, plan: Plan) -> None:
    client = personas.client("dora")
    other = factories.FixedPlanFactory(service_manager=plan.service_manager)
    order_urls.make_order_urls(other, on=TODAY, at=factories.AT)
    client.get(OrderUrl.objects.get(plan=other, term_months=1, reseller=None).path)

    response = client.get(msps.path)

    assert response.status_code == 409
    assert f"Your basket has {other} already" in words(response)
    assert BasketLine.objects.get().plan == other


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Dest": "empty"},
    ],
    ids=lambda headers: "-".join(next(iter(headers.items()))).replace(";", "-"),
)
def test_browsers_that_look_ahead_fill_no_basket(personas: Personas, msps: OrderUrl, headers: dict[str, str]) -> None:
    response = personas.client("dora").get(msps.path, headers=headers)

    assert response.status_code == 503  # what is fetched ahead is thrown away, and asked for again by a click
    assert "no-store" in response["Cache-Control"]
    assert not Basket.objects.exists()


def test_head_fills_no_basket(personas: Personas, msps: OrderUrl) -> None:
    assert personas.client("dora").head(msps.path).status_code == 302
    assert not Basket.objects.exists()


def test_it_is_only_looked_at_never_posted_to(personas: Personas, msps: OrderUrl) -> None:
    assert personas.client("dora").post(msps.path).status_code == 405


# --- Signed out ---------------------------------------------------------------------------------------------------------


def test_a_visitor_signs_in_and_comes_back_to_the_filled_basket(personas: Personas, alices: OrderUrl) -> None:
    client = Client()

    asked = client.get(alices.path)
    assert asked["Location"] == f"/accounts/login/?next={alices.path.replace('/', '%2F')}"
    page = words(client.get(asked["Location"]))
    assert "Sign up with Alster IT" in page
    assert f"/sign-up/?next={alices.path.replace('/', '%2F')}" in page
    answer = client.post(
        "/accounts/login/", {"login": personas.carol.email, "password": "correct horse battery", "next": alices.path}, follow=True
    )

    assert answer.redirect_chain == [(alices.path, 302), ("/basket/", 302)]
    assert "Backup 50" in words(answer)
    assert BasketLine.objects.get().basket.buyer == personas.resellers_customer


def test_a_visitor_arrives_at_the_seller_whose_order_url_it_is(personas: Personas, alices: OrderUrl, msps: OrderUrl) -> None:
    Marketplace.objects.create(reseller=personas.reseller, slug="alster", title="Alster Backup", is_open=False)
    client = Client()

    client.get(alices.path)
    assert client.session["signing_up_under"] == personas.reseller.number
    assert "Alster Backup" in words(client.get("/accounts/login/"))

    client.get(msps.path)
    assert client.session["signing_up_under"] == personas.msp.number
    assert "Alster" not in words(client.get("/accounts/login/"))


# --- Not sold -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["nobody", "carol", "bob"])
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda: OrderUrl.objects.update(is_active=False), "not in use any more", id="switched off"),
        pytest.param(lambda: Plan.objects.update(status="archived"), "This plan is not sold any more", id="archived"),
        pytest.param(lambda: Plan.objects.update(status="draft"), "This plan is not sold any more", id="draft"),
        pytest.param(lambda: ServiceManager.objects.update(is_active=False), "This plan is not sold any more", id="manager off"),
        pytest.param(lambda: PartnerPrice.objects.update(is_published=False), "This plan is not sold any more", id="unpublished"),
        pytest.param(lambda: PartnerTerms.objects.update(is_allowed=False), "This plan is not sold any more", id="not allowed"),
        pytest.param(
            lambda: Plan.objects.update(applicable_on_partner_website=False),
            "This plan is not sold any more",
            id="not for partners",
        ),
        pytest.param(
            lambda: PlanPrice.objects.filter(term_months=12).update(valid_until=TODAY),
            "This term is not sold any more",
            id="term withdrawn",
        ),
    ],
)
def test_what_is_not_sold_any_more_is_said_and_gone(
    personas: Personas, alices: OrderUrl, who: str, spoil: Callable[[], object], sentence: str
) -> None:
    spoil()

    response = personas.client(who).get(alices.path)

    assert response.status_code == 410
    assert sentence in words(response)
    assert not any(price in words(response) for price in PRICES)
    assert not Basket.objects.exists()


def test_an_unknown_code_is_not_found(personas: Personas) -> None:
    assert personas.client("dora").get("/order/0000000000/").status_code == 404
    assert Client().get("/order/0000000000/").status_code == 404


# --- Not for this visitor -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "whose", "sentence"),
    [
        ("dora", "alices", "somebody else's customers"),
        ("bob", "alices", "somebody else's customers"),
        ("carol", "msps", "somebody else's customers"),
        ("alice", "alices", "one of your own order URLs"),
        ("vic", "msps", "Your role lets you look, not order"),
        ("vic", "alices", "somebody else's customers"),
        ("mira", "msps", "create the order in the BSS"),
        ("mira", "alices", "create the order in the BSS"),
        ("stranger", "msps", "You act for no organization yet"),
    ],
)
def test_the_wrong_person_gets_a_sentence_and_no_price(
    personas: Personas, who: str, whose: str, sentence: str, request: pytest.FixtureRequest
) -> None:
    found: OrderUrl = request.getfixturevalue(whose)

    response = personas.client(who).get(found.path)

    assert response.status_code == 403
    assert sentence in words(response).replace("&#x27;", "'")
    assert not any(price in words(response) for price in PRICES)
    assert not Basket.objects.exists()


def test_who_also_acts_for_a_customer_of_the_seller_is_told_to_change(personas: Personas, alices: OrderUrl) -> None:
    factories.MembershipFactory(user=personas.dora, organization=personas.resellers_customer, role=Membership.Role.BUYER)
    client = personas.client("dora")
    client.post(f"/act-for/{personas.direct_customer.number}/")

    response = client.get(alices.path)

    assert response.status_code == 403
    assert "You also act for Café Carol" in words(response)
    client.post(f"/act-for/{personas.resellers_customer.number}/")
    assert client.get(alices.path)["Location"] == "/basket/"


def test_a_viewer_of_a_resellers_customer_may_not_order(personas: Personas, alices: OrderUrl) -> None:
    response = signed_in(personas.resellers_customer, Membership.Role.VIEWER).get(alices.path)

    assert response.status_code == 403
    assert "Ask a buyer or an administrator of Café Carol" in words(response)


@pytest.mark.parametrize(("who", "whose"), [("dora", "msps"), ("carol", "alices")])
def test_without_a_price_in_the_buyers_currency_the_page_says_what_to_do(
    personas: Personas, who: str, whose: str, request: pytest.FixtureRequest
) -> None:
    found: OrderUrl = request.getfixturevalue(whose)
    Organization.objects.filter(kind="customer").update(currency="USD")

    response = personas.client(who).get(found.path)

    assert response.status_code == 409
    assert "has no price in USD" in words(response)
    assert "Ask your seller for an offer" in words(response)
    assert not Basket.objects.exists()


def test_a_reseller_that_may_not_sell_the_plan_is_told(personas: Personas, msps: OrderUrl) -> None:
    response = personas.client("bob").get(msps.path)

    assert response.status_code == 409
    assert "is not sold to Bodensee Systems" in words(response)


def test_a_resellers_customer_gets_the_price_of_its_reseller_in_its_currency(
    personas: Personas, plan: Plan, alices: OrderUrl
) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF", term_months=12, price=300)
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")

    response = personas.client("carol").get(alices.path, follow=True)

    assert response.redirect_chain == [("/basket/", 302)]
    assert "312.00 CHF" in words(response)  # 300 − 20 % + 30 %
