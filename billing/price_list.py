"""
What a plan costs a buyer now, for the shop page: the newest rate card in force, walked down the same chain that invoices walk.

A buyer gets only the price at its own end of the chain. Cost, wholesale and the percentages between them never leave this module.
"""

from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

from django.db.models import DecimalField, F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Organization
from billing.models import ExchangeRate, Rate, RateCard
from billing.printed import quantity_text
from billing.rating import TEN_DECIMALS, Level, PriceChain, RateTerms, price_steps
from billing.use_terms import UseTerms, annotations, use_terms
from catalog.item_names import edition_label, item_label
from catalog.models import PartnerPrice, PartnerTerms, Plan

_UNIT_WORDS = {"GiB": "GiB", "unit": "unit", "hour": "hour"}
_ONCE = "sum"  # what is added up over the month is paid per piece, not per piece and month


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """What one unit costs this buyer, excluding VAT, with up to ten decimals; ``per`` says unit and period, and the tier if any."""

    item: str
    label: str
    unit_price: Decimal
    per: str


@dataclass(frozen=True, slots=True)
class PriceGroup:
    edition: str
    label: str
    prices: list[ListedPrice]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Every price of a plan in ``currency``, by edition, from the card of ``month``."""

    currency: str
    month: date
    is_buyers_currency: bool
    """False where no exchange rate leads to the buyer's currency, so the seller's is shown."""
    groups: list[PriceGroup]
    terms: UseTerms
    """What each month includes at no charge, and costs at least."""


@dataclass(frozen=True, slots=True)
class PartnerRate:
    """What one unit costs a reseller and what its customers pay, excluding VAT, in one currency; ``margin`` is the difference."""

    item: str
    label: str
    per: str
    cost: Decimal
    retail: Decimal

    @property
    def margin(self) -> Decimal:
        return self.retail - self.cost


@dataclass(frozen=True, slots=True)
class PartnerRates:
    """Every rate of a plan for one currency of a reseller's customers, by edition, from the card of ``month``."""

    currency: str
    month: date
    groups: list[tuple[str, list[PartnerRate]]]


def price_list(*, plan: Plan, buyer: Organization, today: date) -> PriceList | None:
    """
    Return what ``plan`` costs ``buyer``: MSP price, wholesale for a reseller, retail for a reseller's customer.

    None where no rate card is in force on ``today``. Two queries, however many prices.
    """
    card = _card_in_force(plan, buyer, today, buyer.currency)
    if card is None:
        return None
    chain = _chain(card, buyer, buyer.currency)
    prices = _in_order(card, plan)
    return PriceList(
        currency=chain.invoice_currency,
        month=card.month,
        is_buyers_currency=chain.invoice_currency == buyer.currency,
        groups=[
            PriceGroup(edition, _label(edition, plan), [_listed(rate, card, chain) for rate in rates])
            for edition, rates in groupby(prices, key=lambda rate: rate.edition)
        ],
        terms=use_terms(card, buyer, chain),
    )


def partner_rates(
    *, plan: Plan, reseller: Organization, currency: str, markup_percent: Decimal, discount_percent: Decimal, today: date
) -> PartnerRates | None:
    """
    Return what ``reseller`` pays for each thing metered, and what its customers would pay at that markup and discount.

    None where no rate card is in force on ``today``, or no exchange rate leads to ``currency``. Two queries.
    """
    card = _card_in_force(plan, reseller, today, currency)
    if card is None:
        return None
    wholesale = _chain(card, reseller, currency)
    if wholesale.invoice_currency != currency:
        return None
    retail = replace(wholesale, level=Level.RETAIL, retail_markup_percent=markup_percent, retail_discount_percent=discount_percent)
    prices = _in_order(card, plan)
    groups = [
        (_label(edition, plan), [_partner_rate(_listed(rate, card, wholesale), _listed(rate, card, retail)) for rate in rates])
        for edition, rates in groupby(prices, key=lambda rate: rate.edition)
    ]
    return PartnerRates(currency, card.month, groups)


