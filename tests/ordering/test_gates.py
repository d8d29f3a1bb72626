"""What holds an order, and who lets it go on."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from post_office.models import Email

from accounts.models import Organization
from billing.models import Invoice
from catalog.models import Plan
from common.errors import DomainError, IllegalTransition
from ordering.models import Order, OrderLine
from ordering.operations import gates, orders
from ordering.queries import holds
from tests import factories
from tests.billing.making import GIB, sold_at, subscribe, subscribe_fixed, use
from tests.billing.paying import issued, pay
from tests.ordering.conftest import AT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("every_login_is_free")]

HELD, EXECUTING = Order.Status.HELD, Order.Status.EXECUTING


@pytest.fixture
def plan(shop):
    """Postpaid: 20 EUR a month, 200 EUR a year, 10 EUR once; a reseller buys it at 20 % off and sells it at 30 % on top."""
    plan = shop.fixed_plan()
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=plan)
    return plan


def approving(shop, does=True):
    shop.personas.reseller.approves_customer_orders = does
    shop.personas.reseller.save(update_fields=["approves_customer_orders"])


def limited(organization, limit):
    organization.credit_limit = None if limit is None else Decimal(limit)
    organization.save(update_fields=["credit_limit"])


def owes(organization, gross, **facts):
    return issued(organization.parent, organization, gross, **facts)


def by_carol(shop, **facts):
    """An order of the reseller's customer for itself."""
    p = shop.personas
    return shop.order(owner=p.carol, buyer=p.resellers_customer, consumer=p.resellers_customer, **facts)


def by_alice(shop, **facts):
    """An order of the reseller for its customer."""
    p = shop.personas
    return shop.order(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer, **facts)


def now(order):
    return Order.objects.get(pk=order.pk)


def state(order):
    order = now(order)
    return order.status, order.held_for


def mails_to(address):
    """The subjects and texts that went to ``address``, the oldest first."""
    sent = [mail.email_message() for mail in Email.objects.order_by("pk") if address in mail.to]
    return [(mail.subject, mail.body) for mail in sent]


# Approval


def test_a_customers_order_waits_until_its_reseller_approves_it(shop, no_worker):
    approving(shop)

    order = by_carol(shop)
    assert (order.status, order.held_for) == (HELD, Order.HeldFor.APPROVAL)
    assert order.held_because == "Alster IT approves what its customers order."
    assert no_worker == []
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    order.refresh_from_db()
    assert (order.status, order.held_for, order.held_because) == (EXECUTING, "", "")
    assert order.let_through == [Order.HeldFor.APPROVAL]
    assert no_worker == [order.lines.get().pk]


def test_a_reseller_need_not_approve_what_it_orders_itself(shop, no_worker):
    approving(shop)

    assert by_alice(shop).status == EXECUTING


def test_a_direct_customer_needs_nobodys_approval(shop, no_worker):
    Organization.objects.update(approves_customer_orders=True)

    assert shop.order().status == EXECUTING


def test_approval_comes_before_execution_by_staff(shop, no_worker):
    approving(shop)
    customer = shop.personas.resellers_customer
    customer.orders_execute_automatically = False
    customer.save(update_fields=["orders_execute_automatically"])
    order = by_carol(shop)

    with pytest.raises(orders.StillHeld, match="Alster IT approves"):
        orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    assert state(order) == (Order.Status.PLACED, "")
    orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    assert (now(order).status, now(order).executed_by) == (EXECUTING, shop.personas.mira)


def test_a_second_approval_changes_nothing_and_mails_nobody(shop, no_worker):
    approving(shop)
    order = by_carol(shop)
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)
    mails = Email.objects.count()

    again = gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    assert (again.status, len(no_worker), Email.objects.count()) == (EXECUTING, 1, mails)


