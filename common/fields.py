"""Decimal columns with the precision that money asks for."""

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _Decimal = models.DecimalField[Any, Any]  # generic for the type checker only
else:
    _Decimal = models.DecimalField


class AmountField(_Decimal):
    """An amount in the currency that its document states once; three decimals hold the minor unit of every currency."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 17, "decimal_places": 3})


class UnitPriceField(_Decimal):
    """A price of one unit, before any rounding: ten decimals."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 24, "decimal_places": 10})


class QuantityField(_Decimal):
    """A measured or billed quantity; the unit stands beside it. Holds bytes of an exabyte and millionths of a GiB."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "max_digits": 30, "decimal_places": 10})
