"""Repairing and adopting, kind by kind: changed at the vendor, inspected, decided; and inspected again there is nothing."""

from datetime import timedelta

import pytest
from django.db import connection

from accounts.models import User
from common.errors import IllegalTransition
from provisioning import vendor
from provisioning.models import Drift, Hold, Service, Tenant
from provisioning.observing import Offer
from provisioning.operations import converging, drift, holds, services
from provisioning.operations.adopting import CannotAdopt
from provisioning.planning.choosing import ItemsNotAvailable, ItemWish
from provisioning.planning.differences import KIND_NAMES
from provisioning.planning.values import Limit
from provisioning.tasks import sweep
from tests.factories import AT, ResellerFactory, TenantUserFactory, UserFactory
from tests.provisioning.drifting import GIB, Portal, clock, customer, inspect, night, open_kinds

pytestmark = pytest.mark.django_db

DECIDED_AT = AT + timedelta(days=1, hours=8)


@pytest.fixture
def mira(db) -> User:
    return UserFactory(first_name="Mira")


@pytest.fixture
def tenant(acronis) -> Tenant:
    return customer(acronis)


@pytest.fixture
def portal(acronis, tenant) -> Portal:
    return Portal(acronis, tenant)


def deciding():
    return DECIDED_AT


def only() -> Drift:
    return Drift.objects.open().get()


def adopt(row: Drift, by: User) -> str:
    return drift.adopt(drift_id=row.pk, by=by, clock=deciding)


# --- What somebody does in the portal, and what we then wish for ------------------------------------------------------------


def turn_off(portal):
    portal.switch("notarizations", on=False)


def set_a_quota(portal):
    portal.limit("pg_base_servers", 5, 2)


def switch_edition(portal):
    portal.switch_edition("pck_per_workload")


def rename(portal):
    portal.update(name="Dora & Daughters")


def disable(portal):
    portal.update(enabled=False)


def change_login(portal):
    portal.update_user(login="dora.herself")


def change_email(portal):
    portal.update_user(contact={"email": "dora@new.example"})


def take_role(portal):
    portal.grant("readonly_admin")


def delete_user(portal):
    portal.delete_user()


def change_language(portal):
    portal.update(language="fr")


def change_contact(portal):
    portal.update(contact={"city": "Bonn"})


CHANGES = {
    "enable_item": turn_off,
    "limit_item": set_a_quota,
    "switch_edition": switch_edition,
    "rename_tenant": rename,
    "enable_tenant": disable,
    "change_login": change_login,
    "change_email": change_email,
    "grant_role": take_role,
    "create_user": delete_user,
    "set_language": change_language,
    "set_contact": change_contact,
}


@pytest.mark.parametrize("kind", CHANGES)
def test_repaired_the_vendor_has_again_what_should_be_there(
    acronis, tenant, portal, mira, kind, django_capture_on_commit_callbacks
):
    CHANGES[kind](portal)
    inspect(acronis)
    row = only()

    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=row.pk, by=mira, at=DECIDED_AT)

    row.refresh_from_db()
    assert (row.kind, row.status, row.decided_by, row.decided_at) == (kind, "repaired", mira, DECIDED_AT)
    assert row.settled_at is not None
    assert inspect(acronis, nights=2).differences == 0


WISHES = {
    "enable_item": lambda tenant: tenant.services.get().items.get(name="notarizations").is_enabled is False,
    "limit_item": lambda tenant: (
        tenant.services.get().items.values_list("soft_quota", "overage").get(name="pg_base_servers") == (5, 2)
    ),
    "switch_edition": lambda tenant: tenant.services.get().protection_model == "per_workload",
    "rename_tenant": lambda tenant: Tenant.objects.get(pk=tenant.pk).wished_name == "Dora & Daughters",
    "enable_tenant": lambda tenant: tenant.holds.get().reason == Hold.Reason.MANUAL,
    "change_login": lambda tenant: tenant.users.get().login == "dora.herself",
    "change_email": lambda tenant: tenant.users.get().email == "dora@new.example",
    "grant_role": lambda tenant: tenant.users.get().role == "readonly_admin",
    "create_user": lambda tenant: tenant.users.get().gone_at == DECIDED_AT,
}


