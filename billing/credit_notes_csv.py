"""Credit notes as a file for spreadsheets."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from billing.models import CreditNote
from common.money import round_money
from common.sheets import guarded

COLUMNS = ("number", "issued_on", "invoice", "seller", "buyer", "currency", "net", "tax", "gross", "reason", "billed_again")


class _Passing:
    """A file for the csv writer that gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def credit_notes_csv(found: QuerySet[CreditNote]) -> Iterator[str]:
    """Give the lines of the file one by one, the header first; amounts are above nothing, as on the credit notes."""
    writer: Any = csv.writer(_Passing())
    yield writer.writerow(COLUMNS)
    for one in found.select_related("invoice").iterator(chunk_size=500):
        amounts = [round_money(amount, one.currency) for amount in (one.net, one.tax, one.gross)]
        names = [guarded(one.seller_copy["name"]), guarded(one.buyer_copy["name"])]
        again = "yes" if one.bills_again else "no"
        yield writer.writerow(
            [one.number, one.issued_on, one.invoice.number, *names, one.currency, *amounts, guarded(one.reason), again]
        )