def test_a_declined_order_is_cancelled_with_the_reason_and_frees_what_it_reserved(shop, no_worker):
    approving(shop)
    order = by_carol(shop)
    with pytest.raises(DomainError):
        by_carol(shop, login="another.one")  # one live subscription, or order for one

    gates.decline_order(order_id=order.pk, reason="  Ask me\nfirst. ", by=shop.personas.alice, at=AT)

    order.refresh_from_db()
    assert (order.status, order.held_for, order.cancelled_because) == (Order.Status.CANCELLED, "", "Ask me first.")
    assert order.lines.get().status == OrderLine.Status.CANCELLED
    assert no_worker == []
    assert by_carol(shop).status == HELD  # with the same login


@pytest.mark.parametrize(("reason", "sentence"), [(" ", "Say why"), ("x" * 501, "at most 500 characters")])
def test_an_order_is_declined_for_a_reason_of_sensible_length(shop, no_worker, reason, sentence):
    approving(shop)
    order = by_carol(shop)

    with pytest.raises(DomainError, match=sentence):
        gates.decline_order(order_id=order.pk, reason=reason, by=shop.personas.alice, at=AT)

    assert state(order) == (HELD, Order.HeldFor.APPROVAL)


def test_what_was_decided_otherwise_meanwhile_is_said(shop, no_worker):
    approving(shop)
    order = by_carol(shop)

    with pytest.raises(gates.NothingToDecide, match="does not wait for this"):
        gates.release_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    orders.cancel_order(order_id=order.pk, by=shop.personas.carol, at=AT)

    with pytest.raises(gates.NothingToDecide, match="was cancelled meanwhile; there is nothing to approve"):
        gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)
    assert gates.decline_order(order_id=order.pk, reason="No", by=shop.personas.alice, at=AT).cancelled_because == ""


def test_what_was_approved_cannot_be_declined_and_not_cancelled_once_it_is_in_progress(shop, no_worker):
    approving(shop)
    order = by_carol(shop)
    gates.approve_order(order_id=order.pk, by=shop.personas.alice, at=AT)

    with pytest.raises(gates.NothingToDecide, match="In progress"):
        gates.decline_order(order_id=order.pk, reason="No", by=shop.personas.alice, at=AT)
    with pytest.raises(IllegalTransition):
        orders.cancel_order(order_id=order.pk, by=shop.personas.carol, at=AT)


def test_the_login_of_a_held_order_is_kept_and_can_be_corrected_but_not_emptied(shop, no_worker):
    approving(shop)
    order = by_carol(shop)
    details = {"email": "new@example.com", "role": "company_admin", "by": shop.personas.carol, "at": AT}

    with pytest.raises(DomainError, match=r"jane\.doe"):
        shop.order()  # a direct customer, with the same login
    with pytest.raises(DomainError, match="missing"):
        orders.change_service_details(order_id=order.pk, login="", **details)
    orders.change_service_details(order_id=order.pk, login="other.name", **details)

    assert order.lines.get().login == "other.name"


# The credit limit at the MSP


@pytest.mark.parametrize(("unpaid", "status"), [("70.00", EXECUTING), ("70.01", HELD)])
def test_an_order_may_exactly_reach_the_limit_and_not_exceed_it(shop, plan, no_worker, unpaid, status):
    buyer = shop.personas.direct_customer
    limited(buyer, "100")
    owes(buyer, unpaid)

    order = shop.order(plan=plan)  # 20 a month and 10 once

    assert order.status == status
    if status == HELD:
        assert order.held_for == Order.HeldFor.CREDIT_LIMIT
        assert order.held_because == (
            "With this order Dora Design would owe Northwind Cloud GmbH 100.01 EUR; its credit limit is 100.00 EUR "
            "(unpaid 70.01 EUR, this order 30.00 EUR)."
        )


def test_a_years_term_counts_by_its_first_month(shop, plan, no_worker):
    limited(shop.personas.direct_customer, "26.67")  # 200 ÷ 12, and 10 once

    assert shop.order(plan=plan, term_months=12).status == EXECUTING


def test_what_is_priced_by_use_costs_nothing_beforehand_but_not_beyond_the_limit(shop, no_worker):
    buyer = shop.personas.direct_customer
    limited(buyer, "10")
    owes(buyer, "10")
    assert shop.order().status == EXECUTING

    other = factories.OrganizationFactory(credit_limit=Decimal(10))
    owes(other, "10.01")
    person = factories.MembershipFactory(organization=other).user

    assert shop.order(owner=person, buyer=other, login="other.one").status == HELD


