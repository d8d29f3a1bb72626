"""Invitations: mailed, sent again, revoked, accepted; whose link works when, and what it tells to whom."""

import logging
import re
import threading
from datetime import timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.urls import reverse
from post_office.models import Email

from accounts import operations
from accounts.models import Invitation, Membership, Organization, User
from accounts.operations.invitations import AlreadyAccepted, AlreadyMember, NotOpen, SwitchedOff, hash_of
from tests import factories
from tests.conftest import Personas
from tests.factories import AT

pytestmark = pytest.mark.django_db
LINK = re.compile(r"/invitations/([A-Za-z0-9_-]{43})/")
NEW = {"first_name": "Nina", "last_name": "Neu", "password": "a long way to Tipperary"}


@pytest.fixture(autouse=True)
def _no_limits_from_before() -> None:
    cache.clear()


@pytest.fixture
def organization() -> Organization:
    return factories.OrganizationFactory(name="Dora Design")


@pytest.fixture
def dora(organization: Organization) -> User:
    return factories.MembershipFactory(organization=organization, user__first_name="Dora", user__last_name="Kern").user


def invite(organization: Organization, by: User, email: str = "nina@example.com", role: str = "buyer", at=AT) -> Invitation:
    return operations.invite_person(organization=organization, email=email, role=role, by=by, at=at)


def newest_mail() -> Email:
    return Email.objects.latest("pk")


def newest_token() -> str:
    return LINK.search(newest_mail().email_message().body)[1]


def opened(client: Client, token: str):
    return client.get(reverse("accounts:open_invitation", args=[token]), follow=True)


# --- Sending --------------------------------------------------------------------------------------------------------------------


def test_an_invitation_is_mailed_with_its_link_and_only_the_hash_is_kept(organization, dora, settings):
    invitation = invite(organization, dora)

    mail = newest_mail().email_message()
    html = mail.alternatives[0][0]
    assert newest_mail().to == ["nina@example.com"]
    assert mail.subject == "Dora Kern invites you to act for Dora Design"
    assert f"{settings.SITE_URL}/invitations/{newest_token()}/" in html
    assert "Your role: Buyer: orders and manages services" in mail.body
    assert "Open until: 15 Oct 2026, 11:00 CEST" in mail.body
    assert invitation.token_hash == hash_of(newest_token())
    assert not Invitation.objects.filter(token_hash=newest_token()).exists()


def test_a_name_in_the_mail_stays_a_name(dora):
    rude = factories.OrganizationFactory(name="<b>{% now 'Y' %}</b>")

    invite(rude, dora)

    mail = newest_mail().email_message()
    assert "<b>{% now 'Y' %}</b>" in mail.subject
    assert "<b>{%" not in mail.alternatives[0][0]


def test_inviting_again_makes_the_old_link_void_and_keeps_one_invitation(organization, dora):
    invite(organization, dora)
    first = newest_token()

    invite(organization, dora, email="NINA@example.com", role="viewer", at=AT + timedelta(hours=1))

    assert [row.role for row in Invitation.objects.all()] == ["viewer"]
    assert newest_token() != first
    with pytest.raises(NotOpen):
        operations.find_invitation(hash_of(first), at=AT + timedelta(hours=2))
    assert operations.find_invitation(hash_of(newest_token()), at=AT + timedelta(hours=2)).email == "nina@example.com"


def test_the_form_sent_twice_sends_one_mail(organization, dora):
    first = invite(organization, dora)

    second = invite(organization, dora, at=AT + timedelta(seconds=2))

    assert second == first
    assert Email.objects.count() == 1


def test_whoever_acts_for_it_already_is_not_invited(organization, dora):
    with pytest.raises(AlreadyMember, match="acts for Dora Design already"):
        invite(organization, dora, email=dora.email.upper())

    assert not Email.objects.exists()


def test_the_database_keeps_one_unanswered_invitation_per_address(organization, dora):
    invitation = invite(organization, dora)

    with pytest.raises(IntegrityError, match="invitation_one_open"), transaction.atomic():
        Invitation.objects.create(
            organization=organization, email="Nina@Example.com", token_hash="other", sent_at=AT, expires_at=invitation.expires_at
        )


@pytest.mark.django_db(transaction=True)
def test_two_who_invite_the_same_person_at_once_send_one_mail(organization, dora):
    both_ready = threading.Barrier(2)

    def work() -> None:
        both_ready.wait()
        invite(organization, dora)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Invitation.objects.count() == 1
    assert Email.objects.count() == 1


def test_sending_again_gives_another_fourteen_days(organization, dora):
    invitation = invite(organization, dora)
    late = AT + timedelta(days=20)

    operations.resend_invitation(organization=organization, invitation_id=invitation.pk, by=dora, at=late)

    assert operations.find_invitation(hash_of(newest_token()), at=late + timedelta(days=13)).pk == invitation.pk


