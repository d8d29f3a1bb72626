"""Plans of fixed price against the real client on the sandbox: what is sold is what stands at the vendor and is billed."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from billing.operations import subscriptions
from catalog.models import ModuleSettings
from ordering.models import Order, OrderLine
from ordering.operations import execution, orders
from ordering.queries import checkouts
from provisioning import vendor
from provisioning.operations import converging
from tests import factories
from tests.ordering.conftest import AT, Shop

pytestmark = pytest.mark.usefixtures("no_worker")

GB = 1024**3


@pytest.fixture
def shop(personas, acronis):
    """50 GB and 10 above, whose storage item the service manager mirrors from the vendor."""
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager)
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


def execute(line):
    execution.execute_line(line_id=line.pk, clock=lambda: AT)
    line.refresh_from_db()
    assert (line.status, line.error) == (OrderLine.Status.COMPLETED, "")


def at_vendor(acronis, line):
    """The items that are on at the vendor, by name."""
    api = vendor.connect(acronis.service_manager)
    return {item.name: item for item in api.offering_items.list(str(line.service.tenant.vendor_id)) if item.enabled}


def sold(line):
    return [(row.level, row.currency, row.price, row.setup_fee) for row in line.subscription.prices.order_by("pk")]


def test_a_direct_customers_order_of_two_has_twice_the_quota(shop, acronis):
    line = shop.line(quantity=2, term_months=12)

    execute(line)

    storage = at_vendor(acronis, line)["pg_base_storage"]
    assert (storage.quota.value, storage.quota.overage) == (100 * GB, 20 * GB)
    subscription = line.subscription
    assert (subscription.billing_model, subscription.quantity, subscription.term_months) == ("postpaid_fixed", 2, 12)
    assert sold(line) == [("msp", "EUR", 200, 10)]
    page = shop.personas.client("dora").get(f"/orders/{line.order.number}/").content.decode()
    assert "Your service is ready." in page
    assert "Use is metered daily" not in page


def test_a_resellers_order_for_its_customer_is_sold_at_both_ends(shop, acronis):
    p = shop.personas
    line = shop.line(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer, quantity=2)

    execute(line)

    storage = at_vendor(acronis, line)["pg_base_storage"]
    assert (storage.quota.value, storage.quota.overage) == (100 * GB, 20 * GB)
    assert [(level, f"{price:.2f}") for level, _, price, _ in sold(line)] == [("wholesale", "16.00"), ("retail", "20.80")]


def test_only_what_the_module_setting_ticks_is_on(shop, acronis):
    line = shop.line()

    execute(line)

    names = set(at_vendor(acronis, line))
    assert "pg_base_storage" in names
    assert not any(name.startswith(("pw_", "fu_")) for name in names)


def test_a_module_setting_changed_after_ordering_reaches_only_later_orders(shop, acronis):
    line = shop.line()
    ModuleSettings.objects.filter(plan=shop.plan).update(storage_quota=500, overage=None)

    execute(line)

    storage = at_vendor(acronis, line)["pg_base_storage"]
    assert (storage.quota.value, storage.quota.overage) == (50 * GB, 10 * GB)


def test_a_free_trial_lasts_as_long_as_it_was_promised_and_goes_to_production_by_itself(shop, acronis):
    ModuleSettings.objects.filter(plan=shop.plan).update(is_free_trial=True, trial_days=14)
    line = shop.line()
    ModuleSettings.objects.filter(plan=shop.plan).update(trial_days=7)
    execute(line)
    subscription, tenant = line.subscription, line.service.tenant
    api = vendor.connect(acronis.service_manager)
    modes = [api.tenants.pricing(str(tenant.vendor_id)).mode]

    for days in (13, 14):
        later = AT + timedelta(days=days)
        subscriptions.end_trials(at=later)
        converging.converge_due(tenant.pk, clock=lambda later=later: later)
        modes.append(api.tenants.pricing(str(tenant.vendor_id)).mode)

    assert subscription.trial_ends_on == subscription.started_on + timedelta(days=14)
    assert modes == ["trial", "trial", "production"]


def test_a_free_trial_of_a_pay_as_you_go_plan_is_kept_likewise(shop, acronis):
    plan = factories.PlanFactory(service_manager=acronis.service_manager)
    ModuleSettings.objects.filter(plan=plan).update(is_free_trial=True, trial_days=30)
    line = shop.line(plan=plan)

    execute(line)

    assert line.subscription.trial_ends_on == line.subscription.started_on + timedelta(days=30)


# The BSS


def form(shop, **changes):
    return {
        "key": str(uuid4()),
        "consumer": shop.personas.direct_customer.pk,
        "plan": shop.plan.pk,
        "term_months": "12",
        "quantity": "2",
        "role": "company_admin",
        "login": "dora.d",
        "email": "dora@example.com",
        **changes,
    }


def test_an_account_manager_orders_sees_quotas_and_prices_and_executes(shop, acronis):
    mira = shop.personas.client("mira")
    mira.post(reverse("admin:ordering_order_create"), form(shop))
    order = Order.objects.get()

    page = mira.get(reverse("admin:ordering_order_change", args=[order.pk])).content.decode()
    preview = mira.get(reverse("admin:ordering_order_preview", args=[order.pk])).content.decode()
    orders.execute_order(order_id=order.pk, by=shop.personas.mira, at=AT)
    line = order.lines.get()
    execute(line)

    assert "12 months, quantity 2" in page
    assert "400.00 EUR (2 × 200.00 EUR) for 12 months, excl. VAT" in page
    assert "100 GB, and up to 20 GB above it" in page
    assert "soft quota 100 GB, hard at 120 GB" in preview
    assert at_vendor(acronis, line)["pg_base_storage"].quota.value == 100 * GB
    assert sold(line) == [("msp", "EUR", 200, 10)]


def test_staff_read_both_ends_of_a_resellers_sale(shop):
    p = shop.personas
    mira = p.client("mira")
    mira.post(reverse("admin:ordering_order_create"), form(shop, consumer=p.resellers_customer.pk, term_months="1", quantity="1"))

    page = mira.get(reverse("admin:ordering_order_change", args=[Order.objects.get().pk])).content.decode()

    for words in ("Reseller pays", "16.00 EUR for 1 month", "Customer pays", "20.80 EUR for 1 month", "4.80 EUR for 1 month"):
        assert words in page


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"term_months": "3"}, "term_months", "not sold for 3 months"),
        ({"term_months": "5"}, "term_months", "Select a valid choice"),
        ({"quantity": "0"}, "quantity", "from 1 to 10,000"),
        ({"quantity": "-1"}, "quantity", "from 1 to 10,000"),
        ({"quantity": "1.5"}, "quantity", "from 1 to 10,000"),
        ({"quantity": "1000000000"}, "quantity", "from 1 to 10,000"),
        ({"quantity": ""}, "quantity", "from 1 to 10,000"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(shop, changes, field, words):
    answer = shop.personas.client("mira").post(reverse("admin:ordering_order_create"), form(shop, **changes))

    assert words in " ".join(answer.context["form"].errors[field])
    assert not Order.objects.exists()


def test_pay_as_you_go_still_asks_for_its_licensing_models(shop, acronis):
    plan = factories.PlanFactory(service_manager=acronis.service_manager)

    answer = shop.personas.client("mira").post(
        reverse("admin:ordering_order_create"), form(shop, plan=plan.pk, term_months="1", quantity="1")
    )

    assert set(answer.context["form"].errors) == {"protection_model", "file_sync_model"}


def test_quotas_the_vendor_cannot_count_are_refused(shop):
    ModuleSettings.objects.filter(plan=shop.plan).update(storage_quota=1_000_000_000)
    basket = shop.complete(quantity=10_000)

    answer = shop.personas.client("dora").post(
        "/checkout/review/", {"basket": basket.key, "prices_seen": checkouts.summary(basket, at=AT).prices_seen}, follow=True
    )

    assert "more than Acronis can count" in answer.content.decode()
    assert not Order.objects.exists()
