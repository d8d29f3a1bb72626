"""
Loading a usage report: streamed into the database and turned into readings that are billed, all of it or nothing.

PostgreSQL reads the CSV itself, into a temporary table whose columns have the types we want; it is faster at that than any loop,
and its errors name line and column. Then a few statements (`usage_sql`) check the rest and bring the readings in, in one short
transaction. The download stays outside of it. A process killed anywhere leaves the report READY and nothing else; it is loaded
again.
"""

import codecs
import csv
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import IntegrityError, ProgrammingError, connection, transaction
from psycopg import DataError
from psycopg.sql import SQL, Composed, Identifier

from billing.operations import usage_sql
from billing.operations.usage_sql import NUMBERS, OPTIONAL, TEXTS, UNITS
from common.errors import DomainError
from common.locks import Busy, alone
from common.periods import Period
from provisioning.acronis.errors import AcronisError
from provisioning.locks import REPORT
from provisioning.models import VendorReport
from provisioning.operations import reports
from provisioning.operations.report_progress import Progress, progress_of
from provisioning.vendor import NotConnected

logger = logging.getLogger(__name__)

LONGEST_LINE = 1 << 20  # bytes; no line of a report has a thousandth of it

Stage = VendorReport.Stage


class ReportRefused(DomainError):
    """The report cannot be loaded; the text names its line and column. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: lines of customers that are ours, that are not, and readings that are new or now read differently."""

    readings: int
    unmapped: int
    changed: int


def load_report(*, report_id: int, at: datetime, file: Iterable[bytes] | None = None) -> VendorReport:
    """
    Load a READY report: all of it, or nothing. One that is loaded already, or that another worker is loading, is left alone.

    A file that cannot be read makes the report FAILED, with a sentence naming line and column. A broken download is tried again.
    Of two lines that read the same item of the same tenant, storage and day neither can be believed: the file is refused. The
    order of lines and columns does not matter.

    :param file: the file, unpacked, in pieces of any size; without it, it is fetched from the vendor.
    """
    try:
        with alone(REPORT, report_id):
            report = VendorReport.objects.select_related("service_manager").get(pk=report_id)
            if report.status == VendorReport.Status.READY:
                _load_or_say_why(report, file, at=at)
    except Busy:
        pass  # whoever holds it does the same as we would
    return VendorReport.objects.get(pk=report_id)


def _load_or_say_why(report: VendorReport, file: Iterable[bytes] | None, *, at: datetime) -> None:
    try:
        with progress_of(report.pk, at=at) as progress:
            pieces = reports.pieces(report, on_read=progress.packed) if file is None else file
            loaded = _load(report, pieces, progress, at=at)
    except (AcronisError, NotConnected) as error:
        reports.put_off(report, error, at=at)
        logger.warning("report put off", extra={"report": report.pk})
    except ReportRefused as refusal:
        _record_failure(report.pk, str(refusal))
        logger.warning("report refused", extra={"report": report.pk})
    else:
        logger.info("report loaded", extra={"report": report.pk, "readings": loaded.readings, "unmapped": loaded.unmapped})


@transaction.atomic(durable=True)
def _record_failure(report_id: int, sentence: str) -> None:
    report = VendorReport.objects.locked().get(pk=report_id)
    report.move_to(VendorReport.Status.FAILED)
    report.error, report.stage = sentence[:1000], ""
    report.save(update_fields=["status", "error", "stage"])


def _load(report: VendorReport, file: Iterable[bytes], progress: Progress, *, at: datetime) -> Loaded:
    try:
        _copy(file, progress)
        progress.enter(Stage.CHECKING)
        _map_tenants(report)
        _check_values(report.period)
        return _bring_in(report, progress, at=at)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS usage_line, usage_tenant")


# --- Reading the file ---------------------------------------------------------------------------------------------------


def _copy(file: Iterable[bytes], progress: Progress) -> None:
    """Stream the file into the temporary table `usage_line`, in flat memory."""
    pieces = _checked_pieces(file)
    first = _with_whole_header(pieces)
    header = _header(first.partition(b"\n")[0])
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS usage_line, usage_tenant")
        cursor.execute(_create_table(header))
        try:
            with cursor.copy(_copy_statement(header)) as copy:
                copy.write(first)
                progress.rows(first.count(b"\n") - 1)
                for piece in pieces:
                    copy.write(piece)
                    progress.rows(piece.count(b"\n"))
        except DataError as error:
            raise _refused_by_copy(error, header) from error
        cursor.execute(_ANALYZE)


