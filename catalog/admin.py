"""The catalogue in the back office: from product type to plan, and what partners may sell."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from catalog import operations
from catalog.forms import PlanForm
from catalog.models import PartnerPrice, PartnerTerms, Plan, Product, ProductGroup, ProductType, Tax, TermsDocument, Venture
from common.bss import STATE_COLOURS, BssAdmin, Move, related


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


@admin.register(Plan)
class PlanAdmin(NotDeletedOnceUsed):
    form = PlanForm
    list_display = ("number", "name", "product_group", "venture", "billing_model", "status_label", "applicable_on_partner_website")
    list_display_links = ("number", "name")
    list_select_related = ("product_group", "venture")
    list_filter = ("status", "product_group", "venture", "applicable_on_partner_website")
    search_fields = ("number", "name", "product_group__name")
    search_help_text = "Number, name or product group"
    fieldsets = (
        (None, {"fields": ("number", "status", "venture", "product_group", "name")}),
        ("Storefront", {"fields": ("summary", "description", "applicable_on_partner_website", "storefront")}),
        ("How it is provisioned and billed", {"fields": ("service_manager", "billing_model")}),
    )
    moves = (
        Move("publish", "Publish", "catalog.change_plan", lambda plan: plan.can_move_to(Plan.Status.PUBLISHED), variant="primary"),
        Move(
            "archive", "Archive", "catalog.change_plan", lambda plan: plan.can_move_to(Plan.Status.ARCHIVED), confirm="ask_archive"
        ),
    )

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, plan: Plan) -> tuple[str, str]:
        return plan.status, str(plan.get_status_display())

    @display(description="order address")
    def storefront(self, plan: Plan) -> str:
        if plan.status != Plan.Status.PUBLISHED:
            return "Once the plan is published, its address in the storefront stands here."
        return format_html('<a class="bss-link" href="{0}">{0}</a>', f"/products/{plan.number}/")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        shown = ("number", "status", "storefront", "billing_model")
        settled = ("venture", "product_group", "service_manager")
        return shown if obj is None or obj.status == Plan.Status.DRAFT else (*shown, *settled)

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:
        """Save the facts; a new plan is a draft with a number of its own."""
        if not change:
            obj.number = operations.next_plan_number()
        super().save_model(request, obj, form, change)

    def publish(self, request: HttpRequest, plan: Plan) -> str:
        operations.publish_plan(plan_id=plan.pk)
        return f"{plan} is in the storefront."

    def ask_archive(self, request: HttpRequest, plan: Plan) -> list[str]:
        return [
            f"{plan} leaves the storefront; nobody can order it until it is published again.",
            "Subscriptions that run on it go on and are billed as before.",
        ]

    def archive(self, request: HttpRequest, plan: Plan) -> str:
        operations.archive_plan(plan_id=plan.pk)
        return f"{plan} is archived. Its subscriptions go on."

    def related_lists(self, request: HttpRequest, row: Plan) -> list[tuple[str, str]]:
        mine = f"plan__id__exact={row.pk}"
        return [
            *related(request, "catalog.view_partnerterms", "Partner terms", "catalog_partnerterms_changelist", mine),
            *related(request, "billing.view_subscription", "Subscriptions", "billing_subscription_changelist", f"q={row.number}"),
        ]


@admin.register(PartnerTerms)
class PartnerTermsAdmin(BssAdmin):
    list_display = ("plan", "reseller", "is_allowed", "discount_percent")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_allowed", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    autocomplete_fields = ("plan",)
    fields = ("plan", "reseller", "is_allowed", "discount_percent")
    ordering = ("plan__name", "reseller__name")


@admin.register(PartnerPrice)
class PartnerPriceAdmin(BssAdmin):
    list_display = ("plan", "reseller", "markup_percent", "discount_percent", "is_published")
    list_select_related = ("plan", "reseller")
    list_filter = ("is_published", "plan")
    search_fields = ("reseller__number", "reseller__name", "plan__number", "plan__name")
    search_help_text = "Reseller or plan"
    autocomplete_fields = ("plan",)
    fields = ("plan", "reseller", "markup_percent", "discount_percent", "is_published")
    ordering = ("plan__name", "reseller__name")


@admin.register(TermsDocument)
class TermsDocumentAdmin(NotDeletedOnceUsed):
    """Versions of terms. What a buyer accepted never changes: write a new version instead."""

    list_display = ("title", "version", "published_at")
    search_fields = ("title", "version")
    fields = ("title", "version", "text", "published_at")

    def get_readonly_fields(self, request: HttpRequest, obj: TermsDocument | None = None) -> tuple[str, ...]:
        accepted = obj is not None and obj.acceptances.exists()
        return ("title", "version", "text", "published_at") if accepted else ()
