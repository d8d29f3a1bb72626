"""What an invoice or another document says, as plain values: the printed document and the e-invoice are both made of this."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Kind = Literal["invoice", "correction", "credit_note", "quote", "statement"]


class LineFacts(NamedTuple):
    """One line; the days are half-open."""

    heading: str
    """Under which end customer and plan it stands."""
    description: str
    period_start: date
    period_end: date
    quantity: Decimal
    """As printed: with so many decimals that quantity × unit price gives the net."""
    unit: str
    unit_price: Decimal
    net: Decimal
    taxes: tuple[tuple[str, Decimal], ...]
    """Name and percent of each."""


class TaxFacts(NamedTuple):
    """One tax, taken once on the sum of the nets it applies to."""

    name: str
    percent: Decimal
    net: Decimal
    tax: Decimal


class Reference(NamedTuple):
    """The invoice that a credit note credits."""

    number: str
    issued_on: date | None


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """All amounts are in ``currency``; those of a credit note are what the buyer gets back, so positive."""

    kind: Kind
    number: str | None
    """None of a draft."""
    issued_on: date | None
    due_on: date | None
    """None of what is not to be paid."""
    period: tuple[date, date]
    """First and last day."""
    currency: str
    language: str
    seller: dict[str, Any]
    """As `Organization.billing_snapshot` tells it, copied when it was issued."""
    buyer: dict[str, Any]
    lines: list[LineFacts]
    taxes: list[TaxFacts]
    net: Decimal
    tax: Decimal
    gross: Decimal
    category: str
    """Of EN 16931, see `taxing`."""
    note: str
    """Why there is no tax; empty where there is."""
    paid: Decimal = Decimal(0)
    """What was paid from the buyer's credit when it was issued."""
    reason: str = ""
    """Why it is credited."""
    reference: Reference | None = None

    @property
    def is_draft(self) -> bool:
        return self.number is None

    @property
    def due(self) -> Decimal:
        """What is left to pay."""
        return self.gross - self.paid


def paid_from_credit(buyer_copy: dict[str, Any]) -> Decimal:
    """Return what was paid from the buyer's credit when its invoice was issued, as the copied buyer tells it."""
    return Decimal(buyer_copy.get("credit_used", 0))
