"""A free trial is never billed, ends on the day that was promised or earlier by hand, and goes to production by itself."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from accounts.models import Organization
from billing.models import Invoice, InvoiceLine, Subscription
from billing.operations.runs import run_billing
from billing.operations.subscriptions import end_subscription, end_trials, start_subscription
from billing.tasks import end_trials as end_trials_task
from catalog.models import ModuleSettings
from catalog.pricing import Level
from common import clock
from common.periods import Period
from provisioning import vendor
from provisioning.models import Service
from provisioning.operations import converging, services
from tests import factories
from tests.billing.making import GIB, OCTOBER, move, rate_card, sold_at, subscribe, subscribe_fixed, use
from tests.conftest import LocalAcronis, Personas
from tests.provisioning.served import served

pytestmark = pytest.mark.django_db

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
DECEMBER = Period(date(2026, 12, 1), date(2027, 1, 1))
JANUARY_2 = datetime(2027, 1, 2, 9, 0, tzinfo=UTC)


def in_trial(subscription: Subscription, days: int) -> Subscription:
    """Let ``subscription`` be a free trial of so many days, at the vendor too."""
    subscription.trial_ends_on = subscription.started_on + timedelta(days=days)
    subscription.save(update_fields=["trial_ends_on"])
    Service.objects.filter(pk=subscription.service_id).update(pricing_mode="trial")
    return subscription


def trial(consumer: Organization, *prices: Any, days: int, **facts: Any) -> Subscription:
    """A free trial of a plan of fixed price, 20 EUR a month unless told otherwise."""
    return in_trial(subscribe_fixed(consumer, *prices, **facts), days)


def billed(seller: Organization, *periods: Period) -> list[tuple[date, str, date, Decimal]]:
    """Bill months and return what their lines say: the month, what for, from which day on, the net."""
    for period in periods:
        run_billing(seller_id=seller.pk, period=period, at=JANUARY_2)
    lines = InvoiceLine.objects.filter(invoice__seller=seller).order_by("invoice__period_start", "position")
    return list(lines.values_list("invoice__period_start", "item", "period_start", "net"))


def day(subscription: Subscription, number: int) -> datetime:
    """Noon of the n-th day of ``subscription``, the first being 1."""
    return datetime.combine(subscription.started_on, datetime.min.time(), tzinfo=UTC) + timedelta(days=number - 1, hours=12)


# --- What is billed -----------------------------------------------------------------------------------------------------------


def test_a_trial_that_ends_inside_the_month_is_billed_from_its_end_on_by_days(personas: Personas) -> None:
    trial(personas.direct_customer, sold_at("31", setup_fee="10"), days=14, quantity=2)

    assert billed(personas.msp, OCTOBER, NOVEMBER) == [
        (OCTOBER.start, "setup_fee", date(2026, 10, 15), Decimal(20)),
        (OCTOBER.start, "subscription", date(2026, 10, 15), Decimal(34)),  # 2 × 31 × 17 ÷ 31
        (NOVEMBER.start, "subscription", NOVEMBER.start, Decimal(62)),
    ]


def test_a_trial_over_the_end_of_a_month_brings_the_setup_fee_with_the_first_billed_month(personas: Personas) -> None:
    trial(personas.direct_customer, sold_at("240", setup_fee="10"), days=14, term_months=12, started_on=date(2026, 10, 25))

    assert billed(personas.msp, OCTOBER, NOVEMBER) == [
        (NOVEMBER.start, "setup_fee", date(2026, 11, 8), Decimal(10)),
        (NOVEMBER.start, "subscription", date(2026, 11, 8), Decimal("15.33")),  # 20 × 23 ÷ 30
    ]


def test_a_trial_longer_than_a_month_leaves_whole_months_free(personas: Personas) -> None:
    trial(personas.direct_customer, sold_at("20", setup_fee="5"), days=45, started_on=date(2026, 10, 17))

    assert billed(personas.msp, OCTOBER, NOVEMBER, DECEMBER) == [
        (DECEMBER.start, "setup_fee", DECEMBER.start, Decimal(5)),
        (DECEMBER.start, "subscription", DECEMBER.start, Decimal(20)),
    ]


def test_a_trial_is_billed_by_its_days_however_its_service_stands_when_the_run_runs(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, days=14)
    before = billed(personas.msp, OCTOBER)

    Service.objects.filter(pk=subscription.service_id).update(pricing_mode="production")

    assert billed(personas.msp, OCTOBER) == before
    assert [net for *_, net in before] == [Decimal("10.97")]  # 20 × 17 ÷ 31


def test_the_setup_fee_is_the_one_it_was_sold_at_though_the_price_moved_during_the_trial(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, sold_at("30", setup_fee="10"), days=45)
    move(subscription, sold_at("60", setup_fee="99"), valid_from=NOVEMBER.start)

    assert billed(personas.msp, OCTOBER, NOVEMBER) == [
        (NOVEMBER.start, "setup_fee", date(2026, 11, 15), Decimal(10)),
        (NOVEMBER.start, "subscription", date(2026, 11, 15), Decimal(32)),  # 60 × 16 ÷ 30
    ]


def test_each_end_of_the_chain_is_billed_from_the_same_day_on(personas: Personas) -> None:
    trial(personas.resellers_customer, sold_at("31", level=Level.WHOLESALE), sold_at("62", level=Level.RETAIL), days=10)

    assert [net for *_, net in billed(personas.msp, OCTOBER)] == [Decimal(21)]
    assert [net for *_, net in billed(personas.reseller, OCTOBER)] == [Decimal(42)]


def test_what_ends_during_its_trial_is_never_billed_and_has_no_setup_fee(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, sold_at("20", setup_fee="10"), days=14)

    end_subscription(subscription_id=subscription.pk, at=day(subscription, 14), by=None)

    assert billed(personas.msp, OCTOBER, NOVEMBER) == []
    assert not Invoice.objects.exists()
    assert Subscription.objects.get().was_never_charged


def test_what_ends_on_the_first_day_after_its_trial_is_billed_that_day(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, sold_at("31", setup_fee="10"), days=14)

    end_subscription(subscription_id=subscription.pk, at=day(subscription, 15), by=None)

    assert billed(personas.msp, OCTOBER) == [
        (OCTOBER.start, "setup_fee", date(2026, 10, 15), Decimal(10)),
        (OCTOBER.start, "subscription", date(2026, 10, 15), Decimal(1)),
    ]


def test_metered_usage_of_trial_days_is_not_billed(personas: Personas) -> None:
    subscription = in_trial(subscribe(personas.direct_customer), 30)
    rate_card(subscription.plan.product_group, {"pg_base_storage": ("1", "GiB", "max")})
    use(subscription, 900 * GIB, days=Period(OCTOBER.start, date(2026, 10, 31)))
    use(subscription, 7 * GIB, days=[date(2026, 10, 31)])

    assert billed(personas.msp, OCTOBER) == [(OCTOBER.start, "pg_base_storage", date(2026, 10, 31), Decimal(7))]


# --- The start ----------------------------------------------------------------------------------------------------------------


def start(service: Service, **facts: Any) -> Subscription:
    plan = factories.FixedPlanFactory(service_manager=service.service_manager)
    ModuleSettings.objects.filter(plan=plan).update(is_free_trial=True, trial_days=7)
    at = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
    return start_subscription(service=service, plan=plan, order_number="O1", quantity=1, prices=[sold_at("20")], at=at, **facts)


@pytest.mark.parametrize(
    ("mode", "promised", "ends"),
    [
        ("trial", {"trial_days": 14}, date(2026, 10, 15)),
        ("trial", {}, date(2026, 10, 8)),
        ("production", {"trial_days": 14}, None),
        ("production", {}, None),
    ],
    ids=["as promised", "as the module setting says", "ended before its billing began", "no trial"],
)
def test_a_subscription_keeps_when_its_trial_ends(personas: Personas, mode: str, promised: Any, ends: date | None) -> None:
    subscription = start(factories.ServiceFactory(pricing_mode=mode), **promised)

    assert (subscription.trial_ends_on, subscription.charged_from) == (ends, ends or date(2026, 10, 1))


def test_the_database_refuses_a_trial_that_ends_before_it_begins(personas: Personas) -> None:
    subscription = subscribe_fixed(personas.direct_customer)

    with pytest.raises(IntegrityError, match="subscription_trial_ends_after_start"), transaction.atomic():
        in_trial(subscription, -1)


def test_trials_from_before_their_end_was_written_down_end_as_promised(personas: Personas) -> None:
    subscription, paid = trial(personas.direct_customer, days=0), subscribe_fixed(factories.OrganizationFactory())
    Subscription.objects.update(trial_ends_on=None)
    ModuleSettings.objects.update(trial_days=21)
    migration = import_module("billing.migrations.0005_trials_of_present_subscriptions")

    migration.promise_an_end(apps, connection.schema_editor())

    subscription.refresh_from_db()
    paid.refresh_from_db()
    assert (subscription.trial_ends_on, paid.trial_ends_on) == (date(2026, 10, 22), None)


# --- The end ------------------------------------------------------------------------------------------------------------------


def modes() -> list[str]:
    return list(Service.objects.order_by("pk").values_list("pricing_mode", flat=True))


def test_the_sweep_brings_a_trial_to_production_once_its_days_are_over(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, days=14)
    trial(factories.OrganizationFactory(), days=30)

    early = end_trials(at=day(subscription, 14))
    before = modes()
    first, second = end_trials(at=day(subscription, 15)), end_trials(at=day(subscription, 15))

    assert (early, before) == (0, ["trial", "trial"])
    assert (first, second, modes()) == (1, 0, ["production", "trial"])
    assert Subscription.objects.get(pk=subscription.pk).trial_ends_on == date(2026, 10, 15)


def test_the_day_is_the_msps(personas: Personas) -> None:
    trial(personas.direct_customer, days=14)

    assert end_trials(at=datetime(2026, 10, 14, 21, 59, tzinfo=UTC)) == 0
    assert end_trials(at=datetime(2026, 10, 14, 22, 0, tzinfo=UTC)) == 1  # midnight in Berlin


def test_a_trial_that_went_to_production_by_hand_is_billed_from_that_day_on(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, sold_at("31"), days=14)
    services.switch_to_production(service_id=subscription.service_id, at=day(subscription, 5))

    first, second = end_trials(at=day(subscription, 5)), end_trials(at=day(subscription, 6))

    assert (first, second) == (1, 0)
    assert billed(personas.msp, OCTOBER) == [(OCTOBER.start, "subscription", date(2026, 10, 5), Decimal(27))]


def test_a_trial_that_ended_by_hand_on_its_first_day_is_no_trial_on_its_page(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, days=14)
    services.switch_to_production(service_id=subscription.service_id, at=day(subscription, 1))

    end_trials(at=day(subscription, 1))

    subscription.refresh_from_db()
    assert (subscription.charged_from, subscription.last_free_day) == (subscription.started_on, None)


def test_a_service_that_was_terminated_is_left_alone(personas: Personas) -> None:
    terminated, running = trial(personas.direct_customer, days=14), trial(factories.OrganizationFactory(), days=14)
    Service.objects.filter(pk=terminated.service_id).update(ended_at=day(terminated, 3))

    ended = end_trials(at=day(terminated, 20))

    assert (ended, modes()) == (1, ["trial", "production"])
    assert Service.objects.get(pk=running.service_id).pricing_mode == "production"


def test_a_service_terminated_while_the_sweep_runs_does_not_stop_it(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = trial(personas.direct_customer, days=14), trial(factories.OrganizationFactory(), days=14)
    switch = services.switch_to_production

    def too_late(*, service_id: int, at: datetime) -> None:
        Service.objects.filter(pk=first.service_id).update(ended_at=at)
        switch(service_id=service_id, at=at)

    monkeypatch.setattr(services, "switch_to_production", too_late)

    assert end_trials(at=day(first, 15)) == 1
    assert Service.objects.get(pk=second.service_id).pricing_mode == "production"


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_end_each_trial_once(personas: Personas) -> None:
    over = trial(personas.direct_customer, days=5)
    by_hand = trial(factories.OrganizationFactory(), days=14)
    services.switch_to_production(service_id=by_hand.service_id, at=day(over, 6))
    both_ready = threading.Barrier(2)
    failures: list[Exception] = []

    def work() -> None:
        try:
            both_ready.wait(timeout=30)
            end_trials(at=day(over, 6))
        except Exception as failure:
            failures.append(failure)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    by_hand.refresh_from_db()
    assert failures == []
    assert (modes(), by_hand.trial_ends_on) == (["production", "production"], date(2026, 10, 6))


def test_the_vendor_counts_it_as_production_after_the_sweep(acronis: LocalAcronis) -> None:
    factories.msp()
    it = served(acronis.service_manager, pricing_mode="trial")
    subscription = start(Service.objects.get(tenant=it.tenant), trial_days=14)
    api = vendor.connect(acronis.service_manager)
    before = api.tenants.pricing(str(it.tenant.vendor_id)).mode

    end_trials(at=day(subscription, 15))
    converging.converge_due(it.tenant.pk, clock=lambda: day(subscription, 15))

    it.tenant.refresh_from_db()
    assert (before, api.tenants.pricing(str(it.tenant.vendor_id)).mode) == ("trial", "production")
    assert it.tenant.agrees


def test_beat_rings_the_sweep(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = trial(personas.direct_customer, days=14)
    monkeypatch.setattr(clock, "now", lambda: day(subscription, 15))

    end_trials_task()

    assert modes() == ["production"]


# --- Pages --------------------------------------------------------------------------------------------------------------------


def shown(personas: Personas, name: str, address: str) -> str:
    return " ".join(personas.client(name).get(address).content.decode().split())


def test_the_customer_reads_until_when_it_is_free_and_from_when_on_it_is_billed(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, days=14)

    page = shown(personas, "dora", reverse("billing:service", args=[subscription.number]))
    listed = shown(personas, "dora", reverse("billing:services"))

    assert "Free trial until 14 Oct 2026</span>" in page
    assert "Free trial until 14 Oct 2026</span>" in listed
    assert "This is a free trial until 14 Oct 2026. What is used during it is not billed." in page
    assert "From 15 Oct 2026 on it is billed at the price below." in page
    assert "<dt>Free trial</dt><dd>1 Oct 2026 to 14 Oct 2026</dd> <dt>Billed from</dt> <dd>15 Oct 2026 </dd>" in page


def test_what_ended_during_its_trial_was_billed_never(personas: Personas) -> None:
    subscription = trial(personas.direct_customer, days=14)
    end_subscription(subscription_id=subscription.pk, at=day(subscription, 3), by=None)

    page = shown(personas, "dora", reverse("billing:service", args=[subscription.number]))

    assert "<dt>Billed from</dt> <dd>Never</dd>" in page


def test_the_bss_finds_what_is_in_trial_and_says_until_when(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = trial(personas.direct_customer, days=14)
    paid = subscribe_fixed(factories.OrganizationFactory())
    monkeypatch.setattr(clock, "now", lambda: day(subscription, 14))

    listed = shown(personas, "root", reverse("admin:billing_subscription_changelist") + "?trial=now")
    never = shown(personas, "root", reverse("admin:billing_subscription_changelist") + "?trial=never")
    page = shown(personas, "root", reverse("admin:billing_subscription_change", args=[subscription.pk]))

    assert (subscription.number in listed, paid.number in listed) == (True, False)
    assert (subscription.number in never, paid.number in never) == (False, True)
    assert "Active, free trial until 14 Oct 2026" in page


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (14, "It ends before its first billed day, 15 Oct 2026: nothing is billed."),
        (15, "The last day that is billed is 15 Oct 2026."),
    ],
    ids=["the last free day", "the first billed day"],
)
def test_whoever_terminates_is_told_whether_anything_is_billed(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    subscription = trial(personas.direct_customer, days=14)
    monkeypatch.setattr(clock, "now", lambda: day(subscription, number))

    assert sentence in shown(personas, "root", reverse("admin:billing_subscription_terminate", args=[subscription.pk]))


def test_the_bss_finds_no_trial_that_is_over(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = trial(personas.direct_customer, days=14)
    monkeypatch.setattr(clock, "now", lambda: day(subscription, 15))

    assert list(Subscription.objects.in_trial(day(subscription, 15).date())) == []
    assert "free trial until" not in shown(personas, "root", reverse("admin:billing_subscription_change", args=[subscription.pk]))
