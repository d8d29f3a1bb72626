"""Reads that join baskets and orders with what is known of plans, terms, tenants and services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import Organization, local_date
from catalog.models import Plan, TermsDocument
from common.periods import add_months
from ordering.models import Basket, BasketLine, Order, OrderLine, TermsAcceptance
from ordering.wording import metering
from provisioning import queries as provisioning
from provisioning.models import Activation, Service, TenantUser, VendorAction

ACCOUNT_FIELDS = {"role": "Role", "login": "Login Username", "email": "Email"}

# Countries that have no postal codes (Universal Postal Union, postal addressing systems); everywhere else one is asked for.
# fmt: off
WITHOUT_POSTCODE = frozenset(
    {
        "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM", "DJ", "DM",
        "ER", "FJ", "GA", "GD", "GM", "GQ", "GY", "HK", "KI", "KM", "KN", "KP", "LY", "ML", "MO", "MR", "MW", "NR", "NU",
        "QA", "RW", "SB", "SC", "SL", "SR", "ST", "SY", "TD", "TF", "TG", "TK", "TL", "TO", "TV", "UG", "VU", "YE", "ZW",
    }
)
# fmt: on


class Step(StrEnum):
    """A page on the way from the basket to the order, in the order they come."""

    BASKET = "basket"
    TERMS = "terms"
    BILLING = "billing"
    SERVICE_DETAILS = "service_details"
    REVIEW = "review"

    @property
    def heading(self) -> str:
        return _HEADINGS[self]

    @property
    def url_name(self) -> str:
        return f"ordering:{self}"


_HEADINGS = {
    Step.BASKET: "Basket",
    Step.TERMS: "Terms of use",
    Step.BILLING: "Billing information",
    Step.SERVICE_DETAILS: "Service details",
    Step.REVIEW: "Review",
}


@dataclass(frozen=True)
class Item:
    """A basket line with what decides whether it can be ordered."""

    line: BasketLine
    is_for_sale: bool
    is_served: bool
    """The consumer has a live service at this service manager, or an order for one that is not given up."""
    needs_user: bool
    """The consumer has no user at this service manager yet, so the vendor needs login and e-mail."""

    @property
    def plan(self) -> Plan:
        return self.line.plan

    @property
    def is_configured(self) -> bool:
        return bool(self.line.quantity == 1 and self.line.protection_model and self.line.file_sync_model)

    @property
    def metering(self) -> list[str]:
        return metering(self.plan, protection=self.line.protection_model, file_sync=self.line.file_sync_model)


@dataclass(frozen=True)
class Summary:
    """What the pages beside a basket always tell."""

    basket: Basket
    items: list[Item]
    first_invoice_on: date
    usage_until: date
    """The last day that the first invoice bills."""

    @property
    def due_now(self) -> Decimal:
        """Pay-as-you-go is billed afterwards: nothing."""
        return Decimal(0)

    @property
    def withdrawn(self) -> list[Item]:
        return [item for item in self.items if not item.is_for_sale]

    @property
    def needs_service_details(self) -> bool:
        return any(item.needs_user for item in self.items)


@dataclass(frozen=True)
class Checkout(Summary):
    """How far a basket has come."""

    terms: Sequence[TermsDocument]
    """The newest published version of each document."""
    accepted_terms: frozenset[int]

    @property
    def steps(self) -> list[Step]:
        """The steps that this buyer has."""
        return [
            step for step in Step if step is not Step.BASKET and (step is not Step.SERVICE_DETAILS or self.needs_service_details)
        ]

    @property
    def missing(self) -> Step:
        """The first step that is not done yet; the review when everything is."""
        return next((step for step in [Step.BASKET, *self.steps] if not self.is_done(step)), Step.REVIEW)

    def is_done(self, step: Step) -> bool:
        match step:
            case Step.BASKET:
                usable = [item.is_for_sale and item.is_configured and not item.is_served for item in self.items]
                return bool(usable) and all(usable) and self.basket.consumer_id is not None
            case Step.TERMS:
                return bool(self.terms) and self.accepted_terms.issuperset(document.pk for document in self.terms)
            case Step.BILLING:
                return self.basket.billing_confirmed_at is not None and not missing_billing_fields(self.basket.buyer)
            case Step.SERVICE_DETAILS:
                return not self.needs_service_details or bool(self.basket.login and self.basket.email)
            case Step.REVIEW:
                return False

    def is_reachable(self, step: Step) -> bool:
        """Whether every step before ``step`` is done."""
        way = [Step.BASKET, *self.steps]
        return step in way and way.index(step) <= way.index(self.missing)


@dataclass(frozen=True)
class Missing:
    """What the vendor needs for a consumer's first user and an order does not say."""

    line: OrderLine
    field: str
    sentence: str