def test_a_prepaid_order_is_paid_first_and_never_held_for_the_limit(shop):
    buyer = shop.personas.direct_customer
    limited(buyer, "0")
    owes(buyer, "500")

    order = shop.order(plan=shop.fixed_plan(billing_model=Plan.BillingModel.PREPAID))

    assert state(order) == (Order.Status.AWAITING_PAYMENT, "")


def test_released_by_staff_it_goes_on_although_nothing_was_paid(shop, plan, no_worker):
    limited(shop.personas.direct_customer, "5")
    order = shop.order(plan=plan)

    gates.release_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    gates.release_order(order_id=order.pk, by=shop.personas.mira, at=AT)

    order.refresh_from_db()
    assert (order.status, order.let_through, order.held_because) == (EXECUTING, [Order.HeldFor.CREDIT_LIMIT], "")
    assert order.executed_by == shop.personas.dora
    assert len(no_worker) == 1


def test_orders_in_progress_count_until_they_are_subscriptions(shop, plan, no_worker):
    limited(shop.personas.direct_customer, "50")
    shop.order(plan=plan)

    second = shop.order(plan=shop_through_another_manager(shop, plan), login="second.one")

    assert second.held_because.endswith("(other orders in progress 30.00 EUR, this order 30.00 EUR).")


def shop_through_another_manager(shop, plan):
    """The same at another service manager, where the consumer may have a subscription besides."""
    other = factories.FixedPlanFactory(service_manager=factories.ServiceManagerFactory())
    like = plan.service_manager.offering_items.first()
    like.pk = None
    like.service_manager = other.service_manager
    like.save()
    return other


def test_what_cannot_be_computed_holds_the_order_and_says_why(shop, no_worker):
    buyer = shop.personas.direct_customer
    limited(buyer, "1000")
    used = subscribe(buyer)
    use(used, GIB, days=[AT.date()])

    order = shop.order()

    assert order.status == HELD
    assert order.held_because.startswith("Nobody can say whether the credit limit of Dora Design, 1,000.00 EUR, allows this order.")
    assert "has no rate card for 2026-10" in order.held_because


def test_a_bss_order_is_held_when_it_is_executed_and_whoever_placed_it_is_told(shop, plan, no_worker):
    p = shop.personas
    limited(p.direct_customer, "5")
    order = orders.create_order(
        key=uuid4(),
        consumer=p.direct_customer,
        plan=plan,
        login="a.b",
        email="a@example.com",
        role="company_admin",
        by=p.mira,
        at=AT,
    )
    assert order.status == Order.Status.PLACED

    orders.execute_order(order_id=order.pk, by=p.mira, at=AT)
    assert state(order) == (HELD, Order.HeldFor.CREDIT_LIMIT)
    assert [subject for subject, _ in mails_to(p.mira.email)] == [f"Order {order} waits"]
    gates.release_order(order_id=order.pk, by=p.root, at=AT)

    assert (now(order).status, now(order).executed_by) == (EXECUTING, p.mira)


@pytest.mark.parametrize(
    ("currency", "price", "unpaid", "limit"), [("JPY", "3000", "7000", "10000"), ("KWD", "0.005", "0.005", "0.010")]
)
def test_limits_are_exact_in_currencies_with_other_minor_units(shop, plan, no_worker, currency, price, unpaid, limit):
    buyer = shop.personas.direct_customer
    buyer.currency = currency
    limited(buyer, limit)
    buyer.save()
    factories.PlanPriceFactory(plan=plan, currency=currency, price=Decimal(price), setup_fee=Decimal(0), overage_price=Decimal(1))
    owes(buyer, unpaid, currency=currency)

    assert shop.order(plan=plan).status == EXECUTING


# Limits of and at a reseller


