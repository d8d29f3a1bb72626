"""
What provisioning a new customer costs beside the vendor's own time.

The vendor is the sandbox in process, made as slow as a real one: 50 ms a call. The yardstick is the time spent waiting for its
answers; what is left is ours: rows, plans, JSON.
"""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
from django.db import transaction

from accounts.models import Organization
from accounts.operations import add_organization
from provisioning import vendor
from provisioning.models import ServiceManager
from provisioning.operations import connection, converging, wishes
from sandbox import create_app

CUSTOMERS = 20
MEASURES = ("provisioning.new_customer_s", "provisioning.calls_per_new_customer")
CALL_SECONDS = 0.05
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


class SlowVendor(httpx.BaseTransport):
    """The sandbox in process; counts its calls and the time they take."""

    def __init__(self, storage: Path) -> None:
        self._wsgi = httpx.WSGITransport(app=create_app(storage_path=storage, client_id="till", client_secret="s3cret", now=AT))  # noqa: S106
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
    """Yield the overhead and the calls per new customer."""
    with tempfile.TemporaryDirectory() as folder:
        slow = SlowVendor(Path(folder) / "sandbox.sqlite3")
        vendor.transport = slow
        try:
            manager = _service_manager()
            _provision(manager, 0)  # the token, connections and caches of a worker that has worked before
            slow.calls, slow.seconds = 0, 0.0
            started = time.perf_counter()
            for n in range(1, CUSTOMERS + 1):
                _provision(manager, n)
            elapsed = time.perf_counter() - started
        finally:
            vendor.transport = None
            vendor.forget_connections()
    yield {
        "name": "provisioning.new_customer_s",
        "value": round(elapsed / CUSTOMERS, 3),
        "unit": "s",
        "yardstick": round(slow.seconds / CUSTOMERS, 3),
        "ratio": round(elapsed / slow.seconds, 3),
    }
    yield {
        "name": "provisioning.calls_per_new_customer",
        "value": slow.calls / CUSTOMERS,
        "unit": "calls",
        "yardstick": 16,
        "ratio": round(slow.calls / CUSTOMERS / 16, 2),
    }


def _service_manager() -> ServiceManager:
    manager = ServiceManager.objects.create(
        name=f"Slow vendor {time.time_ns()}",
        base_url="http://slow.test",
        client_id="till",
        client_secret="s3cret",  # noqa: S106
    )
    connection.test_connection(service_manager_id=manager.pk, at=AT)
    connection.fetch_services_definition(service_manager_id=manager.pk, at=AT)
    manager.refresh_from_db()
    return manager


def _provision(manager: ServiceManager, n: int) -> None:
    msp = Organization.objects.filter(kind="msp").first() or add_organization(
        kind="msp", parent=None, name="MSP", at=AT, billing_email="till@example.com"
    )
    consumer = add_organization(kind="customer", parent=msp, name=f"Customer {n}", at=AT, billing_email="c@example.com")
    wish = wishes.ServiceWish("per_gigabyte", "per_user", login=f"bench.{manager.pk}.{n:03}", email="c@example.com")
    with transaction.atomic():
        service = wishes.wish_service(consumer=consumer, service_manager=manager, wish=wish, at=AT)
    converging.converge(service.tenant_id, clock=lambda: AT)
