"""A reseller's customers: found, added, changed, exported."""

from allauth.core import ratelimit
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts import operations
from accounts.access import buyer_required, member_required
from accounts.acting import membership_of, person_of
from accounts.exports import customers_csv
from accounts.forms import CustomerForm, CustomerWithLimitForm
from accounts.models import Organization, OrganizationQuerySet
from common import clock
from common.errors import FieldRefused

PAGE_LENGTH = 50
LONGEST_SEARCH = 100
TOO_MANY_INVITATIONS = "You have sent many invitations in the last hour. Leave this empty and invite the person later."
COLUMNS = {
    "name": "Name",
    "number": "Number",
    "billing_email": "Billing e-mail",
    "city": "City",
    "currency": "Currency",
    "people": "People",
    "created_at": "Since",
}
"""What the list shows and can be sorted by: the field, and its head."""


@member_required
@require_safe
def customers(request: HttpRequest) -> HttpResponse:
    """List a reseller's customers; ``q`` finds them by name, number or billing e-mail, ``sort`` names a column, `-` turns it."""
    words, sort = _words(request), _sort(request)
    page = Paginator(_found(request, words, sort), PAGE_LENGTH).get_page(request.GET.get("page"))
    return TemplateResponse(
        request, "accounts/customers.html", {"page": page, "words": words, "sort": sort, "columns": _columns(sort)}
    )


@member_required
@require_safe
def export_customers(request: HttpRequest) -> HttpResponse:
    """Give the customers that the list shows, all pages of them, as a file."""
    rows = _found(request, _words(request), _sort(request))
    name = f"customers-{membership_of(request).organization.number}.csv"
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(customers_csv(rows), content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


@buyer_required
@require_http_methods(["GET", "HEAD", "POST"])
def add_customer(request: HttpRequest) -> HttpResponse:
    """Let a reseller add a customer of its own; its administrators can invite the customer's first one in the same form."""
    reseller = reseller_of(request)
    may_invite = membership_of(request).may_manage_people
    form = CustomerForm(request.POST or None, reseller=reseller, may_invite=may_invite)
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data.get("administrator_email") and not ratelimit.consume(request, action="invite"):
            form.add_error("administrator_email", TOO_MANY_INVITATIONS)
            return TemplateResponse(request, "accounts/add_customer.html", {"form": form}, status=429)
        try:
            added = operations.add_customer(reseller=reseller, by=person_of(request), at=clock.now(), **form.facts())
        except FieldRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            invited = form.cleaned_data.get("administrator_email")
            mailed = f" An invitation is on its way to {invited}." if invited else ""
            messages.success(request, f"{added} is your customer {added.number} now. You can order for it.{mailed}")
            return redirect("accounts:customer", number=added.number)
    return TemplateResponse(request, "accounts/add_customer.html", {"form": form})


@member_required
@require_safe
def customer(request: HttpRequest, number: str) -> HttpResponse:
    """Show one of a reseller's customers."""
    found = customer_of(request, number)
    context = {
        "customer": found,
        "people": found.memberships.count(),
        "invited": found.invitations.open(clock.now()).count(),
    }
    return TemplateResponse(request, "accounts/customer.html", context)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit_customer(request: HttpRequest, number: str) -> HttpResponse:
    """Let a reseller's administrator change name and billing information of a customer. The currency stays: prices hang on it."""
    found = customer_of(request, number)
    if not membership_of(request).may_edit_billing:
        raise PermissionDenied("Only an administrator changes billing information.")
    name = found.name
    form = CustomerWithLimitForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        try:
            operations.change_customer(customer=found, at=clock.now(), **form.facts())
        except FieldRefused as refusal:
            form.add_error(refusal.field, str(refusal))
        else:
            messages.success(request, f"{found} is saved. The next invoice is made with it.")
            return redirect("accounts:customer", number=number)
    return TemplateResponse(request, "accounts/edit_customer.html", {"form": form, "customer": found, "name": name})


def reseller_of(request: HttpRequest) -> Organization:
    """Return the reseller acted for; to everybody else customers' pages do not exist."""
    organization = membership_of(request).organization
    if organization.kind != Organization.Kind.RESELLER:
        raise Http404
    return organization


def customer_of(request: HttpRequest, number: str) -> Organization:
    """Return the customer of that number of the reseller acted for; others do not exist."""
    rows = Organization.objects.visible_to(request.user).filter(parent=reseller_of(request)).select_related("parent")
    return get_object_or_404(rows, number=number)


def _found(request: HttpRequest, words: str, sort: str) -> OrganizationQuerySet:
    rows = Organization.objects.visible_to(request.user).filter(parent=reseller_of(request))
    # Numbers are given in the order of rows; as texts C10000 would stand before C1001.
    return rows.matching(words).with_people().order_by(sort.replace("number", "pk"), "pk")


def _words(request: HttpRequest) -> str:
    return request.GET.get("q", "").strip()[:LONGEST_SEARCH]


def _sort(request: HttpRequest) -> str:
    wanted = request.GET.get("sort", "")
    return wanted if wanted.removeprefix("-") in COLUMNS else "name"


def _columns(sort: str) -> list[dict[str, str]]:
    """Return the heads of the list: label, what its link sorts by, and how it is sorted now."""
    sorted_by = sort.removeprefix("-")
    return [
        {
            "label": label,
            "sort": f"-{field}" if sort == field else field,
            "order": ("descending" if sort.startswith("-") else "ascending") if field == sorted_by else "",
        }
        for field, label in COLUMNS.items()
    ]
