"""
Reports that are made later: every month, or once on a day to come.

Nothing runs in the background. What has come due since the last call is made up for before the next one is answered, so it does not
matter whether the clock ticked or was moved.
"""

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sandbox import mails, report_files
from sandbox.answers import stamp
from sandbox.storage import insert

READY_HOUR = 6  # usage of the day before is counted between 01:00 and 06:00 UTC


def moment_of(day: date) -> datetime:
    """When a report of that day is made: as soon as the usage of the day before is known."""
    return datetime.combine(day, time(READY_HOUR), UTC)


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def month_before(day: date) -> tuple[date, date]:
    """First and last day of the month that ended before this day's month began."""
    end = day.replace(day=1) - timedelta(days=1)
    return end.replace(day=1), end


def add(db: sqlite3.Connection, report: Mapping[str, Any], *, due: datetime) -> None:
    enabled = int(report["schedule"]["enabled"])
    insert(db, "report_schedules", {"report_id": report["id"], "due_at": stamp(due), "enabled": enabled})


def switch(db: sqlite3.Connection, report_id: str, *, enabled: bool) -> None:
    db.execute("UPDATE report_schedules SET enabled = ? WHERE report_id = ?", (int(enabled), report_id))


def is_anything_due(db: sqlite3.Connection, at: datetime) -> bool:
    return db.execute("SELECT 1 FROM report_schedules WHERE due_at <= ? LIMIT 1", (stamp(at),)).fetchone() is not None


def make_due(db: sqlite3.Connection, at: datetime) -> None:
    """
    Note down what has come due until now, each with its own date and period; inside the caller's transaction.

    Months during which a schedule was switched off are passed over. The schedule of a deleted tenant ends.
    """
    rows = db.execute(
        "SELECT s.*, r.details, t.deleted_at FROM report_schedules s JOIN reports r ON r.id = s.report_id"
        " JOIN tenants t ON t.id = r.tenant_id WHERE s.due_at <= ? ORDER BY s.due_at, r.number",
        (stamp(at),),
    )
    for row in rows.fetchall():
        report, due = json.loads(row["details"]), datetime.fromisoformat(row["due_at"])
        if row["deleted_at"]:
            db.execute("DELETE FROM report_schedules WHERE report_id = ?", (report["id"],))
        elif report["schedule"]["type"] == "once":
            period = report["parameters"]["period"]
            generate(db, report, start=date.fromisoformat(period["start"]), end=date.fromisoformat(period["end"]), at=due)
            db.execute("DELETE FROM report_schedules WHERE report_id = ?", (report["id"],))
        else:
            _make_months(db, report, due, at=at, enabled=bool(row["enabled"]))


def _make_months(db: sqlite3.Connection, report: dict[str, Any], due: datetime, *, at: datetime, enabled: bool) -> None:
    """Catch up month by month; afterwards the report shows which month it is about next."""
    while due <= at:
        start, end = month_before(due.date())
        if enabled:
            generate(db, report, start=start, end=end, at=due)
        due = moment_of(first_of_next_month(due.date()))
    show_next(report, due.date())
    db.execute("UPDATE reports SET details = ? WHERE id = ?", (json.dumps(report), report["id"]))
    db.execute("UPDATE report_schedules SET due_at = ? WHERE report_id = ?", (stamp(due), report["id"]))


def show_next(report: dict[str, Any], due: date) -> None:
    """Put the next date of generation, and the month the report is then about, into a monthly report."""
    start, end = month_before(due)
    report["generation_date"] = str(due)
    report["parameters"]["period"] = {"start": str(start), "end": str(end)}


def generate(db: sqlite3.Connection, report: Mapping[str, Any], *, start: date, end: date, at: datetime) -> None:
    """Have the files made, and mail them where the report says so; who was deleted meanwhile gets no mail."""
    stored_ids = report_files.add(db, report, start=start, end=end, at=stamp(at))
    if report["result_action"] != "send":
        return
    tenant = db.execute("SELECT name FROM tenants WHERE id = ?", (report["parameters"]["tenant_id"],)).fetchone()
    subject = f"Usage report of {tenant['name']}, {start} to {end}"
    for user_id in report["recipients"]:
        user = db.execute("SELECT * FROM users WHERE id = ? AND deleted_at IS NULL", (user_id,)).fetchone()
        if user is not None:
            mails.send_report(db, user, subject=subject, stored_ids=stored_ids, at=at)
