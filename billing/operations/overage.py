"""
Overage at its moments: what a subscription used above its quota this month so far is invoiced, and nothing of it twice.

Source: seed text 004, “Billing of over-consumed quota”: “an unpaid invoice will be generated if the customer has exceeded his soft
quota limit”, from: service due for renewal, upgrade service, upgrade/downgrade quantity, generate invoice, term upgrade. The
monthly run bills what is left of a month when it is over.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from accounts.models import Organization, User, local_date
from billing.models import Invoice, Subscription
from billing.operations import drafts
from billing.operations.drafts import Bill
from billing.operations.single_invoices import buyer_of, issue_all, issue_left_over, sellers_of, write_drafts
from billing.queries import sold
from billing.queries.open_overage import open_overage
from common.periods import Period

logger = logging.getLogger(__name__)


class Moment(StrEnum):
    RENEWAL = "renewal"
    UPGRADE = "upgrade"
    QUANTITY = "quantity"
    TERM = "term"
    GENERATE_INVOICE = "generate_invoice"


CHANGES = frozenset({Moment.UPGRADE, Moment.QUANTITY, Moment.TERM})
"""The day of a change counts under what is new: before it is billed what was used up to the day before."""


def bill_overage(*, subscription_id: int, moment: Moment, at: datetime, by: User | None) -> list[Invoice]:
    """
    Invoice what the subscription used above its quota this month, up to the last reading, by each of its sellers, and issue it;
    before a change, up to yesterday's.

    Nothing used above it, or all of it billed: no invoice. Repeated at any moment, only what was used since. Opens transactions of
    its own; killed in between, a draft is left that `issue_left_over` issues.

    :raises OverageNotBilled: a price is missing.
    """
    subscription = Subscription.objects.select_related("consumer__parent").get(pk=subscription_id)
    sellers = sellers_of(subscription)
    issue_left_over(at=at, buyers=[buyer_of(seller, subscription.consumer).pk for seller in sellers])
    is_change = moment in CHANGES
    written = [invoice for seller in sellers for invoice in _draft(seller, subscription, is_change=is_change, at=at)]
    issued = issue_all(written, at=at, by=by)
    logger.info("overage billed", extra={"subscription": subscription.number, "moment": moment, "invoices": len(issued)})
    return issued


@dataclass(frozen=True, slots=True)
class OverageDue:
    """What one seller has still to bill a buyer, one bill per currency; ``days`` are those of this month that were looked at."""

    seller: Organization
    buyer: Organization
    days: Period
    bills: Collection[Bill]


def overage_due(*, subscription_id: int, at: datetime) -> list[OverageDue]:
    """
    Return what `bill_overage` would invoice now, by seller, where nothing changes. Writes nothing.

    :raises OverageNotBilled: a price is missing.
    """
    subscription = Subscription.objects.select_related("consumer__parent").get(pk=subscription_id)
    sides = [(seller, buyer_of(seller, subscription.consumer)) for seller in sellers_of(subscription)]
    return [_due(seller, buyer, subscription, at=at) for seller, buyer in sides]


@transaction.atomic(durable=True)
def _draft(seller: Organization, subscription: Subscription, *, is_change: bool, at: datetime) -> list[Invoice]:
    """Write what one seller has still to bill of it as a draft; none where nothing is."""
    buyer = Organization.objects.locked().get(pk=buyer_of(seller, subscription.consumer).pk)
    due = _due(seller, buyer, subscription, is_change=is_change, at=at)
    return write_drafts(seller, due.bills, kind=Invoice.Kind.OVERAGE, period=due.days, at=at)


def _due(
    seller: Organization, buyer: Organization, subscription: Subscription, *, is_change: bool = False, at: datetime
) -> OverageDue:
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    month = Period.month_of(today)
    (one,) = sold.read(drafts.subscriptions_of(seller).filter(pk=subscription.pk), before=month.end)
    bills: dict[tuple[int, int, str], Bill] = {}
    due = OverageDue(seller, buyer, Period(month.start, today + timedelta(days=1)), bills.values())
    level = drafts.level_of(seller, buyer)
    found = open_overage(one, seller=seller, level=level, currency=buyer.currency, today=today, is_change=is_change)
    if found is not None:
        treated = drafts.treatment_of(seller, buyer)
        drafts.add_lines(bills, found.charged, found.billed, found.book.taxes, treated, month)
    return due
