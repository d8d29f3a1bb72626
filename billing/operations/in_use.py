"""
What a tenant uses at this moment: asked of the vendor, or by the newest reading there is. For a decision, never for a bill.

No transaction may be open: the vendor is asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

from django.db.models import Max

from billing.models import UsageEstimate, UsageRecord
from common.errors import DomainError
from provisioning import vendor
from provisioning.acronis.errors import AcronisError
from provisioning.models import Service, ServiceManager, Tenant

UsageKey = tuple[str, str]
"""Application type and usage name: what editions call differently and is the same use, as backup and storage."""


@dataclass(frozen=True, slots=True)
class InUse:
    """
    How much is in use, in the vendor's units, over all storages; what is not named is not in use.

    :param as_of: when it was so.
    :param is_live: whether the vendor said so just now; else it is the newest reading we have.
    """

    amounts: Mapping[UsageKey, Decimal]
    as_of: datetime
    is_live: bool

    def amount(self, key: UsageKey) -> Decimal:
        return self.amounts.get(key, Decimal(0))


def in_use(service: Service, *, at: datetime, only_live: bool = False) -> InUse:
    """
    Return what the tenant of ``service`` uses; of what is used up, such as compute points, what was since the first of the month.

    Where the vendor does not answer it is what was last read, which may be nothing at all.

    :param only_live: what was read before does not do.
    :raises AcronisError: or DomainError, where it does not do: the vendor did not answer, or is not connected.
    """
    tenant = service.tenant
    if tenant.vendor_id is None:
        return InUse({}, at, is_live=True)
    try:
        return InUse(_asked(service.service_manager, str(tenant.vendor_id)), at, is_live=True)
    except (AcronisError, DomainError):
        if only_live:
            raise
        return _read(tenant, at=at)


def usage_keys(service_manager: ServiceManager) -> dict[str, UsageKey]:
    """Return by the name of each offering item what it counts."""
    rows = service_manager.offering_items.order_by().values_list("name", "application_type", "usage_name").distinct()
    return {name: (application, usage) for name, application, usage in rows}


def _asked(service_manager: ServiceManager, vendor_id: str) -> dict[UsageKey, Decimal]:
    types = {
        str(application): kind
        for application, kind in service_manager.offering_items.order_by().values_list("application_id", "application_type")
    }
    readings = vendor.connect(service_manager).usages.of_tenant(vendor_id)
    return _added_up(
        ((types.get(one.application_id, ""), one.usage_name), one.edition or "", one.infra_id or "", Decimal(one.present))
        for one in readings
    )


def _read(tenant: Tenant, *, at: datetime) -> InUse:
    """Return the newest of what was read: today's estimate, or the last daily report."""
    named = usage_keys(tenant.service_manager)
    estimates = list(UsageEstimate.objects.filter(tenant=tenant))
    estimated_at = max((one.as_of for one in estimates), default=None)
    day = UsageRecord.objects.filter(tenant=tenant).aggregate(Max("day"))["day__max"]
    reported_at = None if day is None else min(at, datetime.combine(day + timedelta(days=1), time(), UTC))
    if estimated_at is not None and (reported_at is None or estimated_at >= reported_at):
        return InUse(_added_up(_readings(estimates, named)), estimated_at, is_live=False)
    if reported_at is None:
        return InUse({}, at, is_live=False)
    return InUse(_added_up(_readings(UsageRecord.objects.filter(tenant=tenant, day=day), named)), reported_at, is_live=False)


Reading = tuple[UsageKey, str, str, Decimal]
"""What is used, in which edition, on which storage, and how much."""


def _readings(rows: Iterable[UsageEstimate | UsageRecord], named: Mapping[str, UsageKey]) -> Iterable[Reading]:
    for row in rows:
        trial = row.trial_absolute if isinstance(row, UsageRecord) else Decimal(0)
        yield named.get(row.item, ("", row.item)), row.edition, row.infra_id, row.absolute + trial


def _added_up(readings: Iterable[Reading]) -> dict[UsageKey, Decimal]:
    """Add up editions and storages. What is told twice, by the item's name and by its usage's, is one reading."""
    each: dict[tuple[UsageKey, str, str], Decimal] = defaultdict(Decimal)
    for key, edition, infra_id, amount in readings:
        each[key, edition, infra_id] = max(each[key, edition, infra_id], amount)
    sums: dict[UsageKey, Decimal] = defaultdict(Decimal)
    for (key, _, _), amount in each.items():
        sums[key] += amount
    return {key: amount for key, amount in sums.items() if amount}
