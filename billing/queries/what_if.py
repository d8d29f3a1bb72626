"""
What customers would pay by another rate card: a past month's usage rated by the card that counts and by the other one.

Amounts are nets, rounded line by line as an invoice rounds them. Where a reseller stands between, a customer has two rows: what the
MSP invoices the reseller (wholesale), and what the reseller invoices its customer (retail). Free units and minimums are heeded.
What is not billed by use is left out: no rate card is about it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

from django.db.models import F, Q, QuerySet

from accounts.models import Organization
from billing.card_changes import percent_of
from billing.models import Rate, RateCard, RateCardDraft, Subscription
from billing.queries import rating_inputs, sold
from billing.queries.charging import Charged, Seen, charges
from billing.queries.rate_cards import card_in_force, rate_of, rows_of
from billing.queries.rating_inputs import Card, PriceBook
from billing.queries.sold import Sold
from catalog.models import Plan, ProductGroup
from catalog.pricing import Level
from common.money import round_money
from common.periods import Period

CUSTOMERS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class OtherCard:
    """
    The card that is tried out, and the one that it is held against for the month.

    :param present: None: no card counts for the month, so nothing can be rated without the other one.
    """

    product_group: ProductGroup
    period: Period
    card: Card
    present: RateCard | None


class _Key(NamedTuple):
    consumer: int
    level: Level
    currency: str


@dataclass(frozen=True, slots=True)
class Impact:
    """
    What one customer's month costs on one level of its sale: ``now``, and ``then`` by the other card.

    None where it cannot be said; ``refusal`` tells why. ``seller`` and ``buyer`` are who invoices whom.
    """

    customer: Organization
    seller: str
    buyer: str
    level: Level
    currency: str
    now: Decimal | None
    then: Decimal | None
    refusal: str = ""

    @property
    def difference(self) -> Decimal | None:
        return self.then - self.now if self.now is not None and self.then is not None else None

    @property
    def percent(self) -> Decimal | None:
        return percent_of(self.now, self.then) if self.now is not None and self.then is not None else None


@dataclass(frozen=True, slots=True)
class ImpactTotal:
    """All rows of one side and currency that can be said both now and then; ``unsaid`` cannot."""

    is_retail: bool
    currency: str
    now: Decimal
    then: Decimal
    rows: int
    unsaid: int

    @property
    def difference(self) -> Decimal:
        return self.then - self.now

    @property
    def percent(self) -> Decimal | None:
        return percent_of(self.now, self.then)


def draft_tried(draft: RateCardDraft, period: Period) -> OtherCard:
    """Hold a draft against the card that counts for ``period``; one that was confirmed, against what counted before it."""
    card = RateCard(
        product_group=draft.product_group,
        month=draft.month,
        version=0,
        currency=draft.currency,
        base_currency=draft.base_currency,
        exchange_rate=draft.exchange_rate,
    )
    rates = [rate_of(card, row) for row in rows_of(draft)]
    present = _held_against(draft.product_group_id, period, draft.card)
    return OtherCard(draft.product_group, period, _as_billing_uses_it(card, rates, str(draft)), present)


def card_tried(card: RateCard, period: Period) -> OtherCard:
    """Hold a card against the one that counts for ``period``; where it is that one itself, against what counted before it."""
    rates = list(Rate.objects.filter(rate_card=card).order_by("line"))
    present = _held_against(card.product_group_id, period, card)
    return OtherCard(card.product_group, period, _as_billing_uses_it(card, rates, str(card)), present)


def customers(other: OtherCard) -> QuerySet[Organization]:
    """Return who used something of the group's plans by use in the month, by name."""
    consumers = _subscriptions(other).values("consumer")
    return Organization.objects.filter(pk__in=consumers).select_related("parent__parent").order_by("name", "pk")


def impacts(other: OtherCard, of: Sequence[Organization]) -> list[Impact]:
    """Return the rows of some customers, in their order. The number of queries does not depend on how many they are."""
    by_pk = {customer.pk: customer for customer in of}
    subscriptions = _subscriptions(other).filter(consumer__in=list(by_pk)).annotate(buyer=F("consumer"))
    found = sold.read(subscriptions, other.period.end)
    seen = [one for service in found for one in _sides(service, by_pk[service.consumer_id])]
    now, then = _books(other, found)
    nows, thens = _sums(charges(seen, now)), _sums(charges(seen, then))
    return [_impact(by_pk[key.consumer], key, nows[key], thens[key]) for key in _ordered(nows, of)]


def all_impacts(other: OtherCard) -> Iterator[Impact]:
    """Give the rows of everybody, `CUSTOMERS_AT_ONCE` customers at a time, so that no number of them fills the memory."""
    everybody = list(customers(other).values_list("pk", flat=True))
    for start in range(0, len(everybody), CUSTOMERS_AT_ONCE):
        batch = everybody[start : start + CUSTOMERS_AT_ONCE]
        yield from impacts(other, list(customers(other).filter(pk__in=batch)))


