"""What executing an order would change at the vendor: the plan itself, shown before anything is done."""

from collections.abc import Iterable

from accounts.models import Organization
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.models import ServiceManager, Tenant
from provisioning.observing import Offer, choice_of, customer_items, facts_wish, find_tenant, observe, users_wish, wish_of
from provisioning.operations.wishes import ServiceWish
from provisioning.planning.actions import Action
from provisioning.planning.choosing import items_for_partner
from provisioning.planning.rules import plan
from provisioning.planning.values import TenantWish, UserWish


def what_would_change(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish) -> list[str]:
    """
    Return one sentence per action that would be taken at the vendor, in order; empty where it agrees already. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, for example an edition is not offered.
    """
    acronis = vendor.connect(service_manager)
    offer = Offer(service_manager, acronis)
    sentences = []
    parent = vendor.root_tenant(service_manager)
    if (reseller := consumer.reseller) is not None:
        partner = _tenant(reseller, service_manager, Tenant.Kind.PARTNER)
        if not partner.agrees:
            sentences += [f"For {reseller}: {sentence}" for sentence in _sentences(_partner_plan(partner, offer, acronis))]
        parent = str(partner.vendor_id or parent)
    tenant = _tenant(consumer, service_manager, Tenant.Kind.CUSTOMER)
    found = find_tenant(tenant, acronis) if tenant.pk else None
    wanted = _customer_wish(tenant, wish, offer, parent)
    return sentences + _sentences(plan(wanted, observe(found, acronis) if found else None))


def _customer_wish(tenant: Tenant, wish: ServiceWish, offer: Offer, parent: str) -> TenantWish:
    """What the tenant would be wished to have once the order is carried out; its rows may not be there yet."""
    service = wish.service(service_manager=tenant.service_manager)
    users = users_wish(tenant) if tenant.pk else ()
    if not users and wish.login:
        users = (UserWish(login=wish.login, email=wish.email, role=wish.role),)
    items = customer_items(offer, parent=parent, choice=choice_of(service, items=wish.items))
    return TenantWish(**facts_wish(tenant), items=items, users=users, pricing_mode=wish.pricing_mode)


def _partner_plan(partner: Tenant, offer: Offer, acronis: Acronis) -> list[Action]:
    if partner.pk:
        found = find_tenant(partner, acronis)
        return plan(wish_of(partner, offer), observe(found, acronis) if found else None)
    items = items_for_partner(offer.items(parent=vendor.root_tenant(partner.service_manager), kind=partner.kind))
    return plan(TenantWish(**facts_wish(partner), items=items), None)


def _sentences(actions: Iterable[Action]) -> list[str]:
    return [action.sentence for action in actions]


def _tenant(organization: Organization, service_manager: ServiceManager, kind: str) -> Tenant:
    """The organization's tenant, or what it would be, not saved."""
    tenants = Tenant.objects.live().select_related("organization", "parent", "service_manager")
    found = tenants.filter(organization=organization, service_manager=service_manager).first()
    return found or Tenant(organization=organization, service_manager=service_manager, kind=kind)
