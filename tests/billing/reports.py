"""Usage reports as the vendor writes them, in format csv_v2_0."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from provisioning.models import Tenant

_HEADER = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,"
    "measurement_unit,name,pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,"
    "tenant.customer_id,tenant.id,tenant.kind,tenant.name,usage.absolute.production,usage.absolute.total,"
    "usage.absolute.trial,usage.delta.production,usage.delta.total,usage.delta.trial,usage.effective.production,"
    "usage.effective.total,usage.effective.trial,edition"
)
COLUMNS = _HEADER.split(",")

BACKUP = "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
PLATFORM = "7459244f-68f3-3bf4-9f53-5f63ecc1d91f"
GIB = 1024**3


def reading(tenant: Tenant | None, day: date, absolute: int | str = 10 * GIB, **cells: Any) -> dict[str, Any]:
    """Return a line of a customer's backup storage; `cells` by column replace what it says."""
    return {
        "application.id": BACKUP,
        "application.name": "backup",
        "date": day.isoformat(),
        "is_range": "False",
        "measurement_unit": "bytes",
        "name": "pg_base_storage",
        "tenant.customer_id": tenant.key if tenant else "",
        "tenant.id": str(tenant.vendor_id) if tenant else "5f8a4f3e-0000-4000-8000-000000000001",
        "tenant.kind": "customer",
        "tenant.name": tenant.organization.name if tenant else "Somebody else, Inc.",
        "usage.absolute.production": absolute,
        "usage.absolute.total": absolute,
        "usage.absolute.trial": 0,
        "usage.delta.production": 0,
        "usage.delta.total": 0,
        "usage.delta.trial": 0,
        "edition": "pck_per_gigabyte",
        **cells,
    }


def lines(rows: Iterable[Mapping[str, Any]], *, columns: Iterable[str] = tuple(COLUMNS)) -> list[str]:
    """Return the file's lines, the header first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().splitlines(keepends=True)


def file(rows: Iterable[Mapping[str, Any]], *, columns: Iterable[str] = tuple(COLUMNS)) -> list[bytes]:
    """Return the unpacked file in pieces, one a line."""
    return [line.encode() for line in lines(rows, columns=columns)]
