"""A login that is taken: other ones beside the field, by script and without, in the checkout and at an order that failed."""

import re

import pytest

from ordering.models import Basket, OrderLine
from ordering.operations import baskets
from provisioning.operations import logins
from tests import factories
from tests.ordering.pages import REVIEW, SERVICE, error_at, fail, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "taken")]

HTMX = {"HX-Request": "true"}


@pytest.fixture
def taken(monkeypatch):
    """Only jane.doe is taken at the vendor."""

    def check(*, service_manager, login, but_for=None):
        if logins.validate_login(login) == "jane.doe":
            raise logins.LoginTaken(f"{login} is taken. Choose another.")

    monkeypatch.setattr(logins, "check_login", check)
    monkeypatch.setattr(logins, "_is_free", lambda login, service_manager: True)


def suggested(page):
    return re.findall(r'name="use_login" value="([^"]+)" data-fills="id_login"', page)


def test_a_taken_login_comes_back_with_others_beside_the_field(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"login": "jane.doe", "email": "jane@example.com"}))

    assert error_at(page, "id_login") == ["jane.doe is taken. Choose another."]
    assert suggested(page) == ["jane.doe.dora", "doe.jane", "j.doe"]
    assert 'value="jane@example.com"' in page
    assert not Basket.objects.get().login


def test_a_suggestion_fills_the_form_without_script_and_keeps_the_email_address(shop, dora):
    shop.confirmed()

    page = text_of(dora.post(SERVICE, {"use_login": "doe.jane", "login": "jane.doe", "email": "other@example.com"}))

    assert 'value="doe.jane"' in page
    assert 'value="other@example.com"' in page
    assert "There is a problem" not in page
    assert dora.post(SERVICE, {"login": "doe.jane", "email": "other@example.com"}).url == REVIEW


def test_the_live_check_suggests_as_a_fragment_and_as_json(shop, dora):
    shop.confirmed()

    assert suggested(text_of(dora.post("/login-check/", {"login": "jane.doe"}, headers=HTMX))) == [
        "jane.doe.dora",
        "doe.jane",
        "j.doe",
    ]
    assert dora.post("/login-check/", {"login": "jane.doe"}).json()["suggestions"] == ["jane.doe.dora", "doe.jane", "j.doe"]


def test_a_login_in_an_order_that_is_not_given_up_is_not_suggested(shop, dora, personas):
    shop.order(login="doe.jane", owner=personas.alice, buyer=personas.reseller, consumer=personas.resellers_customer)
    basket = shop.confirmed()

    found = baskets.suggest_logins(service_managers=[shop.plan.service_manager], login="jane.doe", consumer=basket.consumer)

    assert found == ["jane.doe.dora", "j.doe", "janedoe"]


def test_a_failed_order_is_mended_with_a_suggestion_and_its_own_login_stays_free_for_it(shop, dora, personas):
    order = shop.order(login="john.doe")
    line = order.lines.get()
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant, login="john.doe")
    OrderLine.objects.filter(pk=line.pk).update(service=factories.ServiceFactory(tenant=tenant))
    fail(order)
    url, check = f"/orders/{order.number}/service/", f"/orders/{order.number}/login-check/"

    assert f'hx-post="{check}"' in text_of(dora.get(url))
    assert dora.post(check, {"login": "john.doe"}).json()["free"] is True
    assert suggested(text_of(dora.post(check, {"login": "jane.doe"}, headers=HTMX)))
    assert 'value="jd.dora"' in text_of(dora.post(url, {"use_login": "jd.dora", "email": "jane@example.com"}))
    assert personas.client("bob").post(check, {"login": "jane.doe"}).status_code == 404
    assert personas.client("vic").post(check, {"login": "jane.doe"}).status_code == 403
