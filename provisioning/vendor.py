"""The connection to the vendor: one client per service manager and process, shared by its threads, with its token."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db import connection

from common.errors import DomainError
from provisioning.acronis.client import Acronis
from provisioning.models import ServiceManager

transport: Any = None
"""Stands in for the network in tests (an httpx transport); None is the network."""

sleep: Callable[[float], None] = time.sleep
"""How the client waits between repetitions; tests do not."""


class NotConnected(DomainError):
    """The service manager's address is wrong, or has not been tested yet, so its root tenant is not known."""


PEOPLES_PATIENCE = 4.0  # seconds for an answer while somebody looks at a page


def connect(service_manager: ServiceManager, *, people_wait: bool = False) -> Acronis:
    """
    Return the client of ``service_manager``. A changed address or secret gives a new one.

    :param people_wait: a person looks at the page meanwhile: short time limits, no pauses between tries, no waiting where the
        vendor asks for a pause. What cannot be said at once is then not said.

    :raises NotConnected: its address is not one of a data centre.
    :raises RuntimeError: a transaction is open; the vendor may take half a minute, and locks must not wait for it.
    """
    # Django's own test cases wrap every test in transactions that they mark; those do not count.
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("The vendor must not be asked while a database transaction is open.")
    account = (service_manager.base_url, service_manager.client_id, service_manager.client_secret)
    try:
        return _client(*account, id(transport), people_wait)
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


@lru_cache(maxsize=64)
def _client(base_url: str, client_id: str, client_secret: str, _transport: int, people_wait: bool) -> Acronis:
    if not people_wait:
        return Acronis(base_url, client_id=client_id, client_secret=client_secret, transport=transport, sleep=sleep)
    return Acronis(
        base_url,
        client_id=client_id,
        client_secret=client_secret,
        transport=transport,
        timeout=PEOPLES_PATIENCE,
        sleep=lambda seconds: None,
        max_wait=0,
    )


def forget_connections() -> None:
    """Drop every client of this process, with its token."""
    _client.cache_clear()
