"""A vendor that is down is left alone, and asked again a little later by one call only."""

import threading
from collections.abc import Callable

import httpx
import pytest

from provisioning.acronis import (
    Acronis,
    CallRecord,
    Circuit,
    CircuitOpen,
    Conflict,
    MalformedAnswer,
    NotFound,
    NotSent,
    ServerFailed,
    TransportFailed,
)
from provisioning.acronis.circuit import PROBE_TAKES, State
from tests.provisioning.acronis.conftest import BASE, SECRET, ScriptedVendor, Wire, tenant_json

TENANT = httpx.Response(200, json=tenant_json())
GONE = httpx.ConnectError("no way")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def states() -> list[State]:
    return []


@pytest.fixture
def circuit(clock: Clock, states: list[State]) -> Circuit:
    return Circuit(clock=clock, on_change=states.append)


@pytest.fixture
def records() -> list[CallRecord]:
    return []


@pytest.fixture
def client(vendor: ScriptedVendor, circuit: Circuit, records: list[CallRecord]) -> Acronis:
    return Acronis(
        BASE,
        client_id="c",
        client_secret=SECRET,
        transport=vendor,
        sleep=vendor.sleeps.append,
        circuit=circuit,
        on_call=records.append,
    )


def fail(client: Acronis, times: int, *, kind: type[Exception] = Exception) -> None:
    for _ in range(times):
        with pytest.raises(kind):
            client.tenants.get("t1")


@pytest.mark.parametrize(
    ("answer", "kind", "wire_calls", "last"),
    [
        (GONE, TransportFailed, 3, "no answer"),
        (httpx.ReadTimeout("slow"), TransportFailed, 3, "no answer"),
        (httpx.Response(502), ServerFailed, 3, "status 502"),
        (httpx.Response(503), ServerFailed, 3, "status 503"),
        (httpx.Response(504), ServerFailed, 3, "status 504"),
        (httpx.Response(200, text="<html>Maintenance</html>"), MalformedAnswer, 1, "an unreadable answer"),
    ],
)
def test_five_calls_in_vain_stop_the_sixth_before_the_wire(
    vendor: ScriptedVendor, client: Acronis, answer: httpx.Response, kind: type[Exception], wire_calls: int, last: str
) -> None:
    vendor.answers("GET", "/tenants/t1", answer)

    fail(client, 5, kind=kind)
    with pytest.raises(CircuitOpen) as refusal:
        client.tenants.get("t1")

    assert len(vendor.requests("GET", "/tenants/t1")) == 5 * wire_calls
    assert str(refusal.value) == (
        f"Acronis has been out of order for some time (last: {last}), so GET /tenants/t1 was not sent."
        " Nothing has changed there; try again in 30 seconds."
    )
    assert refusal.value.retryable
    assert not refusal.value.outcome_unknown
    assert refusal.value.retry_after == 30.0
    assert isinstance(refusal.value, TransportFailed)


def test_the_token_counts_as_part_of_its_call(vendor: ScriptedVendor, client: Acronis, circuit: Circuit) -> None:
    vendor.answers("POST", "/idp/token", GONE)

    fail(client, 5, kind=TransportFailed)

    assert circuit.state is State.OPEN


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 429, 500])
def test_any_real_answer_starts_the_count_anew(vendor: ScriptedVendor, client: Acronis, circuit: Circuit, status: int) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 4)
    vendor.answers("GET", "/tenants/t1", httpx.Response(status))
    fail(client, 1)
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 4)

    assert circuit.state is State.CLOSED


def test_a_field_that_is_missing_is_a_real_answer(vendor: ScriptedVendor, client: Acronis, circuit: Circuit) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(200, json={}))

    fail(client, 10, kind=MalformedAnswer)

    assert circuit.state is State.CLOSED


def test_what_is_left_of_the_pause_is_what_the_scheduler_is_told(vendor: ScriptedVendor, client: Acronis, clock: Clock) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    clock.now += 12

    with pytest.raises(CircuitOpen) as refusal:
        client.tenants.get("t1")

    assert refusal.value.retry_after == pytest.approx(18.0)


def test_after_the_pause_one_good_call_closes_it(
    vendor: ScriptedVendor, client: Acronis, clock: Clock, states: list[State]
) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    clock.now += 30
    vendor.answers("GET", "/tenants/t1", httpx.Response(404))

    fail(client, 2, kind=NotFound)

    assert states == [State.OPEN, State.PROBING, State.CLOSED]


def test_every_probe_in_vain_doubles_the_pause_up_to_a_bound(vendor: ScriptedVendor, client: Acronis, clock: Clock) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    pauses = []

    for _ in range(5):
        clock.now += 300
        fail(client, 1, kind=TransportFailed)
        with pytest.raises(CircuitOpen) as refusal:
            client.tenants.get("t1")
        pauses.append(refusal.value.retry_after)

    assert pauses == [60.0, 120.0, 240.0, 300.0, 300.0]


