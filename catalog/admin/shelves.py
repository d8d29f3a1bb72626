"""Ventures, product types, products, product groups and taxes in the back office."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from catalog.admin.action_mails import action_mails_link
from catalog.forms.shelves import ProductForm, ProductGroupForm, VentureForm
from catalog.models import Product, ProductGroup, ProductType, Tax, Venture
from common.bss import BssAdmin, related


class NotDeletedOnceUsed(BssAdmin):
    """Rows that documents point at: the database refuses to lose them, so the page does not offer it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LeadsOn(NotDeletedOnceUsed):
    """A step on the way from product type to plan: its window has the title of the seed text, and saving leads to the next one."""

    change_form_outer_before_template = "admin/catalog/_shelf_top.html"
    add_title: ClassVar[str]
    add_lead: ClassVar[str]
    next_page: ClassVar[str]
    """The model of the next step."""
    next_words: ClassVar[str]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        own = {"title": self.add_title, "lead": self.add_lead}
        response: HttpResponse = super().add_view(request, form_url, {**own, **(extra_context or {})})
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Go on with the next step, unless these staff may not, or asked for something else."""
        asked_else = {"_continue", "_addanother", "_popup"} & request.POST.keys()
        if asked_else or not request.user.has_perm(f"catalog.add_{self.next_page}"):
            response: HttpResponse = super().response_add(request, obj, post_url_continue)
            return response
        messages.success(request, self.saved_words(request, obj))
        return redirect(f"{reverse(f'admin:catalog_{self.next_page}_add')}?{_parameter(obj)}={obj.pk}")

    def saved_words(self, request: HttpRequest, obj: Any) -> str | SafeString:
        what = obj._meta.verbose_name
        return format_html('The {} <a class="bss-link" href="{}">{}</a> is saved. {}', what, self.url_of(obj), obj, self.next_words)


def _parameter(row: ProductType | Product | ProductGroup) -> str:
    """Return the name of the field of the next step that points at ``row``."""
    return str(row._meta.verbose_name).replace(" ", "_")


@admin.register(Venture)
class VentureAdmin(NotDeletedOnceUsed):
    """Business units with their own invoice series, address and logo."""

    form = VentureForm
    list_display = ("name", "invoice_series", "city", "plans")
    search_fields = ("name", "invoice_series")
    search_help_text = "Name or invoice series"
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "invoice_series")}),
        ("Address on its invoices", {"fields": ("address_line1", "address_line2", "postcode", "city", "country")}),
        ("Logo", {"fields": ("logo_shown", "logo", "without_logo")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Venture | None = None) -> tuple[str, ...]:
        # A series is a promise of numbers without gaps; it does not change its name.
        return ("logo_shown",) if obj is None else ("invoice_series", "logo_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("logo").annotate(plan_count=Count("plans"))

    @display(description="plans", ordering="plan_count")
    def plans(self, venture: Any) -> int:
        return int(venture.plan_count)

    @display(description="logo now")
    def logo_shown(self, venture: Venture) -> str:
        if venture.logo is None:
            return "None: its invoices show the name."
        url = reverse("catalog:logo", args=[venture.logo.sha256])
        size = (venture.logo.width, venture.logo.height)
        return format_html('<img src="{}" alt="Logo of {}" width="{}" height="{}">', url, venture, *size)


@admin.register(ProductType)
class ProductTypeAdmin(LeadsOn):
    add_title = "Add Product Type"
    add_lead = "What kind of thing it is, for example Backup. Products stand under it."
    next_page = "product"
    next_words = "Next: a product of this type."
    list_display = ("name", "products")
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(product_count=Count("products"))

    @display(description="products", ordering="product_count")
    def products(self, product_type: Any) -> int:
        return int(product_type.product_count)


@admin.register(Product)
class ProductAdmin(LeadsOn):
    form = ProductForm
    add_title = "Add Product"
    add_lead = "Choose the product type, or add one by the menu beside it. Product groups and plans follow."
    next_page = "productgroup"
    next_words = "Next: its product group."
    list_display = ("name", "product_type", "groups")
    list_filter = ("product_type",)
    list_select_related = ("product_type",)
    search_fields = ("name",)
    fields = ("product_type", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(group_count=Count("groups"))

    @display(description="product groups", ordering="group_count")
    def groups(self, product: Any) -> int:
        return int(product.group_count)


@admin.register(Tax)
class TaxAdmin(NotDeletedOnceUsed):
    list_display = ("name", "percent", "ledger_code")
    search_fields = ("name", "ledger_code")
    search_help_text = "Name or account"
    ordering = ("name",)
    fields = ("name", "percent", "ledger_code")


@admin.register(ProductGroup)
class ProductGroupAdmin(LeadsOn):
    """A package of plans. Its rate cards open from here."""

    add_title = "Add Product Group"
    add_lead = "A package in which plans are created. Its taxes are on every invoice of its plans; its module provisions them."
    next_page = "plan"
    next_words = "Next: a plan in it."
    list_display = ("name", "product", "module", "tax_names", "ledger_code")
    list_filter = ("product__product_type",)
    list_select_related = ("product",)
    search_fields = ("name", "product__name", "ledger_code")
    search_help_text = "Group, product or account"
    fields = ("product", "name", "module", "taxes", "ledger_code", "renewal_notice_days")
    form = ProductGroupForm

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("taxes")

    @display(description="taxes")
    def tax_names(self, group: ProductGroup) -> str:
        return ", ".join(tax.name for tax in group.taxes.all())

    def saved_words(self, request: HttpRequest, obj: ProductGroup) -> str | SafeString:
        words = super().saved_words(request, obj)
        cards = self._rate_cards(request, obj)
        return format_html('{} <a class="bss-link" href="{}">{}</a>', words, cards[0][1], cards[0][0]) if cards else words

    def related_lists(self, request: HttpRequest, row: ProductGroup) -> list[tuple[str, str]]:
        return [
            *related(request, "catalog.view_plan", "Plans", "catalog_plan_changelist", f"product_group__id__exact={row.pk}"),
            *related(request, "catalog.add_plan", "Create a New Plan", "catalog_plan_add", f"product_group={row.pk}"),
            *related(request, "catalog.view_plan", "Packages", "catalog_packages"),
            *action_mails_link(request, row),
        ]

    def offered_moves(self, request: HttpRequest, row: ProductGroup) -> list[dict[str, str | bool]]:
        """Show the button “Acronis Rate Card” on a group whose module is Acronis (seed text, 004)."""
        cards = self._rate_cards(request, row)
        buttons: list[dict[str, str | bool]] = [
            {"label": words, "url": url, "variant": "default", "asks_first": True} for words, url in cards
        ]
        return [*super().offered_moves(request, row), *buttons]

    def _rate_cards(self, request: HttpRequest, group: ProductGroup) -> list[tuple[str, str]]:
        if group.module != ProductGroup.Module.ACRONIS:
            return []
        query = f"product_group={group.pk}"
        return related(request, "billing.view_ratecard", "Acronis Rate Card", "billing_ratecard_changelist", query)
