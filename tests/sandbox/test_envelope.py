"""Requests that are broken on the way: every operation refuses them in the vendor's envelope, none of them breaks the sandbox."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from sandbox import definitions
from tests.sandbox import fuzz

LONE_SURROGATE = "\\ud800"
DEEP = b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HUGE = "9" * 5_000
JSON = "application/json"
BROKEN_BODIES: dict[str, tuple[bytes, str, set[int]]] = {
    "no JSON": (b"{", JSON, {400}),
    "invalid UTF-8": (b'{"name":"\xff\xfe"}', JSON, {400}),
    "deep": (DEEP, JSON, {400}),
    "a huge integer": (b'{"version":' + HUGE.encode() + b"}", JSON, {400, 404}),
    "a list": (b"[]", JSON, {400}),
    "not a number": (b'{"version":NaN}', JSON, {400}),
    "half a character": (f'{{"name":"{LONE_SURROGATE}","login":"{LONE_SURROGATE}"}}'.encode(), JSON, {400}),
    "a form": (b"name=x", "application/x-www-form-urlencoded", {415}),
    "too large": (b'{"name":"' + b"a" * 3_000_000 + b'"}', JSON, {413}),
}
# They read no JSON: a form by the standard of the token, or no body at all.
FORMS = {"/idp/token", "/idp/revoke_token", "/idp/introspect_token"}
BODILESS = {"POST /applications/{application_id}/bindings/tenants/{tenant_id}", "POST /tenants/{tenant_id}/restore"}
BODILESS |= {"POST /users/{user_id}/restore"}
READING = [(path, method) for path, method in fuzz.operations() if method in ("POST", "PUT") and path not in FORMS]
STRANGE = {
    "NUL": "a\0b",
    "half a character": "\ud800",
    "a huge integer": "9" * 5_000,
    "a large integer": "9" * 18,
    "a negative integer": "-1",
    "nothing": "",
    "a lonely per cent sign": "%",
    "before the first year": "0001-01-01T00:00:00+14:00",
    "after the last year": "9999-12-31T23:59:59-14:00",
}
QUERY = ("limit", "version", "after", "updated_since", "uuids", "text", "username", "edition", "allow_deleted", "tenants", "order")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> fuzz.World:
    return fuzz.World(tmp_path_factory.mktemp("envelope"))


def refused(answer: TestResponse, *statuses: int) -> dict[str, Any]:
    """Assert the status and the envelope; give what is in it."""
    assert answer.status_code in statuses, answer.text
    assert answer.content_type == JSON
    assert "\n" not in answer.text
    error: dict[str, Any] = answer.json["error"]
    assert {"code", "message", "details", "context", "domain"} == set(error)
    return error


@pytest.mark.parametrize("path", ["/nothing", "/tenants/a/b/c/d", "/tenants/", "/tenants/%00", "/%FF%FE", "/.%2e/x"])
def test_unknown_paths_are_not_found_in_the_envelope(world: fuzz.World, path: str) -> None:
    assert refused(world.send("GET", path), 404)["code"] == 404


@pytest.mark.parametrize(("method", "path"), [("POST", "/applications"), ("DELETE", "/tenants"), ("PATCH", "/tenants/{tenant_id}")])
def test_wrong_methods_are_refused_and_told_the_right_ones(world: fuzz.World, method: str, path: str) -> None:
    answer = world.send(method, path)

    assert refused(answer, 405)["code"] == 405
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("kind", BROKEN_BODIES)
def test_no_operation_breaks_on_a_broken_body(world: fuzz.World, kind: str) -> None:
    sent, content_type, statuses = BROKEN_BODIES[kind]
    for path, method in READING:
        if not fuzz.serves(world.app, path, method):
            continue
        world.put_back()

        answer = world.send(method, path, data=sent, content_type=content_type)

        if f"{method} {path}" not in BODILESS and "send-activation-email" not in path:
            assert refused(answer, *statuses, 403), (method, path)
        assert answer.status_code < 500, (method, path)


@pytest.mark.parametrize("word", ["NaN", "Infinity", '"\\ud800"'])
def test_words_that_are_not_json_are_refused_although_the_rest_is_fine(world: fuzz.World, word: str) -> None:
    sent = f'{{"name":"Fine","kind":"customer","parent_id":"{definitions.PROVIDER_TENANT}","internal_tag":{word}}}'

    answer = world.send("POST", "/tenants", data=sent.encode(), content_type=JSON)

    assert refused(answer, 400)["details"]["info"] == "The body is not valid JSON."


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_no_operation_breaks_on_a_strange_argument(world: fuzz.World, value: str) -> None:
    for path, method in fuzz.operations():
        if not fuzz.serves(world.app, path, method):
            continue
        world.put_back()
        described = {one.name for one in fuzz.cases_of(path, method).query}

        for name in sorted(described | set(QUERY)):
            answer = world.send(method, path, query_string={name: value.encode("utf-8", "surrogatepass")})

            assert answer.status_code < 500, (method, path, name)


@pytest.mark.parametrize("value", ["a%00b", "%FF", "9" * 300, "%20", "..", "' OR 1=1 --"])
def test_no_operation_breaks_on_a_strange_id(world: fuzz.World, value: str) -> None:
    for path, method in fuzz.operations():
        if "{" not in path or not fuzz.serves(world.app, path, method):
            continue
        world.put_back()

        answer = world.send(method, fuzz.NAME_IN_PATH.sub(value, path), query_string={"version": "1"})

        refused(answer, 400, 403, 404, 405, 415)


def test_broken_token_requests_get_the_shape_of_oauth(world: fuzz.World) -> None:
    for sent in (b"", b"\xff\xfe", b"grant_type=%00", b"grant_type=client_credentials&client_id=%FF&client_secret=%00", DEEP):
        answer = world.send(
            "POST", "/idp/token", data=sent, content_type="application/x-www-form-urlencoded", headers={"Authorization": ""}
        )

        assert answer.status_code in (400, 401, 413)
        assert "error" in answer.json


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !", "Basic /w==", "Basic AGE6AA==", "Bearer", "Bearer \x7f", "Bearer a.b.c", "Digest x", "?"]
)
def test_broken_credentials_are_refused_like_missing_ones(world: fuzz.World, header: str) -> None:
    assert refused(world.send("GET", "/tenants", headers={"Authorization": header}), 401)["code"] == 1000
