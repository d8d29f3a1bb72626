"""One line carried out: done, tried again, failed, killed, rung twice."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

import psycopg
import pytest
from celery import current_app
from django.db import connection
from post_office.models import Email

from billing.models import Subscription
from common.errors import DomainError
from common.locks import Busy
from ordering.models import OrderLine
from ordering.operations import execution, orders
from provisioning.acronis.errors import AcronisError, CircuitOpen, TransportFailed
from provisioning.models import Service
from provisioning.operations import converging
from tests.killing import until_free
from tests.ordering.conftest import AT

pytestmark = pytest.mark.django_db
SILENCE = "Acronis did not answer POST /tenants in time."


@pytest.fixture(autouse=True)
def nobody_rings(no_worker):
    return no_worker


def execute(line, *, at=AT):
    execution.execute_line(line_id=line.pk, clock=lambda: at)
    line.refresh_from_db()
    line.order.refresh_from_db()


def silent(**facts):
    return TransportFailed(SILENCE, retryable=True, **facts)


def test_a_line_that_converges_starts_its_subscription(shop, vendor_answers):
    converged = vendor_answers(None)
    p = shop.personas
    line = shop.line(owner=p.alice, buyer=p.reseller, consumer=p.resellers_customer)

    execute(line)

    assert converged == [line.service.tenant_id]
    assert (line.status, line.order.status, line.order.completed_at) == ("completed", "completed", AT)
    assert line.next_try_at is None
    assert line.subscription.order_number == line.order.number
    assert (line.subscription.partner_discount_percent, line.subscription.retail_markup_percent) == (20, 30)
    assert line.subscription.consumer == p.resellers_customer
    assert line.service.tenant.users.get().login == "jane.doe"


def test_the_buyer_is_told_that_the_service_is_ready(shop, vendor_answers):
    vendor_answers(None)
    line = shop.line()

    execute(line)

    mail = Email.objects.get(subject__startswith="Your service is ready")
    assert mail.to == ["dora@example.com"]
    assert line.subscription.number in mail.message
    assert line.subscription.number in mail.html_message


def test_no_transaction_is_open_while_the_vendor_is_asked(shop, monkeypatch):
    depths = []
    before = len(connection.savepoint_ids)
    monkeypatch.setattr(converging, "converge", lambda tenant_id, *, clock: depths.append(len(connection.savepoint_ids)))

    execute(shop.line())

    assert depths == [before]


def test_a_line_rung_twice_is_carried_out_once(shop, vendor_answers):
    converged = vendor_answers(None, None)
    line = shop.line()

    execute(line)
    execute(line)

    assert len(converged) == 1
    assert Subscription.objects.count() == 1
    assert Email.objects.filter(subject__startswith="Your service is ready").count() == 1


def test_a_silent_vendor_is_asked_again_after_a_growing_pause(shop, vendor_answers):
    vendor_answers(silent(), silent(), silent(), None)
    line = shop.line()
    pauses, at = [], AT

    for _ in range(3):
        execute(line, at=at)
        pauses.append((line.next_try_at - at).total_seconds())
        at = line.next_try_at

    assert pauses == [10, 30, 120]
    assert (line.status, line.attempts, line.error) == ("executing", 3, SILENCE)

    execute(line, at=at)

    assert (line.status, line.error) == ("completed", "")
    assert Service.objects.count() == 1


def test_a_call_held_back_while_the_vendor_is_down_is_no_try(shop, vendor_answers):
    held_back = CircuitOpen.because_down("POST", "/tenants", last="status 503", seconds=25)
    vendor_answers(*[held_back] * (execution.MAX_ATTEMPTS + 2), None)
    line, at = shop.line(), AT

    for _ in range(execution.MAX_ATTEMPTS + 2):
        execute(line, at=at)
        assert (line.status, line.attempts) == ("executing", 0)
        assert (line.next_try_at - at).total_seconds() == 25
        at = line.next_try_at
    execute(line, at=at)

    assert line.status == "completed"


def test_a_line_is_left_alone_until_its_pause_is_over(shop, vendor_answers):
    converged = vendor_answers(silent())
    line = shop.line()
    execute(line)

    execute(line, at=AT + timedelta(seconds=9))

    assert len(converged) == 1


@pytest.mark.parametrize(("asked", "pause"), [(45, 45), (1, 10), (10**9, 6 * 3600)])
def test_the_pause_the_vendor_asks_for_is_kept_within_reason(shop, vendor_answers, asked, pause):
    vendor_answers(AcronisError("Acronis answered 429.", retryable=True, retry_after=asked))
    line = shop.line()

    execute(line)

    assert (line.next_try_at - AT).total_seconds() == pause


def test_after_the_last_attempt_the_line_and_its_order_fail(shop, vendor_answers):
    converged = vendor_answers(*[silent()] * 20)
    line, at = shop.line(), AT

    while line.status == "executing":
        execute(line, at=at)
        at = line.next_try_at or at

    assert len(converged) == execution.MAX_ATTEMPTS
    assert (line.status, line.order.status, line.next_try_at) == ("failed", "failed", None)
    assert line.error == f"{SILENCE} {execution.RETRY_LATER} We tried 8 times."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (AcronisError("Acronis answered 403: access denied."), f"Acronis answered 403: access denied. {execution.RETRY_LATER}"),
        (DomainError("The login is taken."), "The login is taken."),
    ],
)
def test_what_trying_again_does_not_mend_fails_at_once(shop, vendor_answers, error, sentence):
    vendor_answers(error)
    line = shop.line()

    execute(line)

    assert (line.status, line.order.status, line.error) == ("failed", "failed", sentence)
    assert not Subscription.objects.exists()


def test_a_wish_that_is_refused_fails_the_line(shop, vendor_answers):
    vendor_answers(None)
    line = shop.line()
    OrderLine.objects.update(login="", email="")

    execute(line)

    assert line.status == "failed"
    assert line.error
    assert not Service.objects.exists()


def test_a_bug_is_seen_by_a_person_and_travels_up(shop, vendor_answers):
    vendor_answers(ZeroDivisionError())
    line = shop.line()

    with pytest.raises(ZeroDivisionError):
        execute(line)

    line.refresh_from_db()
    assert (line.status, line.error) == ("failed", execution.UNEXPECTED)


def test_a_busy_tenant_is_no_failed_attempt(shop, vendor_answers):
    vendor_answers(Busy("Another worker is on it."), None)
    line = shop.line()

    execute(line)
    assert (line.status, line.attempts, line.error) == ("executing", 0, "")

    execute(line, at=line.next_try_at)
    assert line.status == "completed"


def test_retry_after_a_failure_goes_on_with_the_same_service(shop, vendor_answers):
    vendor_answers(DomainError("Not offered."), None)
    line = shop.line()
    execute(line)

    orders.retry_order(order_id=line.order_id, by=shop.personas.dora, at=AT)
    execute(line)

    assert line.status == "completed"
    assert Service.objects.count() == 1


def test_an_order_is_complete_with_its_last_line(shop, vendor_answers):
    vendor_answers(None, DomainError("Not offered."))
    first = shop.line()
    second = OrderLine.objects.create(
        order=first.order,
        plan=first.plan,
        plan_name="Second",
        billing_model="pay_as_you_go",
        protection_model="per_gigabyte",
        file_sync_model="per_user",
        status="executing",
        next_try_at=AT,
    )

    execute(first)
    assert first.order.status == "executing"

    execute(second)
    assert second.order.status == "failed"
    assert first.status == "completed"


def test_a_worker_that_comes_too_late_changes_nothing(shop, vendor_answers, monkeypatch):
    line = shop.line()

    def overtaken(tenant_id, *, clock):
        OrderLine.objects.filter(pk=line.pk).update(status="completed", next_try_at=None)
        raise silent()

    monkeypatch.setattr(converging, "converge", overtaken)
    execute(line)

    assert (line.status, line.attempts, line.error) == ("completed", 0, "")


def test_sweep_rings_what_is_due_and_nothing_else(shop, nobody_rings):
    line = shop.line()
    nobody_rings.clear()

    assert execution.sweep(at=AT) == 1
    assert nobody_rings == [line.pk]

    OrderLine.objects.update(next_try_at=AT + timedelta(minutes=1))
    assert execution.sweep(at=AT) == 0

    OrderLine.objects.update(next_try_at=AT, status="failed")
    assert execution.sweep(at=AT) == 0


def test_every_name_that_is_rung_is_a_task():
    current_app.loader.import_default_modules()

    assert {"ordering.execute_line", "ordering.sweep"} <= set(current_app.tasks)


def test_the_task_carries_out_the_line(shop, vendor_answers):
    vendor_answers(None)
    line = shop.line()

    current_app.tasks["ordering.execute_line"].apply(kwargs={"line_id": line.pk, "sent_by_a_newer_release": True}).get()

    line.refresh_from_db()
    assert line.status == "completed"


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_carry_out_one_line_at_once(shop, monkeypatch):
    line = shop.line()
    inside, may_end = Event(), Event()
    entered = []

    def slow(tenant_id, *, clock):
        entered.append(tenant_id)
        inside.set()
        assert may_end.wait(20)

    monkeypatch.setattr(converging, "converge", slow)

    def work():
        try:
            execution.execute_line(line_id=line.pk, clock=lambda: AT)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as workers:
        first = workers.submit(work)
        assert inside.wait(20)
        workers.submit(work).result(20)  # finds the line in good hands and leaves
        may_end.set()
        first.result(20)

    assert len(entered) == 1
    assert Subscription.objects.count() == 1
    line.refresh_from_db()
    assert line.status == "completed"


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_frees_its_line_for_the_next(shop, vendor_answers, nobody_rings):
    line = shop.line()
    nobody_rings.clear()
    worker = _hold_line_in_another_process(line.pk)

    vendor_answers(None)
    execute(line)
    assert line.status == "executing"

    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    until_free(execution.ORDER_LINE, line.pk)

    assert execution.sweep(at=AT) == 1
    assert nobody_rings == [line.pk]
    execute(line)
    assert line.status == "completed"


def _hold_line_in_another_process(line_id):
    """Fork a process that takes the line's lock, as a worker does, and then sleeps for ever. Return its id."""
    settings = connection.get_connection_params()
    url = {name: settings[name] for name in ("host", "port", "user", "password", "dbname") if name in settings}
    ready, tell = os.pipe()
    if (child := os.fork()) == 0:
        with psycopg.connect(**url, autocommit=True) as held:
            held.execute("SELECT pg_advisory_lock(%s, %s)", [execution.ORDER_LINE, line_id])
            os.write(tell, b"!")
            signal.pause()
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    os.close(tell)
    return child
