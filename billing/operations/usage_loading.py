"""
Loading a usage report: streamed into the database and turned into readings that are billed, all of it or nothing.

PostgreSQL reads the CSV itself, into a temporary table whose columns have the types we want; it is faster at that than any loop,
and its errors name line and column. Then a few statements check the rest and bring the readings in, in one short transaction.
The download stays outside of it. A process killed anywhere leaves the report READY and nothing else; it is loaded again.
"""

import csv
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection, transaction
from psycopg import DataError
from psycopg.sql import SQL, Composed, Identifier

from common.errors import DomainError
from common.locks import Busy, alone
from common.periods import Period
from provisioning.acronis.errors import AcronisError
from provisioning.locks import REPORT
from provisioning.models import VendorReport
from provisioning.operations import reports

logger = logging.getLogger(__name__)

# The application of the portal itself (`euc_count`, `reseller_count`): it counts tenants and is nobody's consumption.
PLATFORM = "7459244f-68f3-3bf4-9f53-5f63ecc1d91f"

TEXTS = (
    "application.id",
    "date",
    "infra.id",
    "is_range",
    "measurement_unit",
    "name",
    "tenant.customer_id",
    "tenant.id",
    "tenant.kind",
)
NUMBERS = ("usage.absolute.production", "usage.absolute.trial", "usage.delta.production", "usage.delta.trial")
OPTIONAL = ("edition", "tenant.name")  # the vendor's own parser does without an edition
UNITS = ("", "quantity", "bytes", "seconds", "n/a")  # empty means quantity

PIECE = 1 << 17  # characters handed to the database at a time


class ReportRefused(DomainError):
    """The report cannot be loaded; the text names its line and column. Nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: lines of customers that are ours, that are not, and readings that are new or now read differently."""

    readings: int
    unmapped: int
    changed: int


def load_report(*, report_id: int, at: datetime, lines: Iterable[str] | None = None) -> VendorReport:
    """
    Load a READY report: all of it, or nothing. One that is loaded already, or that another worker is loading, is left alone.

    A file that cannot be read makes the report FAILED, with a sentence naming line and column. A broken download is tried again.

    :param lines: the file, header first, each line with its end; without it, it is fetched from the vendor.
    """
    try:
        with alone(REPORT, report_id):
            report = VendorReport.objects.select_related("service_manager").get(pk=report_id)
            if report.status == VendorReport.Status.READY:
                _load_or_say_why(report, lines, at=at)
    except Busy:
        pass  # whoever holds it does the same as we would
    return VendorReport.objects.get(pk=report_id)


def _load_or_say_why(report: VendorReport, lines: Iterable[str] | None, *, at: datetime) -> None:
    try:
        loaded = _load(report, reports.lines(report) if lines is None else lines, at=at)
    except AcronisError as error:
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
    report.error = sentence[:1000]
    report.save(update_fields=["status", "error"])


def _load(report: VendorReport, lines: Iterable[str], *, at: datetime) -> Loaded:
    try:
        _copy(lines)
        return _bring_in(report, at=at)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS usage_line, usage_tenant")


def _copy(lines: Iterable[str]) -> None:
    """Stream the file into the temporary table `usage_line`, in flat memory."""
    rest = iter(lines)
    first = next(rest, "")
    header = _header(first)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS usage_line, usage_tenant")
        cursor.execute(_create_table(header))
        try:
            with cursor.copy(_copy_statement(header)) as copy:
                copy.write(first)
                for piece in _pieces(rest):
                    copy.write(piece)
        except DataError as error:
            raise _refused_by_copy(error, header) from error
        cursor.execute('ANALYZE usage_line ("tenant.id", name, edition, "infra.id", date)')


def _header(line: str) -> list[str]:
    """Return the report's columns, as the temporary table names them."""
    columns = next(csv.reader([line]), [])
    if missing := [name for name in (*TEXTS, *NUMBERS) if name not in columns]:
        raise ReportRefused(f"The report lacks the column {missing[0]}.")
    known = {*TEXTS, *NUMBERS, *OPTIONAL}
    names = [column if column in known else f"unused {place}" for place, column in enumerate(columns)]
    if len(set(names)) < len(names):
        raise ReportRefused("The report has two columns of the same name.")
    return names


