"""`manage.py export_accounting --period 2026-10 [--seller M1] [--format semicolon] [--out FILE]`; or days by `--from` and `--to`"""

from argparse import ArgumentParser
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organization
from billing.accounting_export import Format, export, missing_codes
from common.arguments import day
from common.errors import DomainError
from common.periods import Period


class Command(BaseCommand):
    help = "Write a seller's invoices, credit notes and payments as CSV for its accounting, to standard output or a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", help="a month, YYYY-MM, by the date of the documents")
        parser.add_argument("--from", dest="first", type=day, help="or: the first day, YYYY-MM-DD")
        parser.add_argument("--to", dest="last", type=day, help="and the last, which is included")
        parser.add_argument("--seller", help="number of the organization that sells; without it the MSP")
        parser.add_argument("--format", choices=[one.value for one in Format], default=Format.COMMA.value)
        parser.add_argument("--out", type=Path, help="the file to write; it is replaced")

    def handle(
        self, *_: Any, period: str | None, first: date | None, last: date | None, seller: str | None, out: Path | None, **rest: Any
    ) -> None:
        days, organization = _days(period, first, last), _seller(seller)
        for one in missing_codes(organization, days):
            kind = "product group" if one.model == "productgroup" else "tax"
            self.stderr.write(f"The {kind} {one.name} has no account yet; its cells stay empty.")
        with out.open("w", encoding="utf-8", newline="") if out else nullcontext(self.stdout) as file:
            for line in export(organization, days, form=Format(rest["format"])):
                file.write(line)


def _days(period: str | None, first: date | None, last: date | None) -> Period:
    if (period is None) == (first is None and last is None):
        raise CommandError("Give --period, or --from and --to.")
    if period is not None:
        try:
            return Period.parse_month(period)
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
    if first is None or last is None or last < first:
        raise CommandError("Give --from and --to, the first day before the last.")
    return Period(first, last + timedelta(days=1))


def _seller(number: str | None) -> Organization:
    sellers = Organization.objects.exclude(kind=Organization.Kind.CUSTOMER)
    found = sellers.filter(number=number) if number else sellers.filter(kind=Organization.Kind.MSP)
    seller = found.first()
    if seller is None:
        raise CommandError(f"There is no seller {number}." if number else "There is no MSP yet.")
    return seller
