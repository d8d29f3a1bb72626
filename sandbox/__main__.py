"""`python -m sandbox`: serve the sandbox on a port of this machine."""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox import options
from sandbox.app import create_app

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SECONDS_TO_END = 5.0  # what a call in progress gets to be answered when the process is told to end


class QuietHandler(WSGIRequestHandler):
    """Calls are logged in the storage; the terminal stays quiet."""

    in_progress = 0
    _counting = threading.Lock()

    def run_wsgi(self) -> None:
        with self._counted():
            super().run_wsgi()

    @classmethod
    @contextmanager
    def _counted(cls) -> Iterator[None]:
        with cls._counting:
            cls.in_progress += 1
        try:
            yield
        finally:
            with cls._counting:
                cls.in_progress -= 1

    def connection_dropped(self, error: BaseException, environ: "WSGIEnvironment | None" = None) -> None:
        """A fault dropped the call: close, or what is left of the request would be read as the next one."""
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def main() -> None:
    arguments = options.parsed()
    signal.signal(signal.SIGTERM, _end)
    try:
        options.check_data_file(arguments.data)
        listening = options.listening_socket(arguments.host, arguments.port)
    except options.UnusableOption as error:
        options.parser().error(str(error))
    app = create_app(
        storage_path=arguments.data,
        client_id=arguments.client_id,
        client_secret=arguments.client_secret,
        login=arguments.login,
        password=arguments.password,
        now=arguments.now,
        latency_ms=arguments.latency_ms,
        legacy_standard=arguments.legacy_standard,
        partners=arguments.partners,
        customers=arguments.customers,
    )
    with listening:
        server = make_server(
            arguments.host,
            arguments.port,
            app,
            threaded=True,
            request_handler=QuietHandler,
            fd=listening.fileno(),
        )
        print(f"Acronis sandbox on http://{arguments.host}:{server.port}", flush=True)
        try:
            server.serve_forever()
        finally:
            _let_calls_end()


def _end(_number: int, _frame: object) -> None:
    """Told to end: take no more calls and leave with status 0."""
    sys.exit(0)


def _let_calls_end() -> None:
    """Connections may be kept open for ever by idle clients; only what is being answered is waited for."""
    end = time.monotonic() + SECONDS_TO_END
    while QuietHandler.in_progress and time.monotonic() < end:
        time.sleep(0.01)


if __name__ == "__main__":
    main()
