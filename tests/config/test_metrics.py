"""What Prometheus sees, and who else does not."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIServer

import pytest
from celery.signals import worker_ready
from environ import ImproperlyConfigured

from config import celery, metrics
from provisioning.metrics import call_counter

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "n0t-for-strangers"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_who_has_the_token_sees_the_counters(client, settings):
    settings.METRICS_TOKEN = TOKEN
    call_counter("North")  # the families are there from the first import

    answer = client.get("/metrics", headers=bearer(TOKEN))

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=")
    assert answer["Cache-Control"] == "no-store"
    assert b"# TYPE cloudtill_vendor_calls_total counter" in answer.content


@pytest.mark.parametrize(
    "authorization", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ü"]
)
def test_to_everybody_else_there_is_nothing(client, settings, authorization):
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", headers={"Authorization": authorization})

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer "])
def test_without_a_token_in_the_settings_nobody_sees_them(client, settings, authorization):
    settings.METRICS_TOKEN = ""

    assert client.get("/metrics", headers={"Authorization": authorization}).status_code == 404


def test_nothing_is_written_there(client, settings):
    settings.METRICS_TOKEN = TOKEN

    assert client.post("/metrics", headers=bearer(TOKEN)).status_code == 405


# --- Several processes


def in_new_process(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the house's settings, where several processes count into one folder."""
    settings = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only-for-tests",
        "DATABASE_URL": "postgresql://unused/unused",
        "REDIS_URL": "redis://unused",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        **env,
    }
    setup = "import os, signal, django; django.setup()\n"
    return subprocess.run(
        [sys.executable, "-c", setup + script],
        env={**os.environ, **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_processes_add_up_and_an_ended_ones_state_is_left_out(tmp_path):
    done = in_new_process(
        """
from config.metrics import exposition
from provisioning.acronis import CallRecord
from provisioning.acronis.circuit import State
from provisioning.metrics import call_counter, circuit_gauge

read, write = os.pipe()
killed = os.fork()
if not killed:
    call_counter("North")(CallRecord("GET", "/tenants/t1", 200, 10.0, ""))
    circuit_gauge("North", people_wait=False)(State.OPEN)
    os.write(write, b".")
    signal.pause()
os.read(read, 1)
call_counter("North")(CallRecord("GET", "/tenants/t2", 200, 10.0, ""))
circuit_gauge("North", people_wait=False)
print(exposition().decode())
os.kill(killed, signal.SIGKILL)
os.waitpid(killed, 0)
print("--- killed")
print(exposition().decode())
""",
        tmp_path / "counters",
    )

    assert done.returncode == 0, done.stderr
    alive, _, killed = done.stdout.partition("--- killed")
    calls = 'cloudtill_vendor_calls_total{method="GET",resource="/tenants/{id}",service_manager="North",status="200"} 2.0'
    assert calls in alive
    assert calls in killed
    assert 'cloudtill_vendor_circuit{calls_of="work",service_manager="North"} 2.0' in alive
    assert 'cloudtill_vendor_circuit{calls_of="work",service_manager="North"} 0.0' in killed


@pytest.mark.parametrize(("token", "folder"), [("", "counters"), (TOKEN, "")])
def test_a_workers_port_without_what_it_needs_stops_everything(tmp_path, token, folder):
    done = in_new_process(
        "", tmp_path, WORKER_METRICS_PORT="9109", METRICS_TOKEN=token, PROMETHEUS_MULTIPROC_DIR=folder and str(tmp_path / folder)
    )

    assert done.returncode == 1
    assert ImproperlyConfigured.__name__ in done.stderr
    assert "WORKER_METRICS_PORT needs METRICS_TOKEN and PROMETHEUS_MULTIPROC_DIR." in done.stderr


# --- The worker's own port


@pytest.fixture
def worker(settings, monkeypatch) -> Iterator[WSGIServer]:
    """A worker that has just become ready, on any free port."""
    settings.METRICS_TOKEN = TOKEN
    settings.WORKER_METRICS_PORT = 1
    started = []
    make_server = metrics.make_server
    monkeypatch.setattr(metrics, "make_server", lambda host, port, *rest, **kinds: make_server("127.0.0.1", 0, *rest, **kinds))
    serve = metrics.serve_worker
    monkeypatch.setattr(metrics, "serve_worker", lambda: started.append(serve()))
    worker_ready.send(sender=None)
    [server] = started
    yield server
    server.shutdown()
    server.server_close()


def ask(server: WSGIServer, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def test_a_worker_shows_its_counters_to_who_has_the_token(worker):
    status, body = ask(worker, "/metrics", bearer(TOKEN))

    assert status == 200
    assert b"cloudtill_vendor_calls" in body


@pytest.mark.parametrize(("path", "headers"), [("/metrics", {}), ("/metrics", bearer("wrong")), ("/", bearer(TOKEN))])
def test_a_worker_shows_nothing_to_others(worker, path, headers):
    assert ask(worker, path, headers) == (404, b"")


def test_a_worker_without_a_port_shows_nothing(settings):
    settings.WORKER_METRICS_PORT = 0

    assert metrics.serve_worker() is None
    assert celery.show_metrics in [receiver() for _, receiver in worker_ready.receivers]
