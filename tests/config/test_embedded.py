"""The embedded servers with real processes: sharing, stopping, surviving what kills others."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config import embedded, keeper

ROOT = Path(__file__).resolve().parents[2]

HOLD = """
import sys
from pathlib import Path
from config import embedded
print(getattr(embedded, sys.argv[1])(Path(sys.argv[2]), durable=False), flush=True)
sys.stdin.read()
"""


class User:
    """Another process that uses a server until it is told to go or killed."""

    def __init__(self, service: str, state: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, service, str(state)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self, how: signal.Signals | None = None) -> None:
        if how is not None:
            self.process.send_signal(how)
        self.process.communicate(timeout=20)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    embedded.release(folder)
    until(lambda: not answers(folder, "postgres") and not answers(folder, "valkey"))


def until(claim: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def server_of(state: Path, name: str) -> keeper.Server:
    return {"postgres": keeper.Postgres, "valkey": keeper.Valkey}[name](state)


def answers(state: Path, name: str) -> bool:
    server = server_of(state, name)
    return "port" in server.published() and server.is_ready(int(server.published()["port"]))


def processes_of(state: Path) -> list[int]:
    """Ids of the processes whose command line or working directory names the state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode().replace("\0", " ")
                folder = os.readlink(entry / "cwd")
            except OSError:
                continue
            if str(state) in words or folder.startswith(str(state)):
                found.append(int(entry.name))
    return found


def keeper_of(state: Path, name: str) -> int:
    return next(
        process
        for process in processes_of(state)
        if Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")[2:4] == [keeper.__file__, name]
    )


@pytest.mark.process
def test_database_keeps_its_rows_over_a_restart_and_is_durable(state: Path) -> None:
    with psycopg.connect(embedded.database_url(state), autocommit=True) as connection:
        connection.execute("CREATE TABLE note (text text)")
        connection.execute("INSERT INTO note VALUES ('Zoë')")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)

    embedded.release(state)
    assert not answers(state, "postgres")

    with psycopg.connect(embedded.database_url(state)) as connection:
        assert connection.execute("SELECT text FROM note").fetchone() == ("Zoë",)


@pytest.mark.process
def test_queue_keeps_its_messages_over_a_restart(state: Path) -> None:
    import redis

    with redis.from_url(embedded.redis_url(state)) as queue:
        queue.lpush("orders", "ring")

    embedded.release(state)
    assert not answers(state, "valkey")

    with redis.from_url(embedded.redis_url(state)) as queue:
        assert queue.rpop("orders") == b"ring"


@pytest.mark.process
def test_server_for_tests_does_not_wait_for_the_disk(state: Path) -> None:
    with psycopg.connect(embedded.database_url(state, durable=False)) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


@pytest.mark.process
def test_two_that_start_at_once_share_one_server_until_the_last_has_gone(state: Path) -> None:
    first, second = User("database_url", state), User("database_url", state)
    url = first.url()
    assert url == second.url()
    assert url.startswith("postgresql://cloudtill:")

    first.end(signal.SIGINT)
    psycopg.connect(url).close()

    second.end(signal.SIGTERM)
    until(lambda: processes_of(state) == [])


@pytest.mark.process
def test_server_stops_when_its_last_user_is_killed(state: Path) -> None:
    user = User("redis_url", state)
    assert user.url().startswith("redis://")

    user.end(signal.SIGKILL)

    until(lambda: processes_of(state) == [])


@pytest.mark.process
@pytest.mark.parametrize(("service", "name"), [("database_url", "postgres"), ("redis_url", "valkey")])
def test_killed_keeper_is_replaced_and_the_address_stays(state: Path, service: str, name: str) -> None:
    user = User(service, state)
    url = user.url()
    killed = keeper_of(state, name)
    os.kill(killed, signal.SIGKILL)
    until(lambda: killed not in processes_of(state))
    assert answers(state, name)  # an orphan now

    assert getattr(embedded, service)(state, durable=False) == url
    assert answers(state, name)

    user.end()
    embedded.release(state)
    until(lambda: processes_of(state) == [])


@pytest.mark.process
def test_server_that_was_killed_is_started_again_for_the_next_user(state: Path) -> None:
    user = User("redis_url", state)
    url = user.url()
    others = (keeper_of(state, "valkey"), user.process.pid)
    os.kill(next(process for process in processes_of(state) if process not in others), signal.SIGKILL)

    assert embedded.redis_url(state, durable=False) == url
    assert answers(state, "valkey")
    user.end()


@pytest.mark.process
def test_deep_folder_with_spaces_is_no_hindrance(tmp_path: Path) -> None:
    deep = tmp_path / ("a folder with a long name " * 4) / ("and another one in it " * 4) / "state"
    deep.mkdir(parents=True)
    assert len(str(deep)) > 107

    psycopg.connect(embedded.database_url(deep, durable=False)).close()
    embedded.redis_url(deep, durable=False)
    assert answers(deep, "valkey")

    embedded.release(deep)
    until(lambda: processes_of(deep) == [])


@pytest.mark.process
def test_who_does_not_know_the_password_is_refused(state: Path) -> None:
    url = embedded.database_url(state, durable=False)
    secret = (state / "postgres" / "password").read_text()

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(secret, "guessed"))
    assert stat.S_IMODE((state / "postgres" / "password").stat().st_mode) == 0o600


@pytest.mark.process
def test_data_that_cannot_be_used_is_an_error_that_shows_the_log(state: Path) -> None:
    data = state / "postgres" / "data"
    data.mkdir(mode=0o700, parents=True)
    (data / "PG_VERSION").write_text("9.6\n")
    if os.geteuid() == 0:
        owner = keeper.dedicated_user()
        os.chown(data, owner.pw_uid, owner.pw_gid)

    with pytest.raises(embedded.EmbeddedServiceError, match=r"PostgreSQL did not start[\s\S]*postgres\.log"):
        embedded.database_url(state)


def test_missing_wheel_is_an_error_that_names_the_variable_and_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper.Valkey, "package", "no_such_package")

    with pytest.raises(embedded.EmbeddedServiceError, match=r"REDIS_URL is not set.*cloudtill\[embedded\]"):
        embedded.redis_url(tmp_path)
    embedded.release(tmp_path)


def test_secret_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = embedded.secret_key(tmp_path / "new")

    assert len(first) >= 50
    assert embedded.secret_key(tmp_path / "new") == first
    assert stat.S_IMODE((tmp_path / "new" / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret_key"]


def test_closed_folders_are_opened_for_passing_but_not_for_listing(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    (closed / "inside").mkdir(parents=True)
    closed.chmod(0o700)

    keeper.let_pass(closed / "inside")

    assert stat.S_IMODE(closed.stat().st_mode) == 0o701


def test_programs_installed_with_a_tight_umask_become_readable(tmp_path: Path) -> None:
    tree = tmp_path / "wheel"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "program").touch(0o700)
    (tree / "library").touch(0o600)
    for folder in (tree, tree / "bin"):
        folder.chmod(0o700)

    keeper.let_read(tree)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tree, *tree.rglob("*"))}
    assert modes == {"wheel": 0o705, "bin": 0o705, "program": 0o705, "library": 0o604}


def test_free_port_is_the_preferred_one_unless_it_is_taken() -> None:
    import socket

    port = keeper.free_port()
    assert keeper.free_port(preferred=port) == port

    with socket.create_server((keeper.LOOPBACK, port)):
        assert keeper.free_port(preferred=port) != port
