"""Plans in the back office: their list, and the page of one with its steps, its facts and its order URLs."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from catalog.admin.action_mails import action_mails_link
from catalog.admin.module_setting import ModuleSettingPages
from catalog.admin.order_urls import OrderUrlPages, first_lines
from catalog.admin.packages import PackagesPages, steps_of
from catalog.admin.plan_sheets import PlanSheetPages
from catalog.admin.price_change_action import PriceChangeAction
from catalog.admin.pricing import PricingPages
from catalog.admin.shelves import NotDeletedOnceUsed
from catalog.forms.plans import DuplicatePlanForm, PlanForm
from catalog.models import Plan
from catalog.operations import plans as operations
from catalog.queries.readiness import missing_to_sell
from common import clock
from common.bss import STATE_COLOURS, Move, refuse, related, staff, today
from common.errors import DomainError


@admin.register(Plan)
class PlanAdmin(
    PackagesPages, ModuleSettingPages, PricingPages, OrderUrlPages, PlanSheetPages, PriceChangeAction, NotDeletedOnceUsed
):
    form = PlanForm
    list_display = ("number", "name", "product_group", "venture", "billing_model", "status_label", "applicable_on_partner_website")
    list_display_links = ("number", "name")
    list_select_related = ("product_group", "venture")
    list_filter = ("status", "billing_model", "product_group", "venture", "applicable_on_partner_website")
    search_fields = ("number", "name", "product_group__name", "product_group__product__name", "order_urls__code")
    search_help_text = "Number, name, product group, product or order URL"
    fieldsets = (
        ("Plan", {"fields": ("number", "status", "venture", "product_group", "name")}),
        ("Storefront", {"fields": ("summary", "description")}),
    )
    change_form_outer_before_template = "admin/catalog/_plan_top.html"
    change_form_outer_after_template = "admin/catalog/_plan_bottom.html"
    moves = (
        Move("publish", "Publish", "catalog.change_plan", lambda plan: plan.can_move_to(Plan.Status.PUBLISHED), variant="primary"),
        Move(
            "archive", "Archive", "catalog.change_plan", lambda plan: plan.can_move_to(Plan.Status.ARCHIVED), confirm="ask_archive"
        ),
    )

    class Media:
        css = {"all": ("packages.css",)}  # Django's own way to say it
        js = ("copy.js",)

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, plan: Plan) -> tuple[str, str]:
        return plan.status, str(plan.get_status_display())

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<path:object_id>/duplicate/", view(self.duplicate_view), name="catalog_plan_duplicate"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("service_manager", "venture", "product_group__product__product_type")

    def get_readonly_fields(self, request: HttpRequest, obj: Plan | None = None) -> tuple[str, ...]:
        shown = ("number", "status")
        settled = ("venture", "product_group")
        return shown if obj is None or obj.status == Plan.Status.DRAFT else (*shown, *settled)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a plan: the steps to the storefront, its facts as a form, its order URLs."""
        plan = self.row_or_404(request, object_id)
        url_lines, url_count = first_lines(plan)
        extra = {
            "title": f"{plan.number} {plan}",
            "plan": plan,
            "steps": steps_of([plan])[plan.pk].values(),
            "url_lines": url_lines,
            "url_count": url_count,
            "may_change": self.has_change_permission(request, plan),
            "back_here": request.path,
            "storefront_url": reverse("catalog:plan", args=[plan.number]) if plan.status == Plan.Status.PUBLISHED else "",
            "packages_url": reverse("admin:catalog_packages"),
        }
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    # --- Moves -----------------------------------------------------------------------------------------------------------

    def offered_moves(self, request: HttpRequest, row: Plan) -> list[dict[str, str | bool]]:
        moves = super().offered_moves(request, row)
        if not row.can_move_to(Plan.Status.PUBLISHED) or missing_to_sell(row, on=today()):
            moves = [{**move, "variant": "default"} for move in moves]  # another step comes first; pressed, it says which
        if self.has_add_permission(request):
            moves.append({"label": "Duplicate", "url": self.url_of(row, "duplicate"), "variant": "default", "asks_first": True})
        if request.user.has_perm("catalog.add_partnerterms"):
            partners = reverse("admin:catalog_plan_partners", args=[row.pk])
            moves.append({"label": "Allow for partners", "url": partners, "variant": "default", "asks_first": True})
        return moves

    def publish(self, request: HttpRequest, plan: Plan) -> str:
        operations.publish_plan(plan_id=plan.pk, today=today(), at=clock.now())
        self.log_change(request, plan, "Published.")
        return f"{plan} is in the storefront."

    def ask_archive(self, request: HttpRequest, plan: Plan) -> list[str]:
        return [
            f"{plan} leaves the storefront; nobody can order it until it is published again.",
            "Subscriptions that run on it go on and are billed as before. Its order URLs say that it is not sold any more.",
        ]

    def archive(self, request: HttpRequest, plan: Plan) -> str:
        operations.archive_plan(plan_id=plan.pk)
        self.log_change(request, plan, "Archived.")
        return f"{plan} is archived. Its subscriptions go on."

    def duplicate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for a name, and set up a draft as the plan is set up now."""
        plan = self.row_or_404(request, object_id)
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = DuplicatePlanForm(request.POST if request.method == "POST" else None, initial={"name": f"{plan.name} (copy)"[:100]})
        if form.is_valid():
            try:
                copy = operations.duplicate_plan(
                    plan_id=plan.pk, name=form.cleaned_data["name"], today=today(), by=staff(request), at=clock.now()
                )
            except DomainError as refusal:
                refuse(form, refusal)
            else:
                self.log_addition(request, copy, f"Duplicated from {plan.number} {plan}.")
                messages.success(request, f"{copy.number} {copy} is a draft set up like {plan}. Look it through, then publish it.")
                return redirect(self.url_of(copy))
        return self.page(
            request,
            "admin/bss/form_page.html",
            title=f"Duplicate {plan}",
            original=plan,
            form=form,
            submit="Duplicate the plan",
            back=self.url_of(plan),
            intro="The copy is a draft with the same module setting, present and planned prices, action mails and partner terms. "
            "It gets a number and order URLs of its own; what partners take for the plan is not copied.",
        )

    def related_lists(self, request: HttpRequest, row: Plan) -> list[tuple[str, str]]:
        mine = f"plan__id__exact={row.pk}"
        return [
            *related(request, "catalog.view_partnerterms", "Partner terms", "catalog_partnerterms_changelist", mine),
            *related(request, "billing.view_subscription", "Subscriptions", "billing_subscription_changelist", f"q={row.number}"),
            *related(request, "catalog.view_plan", "Packages", "catalog_packages", f"q={row.number}"),
            *action_mails_link(request, row),
        ]
