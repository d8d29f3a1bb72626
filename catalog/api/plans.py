"""The plans for sale to the caller's organization. What they cost is told by `billing/api/prices.py`, which knows rate cards."""

from datetime import date
from typing import Any

from django.conf import settings
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from catalog.models import UNLIMITED_STORAGE, ModuleSettings, Plan, PlanQuerySet
from catalog.queries import shop
from common import clock
from common.api import CursorPages, PageQuery, PageSerializer, Strict, asked

LONGEST_SEARCH = 100


# --- What comes in --------------------------------------------------------------------------------------------------------


class PlansQuery(PageQuery):
    """Which plans."""

    q = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=LONGEST_SEARCH,
        help_text="Words that must all be found in the plan's name, summary, description or its product's name.",
    )
    billing_model = serializers.ChoiceField(required=False, choices=Plan.BillingModel.choices, help_text="How the plan is billed.")
    product = serializers.CharField(required=False, max_length=100, help_text="The product's name, whole, in any case.")


# --- What goes out --------------------------------------------------------------------------------------------------------


class ProductSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    type = serializers.CharField(source="product_type.name")
    group = serializers.SerializerMethodField()

    @extend_schema_field(serializers.CharField())
    def get_group(self, product: Any) -> str:
        return str(self.context["group"])


class StorageSerializer(serializers.Serializer[Any]):
    """What a plan with a quota lets one unit of it store. 1 GB is 1024³ bytes."""

    quota_gb = serializers.IntegerField(allow_null=True, help_text="Null: unlimited.")
    overage_gb = serializers.IntegerField(help_text="What may be used above it, at the overage price, before use is blocked.")


class PlanSerializer(serializers.Serializer[Any]):
    """A plan that the organization can order today."""

    number = serializers.CharField(help_text="What people quote.")
    name = serializers.CharField()
    summary = serializers.CharField(help_text="One line; may be empty.")
    description = serializers.CharField(help_text="May be empty.")
    product = serializers.SerializerMethodField()
    billing_model = serializers.ChoiceField(choices=Plan.BillingModel.choices)
    quantity_is_enabled = serializers.BooleanField(help_text="Whether more than one can be ordered at once.")
    trial_days = serializers.SerializerMethodField(help_text="How long nothing is billed; null: no free trial.")
    storage = serializers.SerializerMethodField(help_text="Null: no quota, what is used is paid for.")
    url = serializers.SerializerMethodField(help_text="Its page in the storefront.")
    prices_url = serializers.SerializerMethodField(help_text="Where this API tells what it costs the organization.")

    @extend_schema_field(ProductSerializer)
    def get_product(self, plan: Plan) -> Any:
        group = plan.product_group
        return ProductSerializer(group.product, context={"group": group.name}).data

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_trial_days(self, plan: Plan) -> int | None:
        setting = _setting(plan)
        return setting.trial_days if setting is not None and setting.is_free_trial else None

    @extend_schema_field(StorageSerializer(allow_null=True))
    def get_storage(self, plan: Plan) -> dict[str, int | None] | None:
        setting = _setting(plan)
        if setting is None or setting.storage_quota is None:
            return None
        is_unlimited = setting.storage_quota == UNLIMITED_STORAGE
        return {"quota_gb": None if is_unlimited else setting.storage_quota, "overage_gb": setting.overage or 0}

    @extend_schema_field(serializers.URLField())
    def get_url(self, plan: Plan) -> str:
        return settings.SITE_URL + reverse("catalog:plan", args=[plan.number])

    @extend_schema_field(serializers.URLField())
    def get_prices_url(self, plan: Plan) -> str:
        return str(self.context["request"].build_absolute_uri(reverse("api:plan_prices", args=[plan.number])))


class PlanPageSerializer(PageSerializer):
    results = PlanSerializer(many=True)


# --- Views ------------------------------------------------------------------------------------------------------------------


class PlansView(ScopedView):
    scopes = {"GET": ApiToken.Scope.CATALOG_READ}

    @extend_schema(
        operation_id="list_plans",
        summary="List plans",
        description="The plans for sale to your organization today, in its currency, in the order they were made.",
        parameters=[PlansQuery],
        responses=PlanPageSerializer,
    )
    def get(self, request: Request) -> Response:
        wanted = asked(PlansQuery, request)
        plans = whole(shop.plans_for_sale(self.caller.organization, on=today(self.caller.organization), words=wanted["q"]))
        if "billing_model" in wanted:
            plans = plans.filter(billing_model=wanted["billing_model"])
        if "product" in wanted:
            plans = plans.filter(product_group__product__name__iexact=wanted["product"])
        pages = CursorPages()
        page = pages.paginate_queryset(plans, request, self)
        return pages.get_paginated_response(PlanSerializer(page, many=True, context={"request": request}).data)


class PlanView(ScopedView):
    scopes = {"GET": ApiToken.Scope.CATALOG_READ}

    @extend_schema(
        operation_id="read_plan",
        summary="Read a plan",
        description="One plan by its number, if it is for sale to your organization today.",
        responses=PlanSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        plan = plan_for_sale(self.caller.organization, number, on=today(self.caller.organization))
        return Response(PlanSerializer(plan, context={"request": request}).data)


def plan_for_sale(buyer: Organization, number: str, *, on: date) -> Plan:
    """
    Return the plan of that number.

    :raises Http404: there is none, or it is not for sale to ``buyer`` on that day.
    """
    plan = whole(Plan.objects.for_sale_to(buyer, on=on)).filter(number=number).first()
    if plan is None:
        raise Http404
    return plan


def whole(plans: PlanQuerySet) -> PlanQuerySet:
    """Read with ``plans`` all that this API tells of a plan, so that a page of them is one query."""
    return plans.defer(None).select_related("product_group__product__product_type", "module_settings", "service_manager")


def today(organization: Organization) -> date:
    """Return the date where the caller's organization keeps its days."""
    return clock.today(organization.time_zone)


def _setting(plan: Plan) -> ModuleSettings | None:
    return getattr(plan, "module_settings", None)
