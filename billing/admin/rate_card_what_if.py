"""“What would customers have paid?”: a past month's usage rated by a draft, or by another card, beside what counts now."""

import csv
from collections.abc import Callable, Iterator

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path, reverse

from billing.admin.rate_card_imports import RateCardImportPages
from billing.queries import what_if
from billing.queries.what_if import Impact, OtherCard
from common.bss import month_choices, today
from common.errors import DomainError
from common.periods import Period, add_months
from common.sheets import guarded
from common.templatetags.show import month

CUSTOMERS_A_PAGE = 50
MOST_FOR_TOTALS = 500
MONTHS_BACK = 18
CSV_HEADER = (
    "customer number",
    "customer",
    "invoiced by",
    "invoiced to",
    "level",
    "currency",
    "now",
    "with this card",
    "difference",
    "percent",
    "note",
)


class Echo:
    """A file that gives back what is written to it, so that a long answer is sent line by line."""

    def write(self, line: str) -> str:
        return line


class WhatIfPages(RateCardImportPages):
    """The pages of `RateCardAdmin` that try a card out."""

    draft_pages = (*RateCardImportPages.draft_pages, "what_if")

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("import/<int:draft_id>/what-if/", own(self.draft_what_if_view), name=self.url_name("what_if")),
            path("import/<int:draft_id>/what-if.csv", own(self.draft_csv_view), name=self.url_name("what_if_csv")),
            path("<int:card_id>/what-if/", own(self.card_what_if_view), name=self.url_name("card_what_if")),
            path("<int:card_id>/what-if.csv", own(self.card_csv_view), name=self.url_name("card_what_if_csv")),
            *super().get_urls(),
        ]

    def draft_what_if_view(self, request: HttpRequest, draft_id: int) -> HttpResponse:
        """Show what customers would have paid in a past month, by default the last, had the draft been its card."""
        draft = self.draft_or_404(request, draft_id)
        back = reverse(f"admin:{self.url_name('preview')}", args=[draft_id])
        return self._page(request, lambda period: what_if.draft_tried(draft, period), "what_if_csv", draft_id, back, str(draft))

    def draft_csv_view(self, request: HttpRequest, draft_id: int) -> StreamingHttpResponse:
        """Download it whole, as CSV, sent as it is worked out."""
        draft = self.draft_or_404(request, draft_id)
        return _csv(what_if.draft_tried(draft, _asked(request)))

    def card_what_if_view(self, request: HttpRequest, card_id: int) -> HttpResponse:
        """Show the same for a card that was confirmed."""
        card = self.row_or_404(request, str(card_id))
        return self._page(
            request, lambda period: what_if.card_tried(card, period), "card_what_if_csv", card_id, self.url_of(card), str(card)
        )

    def card_csv_view(self, request: HttpRequest, card_id: int) -> StreamingHttpResponse:
        card = self.row_or_404(request, str(card_id))
        return _csv(what_if.card_tried(card, _asked(request)))

    def _page(
        self, request: HttpRequest, tried: Callable[[Period], OtherCard], csv_name: str, pk: int, back: str, words: str
    ) -> HttpResponse:
        other = tried(_asked(request))
        everybody = Paginator(what_if.customers(other), CUSTOMERS_A_PAGE)
        page = everybody.get_page(request.GET.get("page"))
        has_totals = everybody.count <= MOST_FOR_TOTALS
        rows = list(what_if.all_impacts(other)) if has_totals else what_if.impacts(other, list(page))
        shown = {customer.pk for customer in page}
        csv_url = reverse(f"admin:{self.url_name(csv_name)}", args=[pk])
        return self.page(
            request,
            "admin/billing/rate_card_what_if.html",
            title=f"What if: {other.product_group}, usage of {month(other.period.start)}",
            words=words,
            other=other,
            months=month_choices(today(), back=MONTHS_BACK, ahead=-1),
            chosen=f"{other.period.start:%Y-%m}",
            totals=what_if.totals(rows),
            has_totals=has_totals,
            rows=[row for row in rows if row.customer.pk in shown],
            page_of_customers=page,
            query=f"month={other.period.start:%Y-%m}",
            csv_url=f"{csv_url}?month={other.period.start:%Y-%m}",
            back=back,
        )


def _asked(request: HttpRequest) -> Period:
    """Return the month that is asked for; without one, or with one that is not offered, the last that is over."""
    last = add_months(today().replace(day=1), -1)
    try:
        period = Period.parse_month(request.GET.get("month", ""))
    except DomainError:
        return Period.month_of(last)
    return period if add_months(last, 1 - MONTHS_BACK) <= period.start <= last else Period.month_of(last)


def _csv(other: OtherCard) -> StreamingHttpResponse:
    name = f"what-if-{other.period.start:%Y-%m}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(_lines(other), content_type="text/csv; charset=utf-8", headers=headers)


def _lines(other: OtherCard) -> Iterator[str]:
    write = csv.writer(Echo(), lineterminator="\r\n").writerow
    yield write(CSV_HEADER)
    for row in what_if.all_impacts(other):
        yield write(_cells(row))


def _cells(row: Impact) -> list[str]:
    words = [row.customer.number, row.customer.name, row.seller, row.buyer]
    amounts = ["" if amount is None else f"{amount:f}" for amount in (row.now, row.then, row.difference, row.percent)]
    return [*(guarded(word) for word in words), row.level.value, row.currency, *amounts, guarded(row.refusal)]
