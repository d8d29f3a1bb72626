"""`python -m sandbox`: serve the sandbox on a port of this machine."""

import argparse
import os
from typing import TYPE_CHECKING

from werkzeug.serving import WSGIRequestHandler, make_server

from sandbox.app import CLIENT_ID, CLIENT_SECRET, LOGIN, PASSWORD, create_app, moment

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class QuietHandler(WSGIRequestHandler):
    """Calls are logged in the storage; the terminal stays quiet."""

    def connection_dropped(self, error: BaseException, environ: "WSGIEnvironment | None" = None) -> None:
        """A fault dropped the call: close, or what is left of the request would be read as the next one."""
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local Acronis for development and tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8010, help="0 takes a free one")
    parser.add_argument("--storage", default="var/sandbox.sqlite3", help="the SQLite file everything is kept in")
    # Secrets may come by the environment: a command line is read by everybody on the machine.
    parser.add_argument("--client-id", default=os.environ.get("SANDBOX_CLIENT_ID") or CLIENT_ID)
    parser.add_argument("--client-secret", default=os.environ.get("SANDBOX_CLIENT_SECRET") or CLIENT_SECRET)
    parser.add_argument("--login", default=LOGIN, help="the provider's administrator")
    parser.add_argument("--password", default=PASSWORD)
    parser.add_argument("--now", help="what the clock shows first, as 2026-10-01T08:00:00Z; default the real time")
    arguments = parser.parse_args()
    try:
        arguments.now = moment(arguments.now)
    except ValueError:
        parser.error("--now needs a time with a zone, as 2026-10-01T08:00:00Z")
    return arguments


def main() -> None:
    arguments = _arguments()
    app = create_app(
        storage_path=arguments.storage,
        client_id=arguments.client_id,
        client_secret=arguments.client_secret,
        login=arguments.login,
        password=arguments.password,
        now=arguments.now,
    )
    server = make_server(arguments.host, arguments.port, app, threaded=True, request_handler=QuietHandler)
    print(f"Acronis sandbox on http://{arguments.host}:{server.port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
