"""
What is left between what something was bought and sold for. Plain values, no database.

Amounts of two currencies are never taken from each other: where they differ, a conversion says by which exchange rate, and without
one there is no margin to tell. A margin is in the currency it was paid in; its percentage is a share of what was got.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple

from common.money import round_money

NOTHING, HUNDRED = Decimal(0), Decimal(100)
DIGITS = 60


class Amount(NamedTuple):
    value: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """One unit of ``base`` is ``rate`` of ``quote``, from ``valid_from`` on; used in either direction."""

    base: str
    quote: str
    rate: Decimal
    valid_from: date

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote}"

    def convert(self, amount: Amount, currency: str) -> Decimal:
        """
        Return ``amount`` in ``currency``, rounded to its minor unit.

        :raises ValueError: the rate is not between the two.
        """
        with localcontext() as context:
            context.prec = DIGITS
            if (amount.currency, currency) == (self.base, self.quote):
                return round_money(amount.value * self.rate, currency)
            if (amount.currency, currency) == (self.quote, self.base):
                return round_money(amount.value / self.rate, currency)
        raise ValueError(f"{self} does not lead from {amount.currency} to {currency}.")


@dataclass(frozen=True, slots=True)
class Margin:
    """What was ``paid`` and what was ``got`` for the same; None on the side where there is nothing (yet)."""

    paid: Amount | None
    got: Amount | None
    conversion: Conversion | None = None

    @property
    def amount(self) -> Amount | None:
        """What was got less what was paid, in the currency paid in; None where it cannot be said."""
        if self.paid is None or (got := self.got_converted) is None:
            return None
        return Amount(got - self.paid.value, self.paid.currency)

    @property
    def percent(self) -> Decimal | None:
        """The margin as a share of what was got, to a tenth; None where nothing was got or it cannot be said."""
        if (margin := self.amount) is None or not (got := self.got_converted):
            return None
        with localcontext() as context:
            context.prec = DIGITS
            return (margin.value / got * HUNDRED).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)

    @property
    def got_converted(self) -> Decimal | None:
        """What was got, in the currency paid in."""
        if self.paid is None or self.got is None:
            return None
        if self.got.currency == self.paid.currency:
            return self.got.value
        return self.conversion.convert(self.got, self.paid.currency) if self.conversion else None


def paired(paid: Mapping[str, Decimal], got: Mapping[str, Decimal]) -> list[Margin]:
    """
    Put amounts by currency side by side: those of one currency together, then what is left in the order of currencies.

    Nothing is left out, nothing counted twice: each amount stands in exactly one of what is returned.
    """
    same = sorted(set(paid) & set(got))
    others_paid, others_got = sorted(set(paid) - set(same)), sorted(set(got) - set(same))
    crossed = [
        (others_paid[n] if n < len(others_paid) else "", others_got[n] if n < len(others_got) else "")
        for n in range(max(len(others_paid), len(others_got)))
    ]
    pairs = [*((currency, currency) for currency in same), *crossed]
    return [Margin(Amount(paid[one], one) if one else None, Amount(got[other], other) if other else None) for one, other in pairs]


def together(margins: list[Margin]) -> list[Margin]:
    """Add margins up by their pair of currencies, in the order of these."""
    sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
    conversions: dict[tuple[str, str], Conversion | None] = {}
    for one in margins:
        key = (one.paid.currency if one.paid else "", one.got.currency if one.got else "")
        paid, got = sums.get(key, (NOTHING, NOTHING))
        sums[key] = (paid + (one.paid.value if one.paid else NOTHING), got + (one.got.value if one.got else NOTHING))
        conversions[key] = one.conversion
    return [
        Margin(Amount(paid, bought) if bought else None, Amount(got, sold) if sold else None, conversions[bought, sold])
        for (bought, sold), (paid, got) in sorted(sums.items())
    ]
