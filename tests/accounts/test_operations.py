"""Organizations: what the operations refuse, and what the database refuses whoever writes."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import Membership, Organization
from accounts.operations import WrongParent, add_member, add_organization, change_billing_information
from tests.factories import AT, OrganizationFactory, ResellerFactory, UserFactory, msp

pytestmark = pytest.mark.django_db


def test_a_new_customer_gets_a_number_and_its_parents_habits():
    reseller = ResellerFactory(currency="CHF", country="CH", time_zone="Europe/Zurich")

    customer = add_organization(kind="customer", parent=reseller, name="Alpen AG", at=AT, billing_email="a@example.com")

    assert customer.number.startswith("C")
    assert (customer.currency, customer.country, customer.time_zone) == ("CHF", "CH", "Europe/Zurich")
    assert customer.reseller == reseller


def test_numbers_are_never_given_twice():
    numbers = [
        add_organization(kind="customer", parent=msp(), name=f"N{n}", at=AT, billing_email="n@example.com").number for n in range(5)
    ]

    assert len(set(numbers)) == 5


@pytest.mark.parametrize(
    ("kind", "parent"),
    [("reseller", "reseller"), ("customer", "customer"), ("reseller", "customer"), ("msp", "msp"), ("customer", None)],
)
def test_an_organization_stands_only_where_its_kind_can_stand(kind, parent):
    parents = {"msp": msp, "reseller": ResellerFactory, "customer": OrganizationFactory, None: lambda: None}

    with pytest.raises(WrongParent):
        add_organization(kind=kind, parent=parents[parent](), name="Nowhere", at=AT, billing_email="n@example.com")


@pytest.mark.parametrize("parent", [ResellerFactory, OrganizationFactory], ids=["reseller", "customer"])
def test_the_database_keeps_resellers_directly_under_the_msp(parent):
    reseller = ResellerFactory()
    above = parent()

    with pytest.raises(IntegrityError, match="a reseller belongs to the MSP"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_organization SET parent_id = %s WHERE id = %s", [above.pk, reseller.pk])


def test_there_is_one_msp():
    msp()

    with pytest.raises(IntegrityError, match="organization_one_msp"), transaction.atomic():
        OrganizationFactory(kind=Organization.Kind.MSP, parent=None, number="M2")


def test_a_currency_is_three_capital_letters():
    with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
        OrganizationFactory(currency="eur")


def test_a_person_has_one_role_per_organization_and_a_second_one_replaces_it():
    user, organization = UserFactory(), OrganizationFactory()
    add_member(organization=organization, user=user, role=Membership.Role.VIEWER)

    add_member(organization=organization, user=user, role=Membership.Role.BUYER)

    assert [membership.role for membership in user.memberships.all()] == ["buyer"]


def test_changed_billing_information_keeps_a_history():
    organization = OrganizationFactory(city="Berlin")

    change_billing_information(organization=organization, city="Potsdam", at=AT)

    organization.refresh_from_db()
    assert organization.city == "Potsdam"
    assert list(organization.events.order_by("pk").values_list("city", flat=True)) == ["Berlin", "Potsdam"]


def test_e_mail_addresses_are_one_person_whatever_their_case():
    UserFactory(email="Jane@example.com")

    with pytest.raises(IntegrityError, match="user_email_unique"), transaction.atomic():
        UserFactory(email="jane@EXAMPLE.com")


def test_everybody_sees_what_is_theirs(personas):
    def seen(name: str) -> set[str]:
        return set(Organization.objects.visible_to(getattr(personas, name)).values_list("name", flat=True))

    assert seen("alice") == {"Alster IT", "Café Carol"}
    assert seen("carol") == {"Café Carol"}
    assert seen("bob") == {"Bodensee Systems"}
    assert seen("dora") == {"Dora Design"}
    assert seen("stranger") == set()
    assert len(seen("mira")) == 5
