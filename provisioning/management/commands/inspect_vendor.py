"""`manage.py inspect_vendor [--service-manager NAME]`"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.clock import now
from common.locks import Busy
from provisioning.models import Drift, Inspection, ServiceManager
from provisioning.operations import inspecting


class Command(BaseCommand):
    help = "Compare everything at the vendor with what should be there, and list what differs. Changes nothing at the vendor."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--service-manager", metavar="NAME", help="without it all that are in use and connected")

    def handle(self, *_: Any, service_manager: str | None, **__: Any) -> None:
        ended = [self._inspect(manager) for manager in _managers(service_manager)]
        if not all(inspection.status == Inspection.Status.FINISHED for inspection in ended):
            raise CommandError("Not everything could be inspected.")

    def _inspect(self, manager: ServiceManager) -> Inspection:
        try:
            inspection = inspecting.inspect(manager.pk, clock=now)
        except Busy:
            raise CommandError(f"{manager} is being inspected by a worker at this moment.") from None
        self.stdout.write(
            f"{manager}: {inspection.tenants_checked} of {inspection.tenants_total} tenants looked at,"
            f" {inspection.tenants_skipped} left out, {inspection.differences} differences."
        )
        for drift in Drift.objects.open().found_by(inspection).select_related("tenant__organization").order_by("pk").iterator(1000):
            self.stdout.write(f"  {drift.tenant.organization.name}: {drift.sentence}.")
        if inspection.error:
            self.stdout.write(self.style.WARNING(f"  {inspection.error}"))
        return inspection


def _managers(name: str | None) -> list[ServiceManager]:
    if name is None:
        return list(ServiceManager.objects.filter(is_active=True, root_tenant_id__isnull=False).order_by("name"))
    found = ServiceManager.objects.filter(name=name).first()
    if found is None:
        raise CommandError(f"No service manager is called “{name}”.")
    return [found]
