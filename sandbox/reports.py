"""Usage reports: asked for, scheduled, looked at, downloaded."""

import json
import re
import sqlite3
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, render_template, send_file

from sandbox import current, mails, report_files, report_rows, report_schedules, tree, users
from sandbox.answers import answer, nothing
from sandbox.auth import token_only
from sandbox.errors import bad_request, not_found, stale_version
from sandbox.incoming import boolean, integer, json_body, listing, mapping, one_of, query_version, required, uuid
from sandbox.report_formats import FORMATS
from sandbox.storage import insert

routes = Blueprint("reports", __name__)
switchboard = Blueprint("report_switchboard", __name__)
pages = Blueprint("report_pages", __name__)

DEFAULT_FORMATS = {"save": ["csv_v2_0"], "send": ["html", "csv"]}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
ACTIONS = ("save", "send")
SCHEDULES = ("once", "monthly")
NOT_READY_HOURS = range(1, report_schedules.READY_HOUR)
LOOK_SECONDS = 2.0  # how long a look at a stored report waits for it to be finished
DOWNLOAD_SECONDS = 120.0
MOST_FAILURES = 1000


@routes.before_app_request
def make_due() -> None:
    """Whatever is asked, by whomever: first comes what has come due. A change that is refused leaves it to the next call."""
    db, at = current.db(), current.now()
    if not report_schedules.is_anything_due(db, at):
        return
    if db.in_transaction:
        report_schedules.make_due(db, at)
    else:
        with current.storage().writing():
            report_schedules.make_due(db, at)


# Asking


@routes.post("/reports")
@token_only
def create_report() -> Response:
    """
    200; 400 naming the field that is wrong, for days that have not come, and between 1 and 6 o'clock for the day before.

    A monthly report is made on the first of each month for the month before, one with a `generation_date` to come on that day.
    """
    body, at, db = json_body(), current.now(), current.db()
    schedule = _schedule(body)
    action = one_of(body.get("result_action", "save"), "result_action", ACTIONS)
    parameters = _parameters(mapping(required(body, "parameters"), "parameters"), action)
    due = _due(body, schedule, at)
    report: dict[str, Any] = {
        "id": str(uuid4()),
        "version": 1,
        "result_action": action,
        "recipients": _recipients(body.get("recipients", []), action),
        "parameters": parameters,
        "schedule": schedule,
        "generation_date": str(at.date() if due is None else due.date()),
    }
    if schedule["type"] == "monthly":
        start, end = report_schedules.month_before(date.fromisoformat(report["generation_date"]))
    else:
        start, end = _period(body["parameters"].get("period"), due or at)
    parameters["period"] = {"start": str(start), "end": str(end)}
    columns = {"id": report["id"], "tenant_id": parameters["tenant_id"], "version": 1, "details": json.dumps(report)}
    insert(db, "reports", columns)
    if due is None:
        report_schedules.generate(db, report, start=start, end=end, at=at)
    else:
        report_schedules.add(db, report, due=due)
    return answer(report)


def _schedule(body: Mapping[str, Any]) -> dict[str, Any]:
    sent = mapping(body.get("schedule", {"type": "once"}), "schedule")
    enabled = boolean(sent.get("enabled", True), "schedule.enabled")
    kind = one_of(sent.get("type"), "schedule.type", SCHEDULES)
    return {"enabled": enabled or kind == "once", "type": kind}


def _parameters(sent: Mapping[str, Any], action: str) -> dict[str, Any]:
    """What is asked for, without the period."""
    tenant = tree.find_tenant(uuid(required(sent, "tenant_id"), "parameters.tenant_id"))
    formats = listing(sent.get("formats") or DEFAULT_FORMATS[action], "parameters.formats")
    formats = [one_of(one, "parameters.formats", tuple(FORMATS)) for one in formats]
    return {
        "tenant_id": tenant["id"],
        "formats": list(dict.fromkeys(formats)),
        **_selection({"hide_zero_usage": False, "show_skus": False, **sent}),
    }


