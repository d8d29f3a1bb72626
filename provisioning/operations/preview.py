"""What executing an order would change at the vendor: the plan itself, shown before anything is done."""

from accounts.models import Organization
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.models import ServiceManager, Tenant
from provisioning.observing import (
    available_items,
    customer_items,
    find_tenant,
    observe,
    tenant_name,
    user_wish,
    wish_of,
    wished_items,
)
from provisioning.operations.wishes import ServiceWish
from provisioning.planning import TenantWish, UserWish, items_for_partner, plan


def what_would_change(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish) -> list[str]:
    """
    Return one sentence per action that would be taken at the vendor, in order; empty where it agrees already. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, for example an edition is not offered.
    """
    acronis = vendor.connect(service_manager)
    sentences = []
    parent = vendor.root_tenant(service_manager)
    if (reseller := consumer.reseller) is not None:
        partner = _tenant(reseller, service_manager)
        if partner is None or not partner.agrees:
            sentences += [f"For {reseller}: {sentence}" for sentence in _partner_plan(reseller, service_manager, partner, acronis)]
        if partner is not None and partner.vendor_id is not None:
            parent = str(partner.vendor_id)
    tenant = _tenant(consumer, service_manager)
    user = tenant.users.order_by("pk").first() if tenant else None
    wanted = TenantWish(
        name=tenant_name(consumer.name),
        kind=Tenant.Kind.CUSTOMER,
        items=customer_items(
            service_manager,
            acronis,
            parent=parent,
            editions=service_manager.edition_for(protection=wish.protection_model, file_sync=wish.file_sync_model),
            backup_storage=str(wish.backup_storage.infra_id) if wish.backup_storage else None,
        ),
        user=user_wish(user) if user else UserWish(login=wish.login, email=wish.email, role=wish.role) if wish.login else None,
    )
    found = find_tenant(tenant, acronis) if tenant else None
    return sentences + [action.sentence for action in plan(wanted, observe(found, acronis) if found else None)]


def _partner_plan(reseller: Organization, service_manager: ServiceManager, partner: Tenant | None, acronis: Acronis) -> list[str]:
    if partner is not None:
        found = find_tenant(partner, acronis)
        wanted = wish_of(partner, wished_items(partner, acronis))
        return [action.sentence for action in plan(wanted, observe(found, acronis) if found else None)]
    root = vendor.root_tenant(service_manager)
    items = items_for_partner(available_items(service_manager, acronis, parent=root, kind=Tenant.Kind.PARTNER))
    wanted = TenantWish(name=tenant_name(reseller.name), kind=Tenant.Kind.PARTNER, items=items)
    return [action.sentence for action in plan(wanted, None)]


def _tenant(organization: Organization, service_manager: ServiceManager) -> Tenant | None:
    tenants = Tenant.objects.select_related("organization", "parent", "service_manager__default_backup_storage")
    return tenants.filter(organization=organization, service_manager=service_manager).first()
