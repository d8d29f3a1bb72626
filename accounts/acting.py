"""For which organization a person acts in this session."""

from django.http import HttpRequest

from accounts.models import Membership, User

SESSION_KEY = "acting_for"


def acting_membership(request: HttpRequest) -> Membership | None:
    """
    Return the membership chosen in this session, else the person's first; None for strangers and pure staff.

    Asked once per request, whoever asks.
    """
    if not hasattr(request, "_acting"):
        request._acting = _find(request)  # type: ignore[attr-defined]
    return request._acting  # type: ignore[attr-defined]


def membership_of(request: HttpRequest) -> Membership:
    """Return the membership by which a view is entered that asks for one (`access.member_required` and what stands on it)."""
    membership = acting_membership(request)
    assert membership is not None  # the view's mark saw to it
    return membership


def person_of(request: HttpRequest) -> User:
    """Return who is signed in, in a view that only such people enter."""
    assert isinstance(request.user, User)
    return request.user


def reader_of(request: HttpRequest) -> User:
    """Return who sits before the screen: the member of staff who acts as somebody, else who is signed in."""
    acting_as = getattr(request, "acting_as", None)
    return acting_as.staff if acting_as is not None else person_of(request)


def choose(request: HttpRequest, membership: Membership) -> None:
    """Act by ``membership``, which must be this person's own, from now on in this session."""
    request.session[SESSION_KEY] = membership.organization_id
    request._acting = membership  # type: ignore[attr-defined]


def own_memberships(request: HttpRequest) -> list[Membership]:
    """Return the memberships of who is signed in, by name of the organization; asked once per request."""
    if not request.user.is_authenticated:
        return []
    if not hasattr(request, "_memberships"):
        mine = person_of(request).own_memberships().select_related("organization__parent")
        # Sorted here: people sort names without regard to capitals, whatever collation the database has.
        by_name = sorted(mine, key=lambda membership: (membership.organization.name.casefold(), membership.pk))
        request._memberships = by_name  # type: ignore[attr-defined]
    return request._memberships  # type: ignore[attr-defined]


def _find(request: HttpRequest) -> Membership | None:
    memberships = own_memberships(request)
    chosen = request.session.get(SESSION_KEY) if memberships else None
    return next((m for m in memberships if m.organization_id == chosen), memberships[0] if memberships else None)
