"""
Accepting an invitation.

The link's token is taken out of the address before anything is shown: the first view keeps its hash in the session and sends the
browser on to an address without it, so that neither a `Referer` header nor the log of a refused request repeats it.
"""

from typing import Any

from allauth.account.utils import perform_login
from allauth.core import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import operations
from accounts.access import public
from accounts.acting import choose
from accounts.arriving import arrive_at
from accounts.forms import PersonForm
from accounts.models import Invitation, User
from accounts.operations.invitations import AlreadyAccepted, NotOpen, hash_of
from common import clock
from common.errors import DomainError

SESSION_KEY = "invitation"
NOT_OPEN = "This invitation is not open"
TOO_MANY = "Too many tries from your network. Wait a minute, then try again."


@public
@never_cache
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the link's hash for this visitor and go on to the page that asks. Says the same whether the link works or not."""
    request.session[SESSION_KEY] = hash_of(token)
    return redirect("accounts:accept_invitation")


@public
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Show what the invitation is to, and accept it: a known person just does, a new one gives name and password."""
    token_hash = request.session.get(SESSION_KEY, "")
    if not token_hash:
        return _page(request, "over", sentence="Open the link in your mail again.", title=NOT_OPEN, status=404)
    try:
        invitation = operations.find_invitation(token_hash, at=clock.now())
        if request.user.is_authenticated and not _is_for(invitation, request.user):
            return _page(request, "wrong_person", invitation=invitation)
        arrive_at(request, invitation.organization.parent or invitation.organization)
        return _ask_or_accept(request, invitation)
    except AlreadyAccepted as accepted:
        if request.user.is_authenticated:
            return redirect("catalog:home")
        return _page(request, "over", sentence=str(accepted), title="You have accepted already", may_sign_in=True)
    except NotOpen as refusal:
        return _page(request, "over", sentence=str(refusal), title=NOT_OPEN, status=404)


def _ask_or_accept(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    known = User.objects.of_address(invitation.email)
    form = None if known else PersonForm(request.POST or None, email=invitation.email)
    context: dict[str, Any] = {"invitation": invitation, "form": form, "known": known, "refusal": ""}
    if request.method != "POST":
        return _page(request, "accept", **context)
    if not ratelimit.consume(request, action="accept_invitation"):
        return _page(request, "accept", **{**context, "refusal": TOO_MANY}, status=429)
    if form is not None and not form.is_valid():
        return _page(request, "accept", **context)
    try:
        membership = operations.accept_invitation(
            token_hash=invitation.token_hash, at=clock.now(), **(form.cleaned_data if form is not None else {})
        )
    except (AlreadyAccepted, NotOpen):
        raise
    except DomainError as refusal:
        return _page(request, "accept", **{**context, "refusal": str(refusal)})
    request.session.pop(SESSION_KEY, None)
    done = f"You act for {invitation.organization} now."
    if request.user.is_authenticated:
        choose(request, membership)
        messages.success(request, done)
        return redirect("catalog:home")
    if known:  # the link shows that the mail was read; who it is, the password shows, and the second factor
        messages.success(request, f"{done} Sign in to begin.")
        return redirect("account_login")
    answer: HttpResponse = perform_login(request, membership.user, redirect_url=reverse("catalog:home"))
    return answer


def _is_for(invitation: Invitation, user: Any) -> bool:
    return bool(user.email.lower() == invitation.email.lower())


def _page(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    return TemplateResponse(request, f"accounts/invitation_{name}.html", context, status=status)
