"""Quotes of a draft: sending one, looking at it before, opening it again."""

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse

from common import clock
from common.bss import refuse, staff
from common.errors import DomainError
from common.templatetags.show import day
from ordering.admin.creating import EXECUTE
from ordering.bss_forms import SendQuoteForm
from ordering.models import Order, Quote
from ordering.operations import quotes
from ordering.queries import quoting
from ordering.quote_document import quote_pdf

if TYPE_CHECKING:
    from ordering.admin.ledger import OrderLedger as Base
else:
    Base = object


class QuotePages(Base):
    """Mixed into the page of orders."""

    def quote_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("<path:object_id>/quote/preview/", own(self.quote_preview_view), name=self.url_name("quote_preview")),
            path("<path:object_id>/quote/", own(self.quote_view), name=self.url_name("quote")),
            path("<path:object_id>/quotes/<int:quote_id>/", own(self.quote_pdf_view), name=self.url_name("quote_pdf")),
        ]

    def quote_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask to whom the quote goes (GET), and send it."""
        order = self.row_or_404(request, object_id)
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        try:
            quotes.order_to_quote(order)
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(self.url_of(order))
        newest = order.quotes.first()
        form = SendQuoteForm(
            request.POST if request.method == "POST" else None,
            initial={"sent_to": order.buyer.billing_email, "valid_days": 30, "after": newest.number if newest else ""},
        )
        if request.method == "POST" and form.is_valid():
            try:
                quote = quotes.send_quote(order_id=order.pk, by=staff(request), at=clock.now(), **form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                until = day(quote.valid_until)
                messages.success(request, f"Quote {quote} is on its way to {quote.sent_to}. Its prices hold until {until}.")
                return redirect(self.url_of(order))
        return self.page(
            request,
            "admin/ordering/quote.html",
            title=f"Send quote of draft {order}",
            original=order,
            order=order,
            form=form,
            preview_url=self.url_of(order, "quote_preview"),
            back=self.url_of(order),
        )

    def quote_preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the document as it would be sent now, marked as a draft. Nothing is kept."""
        order = self.row_or_404(request, object_id)
        if not request.user.has_perm(EXECUTE):
            raise PermissionDenied
        days = request.POST.get("valid_days", "30")
        at = clock.now()
        try:
            until = quotes.last_day(order, valid_days=int(days) if days.isdecimal() and len(days) < 4 else 0, at=at)
            facts = quoting.facts_of_draft(quotes.order_to_quote(order), valid_until=until, at=at)
        except DomainError as refusal:
            messages.error(request, str(refusal))
            return redirect(self.url_of(order))
        return _pdf(f"quote-{order}-preview", facts)

    def quote_pdf_view(self, request: HttpRequest, object_id: str, quote_id: int) -> HttpResponse:
        """Show a quote as it was sent."""
        order = self.row_or_404(request, object_id)
        quote = get_object_or_404(Quote, order=order, pk=quote_id)
        return _pdf(quote.number, quote.facts)

    def quote_rows(self, order: Order) -> list[dict[str, Any]]:
        """Return the quotes of ``order``, the newest first, each with the address of its document."""
        today = quotes.today(clock.now())
        return [
            {
                "quote": quote,
                "url": reverse(f"admin:{self.url_name('quote_pdf')}", args=[order.pk, quote.pk]),
                "is_valid": quote.valid_until >= today,
            }
            for quote in order.quotes.select_related("sent_by")
        ]


def _pdf(name: str, facts: Any) -> HttpResponse:
    headers = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return HttpResponse(quote_pdf(facts), content_type="application/pdf", headers=headers)
