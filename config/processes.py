"""
The processes of the whole house on one machine: embedded servers, vendor sandbox, web, worker, beat.

`with Stack(state=…) as stack:` starts them all, with the database migrated, and stops them all. `manage.py up` and
`manage.py demo` use it. What the environment already names is used instead of started: `DATABASE_URL`, `REDIS_URL`,
`ACRONIS_DEMO_URL`. With a sandbox of its own it looks up logins there, unless the environment names an `ACRONIS_ENTRY_URL`. Plain
Python without Django: it starts other processes and reads no row.
"""

import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from config import embedded
from config.keeper import LOOPBACK, EmbeddedServiceError, free_port, write_once
from config.supervisor import Program, StackError, Supervisor, both, has_logged, says_ok_at

ROOT = Path(__file__).resolve().parent.parent
QUEUES = ("orders", "billing", "default")

__all__ = ["QUEUES", "Stack", "StackError"]


class Stack:
    """
    Everything Cloudtill needs, running. Entering again with the same state folder finds the same data and the same ports.

    :param state: folder of the data, logs and secrets of this stack.
    :param env: variables for every process, over the environment's.
    :param port: of the web server; the last one, or a free one, if none is given.
    :param preferred_port: taken the first time if it is free; several stacks at once do better without.
    :raises StackError: on entering, if something does not start; everything is stopped again.
    """

    web_url: str
    sandbox_url: str

    def __init__(
        self, *, state: Path, env: Mapping[str, str] | None = None, port: int | None = None, preferred_port: int | None = None
    ) -> None:
        self.state = state.resolve()
        self.env = {**os.environ, **self._defaults(), **(env or {})}
        self._port = port
        self._preferred_port = preferred_port
        self._supervisor = Supervisor(self.state, self.env)
        self._programs: dict[str, Program] = {}

    def __enter__(self) -> Self:
        self._supervisor.__enter__()
        try:
            self._choose_addresses()
            self._start_embedded()
            self._prepare()
            self._supervisor.start(*self._programs.values())
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._supervisor.__exit__(kind, error, traceback)
        embedded.release(self.state)

    def start(self, name: str) -> None:
        """Start one of `sandbox`, `web`, `worker`, `beat` again and wait until it is ready."""
        self._supervisor.start(self._programs[name])

    def stop(self, name: str) -> None:
        """Stop one of them in good order."""
        self._supervisor.stop(name)

    def kill(self, name: str) -> None:
        """Kill one of them with all its children: SIGKILL, no goodbye."""
        self._supervisor.kill(name)

    def check(self) -> None:
        """
        See that everything still runs.

        :raises StackError: a process has died; the text holds its last log lines.
        """
        self._supervisor.check()

    def wait(self) -> None:
        """Watch until a process dies (StackError) or somebody interrupts (KeyboardInterrupt)."""
        self._supervisor.watch()

    def manage(self, *arguments: str) -> str:
        """
        Run a management command in the stack's environment. Return what it printed.

        :raises StackError: it failed; the text holds the end of its output.
        """
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        with (self.state / "log" / "manage.log").open("a", encoding="utf-8") as log:
            log.write(f"$ manage.py {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        if done.returncode:
            end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise StackError(f"manage.py {' '.join(arguments)} failed (exit code {done.returncode}).\n{end}")
        return done.stdout

    def _defaults(self) -> dict[str, str]:
        return {
            "CLOUDTILL_STATE": str(self.state),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "PYTHONUNBUFFERED": "1",
        }

    def _choose_addresses(self) -> None:
        """Take the ports of the last time where they are free, and tell every process about them."""
        note = self.state / "ports.json"
        last: dict[str, int] = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
        wanted = int(self.env.get("PORT") or 0) if self._port is None else self._port
        web = free_port(preferred=wanted or last.get("web", self._preferred_port))
        if wanted and web != wanted:
            raise StackError(f"Port {wanted} is taken. Choose another, or none: a free one is found then.")
        sandbox = free_port(preferred=last.get("sandbox"))
        note.write_text(json.dumps({"web": web, "sandbox": sandbox}), encoding="utf-8")

        self.web_url = f"http://{LOOPBACK}:{web}"
        self.env.setdefault("SITE_URL", self.web_url)
        if not self.env.get("ACRONIS_DEMO_URL"):
            self._programs["sandbox"] = self._sandbox(sandbox)
        self.sandbox_url = self.env["ACRONIS_DEMO_URL"]
        self._programs |= {program.name: program for program in (self._web(web), self._worker(), self._beat())}
        self._supervisor.env = self.env

    def _start_embedded(self) -> None:
        """Hold the embedded servers for as long as the stack runs; its processes find them by the state folder."""
        try:
            if not self.env.get("DATABASE_URL"):
                embedded.database_url(self.state)
            if not self.env.get("REDIS_URL"):
                embedded.redis_url(self.state)
        except EmbeddedServiceError as error:
            raise StackError(str(error)) from error

    def _prepare(self) -> None:
        self.manage("migrate", "--noinput")
        if self.env.get("DATABASE_URL"):  # as settings have it: only the embedded setup serves static files where they lie
            self.manage("collectstatic", "--noinput")

    def _sandbox(self, port: int) -> Program:
        """The vendor, with credentials that are made once: both sides must agree over restarts."""
        made = {"client_id": str(uuid.uuid4()), "client_secret": secrets.token_urlsafe(32)}
        credentials = json.loads(write_once(self.state / "sandbox.json", json.dumps(made)))
        self.env |= {
            "ACRONIS_DEMO_URL": f"http://{LOOPBACK}:{port}",
            "ACRONIS_DEMO_CLIENT_ID": credentials["client_id"],
            "ACRONIS_DEMO_CLIENT_SECRET": credentials["client_secret"],
            "SANDBOX_CLIENT_ID": credentials["client_id"],
            "SANDBOX_CLIENT_SECRET": credentials["client_secret"],
        }
        if not self.env.get("ACRONIS_ENTRY_URL"):
            self.env["ACRONIS_ENTRY_URL"] = self.env["ACRONIS_DEMO_URL"]  # logins of the sandbox live where it runs
        storage = str(self.state / "sandbox.sqlite3")
        command: tuple[str, ...] = (sys.executable, "-m", "sandbox", "--port", str(port), "--data", storage)
        if now := self.env.get("SANDBOX_NOW"):
            command += ("--now", now)
        return Program("sandbox", command, has_logged("Acronis sandbox on"))

    def _web(self, port: int) -> Program:
        command = (
            *(sys.executable, "-m", "gunicorn", "config.wsgi:application", "--bind", f"{LOOPBACK}:{port}"),
            *("--workers", "2", "--worker-class", "gthread", "--threads", "4"),
            *("--graceful-timeout", "4", "--no-control-socket"),
        )
        healthy = says_ok_at(f"http://{LOOPBACK}:{port}/healthz")
        # Its own word first: on a port that somebody else has just taken, somebody else would answer.
        return Program("web", command, both(has_logged("Listening at"), healthy))

    def _worker(self) -> Program:
        command = (
            *(sys.executable, "-m", "celery", "-A", "config", "worker", "-Q", ",".join(QUEUES), "-c", "2"),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        )
        return Program("worker", command, has_logged(" ready."))

    def _beat(self) -> Program:
        schedule = str(self.state / "beat-schedule")
        command = (sys.executable, "-m", "celery", "-A", "config", "beat", "-s", schedule, "--loglevel", "INFO")
        return Program("beat", command, has_logged("beat: Starting"))