def test_a_customer_over_its_resellers_limit_waits_for_the_reseller(shop, plan, no_worker):
    p = shop.personas
    limited(p.resellers_customer, "30")

    order = by_carol(shop, plan=plan)  # 20 less 20 %, 30 % on top: 20.80 a month and 10.40 once
    assert (order.status, order.held_for) == (HELD, Order.HeldFor.APPROVAL)
    assert "Café Carol would owe Alster IT 31.20 EUR; its credit limit is 30.00 EUR" in order.held_because
    gates.approve_order(order_id=order.pk, by=p.alice, at=AT)

    assert state(order) == (EXECUTING, "")


def test_a_resellers_own_order_waits_for_its_customers_limit_too(shop, plan, no_worker):
    limited(shop.personas.resellers_customer, "30")

    assert (by_alice(shop, plan=plan).held_for, len(no_worker)) == (Order.HeldFor.APPROVAL, 0)


def test_a_prepaid_term_counts_for_what_a_customer_owes_its_reseller(shop, no_worker):
    p = shop.personas
    plan = shop.fixed_plan(billing_model=Plan.BillingModel.PREPAID)
    factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=p.reseller, plan=plan)
    limited(p.resellers_customer, "200")

    order = by_carol(shop, plan=plan, term_months=12)

    assert order.held_for == Order.HeldFor.APPROVAL
    assert "this order 218.40 EUR" in order.held_because  # 208 the year, 10.40 once


def test_a_resellers_own_limit_holds_its_customers_order_and_the_customer_reads_nothing_of_it(shop, plan, no_worker):
    p = shop.personas
    limited(p.reseller, "5")

    order = by_carol(shop, plan=plan)

    assert (order.status, order.held_for) == (HELD, Order.HeldFor.CREDIT_LIMIT)
    assert "this order 24.00 EUR" in order.held_because  # 16 a month and 8 once
    [(_, to_carol)] = mails_to(p.carol.email)
    assert "Alster IT has something to settle before this order can begin." in to_carol
    assert "limit" not in to_carol
    assert "24.00" not in to_carol
    [(subject, to_alice)] = mails_to(p.alice.email)
    assert subject == f"Order {order} of your customer waits"
    assert "its credit limit is 5.00 EUR" in to_alice
    [(subject, to_staff)] = mails_to(p.msp.billing_email)
    assert subject == f"Order {order} is held for the credit limit of Alster IT"
    assert f"/ordering/order/{order.pk}/change/" in to_staff


def test_an_approved_order_can_be_held_for_the_resellers_limit_next(shop, plan, no_worker):
    p = shop.personas
    approving(shop)
    limited(p.reseller, "5")
    order = by_carol(shop, plan=plan)

    gates.approve_order(order_id=order.pk, by=p.alice, at=AT)
    assert state(order) == (HELD, Order.HeldFor.CREDIT_LIMIT)
    assert now(order).let_through == [Order.HeldFor.APPROVAL]
    gates.release_order(order_id=order.pk, by=p.mira, at=AT)

    assert state(order) == (EXECUTING, "")
    assert now(order).executed_by == p.carol


# What goes on by itself


def test_a_held_order_goes_on_by_itself_once_it_fits_and_its_buyer_is_told(shop, plan, no_worker):
    buyer = shop.personas.direct_customer
    limited(buyer, "100")
    owes(buyer, "90")
    order = shop.order(plan=plan)

    assert gates.release_what_fits(at=AT) == 0
    pay(buyer.parent, buyer, "10")
    assert gates.release_what_fits(at=AT) == 0
    assert now(order).held_because.endswith("(unpaid 80.00 EUR, this order 30.00 EUR).")
    pay(buyer.parent, buyer, "10")

    assert gates.release_what_fits(at=AT) == 1
    assert gates.release_what_fits(at=AT) == 0
    assert (state(order), now(order).let_through) == ((EXECUTING, ""), [])
    assert [subject for subject, _ in mails_to("dora@example.com")] == [
        f"We have received your order {order}",
        f"Order {order} goes on",
    ]


