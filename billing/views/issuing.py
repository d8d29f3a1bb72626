"""What a reseller is about to invoice: its drafts beside the last month, holding single ones back, and issuing them."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import member_required
from accounts.acting import membership_of, person_of
from accounts.models import Organization, local_date
from billing.holding import FLAG_NAMES
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import hold_rules, issuing, run_queue
from billing.operations.runs import month_before
from billing.queries import invoices as invoice_queries
from billing.queries import run_preview
from billing.queries import runs as queries
from common import clock
from common.errors import DomainError
from common.periods import MalformedPeriod, Period

PAGE_LENGTH = 50
LISTED_MONTHS = 24
LISTED_PARKED = 50
LONGEST_SEARCH = 100


@member_required
@require_safe
def to_issue(request: HttpRequest) -> HttpResponse:
    """
    List the drafts of a month, the newest that was billed unless ``month`` (YYYY-MM) tells another, each beside the month before.

    ``q`` narrows by customer, ``flag`` by what stands out.
    """
    reseller = _reseller(request)
    runs = _runs(reseller)
    run = _chosen(request, runs)
    context: dict[str, Any] = {
        "organization": reseller,
        "may_issue": membership_of(request).may_edit_billing,
        "months": [one.period_start for one in runs],
        "run": run,
        "to_update": month_before(local_date(clock.now(), reseller)).start,
    }
    if run is not None:
        context |= _drafts(request, run)
    return TemplateResponse(request, "billing/to_issue.html", context)


@member_required
@require_safe
def progress(request: HttpRequest) -> HttpResponse:
    """The part of the list that keeps itself up to date; once nobody is at the run, the whole page is loaded anew."""
    run = _run(request)
    response = TemplateResponse(request, "billing/_issue_progress.html", _progress(run))
    if not _is_busy(run):
        response["HX-Refresh"] = "true"
    return response


@member_required
@require_safe
def draft(request: HttpRequest, number: str) -> HttpResponse:
    """Show what the drafts of one customer say, for the month of the list it was opened from."""
    run = _run(request)
    drafts = Invoice.objects.visible_to(request.user).drafts().filter(run=run, buyer__number=number.replace("\0", ""))
    found = list(drafts.select_related("buyer").order_by("currency", "pk"))
    if not found:
        raise Http404
    context = {
        "run": run,
        "list_url": _list_url(run),
        "buyer": found[0].buyer,
        "drafts": [(one, invoice_queries.lines_by_customer(one)) for one in found],
        "may_issue": membership_of(request).may_edit_billing,
    }
    return TemplateResponse(request, "billing/draft.html", context)


@member_required
@require_http_methods(["GET", "HEAD", "POST"])
def issue(request: HttpRequest) -> HttpResponse:
    """Show what would be issued; asked by POST, have a worker issue it."""
    _check_administrator(request)
    run = _run(request)
    if request.method == "POST":
        now = clock.now()
        try:
            issuing.queue_issuing(run_id=run.pk, on=local_date(now, run.seller), by=person_of(request), at=now)
        except DomainError as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "Your invoices are being issued.")
        return _back(run)
    context = {
        "run": run,
        "list_url": _list_url(run),
        "count": queries.issuable(run).count(),
        "totals": queries.issuable_totals(run),
        "held": queries.held(run).count(),
        "today": local_date(clock.now(), run.seller),
    }
    return TemplateResponse(request, "billing/ask_issue.html", context)


@member_required
@require_POST
def update(request: HttpRequest) -> HttpResponse:
    """Have a worker bring the drafts of the last month to what the customers owe by now."""
    _check_administrator(request)
    reseller, now = _reseller(request), clock.now()
    run = run_queue.queue_run(
        seller_id=reseller.pk,
        period=month_before(local_date(now, reseller)),
        rules=None,
        allows_unknown_cost=None,
        by=person_of(request),
        at=now,
    )
    return _back(run)


@member_required
@require_POST
def hold(request: HttpRequest) -> HttpResponse:
    """Keep a customer's drafts, those sent as ``invoice``, from being issued."""
    _check_administrator(request)
    run, person = _run(request), person_of(request)
    drafts = Invoice.objects.drafts().filter(run=run, pk__in=_invoices_sent(request)).values_list("pk", flat=True)
    held = [hold_rules.hold_draft(invoice_id=pk, reason=f"by {person}.", by=person) for pk in drafts]
    messages.success(request, f"{len(held)} {'draft is' if len(held) == 1 else 'drafts are'} held until you release it.")
    return _back(run)


