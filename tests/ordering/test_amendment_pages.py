"""The pages that change a subscription, in the storefront and in the back office: what they offer, quote, refuse and order."""

import re

import pytest

from common import clock
from ordering.models import Order, OrderLine
from ordering.operations import orders
from tests import factories
from tests.ordering.amend import LATER, bigger_plan, execute, running
from tests.ordering.conftest import Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]


@pytest.fixture
def shop(personas, acronis, monkeypatch):
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


@pytest.fixture
def service(shop, acronis, monkeypatch):
    made = running(shop, acronis)
    bigger_plan(shop)
    monkeypatch.setattr(clock, "now", lambda: LATER)
    return made


@pytest.fixture
def dora(shop):
    return shop.personas.client("dora")


@pytest.fixture
def mira(shop):
    return shop.personas.client("mira")


def words_of(response):
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def hidden(response, name):
    return re.search(rf'name="{name}" value="([^"]+)"', response.content.decode())[1]


def sent_from(response, **fields):
    return {"key": hidden(response, "key"), "quote_seen": hidden(response, "quote_seen"), **fields}


def page_of(service, kind, query=""):
    return f"/services/{service.subscription.number}/{kind}/{query}"


def test_a_quantity_is_quoted_and_ordered_once_however_often_it_is_sent(service, dora):
    quoted = dora.get(page_of(service, "quantity", "?quantity=2"))

    words = words_of(quoted)
    assert "Quantity 1 → 2" in words
    assert "50 GB, and up to 10 GB above it 100 GB, and up to 20 GB above it" in words
    assert not Order.objects.exists()

    answer = sent_from(quoted, quantity="2", purchase_order="PO 9")
    first, again = (dora.post(page_of(service, "quantity"), answer) for _ in range(2))

    order = Order.objects.get(purchase_order="PO 9")
    assert first.url == again.url == f"/orders/{order.number}/"
    assert (order.source, order.placed_by, order.lines.get().quantity) == ("storefront", service.by, 2)


def test_what_cannot_be_is_said_beside_its_field_and_not_quoted(service, dora):
    sentences = {
        "quantity/?quantity=1": "The quantity is 1 already. Enter another one.",
        "quantity/?quantity=0": "Enter a whole number from 1 to 10,000.",
        "quantity/?quantity=two": "Enter a whole number from 1 to 10,000.",
        "term/?term_months=7": "Choose one of the terms.",
        "plan/?plan=P99999": "This plan is not one the service can be changed to.",
        "cancel/?ends=someday": "Choose when the service ends.",
    }

    pages = {path: dora.get(f"/services/{service.subscription.number}/{path}") for path in sentences}

    assert [path for path, sentence in sentences.items() if sentence not in words_of(pages[path])] == []
    assert [path for path, page in pages.items() if "quote_seen" in page.content.decode()] == []


def test_a_plan_is_chosen_from_cards_and_quoted_as_it_runs_now(service, dora):
    offered = words_of(dora.get(page_of(service, "plan")))
    number = service.shop.plan.__class__.objects.get(name="Backup 200 GB").number
    quoted = dora.get(page_of(service, "plan", f"?plan={number}"))

    assert "Backup 200 GB Upgrade" in offered
    assert "Backup 50 GB → Backup 200 GB" in words_of(quoted)

    placed = dora.post(page_of(service, "plan"), sent_from(quoted, plan=number, term_months="1", quantity="1"))

    assert OrderLine.objects.get(kind="plan").order.number in placed.url


def test_a_quote_that_has_changed_is_shown_anew_and_nothing_is_ordered(service, dora):
    quoted = dora.get(page_of(service, "quantity", "?quantity=2"))
    service.changed("term", term_months=12)

    answer = dora.post(page_of(service, "quantity"), sent_from(quoted, quantity="2"))

    assert "Look at the new figures and order again." in words_of(answer)
    assert hidden(answer, "quote_seen") != hidden(quoted, "quote_seen")
    assert not OrderLine.objects.filter(kind="quantity").exists()


