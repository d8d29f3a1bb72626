"""Converging holds, ends, and what stands below something that is held or gone."""

import pytest
from django.db import transaction

from common.errors import FieldRefused
from provisioning.models import Hold, Tenant
from provisioning.operations import converging, holds, services
from provisioning.planning.values import GIB, Limit
from tests.factories import AT, OrganizationFactory, ResellerFactory
from tests.provisioning.served import LATER, MUCH_LATER, served, wished

pytestmark = pytest.mark.django_db


@pytest.fixture
def it(acronis):
    return served(acronis.service_manager, OrganizationFactory(name="Dora Design"))


def retire(it) -> None:
    with transaction.atomic():
        services.terminate_service(service_id=it.tenant.services.latest("pk").pk, at=LATER)


def customers(acronis) -> list[str]:
    return [tenant["id"] for tenant in acronis.seen("tenants") if tenant["kind"] == "customer"]


# --- Holds ----------------------------------------------------------------------------------------------------------------


def test_a_tenant_runs_again_only_when_its_last_hold_is_released(it):
    for reason in (Hold.Reason.MANUAL, Hold.Reason.DUNNING):
        holds.place_hold(tenant_id=it.tenant.pk, reason=reason, at=LATER)
    it.converge()
    assert it.at_vendor.enabled is False

    holds.release_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)
    it.converge()
    assert it.at_vendor.enabled is False

    holds.release_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.DUNNING, at=LATER)
    it.converge()
    assert it.at_vendor.enabled is True
    assert (it.done.count("disable_tenant"), it.done.count("enable_tenant")) == (1, 1)


def test_what_changes_during_a_hold_is_carried_out_and_the_tenant_stays_disabled(it):
    holds.place_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.MANUAL, at=LATER)
    it.converge()

    services.change_quotas(service_id=it.service.pk, limits={"pg_base_storage": Limit(5 * GIB)}, at=LATER)
    it.converge()

    assert (it.quotas["pg_base_storage"], it.at_vendor.enabled) == ((5 * GIB, None), False)
    assert it.tenant.agrees


def test_a_customer_held_before_it_was_ever_created_ends_complete_and_disabled(acronis):
    it = wished(acronis.service_manager)
    holds.place_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.CREDIT_LIMIT, at=AT)

    it.converge()

    assert it.at_vendor.enabled is False
    assert len(it.users) == 1
    assert it.tenant.agrees


def test_below_a_parent_that_is_disabled_people_are_told_to_resume_it_first(acronis):
    reseller = ResellerFactory(name="Alster IT")
    served(acronis.service_manager, OrganizationFactory(parent=reseller))
    partner = Tenant.objects.get(organization=reseller)
    holds.place_hold(tenant_id=partner.pk, reason=Hold.Reason.MANUAL, at=LATER)
    converging.converge(partner.pk, clock=lambda: LATER)
    it = wished(acronis.service_manager, OrganizationFactory(parent=reseller))

    it.converge_by_itself()
    assert "the parent tenant is disabled (code 1003). Resume the parent first" in it.tenant.last_error

    holds.release_hold(tenant_id=partner.pk, reason=Hold.Reason.MANUAL, at=MUCH_LATER)
    it.converge_by_itself()
    assert (it.tenant.agrees, it.tenant.last_error) == (True, "")


# --- Ends -----------------------------------------------------------------------------------------------------------------


def test_a_terminated_service_is_disabled_deleted_and_its_login_free(it, acronis):
    login = it.user.login

    retire(it)
    it.converge()

    assert it.done[-2:] == ["disable_tenant", "delete_tenant"]
    assert customers(acronis) == []
    assert (it.tenant.gone_at, it.user.gone_at, it.user.password) == (LATER, LATER, None)
    assert it.api.users.check_login(login).name == "FREE"


