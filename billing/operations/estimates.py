"""
What tenants use now, as `/usages` says it: an estimate for people, three times a day, never billed.

The vendor renews these figures every five to six hours and does not say when it last did; so an estimate carries the moment it was
asked for. Items are called as in the daily readings, so that the same rate card prices both. Trial and production are not told
apart here: whoever prices an estimate leaves out the days of a trial.

Tenants are asked about a hundred in a call, so that the number of calls grows with tenants and not with items. Each hundred is
written as it comes, in a short transaction of its own; no transaction is open while the vendor is asked.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from billing.models import Subscription, UsageEstimate
from billing.operations import usage_sql
from billing.operations.usage import managers_in_use
from common.dispatch import after_commit
from common.errors import DomainError
from common.locks import Busy, alone
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.errors import AcronisError, NotFound
from provisioning.acronis.types import TenantUsages, Usage, in_batches
from provisioning.models import ServiceManager

logger = logging.getLogger(__name__)

ESTIMATES = 11
"""The number of the lock under which one service manager's estimates are refreshed, see `common.locks`."""

SILENCE = timedelta(minutes=15)
"""So long after it was asked for, a refresh that has not ended is asked for again: its worker is gone."""

NOT_METERED = "n/a"  # the unit of features, which are on or off


@dataclass(frozen=True, slots=True)
class Refresh:
    """What became of one service manager's estimates: how many tenants were read, and what kept it from reading all."""

    service_manager: ServiceManager
    tenants: int
    error: str = ""


# --- Asking for it --------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def ask_refresh(*, at: datetime) -> list[ServiceManager]:
    """
    Have the estimates of every service manager in use read anew by a worker. One that is under way is not begun twice.

    :raises DomainError: no service manager is connected.
    """
    managers = managers_in_use()
    if not managers:
        raise DomainError("No service manager is connected: use “Test connection” first.")
    is_idle = Q(estimates_wished_at__isnull=True) | Q(estimates_wished_at__lt=at - SILENCE)
    rows = ServiceManager.objects.filter(is_idle, pk__in=[manager.pk for manager in managers])
    if rows.update(estimates_wished_at=at):
        after_commit("billing.refresh_estimates")
    return managers


# --- Reading ----------------------------------------------------------------------------------------------------------------


def refresh_estimates(*, at: datetime) -> list[Refresh]:
    """
    Read what the tenants of live subscriptions use now, for each service manager in use, and keep it as of ``at``.

    A service manager that fails keeps the reason on its row and does not stop the others. What was read before it failed is kept;
    the rest stays as it was, with its older moment. Doing it again is harmless: the newer answer counts.
    """
    return [_refresh(manager, at=at) for manager in managers_in_use()]


def _refresh(manager: ServiceManager, *, at: datetime) -> Refresh:
    try:
        with alone(ESTIMATES, manager.pk):
            ServiceManager.objects.filter(pk=manager.pk).update(estimates_wished_at=at)
            return _refresh_alone(manager, at=at)
    except Busy as busy:
        return Refresh(manager, 0, str(busy))


def _refresh_alone(manager: ServiceManager, *, at: datetime) -> Refresh:
    """Read and write hundred by hundred, then say on the service manager's row how it ended."""
    ours = _tenants_served(manager)
    read, error = 0, ""
    try:
        client = vendor.connect(manager)
        for batch in in_batches(iter(ours)):
            answers = list(_usages(client, batch))
            _keep(manager, ours, answers, at=at)
            read += len(answers)
    except (AcronisError, DomainError) as trouble:
        error = str(trouble)[:500]
        logger.warning("estimates not refreshed", extra={"service_manager": manager.pk, "tenants": read})
    else:
        _forget_ended(manager, ours.values(), at=at)
        logger.info("estimates refreshed", extra={"service_manager": manager.pk, "tenants": read})
    _record_end(manager, error, at=at)
    return Refresh(manager, read, error)


def _tenants_served(manager: ServiceManager) -> dict[str, int]:
    """Return the tenants of live subscriptions that the vendor has: its id of each, and ours."""
    served = Subscription.objects.filter(
        status=Subscription.Status.ACTIVE,
        service__service_manager=manager,
        service__tenant__vendor_id__isnull=False,
        service__tenant__gone_at__isnull=True,
    )
    rows = served.order_by("service__tenant").values_list("service__tenant__vendor_id", "service__tenant")
    return {str(vendor_id): tenant_id for vendor_id, tenant_id in rows}


