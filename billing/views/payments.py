"""Payments and accounts in the storefront: what was paid and is open, statements; a reseller records what its customers paid it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.acting import membership_of, person_of
from accounts.models import Organization, local_date
from billing.documents.statement import statement_pdf
from billing.models import Invoice, Payment, PaymentAllocation
from billing.operations import payments as operations
from billing.payment_files import file_name, open_items_csv, payments_csv, statement_csv
from billing.payment_forms import PaymentForm, PeriodForm, TakeBackForm
from billing.payment_words import allocated_words, recorded_words
from billing.queries.payments import BUCKETS, balances, credits_of, totals
from billing.queries.statements import account_statement, buyers_of, currencies_between, sellers_to
from common import clock
from common.errors import DomainError, FieldRefused
from common.money import round_money
from common.periods import MalformedPeriod, Period

PAGE_SIZE = 50
LONGEST_SEARCH = 100


# --- Payments -----------------------------------------------------------------------------------------------------------


@member_required
@require_safe
def payment_list(request: HttpRequest) -> HttpResponse:
    """
    List what the organization acted for paid, newest first; for a reseller with ``sold=1`` what its customers paid it.

    ``q`` finds by reference, number of an invoice or, for a reseller, the customer; ``month`` (YYYY-MM) narrows by the day it was
    received; ``export=csv`` gives all that were found as a file.
    """
    organization = membership_of(request).organization
    is_sold = _is_reseller(organization) and request.GET.get("sold") == "1"
    side = {"seller": organization} if is_sold else {"buyer": organization}
    everything: Any = Payment.objects.visible_to(request.user).filter(**side)
    found, refusal = _filtered(everything.with_rest(), request)
    allocations = Prefetch("allocations", PaymentAllocation.objects.select_related("invoice"))
    found = found.select_related("seller", "buyer").prefetch_related(allocations).order_by("-received_on", "-pk")
    if request.GET.get("export") == "csv":
        return _file(payments_csv(found.iterator(chunk_size=500), with_notes=is_sold), file_name("payments", organization))
    context = {
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "organization": organization,
        "is_sold": is_sold,
        "is_filtered": any(request.GET.get(name) for name in ("q", "month")),
        "refusal": refusal,
        "credits": [] if is_sold else _credits(organization),
        "months": everything.dates("received_on", "month", order="DESC"),
        "may_record": _may_record(request),
    }
    return TemplateResponse(request, "billing/payments.html", context)


@member_required
@require_safe
def payment(request: HttpRequest, key: UUID) -> HttpResponse:
    """Show one payment: what it pays, and what is left of it."""
    found = _visible(request, key)
    context = {
        "payment": found,
        "allocations": found.allocations.select_related("invoice"),
        "is_seller": found.seller_id == membership_of(request).organization_id,
        "may_take_back": _may_take_back(request, found),
        "may_use": found.rest > 0 and found.seller_id == membership_of(request).organization_id and _may_record(request),
    }
    return TemplateResponse(request, "billing/payment.html", context)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def record_payment(request: HttpRequest) -> HttpResponse:
    """Let a reseller's administrator record what its ``customer`` (a number) paid it, perhaps for one ``invoice`` (its number)."""
    seller = _seller_of(request)
    if not _may_record(request):
        raise PermissionDenied("Only an administrator records payments.")
    if not request.GET.get("customer"):
        return TemplateResponse(request, "billing/record_payment_of.html", {"customers": buyers_of(seller)})
    buyer = _customer(seller, request.GET["customer"])
    form = PaymentForm(
        request.POST if request.method == "POST" else None,
        seller=seller,
        buyer=buyer,
        today=local_date(clock.now(), seller),
        initial=_of_invoice(seller, buyer, request.GET.get("invoice", "")),
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = operations.record_payment(seller=seller, buyer=buyer, by=person_of(request), at=clock.now(), **form.facts())
        except DomainError as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, recorded_words(made))
            return redirect("billing:payment", key=made.key)
    return TemplateResponse(
        request, "billing/record_payment.html", {"form": form, "customer": buyer, "credits": credits_of(seller, buyer)}
    )


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def take_back(request: HttpRequest, key: UUID) -> HttpResponse:
    """Let a reseller's administrator take back a payment that was a mistake or did not hold, with the reason."""
    found = _visible(request, key)
    if found.seller_id != membership_of(request).organization_id:
        raise Http404
    if not _may_take_back(request, found):
        raise PermissionDenied("Only an administrator takes back payments, and each once.")
    form = TakeBackForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            operations.reverse_payment(
                payment_id=found.pk, reason=form.cleaned_data["reason"], by=person_of(request), at=clock.now()
            )
        except DomainError as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "The payment is taken back; what it paid is open again.")
            return redirect("billing:payment", key=key)
    context = {"payment": found, "form": form, "allocations": found.allocations.select_related("invoice")}
    return TemplateResponse(request, "billing/take_back_payment.html", context)


