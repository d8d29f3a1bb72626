"""An organization's API tokens, for its administrators: list, create, revoke."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import api_tokens
from accounts.access import member_required
from accounts.acting import acting_membership
from accounts.models import ApiToken, Organization
from accounts.token_forms import TokenForm
from common import clock
from common.bss import refuse
from common.errors import DomainError

PAGE_LENGTH = 50


@member_required
@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    """List the organization's tokens, the newest first."""
    organization, now = _administered(request), clock.now()
    rows = ApiToken.objects.filter(organization=organization).select_related("created_by")
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    lines = [(token, api_tokens.state_of(token, now), api_tokens.uses(token)) for token in page]
    return TemplateResponse(request, "accounts/tokens.html", {"page": page, "lines": lines, "organization": organization})


@member_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_token(request: HttpRequest) -> HttpResponse:
    """
    Make a token and answer with the one page that ever shows it.

    No redirect follows: on its way to another page the token would have to be kept somewhere. Sending the form again is refused
    for the name it has used.
    """
    organization, now = _administered(request), clock.now()
    form = TokenForm(request.POST or None, organization=organization, today=clock.today(organization.time_zone))
    if request.method == "POST" and form.is_valid():
        try:
            made = api_tokens.create_token(organization_id=organization.pk, by=request.user, at=now, **form.facts())  # type: ignore[arg-type]
        except DomainError as refusal:
            refuse(form, refusal)
        else:
            context = {"token": made.row, "secret": made.secret, "may": api_tokens.uses(made.row)}
            return TemplateResponse(request, "accounts/tokens_made.html", context)
    return TemplateResponse(request, "accounts/tokens_add.html", {"form": form, "organization": organization})


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def revoke_token(request: HttpRequest, prefix: str) -> HttpResponse:
    """Ask, then revoke a token."""
    token = get_object_or_404(ApiToken, organization=_administered(request), prefix=prefix)
    if request.method == "POST":
        api_tokens.revoke_token(token_id=token.pk, at=clock.now())
        messages.success(request, f"{token.name} is revoked. It lets no program in any more.")
        return redirect("accounts:tokens")
    return TemplateResponse(request, "accounts/tokens_revoke.html", {"token": token})


def _administered(request: HttpRequest) -> Organization:
    """
    Return the organization acted for.

    :raises PermissionDenied: the person is not an administrator of it.
    """
    membership = acting_membership(request)
    assert membership is not None  # member_required saw to it
    if not membership.may_edit_billing:
        raise PermissionDenied("Only an administrator sees and makes API tokens.")
    return membership.organization