def _card_in_force(plan: Plan, buyer: Organization, today: date, currency: str) -> RateCard | None:
    """The newest version of the latest month that has begun, with what stands between its prices and this buyer's."""
    seller = buyer if buyer.kind == Organization.Kind.RESELLER else buyer.reseller
    terms = PartnerTerms.objects.filter(plan=plan, reseller=seller)
    retail = PartnerPrice.objects.filter(plan=plan, reseller=seller)
    rates = ExchangeRate.objects.filter(base=OuterRef("base_currency"), quote=currency, valid_from__lte=today)
    return (
        RateCard.objects.filter(product_group=plan.product_group_id, month__lte=today)
        .annotate(
            to_buyers_currency=Subquery(rates.order_by("-valid_from").values("rate")[:1]),
            partner_discount=_percent(terms, "discount_percent"),
            retail_markup=_percent(retail, "markup_percent"),
            retail_discount=_percent(retail, "discount_percent"),
            **annotations(plan, currency, today),
        )
        .prefetch_related("rates")
        .order_by("-month", "-version")
        .first()
    )


def _percent(rows: QuerySet[PartnerTerms] | QuerySet[PartnerPrice], column: str) -> Coalesce:
    field: DecimalField[Decimal, Decimal] = DecimalField(max_digits=7, decimal_places=3)
    return Coalesce(Subquery(rows.values_list(F(column))[:1]), Value(Decimal(0)), output_field=field)


def _chain(card: RateCard, buyer: Organization, currency: str) -> PriceChain:
    same = card.base_currency == currency
    rate = Decimal(1) if same else card.to_buyers_currency  # type: ignore[attr-defined]
    return PriceChain(
        base_currency=card.base_currency,
        invoice_currency=card.base_currency if rate is None else currency,
        exchange_rate=Decimal(1) if rate is None else rate,
        partner_discount_percent=card.partner_discount,  # type: ignore[attr-defined]
        retail_markup_percent=card.retail_markup,  # type: ignore[attr-defined]
        retail_discount_percent=card.retail_discount,  # type: ignore[attr-defined]
        level=_level(buyer),
    )


def _level(buyer: Organization) -> Level:
    if buyer.kind == Organization.Kind.RESELLER:
        return Level.WHOLESALE
    return Level.MSP if buyer.reseller is None else Level.RETAIL


def _listed(rate: Rate, card: RateCard, chain: PriceChain) -> ListedPrice:
    terms = RateTerms(
        item=rate.item,
        edition=rate.edition,
        unit=rate.unit,
        cost=rate.cost,
        price=rate.price,
        aggregation=rate.aggregation,
        card=str(card.pk),
        currency=card.currency,
        exchange_rate=card.exchange_rate,
        base_currency=card.base_currency,
    )
    exact = price_steps(terms, chain)[-1].amount
    return ListedPrice(
        item=rate.item,
        label=item_label(rate.item),
        unit_price=exact.quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP),
        per=_per(rate),
    )


def _per(rate: Rate) -> str:
    unit = _UNIT_WORDS[rate.unit]
    words = unit if rate.aggregation == _ONCE else f"{unit} and month"
    return f"{words}, {tier_text(rate)}" if rate.tier_mode else words


def tier_text(rate: Rate) -> str:
    """Say for how much of a month's use a tier's price is; a volume tier that is reached is for all of it."""
    above = f"above {quantity_text(rate.tier_from)}" if rate.tier_from else ""
    up_to = f"up to {quantity_text(rate.tier_to)}" if rate.tier_to is not None else ""
    words = " ".join(filter(None, (above, up_to)))
    return f"for all of it if {words}" if rate.tier_mode == Rate.TierMode.VOLUME else words


def _partner_rate(cost: ListedPrice, retail: ListedPrice) -> PartnerRate:
    return PartnerRate(cost.item, cost.label, cost.per, cost.unit_price, retail.unit_price)


def _in_order(card: RateCard, plan: Plan) -> list[Rate]:
    """Return the rates by edition, then as the sheet has them, the tiers of an item together and from low to high."""
    first: dict[tuple[str, str], int] = {}
    rates = sorted(card.rates.all(), key=lambda rate: rate.line)
    for rate in rates:
        first.setdefault((rate.item, rate.edition), rate.line)
    return sorted(rates, key=lambda rate: (*_place(rate.edition, plan), first[rate.item, rate.edition], rate.tier_from))


def _place(edition: str, plan: Plan) -> tuple[bool, bool, str]:
    """Protection, which everybody buys it for, first; what belongs to no edition last."""
    return (edition == "", not edition.startswith("pck_"), _label(edition, plan))


def _label(edition: str, plan: Plan) -> str:
    """In the words of the order form: an edition that stands in for File Sync & Share "per workload" is called so."""
    if edition == plan.sold_through.fss_per_workload_edition:
        return "File Sync & Share, per workload"
    return edition_label(edition)
