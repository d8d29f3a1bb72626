"""Rate cards: a list by month and year, the import of a sheet, and a card's rates. Exchange rates beside them."""

from datetime import date
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.models import Organization
from billing.forms import MONTH_NAMES, ExchangeRateForm, RateCardImportForm
from billing.models import ExchangeRate, Rate, RateCard
from billing.operations import exchange_rates, rate_cards
from catalog.models import ProductGroup
from common import clock
from common.bss import BssAdmin, Ledger, LedgerInline, refuse, staff
from common.errors import DomainError
from common.sheets import RowError, SheetRefused
from common.templatetags.show import month, quantity, unit_price

IMPORT = "billing.add_ratecard"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


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
    fields = readonly_fields = ("line", "item", "edition", "unit", "cost_shown", "price_shown", "aggregation")
    ordering = ("line",)

    @display(description="cost")
    def cost_shown(self, rate: Rate) -> str:
        return unit_price(rate.cost, rate.rate_card.currency)

    @display(description="price")
    def price_shown(self, rate: Rate) -> str:
        return unit_price(rate.price, rate.rate_card.currency)


@admin.register(RateCard)
class RateCardAdmin(Ledger):
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

    @display(description="month", ordering="month")
    def month_shown(self, card: RateCard) -> str:
        return month(card.month)

    @display(description="exchange rate")
    def rate_shown(self, card: RateCard) -> str:
        return f"1 {card.currency} = {quantity(card.exchange_rate)} {card.base_currency}"

    @display(description="rates")
    def rates(self, card: Any) -> int:
        return int(card.rate_count)

    def get_urls(self) -> list[URLPattern]:
        own = self.admin_site.admin_view
        return [
            path("import/", own(self.import_view), name=self.url_name("import")),
            path("import-sheet-format/", own(self.format_view), name=self.url_name("format")),
            *super().get_urls(),
        ]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Read a sheet and keep it as the month's next version; or show every row that is not right, and keep nothing."""
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        terms = _import_terms()
        if request.method != "POST":
            group = request.GET.get("product_group", "")
            initial = {"product_group": group} if group.isdecimal() else {}
            return self._import_page(request, RateCardImportForm(initial=initial, **terms))
        form = RateCardImportForm(request.POST, request.FILES, **terms)
        if not form.is_valid():
            return self._import_page(request, form)
        try:
            card = self._import(request, form)
        except SheetRefused as refusal:
            return self._import_page(request, form, errors=refusal.errors)
        except DomainError as refusal:
            refuse(form, refusal)
            return self._import_page(request, form)
        messages.success(request, f"{card}: {card.rates.count()} rates. It holds from the next billing run on.")
        return redirect(self.url_of(card))

    @staticmethod
    def _import(request: HttpRequest, form: RateCardImportForm) -> RateCard:
        file = form.cleaned_data["file"]
        return rate_cards.import_rate_card(
            product_group=form.cleaned_data["product_group"],
            month=form.first_day,
            currency=form.cleaned_data["currency"],
            exchange_rate=form.cleaned_data["exchange_rate"],
            file=file,
            file_name=file.name or "rate card.xlsx",
            by=staff(request),
            at=clock.now(),
        )

    def _import_page(self, request: HttpRequest, form: RateCardImportForm, *, errors: list[RowError] | None = None) -> HttpResponse:
        return self.page(
            request,
            "admin/billing/import_rate_card.html",
            title="Import Acronis Rate Card",
            form=form,
            errors=errors,
            groups=ProductGroup.objects.all()[:50],
            format_url=reverse(f"admin:{self.url_name('format')}"),
            submit="Import",
            back=self.list_url(),
        )

    def format_view(self, request: HttpRequest) -> HttpResponse:
        """Download the sheet to fill in for a product group; where none is named and there are several, ask for which."""
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        wanted = request.GET.get("product_group", "")
        if wanted.isdecimal():
            group = get_object_or_404(ProductGroup, pk=wanted)
        else:
            groups = list(ProductGroup.objects.all()[:2])
            if len(groups) != 1:
                messages.info(request, "Choose for which product group the import sheet format is to be.")
                return redirect(f"admin:{self.url_name('import')}")
            group = groups[0]
        file_name = f"rate-card-{slugify(group.name) or group.pk}.xlsx"
        headers = {"Content-Disposition": f'attachment; filename="{file_name}"'}
        return HttpResponse(rate_cards.sheet_format(group), content_type=XLSX, headers=headers)


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


def _import_terms() -> dict[str, Any]:
    """What the import form has to know: the MSP's currency and the date where it keeps its days."""
    msp = Organization.objects.get(kind=Organization.Kind.MSP)
    today: date = clock.today(msp.time_zone)
    return {"base_currency": msp.currency, "today": today}
