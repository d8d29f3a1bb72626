"""Ordering against the real client on the sandbox: the login is asked for, the line converges, the page tells."""

from uuid import uuid4

import pytest

from ordering.models import Order, OrderLine
from ordering.operations import execution, orders
from provisioning.models import TenantUser
from provisioning.operations import converging
from tests import factories
from tests.ordering.conftest import AT, Shop

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture
def shop(personas, acronis):
    plan = factories.PlanFactory(service_manager=acronis.service_manager)
    made = Shop(personas=personas, plan=plan, terms=factories.TermsDocumentFactory())
    made.sells_through(personas.reseller)
    return made


def execute(line):
    execution.execute_line(line_id=line.pk, clock=lambda: AT)
    line.refresh_from_db()


def test_an_order_for_a_resellers_customer_is_carried_out(shop, acronis):
    p = shop.personas
    line = shop.line(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    execute(line)

    assert (line.status, line.error) == (OrderLine.Status.COMPLETED, "")
    assert {"Alster IT", "Café Carol"} <= {tenant["name"] for tenant in acronis.seen("tenants")}
    page = p.client("alice").get(f"/orders/{line.order.number}/").content.decode()
    assert page.count('<li class="done">') > 5
    assert "Manage Your Service" in page
    mine = p.client("carol").get(f"/orders/{line.order.number}/").content.decode()
    assert mine.count('<li class="done">') < page.count('<li class="done">')  # the partner tenant is the reseller's business


def test_the_live_check_knows_the_logins_of_the_vendor(shop):
    p = shop.personas
    execute(shop.line())
    TenantUser.objects.update(login="somebody.else")  # so that only the vendor can know
    OrderLine.objects.update(login="")
    shop.basket(owner=p.carol, buyer=p.resellers_customer)
    carol = p.client("carol")

    assert carol.post("/login-check/", {"login": "jane.doe"}).json()["free"] is False
    assert carol.post("/login-check/", {"login": "max.mustermann"}).json()["free"] is True


def test_a_vendor_that_is_down_is_asked_again_and_then_serves(shop, acronis):
    line = shop.line()
    acronis.fault(path=".*", status=503, times=100)

    execute(line)
    assert (line.status, line.attempts) == (OrderLine.Status.EXECUTING, 1)
    page = shop.personas.client("dora").get(f"/orders/{line.order.number}/").content.decode()
    assert "503" in page
    assert "We try again at" in page

    acronis.no_more_faults()
    execution.execute_line(line_id=line.pk, clock=lambda: line.next_try_at)
    line.refresh_from_db()
    assert line.status == OrderLine.Status.COMPLETED


def test_a_login_taken_between_check_and_creation_is_changed_and_retried(shop):
    p = shop.personas
    execute(shop.line())
    TenantUser.objects.update(login="somebody.else")
    OrderLine.objects.update(login="")
    line = shop.line(owner=p.carol, buyer=p.resellers_customer)

    execute(line)
    assert line.status == OrderLine.Status.FAILED
    assert "jane.doe is taken at Acronis" in line.error

    carol = p.client("carol")
    carol.post(f"/orders/{line.order.number}/service/", {"login": "carol.c", "email": "carol@example.com"})
    carol.post(f"/orders/{line.order.number}/retry/")
    execute(line)
    assert (line.status, line.error) == (OrderLine.Status.COMPLETED, "")
    assert Order.objects.get(pk=line.order_id).status == Order.Status.COMPLETED


def test_a_begun_order_that_is_cancelled_leaves_nothing_at_the_vendor_and_frees_its_login(shop, acronis):
    line = shop.line()
    acronis.fault(method="POST", path="/users$", status=403, times=1)
    execute(line)
    assert line.status == OrderLine.Status.FAILED
    assert "Dora Design" in {tenant["name"] for tenant in acronis.seen("tenants")}

    orders.cancel_order(order_id=line.order_id, by=shop.personas.dora, at=AT)
    converging.converge(line.service.tenant_id, clock=lambda: AT)

    assert "Dora Design" not in {tenant["name"] for tenant in acronis.seen("tenants")}
    again = shop.line()  # with the same login
    execute(again)
    assert again.status == OrderLine.Status.COMPLETED


def test_an_order_from_the_bss_is_carried_out(shop, acronis):
    p = shop.personas
    order = orders.create_order(
        key=uuid4(),
        consumer=p.direct_customer,
        plan=shop.plan,
        protection_model="per_workload",
        file_sync_model="per_workload",
        login="dora",
        email="dora@example.com",
        role="company_admin",
        by=p.mira,
        at=AT,
    )
    orders.execute_order(order_id=order.pk, by=p.mira, at=AT)

    execute(order.lines.get())

    order.refresh_from_db()
    assert order.status == Order.Status.COMPLETED
    assert [mail["to"] for mail in acronis.seen("mails")] == ["dora@example.com"]
