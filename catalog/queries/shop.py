"""Reads for the shop: what is on its shelves for a buyer, and what one product includes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.db.models import Q

from accounts.models import Organization
from catalog.item_names import item_label
from catalog.models import UNLIMITED_STORAGE, ModuleSettings, Plan, PlanQuerySet, Product
from catalog.provisioned import is_backup_storage
from catalog.queries.offers import Offer, offers
from provisioning.models import VendorOfferingItem


@dataclass(frozen=True, slots=True)
class Goods:
    """A plan on a shelf, with what each of its terms costs this buyer; none where it is priced by use."""

    plan: Plan
    offers: Sequence[Offer] = ()

    @property
    def cheapest(self) -> Offer | None:
        """The term that costs least by the month."""
        return min(self.offers, key=lambda offer: offer.amounts.price / offer.term_months, default=None)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A product and the plans of it that a buyer may order."""

    product: Product
    goods: Sequence[Goods]


@dataclass(frozen=True, slots=True)
class Included:
    """One thing a plan includes, in the reader's words: ``amount`` for quantity 1, and what may be used ``above`` it."""

    name: str
    amount: str
    above: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a unit of a fixed plan includes: things with a quota, the storage first, then by name; and the names of the rest."""

    quotas: Sequence[Included]
    unlimited: Sequence[str]


@dataclass(frozen=True, slots=True)
class Range:
    """What is for sale to a buyer, narrowed down, and how many plans there are of each product before one was chosen."""

    plans: Sequence[int]
    """Ids, in the order of the shelves."""
    products: Sequence[tuple[int, str, int]]
    """Id, name and number of plans, by name."""


def plans_for_sale(
    buyer: Organization, *, on: date, words: str = "", billing_model: str = "", term_months: int | None = None
) -> PlanQuerySet:
    """
    Return what ``buyer`` may order on that day, in the order of the shelves.

    Every one of ``words``, separated by spaces, must be found in the plan's number, name, summary or description, or in its
    product's name. A term leaves what is priced by use only where it is one month.
    """
    plans = Plan.objects.for_sale_to(buyer, on=on)
    for word in words.split():
        plans = plans.filter(
            Q(name__icontains=word)
            | Q(number__iexact=word)
            | Q(summary__icontains=word)
            | Q(description__icontains=word)
            | Q(product_group__product__name__icontains=word)
        )
    if billing_model:
        plans = plans.filter(billing_model=billing_model)
    if term_months is not None:
        plans = plans.priced_for(buyer, term_months=term_months, on=on)
    return plans.order_by("product_group__product__name", "product_group__product", "name", "pk")


def range_for(buyer: Organization, *, on: date, product: int | None = None, **narrowed: Any) -> Range:
    """Return which plans `plans_for_sale` finds, and the products they are of: one query, which judges each plan once."""
    plans = plans_for_sale(buyer, on=on, **narrowed)
    found = list(plans.values_list("pk", "product_group__product", "product_group__product__name"))
    products = [(pk, name, len(list(rows))) for (pk, name), rows in groupby(found, key=lambda row: row[1:])]
    return Range([plan for plan, its_product, _ in found if product in (None, its_product)], products)


def shelves(plans: Sequence[int], buyer: Organization, *, on: date) -> list[Shelf]:
    """Return the shelves with these plans of a `Range`, a page of it, priced for ``buyer``: one query beside that of `offers`."""
    shown = ("number", "name", "summary", "billing_model", "product_group__product__name")
    read = Plan.objects.select_related("product_group__product").only(*shown).in_bulk(plans)
    found = [read[pk] for pk in plans if pk in read]
    priced = offers(found, buyer, on=on)
    by_product = groupby(found, key=lambda plan: plan.product_group.product)
    return [Shelf(product, [Goods(plan, priced.get(plan.pk, ())) for plan in group]) for product, group in by_product]


def included(settings: ModuleSettings) -> Contents:
    """Say what a unit of a fixed plan includes, by its module setting: two queries."""
    ticked = list(settings.items.filter(is_enabled=True))
    mirrored = VendorOfferingItem.objects.filter(
        service_manager=settings.plan.service_manager_id, name__in=[item.name for item in ticked]
    )
    known = {row.name: row for row in mirrored}
    quotas, unlimited = set(), set()
    for item in ticked:
        row = known.get(item.name)
        if row is not None and is_backup_storage(row):
            continue  # the Storage Quota, which stands first
        name = _label(item.name, row)
        if item.soft_quota is None:
            unlimited.add(name)
        else:
            unit = None if row is None else row.measurement_unit
            above = "" if item.overage is None else _amount(item.overage, unit)
            quotas.add(Included(name, _amount(item.soft_quota, unit), above))
    return Contents([_storage(settings), *sorted(quotas, key=lambda one: (one.name, one.amount))], sorted(unlimited))


def _storage(settings: ModuleSettings) -> Included:
    if settings.storage_quota is None or settings.storage_quota == UNLIMITED_STORAGE:
        return Included(STORAGE, "unlimited")
    above = "" if settings.overage is None else _amount(settings.overage, "bytes")
    return Included(STORAGE, _amount(settings.storage_quota, "bytes"), above)


def _label(name: str, row: VendorOfferingItem | None) -> str:
    """File Sync & Share has a cloud storage of its own."""
    label = item_label(name)
    return "File Sync & Share storage" if label == STORAGE and row is not None and row.application_type != "backup" else label


def _amount(quota: int, measurement_unit: str | None) -> str:
    unit = {"bytes": " GB", "seconds": " hours"}.get(measurement_unit or "", "")
    return f"{quota:,}{unit}"


STORAGE = item_label("pg_base_storage")
