"""Holding drafts back, by the rules of their run or by hand, and releasing them."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pghistory
from django.db import connection, transaction

from accounts.models import User
from billing.holding import BY_HAND, Rules, reason_to_hold
from billing.models import BillingRun, Invoice
from billing.queries import hold_facts, runs
from common.errors import DomainError

logger = logging.getLogger(__name__)

LONGEST_REASON = 500
WRITTEN_AT_ONCE = 500


class NotADraft(DomainError):
    """The invoice is issued; only a draft can be held."""


def apply_hold_rules(run: BillingRun, *, at: datetime, buyers: Sequence[int] | None = None) -> int:
    """
    Hold the drafts of ``run``, or those of ``buyers``, that break its rules, let go those that no longer do; tell how many changed.

    What a person holds by hand stays held. What somebody released is not held again for the same reason. Repeated, it writes
    nothing. Opens transactions of its own, each for a batch of drafts.
    """
    changes = _changes(run, Rules.from_json(run.rules), buyers)
    ids = list(changes)
    for start in range(0, len(ids), WRITTEN_AT_ONCE):
        _write({pk: changes[pk] for pk in ids[start : start + WRITTEN_AT_ONCE]})
    logger.info("hold rules applied", extra={"run": run.pk, "changed": len(changes), "at": at.isoformat()})
    return len(changes)


@transaction.atomic(durable=True)
def release_drafts(*, run_id: int, invoices: Sequence[int] | None = None, by: User) -> int:
    """Let the held drafts of a run be issued, or those of ``invoices`` among them; tell how many were held. Repeated: none."""
    held = runs.held(BillingRun.objects.get(pk=run_id))
    if invoices is not None:
        held = held.filter(pk__in=invoices)
    with pghistory.context(operation=hold_facts.RELEASE, user=by.pk):
        ids = list(held.locked().values_list("pk", flat=True))
        Invoice.objects.filter(pk__in=ids).update(held_for="")
    return len(ids)


@transaction.atomic(durable=True)
def hold_draft(*, invoice_id: int, reason: str, by: User) -> Invoice:
    """
    Keep a draft from being issued until somebody releases it. Repeated, the newest reason counts.

    :raises NotADraft: it is issued.
    """
    invoice: Any = Invoice.objects.locked().get(pk=invoice_id)
    if invoice.status != Invoice.Status.DRAFT:
        raise NotADraft(f"Invoice {invoice.number} is issued; only a draft can be held back.")
    with pghistory.context(operation="hold_draft", user=by.pk):
        invoice.held_for = f"{BY_HAND}{reason}"[:LONGEST_REASON]
        invoice.save(update_fields=["held_for"])
    found: Invoice = invoice
    return found


# --- Steps ----------------------------------------------------------------------------------------------------------------


def _changes(run: BillingRun, rules: Rules, buyers: Sequence[int] | None) -> dict[int, str]:
    """Return the drafts whose reason to be held is another than the one they have, with that reason."""
    if rules.holds_nothing:
        held = runs.held(run).exclude(held_for__startswith=BY_HAND)
        return dict.fromkeys(held.values_list("pk", flat=True), "")
    changes: dict[int, str] = {}
    for draft in hold_facts.drafts_with_facts(run, rules, buyers=buyers):
        if draft.held_for.startswith(BY_HAND):
            continue
        reason = reason_to_hold(rules, draft.facts)[:LONGEST_REASON]
        if reason != draft.held_for:
            changes[draft.pk] = reason
    for pk, reasons in hold_facts.released_reasons([pk for pk, reason in changes.items() if reason]).items():
        if changes[pk] in reasons:
            del changes[pk]
    return changes


@transaction.atomic(durable=True)
def _write(reasons: dict[int, str]) -> None:
    """Write many reasons by one statement; one CASE for each draft would take longer than all the rest."""
    drafts = list(
        Invoice.objects.drafts().locked().filter(pk__in=reasons).values_list("pk", flat=True)
    )  # not those issued meanwhile
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE billing_invoice SET held_for = told.reason"
            " FROM unnest(%s::bigint[], %s::text[]) AS told (id, reason) WHERE billing_invoice.id = told.id",
            [drafts, [reasons[pk] for pk in drafts]],
        )
