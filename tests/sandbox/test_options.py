"""The command line of `python -m sandbox`: what it refuses, how it ends, how slow it can be made."""

import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from sandbox import behaviour, definitions, options
from tests.sandbox.conftest import NOW, Caller

PROVIDER = definitions.PROVIDER_TENANT
SECONDS = 20
Run = Callable[..., tuple[subprocess.Popen[str], str]]


def refused(*arguments: str) -> str:
    """What a start with these arguments says; it must end by itself with status 2 and say one line."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr.strip()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Start a process with more options on the test's own file, and give it with its address."""
    started: list[subprocess.Popen[str]] = []

    def begin(*more: str) -> tuple[subprocess.Popen[str], str]:
        data = str(tmp_path / "sandbox.sqlite3")
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--data", data, "--now", NOW, *more]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline().rsplit(" ", 1)[1].strip()

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--customers", "-1"], "argument --customers: '-1' is not a whole number from 0 to 100000."),
        (["--partners", "many"], "argument --partners: 'many' is not a whole number from 0 to 100000."),
        (["--customers", "100001"], "argument --customers: '100001' is not a whole number from 0 to 100000."),
        (["--latency-ms", "-5"], "argument --latency-ms: '-5' is not a whole number from 0 to 60000."),
        (["--latency-ms", "1.5"], "argument --latency-ms: '1.5' is not a whole number from 0 to 60000."),
        (["--port", "65536"], "argument --port: '65536' is not a whole number from 0 to 65535."),
        (["--now", "2026-10-01T08:00:00"], "argument --now: '2026-10-01T08:00:00' is not a time with a zone"),
        (["--now", "yesterday"], "argument --now: 'yesterday' is not a time with a zone"),
        (["--login", " "], "argument --login: it must not be empty."),
        (["--client-secret", ""], "argument --client-secret: it must not be empty."),
        (["--host", "no such host"], "argument --host: cannot listen on port 8010 of no such host"),
        (["--storage", "x"], "unrecognized arguments: --storage x"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.process
def test_bad_options_are_refused_in_one_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    told = refused("--data", str(tmp_path / "sandbox.sqlite3"), *arguments)

    assert told.startswith(f"python -m sandbox: {says}")


def test_readme_and_help_tell_every_option() -> None:
    readme, told = behaviour.README.read_text(encoding="utf-8"), options.parser().format_help()
    known = {word for action in options.parser()._actions for word in action.option_strings if word.startswith("--")} - {"--help"}

    assert {word for word in known if f"`{word}" not in readme} == set()
    assert {word for word in known if word not in told} == set()
    assert {action.dest for action in options.parser()._actions if not action.help} == set()


@pytest.mark.process
def test_port_in_use_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        told = refused("--data", str(tmp_path / "sandbox.sqlite3"), "--port", str(port))

    assert told == f"python -m sandbox: argument --port: port {port} of 127.0.0.1 is in use."


@pytest.mark.process
def test_file_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    letter, database, folder = tmp_path / "letter.txt", tmp_path / "other.sqlite3", tmp_path / "folder"
    letter.write_text("Dear Sir or Madam" * 100)
    with closing(sqlite3.connect(database)) as db:
        db.execute("CREATE TABLE recipes (name TEXT)")
    folder.mkdir()
    before = database.read_bytes()

    told = [refused("--port", "0", "--data", str(path)) for path in (letter, database, folder, letter / "below.sqlite3")]

    assert told == [
        f"python -m sandbox: argument --data: {letter} is not a file of the sandbox.",
        f"python -m sandbox: argument --data: {database} is not a file of the sandbox.",
        f"python -m sandbox: argument --data: {folder} cannot be used: Is a directory.",
        f"python -m sandbox: argument --data: {letter} is not a folder.",
    ]
    assert (letter.read_text(), database.read_bytes()) == ("Dear Sir or Madam" * 100, before)


@pytest.mark.process
def test_credentials_of_the_command_line_are_the_ones_that_count(run: Run) -> None:
    _, url = run("--client-id", "till", "--client-secret", "s3cret", "--login", "boss", "--password", "of the house")

    with httpx.Client(base_url=f"{url}/api/2") as http:
        token = http.post("/idp/token", data={"grant_type": "client_credentials"}, auth=("till", "s3cret"))
        wrong = http.post("/idp/token", data={"grant_type": "client_credentials"}, auth=("till", "other"))
        me = http.get("/users/me", auth=("boss", "of the house"))

    assert (token.status_code, wrong.status_code) == (200, 401)
    assert me.json()["login"] == "boss"


@pytest.mark.process
def test_sigterm_answers_what_was_asked_and_ends_cleanly(run: Run) -> None:
    process, url = run("--latency-ms", "2000")
    answers: list[httpx.Response] = []

    asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/api/1/accounts?login=nobody")))
    asking.start()
    while not httpx.get(f"{url}/sandbox/calls").json()["items"]:  # carried out, but not answered yet
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    asking.join(SECONDS)
    _, errors = process.communicate(timeout=SECONDS)

    assert [answer.status_code for answer in answers] == [404]
    assert (process.returncode, errors) == (0, "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_latency_holds_each_answer_back_but_neither_the_lock_nor_the_switchboard(start: Callable[..., httpx.Client]) -> None:
    call = Caller(start(latency_ms=800))
    started = time.monotonic()
    took: list[float] = []

    def create(number: int) -> None:
        began = time.monotonic()
        call.tenant(f"Customer {number}")
        took.append(time.monotonic() - began)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    together = time.monotonic() - started
    started = time.monotonic()
    clock = call.http.get("/sandbox/clock")
    switchboard = time.monotonic() - started

    assert len(took) == 6
    assert min(took) >= 0.8
    assert together < 6 * 0.8
    assert (clock.status_code, switchboard < 0.8) == (200, True)


def test_refusals_are_as_slow_as_answers(start: Callable[..., httpx.Client]) -> None:
    http = start(latency_ms=200)
    started = time.monotonic()

    refused = http.get("/api/2/applications")

    assert refused.status_code == 401
    assert time.monotonic() - started >= 0.2


def test_legacy_edition_is_offered_on_demand_and_stays(start: Callable[..., httpx.Client]) -> None:
    def legacy(call: Caller) -> set[str]:
        return {item["name"] for item in call.offered(edition="standard") if item["edition"] == "standard"}

    before = legacy(Caller(start()))
    call = Caller(start(legacy_standard=True))
    vms = next(item for item in call.offered(edition="standard") if item["name"] == "vms")
    customer = call.tenant("Old style")
    put = call("PUT", f"/tenants/{customer}/offering_items", {"offering_items": [vms]})
    shown = call("GET", f"/tenants/{customer}/offering_items", status=1).json()["items"]
    after = legacy(Caller(start()))

    assert before == set()
    assert {"vms", "workstations", "servers", "storage"} <= after
    assert (put.status_code, [item["name"] for item in shown]) == (200, ["vms"])
    assert (shown[0]["edition"], shown[0]["usage_name"]) == ("standard", "vms")


def test_without_the_option_the_legacy_edition_can_not_be_switched_on(call: Caller) -> None:
    item = {"application_id": definitions.BACKUP, "name": "vms", "status": 1}

    refused = call("PUT", f"/tenants/{call.tenant('Customer')}/offering_items", {"offering_items": [item]})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, 1021)
