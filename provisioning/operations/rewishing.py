"""
Another wish for a service there is, and the way back: what an amendment changes at the vendor, and puts back where it is refused.

Steps inside the caller's transaction. Whoever calls converges the tenant itself, to hear at once what the vendor says; only
what is put back is rung for, as nobody waits for that.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from provisioning.models import Service, ServiceItem, Tenant
from provisioning.operations.due import wish_again
from provisioning.operations.services import lock_live, lock_with_tenant
from provisioning.operations.wishes import ServiceWish

PLAN_FIELDS = ("protection_model", "file_sync_model", "covers", "quantity")
"""What a plan settles. Where the data lies, and whether it is a trial, belongs to the service and stays."""


def rewish_quantity(*, service_id: int, quantity: int, at: datetime) -> dict[str, Any]:
    """
    Let the service have so many times its quotas; the quotas themselves stay, whoever set them. Return what `put_back` takes.

    :raises ServiceEnded: it has been terminated.
    """
    service = lock_live(service_id)
    before = {"quantity": service.quantity}
    service.quantity, service.wished_at = quantity, at
    service.save(update_fields=["quantity", "wished_at"])
    _wished(service, at=at)
    return before


def rewish_plan(*, service_id: int, wish: ServiceWish, at: datetime) -> dict[str, Any]:
    """
    Let the service have the licensing models, offering items and quotas of ``wish``, and nothing of what it had. Its storages stay:
    backups are not moved. Return what `put_back` takes.

    :raises ServiceEnded: it has been terminated.
    """
    service = lock_live(service_id)
    items = service.items.order_by("name").values("name", "is_enabled", "soft_quota", "overage")
    before = {**{name: getattr(service, name) for name in PLAN_FIELDS}, "items": list(items)}
    for name in PLAN_FIELDS:
        setattr(service, name, str(value) if isinstance(value := getattr(wish, name), str) else value)
    service.wished_at = at
    service.save(update_fields=[*PLAN_FIELDS, "wished_at"])
    _replace_items(
        service,
        [
            {"name": name, "is_enabled": item.is_enabled, "soft_quota": item.limit.soft, "overage": item.limit.overage}
            for name, item in sorted(wish.items.items())
        ],
    )
    _wished(service, at=at)
    return before


def put_back(*, service_id: int, before: Mapping[str, Any], at: datetime) -> None:
    """
    Let the service be what it was, by what `rewish_quantity` or `rewish_plan` returned, and ring so that the vendor follows.

    What neither of them changes stays: a trial that went to production meanwhile stays in production, an ended one ended.
    """
    service = lock_with_tenant(service_id)
    if service.ended_at is not None:
        return
    fields = {name: value for name, value in before.items() if name != "items"}
    for name, value in fields.items():
        setattr(service, name, value)
    service.wished_at = at
    service.save(update_fields=[*fields, "wished_at"])
    if "items" in before:
        _replace_items(service, before["items"])
    wish_again(service.tenant_id, at=at)


def _replace_items(service: Service, items: list[dict[str, Any]]) -> None:
    service.items.all().delete()
    ServiceItem.objects.bulk_create(ServiceItem(service=service, **item) for item in items)


def _wished(service: Service, *, at: datetime) -> None:
    Tenant.objects.filter(pk=service.tenant_id, gone_at__isnull=True).update(wished_at=at)
