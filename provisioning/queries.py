"""Reads for pages, of this floor and of higher ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioning.models import Hold, Service, ServiceManager, Tenant, VendorAction, VendorOfferingItem
from provisioning.planning.values import Limit

# Who opened a hold releases it (design, section 4).
RELEASED_BY = {
    Hold.Reason.MANUAL: "Lifted by hand, with “Resume”.",
    Hold.Reason.DUNNING: "Lifted by itself once the overdue invoices are paid.",
    Hold.Reason.CREDIT_LIMIT: "Lifted by itself once enough is paid, or the credit limit is raised.",
    Hold.Reason.TRIAL_ENDED: "Lifted by itself once the service goes to production.",
}


@dataclass(frozen=True, slots=True)
class TenantState:
    """Where a tenant stands, in a word or two; ``tone`` is the colour that repeats it."""

    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class TenantProgress:
    """What was done at the vendor since the tenant's wish last changed, and whether more is coming."""

    tenant: Tenant
    state: TenantState
    steps: list[VendorAction]
    is_moving: bool


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A reason why a tenant must not run, and what ends it."""

    hold: Hold
    released_by: str


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """An offering item of a service that can have quotas; ``limit`` is for quantity 1, in the vendor's ``unit``."""

    name: str
    edition: str
    unit: str
    limit: Limit


def progress(tenant_ids: Iterable[int], *, since: datetime | None = None) -> list[VendorAction]:
    """Return what was done for these tenants at the vendor, in order; of an action that was repeated, the last try."""
    actions = VendorAction.objects.filter(tenant__in=list(tenant_ids)).order_by("pk")
    if since is not None:
        actions = actions.filter(started_at__gte=since)
    last_try: dict[tuple[int, str, str], VendorAction] = {}
    for action in actions:
        last_try.pop(key := (action.tenant_id, action.kind, action.sentence), None)
        last_try[key] = action
    return list(last_try.values())


def tenant_progress(tenant: Tenant) -> TenantProgress:
    """Return what was done for the tenant since its wish last changed. More is coming while a try is due or an action runs."""
    steps = progress([tenant.pk], since=tenant.wished_at)
    is_running = any(step.status == VendorAction.Status.STARTED for step in steps)
    is_held = Hold.objects.filter(tenant=tenant, released_at__isnull=True).exists()
    return TenantProgress(tenant, tenant_state(tenant, is_held=is_held), steps, is_running or tenant.next_try_at is not None)


def tenant_state(tenant: Tenant, *, is_held: bool) -> TenantState:
    """Say where the tenant stands: what keeps it from being as wished comes first."""
    if tenant.gone_at is not None:
        return TenantState("quiet", "Deleted")
    if tenant.last_error:
        return TenantState("bad", "Failing")
    if tenant.retired_at is not None:
        return TenantState("busy", "Being deleted")
    if not tenant.agrees:
        return TenantState("busy", "To be carried out")
    return TenantState("attention", "Suspended") if is_held else TenantState("good", "As wished")


def open_holds(tenant: Tenant) -> list[OpenHold]:
    """Return why the tenant must not run, the oldest reason first."""
    holds = tenant.holds.filter(released_at__isnull=True).order_by("pk")
    return [OpenHold(hold, RELEASED_BY[Hold.Reason(hold.reason)]) for hold in holds]


def live_subscription(service: Service) -> Any:
    """Return the subscription by which ``service`` is billed now, a row of a higher floor; None where none runs."""
    found = getattr(service, "subscription", None)
    return found if found is not None and found.status == found.Status.ACTIVE else None


def quota_rows(service: Service) -> list[QuotaRow]:
    """
    Return the metered offering items that the service has on, with the quotas it says for quantity 1.

    Items are those of its editions and of none that the vendor offers; an item on several storages comes once, for all of them.
    """
    said = {item.name: item for item in service.items.all()}
    covers_everything = service.covers == Service.Covers.EVERYTHING
    rows = {}
    for item in items_of_editions(service):
        wish = said.get(item.name)
        is_on = wish.is_enabled if wish else covers_everything
        if is_on and item.measurement_unit != "n/a":
            limit = Limit(wish.soft_quota, wish.overage) if wish else Limit()
            rows[item.name] = QuotaRow(item.name, item.edition, item.measurement_unit, limit)
    return list(rows.values())


def items_of_editions(service: Service) -> list[VendorOfferingItem]:
    """Return what the vendor offers that a service with these licensing models can have, storage by storage."""
    manager = service.service_manager
    editions = manager.edition_for(protection=service.protection_model, file_sync=service.file_sync_model)
    return [
        item
        for item in manager.offering_items.filter(is_offered=True)
        if item.edition in ("", editions.get(item.application_type, ""))
    ]


def portal_url(service_manager: ServiceManager) -> str:
    """Return the address of the vendor's portal, where people sign in and manage their services."""
    return f"{service_manager.base_url.rstrip('/')}/mc/"
