"""A reseller's prices for its customers: what each plan costs it, what it adds, and what its customers pay."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import ScopedView
from accounts.models import ApiToken, Organization
from catalog.api.plans import today
from catalog.models import PartnerPrice, Plan, PlanPrice, Term
from catalog.operations import partners
from catalog.pricing import Amounts
from catalog.queries import partner_prices
from catalog.queries.partner_prices import RetailRow, Wish
from common import clock
from common.api import (
    CursorPages,
    DecimalText,
    ErrorsSerializer,
    MoneySerializer,
    PageQuery,
    PageSerializer,
    Strict,
    asked,
    money,
    unit_price,
)

MOST_MARKUPS = 200
"""In one change; currencies times terms."""


# --- What comes in --------------------------------------------------------------------------------------------------------


class AmountInput(Strict):
    amount = DecimalText(max_digits=17, decimal_places=3, help_text="Per unit, for the whole term, excluding VAT.")
    currency = serializers.RegexField(r"^[A-Z]{3}$", help_text="ISO 4217.")


class OverageAmountInput(AmountInput):
    amount = DecimalText(max_digits=24, decimal_places=10, help_text="Per GB above the quota, and month, excluding VAT.")


class MarkupInput(Strict):
    """What you add to your cost of one unit for one term, in one currency."""

    term_months = serializers.ChoiceField(choices=Term.choices)
    amount = AmountInput()
    overage_amount = OverageAmountInput(required=False, help_text="Nothing, where it is left out.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        overage = attrs.get("overage_amount")
        if overage is not None and overage["currency"] != attrs["amount"]["currency"]:
            raise ValidationError({"overage_amount": {"currency": ["It must be the currency of the amount."]}}, code="invalid")
        return attrs


class PartnerPriceChange(Strict):
    """What is to be changed; what is left out stays."""

    is_published = serializers.BooleanField(required=False, help_text="Whether your customers see the plan.")
    markup_kind = serializers.ChoiceField(required=False, choices=PartnerPrice.MarkupKind.choices)
    markup_percent = DecimalText(required=False, max_digits=7, decimal_places=3)
    overage_markup_percent = DecimalText(
        required=False, allow_null=True, max_digits=7, decimal_places=3, help_text="Null: the same as the markup."
    )
    discount_percent = DecimalText(required=False, max_digits=6, decimal_places=3)
    markups: serializers.ListSerializer[Any] = serializers.ListSerializer(
        child=MarkupInput(),
        required=False,
        max_length=MOST_MARKUPS,
        help_text="All amounts there are afterwards. A term without one is not sold in that currency.",
    )
    accepts_loss = serializers.BooleanField(
        required=False, default=False, help_text="True: your customers may pay less than you do. Counts for this change alone."
    )

    def validate_markups(self, markups: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = [_key(markup) for markup in markups]
        if len(set(keys)) < len(keys):
            raise ValidationError("There are two amounts for one currency and term.", code="repeated")
        return markups

    def changes(self) -> dict[str, Any]:
        """Return what is to be changed as `change_partner_price` takes it."""
        wanted = {name: value for name, value in self.validated_data.items() if name not in ("markups", "accepts_loss")}
        if "markups" in self.validated_data:
            wanted["amounts"] = {_key(markup): _both(markup) for markup in self.validated_data["markups"]}
        return wanted

    def refused(self, refusal: partners.PartnerPriceRefused) -> ValidationError:
        """Return the refusal as an error of the field that it is about, by its place in the body."""
        name, _, key = refusal.field.partition("-")
        sent = [f"{currency}-{months}" for currency, months in map(_key, self.validated_data.get("markups", []))]
        detail: dict[str, Any] = {"markups" if name in ("amounts", "amount", "overage_amount") else name: [str(refusal)]}
        if key in sent:
            detail = {"markups": [{} for _ in range(sent.index(key))] + [{name: [str(refusal)]}]}
        return ValidationError(detail, code="refused")


def _key(markup: dict[str, Any]) -> tuple[str, int]:
    return markup["amount"]["currency"], markup["term_months"]


def _both(markup: dict[str, Any]) -> tuple[Decimal, Decimal]:
    return markup["amount"]["amount"], markup["overage_amount"]["amount"] if "overage_amount" in markup else Decimal(0)


# --- What goes out --------------------------------------------------------------------------------------------------------


class AmountsSerializer(serializers.Serializer[Any]):
    """What one unit costs for one term, excluding VAT."""

    price = MoneySerializer(help_text="Per unit, for the whole term.")
    setup_fee = MoneySerializer(help_text="Once, per unit.")
    overage_price = MoneySerializer(
        allow_null=True, help_text="Per GB (1024³ bytes) above the quota, and month. Null: no overage is sold."
    )


class PartnerOfferSerializer(serializers.Serializer[Any]):
    """One currency and term of a plan, from your cost to what your customers pay."""

    currency = serializers.CharField(help_text="ISO 4217.")
    term_months = serializers.ChoiceField(choices=Term.choices)
    cost = AmountsSerializer(help_text="What you pay.")
    retail = AmountsSerializer(allow_null=True, help_text="What your customers pay. Null: there is no markup for this term.")
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
        many=True,
        help_text="In your currency and your customers'. Empty for pay-as-you-go, whose prices come from a rate card.",
    )


class PartnerPricePageSerializer(PageSerializer):
    results = PartnerPriceSerializer(many=True)


def written(plans: Iterable[Plan], reseller: Organization, *, on: date) -> list[dict[str, Any]]:
    """
    Return the prices of ``plans``, which are `allowed_plans`, as the API tells them.

    Four queries, for two hundred plans as for one.
    """
    listed = list(plans)
    agreed = PartnerPrice.objects.filter(reseller=reseller, plan__in=listed).prefetch_related("markups")
    wishes = {price.plan_id: Wish.of(price) for price in agreed}
    priced = _priced(listed, reseller, on)
    rows = [_price(plan, wishes.get(plan.pk, Wish()), priced.get(plan.pk, [])) for plan in listed]
    return list(PartnerPriceSerializer(rows, many=True).data)


def _priced(plans: list[Plan], reseller: Organization, on: date) -> dict[int, list[PlanPrice]]:
    """Return by plan the MSP's prices that ``reseller`` can sell at: only terms that it can be invoiced for in its own currency."""
    currencies = partner_prices.customers_currencies(reseller)
    fixed = [plan.pk for plan in plans if plan.is_fixed]
    prices = PlanPrice.objects.in_force(on).filter(plan__in=fixed, currency__in=currencies).order_by("plan", "term_months")
    by_plan = {}
    for plan_id, group in groupby(prices, key=lambda price: price.plan_id):
        rows = list(group)
        sold = {row.term_months for row in rows if row.currency == reseller.currency}
        kept = [row for row in rows if row.term_months in sold]
        by_plan[plan_id] = sorted(kept, key=lambda row: (currencies.index(row.currency), row.term_months))
    return by_plan


