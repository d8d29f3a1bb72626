"""What the MSP lets its partners sell, and at which discount: for many partners or many plans at once."""

from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import Organization
from catalog.models import PartnerTerms, Plan
from catalog.operations import order_urls
from common.errors import FieldRefused

DISCOUNT_DECIMALS = 3


class PartnerTermsRefused(FieldRefused):
    """Terms that cannot be meant; ``field`` is discount_percent."""


@transaction.atomic(durable=True)
def allow_partners(
    *,
    plan_ids: Collection[int],
    reseller_ids: Collection[int],
    discount_percent: Decimal,
    makes_applicable: bool = False,
    today: date,
    at: datetime,
) -> int:
    """
    Let every one of these resellers sell every one of these plans at ``discount_percent`` off the MSP price. Order URLs are made.

    Return how many terms changed; repeated, none. What was sold keeps its price. With ``makes_applicable`` plans that are not are
    made applicable on partner websites; otherwise partners find them once they are.

    :raises PartnerTermsRefused: the discount is less than 0, more than 100, or has more than three decimals.
    """
    check_discount(discount_percent)
    plans = list(Plan.objects.locked().filter(pk__in=plan_ids))
    resellers = Organization.objects.filter(pk__in=reseller_ids, kind=Organization.Kind.RESELLER).order_by("pk")
    present = {(terms.plan_id, terms.reseller_id): terms for terms in PartnerTerms.objects.filter(plan__in=plans)}
    changed = 0
    wanted = {"is_allowed": True, "discount_percent": discount_percent}
    for plan in plans:
        if makes_applicable and not plan.applicable_on_partner_website:
            plan.applicable_on_partner_website = True
            plan.save(update_fields=["applicable_on_partner_website"])
        for reseller in resellers:
            terms = present.get((plan.pk, reseller.pk)) or PartnerTerms(plan=plan, reseller=reseller)
            if terms.pk is None or any(getattr(terms, name) != value for name, value in wanted.items()):
                terms.is_allowed, terms.discount_percent = True, discount_percent
                terms.save()
                changed += 1
        order_urls.make_order_urls(plan, on=today, at=at)
    return changed


@transaction.atomic(durable=True)
def disallow_partners(*, plan_ids: Collection[int], reseller_ids: Collection[int]) -> int:
    """Let these resellers sell nothing more of these plans; the discount agreed on stays known. Return how many changed."""
    list(Plan.objects.locked().filter(pk__in=plan_ids))
    allowed = PartnerTerms.objects.filter(plan__in=plan_ids, reseller__in=reseller_ids, is_allowed=True)
    return allowed.update(is_allowed=False)


def check_discount(percent: Decimal) -> None:
    """
    Refuse a discount that cannot be meant.

    :raises PartnerTermsRefused: it is less than 0, more than 100, or finer than the row can hold.
    """
    if not percent.is_finite() or not 0 <= percent <= 100:
        raise PartnerTermsRefused("discount_percent", "A discount is between 0 and 100 percent.")
    if -percent.normalize().as_tuple().exponent > DISCOUNT_DECIMALS:  # type: ignore[operator]
        raise PartnerTermsRefused("discount_percent", "A discount has three decimals at most.")
