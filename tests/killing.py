"""A worker of a test that is killed by SIGKILL at a chosen line, and what it leaves behind."""

import os
import signal
import time
import traceback
from collections.abc import Callable

from django.db import connection, connections

from common import locks

NOTICED_WITHIN = 60.0
"""Seconds in which PostgreSQL notices that a client is gone, on a busy machine too."""


def die(*_: object, **__: object) -> None:
    """Be killed here and now."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def in_a_child_that_is_killed(work: Callable[[], object]) -> None:
    """Do ``work``, which kills its process (see `die`), in a process of its own."""
    connection.close()
    if (child := os.fork()) == 0:
        try:
            inherited = _leave_inherited_connection()  # noqa: F841 - not collected, or it would say goodbye in the parent's name
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"The worker ended with {status} instead of being killed; what it said is above."


def until_free(what: int, key: int) -> None:
    """Wait until nobody holds the lock that a killed worker held: PostgreSQL notices its end only when it next reads from it."""
    until = time.monotonic() + NOTICED_WITHIN
    while key in locks.held(what):
        assert time.monotonic() < until, f"Lock {what} of {key} was still held {NOTICED_WITHIN:.0f} s after its holder was killed."
        time.sleep(0.02)


def _leave_inherited_connection() -> object:
    """
    Connect anew in a forked child, whatever connection it finds.

    Once a browser test has begun an event loop in this thread, Django keeps the parent's connection with that loop. A child has no
    loop and finds the one before it, which is still open and shares its socket with the parent: killed, the child would not end it.
    """
    inherited = connections["default"]
    connections["default"] = inherited.copy()
    return inherited
