"""
Shows what is counted to Prometheus: at `/metrics` of the web server, and on a port of its own of each Celery worker.

Whoever asks names `METRICS_TOKEN` as a bearer token; to everybody else, and without that setting, there is nothing here. Several
processes of one machine (gunicorn's, a worker's) count into files of `PROMETHEUS_MULTIPROC_DIR`, and any of them shows the sum.
"""

import hmac
import logging
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from accounts.access import public

logger = logging.getLogger(__name__)


@public  # and guarded by the token
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all counters as text, or with 404 to whoever does not have the token."""
    if not has_token(request.headers.get("Authorization", "")):
        return HttpResponseNotFound()
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST, headers={"Cache-Control": "no-store"})


def has_token(authorization: str) -> bool:
    """Whether the header is `Bearer` and our token; takes as long for a nearly right one as for a wrong one."""
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return bool(settings.METRICS_TOKEN) and hmac.compare_digest(authorization.encode(), expected.encode())


def exposition() -> bytes:
    """Return all counters in Prometheus' text format: of this process, or of all that share a folder."""
    if not settings.PROMETHEUS_MULTIPROC_DIR:
        return generate_latest(REGISTRY)
    folder = Path(settings.PROMETHEUS_MULTIPROC_DIR)
    _forget_the_dead(folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))
    return generate_latest(registry)


def serve_worker() -> WSGIServer | None:
    """
    Show the counters on `WORKER_METRICS_PORT` from a thread of this process, if it is set. Return the server.

    :raises OSError: the port is taken.
    """
    if not settings.WORKER_METRICS_PORT:
        return None
    server = make_server("0.0.0.0", settings.WORKER_METRICS_PORT, _answer, server_class=_Server, handler_class=_Quiet)  # noqa: S104
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    logger.info("metrics on port %d", server.server_port)
    return server


def _answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ.get("PATH_INFO") != "/metrics" or not has_token(environ.get("HTTP_AUTHORIZATION", "")):
        start_response("404 Not Found", [])
        return []
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    return [exposition()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = 10  # seconds a caller may take to say what it wants

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
        """Prometheus asks every few seconds; that is no news."""


def _forget_the_dead(folder: Path) -> None:
    """
    Leave out the states of processes that have ended. Their counts stay: what they counted has happened.

    Done when somebody looks, because a killed process cannot do it itself.
    """
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_[0-9]*.db")}:
        if not _is_alive(pid):
            mark_process_dead(pid, path=str(folder))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
