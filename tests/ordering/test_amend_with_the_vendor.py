"""Changes carried out at the vendor in process: together with the subscription, or not at all."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from post_office.models import Email

from accounts.models import local_date
from billing.models import Invoice, SubscriptionPhase
from billing.operations import subscriptions
from catalog.models import ModuleItem, ModuleSettings
from common.errors import DomainError, FieldRefused
from ordering import emails
from ordering.operations import amending, amendments, execution, orders
from provisioning.models import Service
from provisioning.operations import converging, rewishing, services
from provisioning.planning.values import Limit
from tests import factories
from tests.billing.making import use
from tests.ordering.amend import GB, LATER, bigger_plan, execute, let_use, running
from tests.ordering.conftest import Shop

pytestmark = pytest.mark.django_db
DAY = date(2026, 10, 15)


@pytest.fixture
def shop(personas, acronis):
    """50 GB and 10 above, whose storage item the service manager mirrors from the vendor."""
    plan = factories.FixedPlanFactory(service_manager=acronis.service_manager, name="Backup 50 GB")
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


@pytest.fixture(autouse=True)
def uses(monkeypatch):
    """Say how many bytes of storage the vendor counts."""
    return let_use(monkeypatch)


@pytest.fixture
def service(shop, acronis):
    """One unit of it, dora's, at the vendor."""
    return running(shop, acronis)


def phases(service):
    rows = SubscriptionPhase.objects.filter(subscription=service.subscription).order_by("valid_from", "pk")
    return [(row.valid_from, row.plan_name, row.quantity, row.term_months, row.quota_gib) for row in rows]


def items(service):
    return list(service.subscription.service.items.order_by("name").values_list("name", "soft_quota", "overage"))


def asked(acronis, since):
    """What was asked of the vendor after so many calls, but for looking."""
    return [call["method"] + " " + call["path"] for call in acronis.seen("calls")[since:] if call["method"] != "GET"]


# --- Carried out


def test_a_quantity_of_two_has_twice_the_quota_at_the_vendor_and_its_own_phase(service):
    line = service.changed("quantity", quantity=2)

    assert service.storage() == (100, 20)
    assert service.sold() == ("Backup 50 GB", 2, 1)
    assert phases(service) == [(date(2026, 10, 1), "Backup 50 GB", 1, 1, 50), (DAY, "Backup 50 GB", 2, 1, 50)]
    assert (line.order.status, line.order.completed_at) == ("completed", LATER)

    service.changed("quantity", quantity=1, at=LATER + timedelta(days=1))

    assert (service.storage(), service.sold()) == ((50, 10), ("Backup 50 GB", 1, 1))


def test_quotas_that_staff_set_by_hand_stay_with_another_quantity(service):
    row = service.subscription.service
    services.change_quotas(service_id=row.pk, limits={"pg_base_storage": Limit(70 * GB, 5 * GB)}, at=LATER)

    service.changed("quantity", quantity=2)

    assert service.storage() == (140, 10)


def test_another_plan_replaces_items_and_quotas_and_keeps_where_the_data_lies(service, shop):
    plan = bigger_plan(shop)
    ModuleItem.objects.create(settings=plan.module_settings, name="pg_base_servers", is_enabled=True, soft_quota=3)
    service.subscription.service.items.create(name="pg_base_workstations", soft_quota=9)
    service.subscription.service.refresh_from_db()
    storage = service.subscription.service.backup_storage

    service.changed("plan", plan=plan)

    assert service.storage() == (200, 20)
    assert items(service) == [("pg_base_servers", 3, None), ("pg_base_storage", 200 * GB, 20 * GB)]
    assert phases(service)[-1] == (DAY, "Backup 200 GB", 1, 1, 200)
    row = Service.objects.get(pk=service.subscription.service_id)
    assert (row.backup_storage, row.pricing_mode, row.quantity) == (storage, "production", 1)
    assert storage is not None


def test_a_plan_of_another_edition_switches_it(service, shop, acronis):
    plan = bigger_plan(shop, module_settings__protection_model="per_workload")

    told = service.quote("plan", plan=plan)
    service.changed("plan", plan=plan)

    assert "Switch from Protection per gigabyte to Protection per workload" in told.warnings
    assert [name for name, *_ in items(service)] == ["pw_base_storage"]
    assert service.storage() == (200, 20)


def test_a_term_is_ours_alone(service, acronis):
    before = len(acronis.seen("calls"))

    service.changed("term", term_months=12)

    assert asked(acronis, before) == []
    assert service.sold() == ("Backup 50 GB", 1, 12)
    assert [Decimal(row.price) for row in service.subscription.prices.standing().order_by("valid_from")] == [20, 200]


