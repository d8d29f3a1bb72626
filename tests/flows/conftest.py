"""The vendor of the flows: in process, one for all cases of a test, each with a customer of its own; or as a process of its own."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.keeper import free_port
from provisioning import vendor
from provisioning.models import ServiceManager
from tests.conftest import FreshSandbox, connected_manager
from tests.database import FreshRows
from tests.flows.wire import Sandbox

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def sandbox(shared_sandbox: FreshSandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A fresh vendor, on the other end of our wire, without faults."""
    shared_sandbox.begin_anew()
    sandbox = Sandbox(shared_sandbox.app)
    monkeypatch.setattr(vendor, "transport", sandbox.wire)
    monkeypatch.setattr(vendor, "sleep", lambda seconds: None)
    vendor.forget_connections()
    yield sandbox
    vendor.forget_connections()


@pytest.fixture
def manager(db: None, django_db_setup: FreshRows | None, sandbox: Sandbox) -> ServiceManager:
    """A service manager that is connected to the sandbox and has its definition."""
    return connected_manager.again(django_db_setup)


@pytest.fixture
def sandbox_process(tmp_path: Path) -> Iterator[str]:
    """The vendor as a process of its own, on loopback."""
    port = free_port()
    options = [
        "--port",
        str(port),
        "--data",
        str(tmp_path / "sandbox.sqlite3"),
        "--client-id",
        "till",
        "--client-secret",
        "s3cret",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                urlopen(f"{url}/sandbox/clock", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)
