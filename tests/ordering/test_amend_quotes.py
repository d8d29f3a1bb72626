"""What a change of a running subscription is quoted at, what can be chosen, and what is refused."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from billing.models import Invoice
from billing.operations import subscriptions
from billing.operations.in_use import InUse
from catalog.models import ModuleItem, ModuleSettings, PartnerPrice, Plan, PlanPrice
from common.errors import DomainError, FieldRefused
from ordering.amendment_terms import AmendmentWish
from ordering.models import Order, OrderLine
from ordering.operations import amendments, fitting
from ordering.queries import amendments as subject
from provisioning.models import VendorOfferingItem
from tests import factories
from tests.ordering.amend import GB, LATER, bigger_plan, subscribed

pytestmark = pytest.mark.django_db
STORAGE = ("backup", "storage")


@pytest.fixture
def sold(shop):
    """Return what sells one subscription that nobody has carried to a vendor: dora's, 50 GB and 10 above, unless told otherwise."""

    def sell(plan=None, *, consumer=None, quantity=1, term_months=1):
        return subscribed(
            plan or shop.fixed_plan(name="Backup 50 GB"),
            consumer or shop.personas.direct_customer,
            quantity=quantity,
            term_months=term_months,
        )

    return sell


@pytest.fixture
def in_use(monkeypatch):
    """Let so much be in use, as the vendor says or as it was read."""

    def use(amounts, *, is_live=True):
        found = InUse({key: Decimal(amount) for key, amount in amounts.items()}, LATER - timedelta(hours=3), is_live)
        monkeypatch.setattr(fitting, "in_use", lambda service, *, at, only_live: found)

    return use


def quote(subscription, kind, *, reader=None, at=LATER, **facts):
    reader = reader or subscription.consumer
    wish = AmendmentWish(kind, **facts)
    return amendments.quote_amendment(subscription_id=subscription.pk, wish=wish, reader=reader, at=at)


def place(subscription, kind, *, reader=None, at=LATER, key=None, by=None, seen=None, source="storefront", **facts):
    reader = reader or subscription.consumer
    return amendments.place_amendment(
        subscription_id=subscription.pk,
        wish=AmendmentWish(kind, **facts),
        quote_seen=quote(subscription, kind, reader=reader, at=at, **facts).fingerprint if seen is None else seen,
        reader=None if source == "bss" else reader,
        source=source,
        key=key or uuid4(),
        by=by or factories.UserFactory(),
        at=at,
    )


def words(rows):
    return {row.label: (row.before, row.after) for row in rows if row.has_changed}


# --- What it says


def test_a_quantity_is_quoted_with_its_quota_its_price_and_the_days_of_the_month(sold):
    told = quote(sold(), "quantity", quantity=2)

    assert told.heading == "Quantity 1 → 2"
    assert words(told.rows) == {
        "Quantity": ("1", "2"),
        "Cloud storage": ("50 GB, and up to 10 GB above it", "100 GB, and up to 20 GB above it"),
        "Price": ("20.00 EUR for 1 month, excl. VAT", "40.00 EUR for 1 month, excl. VAT"),
    }
    assert told.first_day == date(2026, 10, 15)
    (cost,) = told.costs
    assert [(part.words, part.amount, part.is_new) for part in cost.parts] == [
        ("1 × Backup 50 GB, 1 Oct 2026 to 14 Oct 2026: 14 of 31 days", Decimal("9.03"), False),
        ("2 × Backup 50 GB, 15 Oct 2026 to 31 Oct 2026: 17 of 31 days", Decimal("21.94"), True),
    ]
    assert (cost.due_now, cost.credited, cost.next_invoice_on) == (0, 0, date(2026, 11, 1))
    assert not Order.objects.filter(lines__kind="quantity").exists()
    assert not Invoice.objects.exists()


def test_another_plan_says_what_becomes_of_quota_and_price(sold, shop):
    subscription = sold()
    plan = bigger_plan(shop)

    told = quote(subscription, "plan", plan=plan)

    assert told.heading == "Backup 50 GB → Backup 200 GB"
    assert words(told.rows)["Cloud storage"][1] == "200 GB, and up to 20 GB above it"
    assert words(told.rows)["Price"] == ("20.00 EUR for 1 month, excl. VAT", "60.00 EUR for 1 month, excl. VAT")