@pytest.mark.parametrize("kind", WISHES)
def test_adopted_our_wish_says_what_is_there_and_nothing_is_changed_at_the_vendor(acronis, tenant, portal, mira, kind):
    CHANGES[kind](portal)
    inspect(acronis)
    done = tenant.actions.count()

    sentence = adopt(only(), mira)

    row = Drift.objects.get()
    assert sentence.startswith("Dora Design: ")
    assert WISHES[kind](tenant)
    assert (row.kind, row.status, row.decided_by, row.decided_at) == (kind, "adopted", mira, DECIDED_AT)
    tenant.refresh_from_db()
    assert tenant.agrees
    assert tenant.next_try_at is None
    assert inspect(acronis, nights=2).differences == 0
    converging.converge(tenant.pk, clock=night(2))
    assert tenant.actions.count() == done


@pytest.mark.parametrize(("kind", "word"), [("set_contact", "city"), ("set_language", "language")])
def test_billing_data_are_not_adopted_but_changed_on_the_organization(acronis, tenant, portal, mira, kind, word):
    CHANGES[kind](portal)
    inspect(acronis)

    with pytest.raises(CannotAdopt, match=f"Billing data are kept on the organization. Change the {word} of Dora Design"):
        adopt(only(), mira)

    assert only().status == "open"


def test_every_kind_has_a_name():
    kinds = {"tenant_deleted", "cannot_plan", "disable_item", "disable_tenant", "set_pricing_mode"}

    assert set(KIND_NAMES) == kinds | set(CHANGES)


# --- Offering items -------------------------------------------------------------------------------------------------------


def test_an_item_turned_on_at_the_vendor_becomes_part_of_the_service_with_its_quota(acronis, mira):
    tenant = customer(acronis, items={"notarizations": ItemWish(is_enabled=False)})
    portal = Portal(acronis, tenant)
    portal.switch("notarizations", on=True)
    portal.limit("notarizations", 100)
    inspect(acronis)
    assert open_kinds() == [("disable_item", "notarizations")]

    adopt(only(), mira)

    item = tenant.services.get().items.get(name="notarizations")
    assert (item.is_enabled, item.soft_quota, item.overage) == (True, 100, None)
    assert inspect(acronis, nights=2).differences == 0


def test_an_unlimited_item_of_a_service_that_covers_everything_needs_no_row(acronis, mira):
    tenant = customer(acronis, items={"notarizations": ItemWish(limit=Limit(10))})
    Portal(acronis, tenant).limit("notarizations", None)
    inspect(acronis)

    adopt(only(), mira)

    assert not tenant.services.get().items.exists()
    assert inspect(acronis, nights=2).differences == 0


def test_an_item_its_parent_does_not_offer_is_not_adopted(acronis, mira, monkeypatch):
    tenant = customer(acronis, items={"notarizations": ItemWish(is_enabled=False)})
    Portal(acronis, tenant).switch("notarizations", on=True)
    inspect(acronis)
    offered = Offer.items
    monkeypatch.setattr(Offer, "items", lambda *a, **k: [item for item in offered(*a, **k) if item.name != "notarizations"])

    with pytest.raises(ItemsNotAvailable, match="offering items not available: notarizations"):
        adopt(only(), mira)


@pytest.mark.parametrize("kind", ["enable_item", "disable_item"])
def test_another_storage_is_adopted_as_the_storage_of_the_service(acronis, tenant, portal, mira, kind):
    here = portal.item("pg_base_storage", on=True).infra_id
    there = acronis.service_manager.storages.filter(capabilities__contains=["backup"]).exclude(infra_id=here).get()
    portal.move_to_storage(str(there.infra_id), away_from=here)
    inspect(acronis)

    sentence = adopt(Drift.objects.open().filter(kind=kind).order_by("pk").first(), mira)

    assert sentence == f"Dora Design: it keeps {there}."
    assert tenant.services.get().backup_storage == there
    assert inspect(acronis, nights=2).differences == 0


