"""How an order that changes a running subscription reads: its page in the storefront and in the back office."""

from uuid import uuid4

import pytest
from django.urls import reverse

from billing.operations import subscriptions
from ordering.amendment_terms import AmendmentWish
from ordering.models import Order
from ordering.operations import amendments, orders
from provisioning.acronis.errors import AcronisError
from tests import factories
from tests.ordering.amend import LATER, execute, running, subscribed
from tests.ordering.conftest import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(shop):
    return subscribed(shop.fixed_plan(name="Backup 50 GB"), shop.personas.direct_customer)


def order(subscription, by, kind, *, reader=None, source="storefront", **facts):
    wish, reader = AmendmentWish(kind, **facts), reader or subscription.consumer
    facts = {"subscription_id": subscription.pk, "wish": wish, "reader": None if source == "bss" else reader, "at": LATER}
    seen = amendments.quote_amendment(**facts).fingerprint
    return amendments.place_amendment(quote_seen=seen, source=source, key=uuid4(), by=by, **facts)


def page(client, order):
    return " ".join(client.get(f"/orders/{order.number}/").content.decode().split())


def test_the_page_says_what_changes_and_what_it_costs(service, dora, shop):
    text = page(dora, order(service, shop.personas.dora, "quantity", quantity=2))

    assert "Quantity 1 → 2" in text
    assert "50 GB, and up to 10 GB above it → 100 GB, and up to 20 GB above it" in text
    assert "20.00 EUR for 1 month, excl. VAT → 40.00 EUR for 1 month, excl. VAT" in text
    assert "This month is invoiced from 1 Nov 2026 on" in text
    assert "We are carrying it out." in text
    assert "setting up the service" not in text


def test_the_list_of_orders_tells_changes_from_new_services(service, dora, shop):
    order(service, shop.personas.dora, "quantity", quantity=2)

    assert "Other quantity: 2" in dora.get("/orders/").content.decode()


def test_the_page_of_one_that_is_done_and_of_one_that_failed(service, dora, shop, vendor_answers):
    vendor_answers(AcronisError("Acronis refused this.", retryable=False), None)
    made = order(service, shop.personas.dora, "quantity", quantity=2)

    execute(made.lines.get())
    failed = page(dora, made)
    orders.retry_order(order_id=made.pk, by=shop.personas.dora, at=LATER)
    execute(made.lines.get())
    done = page(dora, made)

    assert "Acronis refused this." in failed
    assert "The service stays as it was." in failed
    assert "It is done." in done
    assert f"View subscription {service.number}" in done
    assert "Your service is ready" not in done


def test_the_page_of_a_cancellation_says_when_it_ends_and_when_it_was_taken_back(service, dora, shop):
    made = order(service, shop.personas.dora, "cancel", ends="at_end_of_term")
    execute(made.lines.get())
    planned = page(dora, made)
    amendments.take_back_cancellation(subscription_id=service.pk, by=None, at=LATER)
    taken_back = page(dora, made)
    subscriptions.end_subscription(subscription_id=service.pk, at=LATER, by=None)

    assert "From 1 Nov 2026 on it does not run any more" in planned
    assert "The cancellation was taken back" in taken_back
    assert "Nothing is billed from 16 Oct 2026 on" in page(dora, made)


def test_one_that_came_too_late_says_why_it_was_given_up(service, dora, shop):
    made = order(service, shop.personas.dora, "quantity", quantity=2)
    subscriptions.end_subscription(subscription_id=service.pk, at=LATER, by=None)
    execute(made.lines.get())

    text = page(dora, made)

    assert "This order was given up. The reason: Subscription" in text
    assert "Nothing was changed." in text


def test_a_resellers_customer_never_reads_what_its_reseller_pays(shop):
    p = shop.personas
    shop.plan = shop.fixed_plan(name="Backup 50 GB")
    shop.sells_through(p.reseller)
    service = subscribed(shop.plan, p.resellers_customer)
    made = order(service, p.alice, "quantity", quantity=2, reader=p.reseller)

    of_reseller, of_customer = (page(p.client(name), made) for name in ("alice", "carol"))

    assert "32.00 EUR for 1 month" in of_reseller
    assert "41.60 EUR for 1 month" in of_reseller
    assert "41.60 EUR for 1 month" in of_customer
    assert "32.00" not in of_customer


def test_staff_read_what_would_change_at_the_vendor_and_execute_it(personas, acronis):
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    shop = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    service = running(shop, acronis)
    made = service.order("quantity", quantity=2, source="bss")
    mira = personas.client("mira")

    text = mira.get(reverse("admin:ordering_order_change", args=[made.pk])).content.decode()
    preview = mira.get(reverse("admin:ordering_order_preview", args=[made.pk])).content.decode()
    mira.post(reverse("admin:ordering_order_execute", args=[made.pk]))

    assert "Quantity 1 → 2" in text
    assert "Nothing is missing." in text
    assert "soft quota 100 GB, hard at 120 GB" in preview
    assert Order.objects.get(pk=made.pk).status == "executing"
