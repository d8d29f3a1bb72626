"""Money: one rounding function, a split that loses nothing, and how an amount is written."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_precision, get_territory_currencies


@cache
def currencies() -> frozenset[str]:
    """Return every currency that is legal tender somewhere now, by its letters (ISO 4217)."""
    return frozenset(
        currency
        for territory in get_global("territory_currencies")
        for currency in get_territory_currencies(territory, start_date=date.max, end_date=date.max)
    )


def is_currency(code: str) -> bool:
    """Whether ``code`` is a currency people can pay in today."""
    return code in currencies()


@cache  # asked for every line of every invoice
def minor_unit(currency: str) -> Decimal:
    """Return the smallest amount of ``currency`` (ISO 4217): 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    return Decimal(1).scaleb(-get_currency_precision(currency))


def round_money(amount: Decimal, currency: str) -> Decimal:
    """
    Round ``amount`` half up, away from zero, to the minor unit of ``currency``.

    This is the only rounding in the house: `Money.round()` goes half to even. Rounding twice gives the same.
    """
    return amount.quantize(minor_unit(currency), rounding=ROUND_HALF_UP)


def allocate(total: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """
    Split ``total``, already rounded, by ``weights`` so that the parts, each rounded, sum to exactly ``total``.

    Units left over go to the largest remainders, the first of equals first.

    :raises ValueError: no weight, a negative weight, weights that sum to nothing, or a total that is not rounded.
    """
    if total != round_money(total, currency):
        raise ValueError(f"{total} {currency} is not rounded to the minor unit.")
    whole = sum(weights, Decimal(0))
    if not weights or min(weights) < 0 or whole == 0:
        raise ValueError("Weights must not be negative and must not sum to nothing.")
    unit = minor_unit(currency)
    exact = [total * weight / whole for weight in weights]
    parts = [share.quantize(unit, rounding=ROUND_DOWN) for share in exact]
    left = int((total - sum(parts, Decimal(0))) / unit)
    step = unit if left > 0 else -unit
    by_remainder = sorted(range(len(parts)), key=lambda i: (-abs(exact[i] - parts[i]), i))
    for index in by_remainder[: abs(left)]:
        parts[index] += step
    return parts
