"""Ventures, product types, products, product groups and taxes in the back office."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from catalog.models import Product, ProductGroup, ProductType, Tax, Venture
from common.bss import BssAdmin, related


class NotDeletedOnceUsed(BssAdmin):
    """Rows that documents point at: the database refuses to lose them, so the page does not offer it."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Venture)
class VentureAdmin(NotDeletedOnceUsed):
    list_display = ("name", "invoice_series")
    search_fields = ("name", "invoice_series")

    def get_readonly_fields(self, request: HttpRequest, obj: Venture | None = None) -> tuple[str, ...]:
        # A series is a promise of numbers without gaps; it does not change its name.
        return () if obj is None else ("invoice_series",)


@admin.register(ProductType)
class ProductTypeAdmin(NotDeletedOnceUsed):
    list_display = ("name", "products")
    search_fields = ("name",)
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).annotate(product_count=Count("products"))

    @display(description="products", ordering="product_count")
    def products(self, product_type: Any) -> int:
        return int(product_type.product_count)


@admin.register(Product)
class ProductAdmin(NotDeletedOnceUsed):
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
    list_display = ("name", "percent")
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(ProductGroup)
class ProductGroupAdmin(NotDeletedOnceUsed):
    """A package of plans. Its rate cards open from here."""

    list_display = ("name", "product", "module", "tax_names")
    list_filter = ("product__product_type",)
    list_select_related = ("product",)
    search_fields = ("name", "product__name")
    search_help_text = "Group or product"
    fields = ("product", "name", "module", "taxes")
    autocomplete_fields = ("product",)
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("taxes")

    @display(description="taxes")
    def tax_names(self, group: ProductGroup) -> str:
        return ", ".join(tax.name for tax in group.taxes.all())

    def related_lists(self, request: HttpRequest, row: ProductGroup) -> list[tuple[str, str]]:
        return [
            *related(
                request, "billing.view_ratecard", "Acronis Rate Card", "billing_ratecard_changelist", f"product_group={row.pk}"
            ),
            *related(request, "catalog.view_plan", "Plans", "catalog_plan_changelist", f"product_group__id__exact={row.pk}"),
            *related(request, "catalog.add_plan", "Create a New Plan", "catalog_plan_add", f"product_group={row.pk}"),
        ]
