"""From rows and the vendor's answers to the plain values that `planning` compares."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import DomainError
from provisioning import vendor
from provisioning.acronis.client import Acronis
from provisioning.acronis.types import Contact, OfferingItem, VendorTenant, VendorUser
from provisioning.models import Activation, Service, ServiceManager, Tenant, TenantUser, VendorAction, VendorOfferingItem
from provisioning.planning.choosing import CustomerChoice, ItemWish, items_for_customer, items_for_partner
from provisioning.planning.values import Item, Limit, ObservedTenant, ObservedUser, TenantWish, UserWish

NAME_LENGTH = 200

DEFAULT_STORAGES = tuple(f"service_manager__default_{kind}_storage" for kind in ("backup", "file", "disaster_recovery"))
WISH_RELATED = ("organization", "parent", *DEFAULT_STORAGES)
"""What is read along with a tenant whose wish is asked for."""

# The vendor's list (guide, “Language codes”); others of a language fall back to it, unknown ones to English.
LANGUAGES = frozenset(
    {"bg", "zh", "zh-TW", "cs", "da", "nl", "en", "en-US", "fi", "fr", "de", "hu", "id", "it", "ja", "ko", "ms", "nb", "pl", "pt"}
    | {"pt-BR", "ru", "sr", "es", "es-419", "sv", "tr"}
)


class NothingWished(DomainError):
    """No row says what the tenant should have."""


# --- Looking ----------------------------------------------------------------------------------------------------------


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
            return acronis.tenants.get(found.id)  # lists leave out contact and pricing mode
    if tenant.actions.filter(kind="create_tenant").exclude(status=VendorAction.Status.STARTED).exists():
        return find_among_children(tenant, acronis)
    return None


def find_among_children(tenant: Tenant, acronis: Acronis) -> VendorTenant | None:
    """Return the tenant by its key from the list of its parent's children, which never lags behind."""
    children = acronis.tenants.by_parent(parent_id(tenant))
    found = next((child for child in children if child.customer_id == tenant.key), None)
    return acronis.tenants.get(found.id) if found else None


def observe(found: VendorTenant, acronis: Acronis) -> ObservedTenant:
    """Read what the plan needs to know of a tenant at the vendor: its items with quotas, pricing mode, users and their roles."""
    return observed_tenant(
        found,
        items=acronis.offering_items.list(found.id),
        users=acronis.users.of_tenant(found.id),
        pricing_mode=found.pricing_mode or acronis.tenants.pricing(found.id).mode,
    )


def observed_tenant(
    found: VendorTenant, *, items: Iterable[OfferingItem], users: Iterable[VendorUser], pricing_mode: str
) -> ObservedTenant:
    """Put what was read of a tenant into plain values."""
    switched_on = [(item_of(item), item) for item in items if item.enabled]
    return ObservedTenant(
        id=found.id,
        is_enabled=found.enabled,
        pricing_mode=pricing_mode,
        items={key: Limit(item.quota.value, item.quota.overage) if item.quota else Limit() for key, item in switched_on},
        quota_versions={key: item.quota.version for key, item in switched_on if item.quota},
        users=tuple(observed_user(user, found.id) for user in users),
        name=found.name,
        language=found.language or "",
        contact=_contact_fields(found.contact),
    )


def observed_user(user: VendorUser, tenant_id: str) -> ObservedUser:
    roles = frozenset(policy.role_id for policy in user.access_policies if policy.tenant_id == tenant_id)
    return ObservedUser(id=user.id, login=user.login, is_activated=user.activated, roles=roles, email=user.contact.email)


def item_of(item: OfferingItem, *, application_type: str = "") -> Item:
    return Item(
        application_id=item.application_id,
        name=item.name,
        infra_id=item.infra_id or "",
        unit=item.measurement_unit,
        edition=item.edition or "",
        application_type=application_type,
        usage_name=item.usage_name,
    )


def parent_id(tenant: Tenant) -> str:
    """Return the vendor's id of the tenant above: the partner's, or the root tenant."""
    if tenant.parent is not None and tenant.parent.vendor_id is not None:
        return str(tenant.parent.vendor_id)
    return vendor.root_tenant(tenant.service_manager)


def _contact_fields(contact: Contact) -> dict[str, str]:
    return {name: getattr(contact, name) for name in ("email", "address1", "address2", "zipcode", "city", "country")}


class Offer:
    """What the vendor lets each parent give to its children. Each parent is asked once."""

    def __init__(self, service_manager: ServiceManager, acronis: Acronis) -> None:
        self._service_manager = service_manager
        self._acronis = acronis
        self._items: dict[tuple[str, str], list[Item]] = {}
        self._types: dict[str, str] = {}
        self.storages = {str(storage.infra_id): storage for storage in service_manager.storages.all()}
        self._storage_names = {infra_id: storage.name for infra_id, storage in self.storages.items()}

    def items(self, *, parent: str, kind: str) -> list[Item]:
        """Return what ``parent`` can give to a child of ``kind``, every storage included."""
        if (parent, kind) not in self._items:
            types = self._application_types()
            offered = self._acronis.offering_items.available_for_child(parent, kind=kind)
            self._items[parent, kind] = [item_of(item, application_type=types.get(item.application_id, "")) for item in offered]
        return self._items[parent, kind]

    def forget(self, parent: str) -> None:
        """Drop what ``parent`` can give; whoever goes through thousands of parents keeps only the one it is at."""
        for key in [key for key in self._items if key[0] == parent]:
            del self._items[key]

    def storage_names(self, items: Iterable[Item]) -> Mapping[str, str]:
        """Return the names of the storages that ``items`` lie on."""
        if unknown := sorted({item.infra_id for item in items} - {""} - self._storage_names.keys()):
            # Each is asked for once, also one that the vendor does not tell about.
            named = {infra.id: infra.name for infra in self._acronis.infra.by_ids(unknown)}
            self._storage_names |= dict.fromkeys(unknown, "") | named
        return self._storage_names

    def _application_types(self) -> dict[str, str]:
        if not self._types:
            mirrored = VendorOfferingItem.objects.filter(service_manager=self._service_manager)
            known = mirrored.values_list("application_id", "application_type").distinct().order_by()
            self._types = {str(application_id): application_type for application_id, application_type in known} or {
                application.id: application.type for application in self._acronis.applications.list()
            }
        return self._types


