"""A vendor far away: no call of the API is answered sooner than after a given time."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SLOW = "/api/"  # neither the switchboard nor the pages


class Latency:
    """WSGI middleware that holds an answer back; what was done is kept by then, so other calls go on meanwhile."""

    def __init__(self, application: "WSGIApplication", seconds: float) -> None:
        self._application = application
        self._seconds = seconds

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(SLOW):
            return self._application(environ, start_response)
        due = time.monotonic() + self._seconds

        def wait_and_start(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            time.sleep(max(0.0, due - time.monotonic()))
            return start_response(status, headers, *error)

        return self._application(environ, wait_and_start)
