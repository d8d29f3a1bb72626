"""What every list of orders shares: its columns, what it finds, and how what was ordered is told."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from accounts.models import Organization
from common.bss import STATE_COLOURS, Ledger, staff
from ordering.amendment_terms import RunsUnder, heading
from ordering.models import Order, OrderLine
from ordering.queries.tracking import ACCOUNT_FIELDS

STATES = {**STATE_COLOURS, "held": "danger"}


class OrderLedger(Ledger):
    """What both lists of orders share."""

    list_select_related: tuple[str, ...] = ("consumer", "buyer", "placed_by", "api_token", "assigned_to")
    search_fields = (
        "number__istartswith",
        "consumer__number__iexact",
        "consumer__name",
        "buyer__number__iexact",
        "buyer__name",
        "lines__login",
        "lines__subscription__number__iexact",
        "purchase_order",
    )
    search_help_text = "Order or subscription, customer or reseller (number or name), login, reference"

    @display(description="state", ordering="status", label=STATES)
    def status_label(self, order: Order) -> tuple[str, str]:
        return order.status, str(order.get_status_display())

    @display(description="product")
    def product(self, order: Order) -> str:
        return ", ".join(product_words(line) for line in order.lines.all())

    @display(description="through")
    def reseller(self, order: Order) -> str:
        return order.buyer.name if order.buyer_id != order.consumer_id else "direct"

    @display(description="assigned to", ordering="assigned_to__first_name")
    def assigned(self, order: Order) -> str:
        return str(order.assigned_to or "nobody")

    @display(description="placed by", ordering="placed_by")
    def placed_by_whom(self, order: Order) -> str:
        return order.placer


class AssignedFilter(admin.SimpleListFilter):
    """Orders by who looks after them."""

    title = "assigned to"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("mine", "Me"), ("nobody", "Nobody"), ("others", "Others")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        match self.value():
            case "mine":
                return queryset.filter(assigned_to=staff(request))
            case "nobody":
                return queryset.filter(assigned_to=None)
            case "others":
                return queryset.exclude(assigned_to=None).exclude(assigned_to=staff(request))
        return queryset


class ResellerFilter(admin.SimpleListFilter):
    """Orders of one reseller and its customers, or of direct customers."""

    title = "reseller"
    parameter_name = "reseller"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        resellers = Organization.objects.resellers().order_by("name", "pk")[:300]
        return [("direct", "Direct customers"), *((reseller.number, reseller.name) for reseller in resellers)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if not self.value():
            return queryset
        if self.value() == "direct":
            return queryset.filter(consumer__parent__kind=Organization.Kind.MSP)
        return queryset.filter(consumer__parent__number=self.value())


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Read with each order what `product_words` says of its lines: one query."""
    return orders.prefetch_related(Prefetch("lines", OrderLine.objects.select_related("subscription").order_by("pk")))


def what_it_waits_for(order: Order) -> str:
    """Say what an order of the queue waits for; its lines are read with ``has_user``, as the queue reads them."""
    lines: list[Any] = list(order.lines.all())
    match order.status:
        case Order.Status.FAILED:
            return " ".join(line.error for line in lines if line.error)
        case Order.Status.HELD:
            return order.held_because
        case Order.Status.AWAITING_PAYMENT:
            return "Executed by itself once its invoice is paid"
    if missing := missing_labels(order):
        return f"Missing: {', '.join(missing)}"
    return "Not placed yet" if order.status == Order.Status.DRAFT else "Ready to execute"


def missing_labels(order: Order) -> list[str]:
    """Name what the vendor needs for the consumer's first user and an order of the queue does not say."""
    lines: list[Any] = list(order.lines.all())
    new = [line for line in lines if line.kind == OrderLine.Kind.NEW and not line.has_user]
    return [label for name, label in ACCOUNT_FIELDS.items() if any(not getattr(line, name) for line in new)]


def product_words(line: OrderLine) -> str:
    """Name what was ordered; of what has a fixed price also the term and how many, of an amendment what it changes."""
    if line.kind != OrderLine.Kind.NEW and line.subscription is not None and line.quote:
        changed = heading(line.kind, RunsUnder.from_json(line.quote["before"]), RunsUnder.of_line(line), ends=line.ends)
        return f"{changed} of {line.subscription.number}"
    return f"{line.plan_name}, {line.get_term_months_display()}, quantity {line.quantity:,}" if line.prices else line.plan_name
