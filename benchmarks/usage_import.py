"""
How fast a usage report gets from the vendor's gzip file into the readings, beside the least PostgreSQL could do for it.

The yardstick copies the same file, unpacked by the same code, into a temporary table of texts and upserts it into the same table:
no check, no unmapped tenants, no sums left out. Both run on an empty table, and again on a full one where nothing has changed.
"""

import gzip
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

from django.db import connection

from accounts.models import Organization
from billing.models import UsageRecord
from billing.operations import usage_loading
from common.periods import Period
from provisioning.acronis import report_file
from provisioning.models import ServiceManager, Tenant, VendorReport

TENANTS, ITEMS, DAYS = 1000, 10, 30
ROWS = TENANTS * ITEMS * DAYS
AT = datetime(2026, 10, 1, 7, 0, tzinfo=UTC)
PERIOD = Period(date(2026, 9, 1), date(2026, 10, 1))
COLUMNS = (
    "application.id,application.name,date,infra.backend_type,infra.id,infra.name,infra.owner_id,is_range,measurement_unit,name,"
    "pricing.currency,pricing.mode,pricing.price,pricing.total_cost,quota.value,tenant.customer_id,tenant.id,tenant.kind,tenant.name,"
    "usage.absolute.production,usage.absolute.total,usage.absolute.trial,usage.delta.production,usage.delta.total,usage.delta.trial,"
    "usage.effective.production,usage.effective.total,usage.effective.trial,edition"
)
CHUNK = 64 * 1024


def run() -> Iterator[dict[str, object]]:
    """Yield the measurements. Empties the tables of readings: give it a database of its own."""
    manager, tenants = _world()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.csv.gz"
        _write_report(path, tenants)
        for name in ("first", "again"):  # what was measured last round is forgotten, but for its rows
            plain = min(_timed(lambda: _plain(path, manager), empty=name == "first") for _ in range(2))
            ours = min(_timed(lambda: _load(path, manager), empty=name == "first") for _ in range(2))
            yield {
                "name": "billing.usage_rows_per_s" if name == "first" else "billing.usage_rows_again_per_s",
                "value": round(ROWS / ours),
                "unit": "rows/s",
                "yardstick": round(ROWS / plain),
                "ratio": round(ours / plain, 2),
            }
        yield _memory(path, manager)


def _memory(path: Path, manager: ServiceManager) -> dict[str, object]:
    """How much the peak of this process grows over one more load of the whole report; a growing one would show here."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _load(path, manager)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "name": "billing.usage_import_grows_mb",
        "value": round(grown / 1024, 1),
        "unit": "MiB",
        "yardstick": None,
        "ratio": None,
    }


def _timed(work: Callable[[], None], *, empty: bool) -> float:
    with connection.cursor() as cursor:
        if empty:
            cursor.execute("TRUNCATE billing_usagerecord, billing_usagerecordevent, billing_unmappedusage")
        cursor.execute("CHECKPOINT")
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _load(path: Path, manager: ServiceManager) -> None:
    report = _report(manager, VendorReport.Status.READY)
    report = usage_loading.load_report(report_id=report.pk, at=AT, file=_pieces(path))
    assert report.status == VendorReport.Status.LOADED, report.error
    assert report.rows_loaded == ROWS


def _plain(path: Path, manager: ServiceManager) -> None:
    names = COLUMNS.split(",")
    columns = ", ".join(f'"{name}" text' for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE plain ({columns})")
        with cursor.copy("COPY plain FROM STDIN (FORMAT csv, HEADER true)") as copy:
            for piece in _pieces(path):
                copy.write(piece)
        cursor.execute("ANALYZE plain")
        cursor.execute(_PLAIN_UPSERT, [_report(manager, VendorReport.Status.LOADED).pk])
        cursor.execute("DROP TABLE plain")
    assert UsageRecord.objects.count() == ROWS


_PLAIN_UPSERT = """
    INSERT INTO billing_usagerecord AS kept (tenant_id, item, edition, infra_id, day, is_range, measurement_unit,
        absolute, delta, trial_absolute, trial_delta, report_id, report_line)
    SELECT tenant.id, name, coalesce(edition, ''), coalesce("infra.id", ''), date::date, is_range::boolean,
        coalesce(measurement_unit, ''), "usage.absolute.production"::numeric, "usage.delta.production"::numeric,
        "usage.absolute.trial"::numeric, "usage.delta.trial"::numeric, %s, row_number() OVER ()
    FROM plain JOIN provisioning_tenant tenant ON tenant.vendor_id::text = "tenant.id"
    ON CONFLICT (tenant_id, item, edition, infra_id, day) DO UPDATE SET
        absolute = excluded.absolute, delta = excluded.delta,
        trial_absolute = excluded.trial_absolute, trial_delta = excluded.trial_delta
    WHERE (kept.absolute, kept.delta, kept.trial_absolute, kept.trial_delta)
        IS DISTINCT FROM (excluded.absolute, excluded.delta, excluded.trial_absolute, excluded.trial_delta)
"""


def _pieces(path: Path) -> Iterator[bytes]:
    """Unpack the file as the vendor client does with what comes over the wire."""
    with path.open("rb") as file:
        yield from report_file.unpacked(iter(lambda: file.read(CHUNK), b""))


def _report(manager: ServiceManager, status: str) -> VendorReport:
    return VendorReport.objects.create(
        service_manager=manager,
        period_start=PERIOD.start,
        period_end=PERIOD.end,
        status=status,
        next_try_at=AT,
        created_at=AT,
    )


def _world() -> tuple[ServiceManager, list[Tenant]]:
    manager = ServiceManager.objects.create(
        name=f"Usage import {uuid4().hex[:8]}",
        base_url="http://acronis.invalid",
        client_id="benchmark",
        client_secret=uuid4().hex,
        root_tenant_id=uuid4(),
    )
    kind = Organization.Kind
    msp = Organization.objects.filter(kind=kind.MSP).first() or Organization.objects.create(
        kind=kind.MSP, number="M1", name="Northwind Cloud GmbH", billing_email="till@northwind.example", created_at=AT
    )
    customers = Organization.objects.bulk_create(
        Organization(
            kind=kind.CUSTOMER,
            parent=msp,
            number=f"B{manager.pk}-{n}",
            name=f"Customer {n}",
            billing_email=f"billing{n}@example.com",
            created_at=AT,
        )
        for n in range(TENANTS)
    )
    return manager, Tenant.objects.bulk_create(
        Tenant(
            organization=customer,
            service_manager=manager,
            kind=Tenant.Kind.CUSTOMER,
            key=f"ct-{customer.number}-{manager.pk}",
            vendor_id=uuid4(),
            wished_at=AT,
        )
        for customer in customers
    )


def _write_report(path: Path, tenants: list[Tenant]) -> None:
    storage = uuid4()
    days = list(PERIOD)
    with gzip.open(path, "wt", compresslevel=6, encoding="utf-8") as file:
        file.write(f"{COLUMNS}\n")
        for place, tenant in enumerate(tenants):
            who = f"{tenant.key},{tenant.vendor_id},customer,Customer {place}"
            for item in range(ITEMS):
                for age, day in enumerate(days):
                    level = (place + 17) * 1_073_741_824 + item * 1_000_003 + age * 52_428_800
                    file.write(
                        f"6e6d758d-8e74-3ae3-ac84-50eb0dff12eb,backup,{day},acronis,{storage},Frankfurt,{storage},False,bytes,"
                        f"pg_item_{item},EUR,production,,,,{who},{level},{level},0,52428800,52428800,0,{level},{level},0,pck_per_gigabyte\n"
                    )