def test_quotas_are_divided_by_the_quantity_of_the_service(acronis, mira):
    tenant = customer(acronis, items={"pg_base_storage": ItemWish(limit=Limit(50 * GIB, 10 * GIB))}, quantity=2)
    Portal(acronis, tenant).limit("pg_base_storage", 300 * GIB, 40 * GIB)
    inspect(acronis)

    sentence = adopt(only(), mira)

    item = tenant.services.get().items.get()
    assert (item.soft_quota, item.overage) == (150 * GIB, 20 * GIB)
    assert sentence == "Dora Design: pg_base_storage keeps soft quota 300 GB, hard at 340 GB."
    assert inspect(acronis, nights=2).differences == 0


def test_a_quota_the_quantity_does_not_divide_is_refused_with_the_figures(acronis, mira):
    tenant = customer(acronis, items={"pg_base_servers": ItemWish(limit=Limit(4))}, quantity=2)
    Portal(acronis, tenant).limit("pg_base_servers", 9)
    inspect(acronis)

    with pytest.raises(
        CannotAdopt, match="pg_base_servers has soft quota 9 at Acronis, which the service's quantity of 2 does not"
    ):
        adopt(only(), mira)


def test_a_resellers_items_are_not_adopted(acronis, mira):
    tenant = customer(acronis, parent=ResellerFactory())
    Portal(acronis, tenant.parent).limit("notarizations", 5)
    inspect(acronis)

    with pytest.raises(CannotAdopt, match="A reseller has everything the MSP has"):
        adopt(only(), mira)


# --- Pricing mode and holds -----------------------------------------------------------------------------------------------


def test_production_found_in_a_free_trial_cannot_be_repaired_and_is_adopted(acronis, mira):
    tenant = customer(acronis, pricing_mode="trial")
    Portal(acronis, tenant).set_pricing("production")
    inspect(acronis)
    row = only()
    assert (row.kind, row.wished, row.found) == ("set_pricing_mode", "trial", "production")

    with pytest.raises(drift.CannotRepair, match="no way back from production"):
        drift.repair(drift_id=row.pk, by=mira, at=DECIDED_AT)
    adopt(row, mira)

    assert tenant.services.get().pricing_mode == Service.PricingMode.PRODUCTION
    assert inspect(acronis, nights=2).differences == 0


def test_a_billed_service_does_not_become_a_trial(acronis, mira):
    customer(acronis, pricing_mode="trial")
    Service.objects.update(pricing_mode="production")
    inspect(acronis)

    with pytest.raises(CannotAdopt, match="A service that is billed does not become trial"):
        adopt(only(), mira)


def held(acronis, tenant, *reasons):
    for reason in reasons:
        holds.place_hold(tenant_id=tenant.pk, reason=reason, at=clock())
    converging.converge(tenant.pk, clock=clock)
    Portal(acronis, tenant).update(enabled=True)
    inspect(acronis)


def test_enabled_at_the_vendor_releases_a_manual_hold(acronis, tenant, mira):
    held(acronis, tenant, "manual")
    assert open_kinds() == [("disable_tenant", "")]

    adopt(only(), mira)

    assert tenant.holds.get().released_at == DECIDED_AT
    assert inspect(acronis, nights=2).differences == 0


def test_enabled_at_the_vendor_does_not_release_what_somebody_else_opened(acronis, tenant, mira):
    held(acronis, tenant, "manual", "dunning")

    with pytest.raises(CannotAdopt, match="suspended because of: Invoice overdue"):
        adopt(only(), mira)

    assert tenant.holds.filter(released_at__isnull=True).count() == 2


# --- Users ----------------------------------------------------------------------------------------------------------------


def test_a_role_we_do_not_know_is_not_adopted(acronis, tenant, portal, mira):
    portal.grant("protection_admin")
    inspect(acronis)

    with pytest.raises(CannotAdopt, match=r"jane\.doe has protection_admin at Acronis"):
        adopt(only(), mira)


def test_a_login_somebody_else_wishes_for_here_is_not_adopted(acronis, tenant, portal, mira):
    portal.update_user(login="dora.herself")
    inspect(acronis)
    TenantUserFactory(tenant=tenant, login="Dora.Herself")
    row = only()

    with pytest.raises(CannotAdopt, match="wished for somebody else"):
        adopt(row, mira)

    assert tenant.users.filter(login="jane.doe").exists()


# --- Deleted tenants ------------------------------------------------------------------------------------------------------


