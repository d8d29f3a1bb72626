"""Orders as this API finds and tells them: to each reader its own, at the prices of its end of the chain."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Organization
from billing.api.invoices import State, state_told
from billing.api.sides import PartySerializer, as_it_is
from catalog.models import Plan, Term
from common.api import MoneySerializer, money, unit_price
from ordering.costs import End
from ordering.models import Order, OrderLine, OrderQuerySet
from ordering.operations import prepayment
from ordering.queries import holds, tracking
from provisioning.models import FileSyncModel, ProtectionModel


class OrderPriceSerializer(serializers.Serializer[Any]):
    """What one unit was sold at, excluding VAT."""

    price = MoneySerializer(help_text="Per unit, for the whole term.")
    setup_fee = MoneySerializer(help_text="Once, per unit.")
    overage_price = MoneySerializer(
        allow_null=True, help_text="Per GB (1024³ bytes) above the quota, and month. Null: no overage is sold."
    )


class OrderLineSerializer(serializers.Serializer[Any]):
    """One thing ordered, and how far it has come."""

    kind = serializers.ChoiceField(choices=OrderLine.Kind.choices, help_text="new, or what of a subscription there is changes.")
    status = serializers.ChoiceField(choices=OrderLine.Status.choices)
    error = serializers.CharField(help_text="Why it failed, or is being tried again, in a sentence; may be empty.")
    plan = serializers.CharField(help_text="The plan's number.")
    plan_name = serializers.CharField(help_text="As it was when ordered.")
    billing_model = serializers.ChoiceField(choices=Plan.BillingModel.choices)
    quantity = serializers.IntegerField()
    term_months = serializers.ChoiceField(choices=Term.choices)
    protection_model = serializers.ChoiceField(choices=ProtectionModel.choices)
    file_sync_model = serializers.ChoiceField(choices=FileSyncModel.choices)
    login = serializers.CharField(help_text="Of the user who is created for it; empty where there was one already.")
    email = serializers.CharField(help_text="Of that user; may be empty.")
    cost = OrderPriceSerializer(allow_null=True, help_text="What your side pays. Null: priced by use.")
    retail = OrderPriceSerializer(allow_null=True, help_text="Of a reseller: what its customer pays it. Null for everybody else.")
    service = serializers.CharField(allow_null=True, help_text="The number of the subscription, once there is one.")


class OrderSerializer(serializers.Serializer[Any]):
    """An order and how it stands."""

    number = serializers.CharField(help_text="What people quote.")
    status = serializers.ChoiceField(choices=Order.Status.choices)
    held_for = serializers.ChoiceField(
        choices=Order.HeldFor.choices,
        allow_null=True,
        help_text="What it waits for where it is held. Null as well where that is between your reseller and its seller.",
    )
    held_because = serializers.ListField(child=serializers.CharField(), help_text="Why it is held, in sentences; else empty.")
    cancelled_because = serializers.CharField(help_text="May be empty.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # a field; the metaclass takes it away
        choices=Order.Source.choices, help_text="Where it came from."
    )
    buyer = PartySerializer(help_text="Who ordered, and pays.")
    consumer = PartySerializer(help_text="Who uses it.")
    purchase_order = serializers.CharField(help_text="The buyer's reference; may be empty.")
    placed_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    due_now = MoneySerializer(help_text="What your side pays before it is carried out, excluding VAT.")
    lines = OrderLineSerializer(many=True)
    url = serializers.URLField(help_text="Where this API tells of it.")
    page_url = serializers.URLField(help_text="Its page in the storefront.")


class OrderInvoiceSerializer(serializers.Serializer[Any]):
    """An invoice that is paid before the order is carried out."""

    number = serializers.CharField()
    state = serializers.ChoiceField(choices=State.choices)
    open = MoneySerializer(help_text="What is left to pay, including VAT.")
    url = serializers.URLField(help_text="Where this API tells what stands on it.")


class WholeOrderSerializer(OrderSerializer):
    """An order with the invoices that are paid before it is carried out."""

    invoices = OrderInvoiceSerializer(
        many=True,
        help_text="Those you get or, if you are a reseller, that you make your customer. They are issued after the order.",
    )


# --- Which ------------------------------------------------------------------------------------------------------------------


def seen_by(organization: Organization) -> OrderQuerySet:
    """What ``organization`` ordered or uses, of a reseller also its customers; the MSP sees all, drafts too."""
    return Order.objects.all() if organization.kind == Organization.Kind.MSP else Order.objects.of(organization)


def numbered(organization: Organization, number: str) -> Order:
    """
    Return the order of that number.

    :raises Http404: there is none, or ``organization`` does not see it.
    """
    found = loaded(organization).filter(number=number).first()
    if found is None:
        raise Http404
    return found


def loaded(organization: Organization) -> OrderQuerySet:
    """Return what `seen_by` does with all that is told of it."""
    found = seen_by(organization).select_related("buyer", "consumer__parent")
    return found.prefetch_related("lines__plan", "lines__subscription")


# --- As it is told ------------------------------------------------------------------------------------------------------------


def told(number: str, reader: Organization, request: Request, *, status: int = HTTPStatus.OK) -> Response:
    """Answer with an order as it is now."""
    return Response(WholeOrderSerializer(whole_order_of(numbered(reader, number), reader, request)).data, status=status)


def order_of(order: Order, reader: Organization, request: Request) -> dict[str, Any]:
    """Write an order whose buyer, consumer with its parent, and lines with plan and subscription are loaded."""
    lines = list(order.lines.all())
    costs = [tracking.line_cost(line, order=order, reader=reader) for line in lines]
    due = [tracking.due_before(line, order=order, reader=reader) for line in lines]
    currency = next((cost.own.currency for cost in costs if cost is not None), order.currency)
    return {
        "number": order.number,
        "status": order.status,
        "held_for": _held_for(order, reader),
        "held_because": _why_held(order, reader),
        "cancelled_because": order.cancelled_because,
        "source": order.source,
        "buyer": as_it_is(order.buyer),
        "consumer": as_it_is(order.consumer),
        "purchase_order": order.purchase_order,
        "placed_at": order.placed_at,
        "completed_at": order.completed_at,
        "due_now": money(sum(due), currency),  # type: ignore[arg-type]  # a sum of decimals
        "lines": [_line(line, cost) for line, cost in zip(lines, costs, strict=True)],
        "url": _address("order", order.number, request),
        "page_url": settings.SITE_URL + reverse("ordering:order", args=[order.number]),
    }


def whole_order_of(order: Order, reader: Organization, request: Request) -> dict[str, Any]:
    """Write an order as `order_of` does, and its invoices as far as they are the reader's."""
    invoices = [one for one in prepayment.advance_invoices(order) if one.number and _is_party(one, reader)]
    return {**order_of(order, reader, request), "invoices": [_invoice(one, request) for one in invoices]}


