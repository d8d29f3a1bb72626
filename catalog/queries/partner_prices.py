"""Reads for the partner panel: which plans a reseller may sell, and what its markup makes of the price of each term."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from accounts.models import Organization
from catalog.models import PartnerPrice, PartnerTerms, Plan, PlanPrice
from catalog.pricing import Amounts, Level, Markup, published
from catalog.queries.offers import listed_amounts

_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reseller wants to take for one plan. ``amounts``, by currency and term: what it adds to price and overage price."""

    markup_kind: str = PartnerPrice.MarkupKind.PERCENT
    markup_percent: Decimal = Decimal(0)
    overage_markup_percent: Decimal | None = None
    discount_percent: Decimal = Decimal(0)
    is_published: bool = False
    amounts: Mapping[tuple[str, int], tuple[Decimal, Decimal]] = field(default_factory=dict)

    @classmethod
    def of(cls, price: PartnerPrice | None) -> "Wish":
        """Return what is agreed today; nothing on top, and not published, where nothing is."""
        if price is None:
            return cls()
        return cls(
            markup_kind=price.markup_kind,
            markup_percent=price.markup_percent,
            overage_markup_percent=price.overage_markup_percent,
            discount_percent=price.discount_percent,
            is_published=price.is_published,
            amounts={(row.currency, row.term_months): (row.amount, row.overage_amount) for row in price.markups.all()},
        )

    def markup(self, currency: str, term_months: int) -> Markup | None:
        """Return the markup on one term; None where it is by amount and there is none in ``currency``."""
        if self.markup_kind == PartnerPrice.MarkupKind.PERCENT:
            return Markup(self.markup_percent, self.overage_markup_percent, discount_percent=self.discount_percent)
        found = self.amounts.get((currency, term_months))
        return None if found is None else Markup(amount=found[0], overage_amount=found[1], discount_percent=self.discount_percent)

    @property
    def loses_on_use(self) -> bool:
        """Whether what is priced by use is sold for less than it costs: every rate has the same markup and discount."""
        return (100 + self.markup_percent) * (100 - self.discount_percent) < 10_000


@dataclass(frozen=True, slots=True)
class RetailRow:
    """One currency and term of a plan: what a reseller pays for one unit, and what its customers pay; None: not sold to them."""

    currency: str
    term_months: int
    cost: Amounts
    retail: Amounts | None

    @property
    def margin(self) -> Amounts | None:
        return None if self.retail is None else self.retail.less(self.cost)

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin as a share of the retail price, in percent to one decimal; None where nothing is taken."""
        return None if self.retail is None else _share(self.retail.price - self.cost.price, self.retail.price)

    @property
    def makes_loss(self) -> bool:
        """Whether the first term with its setup fee, each later one, or use above the quota is sold for less than it costs."""
        margin = self.margin
        if margin is None:
            return False
        return margin.price < 0 or margin.price + margin.setup_fee < 0 or (margin.overage_price or 0) < 0


def allowed_plans(reseller: Organization) -> QuerySet[Plan]:
    """Return the published plans that the MSP lets ``reseller`` sell, each with ``cost_discount``, its discount in percent."""
    terms = PartnerTerms.objects.filter(plan=OuterRef("pk"), reseller=reseller, is_allowed=True)
    return Plan.objects.filter(
        status=Plan.Status.PUBLISHED,
        service_manager__is_active=True,
        applicable_on_partner_website=True,
        partner_terms__reseller=reseller,
        partner_terms__is_allowed=True,
    ).annotate(cost_discount=Subquery(terms.values("discount_percent")[:1]))


def priced_terms(plan: Plan, *, on: date) -> set[tuple[str, int]]:
    """Return the currencies and terms for which the MSP has a price for ``plan``, on that day or later."""
    rows = PlanPrice.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=on), plan=plan)
    return set(rows.values_list("currency", "term_months"))


def customers_currencies(reseller: Organization) -> list[str]:
    """Return the currencies in which ``reseller`` is invoiced or invoices: its own first, then its customers'."""
    used = reseller.children.order_by("currency").values_list("currency", flat=True).distinct()
    return [reseller.currency, *(currency for currency in used if currency != reseller.currency)]


def retail_rows(
    plan: Plan, wish: Wish, *, cost_discount: Decimal, own_currency: str, currencies: Collection[str] | None = None, on: date
) -> list[RetailRow]:
    """
    Return what ``wish`` makes of each currency and term of a fixed plan on that day: one query; none for pay-as-you-go.

    Terms that the MSP does not price in ``own_currency``, in which it invoices the reseller, cannot be sold and are left out.

    :param cost_discount: the MSP's discount for this reseller, in percent.
    :param currencies: only these; None is all.
    """
    if not plan.is_fixed:
        return []
    rows = list(PlanPrice.objects.in_force(on).filter(plan=plan).order_by("term_months", F("currency")))
    sold = {row.term_months for row in rows if row.currency == own_currency}
    return [
        retail_row(row, wish, cost_discount=cost_discount)
        for row in sorted(rows, key=lambda row: (row.currency != own_currency, row.currency, row.term_months))
        if row.term_months in sold and (currencies is None or row.currency in currencies)
    ]


def retail_row(row: PlanPrice, wish: Wish, *, cost_discount: Decimal) -> RetailRow:
    """Return what ``wish`` makes of one price of the MSP."""
    listed, currency = listed_amounts(row), row.currency
    markup = wish.markup(currency, row.term_months)
    cost = published(listed, Level.WHOLESALE, currency, partner_discount_percent=cost_discount)
    retail = None
    if markup is not None:
        retail = published(listed, Level.RETAIL, currency, partner_discount_percent=cost_discount, markup=markup)
    return RetailRow(currency, row.term_months, cost, retail)


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return None if whole == 0 else (part * 100 / whole).quantize(_TENTH, rounding=ROUND_HALF_UP)
