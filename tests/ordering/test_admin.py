"""Orders in the back office: creating, checking, mending and executing them, with the real client on the sandbox."""

from uuid import uuid4

import pytest
from django.urls import reverse

from ordering.models import Order, OrderLine, TermsAcceptance
from ordering.operations import execution, orders
from provisioning.models import TenantUser
from tests import factories
from tests.ordering.conftest import AT

pytestmark = pytest.mark.usefixtures("no_worker")
CREATE = "admin:ordering_order_create"


@pytest.fixture
def plan(acronis):
    return factories.PlanFactory(service_manager=acronis.service_manager)


def page_of(order):
    return reverse("admin:ordering_order_change", args=[order.pk])


def move(name, order):
    return reverse(f"admin:ordering_order_{name}", args=[order.pk])


def filled(personas, plan, /, **changes):
    return {
        "key": str(uuid4()),
        "consumer": personas.direct_customer.pk,
        "plan": plan.pk,
        "term_months": "1",
        "quantity": "1",
        "protection_model": "per_gigabyte",
        "file_sync_model": "per_user",
        "role": "company_admin",
        "login": "dora.d",
        "email": "dora@example.com",
        "purchase_order": "PO 7",
        **changes,
    }


def waiting(personas, plan, **facts):
    details = {"login": "dora.d", "email": "dora@example.com", "role": "company_admin", **facts}
    return orders.create_order(
        key=uuid4(),
        consumer=personas.direct_customer,
        plan=plan,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        by=personas.mira,
        at=AT,
        **details,
    )


def test_an_account_manager_creates_checks_and_executes_an_order(personas, plan, acronis):
    client = personas.client("mira")

    created = client.post(reverse(CREATE), filled(personas, plan), follow=True)
    order = Order.objects.get()
    preview = client.get(move("preview", order)).content.decode()
    calls_before = len(acronis.seen("tenants"))
    client.post(move("execute", order))
    order.refresh_from_db()

    assert created.redirect_chain[-1][0] == page_of(order)
    assert (order.source, order.placed_by, order.purchase_order) == (Order.Source.BSS, personas.mira, "PO 7")
    assert "Dora Design" in preview
    assert "dora.d" in preview
    assert calls_before == len(acronis.seen("tenants"))
    assert (order.status, order.executed_by) == (Order.Status.EXECUTING, personas.mira)

    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)
    page = client.get(page_of(order)).content.decode()

    assert "Completed" in page
    assert "✓" in page
    assert order.lines.get().subscription.number in page


def test_the_same_form_sent_twice_makes_one_order(personas, plan):
    client = personas.client("mira")
    form = filled(personas, plan)

    first = client.post(reverse(CREATE), form)
    second = client.post(reverse(CREATE), form)

    assert Order.objects.count() == 1
    assert first["Location"] == second["Location"]


def test_a_second_order_for_the_same_customer_is_refused_beside_the_field(personas, plan):
    client = personas.client("mira")
    client.post(reverse(CREATE), filled(personas, plan))

    page = client.post(reverse(CREATE), filled(personas, plan, login="other.name"))

    assert Order.objects.count() == 1
    assert "Only one Acronis subscription" in page.context["form"].errors["consumer"][0]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"plan": ""}, "plan", "Choose a plan"),
        ({"protection_model": ""}, "protection_model", "Choose a Protection Licensing Model"),
        ({"file_sync_model": ""}, "file_sync_model", "Choose a File Sync & Share Licensing Model"),
        ({"login": "a b c"}, "login", "Use a name such as JohnDoe"),
        ({"email": "not an address"}, "email", "e-mail address"),
        ({"role": "emperor"}, "role", "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_typed_is_kept(personas, plan, changes, field, words):
    page = personas.client("mira").post(reverse(CREATE), filled(personas, plan, **changes))

    assert Order.objects.count() == 0
    assert words in page.context["form"].errors[field][0]
    assert 'value="PO 7"' in page.content.decode()


def test_a_reseller_is_no_consumer(personas, plan):
    page = personas.client("mira").post(reverse(CREATE), filled(personas, plan, consumer=personas.reseller.pk))

    assert "direct customer or a customer of a reseller" in page.context["form"].errors["consumer"][0]


def test_the_form_begins_with_the_customer_it_was_opened_for(personas, plan):
    page = personas.client("mira").get(reverse(CREATE), {"consumer": personas.direct_customer.number})

    assert "Dora Design" in page.content.decode()


def test_what_is_missing_is_named_mended_in_place_and_then_executed(personas, plan):
    order = waiting(personas, plan, login="", email="", role="")
    client = personas.client("mira")

    before = client.get(page_of(order)).content.decode()
    refused = client.post(move("execute", order), follow=True).content.decode()
    client.post(move("details", order), {"login": "dora.d", "email": "dora@example.com", "role": "company_admin"})
    after = client.get(page_of(order)).content.decode()

    for label in ("Role", "Login Username", "Email"):
        assert f"{label} is missing" in before
        assert f"{label} is missing" in refused
    order.refresh_from_db()
    assert order.status == Order.Status.PLACED
    assert "Nothing is missing" in after
    assert order.lines.get().login == "dora.d"


def test_a_login_that_is_wrong_is_refused_in_place(personas, plan):
    order = waiting(personas, plan, login="")

    page = personas.client("mira").post(move("details", order), {"login": "x y", "email": "", "role": ""})

    assert "login" in page.context["details_form"].errors
    assert 'value="x y"' in page.content.decode()
    assert order.lines.get().login == ""


def test_a_vendor_that_is_down_is_a_sentence_in_the_preview(personas, plan, acronis):
    order = waiting(personas, plan)
    acronis.fault(path=".*", status=503, times=100)

    answer = personas.client("mira").get(move("preview", order))

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_a_failed_order_says_why_in_the_queue_and_can_be_retried_or_cancelled(personas, plan):
    order = waiting(personas, plan)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.FAILED)
    OrderLine.objects.update(status=OrderLine.Status.FAILED, error="Acronis refused the edition.")
    client = personas.client("mira")

    queue = client.get(reverse("admin:ordering_ordertoexecute_changelist")).content.decode()
    asked = client.get(move("cancel", order)).content.decode()
    client.post(move("retry", order))

    assert "Acronis refused the edition." in queue
    assert f"Order {order}" in asked
    order.refresh_from_db()
    assert order.status == Order.Status.EXECUTING