def test_a_resellers_order_changes_both_ends(shop, acronis):
    service = running(shop, acronis, consumer=shop.personas.resellers_customer)

    line = service.changed("term", term_months=12)

    assert [(row.level, row.price) for row in service.subscription.prices.filter(valid_from=DAY)] == [
        ("retail", Decimal(208)),
        ("wholesale", Decimal(160)),
    ]
    assert (line.order.buyer, line.order.consumer) == (shop.personas.reseller, shop.personas.resellers_customer)


def test_pay_as_you_go_changes_its_licensing_models_at_the_vendor(shop, acronis):
    shop.plan = factories.PlanFactory(service_manager=acronis.service_manager)
    service = running(shop, acronis)

    service.changed("plan", plan=shop.plan, protection_model="per_workload")

    row = Service.objects.get(pk=service.subscription.service_id)
    assert (row.protection_model, row.file_sync_model, row.covers) == ("per_workload", "per_user", "everything")


def test_the_first_day_is_the_msps_when_it_is_carried_out(service):
    night = LATER.replace(day=24, hour=22, minute=30)  # half past midnight in Berlin, on the day the clocks change

    service.changed("quantity", quantity=2, at=night)

    assert phases(service)[-1][0] == local_date(night, service.shop.personas.msp) == date(2026, 10, 25)


def test_what_the_vendor_counts_above_the_new_quota_is_refused_when_quoted_and_again_when_carried_out(service, uses):
    service.changed("quantity", quantity=2)
    line = service.line("quantity", quantity=1)
    uses(92 * GB)  # between the order and its execution

    failed = execute(line)

    assert "92 GB of Cloud storage are in use; 1 × Backup 50 GB has 50 GB, and 10 GB above it." in failed.error
    assert (failed.status, failed.order.status) == ("failed", "failed")
    assert (service.storage(), service.sold()) == ((100, 20), ("Backup 50 GB", 2, 1))
    with pytest.raises(FieldRefused, match="92 GB"):
        service.quote("quantity", quantity=1)


def test_what_was_read_last_counts_where_the_vendor_is_silent(service, acronis):
    service.changed("quantity", quantity=2)
    use(service.subscription, 80 * GB, days=[DAY - timedelta(days=1)])
    acronis.fault(path="/usages", status=503, times=100)

    with pytest.raises(FieldRefused, match=r"80 GB .* Acronis does not answer now"):
        service.quote("quantity", quantity=1)


# --- Refused, and put back


def test_the_vendor_refuses_and_everything_is_as_it_was(service, acronis):
    line = service.line("quantity", quantity=2)
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)

    failed = execute(line)
    service.follow()

    assert (failed.status, failed.order.status, failed.before) == ("failed", "failed", {})
    assert "403" in failed.error or "refused" in failed.error.lower()
    assert (service.storage(), service.sold()) == ((50, 10), ("Backup 50 GB", 1, 1))
    assert len(phases(service)) == 1
    assert not service.subscription.service.tenant.last_error

    orders.retry_order(order_id=failed.order_id, by=service.by, at=LATER)
    assert execute(line).status == "completed"
    assert (service.storage(), service.sold()) == ((100, 20), ("Backup 50 GB", 2, 1))


def test_a_plan_that_is_refused_halfway_is_taken_back_at_the_vendor(service, shop, acronis):
    """The edition is switched already when its offering items are refused."""
    before = items(service)
    line = service.line("plan", plan=bigger_plan(shop, module_settings__protection_model="per_workload"))
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)

    failed = execute(line)
    service.follow()

    assert failed.status == "failed"
    assert (items(service), service.storage(), service.sold()) == (before, (50, 10), ("Backup 50 GB", 1, 1))
    row = Service.objects.get(pk=service.subscription.service_id)
    assert (row.protection_model, row.quantity) == ("per_gigabyte", 1)


def test_a_vendor_that_is_down_is_asked_again_and_nothing_changes_meanwhile(service, acronis):
    line = service.line("quantity", quantity=2)
    acronis.fault(path=".*", status=503, times=100)

    paused = execute(line)
    assert (paused.status, paused.attempts, service.sold()) == ("executing", 1, ("Backup 50 GB", 1, 1))
    acronis.no_more_faults()
    done = execute(line, at=paused.next_try_at)

    assert done.status == "completed"
    assert service.storage() == (100, 20)


