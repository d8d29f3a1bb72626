"""
Faults on demand, and the log of calls.

A rule waits for calls that match its method and path, lets some pass, then spoils the next ones: answers for the sandbox, waits,
cuts the connection, cuts the answer short, or carries the request out and loses the answer. Both sit around the application, so
they see every call. What a rule has counted lies in the storage, so it goes on after a restart where it was.
"""

import json
import random
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from sandbox.answers import stamp
from sandbox.errors import Refusal, bad_request
from sandbox.incoming import boolean, integer, json_body, mapping, text, verbatim
from sandbox.storage import Storage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = ("GET", "POST", "PUT", "DELETE")
CALLS_KEPT = 10_000
RULES_KEPT = 1_000
LONGEST_DELAY = 600.0
LONGEST_PATTERN = 500
HALF = -1  # of the answer's bytes
FOR_EVER = -1  # counts down without ever reaching zero
UNTOUCHED = ("/sandbox/", "/console/", "/static/")  # the switchboard itself neither breaks nor fills the log
ENDINGS = ("body", "garbage", "html", "reset", "lose_answer", "truncate")

# Neither JSON nor UTF-8, though it is called both.
GARBAGE = b'{"items":[{"id":\xff\xfe\x00"version":1e,,]\x80\n\x1b[0m}'
MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>Maintenance</title></head>"
    "<body><h1>Scheduled maintenance</h1><p>The service is not available at the moment. Please try again later.</p></body></html>"
)


class AnswerLost(ConnectionResetError):
    """The request was carried out, the answer was not delivered."""


class AnswerTruncated(ConnectionResetError):
    """The request was carried out, the answer was delivered in part."""


class ConnectionCut(ConnectionResetError):
    """The connection was cut before the request was carried out."""


@dataclass(frozen=True)
class Rule:
    """
    What to do to which calls.

    :param path: a regular expression, searched for in the path; empty matches every path.
    :param skip: how many matching calls pass first.
    :param times: how many are spoilt after that; None for as long as the rule stands.
    :param probability: the chance of each matching call to be spoilt. The same `seed` draws the same calls.
    :param status: answer with this status instead of carrying the request out; with `headers` and, if given, `body` as it is.
    :param delay_s: wait so many seconds first. A rule with a delay only is just slow.
    :param truncate: carry the request out, send so many bytes of the answer's body under the whole length, then cut; -1 sends half.
    :param garbage: answer with bytes that are neither JSON nor UTF-8, with 200 unless a status is given.
    :param html: answer with a maintenance page instead of JSON, with 503 unless a status is given.
    """

    method: str = ""
    path: str = ""
    times: int | None = 1
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: str | None = None
    delay_s: float = 0.0
    reset: bool = False
    lose_answer: bool = False
    truncate: int | None = None
    garbage: bool = False
    html: bool = False

    @classmethod
    def from_json(cls, sent: Mapping[str, Any]) -> "Rule":
        """
        A rule as it is sent; `nth: 3` is another word for `skip: 2`, `truncate: true` for half of the answer.

        :raises Refusal: 400 naming the field that is wrong.
        """
        unknown = set(sent) - set(cls.__dataclass_fields__) - {"nth"}
        if unknown:
            raise bad_request(f"A fault has no {', '.join(sorted(unknown))}.")
        rule = cls(
            method=text(sent.get("method", ""), "method").upper(),
            path=text(sent.get("path", ""), "path", longest=LONGEST_PATTERN),
            times=_times(sent),
            skip=_skip(sent),
            probability=_number(sent.get("probability", 1), "probability", 0, 1),
            seed=integer(sent.get("seed", 0), "seed"),
            status=None if sent.get("status") is None else integer(sent["status"], "status"),
            headers=_headers(sent.get("headers") or {}),
            body=None if sent.get("body") is None else verbatim(sent["body"], "body", longest=100_000),
            delay_s=_number(sent.get("delay_s", 0), "delay_s", 0, LONGEST_DELAY),
            reset=boolean(sent.get("reset", False), "reset"),
            lose_answer=boolean(sent.get("lose_answer", False), "lose_answer"),
            truncate=_truncation(sent.get("truncate")),
            garbage=boolean(sent.get("garbage", False), "garbage"),
            html=boolean(sent.get("html", False), "html"),
        )
        rule._check()
        return rule

    def _check(self) -> None:
        if self.method not in ("", *METHODS):
            raise bad_request(f"method must be one of {', '.join(METHODS)} or empty for any.")
        if self.status is not None and not 200 <= self.status <= 599:
            raise bad_request("status must be between 200 and 599.")
        try:
            re.compile(self.path)
        except (re.error, OverflowError, RecursionError):
            raise bad_request("path must be a regular expression.") from None
        endings = self._endings()
        if len(endings) > 1:
            raise bad_request(f"A fault ends in one way; {' and '.join(endings)} do not go together.")
        if self.status is not None and set(endings) & {"reset", "lose_answer", "truncate"}:
            raise bad_request(
                f"status and {endings[0]} do not go together: one answers instead of the sandbox, the other does not."
            )
        if not (endings or self.status is not None or self.delay_s):
            raise bad_request(f"A fault needs status, delay_s or one of {', '.join(ENDINGS)}.")

    def _endings(self) -> list[str]:
        """Of the ways to end a call, those that were asked for; 0 bytes of `truncate` are one, too."""
        return [name for name in ENDINGS if getattr(self, name) is not None and getattr(self, name) is not False]

    @property
    def answers_itself(self) -> bool:
        """Does the rule answer instead of the sandbox, which then does not carry the request out?"""
        return self.status is not None or self.body is not None or self.garbage or self.html

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("", method) and re.search(self.path, path) is not None

    def spoils(self, draw: int) -> bool:
        """Whether the call with this number, counted from 0 after those that pass, is drawn; the same for the same seed."""
        return random.Random(f"{self.seed}:{draw}").random() < self.probability  # noqa: S311 - repeatable on purpose

    def response(self) -> Response:
        """A body of the rule's own goes out as it is; without one a status from 400 gets the vendor's envelope."""
        headers = dict(self.headers or {})
        if self.garbage:
            return Response(GARBAGE, status=self.status or 200, headers=headers, mimetype="application/json")
        if self.html:
            return Response(MAINTENANCE, status=self.status or 503, headers=headers, mimetype="text/html")
        status = self.status or 200
        body = self.body
        if body is None and status >= 400:
            known = status in HTTPStatus._value2member_map_
            envelope = Refusal(status, HTTPStatus(status).phrase if known else "Error").envelope()
            body = json.dumps(envelope, separators=(",", ":"))
        return Response(body or "", status=status, headers=headers, mimetype="application/json")

    @property
    def name(self) -> str:
        """How the log of calls names it."""
        ending = next(iter(self._endings()), "answer" if self.status is not None else "delay")
        return "answer" if ending == "body" else ending


