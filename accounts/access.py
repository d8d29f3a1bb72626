"""
Who may enter a view. Every view carries exactly one of these marks; a test walks the URLs for one that forgot.

Strangers to an object get 404 because it is fetched through `visible_to(user)`; members without the role get 403.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from accounts.acting import acting_membership, reader_of
from accounts.leading_back import to_sign_in

View = Callable[..., HttpResponse]


def public(view: View) -> View:
    """Anybody, signed in or not."""
    return _marked(view, "public")


def member_required(view: View) -> View:
    """Signed in and acting for an organization, in any role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        request.acting = acting_membership(request)  # type: ignore[attr-defined]
        if request.acting is None:  # type: ignore[attr-defined]
            raise PermissionDenied("You do not act for an organization.")
        return view(request, *args, **kwargs)

    return _marked(guarded, "member")


def buyer_required(view: View) -> View:
    """Signed in and acting for an organization as buyer or administrator."""

    @wraps(view)
    @member_required
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.acting.may_order:  # type: ignore[attr-defined]
            raise PermissionDenied("Your role lets you look, not order.")
        return view(request, *args, **kwargs)

    return _marked(guarded, "buyer")


def staff_acting_required(view: View) -> View:
    """Signed in as a member of staff, or acting as a customer's person as one; to everybody else it does not exist."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if not reader_of(request).is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return _marked(guarded, "staff: acting as a customer")


def _marked(view: View, access: str) -> View:
    view.access = access  # type: ignore[attr-defined]
    return view
