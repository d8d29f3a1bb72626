"""Order URLs are made by themselves and switched off and on by people."""

import secrets
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from catalog.models import OrderUrl, PartnerTerms, Plan, PlanPrice, Term


@transaction.atomic(durable=True)
def switch_order_url(*, order_url_id: int, is_active: bool) -> OrderUrl:
    """Put an order URL into use or out of it; its address stays the same. Repeated, nothing."""
    order_url = OrderUrl.objects.locked().select_related("plan").get(pk=order_url_id)
    order_url.is_active = is_active
    order_url.save(update_fields=["is_active"])
    return order_url


# Steps: inside the caller's transaction


def make_order_urls(plan: Plan, *, on: date, at: datetime) -> int:
    """
    Make the order URLs that ``plan`` has not got yet: one per term, for the MSP and for each partner that may sell it.

    There are none before module setting and price are saved (seed text, 004: “Order Flow”). Those there are stay, also where their
    term is no longer sold. Return how many were made; repeated, none.
    """
    terms = sold_terms(plan, on=on)
    present = set(OrderUrl.objects.filter(plan=plan).values_list("reseller", "term_months"))
    wanted = [(seller, term) for seller in sellers_of(plan) for term in terms if (seller, term) not in present]
    made = [
        OrderUrl(code=secrets.token_hex(5), plan=plan, reseller_id=seller, term_months=term, created_at=at)
        for seller, term in wanted
    ]
    OrderUrl.objects.bulk_create(made, ignore_conflicts=True)  # another worker may have made the same one just now
    return len(made)


def sold_terms(plan: Plan, *, on: date) -> list[int]:
    """Return the terms, in months, for which ``plan`` has settings and a price, now or later; pay-as-you-go has its one month."""
    if plan.service_manager_id is None:
        return []
    if not plan.is_fixed:
        return [Term.MONTH]
    prices = PlanPrice.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=on), plan=plan)
    return sorted(set(prices.values_list("term_months", flat=True)))


def sellers_of(plan: Plan) -> list[int | None]:
    """Return who may sell ``plan``: None for the MSP, and the ids of the partners it allows."""
    if not plan.applicable_on_partner_website:
        return [None]
    allowed = PartnerTerms.objects.filter(plan=plan, is_allowed=True).order_by("reseller")
    return [None, *allowed.values_list("reseller", flat=True)]