@dataclass(frozen=True)
class LineProgress:
    """How far one order line has come."""

    line: OrderLine
    steps: list[VendorAction]
    """What was done at the vendor for this order, each thing once, as it last went."""
    portal_url: str
    is_first_service: bool
    """Somebody has to get in at the vendor for the first time, because this order made the consumer's user."""
    has_password: bool
    """That somebody gets in by a password of ours, shown on the service page, and not by the vendor's activation mail."""


@dataclass(frozen=True)
class OrderProgress:
    order: Order
    lines: list[LineProgress]

    @property
    def is_moving(self) -> bool:
        return self.order.status == Order.Status.EXECUTING

    @property
    def is_begun(self) -> bool:
        """Whether something was wished for it, so that it may stand at the vendor."""
        return any(line.line.service_id is not None for line in self.lines)


def newest_terms(at: datetime) -> QuerySet[TermsDocument]:
    """The newest version of each document that is published at ``at``."""
    published = TermsDocument.objects.filter(published_at__lte=at)
    return published.order_by("title", "-published_at", "-pk").distinct("title")


def missing_billing_fields(organization: Organization) -> list[str]:
    """Name the fields an invoice cannot do without and ``organization`` has not filled."""
    required = ["name", "billing_email", "address_line1", "city", "country"]
    if organization.country not in WITHOUT_POSTCODE:
        required.append("postcode")
    return [name for name in required if not getattr(organization, name).strip()]


def summary(basket: Basket, *, at: datetime) -> Summary:
    """Return what lies in ``basket``, whose buyer and consumer are loaded: one query."""
    return Summary(**_summary(basket, at))


def checkout(basket: Basket, *, at: datetime) -> Checkout:
    """Return how far ``basket``, whose buyer and consumer are loaded, has come: two queries."""
    acceptances = TermsAcceptance.objects.filter(basket=basket, document=OuterRef("pk"))
    terms = list(newest_terms(at).annotate(is_accepted=Exists(acceptances)))
    accepted = frozenset(document.pk for document in terms if document.is_accepted)
    return Checkout(**_summary(basket, at), terms=terms, accepted_terms=accepted)


def is_served(consumer: Organization, service_manager_ids: Sequence[int]) -> bool:
    """Whether ``consumer`` has a live service at one of the service managers, or an order for one that is not given up."""
    live = Service.objects.live().filter(organization=consumer, service_manager__in=service_manager_ids)
    ordered = OrderLine.objects.unfinished().filter(order__consumer=consumer, plan__service_manager__in=service_manager_ids)
    return live.exists() or ordered.exists()


def login_is_known(login: str, service_manager_ids: Sequence[int], *, but_for: Order | None = None) -> bool:
    """Whether one of our users at these service managers, or another order that is not given up, has this login."""
    ours = (
        TenantUser.objects.live()
        .annotate(login_lower=Lower("login"))
        .filter(service_manager__in=service_manager_ids, login_lower=login.lower())
    )
    ordered = OrderLine.objects.unfinished().filter(plan__service_manager__in=service_manager_ids, login__iexact=login)
    if but_for is not None:
        own_tenants = but_for.lines.filter(service__isnull=False).values("service__tenant")
        ours, ordered = ours.exclude(tenant__in=own_tenants), ordered.exclude(order=but_for)
    return ours.exists() or ordered.exists()


def lines_without_user(order: Order) -> list[OrderLine]:
    """The lines whose consumer has no user at the service manager yet, wished or real."""
    return list(_with_manager(order).filter(~Exists(_users(order))))


