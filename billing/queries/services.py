"""What the page of a service shows: how it stands at the vendor, what it may use, what it costs, who gets in."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from accounts.models import Organization
from billing.models import Subscription, SubscriptionPrice
from catalog.item_names import item_label
from catalog.models import FIXED_MODELS
from catalog.pricing import Level
from common.money import round_money
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
    is_limited: bool
    """Whether there is more to say than that it is on."""


@dataclass(frozen=True)
class Sold:
    """What a service of fixed price costs the reader: one unit for the whole term, excluding VAT, at its own end of the chain."""

    price: Decimal
    currency: str
    term_months: int
    quantity: int
    next_price: Decimal | None = None
    next_from: date | None = None

    @property
    def term(self) -> str:
        return "1 month" if self.term_months == 1 else f"{self.term_months} months"

    @property
    def per_month(self) -> Decimal:
        """One unit and month, rounded as it is shown."""
        return round_money(self.price / self.term_months, self.currency)

    @property
    def next_per_month(self) -> Decimal | None:
        return None if self.next_price is None else round_money(self.next_price / self.term_months, self.currency)


def sold_to(reader: Organization, subscriptions: Iterable[Subscription], *, today: date) -> dict[int, Sold]:
    """
    Return what each of ``subscriptions`` that has a fixed price costs ``reader``, by its key: one query, none where all are by use.

    A reseller is told what it pays itself, its customer what the reseller invoices; nobody sees another end of the chain.
    """
    fixed = {one.pk: one for one in subscriptions if one.billing_model in FIXED_MODELS}
    if not fixed:
        return {}
    by_subscription: dict[int, list[SubscriptionPrice]] = defaultdict(list)
    for price in SubscriptionPrice.objects.standing().filter(subscription__in=fixed).order_by("valid_from"):
        if price.level == _level(reader, fixed[price.subscription_id]):
            by_subscription[price.subscription_id].append(price)
    return {key: _sold(fixed[key], prices, today) for key, prices in by_subscription.items()}


def _level(reader: Organization, subscription: Subscription) -> Level:
    if subscription.consumer.reseller is None:
        return Level.MSP
    return Level.WHOLESALE if reader.kind == Organization.Kind.RESELLER else Level.RETAIL


def _sold(subscription: Subscription, prices: list[SubscriptionPrice], today: date) -> Sold:
    """Tell the price of today, or of the first day where that lies ahead, and the next one that is planned."""
    present = next((price for price in reversed(prices) if price.valid_from <= today), prices[0])
    later = next((price for price in prices if price.valid_from > max(today, present.valid_from)), None)
    return Sold(
        price=present.price,
        currency=present.currency,
        term_months=subscription.term_months,
        quantity=subscription.quantity,
        next_price=later.price if later else None,
        next_from=later.valid_from if later else None,
    )


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
            is_limited=item.soft_quota is not None or not item.is_enabled,
        )
        for item in items
    ]


def _password(user: TenantUser) -> Password:
    if not user.password:
        return Password.OWN
    return Password.ON_ITS_WAY if user.password_set_at is None else Password.KEPT
