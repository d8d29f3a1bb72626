"""
What of an issued invoice can still be credited, and what a credit note over a part of it says. Plain values, no database, no clock.

A credit note says what is credited as the invoice said what was billed: an amount of a line that charged is positive, one of a
line that gave something back (an adjustment) is negative. What is left of a line is its net less what was credited of it; of a
tax, its amount less what was credited of it. An invoice and all its credit notes together never come to less than nothing:

- of a line, no more than is left of it, and with the same sign;
- of a tax, no more of what it was taken on than is left of that: who credits a charge whose tax a negative line has lowered
  credits enough of the negative line with it;
- in all, more than nothing and no more than is left of the invoice, tax included. So an invoice in the buyer's favour, and
  one that comes to nothing, cannot be credited: a credit note never charges.

Each tax is taken once on the sum of what is credited of the lines that it is on, rounded half up, as on an invoice (EN 16931,
BR-CO-17), but never more of it than is left, as several parts may round up. With the last of what it was taken on, the rest of the
tax goes. So an invoice and the credit of the whole of it, or of the rest after any number of parts, are zero to the minor unit in
every line, every tax and in all.

Quantity × unit price, rounded once, is the net of every line that is credited: at the price that was invoiced, a quantity with
no more decimals than that needs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import NamedTuple, TypeAlias

from billing.rating import DIGITS, exact_product
from common.errors import DomainError
from common.money import minor_unit, round_money

NOTHING = Decimal(0)
MOST_DECIMALS = 10


class NothingToCredit(DomainError):
    """Nothing is left of the invoice, it is in the buyer's favour, or nothing was chosen."""


class OverCredited(DomainError):
    """More is to be credited than is left of a tax or of the invoice."""


class LineOverCredited(OverCredited):
    """More is to be credited than is left of a line, or something that it does not consist of; `line_id` tells of which."""

    def __init__(self, line_id: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line_id = line_id


class Tax(NamedTuple):
    """A tax as an invoice states it: by name and percent."""

    name: str
    percent: Decimal


class Units(NamedTuple):
    """So much of a line, in its own unit and at its own price; the other way to say how much is an amount."""

    quantity: Decimal


Wish: TypeAlias = Decimal | Units


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    """A line of an issued invoice, and what earlier credit notes credited of it (with the line's own sign)."""

    id: int
    position: int
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    taxes: tuple[Tax, ...]
    credited_quantity: Decimal = NOTHING
    credited_net: Decimal = NOTHING

    @property
    def quantity_left(self) -> Decimal:
        return self.quantity - self.credited_quantity

    @property
    def net_left(self) -> Decimal:
        return self.net - self.credited_net

    def __str__(self) -> str:
        return f"Line {self.position} ({self.description})"


@dataclass(frozen=True, slots=True)
class Creditable:
    """An issued invoice as far as crediting has to know it: its lines, and what is left of each of its taxes."""

    currency: str
    lines: tuple[InvoicedLine, ...]
    taxes_left: Mapping[Tax, Decimal]

    @property
    def net_left(self) -> Decimal:
        return sum((line.net_left for line in self.lines), NOTHING)

    @property
    def gross_left(self) -> Decimal:
        return self.net_left + sum(self.taxes_left.values(), NOTHING)


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """What is credited of one line; quantity × unit price, rounded, is the net."""

    line: InvoicedLine
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal


class CreditedTax(NamedTuple):
    """One tax of a credit note: what it is taken on, and how much it is."""

    name: str
    percent: Decimal
    net: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True)
class Credit:
    """What a credit note says: its lines in the order of the invoice, its taxes by name and percent."""

    lines: tuple[CreditedLine, ...]
    taxes: tuple[CreditedTax, ...]

    @property
    def net(self) -> Decimal:
        return sum((line.net for line in self.lines), NOTHING)

    @property
    def tax(self) -> Decimal:
        return sum((tax.tax for tax in self.taxes), NOTHING)

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def credit(invoice: Creditable, wishes: Mapping[int, Wish] | None) -> Credit:
    """
    Return the credit note over ``wishes``, by the lines' ids; None for all that is left.

    A wish is a net amount, or `Units` of the line; amounts of nothing are passed over.

    :raises NothingToCredit: nothing is left, or nothing was chosen.
    :raises LineOverCredited: a line is not the invoice's, has less left, or the amount has decimals that the currency has not.
    :raises OverCredited: less is left of a tax or of the invoice.
    """
    if refusal := why_nothing(invoice):
        raise NothingToCredit(refusal)
    lines = tuple(_everything(invoice) if wishes is None else _chosen(invoice, wishes))
    if not lines:
        raise NothingToCredit("Nothing is chosen. Say of at least one line how much of it is to be credited.")
    found = Credit(lines, tuple(_taxes(invoice, lines)))
    if found.gross <= 0:
        chosen = _told(found.gross, invoice.currency)
        raise NothingToCredit(f"The lines chosen come to {chosen}. A credit note is for more than nothing.")
    if found.gross > invoice.gross_left:
        chosen, left = (_told(amount, invoice.currency) for amount in (found.gross, invoice.gross_left))
        raise OverCredited(
            f"The lines chosen come to {chosen} including tax, and only {left} is left of the invoice. "
            "Credit the negative lines with them."
        )
    return found


