"""Customers and people in the back office."""

import pytest
from django.core import mail
from django.urls import reverse
from post_office.models import Email

from accounts.models import Membership, Organization, User
from tests import factories

ADD = "admin:accounts_organization_add"


def filled(parent, /, **changes):
    return {
        "kind": "customer",
        "parent": parent.pk,
        "name": "Elbe Logistik",
        "billing_email": "bills@elbe.example",
        "currency": "EUR",
        "country": "DE",
        "time_zone": "Europe/Berlin",
        "language": "en",
        "tax_treatment": "automatic",
        "payment_terms_days": "14",
        "orders_execute_automatically": "on",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
        **changes,
    }


def test_a_new_customer_gets_a_number_of_its_own(personas):
    personas.client("mira").post(reverse(ADD), filled(personas.reseller))

    added = Organization.objects.get(name="Elbe Logistik")
    assert added.number.startswith("C1")
    assert (added.parent, added.created_at is not None) == (personas.reseller, True)


def test_a_customer_is_added_together_with_its_people(personas):
    people = {
        "memberships-TOTAL_FORMS": "1",
        "memberships-0-user": personas.stranger.pk,
        "memberships-0-role": "buyer",
    }

    personas.client("mira").post(reverse(ADD), filled(personas.msp, **people))

    assert Membership.objects.get(user=personas.stranger).organization.name == "Elbe Logistik"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"parent": ""}, "parent"),
        ({"kind": "msp"}, "kind"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": "QQQ"}, "currency"),
        ({"country": "D1"}, "country"),
        ({"time_zone": "Berlin"}, "time_zone"),
        ({"billing_email": "nobody"}, "billing_email"),
        ({"payment_terms_days": "999"}, "payment_terms_days"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field(personas, changes, field):
    before = Organization.objects.count()

    page = personas.client("mira").post(reverse(ADD), filled(personas.msp, **changes))

    assert field in page.context["adminform"].form.errors
    assert Organization.objects.count() == before


def test_a_reseller_stands_under_the_msp_alone(personas):
    page = personas.client("mira").post(reverse(ADD), filled(personas.reseller, kind="reseller"))

    assert "A reseller belongs to the MSP." in page.context["adminform"].form.errors["parent"]


def test_kind_and_parent_stay_as_they_were_given(personas):
    customer = personas.direct_customer
    url = reverse("admin:accounts_organization_change", args=[customer.pk])
    changes = filled(personas.reseller, kind="reseller", name="Dora Design AG")
    people = {
        "memberships-TOTAL_FORMS": "2",
        "memberships-INITIAL_FORMS": "2",
    }
    for number, membership in enumerate(customer.memberships.order_by("pk")):
        people |= {
            f"memberships-{number}-id": membership.pk,
            f"memberships-{number}-organization": customer.pk,
            f"memberships-{number}-user": membership.user_id,
            f"memberships-{number}-role": membership.role,
        }

    answer = personas.client("mira").post(url, {**changes, **people})

    assert answer.status_code == 302
    customer.refresh_from_db()
    assert (customer.name, customer.kind, customer.parent) == ("Dora Design AG", "customer", personas.msp)


@pytest.mark.parametrize("term", ["Dora", "dora@example.com"])
def test_organizations_are_found_by_name_and_people(personas, term):
    page = personas.client("mira").get(reverse("admin:accounts_organization_changelist"), {"q": term})

    assert list(page.context["cl"].result_list) == [personas.direct_customer]


def test_an_organization_leads_to_what_belongs_to_it(personas):
    url = reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk])

    page = personas.client("root").get(url).content.decode()

    number = personas.direct_customer.number
    for name in ("ordering_order", "billing_subscription", "billing_invoice", "provisioning_tenant"):
        assert f"{reverse(f'admin:{name}_changelist')}?q={number}" in page
    assert f"{reverse('admin:ordering_order_create')}?consumer={number}" in page


def test_staff_do_not_make_themselves_superusers(personas):
    url = reverse("admin:accounts_user_change", args=[personas.mira.pk])

    answer = personas.client("mira").post(url, {"email": personas.mira.email, "is_superuser": "on"})

    assert answer.status_code == 403
    personas.mira.refresh_from_db()
    assert not personas.mira.is_superuser


def test_staff_do_not_turn_a_customer_into_staff(personas):
    url = reverse("admin:accounts_user_change", args=[personas.stranger.pk])
    form = {"email": personas.stranger.email, "first_name": "New", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    personas.client("mira").post(url, {**form, "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"})

    personas.stranger.refresh_from_db()
    assert (personas.stranger.first_name, personas.stranger.is_staff, personas.stranger.is_superuser) == ("New", False, False)


def test_staff_do_not_set_a_colleagues_password(personas):
    url = reverse("admin:auth_user_password_change", args=[personas.root.pk])

    answer = personas.client("mira").post(url, {"password1": "correct horse staple", "password2": "correct horse staple"})

    assert answer.status_code == 403


def test_a_person_is_added_by_e_mail_once_whatever_its_case(personas):
    form = {
        "email": "DORA@example.com",
        "usable_password": "false",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    client = personas.client("mira")

    refused = client.post(reverse("admin:accounts_user_add"), form)
    client.post(reverse("admin:accounts_user_add"), {**form, "email": "new@example.com"})

    assert "exists already" in refused.context["adminform"].form.errors["email"][0]
    assert not User.objects.get(email="new@example.com").is_staff


def test_the_outbox_shows_a_mail_and_does_not_send_it(personas):
    email = Email.objects.create(
        to=["dora@example.com"], from_email="till@northwind.example", subject="Your invoice", message="Here it is.", status=2
    )

    page = personas.client("root").get(reverse("admin:post_office_email_change", args=[email.pk])).content.decode()

    assert "Your invoice" in page
    assert "Here it is." in page
    assert mail.outbox == []


def test_a_customer_is_no_reason_to_lose_rows(personas):
    customer = factories.OrganizationFactory()

    answer = personas.client("root").post(reverse("admin:accounts_organization_delete", args=[customer.pk]), {"post": "yes"})

    assert answer.status_code == 403
    assert Organization.objects.filter(pk=customer.pk).exists()


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"tax_treatment": "exempt"}, {"tax_exemption_reason"}),
        ({"tax_treatment": "exempt", "tax_exemption_reason": "§ 4 No. 7 UStG"}, set()),
        ({"tax_id": "DE129273399"}, {"tax_id"}),
        ({"tax_id": "ATU57194903"}, {"tax_id"}),
        ({"tax_id": "de 129 273 398"}, set()),
        ({"language": "xx"}, {"language"}),
    ],
    ids=["exempt-why", "exempt", "mistyped", "other-country", "spaces", "language"],
)
def test_what_the_tax_depends_on_is_checked(personas, changes, refused):
    answer = personas.client("mira").post(reverse(ADD), filled(personas.msp, **changes))

    assert set(answer.context["adminform"].form.errors if answer.status_code == 200 else ()) == refused
    assert Organization.objects.filter(name="Elbe Logistik").exists() is (not refused)


def test_who_may_only_look_at_organizations_sees_their_page(personas):
    page = personas.client("bert").get(reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk]))

    assert page.status_code == 200
    assert personas.direct_customer.name in page.content.decode()
