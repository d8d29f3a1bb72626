"""
Every call of a new customer's order, spoilt in every way: in the end there is one of everything, and people were told.

The calls are those that a clean order is seen to make, so the list cannot go stale.
"""

from typing import Any

import pytest

from accounts.models import User
from catalog.models import Plan
from provisioning.models import ServiceManager
from tests import factories
from tests.conftest import Personas
from tests.flows import ordering_from as flow
from tests.flows.wire import Call, Sandbox, calls_of

pytestmark = pytest.mark.django_db

PAGE = "<!DOCTYPE html><html><body><h1>Scheduled maintenance</h1></body></html>"
SLOW = 0.03  # seconds; the wire gives up after less

FAULTS: dict[str, dict[str, Any]] = {
    **{str(status): {"status": status} for status in (400, 401, 403, 404, 409, 426, 500, 502, 503, 504)},
    "429 short": {"status": 429, "headers": {"Retry-After": "1"}},
    "429 long": {"status": 429, "headers": {"Retry-After": "7200"}},
    "timeout": {"delay_s": SLOW},
    "reset": {"reset": True},
    "truncated": {"truncate": True},
    "garbage": {"garbage": True},
    "page": {"html": True, "status": 200},
    "lost": {"lose_answer": True},
}
PASSING = ("500", "timeout", "reset", "truncated", "lost")  # also tried where only one call is spoilt
IN_DOUBT = {"500", "502", "504", "timeout", "reset", "truncated", "garbage", "page", "lost"}  # what leaves a mail unconfirmed
MAIL = "/send-activation-email$"


@pytest.fixture
def plan(manager: ServiceManager) -> Plan:
    made: Plan = factories.PlanFactory(service_manager=manager)
    return made


@pytest.fixture
def calls(plan: Plan, sandbox: Sandbox, personas: Personas) -> list[Call]:
    """The calls of a clean order, by a worker that has just been started; the token's is the first."""
    return calls_of_a_clean_order(flow.order_line(plan, personas.mira), sandbox)


def calls_of_a_clean_order(line: flow.OrderLine, sandbox: Sandbox) -> list[Call]:
    sandbox.forget_calls()
    flow.work(line, at=factories.AT)
    assert flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=False) == []
    return calls_of(sandbox.seen("calls"))


def test_there_are_more_than_two_hundred_cases(calls):
    assert calls[0].path.endswith("token$")
    assert calls[-1].method == "GET"
    assert len(calls) * len(FAULTS) >= 200


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_lasts_is_told_and_after_retry_there_is_one_of_everything(name, calls, plan, sandbox, personas):
    wrong = {
        f"{call}: {fault}"
        for call in calls
        for fault in faults_in_the_end(call, name, flow.order_line(plan, personas.mira), sandbox, personas.mira, times=None)
    }

    assert not wrong, "\n".join(sorted(wrong))


@pytest.mark.parametrize("name", PASSING)
def test_a_fault_that_passes_is_told_or_overcome_and_there_is_one_of_everything(name, calls, plan, sandbox, personas):
    wrong = {
        f"{call}: {fault}"
        for call in calls
        for fault in faults_in_the_end(call, name, flow.order_line(plan, personas.mira), sandbox, personas.mira, times=1)
    }

    assert not wrong, "\n".join(sorted(wrong))


def faults_in_the_end(call: Call, name: str, line: flow.OrderLine, sandbox: Sandbox, by: User, *, times: int | None) -> list[str]:
    """Carry the line out while ``call`` is spoilt, then again without the fault. Return what is wrong after either."""
    sandbox.fault(**call.rule(FAULTS[name], times=times))
    sandbox.wire.patience = SLOW * 0.9 if name == "timeout" else None
    flow.work(line, at=factories.AT)
    wrong = flow.faults_of_state(line, at=factories.AT)
    sandbox.no_more_faults()

    flow.retry_until_settled(line, by=by, at=factories.AT)

    in_doubt = name in IN_DOUBT and call.path.endswith(MAIL)
    return wrong + flow.faults_of_result(line, sandbox, mail_may_be_unconfirmed=in_doubt)


# --- A reseller's new customer: the partner tenant comes first -------------------------------------------------------------

OF_PARTNERS = ("400", "409", "429 long", "500", "timeout", "reset", "garbage", "lost")


def resellers_line(plan: Plan, personas: Personas) -> flow.OrderLine:
    """An order for the first customer of a reseller of its own, which the vendor does not know either."""
    consumer = factories.OrganizationFactory(parent=factories.ResellerFactory())
    return flow.order_line(plan, personas.mira, consumer=consumer)


@pytest.mark.parametrize("name", OF_PARTNERS)
def test_a_fault_at_a_resellers_tenant_is_told_and_after_retry_there_is_one_of_everything(name, plan, sandbox, personas):
    calls = calls_of_a_clean_order(resellers_line(plan, personas), sandbox)
    wrong = set()
    for call in partners_calls(calls):
        line = resellers_line(plan, personas)
        faults = faults_in_the_end(call, name, line, sandbox, personas.mira, times=None)
        number = line.order.consumer.parent.number
        partners = [found for found in sandbox.seen("tenants") if (found["customer_id"] or "").startswith(f"{number}x")]
        if [(found["kind"], found["enabled"]) for found in partners] != [("partner", True)]:
            faults.append(f"partner tenants: {partners}")
        wrong |= {f"{call}: {fault}" for fault in faults}

    assert not wrong, "\n".join(sorted(wrong))


def partners_calls(calls: list[Call]) -> list[Call]:
    """Of the calls of a clean order, those up to the creation of the second tenant, which is the customer's."""
    created = [place for place, call in enumerate(calls) if call.method == "POST" and call.path.endswith("/tenants$")]
    assert len(created) == 2
    return calls[1 : created[1]]  # without the token, which is tried above
