"""Kill the worker after any answer of the vendor while it changes a subscription: the next one ends it, and nothing twice."""

from unittest.mock import patch
from uuid import uuid4

import pytest

from ordering.amendment_terms import AmendmentWish
from ordering.models import OrderLine
from ordering.operations import amendments, orders
from provisioning.models import ServiceManager
from provisioning.operations import connection as manager_connection
from provisioning.planning.choosing import ItemWish
from provisioning.planning.values import GIB, Limit
from tests import factories
from tests.flows.test_sigkill import run_workers
from tests.ordering.amend import started
from tests.provisioning.served import Served, served

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

AFTER = (2, 4, 5, 7)
"""Answers after which a worker is killed: while it looks, before and after the vendor took the change, while it looks again."""


@pytest.fixture
def manager(db: None, sandbox_process: str) -> ServiceManager:
    made = factories.ServiceManagerFactory(base_url=sandbox_process, client_id="till", client_secret="s3cret", root_tenant_id=None)
    manager_connection.test_connection(service_manager_id=made.pk, at=factories.AT)
    manager_connection.fetch_services_definition(service_manager_id=made.pk, at=factories.AT)
    made.refresh_from_db()
    return made


def test_a_worker_killed_after_any_answer_changes_vendor_and_subscription_together(manager, personas):
    plan = factories.FixedPlanFactory(service_manager=manager)
    customers = [served(manager, covers="chosen", items=storage()) for _ in AFTER]
    with patch("common.dispatch.signature"):  # nobody is rung; the workers are started below
        lines = [line_for_two(it, plan, personas) for it in customers]

    done = run_workers([f"line:{line.pk}:{n}" for n, line in zip(AFTER, lines, strict=True)])

    assert list(done.values()).count("killed") == len(AFTER), done
    assert set(OrderLine.objects.values_list("status", "order__status")) == {("completed", "completed")}
    for it, line in zip(customers, lines, strict=True):
        subscription = line.subscription
        subscription.refresh_from_db()
        assert (subscription.quantity, it.quotas["pg_base_storage"]) == (2, (100 * GIB, 20 * GIB))
        assert list(subscription.phases.order_by("pk").values_list("quantity", flat=True)) == [1, 2]


def storage():
    """What the plan's module setting says: 50 GB and 10 above."""
    return {"pg_base_storage": ItemWish(limit=Limit(50 * GIB, 10 * GIB))}


def line_for_two(it: Served, plan, personas) -> OrderLine:
    """A change to two units, in progress."""
    subscription = started(it.service, plan)
    facts = {
        "subscription_id": subscription.pk,
        "wish": AmendmentWish("quantity", quantity=2),
        "reader": None,
        "at": factories.AT,
    }
    seen = amendments.quote_amendment(**facts).fingerprint
    order = amendments.place_amendment(quote_seen=seen, source="bss", key=uuid4(), by=personas.mira, **facts)
    orders.execute_order(order_id=order.pk, by=personas.mira, at=factories.AT)
    return order.lines.select_related("subscription").get()
