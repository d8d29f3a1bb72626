"""Converging what people read at the vendor: name, contact, language."""

from datetime import timedelta

import pytest

from accounts.models import Organization
from provisioning import vendor
from provisioning.models import Tenant
from provisioning.operations import converging, due
from tests.factories import AT, OrganizationFactory, ResellerFactory
from tests.provisioning.served import LATER, served, wished

pytestmark = pytest.mark.django_db


@pytest.fixture
def it(acronis):
    return served(acronis.service_manager, OrganizationFactory(name="Dora Design"))


def test_contact_and_language_go_along_with_the_creation(acronis):
    consumer = OrganizationFactory(name="Dora Design", language="de", country="DE", billing_email="dora@example.com")

    it = served(acronis.service_manager, consumer)

    found = it.at_vendor
    assert found.language == "de"
    assert (found.contact.email, found.contact.address1, found.contact.zipcode, found.contact.city, found.contact.country) == (
        "dora@example.com",
        "Hauptstraße 1",
        "10115",
        "Berlin",
        "DE",
    )
    assert "set_contact" not in it.done


def test_an_organization_that_moved_and_was_renamed_is_swept_and_told(it):
    Organization.objects.filter(pk=it.tenant.organization_id).update(
        name="Dora Design & Söhne", city="Köln", language="fr", facts_changed_at=LATER
    )

    due.wish_new_billing_information(at=LATER + timedelta(minutes=1))
    it.tenant.refresh_from_db()
    assert not it.tenant.agrees
    assert it.tenant.next_try_at == LATER + timedelta(minutes=1)
    converging.converge_due(it.tenant.pk, clock=lambda: LATER + timedelta(minutes=2))

    found = it.at_vendor
    assert (found.name, found.contact.city, found.language) == ("Dora Design & Söhne", "Köln", "fr")
    it.tenant.refresh_from_db()
    assert (it.tenant.agrees, it.tenant.vendor_name) == (True, "Dora Design & Söhne")
    assert not Tenant.objects.with_new_billing_information().exists()


def test_a_partner_tenant_is_told_too(acronis):
    reseller = ResellerFactory(name="Alster IT")
    served(acronis.service_manager, OrganizationFactory(parent=reseller))
    Organization.objects.filter(pk=reseller.pk).update(city="Altona", facts_changed_at=LATER)

    due.wish_new_billing_information(at=LATER)
    partner = Tenant.objects.get(organization=reseller)
    converging.converge_due(partner.pk, clock=lambda: LATER)

    assert vendor.connect(acronis.service_manager).tenants.get(str(partner.vendor_id)).contact.city == "Altona"


def test_what_we_do_not_know_is_left_as_somebody_typed_it_in_the_portal(it):
    it.api.tenants.update(it.vendor_id, version=it.at_vendor.version, contact={"phone": "+49 40 1234", "address2": "2nd floor"})

    it.converge()

    assert it.at_vendor.contact.address2 == "2nd floor"
    assert "set_contact" not in it.done


def test_a_vendor_that_writes_the_country_its_own_way_is_told_once_a_run_and_blocks_nothing(it, monkeypatch):
    changed = type(it.api.tenants).update

    def in_its_own_way(tenants, tenant_id, *, version, **fields):
        if "contact" in fields:
            fields["contact"] = {**fields["contact"], "country": "Germany"}
        return changed(tenants, tenant_id, version=version, **fields)

    monkeypatch.setattr(type(it.api.tenants), "update", in_its_own_way)
    it.api.tenants.update(it.vendor_id, version=it.at_vendor.version, contact={"country": "Germany"})

    it.converge()

    assert it.tenant.agrees
    assert it.done.count("set_contact") == 1


def test_a_renamed_organization_whose_name_is_taken_gets_our_number(it, acronis):
    root = str(acronis.service_manager.root_tenant_id)
    it.api.tenants.create(name="Elbe Design", parent_id=root, kind="customer")
    Organization.objects.filter(pk=it.tenant.organization_id).update(name="Elbe Design")

    it.converge()
    it.converge()

    assert it.at_vendor.name == f"Elbe Design ({it.tenant.organization.number})"
    assert it.done.count("rename_tenant") == 1


@pytest.mark.parametrize(
    "name",
    ["Ж" * 200, "Ürümqi 株式会社 🏔", "O'Neil & Sons; DROP TABLE", "x" * 150 + " " + "y" * 49, "Straße   GmbH"],
    ids=["long", "unicode", "signs", "long with space", "spaces"],
)
def test_any_name_that_can_be_typed_is_taken_and_found_again(acronis, name):
    it = wished(acronis.service_manager, OrganizationFactory(name=name))

    it.converge()
    it.converge()

    assert it.tenant.agrees
    assert it.done.count("create_tenant") == 1
    assert "rename_tenant" not in it.done


def test_a_fact_that_changes_while_the_parent_is_converged_is_not_forgotten(acronis, monkeypatch):
    it = wished(acronis.service_manager, OrganizationFactory(name="Café Carol", parent=ResellerFactory(name="Alster IT")))
    looked = converging._Convergence.run

    def run(convergence):
        looked(convergence)
        if convergence.tenant.kind == Tenant.Kind.PARTNER:  # meanwhile somebody changes the customer's address
            Organization.objects.filter(pk=it.tenant.organization_id).update(city="Wedel")
            Tenant.objects.filter(pk=it.tenant.pk).update(wished_at=AT + timedelta(minutes=5))

    monkeypatch.setattr(converging._Convergence, "run", run)

    it.converge()

    assert it.tenant.agrees
    assert it.at_vendor.contact.city == "Wedel"


def test_a_wish_that_changes_meanwhile_is_not_taken_for_carried_out(acronis, monkeypatch):
    it = wished(acronis.service_manager)
    carried_out = converging._Convergence._carry_out

    def carry_out(convergence, action):
        carried_out(convergence, action)
        Tenant.objects.filter(pk=it.tenant.pk).update(wished_at=LATER)

    monkeypatch.setattr(converging._Convergence, "_carry_out", carry_out)

    it.converge()

    assert not it.tenant.agrees
