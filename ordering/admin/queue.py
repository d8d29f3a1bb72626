"""The queue: what waits for an account manager."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timesince import timesince
from unfold.decorators import display

from common import clock
from ordering.admin.ledger import OrderLedger
from ordering.models import Order, OrderLine, OrderToExecute
from ordering.queries import tracking
from provisioning.models import TenantUser


@admin.register(OrderToExecute)
class OrderToExecuteAdmin(OrderLedger):
    """The queue: what waits for an account manager, the oldest first, and why."""

    list_display = ("number", "status_label", "why", "age", "consumer", "reseller", "product", "source")
    list_filter = ("status", "source")
    ordering = ("placed_at", "pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        users = TenantUser.objects.live().filter(
            tenant__organization=OuterRef("order__consumer"), service_manager=OuterRef("plan__service_manager")
        )
        lines = OrderLine.objects.annotate(has_user=Exists(users))
        waiting = super().get_queryset(request).to_execute()
        return waiting.prefetch_related(Prefetch("lines", queryset=lines))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("admin:ordering_order_change", object_id)

    @display(description="why it waits")
    def why(self, order: Order) -> str:
        lines: list[Any] = list(order.lines.all())
        if order.status == Order.Status.FAILED:
            return " ".join(line.error for line in lines if line.error)
        labels = tracking.ACCOUNT_FIELDS
        missing = {label for line in lines if not line.has_user for name, label in labels.items() if not getattr(line, name)}
        if missing:
            return f"Missing: {', '.join(label for label in labels.values() if label in missing)}"
        return "Ready to execute"

    @display(description="age", ordering="-placed_at")
    def age(self, order: Order) -> str:
        return timesince(order.placed_at, clock.now(), depth=1)
