"""The ground of the API: its description, its doors, its one shape of errors, and how often one may knock."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
import yaml
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter
from django.views.decorators.debug import sensitive_variables
from openapi_spec_validator import validate

from accounts import api_tokens
from accounts.models import ApiToken, Organization
from catalog.api import plans as plans_api
from config.api.views import document, operations
from tests import factories
from tests.conftest import Personas
from tests.test_access import own_doors

AT = datetime(2026, 10, 15, 9, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def october() -> Iterator[time_machine.Traveller]:
    cache.clear()
    with time_machine.travel(AT, tick=False) as traveller:
        yield traveller


def secret_of(organization: Organization, *scopes: str, name: str = "Program") -> str:
    by = factories.UserFactory()
    wanted = scopes or api_tokens.scopes_for(organization)
    return api_tokens.create_token(organization_id=organization.pk, name=name, scopes=wanted, by=by, at=AT).secret


def program(secret: str) -> Client:
    """Return a client that shows the token and, as a program would, gets an answer even where the server breaks."""
    return Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def only_error(answer: Any) -> dict[str, str]:
    """Return the one error of an answer, which must have the one shape."""
    said = answer.json()
    assert set(said) == {"type", "errors"}
    (error,) = said["errors"]
    assert set(error) == {"code", "detail", "attr"}
    return error


# --- The description --------------------------------------------------------------------------------------------------------


def test_the_openapi_document_is_valid_and_the_same_in_both_forms(client: Client) -> None:
    as_json, as_yaml = client.get("/api/v1/openapi.json"), client.get("/api/v1/openapi.yaml")

    validate(as_json.json())
    assert as_json.json()["openapi"].startswith("3.1")
    assert yaml.safe_load(as_yaml.content) == as_json.json()


def test_every_operation_is_described_with_its_scope_and_its_refusals() -> None:
    described = {(path, method): entry for path, methods in document()["paths"].items() for method, entry in methods.items()}

    assert described
    for entry in described.values():
        assert entry["summary"]
        assert "Needs the scope" in entry["description"]
        good = {status for status in entry["responses"] if status < "300"}
        assert good in ({"200"}, {"201"})
        assert {"400", "401", "403", "429"} <= set(entry["responses"])
        assert all(answer["description"] for answer in entry["responses"].values())
        assert all(
            set(answer["content"]) == {"application/json"} for status, answer in entry["responses"].items() if status not in good
        )
        assert entry["security"] == [{"token": []}, {"session": []}]


def test_every_door_of_the_api_is_in_the_document_and_needs_a_scope() -> None:
    doors = {path: view.access for path, view in own_doors() if path.startswith("api/v1/")}  # type: ignore[attr-defined]
    ours = {path for path, access in doors.items() if access != "public"}

    described = {path.removeprefix("/").replace("{", "<str:").replace("}", ">") for path in document()["paths"]}
    assert ours == described
    assert all(doors[path].startswith("scope:") for path in ours)


@pytest.mark.django_db
def test_the_page_for_people_names_every_operation_and_runs_no_script_of_its_own(client: Client) -> None:
    answer = client.get(reverse("api:docs"))

    page = answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page
    assert "style=" not in page
    for operation in operations():
        assert f'id="{operation.id}"' in page
        assert f"{operation.method} {operation.path}" in page
    assert "results[].product.name" in page
    assert "offers[].cost.overage_price" in page
    assert "offers[].cost.overage_price.amount" not in page  # what money is, is said once


# --- Doors ------------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing", "/api/v1/plans/", "/api/v1/docs"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "options"])
def test_where_there_is_nothing_the_answer_has_the_shape_of_the_api(client: Client, path: str, method: str) -> None:
    answer = getattr(client, method)(path)

    assert answer.status_code == 404
    assert only_error(answer)["code"] == "not_found"


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ct_abcdefgh_" + "a" * 43, "Basic YWxpY2U6cGFzcw==", "Bearer a b", "Bearer \x00"]
)
def test_without_a_valid_token_the_answer_is_401_and_says_how_to_do_it(personas: Personas, header: str | None) -> None:
    answer = Client(headers={"Authorization": header} if header else {}).get("/api/v1/plans")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Cloudtill"'
    assert only_error(answer)["detail"]


@pytest.mark.parametrize(
    ("address", "status"),
    [("orders/O1%00", 404), ("orders?number=%00", 400), ("plans?%00=x", 400), ("%00", 404), ("orders?cursor=%00", 400)],
)
def test_a_nul_character_is_refused_in_the_shape_of_the_api(personas: Personas, address: str, status: int) -> None:
    answer = program(secret_of(personas.direct_customer)).get(f"/api/v1/{address}")

    assert answer.status_code == status
    assert only_error(answer)["detail"]


def test_a_token_is_good_in_any_case_of_the_word_bearer_and_for_head(personas: Personas) -> None:
    secret = secret_of(personas.direct_customer)

    assert Client(headers={"Authorization": f"bearer {secret}"}).get("/api/v1/plans").status_code == 200
    assert program(secret).head("/api/v1/plans").status_code == 200


def test_head_needs_the_scope_that_get_needs(personas: Personas) -> None:
    assert program(secret_of(personas.reseller, "partner:read")).head("/api/v1/plans").status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "delete", "options"])
def test_a_method_there_is_not_is_405(personas: Personas, method: str) -> None:
    answer = getattr(program(secret_of(personas.direct_customer)), method)("/api/v1/plans")

    assert answer.status_code == 405
    assert only_error(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("who", ["stranger", "mira", "root"])
def test_a_person_who_acts_for_nobody_is_told_so(personas: Personas, who: str) -> None:
    answer = personas.client(who).get("/api/v1/plans")

    assert answer.status_code == 403
    assert only_error(answer)["detail"] == "You do not act for an organization."


@pytest.mark.parametrize(
    ("who", "plans", "partner"), [("dora", 200, 403), ("vic", 200, 403), ("alice", 200, 200), ("nobody", 401, 401)]
)
def test_a_person_who_is_signed_in_reads_for_the_organization_acted_for(
    personas: Personas, who: str, plans: int, partner: int
) -> None:
    client = personas.client(who)

    assert client.get("/api/v1/plans").status_code == plans
    assert client.get("/api/v1/partner/prices").status_code == partner


def test_a_scope_that_is_missing_is_named_in_a_sentence(personas: Personas) -> None:
    answer = program(secret_of(personas.reseller, "catalog:read")).get("/api/v1/partner/prices")

    assert answer.status_code == 403
    assert only_error(answer) == {
        "code": "missing_scope",
        "detail": "This needs the scope partner:read (“Read partner prices”).",
        "attr": None,
    }


def test_a_token_of_who_is_a_reseller_no_more_loses_the_resellers_scopes(personas: Personas) -> None:
    secret = secret_of(personas.reseller)
    ApiToken.objects.update(organization=personas.direct_customer)

    assert program(secret).get("/api/v1/partner/prices").status_code == 403


@pytest.mark.parametrize("accept", ["text/html", "application/xml"])
def test_json_is_all_there_is(personas: Personas, accept: str) -> None:
    answer = program(secret_of(personas.direct_customer)).get("/api/v1/plans", headers={"Accept": accept})

    assert answer.status_code == 406
    assert only_error(answer)["code"] == "not_acceptable"


def test_answers_are_kept_by_no_cache_between(personas: Personas) -> None:
    answer = program(secret_of(personas.direct_customer)).get("/api/v1/plans")

    assert answer.headers["Cache-Control"] == "private, no-store"


# --- How often --------------------------------------------------------------------------------------------------------------


def test_who_asks_too_often_waits_until_the_minute_is_over(
    personas: Personas, settings: Any, october: time_machine.Traveller
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    first, other = program(secret_of(personas.direct_customer)), program(secret_of(personas.direct_customer, name="Other"))

    answers = [first.get("/api/v1/plans") for _ in range(5)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[3].headers["Retry-After"] == "50"
    assert only_error(answers[3])["code"] == "throttled"
    assert other.get("/api/v1/plans").status_code == 200
    assert personas.client("dora").get("/api/v1/plans").status_code == 200
    october.move_to(AT + timedelta(seconds=50))
    assert first.get("/api/v1/plans").status_code == 200


def test_the_counting_keeps_one_number_for_a_caller_and_minute(personas: Personas, settings: Any) -> None:
    client = program(secret_of(personas.direct_customer))
    kept = cache._cache  # type: ignore[attr-defined]
    before = len(kept)

    for _ in range(5):
        client.get("/api/v1/plans")

    assert len(kept) == before + 1


# --- What goes wrong --------------------------------------------------------------------------------------------------------


def test_our_fault_is_one_sentence_without_what_went_wrong_or_the_token(
    personas: Personas, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = secret_of(personas.direct_customer)
    monkeypatch.setattr(plans_api, "whole", lambda plans: 1 / 0)

    answer = program(secret).get("/api/v1/plans")

    assert answer.status_code == 500
    assert only_error(answer) == {"code": "error", "detail": "Server Error (500)", "attr": None}
    assert "ZeroDivisionError" in caplog.text
    assert secret not in caplog.text


def test_the_token_is_in_no_error_report_wherever_it_breaks(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, reports = secret_of(personas.direct_customer), []

    def report(sender: Any, request: HttpRequest, **_: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.extend([reporter.get_traceback_html(), reporter.get_traceback_text()])

    @sensitive_variables()  # as what it stands for
    def broken(*_: Any) -> None:
        raise RuntimeError("the database went away")

    got_request_exception.connect(report)
    try:
        for place in [(api_tokens, "_hash"), (api_tokens, "_note_use"), (plans_api, "whole")]:
            with monkeypatch.context() as patch:
                patch.setattr(*place, broken)
                assert program(secret).get("/api/v1/plans").status_code == 500
    finally:
        got_request_exception.disconnect(report)

    assert len(reports) == 6
    assert all("the database went away" in text for text in reports)
    assert not any(secret in text or secret.split("_", 2)[2] in text for text in reports)


@pytest.mark.parametrize(
    ("query", "attr"),
    [
        ("pagesize=10", "pagesize"),
        ("page_size=0", "page_size"),
        ("page_size=201", "page_size"),
        ("page_size=ten", "page_size"),
        ("cursor=", "cursor"),
        ("cursor=!!!", "cursor"),
        ("cursor=%C3%A4", "cursor"),
        ("cursor=cD1hYmM=", "cursor"),  # p=abc
        ("cursor=cD0=", "cursor"),  # p=
        ("cursor=" + "a" * 201, "cursor"),
        ("billing_model=free", "billing_model"),
        ("q=" + "a" * 101, "q"),
        ("format=xml", "format"),
    ],
)
def test_a_parameter_that_is_none_is_named(personas: Personas, query: str, attr: str) -> None:
    answer = program(secret_of(personas.direct_customer)).get(f"/api/v1/plans?{query}")

    assert answer.status_code == 400
    assert only_error(answer)["attr"] == attr


def test_the_position_in_a_cursor_may_be_larger_than_any_row(personas: Personas) -> None:
    answer = program(secret_of(personas.direct_customer)).get("/api/v1/plans?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk=")

    assert answer.status_code == 200
    assert json.loads(answer.content)["results"] == []
