"""
Issuing the drafts of a run together: wished on the run, done by a worker, each invoice in a transaction of its own.

How far it is, the invoices themselves tell. A worker that dies leaves the wish on the run; the next one goes on where it was.
"""

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.db import InterfaceError, OperationalError, transaction

from accounts.models import User
from billing.models import BillingRun, Invoice
from billing.operations import invoices
from billing.operations.invoices import DatedTooEarly, NothingToIssue
from billing.queries import runs
from common.dispatch import after_commit
from common.errors import DomainError
from common.locks import alone, held

logger = logging.getLogger(__name__)

ISSUING = 8
"""The number of the lock under which a run's drafts are issued, see `common.locks`."""

SILENCE = timedelta(minutes=1)
LOOKED_EVERY = 20
"""After so many invoices the worker looks whether somebody stopped it."""

Tell = Callable[[int, int], None]
"""Is told how many are issued, and of how many."""


class RunNotComplete(DomainError):
    """The run has not gone through all accounts since it was asked for, so its drafts may not be what is owed."""


@transaction.atomic(durable=True)
def queue_issuing(*, run_id: int, on: date, by: User | None, at: datetime) -> BillingRun:
    """
    Have a worker issue the drafts of a run with the date ``on``; those held and those of parked accounts stay drafts.

    Asked for while it is under way it is the same; the first date counts.

    :raises RunNotComplete: the run is under way, or was stopped.
    :raises DatedTooEarly: on that date the month is not over.
    :raises NothingToIssue: no draft may be issued.
    """
    run = _wish(run_id, on=on, by=by, at=at)
    after_commit("billing.issue_run", run_id=run.pk)
    return run


def issue_here(*, run_id: int, on: date, by: User | None, at: datetime, tell: Tell | None = None) -> int:
    """
    Issue the drafts of a run in this process, as the command line does; return how many were issued.

    :raises Busy: a worker is at it.
    :raises RunNotComplete: or `DatedTooEarly`, `NothingToIssue`: see `queue_issuing`.
    """
    with transaction.atomic():
        _wish(run_id, on=on, by=by, at=at)
    return issue_off(run_id, at=at, tell=tell)


@transaction.atomic(durable=True)
def stop_issuing(*, run_id: int, by: User) -> BillingRun:
    """Issue no more of the run after the few under way. What is issued is issued. Repeated, or after the end: nothing happens."""
    run = BillingRun.objects.locked().get(pk=run_id)
    if run.issue_wished_at is not None:
        _end(run, f"Issuing was stopped by {by}. Issue all to go on.")
    return run


def issue_off(run_id: int, *, at: datetime, tell: Tell | None = None) -> int:
    """
    Issue what is wished of a run and return how many invoices were. One that is refused stays a draft, and the run says why.

    :raises Busy: another worker is at it.
    """
    with alone(ISSUING, run_id):
        run = BillingRun.objects.select_related("issue_wished_by").get(pk=run_id)
        if run.issue_wished_at is None:
            return 0
        ids = list(runs.issuable(run).order_by("pk").values_list("pk", flat=True))
        refusals: list[str] = []
        issued = 0
        for number, invoice_id in enumerate(ids):
            if number % LOOKED_EVERY == 0 and not _is_wished(run):
                return issued
            refusal = _issue(invoice_id, run, at=at)
            if refusal is None:
                issued += 1
            elif refusal:
                refusals.append(refusal)
            if tell is not None:
                tell(issued, len(ids))
        _record_end(run, refusals)
    return issued


def sweep(*, at: datetime) -> int:
    """Ring for runs whose drafts are to be issued and nobody is at it; tell how many."""
    wished = BillingRun.objects.filter(issue_wished_at__lt=at - SILENCE)
    due = wished.exclude(pk__in=held(ISSUING)).order_by("issue_wished_at").values_list("pk", flat=True)
    for run_id in due:
        after_commit("billing.issue_run", run_id=run_id)
    return len(due)


# --- Steps ----------------------------------------------------------------------------------------------------------------


def _wish(run_id: int, *, on: date, by: User | None, at: datetime) -> BillingRun:
    run = BillingRun.objects.locked().get(pk=run_id)
    if run.issue_wished_at is not None:
        return run
    if not runs.is_complete(run):
        raise RunNotComplete("The run has not gone through all accounts yet. Issue its drafts when it has.")
    if on < run.period_end:
        raise DatedTooEarly(f"Invoices of {run.period} cannot be dated {on}; the earliest date is {run.period_end}.")
    if not runs.issuable(run).exists():
        raise NothingToIssue("No draft of this run may be issued: there is none, or all are held or of parked accounts.")
    run.issue_wished_at, run.issue_wished_by, run.issue_on, run.error = at, by, on, ""
    run.save(update_fields=["issue_wished_at", "issue_wished_by", "issue_on", "error"])
    return run


def _is_wished(run: BillingRun) -> bool:
    return BillingRun.objects.filter(pk=run.pk, issue_wished_at__isnull=False).exists()


def _issue(invoice_id: int, run: BillingRun, *, at: datetime) -> str | None:
    """Issue one invoice and return None, or in a sentence why not: an empty one where a run has taken the draft away meanwhile."""
    assert run.issue_on is not None
    try:
        invoices.issue_invoice(invoice_id=invoice_id, on=run.issue_on, by=run.issue_wished_by, at=at)
    except Invoice.DoesNotExist:
        return ""
    except DomainError as refusal:
        return f"{_buyer(invoice_id)}: {refusal}"
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        logger.exception("invoice not issued", extra={"run": run.pk, "invoice": invoice_id})
        return f"{_buyer(invoice_id)}: it failed unexpectedly ({type(error).__name__}); the log says more."
    return None


def _buyer(invoice_id: int) -> str:
    return Invoice.objects.filter(pk=invoice_id).values_list("buyer__name", flat=True).first() or "A draft"


@transaction.atomic(durable=True)
def _record_end(run: BillingRun, refusals: list[str]) -> None:
    run = BillingRun.objects.locked().get(pk=run.pk)
    count = len(refusals)
    told = f"{count} {'invoice was' if count == 1 else 'invoices were'} not issued. {' '.join(refusals)}" if refusals else ""
    _end(run, told)
    logger.info("drafts issued", extra={"run": run.pk, "refused": count})


def _end(run: BillingRun, sentence: str) -> None:
    run.issue_wished_at, run.error = None, sentence[:1000]
    run.save(update_fields=["issue_wished_at", "error"])
