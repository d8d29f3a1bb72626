"""
Requests with an `Idempotency-Key`: done once, answered as often as they are sent.

A row is claimed before anything is done and holds a lease; the answer replaces the lease. Who is killed in between leaves a lease
that runs out, and then the next to ask takes the request up. That the work itself is not done twice is up to the operation: it has
a key of its own, made by `work_key`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db import transaction

from accounts.models import IdempotentRequest, Organization
from common.errors import DomainError

LEASE = timedelta(seconds=30)
KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255
SWEPT_AT_ONCE = 5000

_NAMESPACE = UUID("4b0c3f5e-6f0e-4a52-9a55-7d0c5a3e1c11")


class KeyUsedOtherwise(DomainError):
    """The key was sent before with another request."""


class InProgress(DomainError):
    """The same request is being done at this moment; `retry_after` says for how many seconds at most."""

    def __init__(self, sentence: str, *, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Answered:
    """What was answered before."""

    status_code: int
    body: Any


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do a request, until the lease ends or the answer is kept."""

    request_id: int
    leased_until: datetime


def fingerprint(*, method: str, path: str, body: Any) -> str:
    """Return what tells one request from another, in hex: equal JSON is the same body, however it was spaced and ordered."""
    written = json.dumps([method, path, body], sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(written.encode("utf-8", errors="surrogatepass")).hexdigest()


def work_key(organization: Organization, key: str, fingerprint: str) -> UUID:
    """
    Return the key of what the request makes, always the same for the same request of the same organization.

    The body is part of it: after `KEPT_FOR` a key may come with another one, and must not find what the first one made.
    """
    return uuid5(_NAMESPACE, f"{organization.pk}\n{key}\n{fingerprint}")


@transaction.atomic(durable=True)
def claim(*, organization: Organization, key: str, fingerprint: str, at: datetime) -> Claim | Answered:
    """
    Return the answer that was given to this request, or else the right to do it now.

    :raises KeyUsedOtherwise: the key came with another request.
    :raises InProgress: somebody is doing it, and the lease has not run out.
    """
    leased_until = at + LEASE
    facts = {"fingerprint": fingerprint, "leased_until": leased_until, "created_at": at}
    row, is_new = IdempotentRequest.objects.get_or_create(organization=organization, key=key, defaults=facts)
    if is_new:
        return Claim(row.pk, leased_until)
    found = IdempotentRequest.objects.locked().get(pk=row.pk)
    if found.fingerprint != fingerprint:
        raise KeyUsedOtherwise("This Idempotency-Key was sent before with another request. Use a new key for a new request.")
    if found.status_code is not None:
        return Answered(found.status_code, found.answer)
    assert found.leased_until is not None  # leased or answered
    if found.leased_until > at:
        left = int((found.leased_until - at).total_seconds()) + 1
        raise InProgress("The same request is being done at this moment.", retry_after=left)
    found.leased_until = leased_until
    found.save(update_fields=["leased_until"])
    return Claim(found.pk, leased_until)


@transaction.atomic(durable=True)
def keep(claim: Claim, *, status_code: int, body: Any) -> None:
    """Keep the answer. Whoever's lease ran out and was taken over keeps nothing: the other one will."""
    mine = IdempotentRequest.objects.filter(pk=claim.request_id, leased_until=claim.leased_until)
    mine.update(leased_until=None, status_code=status_code, answer=body)


@transaction.atomic(durable=True)
def give_up(claim: Claim, *, at: datetime) -> None:
    """
    End the lease, because the work broke off: the same request may be sent again at once.

    Another one with this key is still refused; what broke off may have done its work before.
    """
    IdempotentRequest.objects.filter(pk=claim.request_id, leased_until=claim.leased_until).update(leased_until=at)


def forget_old(*, at: datetime) -> int:
    """Delete requests that were first sent `KEPT_FOR` ago, some thousand at once. Return how many; repeated, what is left."""
    old = IdempotentRequest.objects.filter(created_at__lt=at - KEPT_FOR).order_by("pk").values_list("pk", flat=True)
    found = list(old[:SWEPT_AT_ONCE])
    IdempotentRequest.objects.filter(pk__in=found).delete()
    return len(found)
