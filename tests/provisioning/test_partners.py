"""Reseller synchronization, against the sandbox."""

import pytest

from common.errors import FieldRefused
from provisioning import vendor
from provisioning.models import Tenant, TenantUser
from provisioning.operations import converging, partners, preview, users
from tests import factories
from tests.factories import AT
from tests.provisioning.world import LATER, later

pytestmark = pytest.mark.django_db

ROLE = TenantUser.Role.READ_ONLY_ADMINISTRATOR


@pytest.fixture
def reseller(db):
    return factories.ResellerFactory(name="Alster IT")


def synchronize(acronis, reseller, **facts):
    wish = {"parent": None, "role": ROLE, "login": "alice", "email": "alice@example.com", **facts}
    return partners.synchronize_reseller(reseller=reseller, service_manager=acronis.service_manager, at=AT, **wish)


def test_a_reseller_gets_a_partner_tenant_with_every_edition_and_a_read_only_administrator(acronis, reseller):
    tenant = synchronize(acronis, reseller)

    converging.converge(tenant.pk, clock=later)

    tenant.refresh_from_db()
    api = vendor.connect(acronis.service_manager)
    there = api.tenants.get(str(tenant.vendor_id))
    items = [item for item in api.offering_items.list(there.id) if item.enabled]
    assert (there.kind, there.parent_id) == ("partner", str(acronis.service_manager.root_tenant_id))
    assert {"pck_per_gigabyte", "pck_per_workload", "fss_per_user"} <= {item.edition for item in items}
    (user,) = api.users.of_tenant(there.id)
    assert [policy.role_id for policy in user.access_policies] == ["readonly_admin"]
    assert [mail["to"] for mail in acronis.seen("mails")] == ["alice@example.com"]


def test_synchronized_again_it_is_the_same_tenant_user_and_mail(acronis, reseller):
    first = synchronize(acronis, reseller)
    converging.converge(first.pk, clock=later)

    second = synchronize(acronis, reseller)
    converging.converge(second.pk, clock=later)

    assert second.pk == first.pk
    assert TenantUser.objects.count() == 1
    assert len(acronis.seen("mails")) == 1


def test_the_person_can_be_corrected_until_the_vendor_has_made_the_user(acronis, reseller):
    synchronize(acronis, reseller, login="alcie")

    tenant = synchronize(acronis, reseller, login="alice", email="a@example.com")

    assert [(user.login, user.email) for user in tenant.users.all()] == [("alice", "a@example.com")]


def test_a_person_whom_the_vendor_has_made_is_changed_elsewhere(acronis, reseller):
    converging.converge(synchronize(acronis, reseller).pk, clock=later)

    with pytest.raises(users.UserExists, match="alice exists at Acronis already"):
        synchronize(acronis, reseller, login="somebody.else")


def test_a_reseller_without_a_login_gets_the_tenant_alone(acronis, reseller):
    tenant = synchronize(acronis, reseller, login="", email="")

    converging.converge(tenant.pk, clock=later)

    tenant.refresh_from_db()
    assert tenant.vendor_id is not None
    assert not tenant.users.exists()


@pytest.mark.parametrize(
    ("facts", "field", "sentence"),
    [
        ({"login": "msp-admin"}, "login", "msp-admin is taken"),
        ({"login": "x"}, "login", "at least 3 characters"),
        ({"login": ""}, "login", "Enter a login user name"),
        ({"email": ""}, "email", "Enter the e-mail address"),
    ],
    ids=["taken", "short", "no-login", "no-email"],
)
def test_a_person_that_cannot_be_is_refused_beside_the_field_and_nothing_is_written(acronis, reseller, facts, field, sentence):
    with pytest.raises(FieldRefused, match=sentence) as refused:
        synchronize(acronis, reseller, **facts)

    assert refused.value.field == field
    assert not Tenant.objects.exists()


def test_an_emptied_email_is_refused_too(acronis, reseller):
    tenant = synchronize(acronis, reseller)

    with pytest.raises(FieldRefused, match="Enter the e-mail address"):
        synchronize(acronis, reseller, email="")

    assert tenant.users.get().email == "alice@example.com"


def test_a_customer_is_not_synchronized(acronis):
    with pytest.raises(FieldRefused, match="is no reseller"):
        synchronize(acronis, factories.OrganizationFactory())


def test_a_vendor_that_does_not_answer_whether_the_login_is_free_keeps_nobody_from_saving(acronis, reseller):
    acronis.fault(path=".*", status=503, times=100)

    tenant = synchronize(acronis, reseller)

    assert tenant.users.get().login == "alice"


# --- Parents ----------------------------------------------------------------------------------------------------------


def test_a_reseller_can_stand_under_another_partner(acronis, reseller):
    distributor = synchronize(acronis, factories.ResellerFactory(name="Distributor"), login="", email="")

    tenant = synchronize(acronis, reseller, parent=distributor)
    converging.converge(tenant.pk, clock=later)

    tenant.refresh_from_db()
    distributor.refresh_from_db()
    there = vendor.connect(acronis.service_manager).tenants.get(str(tenant.vendor_id))
    assert there.parent_id == str(distributor.vendor_id)


def test_a_tenant_does_not_stand_under_what_is_below_it(acronis, reseller):
    tenant = synchronize(acronis, reseller)
    below = synchronize(acronis, factories.ResellerFactory(), parent=tenant, login="", email="")

    with pytest.raises(FieldRefused, match="not below it") as refused:
        synchronize(acronis, reseller, parent=below)

    assert refused.value.field == "parent"


def test_the_parent_is_settled_once_the_tenant_is_at_the_vendor(acronis, reseller):
    distributor = synchronize(acronis, factories.ResellerFactory(), login="", email="")
    tenant = synchronize(acronis, reseller)
    converging.converge(tenant.pk, clock=later)

    with pytest.raises(FieldRefused, match="stands at Acronis already"):
        synchronize(acronis, reseller, parent=distributor)


# --- Preview ----------------------------------------------------------------------------------------------------------


def steps(acronis, reseller, **facts):
    wish = {"parent": None, "role": ROLE, "login": "alice", "email": "alice@example.com", **facts}
    found = preview.steps_of_synchronization(reseller=reseller, service_manager=acronis.service_manager, **wish)
    return [step.sentence for step in found]


def test_the_preview_says_what_synchronizing_does_and_writes_nothing(acronis, reseller):
    sentences = steps(acronis, reseller)

    assert sentences[0] == "Create the partner tenant “Alster IT”"
    assert sentences[-3:] == [
        "Create the user alice",
        "Make alice read-only administrator",
        "Send the activation mail to alice@example.com",
    ]
    assert not Tenant.objects.exists()


def test_the_preview_begins_with_what_is_missing_above(acronis, reseller):
    distributor = synchronize(acronis, factories.ResellerFactory(name="Distributor"), login="", email="")

    assert steps(acronis, reseller, parent=distributor)[0] == "For Distributor: Create the partner tenant “Distributor”"


def test_the_preview_of_what_is_there_is_empty(acronis, reseller):
    tenant = synchronize(acronis, reseller)
    converging.converge(tenant.pk, clock=later)

    assert steps(acronis, reseller) == []
    tenant.refresh_from_db()
    assert tenant.converged_at == LATER
