"""How money is spread over what is open: in order, never above what either side has left. No database."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

Key = TypeVar("Key")


class PaymentState(StrEnum):
    """How an issued invoice stands, told from its amounts and the day; kept nowhere."""

    UNPAID = "unpaid"
    PARTLY_PAID = "partly paid"
    PAID = "paid"
    OVERDUE = "overdue"
    CREDITED = "credited"
    CREDIT = "in favour"


def spread(amount: Decimal, wanted: Iterable[tuple[Key, Decimal]]) -> list[tuple[Key, Decimal]]:
    """
    Spread ``amount`` over what is ``wanted``, the first first, each up to what it wants; what wants nothing gets nothing.

    What is left over in the end stays with ``amount``; the shares sum to no more than it.
    """
    shares = []
    for key, open_amount in wanted:
        share = min(amount, open_amount)
        if share > 0:
            shares.append((key, share))
            amount -= share
    return shares


def payment_state(*, gross: Decimal, credited: Decimal, open_amount: Decimal, is_overdue: bool) -> PaymentState:
    """
    Tell how an invoice stands. Overdue says more than partly paid; what was credited to its end was never paid.

    :param open_amount: what is left to pay, nothing for an invoice below nothing.
    """
    if gross < 0:
        return PaymentState.CREDIT
    if open_amount <= 0:
        return PaymentState.CREDITED if credited >= gross > 0 else PaymentState.PAID
    if is_overdue:
        return PaymentState.OVERDUE
    return PaymentState.PARTLY_PAID if open_amount < gross - credited else PaymentState.UNPAID
