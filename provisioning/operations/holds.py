"""Suspending and resuming: reasons why a tenant must not run."""

from datetime import datetime

from django.db import transaction

from provisioning.models import Hold, Tenant
from provisioning.operations.due import wish_again


@transaction.atomic
def place_hold(*, tenant_id: int, reason: str, note: str = "", at: datetime) -> Hold:
    """
    Suspend the tenant for ``reason``. While any hold is open nobody there can sign in and nothing is backed up; data stays, and
    the vendor goes on billing (vendor guide, “Suspending a tenant”). Placed again for the same reason, it is the same hold.
    """
    Tenant.objects.locked().get(pk=tenant_id)
    hold, is_new = Hold.objects.get_or_create(
        tenant_id=tenant_id, reason=reason, released_at__isnull=True, defaults={"note": note[:500], "opened_at": at}
    )
    if is_new:
        wish_again(tenant_id, at=at)
    return hold


@transaction.atomic
def release_hold(*, tenant_id: int, reason: str, at: datetime) -> None:
    """Take back the hold for ``reason``; the tenant runs again once no other is open. Released again, nothing."""
    Tenant.objects.locked().get(pk=tenant_id)
    if Hold.objects.filter(tenant_id=tenant_id, reason=reason, released_at__isnull=True).update(released_at=at):
        wish_again(tenant_id, at=at)
