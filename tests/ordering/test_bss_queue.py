"""The queue of the back office: its tabs, why orders wait, who looks after them, many at once, and as a file."""

import csv
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.urls import reverse

from common.errors import FieldRefused
from ordering.admin.ledger import product_words
from ordering.amendment_terms import RunsUnder
from ordering.models import Order, OrderLine
from ordering.operations import assigning, drafts, orders
from ordering.operations.drafts import Wanted
from ordering.operations.selling import OtherPrice
from tests import factories
from tests.ordering.conftest import AT

pytestmark = pytest.mark.usefixtures("no_worker")
QUEUE = "admin:ordering_ordertoexecute_changelist"
DETAILS = {"email": "x@example.com", "role": "company_admin"}


@pytest.fixture
def mira(shop):
    return shop.personas.client("mira")


def placed(shop, /, **facts):
    facts = {"consumer": factories.OrganizationFactory(), "login": f"user.{uuid4().hex[:8]}", **DETAILS, **facts}
    wish = {"protection_model": "per_gigabyte", "file_sync_model": "per_user"}
    return orders.create_order(key=uuid4(), plan=shop.plan, by=shop.personas.mira, at=AT, **wish, **facts)


def failed(shop, error="Acronis refused the edition."):
    order = placed(shop)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.FAILED)
    order.lines.update(status=OrderLine.Status.FAILED, error=error)
    return order


def held(shop, *, held_for="credit_limit", because="Over its limit of 100.00 EUR."):
    order = placed(shop)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.HELD, held_for=held_for, held_because=because)
    order.refresh_from_db()
    return order


def draft(shop):
    wanted = Wanted(shop.plan, protection_model="per_gigabyte", file_sync_model="per_user")
    return drafts.save_draft(key=uuid4(), consumer=factories.OrganizationFactory(), wanted=wanted, by=shop.personas.mira, at=AT)


def do(client, action, chosen, **more):
    """Choose orders in the queue and take an action; return the answer."""
    sent = {"action": action, ACTION_CHECKBOX_NAME: [order.pk for order in chosen], **more}
    return client.post(reverse(QUEUE), sent)


