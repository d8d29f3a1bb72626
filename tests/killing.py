"""What tests need after they killed a worker of their own."""

import time

from django.db import connection

NOTICED_WITHIN = 5.0
"""Seconds in which PostgreSQL notices that a client is gone."""

_HOLDER = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s AND objid = %s AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def until_free(what: int, key: int) -> None:
    """
    Wait until nobody holds the session lock that a killed worker held.

    Late in a long run of all tests PostgreSQL is sometimes not told that the forked client is dead. Its session is then ended as
    the server's keepalive would end it, only sooner.
    """
    until = time.monotonic() + NOTICED_WITHIN
    with connection.cursor() as cursor:
        while holder := _holder(cursor, what, key):
            if time.monotonic() > until:
                cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [holder])
            time.sleep(0.05)


def _holder(cursor: object, what: int, key: int) -> int | None:
    cursor.execute(_HOLDER, [what, key])  # type: ignore[attr-defined]
    found = cursor.fetchone()  # type: ignore[attr-defined]
    return found[0] if found else None
