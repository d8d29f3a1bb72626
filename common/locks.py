"""
One worker at a time on one thing that takes longer than a transaction should.

A lock lives in the database session, not in a row: when its worker is killed, the session ends and the lock is free at once. It
needs no transaction, so nothing waits on locked rows while somebody far away answers.

Each kind of thing has a number of its own, kept beside the operation that takes the lock: 1 tenants and 2 reports (provisioning),
3 order lines (ordering), 4 slots for calls to the vendor and 5 inspections of it (provisioning), 6 imports of plans (catalog),
7 billing runs and 8 the issuing of their drafts (billing), 11 the refreshing of estimates (billing), 12 addresses of webhooks
(accounts).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from common.errors import DomainError


class Busy(DomainError):
    """Another worker is on it at this moment; coming back in a few seconds is all there is to do."""


@contextmanager
def alone(what: int, key: int) -> Iterator[None]:
    """
    Hold the lock of ``what`` number ``key`` for the block.

    :raises Busy: somebody else holds it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [what, key])
        if not cursor.fetchone()[0]:
            raise Busy("Another worker is on it at this moment.")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [what, key])


def held(what: int) -> frozenset[int]:
    """Return the keys of ``what`` that somebody holds at this moment, this session included."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s AND objsubid = 2"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [what],
        )
        return frozenset(int(row[0]) for row in cursor.fetchall())
