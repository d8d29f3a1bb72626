"""What rings for tenants that are to be converged outside an order."""

from typing import Any

from celery import shared_task

from common import clock
from common.dispatch import after_commit
from common.locks import Busy
from provisioning.models import Tenant
from provisioning.operations import converging, due, inspecting


@shared_task(name="provisioning.converge", time_limit=600)
def converge(*, tenant_id: int, **_ignored: Any) -> None:
    """Make the vendor agree with one tenant's wish."""
    converging.converge_due(tenant_id, clock=clock.now)


@shared_task(name="provisioning.sweep", time_limit=60)
def sweep(**_ignored: Any) -> None:
    """
    Ring for every tenant and inspection that is due: lost messages, retries whose time has come, killed workers, organizations that
    were renamed or moved.
    """
    due.wish_new_billing_information(at=clock.now())
    longest_due = Tenant.objects.due(clock.now()).order_by("next_try_at")
    for tenant_id in longest_due.values_list("pk", flat=True)[: due.SWEEP_LIMIT]:
        after_commit("provisioning.converge", tenant_id=tenant_id)
    inspecting.ring_due(at=clock.now())


@shared_task(name="provisioning.inspect", time_limit=4 * 3600)
def inspect(*, inspection_id: int, **_ignored: Any) -> None:
    """Compare everything a service manager has at the vendor with what should be there."""
    try:
        inspecting.carry_out(inspection_id, clock=clock.now)
    except Busy:
        return  # the worker that is at it goes on


@shared_task(name="provisioning.inspect_all", time_limit=60)
def inspect_all(**_ignored: Any) -> None:
    """Have every service manager inspected: the nightly report of differences."""
    inspecting.ask_inspections(at=clock.now())
