"""
The billing run: what one seller's buyers owe for a month.

For each buyer it computes what should be on the invoices of the month, compares that with what is, and writes only the
difference to a draft: run twice, nothing. What came late for an earlier month is on the draft of this one, as an adjustment with
its own dates. Buyers are billed in batches, each batch a transaction of its own that locks its buyers first, so a run may be killed
anywhere and run again, or run twice at once.
"""

import gc
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from django.db import connection, connections, transaction
from django.db.models import Count, F

from accounts.models import Organization, local_date
from billing.models import BillingRun, Invoice, ParkedAccount
from billing.operations import draft_rows, drafts, hold_rules
from billing.operations.drafts import Findings, Task
from billing.queries import late
from billing.queries.rating_inputs import price_book
from catalog.models import ProductGroup
from common.errors import DomainError
from common.periods import Period

logger = logging.getLogger(__name__)

SUBSCRIPTIONS_PER_BATCH = 250  # with ten items and a month of days each some 5 MB of readings, held until their lines are written


class NotACalendarMonth(DomainError):
    """Pay-as-you-go is billed by the calendar month; other periods would overlap."""


class PeriodNotOver(DomainError):
    """The month has not ended yet where the seller keeps its days."""


class AfterBatch(Protocol):
    """Is told after each batch how many accounts are done, of how many. What it raises stops the run."""

    def __call__(self, done: int, total: int, /) -> None: ...


def run_billing(
    *,
    seller_id: int,
    period: Period,
    at: datetime,
    allows_unknown_cost: bool | None = None,
    after_batch: AfterBatch | None = None,
    lanes: int = 1,
) -> BillingRun:
    """
    Bring the drafts of ``seller_id`` for ``period``, a calendar month that is over, to what its buyers owe.

    Repeating it writes only what changed since. A buyer that cannot be billed is parked with the reason, keeps what it had,
    and the run goes on; billed by a later run, it is parked no more. At the end drafts outside the run's rules are held. Opens
    transactions of its own.

    :param allows_unknown_cost: bill also where the seller's own cost is not known yet; None: as the run's row says.
    :param lanes: how many batches are worked on at a time, each over a connection of its own.
    :raises NotACalendarMonth: ``period`` is not one.
    :raises PeriodNotOver: its last day has not ended in the seller's time zone.
    """
    seller = Organization.objects.get(pk=seller_id)
    check_period(seller, period, at)
    accounts = _accounts(seller, period)
    run = _begin(seller, period, accounts_total=len(accounts), allows_unknown_cost=allows_unknown_cost, at=at)
    pass_ = _Pass(run, _task(run, seller), len(accounts), after_batch, at)
    with _old_objects_left_alone():
        pass_.go_through(_batches(accounts), lanes=lanes)
    run = _keep_findings(run, pass_.findings)
    hold_rules.apply_hold_rules(run, at=at)
    return _finish(run, at=at)


def bill_accounts(run_id: int, buyers: Sequence[int], *, at: datetime) -> BillingRun:
    """Bill some buyers of a run again, as those that were parked; the others are left as they are. Repeated, nothing."""
    run = BillingRun.objects.select_related("seller").get(pk=run_id)
    findings = _bill_or_park(run, _task(run, run.seller), sorted(set(buyers)), at=at)
    return _add_findings(run, findings)


def sellers() -> list[Organization]:
    """Return who has something to bill: the MSP, and the resellers whose customers have subscriptions."""
    with_subscriptions = Organization.objects.resellers().filter(children__subscriptions__isnull=False).distinct()
    return [Organization.objects.get(kind=Organization.Kind.MSP), *with_subscriptions.order_by("pk")]


def month_before(day: date) -> Period:
    """Return the calendar month before that of ``day``."""
    return Period.month_of(day.replace(day=1) - timedelta(days=1))


def check_period(seller: Organization, period: Period, at: datetime) -> None:
    """
    Let pass a calendar month that is over where ``seller`` keeps its days.

    :raises NotACalendarMonth: ``period`` is not one.
    :raises PeriodNotOver: its last day has not ended.
    """
    if period != Period.month_of(period.start):
        raise NotACalendarMonth(f"Pay-as-you-go is billed by the calendar month; {period} is none.")
    if local_date(at, seller) < period.end:
        raise PeriodNotOver(f"{period} is not over yet; it can be billed from {period.end.isoformat()} on.")


