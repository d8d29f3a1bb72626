"""Reads for pages of higher floors."""

from collections.abc import Iterable

from provisioning.models import ServiceManager, VendorAction


def progress(tenant_ids: Iterable[int]) -> list[VendorAction]:
    """Return what was done for these tenants at the vendor, in order; of an action that was repeated, the last try."""
    last_try: dict[tuple[int, str, str], VendorAction] = {}
    for action in VendorAction.objects.filter(tenant__in=list(tenant_ids)).order_by("pk"):
        last_try.pop(key := (action.tenant_id, action.kind, action.sentence), None)
        last_try[key] = action
    return list(last_try.values())


def portal_url(service_manager: ServiceManager) -> str:
    """Return the address of the vendor's portal, where people sign in and manage their services."""
    return f"{service_manager.base_url.rstrip('/')}/mc/"
