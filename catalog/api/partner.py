"""A reseller's prices for its customers: what each plan costs it, what it adds, and what its customers pay."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from catalog.api.plans import plan_for_sale, today, whole
from catalog.models import PartnerPrice, Plan, Term
from catalog.pricing import Amounts
from catalog.queries.offers import Agreed, Offer, agreements, offers
from common.api import CursorPages, DecimalText, MoneySerializer, PageQuery, PageSerializer, Strict, asked, money, unit_price

# --- What goes out --------------------------------------------------------------------------------------------------------


class AmountsSerializer(serializers.Serializer[Any]):
    """What one unit costs for one term, excluding VAT."""

    price = MoneySerializer(help_text="Per unit, for the whole term.")
    setup_fee = MoneySerializer(help_text="Once, per unit.")
    overage_price = MoneySerializer(
        allow_null=True, help_text="Per GB (1024³ bytes) above the quota, and month. Null: no overage is sold."
    )


class PartnerOfferSerializer(serializers.Serializer[Any]):
    """One term of a plan, from your cost to what your customers pay."""

    term_months = serializers.ChoiceField(choices=Term.choices)
    cost = AmountsSerializer(help_text="What you are invoiced.")
    retail = AmountsSerializer(allow_null=True, help_text="What your customers pay. Null: you have set no markup for this term.")
    margin = AmountsSerializer(allow_null=True, help_text="Retail less cost.")


class MarkupSerializer(serializers.Serializer[Any]):
    """A markup by amount."""

    term_months = serializers.ChoiceField(choices=Term.choices)
    amount = MoneySerializer(help_text="Added to your cost of one unit, for the whole term.")
    overage_amount = MoneySerializer(help_text="Added to your cost of a GB above the quota, and month.")


class PartnerPriceSerializer(serializers.Serializer[Any]):
    """Your price of a plan."""

    plan = serializers.CharField(help_text="The plan's number.")
    name = serializers.CharField(help_text="The plan's name.")
    billing_model = serializers.ChoiceField(choices=Plan.BillingModel.choices)
    is_published = serializers.BooleanField(help_text="Whether your customers see the plan.")
    markup_kind = serializers.ChoiceField(choices=PartnerPrice.MarkupKind.choices)
    markup_percent = DecimalText(max_digits=7, decimal_places=3, help_text="On your cost; counts where the kind is percent.")
    overage_markup_percent = DecimalText(
        max_digits=7, decimal_places=3, allow_null=True, help_text="On your cost of overage. Null: the same markup."
    )
    discount_percent = DecimalText(max_digits=6, decimal_places=3, help_text="What your customers get off, after the markup.")
    markups = MarkupSerializer(many=True, help_text="Empty unless the kind is amount.")
    offers = PartnerOfferSerializer(
        many=True, help_text="One per term, in your currency. Empty for pay-as-you-go, whose prices come from a rate card."
    )


class PartnerPricePageSerializer(PageSerializer):
    results = PartnerPriceSerializer(many=True)


def written(plans: Iterable[Plan], reseller: Organization, *, on: date) -> list[dict[str, Any]]:
    """Return the prices of ``plans`` as the API tells them. As many queries for two hundred plans as for one."""
    listed = list(plans)
    agreed = agreements(reseller, [plan.pk for plan in listed])
    by_plan = offers(listed, reseller, on=on)
    rows = [_price(plan, agreed.get(plan.pk, Agreed()).retail, by_plan.get(plan.pk, [])) for plan in listed]
    return list(PartnerPriceSerializer(rows, many=True).data)


def _price(plan: Plan, price: PartnerPrice | None, terms: list[Offer]) -> dict[str, Any]:
    """A reseller that has set nothing takes no markup and publishes nothing."""
    shown = price if price is not None else PartnerPrice(is_published=False)
    is_by_amount = price is not None and price.markup_kind == PartnerPrice.MarkupKind.AMOUNT
    return {
        "plan": plan.number,
        "name": plan.name,
        "billing_model": plan.billing_model,
        "is_published": shown.is_published,
        "markup_kind": shown.markup_kind,
        "markup_percent": shown.markup_percent,
        "overage_markup_percent": shown.overage_markup_percent,
        "discount_percent": shown.discount_percent,
        "markups": [_markup(row) for row in shown.markups.all()] if is_by_amount else [],
        "offers": [_offer(term) for term in terms],
    }


def _markup(row: Any) -> dict[str, Any]:
    return {
        "term_months": row.term_months,
        "amount": money(row.amount, row.currency),
        "overage_amount": unit_price(row.overage_amount, row.currency),
    }


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "term_months": offer.term_months,
        "cost": _amounts(offer.amounts, offer.currency),
        "retail": _amounts(offer.retail, offer.currency),
        "margin": _amounts(offer.margin, offer.currency),
    }


def _amounts(amounts: Amounts | None, currency: str) -> dict[str, Any] | None:
    if amounts is None:
        return None
    return {
        "price": money(amounts.price, currency),
        "setup_fee": money(amounts.setup_fee, currency),
        "overage_price": None if amounts.overage_price is None else unit_price(amounts.overage_price, currency),
    }


# --- Views ----------------------------------------------------------------------------------------------------------------


class PartnerPricesView(ScopedView):
    scopes = {"GET": ApiToken.Scope.PARTNER_READ}

    @extend_schema(
        operation_id="list_partner_prices",
        summary="List partner prices",
        description="For resellers: every plan you may sell, what it costs you, and what your customers pay.",
        parameters=[PageQuery],
        responses=PartnerPricePageSerializer,
    )
    def get(self, request: Request) -> Response:
        asked(PageQuery, request)
        reseller = self.caller.organization
        on = today(reseller)
        pages = CursorPages()
        page = pages.paginate_queryset(whole(Plan.objects.for_sale_to(reseller, on=on)), request, self)
        return pages.get_paginated_response(written(page or [], reseller, on=on))


class PartnerPriceView(ScopedView):
    scopes = {"GET": ApiToken.Scope.PARTNER_READ}

    @extend_schema(
        operation_id="read_partner_price",
        summary="Read a partner price",
        description="For resellers: one plan you may sell, what it costs you, and what your customers pay.",
        responses=PartnerPriceSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        reseller = self.caller.organization
        on = today(reseller)
        return Response(written([plan_for_sale(reseller, number, on=on)], reseller, on=on)[0])
