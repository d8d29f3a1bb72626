"""
Starts programs, waits until they are ready, watches them, and stops them in reverse order.

Every program has a process group of its own, so Ctrl-C in the terminal reaches the supervisor alone, and a log of its own
under `<state>/log`. If the supervisor itself is killed, its guard (`config/guard.py`) ends what it has left. Plain
Python without Django.
"""

import fcntl
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from config import guard

READY_SECONDS = 60
STOP_SECONDS = 10  # for all programs together; who has not ended by then is killed


class StackError(Exception):
    """Something did not start, or has died. The text says which, and the last lines of its log."""


@dataclass(frozen=True)
class Program:
    """A command to keep running, and how to see that it is ready for work."""

    name: str
    command: tuple[str, ...]
    is_ready: Callable[["Running"], bool]


@dataclass(frozen=True)
class Running:
    """A program that was started: its process, which leads its group, and what it has logged since."""

    program: Program
    process: subprocess.Popen[bytes]
    log: Path
    log_begins_at: int

    def logged(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self.log_begins_at)
            return file.read().decode(errors="replace")

    def last_words(self, lines: int = 15) -> str:
        said = self.logged().splitlines()[-lines:] or ["(it logged nothing)"]
        return "\n".join([*said, f"(from {self.log})"])


# --- How to see that a program is ready -----------------------------------------------------------------------------


def says_ok_at(url: str) -> Callable[[Running], bool]:
    """Ready when a GET of the URL answers 200."""
    parts = urlsplit(url)

    def is_ready(_running: Running) -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", parts.path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return is_ready


def both(first: Callable[[Running], bool], second: Callable[[Running], bool]) -> Callable[[Running], bool]:
    """Ready when both are."""
    return lambda running: first(running) and second(running)


def has_logged(words: str) -> Callable[[Running], bool]:
    """Ready when the words have appeared in what the program logged since its start."""
    return lambda running: words in running.logged()


# --- The supervisor ---------------------------------------------------------------------------------------------------


class Supervisor:
    """
    Keeps the programs of one state folder. One supervisor per state folder at a time.

    :raises StackError: on entering, if another supervisor already works in this state folder.
    """

    def __init__(self, state: Path, env: Mapping[str, str]) -> None:
        self.state = state.resolve()
        self.env = dict(env)
        self._running: dict[str, Running] = {}  # in order of their start
        self._lock: IO[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        (self.state / "log").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = self._only_one()
        guard.end_groups(self._note)  # left when supervisor and guard were killed together
        self._guard = subprocess.Popen(
            [sys.executable, "-P", guard.__file__, self._lock.name, str(self._note)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with _undisturbed():
            self.stop_all()
            if self._lock is not None and self._guard is not None:
                self._lock.close()
                self._guard.wait()

    def start(self, *programs: Program) -> None:
        """
        Start programs in this order and wait until all are ready.

        :raises StackError: one died or is not ready after a minute.
        """
        started = [self._launch(program) for program in programs]
        deadline = time.monotonic() + READY_SECONDS
        for running in started:
            while not running.program.is_ready(running):
                self.check()
                if time.monotonic() > deadline:
                    raise StackError(f"{running.program.name} is not ready after {READY_SECONDS} s.\n{running.last_words()}")
                time.sleep(0.05)

    def _launch(self, program: Program) -> Running:
        log = self.state / "log" / f"{program.name}.log"
        with log.open("ab") as output:
            begin = output.tell()
            process = subprocess.Popen(
                program.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._running[program.name] = Running(program, process, log, begin)
        self._note_groups()
        return self._running[program.name]

    def check(self) -> None:
        """
        See that everything that was started still runs.

        :raises StackError: a program has died.
        """
        for name, running in self._running.items():
            if (code := running.process.poll()) is not None:
                raise StackError(f"{name} has died ({_how(code)}).\n{running.last_words()}")

    def watch(self) -> None:
        """Check twice a second, until a program dies or somebody interrupts."""
        while True:
            self.check()
            time.sleep(0.5)

    def kill(self, name: str) -> None:
        """End a program and all its children at once, as a crash would."""
        running = self._running.pop(name)
        guard.tell(running.process.pid, signal.SIGKILL)
        running.process.wait()
        self._note_groups()

    def stop(self, name: str, *, seconds: float = STOP_SECONDS) -> None:
        """Ask a program to end; after the given time kill it and all its children."""
        running = self._running.pop(name)
        running.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            running.process.wait(seconds)
        guard.tell(running.process.pid, signal.SIGKILL)
        running.process.wait()
        self._note_groups()

    def stop_all(self) -> None:
        """Stop in reverse order of starting. Each may take half of the time that is left, so that the last has some too."""
        deadline = time.monotonic() + STOP_SECONDS
        for name in reversed(list(self._running)):
            self.stop(name, seconds=max(0.5, (deadline - time.monotonic()) / 2))

    def pid(self, name: str) -> int:
        """The process id of a running program, which is also its group's."""
        return self._running[name].process.pid

    @property
    def _note(self) -> Path:
        return self.state / "groups.json"

    def _note_groups(self) -> None:
        draft = self._note.with_suffix(".draft")
        groups = {name: running.process.pid for name, running in self._running.items()}
        draft.write_text(json.dumps(groups), encoding="utf-8")
        draft.replace(self._note)

    def _only_one(self) -> IO[str]:
        """Take the supervisor's lock; wait a little for the guard of a killed one to finish its work."""
        lock = (self.state / "supervisor.lock").open("a")
        deadline = time.monotonic() + guard.GRACE_SECONDS + 2
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                return lock
        lock.close()
        raise StackError(f"Cloudtill is already running in {self.state}. Stop it first.")


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C and SIGTERM for a block. Only the main thread can, and only the main thread is ever interrupted."""
    kinds = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {kind: signal.signal(kind, signal.SIG_IGN) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
