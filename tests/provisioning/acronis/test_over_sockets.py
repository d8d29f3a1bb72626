"""What a scripted transport cannot show: real connections that are refused, silent or cut."""

import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from provisioning.acronis import Acronis, TransportFailed
from tests.provisioning.acronis.conftest import tenant_json

Respond = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def listening(respond: Respond) -> Iterator[str]:
    """Serve tokens, and everything else by ``respond``, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/api/2/idp/token":
                answer(self, json.dumps({"access_token": "t", "expires_in": 7200}).encode())
            else:
                respond(self)

        def do_GET(self) -> None:
            respond(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, body: bytes, *, promised: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if promised is None else promised))
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def client(base_url: str, *, timeout: float = 5.0) -> Acronis:
    return Acronis(base_url, client_id="c", client_secret="s", timeout=timeout, sleep=lambda _: None)


def create(acronis: Acronis) -> None:
    acronis.tenants.create(name="Bakery", parent_id="p", kind="customer")


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    body = json.dumps(tenant_json()).encode()

    with listening(lambda handler: answer(handler, body)) as base_url, client(base_url) as acronis:
        assert acronis.tenants.get("t1").name == "Bakery"


def test_a_closed_port_is_known_to_have_done_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with client(f"http://127.0.0.1:{port}") as acronis, pytest.raises(TransportFailed) as failure:
        create(acronis)

    assert not failure.value.outcome_unknown
    assert str(failure.value) == "Acronis could not be reached for POST /idp/token."


def test_a_silent_server_leaves_the_outcome_of_a_post_unknown() -> None:
    done = threading.Event()
    arrived: list[str] = []

    def silence(handler: BaseHTTPRequestHandler) -> None:
        arrived.append(handler.path)
        done.wait(5)
        hang_up(handler)

    with listening(silence) as base_url, client(base_url, timeout=0.3) as acronis:
        with pytest.raises(TransportFailed, match=r"^Acronis did not answer POST /tenants in time\.$") as failure:
            create(acronis)
        done.set()

    assert failure.value.outcome_unknown
    assert arrived == ["/api/2/tenants"]


def test_a_connection_closed_instead_of_an_answer_leaves_the_outcome_of_a_post_unknown() -> None:
    arrived: list[str] = []

    def vanish(handler: BaseHTTPRequestHandler) -> None:
        arrived.append(handler.path)
        hang_up(handler)

    with listening(vanish) as base_url, client(base_url) as acronis, pytest.raises(TransportFailed) as failure:
        create(acronis)

    assert failure.value.outcome_unknown
    assert arrived == ["/api/2/tenants"]


def test_a_download_cut_short_is_not_the_end_of_the_report() -> None:
    file = gzip.compress(b"name\nBakery\n")

    def cut(handler: BaseHTTPRequestHandler) -> None:
        answer(handler, file, promised=len(file) + 100)
        hang_up(handler)

    with listening(cut) as base_url, client(base_url) as acronis, pytest.raises(TransportFailed):
        list(acronis.reports.rows("r1", "s1", required=("name",)))
