"""Faults on demand, the log of calls, the clock."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from sandbox import definitions
from tests.sandbox.conftest import Caller

PROVIDER = definitions.PROVIDER_TENANT
NEW = {"name": "Customer", "kind": "customer", "parent_id": PROVIDER}


def spoil(call: Caller, **rule: Any) -> dict[str, Any]:
    answer = call.http.post("/sandbox/faults", json={"method": "POST", "path": "^/api/2/tenants$", **rule})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def created(call: Caller) -> int:
    return len(call("GET", f"/tenants/{PROVIDER}/children").json()["items"])


def test_fault_answers_once_for_the_sandbox_and_then_is_gone(call: Caller) -> None:
    spoil(call, status=429, headers={"Retry-After": "1"})

    first, second = call("POST", "/tenants", NEW), call("POST", "/tenants", NEW)

    assert (first.status_code, first.headers["Retry-After"]) == (429, "1")
    assert first.json()["error"]["code"] == 429
    assert second.status_code == 201
    assert call.http.get("/sandbox/faults").json()["items"] == []


def test_fault_skips_calls_and_then_spoils_several(call: Caller) -> None:
    spoil(call, status=500, skip=1, times=2)

    statuses = [call("POST", "/tenants", {**NEW, "name": f"C{number}"}).status_code for number in range(4)]

    assert statuses == [201, 500, 500, 201]


def test_garbage_goes_out_as_it_is(call: Caller) -> None:
    spoil(call, body="<html>garbage")

    answer = call("POST", "/tenants", NEW)

    assert (answer.status_code, answer.text) == (200, "<html>garbage")
    assert created(call) == 0


def test_lost_answer_is_a_request_that_was_carried_out(call: Caller) -> None:
    spoil(call, lose_answer=True)

    with pytest.raises(ConnectionResetError):
        call("POST", "/tenants", NEW)

    assert created(call) == 1
    assert call("POST", "/tenants", NEW).json()["error"]["code"] == 1004


def test_cut_connection_is_a_request_that_was_not_carried_out(call: Caller) -> None:
    spoil(call, reset=True)

    with pytest.raises(ConnectionResetError):
        call("POST", "/tenants", NEW)

    assert created(call) == 0


def test_delay_alone_only_waits(call: Caller) -> None:
    spoil(call, delay_s=0.2)
    began = time.monotonic()

    answer = call("POST", "/tenants", NEW)

    assert answer.status_code == 201
    assert time.monotonic() - began >= 0.2


def test_faults_are_listed_removed_and_cleared(call: Caller) -> None:
    first, second = spoil(call, status=500), spoil(call, status=503, times=3)

    listed = call.http.get("/sandbox/faults").json()["items"]
    call.http.delete(f"/sandbox/faults/{first['id']}")
    left = call.http.get("/sandbox/faults").json()["items"]
    call.http.delete("/sandbox/faults")

    assert [rule["status"] for rule in listed] == [500, 503]
    assert [(rule["id"], rule["times_left"]) for rule in left] == [(second["id"], 3)]
    assert call("POST", "/tenants", NEW).status_code == 201


@pytest.mark.parametrize("rule", [{}, {"status": 99}, {"status": 500, "times": 0}, {"status": 500, "path": "("}, {"sttus": 1}])
def test_faults_that_mean_nothing_are_refused(call: Caller, rule: dict[str, Any]) -> None:
    assert call.http.post("/sandbox/faults", json=rule).status_code == 400


def test_calls_are_logged_with_status_and_fault(call: Caller) -> None:
    call.http.delete("/sandbox/calls")
    spoil(call, lose_answer=True)
    with pytest.raises(ConnectionResetError):
        call("POST", "/tenants", NEW)
    call("GET", f"/tenants/{PROVIDER}", embed_path="true")

    items = call.http.get("/sandbox/calls").json()["items"]

    assert [(one["method"], one["path"], one["status"], one["fault"]) for one in items] == [
        ("POST", "/api/2/tenants", 201, "lose_answer"),
        ("GET", f"/api/2/tenants/{PROVIDER}", 200, None),
    ]
    assert items[1]["query"] == "embed_path=true"
    assert items[0]["at"].startswith("2026-10-01T08:00:")


def test_clock_ticks_moves_forward_and_never_back(http: httpx.Client) -> None:
    shown = http.get("/sandbox/clock").json()["now"]
    moved = http.post("/sandbox/clock", json={"now": "2026-11-01T00:00:00+00:00"}).json()["now"]
    back = http.post("/sandbox/clock", json={"now": "2026-10-15T00:00:00Z"})
    naive = http.post("/sandbox/clock", json={"now": "2026-12-15T00:00:00"})

    assert shown.startswith("2026-10-01T08:00:")
    assert moved.startswith("2026-11-01T00:00:")
    assert (back.status_code, naive.status_code) == (400, 400)
    assert http.get("/sandbox/clock").json()["now"] > moved


def test_later_start_never_sets_the_clock_back(start: Callable[..., httpx.Client]) -> None:
    real = start(now=None).get("/sandbox/clock").json()["now"]

    earlier = start(now="2020-01-01T00:00:00Z").get("/sandbox/clock").json()["now"]
    later = start(now="2099-01-01T00:00:00Z").get("/sandbox/clock").json()["now"]

    assert earlier > real
    assert later.startswith("2099-01-01T00:00:")
