"""What a plan costs the caller's organization: fixed prices per term, or the price table of the rate card."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from billing.price_list import PriceList, price_list
from catalog.api.plans import plan_for_sale, today
from catalog.models import OrderUrl, Plan, Term
from catalog.queries.offers import Offer, offers
from common.api import MoneySerializer, Strict, asked, money, unit_price


class OfferSerializer(serializers.Serializer[Any]):
    """What one unit of a plan costs for one term."""

    term_months = serializers.ChoiceField(choices=Term.choices)
    price = MoneySerializer(help_text="Per unit, for the whole term, excluding VAT.")
    setup_fee = MoneySerializer(help_text="Once, per unit, excluding VAT.")
    overage_price = MoneySerializer(
        allow_null=True, help_text="Per GB (1024³ bytes) above the quota, and month, excluding VAT. Null: no overage is sold."
    )
    order_url = serializers.URLField(
        allow_null=True, help_text="The address that fills a basket with this plan and term. Null: switched off, or not made yet."
    )


class RateSerializer(serializers.Serializer[Any]):
    """What one unit of something metered costs."""

    edition = serializers.CharField(help_text="The licensing model it belongs to, as Acronis names it; may be empty.")
    edition_name = serializers.CharField()
    item = serializers.CharField(help_text="What is metered, as Acronis names it.")
    name = serializers.CharField()
    price = MoneySerializer(help_text="Of one unit, excluding VAT.")
    per = serializers.CharField(help_text="The unit and the period, for example “GiB and month”.")


class RateTableSerializer(serializers.Serializer[Any]):
    """The prices of a pay-as-you-go plan, from the rate card in force."""

    month = serializers.DateField(help_text="The first day of the month since which the rate card is in force.")
    is_your_currency = serializers.BooleanField(
        help_text="False where no exchange rate leads to your currency, so that prices are in the seller's."
    )
    order_url = serializers.URLField(allow_null=True, help_text="The address that fills a basket with this plan.")
    rates = RateSerializer(many=True)


class PlanPricesSerializer(serializers.Serializer[Any]):
    """What a plan costs your organization today."""

    plan = serializers.CharField(help_text="The plan's number.")
    billing_model = serializers.ChoiceField(choices=Plan.BillingModel.choices)
    as_of = serializers.DateField()
    offers = OfferSerializer(many=True, help_text="One per term, the shortest first; empty for pay-as-you-go.")
    rate_table = RateTableSerializer(allow_null=True, help_text="Only of pay-as-you-go, where a rate card is in force.")


class PlanPricesView(ScopedView):
    scopes = {"GET": ApiToken.Scope.CATALOG_READ}

    @extend_schema(
        operation_id="read_plan_prices",
        summary="Read the prices of a plan",
        description=(
            "What the plan costs your organization today: a reseller its own cost, a reseller's customer the reseller's price. "
            "Plans of fixed price have offers, one per term; pay-as-you-go has a table of rates."
        ),
        responses=PlanPricesSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        buyer = self.caller.organization
        on = today(buyer)
        plan = plan_for_sale(buyer, number, on=on)
        order_urls = _order_urls(plan, buyer)
        card = None if plan.is_fixed else price_list(plan=plan, buyer=buyer, today=on)
        priced = {
            "plan": plan.number,
            "billing_model": plan.billing_model,
            "as_of": on,
            "offers": [_offer(offer, order_urls) for offer in offers([plan], buyer, on=on).get(plan.pk, [])],
            "rate_table": None if card is None else _rate_table(card, order_urls),
        }
        return Response(PlanPricesSerializer(priced).data)


def _order_urls(plan: Plan, buyer: Organization) -> dict[int, str]:
    """Return by term the addresses that are in use: a reseller's own, which it hands on, or the buyer's seller's."""
    reseller = buyer if buyer.kind == Organization.Kind.RESELLER else buyer.reseller
    sellers = Q(reseller__isnull=True) if reseller is None else Q(reseller=reseller)
    return {url.term_months: settings.SITE_URL + url.path for url in OrderUrl.objects.filter(sellers, plan=plan, is_active=True)}


def _offer(offer: Offer, order_urls: dict[int, str]) -> dict[str, Any]:
    amounts, currency = offer.amounts, offer.currency
    return {
        "term_months": offer.term_months,
        "price": money(amounts.price, currency),
        "setup_fee": money(amounts.setup_fee, currency),
        "overage_price": _per_unit(amounts.overage_price, currency),
        "order_url": order_urls.get(offer.term_months),
    }


def _per_unit(price: Decimal | None, currency: str) -> dict[str, str] | None:
    return None if price is None else unit_price(price, currency)


def _rate_table(card: PriceList, order_urls: dict[int, str]) -> dict[str, Any]:
    rates = [
        {
            "edition": group.edition,
            "edition_name": group.label,
            "item": rate.item,
            "name": rate.label,
            "price": unit_price(rate.unit_price, card.currency),
            "per": rate.per,
        }
        for group in card.groups
        for rate in group.prices
    ]
    return {
        "month": card.month,
        "is_your_currency": card.is_buyers_currency,
        "order_url": order_urls.get(Term.MONTH),
        "rates": rates,
    }