def told(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def page_of(order, what="change"):
    return reverse(f"admin:ordering_order_{what}", args=[order.pk])


# --- The list -----------------------------------------------------------------------------------------------------------------


def test_each_tab_has_its_orders_with_their_reasons_and_says_how_many(shop, mira):
    ready, missing = placed(shop), placed(shop, login="", role="")
    refused, kept, written = failed(shop), held(shop), draft(shop)
    waiting = placed(shop)
    Order.objects.filter(pk=waiting.pk).update(status=Order.Status.AWAITING_PAYMENT)
    expected = {
        "": {ready, missing, refused, kept},
        "placed": {ready, missing},
        "held": {kept},
        "failed": {refused},
        "payment": {waiting},
        "drafts": {written},
    }

    for tab, found in expected.items():
        page = mira.get(reverse(QUEUE), {"tab": tab} if tab else {})
        assert {row.pk for row in page.context["cl"].result_list} == {order.pk for order in found}, tab
        assert [one["count"] for one in page.context["tabs"]] == [4, 2, 1, 1, 1, 1]

    everything = mira.get(reverse(QUEUE)).text
    for words in ("Ready to execute", "Missing: Role, Login Username", "Acronis refused the edition.", "Over its limit of 100.00"):
        assert words in everything, words


def test_an_empty_tab_says_what_would_be_in_it(shop, mira):
    placed(shop)

    assert "No order is held." in mira.get(reverse(QUEUE), {"tab": "held"}).text
    assert "No order waits to be executed" not in mira.get(reverse(QUEUE), {"tab": "placed"}).text


def test_a_search_within_a_tab_stays_there(shop, mira):
    order = placed(shop)

    tabs = mira.get(reverse(QUEUE), {"tab": "placed", "q": order.number, "p": "2"}).context["tabs"]

    assert tabs[3]["url"] == f"?q={order.number}&tab=failed"
    assert [tab["is_present"] for tab in tabs] == [False, True, False, False, False, False]


def test_orders_are_narrowed_by_who_looks_after_them_by_reseller_and_by_source(shop, mira):
    personas = shop.personas
    mine, roots, nobodys = placed(shop), placed(shop), placed(shop, consumer=personas.resellers_customer)
    assigning.assign_order(order_id=mine.pk, to=personas.mira, by=personas.mira, at=AT)
    assigning.assign_order(order_id=roots.pk, to=personas.root, by=personas.mira, at=AT)

    def found(**narrowed):
        return {row.pk for row in mira.get(reverse(QUEUE), narrowed).context["cl"].result_list}

    assert found(assigned="mine") == {mine.pk}
    assert found(assigned="others") == {roots.pk}
    assert found(assigned="nobody") == {nobodys.pk}
    assert found(reseller=personas.reseller.number) == {nobodys.pk}
    assert found(reseller="direct") == {mine.pk, roots.pk}
    assert found(source="storefront") == set()
    assert found(source="bss") == {mine.pk, roots.pk, nobodys.pk}


def test_a_change_of_a_subscription_is_told_as_what_changes(shop, mira):
    subscription = factories.SubscriptionFactory()
    order = placed(shop)
    line = order.lines.get()
    before = {**RunsUnder.of_line(line).as_json(), "quantity": 1, "plan_name": "Backup 50 GB"}
    line.subscription, line.service, line.quote = subscription, subscription.service, {"before": before}
    line.kind, line.quantity, line.plan_name = OrderLine.Kind.QUANTITY, 2, "Backup 100 GB"

    assert product_words(line) == f"Quantity 1 → 2 of {subscription.number}"
    line.kind = OrderLine.Kind.PLAN
    assert product_words(line) == f"Backup 50 GB → Backup 100 GB of {subscription.number}"
    line.kind, line.ends = OrderLine.Kind.CANCEL, OrderLine.Ends.AT_END_OF_TERM
    assert product_words(line) == f"Cancellation at the end of the term of {subscription.number}"


def test_the_queue_asks_the_database_as_much_for_many_orders_as_for_few(shop, django_assert_max_num_queries):
    for _ in range(4):
        failed(shop)
        held(shop)
    client = shop.personas.client("root")

    with django_assert_max_num_queries(20):
        assert client.get(reverse(QUEUE)).status_code == 200


# --- Many at once -------------------------------------------------------------------------------------------------------------


def test_many_are_executed_after_they_were_asked_about_and_of_each_is_told_what_became_of_it(shop, mira):
    ready, missing, kept = placed(shop), placed(shop, email=""), held(shop)

    asked = do(mira, "execute_selected", [ready, missing, kept])
    assert "Execute 3 orders" in asked.text
    assert asked.text.count("left as it is") == 2
    assert "It is left as it is: Email missing." in asked.text
    assert "It is held and left as it is. Over its limit" in asked.text
    assert set(Order.objects.values_list("status", flat=True)) == {"placed", "held"}
    done = do(mira, "execute_selected", [ready, missing, kept], confirmed="1")

    ready.refresh_from_db()
    assert ready.status == Order.Status.EXECUTING
    assert told(done)[0] == "1 order let go on."
    assert told(done)[1].startswith(f"2 not: {missing}: Email is missing")
    assert f"{kept}:" in told(done)[1]


def test_many_are_retried(shop, mira):
    one, other, never_failed = failed(shop), failed(shop), placed(shop)

    asked = do(mira, "retry_selected", [one, other, never_failed]).text
    done = do(mira, "retry_selected", [one, other, never_failed], confirmed="1")

    assert asked.count("It did not fail and is left as it is.") == 1

    assert Order.objects.filter(status=Order.Status.EXECUTING).count() == 2
    assert told(done) == [
        "2 orders tried again.",
        f"1 not: {never_failed}: Order {never_failed} did not fail; there is nothing to retry.",
    ]


def test_many_are_cancelled_with_what_that_means_for_each(shop, mira):
    waits, begun = placed(shop), failed(shop)
    tenant = factories.TenantFactory(organization=begun.consumer, service_manager=shop.plan.service_manager)
    begun.lines.update(service=factories.ServiceFactory(tenant=tenant))

    asked = do(mira, "cancel_selected", [waits, begun]).text
    assert "Nothing is set up at Acronis for it." in asked
    assert "What was begun at Acronis is deleted there again." in asked
    done = do(mira, "cancel_selected", [waits, begun], confirmed="1")

    assert told(done) == ["2 orders cancelled."]
    assert set(Order.objects.values_list("status", flat=True)) == {Order.Status.CANCELLED}


def test_confirming_twice_does_it_once_and_says_so(shop, mira):
    order = placed(shop)

    do(mira, "execute_selected", [order], confirmed="1")
    again = do(mira, "execute_selected", [order], confirmed="1")

    assert OrderLine.objects.get().status == OrderLine.Status.EXECUTING
    assert told(again)[-1] == "1 is not in this list any more; nothing was done to it."


def test_many_are_assigned_to_me_or_to_somebody(shop, mira):
    one, other = placed(shop), placed(shop)
    personas = shop.personas

    mine = do(mira, "assign_to_me", [one, other])
    assert told(mine) == ["2 orders assigned to you."]
    assert set(Order.objects.values_list("assigned_to", flat=True)) == {personas.mira.pk}

    asked = do(mira, "assign_selected", [one])
    assert "Root" in asked.text
    assert "Bert" not in asked.text  # he may not execute orders
    done = do(mira, "assign_selected", [one], confirmed="1", to=personas.root.pk)
    assert told(done)[-1] == f"1 order assigned to {personas.root}."
    one.refresh_from_db()
    assert one.assigned_to == personas.root


def test_the_actions_are_not_there_for_whoever_may_only_look(shop):
    order = placed(shop)
    group = shop.personas.mira.groups.get()
    group.permissions.remove(*group.permissions.filter(codename="execute_order"))
    client = shop.personas.client("mira")

    assert "execute_selected" not in client.get(reverse(QUEUE)).text
    do(client, "execute_selected", [order], confirmed="1")
    order.refresh_from_db()
    assert order.status == Order.Status.PLACED


# --- One order ----------------------------------------------------------------------------------------------------------------


def test_an_order_is_assigned_on_its_page_and_taken_back(shop, mira):
    order, personas = placed(shop), shop.personas

    page = mira.post(page_of(order, "assign"), {"to": personas.root.pk}, follow=True).text
    assert f"is assigned to {personas.root}" in page
    page = mira.post(page_of(order, "assign"), {"to": ""}, follow=True).text

    order.refresh_from_db()
    assert "Nobody looks after" in page
    assert order.assigned_to is None


def test_an_order_is_not_assigned_to_somebody_who_can_do_nothing_about_it(shop, mira):
    order, bert = placed(shop), shop.personas.bert

    with pytest.raises(FieldRefused, match="may not execute orders"):
        assigning.assign_order(order_id=order.pk, to=bert, by=shop.personas.mira, at=AT)
    mira.post(page_of(order, "assign"), {"to": bert.pk})

    order.refresh_from_db()
    assert order.assigned_to is None


def test_a_held_order_says_why_and_is_released_by_whoever_may(shop, mira):
    order = held(shop)

    page = mira.get(page_of(order)).text
    asked = mira.get(page_of(order, "release")).text
    mira.post(page_of(order, "release"))

    order.refresh_from_db()
    assert "Over its limit of 100.00 EUR." in page
    assert "although" in asked
    assert (order.status, order.let_through) == (Order.Status.EXECUTING, ["credit_limit"])


def test_a_held_order_is_declined_with_a_reason_that_stays_on_it(shop, mira):
    order = held(shop, held_for="approval", because="Alster IT has to approve it.")

    assert "Decline" in mira.get(page_of(order)).text
    empty = mira.post(page_of(order, "decline"), {"reason": ""})
    assert "reason" in empty.context["form"].errors
    page = mira.post(page_of(order, "decline"), {"reason": "Not this year."}, follow=True).text

    order.refresh_from_db()
    assert (order.status, order.cancelled_because) == (Order.Status.CANCELLED, "Not this year.")
    assert "Not this year." in page


def test_what_is_missing_leads_to_the_field_that_mends_it(shop, mira):
    order = placed(shop, login="")

    page = mira.get(page_of(order)).text

    assert '<a href="#id_login">Login Username is missing' in page
    assert 'id="id_login"' in page


# --- As a file ----------------------------------------------------------------------------------------------------------------


def test_the_list_is_a_file_as_it_is_filtered(shop, mira):
    plan = shop.fixed_plan(name="=Backup")
    facts = {"quantity": 2, "other_price": OtherPrice(Decimal("15.5"), None, "Won")}
    special = orders.create_order(
        key=uuid4(), consumer=shop.personas.direct_customer, plan=plan, by=shop.personas.mira, at=AT, purchase_order="PO 5", **facts
    )
    metered = placed(shop)

    answer = mira.get(reverse("admin:ordering_order_export"), {"q": "PO 5"})
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    (row,) = rows
    everything = mira.get(reverse("admin:ordering_ordertoexecute_export"), {"tab": "placed"}).getvalue().decode()

    assert answer["Content-Disposition"] == 'attachment; filename="orders.csv"'
    assert (row["order"], row["customer"], row["quantity"], row["reference"]) == (special.number, "Dora Design", "2", "PO 5")
    assert (Decimal(row["price_per_unit_and_term"]), row["currency"], row["other_price_because"]) == (Decimal("15.5"), "EUR", "Won")
    assert row["product"] == "'=Backup"  # no formula
    assert metered.number in everything
    assert special.number in everything


# --- Who may ------------------------------------------------------------------------------------------------------------------

PAGES = {  # page: (method, what mira needs for it)
    "create": ("get", "execute_order"),
    "edit": ("get", "execute_order"),
    "quote": ("get", "execute_order"),
    "quote_preview": ("post", "execute_order"),
    "place": ("post", "execute_order"),
    "delete_draft": ("post", "execute_order"),
    "assign": ("post", "execute_order"),
    "release": ("post", "release_order"),
    "approve": ("post", "execute_order"),
    "decline": ("get", "execute_order"),
    "export": ("get", "view_order"),
}


def _address(page, order):
    return reverse(f"admin:ordering_order_{page}", args=[] if page in ("create", "export") else [order.pk])


@pytest.mark.parametrize("what", PAGES)
def test_every_page_about_orders_is_closed_to_whoever_may_not(shop, what):
    order = draft(shop)
    method, permission = PAGES[what]
    url = _address(what, order)

    for person in ("nobody", "stranger", "dora", "alice", "carol", "vic"):
        assert getattr(shop.personas.client(person), method)(url).status_code in (302, 404), person
    assert getattr(shop.personas.client("bert"), method)(url).status_code == 403
    group = shop.personas.mira.groups.get()
    group.permissions.remove(*group.permissions.filter(codename__in=[permission, "override_price", "change_order"]))
    assert getattr(shop.personas.client("mira"), method)(url).status_code == 403
    order.refresh_from_db()
    assert order.status == Order.Status.DRAFT


@pytest.mark.parametrize("what", ["edit", "quote", "quote_preview", "place", "assign", "decline", "release"])
def test_a_page_of_an_order_that_is_not_there_is_not_found(shop, what):
    url = reverse(f"admin:ordering_order_{what}", args=[987654])

    assert shop.personas.client("root").get(url).status_code == 404
