"""What a basket or order line costs whoever reads about it: their own end of the chain of prices. Plain values."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from catalog.models import Plan
from catalog.pricing import Amounts, Level
from catalog.queries.offers import SoldPrice

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class End:
    """
    One end of the chain: what is paid there for a line, in ``currency``.

    :param unit: what one unit costs for the term; its overage price is per GB and month, whatever the quantity.
    """

    currency: str
    unit: Amounts
    quantity: int
    term_months: int

    @property
    def price(self) -> Decimal:
        """The price of all units for the whole term. The unit's is rounded already, so this is exact."""
        return self.unit.price * self.quantity

    @property
    def setup_fee(self) -> Decimal:
        """Once, for all units."""
        return self.unit.setup_fee * self.quantity


@dataclass(frozen=True, slots=True)
class Cost:
    """
    What a line costs its reader. ``retail`` is for resellers and staff alone: what the reseller's customer pays the reseller.

    A customer's ``own`` end is what it pays, a reseller's what the MSP invoices it.
    """

    own: End
    retail: End | None = None

    @property
    def margin(self) -> End | None:
        """What a reseller keeps; None without a customer's price, or where the two are in different currencies."""
        if self.retail is None or self.retail.currency != self.own.currency:
            return None
        return replace(self.own, unit=self.retail.unit.less(self.own.unit))

    def as_seen(self) -> dict[str, Any]:
        """Return the prices of one unit as plain JSON: the reader's own and, for a reseller, its customer's."""
        ends = {"own": self.own, "retail": self.retail}
        return {name: as_told(end.currency, end.unit) for name, end in ends.items() if end is not None}


def as_told(currency: str, unit: Amounts) -> dict[str, Any]:
    """Return what one unit costs as plain JSON. Equal amounts are equal texts, however many zeros the database kept."""
    overage = None if unit.overage_price is None else _text(unit.overage_price)
    return {"currency": currency, "price": _text(unit.price), "setup_fee": _text(unit.setup_fee), "overage_price": overage}


def of_sale(prices: Sequence[SoldPrice], *, quantity: int, term_months: int, whose: Level | None) -> Cost | None:
    """
    Return what was sold as one reader may see it; None where it is priced by use.

    :param whose: WHOLESALE for the reseller of the sale, who sees both ends. None, MSP and RETAIL are the consumer: it sees what
        it pays and nothing that stands before it.
    """
    ends = {price.level: End(price.currency, price.amounts, quantity, term_months) for price in prices}
    if whose is Level.WHOLESALE and Level.WHOLESALE in ends:
        return Cost(ends[Level.WHOLESALE], ends.get(Level.RETAIL))
    consumers = ends.get(Level.RETAIL) or ends.get(Level.MSP)
    return None if consumers is None else Cost(consumers)


def due_in_advance(cost: Cost | None, *, billing_model: str, trial_days: int | None) -> Decimal:
    """Return what a line costs its reader before it is carried out, excl. VAT: the term and its setup fee where it is prepaid."""
    if cost is None or billing_model != Plan.BillingModel.PREPAID or trial_days:
        return NOTHING
    return cost.own.price + cost.own.setup_fee


def fingerprint(lines: Iterable[Sequence[Any]]) -> str:
    """Return a short text that changes when anything in ``lines``, plain JSON, does; empty where there is no line."""
    seen = [list(line) for line in lines]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:32] if seen else ""


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
