"""The pages from basket to order: what they show, keep and tell beside every step."""

import pytest
from post_office.models import Email

from accounts.models import Membership, Organization
from ordering.models import Basket, Order
from tests import factories
from tests.ordering.pages import BASKET, BILLING, REVIEW, SERVICE, TERMS, settings_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


# The whole way


def test_a_direct_customer_goes_from_the_product_to_its_order(shop, dora):
    assert dora.post(f"/basket/add/{shop.plan.number}/", {"quantity": "1"}).url == BASKET
    basket = Basket.objects.get()
    page = text_of(dora.get(BASKET))
    assert "Product Settings" in page
    assert "Protection service that is getting enabled based on the “per gigabyte” licensing model." in page
    assert "File Sync &amp; Share service that is getting enabled based on the “per workload” licensing model." in page
    assert "Proceed to checkout" in page

    assert dora.post(BASKET, {"action": "proceed", **settings_of(basket)}).url == TERMS
    assert "You use the service as agreed." in text_of(dora.get(TERMS))
    assert dora.post(TERMS, {f"document-{shop.terms.pk}": "on"}).url == BILLING
    assert "Hauptstraße 1" in text_of(dora.get(BILLING))
    assert dora.post(BILLING, {"action": "confirm"}).url == SERVICE
    page = text_of(dora.get(SERVICE))
    assert "Login Username" in page
    assert "dora@example.com" in page
    assert dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}).url == REVIEW
    page = text_of(dora.get(REVIEW))
    assert "jane.doe" in page
    assert ">Checkout</button>" in page
    answer = dora.post(REVIEW, {"basket": basket.key, "purchase_order": "PO 1"})

    order = Order.objects.get()
    assert answer.url == f"/orders/{order.number}/"
    assert order.lines.get().login == "jane.doe"
    assert order.placed_from == "127.0.0.1"
    assert "Order received" in text_of(dora.get(answer.url))
    assert "Your basket is empty" in text_of(dora.get(BASKET))


def test_a_reseller_adds_a_new_customer_on_the_way(shop, alice):
    alice.post(f"/basket/add/{shop.plan.number}/")
    basket = Basket.objects.get()
    answer = alice.post(
        BASKET, {"action": "new_customer", **settings_of(basket, file_sync_model="", protection_model="per_workload")}
    )
    assert answer.url == "/basket/customer/"
    customer = {
        "name": "Elbe Optik",
        "billing_email": "elbe@example.com",
        "address_line1": "Elbchaussee 1",
        "postcode": "22765",
        "city": "Hamburg",
        "country": "DE",
    }
    assert alice.post("/basket/customer/", customer).url == BASKET

    page = text_of(alice.get(BASKET))
    made = Organization.objects.get(name="Elbe Optik")
    assert f'value="{made.number}" selected' in page
    assert 'value="per_workload" selected' in page
    assert alice.post(BASKET, {"action": "proceed", "consumer": made.number, **settings_of(basket)}).url == TERMS


# Every page tells what, for whom, how it is metered, what is due and when it is billed


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_the_summary_stands_beside_every_step(shop, dora, path):
    shop.complete()

    page = text_of(dora.get(path))

    for fact in (shop.plan.name, "Dora Design", "Acronis meters the gigabytes that are stored.", "0.00 EUR", "1 Nov 2026"):
        assert fact in page


