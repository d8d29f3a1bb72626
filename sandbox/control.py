"""The switchboard under `/sandbox/`: clock, faults, log of calls, and what the sandbox holds. Not part of the vendor's API."""

from datetime import datetime
from typing import Any

from flask import Blueprint, Response

from sandbox import current, faults, pages
from sandbox.answers import answer, nothing, stamp
from sandbox.errors import bad_request, not_found
from sandbox.incoming import json_body, required

routes = Blueprint("control", __name__)


@routes.get("/clock")
def get_clock() -> Response:
    return answer({"now": stamp(current.now())})


@routes.post("/clock")
def move_clock() -> Response:
    """Moves forward only; it goes on ticking from there."""
    try:
        now = datetime.fromisoformat(str(required(json_body(), "now")))
    except ValueError:
        raise bad_request("now must be a time like 2026-10-01T08:00:00Z.") from None
    if now.tzinfo is None:
        raise bad_request("now must have a time zone.")
    current.storage().move_clock(now)
    return answer({"now": stamp(current.storage().now())})


@routes.get("/faults")
def get_faults() -> Response:
    return answer({"items": faults.waiting_rules(current.db())})


@routes.post("/faults")
def add_fault() -> Response:
    rule = faults.rule_of_request()
    number = faults.add_rule(current.db(), rule)
    added = next(entry for entry in faults.waiting_rules(current.db()) if entry["id"] == number)
    return answer(added, 201)


@routes.delete("/faults")
def clear_faults() -> Response:
    faults.clear_rules(current.db())
    return nothing()


@routes.delete("/faults/<int:number>")
def remove_fault(number: int) -> Response:
    if not faults.remove_rule(current.db(), number):
        raise not_found()
    return nothing()


@routes.get("/calls")
def get_calls() -> Response:
    return answer({"items": faults.logged_calls(current.db())})


@routes.delete("/calls")
def clear_calls() -> Response:
    current.db().execute("DELETE FROM calls")
    return nothing()


@routes.get("/tenants")
def get_tenants() -> Response:
    return answer({"items": pages.tenant_rows()})


@routes.get("/users")
def get_users() -> Response:
    return answer({"items": pages.user_rows()})


@routes.get("/mails")
def get_mails() -> Response:
    found: list[dict[str, Any]] = pages.mail_rows()
    return answer({"items": found})
