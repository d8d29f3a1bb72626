"""Months, and what a billing manager does in them, for the scenarios."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from django.db import transaction

from accounts.models import Organization
from billing.models import BillingRun, Invoice, InvoiceLine, Subscription, UsageChange
from billing.operations.invoices import issue_invoice
from billing.operations.runs import run_billing
from common.periods import Period
from tests.billing.making import OCTOBER

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
DECEMBER = Period(date(2026, 12, 1), date(2027, 1, 1))
NOVEMBER_2 = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NOVEMBER_10 = datetime(2026, 11, 10, 9, 0, tzinfo=UTC)
DECEMBER_1 = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
JANUARY_1 = datetime(2027, 1, 1, 9, 0, tzinfo=UTC)
RUN_AT = {OCTOBER: NOVEMBER_2, NOVEMBER: DECEMBER_1, DECEMBER: JANUARY_1}


def bill(seller: Organization, period: Period = OCTOBER, *, at: datetime | None = None, **facts: Any) -> BillingRun:
    return run_billing(seller_id=seller.pk, period=period, at=at or RUN_AT[period], **facts)


def issue_drafts(on: date = date(2026, 11, 2)) -> list[Invoice]:
    drafts = Invoice.objects.drafts().order_by("pk").values_list("pk", flat=True)
    return [issue_invoice(invoice_id=draft, on=on, by=None) for draft in list(drafts)]


def billed_and_issued(seller: Organization) -> Invoice:
    """The one invoice of October, issued on 2 November."""
    bill(seller)
    (issued,) = issue_drafts()
    return issued


def mark(subscription: Subscription, month: Period = OCTOBER, *, at: datetime = NOVEMBER_10) -> None:
    """Note that readings of ``month`` changed after it was over, as loading a report does."""
    UsageChange.objects.update_or_create(tenant=subscription.service.tenant, month=month.start, defaults={"changed_at": at})


def rows() -> list[tuple[Any, ...]]:
    """Every invoice and line there is with all its columns, keys included."""
    return [
        *Invoice.objects.order_by("pk").values_list(),
        *InvoiceLine.objects.order_by("pk").values_list(),
    ]


def told(period: Period = OCTOBER, **which: Any) -> list[tuple[Any, ...]]:
    """Item, first day, end and net of the lines on the invoices of ``period``, in their order."""
    lines = InvoiceLine.objects.filter(invoice__period_start=period.start, **which)
    return list(lines.order_by("invoice", "position").values_list("item", "period_start", "period_end", "net"))


@contextmanager
def forgotten() -> Iterator[None]:
    """Undo what one example wrote. No atomic block, in which use cases, that own their transactions, would refuse to run."""
    before = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(before)