@member_required
@require_POST
def use_credit(request: HttpRequest, key: UUID) -> HttpResponse:
    """Let a reseller's administrator pay what its customer has open with what is left of a payment, what is due first first."""
    found = _visible(request, key)
    if found.seller_id != membership_of(request).organization_id:
        raise Http404
    if not _may_record(request):
        raise PermissionDenied("Only an administrator allocates payments.")
    try:
        made = operations.allocate(payment_id=found.pk, by=person_of(request), at=clock.now())
    except DomainError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Allocated: {allocated_words(made, found.currency)}.")
    return redirect("billing:payment", key=key)


# --- Accounts -----------------------------------------------------------------------------------------------------------


@member_required
@require_safe
def statement(request: HttpRequest) -> HttpResponse:
    """
    Show the statement of account with the seller, or for a reseller with one of its customers (``customer``, a number).

    ``currency``, ``first`` and ``last`` choose what is shown, ``seller`` (a number) with whom, where there were several;
    ``export=csv`` or ``export=pdf`` gives it as a file.
    """
    organization = membership_of(request).organization
    if request.GET.get("customer"):
        seller = _seller_of(request)
        buyer, sellers = _customer(seller, request.GET["customer"]), [seller]
    else:
        buyer, sellers = organization, sellers_to(organization)
        seller = _one_of(sellers, request.GET.get("seller", "")) or _own_seller(organization, sellers)
    codes = currencies_between(seller, buyer)
    form = PeriodForm(request.GET, codes=codes, today=local_date(clock.now(), seller))
    currency, first, last = form.asked()
    found = account_statement(seller, buyer, currency, first=first, last=last)
    if request.GET.get("export") == "csv":
        return _file(statement_csv(found), file_name("statement", seller, buyer))
    if request.GET.get("export") == "pdf":
        return _file([statement_pdf(found)], file_name("statement", seller, buyer, kind="pdf"), content_type="application/pdf")
    context = {
        "statement": found,
        "sellers": sellers,
        "codes": codes,
        "form": form,
        "is_sold": seller == organization,
        "organization": organization,
        "open": balances(seller, today=local_date(clock.now(), seller), buyers=[buyer]),
    }
    return TemplateResponse(request, "billing/statement.html", context)


@member_required
@require_safe
def open_items(request: HttpRequest) -> HttpResponse:
    """Show a reseller what its customers owe it by age, of one ``customer`` (a number) each invoice; ``export=csv`` as a file."""
    seller = _seller_of(request)
    customer = _customer(seller, request.GET["customer"]) if request.GET.get("customer") else None
    found = balances(seller, today=local_date(clock.now(), seller), buyers=[customer] if customer else None)
    if request.GET.get("export") == "csv":
        return _file(open_items_csv(found), file_name("open-items", seller, *([customer] if customer else [])))
    context = {
        "balances": found,
        "totals": totals(found),
        "ages": BUCKETS,
        "customer": customer,
        "organization": seller,
        "may_record": _may_record(request),
    }
    return TemplateResponse(request, "billing/open_items.html", context)


