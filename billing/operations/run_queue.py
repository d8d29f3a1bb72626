"""
Billing runs outside the request: wished on a row, worked off by a worker, taken up again when that worker has died.

The row decides, a message only rings: `queued` waits for a worker, `running` has one as long as the run's lock is held. A running
one whose lock is free was left by a worker that died; it begins anew, which writes only what is still missing. A run that kills one
worker after another waits longer each time, and after `MOST_ATTEMPTS` it is left to a person, with the reason.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet

from accounts.models import Organization, User, local_date
from billing.holding import USUAL, Rules
from billing.models import BillingRun
from billing.operations import hold_rules, runs
from common.dispatch import after_commit
from common.errors import DomainError
from common.locks import alone, held
from common.periods import Period

logger = logging.getLogger(__name__)

BILLING_RUN = 7
"""The number of the lock a run is worked off under, see `common.locks`."""

SILENCE = timedelta(minutes=1)
"""So long after it was asked for, a run that nobody works on is rung for again."""

TRIED_AGAIN_AFTER = [timedelta(minutes=minutes) for minutes in (1, 4, 16, 64)]
"""How long after a worker began a run another one takes it up, should the first have died; each time longer."""

MOST_ATTEMPTS = len(TRIED_AGAIN_AFTER) + 1

RUNG_AT_ONCE = 50

Tell = Callable[[int, int], None]
"""Is told after each batch how many accounts are done, and of how many."""


class RunUnderWay(DomainError):
    """A worker is at the run or about to be."""


class _Interrupted(DomainError):
    """Somebody stopped the run, or asked for it anew, while it was worked on."""


class Wish(NamedTuple):
    """How a month is to be billed."""

    rules: Rules | None = None
    """None: as this month was run before, else as the seller's last run, else the usual ones."""
    allows_unknown_cost: bool | None = None
    """None: as this month was run before; not, where it was not. What is allowed for one month is not for the next."""


# --- Asking for a run -----------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def queue_run(
    *, seller_id: int, period: Period, rules: Rules | None, allows_unknown_cost: bool | None, by: User | None, at: datetime
) -> BillingRun:
    """
    Have a worker bring the drafts of a seller's month to what is owed, see `runs.run_billing`.

    Asked for while it is queued it is the same run; asked for while it is worked on, it begins anew after the present batch, with
    the rules told now. ``by`` None: the timetable.

    :raises NotACalendarMonth: or `PeriodNotOver`: the month cannot be billed.
    """
    run = _wish(seller_id, period, Wish(rules, allows_unknown_cost), by=by, at=at)
    after_commit("billing.work_off_run", run_id=run.pk)
    return run


def queue_last_month(*, at: datetime) -> list[BillingRun]:
    """Queue the month before ``at`` for every seller, each by its own calendar: the MSP, then its resellers."""
    return [
        queue_run(
            seller_id=seller.pk,
            period=runs.month_before(local_date(at, seller)),
            rules=None,
            allows_unknown_cost=None,
            by=None,
            at=at,
        )
        for seller in runs.sellers()
    ]


def run_here(*, seller_id: int, period: Period, wish: Wish, by: User | None, at: datetime, tell: Tell) -> BillingRun:
    """
    Run a month in this process, as the command line does, and return the run as it ended.

    :raises Busy: a worker is at it.
    :raises RunUnderWay: the MSP's own run of the month is under way, and a reseller's waits for it.
    :raises NotACalendarMonth: or `PeriodNotOver`: the month cannot be billed.
    """
    with transaction.atomic():
        run = _wish(seller_id, period, wish, by=by, at=at)
    run = work_off(run.pk, at=at, tell=tell)
    if run.status != BillingRun.Status.FINISHED:
        raise RunUnderWay(f"{run} waits until the MSP's own run of the month has ended; a worker does it then.")
    return run