@member_required
@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Let a customer's held drafts be issued, those sent as ``invoice``; without any, all of the month."""
    _check_administrator(request)
    run = _run(request)
    sent = _invoices_sent(request) if "invoice" in request.POST else None
    released = hold_rules.release_drafts(run_id=run.pk, invoices=sent, by=person_of(request))
    messages.success(request, f"{released} {'draft is' if released == 1 else 'drafts are'} released.")
    return _back(run)


# --- Steps ----------------------------------------------------------------------------------------------------------------


def _reseller(request: HttpRequest) -> Organization:
    """Return the reseller acted for; others have no customers and no such pages."""
    organization = membership_of(request).organization
    if organization.kind != Organization.Kind.RESELLER:
        raise Http404
    return organization


def _check_administrator(request: HttpRequest) -> None:
    _reseller(request)
    if not membership_of(request).may_edit_billing:
        raise PermissionDenied("Only an administrator issues invoices.")


def _runs(reseller: Organization) -> list[BillingRun]:
    """Return the reseller's latest runs, the newest month first."""
    return list(BillingRun.objects.filter(seller=reseller).select_related("seller").order_by("-period_start")[:LISTED_MONTHS])


def _chosen(request: HttpRequest, runs: list[BillingRun]) -> BillingRun | None:
    wanted = request.GET.get("month", "")
    return next((run for run in runs if f"{run.period_start:%Y-%m}" == wanted), runs[0] if runs else None)


def _run(request: HttpRequest) -> BillingRun:
    """Return the reseller's own run of the month that is sent."""
    reseller = _reseller(request)
    try:
        period = Period.parse_month(request.POST.get("month") or request.GET.get("month", ""))
    except MalformedPeriod as refused:
        raise Http404 from refused
    own = BillingRun.objects.filter(seller=reseller).select_related("seller")
    return get_object_or_404(own, period_start=period.start, period_end=period.end)


def _drafts(request: HttpRequest, run: BillingRun) -> dict[str, Any]:
    rows = [row for row in run_preview.compared(run) if row.drafts]
    flag, search = request.GET.get("flag", ""), request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    found = run_preview.narrowed(rows, flag=flag, search=search)
    parked = ParkedAccount.objects.filter(run=run).select_related("buyer").order_by("buyer__name", "pk")
    return {
        **_progress(run),
        "page": Paginator(found, PAGE_LENGTH).get_page(request.GET.get("page")),
        "sums": run_preview.sums(found),
        "flags": [(flag, FLAG_NAMES[flag], n) for flag, n in run_preview.counts(rows).items()],
        "is_narrowed": bool(flag or search),
        "parked": parked[:LISTED_PARKED],
        "issuable": queries.issuable(run).count() if queries.is_complete(run) and not _is_busy(run) else 0,
        "held": queries.held(run).count(),
        "last_month": run_preview.month_before(run.period).start,
    }


def _progress(run: BillingRun) -> dict[str, Any]:
    issued = Invoice.objects.issued().filter(run=run).count() if run.issue_wished_at else 0
    return {
        "run": run,
        "state": queries.state_of(run),
        "is_open": queries.is_open(run),
        "is_busy": _is_busy(run),
        "issued": issued,
        "to_issue": issued + queries.issuable(run).count() if run.issue_wished_at else 0,
    }


def _is_busy(run: BillingRun) -> bool:
    return queries.is_open(run) or run.issue_wished_at is not None


def _invoices_sent(request: HttpRequest) -> list[int]:
    sent = request.POST.getlist("invoice")[:PAGE_LENGTH]
    return [int(one) for one in sent if one.isascii() and one.isdecimal() and len(one) <= 18]


def _back(run: BillingRun) -> HttpResponse:
    return redirect(_list_url(run))


def _list_url(run: BillingRun) -> str:
    return f"{reverse('billing:to_issue')}?month={run.period_start:%Y-%m}"
