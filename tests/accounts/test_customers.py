"""A reseller's customers: the list that is searched, sorted and exported; adding with an invitation; changing."""

import csv
import threading
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from post_office.models import Email

from accounts import operations
from accounts.models import Invitation, Organization
from accounts.operations.organizations import NameTaken
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
FACTS = {
    "name": "Elbe Bakery",
    "billing_email": "invoices@example.com",
    "address_line1": "Deichstraße 4",
    "address_line2": "",
    "postcode": "20459",
    "city": "Hamburg",
    "country": "DE",
    "tax_id": "DE129273398",
}


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    cache.clear()


def names(response: Any) -> list[str]:
    return [row.name for row in response.context["page"]]


def exported(response: Any) -> list[list[str]]:
    return list(csv.reader(response.content.decode().splitlines()))


# --- The list ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["Alpha", "Beta", "Café Carol"]),
        ("-name", ["Café Carol", "Beta", "Alpha"]),
        ("city", ["Beta", "Café Carol", "Alpha"]),
        ("-people", ["Beta", "Café Carol", "Alpha"]),
        ("password", ["Alpha", "Beta", "Café Carol"]),
        ("parent__payment_details", ["Alpha", "Beta", "Café Carol"]),
    ],
)
def test_the_list_is_sorted_by_the_columns_it_shows_and_by_nothing_else(personas: Personas, sort, expected):
    factories.OrganizationFactory(parent=personas.reseller, name="Alpha", city="Zwickau")
    beta = factories.OrganizationFactory(parent=personas.reseller, name="Beta", city="Aachen")
    for _ in range(2):
        factories.MembershipFactory(organization=beta)

    response = personas.client("alice").get(reverse("accounts:customers"), {"sort": sort})

    assert names(response) == expected


def test_the_sorted_column_says_so_and_turns_when_it_is_asked_for_again(personas: Personas):
    shown = personas.client("alice").get(reverse("accounts:customers"), {"sort": "city", "q": "Carol"}).content.decode()

    assert 'aria-sort="ascending"' in shown
    assert 'href="?sort=-city&amp;q=Carol"' in shown


def test_each_customer_shows_how_many_people_sign_in(personas: Personas):
    factories.MembershipFactory(organization=personas.resellers_customer)

    response = personas.client("alice").get(reverse("accounts:customers"))

    assert [row.people for row in response.context["page"]] == [2]


def test_the_list_needs_as_many_queries_for_many_as_for_few(personas: Personas):
    client, url = personas.client("alice"), reverse("accounts:customers")
    client.get(url)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        return len(asked)

    few = queries()
    for n in range(60):
        factories.MembershipFactory(organization__parent=personas.reseller, organization__name=f"Customer {n:03}")

    assert queries() == few <= 10


def test_the_second_page_has_the_rest(personas: Personas):
    for n in range(55):
        factories.OrganizationFactory(parent=personas.reseller, name=f"Customer {n:03}")

    response = personas.client("alice").get(reverse("accounts:customers"), {"page": 2})

    assert len(names(response)) == 6


def test_numbers_are_sorted_as_numbers(personas: Personas):
    personas.resellers_customer.delete()
    for number in ("C9999", "C10000"):
        factories.OrganizationFactory(parent=personas.reseller, number=number)

    response = personas.client("alice").get(reverse("accounts:customers"), {"sort": "number"})

    assert [row.number for row in response.context["page"]] == ["C9999", "C10000"]


# --- The file --------------------------------------------------------------------------------------------------------------------


def test_the_file_has_what_the_list_finds_on_all_pages(personas: Personas):
    for n in range(55):
        factories.OrganizationFactory(parent=personas.reseller, name=f"Customer {n:03}")

    response = personas.client("alice").get(reverse("accounts:export_customers"), {"q": "customer", "sort": "-name"})

    lines = exported(response)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="customers-{personas.reseller.number}.csv"'
    assert lines[0][:3] == ["Number", "Name", "Billing e-mail"]
    assert [line[1] for line in lines[1:3]] == ["Customer 054", "Customer 053"]
    assert len(lines) == 56


def test_a_name_is_no_formula_in_a_spreadsheet(personas: Personas):
    Organization.objects.filter(pk=personas.resellers_customer.pk).update(name='=HYPERLINK("http://evil.example")', city="+49")

    line = exported(personas.client("alice").get(reverse("accounts:export_customers")))[1]

    assert line[1] == '\'=HYPERLINK("http://evil.example")'
    assert line[6] == "'+49"
    assert line[-2:] == ["1", "2026-10-01"]


@pytest.mark.parametrize(("who", "status"), [("bob", 200), ("carol", 404), ("dora", 404), ("stranger", 403), ("nobody", 302)])
def test_only_resellers_export_and_only_their_own(personas: Personas, who, status):
    response = personas.client(who).get(reverse("accounts:export_customers"))

    assert response.status_code == status
    if status == 200:
        assert len(exported(response)) == 1  # the header


# --- Adding ----------------------------------------------------------------------------------------------------------------------


