"""
Tells how far the load of a usage report is, while it goes on.

The load is one transaction, and nobody sees anything of that before its end. So this writes over a database connection of its own,
a row once a second at most; who looks at the report's page reads it there, and it survives a reload. A load that takes less than
a second tells nothing.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import Error, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from provisioning.models import VendorReport

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds

# The load itself locks the row only at its very end, when nothing more is told. Should anybody else hold it, telling gives up.
LOCK_TIMEOUT = "SET lock_timeout = '2s'"

TELL = """
    UPDATE provisioning_vendorreport SET stage = %(stage)s, bytes_read = %(bytes)s, rows_read = %(rows)s, seen_at = %(at)s
    WHERE id = %(report)s AND status = 'ready'
"""


class Progress:
    """How far one load is. Trouble with telling it never stops the load."""

    def __init__(self, report_id: int, *, at: datetime) -> None:
        self._report_id = report_id
        self._at = at
        self._begun = self._told = time.monotonic()
        self._stage = VendorReport.Stage.READING
        self._bytes = self._rows = 0
        self._connection: BaseDatabaseWrapper | None = None
        self._is_mute = False

    def packed(self, size: int) -> None:
        """So many bytes more of the packed file have come in."""
        self._bytes += size

    def rows(self, number: int) -> None:
        """So many lines more were read."""
        self._rows += number
        self._tell_now_and_then()

    def enter(self, stage: VendorReport.Stage) -> None:
        """Say what is done now; a new stage is told at once, where anything was told before."""
        self._stage = stage
        if self._connection is not None:
            self._tell()
        else:
            self._tell_now_and_then()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _tell_now_and_then(self) -> None:
        if time.monotonic() - self._told >= EVERY:
            self._tell()

    def _tell(self) -> None:
        now = self._told = time.monotonic()
        if self._is_mute:
            return
        try:
            with self._own_connection().cursor() as cursor:
                cursor.execute(TELL, self._row(self._at + timedelta(seconds=now - self._begun)))
        except Error:
            self._is_mute = True
            logger.warning("progress cannot be told", extra={"report": self._report_id}, exc_info=True)

    def _row(self, at: datetime) -> dict[str, str | int | datetime]:
        return {"stage": self._stage.value, "bytes": self._bytes, "rows": self._rows, "at": at, "report": self._report_id}

    def _own_connection(self) -> BaseDatabaseWrapper:
        if self._connection is None:
            self._connection = connection.copy()
            with self._connection.cursor() as cursor:
                cursor.execute(LOCK_TIMEOUT)
        return self._connection


@contextmanager
def progress_of(report_id: int, *, at: datetime) -> Iterator[Progress]:
    """Tell, for the block, how far the load of a report is; ``at`` is when it began."""
    progress = Progress(report_id, at=at)
    try:
        yield progress
    finally:
        progress.close()
