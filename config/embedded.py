"""
A real PostgreSQL and a real Valkey out of wheels, for machines that were given neither.

`database_url` and `redis_url` start the server of a state folder if it is not running and return its address. Any
number of processes may share it. Each server has a keeper, a small process of its own (`config/keeper.py`): it starts
the server and stops it when nobody uses it any more. A process uses a server as long as it holds a shared lock on
`users.lock`. The kernel drops that lock however the process ends, SIGKILL included: nothing to count or clean up.
Plain Python without Django: settings import this.
"""

import fcntl
import importlib.util
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from config import keeper
from config.keeper import EmbeddedServiceError, Postgres, Server, Valkey, write_once

_uses: dict[Path, IO[str]] = {}  # the locks this process holds, by server folder
_started: list[subprocess.Popen[bytes]] = []  # keepers this process started; kept, so that they can be waited for


def database_url(state: Path, *, durable: bool = True) -> str:
    """
    The URL of the state folder's PostgreSQL; starts it when it is not running. Calling again returns the same.

    :param durable: False turns off syncing to disk, for tests. Has no effect on a server that already runs.
    :raises EmbeddedServiceError: it did not start.
    """
    return _use(Postgres(state), durable=durable)


def redis_url(state: Path, *, durable: bool = True) -> str:
    """
    The URL of the state folder's Valkey; starts it when it is not running. Calling again returns the same.

    :param durable: True writes each change to an append-only file, so queued messages survive a restart.
    :raises EmbeddedServiceError: it did not start.
    """
    return _use(Valkey(state), durable=durable)


def release(state: Path) -> None:
    """
    Stop using the servers of a state folder; where nobody else uses them, wait until they have stopped.

    Repeating does nothing.
    """
    for server in (Valkey(state), Postgres(state)):
        users = _uses.pop(server.folder, None)
        if users is not None:
            users.close()
            _wait_for_stop(server)


def secret_key(state: Path) -> str:
    """The state folder's SECRET_KEY: made at the first call, the same ever after."""
    return write_once(state / "secret_key", secrets.token_urlsafe(50))


# --- Using a server -----------------------------------------------------------------------------------------------


def _use(server: Server, *, durable: bool) -> str:
    """Hold the users' lock from now until this process ends, start a keeper if there is none, return the URL."""
    server.folder.mkdir(parents=True, exist_ok=True)
    if server.folder not in _uses:
        users = (server.folder / "users.lock").open("w")
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
        _uses[server.folder] = users
    with (server.folder / "start.lock").open("w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        return _running_url(server) or _start(server, durable=durable)


def _running_url(server: Server) -> str | None:
    """The URL the keeper has published; nothing if there is no keeper, it has not got so far, or its server has died."""
    published = server.published() if _is_held(server.folder / "keeper.lock") else {}
    url = published.get("url")
    return url if url and server.is_ready(int(published["port"])) else None


def _start(server: Server, *, durable: bool) -> str:
    """Start a keeper, unless one is just starting, and wait for the URL it publishes."""
    if importlib.util.find_spec(server.package) is None:
        raise EmbeddedServiceError(
            f"{server.variable} is not set and the embedded {server.title} is not installed: "
            f"set {server.variable}, or pip install 'cloudtill[embedded]'."
        )
    started: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + keeper.START_SECONDS
    while time.monotonic() < deadline:
        if (url := _running_url(server)) is not None:
            return url
        if started is not None and started.poll() is not None:
            break
        if started is None and not _is_held(server.folder / "keeper.lock"):
            server.forget_url()
            started = _start_keeper(server, durable=durable)
        time.sleep(0.02)
    raise EmbeddedServiceError(f"The embedded {server.title} did not start.\n{_tail(server.log)}\n(from {server.log})")


def _start_keeper(server: Server, *, durable: bool) -> subprocess.Popen[bytes]:
    """Start the keeper in a session of its own: Ctrl-C in this terminal is not meant for it."""
    server.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = "durable" if durable else "fast"
    with server.log.open("ab") as log:
        started = subprocess.Popen(
            [sys.executable, "-P", keeper.__file__, server.name, kind, str(server.state)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    _started.append(started)
    return started


def _wait_for_stop(server: Server) -> None:
    """Wait until the keeper has stopped its server. One that shows no sign of stopping has other users: leave it."""
    noticed = time.monotonic() + 10 * keeper.LOOK_SECONDS
    deadline = time.monotonic() + keeper.STOP_SECONDS + 5
    while _is_held(server.folder / "keeper.lock") and time.monotonic() < deadline:
        if time.monotonic() > noticed and server.published().get("url"):
            return
        time.sleep(0.02)
    for started in list(_started):
        if started.poll() is not None:
            _started.remove(started)


def _is_held(path: Path) -> bool:
    """Whether some process holds an exclusive lock on the file."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]) if log.exists() else ""