def _selection(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the parameters that a scheduled report may be given anew."""
    return {
        "level": one_of(sent.get("level"), "parameters.level", report_rows.LEVELS),
        "kind": one_of(sent.get("kind"), "parameters.kind", report_rows.KINDS),
        "hide_zero_usage": boolean(sent["hide_zero_usage"], "parameters.hide_zero_usage"),
        "show_skus": boolean(sent["show_skus"], "parameters.show_skus"),
    }


def _recipients(sent: Any, action: str) -> list[str]:
    """Users the caller may see; a report that is to be sent needs at least one."""
    ids = list(dict.fromkeys(uuid(one, "recipients") for one in listing(sent, "recipients")))
    if action == "send" and not ids:
        raise bad_request("recipients must name at least one user to send the report to.")
    for user_id in ids:
        row = users.row_of(user_id)
        if row is None or row["deleted_at"] or not tree.in_subtree(tree.row_of(row["tenant_id"])):
            raise bad_request(f"recipients: there is no user {user_id}.")
    return ids


def _due(body: Mapping[str, Any], schedule: Mapping[str, Any], at: datetime) -> datetime | None:
    """When the report is to be made; None for now."""
    if schedule["type"] == "monthly":
        return report_schedules.moment_of(report_schedules.first_of_next_month(at.date()))
    day = _day(body, "generation_date", "generation_date") if body.get("generation_date") else at.date()
    if day < at.date():
        raise bad_request("generation_date must not lie in the past.")
    return None if day == at.date() else report_schedules.moment_of(day)


def _period(sent: Any, at: datetime) -> tuple[date, date]:
    """
    The period as it is possible at the time of generation.

    Without one: from the first of the month until yesterday, or the first itself on the first.
    """
    today = at.date()
    if sent is None:
        start, end = today.replace(day=1), max(today - timedelta(days=1), today.replace(day=1))
    else:
        period = mapping(sent, "parameters.period")
        start, end = (_day(period, name, f"parameters.period.{name}") for name in ("start", "end"))
    if start > end:
        raise bad_request("parameters.period ends before it starts.")
    if end > today:
        raise bad_request("parameters.period must not lie in the future.")
    if at.hour in NOT_READY_HOURS and end >= today - timedelta(days=1):
        raise bad_request("Usage history is not ready yet; try again after 6 o'clock (UTC).")
    return start, end


def _day(sent: Mapping[str, Any], name: str, called: str) -> date:
    value = sent.get(name)
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise bad_request(f"{called} must be a date like 2026-10-01.")
    return day


# Looking, changing, deleting


def _find(report_id: str) -> dict[str, Any]:
    row = current.db().execute("SELECT * FROM reports WHERE id = ?", (report_id,)).fetchone()
    if row is None:
        raise not_found()
    tree.find_tenant(row["tenant_id"], allow_deleted=True)
    report: dict[str, Any] = json.loads(row["details"])
    return report


@routes.get("/reports/<report_id>")
@token_only
def get_report(report_id: str) -> Response:
    return answer(_find(report_id))


@routes.put("/reports/<report_id>")
@token_only
def change_report(report_id: str) -> Response:
    """
    Change recipients, selection or the switch of a monthly report; what was made before stays as it is.

    The reference has no version in the body: one that is sent must be the present one, 409/1001 otherwise.
    """
    body, report = json_body(), _find(report_id)
    if report["schedule"]["type"] != "monthly":
        raise bad_request("Only scheduled reports can be changed.")
    if body.get("version") is not None and integer(body["version"], "version") != report["version"]:
        raise stale_version(sent=integer(body["version"], "version"), current=report["version"])
    if "recipients" in body:
        report["recipients"] = _recipients(body["recipients"], report["result_action"])
    parameters, schedule = mapping(body.get("parameters", {}), "parameters"), mapping(body.get("schedule", {}), "schedule")
    report["parameters"] |= _selection({**report["parameters"], **parameters})
    if schedule:
        report["schedule"]["enabled"] = boolean(required(schedule, "enabled"), "schedule.enabled")
    report["version"] += 1
    db = current.db()
    db.execute("UPDATE reports SET version = ?, details = ? WHERE id = ?", (report["version"], json.dumps(report), report_id))
    report_schedules.switch(db, report_id, enabled=report["schedule"]["enabled"])
    return answer(report)


@routes.delete("/reports/<report_id>")
@token_only
def delete_report(report_id: str) -> Response:
    report, sent = _find(report_id), query_version()
    if sent != report["version"]:
        raise stale_version(sent=sent, current=report["version"])
    for row in report_files.of_report(current.db(), report_id):
        report_files.path_of(current.storage(), row).unlink(missing_ok=True)
    current.db().execute("DELETE FROM reports WHERE id = ?", (report_id,))
    return nothing()


@routes.get("/tenants/<tenant_id>/reports")
@token_only
def get_reports(tenant_id: str) -> Response:
    tree.find_tenant(tenant_id)
    rows = current.db().execute("SELECT id FROM reports WHERE tenant_id = ? ORDER BY number", (tenant_id,))
    return answer({"items": [row["id"] for row in rows]})


# Files


@routes.get("/reports/<report_id>/stored")
@token_only
def get_stored_reports(report_id: str) -> Response:
    """
    The files of a report. The first look always finds them in progress and starts the work, as does a look after a restart;
    later looks wait a moment, so that small reports are saved at the second look.
    """
    _find(report_id)
    storage, db = current.storage(), current.db()
    for row in report_files.of_report(db, report_id):
        if row["status"] == "in_progress":
            work = report_files.work_on(storage, row)
            if row["seen"]:
                work.join(LOOK_SECONDS)
    found = [_stored_object(row) for row in report_files.of_report(db, report_id)]
    with storage.writing():
        db.execute("UPDATE stored_reports SET seen = 1 WHERE report_id = ?", (report_id,))
    return answer({"items": found})


def _stored_object(row: sqlite3.Row) -> dict[str, Any]:
    found = {name: row[name] for name in ("id", "report_format", "created_at")}
    if row["seen"] and row["status"] != "in_progress":
        return found | {"status": row["status"]} | ({} if row["size"] is None else {"size": row["size"]})
    return found | {"status": "in_progress"}


@routes.get("/reports/<report_id>/stored/<stored_id>")
@token_only
def download_stored_report(report_id: str, stored_id: str) -> Response:
    """The gzip file as it lies on disk, streamed; clients that know Content-Encoding see the report itself."""
    _find(report_id)
    row = next((row for row in report_files.of_report(current.db(), report_id) if row["id"] == stored_id), None)
    if row is None:
        raise not_found()
    return _file(row, "application/octet-stream")


def _file(row: sqlite3.Row, media_type: str) -> Response:
    """:raises Refusal: 404 while the file is not made yet, or when making it failed."""
    if row["status"] == "in_progress":
        report_files.work_on(current.storage(), row).join(DOWNLOAD_SECONDS)
    path = report_files.path_of(current.storage(), row)
    if not path.exists():
        raise not_found("The report is not generated yet.")
    response = send_file(path.absolute(), mimetype=media_type)
    response.headers["Content-Encoding"] = "gzip"
    return response


# Mails with reports, and failures on demand; not part of the vendor's API


@pages.get("/mc/report-mail/<token>")
def read_mail(token: str) -> str | tuple[str, int]:
    """A mail with a report: what it says, and the files that came with it."""
    mail = mails.find_report(token)
    if mail is None:
        return render_template("link_used.html"), 404
    return render_template("report_mail.html", mail=mail, attachments=_attachments(mail))


@pages.get("/mc/report-mail/<token>/<stored_id>")
def open_attachment(token: str, stored_id: str) -> Response:
    """A file that came with a mail, without sign-in: a mailbox has none."""
    mail = mails.find_report(token)
    row = next((row for row in _attachments(mail) if row["id"] == stored_id), None) if mail is not None else None
    if row is None:
        raise not_found()
    return _file(row, FORMATS[row["report_format"]].media_type)


def _attachments(mail: sqlite3.Row) -> list[sqlite3.Row]:
    """The files that are still there: deleting a report deletes them here too."""
    ids = mail["attachments"].split(",") if mail["attachments"] else []
    rows = (current.db().execute("SELECT * FROM stored_reports WHERE id = ?", (one,)).fetchone() for one in ids)
    return [row for row in rows if row is not None]


@switchboard.get("/reports/failures")
def get_failures() -> Response:
    return answer({"times": report_files.to_fail(current.storage())})


@switchboard.post("/reports/failures")
def set_failures() -> Response:
    """`{"times": 2}`: so many of the next report files end as `failed`."""
    times = integer(required(json_body(), "times"), "times")
    if not 0 <= times <= MOST_FAILURES:
        raise bad_request(f"times must be from 0 to {MOST_FAILURES}.")
    report_files.fail_next(current.storage(), times)
    return answer({"times": times})
