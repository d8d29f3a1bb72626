"""`manage.py issue --period 2026-10 [--seller M1] [--on 2026-11-01]`"""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import BillingRun
from billing.operations import invoices
from common.arguments import day
from common.clock import today
from common.errors import DomainError
from common.periods import Period


class Command(BaseCommand):
    help = "Issue the drafts of a month: number, freeze and mail each. Running it again issues what is still a draft."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="a month, YYYY-MM")
        parser.add_argument("--seller", help="number of the organization that sells; without it all of them")
        parser.add_argument("--on", type=day, help="date of the invoices, YYYY-MM-DD; without it today")

    def handle(self, *_: Any, period: str, seller: str | None, on: date | None, **__: Any) -> None:
        try:
            found = _runs(Period.parse_month(period), seller)
            for run in found:
                issued = invoices.issue_drafts(run_id=run.pk, on=on or today(run.seller.time_zone), by=None)
                self.stdout.write(f"{run}: {issued} invoices issued.")
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal


def _runs(month: Period, seller: str | None) -> list[BillingRun]:
    runs = BillingRun.objects.filter(period_start=month.start, period_end=month.end).select_related("seller").order_by("pk")
    found = list(runs.filter(seller__number=seller) if seller else runs)
    if not found:
        raise CommandError(f"{month} has not been billed{f' by {seller}' if seller else ''}. Bill it first.")
    return found
