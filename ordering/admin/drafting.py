"""What the page of a draft tells of placing it, and sends along with “Place order” so that nobody places what was not seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.core import signing

from ordering.models import Order, OrderLine
from ordering.operations import drafts
from ordering.queries import tracking
from ordering.queries.line_facts import differences, line_facts

SHOWN = "ordering.draft-as-shown"
"""Salt of what a page of a draft showed."""


@dataclass(frozen=True, slots=True)
class ToldOutlook:
    """
    What placing a draft would come to, in words.

    :ivar obstacle: why it cannot be placed; empty where it can.
    :ivar changes: what would be placed otherwise than the draft says, one sentence each.
    :ivar sent_along: hidden fields of “Place order”: what was seen, to be compared, and its words, to say what changed.
    """

    obstacle: str
    changes: list[str] = field(default_factory=list)
    sent_along: Mapping[str, str] = field(default_factory=dict)


def told_outlook(order: Order, *, at: datetime) -> ToldOutlook:
    """Tell what placing the draft ``order`` would come to at ``at``."""
    now = drafts.outlook(order, at=at)
    if now.line is None:
        return ToldOutlook(now.obstacle)
    shown = line_facts(now.line, order=order)
    sent_along = {"seen": now.seen, "shown": signing.dumps(shown, salt=SHOWN, compress=True)}
    return ToldOutlook("", differences(line_facts(order.lines.get(), order=order), shown), sent_along)


def changed_since(shown: str, order: Order, *, at: datetime) -> str:
    """Say what is not so any more as a page showed it; ``shown`` is what that page sent along."""
    now = drafts.outlook(order, at=at)
    try:
        before: Mapping[str, str] = signing.loads(shown, salt=SHOWN)
    except signing.BadSignature:
        before = {}
    changes = differences(before, line_facts(now.line, order=order)) if before and now.line is not None else []
    return " ".join(changes) or "Look at what it is now, then place it."


def lost_price(line: OrderLine, *, order: Order) -> str:
    """Say that another price which somebody had set is not in a draft any more; ``line`` as it was."""
    was = ", ".join(f"{label} {words}" for label, words in tracking.line_cost_facts(line, order=order, reader=None)[:1])
    return f"The other price that {line.price_by} had set is not in it any more. It was: {was}. The reason: {line.price_reason}"
