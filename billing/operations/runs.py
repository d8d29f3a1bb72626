"""
The billing run: what one seller's buyers owe for a month.

For each buyer it computes what should be on the invoices of the month, compares that with what is, and writes only the
difference to a draft: run twice, nothing; late usage after issuing, an adjustment. Buyers are billed in batches, each batch a
transaction of its own that locks its buyers first, so a run may be killed anywhere and run again, or run twice at once.
"""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count

from accounts.models import Organization, local_date
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import draft_rows, drafts
from common.errors import DomainError
from common.periods import Period

logger = logging.getLogger(__name__)

SUBSCRIPTIONS_PER_BATCH = 200  # with ten items and a month of days each some 60,000 readings, about 50 MB while they are rated


class NotACalendarMonth(DomainError):
    """Pay-as-you-go is billed by the calendar month; other periods would overlap."""


class PeriodNotOver(DomainError):
    """The month has not ended yet where the seller keeps its days."""


def run_billing(*, seller_id: int, period: Period, at: datetime) -> BillingRun:
    """
    Bring the drafts of ``seller_id`` for ``period``, a calendar month that is over, to what its buyers owe.

    Repeating it writes only what changed since. A buyer that cannot be billed is parked with the reason, keeps what it had,
    and the run goes on; billed by a later run, it is parked no more. Opens transactions of its own.

    :raises NotACalendarMonth: ``period`` is not one.
    :raises PeriodNotOver: its last day has not ended in the seller's time zone.
    """
    seller = Organization.objects.get(pk=seller_id)
    _check_period(seller, period, at)
    accounts = _accounts(seller, period)
    run = _begin(seller, period, accounts_total=len(accounts), at=at)
    findings = drafts.Findings()
    done = 0
    for batch in _batches(accounts):
        findings.add(_bill_or_park(run, batch, at=at))
        done += len(batch)
        BillingRun.objects.filter(pk=run.pk).update(accounts_done=done)
    return _finish(run, findings, at=at)


def bill_last_month(*, at: datetime) -> list[BillingRun]:
    """Run the billing of the month before ``at`` for every seller, each by its own calendar: the MSP, then its resellers."""
    return [run_billing(seller_id=seller.pk, period=_month_before(local_date(at, seller)), at=at) for seller in sellers()]


def sellers() -> list[Organization]:
    """Return who has something to bill: the MSP, and the resellers whose customers have subscriptions."""
    with_subscriptions = Organization.objects.resellers().filter(children__subscriptions__isnull=False).distinct()
    return [Organization.objects.get(kind=Organization.Kind.MSP), *with_subscriptions.order_by("pk")]


def _month_before(day: date) -> Period:
    return Period.month_of(day.replace(day=1) - timedelta(days=1))


# --- The run as a row -----------------------------------------------------------------------------------------------------


def _check_period(seller: Organization, period: Period, at: datetime) -> None:
    if period != Period.month_of(period.start):
        raise NotACalendarMonth(f"Pay-as-you-go is billed by the calendar month; {period} is none.")
    if local_date(at, seller) < period.end:
        raise PeriodNotOver(f"{period} is not over yet; it can be billed from {period.end.isoformat()} on.")


def _accounts(seller: Organization, period: Period) -> dict[int, int]:
    """Return each buyer to look at and the number of its subscriptions: whoever used or was billed something in ``period``."""
    counted = drafts.subscriptions_of(seller).billable_in(period).order_by().values_list("buyer").annotate(Count("pk"))
    accounts: dict[int, int] = dict(counted)
    for buyer in Invoice.objects.filter(drafts.of_period(seller, period)).order_by().values_list("buyer", flat=True).distinct():
        accounts.setdefault(buyer, 0)
    return dict(sorted(accounts.items()))