def test_a_revoked_link_works_no_more_and_is_not_sent_again(organization, dora):
    invitation = invite(organization, dora)

    for _ in range(2):
        operations.revoke_invitation(organization=organization, invitation_id=invitation.pk, at=AT)

    with pytest.raises(NotOpen):
        operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)
    with pytest.raises(NotOpen):
        operations.resend_invitation(organization=organization, invitation_id=invitation.pk, by=dora, at=AT)
    assert invite(organization, dora).pk != invitation.pk


def test_what_was_accepted_is_not_revoked(organization, dora):
    invitation = invite(organization, dora)
    operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)

    with pytest.raises(NotOpen, match="has accepted meanwhile"):
        operations.revoke_invitation(organization=organization, invitation_id=invitation.pk, at=AT)


# --- Accepting -------------------------------------------------------------------------------------------------------------------


def test_an_unknown_person_becomes_a_member_with_name_and_password(organization, dora):
    invitation = invite(organization, dora, role="viewer")

    membership = operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)

    assert (membership.organization, membership.role) == (organization, "viewer")
    assert membership.user.get_full_name() == "Nina Neu"
    assert membership.user.check_password(NEW["password"])
    assert not membership.user.is_staff


def test_a_known_person_gets_the_membership_and_keeps_name_and_password(organization, dora):
    known = factories.UserFactory(email="nina@example.com", first_name="Antonina")
    invitation = invite(organization, dora, email="Nina@Example.com")

    membership = operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)

    known.refresh_from_db()
    assert membership.user == known
    assert known.first_name == "Antonina"
    assert known.check_password("correct horse battery")


def test_a_role_given_meanwhile_is_not_taken_back(organization, dora):
    invitation = invite(organization, dora, role="viewer")
    known = factories.UserFactory(email="nina@example.com")
    operations.add_member(organization=organization, user=known, role="administrator")

    membership = operations.accept_invitation(token_hash=invitation.token_hash, at=AT)

    assert membership.role == "administrator"


def test_accepting_twice_changes_nothing_the_second_time(organization, dora):
    invitation = invite(organization, dora)
    membership = operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)
    membership.delete()

    with pytest.raises(AlreadyAccepted):
        operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **{**NEW, "password": "another one to try"})

    assert not Membership.objects.filter(user__email="nina@example.com").exists()  # a used link brings nobody back
    assert User.objects.get(email="nina@example.com").check_password(NEW["password"])


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_one_person(organization, dora):
    invitation = invite(organization, dora)
    both_ready, outcomes = threading.Barrier(2), []

    def work() -> None:
        both_ready.wait()
        try:
            operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)
            outcomes.append("member")
        except AlreadyAccepted:
            outcomes.append("already")
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["already", "member"]
    assert User.objects.filter(email="nina@example.com").count() == 1


@pytest.mark.parametrize(("after", "works"), [(timedelta(days=14, seconds=-1), True), (timedelta(days=14), False)])
def test_a_link_is_open_for_fourteen_days(organization, dora, after, works):
    invitation = invite(organization, dora)

    try:
        operations.accept_invitation(token_hash=invitation.token_hash, at=AT + after, **NEW)
        accepted = True
    except NotOpen:
        accepted = False

    assert accepted == works


def test_who_is_switched_off_stays_outside(organization, dora):
    factories.UserFactory(email="nina@example.com", is_active=False)
    invitation = invite(organization, dora)

    with pytest.raises(SwitchedOff):
        operations.accept_invitation(token_hash=invitation.token_hash, at=AT)


# --- The page of the link -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _first_of_october():
    with time_machine.travel(AT, tick=False):
        yield


@pytest.mark.usefixtures("_first_of_october")
def test_a_new_person_is_asked_for_name_and_password_and_is_signed_in(organization, dora, client):
    invite(organization, dora)

    page = opened(client, newest_token())
    done = client.post(reverse("accounts:accept_invitation"), NEW, follow=True)

    assert page.redirect_chain == [(reverse("accounts:accept_invitation"), 302)]
    assert "You are invited to Dora Design" in page.content.decode()
    assert "nina@example.com" in page.content.decode()
    assert done.redirect_chain[-1][0] == reverse("catalog:home")
    assert done.context["acting"].organization == organization
    assert client.get(reverse("accounts:accept_invitation")).status_code == 404  # the session keeps nothing


