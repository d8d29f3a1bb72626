"""`manage.py import_rate_card FILE --group "Cyber Protect" --month 2026-10 --currency EUR --exchange-rate 1`"""

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError

from billing.card_changes import Comparison, RateChange, bound
from billing.models import RateCard
from billing.operations import rate_cards
from billing.queries import rate_cards as queries
from billing.sheets import SheetRow
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

        parser.add_argument("--dry-run", action="store_true", help="say what would change, and store nothing")

    def handle(self, *_: Any, file: str, dry_run: bool, **options: Any) -> None:
        path = Path(file)
        terms = _terms(options)
        try:
            with path.open("rb") as sheet:
                given = {**terms, "file": sheet, "file_name": path.name, "by": None, "at": now()}
                lines = _would_change(**given) if dry_run else [_imported(rate_cards.import_rate_card(**given))]
        except SheetRefused as refusal:
            raise CommandError("\n".join(str(error) for error in refusal.errors)) from refusal
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from error
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        for line in lines:
            self.stdout.write(line)


def _terms(options: dict[str, Any]) -> dict[str, Any]:
    try:
        month = Period.parse_month(options["month"]).start
    except DomainError as refusal:
        raise CommandError(str(refusal)) from refusal
    return {
        "product_group": _group(options["group"]),
        "month": month,
        "currency": options["currency"],
        "exchange_rate": _number(options["exchange_rate"]),
    }


def _imported(card: RateCard) -> str:
    return f"{card}: {_counted(card.rates.count(), 'rate')}."


def _would_change(*, product_group: ProductGroup, month: date, file: IO[bytes], **given: Any) -> list[str]:
    """Compare the sheet with the card that counts for the month now, line by line."""
    draft, rows = rate_cards.read_draft(product_group=product_group, month=month, file=file, **given)
    present = queries.card_in_force(product_group.pk, month)
    comparison = queries.compared(present, rows, queries.terms_of(draft))
    return [
        f"Compared with {present}." if present is not None else f"There is no card for {month:%Y-%m} or before: all is new.",
        *(f"new: {_rate(row)}, cost {_amount(row.cost)}, price {_amount(row.price)} {draft.currency}" for row in comparison.new),
        *(f"changed: {_rate(one.new)}, {_change(one)}" for one in comparison.changed),
        *(f"removed: {_rate(row)}" for row in comparison.removed),
        _sum(comparison),
    ]


def _rate(row: SheetRow) -> str:
    tier = f" from {_amount(row.tier_from)} to {bound(row.tier_to)}" if row.tier_mode else ""
    return f"{row.item}{f' ({row.edition})' if row.edition else ''}{tier}"


def _change(change: RateChange) -> str:
    pairs = [
        ("cost", change.old.cost, change.new.cost, change.cost_percent),
        ("price", change.old.price, change.new.price, change.price_percent),
    ]
    amounts = [
        f"{name} {_amount(old)} → {_amount(new)}{'' if percent is None else f' ({percent:+f} %)'}"
        for name, old, new, percent in pairs
        if old != new or percent
    ]
    return ", ".join([*amounts, *(f"{name} {old} → {new}" for name, old, new in change.other_words)])


def _sum(comparison: Comparison) -> str:
    counts = f"{len(comparison.new)} new, {len(comparison.changed)} changed, {len(comparison.removed)} removed"
    return f"{counts}, {comparison.unchanged} unchanged. Nothing was stored."


def _amount(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word if count == 1 else f'{word}s'}"


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
