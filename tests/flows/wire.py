"""The wire between the real client and a sandbox in process: it breaks where a fault breaks it, and it may be too slow."""

import re
import time
from dataclasses import dataclass
from typing import Any

import httpx
from flask import Flask
from flask.testing import FlaskClient

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Wire(httpx.BaseTransport):
    """Call a WSGI application and read the whole answer, so that one which is cut short breaks as it would on a socket."""

    def __init__(self, app: Flask) -> None:
        self._wsgi = httpx.WSGITransport(app=app)
        self.patience: float | None = None
        """Seconds after which an answer comes too late; the request is carried out all the same. None: never."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        asked_at = time.monotonic()
        try:
            answer = self._wsgi.handle_request(request)
            answer.read()
        except ConnectionResetError as error:
            raise httpx.ReadError(str(error), request=request) from error
        if self.patience is not None and time.monotonic() - asked_at > self.patience:
            raise httpx.ReadTimeout("no answer in time", request=request)
        return answer


@dataclass(frozen=True)
class Call:
    """One call of a conversation with the vendor: the ``nth`` of its method and path, where ids may be any."""

    method: str
    path: str
    nth: int

    def __str__(self) -> str:
        shown = self.path.removeprefix("^").removesuffix("$").replace(_ID_PATTERN, "{id}")
        return f"{self.method} {shown} ({self.nth})"

    def rule(self, fault: dict[str, Any], *, times: int | None) -> dict[str, Any]:
        """Return the sandbox's rule that spoils this call, and those like it after it until ``times`` were spoilt."""
        return {"method": self.method, "path": self.path, "nth": self.nth, "times": times, **fault}


_ID_PATTERN = "[0-9a-f-]{36}"


def calls_of(log: list[dict[str, Any]]) -> list[Call]:
    """Return the calls of a sandbox's log, each by its place among those like it."""
    calls: list[Call] = []
    for entry in log:
        path = f"^{_ID.sub(_ID_PATTERN, re.escape(entry['path']).replace(chr(92) + '-', '-'))}$"
        nth = 1 + sum((call.method, call.path) == (entry["method"], path) for call in calls)
        calls.append(Call(entry["method"], path, nth))
    return calls


class Sandbox:
    """The switchboard of a sandbox in process."""

    def __init__(self, app: Flask) -> None:
        self.wire = Wire(app)
        self._http: FlaskClient = app.test_client()

    def fault(self, **rule: Any) -> None:
        answer = self._http.post("/sandbox/faults", json=rule)
        assert answer.status_code == 201, answer.text

    def no_more_faults(self) -> None:
        self._http.delete("/sandbox/faults")
        self.wire.patience = None

    def forget_calls(self) -> None:
        self._http.delete("/sandbox/calls")

    def seen(self, what: str) -> list[dict[str, Any]]:
        """Return tenants, users, mails or calls as the sandbox has them."""
        items: list[dict[str, Any]] = self._http.get(f"/sandbox/{what}").json["items"]
        return items