@pytest.mark.usefixtures("_first_of_october")
@pytest.mark.parametrize(
    ("password", "sentence"),
    [("short", "too short"), ("password1234", "too common"), ("nina@example.com", "too similar"), ("", "Password is missing.")],
)
def test_a_weak_password_is_refused_and_nobody_is_made(organization, dora, client, password, sentence):
    invite(organization, dora)
    opened(client, newest_token())

    refused = client.post(reverse("accounts:accept_invitation"), {**NEW, "password": password})

    assert sentence in refused.content.decode()
    assert not User.objects.filter(email="nina@example.com").exists()


@pytest.mark.usefixtures("_first_of_october")
def test_a_known_person_accepts_with_one_click_and_then_signs_in(organization, dora, client):
    factories.UserFactory(email="nina@example.com")
    invite(organization, dora)

    page = opened(client, newest_token())
    done = client.post(reverse("accounts:accept_invitation"), follow=True)

    assert 'name="password"' not in page.content.decode()
    assert done.redirect_chain[-1][0] == reverse("account_login")
    assert "You act for Dora Design now. Sign in to begin." in done.content.decode()
    assert "_auth_user_id" not in client.session  # a link alone signs nobody in who has a password


@pytest.mark.usefixtures("_first_of_october")
def test_a_person_signed_in_acts_for_the_new_organization_at_once(personas: Personas):
    invite(personas.direct_customer, personas.dora, email=personas.carol.email)
    client = personas.client("carol")
    opened(client, newest_token())

    done = client.post(reverse("accounts:accept_invitation"), follow=True)

    assert done.context["acting"].organization == personas.direct_customer
    assert personas.carol.memberships.count() == 2


@pytest.mark.usefixtures("_first_of_october")
def test_signed_in_as_somebody_else_the_page_says_so_and_nothing_is_accepted(personas: Personas):
    invite(personas.direct_customer, personas.dora)
    client = personas.client("bob")

    page = opened(client, newest_token())
    client.post(reverse("accounts:accept_invitation"), NEW)

    assert "you are signed in as bob@example.com" in page.content.decode()
    assert Invitation.objects.unanswered().count() == 1
    assert personas.bob.memberships.count() == 1


@pytest.mark.usefixtures("_first_of_october")
@pytest.mark.parametrize("why", ["wrong", "expired", "revoked", "replaced"])
@pytest.mark.parametrize("who", ["nobody", "bob"])
def test_a_link_that_does_not_work_gets_one_sentence_and_404(personas: Personas, why, who):
    invitation = invite(personas.direct_customer, personas.dora)
    token = newest_token()
    if why == "wrong":
        token = "x" * 43
    elif why == "expired":
        Invitation.objects.update(expires_at=AT)
    elif why == "revoked":
        operations.revoke_invitation(organization=personas.direct_customer, invitation_id=invitation.pk, at=AT)
    else:
        operations.resend_invitation(organization=personas.direct_customer, invitation_id=invitation.pk, by=personas.dora, at=AT)

    page = opened(personas.client(who), token)

    assert page.status_code == 404
    assert "This link does not work any more. Ask who invited you for a new one." in page.content.decode()
    assert "nina@example.com" not in page.content.decode()
    assert "Dora Design" not in page.content.decode()


@pytest.mark.usefixtures("_first_of_october")
def test_a_link_used_before_leads_to_sign_in(organization, dora, client):
    invitation = invite(organization, dora)
    token = newest_token()
    operations.accept_invitation(token_hash=invitation.token_hash, at=AT, **NEW)

    page = opened(client, token)

    assert page.status_code == 200
    assert "You have accepted this invitation already." in page.content.decode()


@pytest.mark.usefixtures("_first_of_october")
def test_the_token_is_in_no_log_and_in_no_address_that_a_page_is_shown_at(organization, dora, client, caplog):
    invite(organization, dora)
    token = newest_token()
    Invitation.objects.update(revoked_at=AT)

    with caplog.at_level(logging.DEBUG):
        page = opened(client, token)

    assert page.status_code == 404
    assert token not in caplog.text
    assert token not in page.request["PATH_INFO"]
    assert token not in str(dict(client.session))


@pytest.mark.usefixtures("_first_of_october")
def test_the_outbox_in_the_back_office_hides_the_link(organization, dora, personas: Personas):
    invite(organization, dora)
    token = newest_token()

    shown = personas.client("root").get(reverse("admin:post_office_email_change", args=[newest_mail().pk])).content.decode()

    assert "/invitations/…" in shown
    assert token not in shown


@pytest.mark.usefixtures("_first_of_october")
def test_trying_is_limited(organization, dora, client, settings):
    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "accept_invitation": "2/m/ip"}
    invite(organization, dora)
    opened(client, newest_token())

    statuses = [client.post(reverse("accounts:accept_invitation"), {**NEW, "password": "short"}).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
