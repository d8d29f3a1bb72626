"""The people of an organization and their roles: who sees them, who changes them, and that one administrator stays."""

import threading

import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from post_office.models import Email

from accounts import operations
from accounts.models import Invitation, Membership
from accounts.operations.members import LastAdministrator, NoMember
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    cache.clear()


# --- Who may open what --------------------------------------------------------------------------------------------------------

PAGES = ["people", "invite", "member", "remove_member", "resend_invitation", "revoke_invitation"]


def addresses(personas: Personas, organization, number: str | None) -> dict[str, str]:
    member = organization.memberships.order_by("pk").first()
    invitation = operations.invite_person(
        organization=organization, email="nina@example.com", role="viewer", by=personas.alice, at=AT
    )
    rows = {"member": member, "remove_member": member, "resend_invitation": invitation, "revoke_invitation": invitation}
    of = {"number": number} if number else {}
    return {door: reverse(f"accounts:{door}", kwargs={**of, **({"pk": rows[door].pk} if door in rows else {})}) for door in PAGES}


def answer(personas: Personas, who: str, door: str, url: str) -> int:
    client = personas.client(who)
    return (client.post(url) if door.endswith("invitation") else client.get(url)).status_code


@pytest.mark.parametrize("door", PAGES)
def test_an_organizations_people_are_for_its_administrators(personas: Personas, door):
    url = addresses(personas, personas.direct_customer, None)[door]
    for_own = {"dora": 302 if door.endswith("invitation") else 200, "vic": 403, "stranger": 403, "nobody": 302}

    assert {who: answer(personas, who, door, url) for who in for_own} == for_own


@pytest.mark.parametrize("door", PAGES[2:])
def test_people_of_others_do_not_exist(personas: Personas, door):
    url = addresses(personas, personas.direct_customer, None)[door]

    assert {who: answer(personas, who, door, url) for who in ("alice", "bob", "carol")} == {"alice": 404, "bob": 404, "carol": 404}


@pytest.mark.parametrize("door", PAGES)
def test_a_customers_people_are_for_its_resellers_administrators(personas: Personas, door):
    customer = personas.resellers_customer
    buyer = factories.UserFactory(email="buyer@example.com")
    factories.MembershipFactory(user=buyer, organization=personas.reseller, role=Role.BUYER)
    url = addresses(personas, customer, customer.number)[door]
    expected = {
        "alice": 302 if door.endswith("invitation") else 200,
        "bob": 404,
        "carol": 404,
        "dora": 404,
        "stranger": 403,
        "mira": 403,
        "nobody": 302,
    }

    assert {who: answer(personas, who, door, url) for who in expected} == expected
    client = personas.client("nobody")
    client.force_login(buyer, backend="django.contrib.auth.backends.ModelBackend")
    assert (client.post(url) if door.endswith("invitation") else client.get(url)).status_code == 403


def test_a_reseller_does_not_reach_a_direct_customers_people(personas: Personas):
    url = reverse("accounts:people", args=[personas.direct_customer.number])

    assert personas.client("alice").get(url).status_code == 404


# --- Pages ---------------------------------------------------------------------------------------------------------------------


def test_the_list_shows_members_and_invitations_with_their_state(personas: Personas):
    personas.direct_customer.invitations.all().delete()
    operations.invite_person(
        organization=personas.direct_customer, email="nina@example.com", role="viewer", by=personas.dora, at=AT
    )
    Invitation.objects.update(expires_at=AT)

    shown = personas.client("dora").get(reverse("accounts:people")).content.decode()

    assert "Vic" in shown
    assert "Viewer: sees everything, changes nothing" in shown
    assert "nina@example.com" in shown
    assert "expired" in shown


def test_an_administrator_invites_a_person(personas: Personas):
    done = personas.client("dora").post(reverse("accounts:invite"), {"email": "nina@example.com", "role": "buyer"}, follow=True)

    assert "An invitation is on its way to nina@example.com." in done.content.decode()
    assert [(row.organization, row.invited_by) for row in Invitation.objects.all()] == [(personas.direct_customer, personas.dora)]


def test_inviting_tells_nothing_about_who_has_an_account(personas: Personas):
    client = personas.client("dora")
    url = reverse("accounts:invite")

    known = client.post(url, {"email": personas.bob.email, "role": "buyer"}, follow=True).content.decode()
    unknown = client.post(url, {"email": "nil@example.com", "role": "buyer"}, follow=True).content.decode()

    assert "An invitation is on its way to bob@example.com." in known
    assert "An invitation is on its way to nil@example.com." in unknown
    assert "Bob" not in known.replace("bob@example.com", "")


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"email": "", "role": "buyer"}, "E-mail address is missing."),
        ({"email": "no address", "role": "buyer"}, "Enter a valid email address."),
        ({"email": "nina@example.com", "role": "king"}, "Select a valid choice."),
        ({"email": "vic@example.com", "role": "buyer"}, "acts for Dora Design already."),
    ],
)
def test_a_refused_invitation_says_why_and_sends_nothing(personas: Personas, typed, sentence):
    refused = personas.client("dora").post(reverse("accounts:invite"), typed)

    assert sentence in refused.content.decode()
    assert not Email.objects.exists()


def test_inviting_is_limited(personas: Personas, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "invite": "2/h/user"}
    client = personas.client("dora")

    statuses = [
        client.post(reverse("accounts:invite"), {"email": f"n{n}@example.com", "role": "buyer"}).status_code for n in range(3)
    ]

    assert statuses == [302, 302, 429]
    assert Email.objects.count() == 2