def _times(sent: Mapping[str, Any]) -> int | None:
    """Once, unless the rule goes by chance, which makes sense only while it stands."""
    if "times" not in sent:
        return None if "probability" in sent else 1
    if sent["times"] is None:
        return None
    times = integer(sent["times"], "times")
    if times < 1:
        raise bad_request("times must be at least 1, or null for as long as the fault stands.")
    return times


def _skip(sent: Mapping[str, Any]) -> int:
    if "nth" in sent and "skip" in sent:
        raise bad_request("nth and skip say the same; give one of them.")
    if "nth" not in sent:
        skip = integer(sent.get("skip", 0), "skip")
        if skip < 0:
            raise bad_request("skip must be at least 0.")
        return skip
    nth = integer(sent["nth"], "nth")
    if nth < 1:
        raise bad_request("nth must be at least 1, the first matching call.")
    return nth - 1


def _number(value: Any, name: str, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise bad_request(f"{name} must be a number from {least:g} to {most:g}.")
    return float(value)


def _headers(value: Any) -> dict[str, str]:
    headers = {str(name): str(word) for name, word in mapping(value, "headers").items()}
    for name, word in headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name) or not re.fullmatch(r"[\t -~]*", word):
            raise bad_request("headers must be names and values of printable ASCII.")
    return headers


def _truncation(value: Any) -> int | None:
    if value is None or value is False:
        return None
    if value is True:
        return HALF
    count = integer(value, "truncate")
    if count < 0:
        raise bad_request("truncate must be true for half of the answer, or a number of bytes from 0.")
    return count


# Rules in the storage. `to_skip` counts down with every matching call and goes on below zero: what is below zero were draws.