def test_the_order_that_waits_longest_goes_on_first(shop, plan, no_worker):
    buyer = shop.personas.direct_customer
    limited(buyer, "0")
    first = shop.order(plan=plan)
    second = shop.order(plan=shop_through_another_manager(shop, plan), login="second.one")

    limited(buyer, "30")  # room for one
    gates.release_what_fits(at=AT)

    assert (state(first)[0], state(second)[0]) == (EXECUTING, HELD)


@pytest.mark.parametrize("what", ["the limit is lifted", "nobody asks for approvals any more"])
def test_what_nothing_holds_any_more_goes_on(shop, plan, no_worker, what):
    p = shop.personas
    if what == "the limit is lifted":
        limited(p.resellers_customer, "1")
    else:
        approving(shop)
    order = by_carol(shop, plan=plan)
    assert state(order) == (HELD, Order.HeldFor.APPROVAL)

    limited(p.resellers_customer, None)
    approving(shop, does=False)
    gates.release_what_fits(at=AT)

    assert state(order) == (EXECUTING, "")


def test_a_paid_invoice_rings_for_held_orders_of_who_paid_and_of_its_customers(shop, plan, no_worker, monkeypatch):
    p = shop.personas
    rung = []
    monkeypatch.setattr(gates, "after_commit", lambda name, **_: rung.append(name))
    limited(p.reseller, "5")
    bill, other = owes(p.reseller, "50"), owes(p.direct_customer, "50")
    by_carol(shop, plan=plan)

    gates.ring(other.pk)
    assert rung == []
    gates.ring(bill.pk)

    assert rung == ["ordering.release_what_fits"]


def test_an_order_that_was_placed_before_execute_waits_for_that_again(shop, no_worker):
    approving(shop)
    Organization.objects.filter(pk=shop.personas.resellers_customer.pk).update(orders_execute_automatically=False)
    shop.personas.resellers_customer.refresh_from_db()
    order = by_carol(shop)

    approving(shop, does=False)
    gates.release_what_fits(at=AT)

    assert state(order) == (Order.Status.PLACED, "")
    assert no_worker == []


# Amendments


def amendment(shop, plan, *, kind="quantity", quantity=2, price="20", before="20", **facts):
    """An order of dora's that changes her subscription of ``before`` a month."""
    buyer = shop.personas.direct_customer
    subscription = subscribe_fixed(buyer, sold_at(before), plan=plan)
    order = Order.objects.create(
        number=f"O{uuid4().hex[:8]}",
        source="storefront",
        buyer=buyer,
        consumer=buyer,
        placed_by=shop.personas.dora,
        placed_at=AT,
        currency="EUR",
    )
    OrderLine.objects.create(
        order=order,
        kind=kind,
        plan=plan,
        plan_name=plan.name,
        billing_model="postpaid_fixed",
        quantity=quantity,
        prices=[sold_at(price, setup_fee="10").as_json()],
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        subscription=subscription,
        service=subscription.service,
        **facts,
    )
    return order


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        ({"quantity": 2}, True),
        ({"quantity": 1, "price": "15"}, False),
        ({"quantity": 1, "kind": "cancel", "ends": "now"}, False),
    ],
)
def test_an_amendment_counts_by_what_it_adds(shop, plan, facts, held):
    limited(shop.personas.direct_customer, "0")
    owes(shop.personas.direct_customer, "1")

    hold = holds.hold_of(amendment(shop, plan, **facts), at=AT)

    assert (hold is not None) == held
    assert hold is None or "this order 20.00 EUR" in hold.because  # no setup fee a second time


# Without limits


def test_without_limits_and_approvals_the_gate_asks_nothing(shop, no_worker):
    for order in (shop.order(), by_carol(shop, login="carol")):
        order = Order.objects.select_related("buyer", "consumer__parent").get(pk=order.pk)
        with CaptureQueriesContext(connection) as asked:
            assert holds.hold_of(order, at=AT) is None
        assert len(asked) == 0


def test_nothing_is_billed_for_an_order_that_was_declined(shop, plan, no_worker):
    approving(shop)
    order = by_carol(shop, plan=plan)

    gates.decline_order(order_id=order.pk, reason="No", by=shop.personas.alice, at=AT)

    assert not Invoice.objects.exists()
    assert order.lines.get().subscription is None
