"""Differences at the vendor as a file for people and spreadsheets."""

import csv
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from provisioning.models import Drift
from provisioning.planning.differences import KIND_NAMES

COLUMNS = (
    "Kind",
    "Organization",
    "Number",
    "Reseller",
    "Service manager",
    "Tenant id",
    "About",
    "Repair does",
    "Wished",
    "At the vendor",
    "State",
    "First seen",
    "Last seen",
    "Decided by",
    "Decided",
    "Settled",
    "Why the repair fails",
)


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def drift_csv(rows: QuerySet[Drift]) -> Iterator[str]:
    """Yield the lines of ``rows``, the header first, each with its end; streamed. Times are UTC."""
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    related = ("tenant__organization__parent", "tenant__service_manager", "decided_by")
    for row in rows.select_related(*related).iterator(2000):
        yield writer.writerow(_harmless(_cells(row)))


def _cells(row: Drift) -> Iterable[str]:
    tenant, organization = row.tenant, row.tenant.organization
    times = (row.first_seen_at, row.last_seen_at, row.decided_at, row.settled_at)
    first, last, decided, settled = ("" if at is None else at.strftime("%Y-%m-%d %H:%M:%S") for at in times)
    return (
        KIND_NAMES.get(row.kind, row.kind),
        organization.name,
        organization.number,
        organization.reseller.name if organization.reseller else "",
        tenant.service_manager.name,
        str(tenant.vendor_id or ""),
        row.subject,
        row.sentence,
        row.wished,
        row.found,
        row.get_status_display(),
        first,
        last,
        str(row.decided_by or ""),
        decided,
        settled,
        tenant.last_error if row.status == Drift.Status.REPAIRING else "",
    )


def _harmless(cells: Iterable[str]) -> list[str]:
    """Keep a spreadsheet from taking a name that somebody chose at the vendor for a formula."""
    return [f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell for cell in cells]
