"""Usage reports: asked for, made in the background into a file, looked at, downloaded."""

import gzip
import json
import sqlite3
import threading
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, send_file

from sandbox import current, report_rows, tree
from sandbox.answers import answer, nothing, stamp
from sandbox.auth import token_only
from sandbox.errors import bad_request, not_found, stale_version
from sandbox.incoming import boolean, json_body, listing, mapping, one_of, query_version, required, uuid
from sandbox.report_rows import Asked
from sandbox.storage import Storage, insert

routes = Blueprint("reports", __name__)

FORMAT = "csv_v2_0"
KINDS = ("usage_daily", "usage_summary", "usage_current")
NOT_READY_HOURS = range(1, 6)  # usage of the day before is being counted between 01:00 and 06:00 UTC
LOOK_SECONDS = 2.0  # how long a look at a stored report waits for it to be finished
DOWNLOAD_SECONDS = 60.0


@routes.post("/reports")
@token_only
def create_report() -> Response:
    """200; 400 for days that have not come, and between 1 and 6 o'clock for the day before."""
    body, at = json_body(), current.now()
    parameters = _parameters(mapping(required(body, "parameters"), "parameters"), at)
    if one_of(body.get("result_action", "save"), "result_action", ("save", "send")) == "send":
        raise bad_request("The sandbox keeps reports for download; it does not mail them.")
    schedule = mapping(body.get("schedule", {"type": "once"}), "schedule")
    if one_of(schedule.get("type"), "schedule.type", ("once", "monthly")) == "monthly":
        raise bad_request("The sandbox makes reports once; it does not schedule them.")
    report = {
        "id": str(uuid4()),
        "version": 1,
        "result_action": "save",
        "recipients": [uuid(one, "recipients") for one in listing(body.get("recipients", []), "recipients")],
        "parameters": parameters,
        "schedule": {"enabled": True, "type": "once"},
        "generation_date": str(at.date()),
    }
    columns = {"id": report["id"], "tenant_id": parameters["tenant_id"], "version": 1, "details": json.dumps(report)}
    insert(current.db(), "reports", columns)
    insert(
        current.db(),
        "stored_reports",
        {
            "id": str(uuid4()),
            "report_id": report["id"],
            "report_format": FORMAT,
            "created_at": stamp(at),
            "status": "in_progress",
        },
    )
    return answer(report)


