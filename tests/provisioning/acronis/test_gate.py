"""The gate every exchange passes, which holds calls back when too many are under way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest

from provisioning.acronis import Acronis, CallRecord, TooManyCalls
from tests.provisioning.acronis.conftest import BASE, SECRET, ScriptedVendor, Wire, tenant_json


class Gate:
    """Counts who is inside; `shut` holds the next one back."""

    def __init__(self) -> None:
        self.inside = 0
        self.passed = 0
        self.shut = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self.shut:
            raise TooManyCalls.after(10)
        self.inside += 1
        self.passed += 1
        try:
            yield
        finally:
            self.inside -= 1


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def records() -> list[CallRecord]:
    return []


@pytest.fixture
def client(vendor: ScriptedVendor, gate: Gate, records: list[CallRecord]) -> Acronis:
    return Acronis(
        BASE,
        client_id="c",
        client_secret=SECRET,
        transport=vendor,
        sleep=vendor.sleeps.append,
        gate=gate,
        on_call=records.append,
    )


def seen_inside(gate: Gate, seen: list[int], answer: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    def answering(_: httpx.Request) -> httpx.Response:
        seen.append(gate.inside)
        return answer

    return answering


def test_every_attempt_passes_the_gate_and_leaves_it(vendor: ScriptedVendor, client: Acronis, gate: Gate) -> None:
    seen: list[int] = []
    vendor.answers(
        "GET",
        "/tenants/t1",
        seen_inside(gate, seen, httpx.Response(502)),
        httpx.ReadTimeout("slow"),
        seen_inside(gate, seen, httpx.Response(200, json=tenant_json())),
    )

    client.tenants.get("t1")

    assert seen == [1, 1]
    assert (gate.passed, gate.inside) == (3, 0)


def test_nobody_waits_inside_between_two_attempts(vendor: ScriptedVendor, client: Acronis, gate: Gate) -> None:
    waiting: list[int] = []
    vendor.answers("GET", "/tenants/t1", httpx.Response(502), httpx.Response(200, json=tenant_json()))

    with Acronis(
        BASE,
        client_id="c",
        client_secret=SECRET,
        transport=vendor,
        sleep=lambda _: waiting.append(gate.inside),
        gate=gate,
    ) as acronis:
        acronis.tenants.get("t1")

    assert waiting == [0]


def test_a_download_leaves_the_gate_as_soon_as_it_begins(vendor: ScriptedVendor, client: Acronis, gate: Gate) -> None:
    wire = Wire(b"a\n", b"b\n")
    vendor.answers("GET", "/reports/r1/stored/s1", lambda _: httpx.Response(200, stream=wire))

    lines = client.reports.lines("r1", "s1")
    first = next(lines)

    assert (first, gate.passed, gate.inside) == ("a\n", 1, 0)
    assert list(lines) == ["b\n"]


def test_a_call_held_back_is_not_sent_not_repeated_and_may_be_made_later(
    vendor: ScriptedVendor, client: Acronis, gate: Gate, records: list[CallRecord]
) -> None:
    gate.shut = True

    with pytest.raises(TooManyCalls) as refusal:
        client.tenants.create(name="Bakery", parent_id="p", kind="customer")

    assert vendor.asked == []
    assert vendor.sleeps == []
    assert refusal.value.retryable
    assert not refusal.value.outcome_unknown
    assert (refusal.value.method, refusal.value.path) == ("POST", "/tenants")
    assert str(refusal.value) == (
        "Too many calls to Acronis are under way: this one waited for 10 seconds and was not sent."
        " Nothing has changed there; try again in a moment."
    )
    assert records == [CallRecord("POST", "/tenants", None, 0.0, "", "TooManyCalls", was_sent=False)]


def test_calls_held_back_do_not_make_the_vendor_look_down(vendor: ScriptedVendor, client: Acronis, gate: Gate) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(200, json=tenant_json()))
    gate.shut = True
    for _ in range(10):
        with pytest.raises(TooManyCalls):
            client.tenants.get("t1")
    gate.shut = False

    assert client.tenants.get("t1").name == "Bakery"


@pytest.mark.parametrize(
    "call",
    [
        lambda acronis: acronis.tenants.get("t1"),
        lambda acronis: acronis.tenants.create(name="Bakery", parent_id="p", kind="customer"),
    ],
)
def test_no_free_connection_is_too_many_calls_too(
    vendor: ScriptedVendor, client: Acronis, records: list[CallRecord], call: Callable[[Acronis], object]
) -> None:
    vendor.answers("POST", "/tenants", httpx.PoolTimeout("full"))
    vendor.answers("GET", "/tenants/t1", httpx.PoolTimeout("full"))

    with pytest.raises(TooManyCalls, match=r"waited for 10 seconds and was not sent") as refusal:
        call(client)

    assert not refusal.value.outcome_unknown
    assert vendor.sleeps == []
    assert [one.failure for one in records] == ["", "TooManyCalls"]