def test_while_one_change_is_under_way_there_is_no_other(service, dora):
    line = service.line("quantity", quantity=2)

    words = words_of(dora.get(page_of(service, "term")))

    assert f"Order {line.order} changes subscription {service.subscription} already." in words


def test_a_planned_end_is_taken_back(service, dora):
    quoted = dora.get(page_of(service, "cancel", "?ends=at_end_of_term"))
    assert "The last day of the service is 31 Oct 2026 ." in words_of(quoted)
    dora.post(page_of(service, "cancel"), sent_from(quoted, ends="at_end_of_term"))
    execute(OrderLine.objects.get(kind="cancel"))
    service.subscription.refresh_from_db()
    assert service.subscription.cancels_on is not None

    assert "Take the cancellation back" in words_of(dora.get(page_of(service, "quantity")))
    answer = dora.post(page_of(service, "keep"), follow=True)

    assert "The cancellation is taken back" in words_of(answer)
    service.subscription.refresh_from_db()
    assert service.subscription.cancels_on is None


def test_only_who_orders_for_it_changes_it(service):
    allowed = {"nobody": 302, "stranger": 403, "vic": 403, "alice": 404, "carol": 404, "bob": 404, "mira": 403, "dora": 200}

    found = {
        name: {
            service.shop.personas.client(name).get(page_of(service, kind)).status_code
            for kind in ("quantity", "plan", "term", "cancel")
        }
        for name in allowed
    }

    assert found == {name: {status} for name, status in allowed.items()}
    assert {service.shop.personas.client(name).post(page_of(service, "keep")).status_code for name in ("vic", "mira")} == {403}


def test_a_reseller_sees_both_ends_and_its_customer_its_own(shop, acronis, monkeypatch):
    p = shop.personas
    made = running(shop, acronis, consumer=p.resellers_customer)
    monkeypatch.setattr(clock, "now", lambda: LATER)

    resellers = words_of(p.client("alice").get(page_of(made, "quantity", "?quantity=2")))
    customers = words_of(p.client("carol").get(page_of(made, "quantity", "?quantity=2")))

    assert "Your cost" in resellers
    assert "Your customer pays" in resellers
    assert "Your cost" not in customers
    assert "is invoiced to" not in customers


def test_staff_order_a_change_that_waits_to_be_executed(service, mira):
    bss = f"/bss/ordering/order/change/{service.subscription.number}/"
    assert "Upgrade Quantity" in words_of(mira.get(bss))
    quoted = mira.get(f"{bss}quantity/?quantity=3")
    assert "Quantity 1 → 3" in words_of(quoted)

    answer = mira.post(f"{bss}quantity/", sent_from(quoted, quantity="3"))

    line = OrderLine.objects.get(kind="quantity")
    assert answer.url == f"/bss/ordering/order/{line.order_id}/change/"
    assert (line.order.source, line.order.status) == ("bss", "placed")
    orders.execute_order(order_id=line.order_id, by=service.shop.personas.mira, at=LATER)
    assert execute(line).status == "completed"
    assert service.sold() == ("Backup 50 GB", 3, 1)
    assert line.order.number in words_of(mira.get(bss))


def test_staff_who_may_not_execute_orders_change_nothing(service):
    bss, bert = f"/bss/ordering/order/change/{service.subscription.number}/", service.shop.personas.client("bert")

    assert {bert.get(f"{bss}{kind}").status_code for kind in ("", "quantity/", "plan/", "term/", "cancel/")} == {403}
    assert bert.post(f"{bss}keep/").status_code == 403


def test_an_unknown_change_or_subscription_is_not_found(service, mira):
    bss = f"/bss/ordering/order/change/{service.subscription.number}/"

    assert mira.get(f"{bss}everything/").status_code == 404
    assert mira.get("/bss/ordering/order/change/S99999/").status_code == 404
