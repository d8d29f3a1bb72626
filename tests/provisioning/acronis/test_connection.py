import json
import logging
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from provisioning.acronis import (
    Acronis,
    AcronisError,
    BadRequest,
    CallRecord,
    Conflict,
    Forbidden,
    MalformedAnswer,
    NotAcceptable,
    NotFound,
    QuotaVersionConflict,
    RateLimited,
    ServerFailed,
    StatusError,
    TransportFailed,
)
from provisioning.acronis.connection import data_centre_url, path_to
from provisioning.acronis.errors import LONGEST_QUOTE, retry_after
from tests.provisioning.acronis.conftest import BASE, SECRET, ScriptedVendor, Wire, envelope, tenant_json

TENANT = httpx.Response(200, json=tenant_json())
CREATED = httpx.Response(201, json=tenant_json())


def create(acronis: Acronis) -> None:
    acronis.tenants.create(name="Bakery", parent_id="p", kind="customer")


def too_many(retry_after: str) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": retry_after})


# Repetition of what is safe to repeat


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_of_a_get_is_not_noticed(vendor: ScriptedVendor, acronis: Acronis, status: int) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(status), TENANT)

    assert acronis.tenants.get("t1").name == "Bakery"

    (pause,) = vendor.sleeps
    assert 1.0 <= pause <= 2.0


def test_a_lasting_failure_of_a_get_is_raised_after_three_attempts_with_growing_pauses(
    vendor: ScriptedVendor, acronis: Acronis
) -> None:
    vendor.answers("GET", "/tenants/t1", envelope(500, 1000, "An error has occurred."))

    with pytest.raises(ServerFailed) as failure:
        acronis.tenants.get("t1")

    assert len(vendor.requests("GET", "/tenants/t1")) == 3
    assert 1.0 <= vendor.sleeps[0] <= 2.0 <= vendor.sleeps[1] <= 4.0
    assert failure.value.retryable
    assert not failure.value.outcome_unknown
    assert str(failure.value).startswith("Acronis answered 500 to GET /tenants/t1: an error inside Acronis. This usually passes")


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError, httpx.RemoteProtocolError])
def test_a_get_survives_a_broken_connection(
    vendor: ScriptedVendor,
    acronis: Acronis,
    error: type[httpx.TransportError],
) -> None:
    vendor.answers("GET", "/tenants/t1", error("broken"), TENANT)

    assert acronis.tenants.get("t1").name == "Bakery"


@pytest.mark.parametrize(
    "call",
    [lambda acronis: acronis.tenants.update("t1", version=1), lambda acronis: acronis.tenants.delete("t1", version=1)],
)
def test_put_and_delete_are_repeated_like_get(
    vendor: ScriptedVendor,
    acronis: Acronis,
    call: Callable[[Acronis], object],
) -> None:
    vendor.answers("PUT", "/tenants/t1", httpx.ReadTimeout("slow"), TENANT)
    vendor.answers("DELETE", "/tenants/t1", httpx.ReadTimeout("slow"), httpx.Response(204))

    call(acronis)

    assert len(vendor.sleeps) == 1


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout])
def test_a_post_is_repeated_when_the_connection_was_never_opened(
    vendor: ScriptedVendor, acronis: Acronis, error: type[httpx.TransportError]
) -> None:
    vendor.answers("POST", "/tenants", error("no way"), CREATED)

    create(acronis)

    assert len(vendor.requests("POST", "/tenants")) == 2


