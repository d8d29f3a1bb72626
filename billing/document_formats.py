"""
How numbers, money and dates are written for one buyer.

As people of its country write them in its language, where that is a language of the country; else as the language is written by
itself (a German buyer who reads English finds 1,234.50, not 1.234,50). English without a country is written as in Britain.
"""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_interval
from babel.languages import get_official_languages
from babel.numbers import format_decimal

from common.languages import known_language
from common.money import minor_unit, round_money

_UNIT_PRICE_DECIMALS = 10


class Formats:
    """The formats of one locale."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        symbols = locale.number_symbols["latn"]
        pattern = locale.decimal_formats[None]
        self._signs = str.maketrans({",": symbols["group"], ".": symbols["decimal"], "-": symbols["minusSign"]})
        self._by_threes = pattern.grouping == (3, 3)
        self.day: Callable[[date], str] = lru_cache(maxsize=1000)(self._day)
        self.days: Callable[[date, date], str] = lru_cache(maxsize=1000)(self._days)

    def number(self, value: Decimal) -> str:
        """Write a number with every decimal it has, grouped: 1,234.50."""
        if self._by_threes:
            return f"{value:,f}".translate(self._signs)
        decimals = max(0, -int(value.as_tuple().exponent))  # India groups by twos
        head = self.locale.decimal_formats[None].pattern.partition(".")[0]
        return str(format_decimal(value, format=f"{head}.{'0' * decimals}".rstrip("."), locale=self.locale))

    def quantity(self, value: Decimal) -> str:
        """Write a number without needless zeros: 1,234.5."""
        return self.number(_without_zeros(value, 0))

    def percent(self, value: Decimal) -> str:
        """Write a percentage without needless zeros: 7.5 %."""
        return f"{self.quantity(value)} %"

    def amount(self, amount: Decimal, currency: str) -> str:
        """Write ``amount`` without its currency, rounded half up to the minor unit: 1,234.50."""
        return self.number(round_money(amount, currency))

    def money(self, amount: Decimal, currency: str) -> str:
        """Write ``amount`` with its currency: 1,234.50 EUR."""
        return f"{self.amount(amount, currency)} {currency}"

    def unit_price(self, price: Decimal, currency: str) -> str:
        """Write the price of one unit with the decimals it has, at least those of ``currency``: 0.07, 0.0325."""
        exact = price.quantize(Decimal(1).scaleb(-_UNIT_PRICE_DECIMALS), rounding=ROUND_HALF_UP)
        return self.number(_without_zeros(exact, -int(minor_unit(currency).as_tuple().exponent)))

    def month(self, value: date) -> str:
        """Write the month a date lies in: November 2026."""
        return str(format_date(value, "MMMM y", locale=self.locale))

    def _day(self, value: date) -> str:
        return str(format_date(value, "medium", locale=self.locale))

    def _days(self, first: date, last: date) -> str:
        """Write a stretch of days, both ends included: 1–31 Oct 2026."""
        return str(format_interval(first, last, "yMMMd", locale=self.locale))


@lru_cache(maxsize=500)
def formats_of(language: str, country: str) -> Formats:
    """Return the formats for a buyer in ``country`` (ISO 3166) who reads ``language``."""
    known = known_language(language)
    if known in get_official_languages(country, regional=True, de_facto=True):
        try:
            return Formats(Locale(known, country))
        except UnknownLocaleError:
            pass  # a small country whose formats nobody has written down: the language's own
    return Formats(Locale("en", "GB") if known == "en" else Locale(known))


def _without_zeros(value: Decimal, least: int) -> Decimal:
    """Take zeros from the end, down to ``least`` decimals."""
    plain = value.normalize()
    decimals = max(least, -int(plain.as_tuple().exponent))
    return plain.quantize(Decimal(1).scaleb(-decimals))
