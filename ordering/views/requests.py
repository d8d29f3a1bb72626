"""What a request has once the access marks have let it in."""

from allauth.account.adapter import get_adapter
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import ActingAs, Membership, User


class MemberRequest(HttpRequest):
    """A request behind `member_required` or `buyer_required`: a known person, acting for an organization."""

    user: User
    acting: Membership
    acting_as: ActingAs | None
    htmx: HtmxDetails


def address_of(request: HttpRequest) -> str:
    """The person's network address; which proxies are believed is decided in one place, allauth's settings."""
    return str(get_adapter(request).get_client_ip(request))