def test_the_stepper_shows_only_the_steps_this_buyer_has(shop, dora):
    shop.confirmed()
    assert ">Service details</li>" in text_of(dora.get(SERVICE))

    tenant = factories.TenantFactory(organization=shop.personas.direct_customer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    assert dora.get(SERVICE).url == REVIEW
    assert "Service details" not in text_of(dora.get(REVIEW))


@pytest.mark.parametrize(
    ("done", "missing"), [("basket", BASKET), ("configured", TERMS), ("accepted", BILLING), ("confirmed", SERVICE)]
)
def test_no_step_can_be_skipped(shop, dora, done, missing):
    getattr(shop, done)()
    later = [
        path
        for path in (TERMS, BILLING, SERVICE, REVIEW)
        if [BASKET, TERMS, BILLING, SERVICE, REVIEW].index(path) > [BASKET, TERMS, BILLING, SERVICE, REVIEW].index(missing)
    ]

    for path in later:
        assert dora.get(path).url == missing
    assert text_of(dora.get(missing))


def test_without_a_basket_every_step_leads_to_the_empty_basket(shop, dora):
    for path in (TERMS, BILLING, SERVICE, REVIEW):
        assert dora.get(path).url == BASKET


def test_going_back_finds_what_was_typed(shop, dora):
    shop.complete()

    assert 'value="per_gigabyte" selected' in text_of(dora.get(BASKET))
    assert "checked" in text_of(dora.get(TERMS))
    page = text_of(dora.get(SERVICE))
    assert 'value="jane.doe"' in page
    assert 'value="jane@example.com"' in page


# Billing information


def test_an_administrator_changes_the_billing_information(shop, dora):
    shop.accepted()
    assert "Change billing information" in text_of(dora.get(BILLING))
    address = {
        "billing_email": "new@example.com",
        "address_line1": "Neue Straße 2",
        "postcode": "20457",
        "city": "Hamburg",
        "country": "DE",
    }

    assert dora.post(BILLING, {"action": "save", **address}).url == BILLING

    page = text_of(dora.get(BILLING))
    assert "Neue Straße 2" in page
    assert Basket.objects.get().billing_confirmed_at is None


def test_a_buyer_who_is_no_administrator_only_looks(shop, dora):
    shop.accepted()
    Membership.objects.filter(user=shop.personas.dora).update(role=Membership.Role.BUYER)

    assert "Change billing information" not in text_of(dora.get(f"{BILLING}?edit=1"))
    assert dora.post(BILLING, {"action": "save", "city": "Bonn"}).status_code == 403


def test_incomplete_billing_information_cannot_be_confirmed(shop, dora):
    shop.accepted()
    Organization.objects.filter(pk=shop.personas.direct_customer.pk).update(city="")

    assert 'name="city"' in text_of(dora.get(BILLING))
    assert 'name="city"' in text_of(dora.post(BILLING, {"action": "confirm"}))
    assert dora.get(REVIEW).url == BILLING

    Membership.objects.filter(user=shop.personas.dora).update(role=Membership.Role.BUYER)
    assert "Ask an administrator" in text_of(dora.get(BILLING))


# Ordering


def test_checkout_pressed_twice_shows_the_same_order(shop, dora):
    basket = shop.complete()

    first = dora.post(REVIEW, {"basket": basket.key})
    second = dora.post(REVIEW, {"basket": basket.key})

    assert first.url == second.url
    assert Order.objects.count() == 1
    assert Email.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x", "9d8aaaa5-8640-43bb-bb48-4ffecfe67633"])
def test_a_basket_that_is_not_there_orders_nothing(shop, dora, key):
    shop.complete()

    answer = dora.post(REVIEW, {"basket": key})

    assert answer.status_code in (302, 404)
    assert not Order.objects.exists()


def test_nobody_orders_somebody_elses_basket(shop, alice):
    basket = shop.complete()

    assert alice.post(REVIEW, {"basket": basket.key}).status_code == 404
    assert not Order.objects.exists()


# The live check of the login


def test_the_live_check_says_that_a_login_is_free(shop, dora):
    shop.confirmed()

    fragment = text_of(dora.post("/login-check/", {"login": "jane.doe"}, headers={"HX-Request": "true"}))

    assert "jane.doe is free" in fragment
    assert "<html" not in fragment
    assert dora.post("/login-check/", {"login": "jane.doe"}).json() == {
        "login": "jane.doe",
        "free": True,
        "sentence": "jane.doe is free.",
        "suggestions": [],
    }


def test_the_live_check_says_why_not(shop, dora):
    shop.confirmed()

    assert dora.post("/login-check/", {"login": "a"}).json()["free"] is False
    assert "at least 3 characters" in text_of(dora.post("/login-check/", {"login": "a"}, headers={"HX-Request": "true"}))
