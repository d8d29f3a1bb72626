"""The switchboard under `/sandbox/`: clock, faults, log of calls, and what the sandbox holds. Not part of the vendor's API."""

from datetime import datetime

from flask import Blueprint, Response

from sandbox import current, faults, rows
from sandbox.answers import answer, nothing, stamp
from sandbox.errors import bad_request, not_found
from sandbox.incoming import json_body, required

routes = Blueprint("control", __name__)
LAST_YEAR = 2199


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
    set_clock(now)
    return answer({"now": stamp(current.storage().now())})


def set_clock(now: datetime) -> None:
    """
    Move the clock to an aware time.

    :raises Refusal: 400 when that lies before its present time, or so far ahead that reckoning with it would end.
    """
    if now.year > LAST_YEAR:
        raise bad_request(f"now must lie before the end of {LAST_YEAR}.")
    current.storage().move_clock(now)


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
    return answer({"items": rows.tenant_rows()})


@routes.get("/users")
def get_users() -> Response:
    return answer({"items": rows.user_rows()})


@routes.get("/mails")
def get_mails() -> Response:
    return answer({"items": rows.mail_rows()})
