"""
Webhooks: who is told of what, and each telling until it is taken or given up.

`emit` writes rows inside the transaction of what happened, so nothing is told that did not happen, and nothing that happened is
forgotten. The rows say what is due; a message only rings, and a sweep rings what was lost. One worker at a time is on an endpoint,
by a lock that ends with its database session: what one address takes long for holds up nobody else's.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from accounts import webhook_sender
from accounts.models import Organization, User, WebhookDelivery, WebhookEndpoint
from common.dispatch import after_commit
from common.errors import DomainError, FieldRefused
from common.locks import Busy, alone

Clock = Callable[[], datetime]

WEBHOOKS = 12  # see common/locks.py

PING = "ping"
"""What a test of an endpoint is called; nobody subscribes to it."""

# The pause after each failed try. After the last it is given up, and a person may send it again.
PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    timedelta(hours=24),
)
MAX_ATTEMPTS = len(PAUSES) + 1

MOST_ENDPOINTS = 10
"""Of one organization."""

ROUND = timedelta(seconds=40)
"""After so long no further delivery begins; the next sweep goes on with the endpoint."""
SWEEP_LIMIT = 200
KEPT_FOR = timedelta(days=90)
SWEPT_AT_ONCE = 5000


class TooManyEndpoints(DomainError):
    """The organization has as many endpoints as it may."""


@dataclass(frozen=True, slots=True)
class NewSecret:
    """An endpoint with what signs its deliveries, to be shown now or never."""

    row: WebhookEndpoint
    secret: str = field(repr=False)


# --- Telling --------------------------------------------------------------------------------------------------------------


def emit(*, event: str, organizations: Collection[Organization], payload: Callable[[], Mapping[str, Any]], at: datetime) -> None:
    """
    Have everybody told who wants to know: a step inside the transaction of what happened. One query where nobody does.

    Told are the endpoints of ``organizations``, of the resellers they belong to, and of the MSP.

    :param event: a `WebhookEndpoint.Event`.
    :param payload: says what happened, asked only where somebody is told: plain JSON that all of them may read. Numbers, states and
        addresses, never a price.
    """
    concerned = {organization.pk for organization in organizations}
    parents = {organization.parent_id for organization in organizations if organization.parent_id is not None}
    told = WebhookEndpoint.objects.filter(
        Q(organization__in=concerned | parents) | Q(organization__kind=Organization.Kind.MSP),
        is_active=True,
        told_of__contains=[event],
    )
    endpoints = list(told)
    if endpoints:
        _write(endpoints, event=event, payload=payload(), at=at)


def deliver_due(*, endpoint_id: int, clock: Clock) -> None:
    """
    Send what is due to an endpoint, the oldest first, if no other worker is on it; otherwise return.

    A round ends with the first that is not taken, so that an address nobody answers at costs one try at a time. No transaction is
    open while one is sent. Killed between the answer and its row, it is sent once more: receivers tell repeats by their id.
    """
    try:
        with alone(WEBHOOKS, endpoint_id):
            ends_at = clock() + ROUND
            while (delivery := _next_due(endpoint_id, at=clock())) is not None and clock() < ends_at:
                if not _deliver(delivery, clock=clock):
                    return
    except Busy:
        return  # it is in good hands, and swept again if those are killed


def sweep(*, at: datetime) -> int:
    """Ring the endpoints that something is due for: lost messages, killed workers, pauses that are over. Return how many."""
    due = WebhookDelivery.objects.due(at).order_by().values_list("endpoint", flat=True).distinct()
    endpoints = sorted(due)[:SWEEP_LIMIT]
    for endpoint_id in endpoints:
        after_commit("accounts.deliver_webhooks", endpoint_id=endpoint_id)
    return len(endpoints)


def forget_old(*, at: datetime) -> int:
    """Delete deliveries that have been over for `KEPT_FOR`, some thousand at once. Return how many; repeated, what is left."""
    over = WebhookDelivery.objects.exclude(status=WebhookDelivery.Status.WAITING).filter(created_at__lt=at - KEPT_FOR)
    old = list(over.order_by("pk").values_list("pk", flat=True)[:SWEPT_AT_ONCE])
    WebhookDelivery.objects.filter(pk__in=old).delete()
    return len(old)


@sensitive_variables("secret")
def signature(secret: str, *, timestamp: str, body: bytes) -> str:
    """Return what the header Cloudtill-Signature says: `v1=` and the HMAC-SHA256, in hex, of timestamp, a dot, and the body."""
    return "v1=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


# --- Endpoints --------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def add_endpoint(*, organization_id: int, url: str, told_of: Collection[str], by: User, at: datetime) -> NewSecret:
    """
    Tell an address of what happens from now on. Not repeatable: the same address again is refused, so a form sent twice adds one.

    :raises FieldRefused: an address nothing may be sent to, or that is there already; no event, or an unknown one.
    :raises TooManyEndpoints: the organization has `MOST_ENDPOINTS`.
    """
    organization = Organization.objects.locked().get(pk=organization_id)
    url = _checked(url, told_of)
    mine = WebhookEndpoint.objects.filter(organization=organization)
    if mine.filter(url=url).exists():
        raise FieldRefused("url", "This address is told already. Change what it is told of there.")
    if mine.count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints(f"{organization} has {MOST_ENDPOINTS} addresses. Delete one that is not needed any more.")
    secret = _new_secret()
    row = WebhookEndpoint.objects.create(
        organization=organization, url=url, secret=secret, told_of=sorted(told_of), created_by=by, created_at=at
    )
    return NewSecret(row, secret)


@transaction.atomic(durable=True)
def change_endpoint(*, endpoint_id: int, url: str, told_of: Collection[str], is_active: bool) -> WebhookEndpoint:
    """
    Change where and of what an endpoint is told. Switched off it is told nothing, and what waited for it is given up.

    :raises FieldRefused: as `add_endpoint`.
    """
    endpoint = _locked(endpoint_id)
    url = _checked(url, told_of)
    if WebhookEndpoint.objects.filter(organization=endpoint.organization_id, url=url).exclude(pk=endpoint.pk).exists():
        raise FieldRefused("url", "Another entry has this address already.")
    endpoint.url, endpoint.told_of, endpoint.is_active = url, sorted(told_of), is_active
    endpoint.save(update_fields=["url", "told_of", "is_active"])
    if not is_active:
        _give_up_waiting(endpoint)
    return endpoint


@transaction.atomic(durable=True)
def switch(*, endpoint_id: int, is_active: bool) -> WebhookEndpoint:
    """Switch an endpoint on or off; what waited for it is given up when it is switched off. Repeated, nothing."""
    endpoint = _locked(endpoint_id)
    endpoint.is_active = is_active
    endpoint.save(update_fields=["is_active"])
    if not is_active:
        _give_up_waiting(endpoint)
    return endpoint


@transaction.atomic(durable=True)
def renew_secret(*, endpoint_id: int) -> NewSecret:
    """Sign with a new secret from the next delivery on, repeats of old ones included. The old secret is worth nothing any more."""
    endpoint = _locked(endpoint_id)
    secret = _new_secret()
    endpoint.secret = secret
    endpoint.save(update_fields=["secret"])
    return NewSecret(endpoint, secret)


@transaction.atomic(durable=True)
def delete_endpoint(*, endpoint_id: int) -> None:
    """Delete an endpoint with its log. Repeated, nothing."""
    WebhookEndpoint.objects.filter(pk=endpoint_id).delete()


@transaction.atomic(durable=True)
def send_test(*, endpoint_id: int, at: datetime) -> WebhookDelivery:
    """
    Send an endpoint the event `ping`, which says nothing. Each call sends another.

    :raises DomainError: the endpoint is switched off.
    """
    endpoint = _locked(endpoint_id)
    if not endpoint.is_active:
        raise DomainError("This address is switched off. Switch it on to test it.")
    (delivery,) = _write([endpoint], event=PING, payload={"message": "This is a test. Nothing has happened."}, at=at)
    return delivery


@transaction.atomic(durable=True)
def send_again(*, delivery_ids: Collection[int], at: datetime) -> int:
    """
    Send deliveries once more with all their tries, with the same id, whatever became of them before; tell how many.

    Those that are on their way anyway are tried now. Those of endpoints that are switched off are left out.
    """
    chosen = WebhookDelivery.objects.filter(pk__in=delivery_ids, endpoint__is_active=True)
    rows = list(chosen.locked())
    for row in rows:
        row.status, row.attempts, row.next_try_at, row.error = WebhookDelivery.Status.WAITING, 0, at, ""
        row.answered_with = row.delivered_at = None
        row.save(update_fields=["status", "attempts", "next_try_at", "error", "answered_with", "delivered_at"])
    _ring({row.endpoint_id for row in rows})
    return len(rows)


# Steps: inside the caller's transaction


def _write(endpoints: Iterable[WebhookEndpoint], *, event: str, payload: Mapping[str, Any], at: datetime) -> list[WebhookDelivery]:
    """Write one event for each endpoint, and ring. All of them are told the same id, as it is the same event."""
    event_id = uuid4()
    envelope = {"id": str(event_id), "event": event, "happened_at": at.isoformat(), "data": dict(payload)}
    rows = WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(endpoint=endpoint, event_id=event_id, event=event, payload=envelope, next_try_at=at, created_at=at)
            for endpoint in endpoints
        ]
    )
    _ring({row.endpoint_id for row in rows})
    return rows


def _ring(endpoints: Iterable[int]) -> None:
    for endpoint_id in sorted(endpoints):
        after_commit("accounts.deliver_webhooks", endpoint_id=endpoint_id)  # a sweep rings what was lost


def _locked(endpoint_id: int) -> WebhookEndpoint:
    return WebhookEndpoint.objects.select_for_update(of=("self",), no_key=True).get(pk=endpoint_id)


def _checked(url: str, told_of: Collection[str]) -> str:
    url = url.strip()
    try:
        webhook_sender.checked_address(url)
    except webhook_sender.AddressRefused as refusal:
        raise FieldRefused("url", str(refusal)) from None
    if not told_of or set(told_of) - set(WebhookEndpoint.Event.values):
        raise FieldRefused("told_of", "Choose what the address is told of.")
    return url


def _new_secret() -> str:
    return "whsec_" + secrets.token_urlsafe(32)


def _give_up_waiting(endpoint: WebhookEndpoint) -> None:
    waiting = WebhookDelivery.objects.filter(endpoint=endpoint, status=WebhookDelivery.Status.WAITING)
    waiting.update(status=WebhookDelivery.Status.FAILED, next_try_at=None, error="The address was switched off.")


# Each in a transaction of its own


def _next_due(endpoint_id: int, *, at: datetime) -> WebhookDelivery | None:
    return WebhookDelivery.objects.due(at).filter(endpoint=endpoint_id).select_related("endpoint").order_by("pk").first()


@sensitive_variables()
def _deliver(delivery: WebhookDelivery, *, clock: Clock) -> bool:
    """Send one delivery and keep what came of it. Tell whether it was taken."""
    at = clock()
    timestamp = str(int(at.timestamp()))
    body = json.dumps(delivery.payload, separators=(",", ":"), ensure_ascii=False).encode()
    headers = {
        "User-Agent": "Cloudtill-Webhooks/1",
        "Cloudtill-Event": delivery.event,
        "Cloudtill-Delivery": str(delivery.event_id),
        "Cloudtill-Timestamp": timestamp,
        "Cloudtill-Signature": signature(delivery.endpoint.secret, timestamp=timestamp, body=body),
        "Content-Type": "application/json",
    }
    answer = webhook_sender.post(delivery.endpoint.url, body=body, headers=headers)
    _record(delivery.pk, answer, at=clock())
    return answer.is_taken


@transaction.atomic(durable=True)
def _record(delivery_id: int, answer: webhook_sender.Answer, *, at: datetime) -> None:
    """Keep how a try went, unless the delivery was deleted or given up meanwhile."""
    delivery = WebhookDelivery.objects.locked().filter(pk=delivery_id, status=WebhookDelivery.Status.WAITING).first()
    if delivery is None:
        return
    delivery.attempts += 1
    delivery.answered_with, delivery.error = answer.status, answer.error
    if answer.is_taken:
        delivery.status, delivery.next_try_at, delivery.delivered_at = WebhookDelivery.Status.DELIVERED, None, at
    elif delivery.attempts >= MAX_ATTEMPTS:
        delivery.status, delivery.next_try_at = WebhookDelivery.Status.FAILED, None
    else:
        delivery.next_try_at = at + PAUSES[delivery.attempts - 1]
    delivery.save(update_fields=["attempts", "answered_with", "error", "status", "next_try_at", "delivered_at"])
