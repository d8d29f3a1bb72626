"""What the pages from basket to order refuse: a sentence beside its field, and nothing half done."""

import pytest

from accounts.models import Organization
from catalog.models import Plan, TermsDocument
from common.errors import FieldRefused
from ordering.models import Basket, Order, TermsAcceptance
from provisioning.operations import logins
from tests import factories
from tests.ordering.conftest import AT
from tests.ordering.pages import BASKET, BILLING, REVIEW, SERVICE, TERMS, error_at, settings_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


@pytest.mark.parametrize("quantity", ["2", "0", "-1", "", "one", "1.5"])
def test_a_quantity_other_than_one_is_refused_beside_the_field(shop, dora, quantity):
    basket = shop.basket()

    page = text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket, quantity=quantity)}))

    assert error_at(page, f"id_{basket.lines.get().pk}-quantity") == ["Pay-as-you-go products are ordered with quantity 1."]
    assert f'href="#id_{basket.lines.get().pk}-quantity"' in page
    assert basket.lines.get().quantity == 1


@pytest.mark.parametrize("quantity", ["2", "x", "99999999999999"])
def test_a_product_page_that_asks_for_more_than_one_is_refused(shop, dora, quantity):
    answer = dora.post(f"/basket/add/{shop.plan.number}/", {"quantity": quantity}, follow=True)

    assert "Pay-as-you-go products are ordered with quantity 1." in text_of(answer)
    assert not Basket.objects.exists()


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("protection_model", "Choose a Protection Licensing Model."),
        ("file_sync_model", "Choose a File Sync &amp; Share Licensing Model."),
    ],
)
@pytest.mark.parametrize("sent", ["", "per_sheep"])
def test_a_missing_or_invented_licensing_model_is_refused_beside_the_field(shop, dora, field, sentence, sent):
    basket = shop.basket()

    page = text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket, **{field: sent})}))

    assert error_at(page, f"id_{basket.lines.get().pk}-{field}") == [sentence]
    assert basket.lines.get().protection_model == ""


def test_a_reseller_must_choose_one_of_its_own_customers(shop, alice):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    for number, sentence in (
        ("", "Choose the customer this is for."),
        (shop.personas.direct_customer.number, "Choose one of your own customers."),
    ):
        page = text_of(alice.post(BASKET, {"action": "proceed", "consumer": number, **settings_of(basket)}))
        assert error_at(page, "id_consumer") == [sentence]


def test_a_consumer_with_a_subscription_is_refused_beside_the_field(shop, alice):
    basket = shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    consumer = shop.personas.resellers_customer
    factories.ServiceFactory(tenant=factories.TenantFactory(organization=consumer, service_manager=shop.plan.service_manager))

    page = text_of(alice.post(BASKET, {"action": "proceed", "consumer": consumer.number, **settings_of(basket)}))

    assert "Café Carol has one already" in error_at(page, "id_consumer")[0]


def test_a_direct_customer_with_a_subscription_is_told_so(shop, dora):
    basket = shop.configured()
    factories.ServiceFactory(tenant=factories.TenantFactory(organization=basket.buyer, service_manager=shop.plan.service_manager))

    assert "Dora Design has one already" in text_of(dora.get(BASKET))
    assert "Dora Design has one already" in text_of(dora.post(BASKET, {"action": "proceed", **settings_of(basket)}))
    assert dora.get(TERMS).url == BASKET


def test_terms_that_are_not_accepted_are_refused_beside_the_tick(shop, dora):
    shop.configured()

    page = text_of(dora.post(TERMS, {}))

    assert error_at(page, f"id_document-{shop.terms.pk}") == ["Accept the Acronis Terms of Use to go on."]
    assert not TermsAcceptance.objects.exists()


def test_terms_that_are_not_published_stop_the_checkout_with_a_sentence(shop, dora):
    shop.configured()
    TermsDocument.objects.update(retired_at=AT)

    assert "not published yet" in text_of(dora.get(TERMS))
    assert "not published yet" in text_of(dora.post(TERMS, {}))


def test_a_malformed_login_is_refused_beside_the_field_and_kept(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane doe", "email": "jane@example.com"}))

    assert "no spaces" in error_at(page, "id_login")[0]
    assert 'value="jane doe"' in page
    assert not Basket.objects.get().login


def test_a_login_the_vendor_does_not_accept_is_refused_beside_the_field(shop, dora, monkeypatch):
    def refuses(*, service_manager, login):
        raise FieldRefused("login", f"Acronis does not accept {login} as a login user name.")

    monkeypatch.setattr(logins, "check_login", refuses)
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}))

    assert error_at(page, "id_login") == ["Acronis does not accept jane.doe as a login user name."]
    assert "use_login" not in page
    assert not Basket.objects.get().login


def test_a_silent_vendor_lets_the_buyer_go_on_with_a_warning(shop, dora, monkeypatch):
    def silent(*, service_manager, login):
        raise logins.CannotCheck("Acronis could not tell.")

    monkeypatch.setattr(logins, "check_login", silent)
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}, follow=True))

    assert "Acronis could not tell. You can go on" in page
    assert Basket.objects.get().login == "jane.doe"


def test_a_malformed_email_is_refused_beside_the_field(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@"}))

    assert error_at(page, "id_email") == ["Enter an e-mail address like jane.doe@example.com."]


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_a_plan_withdrawn_meanwhile_leaves_with_a_notice(shop, dora, path):
    shop.complete()
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    page = text_of(dora.get(path, follow=True))

    assert "is not sold any more. We took it out of your basket." in page
    assert "Your basket is empty" in page


def test_a_plan_withdrawn_at_the_last_moment_is_not_ordered(shop, dora):
    basket = shop.complete()
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    page = text_of(dora.post(REVIEW, {"basket": basket.key}, follow=True))

    assert "We took it out of your basket." in page
    assert not Order.objects.exists()


def test_a_login_taken_at_the_last_moment_leads_back_to_it(shop, dora):
    basket = shop.complete()
    factories.TenantUserFactory(tenant__service_manager=shop.plan.service_manager, login="jane.doe")

    page = text_of(dora.post(REVIEW, {"basket": basket.key}, follow=True))

    assert "jane.doe is taken" in page
    assert "Login Username" in page
    assert not Order.objects.exists()


def test_a_second_plan_of_the_same_service_manager_is_refused_on_its_page(shop, dora):
    shop.basket()
    other = factories.PlanFactory(service_manager=shop.plan.service_manager)

    page = text_of(dora.post(f"/basket/add/{other.number}/", follow=True))

    assert "Only one Acronis subscription is allowed per service manager." in page


def test_a_new_customer_with_gaps_is_refused_beside_the_fields(shop, alice):
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    page = text_of(alice.post("/basket/customer/", {"name": "Elbe", "billing_email": "elbe", "country": "XX"}))

    assert error_at(page, "id_billing_email") == ["Enter an e-mail address like jane.doe@example.com."]
    assert error_at(page, "id_city") == ["Enter the city."]
    assert error_at(page, "id_country")
    assert not Organization.objects.filter(name="Elbe").exists()


def test_a_customer_in_hong_kong_has_no_postcode(shop, alice):
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)
    customer = {"name": "Victoria", "billing_email": "v@example.com", "address_line1": "1 Peak Road", "city": "Hong Kong"}

    page = text_of(alice.post("/basket/customer/", {**customer, "country": "DE"}))
    assert error_at(page, "id_postcode") == ["Enter the postcode."]

    assert alice.post("/basket/customer/", {**customer, "country": "HK"}).url == BASKET
    assert Organization.objects.get(name="Victoria").postcode == ""
