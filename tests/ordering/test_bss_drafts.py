"""Drafts: written down, written anew, placed; another price than the list's, to the cent; and what a quote promises."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from accounts.models import Organization
from billing.fixed import DatedPrice, steps_of
from billing.models import InvoiceLine
from billing.queries.explaining import explain
from catalog.models import PartnerPrice, Plan, PlanPrice
from catalog.queries.offers import SoldPrice
from common.errors import DomainError, FieldRefused
from ordering.models import Order, OrderLine
from ordering.operations import drafts, execution, orders, prepayment, quotes
from ordering.operations.drafts import NoDraft, OtherPriceWouldBeLost, Wanted
from ordering.operations.refusals import NotForSale, PricesChanged, SecondSubscription
from ordering.operations.selling import OtherPrice
from tests import factories
from tests.ordering.conftest import AT

pytestmark = pytest.mark.usefixtures("no_worker")
SPECIAL = OtherPrice(Decimal("16.50"), None, "Won against a competitor")


@pytest.fixture
def plan(shop):
    return shop.fixed_plan()


@pytest.fixture
def mira(shop):
    return shop.personas.mira


def saved(shop, plan, /, *, consumer=None, key=None, at=AT, **facts):
    consumer = consumer or shop.personas.direct_customer
    return drafts.save_draft(key=key or uuid4(), consumer=consumer, wanted=Wanted(plan, **facts), by=shop.personas.mira, at=at)


def placed(order, *, by, at=AT, seen=None):
    """Place a draft as whoever has its page of that moment open."""
    seen = drafts.outlook(Order.objects.get(pk=order.pk), at=at).seen if seen is None else seen
    return drafts.place_draft(order_id=order.pk, seen=seen, by=by, at=at)


def sold(order):
    prices = [SoldPrice.from_json(price) for price in order.lines.get().prices]
    return {str(price.level): (price.amounts.price, price.amounts.setup_fee) for price in prices}


def quoted(shop, order, **facts):
    facts = {"sent_to": "dora@example.com", "valid_days": 30, "message": "", "after": "", **facts}
    return quotes.send_quote(order_id=order.pk, by=shop.personas.mira, at=AT, **facts)


def now_costs(plan, price):
    PlanPrice.objects.filter(plan=plan, term_months=1).update(price=price)


def test_a_draft_is_saved_edited_placed_and_then_executed(shop, plan, mira):
    order = saved(shop, plan, purchase_order="PO 1")
    assert (order.status, order.source, order.placed_by) == (Order.Status.DRAFT, Order.Source.BSS, mira)

    drafts.change_draft(
        order_id=order.pk, wanted=Wanted(plan, quantity=3, term_months=12, purchase_order="PO 2"), may_override=True, by=mira, at=AT
    )
    order.refresh_from_db()
    line = order.lines.get()
    assert (order.purchase_order, line.quantity, line.term_months, sold(order)) == ("PO 2", 3, 12, {"msp": (200, 10)})

    done = placed(order, by=shop.personas.root, at=AT + timedelta(hours=1))
    assert (done.status, done.placed_by, done.placed_at) == (
        Order.Status.PLACED,
        shop.personas.root,
        AT + timedelta(hours=1),
    )


def test_a_draft_reserves_neither_login_nor_subscription(shop, plan):
    saved(shop, plan, login="dora.d", email="dora@example.com", role="company_admin")

    second = saved(shop, plan, login="dora.d")
    assert Order.objects.filter(status=Order.Status.DRAFT).count() == 2

    placed(second, by=shop.personas.mira, at=AT)
    first = Order.objects.exclude(pk=second.pk).get()
    with pytest.raises(SecondSubscription, match="Only one Acronis subscription"):
        placed(first, by=shop.personas.mira, at=AT)
    assert "Only one Acronis subscription" in drafts.outlook(first, at=AT).obstacle


def test_a_login_that_somebody_took_meanwhile_is_refused_when_the_draft_is_placed(shop, plan):
    order = saved(shop, plan, login="dora.d")
    other = factories.TenantFactory(service_manager=plan.service_manager)
    factories.TenantUserFactory(tenant=other, login="dora.d")

    with pytest.raises(FieldRefused, match=r"dora\.d is taken"):
        placed(order, by=shop.personas.mira, at=AT)


def test_a_draft_of_a_plan_that_was_withdrawn_is_not_placed(shop, plan):
    order = saved(shop, plan)
    Plan.objects.filter(pk=plan.pk).update(status=Plan.Status.ARCHIVED)

    with pytest.raises(NotForSale, match="is not sold to"):
        placed(order, by=shop.personas.mira, at=AT)
    order.refresh_from_db()
    assert order.status == Order.Status.DRAFT


def test_the_same_form_saved_twice_is_one_draft_as_it_was_sent_last(shop, plan):
    key = uuid4()

    first = saved(shop, plan, key=key, quantity=1)
    second = saved(shop, plan, key=key, quantity=2)

    assert first == second
    assert OrderLine.objects.get().quantity == 2


def dearer(plan, order):
    now_costs(plan, 25)


def with_less_in_it(plan, order):
    plan.module_settings.storage_quota = 10
    plan.module_settings.save()


def for_somebody_elses_login(plan, order):
    order.lines.update(login="somebody.else")


def more_of_it(plan, order):
    order.lines.update(quantity=2)


@pytest.mark.parametrize("change", [dearer, with_less_in_it, for_somebody_elses_login, more_of_it])
def test_a_draft_is_placed_as_it_was_seen_or_not_at_all(shop, plan, mira, change):
    order = saved(shop, plan, login="dora.d")
    seen = drafts.outlook(order, at=AT).seen
    change(plan, order)

    for stale in (seen, ""):
        with pytest.raises(PricesChanged, match="Nothing is placed yet"):
            placed(order, by=mira, seen=stale)
    order.refresh_from_db()
    assert order.status == Order.Status.DRAFT

    assert placed(order, by=mira).status == Order.Status.PLACED


def test_pay_as_you_go_that_is_as_it_was_seen_is_placed(shop, mira):
    order = saved(shop, shop.plan, protection_model="per_gigabyte", file_sync_model="per_user")
    seen = drafts.outlook(order, at=AT).seen
    order.lines.update(protection_model="per_workload")

    with pytest.raises(PricesChanged):
        placed(order, by=mira, seen=seen)
    order.lines.update(protection_model="per_gigabyte")
    assert placed(order, by=mira, seen=seen).status == Order.Status.PLACED


def test_placing_twice_places_once(shop, plan, mira):
    order = saved(shop, plan)

    placed(order, by=mira, at=AT)
    again = placed(order, by=shop.personas.root, at=AT + timedelta(minutes=1))

    assert (again.placed_by, again.placed_at) == (mira, AT)


def test_what_was_placed_or_given_up_meanwhile_cannot_be_edited(shop, plan, mira):
    in_time, given_up = saved(shop, plan), saved(shop, plan)
    placed(in_time, by=mira, at=AT)
    orders.cancel_order(order_id=given_up.pk, by=mira, at=AT)

    for order, words in ((in_time, "was placed meanwhile"), (given_up, "was given up")):
        with pytest.raises(NoDraft, match=words):
            drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, quantity=9), may_override=True, by=mira, at=AT)
        with pytest.raises(NoDraft, match=words):
            saved(shop, plan, key=order.key)
    with pytest.raises(NoDraft, match="given up"):
        placed(given_up, by=mira, at=AT)
    assert set(OrderLine.objects.values_list("quantity", flat=True)) == {1}


def test_a_form_that_was_saved_as_a_draft_does_not_place_it_behind_the_back(shop, plan, mira):
    order = saved(shop, plan)

    with pytest.raises(DomainError, match=f"saved as draft {order}"):
        orders.create_order(key=order.key, consumer=order.consumer, plan=plan, by=mira, at=AT)


def test_a_draft_is_not_executed(shop, plan, mira):
    order = saved(shop, plan, login="dora.d", email="dora@example.com", role="company_admin")

    with pytest.raises(DomainError):
        orders.execute_order(order_id=order.pk, by=mira, at=AT)


def test_buyers_do_not_see_drafts(shop, plan):
    order = saved(shop, plan)
    personas = shop.personas

    assert order not in Order.objects.visible_to(personas.dora)
    assert order not in Order.objects.visible_to(personas.mira).of(personas.direct_customer)
    assert order in Order.objects.visible_to(personas.mira)
    assert personas.client("dora").get(f"/orders/{order.number}/").status_code == 404


# --- Another price ------------------------------------------------------------------------------------------------------------


def test_a_direct_customer_is_sold_at_the_other_price_and_explain_says_so(shop, plan, mira):
    order = saved(shop, plan, quantity=3, other_price=SPECIAL)
    line = order.lines.get()

    assert sold(order) == {"msp": (Decimal("16.50"), Decimal("10.00"))}
    assert [step["step"] for step in line.prices[0]["steps"]] == ["list_price", "override"]
    assert (line.price_reason, line.price_by) == ("Won against a competitor", mira)
    told = line.prices[0]
    dated = DatedPrice(AT.date(), "EUR", Decimal(told["price"]), Decimal(told["setup_fee"]), told["steps"])
    assert steps_of(dated, "price", 1) == [
        {"step": "list_price", "amount": "20", "currency": "EUR"},
        {"step": "override", "amount": "16.5", "currency": "EUR"},
    ]
    assert [step["step"] for step in steps_of(dated, "setup_fee", 1)] == ["list_price"]  # it is as listed


@pytest.mark.parametrize(
    ("other", "wholesale", "retail"),
    [
        # 20 less 20 % is 16, plus 30 % is 20.80; 10 once is 8, then 10.40.
        (None, ("16.00", "8.00"), ("20.80", "10.40")),
        (OtherPrice(Decimal("12.35"), None, "x"), ("12.35", "8.00"), ("16.06", "10.40")),  # 12.35 × 1.3 = 16.055
        (OtherPrice(None, Decimal(0), "x"), ("16.00", "0.00"), ("20.80", "0.00")),
        (OtherPrice(Decimal(0), Decimal("4.00"), "x"), ("0.00", "4.00"), ("0.00", "5.20")),
        (OtherPrice(Decimal(25), None, "x"), ("25.00", "8.00"), ("32.50", "10.40")),
    ],
    ids=["list", "price", "setup fee", "free", "above"],
)
def test_a_reseller_marks_up_the_other_price_that_it_pays(shop, plan, other, wholesale, retail):
    reseller = shop.personas.reseller
    factories.PartnerTermsFactory(reseller=reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=reseller, plan=plan)

    order = saved(shop, plan, consumer=shop.personas.resellers_customer, other_price=other)

    expected = {"wholesale": tuple(map(Decimal, wholesale)), "retail": tuple(map(Decimal, retail))}
    assert sold(order) == expected
    overages = [SoldPrice.from_json(price).amounts.overage_price for price in order.lines.get().prices]
    assert overages == [Decimal("0.08"), Decimal("0.104")]  # whatever the price is


def test_a_markup_by_amount_is_added_to_the_other_price(shop, plan):
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    price = factories.PartnerPriceFactory(
        reseller=shop.personas.reseller, plan=plan, markup_kind=PartnerPrice.MarkupKind.AMOUNT, markup_percent=0
    )
    price.markups.create(currency="EUR", term_months=1, amount=Decimal("3.10"))

    order = saved(shop, plan, consumer=shop.personas.resellers_customer, other_price=SPECIAL)

    assert sold(order) == {"wholesale": (Decimal("16.50"), Decimal("8.00")), "retail": (Decimal("19.60"), Decimal("8.00"))}


def test_in_another_currency_the_customers_price_stays_as_published(shop, plan):
    customer = shop.personas.resellers_customer
    Organization.objects.filter(pk=customer.pk).update(currency="CHF")
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=Decimal(30), setup_fee=Decimal(10))
    factories.PartnerTermsFactory(reseller=shop.personas.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=shop.personas.reseller, plan=plan)

    order = saved(shop, plan, consumer=customer, other_price=SPECIAL)

    assert sold(order)["wholesale"][0] == Decimal("16.50")
    assert sold(order)["retail"][0] == Decimal("31.20")  # 30 × 0.8 × 1.3


@pytest.mark.parametrize(
    ("other", "field", "words"),
    [
        (OtherPrice(Decimal("-0.01"), None, "x"), "price", "not below 0"),
        (OtherPrice(None, Decimal(-5), "x"), "setup_fee", "not below 0"),
        (OtherPrice(Decimal("9.999"), None, "x"), "price", "EUR has 2 decimals"),
        (OtherPrice(Decimal(10**9), None, "x"), "price", "below 1,000,000,000"),
        (OtherPrice(None, None, "why"), "price", "Enter the other price"),
        (OtherPrice(Decimal(9), None, "  "), "price_reason", "Say why"),
    ],
    ids=["negative", "negative fee", "decimals", "huge", "nothing", "no reason"],
)
def test_a_price_that_nobody_can_be_invoiced_is_refused_beside_its_field(shop, plan, other, field, words):
    with pytest.raises(FieldRefused, match=words) as refused:
        saved(shop, plan, other_price=other)

    assert refused.value.field == field
    assert not Order.objects.exists()


def test_pay_as_you_go_has_no_price_to_set(shop):
    with pytest.raises(FieldRefused, match="rate card"):
        saved(shop, shop.plan, protection_model="per_gigabyte", file_sync_model="per_user", other_price=SPECIAL)


def test_the_other_price_reaches_the_subscription_and_its_reason_stays(shop, plan, mira, vendor_answers):
    vendor_answers()
    order = saved(shop, plan, other_price=SPECIAL, login="dora.d", email="dora@example.com", role="company_admin")
    now_costs(plan, 99)
    placed(order, by=mira, at=AT)
    orders.execute_order(order_id=order.pk, by=mira, at=AT)

    execution.execute_line(line_id=order.lines.get().pk, clock=lambda: AT)

    line = order.lines.get()
    price = line.subscription.prices.get()
    assert (price.price, line.price_reason) == (Decimal("16.50"), SPECIAL.reason)
    assert price.working["steps"][-1]["step"] == "override"


def test_whoever_may_not_set_a_price_keeps_it_for_the_same_and_loses_it_for_anything_else(shop, plan):
    order = saved(shop, plan, other_price=SPECIAL)
    root = shop.personas.root

    kept = drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, purchase_order="PO"), may_override=False, by=root, at=AT)
    assert (sold(order)["msp"][0], order.lines.get().price_by, kept) == (Decimal("16.50"), shop.personas.mira, None)

    lost = drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, quantity=2), may_override=False, by=root, at=AT)
    assert (sold(order)["msp"][0], order.lines.get().price_reason) == (20, "")
    assert (lost.price_reason, lost.price_by) == (SPECIAL.reason, shop.personas.mira)


def test_a_form_sent_again_keeps_the_price_that_somebody_else_set_since(shop, plan):
    order = saved(shop, plan)
    root = shop.personas.root
    wanted = Wanted(plan, other_price=SPECIAL)
    drafts.change_draft(order_id=order.pk, wanted=wanted, may_override=True, by=root, at=AT)

    again = saved(shop, plan, key=order.key, purchase_order="PO")

    line = again.lines.get()
    assert (sold(again)["msp"][0], line.price_reason, line.price_by) == (Decimal("16.50"), SPECIAL.reason, root)
    assert again.purchase_order == "PO"


@pytest.mark.parametrize(
    "facts", [{"quantity": 2}, {"other_price": OtherPrice(Decimal(9), None, "Mine")}], ids=["another sale", "another other price"]
)
def test_a_form_sent_again_is_refused_where_it_would_drop_the_price_that_somebody_else_set(shop, plan, facts):
    order = saved(shop, plan, purchase_order="PO")
    root = shop.personas.root
    drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, other_price=SPECIAL), may_override=True, by=root, at=AT)

    with pytest.raises(OtherPriceWouldBeLost, match=f"draft {order} already. {root} has set another price for it since: Won"):
        saved(shop, plan, key=order.key, purchase_order="PO 2", **facts)

    order.refresh_from_db()
    assert (sold(order)["msp"][0], order.lines.get().quantity, order.purchase_order) == (Decimal("16.50"), 1, "")


def test_whoever_set_the_price_takes_it_off_with_the_form_sent_again(shop, plan):
    order = saved(shop, plan, other_price=SPECIAL)

    again = saved(shop, plan, key=order.key)

    assert (sold(again)["msp"][0], again.lines.get().price_reason) == (20, "")


def test_saving_the_same_other_price_again_leaves_it_with_whom_it_came_from(shop, plan):
    order = saved(shop, plan, other_price=SPECIAL)
    root = shop.personas.root
    wanted = Wanted(plan, other_price=SPECIAL)

    drafts.change_draft(order_id=order.pk, wanted=wanted, may_override=True, by=root, at=AT)
    assert order.lines.get().price_by == shop.personas.mira

    lower = replace(wanted, other_price=replace(SPECIAL, price=Decimal(15)))
    drafts.change_draft(order_id=order.pk, wanted=lower, may_override=True, by=root, at=AT)
    assert (order.lines.get().price_by, sold(order)["msp"][0]) == (root, 15)


# --- What a quote promises ----------------------------------------------------------------------------------------------------


def test_a_draft_is_placed_at_the_prices_of_that_moment(shop, plan, mira):
    order = saved(shop, plan)
    now_costs(plan, 25)

    assert Decimal(drafts.outlook(order, at=AT).line.prices[0]["price"]) == 25
    placed(order, by=mira, at=AT)

    assert sold(order)["msp"][0] == 25


@pytest.mark.parametrize(("days", "price"), [(30, 20), (31, 25)], ids=["last day", "day after"])
def test_a_quote_holds_its_prices_up_to_and_with_its_last_day(shop, plan, mira, days, price):
    order = saved(shop, plan)
    quoted(shop, order, valid_days=30)
    now_costs(plan, 25)

    placed(order, by=mira, at=AT + timedelta(days=days))

    assert sold(order)["msp"][0] == price


def test_a_quote_holds_its_quotas_too(shop, plan, mira):
    order = saved(shop, plan)
    quoted(shop, order)
    plan.module_settings.storage_quota = 10
    plan.module_settings.save()

    placed(order, by=mira, at=AT)

    assert order.lines.get().module_wish["items"]["pg_base_storage"]["soft"] == 50 * 1024**3


def test_an_edit_that_leaves_what_was_quoted_keeps_the_promise_and_another_one_does_not(shop, plan, mira):
    order = saved(shop, plan, quantity=2)
    quoted(shop, order)
    now_costs(plan, 25)

    drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, quantity=2, purchase_order="PO"), may_override=True, by=mira, at=AT)
    assert sold(order)["msp"][0] == 20

    drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, quantity=1), may_override=True, by=mira, at=AT)
    assert sold(order)["msp"][0] == 25


def test_a_quoted_other_price_holds_though_somebody_took_it_off_the_draft(shop, plan, mira):
    order = saved(shop, plan, other_price=SPECIAL)
    quoted(shop, order)

    drafts.change_draft(order_id=order.pk, wanted=Wanted(plan), may_override=True, by=shop.personas.root, at=AT)
    line = order.lines.get()

    assert (sold(order)["msp"][0], line.price_reason, line.price_by) == (Decimal("16.50"), SPECIAL.reason, mira)


def test_a_price_set_after_the_quote_counts(shop, plan, mira):
    order = saved(shop, plan)
    quoted(shop, order)

    drafts.change_draft(order_id=order.pk, wanted=Wanted(plan, other_price=SPECIAL), may_override=True, by=mira, at=AT)
    placed(order, by=mira, at=AT)

    assert sold(order)["msp"][0] == Decimal("16.50")


def test_another_price_in_a_currency_that_is_not_the_buyers_any_more_is_not_placed(shop, plan, mira):
    order = saved(shop, plan, other_price=SPECIAL)
    factories.PlanPriceFactory(plan=plan, currency="CHF", price=Decimal(30))
    Organization.objects.filter(pk=order.buyer_id).update(currency="CHF")

    with pytest.raises(DomainError, match="is invoiced in CHF now"):
        placed(order, by=mira, at=AT)


def test_the_invoice_line_explains_the_other_price(shop, mira, monkeypatch):
    monkeypatch.setattr("ordering.operations.orders.after_commit", lambda name, **told: None)
    plan = shop.fixed_plan(billing_model="prepaid")
    order = saved(shop, plan, other_price=SPECIAL, login="dora.d", email="dora@example.com", role="company_admin")
    placed(order, by=mira, at=AT)
    orders.execute_order(order_id=order.pk, by=mira, at=AT)

    prepayment.go_on(order_id=order.pk, at=AT)

    line = InvoiceLine.objects.get(item="term")
    told = [(row.words, row.amount) for row in explain(line, shop.personas.root).prices]
    assert told == [("List price", Decimal(20)), ("Agreed for this order", Decimal("16.5"))]
    assert line.net == Decimal("16.50")
