"""What is counted about the vendor has labels of few values, whatever is asked."""

import pytest
from prometheus_client import REGISTRY

from provisioning import metrics
from provisioning.acronis import CallRecord
from provisioning.acronis.circuit import State
from tests.provisioning.acronis.test_every_call import CALLS, FUNCTIONS, OPERATIONS, cited

ID = "aaaaaaaa-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/tenants", "/tenants"),
        (f"/tenants/{ID}/pricing", "/tenants/{id}/pricing"),
        (f"/applications/{ID}/bindings/tenants/{ID}", "/applications/{id}/bindings/tenants/{id}"),
        (f"/reports/{ID}/stored/{ID}", "/reports/{id}/stored/{id}"),
        ("/users/ann%40bakery.example", "/users/{id}"),
        ("/clients/our-client", "/clients/{id}"),
        ("/idp/token", "/idp/token"),
        ("https://elsewhere.example/x", "{id}//{id}/{id}"),
    ],
)
def test_ids_and_what_people_type_are_replaced(path: str, resource: str) -> None:
    assert metrics.resource_of(path) == resource


def test_every_operation_the_client_uses_keeps_its_fixed_parts() -> None:
    operations = {OPERATIONS[name] for function in FUNCTIONS.values() for name in cited(function) if name in OPERATIONS}

    assert len(operations) > len(CALLS) / 2
    for _, template in operations:
        parts = ["{id}" if part.startswith("{") else part for part in template.split("/")]
        assert metrics.resource_of(template) == "/".join(parts)


def test_a_call_is_counted_with_its_outcome_and_timed_if_it_was_sent() -> None:
    count = metrics.call_counter("North")
    labels = {"service_manager": "North", "method": "GET", "resource": "/tenants/{id}"}

    def value(name: str, **more: str) -> float:
        return REGISTRY.get_sample_value(name, {**labels, **more}) or 0.0

    before = {status: value("cloudtill_vendor_calls_total", status=status) for status in ("200", "ReadTimeout", "TooManyCalls")}
    timed, seconds = value("cloudtill_vendor_call_seconds_count"), value("cloudtill_vendor_call_seconds_sum")
    count(CallRecord("GET", f"/tenants/{ID}", 200, 250.0, "r-1"))
    count(CallRecord("GET", f"/tenants/{ID}", None, 30_000.0, "", "ReadTimeout"))
    count(CallRecord("GET", f"/tenants/{ID}", None, 0.0, "", "TooManyCalls", was_sent=False))

    for status, earlier in before.items():
        assert value("cloudtill_vendor_calls_total", status=status) - earlier == 1
    assert value("cloudtill_vendor_call_seconds_count") - timed == 2
    assert value("cloudtill_vendor_call_seconds_sum") - seconds == pytest.approx(30.25)


def test_the_circuit_is_a_number_that_is_there_from_the_start() -> None:
    show = metrics.circuit_gauge("North", people_wait=False)

    def shown() -> float | None:
        return REGISTRY.get_sample_value("cloudtill_vendor_circuit", {"service_manager": "North", "calls_of": "work"})

    values = [shown()]
    for state in (State.OPEN, State.PROBING, State.CLOSED):
        show(state)
        values.append(shown())

    assert values == [0, 2, 1, 0]