def _held_for(order: Order, reader: Organization) -> str | None:
    return (holds.what_a_consumer_may_know(order) if reader == order.consumer else order.held_for) or None


def _why_held(order: Order, reader: Organization) -> list[str]:
    if order.status != Order.Status.HELD:
        return []
    return holds.why_it_waits(order, None if reader.kind == Organization.Kind.MSP else reader)


def _line(line: OrderLine, cost: Any) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "status": line.status,
        "error": line.error,
        "plan": line.plan.number,
        "plan_name": line.plan_name,
        "billing_model": line.billing_model,
        "quantity": line.quantity,
        "term_months": line.term_months,
        "protection_model": line.protection_model,
        "file_sync_model": line.file_sync_model,
        "login": line.login,
        "email": line.email,
        "cost": None if cost is None else unit_told(cost.own),
        "retail": None if cost is None or cost.retail is None else unit_told(cost.retail),
        "service": line.subscription.number if line.subscription is not None else None,
    }


def unit_told(end: End) -> dict[str, Any]:
    """Write what one unit costs at one end of the sale, as `OrderPriceSerializer` tells it."""
    overage = end.unit.overage_price
    return {
        "price": money(end.unit.price, end.currency),
        "setup_fee": money(end.unit.setup_fee, end.currency),
        "overage_price": None if overage is None else unit_price(overage, end.currency),
    }


def _is_party(invoice: Any, reader: Organization) -> bool:
    return reader.kind == Organization.Kind.MSP or reader.pk in (invoice.buyer_id, invoice.seller_id)


def _invoice(invoice: Any, request: Request) -> dict[str, Any]:
    return {
        "number": invoice.number,
        "state": state_told(invoice),
        "open": money(invoice.open_amount, invoice.currency),
        "url": _address("invoice", invoice.number, request),
    }


def _address(name: str, number: str, request: Request) -> str:
    return str(request.build_absolute_uri(reverse(f"api:{name}", args=[number])))
