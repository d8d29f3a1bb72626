"""
What carrying out a new customer's order costs beside the vendor's own time, and how many of them four workers get done.

For calls and overhead the vendor is the sandbox in process, which answers every call after 50 ms, no sooner and hardly later; those
are the vendor's time, and what is left is ours: rows, locks, plans, JSON. What is timed is the wish and converging; `with_order`
says the same of the whole order line, with its subscription and mail. For tenants per minute it is whole order lines, the vendor is
`python -m sandbox --latency-ms 50` on loopback, and the yardstick is as many calls made bare with httpx by as many processes.
"""

import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from django.db import connections, transaction

from accounts.models import Organization, User
from accounts.operations import add_organization
from catalog.models import Plan, Product, ProductGroup, ProductType, Venture
from ordering.models import Order, OrderLine
from ordering.operations import execution
from provisioning import vendor
from provisioning.models import ServiceManager
from provisioning.operations import connection, converging, wishes
from sandbox import create_app

MEASURES = ("provisioning.calls_per_new_customer", "provisioning.overhead_ratio", "provisioning.tenants_per_minute")
CUSTOMERS = 20
WORKERS, ORDERS_EACH = 4, 10
CALL_SECONDS = 0.05
CALLS_LIMIT, OVERHEAD_LIMIT = 16, 0.15
SECONDS_AT_MOST = 300  # after so many the sandbox is killed, whatever it does
CLIENT_ID, CLIENT_SECRET = "till", "s3cret"  # of a sandbox that lives for a minute
AT = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)


def run() -> Iterator[dict[str, object]]:
    """Yield the calls per new customer, the overhead, and what four workers get done in a minute."""
    calls, overhead, with_order = _one_worker()
    yield {
        "name": "provisioning.calls_per_new_customer",
        "value": calls,
        "unit": "calls",
        "yardstick": CALLS_LIMIT,
        "ratio": round(calls / CALLS_LIMIT, 2),
    }
    yield {
        "name": "provisioning.overhead_ratio",
        "value": round(overhead, 3),
        "unit": "own time / vendor time",
        "yardstick": OVERHEAD_LIMIT,
        "ratio": round(overhead / OVERHEAD_LIMIT, 2),
        "with_order": round(with_order, 3),
    }
    ours, bare = _many_workers(calls=round(calls))
    yield {
        "name": "provisioning.tenants_per_minute",
        "value": round(ours, 1),
        "unit": "tenants/min",
        "yardstick": round(bare, 1),
        "ratio": round(bare / ours, 2),
        "workers": WORKERS,
    }


# --- One worker, the vendor in process --------------------------------------------------------------------------------------


class SlowVendor(httpx.BaseTransport):
    """The sandbox in process, each answer after `CALL_SECONDS`; counts its calls and the time they take."""

    def __init__(self, storage: Path) -> None:
        app = create_app(storage_path=storage, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, now=AT)
        self._wsgi = httpx.WSGITransport(app=app)
        self.calls = 0
        self.seconds = 0.0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        started = time.perf_counter()
        answer = self._wsgi.handle_request(request)
        answer.read()
        time.sleep(max(0.0, CALL_SECONDS - (time.perf_counter() - started)))
        self.calls += 1
        self.seconds += time.perf_counter() - started
        return answer


def _one_worker() -> tuple[float, float, float]:
    """Return the calls per new customer, and our own time as a share of the vendor's, without and with the rest of the order."""
    with tempfile.TemporaryDirectory() as folder:
        slow = SlowVendor(Path(folder) / "sandbox.sqlite3")
        vendor.transport = slow
        try:
            plan = _plan("http://slow.test")
            customers = [_customer(_msp()) for _ in range(CUSTOMERS)]
            lines = _order_lines(plan, CUSTOMERS + 1)
            _execute(lines[:1])  # the token, connections and caches of a worker that has worked before
            calls = slow.calls
            alone = _own_share(slow, lambda: _provision(plan.service_manager, customers))
            calls = slow.calls - calls
            with_order = _own_share(slow, lambda: _execute(lines[1:]))
        finally:
            vendor.transport = None
            vendor.forget_connections()
    _check_completed(lines)
    return calls / CUSTOMERS, alone, with_order


