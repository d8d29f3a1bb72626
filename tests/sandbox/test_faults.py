"""Faults on demand, the log of calls, the clock."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import create_app, definitions, faults
from sandbox.faults import AnswerTruncated, Rule
from tests.provisioning.acronis.in_process import InProcess
from tests.sandbox.conftest import BASE, Caller

PROVIDER = definitions.PROVIDER_TENANT
NEW = {"name": "Customer", "kind": "customer", "parent_id": PROVIDER}


def spoil(call: Caller, **rule: Any) -> dict[str, Any]:
    answer = call.http.post("/sandbox/faults", json={"method": "POST", "path": "^/api/2/tenants$", **rule})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def created(call: Caller) -> int:
    return len(call("GET", f"/tenants/{PROVIDER}/children").json()["items"])


def read_until_cut(call: Caller, path: str) -> tuple[httpx.Headers, bytes]:
    """The headers and what came of the body before it broke off."""
    headers, got = httpx.Headers(), b""
    try:
        with call.http.stream("GET", path, headers=call.headers) as answer:
            headers = answer.headers
            for part in answer.iter_raw():
                got += part
    except AnswerTruncated:
        return headers, got
    pytest.fail("the answer was not cut")


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


def test_nth_names_the_call_that_is_spoilt(call: Caller) -> None:
    spoil(call, status=500, nth=3)

    statuses = [call("POST", "/tenants", {**NEW, "name": f"C{number}"}).status_code for number in range(4)]

    assert statuses == [201, 201, 500, 201]


def test_rules_count_apart_and_the_oldest_that_is_due_wins(call: Caller) -> None:
    spoil(call, status=500, nth=2)
    spoil(call, status=503, nth=1)

    statuses = [call("POST", "/tenants", {**NEW, "name": f"C{number}"}).status_code for number in range(3)]

    assert statuses == [503, 500, 201]


def test_chance_with_a_seed_spoils_the_same_calls_again_and_goes_on_after_a_restart(start: Callable[..., httpx.Client]) -> None:
    def ask(call: Caller, count: int) -> list[int]:
        return [call("GET", f"/tenants/{PROVIDER}").status_code for _ in range(count)]

    rule = {"method": "GET", "path": f"/tenants/{PROVIDER}$", "status": 503, "probability": 0.5, "seed": 7}
    call = Caller(start())
    call.http.post("/sandbox/faults", json=rule)
    whole = ask(call, 40)
    call.http.delete("/sandbox/faults")
    call.http.post("/sandbox/faults", json=rule)
    begun = ask(call, 15)

    continued = ask(Caller(start()), 25)

    assert begun + continued == whole
    assert 10 < whole.count(503) < 30
    assert call.http.get("/sandbox/faults").json()["items"][0]["seen"] == 40
    assert Rule(probability=0.0, status=500).spoils(0) is False
    assert all(Rule(status=500).spoils(draw) for draw in range(100))


@pytest.mark.parametrize(("truncate", "kept"), [(True, None), (10, 10), (0, 0), (10**9, None)])
def test_truncated_answer_promises_more_than_it_brings(call: Caller, truncate: bool | int, kept: int | None) -> None:
    path = f"/tenants/{PROVIDER}"
    whole = call("GET", path).content
    spoil(call, method="GET", path=f"{path}$", truncate=truncate)

    headers, got = read_until_cut(call, f"/api/2{path}")

    if kept != 0:  # without a first byte a caller in process never gets to see the headers
        assert int(headers["Content-Length"]) == len(whole)
    assert whole.startswith(got)
    assert len(got) == (kept if kept is not None else len(whole) // 2 if truncate is True else len(whole) - 1)
    assert call("GET", path).content == whole


def test_client_in_process_sees_a_body_that_breaks_off_as_on_the_wire(tmp_path: Path) -> None:
    app = create_app(storage_path=tmp_path / "sandbox.sqlite3")
    app.test_client().post("/sandbox/faults", json={"path": "/openid-configuration$", "truncate": True})

    with httpx.Client(transport=InProcess(app), base_url=BASE) as http:
        with pytest.raises(httpx.ReadError, match="cut short by a fault"):
            http.get("/api/2/.well-known/openid-configuration")

        assert http.get("/api/2/.well-known/openid-configuration").json()["issuer"] == BASE


def test_truncated_change_was_carried_out(call: Caller) -> None:
    spoil(call, truncate=True)

    with pytest.raises(ConnectionResetError):
        call("POST", "/tenants", NEW)

    assert created(call) == 1


def test_answer_without_body_cannot_be_truncated(call: Caller) -> None:
    spoil(call, method="GET", path="check_login", truncate=True)

    answer = call("GET", "/users/check_login", username="free.login")

    assert (answer.status_code, answer.content) == (204, b"")


def test_garbage_is_called_json_and_is_none(call: Caller) -> None:
    spoil(call, garbage=True)

    answer = call("POST", "/tenants", NEW)

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        json.loads(answer.content)
    assert created(call) == 0


def test_maintenance_page_is_html(call: Caller) -> None:
    spoil(call, html=True, headers={"Retry-After": "60"})

    answer = call("POST", "/tenants", NEW)

    assert (answer.status_code, answer.headers["Content-Type"]) == (503, "text/html; charset=utf-8")
    assert answer.headers["Retry-After"] == "60"
    assert "maintenance" in answer.text


def test_fault_without_end_stands_until_it_is_removed(call: Caller) -> None:
    rule = spoil(call, status=503, times=None)

    statuses = {call("POST", "/tenants", NEW).status_code for _ in range(5)}
    listed = call.http.get("/sandbox/faults").json()["items"]

    assert statuses == {503}
    assert [(one["id"], one["times_left"], one["seen"]) for one in listed] == [(rule["id"], None, 5)]


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ({}, "status"),
        ({"status": 99}, "status"),
        ({"status": True}, "status"),
        ({"status": 500, "times": 0}, "times"),
        ({"status": 500, "skip": -1}, "skip"),
        ({"status": 500, "nth": 0}, "nth"),
        ({"status": 500, "nth": 1, "skip": 1}, "nth"),
        ({"status": 500, "path": "("}, "path"),
        ({"status": 500, "path": "a" * 501}, "path"),
        ({"status": 500, "method": "FETCH"}, "method"),
        ({"status": 500, "probability": 1.5}, "probability"),
        ({"status": 500, "probability": "often"}, "probability"),
        ({"status": 500, "seed": "x"}, "seed"),
        ({"status": 500, "headers": {"A b": "c"}}, "headers"),
        ({"status": 500, "headers": {"A": "c\r\nd: e"}}, "headers"),
        ({"delay_s": 601}, "delay_s"),
        ({"truncate": -2}, "truncate"),
        ({"truncate": "half"}, "truncate"),
        ({"reset": True, "lose_answer": True}, "reset and lose_answer"),
        ({"garbage": True, "truncate": 0}, "garbage and truncate"),
        ({"status": 500, "reset": True}, "reset"),
        ({"garbage": "maybe"}, "garbage"),
        ({"body": 1}, "body"),
        ({"sttus": 1}, "sttus"),
    ],
)
def test_faults_that_mean_nothing_are_refused_by_the_name_of_the_field(call: Caller, rule: dict[str, Any], named: str) -> None:
    answer = call.http.post("/sandbox/faults", json=rule)

    assert answer.status_code == 400
    assert named in answer.json()["error"]["details"]["info"]
    assert call.http.get("/sandbox/faults").json()["items"] == []


def test_number_of_faults_is_bounded(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "RULES_KEPT", 1)
    spoil(call, status=500)

    assert call.http.post("/sandbox/faults", json={"status": 500}).status_code == 400


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
