"""Subscriptions, and the usage that is billed for them."""

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from unfold.decorators import display

from accounts import acting_as
from billing.admin.agreements import AgreementPages
from billing.admin.subscription_invoices import InvoiceMoves, invoiced_until
from billing.admin.subscription_pages import SalesMarginPage, UsageReportPage
from billing.models import Subscription, SubscriptionPrice, UnmappedUsage, UsageRecord
from billing.operations import price_changes, subscriptions
from billing.queries import price_changes as queries
from billing.queries.price_changes import MovedPrice
from billing.unmapped_file import unmapped_csv
from catalog.models import Plan
from common import clock
from common.bss import STATE_COLOURS, Ledger, Move, figure, month_filter, related, staff, today
from common.templatetags.show import day, money, quantity
from provisioning.models import Tenant
from provisioning.queries import open_holds

# Who is invoiced at a price of each level.
LEVELS = {"msp": "to a direct customer", "wholesale": "to the reseller", "retail": "to the reseller's customer"}


class TrialFilter(admin.SimpleListFilter):
    title = "free trial"
    parameter_name = "trial"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "In trial"), ("never", "Never had one")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "now":
            return queryset.in_trial(today())
        return queryset.filter(trial_ends_on__isnull=True) if self.value() == "never" else queryset


@admin.register(Subscription)
class SubscriptionAdmin(AgreementPages, UsageReportPage, SalesMarginPage, InvoiceMoves, Ledger):
    list_display = (
        "number",
        "status_label",
        "consumer",
        "plan_name",
        "service_manager",
        "started_on",
        "trial_ends_on",
        "ended_on",
        "order_number",
    )
    list_select_related = ("consumer", "service__service_manager", "service__tenant")
    list_filter = ("status", TrialFilter, "plan", month_filter("started_on"))
    search_fields = (
        "number__istartswith",
        "order_number__iexact",
        "consumer__number__iexact",
        "consumer__name",
        "consumer__parent__number__iexact",
        "plan__number__iexact",
    )
    search_help_text = "Subscription, order, customer or reseller (number), customer's name, plan's number"
    ordering = ("-pk",)
    fields = (
        ("number", "state"),
        ("consumer", "order_number"),
        ("plan", "plan_name"),
        ("quantity", "billing_model_label"),
        ("term", "sold_at"),
        ("started_on", "trial_ends_on"),
        ("ended_on", "cancels_on", "invoiced_until"),
        ("service", "tenant_id_shown"),
        ("partner_discount_percent", "retail_markup_percent", "retail_discount_percent"),
    )
    moves = (
        InvoiceMoves.GENERATE,
        InvoiceMoves.NEXT_TERM,
        Move(
            "move_price",
            "Move to the present price",
            "billing.add_pricechange",
            lambda subscription: _has_price_to_move(subscription),
            confirm="ask_move_price",
        ),
        Move(
            "terminate",
            "Terminate",
            "provisioning.terminate_service",
            lambda subscription: subscription.status == Subscription.Status.ACTIVE,
            confirm="ask_terminate",
            variant="danger",
        ),
    )

    @display(description="state", ordering="status", label=STATE_COLOURS)
    def status_label(self, subscription: Subscription) -> tuple[str, str]:
        return subscription.status, str(subscription.get_status_display())

    @display(description="state")
    def state(self, subscription: Subscription) -> str:
        """Also whether the service is suspended, which the subscription itself does not know."""
        reasons = [one.hold.get_reason_display().lower() for one in open_holds(subscription.service.tenant)]
        words = str(subscription.get_status_display())
        is_active, last_free_day = subscription.status == Subscription.Status.ACTIVE, subscription.last_free_day
        if is_active and last_free_day is not None and last_free_day >= today():
            words = f"{words}, free trial until {day(last_free_day)}"
        return f"{words}, service suspended: {', '.join(reasons)}" if reasons else words

    @display(description="billing model")
    def billing_model_label(self, subscription: Subscription) -> str:
        return dict(Plan.BillingModel.choices).get(subscription.billing_model, subscription.billing_model)

    @display(description="term")
    def term(self, subscription: Subscription) -> str:
        return str(subscription.get_term_months_display())

    @display(description="sold at")
    def sold_at(self, subscription: Subscription) -> str:
        """Every price it was, is and will be invoiced at, per unit and term; withdrawn ones are left out."""
        prices = SubscriptionPrice.objects.standing().filter(subscription=subscription).order_by("valid_from", "level")
        told = [f"{money(one.price, one.currency)} ({LEVELS[one.level]}) from {day(one.valid_from)}" for one in prices]
        return "; ".join(told) or "by the rate card of each month"

    @display(description="invoiced until")
    def invoiced_until(self, subscription: Subscription) -> str:
        return invoiced_until(subscription)

    @display(description="service manager")
    def service_manager(self, subscription: Subscription) -> str:
        return subscription.service.service_manager.name

    @display(description="tenant id")
    def tenant_id_shown(self, subscription: Subscription) -> str:
        return str(subscription.service.tenant.vendor_id or "not there yet")

    def related_lists(self, request: HttpRequest, row: Subscription) -> list[tuple[str, str]]:
        mine = f"q={row.consumer.number}"
        return [
            *_page_of(request, "service", "Service", row.service_id),
            *_page_of(request, "tenant", "Tenant", row.service.tenant_id),
            *self.agreements_link(row),
            *_changes_link(request, row),
            *related(request, "ordering.view_order", "Order", "ordering_order_changelist", f"q={row.order_number}"),
            ("Billing Usage Report", self.url_of(row, "usage_report")),
            *acting_as.begin_link(request, row.consumer),
            *related(request, "billing.view_usagerecord", "Usage", "billing_usagerecord_changelist", mine),
            *related(request, "billing.view_invoice", "Invoices", "billing_invoice_changelist", mine),
        ]

    def ask_move_price(self, request: HttpRequest, subscription: Subscription) -> list[str]:
        moves_from = queries.move_day(subscription, today())
        move = queries.move_to_list_price(subscription, moves_from=moves_from, today=today())
        if move.refusal:
            return [move.refusal]
        if not any(price.is_changed for price in move.prices):
            return [f"{subscription} is at the present price of {subscription.plan_name} already."]
        return [
            f"From {day(moves_from)} on, {subscription} is invoiced at the price that {subscription.plan_name} has then.",
            *_keeps_until(subscription, moves_from),
            *(_becomes(price) for price in move.prices),
            "Until then it can be called off, on the page of the price change.",
        ]

    def move_price(self, request: HttpRequest, subscription: Subscription) -> str:
        moves_from = queries.move_day(subscription, today())
        price_changes.move_to_present_price(
            subscription_id=subscription.pk, moves_from=moves_from, today=today(), by=staff(request), at=clock.now()
        )
        return f"{subscription} moves to the present price on {day(moves_from)}."

    def ask_terminate(self, request: HttpRequest, subscription: Subscription) -> list[str]:
        tenant = subscription.service.tenant
        where = f"the tenant “{tenant.vendor_name}” ({tenant.vendor_id})" if tenant.vendor_id else "what was begun of the tenant"
        return [
            f"{subscription.plan_name} of {subscription.consumer} ({subscription}) ends.",
            f"Acronis disables {where} and deletes it with all its users, devices and backups. This cannot be undone.",
            _last_billed(subscription),
        ]

    def terminate(self, request: HttpRequest, subscription: Subscription) -> str:
        ended = subscriptions.end_subscription(subscription_id=subscription.pk, at=clock.now(), by=staff(request))
        return f"{ended} is ended. Acronis is told to delete the tenant; its page shows how far that is."