def test_cancelling_what_was_begun_says_that_it_is_deleted_at_the_vendor(personas, plan):
    order = waiting(personas, plan)
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=plan.service_manager)
    Order.objects.filter(pk=order.pk).update(status=Order.Status.FAILED)
    OrderLine.objects.update(status=OrderLine.Status.FAILED, service=factories.ServiceFactory(tenant=tenant))
    client = personas.client("mira")

    asked = client.get(move("cancel", order)).content.decode()
    client.post(move("cancel", order))

    tenant.refresh_from_db()
    assert "What was begun at Acronis is deleted there again." in asked
    assert tenant.retired_at is not None


def test_a_cancelled_order_leaves_the_queue(personas, plan):
    order = waiting(personas, plan)
    client = personas.client("mira")

    client.post(move("cancel", order))

    order.refresh_from_db()
    assert order.status == Order.Status.CANCELLED
    assert not client.get(reverse("admin:ordering_ordertoexecute_changelist")).context["cl"].result_list


def test_the_queue_says_what_is_missing_and_knows_who_has_a_user_already(personas, plan):
    order = waiting(personas, plan, login="", role="")
    queue = reverse("admin:ordering_ordertoexecute_changelist")
    client = personas.client("mira")

    before = client.get(queue).content.decode()
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)
    after = client.get(queue).content.decode()

    assert "Missing: Role, Login Username" in before
    assert "Ready to execute" in after


def test_moves_are_made_by_post_alone(personas, plan):
    order = waiting(personas, plan)
    client = personas.client("mira")

    assert client.get(move("execute", order)).status_code == 405
    assert client.get(move("details", order)).status_code == 405
    order.refresh_from_db()
    assert order.status == Order.Status.PLACED


def test_a_move_asks_for_the_token_of_its_page(personas, plan):
    order = waiting(personas, plan)
    client = personas.client("mira")
    client.handler.enforce_csrf_checks = True

    assert client.post(move("execute", order)).status_code == 403


def test_staff_without_the_permission_look_but_do_not_execute(personas, plan):
    order = waiting(personas, plan)
    personas.mira.groups.get().permissions.remove(*personas.mira.groups.get().permissions.filter(codename="execute_order"))
    client = personas.client("mira")

    page = client.get(page_of(order)).content.decode()

    assert ">Execute<" not in page
    assert client.post(move("execute", order)).status_code == 403
    assert client.post(move("details", order), {}).status_code == 403
    assert client.get(reverse(CREATE)).status_code == 403


def test_progress_keeps_asking_while_the_order_moves_and_then_loads_the_page_anew(personas, plan):
    order = waiting(personas, plan)
    orders.execute_order(order_id=order.pk, by=personas.mira, at=AT)
    client = personas.client("mira")

    moving = client.get(move("progress", order))
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)
    done = client.get(move("progress", order))

    assert "every 2s" in moving.content.decode()
    assert "HX-Refresh" not in moving
    assert done["HX-Refresh"] == "true"


@pytest.mark.parametrize("term", ["O1", "Dora Design", "dora.d", "PO 7"])
def test_orders_are_found_by_what_people_quote(personas, plan, term):
    order = waiting(personas, plan, purchase_order="PO 7")

    found = personas.client("mira").get(reverse("admin:ordering_order_changelist"), {"q": term}).content.decode()

    assert order.number in found


def test_an_orders_history_says_who_brought_it_where(personas, plan):
    client = personas.client("mira")
    client.post(reverse(CREATE), filled(personas, plan))
    order = Order.objects.get()
    client.post(move("execute", order))

    history = client.get(page_of(order)).context["history"]

    assert [(state["label"], state["who"]) for state in history] == [
        ("Waiting for execution", str(personas.mira)),
        ("In progress", str(personas.mira)),
    ]


def test_accepted_terms_stand_on_the_order_of_the_storefront(shop):
    order = shop.order()

    page = shop.personas.client("mira").get(page_of(order)).content.decode()

    assert str(TermsAcceptance.objects.get().document) in page
    assert "203.0.113.7" in page


def test_the_page_of_an_order_asks_a_bounded_number_of_questions(personas, plan, django_assert_max_num_queries):
    order = waiting(personas, plan)
    orders.execute_order(order_id=order.pk, by=personas.mira, at=AT)
    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)
    client = personas.client("root")

    with django_assert_max_num_queries(30):
        assert client.get(page_of(order)).status_code == 200


def test_the_queue_opens_the_order_itself(personas, plan):
    order = waiting(personas, plan)

    answer = personas.client("mira").get(reverse("admin:ordering_ordertoexecute_change", args=[order.pk]))

    assert answer["Location"] == page_of(order)
    assert TenantUser.objects.count() == 0


@pytest.mark.parametrize("sent", ["", "x", "1\x00", "²", "-1", "9" * 30])
def test_an_invented_customer_is_refused_beside_the_field(personas, plan, sent):
    page = personas.client("mira").post(reverse(CREATE), filled(personas, plan, consumer=sent))

    assert page.status_code == 200
    assert page.context["form"].errors["consumer"]
    assert not Order.objects.exists()
