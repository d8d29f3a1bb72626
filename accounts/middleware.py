"""Staff show a second factor before they enter the BSS, and are a customer's person in the storefront while they act as one."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect
from pghistory import middleware as pghistory_middleware

from accounts import acting_as, operations
from accounts.queries.acting_as import why_over
from common import clock


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
        if not _is_bss(request):
            return False
        return request.user.is_authenticated and request.user.is_staff and not is_mfa_enabled(request.user)


class ActingAsMiddleware:
    """
    Puts into `request.acting_as` the time in which staff act as a customer's person, and outside the BSS that person into
    `request.user`; asks every time whether they still may.

    In the BSS, in another tab, staff remain themselves. Once it is over, nothing is done in the customer's name any more: what was
    asked for leads back into the BSS, with a sentence.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.acting_as = None
        row = acting_as.marked(request)
        if row is None:
            return self.get_response(request)
        at = clock.now()
        if sentence := why_over(row, staff=request.user, at=at):
            return self._over(request, row.pk, sentence)
        request.acting_as = row
        if not _is_bss(request):
            row.person.stands_for = row.organization_id
            request.user = row.person
        return self.get_response(request)

    def _over(self, request: HttpRequest, acting_as_id: int, sentence: str) -> HttpResponse:
        operations.end_acting_as(acting_as_id=acting_as_id, at=clock.now())
        back = acting_as.stop(request)
        messages.warning(request, sentence)
        if _is_bss(request):
            return self.get_response(request)
        is_fragment = "HX-Request" in request.headers
        return HttpResponseClientRedirect(back) if is_fragment else redirect(back)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        """
        Keep closed what a person does alone.

        :raises PermissionDenied: with the sentence that the page shows.
        """
        if request.acting_as is None or _is_bss(request):
            return
        if sentence := acting_as.closed_because(request.acting_as, request.resolver_match.view_name):
            raise PermissionDenied(sentence)


class HistoryMiddleware(pghistory_middleware.HistoryMiddleware):
    """Lets the history of every row changed in a request say by whom; while staff act as a customer's person, by both."""

    def get_context(self, request: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(request)
        if request.acting_as is not None and not _is_bss(request):
            context |= {"staff": request.acting_as.staff_id, "acting_as": request.acting_as.pk}
        return context


def _is_bss(request: HttpRequest) -> bool:
    return request.path.startswith(reverse("admin:index"))
