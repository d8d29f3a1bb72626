"""Two tabs, back and forward, double clicks: nothing is lost and nothing doubled."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from ordering.models import Basket, Order, OrderLine
from ordering.operations import baskets, orders
from ordering.operations.baskets import LineSettings
from provisioning.operations.logins import LoginTaken
from tests import factories
from tests.ordering.conftest import ADDRESS, AT
from tests.ordering.pages import BASKET, BILLING, REVIEW, SERVICE, TERMS, settings_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


def hidden(page: str) -> dict[str, str]:
    """What the form of a page says without being asked."""
    return dict(re.findall(r'type="hidden" name="(basket|consumer|prices_seen|settings_seen)" value="([^"]*)"', page))


@pytest.mark.parametrize("step", [TERMS, BILLING, SERVICE, REVIEW])
def test_back_to_a_step_after_ordering_shows_the_order(shop, dora, step):
    order = shop.order()

    assert dora.get(step).url == f"/orders/{order.number}/"
    assert "ordered already; this is the order" in text_of(dora.get(f"/orders/{order.number}/"))


@pytest.mark.parametrize("step", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_an_old_form_in_another_tab_shows_the_order_also_when_a_new_basket_is_open(shop, dora, personas, step):
    basket = shop.complete()
    form = {**hidden(text_of(dora.get(REVIEW))), "login": "other", "email": "other@example.com", **settings_of(basket)}
    order = orders.submit_order(basket_id=basket.pk, by=basket.owner, address=ADDRESS, at=AT)
    Basket.objects.create(owner=basket.owner, buyer=basket.buyer, consumer=basket.buyer, created_at=AT)

    assert dora.post(step, form).url == f"/orders/{order.number}/"
    assert Basket.objects.open().get().login == ""
    assert Order.objects.count() == 1


def test_a_form_of_a_basket_that_is_gone_changes_nothing(shop, dora):
    basket = shop.accepted()

    answer = dora.post(BILLING, {"basket": "00000000-0000-4000-8000-000000000000"})

    assert answer.url == BASKET
    assert "nothing was changed" in text_of(dora.get(BASKET))
    assert Basket.objects.get(pk=basket.pk).billing_confirmed_at is None
    assert dora.post(BILLING, {"basket": "x"}).status_code == 302


def test_what_another_tab_changed_is_looked_at_again_before_it_is_ordered(shop, dora):
    basket = shop.complete()
    seen = hidden(text_of(dora.get(REVIEW)))
    line = basket.lines.get()
    changed = {line.pk: LineSettings(1, "per_workload", "per_user")}
    baskets.configure(basket_id=basket.pk, settings=changed, consumer=basket.consumer, complete=True, at=AT)

    answer = dora.post(REVIEW, seen, follow=True)

    assert "Your basket was changed in another tab" in text_of(answer)
    assert not Order.objects.exists()
    dora.post(REVIEW, hidden(text_of(answer)))
    assert OrderLine.objects.get().protection_model == "per_workload"


def test_a_login_typed_for_one_customer_is_not_kept_for_another(shop, alice, personas):
    shop.confirmed(owner=personas.alice, buyer=personas.reseller, consumer=personas.resellers_customer)
    typed = {**hidden(text_of(alice.get(SERVICE))), "login": "carol", "email": "carol@example.com"}
    other = factories.OrganizationFactory(name="Zweite GmbH", parent=personas.reseller)
    Basket.objects.update(consumer=other)

    page = text_of(alice.post(SERVICE, typed))

    assert "In another tab you chose Zweite GmbH meanwhile." in page
    assert 'value="carol"' in page
    assert Basket.objects.get().login == ""
    assert alice.post(SERVICE, {**hidden(page), "login": "carol", "email": "carol@example.com"}).url == REVIEW


def at_once(*presses: Callable[[], str]) -> list[str]:
    """Let all of ``presses`` begin at the same moment, each with a connection of its own."""
    start = Barrier(len(presses))

    def press(each: Callable[[], str]) -> str:
        try:
            start.wait(20)
            return each()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(presses)) as buyers:
        return [future.result(60) for future in [buyers.submit(press, each) for each in presses]]


@pytest.mark.django_db(transaction=True)
def test_twenty_submits_at_the_same_moment_make_one_order(shop, no_worker):
    basket = shop.complete()

    def submit() -> str:
        return orders.submit_order(basket_id=basket.pk, by=basket.owner, address=ADDRESS, at=AT).number

    numbers = at_once(*[submit] * 20)

    assert len(set(numbers)) == 1
    assert (Order.objects.count(), OrderLine.objects.count(), len(no_worker)) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_of_two_consumers_that_want_one_login_one_gets_it_and_the_other_is_told_at_the_step(shop, personas):
    mine = shop.complete(login="jane.doe")
    hers = shop.complete(login="Jane.Doe", owner=personas.alice, buyer=personas.reseller, consumer=personas.resellers_customer)
    clients = {"dora": personas.client("dora"), "alice": personas.client("alice")}
    forms = {name: hidden(text_of(client.get(REVIEW))) for name, client in clients.items()}
    assert Basket.objects.open().count() == 2, (mine, hers)

    ends = at_once(*[lambda name=name: clients[name].post(REVIEW, forms[name]).url for name in clients])

    assert Order.objects.count() == 1
    loser = clients["dora" if ends[0] == SERVICE else "alice"]
    assert sorted(ends) == sorted([SERVICE, f"/orders/{Order.objects.get().number}/"])
    assert "is taken. Choose another login user name." in text_of(loser.get(SERVICE))


def test_a_login_that_an_order_has_is_refused_in_the_same_transaction(shop, personas):
    shop.order(login="jane.doe", owner=personas.alice, buyer=personas.reseller, consumer=personas.resellers_customer)
    basket = shop.confirmed()

    with pytest.raises(LoginTaken, match=r"JANE\.doe is taken"):
        baskets.give_service_details(basket_id=basket.pk, login="JANE.doe", email="jane@example.com")
