"""`manage.py bill --period 2026-10 [--seller M1] [--on 2026-11-01]`"""

from argparse import ArgumentParser
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count, Sum

from accounts.models import Organization
from billing.models import BillingRun
from billing.operations import runs
from billing.queries.usage_gaps import usage_gaps
from common.arguments import day
from common.clock import now
from common.errors import DomainError
from common.money import round_money
from common.periods import Period


class Command(BaseCommand):
    help = "Bill a month: bring the drafts of every seller, or of one, to what is owed. Running it again writes what changed since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="a month, YYYY-MM")
        parser.add_argument("--seller", help="number of the organization that sells; without it all of them")
        parser.add_argument("--on", type=day, help="bill as on that day, YYYY-MM-DD; without it today")

    def handle(self, *_: Any, period: str, seller: str | None, on: date | None, **__: Any) -> None:
        try:
            month = Period.parse_month(period)
            for one in _sellers(seller):
                self._tell(runs.run_billing(seller_id=one.pk, period=month, at=_moment(one, on)))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _tell(self, run: BillingRun) -> None:
        self.stdout.write(f"{run}: {run.accounts_total} accounts.")
        drafts = run.invoices.drafts().order_by().values_list("currency").annotate(number=Count("pk"), total=Sum("gross"))
        for currency, number, gross in drafts:
            self.stdout.write(f"  {number} drafts of {round_money(gross, currency)} {currency} gross in all.")
        for gap in usage_gaps(run.period):
            self.stdout.write(self.style.WARNING(f"  {gap}"))
        for parked in run.parked_accounts.select_related("buyer"):
            self.stdout.write(self.style.WARNING(f"  Parked: {parked}"))


def _sellers(number: str | None) -> list[Organization]:
    if number is None:
        return runs.sellers()
    found = Organization.objects.filter(number=number).exclude(kind=Organization.Kind.CUSTOMER).first()
    if found is None:
        raise CommandError(f"No MSP or reseller has the number {number}.")
    return [found]


def _moment(seller: Organization, on: date | None) -> datetime:
    """Return the present moment, or noon of ``on`` where ``seller`` keeps its days."""
    return now() if on is None else datetime.combine(on, time(12), ZoneInfo(seller.time_zone))