def test_a_deleted_tenant_is_restored_and_enabled_again(acronis, tenant, portal, mira, django_capture_on_commit_callbacks):
    portal.delete()
    inspect(acronis)

    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=only().pk, by=mira, at=DECIDED_AT)

    assert Drift.objects.get().status == "repaired"
    assert portal.api.tenants.get(portal.id).enabled
    assert tenant.actions.order_by("-pk")[1].sentence.startswith("Restore the deleted tenant “Dora Design”")
    assert inspect(acronis, nights=2).differences == 0


def test_a_restoration_that_fails_is_said_and_can_be_tried_again(acronis, tenant, portal, mira, django_capture_on_commit_callbacks):
    portal.delete()
    inspect(acronis)
    acronis.fault(method="POST", path="/restore$", times=1, status=403)

    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=only().pk, by=mira, at=DECIDED_AT)
    tenant.refresh_from_db()
    failed = only()
    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=failed.pk, by=mira, at=DECIDED_AT)

    assert failed.status == "repairing"
    assert "403" in tenant.last_error
    assert Drift.objects.get().status == "repaired"


def test_adopting_a_deletion_ends_the_service(acronis, tenant, portal, mira, django_capture_on_commit_callbacks):
    portal.delete()
    inspect(acronis)

    with django_capture_on_commit_callbacks(execute=True):
        sentence = adopt(only(), mira)

    tenant.refresh_from_db()
    assert sentence == "Dora Design: the service has ended."
    assert (tenant.services.get().ended_at, tenant.retired_at) == (DECIDED_AT, DECIDED_AT)
    assert tenant.gone_at is not None
    assert Drift.objects.get().status == "adopted"
    inspection = inspect(acronis, nights=2)
    assert (inspection.tenants_total, inspection.differences) == (0, 0)


def test_a_reseller_is_not_given_up_before_its_customers(acronis, mira, django_capture_on_commit_callbacks):
    below = customer(acronis, parent=ResellerFactory(name="Alster IT"))
    Portal(acronis, below).delete()
    Portal(acronis, below.parent).delete()
    inspect(acronis)
    of_customer, of_reseller = Drift.objects.get(tenant=below), Drift.objects.get(tenant=below.parent)

    with pytest.raises(CannotAdopt, match="Alster IT has 1 customer with a tenant below it"):
        adopt(of_reseller, mira)
    with pytest.raises(drift.CannotRepair, match="The tenant of Alster IT, above it, was deleted too"):
        drift.repair(drift_id=of_customer.pk, by=mira, at=DECIDED_AT)
    with django_capture_on_commit_callbacks(execute=True):
        adopt(of_customer, mira)
        adopt(of_reseller, mira)

    assert not Tenant.objects.filter(gone_at__isnull=True).exists()
    assert inspect(acronis, nights=2).differences == 0


def test_a_deleted_tenant_that_is_back_by_now_is_not_given_up(acronis, tenant, portal, mira):
    portal.delete()
    inspect(acronis)
    portal.api.tenants.restore(portal.id)

    sentence = adopt(only(), mira)

    assert "Nothing had to be adopted" in sentence
    assert tenant.services.live().exists()


