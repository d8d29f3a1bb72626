"""
How many calls to one vendor may be under way at a time, over all processes and machines.

Each service manager has so many slots, and a call holds one while it is on the wire. A slot is a lock of the database session, as
in `common.locks` (number `locks.CALL`): it needs no row and no transaction, and a killed worker's slot is free at once.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import InterfaceError, OperationalError, connection

from provisioning.acronis.errors import TooManyCalls
from provisioning.locks import CALL

logger = logging.getLogger(__name__)

MOST = 64
"""Slots of one service manager at most; what `ServiceManager.max_parallel_calls` allows."""

PAUSES = (0.02, 0.06)
"""Seconds between two looks, at random in between, so that those who wait do not look all at once."""


@contextmanager
def slot(
    service_manager_id: int,
    *,
    limit: int,
    patience: float,
    waited: Callable[[float], None],
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """
    Hold one of the service manager's slots for the block.

    :param limit: how many there are, 64 at most.
    :param patience: seconds to wait for one.
    :param waited: told how many seconds it took to get one, or to give up.
    :raises TooManyCalls: none became free in that time.
    """
    began = clock()
    while (key := _take(service_manager_id, limit)) is None:
        if clock() - began >= patience:
            waited(clock() - began)
            raise TooManyCalls.after(patience)
        sleep(random.uniform(*PAUSES))  # noqa: S311 - spreads the load, keeps no secret
    waited(clock() - began)
    try:
        yield
    finally:
        _give_back(key)


def _take(service_manager_id: int, limit: int) -> int | None:
    """Return the key of the slot that is ours now, or None. Begins anywhere, so that the first look finds one if few are taken."""
    slots = max(1, min(limit, MOST))
    start = random.randrange(slots)  # noqa: S311 - spreads the load, keeps no secret
    with connection.cursor() as cursor:
        for number in range(slots):
            key = service_manager_id * MOST + (start + number) % slots
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [CALL, key])
            if cursor.fetchone()[0]:
                return key
    return None


def _give_back(key: int) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [CALL, key])
    except (OperationalError, InterfaceError) as error:
        # The session has ended, and its lock with it. What the vendor answered meanwhile must not be lost for that.
        logger.warning("a slot was given back by the end of its session: %s", type(error).__name__)
