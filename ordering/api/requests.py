"""What this API takes from a request besides its body."""

from allauth.account.adapter import get_adapter
from rest_framework.request import Request


def address_of(request: Request) -> str:
    """Return the network address a request came from; which proxies are believed is decided in one place, allauth's settings."""
    return str(get_adapter(request._request).get_client_ip(request._request))
