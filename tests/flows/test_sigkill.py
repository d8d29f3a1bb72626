"""Kill the worker between any two calls to the vendor and start it again: one tenant, one user, one mail, one subscription."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.request import urlopen

import pytest
from django.db import connection, transaction

from billing.models import Subscription
from ordering.models import Order, OrderLine
from provisioning.models import ServiceManager
from provisioning.operations import connection as manager_connection
from provisioning.operations import services, users
from provisioning.planning.values import GIB, Limit
from tests import factories
from tests.provisioning.served import LATER, Served, served

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parent.parent.parent
CALLS = 18  # more than a new customer costs, so that the last workers are not killed at all
CALLS_OF_A_CHANGE = 12  # likewise


@pytest.fixture
def manager(db: None, sandbox_process: str) -> ServiceManager:
    made = factories.ServiceManagerFactory(base_url=sandbox_process, client_id="till", client_secret="s3cret", root_tenant_id=None)
    manager_connection.test_connection(service_manager_id=made.pk, at=factories.AT)
    manager_connection.fetch_services_definition(service_manager_id=made.pk, at=factories.AT)
    made.refresh_from_db()
    return made


def test_a_worker_killed_after_any_answer_leaves_nothing_double_and_nothing_half_done(manager, sandbox_process, personas):
    plan = factories.PlanFactory(service_manager=manager)
    lines = [order_line(plan, personas, n) for n in range(1, CALLS + 1)]

    done = run_workers([f"line:{line.pk}:{n}" for n, line in enumerate(lines, start=1)])

    killed = [line for line in lines if done[f"line:{line.pk}"] == "killed"]
    assert len(killed) >= 12, done
    assert set(OrderLine.objects.values_list("status", "order__status")) == {("completed", "completed")}
    tenants, users, mails = (seen(sandbox_process, what) for what in ("tenants", "users", "mails"))
    for line in OrderLine.objects.select_related("service__tenant", "order__consumer"):
        key, login = line.service.tenant.key, line.login
        assert [tenant["id"] for tenant in tenants if tenant["customer_id"] == key] == [str(line.service.tenant.vendor_id)]
        assert [user["login"] for user in users if user["login"] == login] == [login]
        assert [mail["login"] for mail in mails if mail["login"] == login] == [login]
        assert Subscription.objects.filter(consumer=line.order.consumer).count() == 1


def change_edition(it: Served) -> None:
    services.change_licensing(service_id=it.service.pk, protection_model="per_workload", file_sync_model="per_user", at=LATER)


def change_quota_and_password(it: Served) -> None:
    services.change_quotas(service_id=it.service.pk, limits={"pg_base_storage": Limit(50 * GIB, 5 * GIB)}, at=LATER)
    users.reset_password(tenant_user_id=it.user.pk, at=LATER)


def retire(it: Served) -> None:
    with transaction.atomic():
        services.terminate_service(service_id=it.service.pk, at=LATER)


def has_edition(it: Served) -> bool:
    return "pw_base_storage" in it.quotas and not any(name.startswith("pg_") for name in it.quotas)


def has_quota_and_password(it: Served) -> bool:
    return it.quotas["pg_base_storage"] == (50 * GIB, 5 * GIB) and it.user.password_set_at is not None and it.users[0].activated


def is_gone(it: Served) -> bool:
    return it.tenant.gone_at is not None and not list(it.api.tenants.by_ids([it.vendor_id]))


@pytest.mark.parametrize(
    ("change", "came_true", "least"),
    [(change_edition, has_edition, 7), (change_quota_and_password, has_quota_and_password, 7), (retire, is_gone, 6)],
    ids=["edition", "quota and password", "retire"],
)
def test_a_worker_killed_in_the_middle_of_a_change_is_followed_by_one_that_ends_it(
    manager, sandbox_process, change, came_true, least
):
    customers = [served(manager) for _ in range(CALLS_OF_A_CHANGE)]
    for it in customers:
        with patch("common.dispatch.signature"):  # nobody is rung; the workers are started below
            change(it)

    done = run_workers([f"tenant:{it.tenant.pk}:{n}" for n, it in enumerate(customers, start=1)])

    assert list(done.values()).count("killed") >= least, done
    mails = [mail["login"] for mail in seen(sandbox_process, "mails")]
    for it in customers:
        it.tenant.refresh_from_db()
        assert came_true(it)
        assert it.tenant.agrees
        assert mails.count(it.user.login) == 1
        assert it.tenant.gone_at is not None or len(it.users) == 1


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
