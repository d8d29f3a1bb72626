"""The order URLs of a plan: listed to be copied, switched off and on."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.http import url_has_allowed_host_and_scheme

from catalog.models import OrderUrl, PartnerPrice, Plan
from catalog.operations import order_urls
from common.bss import BssAdmin, say, today

URLS_A_PAGE = 50
SHOWN_ON_PLAN = 12
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class UrlLine:
    """An order URL with its whole address and, in a word or two, why there is nothing to order there; empty where there is."""

    row: OrderUrl
    address: str
    why_not: str


class OrderUrlPages(BssAdmin):
    """The pages of `PlanAdmin` about its order URLs."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<path:object_id>/order-urls/", view(self.order_urls_view), name="catalog_plan_order_urls"),
            path("order-urls/<int:url_id>/switch/", view(self.switch_view), name="catalog_orderurl_switch"),
        ]
        return [*own, *super().get_urls()]

    def order_urls_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """List all order URLs of a plan, the own storefront's first; ``q`` finds a partner or a code."""
        plan = self.row_or_404(request, object_id)
        words = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
        page = Paginator(_found(plan, words), URLS_A_PAGE).get_page(request.GET.get("page"))
        return self.page(
            request,
            "admin/catalog/order_urls.html",
            title=f"Order URLs of {plan}",
            original=plan,
            plan=plan,
            words=words,
            query=urlencode({"q": words}) if words else "",
            page_of_urls=page,
            url_lines=_lines(plan, list(page)),
            may_change=self.has_change_permission(request),
            back=self.url_of(plan),
        )

    def switch_view(self, request: HttpRequest, url_id: int) -> HttpResponse:
        """Put an order URL into use or out of it, as ``is_active`` says, and go back where the button stands."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(OrderUrl.objects.select_related("plan"), pk=url_id)
        is_active = request.POST.get("is_active") == "1"
        if say(request, partial(_switch, row, is_active=is_active)) and is_active != row.is_active:
            self.log_change(request, row.plan, f"Order URL {row.path}: {'on' if is_active else 'off'}.")
        back = request.POST.get("back", "")
        is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}, require_https=request.is_secure())
        return redirect(back if is_ours else self.url_of(row.plan))


def first_lines(plan: Plan) -> tuple[list[UrlLine], int]:
    """Return the order URLs that a plan's own page shows, and how many there are."""
    rows = _found(plan, "")
    return _lines(plan, list(rows[:SHOWN_ON_PLAN])), rows.count()


def _found(plan: Plan, words: str) -> QuerySet[OrderUrl]:
    rows = OrderUrl.objects.filter(plan=plan).select_related("reseller")
    for word in words.split():
        code = word.rstrip("/").rpartition("/")[2] or word
        rows = rows.filter(Q(code__startswith=code) | Q(reseller__name__icontains=word) | Q(reseller__number__istartswith=word))
    return rows.order_by(F("reseller__name").asc(nulls_first=True), "reseller", "term_months")


def _lines(plan: Plan, rows: list[OrderUrl]) -> list[UrlLine]:
    terms, sellers = set(order_urls.sold_terms(plan, on=today())), set(order_urls.sellers_of(plan))
    offering = set(PartnerPrice.objects.filter(plan=plan, is_published=True).values_list("reseller", flat=True))

    def why_not(row: OrderUrl) -> str:
        if not row.is_active:
            return "off"
        if plan.status != Plan.Status.PUBLISHED:
            return str(plan.get_status_display()).lower()
        if row.reseller_id not in sellers:
            return "not allowed"
        if row.term_months not in terms:
            return "no price"
        return "" if row.reseller_id is None or row.reseller_id in offering else "not offered by the partner"

    return [UrlLine(row, f"{settings.SITE_URL}{row.path}", why_not(row)) for row in rows]


def _switch(row: OrderUrl, *, is_active: bool) -> str:
    order_urls.switch_order_url(order_url_id=row.pk, is_active=is_active)
    if is_active:
        return f"{row.path} is in use."
    return f"{row.path} is switched off; who follows it is told so. Its address stays reserved."
