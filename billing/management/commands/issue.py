"""`manage.py issue --period 2026-10 [--seller M1] [--on 2026-11-01]`"""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import BillingRun
from billing.operations import issuing
from billing.operations.invoices import NothingToIssue
from billing.queries.runs import held
from common import clock
from common.arguments import day
from common.errors import DomainError
from common.periods import Period

TOLD_EVERY = 100


class Command(BaseCommand):
    help = "Issue the drafts of a month: number, freeze and mail each. Running it again issues what is still a draft and not held."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="a month, YYYY-MM")
        parser.add_argument("--seller", help="number of the organization that sells; without it all of them")
        parser.add_argument("--on", type=day, help="date of the invoices, YYYY-MM-DD; without it today")

    def handle(self, *_: Any, period: str, seller: str | None, on: date | None, **__: Any) -> None:
        try:
            for run in _runs(Period.parse_month(period), seller):
                self._issue(run, on or clock.today(run.seller.time_zone))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _issue(self, run: BillingRun, on: date) -> None:
        def tell(issued: int, total: int) -> None:
            if issued % TOLD_EVERY == 0:
                self.stdout.write(f"{run}: {issued} of {total} invoices.")

        try:
            issued = issuing.issue_here(run_id=run.pk, on=on, by=None, at=clock.now(), tell=tell)
        except NothingToIssue:
            issued = 0
        self.stdout.write(f"{run}: {issued} invoices issued.")
        run.refresh_from_db()
        if run.error:
            self.stdout.write(self.style.WARNING(f"  {run.error}"))
        if waiting := held(run).count():
            self.stdout.write(self.style.WARNING(f"  {waiting} drafts are held."))


def _runs(month: Period, seller: str | None) -> list[BillingRun]:
    runs = BillingRun.objects.filter(period_start=month.start, period_end=month.end).select_related("seller").order_by("pk")
    found = list(runs.filter(seller__number=seller) if seller else runs)
    if not found:
        raise CommandError(f"{month} has not been billed{f' by {seller}' if seller else ''}. Bill it first.")
    return found
