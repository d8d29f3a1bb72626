"""Rate cards: a list by month and year, and a card's rates. Exchange rates beside them."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.decorators import display

from billing.admin.rate_card_imports import tier_words
from billing.admin.rate_card_what_if import WhatIfPages
from billing.forms import MONTH_NAMES, ExchangeRateForm
from billing.models import ExchangeRate, Rate, RateCard
from billing.operations import exchange_rates
from catalog.models import ProductGroup
from common import clock
from common.bss import BssAdmin, LedgerInline, refuse
from common.errors import DomainError
from common.templatetags.show import month, quantity, unit_price


class ProductGroupFilter(admin.SimpleListFilter):
    title = "product group"
    parameter_name = "product_group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in ProductGroup.objects.values_list("pk", "name")[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RateCard]) -> QuerySet[RateCard]:
        value = str(self.value() or "")
        if not value:
            return queryset
        return queryset.filter(product_group=int(value)) if value.isdecimal() else queryset.none()


class MonthOfYearFilter(admin.SimpleListFilter):
    title = "month"
    parameter_name = "of_month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return MONTH_NAMES

    def queryset(self, request: HttpRequest, queryset: QuerySet[RateCard]) -> QuerySet[RateCard]:
        return queryset.filter(month__month=self.value()) if self.value() in dict(MONTH_NAMES) else queryset


class YearFilter(admin.SimpleListFilter):
    title = "year"
    parameter_name = "of_year"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        this_year = clock.now().year
        return [(str(year), str(year)) for year in range(this_year + 1, this_year - 5, -1)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RateCard]) -> QuerySet[RateCard]:
        value = str(self.value() or "")
        return queryset.filter(month__year=int(value)) if value.isdecimal() and len(value) == 4 else queryset


class RateInline(LedgerInline, TabularInline):
    model = Rate
    fields = readonly_fields = ("line", "item", "edition", "unit", "cost_shown", "price_shown", "tier", "aggregation")
    ordering = ("line",)

    @display(description="cost")
    def cost_shown(self, rate: Rate) -> str:
        return unit_price(rate.cost, rate.rate_card.currency)

    @display(description="price")
    def price_shown(self, rate: Rate) -> str:
        return unit_price(rate.price, rate.rate_card.currency)

    @display(description="tier")
    def tier(self, rate: Rate) -> str:
        return tier_words(rate) or "every quantity"


@admin.register(RateCard)
class RateCardAdmin(WhatIfPages):
    """Never edited: a correction is imported as the next version."""

    list_display = (
        "month_shown",
        "product_group",
        "version",
        "currency",
        "rate_shown",
        "rates",
        "file_name",
        "imported_at",
    )
    list_select_related = ("product_group",)
    list_filter = (MonthOfYearFilter, YearFilter, ProductGroupFilter)
    list_before_template = "admin/billing/_rate_card_tools.html"
    search_fields = ("product_group__name", "file_name")
    search_help_text = "Product group or file name"
    ordering = ("-month", "-version", "-pk")
    inlines = (RateInline,)
    fields = (
        ("product_group", "month_shown"),
        ("version", "currency"),
        ("base_currency", "rate_shown"),
        ("file_name", "file_sha256"),
        ("imported_by", "imported_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(rate_count=Count("rates"))

    def related_lists(self, request: HttpRequest, row: RateCard) -> list[tuple[str, str]]:
        return [("What would customers have paid?", self.url_of(row, "card_what_if"))]

    @display(description="month", ordering="month")
    def month_shown(self, card: RateCard) -> str:
        return month(card.month)

    @display(description="exchange rate")
    def rate_shown(self, card: RateCard) -> str:
        return f"1 {card.currency} = {quantity(card.exchange_rate)} {card.base_currency}"

    @display(description="rates")
    def rates(self, card: Any) -> int:
        return int(card.rate_count)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(BssAdmin):
    """Entered by hand; entered again for the same day, it replaces. What was invoiced keeps the rate it used."""

    list_display = ("base", "quote", "valid_from", "rate_shown")
    list_filter = ("base", "quote")
    search_fields = ("base", "quote")
    fields = ("base", "quote", "valid_from", "rate_shown")

    @display(description="rate", ordering="rate")
    def rate_shown(self, row: ExchangeRate) -> str:
        return f"{row.rate.normalize():f}"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Enter a rate; the use case owns its transaction, so this is no change form."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ExchangeRateForm(request.POST or None, initial={"valid_from": timezone.localdate(clock.now()).isoformat()})
        if request.method == "POST" and form.is_valid():
            try:
                row = exchange_rates.set_exchange_rate(**form.cleaned_data)
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                messages.success(request, f"{row}.")
                return redirect(self.list_url())
        return self.page(
            request,
            "admin/bss/form_page.html",
            title="Set exchange rate",
            form=form,
            submit="Set exchange rate",
            back=self.list_url(),
        )
