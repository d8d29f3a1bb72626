"""Who is told of what, and each telling until it is taken or given up."""

import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import webhook_sender
from accounts.models import Organization, WebhookDelivery, WebhookEndpoint
from accounts.operations import webhooks
from accounts.webhook_sender import Answer
from common.dispatch import after_commit
from common.errors import DomainError, FieldRefused
from tests import factories
from tests.conftest import Personas

pytestmark = pytest.mark.django_db

AT = factories.AT
TAKEN = Answer(200)
NOT_TAKEN = Answer(500, "Oh no")
Sent = list[tuple[str, bytes, dict[str, str]]]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Sent]:
    """Let every address answer in turn as told, then always as at last; return what is sent."""

    def answers(*answers: Answer) -> Sent:
        left: list[Answer] = list(answers)
        sent: Sent = []

        def post(url: str, *, body: bytes, headers: dict[str, str]) -> Answer:
            assert not connection.in_atomic_block or connection.savepoint_ids == []  # no transaction of ours is open
            sent.append((url, body, headers))
            return left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(webhook_sender, "post", post)
        return sent

    return answers


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the endpoints that are rung; nobody answers."""
    found: list[int] = []

    def ring(name: str, **kwargs: Any) -> None:
        assert name == "accounts.deliver_webhooks"
        found.append(kwargs["endpoint_id"])

    monkeypatch.setattr(webhooks, "after_commit", ring)
    return found


def endpoint(organization: Organization, *told_of: str, **facts: Any) -> WebhookEndpoint:
    wanted = {"url": f"https://hooks.example.com/{organization.number}", "secret": "whsec_s", "created_at": AT, **facts}
    events = list(told_of) or ["order.completed"]
    return WebhookEndpoint.objects.create(organization=organization, told_of=events, **wanted)


def told(*organizations: Organization, event: str = "order.completed") -> list[Organization]:
    """Emit one event about ``organizations``, and return who is told."""
    with transaction.atomic():
        webhooks.emit(event=event, organizations=organizations, payload=lambda: {"number": "O1"}, at=AT)
    return [delivery.endpoint.organization for delivery in WebhookDelivery.objects.order_by("endpoint_id")]


def deliver(where: WebhookEndpoint, at: datetime = AT) -> None:
    webhooks.deliver_due(endpoint_id=where.pk, clock=lambda: at)


# --- Who is told ----------------------------------------------------------------------------------------------------------------


def test_an_event_is_told_to_whose_it_is_to_the_reseller_above_and_to_the_msp(personas: Personas, rung: list[int]) -> None:
    sibling: Any = factories.OrganizationFactory(parent=personas.reseller, name="Sibling")
    everybody = [
        personas.msp,
        personas.reseller,
        personas.resellers_customer,
        personas.other_reseller,
        personas.direct_customer,
        sibling,
    ]
    for one in everybody:
        endpoint(one)

    found = told(personas.resellers_customer)

    assert found == [personas.msp, personas.reseller, personas.resellers_customer]
    assert len(rung) == 3
    assert WebhookDelivery.objects.values("event_id").distinct().count() == 1


def test_only_those_who_asked_for_it_and_are_switched_on_are_told(personas: Personas) -> None:
    endpoint(personas.direct_customer, "order.failed")
    endpoint(personas.direct_customer, is_active=False, url="https://hooks.example.com/off")

    assert told(personas.direct_customer) == []


def test_nothing_is_told_of_what_was_rolled_back(personas: Personas) -> None:
    endpoint(personas.direct_customer)

    with transaction.atomic():
        webhooks.emit(event="order.completed", organizations=[personas.direct_customer], payload=dict, at=AT)
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


def test_where_nobody_is_told_one_question_is_asked(personas: Personas) -> None:
    with CaptureQueriesContext(connection) as questions:
        webhooks.emit(event="order.completed", organizations=[personas.resellers_customer], payload=dict, at=AT)

    assert len(questions) == 1


# --- Telling ----------------------------------------------------------------------------------------------------------------------


def test_a_delivery_says_what_happened_and_is_signed_with_the_moment(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(TAKEN), endpoint(personas.direct_customer, secret="whsec_ünlikely")
    told(personas.direct_customer)

    deliver(where)

    ((url, body, headers),) = sent
    delivery = WebhookDelivery.objects.get()
    said = json.loads(body)
    assert url == where.url
    assert said == {
        "id": str(delivery.event_id),
        "event": "order.completed",
        "happened_at": "2026-10-01T09:00:00+00:00",
        "data": {"number": "O1"},
    }
    expected = hmac.new("whsec_ünlikely".encode(), b"1790845200." + body, hashlib.sha256).hexdigest()
    assert headers["Cloudtill-Signature"] == f"v1={expected}"
    assert headers["Cloudtill-Timestamp"] == "1790845200"
    assert headers["Cloudtill-Event"] == "order.completed"
    assert headers["Cloudtill-Delivery"] == str(delivery.event_id)
    assert (delivery.status, delivery.answered_with, delivery.delivered_at) == ("delivered", 200, AT)


def test_what_is_not_taken_is_tried_again_after_growing_pauses_and_then_given_up(
    personas: Personas, receiver: Callable[..., Sent]
) -> None:
    sent, where = receiver(NOT_TAKEN), endpoint(personas.direct_customer)
    told(personas.direct_customer)

    at, pauses = AT, []
    while (delivery := WebhookDelivery.objects.get()).status == "waiting":
        assert delivery.next_try_at is not None
        pauses.append(delivery.next_try_at - at)
        at = delivery.next_try_at
        deliver(where, at)

    assert pauses == [timedelta(0), *webhooks.PAUSES]
    assert (delivery.status, delivery.attempts, delivery.answered_with, delivery.error) == ("failed", 7, 500, "Oh no")
    assert {body for _, body, _ in sent} == {sent[0][1]}
    assert len({headers["Cloudtill-Signature"] for _, _, headers in sent}) == 7


def test_what_was_taken_or_is_not_due_yet_is_not_sent(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(NOT_TAKEN, TAKEN), endpoint(personas.direct_customer)
    told(personas.direct_customer)

    deliver(where)
    deliver(where, AT + timedelta(seconds=59))
    deliver(where, AT + timedelta(seconds=60))
    deliver(where, AT + timedelta(days=1))

    assert len(sent) == 2


def test_a_round_sends_the_oldest_first_and_ends_with_what_is_not_taken(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(TAKEN, NOT_TAKEN, TAKEN), endpoint(personas.direct_customer, "order.placed", "order.completed")
    for event in ("order.placed", "order.completed", "order.completed"):
        told(personas.direct_customer, event=event)

    deliver(where)
    first = [headers["Cloudtill-Event"] for _, _, headers in sent]
    deliver(where)

    assert first == ["order.placed", "order.completed"]
    assert len(sent) == 3


def test_a_sweep_rings_each_endpoint_that_is_due_once(personas: Personas, rung: list[int]) -> None:
    late, later = endpoint(personas.direct_customer), endpoint(personas.reseller)
    told(personas.direct_customer)
    told(personas.direct_customer)
    told(personas.reseller)
    WebhookDelivery.objects.filter(endpoint=later).update(next_try_at=AT + timedelta(minutes=1))
    rung.clear()

    assert webhooks.sweep(at=AT) == 1
    assert rung == [late.pk]


def test_old_deliveries_are_forgotten_but_not_those_that_wait(personas: Personas) -> None:
    endpoint(personas.direct_customer)
    for status in ("delivered", "failed", "waiting"):
        told(personas.direct_customer)
        newest = WebhookDelivery.objects.order_by("-pk").first()
        WebhookDelivery.objects.filter(pk=newest.pk).update(status=status)  # type: ignore[union-attr]

    assert webhooks.forget_old(at=AT + timedelta(days=90)) == 0
    assert webhooks.forget_old(at=AT + timedelta(days=91)) == 2
    assert webhooks.forget_old(at=AT + timedelta(days=91)) == 0


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_tells_and_the_other_goes_away(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    where, sent = endpoint(personas.direct_customer), []
    told(personas.direct_customer)
    reached, go = threading.Event(), threading.Event()

    def post(url: str, **_: Any) -> Answer:
        sent.append(url)
        reached.set()
        assert go.wait(20)
        return TAKEN

    def work() -> None:
        try:
            deliver(where)
        finally:
            connection.close()

    monkeypatch.setattr(webhook_sender, "post", post)
    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(20)
    deliver(where)
    go.set()
    thread.join(20)

    assert len(sent) == 1
    assert WebhookDelivery.objects.get().status == "delivered"


# --- Endpoints --------------------------------------------------------------------------------------------------------------------


def add(personas: Personas, url: str = "https://hooks.example.com/till", **facts: Any) -> webhooks.NewSecret:
    wanted = {"organization_id": personas.direct_customer.pk, "told_of": ["order.failed", "order.completed"], **facts}
    return webhooks.add_endpoint(url=url, by=personas.dora, at=AT, **wanted)


def test_a_new_endpoint_has_a_secret_that_is_encrypted_at_rest(personas: Personas) -> None:
    made = add(personas)

    row = WebhookEndpoint.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM accounts_webhookendpoint")
        (kept,) = cursor.fetchone()
    assert made.secret.startswith("whsec_")
    assert row.secret == made.secret
    assert made.secret not in kept
    assert made.secret not in repr(made)
    assert row.told_of == ["order.completed", "order.failed"]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"url": "http://hooks.example.com/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"told_of": []}, "told_of"),
        ({"told_of": ["order.eaten"]}, "told_of"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_beside_its_field(personas: Personas, facts: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldRefused) as refused:
        add(personas, **facts)

    assert refused.value.field == field
    assert not WebhookEndpoint.objects.exists()


def test_an_address_is_told_once_and_an_organization_has_ten(personas: Personas) -> None:
    add(personas)

    with pytest.raises(FieldRefused, match="already"):
        add(personas, " https://hooks.example.com/till ")
    for n in range(9):
        add(personas, f"https://hooks.example.com/{n}")
    with pytest.raises(webhooks.TooManyEndpoints):
        add(personas, "https://hooks.example.com/eleven")


def test_switched_off_nothing_that_waited_is_sent(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(TAKEN), endpoint(personas.direct_customer)
    told(personas.direct_customer)

    webhooks.switch(endpoint_id=where.pk, is_active=False)
    webhooks.switch(endpoint_id=where.pk, is_active=True)
    deliver(where)

    assert sent == []
    assert WebhookDelivery.objects.get().error == "The address was switched off."


def test_a_new_secret_signs_from_the_next_delivery_on(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(TAKEN), endpoint(personas.direct_customer)
    told(personas.direct_customer)

    renewed = webhooks.renew_secret(endpoint_id=where.pk)
    deliver(where)

    ((_, body, headers),) = sent
    timestamp = headers["Cloudtill-Timestamp"]
    assert headers["Cloudtill-Signature"] == webhooks.signature(renewed.secret, timestamp=timestamp, body=body)


def test_a_test_event_is_sent_to_that_endpoint_alone_whatever_it_is_told_of(
    personas: Personas, receiver: Callable[..., Sent]
) -> None:
    sent, where = receiver(TAKEN), endpoint(personas.direct_customer)
    endpoint(personas.direct_customer, url="https://hooks.example.com/other")

    webhooks.send_test(endpoint_id=where.pk, at=AT)
    deliver(where)

    ((url, body, headers),) = sent
    assert url == where.url
    assert headers["Cloudtill-Event"] == "ping"
    assert json.loads(body)["event"] == "ping"
    webhooks.switch(endpoint_id=where.pk, is_active=False)
    with pytest.raises(DomainError, match="switched off"):
        webhooks.send_test(endpoint_id=where.pk, at=AT)


def test_sent_again_a_delivery_is_the_same_with_all_its_tries(personas: Personas, receiver: Callable[..., Sent]) -> None:
    sent, where = receiver(TAKEN), endpoint(personas.direct_customer)
    off = endpoint(personas.direct_customer, url="https://hooks.example.com/off")
    told(personas.direct_customer)
    WebhookDelivery.objects.update(status="failed", attempts=7, next_try_at=None, error="Oh no", answered_with=500)
    WebhookEndpoint.objects.filter(pk=off.pk).update(is_active=False)

    again = webhooks.send_again(delivery_ids=list(WebhookDelivery.objects.values_list("pk", flat=True)), at=AT)
    deliver(where)

    assert again == 1
    delivery = WebhookDelivery.objects.get(endpoint=where)
    assert (delivery.status, delivery.attempts, delivery.error) == ("delivered", 1, "")
    assert sent[0][2]["Cloudtill-Delivery"] == str(delivery.event_id)
    assert WebhookDelivery.objects.get(endpoint=off).status == "failed"


def test_a_deleted_endpoint_takes_its_log_along_even_while_it_is_told(personas: Personas, monkeypatch: pytest.MonkeyPatch) -> None:
    where = endpoint(personas.direct_customer)
    told(personas.direct_customer)

    def post(url: str, **_: Any) -> Answer:
        webhooks.delete_endpoint(endpoint_id=where.pk)
        return TAKEN

    monkeypatch.setattr(webhook_sender, "post", post)
    deliver(where)

    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()


def test_the_bell_is_a_task_there_is() -> None:
    from config.celery import app

    app.loader.import_default_modules()

    assert {"accounts.deliver_webhooks", "accounts.sweep_webhooks", "accounts.forget_old"} <= set(app.tasks)
    assert after_commit is not webhooks.after_commit  # these tests ring nobody