def why_nothing(invoice: Creditable) -> str:
    """Say why nothing of ``invoice`` can be credited; nothing where something can."""
    if invoice.gross_left > 0:
        return ""
    if any(line.credited_net for line in invoice.lines):
        return "Nothing is left of this invoice: it has been credited."
    if invoice.net_left < 0:
        return "This invoice is in the buyer's favour; there is nothing to credit."
    return "This invoice comes to nothing; there is nothing to credit."


def net_of(line: InvoicedLine, quantity: Decimal, currency: str) -> Decimal:
    """
    Return what ``quantity`` of ``line`` cost: rounded once, and all that is left of it for the last of its quantity.

    :raises LineOverCredited: less of it is left, or the line has no such sign.
    """
    left = line.quantity_left
    if quantity * left < 0 or abs(quantity) > abs(left):
        raise LineOverCredited(line.id, f"{line}: of {_figure(left)} {line.unit} left, {_figure(quantity)} cannot be credited.")
    if quantity == left:
        return line.net_left
    net = round_money(exact_product(quantity, line.unit_price), currency)
    return line.net_left if abs(net) > abs(line.net_left) else net  # by amounts, more may have been credited before


def figures(line: InvoicedLine, net: Decimal, currency: str) -> tuple[Decimal, Decimal]:
    """
    Return quantity and unit price, with at most ten decimals, whose product rounds to ``net``.

    What is left of the line where it does; else a quantity at the price that was invoiced; else one piece at its own price.
    """
    return next(pair for pair in _pairs(line, net) if round_money(exact_product(*pair), currency) == net)


def _everything(invoice: Creditable) -> Iterator[CreditedLine]:
    return (_line(line, line.net_left, invoice.currency) for line in invoice.lines if line.net_left)


def _chosen(invoice: Creditable, wishes: Mapping[int, Wish]) -> Iterator[CreditedLine]:
    strange = wishes.keys() - {line.id for line in invoice.lines}
    if strange:
        raise LineOverCredited(min(strange), "A line was chosen that is not on this invoice.")
    for line in invoice.lines:
        if line.id in wishes and (net := _wished(line, wishes[line.id], invoice.currency)):
            yield _line(line, net, invoice.currency)


def _wished(line: InvoicedLine, wish: Wish, currency: str) -> Decimal:
    net = net_of(line, wish.quantity, currency) if isinstance(wish, Units) else wish
    if net != round_money(net, currency):
        raise LineOverCredited(line.id, f"{line}: {net} {currency} has more decimals than {currency} has.")
    left = line.net_left
    if net * left < 0 or abs(net) > abs(left):
        told = f"{_told(left, currency)} is left to credit, not {_told(net, currency)}" if left else "nothing is left to credit"
        raise LineOverCredited(line.id, f"{line}: {told}.")
    return net


def _line(line: InvoicedLine, net: Decimal, currency: str) -> CreditedLine:
    quantity, unit_price = figures(line, net, currency)
    return CreditedLine(line, quantity, line.unit, unit_price, net)


def _pairs(line: InvoicedLine, net: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    """Give what may be printed, the best first."""
    if net == line.net_left:
        yield line.quantity_left, line.unit_price
    if line.unit_price:
        with localcontext() as context:
            context.prec = DIGITS
            exact = net / line.unit_price
            places = [exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP) for decimals in range(MOST_DECIMALS + 1)]
        yield from ((quantity, line.unit_price) for quantity in places)
    yield Decimal(1), net


def _taxes(invoice: Creditable, lines: Iterable[CreditedLine]) -> Iterator[CreditedTax]:
    left: dict[Tax, Decimal] = defaultdict(Decimal)
    for line in invoice.lines:
        for tax in line.taxes:
            left[tax] += line.net_left
    credited: dict[Tax, Decimal] = defaultdict(Decimal)
    for one in lines:
        for tax in one.line.taxes:
            credited[tax] += one.net
    for tax in sorted(credited):
        yield _tax(tax, credited[tax], left[tax], invoice.taxes_left.get(tax, NOTHING), invoice.currency)


def _tax(tax: Tax, net: Decimal, net_left: Decimal, tax_left: Decimal, currency: str) -> CreditedTax:
    """
    Return ``tax`` on what is credited.

    :raises OverCredited: less is left of what it was taken on; the whole is never refused, as that is exactly what is left.
    """
    if net == net_left:
        return CreditedTax(*tax, net, tax_left)
    if net * net_left < 0 or abs(net) > abs(net_left):
        raise OverCredited(
            f"{tax.name} was taken on lines of which {_told(net_left, currency)} is left in all, not {_told(net, currency)}. "
            "Credit the lines of the other sign with them."
        )
    amount = round_money(exact_product(net, tax.percent) / 100, currency)
    return CreditedTax(*tax, net, min(amount, tax_left) if tax_left >= 0 else max(amount, tax_left))


def _told(amount: Decimal, currency: str) -> str:
    return f"{amount.quantize(minor_unit(currency)):,f} {currency}"


def _figure(quantity: Decimal) -> str:
    text = f"{quantity:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
