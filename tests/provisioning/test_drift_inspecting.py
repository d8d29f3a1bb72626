"""The nightly look at the vendor, against the sandbox."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.locks import Busy, alone
from provisioning import vendor
from provisioning.locks import INSPECTION
from provisioning.models import Drift, Inspection, ServiceManager, Tenant
from provisioning.operations import converging, holds, inspecting
from provisioning.planning.choosing import ItemWish
from provisioning.tasks import inspect as inspect_task
from provisioning.tasks import inspect_all, sweep
from tests.factories import AT, ResellerFactory
from tests.provisioning.drifting import Portal, clock, customer, inspect, night, open_kinds

pytestmark = pytest.mark.django_db


def test_where_everything_agrees_nothing_is_found(acronis):
    customer(acronis)
    customer(acronis, name="Café Carol", login="carol", parent=ResellerFactory())

    inspection = inspect(acronis)

    assert (inspection.status, inspection.error, inspection.ended_at) == ("finished", "", night()())
    assert (inspection.tenants_total, inspection.tenants_checked, inspection.tenants_skipped) == (3, 3, 0)
    assert inspection.differences == 0
    assert not Drift.objects.exists()


def test_a_difference_is_said_with_what_is_wished_and_what_is_there(acronis):
    tenant = customer(acronis)
    Portal(acronis, tenant).switch("notarizations", on=False)

    inspection = inspect(acronis)

    drift = Drift.objects.get()
    assert (drift.tenant, drift.kind, drift.subject) == (tenant, "enable_item", "notarizations")
    assert (drift.sentence, drift.wished, drift.found) == ("Enable notarizations", "on, no quota", "off")
    assert (drift.status, drift.first_seen_at, inspection.differences) == ("open", night()(), 1)
    assert list(Drift.objects.open().found_by(inspection)) == [drift]


def test_found_again_it_is_the_same_row(acronis):
    portal = Portal(acronis, customer(acronis))
    portal.limit("pg_base_servers", 5)
    inspect(acronis)
    portal.limit("pg_base_servers", 7)

    inspect(acronis, nights=2)

    drift = Drift.objects.get()
    assert (drift.first_seen_at, drift.last_seen_at) == (night(1)(), night(2)())
    assert drift.found == "soft quota 7"


def test_what_is_not_found_any_more_is_gone_by_itself(acronis):
    portal = Portal(acronis, customer(acronis))
    portal.switch("notarizations", on=False)
    inspect(acronis)
    portal.switch("notarizations", on=True)

    inspect(acronis, nights=2)

    drift = Drift.objects.get()
    assert (drift.status, drift.settled_at) == ("vanished", night(2)())


def test_what_comes_back_after_it_was_gone_is_a_new_row(acronis):
    portal = Portal(acronis, customer(acronis))
    for nights, is_on in enumerate((False, True, False), start=1):
        portal.switch("notarizations", on=is_on)
        inspect(acronis, nights=nights)

    assert sorted(Drift.objects.values_list("status", flat=True)) == ["open", "vanished"]


def test_below_a_reseller_and_the_reseller_itself_are_looked_at(acronis):
    tenant = customer(acronis, parent=ResellerFactory(name="Alster IT"))
    Portal(acronis, tenant).update(enabled=False)
    partner = Portal(acronis, tenant.parent)
    partner.update(name="Alster & Sons")

    inspect(acronis)

    found = sorted(Drift.objects.values_list("tenant__organization__name", "kind"))
    assert found == [("Alster IT", "rename_tenant"), ("Dora Design", "enable_tenant")]


def test_a_tenant_the_vendor_has_no_more_is_a_difference_also_where_it_did_not_agree(acronis):
    tenant, stuck = customer(acronis), customer(acronis, name="Ede", login="ede")
    for one in (tenant, stuck):
        Portal(acronis, one).delete()
    holds.place_hold(tenant_id=stuck.pk, reason="manual", at=clock())
    converging.converge_due(stuck.pk, clock=clock)

    inspect(acronis)

    assert open_kinds() == [("tenant_deleted", ""), ("tenant_deleted", "")]


def test_of_a_deleted_reseller_everybody_below_is_named(acronis):
    tenant = customer(acronis, parent=ResellerFactory())
    Portal(acronis, tenant).delete()
    Portal(acronis, tenant.parent).delete()

    inspection = inspect(acronis)

    assert inspection.status == "finished"
    assert set(Drift.objects.values_list("tenant", "kind")) == {(tenant.pk, "tenant_deleted"), (tenant.parent.pk, "tenant_deleted")}


def test_what_the_vendor_does_not_offer_any_more_is_said_in_its_words(acronis):
    tenant = customer(acronis, parent=ResellerFactory(name="Alster IT"), items={"notarizations": ItemWish()})
    Portal(acronis, tenant.parent).switch("notarizations", on=False)

    inspect(acronis)

    drift = Drift.objects.get(tenant=tenant)
    assert (drift.kind, drift.sentence) == ("cannot_plan", "offering items not available: notarizations")


def test_a_tenant_whose_wish_is_being_carried_out_is_left_for_the_next_night(acronis):
    tenant = customer(acronis)
    Portal(acronis, tenant).switch("notarizations", on=False)
    holds.place_hold(tenant_id=tenant.pk, reason="manual", at=clock())

    inspection = inspect(acronis)

    assert (inspection.tenants_checked, inspection.tenants_skipped) == (1, 1)
    assert not Drift.objects.exists()


def test_a_tenant_that_is_changed_while_the_vendor_is_read_is_left_for_the_next_night(acronis, monkeypatch):
    tenant = customer(acronis)
    Portal(acronis, tenant).switch("notarizations", on=False)
    compare = inspecting.differences

    def changed_meanwhile(wish, observed):
        holds.place_hold(tenant_id=tenant.pk, reason="manual", at=clock())
        return compare(wish, observed)

    monkeypatch.setattr(inspecting, "differences", changed_meanwhile)

    inspection = inspect(acronis)

    assert inspection.tenants_skipped == 1
    assert not Drift.objects.exists()


def test_a_tenant_somebody_moved_is_still_found(acronis):
    reseller = ResellerFactory()
    moved, other = customer(acronis, parent=reseller), customer(acronis, name="Ede", login="ede", parent=ResellerFactory())
    Tenant.objects.filter(pk=moved.pk).update(parent=other.parent)
    Portal(acronis, moved).switch("notarizations", on=False)

    inspect(acronis)

    assert open_kinds() == [("enable_item", "notarizations")]


def test_users_seen_active_are_noted(acronis):
    tenant = customer(acronis)
    portal = Portal(acronis, tenant)
    portal.api.users.set_password(portal.user_id(), "correct horse battery")

    inspect(acronis)

    assert tenant.users.get().activated_at == night()()


# --- Trouble --------------------------------------------------------------------------------------------------------------


def test_a_vendor_that_is_down_ends_the_try_and_the_row_says_when_the_next_is(acronis):
    customer(acronis)
    acronis.fault(path="/tenants/offering_items", status=503, times=50)

    inspection = inspect(acronis)

    assert (inspection.status, inspection.ended_at) == ("waiting", None)
    assert "503" in inspection.error
    assert inspection.next_try_at == night()() + timedelta(minutes=5)

    acronis.no_more_faults()
    vendor.forget_connections()
    inspecting.carry_out(inspection.pk, clock=night())

    inspection.refresh_from_db()
    assert (inspection.status, inspection.error, inspection.attempts) == ("finished", "", 2)


def test_after_five_tries_it_is_given_up(acronis):
    customer(acronis)
    acronis.fault(path="/tenants/offering_items", status=503, times=500)
    inspection = inspect(acronis)

    for _ in range(4):
        vendor.forget_connections()
        inspecting.carry_out(inspection.pk, clock=night())

    inspection.refresh_from_db()
    assert (inspection.status, inspection.attempts, inspection.next_try_at) == ("failed", 5, None)
    assert inspection.ended_at is not None


def test_wrong_credentials_are_not_tried_again(acronis):
    customer(acronis)
    ServiceManager.objects.update(client_id="nobody")

    inspection = inspect(acronis)

    assert (inspection.status, inspection.next_try_at) == ("failed", None)
    assert "Check them in the service manager" in inspection.error


def test_one_branch_the_vendor_refuses_does_not_end_the_inspection(acronis):
    refused = customer(acronis, parent=ResellerFactory(name="Alster IT"))
    tenant = customer(acronis, name="Ede", login="ede", parent=ResellerFactory(name="Bodensee Systems"))
    Portal(acronis, tenant).switch("notarizations", on=False)
    acronis.fault(path="/tenants/offering_items", status=403, times=1)

    inspection = inspect(acronis)

    assert inspection.status == "finished"
    assert inspection.error.startswith("A branch of 2 tenants was left out: Acronis answered 403")
    assert (inspection.tenants_checked, inspection.tenants_skipped) == (4, 2)
    assert set(Drift.objects.values_list("tenant", flat=True)) == {tenant.pk}
    assert refused.drifts.count() == 0


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


def test_killed_in_the_middle_it_begins_anew_and_nothing_is_doubled(acronis, monkeypatch):
    for name in ("Dora", "Ede", "Fay"):
        tenant = customer(acronis, name=name, login=f"{name}.d", parent=ResellerFactory())
        Portal(acronis, tenant).switch("notarizations", on=False)
    whole, looked_at = inspecting._Look._inspect, []

    def stopped_at_the_third(self, branch):
        looked_at.append(branch)
        if len(looked_at) == 3:
            raise Killed
        whole(self, branch)

    monkeypatch.setattr(inspecting._Look, "_inspect", stopped_at_the_third)
    with pytest.raises(Killed):
        inspect(acronis)
    half = Inspection.objects.get()
    found_before = Drift.objects.count()

    inspecting.carry_out(half.pk, clock=night())

    half.refresh_from_db()
    assert (found_before, Drift.objects.count()) == (2, 3)
    assert (half.status, half.attempts, half.tenants_checked, half.differences) == ("finished", 2, 6, 3)


def test_while_one_is_open_it_is_the_same_one(acronis):
    asked = [inspecting.ask_inspection(service_manager_id=acronis.service_manager.pk, by=None, at=AT) for _ in range(2)]

    assert asked[0] == asked[1]


@pytest.mark.django_db(transaction=True)
def test_a_second_worker_steps_aside(acronis):
    def second() -> str:
        try:
            return inspect(acronis).status
        except Busy:
            return "stepped aside"
        finally:
            connection.close()

    with alone(INSPECTION, acronis.service_manager.pk), ThreadPoolExecutor(max_workers=1) as other:
        assert other.submit(second).result(timeout=30) == "stepped aside"


# --- Who rings ------------------------------------------------------------------------------------------------------------


def test_every_night_each_connected_service_manager_is_inspected(acronis, django_capture_on_commit_callbacks):
    ServiceManager.objects.create(name="Not connected", base_url="http://x.test", client_id="x", client_secret="y")

    with django_capture_on_commit_callbacks(execute=True):
        inspect_all()

    assert [one.service_manager for one in Inspection.objects.filter(status="finished")] == [acronis.service_manager]


def test_the_sweep_rings_for_what_was_stopped_and_not_for_what_is_under_way(acronis, django_capture_on_commit_callbacks):
    facts = {"service_manager": acronis.service_manager, "status": "running", "started_at": AT}
    stopped = Inspection.objects.create(next_try_at=AT, **facts)

    with django_capture_on_commit_callbacks(execute=True):
        sweep()

    stopped.refresh_from_db()
    assert stopped.status == "finished"
    inspect_task(inspection_id=stopped.pk)  # a late message
    assert Inspection.objects.count() == 1


def test_the_command_prints_what_differs(acronis):
    Portal(acronis, customer(acronis)).switch("notarizations", on=False)
    out = StringIO()

    call_command("inspect_vendor", "--service-manager", acronis.service_manager.name, stdout=out)

    assert "1 of 1 tenants looked at, 0 left out, 1 differences" in out.getvalue()
    assert "Dora Design: Enable notarizations." in out.getvalue()


def test_the_command_says_which_service_manager_there_is_not(db):
    with pytest.raises(CommandError, match="No service manager is called “Nobody”"):
        call_command("inspect_vendor", "--service-manager", "Nobody")


# --- How much it asks -----------------------------------------------------------------------------------------------------


def cost(acronis, nights) -> tuple[int, int]:
    """Return how many queries and calls an inspection takes."""
    before = len(acronis.seen("calls"))
    with CaptureQueriesContext(connection) as queries:
        inspect(acronis, nights=nights)
    told = [query for query in queries if "advisory" not in query["sql"]]
    return len(told), len(acronis.seen("calls")) - before


def test_more_customers_of_a_branch_cost_no_more_queries_and_no_more_calls(acronis):
    reseller = ResellerFactory()
    customer(acronis, parent=reseller)
    customer(acronis, name="Direct", login="direct")
    few = cost(acronis, 1)
    for number in range(4):
        Portal(acronis, customer(acronis, name=f"C{number}", login=f"cust{number}", parent=reseller)).switch(
            "notarizations", on=False
        )
        Portal(acronis, customer(acronis, name=f"D{number}", login=f"dir{number}")).limit("pg_base_servers", 5)

    many = cost(acronis, 2)

    assert many[1] <= few[1]
    assert many[0] <= few[0] + 4  # the rows of the differences themselves, in bulk
    assert Drift.objects.open().count() == 8