# --- The run as a row -----------------------------------------------------------------------------------------------------


def _accounts(seller: Organization, period: Period) -> dict[int, int]:
    """Return each buyer to look at and the number of its subscriptions: whoever used or was billed something, or has a draft."""
    subscriptions: Any = drafts.subscriptions_of(seller)
    counted = subscriptions.billable_in(period).order_by().values_list("buyer").annotate(Count("pk"))
    accounts: dict[int, int] = dict(counted)
    for buyer in Invoice.objects.filter(drafts.of_period(seller, period)).order_by().values_list("buyer", flat=True).distinct():
        accounts.setdefault(buyer, 0)
    changed = late.changed_before(seller, period)
    for month in changed.months:
        again = subscriptions.billable_in(month).filter(changed.of_month(month))
        for buyer in again.order_by().values_list("buyer", flat=True).distinct():
            accounts.setdefault(buyer, 0)
    return dict(sorted(accounts.items()))


def _task(run: BillingRun, seller: Organization) -> Task:
    """Read what counts for all accounts: prices of each month to look at, what changed in earlier ones, the seller's own cost."""
    changed = late.changed_before(seller, run.period)
    groups = list(ProductGroup.objects.values_list("pk", flat=True))
    books = {month: price_book(groups, month) for month in [*changed.months, run.period]}
    return Task(seller, run.period, books, changed, "" if run.allows_unknown_cost else _unknown_cost(seller, run.period))


def _unknown_cost(seller: Organization, period: Period) -> str:
    """Say why a reseller does not know yet what it pays for the month itself; nothing where it does, or is the MSP."""
    if seller.kind == Organization.Kind.MSP:
        return ""
    above = BillingRun.objects.filter(
        seller__kind=Organization.Kind.MSP, period_start=period.start, period_end=period.end, computed_at__isnull=False
    ).first()
    if above is None:
        return f"{seller} has not been billed for {period} itself, so its own cost is not known yet. Bill it first, or allow it."
    parked = ParkedAccount.objects.filter(run=above, buyer=seller).first()
    return f"{seller} could not be billed for {period} itself, so its own cost is not known: {parked.reason}" if parked else ""


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
def _begin(
    seller: Organization, period: Period, *, accounts_total: int, allows_unknown_cost: bool | None, at: datetime
) -> BillingRun:
    BillingRun.objects.get_or_create(
        seller=seller,
        period_start=period.start,
        period_end=period.end,
        defaults={"started_at": at, "accounts_total": accounts_total},
    )
    run = BillingRun.objects.locked().get(seller=seller, period_start=period.start, period_end=period.end)
    if run.can_move_to(BillingRun.Status.RUNNING):
        run.move_to(BillingRun.Status.RUNNING)
    run.started_at, run.finished_at, run.error = at, None, ""
    run.accounts_total, run.accounts_done = accounts_total, 0
    if allows_unknown_cost is not None:
        run.allows_unknown_cost = allows_unknown_cost
    run.save(
        update_fields=["status", "started_at", "finished_at", "error", "accounts_total", "accounts_done", "allows_unknown_cost"]
    )
    return run


@transaction.atomic(durable=True)
def _keep_findings(run: BillingRun, findings: Findings) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run.pk)
    run.rate_cards, run.unrated = sorted(findings.rate_cards), [list(pair) for pair in sorted(findings.unrated)]
    run.save(update_fields=["rate_cards", "unrated"])
    return run


@transaction.atomic(durable=True)
def _finish(run: BillingRun, *, at: datetime) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run.pk)
    if run.status == BillingRun.Status.QUEUED:  # asked for anew meanwhile: the next pass ends it
        return run
    if run.can_move_to(BillingRun.Status.FINISHED):  # of two at once the other may have been first
        run.move_to(BillingRun.Status.FINISHED)
    run.finished_at = run.computed_at = at
    run.save(update_fields=["status", "finished_at", "computed_at"])
    logger.info("billing run finished", extra={"run": run.pk, "seller": run.seller_id, "accounts": run.accounts_total})
    return run


