"""What a plan of fixed price costs a buyer: its own end of the chain of prices, and nothing of what stands before it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import FilteredRelation, Q, QuerySet, prefetch_related_objects

from accounts.models import Organization
from catalog.models import PartnerPrice, PartnerTerms, Plan, PlanPrice, PlanPriceQuerySet
from catalog.pricing import Amounts, Level, Markup, Override, Step, published, walk
from common.errors import DomainError
from common.money import round_money

_OWN = ("pk", "markup_kind", "markup_percent", "overage_markup_percent", "discount_percent", "is_published")
"""What is read of a reseller's own price."""
_PRICED = ("plan_id", "currency", "term_months", "price", "setup_fee", "overage_price")
"""What is read of a price."""


class NoPrice(DomainError):
    """The plan has no price for this term in a currency that the sale needs."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One term of a plan at the buyer's end of the chain. ``retail`` is only for resellers: what their customers pay."""

    plan_id: int
    term_months: int
    currency: str
    amounts: Amounts
    retail: Amounts | None = None

    @property
    def per_month(self) -> Decimal:
        """The price of one unit and month, rounded, to compare terms by."""
        return round_money(self.amounts.price / self.term_months, self.currency)

    @property
    def margin(self) -> Amounts | None:
        """What a reseller keeps of one unit and term; None for everybody else."""
        return None if self.retail is None else self.retail.less(self.amounts)


@dataclass(frozen=True, slots=True)
class SoldPrice:
    """What one level of a sale is invoiced at, with the steps that led there, for the order to copy."""

    level: Level
    currency: str
    amounts: Amounts
    steps: list[Step]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON with every number a decimal string."""
        steps = [{"step": step.name, "factor": _text(step.factor), **_amounts_json(step.amounts)} for step in self.steps]
        return {"level": self.level.value, "currency": self.currency, **_amounts_json(self.amounts), "steps": steps}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "SoldPrice":
        """Return what `as_json` told."""
        steps = [Step(step["step"], _number(step["factor"]), _amounts(step)) for step in told["steps"]]
        return cls(Level(told["level"]), told["currency"], _amounts(told), steps)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What MSP and reseller agreed on one plan. A reseller without a price of its own takes no markup."""

    discount_percent: Decimal = Decimal(0)
    retail: PartnerPrice | None = None

    def markup(self, currency: str, term_months: int) -> Markup | None:
        """Return the reseller's markup for one term; None where it marks up by amount and gave none in ``currency``."""
        if self.retail is None:
            return Markup()
        if self.retail.markup_kind == PartnerPrice.MarkupKind.PERCENT:
            return Markup(
                percent=self.retail.markup_percent,
                overage_percent=self.retail.overage_markup_percent,
                discount_percent=self.retail.discount_percent,
            )
        for row in self.retail.markups.all():
            if (row.currency, row.term_months) == (currency, term_months):
                return Markup(amount=row.amount, overage_amount=row.overage_amount, discount_percent=self.retail.discount_percent)
        return None


def offers(plans: Iterable[Plan], buyer: Organization, *, on: date) -> dict[int, list[Offer]]:
    """
    Return, by plan, what each term costs ``buyer`` in its currency on that day of its own, shortest term first.

    One query, and one more where a reseller marks up by amount, however many plans. Plans without prices, such as
    pay-as-you-go, are left out.
    """
    fixed = [plan.pk for plan in plans if plan.is_fixed]
    if not fixed:
        return {}
    seller = buyer if buyer.kind == Organization.Kind.RESELLER else buyer.reseller
    currencies = {buyer.currency} | ({seller.currency} if seller is not None else set())
    prices = PlanPrice.objects.in_force(on).filter(plan__in=fixed, currency__in=currencies).order_by("plan_id", "term_months")
    rows = list(_with_agreement(prices, seller))
    agreed = {} if seller is None else _agreed_by_plan(seller, ((row.plan_id, *row[len(_PRICED) :]) for row in rows))
    has_cost = {(row.plan_id, row.term_months) for row in rows if seller is None or row.currency == seller.currency}
    found: dict[int, list[Offer]] = {}
    for row in rows:
        if row.currency == buyer.currency and (row.plan_id, row.term_months) in has_cost:
            offer = _offer(row, buyer, agreed.get(row.plan_id, Agreed()))
            if offer is not None:
                found.setdefault(row.plan_id, []).append(offer)
    return found