def _batches(accounts: dict[int, int]) -> Iterator[list[int]]:
    """Split the buyers so that no batch has many more subscriptions than memory should hold at once."""
    batch: list[int] = []
    subscriptions = 0
    for buyer, count in accounts.items():
        if batch and subscriptions + count > SUBSCRIPTIONS_PER_BATCH:
            yield batch
            batch, subscriptions = [], 0
        batch.append(buyer)
        subscriptions += max(count, 1)
    if batch:
        yield batch


@transaction.atomic(durable=True)
def _begin(seller: Organization, period: Period, *, accounts_total: int, at: datetime) -> BillingRun:
    BillingRun.objects.get_or_create(
        seller=seller,
        period_start=period.start,
        period_end=period.end,
        defaults={"started_at": at, "accounts_total": accounts_total},
    )
    run = BillingRun.objects.locked().get(seller=seller, period_start=period.start, period_end=period.end)
    if run.can_move_to(BillingRun.Status.RUNNING):
        run.move_to(BillingRun.Status.RUNNING)
    run.started_at, run.finished_at = at, None
    run.accounts_total, run.accounts_done = accounts_total, 0
    run.save(update_fields=["status", "started_at", "finished_at", "accounts_total", "accounts_done"])
    return run


@transaction.atomic(durable=True)
def _finish(run: BillingRun, findings: drafts.Findings, *, at: datetime) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run.pk)
    if run.can_move_to(BillingRun.Status.FINISHED):  # of two at once the other may have been first
        run.move_to(BillingRun.Status.FINISHED)
    run.finished_at = at
    run.rate_cards, run.unrated = sorted(findings.rate_cards), [list(pair) for pair in sorted(findings.unrated)]
    run.save(update_fields=["status", "finished_at", "rate_cards", "unrated"])
    logger.info("billing run finished", extra={"run": run.pk, "seller": run.seller_id, "accounts": run.accounts_total})
    return run


# --- One batch of buyers ----------------------------------------------------------------------------------------------------


def _bill_or_park(run: BillingRun, buyers: list[int], *, at: datetime) -> drafts.Findings:
    """Bill a batch; where it fails as a whole, bill its buyers one by one and park only those that fail alone."""
    try:
        return _bill(run, buyers, at=at)
    except Exception as error:
        if len(buyers) == 1:
            logger.exception("account not billed", extra={"run": run.pk, "buyer": buyers[0]})
            _park(
                run,
                {buyers[0]: f"Billing failed unexpectedly ({type(error).__name__}); the log of {at:%Y-%m-%d %H:%M} says more."},
                at,
            )
            return drafts.Findings()
    findings = drafts.Findings()
    for buyer in buyers:
        findings.add(_bill_or_park(run, [buyer], at=at))
    return findings


@transaction.atomic(durable=True)
def _bill(run: BillingRun, buyers: list[int], *, at: datetime) -> drafts.Findings:
    """Bill ``buyers`` in one transaction; park those that cannot be billed."""
    locked = list(Organization.objects.locked().filter(pk__in=buyers))
    seller = Organization.objects.get(pk=run.seller_id)
    owed = drafts.owed(seller, locked, run.period)
    billed = [buyer for buyer in buyers if buyer not in owed.reasons]
    draft_rows.write(run, seller, billed, owed.bills, at=at)
    ParkedAccount.objects.filter(run=run, buyer__in=billed).delete()
    _park_rows(run, owed.reasons, at)
    return owed.findings


@transaction.atomic(durable=True)
def _park(run: BillingRun, reasons: dict[int, str], at: datetime) -> None:
    _park_rows(run, reasons, at)


def _park_rows(run: BillingRun, reasons: dict[int, str], at: datetime) -> None:
    ParkedAccount.objects.bulk_create(
        [ParkedAccount(run=run, buyer_id=buyer, reason=reason[:1000], parked_at=at) for buyer, reason in reasons.items()],
        update_conflicts=True,
        unique_fields=["run", "buyer"],
        update_fields=["reason", "parked_at"],
    )