def test_the_first_person_invited_to_a_customer_is_suggested_as_administrator(personas: Personas):
    personas.resellers_customer.memberships.all().delete()
    url = reverse("accounts:invite", args=[personas.resellers_customer.number])

    assert personas.client("alice").get(url).context["form"]["role"].value() == Role.ADMINISTRATOR


def test_an_invitation_is_sent_again_and_revoked_from_the_list(personas: Personas):
    client = personas.client("dora")
    client.post(reverse("accounts:invite"), {"email": "nina@example.com", "role": "buyer"})
    pk = Invitation.objects.get().pk

    again = client.post(reverse("accounts:resend_invitation", args=[pk]), follow=True).content.decode()
    revoked = client.post(reverse("accounts:revoke_invitation", args=[pk]), follow=True).content.decode()
    too_late = client.post(reverse("accounts:resend_invitation", args=[pk]), follow=True).content.decode()

    assert "A new link is on its way to nina@example.com." in again
    assert "The invitation of nina@example.com is revoked." in revoked
    assert "This invitation was accepted or revoked meanwhile." in too_late
    assert Email.objects.count() == 2


def test_a_role_is_changed(personas: Personas):
    vic = personas.vic.memberships.get()

    done = personas.client("dora").post(reverse("accounts:member", args=[vic.pk]), {"role": "buyer"}, follow=True)

    vic.refresh_from_db()
    assert vic.role == Role.BUYER
    assert "Vic" in done.content.decode()
    assert "is buyer of Dora Design now." in done.content.decode()
    assert vic.events.order_by("pk").last().role == "buyer"


def test_a_person_is_removed_after_confirmation_and_twice_is_once(personas: Personas):
    client, vic = personas.client("dora"), personas.vic.memberships.get()
    url = reverse("accounts:remove_member", args=[vic.pk])

    asked = client.get(url).content.decode()
    still_there = Membership.objects.filter(pk=vic.pk).exists()
    done = client.post(url, follow=True)
    again = client.post(url, follow=True)

    assert "Remove Vic" in asked
    assert still_there
    assert "does not act for Dora Design any more." in done.content.decode()
    assert again.status_code == 200
    assert client.get(url).status_code == 404
    assert personas.client("vic").get(reverse("accounts:organization")).status_code == 403


def test_who_removes_oneself_or_steps_back_lands_on_a_page_that_may_be_seen(personas: Personas):
    factories.MembershipFactory(organization=personas.direct_customer)
    client, dora = personas.client("dora"), personas.dora.memberships.get()

    stepped = client.post(reverse("accounts:member", args=[dora.pk]), {"role": "viewer"}, follow=True)

    assert stepped.status_code == 200
    assert stepped.redirect_chain[-1][0] == reverse("accounts:organization")
    assert client.post(reverse("accounts:remove_member", args=[dora.pk])).status_code == 403  # a viewer looks after nobody


@pytest.mark.parametrize("door", ["member", "remove_member"])
def test_the_only_administrator_stays_and_the_page_says_why(personas: Personas, door):
    dora = personas.dora.memberships.get()

    refused = personas.client("dora").post(reverse(f"accounts:{door}", args=[dora.pk]), {"role": "viewer"})

    assert "is the only administrator of Dora Design." in refused.content.decode()
    dora.refresh_from_db()
    assert dora.role == Role.ADMINISTRATOR


def test_the_list_needs_as_many_queries_for_many_as_for_few(personas: Personas):
    client, url = personas.client("dora"), reverse("accounts:people")

    def queries() -> int:
        from django.db import connection

        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        return len(asked)

    client.get(url)
    few = queries()
    for n in range(30):
        factories.MembershipFactory(organization=personas.direct_customer)
        operations.invite_person(
            organization=personas.direct_customer, email=f"n{n}@example.com", role="viewer", by=personas.dora, at=AT
        )

    assert queries() == few <= 12


# --- Operations -----------------------------------------------------------------------------------------------------------------


def test_an_administrator_who_cannot_sign_in_does_not_count():
    organization = factories.OrganizationFactory()
    here = factories.MembershipFactory(organization=organization)
    factories.MembershipFactory(organization=organization, user__is_active=False)

    with pytest.raises(LastAdministrator):
        operations.remove_member(organization=organization, membership_id=here.pk)


def test_nobody_changes_a_role_in_another_organization():
    membership = factories.MembershipFactory()

    with pytest.raises(NoMember):
        operations.change_role(organization=factories.OrganizationFactory(), membership_id=membership.pk, role="viewer")


@pytest.mark.django_db(transaction=True)
def test_of_two_administrators_who_demote_each_other_one_stays():
    organization = factories.OrganizationFactory()
    both = [factories.MembershipFactory(organization=organization) for _ in range(2)]
    ready, refused = threading.Barrier(2), []

    def demote(membership: Membership) -> None:
        ready.wait()
        try:
            operations.change_role(organization=organization, membership_id=membership.pk, role="viewer")
        except LastAdministrator as refusal:
            refused.append(refusal)
        connections.close_all()

    threads = [threading.Thread(target=demote, args=(membership,)) for membership in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert organization.memberships.filter(role="administrator").count() == 1


def test_an_invited_persons_days_are_those_of_the_clock(personas: Personas):
    with time_machine.travel(AT, tick=False):
        personas.client("dora").post(reverse("accounts:invite"), {"email": "nina@example.com", "role": "buyer"})

    assert (Invitation.objects.get().expires_at - AT).days == 14
