"""
Faults on demand, and the log of calls.

A rule waits for calls that match its method and path, lets some pass, then spoils the next ones: answers for the sandbox, waits,
cuts the connection, or carries the request out and loses the answer. Both sit around the application, so they see every call.
"""

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import request
from werkzeug.wrappers import Response

from sandbox.answers import stamp
from sandbox.errors import Refusal, bad_request
from sandbox.incoming import boolean, integer, mapping, text
from sandbox.storage import Storage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = ("GET", "POST", "PUT", "DELETE")
CALLS_KEPT = 10_000
LONGEST_DELAY = 600.0
UNTOUCHED = ("/sandbox/", "/static/")  # the switchboard itself neither breaks nor fills the log


class AnswerLost(ConnectionResetError):
    """The request was carried out, the answer was not delivered."""


class ConnectionCut(ConnectionResetError):
    """The connection was cut before the request was carried out."""


@dataclass(frozen=True)
class Rule:
    """
    What to do to which calls.

    :param skip: how many matching calls pass first; `times` how many are spoilt after that.
    :param status: answer with this status instead of carrying the request out; with `headers` and, if given, `body` as it is.
    :param delay_s: wait so many seconds first. A rule with a delay only is just slow.
    """

    method: str
    path: str
    times: int
    skip: int
    status: int | None
    headers: Mapping[str, str]
    body: str | None
    delay_s: float
    reset: bool
    lose_answer: bool

    @classmethod
    def from_json(cls, sent: Mapping[str, Any]) -> "Rule":
        """:raises Refusal: 400 naming the field that is wrong."""
        unknown = set(sent) - set(cls.__dataclass_fields__)
        if unknown:
            raise bad_request(f"A fault has no {', '.join(sorted(unknown))}.")
        rule = cls(
            method=text(sent.get("method", ""), "method").upper(),
            path=text(sent.get("path", ""), "path"),
            times=integer(sent.get("times", 1), "times"),
            skip=integer(sent.get("skip", 0), "skip"),
            status=None if sent.get("status") is None else integer(sent["status"], "status"),
            headers={str(name): str(value) for name, value in mapping(sent.get("headers", {}), "headers").items()},
            body=None if sent.get("body") is None else text(sent["body"], "body", longest=100_000),
            delay_s=_seconds(sent.get("delay_s", 0)),
            reset=boolean(sent.get("reset", False), "reset"),
            lose_answer=boolean(sent.get("lose_answer", False), "lose_answer"),
        )
        rule._check()
        return rule

    def _check(self) -> None:
        if self.method not in ("", *METHODS):
            raise bad_request(f"method must be one of {', '.join(METHODS)} or empty for any.")
        if self.times < 1 or self.skip < 0:
            raise bad_request("times must be at least 1, skip at least 0.")
        if self.status is not None and not 200 <= self.status <= 599:
            raise bad_request("status must be between 200 and 599.")
        try:
            re.compile(self.path)
        except re.error:
            raise bad_request("path must be a regular expression.") from None
        if not (self.answers_itself or self.reset or self.lose_answer or self.delay_s):
            raise bad_request("A fault needs status, body, delay_s, reset or lose_answer.")

    @property
    def answers_itself(self) -> bool:
        return self.status is not None or self.body is not None

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("", method) and re.search(self.path, path) is not None

    def response(self) -> Response:
        """A body of the rule's own goes out as it is; without one the status gets the vendor's envelope."""
        status = self.status or 200
        body = self.body
        if body is None and status >= 400:
            known = status in HTTPStatus._value2member_map_
            envelope = Refusal(status, HTTPStatus(status).phrase if known else "Error").envelope()
            body = json.dumps(envelope, separators=(",", ":"))
        return Response(body or "", status=status, headers=dict(self.headers), mimetype="application/json")

    @property
    def name(self) -> str:
        """How the log of calls names it."""
        if self.reset:
            return "reset"
        if self.lose_answer:
            return "lose_answer"
        return "answer" if self.answers_itself else "delay"


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= LONGEST_DELAY:
        raise bad_request(f"delay_s must be a number of seconds from 0 to {LONGEST_DELAY:.0f}.")
    return float(value)


