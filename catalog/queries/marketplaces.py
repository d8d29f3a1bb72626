"""Reads for a reseller's marketplace: what it sells, to whom, and by which order URLs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from accounts.models import Organization
from catalog.models import Marketplace, OrderUrl, Plan, Term
from catalog.queries.offers import Offer, offers


@dataclass(frozen=True, slots=True)
class TermOnSale:
    """One term of a plan: its order URL's path, empty where it is switched off, and its price where the visitor may see it."""

    term_months: int
    path: str
    offer: Offer | None = None

    @property
    def label(self) -> str:
        return str(Term(self.term_months).label)


@dataclass(frozen=True, slots=True)
class PlanOnSale:
    plan: Plan
    terms: Sequence[TermOnSale]


def visitor_of(seller: Organization) -> Organization:
    """
    Return a stranger at a seller's door as a customer of it, which is not in the database and never gets there.

    What the stranger could order, after signing up, is what such a customer can: in the seller's currency and time zone.
    """
    return Organization(
        kind=Organization.Kind.CUSTOMER,
        parent=seller,
        name="Visitor",
        currency=seller.currency,
        country=seller.country,
        time_zone=seller.time_zone,
    )


def marketplace_plans(visitor: Organization, *, on: date) -> QuerySet[Plan]:
    """Return the published plans that ``visitor`` could order from its reseller on that day, by name."""
    plans = Plan.objects.for_sale_to(visitor, on=on).select_related("product_group__product")
    return plans.order_by("product_group__product__name", "name", "pk")


def on_sale(plans: Sequence[Plan], visitor: Organization, *, shows_prices: bool, on: date) -> list[PlanOnSale]:
    """Return ``plans`` with the terms ``visitor`` can order them for, shortest first: a handful of queries, however many plans."""
    seller = visitor.parent
    urls = OrderUrl.objects.filter(reseller=seller, plan__in=plans, is_active=True)
    paths = {(row.plan_id, row.term_months): row.path for row in urls}
    priced = offers(plans, visitor, on=on)
    return [PlanOnSale(plan, _terms(plan, paths, priced.get(plan.pk, ()), shows_prices=shows_prices)) for plan in plans]


def marketplace_of(reseller: Organization) -> Marketplace | None:
    """Return a reseller's marketplace with its logo's name, without the logo itself."""
    return _light().filter(reseller=reseller).first()


def marketplace_at(slug: str) -> Marketplace | None:
    """Return the marketplace at an address, with its reseller and its logo's name."""
    return _light().select_related("reseller__parent").filter(slug=slug).first()


def _light() -> QuerySet[Marketplace]:
    return Marketplace.objects.select_related("logo").defer("logo__png")


def _terms(plan: Plan, paths: dict[tuple[int, int], str], priced: Sequence[Offer], *, shows_prices: bool) -> list[TermOnSale]:
    if not plan.is_fixed:
        return [TermOnSale(Term.MONTH, paths.get((plan.pk, Term.MONTH), ""))]
    return [
        TermOnSale(offer.term_months, paths.get((plan.pk, offer.term_months), ""), offer if shows_prices else None)
        for offer in priced
    ]
