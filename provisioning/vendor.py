"""The connection to the vendor: one client per service manager and process, shared by its threads, with its token."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import connection

from common.errors import DomainError
from provisioning import metrics, slots
from provisioning.acronis.circuit import Circuit
from provisioning.acronis.client import Acronis
from provisioning.acronis.connection import Gate
from provisioning.models import ServiceManager

transport: Any = None
"""Stands in for the network in tests (an httpx transport); None is the network."""

sleep: Callable[[float], None] = time.sleep
"""How the client waits between repetitions; tests do not."""

clock: Callable[[], float] = time.monotonic
"""What tells how long a vendor that is down has been left alone; tests move it."""


class NotConnected(DomainError):
    """The service manager's address is wrong, or has not been tested yet, so its root tenant is not known."""


PEOPLES_PATIENCE = 4.0  # seconds for an answer while somebody looks at a page
SLOT_PATIENCE = 10.0  # seconds a call waits while others are under way


@dataclass(frozen=True, slots=True)
class _Account:
    """What a client is made from. A change of anything here makes a new one."""

    service_manager_id: int
    name: str
    base_url: str
    client_id: str
    client_secret: str
    max_parallel_calls: int


def connect(service_manager: ServiceManager, *, people_wait: bool = False) -> Acronis:
    """
    Return the client of ``service_manager``. A changed address or secret gives a new one.

    Its calls, with those of all other processes, keep to the service manager's ``max_parallel_calls``; the vendor is left alone
    while it is down, which all clients of the process with the same patience know of together; every call is counted.

    :param people_wait: a person looks at the page meanwhile: short time limits, no pauses between tries, no waiting where the
        vendor asks for a pause. What cannot be said at once is then not said. To such calls a slow vendor is as good as down, to
        others it is not.

    :raises NotConnected: its address is not one of a data centre.
    :raises RuntimeError: a transaction is open; the vendor may take half a minute, and locks must not wait for it. Each call of
        the client looks again, also those that come while a list is iterated.
    """
    refuse_open_transaction()
    account = _Account(
        service_manager_id=service_manager.pk,
        name=service_manager.name,
        base_url=service_manager.base_url,
        client_id=service_manager.client_id,
        client_secret=service_manager.client_secret,
        max_parallel_calls=service_manager.max_parallel_calls,
    )
    try:
        return _client(account, id(transport), people_wait)
    except ValueError as error:
        raise NotConnected(f"{service_manager} cannot be asked: {error}.") from error


def root_tenant(service_manager: ServiceManager) -> str:
    """
    Return the tenant everything we sell hangs under.

    :raises NotConnected: “Test connection” has not read it yet.
    """
    if service_manager.root_tenant_id is None:
        raise NotConnected(f"{service_manager} has never been connected: use “Test connection” first.")
    return str(service_manager.root_tenant_id)


def refuse_open_transaction() -> None:
    """
    Do nothing, unless the database connection of this thread is in a transaction.

    :raises RuntimeError: it is.
    """
    # Django's own test cases wrap every test in transactions that they mark; those do not count.
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("The vendor must not be asked while a database transaction is open.")


def forget_connections() -> None:
    """Drop every client of this process, with its token and what it knows of the vendor's health."""
    _client.cache_clear()
    _circuit.cache_clear()


@lru_cache(maxsize=64)
def _client(account: _Account, transport_id: int, people_wait: bool) -> Acronis:
    patience = PEOPLES_PATIENCE if people_wait else SLOT_PATIENCE
    manner: dict[str, Any] = {"sleep": sleep}
    if people_wait:
        manner = {"sleep": lambda seconds: None, "max_wait": 0, "timeout": PEOPLES_PATIENCE}
    return Acronis(
        account.base_url,
        client_id=account.client_id,
        client_secret=account.client_secret,
        transport=transport,
        max_parallel=account.max_parallel_calls,
        gate=_gate(account, patience),
        circuit=_circuit(account.service_manager_id, account.name, account.base_url, transport_id, people_wait),
        on_call=metrics.call_counter(account.name),
        **manner,
    )


def _gate(account: _Account, patience: float) -> Gate:
    waited = metrics.wait_histogram(account.name)

    @contextmanager
    def gate() -> Iterator[None]:
        refuse_open_transaction()
        with slots.slot(account.service_manager_id, limit=account.max_parallel_calls, patience=patience, waited=waited):
            yield

    return gate


@lru_cache(maxsize=64)
def _circuit(service_manager_id: int, name: str, base_url: str, _transport_id: int, people_wait: bool) -> Circuit:
    """Each patience learns for itself: five pages that gave up after four seconds must not stop what can wait for an answer."""
    return Circuit(clock=lambda: clock(), on_change=metrics.circuit_gauge(name, people_wait=people_wait))