def _keeps_until(subscription: Subscription, moves_from: date) -> list[str]:
    if subscription.billing_model != Plan.BillingModel.PREPAID:
        return []
    return [f"It is prepaid: until {day(moves_from - timedelta(days=1))} it keeps the price that was invoiced for its term."]


@admin.register(UsageRecord)
class UsageRecordAdmin(Ledger):
    """Daily readings as the vendor's report gave them."""

    list_display = ("day", "tenant_name", "item", "edition", "absolute_shown", "delta_shown", "measurement_unit", "report_line")
    list_select_related = ("tenant__organization",)
    list_filter = (month_filter("day"), "is_range")
    search_fields = ("item",)
    search_help_text = "Organization's number or name, or exact item"
    ordering = ("-pk",)
    fields = (
        ("tenant", "day"),
        ("item", "edition"),
        ("infra_id", "is_range"),
        ("absolute_shown", "delta_shown", "measurement_unit"),
        ("trial_absolute", "trial_delta"),
        ("report", "report_line"),
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Find the tenants first: a search over millions of readings must go by their index, not through all of them."""
        if not search_term.strip():
            return queryset, False
        named = Q(organization__number__iexact=search_term) | Q(organization__name__icontains=search_term)
        tenants = list(Tenant.objects.filter(named).values_list("pk", flat=True)[:1000])
        return (queryset.filter(tenant__in=tenants) if tenants else queryset.filter(item=search_term)), False

    @display(description="organization")
    def tenant_name(self, record: UsageRecord) -> str:
        return record.tenant.organization.name

    @display(description="level")
    def absolute_shown(self, record: UsageRecord) -> str:
        return figure(quantity(record.absolute))

    @display(description="added")
    def delta_shown(self, record: UsageRecord) -> str:
        return figure(quantity(record.delta))


class ReportFilter(admin.SimpleListFilter):
    """What one report brought; its page links here. Not offered otherwise: there is one every night."""

    title = "report"
    parameter_name = "report"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(self.parameter_name)
        return [(chosen, "The chosen one")] if chosen else []

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = str(self.value() or "")
        if not value:
            return queryset
        return queryset.filter(report=int(value)) if value.isascii() and value.isdecimal() and len(value) <= 18 else queryset.none()


@admin.register(UnmappedUsage)
class UnmappedUsageAdmin(Ledger):
    """Report lines of tenants that are not ours: somebody made them at the vendor by hand."""

    list_before_template = "admin/billing/_unmapped_tools.html"
    list_display = (
        "day",
        "tenant_name",
        "vendor_tenant_id",
        "item",
        "edition",
        "absolute_shown",
        "measurement_unit",
        "service_manager",
    )
    list_select_related = ("service_manager",)
    list_filter = ("service_manager", month_filter("day"), ReportFilter)
    search_fields = ("vendor_tenant_id__iexact", "tenant_name", "item__istartswith")
    search_help_text = "Tenant id or name, or the beginning of an item"
    ordering = ("-pk",)
    fields = (
        ("tenant_name", "vendor_tenant_id"),
        ("item", "edition"),
        ("day", "infra_id"),
        ("absolute_shown", "delta_shown", "measurement_unit"),
        ("service_manager", "report", "report_line"),
    )

    def get_urls(self) -> list[URLPattern]:
        return [path("export/", self.admin_site.admin_view(self.export_view), name=self.url_name("export")), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Send the list as CSV, as it is filtered and searched; all of it, streamed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.listed(request)
        headers = {"Content-Disposition": 'attachment; filename="unmapped-usage.csv"'}
        return StreamingHttpResponse(unmapped_csv(rows), content_type="text/csv; charset=utf-8", headers=headers)

    @display(description="level")
    def absolute_shown(self, line: UnmappedUsage) -> str:
        return figure(quantity(line.absolute))

    @display(description="added")
    def delta_shown(self, line: UnmappedUsage) -> str:
        return figure(quantity(line.delta))


def _becomes(price: MovedPrice) -> str:
    level = {"msp": "Price", "wholesale": "Wholesale price", "retail": "Retail price"}[price.new.level.value]
    old, new = money(price.present.price, price.present.currency), money(price.new.amounts.price, price.new.currency)
    return f"{level} of one unit for the term: {old} becomes {new}."


def _last_billed(subscription: Subscription) -> str:
    """Say until when a subscription that ends now is billed."""
    last_day = subscriptions.last_billed_day(clock.now())
    if last_day < subscription.charged_from:
        return f"It ends before its first billed day, {day(subscription.charged_from)}: nothing is billed."
    return f"The last day that is billed is {day(last_day)}."


def _has_price_to_move(subscription: Subscription) -> bool:
    return subscription.status == Subscription.Status.ACTIVE and subscription.billing_model == Plan.BillingModel.POSTPAID_FIXED


def _changes_link(request: HttpRequest, row: Subscription) -> list[tuple[str, str]]:
    """Return the link to the pages that change it, which are those of orders: every change is one."""
    if not request.user.has_perm("ordering.execute_order"):
        return []
    return [("Change quantity, plan or term, or cancel", reverse("admin:ordering_order_changes", args=[row.number]))]


def _page_of(request: HttpRequest, model: str, words: str, row_id: int) -> list[tuple[str, str]]:
    """Return the words and address of one row's page, or nothing where these staff may not see it."""
    if not request.user.has_perm(f"provisioning.view_{model}"):
        return []
    return [(words, reverse(f"admin:provisioning_{model}_change", args=[row_id]))]
