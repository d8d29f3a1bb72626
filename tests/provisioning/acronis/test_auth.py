import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from provisioning.acronis import (
    Acronis,
    CredentialsRefused,
    MalformedAnswer,
    ServerFailed,
    TransportFailed,
    Unauthorized,
)
from provisioning.acronis.auth import TokenAuth
from tests.provisioning.acronis.conftest import BASE, SECRET, ScriptedVendor, envelope, token

NO_APPLICATIONS = httpx.Response(200, json={"items": []})
UNAUTHORIZED = envelope(401, 1000, "An error has occurred.")


def test_nothing_is_asked_before_the_first_call(vendor: ScriptedVendor) -> None:
    Acronis(BASE, client_id="our-client", client_secret=SECRET, transport=vendor).close()

    assert vendor.asked == []


def test_the_token_is_fetched_once_with_basic_and_then_carried(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/applications", NO_APPLICATIONS)

    acronis.applications.list()
    acronis.applications.list()

    (token_request,) = vendor.requests("POST", "/idp/token")
    pair = base64.b64encode(f"our-client:{SECRET}".encode()).decode()
    assert token_request.headers["Authorization"] == f"Basic {pair}"
    assert token_request.content == b"grant_type=client_credentials"
    carried = [one.headers["Authorization"] for one in vendor.requests("GET", "/applications")]
    assert carried == ["Bearer token-1", "Bearer token-1"]


def test_a_401_fetches_one_new_token_and_asks_again(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/applications", UNAUTHORIZED, NO_APPLICATIONS)

    acronis.applications.list()

    carried = [one.headers["Authorization"] for one in vendor.requests("GET", "/applications")]
    assert carried == ["Bearer token-1", "Bearer token-2"]
    assert vendor.sleeps == []


def test_a_401_with_a_new_token_is_final(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/applications", UNAUTHORIZED)

    with pytest.raises(Unauthorized) as refusal:
        acronis.applications.list()

    assert not refusal.value.retryable
    assert len(vendor.requests("GET", "/applications")) == 2
    assert str(refusal.value) == (
        "Acronis answered 401 to GET /applications: the API client's access was not accepted. Check the service manager's"
        " client id and secret, and that client and tenant are enabled at Acronis."
    )


@pytest.mark.parametrize("status", [400, 401, 403])
def test_wrong_credentials_are_refused_without_being_shown(
    vendor: ScriptedVendor,
    acronis: Acronis,
    status: int,
) -> None:
    words = {"error": "invalid_client", "error_description": f"invalid client credentials {SECRET}"}
    vendor.answers("POST", "/idp/token", httpx.Response(status, json=words))

    with pytest.raises(CredentialsRefused) as refusal:
        acronis.applications.list()

    assert str(refusal.value) == (
        f"Acronis answered {status} to POST /idp/token: the client id and secret were not accepted."
        " Check them in the service manager, and that the API client is enabled at Acronis."
    )
    assert not refusal.value.retryable
    assert len(vendor.asked) == 1


def test_a_failing_token_endpoint_is_asked_again_and_even_a_post_is_known_not_to_have_happened(
    vendor: ScriptedVendor, acronis: Acronis
) -> None:
    vendor.answers("POST", "/idp/token", httpx.Response(500))

    with pytest.raises(ServerFailed) as failure:
        acronis.users.send_activation_email("u1")

    assert len(vendor.requests("POST", "/idp/token")) == 3
    assert failure.value.retryable
    assert not failure.value.outcome_unknown


def test_a_silent_token_endpoint_leaves_the_outcome_of_a_post_known(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/idp/token", httpx.ReadTimeout("slow"), token("token-late"))
    vendor.answers("POST", "/users/u1/send-activation-email", httpx.Response(204))

    acronis.users.send_activation_email("u1")

    assert len(vendor.requests("POST", "/idp/token")) == 2
    assert len(vendor.requests("POST", "/users/u1/send-activation-email")) == 1


def test_a_dead_token_endpoint_is_named_as_what_failed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/idp/token", httpx.ReadTimeout("slow"))

    with pytest.raises(TransportFailed, match=r"^Acronis did not answer POST /idp/token in time\.$") as failure:
        acronis.users.send_activation_email("u1")

    assert not failure.value.outcome_unknown


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Maintenance</html>",
        b"[]",
        b"{}",
        b'{"access_token": "t"}',
        b'{"access_token": "t", "expires_in": "soon"}',
        b'{"access_token": "t\\r\\nX-Evil: 1", "expires_in": 7200}',
        b"[" * 100_000,
    ],
)
def test_garbage_in_place_of_a_token_is_named(vendor: ScriptedVendor, acronis: Acronis, body: bytes) -> None:
    vendor.answers("POST", "/idp/token", httpx.Response(200, content=body))

    with pytest.raises(MalformedAnswer, match=r"^Acronis' answer to POST /idp/token cannot be read: ") as failure:
        acronis.applications.list()

    assert failure.value.retryable


def test_threads_share_one_token(vendor: ScriptedVendor, acronis: Acronis) -> None:
    def slow_token(_: httpx.Request) -> httpx.Response:
        time.sleep(0.05)
        return token("shared")

    vendor.answers("POST", "/idp/token", slow_token)
    vendor.answers("GET", "/applications", NO_APPLICATIONS)
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        acronis.applications.list()

    with ThreadPoolExecutor(8) as threads:
        for result in [threads.submit(ask) for _ in range(8)]:
            result.result()

    assert len(vendor.requests("POST", "/idp/token")) == 1
    assert len(vendor.requests("GET", "/applications")) == 8


def test_threads_that_all_meet_a_revoked_token_fetch_one_new_token(vendor: ScriptedVendor, acronis: Acronis) -> None:
    everyone_refused = threading.Barrier(4)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == "Bearer token-1":
            everyone_refused.wait(timeout=5)
            return httpx.Response(401)
        return httpx.Response(200, json={"items": []})

    vendor.answers("GET", "/applications", answer)

    with ThreadPoolExecutor(4) as threads:
        for result in [threads.submit(acronis.applications.list) for _ in range(4)]:
            result.result()

    assert len(vendor.requests("POST", "/idp/token")) == 2


def _carried_at(moments: list[float], *, expires: dict[str, int]) -> list[str]:
    """The token a request carries at each moment, given what the token endpoint says about its end."""
    now = [0.0]
    auth = TokenAuth("https://x.example/t", client_id="c", client_secret="s", clock=lambda: now[0])
    fetched = 0

    def serve(request: httpx.Request) -> httpx.Response:
        nonlocal fetched
        if request.url.path == "/t":
            fetched += 1
            return httpx.Response(200, json={"access_token": f"token-{fetched}", **expires})
        return httpx.Response(200, text=request.headers["Authorization"].removeprefix("Bearer "))

    with httpx.Client(auth=auth, transport=httpx.MockTransport(serve)) as client:

        def carried(moment: float) -> str:
            now[0] = moment
            return client.get("https://x.example/").text

        return [carried(moment) for moment in moments]


def test_a_token_is_renewed_two_minutes_before_it_ends() -> None:
    assert _carried_at([0, 7079, 7081], expires={"expires_in": 7200}) == ["token-1", "token-1", "token-2"]


def test_a_short_lived_token_is_used_for_half_its_life() -> None:
    assert _carried_at([0, 9, 11], expires={"expires_in": 20}) == ["token-1", "token-1", "token-2"]


def test_expires_on_serves_where_expires_in_is_missing() -> None:
    carried = _carried_at([0, 3000, 3600], expires={"expires_on": int(time.time()) + 3600})

    assert carried == ["token-1", "token-1", "token-2"]
