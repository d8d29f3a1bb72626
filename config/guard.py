"""
The guard of a supervisor: ends the processes that a killed supervisor leaves behind.

Run as a script: `guard.py <lock> <groups>`. The supervisor holds the lock for as long as it lives and notes its process
groups in the second file. Whoever gets the lock after it knows that it is gone. A supervisor that ends by itself has
stopped everything and leaves an empty note. Standard library only, so that a guard costs little for as long as it waits.
"""

import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

GRACE_SECONDS = 5


def main(lock: str, groups: str) -> int:
    """Wait for the supervisor's end, then end what it has left."""
    with Path(lock).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        end_groups(Path(groups))
    return 0


def end_groups(note: Path) -> None:
    """Ask every noted process group to end, and kill those that have not after five seconds. Repeating does nothing."""
    left: list[int] = list(json.loads(note.read_text(encoding="utf-8")).values()) if note.exists() else []
    for group in left:
        tell(group, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(tell(group, 0) for group in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in left:
        tell(group, signal.SIGKILL)
    note.unlink(missing_ok=True)


def tell(group: int, what: int) -> bool:
    """Send a signal to a process group; 0 only asks. False if there is none."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, what)
        return True
    return False


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
