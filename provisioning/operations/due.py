"""Having a tenant converged by itself, outside any order."""

from datetime import datetime

from django.db import transaction

from common.dispatch import after_commit
from provisioning.models import Tenant

SWEEP_LIMIT = 500  # rows in one go, so that one sweep neither locks nor rings for all there are


@transaction.atomic(durable=True)
def wish_new_billing_information(*, at: datetime) -> None:
    """
    Have the vendor told of organizations that were renamed or moved since their tenants' wishes were written; 500 of them, the
    next sweep goes on.
    """
    for tenant in Tenant.objects.with_new_billing_information().locked()[:SWEEP_LIMIT]:
        wish_again(tenant.pk, at=at)


@transaction.atomic(durable=True)
def look_again(*, tenant_id: int, at: datetime) -> None:
    """Have the tenant converged at once although its wish is the same: somebody put right what stood in the way."""
    Tenant.objects.filter(pk=tenant_id, gone_at__isnull=True).update(next_try_at=at, attempts=0, last_error="")
    after_commit("provisioning.converge", tenant_id=tenant_id)


# Steps: inside the caller's transaction


def wish_again(tenant_id: int, *, at: datetime) -> None:
    """Have the tenant converged as soon as the transaction has committed; a sweep rings what is lost. What is gone stays."""
    Tenant.objects.filter(pk=tenant_id, gone_at__isnull=True).update(wished_at=at, next_try_at=at, attempts=0, last_error="")
    after_commit("provisioning.converge", tenant_id=tenant_id)