def _own_share(slow: SlowVendor, work: Callable[[], None]) -> float:
    """Do the work; return the time that was not the vendor's as a share of what was."""
    slow.seconds = 0.0
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started - slow.seconds) / slow.seconds


def _provision(manager: ServiceManager, customers: Sequence[Organization]) -> None:
    for consumer in customers:
        wish = wishes.ServiceWish("per_gigabyte", "per_user", login=f"bench.{consumer.number}", email="bench@example.com")
        with transaction.atomic():
            service = wishes.wish_service(consumer=consumer, service_manager=manager, wish=wish, at=AT)
        converging.converge(service.tenant_id, clock=lambda: AT)


# --- Many workers, the vendor on loopback -----------------------------------------------------------------------------------


def _many_workers(*, calls: int) -> tuple[float, float]:
    """Return how many tenants a minute `WORKERS` processes make, and how many it were if they only made the calls."""
    with _sandbox_process() as url:
        plan = _plan(url)
        lines = _order_lines(plan, WORKERS * (ORDERS_EACH + 1))
        shares = [lines[number::WORKERS] for number in range(WORKERS)]
        vendor.forget_connections()
        connections.close_all()  # a child must not share the parent's
        ours = _together([_carrying_out(share) for share in shares])
        _check_completed(lines)
        connections.close_all()
        bare = _together([_calling(url, str(plan.service_manager.root_tenant_id), calls)] * WORKERS)
    tenants = WORKERS * ORDERS_EACH
    return tenants / ours * 60, tenants / bare * 60


def _carrying_out(share: Sequence[OrderLine]) -> tuple[Callable[[], None], Callable[[], None]]:
    return lambda: _execute(share[:1]), lambda: _execute(share[1:])


