"""Rate cards, exchange rates and taxes of a month, read for many accounts at once: the number of queries grows with nothing."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal

from billing.models import ExchangeRate, Rate, RateCard
from billing.rating import PriceChain, RateTerms, Tariff, Tier
from catalog.models import ProductGroup
from common.errors import DomainError
from common.periods import Period


class MissingRateCard(DomainError):
    """A product group has no rate card for the month nor for any month before."""


class MissingExchangeRate(DomainError):
    """There is no rate between the seller's base currency and the buyer's that is valid in the month."""


@dataclass(frozen=True, slots=True)
class TaxTerms:
    name: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Card:
    """A rate card as billing uses it. ``sentence`` says which it is, and that it is an older one where that is so."""

    sentence: str
    base_currency: str
    rates: tuple[RateTerms, ...]


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The rate cards, exchange rates and taxes that count for one period."""

    period: Period
    cards: dict[int, Card]
    exchange_rates: dict[tuple[str, str], Decimal]
    taxes: dict[int, tuple[TaxTerms, ...]]
    group_names: dict[int, str]
    _tariffs: dict[tuple[int, PriceChain], Tariff] = field(default_factory=dict)

    def card_of(self, product_group: int) -> Card:
        """
        Return the card of a product group: the last version of the month, else of the latest month before.

        :raises MissingRateCard: there is none.
        """
        if (card := self.cards.get(product_group)) is None:
            name = self.group_names.get(product_group, "")
            raise MissingRateCard(f"“{name}” has no rate card for {self.period} nor for any month before. Import one.")
        return card

    def exchange_rate(self, base: str, quote: str) -> Decimal:
        """
        Return what one unit of ``base`` is in ``quote`` on the last day of the period.

        :raises MissingExchangeRate: there is none.
        """
        if base == quote:
            return Decimal(1)
        if (rate := self.exchange_rates.get((base, quote))) is None:
            raise MissingExchangeRate(
                f"There is no exchange rate from {base} to {quote} valid on {self.period.last_day}. Enter one."
            )
        return rate

    def tariff(self, product_group: int, chain: PriceChain) -> Tariff:
        """Return the group's card as buyers pay it who buy along ``chain``; made once for all of them."""
        if (tariff := self._tariffs.get((product_group, chain))) is None:
            card = self.card_of(product_group)
            tariff = self._tariffs[product_group, chain] = Tariff(card.rates, chain, sentence=card.sentence)
        return tariff


def price_book(product_groups: Collection[int], period: Period) -> PriceBook:
    """Read the cards, exchange rates and taxes that count for ``product_groups`` in ``period``."""
    names = dict(ProductGroup.objects.filter(pk__in=product_groups).values_list("pk", "name"))
    return PriceBook(period, _cards(product_groups, period), _exchange_rates(period), _taxes(product_groups), names)


def _cards(product_groups: Collection[int], period: Period) -> dict[int, Card]:
    month = period.start.replace(day=1)
    cards = (
        RateCard.objects.filter(product_group__in=product_groups, month__lte=month)
        .order_by("product_group_id", "-month", "-version")
        .distinct("product_group_id")
        .select_related("product_group")
    )
    found = {card.pk: card for card in cards}
    rows: dict[int, list[Rate]] = defaultdict(list)
    for rate in Rate.objects.filter(rate_card__in=list(found)).order_by("rate_card_id", "line"):
        rows[rate.rate_card_id].append(rate)
    return {
        card.product_group_id: Card(_sentence(card, period), card.base_currency, terms_of(card, rows[card.pk]))
        for card in found.values()
    }


def terms_of(card: RateCard, rates: list[Rate]) -> tuple[RateTerms, ...]:
    """Return ``rates`` as rating wants them: the rows of one item and edition are the tiers of one rate."""
    grouped: dict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in rates:
        grouped[rate.item, rate.edition].append(rate)
    return tuple(_terms(card, sorted(rows, key=lambda row: row.tier_from)) for rows in grouped.values())


def _terms(card: RateCard, rows: list[Rate]) -> RateTerms:
    first = rows[0]
    return RateTerms(
        item=first.item,
        edition=first.edition,
        unit=first.unit,
        cost=first.cost,
        price=first.price,
        aggregation=first.aggregation,
        card=str(card),
        currency=card.currency,
        exchange_rate=card.exchange_rate,
        base_currency=card.base_currency,
        mode=first.tier_mode,
        tiers=tuple(Tier(row.tier_from, row.tier_to, row.cost, row.price) for row in rows) if first.tier_mode else (),
    )


def _sentence(card: RateCard, period: Period) -> str:
    stale = "" if card.month == period.start.replace(day=1) else f"; there is none for {period.start:%Y-%m}"
    return f"{card}{stale}"


def _exchange_rates(period: Period) -> dict[tuple[str, str], Decimal]:
    rates = (
        ExchangeRate.objects.filter(valid_from__lte=period.last_day)
        .order_by("base", "quote", "-valid_from")
        .distinct("base", "quote")
        .values_list("base", "quote", "rate")
    )
    return {(base, quote): rate for base, quote, rate in rates}


def _taxes(product_groups: Collection[int]) -> dict[int, tuple[TaxTerms, ...]]:
    found: dict[int, list[TaxTerms]] = defaultdict(list)
    rows = ProductGroup.taxes.through.objects.filter(productgroup__in=product_groups).order_by("tax__name")
    for group, name, percent in rows.values_list("productgroup_id", "tax__name", "tax__percent"):
        found[group].append(TaxTerms(name, percent))
    return {group: tuple(taxes) for group, taxes in found.items()}
