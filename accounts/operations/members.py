"""The people who act for an organization: what they may do, and that they leave. One administrator always stays."""

from django.db import transaction

from accounts.models import Membership, Organization
from common.errors import DomainError


class LastAdministrator(DomainError):
    """Nobody would be left to look after the organization's people and its billing information."""


class NoMember(DomainError):
    """The person does not act for the organization any more."""


@transaction.atomic(durable=True)
def change_role(*, organization: Organization, membership_id: int, role: str) -> Membership:
    """
    Give a person another role.

    :raises LastAdministrator: the organization would be left without one.
    :raises NoMember: the person was removed meanwhile.
    """
    Organization.objects.locked().get(pk=organization.pk)  # two administrators who demote each other do so in turn
    membership = Membership.objects.select_related("user").filter(organization=organization, pk=membership_id).first()
    if membership is None:
        raise NoMember("This person was removed meanwhile.")
    if role != Membership.Role.ADMINISTRATOR:
        _keep_an_administrator(membership, organization)
    if membership.role != role:
        membership.role = role
        membership.save(update_fields=["role"])
    return membership


@transaction.atomic(durable=True)
def remove_member(*, organization: Organization, membership_id: int) -> None:
    """
    Let a person act for the organization no longer, from the next page on; repeated, it changes nothing.

    The person stays known: orders and documents go on naming who placed them.

    :raises LastAdministrator: the organization would be left without one.
    """
    Organization.objects.locked().get(pk=organization.pk)
    membership = Membership.objects.select_related("user").filter(organization=organization, pk=membership_id).first()
    if membership is None:
        return
    _keep_an_administrator(membership, organization)
    membership.delete()


# Steps: inside the caller's transaction


def _keep_an_administrator(leaving: Membership, organization: Organization) -> None:
    """Refuse that ``leaving`` stops being an administrator where no other one can sign in."""
    if leaving.role != Membership.Role.ADMINISTRATOR:
        return
    administrators = Membership.objects.filter(organization=organization, role=Membership.Role.ADMINISTRATOR)
    if not administrators.filter(user__is_active=True).exclude(pk=leaving.pk).exists():
        raise LastAdministrator(
            f"{leaving.user} is the only administrator of {organization}. Make another person administrator first."
        )
