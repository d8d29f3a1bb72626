"""Exchange rates: entered by hand, dated, and found by day."""

from datetime import date
from decimal import Decimal

import moneyed
from django.db import transaction

from billing.models import ExchangeRate
from common.errors import FieldRefused
from common.fields import UnitPriceField

_NO_MONEY = frozenset({"XXX", "XTS"})  # ISO 4217: “no currency”, and for tests


@transaction.atomic(durable=True)
def set_exchange_rate(*, base: str, quote: str, valid_from: date, rate: Decimal) -> ExchangeRate:
    """
    Say what one unit of ``base`` costs in ``quote`` from a day on. Again for the same pair and day: the new rate replaces the old.

    Documents that were made keep the rate they used.

    :raises FieldRefused: an unknown currency, a pair of one currency, or a rate that is not positive.
    """
    require_currency("base", base)
    require_currency("quote", quote)
    if base == quote:
        raise FieldRefused("quote", f"{base} is always worth 1 {base}; choose another currency.")
    require_rate("rate", rate)
    row, _ = ExchangeRate.objects.update_or_create(base=base, quote=quote, valid_from=valid_from, defaults={"rate": rate})
    return row


# Steps: inside or outside the caller's transaction


def require_currency(field: str, code: str) -> None:
    """:raises FieldRefused: ``code`` is not a currency of ISO 4217 that people pay in."""
    if code not in moneyed.CURRENCIES or code in _NO_MONEY:
        raise FieldRefused(field, f"“{code:.10}” is not a currency; write three letters, for example EUR.")


def require_rate(field: str, rate: Decimal) -> None:
    """:raises FieldRefused: ``rate`` is not positive, or has more digits than can be kept exactly."""
    column = UnitPriceField()
    exponent = rate.normalize().as_tuple().exponent
    if not rate.is_finite() or rate <= 0:
        raise FieldRefused(field, "The exchange rate must be a number above 0.")
    if -int(exponent) > column.decimal_places or rate.adjusted() >= column.max_digits - column.decimal_places:
        raise FieldRefused(field, f"The exchange rate may have {column.decimal_places} decimals at most.")
