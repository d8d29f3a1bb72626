"""Staff show a second factor before they enter the BSS."""

from collections.abc import Callable

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class SecondFactorMiddleware:
    """Sends staff who have no second factor to the page that sets one up; only the BSS is closed to them meanwhile."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.STAFF_MFA_REQUIRED and self._is_needed(request):
            return redirect("mfa_activate_totp")
        return self.get_response(request)

    @staticmethod
    def _is_needed(request: HttpRequest) -> bool:
        if not request.path.startswith(reverse("admin:index")):
            return False
        return request.user.is_authenticated and request.user.is_staff and not is_mfa_enabled(request.user)
