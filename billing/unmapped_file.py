"""Report lines of tenants that are not ours, as a file for people and spreadsheets."""

import csv
from collections.abc import Iterator
from decimal import Decimal

from django.db.models import QuerySet

from billing.models import UnmappedUsage
from common.sheets import guarded

COLUMNS = (
    "Day (UTC)",
    "Service manager",
    "Tenant id",
    "Tenant",
    "Item",
    "Edition",
    "Storage",
    "Unit",
    "Level",
    "Added",
    "Report",
    "Line",
)


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def unmapped_csv(rows: QuerySet[UnmappedUsage]) -> Iterator[str]:
    """Yield the lines of the file, the header first; streamed. Amounts are in the vendor's unit, exact."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows.select_related("service_manager").iterator(2000):
        texts = (row.service_manager.name, row.vendor_tenant_id, row.tenant_name, row.item, row.edition, row.infra_id)
        amounts = (_plain(row.absolute), _plain(row.delta), row.report_id, row.report_line)
        yield writer.writerow((row.day.isoformat(), *map(guarded, texts), row.measurement_unit, *amounts))


def _plain(amount: Decimal) -> str:
    """Write a number as programs read it: a point, no grouping, no needless zeros."""
    return f"{amount:f}".rstrip("0").rstrip(".") if amount % 1 else f"{amount:.0f}"