def _create_table(header: Sequence[str]) -> Composed:
    """Columns have the file's names; those the file lacks are empty. `line` counts as the file's lines do, the header being 1."""
    types = {**dict.fromkeys(NUMBERS, SQL("numeric(30, 10)"))}
    columns = [SQL("{} {}").format(Identifier(name), types.get(name, SQL("text"))) for name in header]
    columns += [SQL("{} text DEFAULT ''").format(Identifier(name)) for name in OPTIONAL if name not in header]
    line = SQL("line bigint GENERATED ALWAYS AS IDENTITY (START WITH 2 CACHE 1000)")
    return SQL("CREATE TEMPORARY TABLE usage_line ({})").format(SQL(", ").join([*columns, line]))


def _copy_statement(header: Sequence[str]) -> Composed:
    texts = [Identifier(name) for name in header if name in (*TEXTS, *OPTIONAL)]
    return SQL("COPY usage_line ({}) FROM STDIN (FORMAT csv, HEADER true, FORCE_NOT_NULL ({}))").format(
        SQL(", ").join(map(Identifier, header)), SQL(", ").join(texts)
    )


def _pieces(lines: Iterator[str]) -> Iterator[str]:
    piece: list[str] = []
    length = 0
    for line in lines:
        piece.append(line)
        length += len(line)
        if length >= PIECE:
            yield "".join(piece)
            piece, length = [], 0
    yield "".join(piece)


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


@transaction.atomic(durable=True)
def _bring_in(report: VendorReport, *, at: datetime) -> Loaded:
    """Check what was copied, and make readings of it. A reading that a later report gave is not put back."""
    report = VendorReport.objects.locked().get(pk=report.pk)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")
        # Two reports of a service manager may hold the same reading; one load at a time keeps them from waiting in a ring.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('billing_usagerecord'), %s)", [report.service_manager_id])
        _check_values(Period(report.period_start, report.period_end))
        cursor.execute(_MAP_TENANTS, [report.service_manager_id] * 2)
        cursor.execute("ANALYZE usage_tenant")
        _check_duplicates(report.service_manager_id)
        names: dict[str, int | str | date] = {
            "report": report.pk,
            "manager": report.service_manager_id,
            "platform": PLATFORM,
            "start": report.period_start,
            "end": report.period_end,
        }
        cursor.execute(_CORRECT_READINGS, names)
        changed = cursor.rowcount
        cursor.execute(_ADD_READINGS, names)
        changed += cursor.rowcount
        cursor.execute(_UPSERT_UNMAPPED, names)
        cursor.execute(_FORGET_MAPPED, names)
        cursor.execute(_COUNT, names)
        readings, unmapped = cursor.fetchone()
    report.move_to(VendorReport.Status.LOADED)
    report.rows_loaded, report.loaded_at, report.error = readings + unmapped, at, ""
    report.save(update_fields=["status", "rows_loaded", "loaded_at", "error"])
    return Loaded(readings=readings, unmapped=unmapped, changed=changed)


def _check_values(period: Period) -> None:
    """:raises ReportRefused: the first line, in the file's order, whose values cannot be right."""
    days = [day.isoformat() for day in period]
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_BAD_VALUE, {"days": days, "units": list(UNITS)})
        found = cursor.fetchone()
    if found is not None:
        line, column, value, problem = found
        shown = f"“{value:.50}” " if value else ""
        raise ReportRefused(f"Line {line} of the report, column {column}: {shown}{problem.format(period=period)}.")


def _check_duplicates(service_manager_id: int) -> None:
    """:raises ReportRefused: two lines read the same item of the same tenant on the same day."""
    names: dict[str, int | str] = {"manager": service_manager_id, "platform": PLATFORM}
    with connection.cursor() as cursor:
        cursor.execute(_ANY_HASH_TWICE, names)
        if cursor.fetchone() is None:
            return
        cursor.execute(_FIRST_DUPLICATE, names)
        found = cursor.fetchone()
    if found is not None:
        raise ReportRefused(f"Lines {found[0]} and {found[1]} of the report are readings of the same item, tenant and day.")


# --- Statements ---------------------------------------------------------------------------------------------------------

_TOO_LONG = "is too long"

