"""One sandbox for all cases of a file, each case with a customer of its own; the vendor never knows of our rolled back rows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning import vendor
from provisioning.models import ServiceManager
from provisioning.operations import connection
from sandbox import create_app
from tests import factories
from tests.flows.wire import Sandbox


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
