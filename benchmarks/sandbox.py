"""
Whether ten thousand tenants are bearable in the sandbox: its start, and a month's daily report of all of them.

Both are measured from outside, on a process of its own on loopback: the start until it says where it listens, the slower of
the first and of one on the same file; the report from asking until its last unpacked byte. The yardsticks are the limits set.
"""

import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from sandbox.app import CLIENT_ID, CLIENT_SECRET

MEASURES = ("sandbox.start_10000_tenants_s", "sandbox.report_10000_tenants_s", "sandbox.report_grows_mb")
TENANTS, ITEMS, DAYS = 10_000, 10, 31
START_LIMIT, REPORT_LIMIT = 3.0, 60.0
SECONDS_AT_MOST = 300  # after so many the process is killed, whatever it does
BEFORE, AFTER = "2026-10-01T08:00:00Z", "2026-11-01T08:00:00Z"  # all tenants are older than the month that is reported
PERIOD = {"start": "2026-10-01", "end": "2026-10-31"}


@dataclass(frozen=True)
class Served:
    """A sandbox that runs: where, with which process, and how many seconds it took to start."""

    url: str
    pid: int
    seconds: float


def run() -> Iterator[dict[str, object]]:
    """Yield the start, the report, and what the report adds to the memory of the process."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "sandbox.sqlite3"
        with _served(data) as first:
            pass
        with _served(data) as again:
            yield _measured("start_10000_tenants_s", max(first.seconds, again.seconds), START_LIMIT)
            before = _resident_mb(again.pid)
            yield _measured("report_10000_tenants_s", _report_seconds(again.url), REPORT_LIMIT)
            grown = _resident_mb(again.pid) - before
    yield {"name": "sandbox.report_grows_mb", "value": round(grown, 1), "unit": "MiB", "yardstick": None, "ratio": None}


def _measured(name: str, seconds: float, limit: float) -> dict[str, object]:
    return {
        "name": f"sandbox.{name}",
        "value": round(seconds, 2),
        "unit": "s",
        "yardstick": limit,
        "ratio": round(seconds / limit, 2),
    }


@contextmanager
def _served(data: Path) -> Iterator[Served]:
    """Start the sandbox with its tenants on a free port, and end it."""
    options = (
        *("--port", "0", "--data", str(data), "--now", BEFORE, "--customers", str(TENANTS)),
        *("--client-id", CLIENT_ID, "--client-secret", CLIENT_SECRET),
    )
    started = time.perf_counter()
    process = subprocess.Popen((sys.executable, "-m", "sandbox", *options), stdout=subprocess.PIPE, text=True)
    killer = threading.Timer(SECONDS_AT_MOST, process.kill)
    killer.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if "http://" not in line:
            raise RuntimeError("the sandbox did not start")
        yield Served(line.rsplit(" ", 1)[1].strip(), process.pid, time.perf_counter() - started)
    finally:
        killer.cancel()
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _report_seconds(url: str) -> float:
    with httpx.Client(base_url=url, timeout=SECONDS_AT_MOST) as http:
        http.post("/sandbox/clock", json={"now": AFTER}).raise_for_status()
        token = http.post("/api/2/idp/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET)).json()
        http.headers["Authorization"] = f"Bearer {token['access_token']}"
        provider = http.get(f"/api/2/clients/{CLIENT_ID}").json()["tenant_id"]
        started = time.perf_counter()
        lines = _lines_of_report(http, provider)
        seconds = time.perf_counter() - started
    if lines != TENANTS * ITEMS * DAYS + 1:
        raise RuntimeError(f"the report has {lines} lines")
    return seconds


def _lines_of_report(http: httpx.Client, provider: str) -> int:
    """Ask, poll, fetch, unpack; keep nothing."""
    parameters = {"tenant_id": provider, "level": "all_customers", "kind": "usage_daily", "formats": ["csv_v2_0"], "period": PERIOD}
    body = {"recipients": [], "result_action": "save", "parameters": parameters, "schedule": {"type": "once"}}
    path = f"/api/2/reports/{http.post('/api/2/reports', json=body).raise_for_status().json()['id']}/stored"
    while (stored := http.get(path).raise_for_status().json()["items"][0])["status"] == "in_progress":
        time.sleep(0.2)
    if stored["status"] != "saved":
        raise RuntimeError("the report failed")
    unpacked, lines = zlib.decompressobj(wbits=31), 0
    with http.stream("GET", f"{path}/{stored['id']}") as answer:
        for piece in answer.iter_raw():
            lines += unpacked.decompress(piece).count(b"\n")
    return lines + unpacked.flush().count(b"\n")


def _resident_mb(pid: int) -> float:
    """What the process holds in memory now, in MiB, as Linux tells it."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 1024**2
