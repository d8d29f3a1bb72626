"""Plans in the back office."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display

from catalog.admin.shelves import NotDeletedOnceUsed
from catalog.forms import PlanForm
from catalog.models import Plan
from catalog.operations import plans as operations
from common import clock
from common.bss import STATE_COLOURS, Move, related, today


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
        operations.publish_plan(plan_id=plan.pk, today=today(), at=clock.now())
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