def test_adding_a_customer_can_invite_its_first_administrator(personas: Personas):
    typed = {**FACTS, "currency": "EUR", "administrator_email": "nina@example.com"}

    done = personas.client("alice").post(reverse("accounts:add_customer"), typed, follow=True)

    invitation = Invitation.objects.get()
    assert (invitation.organization.name, invitation.role, invitation.email) == (
        "Elbe Bakery",
        "administrator",
        "nina@example.com",
    )
    assert "An invitation is on its way to nina@example.com." in done.content.decode()
    assert "Nobody yet, 1 invited" in done.content.decode()
    mail = Email.objects.get().email_message()
    assert mail.body.rstrip().endswith("Alster IT")  # the reseller speaks to its customers, not the MSP


def test_invitations_of_new_customers_count_as_all_others_do(personas: Personas, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "invite": "1/h/user"}
    alice, url = personas.client("alice"), reverse("accounts:add_customer")

    def add(number: int, **facts: str) -> int:
        typed = {**FACTS, "name": f"Elbe Bakery {number}", "currency": "EUR", **facts}
        return alice.post(url, typed).status_code

    statuses = [add(n, administrator_email=f"first{n}@example.com") for n in range(2)]

    assert statuses == [302, 429]
    assert add(2) == 302
    assert Invitation.objects.count() == 1


def test_a_customer_is_added_without_an_invitation_too(personas: Personas):
    personas.client("alice").post(reverse("accounts:add_customer"), {**FACTS, "currency": "EUR"})

    assert Organization.objects.filter(name="Elbe Bakery").exists()
    assert not Email.objects.exists()


def test_a_buyer_of_the_reseller_adds_customers_but_invites_nobody(personas: Personas):
    personas.alice.memberships.update(role="buyer")
    typed = {**FACTS, "currency": "EUR", "administrator_email": "alice@example.com"}

    personas.client("alice").post(reverse("accounts:add_customer"), typed)

    assert Organization.objects.filter(name="Elbe Bakery").exists()
    assert not Invitation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_same_customer_at_once_add_one():
    reseller, by = factories.ResellerFactory(), factories.UserFactory()
    both_ready, refused = threading.Barrier(2), []

    def work() -> None:
        both_ready.wait()
        try:
            operations.add_customer(
                reseller=reseller, by=by, at=AT, administrator_email="n@example.com", **{**FACTS, "currency": "EUR"}
            )
        except NameTaken as refusal:
            refused.append(refusal.field)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert refused == ["name"]
    assert reseller.children.count() == 1
    assert Email.objects.count() == 1


# --- Changing --------------------------------------------------------------------------------------------------------------------


def test_a_reseller_changes_name_and_billing_information_and_the_vendor_is_told(personas: Personas):
    customer = personas.resellers_customer
    url = reverse("accounts:edit_customer", args=[customer.number])

    done = personas.client("alice").post(url, {**FACTS, "currency": "USD", "kind": "reseller", "number": "X"}, follow=True)

    number, currency = customer.number, customer.currency
    customer.refresh_from_db()
    assert "Elbe Bakery is saved." in done.content.decode()
    assert (customer.name, customer.city, customer.tax_id) == ("Elbe Bakery", "Hamburg", "DE129273398")
    assert (customer.number, customer.currency, customer.kind) == (number, currency, "customer")
    assert customer.facts_changed_at is not None


def test_a_customer_keeps_its_name_but_takes_no_other_ones(personas: Personas):
    factories.OrganizationFactory(parent=personas.reseller, name="Elbe Bakery")
    customer, client = personas.resellers_customer, personas.client("alice")
    url = reverse("accounts:edit_customer", args=[customer.number])

    taken = client.post(url, {**FACTS, "name": "ELBE  bakery"})
    kept = client.post(url, {**FACTS, "name": "Café Carol"})

    assert "You have a customer of this name already" in taken.content.decode()
    assert "<title>Change Café Carol" in taken.content.decode()
    assert 'value="ELBE bakery"' in taken.content.decode() or 'value="ELBE  bakery"' in taken.content.decode()
    assert kept.status_code == 302


@pytest.mark.parametrize(
    ("who", "status"),
    [("alice", 200), ("bob", 404), ("carol", 404), ("dora", 404), ("mira", 403), ("stranger", 403), ("nobody", 302)],
)
def test_a_customer_is_changed_by_its_own_reseller_only(personas: Personas, who, status):
    url = reverse("accounts:edit_customer", args=[personas.resellers_customer.number])

    assert personas.client(who).get(url).status_code == status


@pytest.mark.parametrize("role", ["viewer", "buyer"])
def test_only_the_resellers_administrators_change_customers(personas: Personas, role):
    personas.alice.memberships.update(role=role)
    customer = personas.resellers_customer
    client = personas.client("alice")

    shown = client.get(reverse("accounts:customer", args=[customer.number])).content.decode()

    assert client.post(reverse("accounts:edit_customer", args=[customer.number]), FACTS).status_code == 403
    assert reverse("accounts:edit_customer", args=[customer.number]) not in shown
    assert reverse("accounts:people", args=[customer.number]) not in shown


def test_the_page_of_a_customer_leads_to_its_people(personas: Personas):
    customer = personas.resellers_customer

    shown = personas.client("alice").get(reverse("accounts:customer", args=[customer.number])).content.decode()

    assert reverse("accounts:people", args=[customer.number]) in shown
    assert reverse("accounts:invite", args=[customer.number]) in shown