def _calling(url: str, root: str, calls: int) -> tuple[Callable[[], None], Callable[[], None]]:
    client = httpx.Client(base_url=f"{url}/api/2", trust_env=False)

    def sign_in() -> None:
        answer = client.post("/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET))
        client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"

    def ask() -> None:
        for _ in range(ORDERS_EACH * calls):
            client.get(f"/tenants/{root}").raise_for_status()

    return sign_in, ask


def _together(jobs: Sequence[tuple[Callable[[], None], Callable[[], None]]]) -> float:
    """
    Do each job in a process of its own: the first half of each, and when all are ready the second, at once. Return the seconds
    until the last has ended its second.

    :raises RuntimeError: a job failed.
    """
    ready_out, ready_in = os.pipe()
    go_out, go_in = os.pipe()
    children = [_child(prepare, work, ready_in, go_out, others=(ready_out, go_in)) for prepare, work in jobs]
    os.close(ready_in)
    os.close(go_out)
    ready = sum(len(os.read(ready_out, 1)) for _ in jobs)
    started = time.perf_counter()
    os.close(go_in)  # everybody who reads it goes on
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    elapsed = time.perf_counter() - started
    os.close(ready_out)
    if ready != len(jobs) or any(ends):
        raise RuntimeError(f"{ready} of {len(jobs)} workers were ready; they ended with {ends}")
    return elapsed


def _child(prepare: Callable[[], None], work: Callable[[], None], ready: int, go: int, *, others: Sequence[int]) -> int:
    """Fork; return the child's process id. The child says when it is prepared, waits to be let go, works, and ends."""
    if child := os.fork():
        return child
    try:
        for descriptor in others:
            os.close(descriptor)
        prepare()
        os.write(ready, b".")
        os.read(go, 1)
        work()
    except BaseException as error:
        print(f"a worker failed: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


@contextmanager
def _sandbox_process() -> Iterator[str]:
    """Start the sandbox on a free port, 50 ms away, and end it. Gives its address."""
    with tempfile.TemporaryDirectory() as folder:
        options = (
            *("--port", "0", "--data", str(Path(folder) / "sandbox.sqlite3"), "--latency-ms", str(int(CALL_SECONDS * 1000))),
            *("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET),
        )
        process = subprocess.Popen((sys.executable, "-m", "sandbox", *options), stdout=subprocess.PIPE, text=True)
        killer = threading.Timer(SECONDS_AT_MOST, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                raise RuntimeError("the sandbox did not start")
            yield line.rsplit(" ", 1)[1].strip()
        finally:
            killer.cancel()
            process.terminate()
            process.communicate(timeout=30)


# --- Orders -----------------------------------------------------------------------------------------------------------------


def _plan(base_url: str) -> Plan:
    """A plan of a service manager that is connected and has its definition."""
    stamp = secrets.token_hex(4)
    manager = ServiceManager.objects.create(
        name=f"Slow vendor {stamp}", base_url=base_url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    connection.test_connection(service_manager_id=manager.pk, at=AT)
    connection.fetch_services_definition(service_manager_id=manager.pk, at=AT)
    manager.refresh_from_db()
    product = Product.objects.create(product_type=ProductType.objects.create(name=f"Bench {stamp}"), name="Cyber Protect")
    return Plan.objects.create(
        number=f"B{stamp}",
        venture=Venture.objects.create(name=f"Bench {stamp}", invoice_series=stamp[:6]),
        product_group=ProductGroup.objects.create(product=product, name="Cyber Protect"),
        service_manager=manager,
        name="Pay as you go",
        status=Plan.Status.PUBLISHED,
    )


def _order_lines(plan: Plan, count: int) -> list[OrderLine]:
    """Lines of orders in progress, each of a new direct customer."""
    msp = _msp()
    person, _ = User.objects.get_or_create(email="bench.provisioning@example.com")
    return [_order_line(plan, msp, person) for _ in range(count)]


def _msp() -> Organization:
    return Organization.objects.filter(kind="msp").first() or add_organization(
        kind="msp", parent=None, name="MSP", at=AT, billing_email="till@example.com"
    )


def _customer(msp: Organization) -> Organization:
    facts = {"address_line1": "Weg 1", "postcode": "10115", "city": "Berlin", "billing_email": "b@example.com"}
    return add_organization(kind="customer", parent=msp, name=f"Customer {secrets.token_hex(4)}", at=AT, **facts)


def _order_line(plan: Plan, msp: Organization, person: User) -> OrderLine:
    consumer, stamp = _customer(msp), secrets.token_hex(4)
    order = Order.objects.create(
        number=f"B{stamp}",
        source=Order.Source.BSS,
        buyer=consumer,
        consumer=consumer,
        placed_by=person,
        status=Order.Status.EXECUTING,
        currency=consumer.currency,
        placed_at=AT,
    )
    return OrderLine.objects.create(
        order=order,
        plan=plan,
        plan_name=plan.name,
        billing_model=plan.billing_model,
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        login=f"bench.{stamp}",
        email="bench@example.com",
        status=OrderLine.Status.EXECUTING,
        next_try_at=AT,
    )


def _execute(lines: Sequence[OrderLine]) -> None:
    for line in lines:
        execution.execute_line(line_id=line.pk, clock=lambda: AT)


def _check_completed(lines: Sequence[OrderLine]) -> None:
    """:raises RuntimeError: an order was not carried out, so there is nothing to be measured."""
    failed = OrderLine.objects.filter(pk__in=[line.pk for line in lines]).exclude(status=OrderLine.Status.COMPLETED)
    if (line := failed.first()) is not None:
        raise RuntimeError(f"{failed.count()} orders were not carried out: {line.error}")
