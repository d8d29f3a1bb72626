"""What an order, a synchronization or other quotas would change at the vendor: the plan itself, shown before anything is done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from accounts.models import Organization
from common.errors import DomainError
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.types import VendorTenant
from provisioning.models import Service, ServiceManager, Tenant
from provisioning.observing import (
    Offer,
    choice_of,
    customer_items,
    facts_wish,
    find_tenant,
    observe,
    parent_id,
    users_wish,
    wish_of,
)
from provisioning.operations.rewishing import PLAN_FIELDS
from provisioning.operations.wishes import AlreadyServed, ServiceWish
from provisioning.planning.actions import Action
from provisioning.planning.choosing import ItemWish, items_for_customer, items_for_partner
from provisioning.planning.rules import plan
from provisioning.planning.values import Item, Limit, TenantWish, UserWish


@dataclass(frozen=True, slots=True)
class Step:
    """One action that would be taken at the vendor, and its pieces where the sentence only counts them."""

    sentence: str
    details: tuple[str, ...] = ()


def what_would_change(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish) -> list[str]:
    """
    Return one sentence per action that would be taken at the vendor, in order; empty where it agrees already. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, for example an edition is not offered.
    """
    return [step.sentence for step in steps_of_order(consumer=consumer, service_manager=service_manager, wish=wish)]


def steps_of_order(*, consumer: Organization, service_manager: ServiceManager, wish: ServiceWish) -> list[Step]:
    """
    Return the actions that carrying out an order would take at the vendor, in order. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, for example an edition is not offered.
    """
    acronis = vendor.connect(service_manager)
    offer = Offer(service_manager, acronis)
    steps = []
    parent = vendor.root_tenant(service_manager)
    if (reseller := consumer.reseller) is not None:
        partner = _tenant(reseller, service_manager, Tenant.Kind.PARTNER)
        if not partner.agrees:
            steps += _steps(_partner_plan(partner, offer, acronis), whose=reseller)
        parent = str(partner.vendor_id or parent)
    tenant = _tenant(consumer, service_manager, Tenant.Kind.CUSTOMER)
    found = find_tenant(tenant, acronis) if tenant.pk else None
    wanted = _customer_wish(tenant, wish, offer, parent)
    return steps + _steps(plan(wanted, observe(found, acronis) if found else None))


def steps_of_synchronization(
    *, reseller: Organization, service_manager: ServiceManager, parent: Tenant | None, role: str, login: str, email: str
) -> list[Step]:
    """
    Return the actions that “Save & synchronize” would take at the vendor, those for the tenants above first. Changes nothing.

    :param parent: the partner tenant to stand under; None is the MSP's.
    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made.
    """
    acronis = vendor.connect(service_manager)
    offer = Offer(service_manager, acronis)
    steps = []
    if parent is not None and not parent.agrees:
        steps += _steps(_partner_plan(parent, offer, acronis), whose=parent.organization)
    tenant = _tenant(reseller, service_manager, Tenant.Kind.PARTNER)
    if tenant.vendor_id is None:
        tenant.parent = parent
    person = () if not login else (UserWish(login=login.strip(), email=email, role=role),)
    return steps + _steps(_partner_plan(tenant, offer, acronis, person=person))


def steps_of_quotas(*, service_id: int, limits: Mapping[str, Limit], quantity: int) -> list[Step]:
    """
    Return the actions that other quotas would take at the vendor. Changes nothing.

    :param limits: offering item → its quotas for quantity 1 in the vendor's unit; items that are not named stay.
    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, or the service is not at the vendor yet.
    """
    service = _service(service_id)
    acronis = vendor.connect(service.service_manager)
    found = find_tenant(service.tenant, acronis)
    if found is None:
        raise DomainError("The service is not at Acronis yet. Its quotas are set when it is created.")
    said = {item.name: ItemWish(item.is_enabled, Limit(item.soft_quota, item.overage)) for item in service.items.all()}
    said |= {name: replace(said.get(name, ItemWish()), limit=limit) for name, limit in limits.items()}
    service.quantity = quantity
    return _steps_of_items(service, said, acronis, found)


def steps_of_plan(*, service_id: int, wish: ServiceWish) -> list[Step]:
    """
    Return the actions that the licensing models, items and quotas of another plan would take at the vendor. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made, or the service is not at the vendor yet.
    """
    service = _service(service_id)
    acronis = vendor.connect(service.service_manager)
    found = find_tenant(service.tenant, acronis)
    if found is None:
        raise DomainError("The service is not at Acronis yet. It is created as it is wished then.")
    for name in PLAN_FIELDS:
        setattr(service, name, getattr(wish, name))
    return _steps_of_items(service, wish.items, acronis, found)


def _service(service_id: int) -> Service:
    return Service.objects.select_related("service_manager", "tenant__organization", "tenant__parent").get(pk=service_id)


def _steps_of_items(service: Service, said: Mapping[str, ItemWish], acronis: Acronis, found: VendorTenant) -> list[Step]:
    """Return what it takes that the tenant has what ``service``, not saved, and ``said`` of single items entitle it to."""
    offer = Offer(service.service_manager, acronis)
    present = wish_of(service.tenant, offer)
    items = customer_items(offer, parent=parent_id(service.tenant), choice=choice_of(service, items=said))
    return _steps(plan(replace(present, items=items), observe(found, acronis)))


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """What a customer that is new at the vendor would get: each offering item with its quotas, and the steps that lead there."""

    items: Mapping[Item, Limit]
    storage_names: Mapping[str, str]
    steps: list[Step]


def new_customer(*, service_manager: ServiceManager, wish: ServiceWish, consumer: Organization | None = None) -> NewCustomer:
    """
    Return what ``wish`` would give to a customer that is new at the vendor, by the mirrored services definition: the vendor is not
    asked, and nothing is changed.

    :param consumer: whose tenant it would be; None is a direct customer of no name yet. A partner tenant has what the MSP has.
    :raises ItemsNotAvailable: the services definition lacks an edition or item of it; the very words of a purchase.
    :raises AlreadyServed: the consumer has a live service at this service manager.
    """
    if consumer is not None and Service.objects.live().filter(organization=consumer, service_manager=service_manager).exists():
        raise AlreadyServed.of(consumer, service_manager)
    mirrored = service_manager.offering_items.filter(is_offered=True).select_related("storage")
    available = [
        Item(
            application_id=str(row.application_id),
            name=row.name,
            infra_id=str(row.storage.infra_id) if row.storage else "",
            unit=row.measurement_unit,
            edition=row.edition,
            application_type=row.application_type,
            usage_name=row.usage_name,
        )
        for row in mirrored
    ]
    names = {str(row.storage.infra_id): row.storage.name for row in mirrored if row.storage}
    choice = choice_of(wish.service(service_manager=service_manager), items=wish.items)
    items = items_for_customer(available, choice, storage_names=names)
    someone = consumer or Organization(name="New customer")
    tenant = Tenant(organization=someone, service_manager=service_manager, kind=Tenant.Kind.CUSTOMER)
    person = (UserWish(login=wish.login, email=wish.email, role=wish.role),) if wish.login else ()
    wanted = TenantWish(**facts_wish(tenant), items=items, users=person, pricing_mode=wish.pricing_mode)
    return NewCustomer(items, names, _steps(plan(wanted, None)))


def _customer_wish(tenant: Tenant, wish: ServiceWish, offer: Offer, parent: str) -> TenantWish:
    """What the tenant would be wished to have once the order is carried out; its rows may not be there yet."""
    service = wish.service(service_manager=tenant.service_manager)
    users = users_wish(tenant) if tenant.pk else ()
    if not users and wish.login:
        users = (UserWish(login=wish.login, email=wish.email, role=wish.role),)
    items = customer_items(offer, parent=parent, choice=choice_of(service, items=wish.items))
    return TenantWish(**facts_wish(tenant), items=items, users=users, pricing_mode=wish.pricing_mode)


def _partner_plan(partner: Tenant, offer: Offer, acronis: Acronis, *, person: tuple[UserWish, ...] = ()) -> list[Action]:
    """
    :param person: who is to administer it, where no user of it has been written down, or has been made at the vendor.
    """
    found = find_tenant(partner, acronis) if partner.pk else None
    items = items_for_partner(offer.items(parent=parent_id(partner), kind=partner.kind))
    wish = wish_of(partner, offer) if partner.pk else TenantWish(**facts_wish(partner), items=items)
    if person and not any(user.vendor_id for user in wish.users):
        wish = replace(wish, users=person)
    return plan(replace(wish, items=items), observe(found, acronis) if found else None)


def _steps(actions: Iterable[Action], *, whose: Organization | None = None) -> list[Step]:
    begin = "" if whose is None else f"For {whose}: "
    return [Step(begin + action.sentence, action.details) for action in actions]


def _tenant(organization: Organization, service_manager: ServiceManager, kind: str) -> Tenant:
    """The organization's tenant, or what it would be, not saved."""
    tenants = Tenant.objects.live().select_related("organization", "parent", "service_manager")
    found = tenants.filter(organization=organization, service_manager=service_manager).first()
    return found or Tenant(organization=organization, service_manager=service_manager, kind=kind)
