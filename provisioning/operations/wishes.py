"""Writing down what should be at the vendor. `converging` makes it so."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Organization
from common.errors import DomainError
from provisioning.models import Service, ServiceItem, ServiceManager, Tenant, TenantUser, VendorStorage
from provisioning.operations import users
from provisioning.planning.choosing import ItemWish


class AlreadyServed(DomainError):
    """The consumer has a live service at this service manager; the vendor's licensing allows one."""

    @classmethod
    def of(cls, consumer: Organization, service_manager: ServiceManager) -> "AlreadyServed":
        return cls(f"{consumer} already has an Acronis subscription. Only one is allowed per service manager ({service_manager}).")


@dataclass(frozen=True, slots=True)
class ServiceWish:
    """
    What a customer ordered, and the person who will administer the tenant.

    :param items: offering item → on or off, and its limit for quantity 1 in the vendor's unit (bytes, pieces, seconds). Where it
        ``covers`` everything, items that are not named are on without quota; else they are off.
    :param activation: how the person gets in; empty: as the service manager says.
    :param backup_storage: and the other storages; None is the default of the service manager.
    """

    protection_model: str
    file_sync_model: str
    login: str = ""
    email: str = ""
    role: str = TenantUser.Role.COMPANY_ADMINISTRATOR
    activation: str = ""
    covers: str = Service.Covers.EVERYTHING
    items: Mapping[str, ItemWish] = field(default_factory=dict)
    quantity: int = 1
    pricing_mode: str = Service.PricingMode.PRODUCTION
    backup_storage: VendorStorage | None = None
    file_storage: VendorStorage | None = None
    disaster_recovery_storage: VendorStorage | None = None

    def service(self, **owners: object) -> Service:
        """Return the wish as a row, not saved."""
        return Service(
            protection_model=self.protection_model,
            file_sync_model=self.file_sync_model,
            covers=self.covers,
            quantity=self.quantity,
            pricing_mode=self.pricing_mode,
            backup_storage=self.backup_storage,
            file_storage=self.file_storage,
            disaster_recovery_storage=self.disaster_recovery_storage,
            **owners,
        )


# Steps: inside the caller's transaction


def wish_service(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish, at: datetime) -> Service:
    """
    Write down that ``consumer`` is to be served: its tenant, the tenant above it, its administrator and the service.

    The consumer's tenant stands under its reseller's partner tenant, a direct customer's under the MSP's (seed text, 000).

    :raises AlreadyServed: a live service exists at this service manager.
    :raises FieldRefused: the login is malformed or taken, or there is none and the tenant has no user yet.
    """
    parent = wish_partner(reseller=consumer.reseller, service_manager=service_manager, at=at) if consumer.reseller else None
    tenant = wish_tenant(consumer, service_manager, kind=Tenant.Kind.CUSTOMER, parent=parent, at=at)
    if Service.objects.live().filter(organization=consumer, service_manager=service_manager).exists():
        raise AlreadyServed.of(consumer, service_manager)
    if not tenant.users.live().exists():
        users.add_user(tenant, login=wish.login, email=wish.email, role=wish.role, activation=wish.activation, at=at)
    service = wish.service(organization=consumer, service_manager=service_manager, tenant=tenant, wished_at=at)
    service.save()
    ServiceItem.objects.bulk_create(
        ServiceItem(
            service=service,
            name=name,
            is_enabled=item.is_enabled,
            soft_quota=item.limit.soft,
            overage=item.limit.overage,
        )
        for name, item in sorted(wish.items.items())
    )
    return service


def wish_partner(*, reseller: Organization, service_manager: ServiceManager, at: datetime) -> Tenant:
    """Write down that ``reseller`` has a partner tenant under the MSP's; repeated, it is the same one."""
    return wish_tenant(reseller, service_manager, kind=Tenant.Kind.PARTNER, parent=None, at=at)


def wish_tenant(
    organization: Organization, service_manager: ServiceManager, *, kind: str, parent: Tenant | None, at: datetime
) -> Tenant:
    """Return the organization's live tenant, locked; made if there is none. A retired one is left alone: its data is gone."""
    tenant, created = Tenant.objects.get_or_create(
        organization=organization,
        service_manager=service_manager,
        retired_at__isnull=True,
        # One word, so that the vendor's search finds it; random, so that two installations never take each other's tenants.
        defaults={"kind": kind, "parent": parent, "key": f"{organization.number}x{secrets.token_hex(5)}", "wished_at": at},
    )
    locked = Tenant.objects.locked().get(pk=tenant.pk)
    if locked.retired_at is not None:  # in the moment before we had the lock
        return wish_tenant(organization, service_manager, kind=kind, parent=parent, at=at)
    if not created and kind == Tenant.Kind.CUSTOMER:
        locked.wished_at = at
        locked.save(update_fields=["wished_at"])
    return locked
