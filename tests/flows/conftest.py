"""The vendor of the flows: in process, one for all cases of a file, each with a customer of its own; or as a process of its own."""

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
from provisioning.operations import connection
from sandbox import create_app
from tests import factories
from tests.flows.wire import Sandbox

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The vendor in process, with what all tests of the module have done there."""
    path: Path = tmp_path_factory.mktemp("vendor") / "sandbox.sqlite3"
    app = create_app(storage_path=path, client_id="till", client_secret="s3cret", now="2026-10-01T09:00:00Z")
    return Sandbox(app)


@pytest.fixture
def sandbox(module_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The module's vendor, on the other end of our wire, without faults."""
    monkeypatch.setattr(vendor, "transport", module_sandbox.wire)
    monkeypatch.setattr(vendor, "sleep", lambda seconds: None)
    vendor.forget_connections()
    yield module_sandbox
    module_sandbox.no_more_faults()
    vendor.forget_connections()


@pytest.fixture
def manager(db: None, sandbox: Sandbox) -> ServiceManager:
    """A service manager that is connected to the sandbox and has its definition."""
    made = factories.ServiceManagerFactory(
        name="Acronis sandbox", base_url="http://acronis.test", client_id="till", client_secret="s3cret", root_tenant_id=None
    )
    connection.test_connection(service_manager_id=made.pk, at=factories.AT)
    connection.fetch_services_definition(service_manager_id=made.pk, at=factories.AT)
    made.refresh_from_db()
    return made


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