def test_what_was_read_earlier_does_not_do_when_it_is_carried_out(service, acronis):
    service.changed("quantity", quantity=2)
    line = service.line("quantity", quantity=1)
    use(service.subscription, 80 * GB, days=[DAY - timedelta(days=1)])  # deleted since
    acronis.fault(path="/usages", status=503, times=100)

    paused = execute(line)
    assert (paused.status, service.storage()) == ("executing", (100, 20))
    acronis.no_more_faults()

    assert execute(line, at=paused.next_try_at).status == "completed"
    assert service.storage() == (50, 10)


def test_staff_tell_the_service_otherwise_meanwhile_and_it_is_told_again(service, monkeypatch):
    line = service.line("quantity", quantity=2)
    converge = converging.converge

    def meanwhile(tenant_id, *, clock):
        converge(tenant_id, clock=clock)
        monkeypatch.setattr(converging, "converge", converge)
        services.change_quotas(service_id=line.service_id, limits={}, quantity=5, at=LATER)

    monkeypatch.setattr(converging, "converge", meanwhile)
    waiting = execute(line)
    assert (waiting.status, service.sold()[1]) == ("executing", 1)

    execute(line, at=waiting.next_try_at)

    assert (service.storage(), service.sold()) == ((100, 20), ("Backup 50 GB", 2, 1))


def test_a_subscription_that_was_changed_otherwise_is_not_changed_by_an_old_order(service, acronis):
    line = service.line("quantity", quantity=2)
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)
    execute(line)
    service.changed("quantity", quantity=3)

    orders.retry_order(order_id=line.order_id, by=service.by, at=LATER)
    failed = execute(line)

    assert "has been changed since this was ordered" in failed.error
    assert (service.storage(), service.sold()[1]) == ((150, 30), 3)


def test_one_that_failed_is_not_retried_while_another_is_under_way(service, acronis):
    line = service.line("quantity", quantity=2)
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)
    execute(line)
    other = service.order("quantity", quantity=3)

    with pytest.raises(DomainError, match=f"Order {other} changes subscription"):
        orders.retry_order(order_id=line.order_id, by=service.by, at=LATER)

    orders.cancel_order(order_id=line.order_id, by=service.by, at=LATER)
    assert Service.objects.live().filter(pk=line.service_id).exists()  # what was to be changed goes on


@pytest.mark.parametrize("kind", ["quantity", "term"])
def test_what_has_ended_meanwhile_gives_the_order_up(service, kind):
    line = service.line(kind, **({"quantity": 2} if kind == "quantity" else {"term_months": 12}))
    subscriptions.end_subscription(subscription_id=service.subscription.pk, at=LATER, by=service.by)

    execute(line)

    assert (line.status, line.order.status) == ("cancelled", "cancelled")
    assert "has ended before it could be changed" in line.order.cancelled_because


# --- Killed


class Killed(BaseException):
    """Stands for a worker that is killed: nothing of ours catches it, and the transaction that is open is lost."""


def die(*_, **__):
    raise Killed


def killed_at(line, monkeypatch, where, name):
    """Carry out the line by a worker that is killed when it comes to ``name``."""
    with monkeypatch.context() as patched:
        patched.setattr(where, name, die)
        with pytest.raises(Killed):
            execution.execute_line(line_id=line.pk, clock=lambda: LATER)


POINTS = [
    (amending, "bill_overage"),
    (rewishing, "_wished"),
    (converging, "converge"),
    (converging._Convergence, "_record_agreement"),
    (amending, "begin_phase"),
    (emails, "order_completed"),
]


def test_killed_anywhere_the_next_worker_carries_it_out_once(service, monkeypatch):
    for number, (where, name) in enumerate(POINTS, start=2):
        line = service.line("quantity", quantity=number)
        killed_at(line, monkeypatch, where, name)

        execute(line)

        assert (line.status, name) == ("completed", name)
        assert (service.storage(), service.sold()[1], len(phases(service))) == ((50 * number, 10 * number), number, number)


def test_killed_anywhere_and_refused_then_everything_is_as_it_was(service, acronis, monkeypatch):
    for where, name in POINTS[:3]:  # the vendor has not heard of it yet
        line = service.line("quantity", quantity=2)
        killed_at(line, monkeypatch, where, name)
        acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)

        execute(line)
        service.follow()

        assert (line.status, line.before, name) == ("failed", {}, name)
        assert (service.storage(), service.sold(), len(phases(service))) == ((50, 10), ("Backup 50 GB", 1, 1), 1)


def test_killed_while_it_is_put_back_it_is_put_back_by_the_next(service, acronis, monkeypatch):
    line = service.line("quantity", quantity=2)
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=2)
    killed_at(line, monkeypatch, rewishing, "wish_again")
    line.refresh_from_db()
    assert (line.status, line.before) == ("executing", {"quantity": 1})

    execute(line)
    service.follow()

    assert line.status == "failed"
    assert (service.storage(), service.sold()) == ((50, 10), ("Backup 50 GB", 1, 1))


