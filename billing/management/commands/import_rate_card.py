"""`manage.py import_rate_card FILE --group "Cyber Protect" --month 2026-10 --currency EUR --exchange-rate 1`"""

from argparse import ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.operations import rate_cards
from catalog.models import ProductGroup
from common.clock import now
from common.errors import DomainError
from common.periods import Period
from common.sheets import SheetRefused


class Command(BaseCommand):
    help = "Import a filled rate card sheet (.xlsx) as the next version of a product group's card for a month."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="the sheet")
        parser.add_argument("--group", required=True, help="name of the product group")
        parser.add_argument("--month", required=True, help="YYYY-MM")
        parser.add_argument("--currency", required=True, help="of the card's costs and prices, for example EUR")
        parser.add_argument("--exchange-rate", default="1", help="what one unit of it is in your own currency; by default 1")

    def handle(self, *_: Any, file: str, group: str, month: str, currency: str, exchange_rate: str, **__: Any) -> None:
        path = Path(file)
        try:
            with path.open("rb") as sheet:
                card = rate_cards.import_rate_card(
                    product_group=_group(group),
                    month=Period.parse_month(month).start,
                    currency=currency,
                    exchange_rate=_number(exchange_rate),
                    file=sheet,
                    file_name=path.name,
                    by=None,
                    at=now(),
                )
        except SheetRefused as refusal:
            raise CommandError("\n".join(str(error) for error in refusal.errors)) from refusal
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        count = card.rates.count()
        self.stdout.write(f"{card}: {count} {'rate' if count == 1 else 'rates'}.")


def _group(name: str) -> ProductGroup:
    groups = list(ProductGroup.objects.filter(name=name)[:2])
    if not groups:
        raise CommandError(f"There is no product group “{name}”.")
    if len(groups) > 1:
        raise CommandError(f"There are several product groups “{name}”; import the card in the BSS.")
    return groups[0]


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise CommandError(f"“{text}” is not a number.") from None