# What must hold in every line, in the words of SQL: column, condition of the wrong, sentence.
_RULES: tuple[tuple[str, str, str], ...] = (
    ("date", '"date" <> ALL (%(days)s)', "is not a day of {period}"),
    ("tenant.id", "\"tenant.id\" = ''", "is empty"),
    ("tenant.id", 'length("tenant.id") > 36', _TOO_LONG),
    ("tenant.kind", "\"tenant.kind\" = ''", "is empty"),
    ("application.id", "\"application.id\" = ''", "is empty"),
    ("name", "name = ''", "is empty"),
    ("name", "length(name) > 100", _TOO_LONG),
    ("edition", "length(edition) > 50", _TOO_LONG),
    ("infra.id", 'length("infra.id") > 36', _TOO_LONG),
    ("is_range", "is_range NOT IN ('True', 'False', 'true', 'false')", "is neither True nor False"),
    ("measurement_unit", "measurement_unit <> ALL (%(units)s)", "is not a unit we know"),
    *((column, f'"{column}" IS NULL', "is empty") for column in NUMBERS),
    *((column, f"\"{column}\" = 'NaN'", "is not a number") for column in NUMBERS),
    *((column, f'"{column}" < 0', "is negative") for column in NUMBERS if "absolute" in column),
)


def _first_bad_value() -> str:
    """One pass over the lines; which rule was broken is asked of the first bad line only."""
    wrong = " OR ".join(condition for _, condition, _ in _RULES)
    column, value, problem = (
        "CASE " + " ".join(f"WHEN {rule[1]} THEN {shown(rule)}" for rule in _RULES) + " END"
        for shown in (
            lambda rule: f"'{rule[0]}'",
            lambda rule: f'"{rule[0]}"::text',
            lambda rule: f"'{rule[2]}'",
        )
    )
    bad = f"SELECT * FROM usage_line WHERE {wrong} ORDER BY line LIMIT 1"  # noqa: S608  fixed words
    return f"SELECT line, {column}, {value}, {problem} FROM ({bad}) bad"  # noqa: S608  fixed words


_FIRST_BAD_VALUE = _first_bad_value()

# The vendor's tenants in this file and which of them are ours: by the tenant's id, or, as long as we do not know the id, by the
# key we gave the tenant. A second tenant with our key is not ours: it is kept as unmapped, and shown.
_MAP_TENANTS = """
    CREATE TEMPORARY TABLE usage_tenant AS
    SELECT seen.id, coalesce(by_id.id, by_key.id) AS tenant_id
    FROM (SELECT "tenant.id" AS id, max("tenant.customer_id") AS key FROM usage_line GROUP BY 1) seen
    LEFT JOIN provisioning_tenant by_id ON by_id.vendor_id::text = lower(seen.id) AND by_id.service_manager_id = %s
    LEFT JOIN provisioning_tenant by_key
        ON by_key.vendor_id IS NULL AND by_key.key = seen.key AND by_key.service_manager_id = %s
"""

# The lines that are consumption. Partners' lines are sums of their customers', folders' and units' parts of them: with them
# everything would be counted twice. An item goes by the name of its offering item, even where a line has its usage's name.
_READINGS = """
    FROM usage_line line
    JOIN usage_tenant tenant ON tenant.id = line."tenant.id"
    LEFT JOIN (
        SELECT usage_name, edition, min(name) AS name FROM provisioning_vendorofferingitem item
        WHERE service_manager_id = %(manager)s AND usage_name <> name
        GROUP BY usage_name, edition
    ) offering_item ON offering_item.usage_name = line.name AND offering_item.edition = line.edition
    WHERE line."tenant.kind" = 'customer' AND line."application.id" <> %(platform)s
"""
_ITEM = "coalesce(offering_item.name, line.name)"

_SAME = f"""coalesce(tenant.tenant_id::text, line."tenant.id"), {_ITEM}, line.edition, line."infra.id", line.date"""

# A hash of eight bytes is counted in a fraction of the time the long keys take; only where two are alike the keys are compared.
_ANY_HASH_TWICE = f"""
    SELECT FROM (SELECT hash_record_extended(ROW({_SAME}), 0) AS hash {_READINGS}) line GROUP BY hash HAVING count(*) > 1 LIMIT 1
"""
_FIRST_DUPLICATE = f"SELECT min(line.line), max(line.line) {_READINGS} GROUP BY {_SAME} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"

