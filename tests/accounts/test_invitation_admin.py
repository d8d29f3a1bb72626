"""Invitations in the back office."""

import pytest
from django.urls import reverse
from post_office.models import Email

from accounts import operations
from accounts.models import Invitation
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
ADD = "admin:accounts_invitation_add"


def test_an_account_manager_invites_the_first_administrator_of_a_customer(personas: Personas):
    organization = factories.OrganizationFactory(name="Elbe Bakery")
    client = personas.client("mira")
    page = client.get(reverse("admin:accounts_organization_change", args=[organization.pk])).content.decode()
    url = f"{reverse(ADD)}?organization={organization.pk}"

    typed = {"organization": organization.pk, "email": "nina@example.com", "role": "administrator"}
    client.post(url, typed)

    invitation = Invitation.objects.get()
    assert url in page
    assert (invitation.organization, invitation.role, invitation.invited_by) == (organization, "administrator", personas.mira)
    assert Email.objects.get().to == ["nina@example.com"]


def test_inviting_again_sends_again_and_who_is_a_member_is_refused(personas: Personas):
    client = personas.client("mira")
    typed = {"organization": personas.direct_customer.pk, "email": "nina@example.com", "role": "viewer"}
    client.post(reverse(ADD), typed)

    again = client.post(reverse(ADD), {**typed, "role": "buyer"})
    refused = client.post(reverse(ADD), {**typed, "email": personas.vic.email})

    assert again.status_code == 302
    assert [row.role for row in Invitation.objects.all()] == ["buyer"]
    assert "vic@example.com acts for Dora Design already." in refused.content.decode()
    assert Email.objects.count() == 2


def test_staff_send_again_and_revoke_and_an_answered_one_offers_neither(personas: Personas):
    client = personas.client("mira")
    row = operations.invite_person(
        organization=personas.direct_customer, email="nina@example.com", role="viewer", by=personas.dora, at=AT
    )
    page = reverse("admin:accounts_invitation_change", args=[row.pk])
    before = client.get(page).content.decode()

    client.post(reverse("admin:accounts_invitation_send_again", args=[row.pk]))
    sent = Invitation.objects.get()
    client.post(reverse("admin:accounts_invitation_revoke", args=[row.pk]))
    after = client.get(page).content.decode()

    row.refresh_from_db()
    assert sent.token_hash == row.token_hash
    assert Email.objects.count() == 2
    assert row.revoked_at is not None
    assert "Send again" in before
    assert "Send again" not in after
    assert row.token_hash not in after


@pytest.mark.parametrize(("state", "shown"), [("open", 1), ("expired", 1), ("answered", 2), ("", 4)])
def test_the_list_tells_which_wait_for_an_answer(personas: Personas, state, shown):
    far = AT.replace(year=2090)
    for n, facts in enumerate(
        [{"expires_at": far}, {"expires_at": AT}, {"expires_at": far, "revoked_at": AT}, {"expires_at": AT, "accepted_at": AT}]
    ):
        Invitation.objects.create(
            organization=personas.direct_customer, email=f"n{n}@example.com", token_hash=str(n), sent_at=AT, **facts
        )

    response = personas.client("mira").get(reverse("admin:accounts_invitation_changelist"), {"state": state} if state else {})

    assert len(response.context["cl"].result_list) == shown


def test_nobody_changes_or_deletes_an_invitation(personas: Personas):
    row = operations.invite_person(
        organization=personas.direct_customer, email="nina@example.com", role="viewer", by=personas.dora, at=AT
    )

    changed = personas.client("root").post(reverse("admin:accounts_invitation_change", args=[row.pk]), {"role": "administrator"})
    deleted = personas.client("root").post(reverse("admin:accounts_invitation_delete", args=[row.pk]), {"post": "yes"})

    assert (changed.status_code, deleted.status_code) == (403, 403)
    assert Invitation.objects.get().role == "viewer"


@pytest.mark.parametrize("who", ["bert", "dora", "nobody"])
def test_only_staff_with_the_right_enter(personas: Personas, who):
    assert personas.client(who).get(reverse("admin:accounts_invitation_changelist")).status_code in (302, 403, 404)
