"""Prices on pages of lower floors: the shop's product page shows them without knowing billing."""

from datetime import date
from decimal import Decimal

from django import template

from accounts.models import Organization
from billing import price_list as prices
from billing.printed import unit_text
from catalog.models import Plan

register = template.Library()
register.filter("unit", unit_text)


@register.simple_tag
def price_list(plan: Plan, buyer: Organization, today: date) -> prices.PriceList | None:
    """Return what ``plan`` costs ``buyer`` on ``today``; None where no rate card is in force."""
    return prices.price_list(plan=plan, buyer=buyer, today=today)


@register.simple_tag
def partner_rates(
    plan: Plan, reseller: Organization, currency: str, markup_percent: Decimal, discount_percent: Decimal, today: date
) -> prices.PartnerRates | None:
    """Return cost and retail price of what ``plan`` meters; None where no rate card or no exchange rate is there yet."""
    return prices.partner_rates(
        plan=plan,
        reseller=reseller,
        currency=currency,
        markup_percent=markup_percent,
        discount_percent=discount_percent,
        today=today,
    )
