"""Billing runs: running one, what it could not bill, and issuing its drafts."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.decorators import display

from accounts.models import local_date
from billing.forms import RunBillingForm
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import invoices, runs
from billing.queries.usage_gaps import usage_gaps
from common import clock
from common.bss import STATE_COLOURS, Ledger, Move, month_filter, refuse, related, staff
from common.errors import DomainError
from common.templatetags.show import money, month

RUN = "billing.add_billingrun"
ISSUE = "billing.issue_invoice"
SHOWN = 100


@admin.register(BillingRun)
class BillingRunAdmin(Ledger):
    page_template = "admin/billing/run.html"
    list_display = (
        "month_shown",
        "seller",
        "status_label",
        "accounts",
        "draft_count",
        "issued_count",
        "parked_count",
        "finished_at",
    )
    list_select_related = ("seller",)
    list_filter = ("status", month_filter("period_start"))
    list_before_template = "admin/billing/_run_tools.html"
    search_fields = ("seller__name", "seller__number__iexact")
    search_help_text = "Seller"
    ordering = ("-period_start", "-pk")
    moves = (
        Move("run_again", "Run again", RUN),
        Move(
            "issue_all", "Issue all drafts", ISSUE, lambda run: _issuable(run).exists(), confirm="ask_issue_all", variant="primary"
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        drafts, issued = Q(invoices__status=Invoice.Status.DRAFT), Q(invoices__status=Invoice.Status.ISSUED)
        return (
            super()
            .get_queryset(request)
            .annotate(
                drafts=Count("invoices", filter=drafts, distinct=True),
                issued=Count("invoices", filter=issued, distinct=True),
                parked=Count("parked_accounts", distinct=True),
            )
        )

    @display(description="month", ordering="period_start")
    def month_shown(self, run: BillingRun) -> str:
        return month(run.period_start)

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, run: BillingRun) -> tuple[str, str]:
        return run.status, str(run.get_status_display())

    @display(description="accounts")
    def accounts(self, run: BillingRun) -> str:
        return f"{run.accounts_done} of {run.accounts_total}"

    @display(description="drafts", ordering="drafts")
    def draft_count(self, run: Any) -> int:
        return int(run.drafts)

    @display(description="issued", ordering="issued")
    def issued_count(self, run: Any) -> int:
        return int(run.issued)

    @display(description="parked", ordering="parked")
    def parked_count(self, run: Any) -> int:
        return int(run.parked)

    def get_urls(self) -> list[URLPattern]:
        return [path("run/", self.admin_site.admin_view(self.run_view), name=self.url_name("run")), *super().get_urls()]

    def page_facts(self, request: HttpRequest, row: BillingRun) -> dict[str, Any]:
        drafts = Invoice.objects.drafts().filter(run=row).select_related("buyer").order_by("buyer__name", "pk")
        parked = ParkedAccount.objects.filter(run=row).select_related("buyer").order_by("buyer__name")
        return {
            "run": row,
            "gaps": usage_gaps(row.period),
            "parked": parked[:SHOWN],
            "drafts": drafts[:SHOWN],
            "shown": SHOWN,
            "draft_sums": _sums(Invoice.objects.drafts().filter(run=row)),
            "issued_sums": _sums(Invoice.objects.issued().filter(run=row)),
        }

    def related_lists(self, request: HttpRequest, row: BillingRun) -> list[tuple[str, str]]:
        return related(
            request, "billing.view_invoice", "All invoices of this run", "billing_invoice_changelist", f"run__id__exact={row.pk}"
        )

    # --- Running -------------------------------------------------------------------------------------------------------

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Compute what the buyers of a seller owe for a month and bring its drafts to that."""
        if not request.user.has_perm(RUN):
            raise PermissionDenied
        form = RunBillingForm(request.POST or None, today=timezone.localdate(clock.now()))
        if request.method == "POST" and form.is_valid():
            try:
                run = runs.run_billing(seller_id=form.cleaned_data["seller"].pk, period=form.period, at=clock.now())
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, self._told(run))
                return redirect(self.url_of(run))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Run billing",
            form=form,
            submit="Run billing",
            back=self.list_url(),
            intro="Drafts are brought to what the month's usage and rates say. Nothing is issued.",
        )

    def run_again(self, request: HttpRequest, run: BillingRun) -> str:
        return self._told(runs.run_billing(seller_id=run.seller_id, period=run.period, at=clock.now()))

    def _told(self, run: BillingRun) -> str:
        drafts = Invoice.objects.drafts().filter(run=run).count()
        parked = ParkedAccount.objects.filter(run=run).count()
        return f"{run.accounts_done} accounts looked at: {drafts} {'draft' if drafts == 1 else 'drafts'} to issue, {parked} parked."

    # --- Issuing -------------------------------------------------------------------------------------------------------

    def ask_issue_all(self, request: HttpRequest, run: BillingRun) -> list[str]:
        sums = _sums(_issuable(run))
        count = sum(one["count"] for one in sums)
        totals = " and ".join(money(one["gross"], one["currency"]) for one in sums)
        return [
            f"{count} {_noun(count)} of {run.seller} for {month(run.period_start)}, {totals} including VAT.",
            "Each gets its number, is frozen for good, and its buyer gets a mail. Drafts of parked accounts stay drafts.",
        ]

    def issue_all(self, request: HttpRequest, run: BillingRun) -> str:
        issued = invoices.issue_drafts(run_id=run.pk, on=local_date(clock.now(), run.seller), by=staff(request))
        return f"{issued} {'invoice is' if issued == 1 else 'invoices are'} issued."


@admin.register(ParkedAccount)
class ParkedAccountAdmin(Ledger):
    """Buyers that a run could not bill, and why. Gone once a later run bills them."""

    list_display = ("buyer", "reason", "run_shown", "parked_at")
    list_select_related = ("buyer", "run__seller")
    list_filter = (month_filter("parked_at"),)
    search_fields = ("buyer__number__iexact", "buyer__name", "reason")
    search_help_text = "Buyer or reason"
    ordering = ("-parked_at", "-pk")
    fields = ("buyer", "reason", "run", "parked_at")

    @display(description="run")
    def run_shown(self, parked: ParkedAccount) -> str:
        return str(parked.run)

    def related_lists(self, request: HttpRequest, row: ParkedAccount) -> list[tuple[str, str]]:
        return [("The run", reverse("admin:billing_billingrun_change", args=[row.run_id]))]


def _noun(count: int) -> str:
    return "invoice" if count == 1 else "invoices"


def _issuable(run: BillingRun) -> QuerySet[Invoice]:
    """The run's drafts but for those of parked accounts."""
    parked = ParkedAccount.objects.filter(run=run).values("buyer")
    return Invoice.objects.drafts().filter(run=run).exclude(buyer__in=parked)


def _sums(drafts: QuerySet[Invoice]) -> list[dict[str, Any]]:
    sums: Any = drafts.order_by().values("currency").annotate(count=Count("pk"), net=Sum("net"), tax=Sum("tax"), gross=Sum("gross"))
    return list(sums.order_by("currency"))
