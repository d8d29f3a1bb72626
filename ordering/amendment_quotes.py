"""What a change of a subscription is quoted at: what stands before and after, what is due, from which day. Plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from catalog.pricing import Level
from common.templatetags.show import day, money
from ordering.amendment_terms import AmendmentWish, Row, RunsUnder
from ordering.models import OrderLine

NOTHING = Decimal(0)
_AMOUNTS = ("more", "less", "due_now", "credited", "overage_first", "next_invoice", "until_end")


@dataclass(frozen=True, slots=True)
class Part:
    """Some days of the running month or term under one price, and what they cost; ``is_new``: they lie after the change."""

    words: str
    amount: Decimal
    is_new: bool


@dataclass(frozen=True, slots=True)
class EndCost:
    """
    What the change costs at one end of the sale, in ``currency``, excl. VAT.

    :param parts: how the running month or term is billed with the change, the days before it and those after.
    :param more: what the change costs more in the running month or term, and ``less`` what of it is not charged, or is given back.
    :param due_now: what is invoiced because of it at once, and paid before it is carried out: a prepaid term's difference.
    :param credited: what of a prepaid term is given back, as a positive amount.
    :param overage_first: what was used above the quota so far and is invoiced before the change.
    :param next_invoice_on: the day from which on the running month is invoiced; None where it is prepaid, or nothing is invoiced.
    :param next_invoice: what that invoice says of the running month, overage apart; nothing where it is billed by use.
    :param until_end: of a planned end: what is billed from the 1st of the running month on up to it, where the price is fixed.
    """

    level: Level
    currency: str
    parts: Sequence[Part] = ()
    more: Decimal = NOTHING
    less: Decimal = NOTHING
    due_now: Decimal = NOTHING
    credited: Decimal = NOTHING
    overage_first: Decimal = NOTHING
    next_invoice_on: date | None = None
    next_invoice: Decimal = NOTHING
    until_end: Decimal = NOTHING

    @property
    def setup_fee(self) -> Decimal:
        """What of the next invoice is no price of days but the fee for setting up, in the month in which the service began."""
        return self.next_invoice - sum((part.amount for part in self.parts), NOTHING) if self.next_invoice else NOTHING

    @property
    def all_parts(self) -> list[Part]:
        """The days, and the fee for setting up where the next invoice has one: together they are that invoice."""
        return [*self.parts, *([Part("Setup fee", self.setup_fee, is_new=False)] if self.setup_fee else [])]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON, every number a decimal string."""
        return {
            "level": self.level.value,
            "currency": self.currency,
            "parts": [[part.words, f"{part.amount:f}", part.is_new] for part in self.parts],
            **{name: f"{getattr(self, name):f}" for name in _AMOUNTS},
            "next_invoice_on": self.next_invoice_on.isoformat() if self.next_invoice_on else None,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "EndCost":
        """Return what `as_json` told."""
        return cls(
            level=Level(told["level"]),
            currency=told["currency"],
            parts=[Part(words, Decimal(amount), is_new) for words, amount, is_new in told["parts"]],
            **{name: Decimal(told[name]) for name in _AMOUNTS},
            next_invoice_on=date.fromisoformat(told["next_invoice_on"]) if told["next_invoice_on"] else None,
        )


def cost_words(cost: EndCost, *, customer: str = "", is_done: bool = False) -> list[str]:
    """
    Say in sentences what a change costs at one end of the sale, what comes first first; amounts are excl. VAT.

    :param customer: who pays, where that is not the reader; empty: the reader does.
    :param is_done: it was carried out, so that what came first is not told as something to come.
    """
    whom = f" to {customer}" if customer else ""

    def amount(of: Decimal) -> str:
        return f"{money(of, cost.currency)} excl. VAT"

    words = []
    if cost.overage_first and not is_done:
        words.append(f"What was used above the quota this month is invoiced{whom} first: {amount(cost.overage_first)}.")
    if cost.due_now and not is_done:
        words.append(f"Invoiced{whom} now, and to be paid before it is carried out: {amount(cost.due_now)}.")
    if cost.credited:
        words.append(f"Given back{whom} of what is paid in advance: {amount(cost.credited)}.")
    if cost.next_invoice_on is not None and cost.next_invoice:
        setup = f", {money(cost.setup_fee, cost.currency)} of it setup fee" if cost.setup_fee else ""
        words.append(f"This month is invoiced{whom} from {day(cost.next_invoice_on)} on: {amount(cost.next_invoice)}{setup}.")
    if cost.until_end and cost.until_end != cost.next_invoice:
        words.append(f"All in all, from the 1st of this month up to the end, is invoiced{whom}: {amount(cost.until_end)}.")
    return words


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