@transaction.atomic(durable=True)
def _add_findings(run: BillingRun, findings: Findings) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run.pk)
    run.rate_cards = sorted({*run.rate_cards, *findings.rate_cards})
    run.unrated = [list(pair) for pair in sorted({*map(tuple, run.unrated), *findings.unrated})]
    run.save(update_fields=["rate_cards", "unrated"])
    return run


# --- One pass through all batches -------------------------------------------------------------------------------------------


@contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """
    Let the garbage collector pass by all objects there are now: modules, models, settings.

    A batch makes so many new ones that it would walk through the old ones all the time, a seventh of the run.
    """
    if gc.get_freeze_count():  # somebody let it before, and ends that
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Pass:
    """Takes batch after batch, in one lane or several, until there is none left or something stops it."""

    def __init__(self, run: BillingRun, task: Task, total: int, after_batch: AfterBatch | None, at: datetime) -> None:
        self.findings = Findings()
        self._run, self._task, self._total, self._after_batch, self._at = run, task, total, after_batch, at
        self._done = 0
        self._turn = threading.Lock()
        self._stopped_by: BaseException | None = None

    def go_through(self, batches: Iterator[list[int]], *, lanes: int) -> None:
        if lanes == 1:
            for batch in batches:
                self._bill(batch)
            return
        threads = [threading.Thread(target=self._lane, args=(batches,)) for _ in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._stopped_by is not None:
            raise self._stopped_by

    def _lane(self, batches: Iterator[list[int]]) -> None:
        """Work off batches over a connection of its own: while one lane waits for the database, another one works things out."""
        try:
            while (batch := self._next(batches)) is not None:
                self._bill(batch)
        except BaseException as error:  # told by the thread that waits for the lanes
            self._stopped_by = error
        finally:
            connections.close_all()

    def _next(self, batches: Iterator[list[int]]) -> list[int] | None:
        with self._turn:
            return None if self._stopped_by else next(batches, None)

    def _bill(self, batch: list[int]) -> None:
        findings = _bill_or_park(self._run, self._task, batch, at=self._at)
        BillingRun.objects.filter(pk=self._run.pk).update(accounts_done=F("accounts_done") + len(batch))
        with self._turn:
            self.findings.add(findings)
            self._done += len(batch)
            done = self._done
        if self._after_batch is not None:
            self._after_batch(done, self._total)


# --- One batch of buyers ----------------------------------------------------------------------------------------------------


def _bill_or_park(run: BillingRun, task: Task, buyers: list[int], *, at: datetime) -> Findings:
    """Bill a batch; where it fails as a whole, bill its buyers one by one and park only those that fail alone."""
    try:
        return _bill(run, task, buyers, at=at)
    except Exception as error:
        if len(buyers) == 1:
            logger.exception("account not billed", extra={"run": run.pk, "buyer": buyers[0]})
            _park(
                run,
                {buyers[0]: f"Billing failed unexpectedly ({type(error).__name__}); the log of {at:%Y-%m-%d %H:%M} says more."},
                at,
            )
            return Findings()
    findings = Findings()
    for buyer in buyers:
        findings.add(_bill_or_park(run, task, [buyer], at=at))
    return findings


@transaction.atomic(durable=True)
def _bill(run: BillingRun, task: Task, buyers: list[int], *, at: datetime) -> Findings:
    """Bill ``buyers`` in one transaction; park those that cannot be billed."""
    _commit_without_waiting()
    locked = list(Organization.objects.locked().filter(pk__in=buyers))
    owed = drafts.owed(task, locked)
    billed = [buyer for buyer in buyers if buyer not in owed.reasons]
    draft_rows.write(run, task.seller, billed, owed.bills, at=at)
    ParkedAccount.objects.filter(run=run, buyer__in=billed).delete()
    _park_rows(run, owed.reasons, at)
    return owed.findings


def _commit_without_waiting() -> None:
    """
    Let this transaction be committed before the disk has it.

    Nothing is lost by it: the run's own end, or whatever else is committed later, takes it to the disk with it. Where the machine
    fails before, the run has not ended and is taken up again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


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
