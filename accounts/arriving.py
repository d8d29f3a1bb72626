"""By whose door a visitor came, and where the visitor wants to go back to: what a sign-up needs to know."""

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.db.models import Q
from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import Organization

SESSION_KEY = "signing_up_under"
"""In the session: the number of the organization by whose door the visitor came."""

LONGEST_WAY_BACK = 500


def arrive_at(request: HttpRequest, seller: Organization) -> None:
    """
    Remember that the visitor came by a page of ``seller`` (the MSP or a reseller); the page visited last counts.

    Who signs up in this session becomes a customer of that seller. People who are signed in belong somewhere already: for them
    nothing is remembered.

    :raises ValueError: customers sell nothing.
    """
    if seller.kind == Organization.Kind.CUSTOMER:
        raise ValueError(f"{seller.number} is a customer and sells nothing.")
    if request.user.is_authenticated:
        return
    if request.session.get(SESSION_KEY) != seller.number:
        request.session[SESSION_KEY] = seller.number
    request._arrived_at = seller  # type: ignore[attr-defined]


def arrived_at(request: HttpRequest) -> Organization | None:
    """
    Return the seller by whose door the visitor came, else the MSP; None only where there is not even an MSP yet.

    Asked once per request, whoever asks.
    """
    if not hasattr(request, "_arrived_at"):
        request._arrived_at = _find(request)  # type: ignore[attr-defined]
    return request._arrived_at  # type: ignore[attr-defined]


def forget(request: HttpRequest) -> None:
    """Let go of the door: who has signed up belongs somewhere now."""
    request.session.pop(SESSION_KEY, None)


def way_back(request: HttpRequest) -> str:
    """
    Return the path of this host that ``next`` names, with its query; empty where it names none, another host's, or one longer than
    any of ours: it is kept in the session and mailed.
    """
    named = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    is_ours = url_has_allowed_host_and_scheme(named, allowed_hosts=None)  # None: paths only, no host at all
    return named if is_ours and named.startswith("/") and len(named) <= LONGEST_WAY_BACK else ""


def _find(request: HttpRequest) -> Organization | None:
    number = request.session.get(SESSION_KEY, "")
    sellers = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER)
    found = list(sellers.filter(Q(number=number) | Q(kind=Organization.Kind.MSP)))
    return next((seller for seller in found if seller.number == number), found[0] if found else None)