def sold_prices(
    plan: Plan, *, term_months: int, consumer: Organization, on: date, override: Override | None = None
) -> list[SoldPrice]:
    """
    Return what each level of a sale to ``consumer`` is invoiced at: one for a direct customer, two with a reseller in between.

    The MSP invoices the reseller in the reseller's currency, the reseller its customer in the customer's.

    :param override: what the MSP invoices its own buyer at instead, in that buyer's currency. The reseller marks up what it pays,
        so its customer's price follows; where the two have different currencies it stays as published.
    :raises NoPrice: a price is missing in one of these currencies; the text says which.
    """
    reseller = consumer.reseller
    if reseller is None:
        listed = _listed(plan, consumer.currency, term_months, on)
        return [_sold(Level.MSP, consumer.currency, listed, Agreed(), Markup(), override)]
    agreed = agreements(reseller, [plan.pk]).get(plan.pk, Agreed())
    markup = agreed.markup(consumer.currency, term_months)
    if markup is None:
        raise NoPrice(f"{reseller} has no markup in {consumer.currency} for {plan}, {_words(term_months)}.")
    cost = _listed(plan, reseller.currency, term_months, on)
    retail = _listed(plan, consumer.currency, term_months, on)
    marked_up = override if reseller.currency == consumer.currency else None
    return [
        _sold(Level.WHOLESALE, reseller.currency, cost, agreed, markup, override),
        _sold(Level.RETAIL, consumer.currency, retail, agreed, markup, marked_up),
    ]


def agreements(reseller: Organization, plans: Collection[int]) -> dict[int, Agreed]:
    """Return what MSP and ``reseller`` agreed on each plan that has terms for it: one query, two where a markup is by amount."""
    terms = PartnerTerms.objects.filter(reseller=reseller, plan__in=plans).annotate(
        own=FilteredRelation("plan__partner_prices", condition=Q(plan__partner_prices__reseller=reseller))
    )
    return _agreed_by_plan(reseller, terms.values_list("plan", "discount_percent", *(f"own__{name}" for name in _OWN)))


def _with_agreement(prices: PlanPriceQuerySet, reseller: Organization | None) -> QuerySet[PlanPrice, Any]:
    """Return of each price `_PRICED`, and with a reseller what was agreed on its plan: discount and `_OWN`."""
    if reseller is None:
        return prices.values_list(*_PRICED, named=True)
    with_terms = prices.annotate(
        terms=FilteredRelation("plan__partner_terms", condition=Q(plan__partner_terms__reseller=reseller)),
        own=FilteredRelation("plan__partner_prices", condition=Q(plan__partner_prices__reseller=reseller)),
    )
    return with_terms.values_list(*_PRICED, "terms__discount_percent", *(f"own__{name}" for name in _OWN), named=True)


def _agreed_by_plan(reseller: Organization, told: Iterable[tuple[Any, ...]]) -> dict[int, Agreed]:
    """Make of plan, discount and the facts of a reseller's own price what was agreed; plans without a discount have no terms."""
    found: dict[int, Agreed] = {}
    for plan, discount, *own in told:
        if plan in found or discount is None:
            continue
        facts = dict(zip(_OWN, own, strict=True))
        retail = None if facts["pk"] is None else PartnerPrice(reseller=reseller, plan_id=plan, **facts)
        found[plan] = Agreed(discount, retail)
    retails = [agreed.retail for agreed in found.values() if agreed.retail is not None]
    prefetch_related_objects([one for one in retails if one.markup_kind == PartnerPrice.MarkupKind.AMOUNT], "markups")
    return found


def _offer(row: Any, buyer: Organization, agreed: Agreed) -> Offer | None:
    listed = listed_amounts(row)
    if buyer.kind == Organization.Kind.CUSTOMER and buyer.reseller is None:
        return Offer(row.plan_id, row.term_months, row.currency, published(listed, Level.MSP, row.currency))
    markup = agreed.markup(row.currency, row.term_months)
    discount = agreed.discount_percent
    retail = (
        published(listed, Level.RETAIL, row.currency, partner_discount_percent=discount, markup=markup)
        if markup is not None
        else None
    )
    if buyer.kind == Organization.Kind.RESELLER:
        cost = published(listed, Level.WHOLESALE, row.currency, partner_discount_percent=discount)
        return Offer(row.plan_id, row.term_months, row.currency, cost, retail)
    return None if retail is None else Offer(row.plan_id, row.term_months, row.currency, retail)


def listed_amounts(row: PlanPrice) -> Amounts:
    """Return the MSP's list price as the chain walks it."""
    return Amounts(row.price, row.setup_fee, row.overage_price)


def _listed(plan: Plan, currency: str, term_months: int, on: date) -> Amounts:
    row = PlanPrice.objects.in_force(on).filter(plan=plan, currency=currency, term_months=term_months).first()
    if row is None:
        raise NoPrice(f"{plan} has no price in {currency} for {_words(term_months)}.")
    return listed_amounts(row)


def _sold(level: Level, currency: str, listed: Amounts, agreed: Agreed, markup: Markup, override: Override | None) -> SoldPrice:
    steps = walk(listed, level, partner_discount_percent=agreed.discount_percent, markup=markup, override=override)
    return SoldPrice(level, currency, steps[-1].amounts.rounded(currency), steps)


def _amounts_json(amounts: Amounts) -> dict[str, str | None]:
    return {
        "price": _text(amounts.price),
        "setup_fee": _text(amounts.setup_fee),
        "overage_price": _text(amounts.overage_price),
    }


def _amounts(told: Mapping[str, Any]) -> Amounts:
    return Amounts(Decimal(told["price"]), Decimal(told["setup_fee"]), _number(told["overage_price"]))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _words(term_months: int) -> str:
    return "1 month" if term_months == 1 else f"{term_months} months"
