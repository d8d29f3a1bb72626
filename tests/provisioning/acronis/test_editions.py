"""Switching the edition of a service: the dry run, the switch, and what stands in its way."""

import json
import pickle
from typing import Any

import httpx
import pytest

from provisioning.acronis import Acronis, BadRequest, EditionUnavailable
from tests.provisioning.acronis.conftest import ScriptedVendor, envelope

PATH = "/tenants/t1/edition"


def refusal(context: Any, *, code: int = 1021) -> httpx.Response:
    error = {"code": code, "message": "Not available.", "details": {"info": None}, "context": context, "domain": "Platform"}
    return httpx.Response(400, json={"error": error})


def test_the_dry_run_asks_and_returns_the_warnings(vendor: ScriptedVendor, acronis: Acronis) -> None:
    vendor.answers("GET", PATH, httpx.Response(200, json={"warnings": ["NewFeaturesBecomeAvailable", ""]}))

    warnings = acronis.tenants.check_edition("t1", application_id="app", edition="pck_per_workload")

    assert warnings == ["NewFeaturesBecomeAvailable"]
    assert dict(vendor.asked[-1].url.params) == {"target_edition": "pck_per_workload", "application_id": "app"}


@pytest.mark.parametrize(
    ("answer", "warnings"),
    [({"timestamp": "x", "items": []}, []), ({"warnings": ["SomePlansWillStopWorking"]}, ["SomePlansWillStopWorking"])],
)
def test_a_switch_takes_both_answers_the_vendor_describes(
    vendor: ScriptedVendor, acronis: Acronis, answer: dict[str, Any], warnings: list[str]
) -> None:
    vendor.answers("PUT", PATH, httpx.Response(200, json=answer))

    assert acronis.tenants.switch_edition("t1", application_id="app", edition="pck_per_workload") == warnings

    assert json.loads(vendor.asked[-1].content) == {"target_edition": "pck_per_workload", "application_id": "app"}


@pytest.mark.parametrize(
    "context",
    [
        {"offering_items": ["pg_base_nas", "pg_base_websites", "pg_base_nas"]},
        {"unavailable": [{"name": "pg_base_nas", "application_id": "app"}, {"name": "pg_base_websites"}]},
        {"a": ["pg_base_nas"], "b": [{"name": "pg_base_websites"}, {"id": 5}, 7], "c": "text"},
    ],
)
def test_what_stands_in_the_way_is_named(vendor: ScriptedVendor, acronis: Acronis, context: dict[str, Any]) -> None:
    vendor.answers("GET", PATH, refusal(context))
    vendor.answers("PUT", PATH, refusal(context, code=400))

    with pytest.raises(EditionUnavailable) as tried:
        acronis.tenants.check_edition("t1", application_id="app", edition="pck_per_workload")
    with pytest.raises(EditionUnavailable) as switched:
        acronis.tenants.switch_edition("t1", application_id="app", edition="pck_per_workload")

    for error in (tried.value, switched.value):
        assert error.blockers == ("pg_base_nas", "pg_base_websites")
        assert str(error) == (
            "The edition cannot be changed to pck_per_workload: offering items not available: pg_base_nas, pg_base_websites."
            " Turn them on for the parent, or choose another edition."
        )
        assert (error.status, error.retryable, error.outcome_unknown) == (400, False, False)
    assert (tried.value.code, switched.value.method) == (1021, "PUT")
    assert pickle.loads(pickle.dumps(tried.value)).blockers == tried.value.blockers  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    "answer",
    [
        refusal({"offering_items": []}),
        refusal({"offering_items": "pg_base_nas"}),
        refusal(["pg_base_nas"]),
        refusal({"editions": ["pck_per_gigabyte", "pck_per_workload"]}, code=1027),
        envelope(400, 400, "Bad Request"),
    ],
)
def test_another_refusal_stays_what_it_is(vendor: ScriptedVendor, acronis: Acronis, answer: httpx.Response) -> None:
    vendor.answers("GET", PATH, answer)

    with pytest.raises(BadRequest) as error:
        acronis.tenants.check_edition("t1", application_id="app", edition="pck_per_workload")

    assert type(error.value) is BadRequest