def test_a_post_that_never_got_through_is_known_not_to_have_happened(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/tenants", httpx.ConnectError("no way"))

    with pytest.raises(TransportFailed, match=r"^Acronis could not be reached for POST /tenants\.$") as failure:
        create(acronis)

    assert len(vendor.requests("POST", "/tenants")) == 3
    assert failure.value.retryable
    assert not failure.value.outcome_unknown


@pytest.mark.parametrize("status", [429, 503])
def test_a_post_is_repeated_when_the_vendor_says_it_did_nothing(
    vendor: ScriptedVendor,
    acronis: Acronis,
    status: int,
) -> None:
    vendor.answers("POST", "/tenants", httpx.Response(status), CREATED)

    create(acronis)

    assert len(vendor.requests("POST", "/tenants")) == 2


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (httpx.ReadTimeout("slow"), "Acronis did not answer POST /tenants in time."),
        (httpx.WriteTimeout("slow"), "Acronis did not answer POST /tenants in time."),
        (httpx.ReadError("reset"), "The connection to Acronis broke during POST /tenants."),
        (httpx.RemoteProtocolError("gone"), "The connection to Acronis broke during POST /tenants."),
    ],
)
def test_a_post_that_may_have_happened_is_not_repeated(
    vendor: ScriptedVendor, acronis: Acronis, error: Exception, sentence: str
) -> None:
    vendor.answers("POST", "/tenants", error)

    with pytest.raises(TransportFailed) as failure:
        create(acronis)

    assert len(vendor.requests("POST", "/tenants")) == 1
    assert failure.value.outcome_unknown
    assert failure.value.retryable
    assert str(failure.value) == sentence


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_a_post_that_failed_inside_the_vendor_is_not_repeated(
    vendor: ScriptedVendor,
    acronis: Acronis,
    status: int,
) -> None:
    vendor.answers("POST", "/tenants", httpx.Response(status))

    with pytest.raises(StatusError) as failure:
        create(acronis)

    assert len(vendor.requests("POST", "/tenants")) == 1
    assert failure.value.outcome_unknown


# Retry-After


def test_retry_after_seconds_are_obeyed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1", too_many("7"), TENANT)

    acronis.tenants.get("t1")

    assert vendor.sleeps == [7.0]


def test_a_retry_after_date_is_obeyed(vendor: ScriptedVendor, acronis: Acronis) -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=10), usegmt=True)
    vendor.answers("GET", "/tenants/t1", too_many(at), TENANT)

    acronis.tenants.get("t1")

    (pause,) = vendor.sleeps
    assert 7.0 <= pause <= 10.0


def test_a_pause_longer_than_we_sleep_is_left_to_the_caller(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1", too_many("300"))

    with pytest.raises(RateLimited) as limit:
        acronis.tenants.get("t1")

    assert limit.value.retry_after == 300
    assert limit.value.retryable
    assert not limit.value.outcome_unknown
    assert vendor.sleeps == []


def test_a_long_pause_after_503_is_left_to_the_caller_too(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/tenants", httpx.Response(503, headers={"Retry-After": "3600"}))

    with pytest.raises(ServerFailed) as failure:
        create(acronis)

    assert failure.value.retry_after == 3600
    assert not failure.value.outcome_unknown


@pytest.mark.parametrize("header", ["", "soon", "-5", "inf", "nan", "1e9", "٣", "Wed, 99 Foo 2026"])
def test_a_retry_after_nobody_can_read_counts_as_none(header: str) -> None:
    assert retry_after(header, now=datetime.now(UTC)) is None


def test_a_retry_after_date_that_has_passed_means_now() -> None:
    assert retry_after("Wed, 01 Jan 2020 00:00:00 GMT", now=datetime.now(UTC)) == 0.0


# Refusals


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequest),
        (403, Forbidden),
        (404, NotFound),
        (406, NotAcceptable),
        (409, Conflict),
        (415, StatusError),
        (426, QuotaVersionConflict),
        (302, StatusError),
    ],
)
def test_a_refusal_is_final_and_has_its_own_class(
    vendor: ScriptedVendor, acronis: Acronis, status: int, expected: type[StatusError]
) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(status, headers={"Location": "https://elsewhere.example/"}))

    with pytest.raises(StatusError) as refusal:
        acronis.tenants.get("t1")

    assert type(refusal.value) is expected
    assert not refusal.value.retryable
    assert refusal.value.status == status
    assert (refusal.value.method, refusal.value.path) == ("GET", "/tenants/t1")
    assert len(vendor.requests("GET", "/tenants/t1")) == 1