def _usages(client: Acronis, tenant_ids: Sequence[str]) -> Iterator[TenantUsages]:
    """
    Ask about these tenants. The vendor refuses all of them where one is not there any more; that one is found by halving, and
    left out: the nightly look at the vendor tells of it.
    """
    try:
        yield from list(client.usages.of_tenants(tenant_ids))
    except NotFound:
        if len(tenant_ids) == 1:
            logger.warning("tenant without estimate", extra={"tenant": tenant_ids[0]})
            return
        middle = len(tenant_ids) // 2
        yield from _usages(client, tenant_ids[:middle])
        yield from _usages(client, tenant_ids[middle:])


# --- Writing ----------------------------------------------------------------------------------------------------------------


@transaction.atomic(durable=True)
def _keep(manager: ServiceManager, ours: Mapping[str, int], answers: Iterable[TenantUsages], *, at: datetime) -> None:
    """Replace what we had of these tenants; an item they have no more goes. What was read later is left alone."""
    readings = [(ours[answer.tenant_id], usage) for answer in answers if answer.tenant_id in ours for usage in answer.usages]
    metered = [(tenant, usage) for tenant, usage in readings if _is_told(usage)]
    lines: dict[str, list[Any]] = {
        "tenants": [tenant for tenant, _ in metered],
        "names": [usage.name for _, usage in metered],
        "editions": [usage.edition or "" for _, usage in metered],
        "infras": [usage.infra_id or "" for _, usage in metered],
        "ranges": [usage.is_range for _, usage in metered],
        "units": [usage.measurement_unit for _, usage in metered],
        "amounts": [usage.present for _, usage in metered],
    }
    answered = [ours[answer.tenant_id] for answer in answers if answer.tenant_id in ours]
    with connection.cursor() as cursor:
        cursor.execute(_REPLACE, {**lines, "answered": answered, "manager": manager.pk, "at": at})


def _is_told(usage: Usage) -> bool:
    """Whether the reading says something: it is metered, and the tenant has the item or has used it."""
    return usage.measurement_unit != NOT_METERED and (usage.is_on or usage.present != 0)


@transaction.atomic(durable=True)
def _forget_ended(manager: ServiceManager, served: Iterable[int], *, at: datetime) -> None:
    """Drop what is left of tenants that are not served any more."""
    UsageEstimate.objects.filter(tenant__service_manager=manager, as_of__lt=at).exclude(tenant__in=list(served)).delete()


@transaction.atomic(durable=True)
def _record_end(manager: ServiceManager, error: str, *, at: datetime) -> None:
    ended = {"estimates_error": error} if error else {"estimates_error": "", "estimates_at": at}
    ServiceManager.objects.filter(pk=manager.pk).update(estimates_wished_at=None, **ended)


# An item that is told twice, by its own name and by its usage's, is one reading.
_REPLACE = f"""
    WITH answer AS (
        SELECT line.tenant_id, coalesce(offering_item.name, line.name) AS item, line.edition, line.infra_id,
            bool_or(line.is_range) AS is_range, max(line.measurement_unit) AS measurement_unit, max(line.amount) AS absolute
        FROM unnest(%(tenants)s::bigint[], %(names)s::text[], %(editions)s::text[], %(infras)s::text[], %(ranges)s::boolean[],
            %(units)s::text[], %(amounts)s::numeric[]) line (tenant_id, name, edition, infra_id, is_range, measurement_unit, amount)
        LEFT JOIN ({usage_sql.ITEM_NAMES}) offering_item
            ON offering_item.usage_name = line.name AND offering_item.edition = line.edition
        GROUP BY 1, 2, 3, 4
    ), gone AS (
        DELETE FROM billing_usageestimate kept WHERE kept.tenant_id = ANY(%(answered)s::bigint[]) AND kept.as_of < %(at)s
            AND NOT EXISTS (SELECT FROM answer WHERE answer.tenant_id = kept.tenant_id AND answer.item = kept.item
                AND answer.edition = kept.edition AND answer.infra_id = kept.infra_id)
    )
    INSERT INTO billing_usageestimate AS kept (tenant_id, item, edition, infra_id, is_range, measurement_unit, absolute, as_of)
    SELECT tenant_id, item, edition, infra_id, is_range, measurement_unit, absolute, %(at)s FROM answer
    ON CONFLICT (tenant_id, item, edition, infra_id) DO UPDATE SET is_range = excluded.is_range,
        measurement_unit = excluded.measurement_unit, absolute = excluded.absolute, as_of = excluded.as_of
    WHERE kept.as_of <= excluded.as_of
"""  # noqa: S608  fixed words
