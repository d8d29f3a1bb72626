"""Kill the worker between any two calls to the vendor and start it again: one tenant, one user, one mail, one subscription."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from django.db import connection

from billing.models import Subscription
from config.keeper import free_port
from ordering.models import Order, OrderLine
from provisioning.operations import connection as manager_connection
from tests import factories

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parent.parent.parent
CALLS = 18  # more than a new customer costs, so that the last workers are not killed at all


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[str]:
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


def test_a_worker_killed_after_any_answer_leaves_nothing_double_and_nothing_half_done(sandbox, personas):
    plan = factories.PlanFactory(
        service_manager=factories.ServiceManagerFactory(
            base_url=sandbox, client_id="till", client_secret="s3cret", root_tenant_id=None
        )
    )
    manager_connection.test_connection(service_manager_id=plan.service_manager.pk, at=factories.AT)
    lines = [order_line(plan, personas, n) for n in range(1, CALLS + 1)]

    done = run_workers([f"{line.pk}:{n}" for n, line in enumerate(lines, start=1)])

    killed = [line for line in lines if done[str(line.pk)] == "killed"]
    assert len(killed) >= 12, done
    assert set(OrderLine.objects.values_list("status", "order__status")) == {("completed", "completed")}
    tenants, users, mails = (seen(sandbox, what) for what in ("tenants", "users", "mails"))
    for line in OrderLine.objects.select_related("service__tenant", "order__consumer"):
        key, login = line.service.tenant.key, line.login
        assert [tenant["id"] for tenant in tenants if tenant["customer_id"] == key] == [str(line.service.tenant.vendor_id)]
        assert [user["login"] for user in users if user["login"] == login] == [login]
        assert [mail["login"] for mail in mails if mail["login"] == login] == [login]
        assert Subscription.objects.filter(consumer=line.order.consumer).count() == 1


def order_line(plan, personas, n: int) -> OrderLine:
    """An order in progress, as `execute_order` leaves it, of a customer of its own."""
    consumer = factories.OrganizationFactory(name=f"Customer {n}")
    order = Order.objects.create(
        number=f"O{9000 + n}",
        source=Order.Source.BSS,
        buyer=consumer,
        consumer=consumer,
        placed_by=personas.mira,
        status=Order.Status.EXECUTING,
        currency="EUR",
        placed_at=factories.AT,
    )
    return OrderLine.objects.create(
        order=order,
        plan=plan,
        plan_name=plan.name,
        billing_model=plan.billing_model,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        login=f"killed.{n:02}.x",
        email=f"killed{n}@example.com",
        status=OrderLine.Status.EXECUTING,
        next_try_at=factories.AT,
    )


def run_workers(arguments: list[str]) -> dict[str, str]:
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    connection.close()
    done = subprocess.run(
        [sys.executable, "-m", "tests.flows.killed_worker", *arguments],
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings_test", "LOG_LEVEL": "WARNING"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ends: dict[str, str] = json.loads(done.stdout)
    return ends


def seen(sandbox: str, what: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.load(urlopen(f"{sandbox}/sandbox/{what}", timeout=10))["items"]
    return items
