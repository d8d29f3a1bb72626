"""The page of an order, live and after it ended, and the list of orders."""

import re
from uuid import uuid4

import pytest
from post_office.models import Email

from accounts.models import Organization
from ordering.models import Order
from ordering.operations import execution
from provisioning.acronis.errors import TransportFailed
from provisioning.models import Activation, ServiceManager, VendorAction
from provisioning.operations import converging
from tests import factories
from tests.ordering.conftest import AT
from tests.ordering.pages import SERVICE, error_at, fail, text_of, working

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker", "every_login_is_free")]


# The order page


def test_an_order_in_progress_polls_and_shows_each_step(shop, dora):
    order = shop.order()
    working(order)
    working(order, sentence="Create the user jane.doe", status="started")

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert 'hx-trigger="every 1500ms"' in page
    assert '<li class="done">Create the tenant Dora Design' in page
    assert '<li class="started">Create the user jane.doe' in page
    assert "Refresh</a>" in page


def test_the_fragment_is_the_part_the_page_includes(shop, dora):
    order = shop.order()
    working(order)

    page = text_of(dora.get(f"/orders/{order.number}/"))
    fragment = text_of(dora.get(f"/orders/{order.number}/progress/", headers={"HX-Request": "true"}))

    assert fragment.strip().startswith('<section id="progress"')
    assert re.sub(r'csrfmiddlewaretoken" value="\w+"', "", fragment).strip() in re.sub(
        r'csrfmiddlewaretoken" value="\w+"', "", page
    )
    assert dora.get(f"/orders/{order.number}/progress/").url == f"/orders/{order.number}/"


def test_steps_of_an_earlier_order_are_not_shown(shop, dora):
    order = shop.order()
    line = working(order)
    VendorAction.objects.update(started_at=AT.replace(year=2025))

    assert "Create the tenant" not in text_of(dora.get(f"/orders/{order.number}/"))
    assert line.service.tenant.actions.count() == 1


def test_a_silent_vendor_is_explained_with_the_time_of_the_next_try(shop, dora, monkeypatch):
    def silent(tenant_id, *, clock):
        raise TransportFailed("Acronis did not answer POST /tenants in time.", retryable=True)

    monkeypatch.setattr(converging, "converge", silent)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert "Acronis does not answer as it should at the moment." in page
    assert "We try again at 1 Oct 2026, 14:00 CEST; what is done already stays." in page
    assert "What happened</summary>Acronis did not answer POST /tenants in time." in page
    assert "hx-trigger" in page


def test_a_failed_order_says_why_and_offers_retry(shop, dora):
    order = shop.order()
    fail(order)

    page = text_of(dora.get(f"/orders/{order.number}/"))
    assert "The login jane.doe is taken at Acronis." in page
    assert "hx-trigger" not in page
    assert ">Retry</button>" in page

    assert dora.post(f"/orders/{order.number}/retry/").url == f"/orders/{order.number}/"
    order.refresh_from_db()
    assert order.status == Order.Status.EXECUTING


def test_a_login_taken_meanwhile_is_changed_and_retried(shop, dora):
    order = shop.order()
    fail(order)
    path = f"/orders/{order.number}/service/"
    assert path in text_of(dora.get(f"/orders/{order.number}/"))

    refused = text_of(dora.post(path, {"login": "x", "email": "jane@example.com"}))
    assert error_at(refused, "id_login")
    assert dora.post(path, {"login": "jane2", "email": "jane@example.com"}).url == f"/orders/{order.number}/"

    assert order.lines.get().login == "jane2"


def test_a_completed_order_leads_to_the_portal(shop, dora, monkeypatch):
    monkeypatch.setattr(converging, "converge", lambda tenant_id, *, clock: None)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page = text_of(dora.get(f"/orders/{order.number}/"))

    assert 'href="http://acronis.test/mc/" target="_blank" rel="noopener">' in page
    assert "Manage Your Service" in page
    assert "activation email to jane@example.com" in page
    assert "hx-trigger" not in page
    assert order.lines.get().subscription.number in page


def test_who_gets_a_password_of_ours_is_led_to_it_and_waits_for_no_mail(shop, dora, monkeypatch):
    monkeypatch.setattr(converging, "converge", lambda tenant_id, *, clock: None)
    ServiceManager.objects.update(activation=Activation.PASSWORD)
    order = shop.order()
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    page, mail = text_of(dora.get(f"/orders/{order.number}/")), Email.objects.order_by("pk").last().email_message().body

    assert "Sign in at Acronis as jane.doe with the password we made." in page
    assert "activation email" not in page
    assert "jane.doe signs in at Acronis with the password on the page of the service." in mail
    assert "activation email" not in mail


def test_the_hint_at_the_email_says_what_acronis_sends_there(shop, dora):
    shop.confirmed()

    by_mail = text_of(dora.get(SERVICE))
    ServiceManager.objects.update(activation=Activation.PASSWORD)
    by_password = text_of(dora.get(SERVICE))

    assert "Acronis sends the activation email here." in by_mail
    assert "We generate the password; the page of the service shows it." in by_password
    assert "activation email" not in by_password


def test_a_waiting_order_can_be_cancelled_by_its_buyer(shop, dora):
    Organization.objects.update(orders_execute_automatically=False)
    order = shop.order()
    assert "Cancel order" in text_of(dora.get(f"/orders/{order.number}/"))

    dora.post(f"/orders/{order.number}/cancel/")

    assert "This order was cancelled." in text_of(dora.get(f"/orders/{order.number}/"))


def test_a_begun_order_is_cancelled_and_the_page_says_that_it_is_deleted_at_the_vendor(shop, dora):
    order = shop.order()
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=shop.plan.service_manager)
    fail(order)
    order.lines.update(service=factories.ServiceFactory(tenant=tenant))
    assert "Cancel order" in text_of(dora.get(f"/orders/{order.number}/"))

    dora.post(f"/orders/{order.number}/cancel/")

    assert "What was begun at Acronis is deleted there again." in text_of(dora.get(f"/orders/{order.number}/"))


def test_a_refused_move_is_told_on_the_order_page(shop, dora):
    order = shop.order()

    page = text_of(dora.post(f"/orders/{order.number}/cancel/", follow=True))

    assert "cannot become Cancelled" in page


# The list


def test_the_list_is_searched_and_narrowed(shop, dora, alice):
    order = shop.order()
    fail(order)

    assert order.number in text_of(dora.get("/orders/"))
    for found in ({"q": order.number.lower()}, {"q": "dora"}, {"q": shop.plan.name[:12]}, {"status": "failed"}):
        assert f"/orders/{order.number}/" in text_of(dora.get("/orders/", found))
    for missed in ({"q": "nothing like it"}, {"status": "completed"}):
        assert "No order matches" in text_of(dora.get("/orders/", missed))
    assert "No orders yet" in text_of(alice.get("/orders/"))


def test_the_list_has_pages(shop, dora):
    first = shop.order()
    rows = [
        Order(
            number=f"O9{n:03}",
            source="bss",
            buyer=first.buyer,
            consumer=first.consumer,
            placed_by=first.placed_by,
            currency="EUR",
            placed_at=AT,
            key=uuid4(),
        )
        for n in range(30)
    ]
    Order.objects.bulk_create(rows)

    assert "Page 1 of 2" in text_of(dora.get("/orders/"))
    assert first.number in text_of(dora.get("/orders/", {"page": 2}))
    assert "Page 2 of 2" in text_of(dora.get("/orders/", {"page": "999"}))
