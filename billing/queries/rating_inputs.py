"""What rating needs of the rows, read for many accounts at once: the number of queries does not grow with accounts or usage."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import DecimalField, F, Func

from billing.models import ExchangeRate, Rate, RateCard, UsageRecord
from billing.rating import RateTerms, Reading, UsageSeries
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

    def card_of(self, group: ProductGroup) -> Card:
        """
        Return the card of ``group``: the last version of the month, else of the latest month before.

        :raises MissingRateCard: there is none.
        """
        if (card := self.cards.get(group.pk)) is None:
            raise MissingRateCard(f"“{group}” has no rate card for {self.period} nor for any month before. Import one.")
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


def price_book(product_groups: Collection[int], period: Period) -> PriceBook:
    """Read the cards, exchange rates and taxes that count for ``product_groups`` in ``period``."""
    return PriceBook(period, _cards(product_groups, period), _exchange_rates(period), _taxes(product_groups))


def usage_by_tenant(tenants: Collection[int], period: Period) -> dict[int, list[UsageSeries]]:
    """Read all production readings of ``tenants`` in ``period``."""
    found: dict[int, list[UsageSeries]] = defaultdict(list)
    for tenant, series in _stream_usage(tenants, period):
        found[tenant].append(series)
    return found


def _stream_usage(tenants: Collection[int], period: Period) -> Iterator[tuple[int, UsageSeries]]:
    """Give one row per tenant, item, edition and storage, its days put together by the database."""
    series = (
        UsageRecord.objects.filter(tenant__in=tenants, day__gte=period.start, day__lt=period.end)
        .order_by()
        .values_list("tenant_id", "item", "edition", "infra_id", "measurement_unit", "is_range")
        .annotate(
            days=ArrayAgg("day", order_by="day"),
            absolutes=ArrayAgg(_without_zeros("absolute"), order_by="day"),
            deltas=ArrayAgg(_without_zeros("delta"), order_by="day"),
            reports=ArrayAgg("report_id", order_by="day"),
            lines=ArrayAgg("report_line", order_by="day"),
        )
    )
    for tenant, item, edition, infra, unit, is_range, days, absolutes, deltas, reports, lines in series.iterator(chunk_size=2000):
        readings = list(map(Reading, days, absolutes, deltas, reports, lines))
        yield tenant, UsageSeries(item, edition, infra, unit, is_range, readings)


def _without_zeros(column: str) -> Func:
    return Func(F(column), function="trim_scale", output_field=DecimalField())


def _cards(product_groups: Collection[int], period: Period) -> dict[int, Card]:
    month = period.start.replace(day=1)
    cards = (
        RateCard.objects.filter(product_group__in=product_groups, month__lte=month)
        .order_by("product_group_id", "-month", "-version")
        .distinct("product_group_id")
        .select_related("product_group")
    )
    found = {card.pk: card for card in cards}
    terms: dict[int, list[RateTerms]] = defaultdict(list)
    rates = Rate.objects.filter(rate_card__in=list(found)).order_by("rate_card_id", "line")
    for rate in rates.values_list("rate_card_id", "item", "edition", "unit", "cost", "price", "aggregation"):
        card = found[rate[0]]
        terms[card.pk].append(RateTerms(*rate[1:], str(card), card.currency, card.exchange_rate, card.base_currency))
    return {
        card.product_group_id: Card(_sentence(card, period), card.base_currency, tuple(terms[card.pk])) for card in found.values()
    }


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
