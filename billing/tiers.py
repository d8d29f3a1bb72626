"""
The tiers of one item on a rate card, judged as rows of its sheet.

They begin at 0, join without gap or overlap, and the last has no end. A tier goes from a quantity up to and including another, for
what one subscription uses in a month. Plain values in, sentences out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from common.sheets import RowError

GRADUATED, VOLUME = "graduated", "volume"
MODES = (GRADUATED, VOLUME)
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class TierCells:
    """What a row says of its tier. Empty ``mode`` and ``aggregation`` were left empty in the sheet; ``end`` None is no end."""

    line: int
    begin: Decimal
    end: Decimal | None
    mode: str
    aggregation: str

    @property
    def is_whole(self) -> bool:
        """Whether it takes every quantity, as the one row of an item that has no tiers."""
        return self.begin == 0 and self.end is None


def tier_errors(tiers: Iterable[TierCells]) -> list[RowError]:
    """Return all that is wrong with the tiers of one item and edition, each beside its cell."""
    rows = sorted(tiers, key=lambda tier: (tier.begin, tier.line))
    found = [*_first(rows[0]), *(error for pair in pairwise(rows) for error in _joint(*pair)), *_last(rows[-1])]
    return [*found, *_differing(rows, "mode", "Tier mode"), *_differing(rows, "aggregation", "Aggregation")]


def shared_mode(tiers: Sequence[TierCells]) -> str:
    """Return how several tiers are priced: what one of them says, else graduated; empty for one row without bounds."""
    if len(tiers) == 1 and tiers[0].is_whole:
        return ""
    return next((tier.mode for tier in tiers if tier.mode), GRADUATED)


def shared_aggregation(tiers: Iterable[TierCells], default: str) -> str:
    """Return the aggregation of all tiers of an item: what one of them says, else the item's usual one."""
    return next((tier.aggregation for tier in tiers if tier.aggregation), default)


def _first(tier: TierCells) -> list[RowError]:
    if tier.begin == 0:
        return []
    return [RowError(tier.line, "Tier from", f"The first tier of an item begins at 0, not at {_plain(tier.begin)}.")]


def _joint(tier: TierCells, following: TierCells) -> list[RowError]:
    """Say where two neighbours do not join: ``following`` begins where ``tier`` ends, neither later nor earlier."""
    if tier.begin == following.begin:
        return [_twice(tier, following)]
    if tier.end is None:
        begins = f"the next one (row {following.line}) begins at {_plain(following.begin)}"
        return [RowError(tier.line, "Tier to", f"It is missing: only the last tier has no end, and {begins}.")]
    if following.begin > tier.end:
        told = f"There is a gap: the tier before (row {tier.line}) ends at {_plain(tier.end)}, so this one begins there."
        return [RowError(following.line, "Tier from", told)]
    if following.begin < tier.end:
        told = f"It overlaps the tier before (row {tier.line}), which goes up to {_plain(tier.end)}; this one begins there."
        return [RowError(following.line, "Tier from", told)]
    return []


def _twice(tier: TierCells, following: TierCells) -> RowError:
    if tier.is_whole and following.is_whole:
        return RowError(following.line, "Item", f"It stands in row {tier.line} already, with the same edition.")
    return RowError(following.line, "Tier from", f"The tier of row {tier.line} begins at {_plain(tier.begin)} too.")


def _last(tier: TierCells) -> list[RowError]:
    if tier.end is None:
        return []
    told = f"The last tier has no end: leave it empty, or add a row from {_plain(tier.end)} on."
    return [RowError(tier.line, "Tier to", told)]


def _differing(rows: Iterable[TierCells], attribute: str, column: str) -> list[RowError]:
    """All rows of an item that fill in a column say the same there."""
    told = [(tier.line, getattr(tier, attribute)) for tier in sorted(rows, key=lambda tier: tier.line) if getattr(tier, attribute)]
    return [
        RowError(line, column, f"“{value}” here, but “{told[0][1]}” in row {told[0][0]}: all tiers of an item have the same.")
        for line, value in told
        if value != told[0][1]
    ]


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