def add_rule(db: sqlite3.Connection, rule: Rule) -> int:
    """:raises Refusal: 400 when there are too many already."""
    if db.execute("SELECT count(*) FROM faults").fetchone()[0] >= RULES_KEPT:
        raise bad_request(f"There are {RULES_KEPT} faults already; remove some.")
    cursor = db.execute(
        "INSERT INTO faults (rule, to_skip, times_left) VALUES (?, ?, ?)",
        (json.dumps(dict(vars(rule))), rule.skip, FOR_EVER if rule.times is None else rule.times),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def waiting_rules(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Rules that still have calls to spoil, oldest first, with what is left of them and how many calls they have seen."""
    return [_with_counts(row) for row in db.execute("SELECT * FROM faults ORDER BY number")]


def _with_counts(row: sqlite3.Row) -> dict[str, Any]:
    rule = _kept_rule(row)
    return {
        "id": row["number"],
        "to_skip": max(row["to_skip"], 0),
        "times_left": None if row["times_left"] < 0 else row["times_left"],
        "seen": rule.skip - row["to_skip"],
        **vars(rule),
        "truncate": True if rule.truncate == HALF else rule.truncate,
    }


def _kept_rule(row: sqlite3.Row) -> Rule:
    return Rule(**json.loads(row["rule"]))


def take_rule(storage: Storage, method: str, path: str) -> Rule | None:
    """
    The rule that spoils this call, counted down; None when the call goes through unharmed.

    Oldest first; each rule that lets the call pass has counted it and leaves it to the next.
    """
    if storage.connection().execute("SELECT 1 FROM faults LIMIT 1").fetchone() is None:
        return None
    with storage.writing() as db:
        for row in db.execute("SELECT * FROM faults ORDER BY number").fetchall():
            rule = _kept_rule(row)
            if not rule.matches(method, path):
                continue
            db.execute("UPDATE faults SET to_skip = to_skip - 1 WHERE number = ?", (row["number"],))
            if row["to_skip"] > 0 or not rule.spoils(-row["to_skip"]):
                continue
            db.execute("UPDATE faults SET times_left = times_left - 1 WHERE number = ?", (row["number"],))
            db.execute("DELETE FROM faults WHERE times_left = 0")
            return rule
    return None


def clear_rules(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM faults")


def remove_rule(db: sqlite3.Connection, number: int) -> bool:
    """Whether there was one."""
    return bool(db.execute("DELETE FROM faults WHERE number = ?", (number,)).rowcount)


# The gate around the application


class FaultGate:
    """WSGI middleware that spoils calls by rule and logs every call."""

    def __init__(self, application: "WSGIApplication", storage: Storage) -> None:
        self._application = application
        self._storage = storage

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """
        A server closes the connection on the errors below; a caller in process sees them.

        :raises ConnectionCut: by a rule with `reset`.
        :raises AnswerLost: by a rule with `lose_answer`.
        :raises AnswerTruncated: by a rule with `truncate`, while the body is read.
        """
        method, path = environ["REQUEST_METHOD"], path_of(environ)
        if path == "/" or path.startswith(UNTOUCHED):
            return self._application(environ, start_response)
        rule = take_rule(self._storage, method, path)
        if rule is None:
            return self._carried_out(environ, start_response, None)
        time.sleep(rule.delay_s)
        if rule.reset:
            self._log(environ, 0, rule)
            raise ConnectionCut(f"{method} {path} was cut by a fault")
        if rule.answers_itself:
            response = rule.response()
            self._log(environ, response.status_code, rule)
            return response(environ, start_response)
        if rule.truncate is not None:
            return self._truncated(environ, start_response, rule)
        return self._carried_out(environ, start_response, rule)

    def _carried_out(self, environ: "WSGIEnvironment", start_response: "StartResponse", rule: Rule | None) -> Iterable[bytes]:
        def log_and_start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            self._log(environ, int(status.split()[0]), rule)
            if rule is not None and rule.lose_answer:
                raise AnswerLost(f"the answer to {environ['REQUEST_METHOD']} {path_of(environ)} was lost by a fault")
            return start_response(status, headers, *error)

        return self._application(environ, log_and_start)

    def _truncated(self, environ: "WSGIEnvironment", start_response: "StartResponse", rule: Rule) -> Iterable[bytes]:
        """The whole answer's headers and the beginning of its body. An answer without a body has nothing to cut."""
        response = Response.from_app(self._application, environ, buffered=True)
        body = response.get_data()
        response.headers["Content-Length"] = str(len(body))  # the promise that is then not kept
        self._log(environ, response.status_code, rule)
        if not body:
            return response(environ, start_response)
        start_response(response.status, response.get_wsgi_headers(environ).to_wsgi_list())
        kept = len(body) // 2 if rule.truncate == HALF else min(rule.truncate or 0, len(body) - 1)
        return _cut_after(body[:kept], f"the answer to {environ['REQUEST_METHOD']} {path_of(environ)} was cut short by a fault")

    def _log(self, environ: "WSGIEnvironment", status: int, rule: Rule | None) -> None:
        with self._storage.writing() as db:
            number = db.execute(
                "INSERT INTO calls (at, method, path, query, status, fault) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    stamp(self._storage.now()),
                    environ["REQUEST_METHOD"],
                    path_of(environ),
                    environ.get("QUERY_STRING", ""),
                    status,
                    None if rule is None else rule.name,
                ),
            ).lastrowid
            db.execute("DELETE FROM calls WHERE number <= ?", ((number or 0) - CALLS_KEPT,))


def _cut_after(beginning: bytes, reason: str) -> Iterator[bytes]:
    yield beginning
    raise AnswerTruncated(reason)


def path_of(environ: "WSGIEnvironment") -> str:
    """The path as it was meant; WSGI hands UTF-8 over as if it were Latin-1, a caller in process as it is."""
    path = str(environ.get("PATH_INFO", "/"))
    try:
        return path.encode("latin-1").decode(errors="replace")
    except UnicodeEncodeError:
        return path


def logged_calls(db: sqlite3.Connection, *, latest: int = -1) -> list[dict[str, Any]]:
    """The latest calls, oldest first. Status 0 is a call that was cut."""
    rows = db.execute("SELECT * FROM calls ORDER BY number DESC LIMIT ?", (latest,)).fetchall()
    return [dict(row) for row in reversed(rows)]


def rule_of_request() -> Rule:
    return Rule.from_json(json_body())
