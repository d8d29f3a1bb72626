"""The supervisor with small real programs: order, readiness, death, killing, and what a killed supervisor leaves."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from config import guard
from config.keeper import free_port
from config.supervisor import Program, StackError, Supervisor, both, has_logged, says_ok_at

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.process

# Says hello, starts a child of its own, and says goodbye when it is asked to end.
POLITE = """
import signal, subprocess, sys, time
def leave(*_):
    with open(sys.argv[1], "a") as file: file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, "here", flush=True)
while True: time.sleep(0.05)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)"


def program(name: str, code: str, *arguments: str, ready: str = "here") -> Program:
    return Program(name, (sys.executable, "-c", code, *arguments), has_logged(ready))


def polite(name: str, state: Path) -> Program:
    return program(name, POLITE, str(state / "goodbyes"), name)


def supervisor(state: Path) -> Supervisor:
    return Supervisor(state, os.environ)


def child_of(state: Path, name: str) -> int:
    return int((state / "log" / f"{name}.log").read_text().split()[1])


def is_alive(process: int) -> bool:
    """Whether the process runs; one that has ended and waits for its parent does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def until(claim: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_programs_stop_in_reverse_order_with_their_children(tmp_path: Path) -> None:
    with supervisor(tmp_path) as house:
        for name in ("web", "worker", "beat"):
            house.start(polite(name, tmp_path))
        children = [child_of(tmp_path, name) for name in ("web", "worker", "beat")]
        assert all(is_alive(child) for child in children)

    assert (tmp_path / "goodbyes").read_text().split() == ["beat", "worker", "web"]
    until(lambda: not any(is_alive(child) for child in children))


def test_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    with supervisor(tmp_path) as house:
        house.start(program("stubborn", STUBBORN))
        process = house.pid("stubborn")

        house.stop("stubborn", seconds=0.3)

        assert not is_alive(process)


def test_program_that_dies_before_it_is_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    with (
        pytest.raises(StackError, match=r"(?s)web has died \(exit code 3\)\.\nno such table.*web\.log"),
        supervisor(tmp_path) as house,
    ):
        house.start(program("web", "print('no such table', flush=True); raise SystemExit(3)"))


def test_death_of_one_ends_the_watch_and_stops_the_others(tmp_path: Path) -> None:
    with supervisor(tmp_path) as house:
        house.start(polite("web", tmp_path))
        house.start(polite("worker", tmp_path))

        os.kill(house.pid("worker"), signal.SIGKILL)

        with pytest.raises(StackError, match=r"worker has died \(SIGKILL\)"):
            house.watch()

    assert (tmp_path / "goodbyes").read_text().split() == ["web"]


def test_killed_program_takes_its_children_along_and_can_be_started_again(tmp_path: Path) -> None:
    with supervisor(tmp_path) as house:
        house.start(polite("worker", tmp_path))
        child = child_of(tmp_path, "worker")

        house.kill("worker")
        until(lambda: not is_alive(child))
        house.check()
        assert not (tmp_path / "goodbyes").exists()

        house.start(polite("worker", tmp_path))
        house.check()


def test_second_supervisor_of_the_same_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "GRACE_SECONDS", -1.5)

    with (
        supervisor(tmp_path),
        pytest.raises(StackError, match="already running in"),
        supervisor(tmp_path),
    ):
        pytest.fail("two supervisors in one folder")


def test_what_a_killed_supervisor_leaves_is_ended_by_its_guard(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.config import test_supervisor as t\n"
        "with t.supervisor(Path(sys.argv[1])) as house:\n"
        "    house.start(t.polite('web', Path(sys.argv[1])))\n"
        "    print(house.pid('web'), flush=True); house.watch()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert other.stdout is not None
    left = int(other.stdout.readline())

    other.kill()
    other.communicate()

    until(lambda: not is_alive(left))
    with supervisor(tmp_path) as house:
        house.start(polite("web", tmp_path))


def page_server(port: int, folder: Path) -> tuple[str, ...]:
    (folder / "healthz").write_text("well")
    serve = ("http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder))
    return (sys.executable, "-u", "-m", *serve)


def test_web_server_is_ready_when_its_page_answers_ok(tmp_path: Path) -> None:
    port = free_port()

    with supervisor(tmp_path) as house:
        house.start(Program("web", page_server(port, tmp_path), says_ok_at(f"http://127.0.0.1:{port}/healthz")))

        running = house._running["web"]
        assert not says_ok_at(f"http://127.0.0.1:{port}/nowhere")(running)
        assert not says_ok_at(f"http://127.0.0.1:{free_port()}/healthz")(running)


def test_another_server_that_answers_on_the_port_is_not_taken_for_ours(tmp_path: Path) -> None:
    port = free_port()
    healthy = says_ok_at(f"http://127.0.0.1:{port}/healthz")

    with supervisor(tmp_path) as house:
        house.start(Program("other", page_server(port, tmp_path), healthy))

        with pytest.raises(StackError, match="web"):
            house.start(Program("web", page_server(port, tmp_path), both(has_logged("Serving HTTP on"), healthy)))