def test_once_closed_the_next_pause_is_short_again(vendor: ScriptedVendor, client: Acronis, clock: Clock) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    clock.now += 30
    fail(client, 1)
    clock.now += 60
    vendor.answers("GET", "/tenants/t1", TENANT)
    client.tenants.get("t1")
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)

    with pytest.raises(CircuitOpen) as refusal:
        client.tenants.get("t1")

    assert refusal.value.retry_after == 30.0


def test_only_one_thread_probes(vendor: ScriptedVendor, client: Acronis, clock: Clock) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    clock.now += 30
    probing, go_on = threading.Event(), threading.Event()

    def slowly(_: httpx.Request) -> httpx.Response:
        probing.set()
        assert go_on.wait(10)
        return httpx.Response(200, json=tenant_json())

    vendor.answers("GET", "/tenants/t1", slowly)
    probe = threading.Thread(target=client.tenants.get, args=("t1",))
    probe.start()
    assert probing.wait(10)
    with pytest.raises(CircuitOpen) as refusal:
        client.tenants.get("t1")
    go_on.set()
    probe.join(10)

    assert refusal.value.retry_after == PROBE_TAKES
    assert client.tenants.get("t1").name == "Bakery"


def test_a_probe_that_was_never_sent_gives_way_to_the_next(circuit: Circuit, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(TransportFailed), circuit.call("GET", "/"):
            raise TransportFailed("gone")
    clock.now += 30

    for interruption in (KeyboardInterrupt, NotSent("held back"), RuntimeError("ours")):
        with pytest.raises(BaseException), circuit.call("GET", "/"):  # noqa: B017, PT011 - whatever it is
            raise interruption
    with circuit.call("GET", "/"):
        pass

    assert circuit.state is State.CLOSED


def test_a_late_failure_does_not_reopen_what_a_probe_closed(circuit: Circuit, clock: Clock) -> None:
    def in_vain() -> None:
        with pytest.raises(TransportFailed), circuit.call("GET", "/"):
            raise TransportFailed("gone")

    late = circuit.call("GET", "/slow")
    late.__enter__()
    for _ in range(5):
        in_vain()
    late.__exit__(TransportFailed, TransportFailed("gone"), None)
    assert circuit.state is State.OPEN
    clock.now += 30
    with circuit.call("GET", "/"):
        pass

    assert circuit.state is State.CLOSED


def test_a_download_that_begins_closes_it_and_one_that_does_not_counts(
    vendor: ScriptedVendor, client: Acronis, circuit: Circuit, clock: Clock
) -> None:
    vendor.answers("GET", "/reports/r1/stored/s1", GONE)
    for _ in range(5):
        with pytest.raises(TransportFailed):
            list(client.reports.lines("r1", "s1"))
    assert circuit.state is State.OPEN
    clock.now += 30
    vendor.answers("GET", "/reports/r1/stored/s1", lambda _: httpx.Response(200, stream=Wire(b"a\n")))

    assert list(client.reports.lines("r1", "s1")) == ["a\n"]
    assert circuit.state is State.CLOSED


def test_clients_of_one_vendor_share_it(vendor: ScriptedVendor, client: Acronis, circuit: Circuit) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)

    with (
        Acronis(BASE, client_id="c", client_secret=SECRET, transport=vendor, circuit=circuit) as other,
        pytest.raises(CircuitOpen),
    ):
        other.tenants.get("t1")


def test_a_call_held_back_is_reported_like_one_that_was_made(
    vendor: ScriptedVendor, client: Acronis, records: list[CallRecord], caplog: pytest.LogCaptureFixture
) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)
    caplog.set_level("INFO", logger="provisioning.acronis")

    with pytest.raises(CircuitOpen):
        client.tenants.get("t1")

    assert records[-1] == CallRecord("GET", "/tenants/t1", None, 0.0, "", "CircuitOpen", was_sent=False)
    assert caplog.messages[-1] == "GET /tenants/t1: CircuitOpen, 0 ms"


@pytest.mark.parametrize("call", [lambda a: a.users.check_login("ann"), lambda a: a.users.send_activation_email("u1")])
def test_calls_without_an_answer_to_read_are_held_back_too(
    vendor: ScriptedVendor, client: Acronis, call: Callable[[Acronis], object]
) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 5)

    with pytest.raises(CircuitOpen):
        call(client)


def test_a_taken_login_is_an_answer(vendor: ScriptedVendor, client: Acronis, circuit: Circuit) -> None:
    vendor.answers("GET", "/tenants/t1", GONE)
    fail(client, 4)
    vendor.answers("POST", "/tenants", httpx.Response(409))

    with pytest.raises(Conflict):
        client.tenants.create(name="Bakery", parent_id="p", kind="customer")
    fail(client, 4)

    assert circuit.state is State.CLOSED
