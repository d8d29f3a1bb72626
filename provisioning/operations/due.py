"""Having a tenant converged by itself, outside any order."""

from datetime import datetime

from django.db import transaction

from common.dispatch import after_commit
from provisioning.models import Tenant


@transaction.atomic(durable=True)
def wish_new_billing_information(*, at: datetime) -> None:
    """Have the vendor told of every organization that was renamed or moved since its tenant's wish was written."""
    for tenant in Tenant.objects.with_new_billing_information().locked():
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