def lines_with_open_details(order: Order) -> list[OrderLine]:
    """The lines that are not done and whose consumer's user the vendor has not created yet."""
    open_lines = _with_manager(order).filter(status__in=[OrderLine.Status.WAITING, OrderLine.Status.FAILED])
    return list(open_lines.filter(~Exists(_users(order).filter(Q(vendor_id__isnull=False) | ~Q(login=OuterRef("login"))))))


def missing_before_execution(order: Order) -> list[Missing]:
    """
    Name what the vendor needs for the consumer's first user (role, login, e-mail) and the order does not say.

    A line whose consumer has a user at the service manager already needs none of them.
    """
    return [
        Missing(line, field, f"{label} is missing: Acronis needs it to create the first user of {order.consumer}.")
        for line in lines_without_user(order)
        for field, label in ACCOUNT_FIELDS.items()
        if not getattr(line, field).strip()
    ]


def order_progress(order: Order, *, reader: Organization | None = None) -> OrderProgress:
    """
    Return every line of ``order`` with what was done for it at the vendor: two queries, however many lines.

    :param reader: the organization that looks; None is staff. What was done for a reseller itself is shown to it and to staff only.
    """
    lines = list(with_sign_in(order.lines.select_related("plan__service_manager", "service__tenant__parent", "subscription")))
    tenants = {line.pk: _tenants_of(line, reader) for line in lines}
    actions = provisioning.progress(sorted({tenant for ids in tenants.values() for tenant in ids}))
    return OrderProgress(
        order=order,
        lines=[
            LineProgress(
                line=line,
                steps=[a for a in actions if a.tenant_id in tenants[line.pk] and a.started_at >= order.placed_at],
                portal_url=provisioning.portal_url(line.plan.sold_through),
                is_first_service=bool(line.login),
                has_password=line.has_password,
            )
            for line in lines
        ],
    )


def with_sign_in(lines: QuerySet[OrderLine]) -> QuerySet[Any]:
    """Add to each line whether its user gets in at the vendor by a password of ours (`has_password`)."""
    users = TenantUser.objects.filter(tenant=OuterRef("service__tenant"), activation=Activation.PASSWORD)
    return lines.annotate(has_password=Exists(users.filter(login=OuterRef("login"))))


def _with_manager(order: Order) -> QuerySet[OrderLine]:
    return order.lines.select_related("plan__service_manager", "service")


def _users(order: Order) -> QuerySet[TenantUser]:
    users = TenantUser.objects.live().filter(tenant__organization=order.consumer_id)
    return users.filter(service_manager=OuterRef("plan__service_manager"))


def _summary(basket: Basket, at: datetime) -> dict[str, Any]:
    seller = basket.buyer.parent or basket.buyer
    next_month = add_months(local_date(at, seller).replace(day=1), 1)
    return {
        "basket": basket,
        "items": _items(basket, at),
        "first_invoice_on": next_month,
        "usage_until": next_month - timedelta(days=1),
    }


def _items(basket: Basket, at: datetime) -> list[Item]:
    manager = OuterRef("plan__service_manager")
    for_sale = Plan.objects.for_sale_to(basket.buyer, on=local_date(at, basket.buyer)).filter(pk=OuterRef("plan"))
    live = Service.objects.live().filter(organization=basket.consumer_id, service_manager=manager)
    ordered = OrderLine.objects.unfinished().filter(order__consumer=basket.consumer_id, plan__service_manager=manager)
    users = TenantUser.objects.live().filter(tenant__organization=basket.consumer_id, service_manager=manager)
    lines = basket.lines.select_related("plan__service_manager").annotate(
        is_for_sale=Exists(for_sale), has_service=Exists(live), has_order=Exists(ordered), has_user=Exists(users)
    )
    return [
        Item(line, is_for_sale=line.is_for_sale, is_served=line.has_service or line.has_order, needs_user=not line.has_user)
        for line in lines
    ]


def _tenants_of(line: OrderLine, reader: Organization | None) -> list[int]:
    """The consumer's tenant and, where the reader may know, its reseller's: the vendor needs the parent first."""
    if line.service is None:
        return []
    tenant = line.service.tenant
    if tenant.parent is not None and (reader is None or tenant.parent.organization_id == reader.pk):
        return [tenant.parent.pk, tenant.pk]
    return [tenant.pk]