def _checked_pieces(file: Iterable[bytes]) -> Iterator[bytes]:
    """:raises ReportRefused: a line has no end; the database would take it into memory, however long it is."""
    length = 0
    for piece in file:
        end = piece.rfind(b"\n")
        length = length + len(piece) if end < 0 else len(piece) - end - 1
        if length > LONGEST_LINE:
            raise ReportRefused("A line of the report is longer than 1 MiB.")
        yield piece


def _with_whole_header(pieces: Iterator[bytes]) -> bytes:
    """Return the beginning of the file up to a piece that ends its first line, without a byte order mark."""
    first = b""
    for piece in pieces:
        first += piece
        if b"\n" in first:
            break
    return first.removeprefix(codecs.BOM_UTF8)


def _header(line: bytes) -> list[str]:
    """Return the report's columns, as the temporary table names them."""
    columns = next(csv.reader([line.decode(errors="replace").rstrip("\r")]), [])
    if missing := [name for name in (*TEXTS, *NUMBERS) if name not in columns]:
        raise ReportRefused(f"The report lacks the column {missing[0]}.")
    known = {*TEXTS, *NUMBERS, *OPTIONAL}
    names = [column if column in known else f"unused {place}" for place, column in enumerate(columns)]
    if len(set(names)) < len(names):
        raise ReportRefused("The report has two columns of the same name.")
    return names


def _create_table(header: Sequence[str]) -> Composed:
    """Columns have the file's names; those the file lacks are empty. `line` counts as the file's lines do, the header being 1."""
    read = [name for name in header if _is_read(name)]
    unused = [name for name in header if not _is_read(name)]
    lacking = [SQL("{} text DEFAULT ''").format(Identifier(name)) for name in OPTIONAL if name not in header]
    # PostgreSQL walks through the columns of a row until the last it was asked for: those nobody reads come last.
    columns = [
        SQL("line bigint GENERATED ALWAYS AS IDENTITY (START WITH 2 CACHE 1000)"),
        *(SQL("{} {}").format(Identifier(name), SQL(_type(name))) for name in read),
        *lacking,
        *(SQL("{} {}").format(Identifier(name), SQL(_type(name))) for name in unused),
    ]
    return SQL("CREATE TEMPORARY TABLE usage_line ({})").format(SQL(", ").join(columns))


def _is_read(column: str) -> bool:
    return column in TEXTS or column in NUMBERS or column in OPTIONAL


def _type(column: str) -> str:
    """Numbers as readings have them. COPY cannot leave a column out; of one that nobody reads, "char" keeps a single byte."""
    if column in NUMBERS:
        return "numeric(30, 10)"
    return "text" if column in TEXTS or column in OPTIONAL else '"char"'


def _copy_statement(header: Sequence[str]) -> Composed:
    texts = [Identifier(name) for name in header if name in (*TEXTS, *OPTIONAL)]
    return SQL("COPY usage_line ({}) FROM STDIN (FORMAT csv, HEADER true, FORCE_NOT_NULL ({}))").format(
        SQL(", ").join(map(Identifier, header)), SQL(", ").join(texts)
    )


# A small sample says enough: how many lines there are, and how many different values the columns have that are compared.
_ANALYZE = """
    SET default_statistics_target = 10;
    ANALYZE usage_line ("tenant.id", name, edition, "infra.id", date, "tenant.kind", "application.id");
    RESET default_statistics_target
"""


def _refused_by_copy(error: DataError, header: Sequence[str]) -> ReportRefused:
    """Make a sentence of what COPY says: `COPY usage_line, line 7, column date: "…"`, in the server's language."""
    context = (error.diag.context or "").partition("usage_line")[2]
    line = re.search(r"\d+", context)
    where = f"Line {line.group()} of the report" if line else "The report"
    column = next((name for name in header if re.search(rf"\W{re.escape(name)}:", context)), "")
    if column:
        value = re.search(r':\s*["«„“](.*)["»“”]', context, re.DOTALL)
        shown = f"“{value.group(1):.50}”" if value else "its value"
        return ReportRefused(f"{where}, column {column}: {shown} is not a number that can be kept.")
    return ReportRefused(f"{where} is not a line of this table ({error.diag.message_primary}).")


# --- Bringing it in ------------------------------------------------------------------------------------------------------


