"""What customers owe: open items by age, and the statement of account of one of them. Pages of the payments' admin."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path

from accounts.models import Organization, local_date
from billing.documents.statement import statement_pdf
from billing.payment_files import file_name, open_items_csv, statement_csv
from billing.payment_forms import PeriodForm
from billing.queries.payments import BUCKETS, balances, totals
from billing.queries.statements import account_statement, currencies_between
from common import clock
from common.bss import BssAdmin

VIEW = ("billing.view_payment", "billing.view_invoice")


class AccountPages(BssAdmin):
    """Gives the admin of payments the pages of accounts."""

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("open-items/", own(self.open_items_view), name="billing_open_items"),
            path("statement/<str:number>/", own(self.account_view), name="billing_account_statement"),
            *super().get_urls(),
        ]

    def open_items_view(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """Show what is open with a seller (``seller``, else the MSP) by buyer and age; of one ``buyer`` with each invoice."""
        _check(request)
        buyer = _organization(request.GET["buyer"]) if request.GET.get("buyer") else None
        seller = _seller(request, buyer)
        found = balances(seller, today=local_date(clock.now(), seller), buyers=[buyer] if buyer else None)
        if request.GET.get("export") == "csv":
            return _file(open_items_csv(found), file_name("open-items", seller, *([buyer] if buyer else [])))
        return self.page(
            request,
            "admin/billing/open_items.html",
            title=f"Open items of {buyer}" if buyer else "Open items",
            seller=seller,
            sellers=_sellers(),
            buyer=buyer,
            balances=found,
            totals=totals(found),
            ages=BUCKETS,
            back=self.list_url(),
        )

    def account_view(self, request: HttpRequest, number: str) -> HttpResponse | StreamingHttpResponse:
        """Show the statement of account of one customer with a seller: in a currency, for a period; export=csv or pdf as a file."""
        _check(request)
        buyer = _organization(number)
        seller = _seller(request, buyer)
        codes = currencies_between(seller, buyer)
        form = PeriodForm(request.GET, codes=codes, today=local_date(clock.now(), seller))
        currency, first, last = form.asked()
        statement = account_statement(seller, buyer, currency, first=first, last=last)
        if request.GET.get("export") == "csv":
            return _file(statement_csv(statement), file_name("statement", seller, buyer))
        if request.GET.get("export") == "pdf":
            return _pdf(statement_pdf(statement), file_name("statement", seller, buyer, kind="pdf"))
        return self.page(
            request,
            "admin/billing/account_statement.html",
            title=f"Statement of account: {buyer}",
            statement=statement,
            sellers=_sellers(),
            form=form,
            codes=codes,
            back=self.list_url(),
        )


def _check(request: HttpRequest) -> None:
    if not all(request.user.has_perm(permission) for permission in VIEW):
        raise PermissionDenied


def _organization(number: str) -> Organization:
    found = Organization.objects.select_related("parent").filter(number=number.replace("\0", "")).first()
    if found is None:
        raise Http404
    return found


def _seller(request: HttpRequest, buyer: Organization | None) -> Organization:
    """Return the seller that is asked for; else the one whose customer ``buyer`` is, or the MSP."""
    if number := request.GET.get("seller"):
        return _organization(number)
    if buyer is not None and buyer.parent is not None:
        return buyer.parent
    return Organization.objects.get(kind=Organization.Kind.MSP)


def _sellers() -> Any:
    """Return whose customers can be looked at, the MSP first; a long list is cut, the address still takes every number."""
    msp = Organization.objects.filter(kind=Organization.Kind.MSP)
    return [*msp, *Organization.objects.resellers().order_by("name")[:300]]


def _pdf(content: bytes, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def _file(lines: Any, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers)
