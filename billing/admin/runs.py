"""Billing runs: asking for one, how far it is, what it could not bill, and issuing its drafts."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.models import local_date
from billing.admin import run_preview_page
from billing.holding import FLAG_NAMES, Rules
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import hold_rules, issuing, run_queue
from billing.queries import run_preview
from billing.queries import runs as queries
from billing.queries.usage_gaps import usage_gaps
from billing.run_forms import HoldRulesForm, RunBillingForm
from common import clock
from common.bss import STATE_COLOURS, Ledger, Move, month_filter, refuse, related, say, staff
from common.errors import DomainError
from common.templatetags.show import money, month

RUN = "billing.add_billingrun"
ISSUE = "billing.issue_invoice"
SHOWN = 100


def _waits(run: BillingRun) -> bool:
    return queries.is_open(run)


def _rests(run: BillingRun) -> bool:
    return not queries.is_open(run) and run.issue_wished_at is None


def _may_be_issued(run: BillingRun) -> bool:
    return _rests(run) and queries.is_complete(run) and queries.issuable(run).exists()


@admin.register(BillingRun)
class BillingRunAdmin(Ledger):
    page_template = "admin/billing/run.html"
    list_display = (
        "month_shown",
        "seller",
        "state",
        "accounts",
        "draft_count",
        "held_count",
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
        Move("issue_all", "Issue all drafts", ISSUE, _may_be_issued, confirm="ask_issue_all", variant="primary"),
        Move("run_again", "Run again", RUN, _rests),
        Move("release_all", "Release all held", ISSUE, lambda run: queries.held(run).exists(), confirm="ask_release_all"),
        Move("stop", "Stop the run", RUN, _waits),
        Move("stop_issuing", "Stop issuing", ISSUE, lambda run: run.issue_wished_at is not None),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        drafts, issued = Q(invoices__status=Invoice.Status.DRAFT), Q(invoices__status=Invoice.Status.ISSUED)
        return (
            super()
            .get_queryset(request)
            .annotate(
                drafts=Count("invoices", filter=drafts, distinct=True),
                held=Count("invoices", filter=drafts & ~Q(invoices__held_for=""), distinct=True),
                issued=Count("invoices", filter=issued, distinct=True),
                parked=Count("parked_accounts", distinct=True),
            )
        )

    @display(description="month", ordering="period_start")
    def month_shown(self, run: BillingRun) -> str:
        return month(run.period_start)

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def state(self, run: BillingRun) -> tuple[str, str]:
        found = queries.state_of(run)
        return found.status, found.words

    @display(description="accounts")
    def accounts(self, run: BillingRun) -> str:
        return f"{run.accounts_done} of {run.accounts_total}"

    @display(description="drafts", ordering="drafts")
    def draft_count(self, run: Any) -> int:
        return int(run.drafts)

    @display(description="held", ordering="held")
    def held_count(self, run: Any) -> int:
        return int(run.held)

    @display(description="issued", ordering="issued")
    def issued_count(self, run: Any) -> int:
        return int(run.issued)

    @display(description="parked", ordering="parked")
    def parked_count(self, run: Any) -> int:
        return int(run.parked)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("run/", own(self.run_view), name=self.url_name("run")),
            path("<path:object_id>/progress/", own(self.progress_view), name=self.url_name("progress")),
            path("<path:object_id>/rules/", own(self.rules_view), name=self.url_name("rules")),
            path("<path:object_id>/try-again/", own(self.try_again_view), name=self.url_name("try_again")),
            path("<path:object_id>/preview/", own(self.preview_view), name=self.url_name("preview")),
            path("<path:object_id>/hold/", own(self.hold_view), name=self.url_name("hold")),
            path("<path:object_id>/release/", own(self.release_view), name=self.url_name("release")),
            *super().get_urls(),
        ]

    # --- A run's page ----------------------------------------------------------------------------------------------------

    def page_facts(self, request: HttpRequest, row: BillingRun) -> dict[str, Any]:
        parked = ParkedAccount.objects.filter(run=row).select_related("buyer").order_by("buyer__name", "pk")
        rows, totals = run_preview.compared(row), queries.totals(row)
        preview_url = self.url_of(row, "preview")
        return {
            **self._progress(row),
            "gaps": usage_gaps(row.period),
            "parked": parked[:SHOWN],
            "parked_count": parked.count(),
            "shown": SHOWN,
            "totals": totals,
            "drafts_left": sum(total.drafts for total in totals),
            "issued_count": sum(total.issued for total in totals),
            "sums": run_preview.sums(rows),
            "flags": [(FLAG_NAMES[flag], n, f"{preview_url}?flag={flag}") for flag, n in run_preview.counts(rows).items()],
            "rules": Rules.from_json(row.rules),
            "rules_url": self.url_of(row, "rules"),
            "preview_url": preview_url,
            "try_again_url": self.url_of(row, "try_again"),
            "may_run": request.user.has_perm(RUN),
            "may_try_again": request.user.has_perm(RUN) and _rests(row),
        }

    def related_lists(self, request: HttpRequest, row: BillingRun) -> list[tuple[str, str]]:
        return related(
            request, "billing.view_invoice", "All invoices of this run", "billing_invoice_changelist", f"run__id__exact={row.pk}"
        )

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The part of the page that keeps itself up to date; once nobody is at the run, the whole page is loaded anew."""
        run = self.row_or_404(request, object_id)
        response = TemplateResponse(request, "admin/billing/_run_progress.html", self._progress(run))
        if _rests(run):
            response["HX-Refresh"] = "true"
        return response

    def _progress(self, run: BillingRun) -> dict[str, Any]:
        issued = Invoice.objects.issued().filter(run=run).count() if run.issue_wished_at else 0
        return {
            "run": run,
            "state": queries.state_of(run),
            "is_open": queries.is_open(run),
            "is_busy": not _rests(run),
            "is_complete": queries.is_complete(run),
            "parked_so_far": ParkedAccount.objects.filter(run=run).count(),
            "issued": issued,
            "to_issue": issued + queries.issuable(run).count() if run.issue_wished_at else 0,
            "progress_url": self.url_of(run, "progress"),
        }

    # --- Running -------------------------------------------------------------------------------------------------------

    def run_view(self, request: HttpRequest) -> HttpResponse:
        """Have a worker compute what the buyers of a seller owe for a month."""
        if not request.user.has_perm(RUN):
            raise PermissionDenied
        form = RunBillingForm(request.POST or None, today=timezone.localdate(clock.now()))
        if request.method == "POST" and form.is_valid():
            try:
                run = run_queue.queue_run(
                    seller_id=form.cleaned_data["seller"].pk,
                    period=form.period,
                    rules=None,
                    allows_unknown_cost=form.cleaned_data["allows_unknown_cost"],
                    by=staff(request),
                    at=clock.now(),
                )
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                return redirect(self.url_of(run))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Run billing",
            form=form,
            submit="Run billing",
            back=self.list_url(),
            intro="Drafts are brought to what the month’s usage and rates say. Nothing is issued.",
        )

    def run_again(self, request: HttpRequest, run: BillingRun) -> str:
        run_queue.queue_run(
            seller_id=run.seller_id, period=run.period, rules=None, allows_unknown_cost=None, by=staff(request), at=clock.now()
        )
        return "The run begins in a moment."

    def stop(self, request: HttpRequest, run: BillingRun) -> str:
        run_queue.stop_run(run_id=run.pk, by=staff(request), at=clock.now())
        return "The run stops after the accounts it is at. What it wrote stays."

    @method_decorator(require_POST)
    def try_again_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Bill one parked account again, the one sent as ``buyer``; without it all of the run, by a worker."""
        run = self._run_to_change(request, object_id, RUN)
        buyer = request.POST.get("buyer", "")
        if buyer:
            say(request, lambda: self._try_again(run, buyer))
        else:
            say(request, lambda: self.run_again(request, run))
        return redirect(self.url_of(run))

    def _try_again(self, run: BillingRun, buyer: str) -> str:
        parked = ParkedAccount.objects.filter(run=run, buyer=int(buyer) if buyer.isdecimal() else 0).select_related("buyer").first()
        if parked is None:
            return "This account is not parked any more."
        run_queue.try_again(run_id=run.pk, buyer_id=parked.buyer_id, at=clock.now())
        still = ParkedAccount.objects.filter(run=run, buyer=parked.buyer).first()
        if still is not None:
            return f"{parked.buyer} is still parked: {still.reason}"
        return f"{parked.buyer} is billed."

    # --- Rules ---------------------------------------------------------------------------------------------------------

    def rules_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say which drafts wait for somebody to look at them, and whether unknown cost is allowed."""
        run = self.row_or_404(request, object_id)
        if not request.user.has_perm(RUN):
            raise PermissionDenied
        currencies = {run.seller.currency, *(total.currency for total in queries.totals(run))}
        form = HoldRulesForm(
            request.POST or None,
            rules=Rules.from_json(run.rules),
            currencies=currencies,
            allows_unknown_cost=run.allows_unknown_cost,
        )
        if request.method == "POST" and form.is_valid():
            say(request, lambda: self._set_rules(request, run, form))
            return redirect(self.url_of(run))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Rules of {run.seller}, {month(run.period_start)}",
            form=form,
            submit="Apply rules",
            back=self.url_of(run),
            original=run,
            intro="A draft that breaks a rule is held: “Issue all” leaves it out until somebody releases it. "
            "The next run of this seller begins with the same rules.",
        )

    def _set_rules(self, request: HttpRequest, run: BillingRun, form: HoldRulesForm) -> str:
        by, at, allowed = staff(request), clock.now(), form.cleaned_data["allows_unknown_cost"]
        if allowed != run.allows_unknown_cost:
            run_queue.queue_run(
                seller_id=run.seller_id, period=run.period, rules=form.rules, allows_unknown_cost=allowed, by=by, at=at
            )
            return "The month is billed again by these rules; it begins in a moment."
        run_queue.set_rules(run_id=run.pk, rules=form.rules, by=by, at=at)
        held = queries.held(run).count()
        return f"The rules are applied: {held} {'draft is' if held == 1 else 'drafts are'} held."

    # --- Looking -------------------------------------------------------------------------------------------------------

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the drafts beside the last month; see `run_preview`."""
        run = self.row_or_404(request, object_id)
        return run_preview_page.show(self, request, run, may_issue=request.user.has_perm(ISSUE))

    @method_decorator(require_POST)
    def hold_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hold the drafts sent as ``invoice`` until somebody releases them."""
        run = self._run_to_change(request, object_id, ISSUE)
        return run_preview_page.hold(self, request, run)

    @method_decorator(require_POST)
    def release_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the drafts sent as ``invoice`` be issued."""
        run = self._run_to_change(request, object_id, ISSUE)
        return run_preview_page.release(self, request, run)

    def _run_to_change(self, request: HttpRequest, object_id: str, permission: str) -> BillingRun:
        """
        Return the run that a POST is to change.

        :raises PermissionDenied: these staff may not.
        """
        run: BillingRun = self.row_or_404(request, object_id)
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return run

    # --- Issuing -------------------------------------------------------------------------------------------------------

    def ask_issue_all(self, request: HttpRequest, run: BillingRun) -> list[str]:
        return sentences_before_issuing(run)

    def issue_all(self, request: HttpRequest, run: BillingRun) -> str:
        now = clock.now()
        issuing.queue_issuing(run_id=run.pk, on=local_date(now, run.seller), by=staff(request), at=now)
        return "The invoices are being issued."

    def stop_issuing(self, request: HttpRequest, run: BillingRun) -> str:
        issuing.stop_issuing(run_id=run.pk, by=staff(request))
        return "No more invoices are issued. Those that are stay so."

    def ask_release_all(self, request: HttpRequest, run: BillingRun) -> list[str]:
        held = queries.held(run).count()
        return [
            f"{held} {'draft is' if held == 1 else 'drafts are'} held. Released, “Issue all” issues them too.",
            "A released draft is held again only for another reason.",
        ]

    def release_all(self, request: HttpRequest, run: BillingRun) -> str:
        released = hold_rules.release_drafts(run_id=run.pk, by=staff(request))
        return f"{released} {'draft is' if released == 1 else 'drafts are'} released."


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
        return [("The run, with “Try again”", reverse("admin:billing_billingrun_change", args=[row.run_id]))]


def sentences_before_issuing(run: BillingRun) -> list[str]:
    """Return what is to be agreed to before the drafts of ``run`` are issued."""
    count, held = queries.issuable(run).count(), queries.held(run).count()
    sums = " and ".join(money(total, currency) for currency, total in queries.issuable_totals(run))
    told = [
        f"{count} {'invoice' if count == 1 else 'invoices'} of {run.seller} for {month(run.period_start)}, {sums} including VAT.",
        "Each gets its number, is frozen for good, and its buyer gets a mail. Drafts of parked accounts stay drafts.",
    ]
    if not count:
        told = ["Nothing is left to issue here."]
    if held:
        told.append(f"{held} {'draft is' if held == 1 else 'drafts are'} held and not among them.")
    return told
