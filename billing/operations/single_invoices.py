"""
Invoices that are made for an occasion, beside the monthly run: overage at a change, a term in advance, a renewal.

Written as a draft and issued in the next transaction; one that was left a draft by a killed process is issued by a sweep. What they
bill is what is owed less what any document says, so an occasion that comes twice bills once.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from accounts.models import Organization, local_date
from billing.models import Invoice, Subscription
from billing.operations import draft_rows
from billing.operations.drafts import Bill
from billing.operations.invoices import issue_invoice
from common.errors import DomainError
from common.periods import Period

logger = logging.getLogger(__name__)

KINDS = (Invoice.Kind.OVERAGE, Invoice.Kind.ADVANCE, Invoice.Kind.RENEWAL)


def sellers_of(subscription: Subscription) -> list[Organization]:
    """Return who invoices a subscription: the MSP, and the reseller the consumer belongs to."""
    return sellers_to(subscription.consumer)


def sellers_to(consumer: Organization) -> list[Organization]:
    """Return who invoices what ``consumer`` uses: the MSP, then the reseller it belongs to."""
    msp = Organization.objects.get(kind=Organization.Kind.MSP)
    return [msp, consumer.reseller] if consumer.reseller else [msp]


def buyer_of(seller: Organization, consumer: Organization) -> Organization:
    """Return whom ``seller`` invoices for ``consumer``: itself, or the reseller in between."""
    return consumer.reseller if seller.kind == Organization.Kind.MSP and consumer.reseller else consumer


def write_drafts(seller: Organization, bills: Iterable[Bill], *, kind: str, period: Period, at: datetime) -> list[Invoice]:
    """Write a draft for each of ``bills`` that has lines; a step inside the transaction that has locked the buyers."""
    return [draft_rows.write_one(seller=seller, bill=bill, kind=kind, period=period, at=at) for bill in bills if bill.lines]


def issue_all(drafts: Iterable[Invoice], *, at: datetime, by: Any = None) -> list[Invoice]:
    """Issue what was drafted, each in a transaction of its own and dated by its seller's calendar."""
    return [issue_invoice(invoice_id=draft.pk, on=local_date(at, draft.seller), by=by, at=at) for draft in drafts]


def issue_left_over(*, at: datetime, buyers: Iterable[int] | None = None) -> int:
    """Issue drafts of an occasion that a killed process left behind, all or those of ``buyers``; tell how many. Held ones stay."""
    left = Invoice.objects.drafts().filter(kind__in=KINDS, held_for="").select_related("seller").order_by("pk")
    if buyers is not None:
        left = left.filter(buyer__in=list(buyers))
    issued = 0
    for draft in left:
        try:
            issue_all([draft], at=at)
        except DomainError as refusal:
            logger.warning("invoice not issued", extra={"invoice": draft.pk, "reason": str(refusal)})
        else:
            issued += 1
    return issued
