"""Who may act as whom, and whether a time of acting still goes on."""

from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import ActingAs, Membership, Organization, User

MAY_ACT = "accounts.act_as_customer"


def candidates(organization: Organization) -> QuerySet[Membership]:
    """Return the memberships of ``organization`` whose people staff can act as, by name; none of the MSP's own."""
    mine = organization.memberships.filter(user__is_active=True, user__is_staff=False, user__is_superuser=False)
    if organization.kind == Organization.Kind.MSP:
        mine = mine.none()
    return mine.select_related("user").order_by("user__last_name", "user__first_name", "user__email")


def why_not(*, staff: User | AnonymousUser, person: User, organization: Organization) -> str:
    """Return the sentence that says why ``staff`` may not act as ``person`` for ``organization``; empty where they may."""
    if not (staff.is_active and staff.is_staff and staff.has_perm(MAY_ACT)):
        return "You may not act as customers."
    if not candidates(organization).filter(user=person).exists():
        return f"{person} is nobody you could act as for {organization}: only active people who act for it, and no staff."
    return ""


def why_over(row: ActingAs, *, staff: User | AnonymousUser, at: datetime) -> str:
    """Return the sentence that says why ``row`` is over at ``at`` for ``staff``, who are signed in; empty while it goes on."""
    if row.staff_id != staff.pk:
        return f"You are not signed in any more as who began to act as {row.person}."
    if row.ended_at is not None:
        return f"You do not act as {row.person} any more: you stopped, or began to act as somebody else."
    if at >= row.ends_by:
        return f"You do not act as {row.person} any more: it lasts an hour. Begin again if you need longer."
    return why_not(staff=staff, person=row.person, organization=row.organization)
