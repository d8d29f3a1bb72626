"""Suspending and resuming: reasons why a tenant must not run."""

from datetime import datetime

from django.db import transaction

from common.errors import DomainError
from provisioning.models import Hold, Tenant
from provisioning.operations.due import wish_again


class TenantRetired(DomainError):
    """The tenant is to be deleted, or is: there is nothing left to suspend."""


@transaction.atomic
def place_hold(*, tenant_id: int, reason: str, note: str = "", at: datetime) -> Hold:
    """
    Suspend the tenant for ``reason``. While any hold is open nobody there can sign in and nothing is backed up; data stays, and
    the vendor goes on billing (vendor guide, “Suspending a tenant”). Placed again for the same reason, it is the same hold
    with its first note.

    :raises TenantRetired: the tenant is to be deleted anyway.
    """
    if Tenant.objects.locked().get(pk=tenant_id).retired_at is not None:
        raise TenantRetired("The service was terminated; its tenant is deleted at Acronis.")
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