def test_nothing_else_is_adopted_of_a_tenant_that_was_deleted_meanwhile(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    portal.delete()

    with pytest.raises(CannotAdopt, match="was deleted at Acronis meanwhile"):
        adopt(only(), mira)


# --- Deciding -------------------------------------------------------------------------------------------------------------


def test_a_name_longer_than_ours_can_be_is_refused_in_a_sentence(acronis, tenant, portal, mira):
    portal.update(name="D" * 250)
    inspect(acronis)

    with pytest.raises(CannotAdopt, match="more than 200 characters"):
        adopt(Drift.objects.get(kind="rename_tenant"), mira)


def test_what_cannot_be_planned_is_not_adopted(acronis, mira):
    tenant = customer(acronis, parent=ResellerFactory(), items={"notarizations": ItemWish()})
    Portal(acronis, tenant.parent).switch("notarizations", on=False)
    inspect(acronis)

    with pytest.raises(CannotAdopt, match="Change the service of Dora Design, or have Acronis offer what it asks for"):
        adopt(Drift.objects.get(kind="cannot_plan"), mira)


def test_what_is_gone_by_the_time_somebody_adopts_it_is_said(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    portal.switch("notarizations", on=True)

    sentence = adopt(only(), mira)

    assert "Nothing had to be adopted" in sentence
    assert Drift.objects.get().status == "vanished"


def test_what_was_changed_again_is_adopted_as_it_is_now(acronis, tenant, portal, mira):
    portal.limit("pg_base_servers", 5)
    inspect(acronis)
    portal.limit("pg_base_servers", 8)

    adopt(only(), mira)

    assert tenant.services.get().items.get().soft_quota == 8
    assert Drift.objects.get().found == "soft quota 8"


def test_adopting_one_difference_leaves_the_others_to_be_decided(acronis, tenant, portal, mira, django_capture_on_commit_callbacks):
    turn_off(portal)
    rename(portal)
    inspect(acronis)

    with django_capture_on_commit_callbacks(execute=True):
        adopt(Drift.objects.get(kind="rename_tenant"), mira)
        sweep()

    assert only().kind == "enable_item"
    assert not portal.item("notarizations").enabled
    inspect(acronis, nights=2)
    assert open_kinds() == [("enable_item", "notarizations")]


def test_repairing_one_difference_repairs_the_tenant_and_says_so_before(
    acronis, tenant, portal, mira, django_capture_on_commit_callbacks
):
    turn_off(portal)
    rename(portal)
    inspect(acronis)
    row = Drift.objects.get(kind="rename_tenant")

    said = drift.repaired_along(row)
    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=row.pk, by=mira, at=DECIDED_AT)

    assert said == ["Rename the tenant to “Dora Design”", "Enable notarizations"]
    assert set(Drift.objects.values_list("status", "decided_by")) == {("repaired", mira.pk)}


def test_a_repair_the_vendor_refuses_can_be_adopted_instead(acronis, tenant, portal, mira, django_capture_on_commit_callbacks):
    turn_off(portal)
    inspect(acronis)
    acronis.fault(method="PUT", path="/offering_items$", times=1, status=400)
    with django_capture_on_commit_callbacks(execute=True):
        drift.repair(drift_id=only().pk, by=mira, at=DECIDED_AT)

    with django_capture_on_commit_callbacks(execute=True):
        adopt(only(), mira)

    tenant.refresh_from_db()
    assert Drift.objects.get().status == "adopted"
    assert (tenant.agrees, tenant.last_error) == (True, "")
    assert not portal.item("notarizations").enabled


def test_what_is_being_carried_out_is_not_adopted_at_the_same_time(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    row = only()
    drift.repair(drift_id=row.pk, by=mira, at=DECIDED_AT)

    with pytest.raises(CannotAdopt, match="is being carried out"):
        adopt(row, mira)


def test_what_is_settled_is_not_decided_again(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    row = only()
    adopt(row, mira)

    with pytest.raises(IllegalTransition, match="This difference is Adopted"):
        drift.repair(drift_id=row.pk, by=mira, at=DECIDED_AT)
    with pytest.raises(IllegalTransition):
        adopt(row, mira)


def test_a_vendor_that_does_not_answer_is_a_sentence_and_nothing_is_adopted(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    acronis.fault(path="/offering_items", status=503, times=50)

    with pytest.raises(CannotAdopt, match="What is there now could not be read"):
        adopt(only(), mira)

    assert only().status == "open"


def test_of_a_terminated_service_nothing_is_repaired(acronis, tenant, portal, mira):
    turn_off(portal)
    inspect(acronis)
    services.terminate_service(service_id=tenant.services.get().pk, at=clock())

    with pytest.raises(drift.CannotRepair, match="was terminated"):
        drift.repair(drift_id=only().pk, by=mira, at=DECIDED_AT)


def test_no_transaction_is_open_while_the_vendor_is_asked(acronis, tenant, portal, mira, monkeypatch):
    turn_off(portal)
    inspect(acronis)
    row, open_blocks = only(), []
    refuse = vendor.refuse_open_transaction

    def looked_at():
        open_blocks.append([block for block in connection.atomic_blocks if not getattr(block, "_from_testcase", False)])
        refuse()

    monkeypatch.setattr(vendor, "refuse_open_transaction", looked_at)
    adopt(row, mira)

    assert len(open_blocks) > 3
    assert not any(open_blocks)
