"""Acting as a customer's person: its beginning and its end, each recorded."""

import logging
from datetime import datetime

from django.db import transaction

from accounts.models import ActingAs, Organization, User
from accounts.queries.acting_as import why_not
from common.errors import DomainError, FieldRefused

logger = logging.getLogger(__name__)


class MayNotActAs(DomainError):
    """These staff may not act as this person for this organization."""


@transaction.atomic(durable=True)
def begin_acting_as(
    *, staff: User, person: User, organization: Organization, reason: str, address: str | None, at: datetime
) -> ActingAs:
    """
    Record that ``staff`` act as ``person`` for ``organization`` from ``at`` on, for at most an hour.

    A member of staff acts as one person at a time: another time that goes on, in another browser, ends here.

    :raises MayNotActAs: no permission, or a person who does not act for the organization, may not sign in, or is staff.
    :raises FieldRefused: no reason is given.
    """
    if not (reason := reason.strip()):
        raise FieldRefused("reason", "Say why you act as this person; it is recorded.")
    User.objects.select_for_update(no_key=True).get(pk=staff.pk)  # two beginnings of one member of staff come one after the other
    if sentence := why_not(staff=staff, person=person, organization=organization):
        raise MayNotActAs(sentence)
    for earlier in ActingAs.objects.locked().filter(staff=staff, ended_at__isnull=True):
        _end(earlier, at)
    row = ActingAs.objects.create(
        staff=staff, person=person, organization=organization, reason=reason, address=address, began_at=at
    )
    logger.info("acting as a customer began", extra={"acting_as": row.pk, "staff": staff.pk})
    return row


@transaction.atomic(durable=True)
def end_acting_as(*, acting_as_id: int, at: datetime) -> None:
    """Record that it is over since ``at``, at the latest since its hour was over; repeated, nothing."""
    row = ActingAs.objects.locked().get(pk=acting_as_id)
    if row.ended_at is None:
        _end(row, at)


# Steps: inside the caller's transaction


def _end(row: ActingAs, at: datetime) -> None:
    row.ended_at = max(row.began_at, min(at, row.ends_by))
    row.save(update_fields=["ended_at"])
    logger.info("acting as a customer ended", extra={"acting_as": row.pk, "staff": row.staff_id})
