"""For which organization a person acts in this session."""

from django.http import HttpRequest

from accounts.models import Membership

SESSION_KEY = "acting_for"


def acting_membership(request: HttpRequest) -> Membership | None:
    """
    Return the membership chosen in this session, else the person's first; None for strangers and pure staff.

    Asked once per request, whoever asks.
    """
    if not hasattr(request, "_acting"):
        request._acting = _find(request)  # type: ignore[attr-defined]
    return request._acting  # type: ignore[attr-defined]


def choose(request: HttpRequest, membership: Membership) -> None:
    """Act by ``membership``, which must be this person's own, from now on in this session."""
    request.session[SESSION_KEY] = membership.organization_id
    request._acting = membership  # type: ignore[attr-defined]


def _find(request: HttpRequest) -> Membership | None:
    if not request.user.is_authenticated:
        return None
    memberships = list(
        Membership.objects.filter(user=request.user).select_related("organization__parent").order_by("organization__name", "pk")
    )
    chosen = request.session.get(SESSION_KEY)
    return next((m for m in memberships if m.organization_id == chosen), memberships[0] if memberships else None)
