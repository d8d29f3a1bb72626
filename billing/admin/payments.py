"""Payments: a list, recording one by hand, what each pays, and taking it back."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts.models import Organization, local_date
from billing.admin.accounts import AccountPages
from billing.models import Invoice, Payment, PaymentAllocation
from billing.operations import payments
from billing.payment_files import payments_csv
from billing.payment_forms import METHODS, AllocationForm, PayerForm, ReversalForm, StaffPaymentForm
from billing.payment_words import allocated_words, recorded_words
from billing.queries.payments import credits_of
from common import clock
from common.bss import Ledger, figure, month_filter, refuse, related, say, staff
from common.errors import DomainError
from common.money import round_money
from common.templatetags.show import money

RECORD, TAKE_BACK = "billing.add_payment", "billing.change_payment"


class PaidToFilter(admin.SimpleListFilter):
    """Who was paid: the MSP, or one of its resellers."""

    title = "paid to"
    parameter_name = "seller"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        sellers = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER).order_by("kind", "name")
        return [(organization.number, organization.name) for organization in sellers[:300]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(seller__number=self.value()) if self.value() else queryset


class MethodFilter(admin.SimpleListFilter):
    title = "how"
    parameter_name = "method"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*METHODS, (Payment.Method.CREDIT.value, Payment.Method.CREDIT.label)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(method=self.value()) if self.value() else queryset


class UseFilter(admin.SimpleListFilter):
    """Whether something is left of a payment, or it was taken back."""

    title = "state"
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("credit", "With credit left"), ("allocated", "Allocated wholly"), ("reversed", "Taken back")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "credit":
            return queryset.filter(rest__gt=0)
        if self.value() == "allocated":
            return queryset.filter(rest=0, reversed_at__isnull=True)
        return queryset.filter(reversed_at__isnull=False) if self.value() == "reversed" else queryset


@admin.register(Payment)
class PaymentAdmin(AccountPages, Ledger):
    page_template = "admin/billing/payment.html"
    list_display = ("received_on", "buyer", "seller", "amount_shown", "rest_shown", "state", "method", "reference")
    list_select_related = ("buyer", "seller")
    list_filter = (UseFilter, month_filter("received_on"), MethodFilter, PaidToFilter)
    list_before_template = "admin/billing/_payment_tools.html"
    search_fields = (
        *("reference", "note", "buyer__number__iexact", "buyer__name", "allocations__invoice__number__istartswith"),
        "statement__file_name",
    )
    search_help_text = "Reference, buyer (number or name), invoice number, or file of the bank"
    ordering = ("-received_on", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).with_rest()

    @display(description="amount", ordering="amount")
    def amount_shown(self, payment: Payment) -> str:
        return figure(money(payment.amount, payment.currency))

    @display(description="kept as credit", ordering="rest")
    def rest_shown(self, payment: Any) -> str:
        return figure(money(payment.rest, payment.currency)) if payment.rest else ""

    @display(description="state", label={"allocated": "success", "credit left": "info", "taken back": "default"})
    def state(self, payment: Any) -> tuple[str, str]:
        word = _state(payment)
        return word, word

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("record/", own(self.record_view), name="billing_payment_record"),
            path("export/", own(self.export_view), name="billing_payment_export"),
            path("<path:object_id>/allocate/", own(self.allocate_view), name="billing_payment_allocate"),
            path("<path:object_id>/take-back/", own(self.reverse_view), name="billing_payment_reverse"),
            path("<path:object_id>/allocations/<int:allocation>/", own(self.deallocate_view), name="billing_payment_deallocate"),
            *super().get_urls(),
        ]

    # --- One payment ------------------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        rest = row.rest
        may_allocate = rest > 0 and request.user.has_perm(RECORD)
        return {
            "payment": row,
            "title": f"Payment of {money(row.amount, row.currency)} by {row.buyer}",
            "state": _state(row),
            "rest": rest,
            "allocations": row.allocations.select_related("invoice", "allocated_by"),
            "form": AllocationForm(payment=row, rest=rest) if may_allocate else None,
            "may_take_back": request.user.has_perm(TAKE_BACK) and row.reversed_at is None,
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.row_or_404(request, object_id)
        facts = self.page_facts(request, row)
        context = {"original": row, "row": row, "related": self.related_lists(request, row), **facts, **(extra_context or {})}
        return self.page(request, self.page_template, **context)

    def related_lists(self, request: HttpRequest, row: Payment) -> list[tuple[str, str]]:
        account = reverse("admin:billing_account_statement", args=[row.buyer.number])
        seller = f"seller={row.seller.number}"
        return [
            *related(request, "billing.view_invoice", "Open items", "billing_open_items", f"{seller}&buyer={row.buyer.number}"),
            *([("Statement of account", f"{account}?{seller}")] if request.user.has_perm("billing.view_invoice") else []),
        ]

    def allocate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Pay an invoice with what is left of a payment."""
        row = self.row_or_404(request, object_id)
        if not request.user.has_perm(RECORD):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = AllocationForm(request.POST, payment=row, rest=row.rest)
        if not form.is_valid():
            return self.change_view(request, object_id, extra_context={"form": form})
        told = form.cleaned_data
        try:
            made = payments.allocate(
                payment_id=row.pk,
                invoice_id=told["invoice"],
                amount=told["amount"],
                seen_rest=told["seen_rest"],
                by=staff(request),
                at=clock.now(),
            )
        except payments.ChangedMeanwhile as refusal:
            messages.error(request, str(refusal))
            return redirect(self.url_of(row))
        except DomainError as refusal:
            refuse(form, refusal)
            return self.change_view(request, object_id, extra_context={"form": form})
        messages.success(request, f"Allocated: {allocated_words(made, row.currency)}.")
        return redirect(self.url_of(row))

    def deallocate_view(self, request: HttpRequest, object_id: str, allocation: int) -> HttpResponse:
        """Take back that a payment pays an invoice."""
        row = self.row_or_404(request, object_id)
        if not request.user.has_perm(TAKE_BACK):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])

        def take_back() -> str:
            payments.deallocate(allocation_id=allocation, payment_id=row.pk, by=staff(request), at=clock.now())
            return "Taken back: the invoice is open again, and the money is kept as credit."

        say(request, take_back)
        return redirect(self.url_of(row))

    def reverse_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why a payment is taken back (GET), and take it back."""
        row = self.row_or_404(request, object_id)
        if not request.user.has_perm(TAKE_BACK):
            raise PermissionDenied
        form = ReversalForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                payments.reverse_payment(payment_id=row.pk, reason=form.cleaned_data["reason"], by=staff(request), at=clock.now())
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, "The payment is taken back; what it paid is open again.")
                return redirect(self.url_of(row))
        paid = ", ".join(str(one.invoice.number) for one in row.allocations.select_related("invoice"))
        told = f"It pays {paid}, which will be open again." if paid else "It pays nothing yet."
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Take back the payment of {money(row.amount, row.currency)} by {row.buyer}",
            original=row,
            form=form,
            intro=f"{told} The payment stays in the books with your reason, and cannot be used any more.",
            submit="Take back payment",
            back=self.url_of(row),
        )

    # --- Recording ----------------------------------------------------------------------------------------------------------

    def record_view(self, request: HttpRequest) -> HttpResponse:
        """Ask whose payment it is, then what came in; ``buyer``, ``seller`` (numbers) and ``invoice`` (id) may be told."""
        if not request.user.has_perm(RECORD):
            raise PermissionDenied
        payer = PayerForm(request.GET if "buyer" in request.GET else None)
        if not payer.is_valid():
            return self.page(
                request,
                "admin/billing/payment_payer.html",
                title="Record payment",
                form=payer,
                submit="Go on",
                back=self.list_url(),
            )
        buyer, seller = payer.cleaned_data["buyer"], payer.chosen_seller
        today = local_date(clock.now(), seller)
        initial = _of_invoice(request)
        form = StaffPaymentForm(
            request.POST if request.method == "POST" else None, seller=seller, buyer=buyer, today=today, initial=initial
        )
        if request.method == "POST" and form.is_valid():
            try:
                payment = payments.record_payment(seller=seller, buyer=buyer, by=staff(request), at=clock.now(), **form.facts())
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, recorded_words(payment))
                return redirect(self.url_of(payment))
        credit = " and ".join(money(amount, currency) for currency, amount in credits_of(seller, buyer).items())
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Record payment of {buyer} ({buyer.number}) to {seller}",
            form=form,
            intro=f"{buyer} has {credit} of credit already; a new invoice uses it by itself." if credit else "",
            submit="Record payment",
            back=self.list_url(),
        )

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Give the payments that the list shows, all pages of them, as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = self.listed(request).select_related("seller", "buyer")
        allocations = Prefetch("allocations", PaymentAllocation.objects.select_related("invoice"))
        rows = found.prefetch_related(allocations).iterator(chunk_size=1000)
        headers = {"Content-Disposition": 'attachment; filename="payments.csv"'}
        return StreamingHttpResponse(payments_csv(rows, with_notes=True), content_type="text/csv; charset=utf-8", headers=headers)


def _state(payment: Any) -> str:
    if payment.reversed_at is not None:
        return "taken back"
    return "credit left" if payment.rest > 0 else "allocated"


def _of_invoice(request: HttpRequest) -> dict[str, Any]:
    """Return what a form begins with where an invoice is told: its open amount, its currency, and that it is for it."""
    told = request.GET.get("invoice", "")
    if not (told.isdecimal() and len(told) < 19):
        return {}
    invoice: Any = Invoice.objects.unpaid().filter(pk=int(told)).first()
    if invoice is None:
        return {}
    return {"amount": round_money(invoice.open_amount, invoice.currency), "currency": invoice.currency, "invoices": [invoice.pk]}