def test_another_term_says_what_a_month_costs(sold):
    told = quote(sold(), "term", term_months=12)

    assert words(told.rows) == {
        "Term": ("1 month", "12 months"),
        "Price": ("20.00 EUR for 1 month, excl. VAT", "200.00 EUR for 12 months, excl. VAT"),
        "Price, per month": ("20.00 EUR", "16.67 EUR"),
    }


@pytest.mark.parametrize(("ends", "first_day"), [("now", date(2026, 10, 16)), ("at_end_of_term", date(2027, 10, 1))])
def test_a_cancellation_says_its_last_day(sold, ends, first_day):
    told = quote(sold(term_months=12), "cancel", ends=ends)

    assert (told.first_day, told.last_day) == (first_day, first_day - timedelta(days=1))
    assert told.is_cancellation
    assert "deleted at Acronis" in told.warnings[0]


def test_the_days_are_those_of_the_msp_also_in_the_night_the_clocks_change(sold):
    late = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # half past midnight of the 25th in Berlin, the day summer time ends

    assert quote(sold(), "quantity", quantity=2, at=late).first_day == date(2026, 10, 25)


def test_everybody_is_quoted_their_own_end_of_the_sale(sold, shop):
    p = shop.personas
    shop.plan = shop.fixed_plan(name="Backup 50 GB")
    shop.sells_through(p.reseller)
    subscription = sold(shop.plan, consumer=p.resellers_customer)

    of_reseller, of_customer = (
        quote(subscription, "quantity", quantity=2, reader=reader) for reader in (p.reseller, p.resellers_customer)
    )

    assert [cost.level for cost in of_reseller.costs] == ["wholesale", "retail"]
    assert words(of_reseller.rows)["Your cost"][1] == "32.00 EUR for 1 month, excl. VAT"
    assert words(of_reseller.rows)["Your customer pays"][1] == "41.60 EUR for 1 month, excl. VAT"
    assert [cost.level for cost in of_customer.costs] == ["retail"]
    assert words(of_customer.rows)["Price"][1] == "41.60 EUR for 1 month, excl. VAT"
    assert "32.00" not in str([*of_customer.rows, *of_customer.costs])


def test_pay_as_you_go_changes_its_licensing_models_without_a_price(sold, shop):
    subscription = sold(shop.plan)

    told = quote(subscription, "plan", plan=shop.plan, protection_model="per_workload")

    assert words(told.rows) == {"Protection Licensing Model": ("Per gigabyte", "Per workload")}
    assert (told.costs, told.own) == ([], None)


# --- What can be chosen


def test_what_can_be_chosen_is_what_is_sold_of_the_same_product(sold, shop):
    subscription = sold()
    bigger = bigger_plan(shop)
    shop.fixed_plan(name="Prepaid", billing_model="prepaid")
    factories.FixedPlanFactory(name="Elsewhere")
    other = factories.ProductGroupFactory(product=factories.ProductFactory(name="Another product"), name="Other")
    shop.fixed_plan(name="Other product", product_group=other)
    shop.fixed_plan(name="Withdrawn", status=Plan.Status.ARCHIVED)

    found = subject.choices(subscription, reader=subscription.consumer, at=LATER)

    assert [(choice.plan, choice.keeps_term, choice.is_dearer) for choice in found.plans] == [(bigger, True, True)]
    assert [(term.months, term.price, term.per_month) for term in found.terms] == [(12, 200, Decimal("16.67"))]
    assert found.largest_quantity == 10_000
    assert [(choice.ends, choice.last_day) for choice in found.cancel] == [
        ("now", date(2026, 10, 15)),
        ("at_end_of_term", date(2026, 10, 31)),
    ]
    assert not found.closed_because


def test_the_choices_of_many_plans_are_read_in_a_bounded_number_of_queries(sold, shop, django_assert_max_num_queries):
    subscription = sold()
    for number in range(8):
        shop.fixed_plan(name=f"Plan {number}")

    with django_assert_max_num_queries(18):
        found = subject.choices(subscription, reader=subscription.consumer, at=LATER)

    assert len(found.plans) == 8


def test_a_plan_that_is_not_sold_any_more_can_only_become_less_or_end(sold):
    subscription = sold(quantity=3)
    Plan.objects.filter(pk=subscription.plan_id).update(status=Plan.Status.ARCHIVED)

    found = subject.choices(subscription, reader=subscription.consumer, at=LATER)

    assert (found.largest_quantity, found.terms) == (3, [])
    assert quote(subscription, "quantity", quantity=2).heading == "Quantity 3 → 2"
    with pytest.raises(DomainError, match="not sold any more"):
        quote(subscription, "quantity", quantity=4)