def remembered_rules(seller_id: int) -> Rules:
    """Return the rules of the seller's latest run, else the usual ones."""
    told = BillingRun.objects.filter(seller=seller_id).exclude(rules={}).order_by("-period_start").values_list("rules", flat=True)
    latest = told.first()
    return Rules.from_json(latest) if latest is not None else USUAL


# --- Stopping it, and setting its rules -------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def stop_run(*, run_id: int, by: User, at: datetime) -> BillingRun:
    """
    Stop a run after the batch under way. What is written stays; nothing of the run is issued together until it has gone through.

    Repeated, or after its end: nothing happens.
    """
    run = BillingRun.objects.locked().get(pk=run_id)
    if run.status != BillingRun.Status.FINISHED:
        _end(run, f"Stopped by {by} after {run.accounts_done} of {run.accounts_total} accounts. Run it again to go on.", at=at)
    return run


def set_rules(*, run_id: int, rules: Rules, by: User, at: datetime) -> BillingRun:
    """Hold the drafts of a run by ``rules`` from now on; a run that is under way begins anew with them."""
    run = BillingRun.objects.get(pk=run_id)
    if run.status != BillingRun.Status.FINISHED:
        return queue_run(
            seller_id=run.seller_id, period=run.period, rules=rules, allows_unknown_cost=run.allows_unknown_cost, by=by, at=at
        )
    BillingRun.objects.filter(pk=run_id).update(rules=rules.as_json())
    run.refresh_from_db()
    hold_rules.apply_hold_rules(run, at=at)
    return run


def try_again(*, run_id: int, buyer_id: int, at: datetime) -> None:
    """
    Bill one account of a run anew, in this process; parked again where it still cannot be billed.

    :raises RunUnderWay: a worker bills all of them just now.
    """
    run = BillingRun.objects.get(pk=run_id)
    if run.status != BillingRun.Status.FINISHED:
        raise RunUnderWay("The run is under way; it comes to this account by itself.")
    runs.bill_accounts(run_id, [buyer_id], at=at)
    hold_rules.apply_hold_rules(run, at=at, buyers=[buyer_id])


# --- Working it off -------------------------------------------------------------------------------------------------------


def work_off(run_id: int, *, at: datetime, tell: Tell | None = None) -> BillingRun:
    """
    Run what is wished, if it is not done, and return the run as it ended.

    Asked for anew meanwhile, it begins anew. What stops it is written on the row in a sentence, as is that its workers died too
    often; only where the database itself is away the row stays as it is, and `sweep` takes it up again. A reseller's run waits
    while the MSP's own of the month is open: what the reseller pays itself is not known before.

    :raises Busy: another worker is at it.
    """
    with alone(BILLING_RUN, run_id):
        run = BillingRun.objects.select_related("seller").get(pk=run_id)
        while run.status != BillingRun.Status.FINISHED and not _waits_for_the_msp(run):
            if _begin_attempt(run_id, at=at):
                _pass(run, at=at, tell=tell)
            run.refresh_from_db()
    if run.seller.kind == Organization.Kind.MSP:
        for waiting in _open_runs_of(run.period).values_list("pk", flat=True):
            after_commit("billing.work_off_run", run_id=waiting)
    return run


def sweep(*, at: datetime) -> int:
    """Ring for runs that wait for a worker, or were left by one that died and are due, the longest waiting first; tell how many."""
    waiting = BillingRun.objects.exclude(status=BillingRun.Status.FINISHED).filter(
        Q(next_try_at__isnull=True) | Q(next_try_at__lte=at), started_at__lt=at - SILENCE
    )
    due = waiting.exclude(pk__in=held(BILLING_RUN)).order_by("started_at", "pk").values_list("pk", flat=True)[:RUNG_AT_ONCE]
    for run_id in due:
        after_commit("billing.work_off_run", run_id=run_id)
    return len(due)


def _open_runs_of(period: Period) -> QuerySet[BillingRun]:
    open_runs = BillingRun.objects.exclude(status=BillingRun.Status.FINISHED)
    return open_runs.filter(period_start=period.start, period_end=period.end).order_by("pk")