# --- Overage


def test_overage_is_billed_once_before_the_change_however_often_it_is_tried(service, acronis, monkeypatch):
    use(service.subscription, 58 * GB, days=[DAY - timedelta(days=1)])
    assert service.quote("quantity", quantity=2).costs[0].overage_first == Decimal("0.80")
    line = service.line("quantity", quantity=2)
    acronis.fault(method="PUT", path="/offering_items$", status=403, times=1)
    execute(line)
    orders.retry_order(order_id=line.order_id, by=service.by, at=LATER)

    execute(line)

    (invoice,) = Invoice.objects.filter(kind=Invoice.Kind.OVERAGE)
    assert (invoice.status, invoice.net) == ("issued", Decimal("0.80"))


# --- The end


def test_cancelled_now_it_ends_today_and_the_vendor_deletes_it(service, acronis):
    line = service.changed("cancel", ends="now")
    service.follow()

    assert (service.subscription.status, service.subscription.ended_on) == ("ended", DAY + timedelta(days=1))
    assert line.order.status == "completed"
    assert [row for row in acronis.seen("tenants") if row["id"] == str(service.tenant.vendor_id)] == []
    mail = Email.objects.get(subject__startswith="Your service has ended")
    assert "15 Oct 2026 is the last day that is billed" in mail.message


def test_cancelled_at_the_end_of_the_term_it_runs_until_then_and_can_be_taken_back(service):
    line = service.changed("cancel", ends="at_end_of_term")
    assert (service.subscription.status, service.subscription.cancels_on) == ("active", date(2026, 11, 1))
    assert line.order.status == "completed"
    assert "ends after 31 Oct 2026" in Email.objects.get(subject__startswith="Your service is going to end").message

    amendments.take_back_cancellation(subscription_id=service.subscription.pk, by=service.by, at=LATER)
    subscriptions.end_planned(at=LATER + timedelta(days=30))
    assert service.sold() == ("Backup 50 GB", 1, 1)
    assert service.subscription.status == "active"

    service.changed("cancel", ends="at_end_of_term")
    subscriptions.end_planned(at=LATER + timedelta(days=16))
    service.subscription.refresh_from_db()
    assert service.subscription.status == "active"
    subscriptions.end_planned(at=LATER + timedelta(days=17))
    service.subscription.refresh_from_db()
    assert (service.subscription.status, service.subscription.ended_on) == ("ended", date(2026, 11, 1))


@pytest.mark.parametrize("ends", ["now", "at_end_of_term"])
def test_what_staff_ended_meanwhile_is_cancelled_all_the_same(service, ends):
    line = service.line("cancel", ends=ends)
    subscriptions.end_subscription(subscription_id=service.subscription.pk, at=LATER, by=service.by)

    assert execute(line).status == "completed"
    assert line.order.status == "completed"


def test_an_order_that_waits_is_given_up_when_what_it_changes_has_ended(service):
    order = service.order("quantity", quantity=2, source="bss")
    assert amendments.give_up_outlived(at=LATER) == 0
    subscriptions.end_subscription(subscription_id=service.subscription.pk, at=LATER, by=service.by)

    assert amendments.give_up_outlived(at=LATER) == 1

    order.refresh_from_db()
    assert (order.status, order.cancelled_because) == ("cancelled", "The subscription has ended before it could be changed.")


# --- Told


def test_buyer_is_told_when_it_is_ordered_and_when_it_is_done(service):
    service.changed("quantity", quantity=2)

    ordered = Email.objects.get(subject__contains="Quantity 1 → 2")
    done = Email.objects.get(subject__startswith="Your service is changed")
    assert ordered.to == done.to == ["dora@example.com"]
    assert "We are carrying it out now." in ordered.message
    assert "50 GB, and up to 10 GB above it → 100 GB, and up to 20 GB above it" in done.message
    assert not Email.objects.filter(subject__startswith="Your service is ready").exclude(pk__lt=ordered.pk).exists()


def test_a_trial_changes_its_quantity_and_stays_a_trial(shop, acronis):
    ModuleSettings.objects.filter(plan=shop.plan).update(is_free_trial=True, trial_days=30)
    service = running(shop, acronis)

    told = service.quote("quantity", quantity=2)
    service.changed("quantity", quantity=2)

    assert told.own is not None
    assert told.own.due_now == 0
    row = Service.objects.get(pk=service.subscription.service_id)
    assert (row.pricing_mode, row.quantity) == ("trial", 2)
    assert service.subscription.trial_ends_on == date(2026, 10, 31)
