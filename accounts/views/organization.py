"""For whom a person acts, and the organization's billing information."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import operations
from accounts.access import member_required
from accounts.acting import choose, membership_of, person_of
from accounts.forms import BillingInformationForm, ResellersBillingInformationForm, SellersBillingInformationForm
from accounts.models import Organization
from common import clock

_FORMS = {
    Organization.Kind.MSP: SellersBillingInformationForm,
    Organization.Kind.RESELLER: ResellersBillingInformationForm,
    Organization.Kind.CUSTOMER: BillingInformationForm,
}


@member_required
@require_POST
def act_for(request: HttpRequest, number: str) -> HttpResponse:
    """Act for another organization of one's own from now on, and begin at its products."""
    memberships = person_of(request).own_memberships().select_related("organization__parent")
    membership = get_object_or_404(memberships, organization__number=number)
    choose(request, membership)
    messages.success(request, f"You now act for {membership.organization}.")
    return redirect("catalog:home")


@member_required
@require_safe
def organization(request: HttpRequest) -> HttpResponse:
    """Show the facts invoices are made with."""
    return TemplateResponse(request, "accounts/organization.html", {"organization": membership_of(request).organization})


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_organization(request: HttpRequest) -> HttpResponse:
    """Let an administrator change the billing information."""
    membership = membership_of(request)
    if not membership.may_edit_billing:
        raise PermissionDenied("Only an administrator changes billing information.")
    row = Organization.objects.get(pk=membership.organization_id)  # the form writes into it; the header keeps its own
    form = _FORMS[Organization.Kind(row.kind)](request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        operations.change_billing_information(organization=membership.organization, at=clock.now(), **form.facts())
        messages.success(request, "Billing information is saved. The next invoice is made with it.")
        return redirect("accounts:organization")
    return TemplateResponse(request, "accounts/edit_organization.html", {"form": form})
