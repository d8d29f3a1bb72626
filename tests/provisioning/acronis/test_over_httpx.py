"""The client over httpx's own transport, which respx answers: what a vendor in every mood does to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import respx

from provisioning.acronis import (
    Acronis,
    Circuit,
    CircuitOpen,
    EditionUnavailable,
    MalformedAnswer,
    RateLimited,
    TooManyCalls,
    TransportFailed,
    Unauthorized,
)
from tests.provisioning.acronis.conftest import BASE, SECRET, tenant_json

API = f"{BASE}/api/2"
TENANT = httpx.Response(200, json=tenant_json())
TOKEN = {"access_token": "token-1", "token_type": "bearer", "expires_in": 7200}


@pytest.fixture
def vendor() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as router:
        router.post(f"{API}/idp/token").respond(json=TOKEN)
        yield router


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def acronis(slept: list[float]) -> Iterator[Acronis]:
    with Acronis(BASE, client_id="our-client", client_secret=SECRET, sleep=slept.append) as client:
        yield client


def test_a_401_is_answered_by_a_new_token_and_one_more_try(vendor: respx.MockRouter, acronis: Acronis) -> None:
    tokens = vendor.post(f"{API}/idp/token").mock(
        side_effect=[httpx.Response(200, json={**TOKEN, "access_token": name}) for name in ("old", "new")]
    )
    tenant = vendor.get(f"{API}/tenants/t1").mock(side_effect=[httpx.Response(401), TENANT])

    assert acronis.tenants.get("t1").name == "Bakery"

    assert tokens.call_count == 2
    assert [call.request.headers["Authorization"] for call in tenant.calls] == ["Bearer old", "Bearer new"]


def test_a_second_401_is_final(vendor: respx.MockRouter, acronis: Acronis, slept: list[float]) -> None:
    tenant = vendor.get(f"{API}/tenants/t1").respond(401)

    with pytest.raises(Unauthorized):
        acronis.tenants.get("t1")

    assert (tenant.call_count, slept) == (2, [])


def test_a_429_waits_as_long_as_asked(vendor: respx.MockRouter, acronis: Acronis, slept: list[float]) -> None:
    vendor.get(f"{API}/tenants/t1").mock(side_effect=[httpx.Response(429, headers={"Retry-After": "7"}), TENANT])

    acronis.tenants.get("t1")

    assert slept == [7.0]


def test_a_429_for_too_long_is_left_to_the_scheduler(vendor: respx.MockRouter, acronis: Acronis, slept: list[float]) -> None:
    vendor.post(f"{API}/tenants").respond(429, headers={"Retry-After": "600"})

    with pytest.raises(RateLimited) as limit:
        acronis.tenants.create(name="Bakery", parent_id="p", kind="customer")

    assert (limit.value.retry_after, limit.value.outcome_unknown, slept) == (600.0, False, [])


def test_pauses_between_tries_differ_so_that_workers_do_not_march_in_step(
    vendor: respx.MockRouter, acronis: Acronis, slept: list[float]
) -> None:
    vendor.get(f"{API}/tenants/t1").mock(side_effect=[httpx.ConnectError("no way"), TENANT] * 20)

    for _ in range(20):
        acronis.tenants.get("t1")

    assert all(1.0 <= pause <= 2.0 for pause in slept)
    assert len(set(slept)) > 10


def test_a_timeout_of_a_creation_says_that_nobody_knows(vendor: respx.MockRouter, acronis: Acronis) -> None:
    created = vendor.post(f"{API}/tenants").mock(side_effect=httpx.ReadTimeout("slow"))

    with pytest.raises(TransportFailed, match="did not answer POST /tenants in time") as failure:
        acronis.tenants.create(name="Bakery", parent_id="p", kind="customer")

    assert (created.call_count, failure.value.outcome_unknown, failure.value.retryable) == (1, True, True)


def test_time_limits_of_every_kind_are_set(vendor: respx.MockRouter, acronis: Acronis) -> None:
    tenant = vendor.get(f"{API}/tenants/t1").mock(return_value=TENANT)

    acronis.tenants.get("t1")

    assert tenant.calls.last.request.extensions["timeout"] == {"connect": 5.0, "read": 30.0, "write": 10.0, "pool": 10.0}


@pytest.mark.parametrize("body", [b"<html>Maintenance</html>", b"", b'{"id": 5}'])
def test_a_malformed_body_is_named_and_may_pass(vendor: respx.MockRouter, acronis: Acronis, body: bytes) -> None:
    vendor.get(f"{API}/tenants/t1").respond(content=body)

    with pytest.raises(MalformedAnswer, match=r"^Acronis' answer to GET /tenants/t1 cannot be read: ") as failure:
        acronis.tenants.get("t1")

    assert failure.value.retryable


def test_a_vendor_that_is_down_is_left_alone_and_probed_once(vendor: respx.MockRouter, slept: list[float]) -> None:
    now = [0.0]
    tenant = vendor.get(f"{API}/tenants/t1").respond(503)
    with Acronis(
        BASE, client_id="c", client_secret=SECRET, sleep=slept.append, circuit=Circuit(threshold=2, clock=lambda: now[0])
    ) as acronis:
        for _ in range(2):
            with pytest.raises(Exception, match="answered 503"):
                acronis.tenants.get("t1")
        with pytest.raises(CircuitOpen) as refusal:
            acronis.tenants.get("t1")
        assert (tenant.call_count, refusal.value.retry_after) == (6, 30.0)

        now[0] = 30.0
        tenant.mock(return_value=TENANT)
        assert acronis.tenants.get("t1").name == "Bakery"
        assert tenant.call_count == 7


def test_a_shut_gate_keeps_even_the_token_from_being_asked_for(vendor: respx.MockRouter) -> None:
    @contextmanager
    def shut() -> Iterator[None]:
        raise TooManyCalls.after(10)
        yield

    with (
        Acronis(BASE, client_id="c", client_secret=SECRET, gate=shut) as acronis,
        pytest.raises(TooManyCalls, match="waited for 10 seconds"),
    ):
        acronis.tenants.get("t1")

    assert not vendor.calls


def test_an_edition_that_cannot_be_had_names_what_is_missing(vendor: respx.MockRouter, acronis: Acronis) -> None:
    error = {"code": 1021, "message": "x", "details": {}, "domain": "Platform", "context": {"offering_items": ["pw_base_nas"]}}
    vendor.get(f"{API}/tenants/t1/edition").respond(400, json={"error": error})

    with pytest.raises(EditionUnavailable) as refusal:
        acronis.tenants.check_edition("t1", application_id="app", edition="pck_per_workload")

    assert refusal.value.blockers == ("pw_base_nas",)


def test_a_cursor_is_sent_back_alone_and_as_it_came(vendor: respx.MockRouter, acronis: Acronis) -> None:
    cursor = "eyJhIjoxfQ==+/&limit=1"
    pages = vendor.get(f"{API}/tenants").mock(
        side_effect=[
            httpx.Response(200, json={"items": [tenant_json(id="t1")], "paging": {"cursors": {"after": cursor}}}),
            httpx.Response(200, json={"items": [tenant_json(id="t2")], "paging": {"cursors": {"after": ""}}}),
        ]
    )

    assert [tenant.id for tenant in acronis.tenants.in_subtree("root")] == ["t1", "t2"]

    assert [dict(call.request.url.params) for call in pages.calls] == [
        {"subtree_root_id": "root", "lod": "full"},
        {"after": cursor},
    ]
