"""
Which buyers of a billing run stand out against the month before, and which drafts are held back. Pure: values in, values out.

A flag tells somebody to look; it stops nothing. A rule holds a draft: it is not issued until somebody releases it. Amounts are
nets, in the currency of the invoices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from common.errors import DomainError
from common.money import round_money

BY_HAND = "By hand: "
"""How a reason begins that a person gave; rules leave such a draft alone."""

LARGEST_AMOUNT = Decimal(10) ** 12
LARGEST_PERCENT = Decimal(100_000)


class RulesMalformed(DomainError):
    """The rules say something that is no rule, no currency or no number."""


class Flag(StrEnum):
    """What stands out about one buyer and currency."""

    NEW = "new"
    GONE = "gone"
    CHANGED = "changed"
    ZERO = "zero"
    UNRATED = "unrated"
    PARKED = "parked"
    HELD = "held"


FLAG_NAMES = {
    Flag.NEW: "New",
    Flag.GONE: "Gone",
    Flag.CHANGED: "Changed",
    Flag.ZERO: "Zero",
    Flag.UNRATED: "Missing rate",
    Flag.PARKED: "Parked",
    Flag.HELD: "Held",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds a draft back. `Rules()` holds nothing."""

    above: Mapping[str, Decimal] = field(default_factory=dict)
    """By currency: a draft of more than this is held."""
    below: Mapping[str, Decimal] = field(default_factory=dict)
    """By currency: a draft of less than this is held."""
    change_percent: Decimal | None = None
    """A buyer whose month differs from the month before by more than this, either way, is held."""
    new_customers: bool = False
    """The first invoice of a buyer is held."""
    not_positive: bool = False
    adjustments: bool = False
    unrated: bool = False
    """Who used something that the rate card has no rate for is held."""
    flag_percent: Decimal = Decimal(30)
    """A change of at least this is flagged; it holds nothing."""

    @property
    def holds_nothing(self) -> bool:
        """Whether no draft can break these rules."""
        switches = self.new_customers or self.not_positive or self.adjustments or self.unrated
        return not (self.above or self.below or switches) and self.change_percent is None

    @classmethod
    def from_json(cls, told: Any) -> "Rules":
        """
        Read rules as `as_json` writes them; what is not told is as in `Rules()`.

        :raises RulesMalformed: ``told`` is something else.
        """
        if not isinstance(told, dict) or (unknown := told.keys() - cls.__slots__):
            raise RulesMalformed(f"There is no such rule: {', '.join(sorted(unknown)) if isinstance(told, dict) else told}.")
        switches = ("new_customers", "not_positive", "adjustments", "unrated")
        change = told.get("change_percent")
        return cls(
            above=_amounts(told.get("above", {})),
            below=_amounts(told.get("below", {})),
            change_percent=None if change is None else _percent(change),
            **{name: told.get(name) is True for name in switches},
            flag_percent=_percent(told.get("flag_percent", "30")),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the rules as JSON holds them, numbers as strings."""
        return {
            "above": {currency: f"{amount:f}" for currency, amount in sorted(self.above.items())},
            "below": {currency: f"{amount:f}" for currency, amount in sorted(self.below.items())},
            "change_percent": None if self.change_percent is None else f"{self.change_percent:f}",
            "new_customers": self.new_customers,
            "not_positive": self.not_positive,
            "adjustments": self.adjustments,
            "unrated": self.unrated,
            "flag_percent": f"{self.flag_percent:f}",
        }


USUAL = Rules(not_positive=True)
"""What a seller's first run holds: what is almost always a mistake. Items often have no rate on purpose; that is flagged only."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the rules look at in one draft."""

    currency: str
    net: Decimal
    now: Decimal
    """All that the buyer is billed in this currency for the month, issued and not."""
    last: Decimal | None
    """The same for the month before; None: nothing was billed."""
    is_new: bool
    has_adjustments: bool
    has_unrated: bool


def reason_to_hold(rules: Rules, facts: Facts) -> str:
    """Return in sentences why the draft is held, one for each rule it breaks; nothing where it may be issued."""
    net = _money(facts.net, facts.currency)
    reasons = []
    above, below = rules.above.get(facts.currency), rules.below.get(facts.currency)
    if above is not None and facts.net > above:
        reasons.append(f"Net {net} is more than {_money(above, facts.currency)}.")
    if below is not None and facts.net < below:
        reasons.append(f"Net {net} is less than {_money(below, facts.currency)}.")
    if rules.not_positive and facts.net <= 0:
        reasons.append(f"Net {net} is not more than nothing.")
    change = change_percent(facts.now, facts.last)
    if rules.change_percent is not None and change is not None and abs(change) > rules.change_percent:
        assert facts.last is not None
        reasons.append(
            f"The month comes to {_money(facts.now, facts.currency)} after {_money(facts.last, facts.currency)}: "
            f"{change:+.0f} % where {_plain(rules.change_percent)} % are allowed."
        )
    if rules.new_customers and facts.is_new:
        reasons.append("It is the first invoice of this buyer.")
    if rules.adjustments and facts.has_adjustments:
        reasons.append("It corrects what was billed before.")
    if rules.unrated and facts.has_unrated:
        reasons.append("Something was used that the rate card has no rate for.")
    return " ".join(reasons)


def flags(
    *, now: Decimal | None, last: Decimal | None, threshold: Decimal, has_unrated: bool, is_parked: bool, is_held: bool
) -> frozenset[Flag]:
    """Return what stands out; ``now`` and ``last`` are None where nothing is billed in that month."""
    change = change_percent(now, last)
    found = {
        Flag.NEW: now is not None and last is None,
        Flag.GONE: now is None and last is not None,
        Flag.CHANGED: change is not None and abs(change) >= threshold,
        Flag.ZERO: now == 0,
        Flag.UNRATED: has_unrated,
        Flag.PARKED: is_parked,
        Flag.HELD: is_held,
    }
    return frozenset(flag for flag, is_so in found.items() if is_so)


def change_percent(now: Decimal | None, last: Decimal | None) -> Decimal | None:
    """Return by how many percent of ``last`` the month grew, unrounded; None where one is missing or ``last`` was nothing."""
    if now is None or not last:
        return None
    return (now - last) * 100 / abs(last)


def _amounts(told: Any) -> dict[str, Decimal]:
    if not isinstance(told, dict):
        raise RulesMalformed("Amounts are told by currency.")
    for currency in told:
        if not (isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()):
            raise RulesMalformed(f"“{currency}” is not a currency.")
    return {currency: _number(amount, -LARGEST_AMOUNT, LARGEST_AMOUNT) for currency, amount in told.items()}


def _percent(told: Any) -> Decimal:
    return _number(told, Decimal(0), LARGEST_PERCENT)


def _number(told: Any, least: Decimal, most: Decimal) -> Decimal:
    try:
        number = Decimal(told) if isinstance(told, str) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or not least <= number <= most:
        raise RulesMalformed(f"“{told}” is not a number from {_plain(least)} to {_plain(most)}.")
    return number


def _money(amount: Decimal, currency: str) -> str:
    return f"{round_money(amount, currency):,f} {currency}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
