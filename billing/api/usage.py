"""What services used, reading by reading, as the vendor's daily reports gave it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken
from billing.api.sides import LONGEST_NUMBER, PartySerializer, as_it_is, own_services
from billing.models import Subscription, SubscriptionQuerySet, UsageRecord
from billing.queries.metered import shown_unit
from billing.rating import TEN_DECIMALS
from catalog.api.plans import today
from catalog.item_names import edition_label, item_label
from common.api import DaysQuery, KeyedPages, PageSerializer, asked, plain

LONGEST_NAME = 100


# --- What comes in --------------------------------------------------------------------------------------------------------


class UsageQuery(DaysQuery):
    """Which readings. Without days, those of the running month."""

    service = serializers.CharField(required=False, max_length=LONGEST_NUMBER, help_text="The number of one service.")
    item = serializers.CharField(required=False, max_length=LONGEST_NAME, help_text="What is metered, as Acronis names it.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class UsageAmountsSerializer(serializers.Serializer[Any]):
    """A reading in one unit. All three are decimal numbers."""

    unit = serializers.CharField()
    level = serializers.CharField(help_text="What there was at the end of the day, without a free trial's.")
    added = serializers.CharField(help_text="What the day added, without a free trial's; below nothing where it became less.")
    trial = serializers.CharField(help_text="What was used in a free trial, which is never billed.")


class ReadingSerializer(serializers.Serializer[Any]):
    """What one item of a service was on one day, in one storage. A correction of the vendor's replaces it."""

    service = serializers.CharField(help_text="The number of the service.")
    consumer = PartySerializer(help_text="Whose service it is.")
    tenant = serializers.UUIDField(allow_null=True, help_text="The tenant's id at Acronis.")
    day = serializers.DateField(help_text="Days of the vendor, which counts them in UTC.")
    item = serializers.CharField(help_text="What is metered, as Acronis names it.")
    item_name = serializers.CharField()
    edition = serializers.CharField(help_text="The licensing model it belongs to, as Acronis names it; may be empty.")
    edition_name = serializers.CharField(help_text="May be empty.")
    storage = serializers.CharField(help_text="Where it lies, an id of Acronis; may be empty.")
    is_used_up = serializers.BooleanField(help_text="True: what the days added is billed. False: the level is.")
    measured = UsageAmountsSerializer(help_text="As the vendor meters it: bytes, seconds, or a count.")
    shown = UsageAmountsSerializer(
        help_text="As prices are for it: GiB (1024³ bytes), hour, or unit; rounded half up to at most ten decimals."
    )
    report = serializers.IntegerField(help_text="Which of the vendor's reports it stands in.")
    report_line = serializers.IntegerField(help_text="In which line of the report.")


class UsagePageSerializer(PageSerializer):
    results = ReadingSerializer(many=True)


# --- The view ---------------------------------------------------------------------------------------------------------------


class UsagePages(KeyedPages):
    """By service, then by day: the order of the index that finds a tenant's days."""

    ordering = ("tenant_id", "day", "item", "edition", "infra_id")


class UsageView(ScopedView):
    scopes = {"GET": ApiToken.Scope.USAGE_READ}

    @extend_schema(
        operation_id="list_usage",
        summary="List usage",
        description=(
            "What your services used, and if you are a reseller those of your customers: one entry for each service, day, item and "
            "storage, in that order. Days are given from the first to the last, both included; without “from” they begin with the "
            "month of “to”, or with the running month. What was metered outside the days a service ran is not in it."
        ),
        parameters=[UsageQuery],
        responses=UsagePageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(UsageQuery, request)
        services = own_services(self.caller.organization, wanted.get("service"))
        readings = _readings(services, wanted, today=today(self.caller.organization))
        pages = UsagePages()
        page = pages.paginate_queryset(readings, request, self)
        return pages.get_paginated_response(ReadingSerializer(_told(page, services), many=True).data)


def _readings(services: SubscriptionQuerySet, wanted: dict[str, Any], *, today: date) -> QuerySet[UsageRecord]:
    """Return the readings of the days on which one of ``services`` ran in the tenant they are of."""
    first = wanted.get("from") or wanted.get("to", today).replace(day=1)
    tenants = list(services.order_by().values_list("service__tenant", flat=True).distinct())
    ran = services.filter(service__tenant=OuterRef("tenant"), started_on__lte=OuterRef("day")).filter(
        Q(ended_on__isnull=True) | Q(ended_on__gt=OuterRef("day"))
    )
    readings = UsageRecord.objects.filter(Exists(ran), tenant__in=tenants, day__gte=first)
    if "to" in wanted:
        readings = readings.filter(day__lte=wanted["to"])
    return readings.filter(item=wanted["item"]) if "item" in wanted else readings


def _told(page: Sequence[UsageRecord], services: SubscriptionQuerySet) -> list[dict[str, Any]]:
    """Write a page of readings, each with the service that ran on its day."""
    by_tenant: dict[int, list[Subscription]] = defaultdict(list)
    of_page = services.filter(service__tenant__in={one.tenant_id for one in page})
    for service in of_page.select_related("consumer", "service__tenant"):
        by_tenant[service.service.tenant_id].append(service)
    return [_reading(one, next(service for service in by_tenant[one.tenant_id] if _ran(service, one.day))) for one in page]


def _ran(service: Subscription, day: date) -> bool:
    return service.started_on <= day and (service.ended_on is None or day < service.ended_on)


def _reading(record: UsageRecord, service: Subscription) -> dict[str, Any]:
    shown = shown_unit(record.measurement_unit)
    return {
        "service": service.number,
        "consumer": as_it_is(service.consumer),
        "tenant": service.service.tenant.vendor_id,
        "day": record.day,
        "item": record.item,
        "item_name": item_label(record.item),
        "edition": record.edition,
        "edition_name": edition_label(record.edition) if record.edition else "",
        "storage": record.infra_id,
        "is_used_up": record.is_range,
        "measured": _amounts(record, record.measurement_unit, Decimal(1)),
        "shown": _amounts(record, shown.name, shown.divisor),
        "report": record.report_id,
        "report_line": record.report_line,
    }


def _amounts(record: UsageRecord, unit: str, divisor: Decimal) -> dict[str, str]:
    trial = record.trial_delta if record.is_range else record.trial_absolute
    return {
        "unit": unit,
        "level": _in_unit(record.absolute, divisor),
        "added": _in_unit(record.delta, divisor),
        "trial": _in_unit(trial, divisor),
    }


def _in_unit(amount: Decimal, divisor: Decimal) -> str:
    return plain(amount if divisor == 1 else (amount / divisor).quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP))
