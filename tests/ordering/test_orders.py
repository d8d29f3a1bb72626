"""Placing, executing, retrying and cancelling orders."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from post_office.models import Email

from accounts.models import Organization
from catalog.models import PartnerTerms, Plan
from common.errors import DomainError, FieldRefused, IllegalTransition
from ordering.models import Basket, Order, OrderLine
from ordering.operations import orders, refusals
from ordering.queries import tracking
from provisioning.models import Service, TenantUser
from provisioning.operations.users import UserExists
from tests import factories
from tests.ordering.conftest import ADDRESS, AT

pytestmark = pytest.mark.django_db


def submit(basket, **facts):
    return orders.submit_order(basket_id=basket.pk, by=basket.owner, address=ADDRESS, at=AT, **facts)


def test_an_order_copies_what_the_basket_said(shop, no_worker):
    order = submit(shop.complete(), purchase_order="PO 77")

    line = order.lines.get()
    assert (order.buyer, order.consumer) == (shop.personas.direct_customer,) * 2
    assert (order.source, order.currency, order.purchase_order) == ("storefront", "EUR", "PO 77")
    assert (order.placed_by, order.placed_at, order.placed_from) == (shop.personas.dora, AT, ADDRESS)
    assert order.billing_copy["name"] == "Dora Design"
    assert order.billing_copy["address"] == ["Hauptstraße 1", "10115 Berlin", "Germany"]
    assert (line.plan, line.plan_name, line.billing_model, line.quantity) == (shop.plan, shop.plan.name, "pay_as_you_go", 1)
    assert (line.protection_model, line.file_sync_model) == ("per_gigabyte", "per_user")
    assert (line.login, line.email, line.role) == ("jane.doe", "jane@example.com", "company_admin")
    assert (line.partner_discount_percent, line.retail_markup_percent, line.retail_discount_percent) == (0, 0, 0)


def test_a_resellers_order_copies_what_msp_and_reseller_agreed(shop, no_worker):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    PartnerTerms.objects.update(discount_percent=50)

    line = order.lines.get()
    assert (order.buyer, order.consumer) == (p.reseller, p.resellers_customer)
    assert (line.partner_discount_percent, line.retail_markup_percent) == (Decimal(20), Decimal(30))


def test_a_resellers_customer_that_orders_is_its_own_buyer_at_the_same_terms(shop, no_worker):
    p = shop.personas
    order = shop.order(owner=p.carol, buyer=p.resellers_customer)

    line = order.lines.get()
    assert order.buyer == order.consumer == p.resellers_customer
    assert (line.partner_discount_percent, line.retail_markup_percent) == (Decimal(20), Decimal(30))


def test_numbers_follow_each_other(shop, no_worker):
    p = shop.personas
    first = shop.order()
    second = shop.order(login="max", owner=p.carol, buyer=p.resellers_customer)

    assert int(second.number[1:]) == int(first.number[1:]) + 1
    assert first.number.startswith("O")


def test_second_submit_returns_the_same_order(shop, no_worker):
    basket = shop.complete()

    first = submit(basket)
    second = submit(basket)

    assert first == second
    assert Order.objects.count() == 1
    assert len(no_worker) == 1
    assert Email.objects.count() == 1


def test_an_order_executes_by_itself(shop, no_worker):
    order = shop.order()

    line = order.lines.get()
    assert order.status == Order.Status.EXECUTING
    assert (line.status, line.next_try_at) == (OrderLine.Status.EXECUTING, AT)
    assert no_worker == [line.pk]


@pytest.mark.parametrize("whose", ["buyer", "consumer"])
def test_an_order_waits_if_buyer_or_consumer_want_it_so(shop, no_worker, whose):
    p = shop.personas
    organization = p.reseller if whose == "buyer" else p.resellers_customer
    Organization.objects.filter(pk=organization.pk).update(orders_execute_automatically=False)

    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    assert order.status == Order.Status.PLACED
    assert order.lines.get().status == OrderLine.Status.WAITING
    assert no_worker == []


def test_the_buyer_gets_a_mail_that_says_what_was_ordered(shop, no_worker):
    order = shop.order()

    mail = Email.objects.get()
    assert mail.to == ["dora@example.com"]
    assert mail.subject == f"We have received your order {order.number}"
    for text in (mail.message, mail.html_message):
        assert f"/orders/{order.number}/" in text
        assert "Dora Design" in text
        assert "0.00 EUR" in text


def test_a_name_that_looks_like_a_template_stays_a_name(shop, no_worker):
    name = "{% now 'Y' %} & <b>Söhne</b> {{ order.pk }}"
    Organization.objects.filter(pk=shop.personas.direct_customer.pk).update(name=name)

    shop.order()

    mail = Email.objects.get()
    assert name in mail.message
    assert "&lt;b&gt;Söhne" in mail.html_message
    assert "{{ order.pk }}" in mail.html_message


def test_an_incomplete_basket_says_which_step_is_missing(shop, no_worker):
    for basket_of, step in (
        (shop.basket, "basket"),
        (shop.configured, "terms"),
        (shop.accepted, "billing"),
        (shop.confirmed, "service_details"),
    ):
        with pytest.raises(refusals.StepMissing) as refused:
            submit(basket_of())
        assert refused.value.step == step
    assert not Order.objects.exists()
    assert not Email.objects.exists()


def test_a_plan_withdrawn_meanwhile_is_refused(shop, no_worker):
    basket = shop.complete()
    Plan.objects.filter(pk=shop.plan.pk).update(status=Plan.Status.ARCHIVED)

    with pytest.raises(refusals.NotForSale):
        submit(basket)

    assert not Order.objects.exists()


def test_a_consumer_served_meanwhile_is_refused(shop, no_worker):
    basket = shop.complete()
    tenant = factories.TenantFactory(organization=basket.buyer, service_manager=shop.plan.service_manager)
    factories.ServiceFactory(tenant=tenant)

    with pytest.raises(refusals.SecondSubscription):
        submit(basket)


def test_a_second_order_for_the_same_consumer_is_refused_while_the_first_is_not_given_up(shop, no_worker):
    p = shop.personas
    mine = shop.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    its_own = shop.complete(login="carol", owner=p.carol, buyer=p.resellers_customer)
    submit(mine)

    with pytest.raises(refusals.SecondSubscription):
        submit(its_own)

    OrderLine.objects.update(status=OrderLine.Status.CANCELLED)
    assert submit(its_own).consumer == p.resellers_customer


def test_a_login_taken_meanwhile_is_refused(shop, no_worker):
    basket = shop.complete()
    factories.TenantUserFactory(tenant__service_manager=shop.plan.service_manager, login="jane.doe")

    with pytest.raises(FieldRefused, match="is taken"):
        submit(basket)


def test_a_consumer_with_a_user_at_the_vendor_needs_no_service_details(shop, no_worker):
    basket = shop.confirmed()
    tenant = factories.TenantFactory(organization=basket.buyer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    line = submit(basket).lines.get()

    assert (line.login, line.email) == ("", "")


def test_an_ordered_basket_makes_room_for_a_new_one(shop, no_worker):
    order = shop.order()

    second = shop.personas.dora.baskets.get_or_create(
        buyer=order.buyer, ordered_at=None, defaults={"created_at": AT, "consumer": order.buyer}
    )[0]

    assert second.pk != order.basket_id
    assert Basket.objects.open().get() == second


@pytest.mark.django_db(transaction=True)
def test_two_submits_at_the_same_moment_make_one_order(shop, no_worker):
    basket = shop.complete()
    start = Barrier(2)

    def press() -> str:
        try:
            start.wait(10)
            return submit(basket).number
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as buyers:
        numbers = {future.result(30) for future in [buyers.submit(press), buyers.submit(press)]}

    assert len(numbers) == 1
    assert Order.objects.count() == 1
    assert OrderLine.objects.count() == 1
    assert len(no_worker) == 1


@pytest.mark.django_db(transaction=True)
def test_two_baskets_for_one_consumer_at_the_same_moment_make_one_order(shop, no_worker):
    p = shop.personas
    mine = shop.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    its_own = shop.complete(login="carol", owner=p.carol, buyer=p.resellers_customer)
    start = Barrier(2)

    def press(basket: Basket) -> str:
        try:
            start.wait(10)
            return submit(basket).number
        except refusals.SecondSubscription:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as buyers:
        ends = [future.result(30) for future in [buyers.submit(press, mine), buyers.submit(press, its_own)]]

    assert sorted(end == "refused" for end in ends) == [False, True]
    assert Order.objects.count() == 1


# Orders placed in the BSS


def create(shop, consumer=None, **facts):
    given = {
        "key": uuid4(),
        "consumer": consumer or shop.personas.direct_customer,
        "plan": shop.plan,
        "protection_model": "per_workload",
        "file_sync_model": "per_user",
        "login": "jane.doe",
        "email": "jane@example.com",
        "role": "company_admin",
        "purchase_order": "",
        "by": shop.personas.mira,
        "at": AT,
    }
    return orders.create_order(**{**given, **facts})


def test_a_bss_order_waits_for_execution(shop, no_worker):
    order = create(shop)

    assert (order.source, order.status, order.placed_by) == ("bss", Order.Status.PLACED, shop.personas.mira)
    assert order.buyer == order.consumer == shop.personas.direct_customer
    assert no_worker == []


def test_the_buyer_of_a_bss_order_for_a_resellers_customer_is_the_reseller(shop):
    order = create(shop, consumer=shop.personas.resellers_customer)

    assert (order.buyer, order.consumer) == (shop.personas.reseller, shop.personas.resellers_customer)
    assert order.lines.get().partner_discount_percent == 20


def test_the_same_form_sent_twice_makes_one_order(shop):
    key = uuid4()

    assert create(shop, key=key) == create(shop, key=key)
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"protection_model": ""}, "protection_model"),
        ({"file_sync_model": "per_moon"}, "file_sync_model"),
        ({"login": "a b"}, "login"),
        ({"email": "jane"}, "email"),
        ({"role": "emperor"}, "role"),
    ],
)
def test_bad_input_in_the_bss_names_the_field(shop, facts, field):
    with pytest.raises(FieldRefused) as refused:
        create(shop, **facts)

    assert refused.value.field == field
    assert not Order.objects.exists()


def test_a_bss_order_is_for_a_customer(shop):
    with pytest.raises(FieldRefused, match="direct customer or for a customer of a reseller"):
        create(shop, consumer=shop.personas.reseller)


def test_a_bss_order_for_a_served_customer_is_refused(shop):
    create(shop)

    with pytest.raises(refusals.SecondSubscription):
        create(shop, login="other")


def test_a_plan_the_buyer_may_not_have_is_refused_in_the_bss(shop):
    PartnerTerms.objects.all().delete()

    with pytest.raises(refusals.NotForSale, match="not sold to Alster IT"):
        create(shop, consumer=shop.personas.resellers_customer)


def test_execution_waits_for_role_login_and_email(shop, no_worker):
    order = create(shop, login="", email="", role="")

    missing = tracking.missing_before_execution(order)
    with pytest.raises(refusals.NotReady, match="Login Username is missing"):
        orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    assert [item.field for item in missing] == ["role", "login", "email"]
    assert no_worker == []


def test_what_was_missing_is_given_and_the_order_executed(shop, no_worker):
    order = create(shop, login="", email="", role="")
    orders.change_service_details(
        order_id=order.pk, login="jane.doe", email="jane@example.com", role="company_admin", by=shop.personas.mira, at=AT
    )

    order = orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    assert order.status == Order.Status.EXECUTING
    assert order.executed_by == shop.personas.mira
    assert no_worker == [order.lines.get().pk]


def test_nothing_is_missing_for_a_consumer_with_a_user(shop):
    tenant = factories.TenantFactory(organization=shop.personas.direct_customer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant)

    assert tracking.missing_before_execution(create(shop, login="", email="", role="")) == []


def test_executing_twice_rings_once(shop, no_worker):
    order = create(shop)
    orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    assert len(no_worker) == 1


def test_service_details_change_only_before_or_after_execution(shop, no_worker):
    order = shop.order()

    with pytest.raises(DomainError, match="while the order waits"):
        orders.change_service_details(
            order_id=order.pk, login="max", email="max@example.com", role="company_admin", by=shop.personas.mira, at=AT
        )


def test_service_details_keep_their_own_login(shop):
    order = create(shop)

    orders.change_service_details(
        order_id=order.pk, login="jane.doe", email="new@example.com", role="company_admin", by=shop.personas.mira, at=AT
    )

    assert order.lines.get().email == "new@example.com"


def failed(shop, **facts):
    """A failed order whose service was wished; its user is not at the vendor unless told otherwise."""
    order = shop.order()
    tenant = factories.TenantFactory(organization=order.consumer, service_manager=shop.plan.service_manager)
    factories.TenantUserFactory(tenant=tenant, login="jane.doe", **facts)
    order.lines.update(status=OrderLine.Status.FAILED, service=factories.ServiceFactory(tenant=tenant), error="Taken.", attempts=3)
    Order.objects.update(status=Order.Status.FAILED)
    order.refresh_from_db()
    return order


def test_a_failed_orders_login_is_changed_in_the_wish_too(shop, no_worker):
    order = failed(shop)

    orders.change_service_details(
        order_id=order.pk, login="jane2", email="jane2@example.com", role="company_admin", by=shop.personas.dora, at=AT
    )

    assert order.lines.get().login == "jane2"
    assert TenantUser.objects.get().login == "jane2"


def test_a_failed_orders_login_stays_once_the_vendor_knows_it(shop, no_worker):
    order = failed(shop, vendor_id=uuid4())

    try:
        orders.change_service_details(
            order_id=order.pk, login="jane2", email="jane2@example.com", role="company_admin", by=shop.personas.dora, at=AT
        )
    except UserExists:
        pytest.fail("There is no line whose details are open, so nothing is to be changed.")

    assert TenantUser.objects.get().login == "jane.doe"
    assert order.lines.get().login == "jane.doe"


def test_retry_begins_again_with_all_attempts(shop, no_worker):
    order = failed(shop)
    no_worker.clear()

    orders.retry_order(order_id=order.pk, by=shop.personas.dora, at=AT)
    orders.retry_order(order_id=order.pk, by=shop.personas.dora, at=AT)

    line = order.lines.get()
    assert (line.status, line.attempts, line.error, line.next_try_at) == (OrderLine.Status.EXECUTING, 0, "", AT)
    assert no_worker == [line.pk]


def test_only_a_failed_order_is_retried(shop):
    with pytest.raises(DomainError, match="nothing to retry"):
        orders.retry_order(order_id=create(shop).pk, by=shop.personas.mira, at=AT)


def test_a_waiting_order_is_cancelled_and_makes_room(shop, no_worker):
    order = create(shop)

    orders.cancel_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    orders.cancel_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    order.refresh_from_db()
    assert order.status == Order.Status.CANCELLED
    assert order.lines.get().status == OrderLine.Status.CANCELLED
    assert create(shop, key=uuid4()).status == Order.Status.PLACED


def test_an_order_in_progress_is_not_cancelled(shop, no_worker):
    with pytest.raises(IllegalTransition):
        orders.cancel_order(order_id=shop.order().pk, by=shop.personas.mira, at=AT)


def test_cancelling_what_was_begun_at_the_vendor_has_it_deleted_there(shop, no_worker):
    order = failed(shop)

    orders.cancel_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    orders.cancel_order(order_id=order.pk, by=shop.personas.mira, at=AT + timedelta(days=1))

    line = order.lines.select_related("service__tenant", "subscription").get()
    assert (line.status, line.subscription) == (OrderLine.Status.CANCELLED, None)
    assert (line.service.ended_at, line.service.tenant.retired_at, line.service.tenant.next_try_at) == (AT, AT, AT)


def test_after_a_begun_order_was_cancelled_its_customer_can_order_anew(shop, no_worker):
    orders.cancel_order(order_id=failed(shop).pk, by=shop.personas.mira, at=AT)

    assert create(shop, key=uuid4(), login="jane.kern").status == Order.Status.PLACED


def test_an_order_of_which_a_part_is_in_use_is_not_cancelled(shop, no_worker):
    order = failed(shop)
    line = order.lines.get()
    line.pk, line.service, line.status = None, None, OrderLine.Status.COMPLETED
    line.save()

    with pytest.raises(orders.CannotCancel, match="in use"):
        orders.cancel_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    assert not Service.objects.filter(ended_at__isnull=False).exists()


def test_orders_are_visible_to_buyer_consumer_their_reseller_and_staff(shop, no_worker):
    p = shop.personas
    order = shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    seeing = {
        name
        for name in ("alice", "carol", "bob", "dora", "stranger", "mira")
        if order in Order.objects.visible_to(getattr(p, name))
    }

    assert seeing == {"alice", "carol", "mira"}
