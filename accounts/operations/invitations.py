"""
Invitations: how people come to act for an organization.

The link holds 256 random bits; of them only a SHA-256 is kept, by which the row is found. The newest mail's link counts. There is
one unanswered invitation per organization and e-mail address, kept by a constraint.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.views.decorators.debug import sensitive_variables

from accounts import emails
from accounts.models import Invitation, Membership, Organization, User
from common.errors import DomainError, FieldRefused

OPEN_FOR = timedelta(days=14)
SECOND_CLICK = timedelta(seconds=10)
"""Inviting the same person to the same role again within this time is one wish sent twice, and sends one mail."""


class AlreadyMember(FieldRefused):
    """The person acts for the organization already."""


class NotOpen(DomainError):
    """The invitation was revoked, its time ran out, or a newer mail replaced its link; or it never was."""


class AlreadyAccepted(DomainError):
    """The invitation was accepted before."""


class SwitchedOff(DomainError):
    """The person's account may not be used."""


@transaction.atomic(durable=True)
def invite_person(*, organization: Organization, email: str, role: str, by: User, at: datetime) -> Invitation:
    """
    Mail ``email`` a link by which its reader comes to act for ``organization`` in ``role``.

    Inviting an address again sends a new link with the role said last; the old link is void. The form sent twice sends one mail.

    :raises AlreadyMember: whoever signs in with this address acts for the organization already.
    """
    return send_invitation(organization, email=email, role=role, by=by, at=at)


@transaction.atomic(durable=True)
def resend_invitation(*, organization: Organization, invitation_id: int, by: User, at: datetime) -> Invitation:
    """
    Mail a new link for another fourteen days; the old link is void.

    :raises NotOpen: it was accepted or revoked meanwhile.
    """
    return _send(_unanswered(organization, invitation_id), by=by, at=at)


@transaction.atomic(durable=True)
def revoke_invitation(*, organization: Organization, invitation_id: int, at: datetime) -> Invitation:
    """
    Make the link of an invitation void; repeated, it changes nothing.

    :raises NotOpen: it was accepted meanwhile.
    """
    invitation = Invitation.objects.locked().get(pk=invitation_id, organization=organization)
    if invitation.revoked_at is not None:
        return invitation
    if invitation.accepted_at is not None:
        raise NotOpen(f"{invitation.email} has accepted meanwhile. Remove the person instead.")
    invitation.revoked_at = at
    invitation.save(update_fields=["revoked_at"])
    return invitation


def find_invitation(token_hash: str, *, at: datetime) -> Invitation:
    """
    Return the invitation of a link, with its organization.

    :raises AlreadyAccepted: somebody with this link has accepted it; its link tells so for as long as it would have been open.
    :raises NotOpen: the link does not work, for whatever reason.
    """
    rows = Invitation.objects.select_related("organization__parent", "invited_by")
    return _must_be_open(rows.filter(token_hash=token_hash).first(), at=at)


@sensitive_variables("password")
@transaction.atomic(durable=True)
def accept_invitation(
    *, token_hash: str, at: datetime, first_name: str = "", last_name: str = "", password: str = ""
) -> Membership:
    """
    Let the invited person act for the organization, and return the membership.

    Who signs in with the invited address gets just the membership; what is given about a person is for one that is not known
    yet. A membership there is already stays as it is. Two at once: the second one is told that it was accepted.

    :raises AlreadyAccepted: the link was used before.
    :raises NotOpen: the link does not work.
    :raises SwitchedOff: the person's account is not active.
    """
    invitation = _must_be_open(Invitation.objects.locked().filter(token_hash=token_hash).first(), at=at)
    user = User.objects.of_address(invitation.email)
    if user is None:
        user = _new_person(invitation.email, first_name=first_name, last_name=last_name, password=password)
    if not user.is_active:
        raise SwitchedOff("Your account is switched off. Ask who invited you.")
    membership, _ = Membership.objects.get_or_create(
        organization_id=invitation.organization_id, user=user, defaults={"role": invitation.role}
    )
    invitation.accepted_at = at
    invitation.save(update_fields=["accepted_at"])
    return membership


def hash_of(token: str) -> str:
    """Return what is kept of a link's token."""
    return sha256(token.encode()).hexdigest()


# Steps: inside the caller's transaction


def send_invitation(organization: Organization, *, email: str, role: str, by: User, at: datetime) -> Invitation:
    """Do what `invite_person` says."""
    Organization.objects.locked().get(pk=organization.pk)  # two who invite the same person do so in turn
    refuse_member(organization, email)
    waiting = Invitation.objects.unanswered().locked().filter(organization=organization, email__iexact=email).first()
    if waiting is None:
        return _send(Invitation(organization=organization, email=email, role=role), by=by, at=at)
    if waiting.role == role and waiting.is_open(at) and at - waiting.sent_at < SECOND_CLICK:
        return waiting
    waiting.role = role
    return _send(waiting, by=by, at=at)


def refuse_member(organization: Organization, email: str) -> None:
    """
    Let whoever does not act for ``organization`` yet be invited.

    :raises AlreadyMember: whoever signs in with ``email`` does.
    """
    known = User.objects.of_address(email)
    if known is not None and Membership.objects.filter(organization=organization, user=known).exists():
        raise AlreadyMember("email", f"{known.email} acts for {organization} already. Change the role among its people.")


def _send(invitation: Invitation, *, by: User, at: datetime) -> Invitation:
    """Give the invitation a new link and put its mail into the outbox."""
    token = secrets.token_urlsafe(32)
    invitation.token_hash, invitation.invited_by = hash_of(token), by
    invitation.sent_at, invitation.expires_at = at, at + OPEN_FOR
    invitation.save()
    emails.invitation(invitation, token=token)
    return invitation


def _unanswered(organization: Organization, invitation_id: int) -> Invitation:
    invitation = Invitation.objects.unanswered().locked().filter(pk=invitation_id, organization=organization).first()
    if invitation is None:
        raise NotOpen("This invitation was accepted or revoked meanwhile.")
    return invitation


def _must_be_open(invitation: Invitation | None, *, at: datetime) -> Invitation:
    if invitation is None or invitation.revoked_at is not None or invitation.expires_at <= at:
        raise NotOpen("This link does not work any more. Ask who invited you for a new one.")
    if invitation.accepted_at is not None:
        raise AlreadyAccepted("You have accepted this invitation already.")
    return invitation


def _new_person(email: str, *, first_name: str, last_name: str, password: str) -> User:
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, first_name=first_name, last_name=last_name)
    except IntegrityError:  # the same address signed up in this very moment; nothing of ours must replace its password
        raise NotOpen("An account of this address has just been made. Open the link in your mail again.") from None
