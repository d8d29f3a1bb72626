"""Reads for the shop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from django.db.models import Q

from accounts.models import Organization
from catalog.models import Plan, Product


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product and the plans of it that a buyer may order."""

    product: Product
    plans: Sequence[Plan]


def shelves(buyer: Organization, *, words: str = "") -> list[Shelf]:
    """
    Return what ``buyer`` may order, by product: one query.

    Every one of ``words``, separated by spaces, must be found in the plan's name, summary or description, or in its product's name.
    """
    plans = Plan.objects.for_sale_to(buyer).select_related("product_group__product")
    for word in words.split():
        plans = plans.filter(
            Q(name__icontains=word)
            | Q(summary__icontains=word)
            | Q(description__icontains=word)
            | Q(product_group__product__name__icontains=word)
        )
    ordered = plans.order_by("product_group__product__name", "product_group__product", "name", "pk")
    return [Shelf(product, list(group)) for product, group in groupby(ordered, key=lambda plan: plan.product_group.product)]
