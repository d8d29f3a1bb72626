"""What a rate card would change beside another one: rates that are new, changed and gone. Plain values in, plain values out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, localcontext

from billing.sheets import SheetRow

CENT_OF_A_PERCENT = Decimal("0.01")
DIGITS = 60  # a price with ten decimals times an exchange rate with ten, and the quotient of two such


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What a card's costs and prices are in: one unit of ``currency`` is ``exchange_rate`` of ``base_currency``."""

    currency: str
    exchange_rate: Decimal
    base_currency: str


@dataclass(frozen=True, slots=True)
class RateChange:
    """
    One rate, or tier of one, that is not the same on both cards.

    The percentages say by how much cost and price change, to two decimals; None where there is nothing to compare: the old one is
    0, or the cards have no currency in common.
    """

    old: SheetRow
    new: SheetRow
    cost_percent: Decimal | None
    price_percent: Decimal | None

    @property
    def other_words(self) -> list[tuple[str, str, str]]:
        """Return what changes besides cost and price, as name, old and new."""
        pairs = [
            ("unit", self.old.unit, self.new.unit),
            ("aggregation", self.old.aggregation, self.new.aggregation),
            ("tier to", bound(self.old.tier_to), bound(self.new.tier_to)),
            ("tier mode", self.old.tier_mode or "none", self.new.tier_mode or "none"),
        ]
        return [(name, old, new) for name, old, new in pairs if old != new]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rates in the order of the new card's rows; what is gone in the order of the old one's."""

    new: list[SheetRow] = field(default_factory=list)
    changed: list[RateChange] = field(default_factory=list)
    removed: list[SheetRow] = field(default_factory=list)
    unchanged: int = 0

    @property
    def is_the_same(self) -> bool:
        return not (self.new or self.changed or self.removed)


def compare(old: Iterable[SheetRow], new: Iterable[SheetRow], *, old_terms: CardTerms | None, new_terms: CardTerms) -> Comparison:
    """
    Compare two cards rate by rate; a tier is known by where it begins.

    Cards in different currencies are compared in their base currency: a rate that is worth the same there has not changed.

    :param old_terms: None: there is no card to compare with, and every rate is new.
    """
    before = {_key(row): row for row in old}
    found = Comparison(unchanged=0)
    unchanged = 0
    for row in new:
        present = before.pop(_key(row), None)
        if present is None or old_terms is None:
            found.new.append(row)
        elif (change := _change(present, row, old_terms, new_terms)) is not None:
            found.changed.append(change)
        else:
            unchanged += 1
    return Comparison(found.new, found.changed, list(before.values()), unchanged)


def bound(quantity: Decimal | None) -> str:
    """Write the end of a tier."""
    return "no end" if quantity is None else f"{quantity.normalize():f}"


def percent_of(old: Decimal, new: Decimal) -> Decimal | None:
    """Return by how many percent ``new`` is more than ``old``, to two decimals, half up; None where ``old`` is nothing."""
    if old == 0:
        return Decimal(0) if new == 0 else None
    with localcontext() as context:
        context.prec = DIGITS
        return ((new - old) / old * 100).quantize(CENT_OF_A_PERCENT, rounding=ROUND_HALF_UP)


def _key(row: SheetRow) -> tuple[str, str, Decimal]:
    return row.item, row.edition, row.tier_from.normalize()


def _change(old: SheetRow, new: SheetRow, old_terms: CardTerms, new_terms: CardTerms) -> RateChange | None:
    """Return how a rate changes; None where it stays the same."""
    factors = _factors(old_terms, new_terms)
    if factors is None:
        return RateChange(old, new, None, None)
    with localcontext() as context:
        context.prec = DIGITS
        costs = old.cost * factors[0], new.cost * factors[1]
        prices = old.price * factors[0], new.price * factors[1]
    change = RateChange(old, new, percent_of(*costs), percent_of(*prices))
    is_changed = costs[0] != costs[1] or prices[0] != prices[1] or change.other_words
    return change if is_changed else None


def _factors(old: CardTerms, new: CardTerms) -> tuple[Decimal, Decimal] | None:
    """Return what brings the amounts of both cards to one currency; None where they have none in common."""
    if old.currency == new.currency:
        return Decimal(1), Decimal(1)
    if old.base_currency == new.base_currency:
        return old.exchange_rate, new.exchange_rate
    return None
