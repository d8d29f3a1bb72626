"""What each role of the MSP's staff may do at the vendor."""

import pytest
from django.contrib.auth.models import Group

from config.roles import ensure_roles
from tests import factories

GRANTED = [
    ("Account managers", "ordering.execute_order"),
    ("Billing managers", "ordering.override_price"),
    ("Billing managers", "ordering.release_order"),
    ("Account managers", "provisioning.change_tenant"),
    ("Account managers", "provisioning.change_tenantuser"),
    ("Account managers", "provisioning.change_service"),
    ("Account managers", "provisioning.terminate_service"),
    ("Account managers", "provisioning.place_hold"),
    ("Account managers", "provisioning.open_panel"),
    ("Account managers", "provisioning.show_password"),
    ("Billing managers", "provisioning.place_hold"),
    ("Billing managers", "provisioning.view_vendoraccess"),
    ("Billing managers", "billing.add_creditnote"),
    ("Account managers", "billing.view_creditnote"),
    ("Billing managers", "billing.export_accounting"),
    ("Account managers", "accounts.act_as_customer"),
    ("Account managers", "accounts.view_actingas"),
]
WITHHELD = [
    ("Account managers", "ordering.override_price"),
    ("Account managers", "ordering.release_order"),
    ("Billing managers", "ordering.execute_order"),
    ("Account managers", "billing.add_creditnote"),
    ("Account managers", "billing.export_accounting"),
    ("Product managers", "billing.export_accounting"),
    ("Product managers", "billing.view_creditnote"),
    ("Billing managers", "provisioning.open_panel"),
    ("Billing managers", "provisioning.show_password"),
    ("Billing managers", "provisioning.change_service"),
    ("Billing managers", "provisioning.terminate_service"),
    ("Product managers", "provisioning.place_hold"),
    ("Product managers", "provisioning.open_panel"),
    ("Product managers", "provisioning.show_password"),
    ("Product managers", "provisioning.terminate_service"),
    ("Billing managers", "accounts.act_as_customer"),
    ("Product managers", "accounts.act_as_customer"),
]


def _member_of(role):
    ensure_roles()
    person = factories.UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    return person


@pytest.mark.parametrize(("role", "permission"), GRANTED)
def test_a_role_may_do_its_work_at_the_vendor(db, role, permission):
    assert _member_of(role).has_perm(permission)


@pytest.mark.parametrize(("role", "permission"), WITHHELD)
def test_a_role_may_do_nothing_else_there(db, role, permission):
    assert not _member_of(role).has_perm(permission)