# --- Wishing ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WishRows:
    """The rows that, with the tenant's own, say what it should have. `inspecting` reads those of many tenants at once."""

    is_held: bool
    users: Iterable[TenantUser]
    service: Service | None

    @classmethod
    def of(cls, tenant: Tenant, *, users: Iterable[TenantUser] | None = None) -> "WishRows":
        """Read those of one tenant; its ``users`` only where they are not given."""
        return cls(
            is_held=tenant.holds.filter(released_at__isnull=True).exists(),
            users=tenant.users.live().order_by("pk") if users is None else users,
            service=tenant.services.live().select_related("backup_storage", "file_storage", "disaster_recovery_storage").first(),
        )


def wish_of(tenant: Tenant, offer: Offer, rows: WishRows | None = None) -> TenantWish:
    """
    Put the tenant's rows into a wish; what its parent can give is asked of the vendor.

    :param rows: those of the tenant, where they were read already; None: they are read.
    :raises ItemsNotAvailable: the parent does not offer what was ordered.
    :raises NothingWished: a customer without a live service. Its items are left as they are: turning them off destroys data.
    """
    rows = rows or WishRows.of(tenant)
    facts = {**facts_wish(tenant), "enabled": not rows.is_held}
    if tenant.retired_at is not None:
        return TenantWish(**facts, is_retired=True)
    users = tuple(user_wish(user) for user in rows.users)
    if tenant.kind == Tenant.Kind.PARTNER:
        items = items_for_partner(offer.items(parent=parent_id(tenant), kind=tenant.kind))
        return TenantWish(**facts, items=items, users=users)
    if rows.service is None:
        raise NothingWished(f"{tenant.organization} has no live service; nothing is to be done at Acronis.")
    rows.service.service_manager = tenant.service_manager  # read with its default storages already
    items = customer_items(offer, parent=parent_id(tenant), choice=choice_of(rows.service))
    return TenantWish(**facts, items=items, users=users, pricing_mode=rows.service.pricing_mode)


def facts_wish(tenant: Tenant) -> dict[str, Any]:
    """Return what the organization's billing data say about the tenant: name, contact, language."""
    organization = tenant.organization
    name = tenant_name(tenant.wished_name or organization.name)
    return {
        "name": name,
        "other_names": (numbered_name(name, organization.number),),
        "kind": tenant.kind,
        "language": vendor_language(organization.language),
        "contact": {
            "email": organization.billing_email,
            "address1": organization.address_line1,
            "address2": organization.address_line2,
            "zipcode": organization.postcode,
            "city": organization.city,
            "country": organization.country,
        },
    }


def users_wish(tenant: Tenant) -> tuple[UserWish, ...]:
    return tuple(user_wish(user) for user in tenant.users.live().order_by("pk"))


def user_wish(user: TenantUser) -> UserWish:
    return UserWish(
        login=user.login,
        email=user.email,
        role=user.role,
        vendor_id=str(user.vendor_id or ""),
        mail_is_due=user.activation == Activation.MAIL and user.activation_mail_asked_at is None,
        password_is_due=user.password_is_due,
        email_is_due=user.email_asked_at is None,
    )


def choice_of(service: Service, *, items: Mapping[str, ItemWish] | None = None) -> CustomerChoice:
    """
    Return what a service entitles its tenant to; quotas are multiplied by its quantity.

    :param items: what it says about single offering items, for quantity 1; None: its rows do.
    """
    if items is None:
        items = {item.name: ItemWish(item.is_enabled, Limit(item.soft_quota, item.overage)) for item in service.items.all()}
    manager = service.service_manager
    return CustomerChoice(
        editions=manager.edition_for(protection=service.protection_model, file_sync=service.file_sync_model),
        items={name: ItemWish(wish.is_enabled, wish.limit.times(service.quantity)) for name, wish in items.items()},
        covers_everything=service.covers == Service.Covers.EVERYTHING,
        storages={
            storage_type: [str(storage.infra_id) for storage in (chosen, manager.default_storages[storage_type]) if storage]
            for storage_type, chosen in service.storages.items()
        },
    )


def customer_items(offer: Offer, *, parent: str, choice: CustomerChoice) -> dict[Item, Limit]:
    """
    Return what a customer under ``parent`` gets.

    :raises ItemsNotAvailable: the parent does not offer one of its editions or items.
    """
    available = offer.items(parent=parent, kind=Tenant.Kind.CUSTOMER)
    return items_for_customer(available, choice, storage_names=offer.storage_names(available))


def tenant_name(name: str) -> str:
    return name[:NAME_LENGTH].strip()


def numbered_name(name: str, number: str) -> str:
    """Return the name a tenant gets where its own is taken: names are unique over the vendor's hierarchy (code 1004)."""
    return tenant_name(f"{name[:150]} ({number})")


def vendor_language(language: str) -> str:
    """Return the vendor's code for a language: itself, else without its region, else English."""
    if language in LANGUAGES:
        return language
    primary = language.split("-")[0].split("_")[0].lower()
    return primary if primary in LANGUAGES else "en"
