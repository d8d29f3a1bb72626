"""`manage.py reconcile --period 2026-10 [--service-manager NAME] [--csv]`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.clock import now
from common.errors import DomainError
from common.periods import Period
from provisioning.models import ServiceManager
from reconciliation import operations
from reconciliation.exports import discrepancies_csv


class Command(BaseCommand):
    help = "Compare usage and invoices of a month and say what differs. Repairs nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--period", required=True, help="a month, YYYY-MM")
        parser.add_argument("--service-manager", help="its name; by default each of them")
        parser.add_argument("--csv", action="store_true", help="print the discrepancies as CSV")

    def handle(self, *_: Any, period: str, service_manager: str | None, csv: bool, **__: Any) -> None:
        managers = ServiceManager.objects.order_by("name")
        if service_manager is not None:
            managers = managers.filter(name=service_manager)
            if not managers:
                raise CommandError(f"There is no service manager “{service_manager}”.")
        for manager in managers:
            try:
                run = operations.compare(service_manager_id=manager.pk, period=Period.parse_month(period), by=None, at=now())
            except DomainError as refusal:
                raise CommandError(str(refusal)) from refusal
            if csv:
                self.stdout.writelines(discrepancies_csv(run))
            else:
                self.stdout.write(f"{run}: {run.compared} compared, {run.discrepancies.count()} discrepancies.")