def _price(plan: Any, wish: Wish, prices: list[PlanPrice]) -> dict[str, Any]:
    return {
        "plan": plan.number,
        "name": plan.name,
        "billing_model": plan.billing_model,
        "is_published": wish.is_published,
        "markup_kind": wish.markup_kind,
        "markup_percent": wish.markup_percent,
        "overage_markup_percent": wish.overage_markup_percent,
        "discount_percent": wish.discount_percent,
        "markups": [_markup(*key, *amounts) for key, amounts in sorted(wish.amounts.items())],
        "offers": [_offer(partner_prices.retail_row(row, wish, cost_discount=plan.cost_discount)) for row in prices],
    }


def _markup(currency: str, term_months: int, amount: Decimal, overage_amount: Decimal) -> dict[str, Any]:
    return {
        "term_months": term_months,
        "amount": money(amount, currency),
        "overage_amount": unit_price(overage_amount, currency),
    }


def _offer(row: RetailRow) -> dict[str, Any]:
    return {
        "currency": row.currency,
        "term_months": row.term_months,
        "cost": _amounts(row.cost, row.currency),
        "retail": _amounts(row.retail, row.currency),
        "margin": _amounts(row.margin, row.currency),
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
        pages = CursorPages()
        page = pages.paginate_queryset(partner_prices.allowed_plans(reseller), request, self)
        return pages.get_paginated_response(written(page or [], reseller, on=today(reseller)))


class PartnerPriceView(ScopedView):
    scopes = {"GET": ApiToken.Scope.PARTNER_READ, "PATCH": ApiToken.Scope.PARTNER_WRITE}

    @extend_schema(
        operation_id="read_partner_price",
        summary="Read a partner price",
        description="For resellers: one plan you may sell, what it costs you, and what your customers pay.",
        responses=PartnerPriceSerializer,
    )
    def get(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        return self._written(number)

    @extend_schema(
        operation_id="change_partner_price",
        summary="Change a partner price",
        description=(
            "For resellers: markup, discount, and whether your customers see a plan. What was sold keeps its price. Sent again, it "
            "changes nothing. A price below your cost is refused unless you accept the loss. Answers with the price as it is now."
        ),
        request=PartnerPriceChange,
        responses={200: PartnerPriceSerializer, 413: ErrorsSerializer, 415: ErrorsSerializer},
    )
    def patch(self, request: Request, number: str) -> Response:
        asked(Strict, request)
        change = PartnerPriceChange(data=request.data)
        change.is_valid(raise_exception=True)
        plan = self._plan(number)
        if changes := change.changes():
            try:
                partners.change_partner_price(
                    reseller=self.caller.organization,
                    plan=plan,
                    changes=changes,
                    accepts_loss=change.validated_data["accepts_loss"],
                    at=clock.now(),
                )
            except partners.PartnerPriceRefused as refusal:
                raise change.refused(refusal) from None
            except partners.NotAllowed:
                raise Http404 from None  # the MSP has taken it away this moment
        return self._written(number)

    def _plan(self, number: str) -> Plan:
        return get_object_or_404(partner_prices.allowed_plans(self.caller.organization), number=number)

    def _written(self, number: str) -> Response:
        reseller = self.caller.organization
        return Response(written([self._plan(number)], reseller, on=today(reseller))[0])
