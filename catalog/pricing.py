"""
The chain of prices of a fixed plan. Plain values, no database, no clock.

MSP price → less the reseller's discount = wholesale, which the MSP invoices the reseller → plus the reseller's markup, less its
discount = retail, which the reseller invoices its customer. A direct customer pays the MSP price. Price, setup fee and overage
price each walk the same chain; a markup by amount is added to the price and the overage price, never to the setup fee.

For one sale the MSP may agree another price with its buyer: it takes the place of the MSP price or of wholesale, and the chain
goes on from there.

Every step is exact; what is published, or sold, is rounded once at its end: price and setup fee to the currency's minor unit, the
overage price, a unit price, to ten decimals. The margin is the difference of two published prices, so it is exact too.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum

from common.money import round_money

DIGITS = 100  # more than every decimal of a price and three percentages
NOTHING = Decimal(0)
TEN_DECIMALS = Decimal(1).scaleb(-10)


class Level(StrEnum):
    """Who sells to whom, which decides how far the chain of prices is walked."""

    MSP = "msp"
    WHOLESALE = "wholesale"
    RETAIL = "retail"


@dataclass(frozen=True, slots=True)
class Amounts:
    """
    What one unit of a plan costs for one term, excluding VAT, in one currency.

    ``overage_price`` is per GB (1024³ bytes) above the quota, and month; None where the plan sells no overage.
    """

    price: Decimal
    setup_fee: Decimal = NOTHING
    overage_price: Decimal | None = None

    def minus(self, percent: Decimal) -> "Amounts":
        return self._times((100 - percent) / Decimal(100))

    def plus(self, percent: Decimal, overage_percent: Decimal) -> "Amounts":
        marked_up = self._times((100 + percent) / Decimal(100))
        overage = None if self.overage_price is None else self.overage_price * (100 + overage_percent) / Decimal(100)
        return replace(marked_up, overage_price=overage)

    def plus_amount(self, amount: Decimal, overage_amount: Decimal) -> "Amounts":
        overage = None if self.overage_price is None else self.overage_price + overage_amount
        return replace(self, price=self.price + amount, overage_price=overage)

    def rounded(self, currency: str) -> "Amounts":
        """Return what is published: money rounded half up to the minor unit, the overage price to ten decimals."""
        overage = None if self.overage_price is None else self.overage_price.quantize(TEN_DECIMALS, rounding=ROUND_HALF_UP)
        return Amounts(round_money(self.price, currency), round_money(self.setup_fee, currency), overage)

    def less(self, other: "Amounts") -> "Amounts":
        """Return the difference: of two published levels, the margin."""
        both = self.overage_price is not None and other.overage_price is not None
        overage = self.overage_price - other.overage_price if both else None  # type: ignore[operator]
        return Amounts(self.price - other.price, self.setup_fee - other.setup_fee, overage)

    def _times(self, factor: Decimal) -> "Amounts":
        overage = None if self.overage_price is None else self.overage_price * factor
        return Amounts(self.price * factor, self.setup_fee * factor, overage)


@dataclass(frozen=True, slots=True)
class Markup:
    """
    What a reseller takes on its cost: ``percent``, or ``amount`` where that is given, and then its ``discount_percent`` less.

    ``overage_percent`` None is the same as ``percent``. Amounts are per unit and term, ``overage_amount`` per GB and month.
    """

    percent: Decimal = NOTHING
    overage_percent: Decimal | None = None
    amount: Decimal | None = None
    overage_amount: Decimal = NOTHING
    discount_percent: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class Override:
    """Another price that the MSP sells at for once: per unit and term, and the setup fee per unit; None leaves the chain's."""

    price: Decimal | None = None
    setup_fee: Decimal | None = None

    def on(self, cost: Amounts) -> Amounts:
        """Return ``cost`` with what is overridden in its place; the overage price stays."""
        price = cost.price if self.price is None else self.price
        return replace(cost, price=price, setup_fee=cost.setup_fee if self.setup_fee is None else self.setup_fee)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain: ``amounts`` after it, exact. ``factor`` is a percentage or an amount; None where the chain begins."""

    name: str
    factor: Decimal | None
    amounts: Amounts


def walk(
    listed: Amounts,
    level: Level,
    *,
    partner_discount_percent: Decimal = NOTHING,
    markup: Markup | None = None,
    override: Override | None = None,
) -> list[Step]:
    """
    Walk from the MSP's list price to ``level``; steps that change nothing are left out.

    :param markup: the reseller's; None is none. Only the retail level looks at it.
    :param override: what the MSP sells at instead, in the currency of ``listed``. Its step is there even where it changes nothing.
    """
    with localcontext() as context:
        context.prec = DIGITS
        steps = [Step("list_price", None, listed)]

        def go_on(name: str, factor: Decimal, amounts: Amounts) -> None:
            if amounts != steps[-1].amounts:
                steps.append(Step(name, factor, amounts))

        if level is not Level.MSP:
            go_on("partner_discount", partner_discount_percent, listed.minus(partner_discount_percent))
        if override is not None:
            steps.append(Step("override", None, override.on(steps[-1].amounts)))
        if level is Level.RETAIL and markup is not None:
            cost = steps[-1].amounts
            if markup.amount is not None:
                go_on("retail_markup_amount", markup.amount, cost.plus_amount(markup.amount, markup.overage_amount))
            else:
                overage = markup.percent if markup.overage_percent is None else markup.overage_percent
                go_on("retail_markup", markup.percent, cost.plus(markup.percent, overage))
            go_on("retail_discount", markup.discount_percent, steps[-1].amounts.minus(markup.discount_percent))
        return steps


def published(
    listed: Amounts, level: Level, currency: str, *, partner_discount_percent: Decimal = NOTHING, markup: Markup | None = None
) -> Amounts:
    """Return what is shown and sold at ``level``: the end of the chain, rounded once."""
    return walk(listed, level, partner_discount_percent=partner_discount_percent, markup=markup)[-1].amounts.rounded(currency)
