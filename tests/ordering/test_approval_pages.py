"""A reseller's page of orders to approve, and what the others see of an order that waits."""

from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.models import Membership, Organization
from ordering.models import Order
from ordering.operations import gates
from tests import factories
from tests.billing.paying import issued
from tests.ordering.conftest import AT
from tests.ordering.pages import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_login_is_free", "no_worker")]

LIST = "/approvals/"


@pytest.fixture
def held(shop):
    """An order of Café Carol at a fixed price, which waits for the approval of Alster IT."""
    p = shop.personas
    plan = shop.fixed_plan(name="Backup 50 GB")
    factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=p.reseller, plan=plan)
    Organization.objects.filter(pk=p.reseller.pk).update(approves_customer_orders=True)
    p.resellers_customer.refresh_from_db()
    return shop.order(plan=plan, owner=p.carol, buyer=Organization.objects.get(pk=p.resellers_customer.pk))


def page_of(order, *more):
    return "/".join(["/approvals", order.number, *more, ""])


@pytest.mark.parametrize(
    ("person", "may_list", "may_look", "may_decide"),
    [
        ("nobody", 302, 302, (302, 302, 302)),
        ("stranger", 403, 403, (403, 403, 403)),
        ("bob", 200, 404, (404, 404, 404)),  # his own list
        ("dora", 404, 404, (404, 404, 404)),
        ("vic", 404, 404, (403, 403, 403)),
        ("carol", 404, 404, (404, 404, 404)),
        ("mira", 403, 403, (403, 403, 403)),  # staff decide in the back office
        ("viewer", 200, 200, (403, 403, 403)),
        ("buyer", 200, 200, (200, 200, 302)),
        ("alice", 200, 200, (200, 200, 302)),
    ],
)
def test_who_may_see_decline_and_approve(shop, held, person, may_list, may_look, may_decide):
    if person in ("viewer", "buyer"):
        Membership.objects.filter(user=shop.personas.alice).update(role=person)
        person = "alice"
    client = shop.personas.client(person)

    assert client.get(LIST).status_code == may_list
    assert client.get(page_of(held)).status_code == may_look
    decided = [
        client.get(page_of(held, "decline")),
        client.post(page_of(held, "decline"), {"reason": ""}),
        client.post(page_of(held, "approve")),
    ]
    assert tuple(answer.status_code for answer in decided) == may_decide
    assert (Order.objects.get().status == Order.Status.HELD) == (may_decide[2] != 302 or person == "nobody")


def test_the_navigation_counts_what_waits_for_the_reseller(shop, held, alice):
    assert 'To approve&nbsp;<span class="count">1</span>' in text_of(alice.get("/orders/"))

    gates.approve_order(order_id=held.pk, by=shop.personas.alice, at=AT)

    page = text_of(alice.get("/orders/"))
    assert "To approve" in page
    assert "To approve&nbsp;" not in page


def test_without_approvals_and_waiting_orders_the_navigation_is_as_it_was(shop, alice):
    assert "To approve" not in text_of(alice.get("/orders/"))
    assert "No order waits for you" in text_of(alice.get(LIST))


def test_a_customers_navigation_asks_for_no_approvals(shop, held):
    assert "To approve" not in text_of(shop.personas.client("carol").get("/orders/"))


def test_the_page_tells_what_the_customer_pays_what_it_costs_and_what_is_left(shop, held, alice):
    limited = shop.personas.resellers_customer
    Organization.objects.filter(pk=limited.pk).update(credit_limit=Decimal(100))
    issued(shop.personas.reseller, limited, "45")

    page = text_of(alice.get(page_of(held)))

    for words in ("Your customer pays", "20.80 EUR", "Your cost", "16.00 EUR", "Your margin", "4.80 EUR"):
        assert words in page
    for words in ("Credit limit of Café Carol", "100.00 EUR", "45.00 EUR", "31.20 EUR", "76.20 EUR"):
        assert words in page


def test_approved_on_the_page_it_goes_on_and_leaves_the_list(shop, held, alice):
    assert held.number in text_of(alice.get(LIST))

    answer = alice.post(page_of(held, "approve"), follow=True)

    assert f"Order {held} is approved." in text_of(answer)
    assert Order.objects.get().status == Order.Status.EXECUTING
    assert held.number not in text_of(alice.get(LIST))
    assert alice.get(page_of(held)).url == reverse("ordering:order", args=[held.number])


def test_a_reason_is_asked_for_and_shown_to_the_customer(shop, held, alice):
    page = text_of(alice.post(page_of(held, "decline"), {"reason": " "}))
    assert "Say why; your customer reads it." in page
    assert Order.objects.get().status == Order.Status.HELD

    alice.post(page_of(held, "decline"), {"reason": "Ask <me> first."})

    theirs = text_of(shop.personas.client("carol").get(f"/orders/{held.number}/"))
    assert "This order was declined. The reason: Ask &lt;me&gt; first." in theirs
    assert "Nothing was set up. Nothing is billed." in " ".join(theirs.replace("\n", " ").split())


def test_what_was_decided_meanwhile_is_said_on_the_next_page(shop, held, alice):
    gates.decline_order(order_id=held.pk, reason="No", by=shop.personas.alice, at=AT)

    page = text_of(alice.post(page_of(held, "approve"), follow=True))

    assert "was cancelled meanwhile; there is nothing to approve." in page


def test_an_order_held_for_the_resellers_own_limit_is_not_its_to_approve(shop, held, alice):
    Organization.objects.filter(pk=shop.personas.reseller.pk).update(credit_limit=Decimal(1))
    gates.approve_order(order_id=held.pk, by=shop.personas.alice, at=AT)
    assert Order.objects.get().held_for == Order.HeldFor.CREDIT_LIMIT

    answer = alice.post(page_of(held, "decline"), {"reason": "No"}, follow=True)

    assert "does not wait for this" in text_of(answer)
    assert Order.objects.get().status == Order.Status.HELD
    assert held.number not in text_of(alice.get(LIST))
    assert "Our staff decide about it." in text_of(alice.get(f"/orders/{held.number}/"))


# The page of the order


def test_the_customer_reads_what_its_order_waits_for_and_may_cancel_it(shop, held):
    carol = shop.personas.client("carol")

    page = text_of(carol.get(f"/orders/{held.number}/"))

    assert "Alster IT approves what its customers order." in page
    assert "Alster IT was asked and decides; you get a mail." in page
    assert "Approve or decline" not in page
    assert "Change login or email" in page
    carol.post(f"/orders/{held.number}/cancel/")
    assert Order.objects.get().status == Order.Status.CANCELLED
    assert "This order was cancelled." in text_of(carol.get(f"/orders/{held.number}/"))


def test_the_reseller_comes_from_the_order_to_the_decision(shop, held, alice):
    page = text_of(alice.get(f"/orders/{held.number}/"))

    assert "This order waits for your approval." in page
    assert f'href="/approvals/{held.number}/"' in page


def test_the_list_asks_a_bounded_number_of_questions(shop, held, alice, django_assert_max_num_queries):
    for number in range(3):
        customer = factories.OrganizationFactory(parent=shop.personas.reseller)
        order = Order.objects.get(pk=held.pk)
        order.pk, order.number, order.key, order.basket = None, f"O9{number}", factories.uuid4(), None
        order.buyer = order.consumer = customer
        order.save()

    with django_assert_max_num_queries(9):
        assert text_of(alice.get(LIST)).count('<td data-label="Customer">') == 4
