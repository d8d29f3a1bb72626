"""For whom a person acts, the organization's billing information, and a reseller's customers."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import operations
from accounts.access import buyer_required, member_required
from accounts.acting import acting_membership, choose
from accounts.forms import BillingInformationForm, CustomerForm, SellersBillingInformationForm
from accounts.models import Membership, Organization
from common import clock
from common.errors import DomainError

PAGE_LENGTH = 50
LONGEST_SEARCH = 100


@member_required
@require_POST
def act_for(request: HttpRequest, number: str) -> HttpResponse:
    """Act for another organization of one's own from now on, and begin at its products."""
    memberships = Membership.objects.select_related("organization__parent")
    membership = get_object_or_404(memberships, user=request.user, organization__number=number)
    choose(request, membership)
    messages.success(request, f"You now act for {membership.organization}.")
    return redirect("catalog:home")


@member_required
@require_safe
def organization(request: HttpRequest) -> HttpResponse:
    """Show the facts invoices are made with."""
    return TemplateResponse(request, "accounts/organization.html", {"organization": _membership(request).organization})


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_organization(request: HttpRequest) -> HttpResponse:
    """Let an administrator change the billing information."""
    membership = _membership(request)
    if not membership.may_edit_billing:
        raise PermissionDenied("Only an administrator changes billing information.")
    row = Organization.objects.get(pk=membership.organization_id)  # the form writes into it; the header keeps its own
    is_seller = row.kind != Organization.Kind.CUSTOMER
    form_class = SellersBillingInformationForm if is_seller else BillingInformationForm
    form = form_class(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        operations.change_billing_information(organization=membership.organization, at=clock.now(), **form.facts())
        messages.success(request, "Billing information is saved. The next invoice is made with it.")
        return redirect("accounts:organization")
    return TemplateResponse(request, "accounts/edit_organization.html", {"form": form})


@member_required
@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """List a reseller's customers; ``q`` finds them by name, number or billing e-mail."""
    reseller = _reseller(request)
    words = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    rows = Organization.objects.visible_to(request.user).filter(parent=reseller)
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(number__iexact=words) | Q(billing_email__icontains=words))
    page = Paginator(rows.order_by("name", "pk"), PAGE_LENGTH).get_page(request.GET.get("page"))
    return TemplateResponse(request, "accounts/customers.html", {"page": page, "words": words})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_customer(request: HttpRequest) -> HttpResponse:
    """Let a reseller add a customer of its own."""
    reseller = _reseller(request)
    form = CustomerForm(request.POST or None, reseller=reseller)
    if request.method == "POST" and form.is_valid():
        try:
            added = operations.add_organization(kind=Organization.Kind.CUSTOMER, parent=reseller, at=clock.now(), **form.facts())
        except DomainError as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{added} is your customer {added.number} now. You can order for it.")
            return redirect("accounts:customer", number=added.number)
    return TemplateResponse(request, "accounts/add_customer.html", {"form": form})


@member_required
@require_safe
def customer(request: HttpRequest, number: str) -> HttpResponse:
    """Show one of a reseller's customers."""
    rows = Organization.objects.visible_to(request.user).filter(parent=_reseller(request))
    return TemplateResponse(request, "accounts/customer.html", {"customer": get_object_or_404(rows, number=number)})


def _membership(request: HttpRequest) -> Membership:
    membership = acting_membership(request)
    assert membership is not None  # member_required saw to it
    return membership


def _reseller(request: HttpRequest) -> Organization:
    """Return the reseller acted for; to everybody else customers' pages do not exist."""
    organization = _membership(request).organization
    if organization.kind != Organization.Kind.RESELLER:
        raise Http404
    return organization
