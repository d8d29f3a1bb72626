"""Plans of fixed price, from the basket to the subscription: term, quantity, what they cost whom, and what is provisioned."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from post_office.models import Email

from accounts.models import Organization
from billing.models import Subscription
from catalog.models import ModuleItem, ModuleSettings, Plan, PlanPrice
from catalog.queries.offers import SoldPrice
from common.errors import DomainError, FieldRefused
from ordering import module_wishes
from ordering.models import BasketLine, Order, OrderLine
from ordering.operations import baskets, execution, orders, refusals
from ordering.operations.baskets import LineSettings
from ordering.queries import checkouts, tracking
from provisioning.models import Service, VendorStorage
from tests import factories
from tests.ordering.conftest import ADDRESS, AT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_worker")]

GB = 1024**3


@pytest.fixture
def fixed(shop):
    """The shop, whose plan has a fixed price: 50 GB and 10 above, 20 EUR a month or 200 EUR a year."""
    shop.plan = shop.fixed_plan()
    shop.sells_through(shop.personas.reseller)
    return shop


def add(shop, **facts):
    p = shop.personas
    given = {"owner": p.dora, "buyer": p.direct_customer, "plan": shop.plan, "quantity": 1, "term_months": 1, "at": AT}
    return baskets.add_plan(**{**given, **facts})


def configure(basket, *, consumer=None, complete=True, **settings):
    line = basket.lines.get()
    wanted = LineSettings(**{"quantity": line.quantity, "term_months": line.term_months, **settings})
    chosen = consumer or basket.buyer
    baskets.configure(basket_id=basket.pk, settings={line.pk: wanted}, consumer=chosen, complete=complete, at=AT)


def submit(basket, **facts):
    """Place the order at what the basket costs now, unless told what was seen."""
    seen = checkouts.summary(basket, at=AT).prices_seen
    given = {"by": basket.owner, "address": ADDRESS, "at": AT, "prices_seen": seen}
    return orders.submit_order(basket_id=basket.pk, **{**given, **facts})


def create(shop, **facts):
    p = shop.personas
    given = {
        "key": uuid4(),
        "consumer": p.direct_customer,
        "plan": shop.plan,
        "quantity": 2,
        "term_months": 12,
        "by": p.mira,
        "at": AT,
    }
    return orders.create_order(**{**given, **facts})


def reprice(plan, **changes):
    PlanPrice.objects.filter(plan=plan).update(**changes)


# Into the basket


def test_a_plan_comes_with_its_term_quantity_and_the_price_that_was_told(fixed):
    basket = add(fixed, quantity=3, term_months=12)

    line = basket.lines.get()
    assert (line.quantity, line.term_months) == (3, 12)
    assert line.told_price == {"currency": "EUR", "price": "200", "setup_fee": "10", "overage_price": "0.1"}


def test_the_same_plan_for_another_term_changes_the_term(fixed):
    add(fixed, quantity=1, term_months=1)

    basket = add(fixed, quantity=2, term_months=12)

    line = basket.lines.get()
    assert (line.quantity, line.term_months, line.told_price["price"]) == (2, 12, "200")


def test_the_same_plan_again_keeps_its_quantity_unless_more_are_asked_for(fixed):
    add(fixed, quantity=5)

    assert add(fixed, quantity=1, term_months=12).lines.get().quantity == 5
    assert add(fixed, quantity=3, term_months=12).lines.get().quantity == 3


@pytest.mark.parametrize("term", [3, 0, -1, 7, 10**9])
def test_a_term_that_is_not_sold_is_refused_with_those_that_are(fixed, term):
    with pytest.raises(FieldRefused, match=r"is not sold for .* Choose 1 month or 12 months\.") as refusal:
        add(fixed, term_months=term)

    assert refusal.value.field == "term_months"


def test_a_term_without_a_price_in_the_buyers_currency_is_not_sold(fixed):
    factories.PlanPriceFactory(plan=fixed.plan, currency="CHF", term_months=6)

    with pytest.raises(FieldRefused, match="not sold for 6 months"):
        add(fixed, term_months=6)


def test_pay_as_you_go_has_no_term(shop):
    with pytest.raises(FieldRefused, match="billed by the month") as refusal:
        add(shop, term_months=12)

    assert refusal.value.field == "term_months"


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 10**9])
def test_a_quantity_nobody_can_order_is_refused(fixed, quantity):
    with pytest.raises(FieldRefused, match="from 1 to 10,000") as refusal:
        add(fixed, quantity=quantity)

    assert refusal.value.field == "quantity"


def test_a_plan_without_enabled_quantity_is_ordered_once(fixed):
    Plan.objects.update(quantity_is_enabled=False)
    fixed.plan.refresh_from_db()

    with pytest.raises(FieldRefused, match="ordered with quantity 1"):
        add(fixed, quantity=2)
    assert add(fixed, quantity=1).lines.get().quantity == 1


@pytest.mark.parametrize("facts", [{"quantity": 0}, {"quantity": 10_001}, {"term_months": 5}])
def test_the_database_refuses_impossible_basket_lines(fixed, facts):
    line = add(fixed).lines.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        BasketLine.objects.filter(pk=line.pk).update(**facts)


@pytest.mark.parametrize("facts", [{"quantity": 0}, {"quantity": 10_001}, {"term_months": 5}, {"prices": []}])
def test_the_database_refuses_impossible_order_lines(fixed, facts):
    order = create(fixed)

    with pytest.raises(IntegrityError), transaction.atomic():
        order.lines.update(**facts)


# What it costs


def test_the_buyer_is_told_price_setup_fee_and_overage_of_all_units(fixed):
    basket = add(fixed, quantity=3, term_months=12)

    item = checkouts.summary(basket, at=AT).items[0]

    assert item.cost_facts == [
        ("Price", "600.00 EUR (3 × 200.00 EUR) for 12 months, excl. VAT"),
        ("Setup fee", "30.00 EUR (3 × 10.00 EUR) once"),
        ("Overage price", "0.10 EUR per GB and month above the quota"),
    ]


def test_a_reseller_is_told_its_cost_its_customers_price_and_the_margin(fixed):
    p = fixed.personas
    basket = add(fixed, owner=p.alice, buyer=p.reseller, quantity=2)

    facts = dict(checkouts.summary(basket, at=AT).items[0].cost_facts)

    assert facts["Your cost"].startswith("32.00 EUR (2 × 16.00 EUR) for 1 month")
    assert facts["Your customer pays"].startswith("41.60 EUR (2 × 20.80 EUR) for 1 month")
    assert facts["Your margin"] == "9.60 EUR (2 × 4.80 EUR) for 1 month"


def test_a_customer_with_another_currency_pays_the_retail_of_that_currency(fixed):
    p = fixed.personas
    factories.PlanPriceFactory(plan=fixed.plan, currency="CHF", price=Decimal(30), setup_fee=0, overage_price=None)
    Organization.objects.filter(pk=p.resellers_customer.pk).update(currency="CHF")
    p.resellers_customer.refresh_from_db()
    basket = add(fixed, owner=p.alice, buyer=p.reseller)
    configure(basket, consumer=p.resellers_customer)
    basket.refresh_from_db()

    facts = dict(checkouts.summary(basket, at=AT).items[0].cost_facts)

    assert facts["Your cost"].startswith("16.00 EUR")
    assert facts["Your customer pays"].startswith("31.20 CHF")
    assert "Your margin" not in facts  # two currencies have no difference


def test_a_customer_without_a_price_in_its_currency_is_refused(fixed):
    p = fixed.personas
    Organization.objects.filter(pk=p.resellers_customer.pk).update(currency="CHF")
    p.resellers_customer.refresh_from_db()
    basket = add(fixed, owner=p.alice, buyer=p.reseller)

    with pytest.raises(FieldRefused, match="is invoiced in CHF") as refusal:
        configure(basket, consumer=p.resellers_customer)

    assert refusal.value.field == "consumer"


def test_a_resellers_customer_sees_retail_alone(fixed):
    p = fixed.personas
    basket = add(fixed, owner=p.carol, buyer=p.resellers_customer)

    facts = checkouts.summary(basket, at=AT).items[0].cost_facts

    assert [label for label, _ in facts] == ["Price", "Setup fee", "Overage price"]
    assert facts[0][1].startswith("20.80 EUR")


def test_nothing_is_due_now_and_the_first_invoice_comes_on_the_first(fixed):
    summary = checkouts.summary(add(fixed, term_months=12), at=AT)

    assert summary.due_now == 0
    assert summary.items[0].billing == [
        "On the 1st of each month for the month before: 1/12 of the price of the term.",
        "The first and the last month are billed by days.",
    ]


def test_a_free_trial_says_how_long_nothing_is_billed(fixed):
    ModuleSettings.objects.filter(plan=fixed.plan).update(is_free_trial=True, trial_days=14)

    order = create(fixed)
    ModuleSettings.objects.filter(plan=fixed.plan).update(trial_days=7)

    promised = tracking.line_billing(order.lines.get())
    basket = add(fixed, owner=fixed.personas.carol, buyer=fixed.personas.resellers_customer)
    offered = checkouts.summary(basket, at=AT).items[0].billing

    assert promised[0] == "Free trial: nothing is billed for the first 14 days."
    assert offered[0] == "Free trial: nothing is billed for the first 7 days."


# What has changed since it was told


def test_a_changed_price_is_said_once_and_then_told(fixed):
    basket = add(fixed)
    reprice(fixed.plan, price=Decimal(22), setup_fee=0, overage_price=None)

    sentences = baskets.bring_up_to_date(basket_id=basket.pk, at=AT)

    assert sentences == [
        f"The price of {fixed.plan} has changed: the price for 1 month is 22.00 EUR instead of 20.00 EUR, the setup fee is "
        "0.00 EUR instead of 10.00 EUR, the overage price is none instead of 0.10 EUR per GB."
    ]
    assert not checkouts.summary(basket, at=AT).is_out_of_date
    assert baskets.bring_up_to_date(basket_id=basket.pk, at=AT) == []


def test_a_term_that_is_not_sold_any_more_becomes_the_shortest(fixed):
    basket = add(fixed, term_months=12)
    PlanPrice.objects.filter(plan=fixed.plan, term_months=12).delete()

    [sentence] = baskets.bring_up_to_date(basket_id=basket.pk, at=AT)

    assert "not sold for 12 months any more. Your basket has it for 1 month now." in sentence
    assert basket.lines.get().term_months == 1


def test_a_quantity_that_is_not_sold_any_more_becomes_one(fixed):
    basket = add(fixed, quantity=5)
    Plan.objects.update(quantity_is_enabled=False)

    [sentence] = baskets.bring_up_to_date(basket_id=basket.pk, at=AT)

    assert "Your basket has 1 of it now." in sentence
    assert basket.lines.get().quantity == 1


def test_a_buyer_with_another_currency_is_told_the_price_in_it(fixed):
    basket = add(fixed)
    factories.PlanPriceFactory(plan=fixed.plan, currency="CHF", price=Decimal(25))
    Organization.objects.filter(pk=fixed.personas.direct_customer.pk).update(currency="CHF")

    assert baskets.bring_up_to_date(basket_id=basket.pk, at=AT) == [f"{fixed.plan} is priced in CHF now: 25.00 CHF for 1 month."]


# Placing the order


def test_an_order_copies_term_quantity_editions_prices_and_module_setting(fixed):
    order = submit(fixed.complete(quantity=2, term_months=12))

    line = order.lines.get()
    assert (line.quantity, line.term_months) == (2, 12)
    assert (line.protection_model, line.file_sync_model) == ("per_gigabyte", "per_user")
    [price] = [SoldPrice.from_json(told) for told in line.prices]
    assert (price.level, price.currency, price.amounts.price, price.amounts.setup_fee) == ("msp", "EUR", 200, 10)
    assert line.module_wish["items"]["pg_base_storage"] == {
        "is_enabled": True,
        "soft": 50 * GB,
        "overage": 10 * GB,
        "unit": "bytes",
        "application": "backup",
    }


@pytest.mark.parametrize("buyer", ["reseller", "resellers_customer"])
def test_a_sale_through_a_reseller_keeps_both_prices_whoever_orders(fixed, buyer):
    p = fixed.personas
    owner = p.alice if buyer == "reseller" else p.carol

    order = submit(fixed.complete(owner=owner, buyer=getattr(p, buyer), consumer=p.resellers_customer))

    prices = [SoldPrice.from_json(told) for told in order.lines.get().prices]
    assert [(price.level, price.amounts.price) for price in prices] == [("wholesale", 16), ("retail", Decimal("20.80"))]


def test_an_order_at_prices_nobody_saw_is_refused_and_nothing_is_ordered(fixed):
    basket = fixed.complete()

    with pytest.raises(refusals.PricesChanged):
        submit(basket, prices_seen="")

    assert not Order.objects.exists()


@pytest.mark.parametrize("change", ["price", "quantity", "term"])
def test_what_changed_between_review_and_placing_is_not_ordered(fixed, change):
    basket = fixed.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen
    if change == "price":
        reprice(fixed.plan, overage_price=Decimal("0.11"))
    else:
        configure(basket, **({"quantity": 2} if change == "quantity" else {"term_months": 12}))

    with pytest.raises(refusals.PricesChanged):
        submit(basket, prices_seen=seen)

    assert not Order.objects.exists()


@pytest.mark.parametrize("change", ["storage_quota", "overage", "is_free_trial", "file_sync_model"])
def test_what_is_included_changed_between_review_and_placing_is_not_ordered(fixed, change):
    new = {"storage_quota": 10, "overage": 5, "is_free_trial": True, "file_sync_model": "per_workload"}[change]
    basket = fixed.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen
    ModuleSettings.objects.filter(plan=fixed.plan).update(**{change: new})

    with pytest.raises(refusals.PricesChanged):
        submit(basket, prices_seen=seen)

    assert not Order.objects.exists()


def test_an_item_switched_off_between_review_and_placing_is_not_ordered(fixed):
    item = ModuleItem.objects.create(settings=fixed.plan.module_settings, name="pg_base_storage", is_enabled=True, soft_quota=None)
    basket = fixed.complete()
    seen = checkouts.summary(basket, at=AT).prices_seen
    item.is_enabled = False
    item.save(update_fields=["is_enabled"])

    with pytest.raises(refusals.PricesChanged):
        submit(basket, prices_seen=seen)


def test_a_changed_markup_is_a_changed_price_for_the_reseller(fixed):
    p = fixed.personas
    basket = fixed.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)
    seen = checkouts.summary(basket, at=AT).prices_seen
    fixed.plan.partner_prices.update(markup_percent=40)

    with pytest.raises(refusals.PricesChanged):
        submit(basket, prices_seen=seen)


def test_second_submit_returns_the_same_order_even_at_other_prices(fixed):
    basket = fixed.complete()
    first = submit(basket)
    reprice(fixed.plan, price=Decimal(99))

    assert submit(basket, prices_seen="") == first
    assert OrderLine.objects.count() == 1


def test_a_term_withdrawn_at_the_last_moment_leads_back_to_the_basket(fixed):
    basket = fixed.complete(term_months=12)
    PlanPrice.objects.filter(plan=fixed.plan, term_months=12).delete()

    with pytest.raises(refusals.StepMissing) as refusal:
        submit(basket)

    assert refusal.value.step is checkouts.Step.BASKET


def test_items_the_service_manager_lacks_are_refused_at_purchase(fixed):
    fixed.plan.service_manager.offering_items.all().delete()

    with pytest.raises(DomainError, match="offering items not available"):
        submit(fixed.complete())

    assert not Order.objects.exists()


# The mail tells each reader its own end


def mail_of(order):
    return Email.objects.get(subject__contains=order.number).message


def test_the_mail_says_term_quantity_price_and_what_is_included(fixed):
    text = mail_of(submit(fixed.complete(quantity=2, term_months=12)))

    assert "Term: 12 months" in text
    assert "Quantity: 2" in text
    assert "Price: 400.00 EUR (2 × 200.00 EUR) for 12 months, excl. VAT" in text
    assert "Cloud storage: 100 GB, and up to 20 GB above it" in text
    assert "You pay by use" not in text


def test_the_mail_to_a_resellers_customer_holds_no_wholesale(fixed):
    p = fixed.personas

    text = mail_of(submit(fixed.complete(owner=p.carol, buyer=p.resellers_customer)))

    assert "20.80 EUR" in text
    assert "16.00" not in text
    assert "cost" not in text


def test_the_mail_to_a_reseller_tells_both_ends(fixed):
    p = fixed.personas

    text = mail_of(submit(fixed.complete(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)))

    assert "Your cost: 16.00 EUR" in text
    assert "Your customer pays: 20.80 EUR" in text


# The BSS


def test_a_bss_order_of_a_fixed_plan_takes_the_editions_of_the_plan(fixed):
    line = create(fixed, protection_model="per_workload").lines.get()

    assert (line.protection_model, line.file_sync_model, line.quantity, line.term_months) == ("per_gigabyte", "per_user", 2, 12)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"term_months": 3}, "term_months"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 10**9}, "quantity"),
    ],
)
def test_bad_input_in_the_bss_names_the_field(fixed, facts, field):
    with pytest.raises(FieldRefused) as refusal:
        create(fixed, **facts)

    assert refusal.value.field == field


def test_a_bss_order_for_a_customer_without_a_price_says_so(fixed):
    p = fixed.personas
    Organization.objects.filter(pk=p.resellers_customer.pk).update(currency="CHF")

    with pytest.raises(FieldRefused, match="no price in CHF") as refusal:
        create(fixed, consumer=p.resellers_customer)

    assert refusal.value.field == "term_months"


# Provisioned as it was sold


def test_an_order_is_provisioned_and_billed_as_it_was_sold(fixed, vendor_answers):
    vendor_answers(None)
    line = submit(fixed.complete(quantity=2, term_months=12)).lines.get()
    ModuleSettings.objects.filter(plan=fixed.plan).update(storage_quota=500, overage=None)
    reprice(fixed.plan, price=Decimal(999))

    execution.execute_line(line_id=line.pk, clock=lambda: AT + timedelta(minutes=1))

    line.refresh_from_db()
    assert line.status == OrderLine.Status.COMPLETED, line.error
    service = Service.objects.get()
    assert (service.quantity, service.covers) == (2, Service.Covers.CHOSEN)
    storage = service.items.get(name="pg_base_storage")
    assert (storage.soft_quota, storage.overage) == (50 * GB, 10 * GB)
    subscription = line.subscription
    assert (subscription.quantity, subscription.term_months) == (2, 12)
    assert [(row.level, row.price) for row in subscription.prices.all()] == [("msp", 200)]


@pytest.mark.parametrize("part", ["_wish", "_complete"])
def test_killed_around_the_wish_it_goes_on_as_it_was_sold(fixed, vendor_answers, monkeypatch, part):
    class Killed(BaseException):
        """What no code of ours catches, as nothing catches SIGKILL."""

    def kill(*args, **facts):
        raise Killed

    vendor_answers()
    line = submit(fixed.complete(quantity=2, term_months=12)).lines.get()
    with monkeypatch.context() as first:
        if part == "_wish":  # the wish is written, the vendor was not asked yet
            first.setattr(execution.converging, "converge", kill)
        else:  # all is at the vendor, the subscription has not begun
            first.setattr(execution, "_complete", kill)
        with pytest.raises(Killed):
            execution.execute_line(line_id=line.pk, clock=lambda: AT + timedelta(minutes=1))
    ModuleSettings.objects.filter(plan=fixed.plan).update(storage_quota=500, overage=None)
    Plan.objects.filter(pk=fixed.plan.pk).update(status=Plan.Status.ARCHIVED)
    PlanPrice.objects.filter(plan=fixed.plan).delete()

    for _ in range(2):
        execution.execute_line(line_id=line.pk, clock=lambda: AT + timedelta(minutes=2))

    line.refresh_from_db()
    assert line.status == OrderLine.Status.COMPLETED, line.error
    assert Service.objects.get().items.get(name="pg_base_storage").soft_quota == 50 * GB
    subscription = Subscription.objects.get()
    assert [(row.level, row.price) for row in subscription.prices.all()] == [("msp", 200)]


def test_the_backup_location_of_the_module_setting_is_kept_until_it_is_gone(fixed):
    storage = VendorStorage.objects.create(service_manager=fixed.plan.service_manager, infra_id=uuid4(), name="Frankfurt")
    ModuleSettings.objects.filter(plan=fixed.plan).update(backup_storage=storage)
    line = create(fixed).lines.get()

    assert module_wishes.of_line(line).backup_storage == storage
    ModuleSettings.objects.update(backup_storage=None)
    storage.delete()
    assert module_wishes.of_line(line).backup_storage is None


def test_a_line_from_before_module_settings_were_copied_covers_everything(shop):
    line = shop.line()
    OrderLine.objects.update(module_wish={})
    line.refresh_from_db()

    wish = module_wishes.of_line(line)

    assert (wish.covers, wish.items, wish.quantity) == (Service.Covers.EVERYTHING, {}, 1)
