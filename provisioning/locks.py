"""
One worker at a time on one thing at the vendor.

A lock lives in the database session, not in a row: when its worker is killed, the session ends and the lock is free at once. It
needs no transaction, so nothing waits on locked rows while the vendor answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from common.errors import DomainError

TENANT = 1
REPORT = 2


class TenantBusy(DomainError):
    """Another worker is on it at this moment; coming back in a few seconds is all there is to do."""


@contextmanager
def alone(what: int, key: int) -> Iterator[None]:
    """
    Hold the lock of ``what`` number ``key`` for the block.

    :raises TenantBusy: somebody else holds it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [what, key])
        if not cursor.fetchone()[0]:
            raise TenantBusy("Another worker is on it at this moment.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [what, key])
