"""One client per service manager: who shares it, what holds it back, and that no transaction waits for it."""

from contextlib import contextmanager

import httpx
import pytest
from django.db import connection, transaction
from prometheus_client import REGISTRY, generate_latest

from provisioning import slots, vendor
from provisioning.acronis import CircuitOpen, TooManyCalls, TransportFailed
from provisioning.acronis.client import Acronis
from provisioning.locks import CALL
from provisioning.models import ServiceManager
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> ServiceManager:
    """A service manager whose vendor cannot be reached."""

    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody home", request=request)

    monkeypatch.setattr(vendor, "transport", httpx.MockTransport(nobody))
    monkeypatch.setattr(vendor, "sleep", lambda seconds: None)
    vendor.forget_connections()
    yield factories.ServiceManagerFactory(base_url="https://eu2-cloud.example")
    vendor.forget_connections()


def knock(client: Acronis) -> None:
    client.applications.list()


def test_a_vendor_too_slow_for_pages_is_still_asked_by_work_that_can_wait(manager, monkeypatch):
    def slow(request: httpx.Request) -> httpx.Response:
        if request.extensions["timeout"]["read"] <= vendor.PEOPLES_PATIENCE:
            raise httpx.ReadTimeout("too slow", request=request)
        is_token = request.url.path.endswith("/idp/token")
        return httpx.Response(200, json={"access_token": "t", "expires_in": 7200} if is_token else {"items": []})

    monkeypatch.setattr(vendor, "transport", httpx.MockTransport(slow))
    knock(vendor.connect(manager))  # the token
    for _ in range(5):
        with pytest.raises(TransportFailed):
            knock(vendor.connect(manager, people_wait=True))

    with pytest.raises(CircuitOpen):
        knock(vendor.connect(manager, people_wait=True))
    knock(vendor.connect(manager))


def test_a_client_is_shared_until_something_it_is_made_from_changes(manager):
    client = vendor.connect(manager)

    assert vendor.connect(ServiceManager.objects.get(pk=manager.pk)) is client
    for change in ({"client_secret": "new"}, {"max_parallel_calls": 3}, {"base_url": "https://us5-cloud.example"}):
        for name, value in change.items():
            setattr(manager, name, value)
        assert vendor.connect(manager) is not client
        client = vendor.connect(manager)


def test_all_clients_of_a_service_manager_learn_together_that_it_is_down(manager):
    for _ in range(5):
        with pytest.raises(TransportFailed):
            knock(vendor.connect(manager))

    with pytest.raises(CircuitOpen):
        knock(vendor.connect(ServiceManager.objects.get(pk=manager.pk)))
    other = factories.ServiceManagerFactory(name="Another", base_url="https://us5-cloud.example")
    with pytest.raises(TransportFailed) as failure:
        knock(vendor.connect(other))
    assert not isinstance(failure.value, CircuitOpen)


def test_a_vendor_that_was_down_is_asked_again_after_a_while(manager, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(vendor, "clock", lambda: now[0])
    for _ in range(5):
        with pytest.raises(TransportFailed):
            knock(vendor.connect(manager))

    now[0] += 30
    with pytest.raises(TransportFailed) as failure:
        knock(vendor.connect(manager))

    assert not isinstance(failure.value, CircuitOpen)


def test_calls_keep_to_the_service_managers_number_over_all_processes(manager, monkeypatch):
    monkeypatch.setattr(vendor, "SLOT_PATIENCE", 0.1)
    manager.max_parallel_calls = 1
    elsewhere = connection.copy()
    try:
        with elsewhere.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [CALL, manager.pk * slots.MOST])
        with pytest.raises(TooManyCalls):
            knock(vendor.connect(manager))
    finally:
        elsewhere.close()


@pytest.mark.parametrize(("people_wait", "patience"), [(False, 10.0), (True, 4.0)])
def test_who_looks_at_a_page_waits_less_for_a_slot(manager, monkeypatch, people_wait, patience):
    asked = {}

    @contextmanager
    def slot(service_manager_id, **conditions):
        asked.update(conditions, service_manager_id=service_manager_id)
        yield

    monkeypatch.setattr(slots, "slot", slot)

    with pytest.raises(TransportFailed):
        knock(vendor.connect(manager, people_wait=people_wait))

    assert (asked["service_manager_id"], asked["limit"], asked["patience"]) == (manager.pk, 8, patience)


@pytest.mark.parametrize("people_wait", [False, True])
def test_no_client_is_given_out_in_a_transaction(manager, people_wait):
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction is open"):
        vendor.connect(manager, people_wait=people_wait)


CALLS = {
    "an answer": lambda client: client.applications.list(),
    "an empty answer": lambda client: client.users.check_login("ann"),
    "a list": lambda client: next(client.tenants.by_parent("root")),
    "a download": lambda client: next(client.reports.lines("r1", "s1")),
    "rows": lambda client: next(client.reports.rows("r1", "s1")),
    "a report": lambda client: client.reports.stored("r1"),
}


@pytest.mark.parametrize("what", sorted(CALLS))
@pytest.mark.parametrize("people_wait", [False, True])
def test_a_client_had_before_does_not_call_in_a_transaction_either(manager, what, people_wait):
    client = vendor.connect(manager, people_wait=people_wait)

    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction is open"):
        CALLS[what](client)


def test_a_list_begun_before_the_transaction_stops_at_its_next_page(manager, monkeypatch):
    def page(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/token"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
        policy = {"tenant_id": "t1", "role_id": "company_admin", "trustee_id": "u1"}
        user = {"id": "u1", "version": 1, "tenant_id": "t1", "login": "ann", "enabled": True, "activated": True}
        return httpx.Response(200, json={"items": [{**user, "access_policies": [policy]}], "paging": {"cursors": {"after": "c1"}}})

    monkeypatch.setattr(vendor, "transport", httpx.MockTransport(page))
    users = vendor.connect(manager).users.in_subtree("root")
    assert next(users).login == "ann"

    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction is open"):
        next(users)


def test_calls_are_counted_by_outcome_and_never_by_id(manager):
    def counted(status: str) -> float:
        labels = {"service_manager": manager.name, "method": "GET", "resource": "/tenants/{id}", "status": status}
        return REGISTRY.get_sample_value("cloudtill_vendor_calls_total", labels) or 0.0

    manager.client_id, manager.client_secret = "till-client-7", "k3ep-me-qu1et"
    before = counted("CircuitOpen")

    for _ in range(7):
        with pytest.raises(TransportFailed):
            vendor.connect(manager).tenants.get("aaaaaaaa-0000-4000-8000-000000000001")

    # The first five fail at the token; the others are held back.
    assert counted("CircuitOpen") - before == 2
    assert REGISTRY.get_sample_value("cloudtill_vendor_circuit", {"service_manager": manager.name, "calls_of": "work"}) == 2
    assert REGISTRY.get_sample_value("cloudtill_vendor_slot_wait_seconds_count", {"service_manager": manager.name}) >= 15
    shown = generate_latest().decode()
    assert "aaaaaaaa" not in shown
    assert "till-client-7" not in shown
    assert "k3ep-me-qu1et" not in shown