# Rules in the storage


def add_rule(db: sqlite3.Connection, rule: Rule) -> int:
    cursor = db.execute(
        "INSERT INTO faults (rule, to_skip, times_left) VALUES (?, ?, ?)",
        (json.dumps(dict(vars(rule))), rule.skip, rule.times),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def waiting_rules(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Rules that still have calls to spoil, oldest first, with what is left of them."""
    rows = db.execute("SELECT * FROM faults ORDER BY number")
    return [
        {"id": row["number"], "to_skip": row["to_skip"], "times_left": row["times_left"], **json.loads(row["rule"])} for row in rows
    ]


def take_rule(storage: Storage, method: str, path: str) -> Rule | None:
    """The oldest rule for this call, counted down; None when the call goes through unharmed."""
    if storage.connection().execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None:
        return None
    with storage.writing() as db:
        for row in db.execute("SELECT * FROM faults ORDER BY number").fetchall():
            rule = Rule(**json.loads(row["rule"]))
            if not rule.matches(method, path):
                continue
            if row["to_skip"]:
                db.execute("UPDATE faults SET to_skip = to_skip - 1 WHERE number = ?", (row["number"],))
                return None
            db.execute("UPDATE faults SET times_left = times_left - 1 WHERE number = ?", (row["number"],))
            db.execute("DELETE FROM faults WHERE times_left = 0")
            return rule
    return None


# The gate around the application


class FaultGate:
    """WSGI middleware that spoils calls by rule and logs every call."""

    def __init__(self, application: "WSGIApplication", storage: Storage) -> None:
        self._application = application
        self._storage = storage

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """
        :raises ConnectionCut: by a rule with `reset`; a server closes the connection, a caller in process sees the exception.
        :raises AnswerLost: by a rule with `lose_answer`, likewise.
        """
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
        if path.startswith(UNTOUCHED):
            return self._application(environ, start_response)
        rule = take_rule(self._storage, method, path)
        if rule is None:
            return self._carried_out(environ, start_response, None)
        time.sleep(rule.delay_s)
        if rule.reset:
            self._log(environ, 0, rule)
            raise ConnectionCut(f"{method} {path} was cut by a fault")
        if rule.answers_itself and not rule.lose_answer:
            response = rule.response()
            self._log(environ, response.status_code, rule)
            return response(environ, start_response)
        return self._carried_out(environ, start_response, rule)

    def _carried_out(self, environ: "WSGIEnvironment", start_response: "StartResponse", rule: Rule | None) -> Iterable[bytes]:
        def log_and_start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            self._log(environ, int(status.split()[0]), rule)
            if rule is not None and rule.lose_answer:
                raise AnswerLost(f"the answer to {environ['REQUEST_METHOD']} {environ['PATH_INFO']} was lost by a fault")
            return start_response(status, headers, *error)

        return self._application(environ, log_and_start)

    def _log(self, environ: "WSGIEnvironment", status: int, rule: Rule | None) -> None:
        with self._storage.writing() as db:
            number = db.execute(
                "INSERT INTO calls (at, method, path, query, status, fault) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    stamp(self._storage.now()),
                    environ["REQUEST_METHOD"],
                    environ.get("PATH_INFO", "/"),
                    environ.get("QUERY_STRING", ""),
                    status,
                    None if rule is None else rule.name,
                ),
            ).lastrowid
            db.execute("DELETE FROM calls WHERE number <= ?", ((number or 0) - CALLS_KEPT,))


def logged_calls(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """The latest calls, oldest first. Status 0 is a call that was cut."""
    return [dict(row) for row in db.execute("SELECT * FROM calls ORDER BY number")]


def rule_of_request() -> Rule:
    body = request.get_json(silent=True)
    return Rule.from_json(mapping(body, "The body"))