def totals(rows: Iterable[Impact]) -> list[ImpactTotal]:
    """Add up what the MSP invoices, then what resellers invoice, each by currency."""
    groups: dict[tuple[bool, str], list[Impact]] = defaultdict(list)
    for row in rows:
        groups[row.level is Level.RETAIL, row.currency].append(row)
    return [_total(*key, groups[key]) for key in sorted(groups)]


def _total(is_retail: bool, currency: str, rows: list[Impact]) -> ImpactTotal:
    said = [(row.now, row.then) for row in rows if row.now is not None and row.then is not None]
    now, then = sum((one for one, _ in said), Decimal(0)), sum((one for _, one in said), Decimal(0))
    return ImpactTotal(is_retail, currency, now, then, len(rows), len(rows) - len(said))


def _as_billing_uses_it(card: RateCard, rates: list[Rate], sentence: str) -> Card:
    return Card(sentence, card.base_currency, rating_inputs.terms_of(card, rates))


def _held_against(product_group_id: int, period: Period, tried: RateCard | None) -> RateCard | None:
    present = card_in_force(product_group_id, period.start)
    if tried is None or present != tried:
        return present
    before = Q(month__lt=tried.month) | Q(month=tried.month, version__lt=tried.version)
    cards = RateCard.objects.filter(before, product_group=product_group_id).select_related("product_group")
    return cards.order_by("-month", "-version").first()


def _subscriptions(other: OtherCard) -> QuerySet[Subscription]:
    """Return what was billed by use under a plan of the group on a day of the month."""
    ran = Subscription.objects.billable_in(other.period).filter(billing_model=Plan.BillingModel.PAY_AS_YOU_GO)
    of_group = Q(phases__plan__product_group=other.product_group, phases__valid_from__lt=other.period.end)
    return Subscription.objects.filter(pk__in=ran.filter(of_group).values("pk"))


def _sides(service: Sold, customer: Organization) -> list[Seen]:
    """Return a service as the MSP sells it, and as the reseller does where one stands between."""
    reseller = customer.reseller
    if reseller is not None:
        return [Seen(service, Level.WHOLESALE, reseller.currency), Seen(service, Level.RETAIL, customer.currency)]
    level = Level.WHOLESALE if customer.kind == Organization.Kind.RESELLER else Level.MSP
    return [Seen(service, level, customer.currency)]


def _books(other: OtherCard, services: Iterable[Sold]) -> tuple[PriceBook, PriceBook]:
    """Return what counts in the month with the present card, and with the other one in its place."""
    groups = {phase.product_group for service in services for phase in service.phases} | {other.product_group.pk}
    book = rating_inputs.price_book(groups, other.period)
    without = {group: card for group, card in book.cards.items() if group != other.product_group.pk}
    then = replace(book, cards={**without, other.product_group.pk: other.card}, _tariffs={})
    if other.present is None:
        return replace(book, cards=without, _tariffs={}), then
    rates = list(Rate.objects.filter(rate_card=other.present).order_by("line"))
    present = _as_billing_uses_it(other.present, rates, str(other.present))
    return replace(book, cards={**without, other.product_group.pk: present}, _tariffs={}), then


class _Sum(NamedTuple):
    amount: Decimal
    refusal: str


def _sums(charged: Iterable[Charged]) -> dict[_Key, _Sum]:
    """Add up by customer, level and currency; one refusal refuses the sum."""
    found: dict[_Key, _Sum] = {}
    for one in charged:
        key = _Key(one.seen.sold.consumer_id, one.seen.level, one.currency)
        amount = sum((round_money(dated.charge.net_unrounded, one.currency) for dated in one.charges), Decimal(0))
        before = found.get(key, _Sum(Decimal(0), ""))
        found[key] = _Sum(before.amount + amount, before.refusal or one.refusal)
    return found


def _ordered(sums: Iterable[_Key], of: Sequence[Organization]) -> list[_Key]:
    """Return the keys in the order of the customers, what the MSP invoices first."""
    place = {customer.pk: number for number, customer in enumerate(of)}
    return sorted(sums, key=lambda key: (place[key.consumer], key.level is Level.RETAIL, key.currency))


def _impact(customer: Organization, key: _Key, now: _Sum, then: _Sum) -> Impact:
    reseller = customer.reseller
    is_retail = key.level is Level.RETAIL
    seller = reseller if is_retail else (reseller or customer).parent
    buyer = customer if is_retail or reseller is None else reseller
    return Impact(
        customer,
        seller.name if seller is not None else "",
        buyer.name,
        key.level,
        key.currency,
        None if now.refusal else now.amount,
        None if then.refusal else then.amount,
        now.refusal or then.refusal,
    )