def _parameters(sent: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    tenant = tree.find_tenant(uuid(required(sent, "tenant_id"), "parameters.tenant_id"))
    kind = one_of(sent.get("kind"), "parameters.kind", (*KINDS, "usage_breakdown"))
    formats = listing(sent.get("formats") or [FORMAT], "parameters.formats")
    if kind not in KINDS or formats != [FORMAT]:
        raise bad_request(f"The sandbox makes {', '.join(KINDS)} as {FORMAT} only.")
    start, end = _period(sent.get("period"), at)
    return {
        "tenant_id": tenant["id"],
        "level": one_of(sent.get("level"), "parameters.level", report_rows.LEVELS),
        "kind": kind,
        "formats": formats,
        "period": {"start": str(start), "end": str(end)},
        "hide_zero_usage": boolean(sent.get("hide_zero_usage", False), "parameters.hide_zero_usage"),
        "show_skus": boolean(sent.get("show_skus", False), "parameters.show_skus"),
    }


def _period(sent: Any, at: datetime) -> tuple[date, date]:
    """Without a period: from the first of the month until yesterday, or the first itself on the first."""
    today = at.date()
    if sent is None:
        start, end = today.replace(day=1), max(today - timedelta(days=1), today.replace(day=1))
    else:
        period = mapping(sent, "parameters.period")
        start, end = _day(period, "start"), _day(period, "end")
    if start > end:
        raise bad_request("The period ends before it starts.")
    if end > today:
        raise bad_request("The period must not lie in the future.")
    if at.hour in NOT_READY_HOURS and end >= today - timedelta(days=1):
        raise bad_request("Usage history is not ready yet; try again after 6 o'clock (UTC).")
    return start, end


def _day(period: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(str(required(period, name)))
    except ValueError:
        raise bad_request(f"parameters.period.{name} must be a date like 2026-10-01.") from None


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


@routes.delete("/reports/<report_id>")
@token_only
def delete_report(report_id: str) -> Response:
    report, sent = _find(report_id), query_version()
    if sent != report["version"]:
        raise stale_version(sent=sent, current=report["version"])
    for row in _stored(report_id):
        report_file(current.storage(), row["id"]).unlink(missing_ok=True)
    current.db().execute("DELETE FROM reports WHERE id = ?", (report_id,))
    return nothing()


@routes.get("/tenants/<tenant_id>/reports")
@token_only
def get_reports(tenant_id: str) -> Response:
    tree.find_tenant(tenant_id)
    rows = current.db().execute("SELECT id FROM reports WHERE tenant_id = ? ORDER BY number", (tenant_id,))
    return answer({"items": [row["id"] for row in rows]})


@routes.get("/reports/<report_id>/stored")
@token_only
def get_stored_reports(report_id: str) -> Response:
    """
    The files of a report. The first look always finds them in progress and starts the work, as does a look after a restart;
    later looks wait a moment, so that small reports are saved at the second look.
    """
    report = _find(report_id)
    for row in _stored(report_id):
        if row["status"] == "in_progress":
            work = _work_on(current.storage(), row["id"], _asked(report))
            if row["seen"]:
                work.join(LOOK_SECONDS)
    found = [_stored_object(row) for row in _stored(report_id)]
    with current.storage().writing() as db:
        db.execute("UPDATE stored_reports SET seen = 1 WHERE report_id = ?", (report_id,))
    return answer({"items": found})


def _stored(report_id: str) -> list[sqlite3.Row]:
    return current.db().execute("SELECT * FROM stored_reports WHERE report_id = ?", (report_id,)).fetchall()


def _stored_object(row: sqlite3.Row) -> dict[str, Any]:
    found = {name: row[name] for name in ("id", "report_format", "created_at")}
    if row["seen"] and row["status"] != "in_progress":
        return found | {"status": row["status"]} | ({} if row["size"] is None else {"size": row["size"]})
    return found | {"status": "in_progress"}


@routes.get("/reports/<report_id>/stored/<stored_id>")
@token_only
def download_stored_report(report_id: str, stored_id: str) -> Response:
    """The gzip file as it lies on disk, streamed; clients that know Content-Encoding see the CSV itself."""
    report = _find(report_id)
    row = next((row for row in _stored(report_id) if row["id"] == stored_id), None)
    if row is None:
        raise not_found()
    if row["status"] == "in_progress":
        _work_on(current.storage(), stored_id, _asked(report)).join(DOWNLOAD_SECONDS)
    path = report_file(current.storage(), stored_id)
    if not path.exists():
        raise not_found("The report is not generated yet.")
    response = send_file(path.absolute(), mimetype="application/octet-stream")
    response.headers["Content-Encoding"] = "gzip"
    return response


def _asked(report: Mapping[str, Any]) -> Asked:
    parameters = report["parameters"]
    return Asked(
        tenant_id=parameters["tenant_id"],
        level=parameters["level"],
        start=date.fromisoformat(parameters["period"]["start"]),
        end=date.fromisoformat(parameters["period"]["end"]),
        is_daily=parameters["kind"] == "usage_daily",
        hide_zero_usage=parameters["hide_zero_usage"],
        show_skus=parameters["show_skus"],
    )


# Making the file


_works: dict[str, threading.Thread] = {}
_works_lock = threading.Lock()


def report_file(storage: Storage, stored_id: str) -> Path:
    return storage.reports_directory / f"{stored_id}.csv.gz"


def _work_on(storage: Storage, stored_id: str, asked: Asked) -> threading.Thread:
    """The thread that makes this file; started if none is at it, which also takes up work a killed process left."""
    with _works_lock:
        work = _works.get(stored_id)
        if work is None or not work.is_alive():
            work = threading.Thread(target=_make, args=(storage, stored_id, asked), daemon=True)
            _works[stored_id] = work
            work.start()
        return work


def _make(storage: Storage, stored_id: str, asked: Asked) -> None:
    """Write the file beside its place and move it there whole, then say so; a failure is kept as the file's status."""
    path = report_file(storage, stored_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    status = "failed"
    try:
        with gzip.open(unfinished, "wt", compresslevel=5, encoding="utf-8", newline="") as file:
            file.writelines(report_rows.lines(storage.connection(), asked))
        unfinished.replace(path)
        status = "saved"
    finally:
        size = path.stat().st_size if status == "saved" else None
        with storage.writing() as db:
            db.execute("UPDATE stored_reports SET status = ?, size = ? WHERE id = ?", (status, size, stored_id))
        with _works_lock:
            _works.pop(stored_id, None)