def test_converging_what_is_gone_asks_nobody(it, acronis):
    retire(it)
    it.converge()
    acronis.http.delete("/sandbox/calls")

    it.converge()

    assert acronis.seen("calls") == []


def test_ordering_again_after_the_end_makes_a_tenant_of_its_own_with_the_same_login(it, acronis):
    login, old = it.user.login, it.vendor_id
    retire(it)
    it.converge()

    again = served(acronis.service_manager, it.tenant.organization, login=login)

    assert again.tenant.pk != it.tenant.pk
    assert again.vendor_id != old
    assert (again.at_vendor.name, [user.login for user in again.users]) == ("Dora Design", [login])
    assert len(customers(acronis)) == 1


def test_a_login_is_not_free_before_the_vendor_has_deleted_its_tenant(it, acronis):
    retire(it)

    with pytest.raises(FieldRefused, match="is taken"):
        wished(acronis.service_manager, it.tenant.organization, login=it.user.login)


def test_ordering_again_before_the_old_tenant_is_deleted_takes_another_name(it, acronis):
    retire(it)

    again = wished(acronis.service_manager, it.tenant.organization, login="another.login")
    again.converge()
    it.converge()

    assert again.at_vendor.name == f"Dora Design ({it.tenant.organization.number})"
    assert customers(acronis) == [again.vendor_id]


def test_the_end_of_what_was_never_created_needs_no_deletion(acronis):
    it = wished(acronis.service_manager)
    retire(it)

    it.converge()

    assert (it.tenant.gone_at, it.done) == (LATER, [])


def test_the_end_of_what_was_created_without_our_hearing_of_it_deletes_it(acronis):
    it = wished(acronis.service_manager)
    acronis.fault(method="POST", path="^/api/2/tenants$", times=1, lose_answer=True)
    acronis.fault(method="GET", path="/search$", nth=2, times=3, status=503)
    acronis.fault(method="GET", path="^/api/2/tenants$", times=3, status=503)
    it.converge_by_itself()
    assert (it.tenant.vendor_id, len(customers(acronis))) == (None, 1)
    acronis.no_more_faults()

    retire(it)
    it.converge()

    assert it.tenant.gone_at == LATER
    assert customers(acronis) == []


def test_what_somebody_deleted_in_the_portal_ends_without_a_second_deletion(it):
    found = it.at_vendor
    it.api.tenants.delete(found.id, version=it.api.tenants.update(found.id, version=found.version, enabled=False).version)

    retire(it)
    it.converge()

    assert (it.tenant.gone_at, "delete_tenant" in it.done) == (LATER, False)


def test_a_404_of_somebody_in_between_does_not_end_what_is_still_there(it, acronis):
    retire(it)
    acronis.fault(method="GET", path=f"/tenants/{it.vendor_id}$", times=1, status=404)

    it.converge_by_itself()
    assert it.tenant.gone_at is None
    assert len(customers(acronis)) == 1

    it.converge()
    assert customers(acronis) == []


def test_a_held_service_can_end(it, acronis):
    holds.place_hold(tenant_id=it.tenant.pk, reason=Hold.Reason.DUNNING, at=LATER)
    it.converge()

    retire(it)
    it.converge()

    assert customers(acronis) == []
    assert it.done.count("disable_tenant") == 1


def test_below_a_parent_somebody_deleted_the_sentence_names_what_is_missing(acronis):
    reseller = ResellerFactory(name="Alster IT")
    it = served(acronis.service_manager, OrganizationFactory(parent=reseller))
    partner = Tenant.objects.get(organization=reseller)
    found = it.api.tenants.get(str(partner.vendor_id))
    it.api.tenants.delete(found.id, version=it.api.tenants.update(found.id, version=found.version, enabled=False).version)

    it.converge_by_itself()
    assert "404" in it.tenant.last_error
    assert it.tenant.next_try_at is None

    retire(it)
    it.converge_by_itself()
    assert it.tenant.gone_at == LATER
