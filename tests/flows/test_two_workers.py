"""Two workers at once on one tenant, or on a tenant and the one above it: one works, the other steps aside and comes back."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from django.db import connection as database
from django.db import transaction

from billing.models import Subscription
from catalog.models import Plan
from common.locks import Busy
from ordering.models import OrderLine
from ordering.operations import execution
from provisioning import vendor
from provisioning.models import ServiceManager, Tenant
from provisioning.operations import converging, wishes
from tests import factories
from tests.flows import ordering_from as flow
from tests.flows.wire import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

AT = factories.AT
PATIENCE = 30  # seconds; a thread that takes longer has hung


class Stopping(httpx.BaseTransport):
    """The wire; it stops at the first creation of a tenant until it is let go."""

    def __init__(self, wire: httpx.BaseTransport) -> None:
        self._wire = wire
        self.reached, self.go = threading.Event(), threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST" and request.url.path.endswith("/api/2/tenants") and not self.reached.is_set():
            self.reached.set()
            assert self.go.wait(PATIENCE)
        return self._wire.handle_request(request)


@pytest.fixture
def plan(manager: ServiceManager) -> Plan:
    made: Plan = factories.PlanFactory(service_manager=manager)
    return made


@contextmanager
def worker_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox, work: Callable[[], None]
) -> Iterator[list[BaseException]]:
    """Let another worker work up to the creation of a tenant; it goes on at the end of the block. Gives what it raised."""
    wire, failures = Stopping(sandbox.wire), []
    monkeypatch.setattr(vendor, "transport", wire)
    vendor.forget_connections()
    thread = threading.Thread(target=in_a_session_of_its_own, args=(work, failures))
    thread.start()
    try:
        assert wire.reached.wait(PATIENCE)
        yield failures
    finally:
        wire.go.set()
        thread.join(PATIENCE)


def in_a_session_of_its_own(work: Callable[[], None], failures: list[BaseException]) -> None:
    try:
        work()
    except BaseException as failure:
        failures.append(failure)
    finally:
        database.close()


def test_a_second_worker_steps_aside_and_asks_the_vendor_nothing(plan, sandbox, personas, monkeypatch):
    line = flow.order_line(plan, personas.mira)
    tenant_id = execution._wish(line.pk, at=AT)

    with worker_in_the_middle(monkeypatch, sandbox, lambda: converging.converge(tenant_id, clock=lambda: AT)) as failures:
        sandbox.forget_calls()
        with pytest.raises(Busy):
            converging.converge(tenant_id, clock=lambda: AT)
        assert sandbox.seen("calls") == []

    assert failures == []
    assert Tenant.objects.get(pk=tenant_id).agrees


def test_an_order_whose_tenant_is_in_other_hands_comes_back_and_completes(plan, sandbox, personas, monkeypatch):
    line = flow.order_line(plan, personas.mira)
    tenant_id = execution._wish(line.pk, at=AT)

    with worker_in_the_middle(monkeypatch, sandbox, lambda: converging.converge_due(tenant_id, clock=lambda: AT)):
        execution.execute_line(line_id=line.pk, clock=lambda: AT)
        line.refresh_from_db()
        assert (line.status, line.attempts, line.next_try_at) == (OrderLine.Status.EXECUTING, 0, AT + execution.BUSY_PAUSE)

    flow.work(line, at=line.next_try_at)
    assert flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=False) == []


def test_a_tenant_that_is_due_while_an_order_works_on_it_comes_back_too(plan, sandbox, personas, monkeypatch):
    line = flow.order_line(plan, personas.mira)
    tenant_id = execution._wish(line.pk, at=AT)

    with worker_in_the_middle(monkeypatch, sandbox, lambda: execution.execute_line(line_id=line.pk, clock=lambda: AT)):
        converging.converge_due(tenant_id, clock=lambda: AT)
        assert Tenant.objects.get(pk=tenant_id).next_try_at == AT + timedelta(seconds=10)

    line.refresh_from_db()
    line.order.refresh_from_db()
    assert flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=False) == []


def test_a_customer_waits_while_its_resellers_tenant_is_in_other_hands(plan, sandbox, personas, monkeypatch):
    reseller = factories.ResellerFactory()
    with transaction.atomic():
        partner = wishes.wish_partner(reseller=reseller, service_manager=plan.service_manager, at=AT)
    line = flow.order_line(plan, personas.mira, consumer=factories.OrganizationFactory(parent=reseller))

    with worker_in_the_middle(monkeypatch, sandbox, lambda: converging.converge(partner.pk, clock=lambda: AT)):
        partners_before = [tenant["kind"] for tenant in sandbox.seen("tenants")].count("partner")
        execution.execute_line(line_id=line.pk, clock=lambda: AT)
        line.refresh_from_db()
        assert (line.status, line.next_try_at) == (OrderLine.Status.EXECUTING, AT + execution.BUSY_PAUSE)

    flow.work(line, at=line.next_try_at)
    assert flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=False) == []
    assert [tenant["kind"] for tenant in sandbox.seen("tenants")].count("partner") == partners_before + 1


def test_many_workers_that_begin_together_leave_one_of_everything(plan, sandbox, personas):
    reseller = factories.ResellerFactory()
    lines = [flow.order_line(plan, personas.mira, consumer=factories.OrganizationFactory(parent=reseller)) for _ in range(2)]
    sandbox.fault(path="^/api/2/", delay_s=0.01, times=None)
    barrier, failures = threading.Barrier(4), []

    def work(line: OrderLine) -> None:
        barrier.wait(PATIENCE)
        execution.execute_line(line_id=line.pk, clock=lambda: AT)

    threads = [
        threading.Thread(target=in_a_session_of_its_own, args=(lambda line=line: work(line), failures)) for line in lines * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    sandbox.no_more_faults()

    assert failures == []
    for line in lines:
        line.refresh_from_db()
        flow.work_until_settled(line, at=line.next_try_at or AT)
        assert flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=False) == []
        assert Subscription.objects.filter(consumer=line.order.consumer).count() == 1
    partners = [found for found in sandbox.seen("tenants") if (found["customer_id"] or "").startswith(f"{reseller.number}x")]
    assert len(partners) == 1
