"""What a change of a subscription is quoted at: what stands before and after, what is due, from which day. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from catalog.pricing import Level
from ordering.amendment_terms import AmendmentWish, Row, RunsUnder
from ordering.models import OrderLine

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Part:
    """Days of the present month or term at one price, and what they cost; an amount below zero is given back."""

    words: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class EndCost:
    """
    What the change costs at one end of the sale, in ``currency``, excl. VAT.

    :param parts: how the month or term that runs is billed, before and after the change.
    :param due_now: what is invoiced because of it at once, and paid before it is carried out: a prepaid term's difference.
    :param credited: what of a prepaid term is given back, as a positive amount.
    :param overage_first: what was used above the quota so far and is invoiced before the change.
    :param next_invoice_on: the day of the next regular invoice; None where there is none any more.
    """

    level: Level
    currency: str
    parts: Sequence[Part] = ()
    due_now: Decimal = NOTHING
    credited: Decimal = NOTHING
    overage_first: Decimal = NOTHING
    next_invoice_on: date | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON, every number a decimal string."""
        return {
            "level": self.level.value,
            "currency": self.currency,
            "parts": [[part.words, f"{part.amount:f}"] for part in self.parts],
            "due_now": f"{self.due_now:f}",
            "credited": f"{self.credited:f}",
            "overage_first": f"{self.overage_first:f}",
            "next_invoice_on": self.next_invoice_on.isoformat() if self.next_invoice_on else None,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "EndCost":
        """Return what `as_json` told."""
        return cls(
            level=Level(told["level"]),
            currency=told["currency"],
            parts=[Part(words, Decimal(amount)) for words, amount in told["parts"]],
            due_now=Decimal(told["due_now"]),
            credited=Decimal(told["credited"]),
            overage_first=Decimal(told["overage_first"]),
            next_invoice_on=date.fromisoformat(told["next_invoice_on"]) if told["next_invoice_on"] else None,
        )


@dataclass(frozen=True)
class AmendmentQuote:
    """
    What one reader is told before confirming a change.

    :param heading: what is asked for in a few words: Quantity 1 → 2.
    :param rows: what stands before and after; rows that stay are told too, see `Row.has_changed`.
    :param first_day: the first day under what is new, in the MSP's time zone; of a cancellation the first that is not served.
    :param costs: the reader's own end of the sale first; a reseller, and staff, are told what its customer is invoiced, too. Empty
        where all is priced by use.
    :param fingerprint: changes with everything the reader agrees to; sent back when the change is ordered.
    """

    wish: AmendmentWish
    heading: str
    before: RunsUnder
    after: RunsUnder
    rows: Sequence[Row]
    first_day: date
    costs: Sequence[EndCost] = ()
    warnings: Sequence[str] = field(default_factory=list)
    fingerprint: str = ""

    @property
    def own(self) -> EndCost | None:
        """The reader's own end; None where it is priced by use."""
        return self.costs[0] if self.costs else None

    @property
    def customer(self) -> EndCost | None:
        """What a reseller's customer is invoiced, for the reseller and for staff."""
        return self.costs[1] if len(self.costs) > 1 else None

    @property
    def last_day(self) -> date:
        """Of a cancellation: the last day that is served and billed."""
        return self.first_day - timedelta(days=1)

    @property
    def is_cancellation(self) -> bool:
        return self.wish.kind == OrderLine.Kind.CANCEL
