"""The sandbox as a process: served over a socket, killed, started again, seen by a person."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sandbox import definitions
from sandbox.app import LOGIN, PASSWORD
from tests.sandbox.conftest import NOW, Caller

pytestmark = pytest.mark.process
PROVIDER = definitions.PROVIDER_TENANT
Serve = Callable[[], tuple[subprocess.Popen[str], str]]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start the sandbox as a process on a free port, always on the same storage."""
    started: list[subprocess.Popen[str]] = []

    def begin() -> tuple[subprocess.Popen[str], str]:
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(tmp_path / "s.sqlite3"), "--now", NOW]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Acronis sandbox on http://127.0.0.1:"), line
        return process, line.rsplit(" ", 1)[1].strip()

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def test_what_was_answered_survives_a_kill(serve: Serve) -> None:
    process, url = serve()
    with httpx.Client(base_url=url) as http:
        call = Caller(http)
        tenant_id = call.tenant("Customer", customer_id="C-1")
        user = call.user(tenant_id, "jane.doe")
        call("POST", f"/users/{user['id']}/send-activation-email")
        token = call.headers

    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    _, url = serve()

    with httpx.Client(base_url=url, headers=token) as http:
        assert http.get(f"/api/2/tenants/{tenant_id}").json()["customer_id"] == "C-1"
        assert http.get(f"/api/2/users/{user['id']}").json()["login"] == "jane.doe"
        assert len(http.get("/sandbox/mails").json()["items"]) == 1
        assert http.get("/sandbox/clock").json()["now"].startswith("2026-10-01T08:0")
        paths = [one["path"] for one in http.get("/sandbox/calls").json()["items"]]
        assert paths.count("/api/2/tenants") == 1


def test_faults_close_the_connection_on_a_socket(serve: Serve) -> None:
    _, url = serve()
    with httpx.Client(base_url=url) as http:
        call = Caller(http)
        body = {"name": "Customer", "kind": "customer", "parent_id": PROVIDER}
        for fault in ("reset", "lose_answer"):
            http.post("/sandbox/faults", json={"method": "POST", "path": "^/api/2/tenants$", fault: True})

        for _ in range(2):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                call("POST", "/tenants", body)

        assert len(call("GET", f"/tenants/{PROVIDER}/children").json()["items"]) == 1


def test_truncated_answer_breaks_off_on_a_socket(serve: Serve) -> None:
    _, url = serve()
    with httpx.Client(base_url=url) as http:
        call = Caller(http)
        for truncate in (True, 0):
            http.post("/sandbox/faults", json={"method": "GET", "path": "/applications$", "truncate": truncate})

        for _ in range(2):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                call("GET", "/applications")

        assert call("GET", "/applications").status_code == 200


def test_many_threads_create_each_tenant_once(serve: Serve) -> None:
    _, url = serve()
    with httpx.Client(base_url=url) as http:
        call = Caller(http)

        def create(number: int) -> int:
            body = {"name": f"Customer {number % 10}", "kind": "customer", "parent_id": PROVIDER}
            return call("POST", "/tenants", body).status_code

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(create, range(40)))

        assert sorted(statuses) == [201] * 10 + [409] * 30


def test_pages_show_what_there_is_and_say_what_they_are(call: Caller) -> None:
    tenant_id = call.tenant("Müller & Söhne", customer_id="C-77")
    user = call.user(tenant_id, "jane.doe")
    call("POST", f"/users/{user['id']}/send-activation-email")

    page = call.http.get("/").text

    for shown in ("Müller &amp; Söhne", "C-77", "jane.doe", "not activated", "trial", "Activate your account"):
        assert shown in page
    assert "This is not Acronis" in page
    assert 'name="viewport"' in page
    assert call.http.get("/static/sandbox.css").status_code == 200


def test_portal_asks_to_sign_in_and_then_tells_who_it_is(http: httpx.Client) -> None:
    asked = http.get("/mc/")
    signed_in = http.post("/mc/login", data={"login": LOGIN, "password": PASSWORD}, follow_redirects=True)

    assert asked.headers["Location"] == "/mc/login"
    assert "Example Managed Services" in signed_in.text
    assert LOGIN in signed_in.text
    left = http.get("/api/2/idp/logout", follow_redirects=True)
    assert "Sign in" in left.text
