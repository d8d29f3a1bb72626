"""Acting as a customer in the back office: how it begins, and the record of each time."""

import csv
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from accounts import operations
from accounts.models import ActingAs
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
LIST = "admin:accounts_actingas_changelist"


@pytest.fixture(autouse=True)
def clock_stands():
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def url(organization):
    return f"{reverse('admin:accounts_actingas_begin')}?organization={organization.number}"


def record(personas: Personas, **changed):
    facts = {"staff": personas.mira, "person": personas.dora, "organization": personas.direct_customer, "reason": "Ticket 4711"}
    return operations.begin_acting_as(**{**facts, **changed}, address="192.0.2.7", at=changed.pop("at", AT))


def test_the_page_offers_active_people_of_the_organization_with_their_roles(personas):
    factories.MembershipFactory(
        organization=personas.direct_customer, user=factories.UserFactory(is_active=False, email="gone@x.de")
    )

    page = personas.client("mira").get(url(personas.direct_customer)).content.decode()

    assert "dora@example.com), Administrator" in page
    assert "vic@example.com), Viewer" in page
    assert "gone@x.de" not in page


def test_an_organization_without_people_says_so_and_offers_to_invite(personas):
    empty = factories.OrganizationFactory(name="Elbe Bakery")

    page = personas.client("mira").get(url(empty)).content.decode()

    assert "Nobody acts for Elbe Bakery whom you could act as" in page
    assert f"{reverse('admin:accounts_invitation_add')}?organization={empty.pk}" in page


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"reason": "Ticket"}, "Choose as whom you act."),
        ({"person": "alice", "reason": "Ticket"}, "Select a valid choice"),
        ({"person": "dora"}, "Say why you act as this person"),
        ({"person": "dora", "reason": "x" * 301}, "at most 300 characters"),
    ],
)
def test_what_is_missing_or_wrong_is_said_beside_its_field(personas, typed, sentence):
    sent = {name: getattr(personas, value).pk if name == "person" else value for name, value in typed.items()}

    response = personas.client("mira").post(url(personas.direct_customer), sent)

    assert sentence in response.content.decode()
    assert not ActingAs.objects.exists()


@pytest.mark.parametrize(
    ("person", "answers"),
    [
        ("mira", {"begin": 200, "list": 200, "export": 200}),
        ("root", {"begin": 200, "list": 200, "export": 200}),
        ("bert", {"begin": 403, "list": 403, "export": 403}),
        ("dora", {"begin": 404, "list": 404, "export": 404}),
        ("nobody", {"begin": 302, "list": 302, "export": 302}),
    ],
)
def test_who_may_begin_and_read_the_record(personas, person, answers):
    paths = {"begin": url(personas.direct_customer), "list": reverse(LIST), "export": reverse("admin:accounts_actingas_export")}
    client = personas.client(person)
    led = {name: client.get(path) for name, path in paths.items()}
    if person == "dora":  # led to the door first, where there is nothing for her
        led = {name: client.get(path, follow=True) for name, path in paths.items()}

    assert {name: response.status_code for name, response in led.items()} == answers


@pytest.mark.parametrize("organization", ["", "X999"])
def test_beginning_for_no_organization_is_not_found(personas, organization):
    path = f"{reverse('admin:accounts_actingas_begin')}?organization={organization}"

    assert personas.client("mira").get(path).status_code == 404


def test_the_list_finds_by_either_person_the_organization_and_the_reason(personas):
    record(personas)
    record(personas, person=personas.alice, organization=personas.reseller, reason="Ticket 4712")
    client = personas.client("mira")

    for words in ("dora@example.com", personas.direct_customer.number, "Dora Design", "4711"):
        page = client.get(reverse(LIST), {"q": words}).content.decode()
        assert "Ticket 4711" in page, words
        assert "Ticket 4712" not in page, words


def test_the_list_filters_by_state_staff_and_month(personas, clock_stands):
    record(personas)
    clock_stands.move_to(AT + timedelta(hours=2))
    operations.begin_acting_as(
        staff=personas.root,
        person=personas.alice,
        organization=personas.reseller,
        reason="Ticket 4712",
        address=None,
        at=AT + timedelta(hours=2),
    )
    client = personas.client("mira")

    for query, shown, hidden in (
        ({"state": "going_on"}, "4712", "4711"),
        ({"state": "over"}, "4711", "4712"),
        ({"staff": personas.root.pk}, "4712", "4711"),
    ):
        page = client.get(reverse(LIST), query).content.decode()
        assert f"Ticket {shown}" in page, query
        assert f"Ticket {hidden}" not in page, query
    assert "Ticket 4711" in client.get(reverse(LIST), {"month": "2026-10"}).content.decode()
    assert "Ticket 4711" not in client.get(reverse(LIST), {"month": "2026-09"}).content.decode()
    assert client.get(reverse(LIST), {"staff": "x' OR 1"}).status_code == 200


def test_the_export_holds_what_the_list_shows(personas, clock_stands):
    record(personas, reason="=cmd()")
    clock_stands.move_to(AT + timedelta(hours=2))

    response = personas.client("mira").get(reverse("admin:accounts_actingas_export"), {"q": "Dora Design"})

    header, row = csv.reader(b"".join(response.streaming_content).decode().splitlines())
    line = dict(zip(header, row, strict=True))
    assert (line["Began"], line["Over"]) == ("2026-10-01 09:00:00", "2026-10-01 10:00:00")
    assert (line["Staff e-mail"], line["Person e-mail"]) == ("mira@northwind.example", "dora@example.com")
    assert (line["Organization"], line["Why"], line["From"]) == ("Dora Design", "'=cmd()", "192.0.2.7")


def test_the_organizations_page_leads_to_both_and_shows_the_record(personas):
    record(personas)

    page = personas.client("mira").get(reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk]))

    shown = page.content.decode()
    assert "Act as this customer" in shown
    assert "Ticket 4711" in shown
    assert f"{reverse(LIST)}?q={personas.direct_customer.number}" in shown


def test_who_may_not_act_is_offered_nothing(personas):
    page = personas.client("bert").get(reverse("admin:accounts_organization_change", args=[personas.direct_customer.pk]))

    assert "Act as this customer" not in page.content.decode()


def test_a_subscriptions_page_leads_to_acting_as_its_customer(personas):
    subscription = factories.SubscriptionFactory(service__tenant__organization=personas.direct_customer)
    path = reverse("admin:billing_subscription_change", args=[subscription.pk])

    page = personas.client("root").get(path).content.decode()

    assert f"organization={personas.direct_customer.number}&amp;back=" in page
