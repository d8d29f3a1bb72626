"""What a billing run has come to: whether it went through, what of it can be issued, and its totals."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum

from billing.models import BillingRun, Invoice, InvoiceQuerySet, ParkedAccount


@dataclass(frozen=True, slots=True)
class Totals:
    """What the invoices of a run come to in one currency."""

    currency: str
    drafts: int
    draft_net: Decimal
    draft_gross: Decimal
    held: int
    issued: int
    issued_net: Decimal
    issued_gross: Decimal

    @property
    def net(self) -> Decimal:
        return self.draft_net + self.issued_net

    @property
    def gross(self) -> Decimal:
        return self.draft_gross + self.issued_gross


@dataclass(frozen=True, slots=True)
class State:
    """A run's state as a person is told it: a run that was stopped or failed is no finished one."""

    status: str
    words: str

    def get_status_display(self) -> str:
        return self.words


def is_open(run: BillingRun) -> bool:
    """Whether the run waits for a worker or has one."""
    return run.status != BillingRun.Status.FINISHED


def is_complete(run: BillingRun) -> bool:
    """Whether the pass that was asked for last went through all accounts, so that the drafts are what is owed."""
    went_through = run.computed_at is not None and run.computed_at >= run.started_at
    return not is_open(run) and went_through and run.accounts_done >= run.accounts_total


def state_of(run: BillingRun) -> State:
    """Return the state with the word for it: queued, running, issuing, stopped or finished."""
    if is_open(run):
        return State(run.status, str(run.get_status_display()))
    if not is_complete(run):
        return State("failed", "Stopped")
    if run.issue_wished_at is not None:
        return State("running", "Issuing")
    return State(run.status, str(run.get_status_display()))


def issuable(run: BillingRun) -> InvoiceQuerySet:
    """Return the run's drafts that may be issued: not held, and their buyer not parked."""
    parked = ParkedAccount.objects.filter(run=run).values("buyer")
    return Invoice.objects.drafts().filter(run=run, held_for="").exclude(buyer__in=parked)


def issuable_totals(run: BillingRun) -> list[tuple[str, Decimal]]:
    """Return the gross totals of what may be issued, by currency."""
    return list(issuable(run).order_by().values_list("currency").annotate(total=Sum("gross")).order_by("currency"))


def held(run: BillingRun) -> InvoiceQuerySet:
    """Return the run's drafts that wait for somebody to look at them."""
    return Invoice.objects.drafts().filter(run=run).exclude(held_for="")


def totals(run: BillingRun) -> list[Totals]:
    """Return what the run's invoices come to, by currency; one query."""
    draft, issued = Q(status=Invoice.Status.DRAFT), Q(status=Invoice.Status.ISSUED)
    rows: Any = (
        Invoice.objects.filter(run=run)
        .order_by()
        .values("currency")
        .annotate(
            drafts=Count("pk", filter=draft),
            draft_net=Sum("net", filter=draft, default=Decimal(0)),
            draft_gross=Sum("gross", filter=draft, default=Decimal(0)),
            held=Count("pk", filter=draft & ~Q(held_for="")),
            issued=Count("pk", filter=issued),
            issued_net=Sum("net", filter=issued, default=Decimal(0)),
            issued_gross=Sum("gross", filter=issued, default=Decimal(0)),
        )
        .order_by("currency")
    )
    return [Totals(**row) for row in rows]
