"""What the running month costs so far and is expected to cost: an estimate, never a bill."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing.api.sides import LONGEST_NUMBER, PartySerializer, as_it_is, own_services
from billing.queries.consumption import Consumption, ItemConsumption, QuotaUse, ServiceConsumption, consumption
from catalog.api.plans import today
from common.api import (
    CursorPages,
    DaysSerializer,
    MoneySerializer,
    PageQuery,
    PageSerializer,
    asked,
    days,
    money,
    plain,
    unit_price,
)
from common.periods import Period

# --- What comes in --------------------------------------------------------------------------------------------------------


class EstimatesQuery(PageQuery):
    """Of which services."""

    service = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="The number of one service.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class EstimateItemSerializer(serializers.Serializer[Any]):
    """One thing that is charged. Amounts exclude VAT and are rounded as the invoice's lines will be."""

    item = serializers.CharField(help_text="What is metered, as Acronis names it; or what is charged at a fixed price.")
    edition = serializers.CharField(help_text="The licensing model it belongs to, as Acronis names it; may be empty.")
    name = serializers.CharField()
    quantity = serializers.CharField(
        allow_null=True,
        help_text="What is charged of it so far, a decimal number; of what is only expected, that. Null: not charged by quantity.",
    )
    unit = serializers.CharField(help_text="Of the quantity: GiB (1024³ bytes), hour, or unit; empty without one.")
    unit_price = MoneySerializer(allow_null=True, help_text="Null where there is not one price alone, as with tiers.")
    so_far = MoneySerializer(help_text="What would be invoiced if everything ended today.")
    forecast = MoneySerializer(help_text="What the whole month is expected to cost.")


class QuotaUseSerializer(serializers.Serializer[Any]):
    """How much of its storage quota a service uses. 1 GB is 1024³ bytes."""

    used_gb = serializers.CharField(help_text="A decimal number.")
    quota_gb = serializers.CharField(help_text="A decimal number.")


class ResoldSerializer(serializers.Serializer[Any]):
    """The other side of it for a reseller: what its customer is going to be invoiced, excluding VAT."""

    so_far = MoneySerializer()
    forecast = MoneySerializer()


class EstimateSerializer(serializers.Serializer[Any]):
    """One service in the running month, at the price that your organization is invoiced."""

    service = serializers.CharField(help_text="The number of the service.")
    consumer = PartySerializer(help_text="Whose service it is.")
    plan = serializers.CharField(help_text="The plan's name.")
    period = DaysSerializer(help_text="The month that is estimated.")
    as_of = serializers.DateTimeField(allow_null=True, help_text="Up to when its usage is known; null: nothing of this month yet.")
    read_until = serializers.DateField(
        allow_null=True, help_text="The last day of which the daily report is in. What came after it is the vendor's estimate."
    )
    is_known = serializers.BooleanField(help_text="False: its price of this month is not known yet, and nothing is estimated.")
    is_trial = serializers.BooleanField(help_text="True: a free trial lasts, and nothing of it is billed.")
    is_prepaid = serializers.BooleanField(help_text="True: its term is invoiced in advance, and only what comes on top is here.")
    so_far = MoneySerializer(allow_null=True, help_text="What would be invoiced if everything ended today, excluding VAT.")
    forecast = MoneySerializer(allow_null=True, help_text="What the whole month is expected to cost, excluding VAT.")
    items = EstimateItemSerializer(many=True)
    storage = QuotaUseSerializer(allow_null=True, help_text="Null: it has no quota.")
    resold = ResoldSerializer(allow_null=True, help_text="Null: your organization is no reseller, or no price is known yet.")


class EstimatePageSerializer(PageSerializer):
    results = EstimateSerializer(many=True)


# --- The view ---------------------------------------------------------------------------------------------------------------


class EstimatesView(ScopedView):
    scopes = {"GET": ApiToken.Scope.USAGE_READ}

    @extend_schema(
        operation_id="list_estimates",
        summary="List estimates of the running month",
        description=(
            "What each of your services that runs this month costs so far, and is expected to cost by its end; if you are a "
            "reseller, those of your customers at your own cost and at their price. A level is expected to stay what it is, what "
            "is used up goes on at the pace so far, a fixed price is expected whole. It is an estimate, not a bill."
        ),
        parameters=[EstimatesQuery],
        responses=EstimatePageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(EstimatesQuery, request)
        reader = self.caller.organization
        month = Period.month_of(today(reader))
        services = own_services(reader, wanted.get("service")).billable_in(month)
        pages = CursorPages()
        page = pages.paginate_queryset(services.select_related("consumer", "service__tenant", "service__service_manager"), request)
        found = consumption(reader, page or [], today(reader))
        told = [_estimate(one, found, reader) for one in found.services]
        return pages.get_paginated_response(EstimateSerializer(told, many=True).data)


def _estimate(one: ServiceConsumption, of: Consumption, reader: Organization) -> dict[str, Any]:
    return {
        "service": one.subscription.number,
        "consumer": as_it_is(one.subscription.consumer),
        "plan": one.subscription.plan_name,
        "period": days(of.period),
        "as_of": one.estimated_at or _end_of(one.read_until),
        "read_until": one.read_until,
        "is_known": one.is_known,
        "is_trial": one.is_trial,
        "is_prepaid": one.is_prepaid,
        "so_far": money(one.so_far, one.currency) if one.is_known else None,
        "forecast": money(one.forecast, one.currency) if one.is_known else None,
        "items": [_item(item, one.currency) for item in one.items] if one.is_known else [],
        "storage": None if one.quota is None else _quota(one.quota),
        "resold": _resold(one) if one.is_known and reader.kind == Organization.Kind.RESELLER else None,
    }


def _item(item: ItemConsumption, currency: str) -> dict[str, Any]:
    return {
        "item": item.item,
        "edition": item.edition,
        "name": item.label,
        "quantity": _quantity(item.amount),
        "unit": item.unit,
        "unit_price": None if item.unit_price is None else unit_price(item.unit_price, currency),
        "so_far": money(item.so_far, currency),
        "forecast": money(item.forecast, currency),
    }


def _quantity(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _quota(quota: QuotaUse) -> dict[str, str]:
    return {"used_gb": plain(quota.used), "quota_gb": plain(quota.quota)}


def _resold(one: ServiceConsumption) -> dict[str, Any]:
    return {"so_far": money(one.resold_so_far, one.resold_currency), "forecast": money(one.resold_forecast, one.resold_currency)}


def _end_of(day: date | None) -> datetime | None:
    """Return the moment a day of the vendor, which counts them in UTC, is over."""
    return None if day is None else datetime.combine(day + timedelta(days=1), time.min, UTC)
