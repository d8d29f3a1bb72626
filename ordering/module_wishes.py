"""
A plan's module setting as it was sold: plain JSON on the order line, and back.

An order is provisioned as it was sold. Whoever changes the module setting of a plan changes what is sold from then on; an order
that was placed before and is executed afterwards, or fails and is retried, still gets what its buyer was told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from catalog.item_names import item_label
from ordering.models import OrderLine
from provisioning.models import Service, VendorOfferingItem, VendorStorage
from provisioning.operations.wishes import ServiceWish
from provisioning.planning.choosing import ItemWish
from provisioning.planning.values import Limit, amount_words


@dataclass(frozen=True, slots=True)
class Included:
    """One quota of all units together, in the reader's words; ``above`` is what may be used above it, or empty."""

    label: str
    amount: str
    above: str = ""


def as_json(wish: ServiceWish, *, mirrored: Mapping[str, VendorOfferingItem], trial_days: int | None) -> dict[str, Any]:
    """
    Return what of ``wish`` the module setting says, for quantity 1.

    :param mirrored: the vendor's definition of every item of the wish; its unit is kept, so that quotas can be told as they were.
    :param trial_days: how long a free trial lasts; None: it is none.
    """
    return {
        "covers": str(wish.covers),
        "pricing_mode": str(wish.pricing_mode),
        "trial_days": trial_days,
        "backup_storage": wish.backup_storage.pk if wish.backup_storage else None,
        "items": {
            name: {
                "is_enabled": item.is_enabled,
                "soft": item.limit.soft,
                "overage": item.limit.overage,
                "unit": mirrored[name].measurement_unit,
                "application": mirrored[name].application_type,
            }
            for name, item in wish.items.items()
        },
    }


def of_service(service: Service) -> dict[str, Any]:
    """Return what ``service`` is to have now, as `as_json` tells a module setting; it is no trial that could be promised again."""
    items = list(service.items.all())
    mirrored = VendorOfferingItem.objects.filter(service_manager=service.service_manager_id, name__in=[item.name for item in items])
    known = {item.name: item for item in mirrored}
    return {
        "covers": str(service.covers),
        "pricing_mode": str(service.pricing_mode),
        "trial_days": None,
        "backup_storage": service.backup_storage_id,
        "items": {
            item.name: {
                "is_enabled": item.is_enabled,
                "soft": item.soft_quota,
                "overage": item.overage,
                "unit": known[item.name].measurement_unit if item.name in known else "",
                "application": known[item.name].application_type if item.name in known else "",
            }
            for item in items
        },
    }


def of_line(line: OrderLine) -> ServiceWish:
    """Return what ``line`` entitles its consumer to, as it was sold; a line from before the module setting was copied says less."""
    wish = ServiceWish(
        protection_model=line.protection_model,
        file_sync_model=line.file_sync_model,
        quantity=line.quantity,
        login=line.login,
        email=line.email,
        role=line.role,
    )
    told = line.module_wish
    if not told:
        return wish
    return replace(
        wish,
        covers=told["covers"],
        pricing_mode=told["pricing_mode"],
        # A storage that is not mirrored any more cannot be had; the service manager's default takes its place.
        backup_storage=VendorStorage.objects.filter(pk=told["backup_storage"]).first() if told["backup_storage"] else None,
        items={
            name: ItemWish(is_enabled=item["is_enabled"], limit=Limit(item["soft"], item["overage"]))
            for name, item in told["items"].items()
        },
    )


def included(told: Mapping[str, Any], *, quantity: int) -> list[Included]:
    """Say what ``quantity`` units include, by what `as_json` told: the storage first, then by name."""
    said = [
        included_item(
            name, Limit(item["soft"], item["overage"]).times(quantity), unit=item["unit"], application=item["application"]
        )
        for name, item in told.get("items", {}).items()
        if item["is_enabled"]
    ]
    return in_order(said)


def included_item(name: str, limit: Limit, *, unit: str, application: str) -> Included:
    """Say one quota; ``name`` as the vendor names the item. File Sync & Share has a cloud storage of its own."""
    label = item_label(name)
    if label == STORAGE and application == "files_cloud":
        label = "File Sync & Share storage"
    amount = "unlimited" if limit.soft is None else amount_words(limit.soft, unit)
    above = "" if limit.soft is None or not limit.overage else amount_words(limit.overage, unit)
    return Included(label, amount, above)


def in_order(said: Sequence[Included]) -> list[Included]:
    """Return each once, the cloud storage first: it is what a plan is named after."""
    return sorted(set(said), key=lambda one: (one.label != STORAGE, one.label))


STORAGE = item_label("pg_base_storage")
