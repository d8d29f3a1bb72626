"""The preview of a run: every buyer beside the month before, what stands out, and holding or releasing single drafts."""

import csv
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from billing.holding import FLAG_NAMES, Flag
from billing.models import BillingRun, Invoice
from billing.operations import hold_rules
from billing.queries import run_preview
from billing.queries import runs as queries
from billing.queries.run_preview import SORTS, Row
from common.bss import BssAdmin, say, staff
from common.money import round_money
from common.sheets import guarded
from common.templatetags.show import month

PAGE_LENGTH = 100
LONGEST_SEARCH = 100
MOST_AT_ONCE = 100
CSV_COLUMNS = [
    "number",
    "buyer",
    "currency",
    "last_month",
    "this_month",
    "difference",
    "percent",
    "flags",
    "held_for",
    "parked_for",
]
HEADINGS = {"name": "Buyer", "last": "Last month", "now": "This month", "difference": "Difference", "percent": "Percent"}


def show(model_admin: BssAdmin, request: HttpRequest, run: BillingRun, *, may_issue: bool) -> HttpResponse:
    """Show the rows that ``flag``, ``q`` and ``currency`` leave, in the order of ``sort``; ``export=csv`` gives them as a file."""
    everybody = run_preview.compared(run)
    wanted = _wanted(request)
    rows = run_preview.in_order(run_preview.narrowed(everybody, **_filters(wanted)), wanted["sort"])
    if request.GET.get("export") == "csv":
        return csv_of(run, rows)
    page = Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
    return model_admin.page(
        request,
        "admin/billing/run_preview.html",
        title=f"Preview: {run.seller}, {month(run.period_start)}",
        original=run,
        run=run,
        state=queries.state_of(run),
        pages=page,
        last_month=run_preview.month_before(run.period).start,
        wanted=wanted,
        is_narrowed=any(_filters(wanted).values()),
        query=urlencode({name: value for name, value in wanted.items() if value}),
        flags=[(flag, FLAG_NAMES[flag], number) for flag, number in run_preview.counts(everybody).items()],
        currencies=sorted({row.currency for row in everybody}),
        sums=run_preview.sums(rows),
        columns=_columns(wanted),
        may_issue=may_issue,
        back=model_admin.url_of(run),
        hold_url=model_admin.url_of(run, "hold"),
        release_url=model_admin.url_of(run, "release"),
    )


def hold(model_admin: BssAdmin, request: HttpRequest, run: BillingRun) -> HttpResponse:
    """Hold the drafts that are sent, and go back to where the preview was."""

    def use_case() -> str:
        drafts = Invoice.objects.drafts().filter(run=run, pk__in=_invoices_sent(request)).values_list("pk", flat=True)
        held = [hold_rules.hold_draft(invoice_id=pk, reason=f"by {staff(request)}.", by=staff(request)) for pk in drafts]
        return f"{len(held)} {'draft is' if len(held) == 1 else 'drafts are'} held until somebody releases it."

    say(request, use_case)
    return _back(model_admin, request, run)


def release(model_admin: BssAdmin, request: HttpRequest, run: BillingRun) -> HttpResponse:
    """Release the drafts that are sent, and go back to where the preview was."""

    def use_case() -> str:
        released = hold_rules.release_drafts(run_id=run.pk, invoices=_invoices_sent(request), by=staff(request))
        return f"{released} {'draft is' if released == 1 else 'drafts are'} released."

    say(request, use_case)
    return _back(model_admin, request, run)


def csv_of(run: BillingRun, rows: list[Row]) -> HttpResponse:
    """Return rows of the preview as a file; amounts are nets, what is missing is empty."""
    name = f"preview-{run.seller.number}-{run.period_start:%Y-%m}.csv"
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'})
    writer = csv.writer(answer)
    writer.writerow(CSV_COLUMNS)
    for row in rows:
        amounts = [None if amount is None else round_money(amount, row.currency) for amount in (row.last, row.now, row.difference)]
        percent = None if row.percent is None else f"{row.percent:.1f}"
        names = " ".join(flag.value for flag in row.flags_in_order)
        texts = [guarded(row.number), guarded(row.name), row.currency]
        writer.writerow([*texts, *amounts, percent, names, guarded(row.held_for), guarded(row.parked_for)])
    return answer


def _wanted(request: HttpRequest) -> dict[str, str]:
    """Return what the filter form says; what it cannot say is left out."""
    flag, sort = request.GET.get("flag", ""), request.GET.get("sort", "")
    currency = request.GET.get("currency", "")
    return {
        "flag": flag if flag in set(Flag) else "",
        "q": request.GET.get("q", "").strip()[:LONGEST_SEARCH],
        "currency": currency if len(currency) == 3 else "",
        "sort": sort if sort.removeprefix("-") in SORTS else "",
    }


def _filters(wanted: dict[str, str]) -> dict[str, str]:
    return {"flag": wanted["flag"], "search": wanted["q"], "currency": wanted["currency"]}


def _columns(wanted: dict[str, str]) -> list[dict[str, Any]]:
    """Return the headings that sort, each with the query that sorts by it: amounts the greatest first, once more the other way."""
    filters = {name: value for name, value in wanted.items() if value and name != "sort"}
    present = wanted["sort"] or "name"
    columns = []
    for name, label in HEADINGS.items():
        first, other = (name, f"-{name}") if name == "name" else (f"-{name}", name)
        sort = other if present == first else first
        direction = "" if present.removeprefix("-") != name else "descending" if present.startswith("-") else "ascending"
        columns.append(
            {"label": label, "query": urlencode({**filters, "sort": sort}), "is_number": name != "name", "sorted": direction}
        )
    return columns


def _invoices_sent(request: HttpRequest) -> list[int]:
    sent = request.POST.getlist("invoice")[:MOST_AT_ONCE]
    return [int(one) for one in sent if one.isascii() and one.isdecimal() and len(one) <= 18]


def _back(model_admin: BssAdmin, request: HttpRequest, run: BillingRun) -> HttpResponse:
    """Go back to the preview as it was: its filters and page come along in ``query``."""
    sent = QueryDict(request.POST.get("query", ""))
    query = urlencode({name: sent[name] for name in ("flag", "q", "currency", "sort", "page") if sent.get(name)})
    return redirect(f"{model_admin.url_of(run, 'preview')}{f'?{query}' if query else ''}")
