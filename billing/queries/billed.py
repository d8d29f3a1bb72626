"""What documents say was billed: lines added up by subscription and item, less what was credited of them to be billed again."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import QuerySet, Sum

from billing import fixed
from billing.adjusting import Billed
from billing.models import CreditNoteLine, InvoiceLine
from billing.overage import OVERAGE

_SOLD_AT_A_PRICE = fixed.ITEMS | {OVERAGE}


class Item(NamedTuple):
    """What a charge and the lines that bill it have in common. ``edition`` of a fixed price is empty, or the day it begins."""

    subscription_id: int
    item: str
    edition: str
    part: str


def add_up(lines: "QuerySet[InvoiceLine]") -> tuple[dict[int, dict[Item, list[Billed]]], dict[int, str]]:
    """
    Add up what ``lines`` bill, by subscription and item, less what was credited of them to be billed again; two queries.

    The second answer is the currency in which each buyer was billed for use.
    """
    columns = ("subscription", "item", "edition", "part", "unit", "unit_price")
    billed: dict[int, dict[Item, list[Billed]]] = defaultdict(dict)
    currencies: dict[int, str] = {}
    sums: dict[tuple[Any, ...], list[Any]] = {}
    rows = lines.order_by().values_list("invoice__buyer", "invoice__currency", "invoice__number", *columns)
    for buyer, currency, number, *key, quantity, net in rows.annotate(quantities=Sum("quantity"), nets=Sum("net")):
        _add(sums, tuple(key), quantity, net, number)
        if key[1] not in _SOLD_AT_A_PRICE:
            currencies[buyer] = currency
    if sums:
        credited = CreditNoteLine.objects.filter(credit_note__bills_again=True, invoice_line__in=lines.order_by().values("pk"))
        names = [f"invoice_line__{name}" for name in columns]
        again = credited.order_by().values_list("credit_note__number", *names)
        for number, *key, quantity, net in again.annotate(quantities=Sum("quantity"), nets=Sum("net")):
            _add(sums, tuple(key), -quantity, -net, number)
    for (subscription, item, edition, part, unit, unit_price), (quantity, net, numbers) in sums.items():
        at_price = Billed(quantity, unit, unit_price, net, tuple(sorted(numbers)))
        billed[subscription].setdefault(Item(subscription, item, edition, part), []).append(at_price)
    return billed, currencies


def _add(sums: dict[tuple[Any, ...], list[Any]], key: tuple[Any, ...], quantity: Decimal, net: Decimal, number: str | None) -> None:
    so_far = sums.setdefault(key, [Decimal(0), Decimal(0), set()])
    so_far[0] += quantity
    so_far[1] += net
    so_far[2].add(number or "a draft")
