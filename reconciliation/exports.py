"""Discrepancies as a file for people and spreadsheets."""

import csv
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from reconciliation.models import Discrepancy, ReconciliationRun

COLUMNS = ("Kind", "Organization", "Number", "Tenant id", "Tenant at the vendor", "Item", "Edition", "Unit", "Used", "Billed")


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def discrepancies_csv(run: ReconciliationRun) -> Iterator[str]:
    """Yield the lines of a run's discrepancies, sorted by kind, tenant and item; see `rows_csv`."""
    return rows_csv(run.discrepancies.order_by("kind", "tenant_name", "item", "pk"))


def rows_csv(rows: QuerySet[Discrepancy]) -> Iterator[str]:
    """Yield the lines of ``rows``, the header first, each with its end; streamed. Numbers have a decimal point."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows.select_related("organization").iterator(2000):
        named = (row.organization.name, row.organization.number) if row.organization else ("", "")
        words = (row.get_kind_display(), *named, row.vendor_tenant_id, row.tenant_name, row.item, row.edition, row.unit)
        numbers = ("" if number is None else f"{number.normalize():f}" for number in (row.used, row.billed))
        yield writer.writerow([*_harmless(words), *numbers])


def _harmless(cells: Iterable[str]) -> list[str]:
    """Keep a spreadsheet from taking a name that somebody chose at the vendor for a formula."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
