"""Who may see and move orders, and how much the pages read."""

import re

import pytest
from django.urls import reverse

from accounts.models import Membership
from ordering.models import Order, OrderLine
from tests import factories
from tests.ordering.pages import BASKET, BILLING, REVIEW, SERVICE, TERMS, fail, text_of, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


# Who may


def paths(order):
    number = order.number
    return {
        "order": ("get", f"/orders/{number}/"),
        "progress": ("get", f"/orders/{number}/progress/"),
        "retry": ("post", f"/orders/{number}/retry/"),
        "cancel": ("post", f"/orders/{number}/cancel/"),
        "change": ("post", f"/orders/{number}/service/"),
    }


@pytest.mark.parametrize(
    ("person", "answers"),
    [
        ("nobody", {"order": 302, "progress": 302, "retry": 302, "cancel": 302, "change": 302}),
        ("stranger", {"order": 403, "progress": 403, "retry": 403, "cancel": 403, "change": 403}),
        ("bob", {"order": 404, "progress": 404, "retry": 404, "cancel": 404, "change": 404}),
        ("dora", {"order": 404, "progress": 404, "retry": 404, "cancel": 404, "change": 404}),
        ("carol", {"order": 200, "progress": 200, "retry": 403, "cancel": 403, "change": 403}),
        ("alice", {"order": 200, "progress": 200, "retry": 302, "cancel": 302, "change": 302}),
    ],
)
def test_who_may_see_and_move_a_resellers_order(shop, person, answers):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    client = p.client(person)

    def answer(method, path):
        response = getattr(client, method)(path, headers={"HX-Request": "true"})
        return 302 if "HX-Redirect" in response else response.status_code  # the whole page goes to the sign-in

    assert {name: answer(method, path) for name, (method, path) in paths(order).items()} == answers


def test_a_viewer_looks_and_changes_nothing(shop):
    order = shop.order()
    vic = shop.personas.client("vic")

    page = text_of(vic.get(f"/orders/{order.number}/"))
    fail(order)

    assert "Retry" not in page
    assert "Retry" not in text_of(vic.get(f"/orders/{order.number}/"))
    for path in ("retry", "cancel", "service"):
        assert vic.post(f"/orders/{order.number}/{path}/").status_code == 403
    for path in (
        f"/basket/add/{shop.plan.number}/",
        f"/basket/remove/{shop.plan.number}/",
        BASKET,
        TERMS,
        BILLING,
        SERVICE,
        REVIEW,
        "/login-check/",
    ):
        assert vic.post(path).status_code == 403
    order.refresh_from_db()
    assert order.status == Order.Status.FAILED


def test_a_person_of_two_organizations_sees_the_orders_of_the_one_acted_for(shop):
    order = shop.order()
    factories.MembershipFactory(user=shop.personas.bob, organization=shop.personas.direct_customer, role=Membership.Role.VIEWER)
    client = shop.personas.client("bob")

    assert client.get(f"/orders/{order.number}/").status_code == 404

    session = client.session
    session["acting_for"] = shop.personas.direct_customer.pk
    session.save()
    assert client.get(f"/orders/{order.number}/").status_code == 200


def test_moves_are_posts(shop, dora):
    order = shop.order()

    for path in (
        f"/orders/{order.number}/retry/",
        f"/orders/{order.number}/cancel/",
        f"/basket/add/{shop.plan.number}/",
        "/login-check/",
    ):
        assert dora.get(path).status_code == 405


def test_a_plan_that_is_not_for_sale_to_me_is_not_there(shop):
    assert shop.personas.client("bob").post(f"/basket/add/{shop.plan.number}/").status_code == 404


# How much is read


@pytest.mark.parametrize("path", [BASKET, TERMS, BILLING, SERVICE, REVIEW])
def test_pages_of_the_checkout_read_at_most_eight_times(shop, dora, path, django_assert_max_num_queries):
    shop.complete()
    dora.get(path)

    with django_assert_max_num_queries(8):
        dora.get(path)


def test_the_basket_of_a_reseller_reads_at_most_eight_times(shop, alice, django_assert_max_num_queries):
    factories.OrganizationFactory.create_batch(5, parent=shop.personas.reseller)
    shop.basket(owner=shop.personas.alice, buyer=shop.personas.reseller)

    with django_assert_max_num_queries(8):
        alice.get(BASKET)


def test_placing_an_order_asks_a_bounded_number_of_questions(shop, dora, django_assert_max_num_queries):
    basket = shop.complete()
    dora.get(REVIEW)

    with django_assert_max_num_queries(23):  # two of them the savepoint that stands for the transaction in a test
        assert dora.post(REVIEW, {"basket": str(basket.key)}).status_code == 302

    assert Order.objects.get().basket == basket


def test_the_list_of_orders_reads_no_more_with_more_orders(shop, alice, django_assert_max_num_queries):
    p = shop.personas
    for n in range(4):
        shop.order(login=f"user{n}", owner=p.alice, buyer=p.reseller, consumer=factories.OrganizationFactory(parent=p.reseller))

    with django_assert_max_num_queries(8):
        assert text_of(alice.get("/orders/")).count("<tr>") == 5


def test_the_order_page_reads_no_more_with_more_steps(shop, dora, django_assert_max_num_queries):
    order = shop.order()
    for n in range(10):
        working(order, sentence=f"Step {n}")

    with django_assert_max_num_queries(8):
        dora.get(reverse("ordering:order", args=[order.number]))


def test_pages_hold_no_inline_script_or_style(shop, dora):
    order = shop.order(login="first")
    OrderLine.objects.update(status="cancelled")
    shop.complete()

    for path in (BASKET, TERMS, BILLING, SERVICE, REVIEW, "/orders/", f"/orders/{order.number}/"):
        page = text_of(dora.get(path))
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", page), path
