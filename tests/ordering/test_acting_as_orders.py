"""What staff order and change while they act as a customer says both names."""

import pytest
from django.urls import reverse

from accounts.models import ActingAs
from ordering.models import Order
from ordering.queries import checkouts
from tests.ordering.conftest import AT
from tests.ordering.pages import REVIEW, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


@pytest.fixture
def mira_as_dora(shop):
    client = shop.personas.client("mira")
    begin = f"{reverse('admin:accounts_actingas_begin')}?organization={shop.personas.direct_customer.number}"
    client.post(begin, {"person": shop.personas.dora.pk, "reason": "Ticket 4711"})
    return client


def test_an_order_placed_meanwhile_is_the_persons_and_its_history_names_both(shop, mira_as_dora):
    basket = shop.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen

    mira_as_dora.post(REVIEW, {"basket": basket.key, "prices_seen": seen})

    order = Order.objects.get()
    context = order.events.first().pgh_context.metadata
    assert order.placed_by == shop.personas.dora
    assert (context["user"], context["staff"]) == (shop.personas.dora.pk, shop.personas.mira.pk)
    assert context["acting_as"] == ActingAs.objects.get().pk
    page = text_of(shop.personas.client("root").get(reverse("admin:ordering_order_change", args=[order.pk])))
    assert f"{shop.personas.mira} as {shop.personas.dora}" in page


def test_an_order_the_person_places_herself_names_her_alone(shop):
    basket = shop.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen

    shop.personas.client("dora").post(REVIEW, {"basket": basket.key, "prices_seen": seen})

    page = text_of(shop.personas.client("root").get(reverse("admin:ordering_order_change", args=[Order.objects.get().pk])))
    assert f"as {shop.personas.dora}" not in page


def test_the_orders_page_in_the_back_office_leads_to_acting_as_its_buyer(shop):
    order = shop.order()

    page = shop.personas.client("mira").get(reverse("admin:ordering_order_change", args=[order.pk])).content.decode()

    assert f"organization={order.buyer.number}" in page
