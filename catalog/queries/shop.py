"""Reads for the shop."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db.models import Q

from accounts.models import Organization
from catalog.models import Plan, PlanQuerySet, Product


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product and the plans of it that a buyer may order."""

    product: Product
    plans: Sequence[Plan]


def plans_for_sale(buyer: Organization, *, on: date, words: str = "") -> PlanQuerySet:
    """
    Return what ``buyer`` may order, in the order of the shelves, with only what a shelf shows.

    Every one of ``words``, separated by spaces, must be found in the plan's name, summary or description, or in its product's name.
    """
    plans = Plan.objects.for_sale_to(buyer, on=on)
    for word in words.split():
        plans = plans.filter(
            Q(name__icontains=word)
            | Q(summary__icontains=word)
            | Q(description__icontains=word)
            | Q(product_group__product__name__icontains=word)
        )
    shown = ("number", "name", "summary", "billing_model", "product_group__product__name")
    ordered = plans.order_by("product_group__product__name", "product_group__product", "name", "pk")
    return ordered.select_related("product_group__product").only(*shown)


def shelves(plans: Iterable[Plan]) -> list[Shelf]:
    """Put ``plans``, which come in the order of `plans_for_sale`, under their products."""
    return [Shelf(product, list(group)) for product, group in groupby(plans, key=lambda plan: plan.product_group.product)]
