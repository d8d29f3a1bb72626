"""
The nightly look at the vendor: 1,000 tenants, the sandbox in process at 50 ms a call.

The yardstick is the time spent waiting for its answers. The population is invented by the sandbox, below resellers and directly
below the provider; our rows say that each customer should have everything, so some twenty offering items of each differ: the
worst a night can bring. The second night, when every difference is found again, is what is measured.
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from accounts.models import Organization
from accounts.operations import add_organization
from provisioning import vendor
from provisioning.acronis.types import VendorTenant
from provisioning.models import Service, ServiceManager, Tenant
from provisioning.operations import connection, inspecting
from sandbox import create_app

PARTNERS, CUSTOMERS = 50, 950
MEASURES = ("provisioning.inspected_tenants_per_s", "provisioning.calls_per_inspection")
CALL_SECONDS = 0.05
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class SlowVendor(httpx.BaseTransport):
    """The sandbox in process; counts its calls and the time they take."""

    def __init__(self, storage: Path) -> None:
        app = create_app(
            storage_path=storage,
            client_id="till",
            client_secret="s3cret",  # noqa: S106
            now=AT,
            partners=PARTNERS,
            customers=CUSTOMERS,
        )
        self._wsgi = httpx.WSGITransport(app=app)
        self.calls = 0
        self.seconds = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        started = time.perf_counter()
        answer = self._wsgi.handle_request(request)
        answer.read()
        time.sleep(CALL_SECONDS)
        self.calls += 1
        self.seconds += time.perf_counter() - started
        return answer


def run() -> Iterator[dict[str, object]]:
    """Yield how many tenants are inspected in a second, and with how many calls."""
    with tempfile.TemporaryDirectory() as folder:
        slow = SlowVendor(Path(folder) / "sandbox.sqlite3")
        vendor.transport = slow
        try:
            manager = _service_manager()
            tenants = _rows(manager)
            inspecting.inspect(manager.pk, clock=lambda: AT + timedelta(days=1))
            slow.calls, slow.seconds = 0, 0.0
            started = time.perf_counter()
            inspection = inspecting.inspect(manager.pk, clock=lambda: AT + timedelta(days=2))
            elapsed = time.perf_counter() - started
        finally:
            vendor.transport = None
            vendor.forget_connections()
    if (inspection.status, inspection.tenants_checked) != ("finished", tenants):
        raise RuntimeError(f"The inspection did not look at all {tenants} tenants: {inspection.status} {inspection.error}")
    yield {
        "name": "provisioning.inspected_tenants_per_s",
        "value": round(tenants / elapsed, 1),
        "unit": "tenants/s",
        "yardstick": round(tenants / slow.seconds, 1),
        "ratio": round(elapsed / slow.seconds, 2),
    }
    yield {
        "name": "provisioning.calls_per_inspection",
        "value": slow.calls,
        "unit": "calls",
        "yardstick": tenants,
        "ratio": round(slow.calls / tenants, 2),
    }


def _service_manager() -> ServiceManager:
    manager = ServiceManager.objects.create(
        name=f"Inspected vendor {time.time_ns()}",
        base_url="http://inspected.test",
        client_id="till",
        client_secret="s3cret",  # noqa: S106
    )
    connection.test_connection(service_manager_id=manager.pk, at=AT)
    connection.fetch_services_definition(service_manager_id=manager.pk, at=AT)
    manager.refresh_from_db()
    return manager


def _rows(manager: ServiceManager) -> int:
    """Write down every invented tenant as one of ours that agrees; return how many."""
    root = vendor.root_tenant(manager)
    found = [one for one in vendor.connect(manager).tenants.in_subtree(root) if one.kind in ("partner", "customer")]
    msp = Organization.objects.filter(kind="msp").first() or add_organization(
        kind="msp", parent=None, name="MSP", at=AT, billing_email="till@example.com"
    )
    partners: dict[str, Tenant] = {}
    number = 0
    for one in found:
        if one.id == root:
            continue
        above = partners.get(one.parent_id)
        tenant = _row(manager, one, above=above, msp=msp)
        number += 1
        if one.kind == "partner":
            partners[one.id] = tenant
    return number


def _row(manager: ServiceManager, found: VendorTenant, *, above: Tenant | None, msp: Organization) -> Tenant:
    kind = "reseller" if found.kind == "partner" else "customer"
    parent = above.organization if above else msp
    organization = add_organization(kind=kind, parent=parent, name=found.name, at=AT, billing_email="c@example.com")
    tenant = Tenant.objects.create(
        organization=organization,
        service_manager=manager,
        kind=found.kind,
        parent=above,
        key=f"{found.customer_id}{manager.pk}",
        vendor_id=found.id,
        vendor_name=found.name,
        wished_at=AT,
        converged_at=AT,
    )
    if found.kind == "customer":
        Service.objects.create(
            organization=organization,
            service_manager=manager,
            tenant=tenant,
            protection_model="per_gigabyte",
            file_sync_model="per_user",
            wished_at=AT,
        )
    return tenant