# --- Who, and what is asked for ---------------------------------------------------------------------------------------------


def _is_reseller(organization: Organization) -> bool:
    return organization.kind == Organization.Kind.RESELLER


def _seller_of(request: HttpRequest) -> Organization:
    """Return the reseller acted for; to everybody else there is nothing that was sold."""
    organization = membership_of(request).organization
    if not _is_reseller(organization):
        raise Http404
    return organization


def _may_record(request: HttpRequest) -> bool:
    membership = membership_of(request)
    return _is_reseller(membership.organization) and membership.may_edit_billing


def _may_take_back(request: HttpRequest, payment: Payment) -> bool:
    is_own = payment.seller_id == membership_of(request).organization_id
    return is_own and _may_record(request) and payment.reversed_at is None and payment.method != Payment.Method.CREDIT


def _customer(seller: Organization, number: str) -> Organization:
    """Return who has that number and is, or once was, a customer of ``seller``; others do not exist."""
    found = _one_of(buyers_of(seller), number)
    if found is None:
        raise Http404
    return found


def _one_of(organizations: Iterable[Organization], number: str) -> Organization | None:
    return next((one for one in organizations if one.number == number), None)


def _own_seller(organization: Organization, sellers: list[Organization]) -> Organization:
    """Return whose customer ``organization`` is."""
    return next((one for one in sellers if one.pk == organization.parent_id), sellers[0])


def _visible(request: HttpRequest, key: UUID) -> Any:
    """Return the payment of ``key`` that the organization acted for made or was paid, annotated with its rest."""
    organization = membership_of(request).organization
    payments: Any = Payment.objects.visible_to(request.user)
    found = payments.filter(buyer=organization) | payments.filter(seller=organization)
    return get_object_or_404(found.with_rest().select_related("seller", "buyer", "source_invoice"), key=key)


def _of_invoice(seller: Organization, buyer: Organization, number: str) -> dict[str, Any]:
    """Return what the form begins with where an invoice is told and open: its amount, its currency, and that it is for it."""
    unpaid: Any = Invoice.objects.filter(seller=seller, buyer=buyer, number=number.replace("\0", "")).unpaid()
    invoice = unpaid.first() if number else None
    if invoice is None:
        return {}
    return {
        "amount": round_money(invoice.open_amount, invoice.currency),
        "currency": invoice.currency,
        "invoices": [invoice.pk],
    }


def _filtered(payments: Any, request: HttpRequest) -> tuple[Any, str]:
    """Narrow by what the filter form says; what it says wrongly is told, and narrows nothing."""
    if words := request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]:
        paying = PaymentAllocation.objects.filter(invoice__number__icontains=words).values("payment")
        by_words = payments.filter(reference__icontains=words) | payments.filter(pk__in=paying)
        payments = by_words | payments.filter(buyer__name__icontains=words)
    if month := request.GET.get("month", ""):
        try:
            period = Period.parse_month(month)
        except MalformedPeriod as refused:
            return payments, str(refused)
        payments = payments.filter(received_on__gte=period.start, received_on__lt=period.end)
    return payments, ""


def _credits(buyer: Organization) -> list[tuple[Organization, dict[str, Any]]]:
    """Return the credit ``buyer`` has with each of its sellers, by currency."""
    found = ((seller, credits_of(seller, buyer)) for seller in sellers_to(buyer))
    return [(seller, credit) for seller, credit in found if credit]


def _refuse(form: Any, refusal: DomainError) -> None:
    field = refusal.field if isinstance(refusal, FieldRefused) and refusal.field in form.fields else None
    form.add_error(field, str(refusal))


def _file(content: Iterable[str | bytes], name: str, *, content_type: str = "text/csv; charset=utf-8") -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)
