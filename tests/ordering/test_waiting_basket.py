"""The basket of somebody who is signed out, taken up by whichever way in; and what becomes of a form whose session ended."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client

from accounts.models import Organization
from catalog.models import OrderUrl, Plan
from catalog.operations import order_urls
from ordering import waiting
from ordering.models import Basket, BasketLine
from tests import factories
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
WAITING = "/basket/waiting/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _in_october() -> Iterator[None]:
    with time_machine.travel("2026-10-15T09:00:00Z", tick=False):
        yield


def url_of(name: str, *, reseller: Organization | None = None, term_months: int = 12, manager: Any = None) -> OrderUrl:
    """An order URL for a plan of that name, which is made where there is none yet."""
    plan = Plan.objects.filter(name=name).first()
    if plan is None:
        facts = {} if manager is None else {"service_manager": manager}
        plan = factories.FixedPlanFactory(name=name, **facts)
        if reseller is not None:
            factories.PartnerTermsFactory(reseller=reseller, plan=plan)
            factories.PartnerPriceFactory(reseller=reseller, plan=plan)
        order_urls.make_order_urls(plan, on=factories.AT.date(), at=factories.AT)
    return OrderUrl.objects.get(plan=plan, reseller=reseller, term_months=term_months)


def words(response: Any) -> str:
    return " ".join(response.content.decode().split())


def sign_in(client: Client, person: Any, back: str = "") -> Any:
    return client.post(LOGIN, {"login": person.email, "password": "correct horse battery", "next": back}, follow=True)


def test_plans_of_several_order_urls_wait_and_are_taken_up_by_signing_in(personas: Personas) -> None:
    client = Client()
    first, second = url_of("Backup"), url_of("Archive")
    client.get(first.path)
    client.get(second.path)

    page = words(client.get(WAITING))
    assert page.index("Backup") < page.index("Archive")
    assert '<span class="count" aria-hidden="true">2</span>' in page
    landed = sign_in(client, personas.dora)

    assert "Backup, which you chose before you signed in, is in your basket." in words(landed)
    basket = Basket.objects.get(buyer=personas.direct_customer)
    assert set(basket.lines.values_list("plan__name", "term_months")) == {("Backup", 12), ("Archive", 12)}
    assert "waiting_basket" not in client.session
    assert client.get(WAITING)["Location"] == "/basket/"


def test_what_was_in_the_basket_before_stays_there(personas: Personas) -> None:
    sign_in(client := Client(), personas.dora)
    client.get(url_of("Backup").path)
    client.post("/accounts/logout/")
    client.get(url_of("Archive").path)

    sign_in(client, personas.dora)

    assert set(BasketLine.objects.values_list("plan__name", flat=True)) == {"Backup", "Archive"}


def test_another_plan_of_one_service_manager_takes_the_place_and_says_so(personas: Personas) -> None:
    manager = factories.ServiceManagerFactory()
    client = Client()
    client.get(url_of("Small", manager=manager).path)

    asked = client.get(url_of("Large", manager=manager).path, follow=True)

    assert "We took Small out of your basket for Large." in words(asked)
    assert [row.plan.name for row in waiting.waiting(client.session)] == ["Large"]


def test_another_term_takes_the_place_silently(personas: Personas) -> None:
    client = Client()
    client.get(url_of("Backup").path)

    asked = client.get(url_of("Backup", term_months=1).path, follow=True)

    assert "We took" not in words(asked)
    assert [row.term_months for row in waiting.waiting(client.session)] == [1]


def test_a_visitor_has_ten_plans_waiting_at_most(personas: Personas) -> None:
    client = Client()

    for n in range(waiting.MOST + 2):
        client.get(url_of(f"Plan {n}").path)

    assert [row.plan.name for row in waiting.waiting(client.session)] == [f"Plan {n}" for n in range(2, waiting.MOST + 2)]


def test_what_waits_is_removed_one_by_one(personas: Personas) -> None:
    client = Client()
    found = url_of("Backup")
    client.get(found.path)

    for _ in range(2):
        assert client.post(f"{WAITING}{found.code}/remove/")["Location"] == WAITING

    assert "Your basket is empty" in words(client.get(WAITING))
    assert client.get(f"{WAITING}{found.code}/remove/").status_code == 405


def test_what_this_buyer_cannot_have_is_told_and_the_rest_is_taken_up(personas: Personas) -> None:
    client = Client()
    foreign, withdrawn, good = url_of("Theirs", reseller=personas.reseller), url_of("Old"), url_of("Backup")
    for each in (foreign, withdrawn, good):
        client.get(each.path)
    Plan.objects.filter(name="Old").update(status=Plan.Status.ARCHIVED)

    landed = words(sign_in(client, personas.dora))

    assert "Theirs is not in your basket. You act for Dora Design, which is no customer of the seller" in landed
    assert "Old is not in your basket." in landed
    assert [line.plan.name for line in BasketLine.objects.all()] == ["Backup"]


def test_the_second_subscription_is_refused_when_it_is_taken_up(personas: Personas) -> None:
    client = Client()
    found = url_of("Backup")
    tenant = factories.TenantFactory(organization=personas.direct_customer, service_manager=found.plan.service_manager)
    factories.ServiceFactory(tenant=tenant)
    client.get(found.path)

    landed = words(sign_in(client, personas.dora))

    assert "Backup is not in your basket. Only one Acronis subscription is allowed per service manager." in landed
    assert not BasketLine.objects.exists()


def test_it_goes_into_the_basket_of_the_organization_that_the_seller_serves(personas: Personas) -> None:
    factories.MembershipFactory(user=personas.dora, organization=personas.resellers_customer)  # “Café Carol” is acted for
    found = url_of("Backup")  # the MSP's, so Dora Design's
    client = Client()
    client.get(found.path)

    landed = words(sign_in(client, personas.dora))

    assert "Backup is in the basket of Dora Design. Change to it in the menu at the top." in landed
    assert Basket.objects.get().buyer == personas.direct_customer


@pytest.mark.parametrize("who", ["mira", "stranger"])
def test_who_acts_for_nobody_has_nothing_taken_up(personas: Personas, who: str) -> None:
    client = Client()
    client.get(url_of("Backup").path)

    sign_in(client, getattr(personas, who))

    assert not Basket.objects.exists()
    assert "waiting_basket" not in client.session


def test_the_order_url_itself_judges_what_it_leads_back_to(personas: Personas) -> None:
    client = Client()
    found = url_of("Backup")
    client.get(found.path)

    landed = sign_in(client, personas.dora, back=found.path)

    assert landed.redirect_chain[-1] == ("/basket/", 302)
    assert "which you chose before" not in words(landed)
    assert [line.plan.name for line in BasketLine.objects.all()] == ["Backup"]


def test_who_signs_up_finds_it_in_the_new_basket(personas: Personas) -> None:
    Organization.objects.filter(pk=personas.msp.pk).update(sign_up_is_open=True)
    client = Client()
    client.get(url_of("Backup").path)
    facts = {
        "organization_name": "Neu GmbH",
        "country": "DE",
        "currency": "EUR",
        "first_name": "Nora",
        "last_name": "Neu",
        "email": "nora@example.com",
        "password": "correct horse battery",
        "next": "/basket/",
    }
    asked = client.post("/sign-up/", facts, follow=True)
    code = re.search(r"\b([A-Z0-9]{3,4}[- ]?[A-Z0-9]{3,4})\b", _last_mail())
    assert code is not None, words(asked)

    landed = client.post("/sign-up/code/", {"code": code.group(1)}, follow=True)

    assert landed.redirect_chain[-1][0] == "/basket/"
    assert Basket.objects.get().buyer.name == "Neu GmbH"
    assert "Backup" in words(landed)


def _last_mail() -> str:
    from post_office.models import Email

    return str(Email.objects.latest("pk").message) if not mail.outbox else str(mail.outbox[-1].body)


# --- A session that ended in the middle -----------------------------------------------------------------------------------


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page_and_says_what_was_lost(personas: Personas) -> None:
    answer = Client().post(
        "/checkout/service/", {"login": "jane.doe"}, headers={"Referer": "http://testserver/checkout/service/"}, follow=True
    )

    assert answer.redirect_chain == [("/accounts/login/?next=/checkout/service/", 302)]
    assert "You were signed out meanwhile. Sign in and you are back on the page" in words(answer)


def test_a_button_pressed_after_the_session_ended_leads_to_the_page_it_stood_on(personas: Personas) -> None:
    def led_to(before: str) -> str:
        headers = {"Referer": before} if before else {}
        return str(Client().post("/basket/add/P100/", {"term_months": "12"}, headers=headers)["Location"])

    assert led_to("http://testserver/products/P100/?term=12") == "/accounts/login/?next=/products/P100/%3Fterm%3D12"
    assert led_to("https://evil.example/") == "/accounts/login/?next=/"
    assert led_to("") == "/accounts/login/?next=/"


def test_a_fragment_asked_for_after_the_session_ended_leads_the_whole_page_to_the_sign_in(personas: Personas) -> None:
    headers = {**HTMX, "HX-Current-URL": "http://testserver/orders/O10001/"}

    answer = Client().get("/orders/O10001/progress/", headers=headers)

    assert answer["HX-Redirect"] == "/accounts/login/?next=/orders/O10001/"
    assert not answer.content


def test_a_form_that_is_too_old_is_refused_in_plain_words_with_the_way_back(personas: Personas) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(personas.dora, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.post("/basket/", {}, headers={"Referer": "http://testserver/basket/"})

    assert answer.status_code == 403
    assert "This page was too old" in words(answer)
    assert 'href="/basket/">Go back to the page' in words(answer)
    assert "CSRF verification" not in words(answer)