_OURS = f"""
    SELECT tenant.tenant_id, {_ITEM} AS item, line.edition, line."infra.id" AS infra_id, line.date::date AS day,
        line.is_range::boolean AS is_range, coalesce(nullif(line.measurement_unit, ''), 'quantity') AS measurement_unit,
        line."usage.absolute.production" AS absolute, line."usage.delta.production" AS delta,
        line."usage.absolute.trial" AS trial_absolute, line."usage.delta.trial" AS trial_delta, line.line
    {_READINGS} AND tenant.tenant_id IS NOT NULL
"""

_SAME_READING = """kept.tenant_id = new.tenant_id AND kept.day = new.day AND kept.item = new.item AND kept.edition = new.edition
    AND kept.infra_id = new.infra_id AND kept.day >= %(start)s AND kept.day < %(end)s"""

# Correcting and adding are two statements: one with ON CONFLICT takes half as long again. The lock keeps other loads out between
# them, and should anybody get in all the same, the unique constraint fails the load.
_CORRECT_READINGS = f"""
    UPDATE billing_usagerecord kept SET is_range = new.is_range, measurement_unit = new.measurement_unit, absolute = new.absolute,
        delta = new.delta, trial_absolute = new.trial_absolute, trial_delta = new.trial_delta, report_id = %(report)s,
        report_line = new.line
    FROM ({_OURS}) new
    WHERE {_SAME_READING} AND kept.report_id <= %(report)s
        AND (kept.absolute, kept.delta, kept.trial_absolute, kept.trial_delta, kept.is_range, kept.measurement_unit)
            IS DISTINCT FROM (new.absolute, new.delta, new.trial_absolute, new.trial_delta, new.is_range, new.measurement_unit)
"""  # noqa: S608  fixed words

_ADD_READINGS = f"""
    INSERT INTO billing_usagerecord (tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta,
        trial_absolute, trial_delta, report_id, report_line)
    SELECT tenant_id, item, edition, infra_id, day, is_range, measurement_unit, absolute, delta, trial_absolute, trial_delta,
        %(report)s, line
    FROM ({_OURS}) new WHERE NOT EXISTS (SELECT FROM billing_usagerecord kept WHERE {_SAME_READING})
"""  # noqa: S608  fixed words

_UPSERT_UNMAPPED = f"""
    INSERT INTO billing_unmappedusage AS kept (service_manager_id, vendor_tenant_id, tenant_name, item, edition, infra_id,
        day, measurement_unit, absolute, delta, report_id, report_line)
    SELECT %(manager)s, line."tenant.id", left(line."tenant.name", 255), {_ITEM}, line.edition, line."infra.id",
        line.date::date, coalesce(nullif(line.measurement_unit, ''), 'quantity'), line."usage.absolute.production",
        line."usage.delta.production", %(report)s, line.line
    {_READINGS} AND tenant.tenant_id IS NULL
    ON CONFLICT (service_manager_id, vendor_tenant_id, item, edition, infra_id, day) DO UPDATE SET
        tenant_name = excluded.tenant_name, measurement_unit = excluded.measurement_unit,
        absolute = excluded.absolute, delta = excluded.delta,
        report_id = excluded.report_id, report_line = excluded.report_line
    WHERE kept.report_id <= excluded.report_id
        AND (kept.absolute, kept.delta, kept.tenant_name, kept.measurement_unit)
            IS DISTINCT FROM (excluded.absolute, excluded.delta, excluded.tenant_name, excluded.measurement_unit)
"""  # noqa: S608  fixed words

# A tenant that has become ours since: its lines are readings now.
_FORGET_MAPPED = """
    DELETE FROM billing_unmappedusage kept USING usage_tenant tenant
    WHERE tenant.tenant_id IS NOT NULL AND kept.vendor_tenant_id = tenant.id AND kept.service_manager_id = %(manager)s
        AND kept.day >= %(start)s AND kept.day < %(end)s
"""

_COUNT = f"SELECT count(tenant.tenant_id), count(*) - count(tenant.tenant_id) {_READINGS}"
