"""What the page of a service shows: how it stands at the vendor, what it may use, who gets in."""

from dataclasses import dataclass
from enum import StrEnum

from catalog.item_names import item_label
from provisioning import queries as provisioning
from provisioning.models import Service, Tenant, TenantUser, VendorAccess, VendorAction, VendorOfferingItem
from provisioning.operations.users import is_activated
from provisioning.planning.values import Limit

ACCESSES_SHOWN = 20
STEPS_SHOWN = 20


class Password(StrEnum):
    """What we know of the password of a service's user."""

    OWN = "own"  # set by its owner, unknown to us
    ON_ITS_WAY = "on_its_way"
    KEPT = "kept"


@dataclass(frozen=True)
class AtVendor:
    """Whether the vendor has what was wished for, and if not, how far it has come."""

    tenant: Tenant
    steps: list[VendorAction]
    """What was done since the wish last changed."""
    history: list[VendorAction]
    """All that was ever done, the oldest first."""

    @property
    def earlier(self) -> list[VendorAction]:
        return self.history[:-STEPS_SHOWN]

    @property
    def recent(self) -> list[VendorAction]:
        return self.history[-STEPS_SHOWN:]

    @property
    def is_moving(self) -> bool:
        """Whether something will happen by itself: at once, or at the next try."""
        return self.tenant.next_try_at is not None

    @property
    def is_pausing(self) -> bool:
        """Whether the last try failed and the next is some time away."""
        return self.is_moving and bool(self.tenant.last_error)

    @property
    def is_refused(self) -> bool:
        """Whether the last try failed and nothing will happen until a person acts."""
        return not self.is_moving and bool(self.tenant.last_error)


@dataclass(frozen=True)
class SignIn:
    """How the service's user gets in at the vendor."""

    user: TenantUser
    is_active: bool
    """Whether the user can sign in already."""
    password: Password
    accesses: list[VendorAccess]
    """Who saw the password or opened the panel, the newest first."""


@dataclass(frozen=True)
class Quota:
    """What a service says about one offering item, in words."""

    label: str
    words: str


def at_vendor(tenant: Tenant) -> AtVendor:
    """Return how ``tenant`` stands at the vendor: one query."""
    actions = provisioning.progress([tenant.pk])
    return AtVendor(tenant=tenant, steps=[each for each in actions if each.started_at >= tenant.wished_at], history=actions)


def sign_in(tenant: Tenant) -> SignIn | None:
    """Return how the tenant's first user gets in; None before there is one. Two queries. Of a deleted tenant it is the last one."""
    user = TenantUser.objects.filter(tenant=tenant).order_by("pk").first()
    if user is None:
        return None
    accesses = VendorAccess.objects.filter(tenant_user=user).select_related("person")[:ACCESSES_SHOWN]
    return SignIn(user=user, is_active=is_activated(user), password=_password(user), accesses=list(accesses))


def quotas(service: Service) -> list[Quota]:
    """Return what ``service`` says about single offering items, times its quantity: two queries."""
    items = list(service.items.all())
    mirrored = VendorOfferingItem.objects.filter(service_manager=service.service_manager_id, name__in=[item.name for item in items])
    units = dict(mirrored.order_by("name").values_list("name", "measurement_unit").distinct())
    return [
        Quota(
            label=item_label(item.name),
            words=Limit(item.soft_quota, item.overage).times(service.quantity).words(units.get(item.name, ""))
            if item.is_enabled
            else "off",
        )
        for item in items
    ]


def _password(user: TenantUser) -> Password:
    if not user.password:
        return Password.OWN
    return Password.ON_ITS_WAY if user.password_set_at is None else Password.KEPT
