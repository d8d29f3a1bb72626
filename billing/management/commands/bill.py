"""`manage.py bill --period 2026-10 [--seller M1] [--on 2026-11-01] [--allow-unknown-cost] [--hold-above EUR=10000 …]`"""

from argparse import ArgumentParser
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organization
from billing.holding import Rules
from billing.models import BillingRun
from billing.operations import run_queue, runs
from billing.operations.run_queue import Wish
from billing.queries.runs import held, is_complete, totals
from billing.queries.usage_gaps import usage_gaps
from common.arguments import day
from common.clock import now
from common.errors import DomainError
from common.periods import Period
from common.templatetags.show import money

SWITCHES = ("new_customers", "not_positive", "adjustments", "unrated")


class Command(BaseCommand):
    help = "Bill a month: bring the drafts of every seller, or of one, to what is owed. Running it again writes what changed since."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="a month, YYYY-MM")
        parser.add_argument("--seller", help="number of the organization that sells; without it all of them")
        parser.add_argument("--on", type=day, help="bill as on that day, YYYY-MM-DD; without it today")
        parser.add_argument(
            "--allow-unknown-cost", action="store_true", help="bill also where the seller's own cost of it is not known yet"
        )
        held = parser.add_argument_group(
            "which drafts are held back",
            "With none of these the rules are those of the seller's last run; --hold-nothing ends them.",
        )
        held.add_argument("--hold-nothing", action="store_true")
        held.add_argument("--hold-above", metavar="CURRENCY=NET", action="append", default=[])
        held.add_argument("--hold-below", metavar="CURRENCY=NET", action="append", default=[])
        held.add_argument("--hold-change", metavar="PERCENT", help="what differs from the last month by more")
        held.add_argument("--hold", choices=SWITCHES, action="append", default=[])

    def handle(self, *_: Any, period: str, seller: str | None, on: date | None, **options: Any) -> None:
        try:
            month = Period.parse_month(period)
            wish = Wish(_rules(options), options["allow_unknown_cost"] or None)
            for one in _sellers(seller):
                self._bill(one, month, wish, _moment(one, on))
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal

    def _bill(self, seller: Organization, month: Period, wish: Wish, at: datetime) -> None:
        run = run_queue.run_here(
            seller_id=seller.pk,
            period=month,
            wish=wish,
            by=None,
            at=at,
            tell=lambda done, total: self.stdout.write(f"{seller} {month}: {done} of {total} accounts."),
        )
        if not is_complete(run):
            raise CommandError(f"{run}: {run.error}")
        self._tell(run)

    def _tell(self, run: BillingRun) -> None:
        self.stdout.write(f"{run}: {run.accounts_total} accounts.")
        for total in totals(run):
            self.stdout.write(f"  {total.drafts} drafts of {money(total.draft_gross, total.currency)} gross in all.")
        for gap in usage_gaps(run.period):
            self.stdout.write(self.style.WARNING(f"  {gap}"))
        for draft in held(run).select_related("buyer").order_by("buyer__name", "pk"):
            self.stdout.write(self.style.WARNING(f"  Held: {draft.buyer}: {draft.held_for}"))
        for parked in run.parked_accounts.select_related("buyer"):
            self.stdout.write(self.style.WARNING(f"  Parked: {parked}"))


def _rules(options: dict[str, Any]) -> Rules | None:
    """Return the rules that the options name; None where they name none."""
    names = ("hold_nothing", "hold_above", "hold_below", "hold_change", "hold")
    if not any(options[name] for name in names):
        return None
    told = {
        "above": _amounts(options["hold_above"]),
        "below": _amounts(options["hold_below"]),
        "change_percent": options["hold_change"],
    }
    return Rules.from_json({**told, **dict.fromkeys(options["hold"], True)})


def _amounts(told: list[str]) -> dict[str, str]:
    amounts = {}
    for one in told:
        currency, _, amount = one.partition("=")
        try:
            Decimal(amount)
        except InvalidOperation as wrong:
            raise CommandError(f"“{one}” is not a currency and an amount; write it as EUR=10000.") from wrong
        amounts[currency] = amount
    return amounts


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
