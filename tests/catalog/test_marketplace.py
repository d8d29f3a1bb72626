"""A reseller's marketplace: set up in the partner panel, looked at by everybody it is for, in its own colours."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from accounts.models import Membership, Organization
from catalog.models import Logo, Marketplace, OrderUrl, PartnerPrice, Plan
from catalog.operations import order_urls
from catalog.operations.marketplaces import RESERVED
from tests import factories
from tests.catalog.test_views import card
from tests.conftest import Personas

EDIT = "/partner/marketplace/"
TODAY = factories.AT.date()


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


@pytest.fixture
def market(personas: Personas) -> Marketplace:
    return Marketplace.objects.create(
        reseller=personas.reseller, slug="alster", title="Alster Backup", intro="From Hamburg.", accent="#7a1f5c"
    )


@pytest.fixture
def plan(personas: Personas) -> Plan:
    """Customers of Alice pay 20.80 EUR a month and 208.00 a year."""
    plan: Plan = factories.FixedPlanFactory(number="P100", name="Backup 50")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
    order_urls.make_order_urls(plan, on=TODAY, at=factories.AT)
    return plan


def facts(**changed: Any) -> dict[str, Any]:
    return {"slug": "alster-it", "title": "Alster IT", "intro": "", "accent": "#7a1f5c", "is_open": "on", **changed}


def picture(kind: str = "PNG") -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", (300, 100), "#7a1f5c").save(file, kind)
    return SimpleUploadedFile(f"logo.{kind.lower()}", file.getvalue())


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


# --- Setting it up ------------------------------------------------------------------------------------------------------


def test_an_administrator_opens_it_with_a_logo(personas: Personas) -> None:
    client = personas.client("alice")

    client.post(EDIT, facts(logo=picture(), shows_prices="on"))

    row = Marketplace.objects.get()
    assert (row.reseller, row.slug, row.title, row.accent) == (personas.reseller, "alster-it", "Alster IT", "#7a1f5c")
    assert row.is_open
    assert row.shows_prices
    assert row.logo is not None
    assert f"/logos/{row.logo.sha256}.png" in words(client.get(EDIT))
    assert "http://localhost:8000/m/alster-it/" in words(client.get(EDIT))


def test_saving_again_keeps_the_logo_until_it_is_taken_away(personas: Personas) -> None:
    client = personas.client("alice")
    client.post(EDIT, facts(logo=picture()))

    client.post(EDIT, facts(title="Alster"))
    assert Marketplace.objects.get().logo is not None

    client.post(EDIT, facts(title="Alster", removes_logo="on"))
    assert Marketplace.objects.get().logo is None
    assert Marketplace.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        pytest.param({"slug": "bodensee"}, "Another marketplace has this address", id="taken"),
        pytest.param({"slug": "Acronis"}, "is not yours to take", id="reserved"),
        pytest.param({"slug": "northwind-cloud-gmbh"}, "is not yours to take", id="the MSP's name"),
        pytest.param({"slug": "al"}, "Use 3 to 40 small letters", id="short"),
        pytest.param({"slug": "a--b"}, "Use 3 to 40 small letters", id="hyphens"),
        pytest.param({"slug": "älster"}, "Use 3 to 40 small letters", id="umlaut"),
        pytest.param({"slug": "a/../b"}, "Use 3 to 40 small letters", id="path"),
        pytest.param({"accent": "#ffd400"}, "This colour is too pale", id="pale"),
        pytest.param({"accent": "red"}, "Enter a colour like", id="no colour"),
        pytest.param({"accent": "#000;}*"}, "Enter a colour like", id="style"),
        pytest.param({"title": "  "}, "This field is required", id="no title"),
        pytest.param({"logo": SimpleUploadedFile("logo.png", b"<svg/>")}, "must be a PNG, JPEG or WebP", id="no picture"),
    ],
)
def test_what_cannot_be_is_refused_and_what_was_typed_kept(personas: Personas, changed: dict[str, Any], sentence: str) -> None:
    Marketplace.objects.create(reseller=personas.other_reseller, slug="bodensee", title="Bodensee")

    response = personas.client("alice").post(EDIT, facts(intro="Kept words.", **changed))

    assert response.status_code == 200
    assert sentence in words(response)
    assert "Kept words." in words(response)
    assert not Marketplace.objects.filter(reseller=personas.reseller).exists()


def test_reserved_addresses_are_well_formed() -> None:
    assert "admin" in RESERVED
    assert all(word == word.lower() for word in RESERVED)


def test_others_than_administrators_only_look(personas: Personas, market: Marketplace, client: Client) -> None:
    viewer = factories.MembershipFactory(organization=personas.reseller, role=Membership.Role.BUYER)
    client.force_login(viewer.user, backend="django.contrib.auth.backends.ModelBackend")

    assert "From Hamburg." in words(client.get(EDIT))
    assert client.post(EDIT, facts(title="Mine")).status_code == 403
    market.refresh_from_db()
    assert market.title == "Alster Backup"


# --- Looking at it ------------------------------------------------------------------------------------------------------


def test_a_stranger_sees_plans_and_order_urls_but_no_price(personas: Personas, market: Marketplace, plan: Plan) -> None:
    response = personas.client("nobody").get("/m/alster/")

    page = words(response)
    assert "Alster Backup" in page
    assert "From Hamburg." in page
    assert "Backup 50" in page
    for term in (1, 12):
        assert OrderUrl.objects.get(reseller=personas.reseller, term_months=term).path in page
    assert "EUR" not in page
    assert "/sign-up/?next=%2Fm%2Falster%2F" in page


def test_a_stranger_sees_retail_prices_where_the_reseller_shows_them(personas: Personas, market: Marketplace, plan: Plan) -> None:
    Marketplace.objects.update(shows_prices=True)

    for path in ("/m/alster/", "/m/alster/P100/"):
        page = words(personas.client("nobody").get(path))
        assert "20.80 EUR" in page
        assert "208.00 EUR" in page
        assert not any(amount in page for amount in ("20.00 EUR", "16.00", "160.00", "200.00"))


def test_own_customers_see_prices_in_their_own_currency(personas: Personas, market: Marketplace, plan: Plan) -> None:
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=50)
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(currency="CHF")

    page = words(personas.client("carol").get("/m/alster/"))

    assert "52.00 CHF" in page  # 50 − 20 % + 30 %
    assert "EUR" not in page


@pytest.mark.parametrize("who", ["bob", "dora", "mira", "stranger"])
def test_people_of_other_sellers_see_no_price_and_no_order_button(
    personas: Personas, market: Marketplace, plan: Plan, who: str
) -> None:
    for path in ("/m/alster/", "/m/alster/P100/"):
        page = words(personas.client(who).get(path))
        assert "Backup 50" in page
        assert "EUR" not in page
        assert "/order/" not in page
        assert "Only customers of Alster IT order here" in page


def test_rates_are_shown_to_own_customers_only(personas: Personas, market: Marketplace) -> None:
    plan = factories.PlanFactory(number="P300")
    factories.PartnerTermsFactory(reseller=personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=personas.reseller, plan=plan)
    card(plan)

    assert "12.48 EUR" in words(personas.client("carol").get("/m/alster/P300/"))  # 12 − 20 % + 30 %
    assert "EUR" not in words(personas.client("nobody").get("/m/alster/P300/"))


@pytest.mark.parametrize("who", ["nobody", "bob", "dora", "mira"])
def test_a_closed_marketplace_does_not_exist_for_strangers(personas: Personas, market: Marketplace, plan: Plan, who: str) -> None:
    Marketplace.objects.update(is_open=False)

    assert personas.client(who).get("/m/alster/").status_code == 404
    assert personas.client(who).get("/m/alster/P100/").status_code == 404
    assert personas.client(who).get("/m/never/").status_code == 404


def test_a_closed_marketplace_is_there_for_its_own_people(personas: Personas, market: Marketplace, plan: Plan) -> None:
    Marketplace.objects.update(is_open=False)

    assert "it is closed" in words(personas.client("alice").get("/m/alster/"))
    assert "20.80 EUR" in words(personas.client("carol").get("/m/alster/"))


def test_what_is_not_published_is_not_there(personas: Personas, market: Marketplace, plan: Plan) -> None:
    PartnerPrice.objects.update(is_published=False)

    assert "Nothing is for sale yet" in words(personas.client("nobody").get("/m/alster/"))
    assert personas.client("nobody").get("/m/alster/P100/").status_code == 404


def test_a_switched_off_order_url_has_no_button(personas: Personas, market: Marketplace, plan: Plan) -> None:
    off = OrderUrl.objects.get(reseller=personas.reseller, term_months=12)
    order_urls.switch_order_url(order_url_id=off.pk, is_active=False)

    page = words(personas.client("nobody").get("/m/alster/"))

    assert off.path not in page
    assert "12 months" in page


def test_signing_up_begins_at_the_reseller(personas: Personas, market: Marketplace) -> None:
    client = personas.client("nobody")
    client.get("/m/alster/")

    page = words(client.get("/sign-up/"))

    assert "Alster IT" in page
    assert "Northwind" not in page
    assert client.session["signing_up_under"] == personas.reseller.number


def test_the_page_asks_no_more_queries_for_more_plans(
    personas: Personas, market: Marketplace, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    for number in range(12):
        more = factories.FixedPlanFactory(number=f"P4{number:02}")
        factories.PartnerTermsFactory(reseller=personas.reseller, plan=more)
        factories.PartnerPriceFactory(reseller=personas.reseller, plan=more)
    Marketplace.objects.update(shows_prices=True)

    carol = personas.client("carol")
    with django_assert_max_num_queries(12):
        Client().get("/m/alster/")
    with django_assert_max_num_queries(14):
        carol.get("/m/alster/")


# --- Its look -----------------------------------------------------------------------------------------------------------


def test_the_stylesheet_is_kept_for_a_year_at_the_address_of_its_colours(personas: Personas, market: Marketplace) -> None:
    client = personas.client("nobody")
    page = client.get("/m/alster/").content.decode()
    link = page.partition('href="/m/alster/theme.css?v=')[2].partition('"')[0]

    response = client.get(f"/m/alster/theme.css?v={link}")

    assert response["Content-Type"].startswith("text/css")
    assert "--accent: #7a1f5c" in response.content.decode()
    assert "immutable" in response["Cache-Control"]
    assert "immutable" not in client.get("/m/alster/theme.css")["Cache-Control"]
    assert client.get("/m/never/theme.css").status_code == 404
    assert "<style" not in page


def test_customers_of_a_reseller_see_its_look_everywhere(personas: Personas, market: Marketplace) -> None:
    market.logo = Logo.objects.create(sha256="a" * 64, png=b"", width=120, height=40, added_at=factories.AT)
    market.save()

    page = words(personas.client("carol").get("/"))

    assert "/m/alster/theme.css" in page
    assert f"/logos/{'a' * 64}.png" in page
    assert "Alster Backup" in page


@pytest.mark.parametrize("who", ["alice", "bob", "dora"])
def test_everybody_else_sees_ours(personas: Personas, market: Marketplace, who: str) -> None:
    assert "theme.css?v=" not in words(personas.client(who).get("/"))


def test_who_arrived_by_a_marketplace_signs_in_under_its_look(personas: Personas, market: Marketplace) -> None:
    client = personas.client("nobody")
    assert "alster" not in words(client.get("/accounts/login/"))

    client.get("/m/alster/")

    page = words(client.get("/accounts/login/"))
    assert "/m/alster/theme.css" in page
    assert "Alster Backup" in page
    assert "Northwind" not in page


def test_the_look_costs_one_query(personas: Personas, market: Marketplace) -> None:
    client = personas.client("carol")
    with CaptureQueriesContext(connection) as queries:
        client.get("/orders/")

    assert sum("catalog_marketplace" in query["sql"] for query in queries) == 1
    assert not any("png" in query["sql"] for query in queries)
