"""The files of reports: made in the background, beside the storage file, one per format; made to fail on demand."""

import gzip
import json
import sqlite3
import threading
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox import report_rows
from sandbox.report_formats import FORMATS, Heading
from sandbox.report_rows import Asked
from sandbox.storage import Storage, insert

FAILURES = "reports_to_fail"  # the setting that holds how many of the next files are not made
COMPRESSION = 3  # the columns repeat so much that more makes the file hardly smaller

_works: dict[str, threading.Thread] = {}
_works_lock = threading.Lock()


def add(db: sqlite3.Connection, report: Mapping[str, Any], *, start: date, end: date, at: str) -> list[str]:
    """Note down one file per format of the report that is to be made for this period; return their ids."""
    ids = []
    for format_name in report["parameters"]["formats"]:
        ids.append(str(uuid4()))
        row = {"id": ids[-1], "report_id": report["id"], "report_format": format_name, "created_at": at, "status": "in_progress"}
        insert(db, "stored_reports", {**row, "period_start": str(start), "period_end": str(end)})
    return ids


def of_report(db: sqlite3.Connection, report_id: str) -> list[sqlite3.Row]:
    """The files of a report, oldest first, those of one time in the order in which their formats were asked for."""
    return db.execute("SELECT * FROM stored_reports WHERE report_id = ? ORDER BY created_at, rowid", (report_id,)).fetchall()


def path_of(storage: Storage, row: sqlite3.Row) -> Path:
    return storage.reports_directory / f"{row['id']}.{FORMATS[row['report_format']].extension}.gz"


def work_on(storage: Storage, row: sqlite3.Row) -> threading.Thread:
    """The thread that makes this file; started if none is at it, which also takes up work a killed process left."""
    with _works_lock:
        work = _works.get(row["id"])
        if work is None or not work.is_alive():
            work = threading.Thread(target=_make, args=(storage, row), daemon=True)
            _works[row["id"]] = work
            work.start()
        return work


def _make(storage: Storage, row: sqlite3.Row) -> None:
    """Write the file beside its place and move it there whole, then say so; a failure is kept as the file's status."""
    path, status, size = path_of(storage, row), "failed", None
    unfinished = path.with_suffix(".part")
    try:
        if not _is_to_fail(storage):
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(storage, row, unfinished)
            unfinished.replace(path)
            status, size = "saved", path.stat().st_size
    finally:
        unfinished.unlink(missing_ok=True)
        with storage.writing() as db:
            kept = db.execute("UPDATE stored_reports SET status = ?, size = ? WHERE id = ?", (status, size, row["id"])).rowcount
        if not kept:  # the report was deleted meanwhile
            path.unlink(missing_ok=True)
        with _works_lock:
            _works.pop(row["id"], None)


def _write(storage: Storage, row: sqlite3.Row, path: Path) -> None:
    db = storage.connection()
    heading = _heading(db, row)
    with gzip.open(path, "wt", compresslevel=COMPRESSION, encoding="utf-8", newline="") as file:
        file.writelines(FORMATS[row["report_format"]].write(heading, report_rows.blocks(db, heading.asked)))


def _heading(db: sqlite3.Connection, row: sqlite3.Row) -> Heading:
    report = json.loads(db.execute("SELECT details FROM reports WHERE id = ?", (row["report_id"],)).fetchone()["details"])
    parameters = report["parameters"]
    tenant = db.execute("SELECT number, name FROM tenants WHERE id = ?", (parameters["tenant_id"],)).fetchone()
    asked = Asked(
        tenant_id=parameters["tenant_id"],
        level=parameters["level"],
        kind=parameters["kind"],
        # A file of an earlier sandbox has the period of its report.
        start=date.fromisoformat(row["period_start"] or parameters["period"]["start"]),
        end=date.fromisoformat(row["period_end"] or parameters["period"]["end"]),
        hide_zero_usage=parameters["hide_zero_usage"],
        show_skus=parameters["show_skus"],
    )
    generated_on = date.fromisoformat(row["created_at"][:10])
    return Heading(
        asked,
        tenant_name=tenant["name"],
        tenant_number=tenant["number"],
        generated_on=generated_on,
        is_monthly=report["schedule"]["type"] == "monthly",
        storages={storage["id"]: storage for storage in db.execute("SELECT * FROM infra")},
    )


# Failures on demand


def fail_next(storage: Storage, times: int) -> None:
    """Let the next files fail instead of being made; none with 0."""
    storage.set_setting(FAILURES, str(times))


def to_fail(storage: Storage) -> int:
    return int(storage.setting(FAILURES) or 0)


def _is_to_fail(storage: Storage) -> bool:
    if not to_fail(storage):
        return False
    with storage.writing():
        left = to_fail(storage)
        fail_next(storage, max(0, left - 1))
    return left > 0