def test_a_platform_code_becomes_a_plain_sentence(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/tenants", envelope(409, 1004, "E_NAME_CONFLICT"))

    with pytest.raises(Conflict) as refusal:
        create(acronis)

    assert str(refusal.value) == (
        "Acronis answered 409 to POST /tenants: another tenant has this name (code 1004). Give the tenant another name."
    )
    assert refusal.value.to_do == "Give the tenant another name."
    assert refusal.value.code == 1004
    assert refusal.value.vendor_message == "E_NAME_CONFLICT"
    assert not refusal.value.is_stale


def test_a_vague_platform_code_comes_with_the_vendors_details(vendor: ScriptedVendor, acronis: Acronis) -> None:
    details = {"info": "pg_base_m365_seats needs pg_base_m365_mailboxes.", "addition": []}
    body = {"error": {"code": 1023, "message": "Dependency", "details": details, "domain": "Platform"}}
    vendor.answers("PUT", "/tenants/t1/offering_items", httpx.Response(400, json=body))

    with pytest.raises(BadRequest) as refusal:
        acronis.offering_items.set("t1", [])

    assert str(refusal.value) == (
        "Acronis answered 400 to PUT /tenants/t1/offering_items: an offering item depends on another one (code 1023)."
        " It says: pg_base_m365_seats needs pg_base_m365_mailboxes. Correct the plan: turn both on, or neither."
    )


def test_a_stale_version_is_told_from_other_conflicts(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("PUT", "/tenants/t1", envelope(409, "1001", "Version mismatch"))

    with pytest.raises(Conflict) as refusal:
        acronis.tenants.update("t1", version=1, name="Bakery & Sons")

    assert refusal.value.is_stale


def test_without_a_platform_code_the_vendor_speaks_for_itself(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/users", envelope(409, 409, "User 'ann'\n exists"))

    with pytest.raises(Conflict) as refusal:
        acronis.users.create(tenant_id="t1", login="ann", email="ann@bakery.example")

    assert str(refusal.value) == f"Acronis answered 409 to POST /users: User 'ann' exists. {refusal.value.to_do}"


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": 5}', b'{"error": {"code": [], "message": {}}}', b"\xff"],
)
def test_an_unreadable_error_body_still_gives_a_sentence(
    vendor: ScriptedVendor,
    acronis: Acronis,
    body: bytes,
) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(404, content=body))

    with pytest.raises(NotFound, match=r"^Acronis answered 404 to GET /tenants/t1: not found\. Look in the portal"):
        acronis.tenants.get("t1")


def test_a_long_vendor_message_is_cut(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1", envelope(400, 400, "x" * 100_000))

    with pytest.raises(BadRequest) as refusal:
        acronis.tenants.get("t1")

    assert len(refusal.value.vendor_message) == LONGEST_QUOTE
    assert len(str(refusal.value)) < LONGEST_QUOTE + 250  # the rest is ours


def test_an_error_survives_the_trip_through_a_queue(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", "/tenants/t1", too_many("300"))
    vendor.answers("GET", "/tenants/t2", httpx.Response(200, text="<html>"))
    errors: list[AcronisError] = []
    for tenant_id in ("t1", "t2"):
        with pytest.raises(AcronisError) as failure:
            acronis.tenants.get(tenant_id)
        errors.append(failure.value)

    for error in errors:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert type(copy) is type(error)
        assert str(copy) == str(error)
        assert copy.__dict__ == error.__dict__


# Garbage


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"\xff\xfe", b'{"version": NaN}', b"[" * 100_000])
def test_an_answer_that_is_not_json_may_be_asked_for_again_later(
    vendor: ScriptedVendor,
    acronis: Acronis,
    body: bytes,
) -> None:
    vendor.answers("GET", "/tenants/t1", httpx.Response(200, content=body))

    with pytest.raises(MalformedAnswer) as failure:
        acronis.tenants.get("t1")

    assert str(failure.value) == "Acronis' answer to GET /tenants/t1 cannot be read: it is not JSON."
    assert failure.value.retryable
    assert not failure.value.outcome_unknown


@pytest.mark.parametrize("lost", [httpx.ReadTimeout("slow"), httpx.Response(502), httpx.Response(200, text="<html>")])
def test_a_change_of_address_is_sent_once_and_its_outcome_unknown(
    vendor: ScriptedVendor, acronis: Acronis, lost: httpx.Response | Exception
) -> None:
    vendor.answers("PUT", "/users/u1", lost)

    with pytest.raises(AcronisError) as failure:
        acronis.users.update("u1", version=1, contact={"email": "new@bakery.example"})

    assert failure.value.outcome_unknown
    assert len(vendor.requests("PUT", "/users/u1")) == 1


def test_another_change_of_a_user_is_repeated(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("PUT", "/users/u1", httpx.ReadTimeout("slow"), httpx.Response(502), httpx.ReadTimeout("slow"))

    with pytest.raises(TransportFailed) as failure:
        acronis.users.update("u1", version=1, contact={"firstname": "Ann"})

    assert not failure.value.outcome_unknown
    assert len(vendor.requests("PUT", "/users/u1")) == 3


def test_garbage_after_a_post_leaves_its_outcome_unknown(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/tenants", httpx.Response(201, text="<html>"))

    with pytest.raises(MalformedAnswer) as failure:
        create(acronis)

    assert failure.value.outcome_unknown
    assert len(vendor.requests("POST", "/tenants")) == 1


def test_a_page_in_place_of_an_empty_answer_is_no_success(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("POST", "/users/u1/send-activation-email", httpx.Response(200, text="<html>Sign in</html>"))

    with pytest.raises(MalformedAnswer) as failure:
        acronis.users.send_activation_email("u1")

    assert failure.value.outcome_unknown


def test_a_broken_compression_is_garbage(vendor: ScriptedVendor, acronis: Acronis) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Wire(b"no gzip at all"))

    vendor.answers("GET", "/tenants/t1", broken)

    with pytest.raises(MalformedAnswer, match="its compression is broken"):
        acronis.tenants.get("t1")


# Secrets, logs, records


def test_no_secret_is_in_any_log_line_or_error(
    vendor: ScriptedVendor,
    acronis: Acronis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    password = "Tr0ub4dor&3 is long"

    def echo(request: httpx.Request) -> httpx.Response:
        sent = f"{request.headers['Authorization']} {json.loads(request.content)['password']} {SECRET}"
        return envelope(400, 400, f"cannot: {sent}")

    vendor.answers("POST", "/users/u1/password", echo)
    vendor.answers("GET", "/users/check_login", httpx.Response(204))
    caplog.set_level(logging.DEBUG)

    with pytest.raises(BadRequest) as refusal:
        acronis.users.set_password("u1", password)
    acronis.users.check_login("ann@bakery.example")

    shown = [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    shown += [str(refusal.value), repr(refusal.value), repr(refusal.value.__dict__), repr(acronis)]
    for secret in (SECRET, password, "token-1", "ann@bakery.example"):
        assert not [line for line in shown if secret in line]
    assert str(refusal.value).startswith("Acronis answered 400 to POST /users/u1/password: cannot: Bearer *** *** ***. ")


def test_every_exchange_is_logged_and_reported(vendor: ScriptedVendor, caplog: pytest.LogCaptureFixture) -> None:
    records: list[CallRecord] = []
    found = httpx.Response(200, json=tenant_json(), headers={"X-Request-Id": "r-42"})
    vendor.answers("GET", "/tenants/t1", httpx.ReadTimeout("slow"), httpx.Response(502), found)
    caplog.set_level(logging.INFO, logger="provisioning.acronis")

    with Acronis(
        BASE, client_id="c", client_secret=SECRET, transport=vendor, sleep=lambda _: None, on_call=records.append
    ) as acronis:
        acronis.tenants.get("t1")

    assert [(one.method, one.path, one.status, one.failure, one.request_id) for one in records] == [
        ("POST", "/idp/token", 200, "", ""),
        ("GET", "/tenants/t1", None, "ReadTimeout", ""),
        ("GET", "/tenants/t1", 502, "", ""),
        ("GET", "/tenants/t1", 200, "", "r-42"),
    ]
    assert all(0 <= one.milliseconds < 5000 for one in records)
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0].startswith("POST /idp/token: 200, ")
    assert messages[1].startswith("GET /tenants/t1: ReadTimeout, ")
    assert messages[2].startswith("Acronis did not answer GET /tenants/t1 in time. Again in ")
    assert messages[-1].endswith(" ms, request r-42")


# Addresses


@pytest.mark.parametrize("base", [BASE, BASE + "/", BASE + "/api/2", BASE + "/api/2/", f" {BASE} "])
def test_a_base_address_is_taken_as_people_paste_it(base: str) -> None:
    assert data_centre_url(base) == BASE


@pytest.mark.parametrize(
    "base", ["", "eu2-cloud.example", "ftp://x.example", "https://", "https://u:p@x.example", "https://x.example/?a=1"]
)
def test_what_is_no_data_centre_is_refused_at_once(base: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        Acronis(base, client_id="c", client_secret="s")


def test_an_id_cannot_reach_another_resource() -> None:
    assert path_to("clients", "../tenants?x=1") == "/clients/..%2Ftenants%3Fx%3D1"
    for part in ("", ".", ".."):
        with pytest.raises(ValueError, match="no part of a path"):
            path_to("clients", part)
