"""Prices on pages of lower floors: the shop's product page shows them without knowing billing."""

from datetime import date

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
