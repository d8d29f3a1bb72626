"""The whole house as real processes: started, looked at, hurt, stopped, started again."""

import http.client
import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from config import embedded
from config.keeper import LOOPBACK
from config.processes import Stack, StackError

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.process

# What the tests' own settings put into the environment is not for the processes of a stack.
PLAIN = {"SECRET_KEY": "", "DATABASE_URL": "", "REDIS_URL": "", "ACRONIS_DEMO_URL": "", "ACRONIS_ENTRY_URL": "", "PORT": ""}


@dataclass(frozen=True)
class FirstRun:
    """What came of `manage.py up`."""

    state: Path
    exit_code: int
    said: str
    left_running: list[str]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """`manage.py up` in a new folder until it says where it runs; then asked to end as a service manager asks."""
    state = tmp_path_factory.mktemp("house")
    env = {**os.environ, **PLAIN, "CLOUDTILL_STATE": str(state), "DJANGO_SETTINGS_MODULE": "config.settings"}
    up = subprocess.Popen(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert up.stdout is not None
    said = []
    for line in up.stdout:
        said.append(line)
        if line.startswith("Cloudtill runs at"):
            up.terminate()
    return FirstRun(state, up.wait(timeout=20), "".join(said), processes_of(state))


@pytest.fixture(scope="module")
def stack(first_run: FirstRun) -> Iterator[Stack]:
    """The house again, where `up` has left it."""
    with Stack(state=first_run.state, env=PLAIN) as stack:
        yield stack


def get(url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status
    finally:
        connection.close()


def processes_of(state: Path) -> list[str]:
    """Command lines of the processes, ended ones aside, that were told about the state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words, variables = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            if words and str(state).encode() in words + variables:
                found.append(words.decode().replace("\0", " "))
    return found


def test_up_says_where_it_runs_and_stops_everything_when_asked(first_run: FirstRun) -> None:
    assert "Cloudtill runs at http://127.0.0.1:" in first_run.said
    assert first_run.said.endswith("Stopped.\n")
    assert first_run.exit_code == 0
    assert first_run.left_running == []


def test_next_start_finds_the_same_addresses_and_rows(first_run: FirstRun, stack: Stack) -> None:
    assert f"Cloudtill runs at {stack.web_url}, the vendor at {stack.sandbox_url}." in first_run.said
    count = "from accounts.models import User; print(User.objects.count())"
    assert int(stack.manage("shell", "--no-imports", "-v", "0", "-c", count)) > 1


def test_web_and_vendor_answer_and_the_rows_are_there(stack: Stack) -> None:
    assert get(f"{stack.web_url}/healthz") == http.client.OK
    sandbox = urlsplit(stack.sandbox_url)
    socket.create_connection((sandbox.hostname, sandbox.port), timeout=5).close()

    assert "[ ]" not in stack.manage("showmigrations", "--list")
    stack.check()


def test_credentials_of_the_sandbox_are_made_once_and_kept_from_others(stack: Stack) -> None:
    made = json.loads((stack.state / "sandbox.json").read_text())

    assert len(made["client_secret"]) >= 32
    assert stat.S_IMODE((stack.state / "sandbox.json").stat().st_mode) == 0o600
    assert stack.env["SANDBOX_CLIENT_SECRET"] == stack.env["ACRONIS_DEMO_CLIENT_SECRET"] == made["client_secret"]
    assert not any(made["client_secret"] in line for line in processes_of(stack.state))


def test_logins_of_the_sandbox_are_looked_up_at_the_sandbox(stack: Stack) -> None:
    ask = "from provisioning.operations.connection import find_data_centre; print(find_data_centre(login='msp-admin'))"

    assert stack.manage("shell", "--verbosity", "0", "--command", ask).strip() == stack.sandbox_url


def test_killed_worker_can_be_started_again(stack: Stack) -> None:
    stack.kill("worker")
    deadline = time.monotonic() + 20  # its children go by themselves once they see that it is gone
    while any(" worker " in line for line in processes_of(stack.state)):
        assert time.monotonic() < deadline, "The killed worker still runs."
        time.sleep(0.1)

    stack.start("worker")
    stack.check()


def test_command_that_fails_is_an_error_with_its_last_words(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"(?s)manage.py no_such_command failed \(exit code 1\).*Unknown command"):
        stack.manage("no_such_command")


def test_port_that_is_taken_is_refused_in_a_sentence_and_nothing_stays(stack: Stack, tmp_path: Path) -> None:
    taken = urlsplit(stack.web_url).port

    with pytest.raises(StackError, match=f"Port {taken} is taken"), Stack(state=tmp_path, env=PLAIN, port=taken):
        pytest.fail("the port is taken")
    assert processes_of(tmp_path) == []


def test_with_the_variables_set_nothing_embedded_starts(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "CLOUDTILL_STATE": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "given",
        "DATABASE_URL": f"postgresql://nobody@{LOOPBACK}:1/nothing",
        "REDIS_URL": f"redis://{LOOPBACK}:1/0",
    }

    subprocess.run([sys.executable, "-c", "import django; django.setup()"], cwd=ROOT, env=env, check=True)

    assert list(tmp_path.iterdir()) == []


def test_release_of_what_was_never_used_does_nothing(tmp_path: Path) -> None:
    embedded.release(tmp_path)

    assert list(tmp_path.iterdir()) == []
