"""From rows and the vendor's answers to the plain values that `planning` compares."""

from common.errors import DomainError
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.types import OfferingItem, VendorTenant, VendorUser
from provisioning.models import ServiceManager, Tenant, TenantUser, VendorAction, VendorOfferingItem
from provisioning.planning import (
    AvailableItem,
    Item,
    ObservedTenant,
    ObservedUser,
    StorageFacts,
    TenantWish,
    UserWish,
    items_for_customer,
    items_for_partner,
)

NAME_LENGTH = 200


class NothingWished(DomainError):
    """No row says what the tenant should have."""


def find_tenant(tenant: Tenant, acronis: Acronis) -> VendorTenant | None:
    """
    Return the tenant at the vendor by its id or, where we do not know that, by its key; None if it was never created.

    The vendor's search may lag behind a creation, so after an attempt whose answer was lost the parent's children are read too.

    :raises NotFound: it was there and somebody deleted it.
    """
    if tenant.vendor_id is not None:
        return acronis.tenants.get(str(tenant.vendor_id))
    hits = acronis.tenants.search(tenant.key, under=vendor.root_tenant(tenant.service_manager))
    candidates = [hit.id for hit in hits if hit.obj_type == "tenant"]
    for found in acronis.tenants.by_ids(candidates) if candidates else ():
        if found.customer_id == tenant.key:
            return found
    if tenant.actions.filter(kind="create_tenant").exclude(status=VendorAction.Status.STARTED).exists():
        return find_among_children(tenant, acronis)
    return None


def find_among_children(tenant: Tenant, acronis: Acronis) -> VendorTenant | None:
    """Return the tenant by its key from the list of its parent's children, which never lags behind."""
    children = acronis.tenants.by_parent(parent_id(tenant))
    return next((child for child in children if child.customer_id == tenant.key), None)


def observe(found: VendorTenant, acronis: Acronis) -> ObservedTenant:
    """Read what the plan needs to know of a tenant at the vendor: its items, pricing mode, users and their roles."""
    items = acronis.offering_items.list(found.id)
    return ObservedTenant(
        id=found.id,
        is_enabled=found.enabled,
        pricing_mode=found.pricing_mode or acronis.tenants.pricing(found.id).mode,
        items=frozenset(item_of(item) for item in items if item.enabled),
        users=tuple(observed_user(user, found.id) for user in acronis.users.of_tenant(found.id)),
    )


def observed_user(user: VendorUser, tenant_id: str) -> ObservedUser:
    roles = frozenset(policy.role_id for policy in user.access_policies if policy.tenant_id == tenant_id)
    return ObservedUser(id=user.id, login=user.login, is_activated=user.activated, roles=roles)


def item_of(item: OfferingItem) -> Item:
    return Item(application_id=item.application_id, name=item.name, infra_id=item.infra_id or "")


def parent_id(tenant: Tenant) -> str:
    """Return the vendor's id of the tenant above: the partner's, or the root tenant."""
    if tenant.parent is not None and tenant.parent.vendor_id is not None:
        return str(tenant.parent.vendor_id)
    return vendor.root_tenant(tenant.service_manager)


def wished_items(tenant: Tenant, acronis: Acronis) -> frozenset[Item]:
    """
    Return the offering items the tenant should have; what its parent can give is asked of the vendor.

    :raises ItemsNotAvailable: the parent does not offer an edition that was ordered.
    :raises NothingWished: a customer without a live service. Its items are left as they are: turning them off destroys data.
    """
    if tenant.kind == Tenant.Kind.PARTNER:
        return items_for_partner(available_items(tenant.service_manager, acronis, parent=parent_id(tenant), kind=tenant.kind))
    service = tenant.services.live().select_related("backup_storage").first()
    if service is None:
        raise NothingWished(f"{tenant.organization} has no live service; nothing is to be done at Acronis.")
    return customer_items(
        tenant.service_manager,
        acronis,
        parent=parent_id(tenant),
        editions=tenant.service_manager.edition_for(protection=service.protection_model, file_sync=service.file_sync_model),
        backup_storage=str(service.backup_storage.infra_id) if service.backup_storage else None,
    )


def wish_of(tenant: Tenant, items: frozenset[Item]) -> TenantWish:
    """Put the tenant's rows into a wish."""
    user = tenant.users.order_by("pk").first()
    return TenantWish(
        name=tenant_name(tenant.organization.name),
        kind=tenant.kind,
        items=items,
        user=user_wish(user) if user else None,
        enabled=not tenant.holds.filter(released_at__isnull=True).exists(),
    )


def user_wish(user: TenantUser) -> UserWish:
    return UserWish(login=user.login, email=user.email, role=user.role, mail_is_due=user.activation_mail_asked_at is None)


def tenant_name(name: str) -> str:
    return name[:NAME_LENGTH].strip()


def customer_items(
    service_manager: ServiceManager, acronis: Acronis, *, parent: str, editions: dict[str, str], backup_storage: str | None
) -> frozenset[Item]:
    """
    Return what a customer under ``parent`` gets in these editions.

    :raises ItemsNotAvailable: the parent does not offer one of them.
    """
    available = available_items(service_manager, acronis, parent=parent, kind=Tenant.Kind.CUSTOMER)
    offered = {entry.item.infra_id for entry in available} - {""}
    default = service_manager.default_backup_storage
    preferred = [backup_storage, str(default.infra_id) if default else None]
    return items_for_customer(
        available,
        editions=editions,
        storages=_storage_facts(service_manager, acronis, offered),
        preferred=[infra_id for infra_id in preferred if infra_id],
    )


def available_items(service_manager: ServiceManager, acronis: Acronis, *, parent: str, kind: str) -> list[AvailableItem]:
    """Ask the vendor what ``parent`` can give to a child of ``kind``."""
    types = _application_types(service_manager, acronis)
    return [
        AvailableItem(item=item_of(item), application_type=types.get(item.application_id, ""), edition=item.edition or "")
        for item in acronis.offering_items.available_for_child(parent, kind=kind)
    ]


def _application_types(service_manager: ServiceManager, acronis: Acronis) -> dict[str, str]:
    mirrored = VendorOfferingItem.objects.filter(service_manager=service_manager).values_list("application_id", "application_type")
    known = {str(application_id): application_type for application_id, application_type in mirrored.distinct().order_by()}
    return known or {application.id: application.type for application in acronis.applications.list()}


def _storage_facts(service_manager: ServiceManager, acronis: Acronis, offered: set[str]) -> dict[str, StorageFacts]:
    facts = {
        str(storage.infra_id): StorageFacts(storage.name, tuple(storage.capabilities)) for storage in service_manager.storages.all()
    }
    if unknown := sorted(offered - facts.keys()):
        facts |= {infra.id: StorageFacts(infra.name, infra.capabilities) for infra in acronis.infra.by_ids(unknown)}
    return facts
