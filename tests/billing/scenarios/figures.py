"""
Figures worked out beside billing: fractions, a calendar, and one rounding at the end of each line. Imports nothing of billing.

What is right is said here once more, from the rules as people agreed on them, so that a mistake there does not repeat itself here.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

MINOR_DIGITS = {"EUR": 2, "CHF": 2, "USD": 2, "JPY": 0, "KWD": 3}
TAX = Fraction(19, 100)


class Total(NamedTuple):
    net: Decimal
    tax: Decimal
    gross: Decimal


def cents(amount: Fraction | int, currency: str) -> Decimal:
    """Round half up, away from zero, to the minor unit of ``currency``."""
    return half_up(Fraction(amount), MINOR_DIGITS[currency])


def half_up(amount: Fraction, digits: int) -> Decimal:
    scaled = abs(amount) * 10**digits
    whole = floor(scaled + Fraction(1, 2))
    return Decimal(whole if amount >= 0 else -whole).scaleb(-digits)


def total(lines: Iterable[Decimal], currency: str, tax: Fraction = TAX) -> Total:
    """Sum up an invoice of one tax: it is taken once, on the sum of the lines."""
    net = sum(lines, Decimal(0))
    on_top = cents(Fraction(net) * tax, currency)
    return Total(net, on_top, net + on_top)


def days_in(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def next_month(day: date) -> date:
    """The first of the month after that of ``day``."""
    return date(day.year, day.month, 1) + timedelta(days=days_in(day))


def later(day: date, months: int) -> date:
    """The same day of a later month, or its last one where it has no such day."""
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def months_of_fixed_price(price: Fraction, term: int, started_on: date, months: int, currency: str) -> list[Decimal]:
    """
    What each of the first calendar ``months`` costs of one unit: the first by its days where it is cut; of whole months, so many
    cost together what they cost, and each month what is left of that.
    """
    monthly = price / term
    found: list[Decimal] = []
    whole, day = 0, started_on
    for _ in range(months):
        if day.day == 1:
            found.append(cents(monthly * (whole + 1), currency) - cents(monthly * whole, currency))
            whole += 1
        else:
            found.append(cents(monthly * (days_in(day) - day.day + 1) / days_in(day), currency))
        day = next_month(day)
    return found


def chain(price: Fraction, *, discount: int = 0, markup: int = 0, retail_discount: int = 0) -> Fraction:
    """The MSP's price less the partner's discount, plus the partner's markup, less what it gives its own customers."""
    return price * (100 - discount) / 100 * (100 + markup) / 100 * (100 - retail_discount) / 100