def _bring_in(report: VendorReport, progress: Progress, *, at: datetime) -> Loaded:
    """:raises ReportRefused: two lines read the same item of the same tenant on the same day."""
    names: dict[str, Any] = {
        "report": report.pk,
        "manager": report.service_manager_id,
        "platform": usage_sql.PLATFORM,
        "start": report.period_start,
        "end": report.period_end,
        "at": at,
        "this_month": at.astimezone(UTC).date().replace(day=1),
    }
    progress.enter(Stage.ADDING)
    try:
        return _add(names, at=at)
    except (IntegrityError, ProgrammingError) as error:  # how the constraints of readings and of unmapped lines refuse a second one
        if (refusal := _duplicate(names)) is not None:
            raise refusal from error
        raise


@transaction.atomic(durable=True)
def _add(names: dict[str, Any], *, at: datetime) -> Loaded:
    """
    Make readings of what was copied. The report's row is locked last: until then, its progress is told from outside.

    :raises ReportRefused: two lines say the same of a reading we have.
    :raises IntegrityError: they say the same of a new one, or somebody else has added it since the lines were compared.
    """
    with connection.cursor() as cursor:
        # A month of a thousand tenants is compared and sorted in memory; what is more goes through files of the database.
        cursor.execute("SET LOCAL work_mem = '192MB'")
        # The disk is not waited for: should the server lose power right after, the report is still READY, and loaded again.
        cursor.execute("SET LOCAL synchronous_commit = off")
        # Two reports of a service manager may hold the same reading; one load at a time keeps them from waiting in a ring.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing_usagerecord'), %(manager)s)", names)
        cursor.execute(usage_sql.HAS_READINGS, names)
        [has_readings] = cursor.fetchone()
        cursor.execute(usage_sql.BRING_IN if has_readings else usage_sql.ADD_ALL, names)
        readings, changed, repeated = cursor.fetchone()
        if repeated and (refusal := _duplicate(names)) is not None:
            raise refusal
        unmapped = _keep_unmapped(names)
        cursor.execute(usage_sql.FORGET_MAPPED, names)
    _record_end(names["report"], rows=readings + unmapped, at=at)
    return Loaded(readings=readings, unmapped=unmapped, changed=changed)


def _keep_unmapped(names: dict[str, Any]) -> int:
    """Keep the lines of tenants that are not ours, and return how many there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM usage_tenant WHERE tenant_id IS NULL)")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(usage_sql.COUNT_UNMAPPED, names)
        [unmapped] = cursor.fetchone()
        if unmapped:
            cursor.execute(usage_sql.UPSERT_UNMAPPED, names)
    return int(unmapped)


def _duplicate(names: dict[str, Any]) -> ReportRefused | None:
    """Return the refusal that names the first two lines that read the same, if there are any."""
    with connection.cursor() as cursor:
        cursor.execute(usage_sql.FIRST_DUPLICATE, names)
        found = cursor.fetchone()
    if found is None:
        return None
    return ReportRefused(f"Lines {found[0]} and {found[1]} of the report are readings of the same item, tenant and day.")


def _record_end(report_id: int, *, rows: int, at: datetime) -> None:
    report = VendorReport.objects.locked().get(pk=report_id)
    report.move_to(VendorReport.Status.LOADED)
    report.rows_loaded, report.loaded_at, report.error, report.stage = rows, at, "", ""
    report.save(update_fields=["status", "rows_loaded", "loaded_at", "error", "stage"])


def _map_tenants(report: VendorReport) -> None:
    """Make the temporary table `usage_tenant`: which tenants are ours, and the first line of each whose values cannot be right."""
    with connection.cursor() as cursor:
        cursor.execute(usage_sql.MAP_TENANTS, {"manager": report.service_manager_id, **_allowed(report.period)})
        cursor.execute("ANALYZE usage_tenant")


def _check_values(period: Period) -> None:
    """:raises ReportRefused: the first line, in the file's order, whose values cannot be right."""
    with connection.cursor() as cursor:
        cursor.execute(usage_sql.FIRST_BAD_LINE)
        [first] = cursor.fetchone()
        if first is None:
            return
        cursor.execute(usage_sql.BAD_VALUE, {"line": first, **_allowed(period)})
        line, column, value, problem = cursor.fetchone()
    shown = f"“{value:.50}” " if value else ""
    raise ReportRefused(f"Line {line} of the report, column {column}: {shown}{problem.format(period=period)}.")


def _allowed(period: Period) -> dict[str, list[str]]:
    return {"days": [day.isoformat() for day in period], "units": list(UNITS)}
