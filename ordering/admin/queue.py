"""The queue: what waits for staff, the oldest first, why, and who looks after it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.timesince import timesince
from unfold.decorators import display

from common import clock
from ordering.admin.bulk import BulkActions
from ordering.admin.export import OrdersAsFile
from ordering.admin.ledger import STATES, AssignedFilter, OrderLedger, ResellerFilter, what_it_waits_for
from ordering.models import Order, OrderLine, OrderToExecute
from provisioning.models import TenantUser

TABS = {
    "": ("All", Q(status__in=[Order.Status.PLACED, Order.Status.HELD, Order.Status.FAILED])),
    "placed": ("To execute", Q(status=Order.Status.PLACED)),
    "held": ("Held", Q(status=Order.Status.HELD)),
    "failed": ("Failed", Q(status=Order.Status.FAILED)),
    "payment": ("Waiting for payment", Q(status=Order.Status.AWAITING_PAYMENT)),
    "drafts": ("Drafts", Q(status=Order.Status.DRAFT)),
}
SHORT: dict[str, str] = {Order.Status.PLACED: "To execute", Order.Status.AWAITING_PAYMENT: "Payment"}
EMPTY = {
    "": "Nothing waits for you. Orders to execute, held and failed ones show up here, the oldest first.",
    "placed": "No order waits to be executed. Orders that you create, and those of customers who do not let orders execute by"
    " themselves, wait here.",
    "held": "No order is held. Orders over a credit limit, and those a reseller has to approve, wait here.",
    "failed": "No order failed. What Acronis refuses for good, or after all attempts, waits here with the reason.",
    "payment": "No order waits for its payment. Prepaid orders wait here until their invoice is paid.",
    "drafts": "There are no drafts. Save one while you create an order; it can be quoted before it is placed.",
}


class TabFilter(admin.SimpleListFilter):
    """What an order waits for; shown as tabs above the list."""

    title = "waits for"
    parameter_name = "tab"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, str(label)) for name, (label, _) in TABS.items() if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.filter(TABS.get(self.value() or "", TABS[""])[1])


@admin.register(OrderToExecute)
class OrderToExecuteAdmin(BulkActions, OrdersAsFile, OrderLedger):
    list_display = ("number", "status_label", "why", "age", "customer", "product", "source", "assigned")
    list_select_related = (*OrderLedger.list_select_related, "consumer__parent")
    list_filter = (TabFilter, AssignedFilter, "source", ResellerFilter)
    list_before_template = "admin/ordering/_queue_tools.html"
    ordering = ("placed_at", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        users = TenantUser.objects.live().filter(
            tenant__organization=OuterRef("order__consumer"), service_manager=OuterRef("plan__service_manager")
        )
        lines = OrderLine.objects.select_related("subscription").annotate(has_user=Exists(users)).order_by("pk")
        anything = Q()
        for _, waits in TABS.values():
            anything |= waits
        return super().get_queryset(request).filter(anything).prefetch_related(Prefetch("lines", queryset=lines))

    def get_urls(self) -> list[URLPattern]:
        return [*self.file_urls(), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the tabs, each with how many orders wait there; the other filters and the search stay as they are."""
        tab = request.GET.get("tab", "")
        counts = OrderToExecute.objects.aggregate(**{f"n_{name}": Count("pk", filter=waits) for name, (_, waits) in TABS.items()})
        kept = {name: value for name, value in request.GET.items() if name not in ("tab", "p")}
        tabs = [
            {
                "label": label,
                "count": counts[f"n_{name}"],
                "url": f"?{urlencode({**kept, 'tab': name} if name else kept)}",
                "is_present": name == tab,
            }
            for name, (label, _) in TABS.items()
        ]
        return super().changelist_view(request, {"tabs": tabs, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Let an empty list say what would be in its tab, unless something else narrows it."""
        found: Any = super().get_changelist_instance(request)
        is_narrowed = any(value for name, value in request.GET.items() if name not in ("tab", "p"))
        found.empty_words = "" if is_narrowed else EMPTY.get(request.GET.get("tab", ""), EMPTY[""])
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:ordering_order_change", object_id)

    @display(description="state", ordering="status", label=STATES)
    def status_label(self, order: Order) -> tuple[str, str]:
        """Say it as short as the tabs do."""
        return order.status, SHORT.get(order.status) or str(order.get_status_display())

    @display(description="why it waits")
    def why(self, order: Order) -> str:
        return what_it_waits_for(order)

    @display(description="customer", ordering="consumer__name")
    def customer(self, order: Order) -> str:
        return format_html(
            "{}<br>{}", order.consumer.name, f"of {order.consumer.reseller}" if order.consumer.reseller else "direct"
        )

    @display(description="age", ordering="-placed_at")
    def age(self, order: Order) -> str:
        return timesince(order.placed_at, clock.now(), depth=1)