# --- What is refused


@pytest.mark.parametrize(
    ("kind", "facts", "sentence"),
    [
        ("quantity", {"quantity": 1}, "The quantity is 1 already"),
        ("quantity", {"quantity": 0}, "from 1 to 10,000"),
        ("quantity", {"quantity": 10_001}, "from 1 to 10,000"),
        ("quantity", {}, "from 1 to 10,000"),
        ("term", {"term_months": 1}, "The term is 1 month already"),
        ("term", {"term_months": 3}, "not sold for 3 months. Choose 1 month or 12 months"),
        ("plan", {}, "Choose a plan"),
        ("cancel", {"ends": "some day"}, "Choose when it ends"),
        ("nonsense", {}, "Choose what to change"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(sold, kind, facts, sentence):
    subscription = sold()

    with pytest.raises(DomainError, match=sentence):
        quote(subscription, kind, **facts)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({"billing_model": "prepaid"}, "is billed another way"),
        ({"status": Plan.Status.ARCHIVED}, "is not sold to"),
        ({"product_group": "other"}, "is another product"),
        ({"service_manager": "other"}, "runs elsewhere"),
        ({"monthly": None}, "not sold for 1 month. Choose 12 months"),
    ],
)
def test_a_plan_that_cannot_take_its_place_is_refused(sold, shop, facts, sentence):
    subscription = sold()
    if "product_group" in facts:
        product = factories.ProductFactory(name="Another product")
        facts = {"product_group": factories.ProductGroupFactory(product=product, name="Other")}
    made = factories.FixedPlanFactory(**facts) if facts.pop("service_manager", "") else shop.fixed_plan(name="Other", **facts)

    with pytest.raises(DomainError, match=sentence):
        quote(subscription, "plan", plan=made)


def test_what_is_metered_has_no_quantity_and_no_term(sold, shop):
    subscription = sold(shop.plan)

    for kind, facts in (("quantity", {"quantity": 2}), ("term", {"term_months": 12})):
        with pytest.raises(FieldRefused, match="Pay-as-you-go"):
            quote(subscription, kind, **facts)


def test_a_plan_without_a_price_in_the_currency_of_the_resellers_customer_is_refused(sold, shop):
    p = shop.personas
    shop.plan = shop.fixed_plan(name="Backup 50 GB")
    shop.sells_through(p.reseller)
    subscription = sold(shop.plan, consumer=p.resellers_customer)
    plan = bigger_plan(shop)
    factories.PartnerTermsFactory(reseller=p.reseller, plan=plan)
    factories.PartnerPriceFactory(reseller=p.reseller, plan=plan, markup_kind=PartnerPrice.MarkupKind.AMOUNT)

    with pytest.raises(FieldRefused, match="not sold for 1 month"):
        quote(subscription, "plan", plan=plan, reader=p.reseller)


def test_one_that_has_ended_or_is_to_end_is_not_changed(sold):
    subscription = sold()
    subscriptions.plan_end(subscription_id=subscription.pk, on=date(2026, 11, 1), by=None, at=LATER)

    with pytest.raises(amendments.AmendmentRefused, match=r"ends after 31 Oct 2026\. Take the cancellation back first"):
        quote(subscription, "quantity", quantity=2)
    assert quote(subscription, "cancel", ends="now").last_day == LATER.date()  # it may still end at once

    subscriptions.end_subscription(subscription_id=subscription.pk, at=LATER, by=None)
    for kind, facts in (("quantity", {"quantity": 2}), ("cancel", {"ends": "now"})):
        with pytest.raises(amendments.AmendmentRefused, match="has ended"):
            quote(subscription, kind, **facts)


def test_quotas_the_vendor_cannot_count_are_refused(sold, shop):
    plan = shop.fixed_plan(name="Vast")
    ModuleSettings.objects.filter(plan=plan).update(storage_quota=8_000_000, overage=None)

    with pytest.raises(DomainError, match="more than Acronis can count"):
        quote(sold(plan), "quantity", quantity=10_000)


# --- What is in use


def test_less_than_what_is_in_use_is_refused_with_the_figures(sold, in_use):
    subscription = sold(quantity=2)
    in_use({STORAGE: int(Decimal("92.4") * GB)})

    with pytest.raises(fitting.BelowUse) as refusal:
        quote(subscription, "quantity", quantity=1)

    assert refusal.value.field == "quantity"
    assert str(refusal.value) == (
        "92.40 GB of Cloud storage are in use; 1 × Backup 50 GB has 50 GB, and 10 GB above it. Use less first, or choose more."
    )


def test_what_was_only_read_earlier_says_of_when_it_is(sold, in_use):
    subscription = sold(quantity=2)
    in_use({STORAGE: 70 * GB}, is_live=False)

    with pytest.raises(fitting.BelowUse, match="as of 15 Oct 2026, 11:00 CEST"):
        quote(subscription, "quantity", quantity=1)


def test_use_above_the_soft_quota_and_below_the_hard_one_is_told_and_billed(sold, in_use):
    subscription = sold(quantity=2)
    in_use({STORAGE: 55 * GB})

    told = quote(subscription, "quantity", quantity=1)

    assert told.warnings == ["5 GB of Cloud storage are in use above the new quota; they are billed as overage."]


def test_more_is_never_kept_from_anybody_who_uses_too_much(sold, in_use):
    subscription = sold()
    in_use({STORAGE: 400 * GB})

    assert quote(subscription, "quantity", quantity=2).heading == "Quantity 1 → 2"


def test_less_than_what_staff_gave_by_hand_is_looked_at_although_more_is_sold(sold, in_use):
    subscription = sold()
    subscription.service.quantity = 5
    subscription.service.save()
    in_use({STORAGE: 200 * GB})

    with pytest.raises(fitting.BelowUse, match="2 × Backup 50 GB has 100 GB"):
        quote(subscription, "quantity", quantity=2)


def test_what_is_in_use_and_not_included_any_more_is_refused(sold, shop, in_use):
    plan = shop.fixed_plan(name="With mailboxes")
    seats = VendorOfferingItem.objects.create(
        service_manager=plan.service_manager,
        name="pg_o365_seats",
        application_id=uuid4(),
        application_type="backup",
        usage_name="o365_seats",
        edition="pck_per_gigabyte",
        item_type="count",
        measurement_unit="quantity",
    )
    ModuleItem.objects.create(settings=plan.module_settings, name=seats.name, is_enabled=True, soft_quota=10)
    subscription = sold(plan)
    without = shop.fixed_plan(name="Without")
    in_use({("backup", "o365_seats"): 7, STORAGE: GB})

    with pytest.raises(fitting.BelowUse, match=r"7 of .* are in use; 1 × Without does not include it"):
        quote(subscription, "plan", plan=without)


# --- Ordering


def test_the_same_form_twice_is_one_order_and_another_one_is_refused(sold):
    subscription, key = sold(), uuid4()
    seen = quote(subscription, "quantity", quantity=2).fingerprint

    orders = [place(subscription, "quantity", quantity=2, key=key, seen=seen) for _ in range(2)]
    with pytest.raises(amendments.AmendmentRefused, match=f"Order {orders[0]} changes subscription {subscription} already"):
        place(subscription, "quantity", quantity=2, seen=seen)

    assert orders[0] == orders[1]
    line = OrderLine.objects.get(kind="quantity")
    assert (line.quantity, line.subscription, line.service) == (2, subscription, subscription.service)
    assert line.quote["before"]["quantity"] == 1
    assert [Decimal(price["price"]) for price in line.prices] == [20]


def test_a_form_that_was_sent_for_another_service_is_refused(sold, shop):
    plan, key = shop.fixed_plan(name="Backup 50 GB"), uuid4()
    place(sold(plan), "cancel", ends="now", key=key)
    other = sold(plan, consumer=factories.OrganizationFactory())

    with pytest.raises(amendments.AmendmentRefused, match="sent for something else"):
        place(other, "cancel", ends="now", key=key)


def test_a_quote_that_has_changed_is_not_ordered(sold):
    subscription = sold()
    seen = quote(subscription, "term", term_months=12).fingerprint
    PlanPrice.objects.filter(plan=subscription.plan, term_months=12).update(price=240)

    with pytest.raises(DomainError, match="has changed since you saw it"):
        place(subscription, "term", term_months=12, seen=seen)

    assert not Order.objects.filter(lines__kind="term").exists()


def test_from_the_storefront_it_begins_by_itself_and_from_the_bss_it_waits(sold, shop):
    by_itself = place(sold(), "quantity", quantity=2, by=shop.personas.dora)
    assert by_itself.status == "executing"
    by_itself.lines.update(status="cancelled")

    subscription = by_itself.lines.get().subscription
    waits = place(subscription, "quantity", quantity=2, by=shop.personas.mira, source="bss")

    assert (waits.status, waits.buyer) == ("placed", subscription.consumer)
