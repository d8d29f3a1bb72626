"""
The people of an organization: who acts for it in which role, and who is invited.

An organization's administrators see their own; a reseller's administrators see those of each customer, under the customer's
address. Every view takes the customer's number, or none for the organization acted for.
"""

from allauth.core import ratelimit
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import operations
from accounts.access import member_required
from accounts.acting import membership_of, person_of
from accounts.forms import InviteForm, RoleForm
from accounts.models import Invitation, Membership, Organization
from accounts.views.customers import customer_of
from common import clock
from common.errors import DomainError, FieldRefused

PAGE_LENGTH = 50
TOO_MANY = "You have sent many invitations in the last hour. Wait a while, then go on."


@member_required
@require_safe
def people(request: HttpRequest, number: str | None = None) -> HttpResponse:
    """List who acts for the organization and who is invited."""
    organization = _looked_after(request, number)
    members = organization.memberships.select_related("user").order_by("user__last_name", "user__first_name", "pk")
    page = Paginator(members, PAGE_LENGTH).get_page(request.GET.get("page"))
    now = clock.now()
    invitations = organization.invitations.unanswered().select_related("invited_by")
    invited = [(invitation, invitation.is_open(now)) for invitation in invitations[:PAGE_LENGTH]]
    return _page(request, "people", organization, number, page=page, invited=invited)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def invite(request: HttpRequest, number: str | None = None) -> HttpResponse:
    """Ask for an e-mail address and a role, and mail the invitation."""
    organization = _looked_after(request, number)
    form = InviteForm(request.POST or None, initial={"role": _first_role(organization)})
    status = 200
    if request.method == "POST" and form.is_valid():
        if not ratelimit.consume(request, action="invite"):
            form.add_error(None, TOO_MANY)
            status = 429
        else:
            try:
                invitation = operations.invite_person(
                    organization=organization,
                    by=person_of(request),
                    at=clock.now(),
                    **form.cleaned_data,
                )
            except FieldRefused as refusal:
                form.add_error(refusal.field, str(refusal))
            else:
                messages.success(request, f"An invitation is on its way to {invitation.email}.")
                return _to_people(number)
    return _page(request, "invite", organization, number, status=status, form=form)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def member(request: HttpRequest, pk: int, number: str | None = None) -> HttpResponse:
    """Show a person, and change the role."""
    organization = _looked_after(request, number)
    shown = get_object_or_404(organization.memberships.select_related("user"), pk=pk)
    form = RoleForm(request.POST or None, initial={"role": shown.role})
    if request.method == "POST" and form.is_valid():
        try:
            changed = operations.change_role(organization=organization, membership_id=pk, role=form.cleaned_data["role"])
        except DomainError as refusal:
            form.add_error("role", str(refusal))
        else:
            messages.success(request, f"{changed.user} is {_short(changed.role)} of {organization} now.")
            own = changed.user_id == request.user.pk and not changed.may_manage_people
            return redirect("accounts:organization") if own else _to_people(number)
    return _page(request, "member", organization, number, form=form, member=shown)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove_member(request: HttpRequest, pk: int, number: str | None = None) -> HttpResponse:
    """Ask whether a person is to act for the organization no longer, and see to it. Confirmed twice, it is done once."""
    organization = _looked_after(request, number)
    shown = organization.memberships.select_related("user").filter(pk=pk).first()
    if shown is None and request.method == "POST":
        return _to_people(number)
    shown = shown or get_object_or_404(Membership.objects.none())
    refusal = ""
    if request.method == "POST":
        try:
            operations.remove_member(organization=organization, membership_id=pk)
        except DomainError as refused:
            refusal = str(refused)
        else:
            messages.success(request, f"{shown.user} does not act for {organization} any more.")
            return redirect("catalog:home") if shown.user_id == request.user.pk else _to_people(number)
    return _page(request, "remove_member", organization, number, member=shown, refusal=refusal)


@member_required
@require_POST
def resend_invitation(request: HttpRequest, pk: int, number: str | None = None) -> HttpResponse:
    """Mail a new link; the old one is void."""
    organization = _looked_after(request, number)
    get_object_or_404(Invitation, organization=organization, pk=pk)
    if not ratelimit.consume(request, action="invite"):
        messages.error(request, TOO_MANY)
        return _to_people(number)
    try:
        sent = operations.resend_invitation(
            organization=organization,
            invitation_id=pk,
            by=person_of(request),
            at=clock.now(),
        )
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"A new link is on its way to {sent.email}. The old one does not work any more.")
    return _to_people(number)


@member_required
@require_POST
def revoke_invitation(request: HttpRequest, pk: int, number: str | None = None) -> HttpResponse:
    """Make an invitation's link void."""
    organization = _looked_after(request, number)
    get_object_or_404(Invitation, organization=organization, pk=pk)
    try:
        revoked = operations.revoke_invitation(organization=organization, invitation_id=pk, at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"The invitation of {revoked.email} is revoked. Its link does not work any more.")
    return _to_people(number)


def _looked_after(request: HttpRequest, number: str | None) -> Organization:
    """Return the organization whose people are meant; other sellers' customers do not exist, and only administrators enter."""
    membership = membership_of(request)
    organization = membership.organization if number is None else customer_of(request, number)
    if not membership.may_manage_people:
        raise PermissionDenied("Only an administrator looks after people.")
    return organization


def _first_role(organization: Organization) -> str:
    """Who comes first looks after the rest."""
    return Membership.Role.BUYER if organization.memberships.exists() else Membership.Role.ADMINISTRATOR


def _short(role: str) -> str:
    return str(Membership.Role(role).label).partition(":")[0].lower()


def _to_people(number: str | None) -> HttpResponseRedirect:
    return redirect(_people_url(number))


def _people_url(number: str | None) -> str:
    return reverse("accounts:people", kwargs={} if number is None else {"number": number})


def _page(
    request: HttpRequest, name: str, organization: Organization, number: str | None, *, status: int = 200, **context: object
) -> HttpResponse:
    """Show a page about the people of ``organization``; its links stand below ``people_url``."""
    facts = {"organization": organization, "of_customer": number is not None, "people_url": _people_url(number)}
    return TemplateResponse(request, f"accounts/{name}.html", {**facts, **context}, status=status)
