"""A customer whose service runs at the sandbox, and what the vendor has of it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction

from accounts.models import Organization
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.types import OfferingItem, VendorTenant, VendorUser
from provisioning.models import FileSyncModel, ProtectionModel, Service, ServiceManager, Tenant, TenantUser
from provisioning.operations import converging, wishes
from tests.factories import AT, OrganizationFactory

LATER = AT + timedelta(hours=1)
MUCH_LATER = AT + timedelta(days=1)


@dataclass
class Served:
    """A customer, its tenant, and short ways to what the vendor has."""

    tenant: Tenant
    manager: ServiceManager

    @property
    def api(self) -> Acronis:
        return vendor.connect(self.manager)

    @property
    def vendor_id(self) -> str:
        self.tenant.refresh_from_db()
        return str(self.tenant.vendor_id)

    @property
    def service(self) -> Service:
        return self.tenant.services.get()

    @property
    def user(self) -> TenantUser:
        return self.tenant.users.get()

    @property
    def at_vendor(self) -> VendorTenant:
        return self.api.tenants.get(self.vendor_id)

    @property
    def users(self) -> list[VendorUser]:
        return list(self.api.users.of_tenant(self.vendor_id))

    @property
    def items(self) -> list[OfferingItem]:
        """The items that are on."""
        return [item for item in self.api.offering_items.list(self.vendor_id) if item.enabled]

    @property
    def quotas(self) -> dict[str, tuple[int | None, int | None]]:
        """Name → soft quota and overage, of the items that are on."""
        return {item.name: (item.quota.value, item.quota.overage) if item.quota else (None, None) for item in self.items}

    @property
    def done(self) -> list[str]:
        """The kinds of action that were carried out, in order."""
        return list(self.tenant.actions.filter(status="done").order_by("pk").values_list("kind", flat=True))

    def converge(self) -> None:
        converging.converge(self.tenant.pk, clock=lambda: LATER)
        self.tenant.refresh_from_db()

    def converge_by_itself(self) -> None:
        """Converge as the sweep does: a failure stays on the row."""
        converging.converge_due(self.tenant.pk, clock=lambda: LATER)
        self.tenant.refresh_from_db()


def wished(manager: ServiceManager, consumer: Organization | None = None, **wish: Any) -> Served:
    """A customer whose wish is written, and nothing done."""
    consumer = consumer or OrganizationFactory()
    facts: dict[str, Any] = {
        "protection_model": ProtectionModel.PER_GIGABYTE,
        "file_sync_model": FileSyncModel.PER_USER,
        "login": f"jane.{consumer.number.lower()}",
        "email": "jane@example.com",
        **wish,
    }
    with transaction.atomic():
        service = wishes.wish_service(consumer=consumer, service_manager=manager, wish=wishes.ServiceWish(**facts), at=AT)
    return Served(service.tenant, manager)


def served(manager: ServiceManager, consumer: Organization | None = None, **wish: Any) -> Served:
    """A customer whose service runs."""
    it = wished(manager, consumer, **wish)
    converging.converge(it.tenant.pk, clock=lambda: AT)
    it.tenant.refresh_from_db()
    return it
