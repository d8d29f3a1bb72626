"""What a request has once the access marks have let it in."""

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import Membership, User


class MemberRequest(HttpRequest):
    """A request behind `member_required` or `buyer_required`: a known person, acting for an organization."""

    user: User
    acting: Membership
    htmx: HtmxDetails