def _waits_for_the_msp(run: BillingRun) -> bool:
    if run.seller.kind == Organization.Kind.MSP or run.allows_unknown_cost:
        return False
    return _open_runs_of(run.period).filter(seller__kind=Organization.Kind.MSP).exists()


def _pass(run: BillingRun, *, at: datetime, tell: Tell | None) -> None:
    def after_batch(done: int, total: int) -> None:
        if tell is not None:
            tell(done, total)
        if not BillingRun.objects.filter(pk=run.pk, status=BillingRun.Status.RUNNING).exists():
            raise _Interrupted("The run was stopped.")

    try:
        runs.run_billing(seller_id=run.seller_id, period=run.period, at=at, after_batch=after_batch, lanes=settings.BILLING_LANES)
    except _Interrupted:
        logger.info("billing run interrupted", extra={"run": run.pk})
    except DomainError as refusal:
        _fail(run, str(refusal), at=at)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("billing run failed", extra={"run": run.pk})
        _fail(run, f"It failed unexpectedly ({type(error).__name__}); the log of {at:%Y-%m-%d %H:%M} says more.", at=at)


@transaction.atomic(durable=True)
def _begin_attempt(run_id: int, *, at: datetime) -> bool:
    """Count one more worker that begins the run; where too many died at it, end it with that reason, and say False."""
    run = BillingRun.objects.locked().get(pk=run_id)
    if run.status == BillingRun.Status.FINISHED:  # stopped since the row was read
        return False
    if run.attempts >= MOST_ATTEMPTS:
        logger.error("billing run given up", extra={"run": run_id, "attempts": run.attempts})
        _end(
            run,
            f"{run.attempts} workers began it and none came to its end: each was killed or lost the database, the last after"
            f" {run.accounts_done} of {run.accounts_total} accounts. See the log of the workers, then run it again.",
            at=at,
        )
        return False
    wait = TRIED_AGAIN_AFTER[run.attempts] if run.attempts < len(TRIED_AGAIN_AFTER) else SILENCE
    run.attempts, run.next_try_at = run.attempts + 1, at + wait
    run.save(update_fields=["attempts", "next_try_at"])
    return True


@transaction.atomic(durable=True)
def _fail(run: BillingRun, sentence: str, *, at: datetime) -> None:
    present = BillingRun.objects.locked().get(pk=run.pk)
    asked_anew = present.wished_at != run.wished_at
    if present.status != BillingRun.Status.FINISHED and not asked_anew:
        _end(present, sentence, at=at)


# --- Steps: inside the caller's transaction ---------------------------------------------------------------------------------


def _wish(seller_id: int, period: Period, wish: Wish, *, by: User | None, at: datetime) -> BillingRun:
    seller = Organization.objects.get(pk=seller_id)
    runs.check_period(seller, period, at)
    remembered = remembered_rules(seller_id)
    BillingRun.objects.get_or_create(
        seller=seller,
        period_start=period.start,
        period_end=period.end,
        defaults={"status": BillingRun.Status.QUEUED, "started_at": at, "rules": remembered.as_json()},
    )
    run = BillingRun.objects.locked().get(seller=seller, period_start=period.start, period_end=period.end)
    if run.status != BillingRun.Status.QUEUED:
        run.move_to(BillingRun.Status.QUEUED)
    run.started_at, run.finished_at, run.accounts_done, run.error = at, None, 0, ""
    run.wished_at, run.wished_by = at, by
    run.attempts, run.next_try_at = 0, None
    run.rules = (wish.rules or (Rules.from_json(run.rules) if run.rules else remembered)).as_json()
    if wish.allows_unknown_cost is not None:
        run.allows_unknown_cost = wish.allows_unknown_cost
    run.save()
    return run


def _end(run: BillingRun, sentence: str, *, at: datetime) -> None:
    run.move_to(BillingRun.Status.FINISHED)
    run.finished_at, run.error = at, sentence[:1000]
    run.save(update_fields=["status", "finished_at", "error"])
