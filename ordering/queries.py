"""Reads that join baskets and orders with what is known of plans, terms, tenants and services."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, prefetch_related_objects
from django.db.models.functions import Lower

from accounts.models import Organization, local_date
from catalog.models import ModuleItem, ModuleSettings, Plan, TermsDocument
from catalog.pricing import Amounts, Level
from catalog.provisioned import in_vendor_unit, is_backup_storage, storage_limit
from catalog.queries.offers import Offer, SoldPrice, offers
from common.periods import add_months
from ordering.costs import Cost, End, as_told, fingerprint, of_sale
from ordering.models import Basket, BasketLine, Order, OrderLine, TermsAcceptance, largest_quantity
from ordering.module_wishes import Included, in_order, included, included_item
from ordering.wording import billing, cost_facts, metering
from provisioning import queries as provisioning
from provisioning.models import Activation, FileSyncModel, ProtectionModel, Service, TenantUser, VendorAction, VendorOfferingItem
from provisioning.planning.values import Limit

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
    offers: Sequence[Offer] = ()
    """The terms that are sold to the buyer, the shortest first; none where it is priced by use."""
    retail: Mapping[int, End] = field(default_factory=dict)
    """By term, what the chosen customer of a reseller pays for the line; empty for every other buyer."""
    awaits_retail: bool = False
    """A customer of a reseller is chosen, so that it must have a price in its own currency."""

    @property
    def plan(self) -> Plan:
        return self.line.plan

    @property
    def settings(self) -> ModuleSettings | None:
        return getattr(self.plan, "module_settings", None)

    @property
    def protection_model(self) -> str:
        """As its buyer chose; of a fixed plan as the plan's edition says."""
        return self._settled("protection_model")

    @property
    def file_sync_model(self) -> str:
        return self._settled("file_sync_model")

    @property
    def protection_model_label(self) -> str:
        return str(dict(ProtectionModel.choices).get(self.protection_model, ""))

    @property
    def file_sync_model_label(self) -> str:
        return str(dict(FileSyncModel.choices).get(self.file_sync_model, ""))

    @property
    def offer(self) -> Offer | None:
        """The term that is chosen, as it is sold now."""
        return next((offer for offer in self.offers if offer.term_months == self.line.term_months), None)

    @property
    def cost(self) -> Cost | None:
        """What the line costs its buyer, and what a reseller's customer pays; None where it is priced by use."""
        if self.offer is None:
            return None
        own = End(self.offer.currency, self.offer.amounts, self.line.quantity, self.offer.term_months)
        return Cost(own, self.retail.get(self.offer.term_months))

    @property
    def cost_facts(self) -> list[tuple[str, str]]:
        return [] if self.cost is None else cost_facts(self.cost)

    @property
    def largest_quantity(self) -> int:
        return largest_quantity(self.plan)

    @property
    def is_out_of_date(self) -> bool:
        """It costs something else than its buyer was last told, or is not sold for this term or in this quantity any more."""
        if not self.offers:  # priced by use; a fixed plan without any price is not for sale
            return False
        told = None if self.offer is None else as_told(self.offer.currency, self.offer.amounts)
        return told != self.line.told_price or self.line.quantity > self.largest_quantity

    @property
    def is_without_retail(self) -> bool:
        """The chosen customer of a reseller has no price: none in its currency, or no markup for it."""
        return self.awaits_retail and self.offer is not None and self.offer.term_months not in self.retail

    @property
    def is_configured(self) -> bool:
        if not (self.protection_model and self.file_sync_model and self.line.quantity <= self.largest_quantity):
            return False
        return not self.plan.is_fixed or (self.offer is not None and not self.is_without_retail)

    @property
    def metering(self) -> list[str]:
        if self.plan.is_fixed:
            return []
        return metering(self.plan, protection=self.line.protection_model, file_sync=self.line.file_sync_model)

    @property
    def billing(self) -> list[str]:
        """Say when it is billed."""
        trial_days = self.settings.trial_days if self.settings is not None and self.settings.is_free_trial else None
        return billing(self.plan.billing_model, term_months=self.line.term_months, trial_days=trial_days)

    def _settled(self, name: str) -> str:
        return str(getattr(self.settings if self.plan.is_fixed else self.line, name, ""))


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
        """Pay-as-you-go and fixed postpaid are billed afterwards: nothing."""
        return Decimal(0)

    @property
    def withdrawn(self) -> list[Item]:
        return [item for item in self.items if not item.is_for_sale]

    @property
    def is_out_of_date(self) -> bool:
        return any(item.is_out_of_date for item in self.items)

    @property
    def is_by_use(self) -> bool:
        """Everything in it is billed by use alone."""
        return not any(item.plan.is_fixed for item in self.items)

    @property
    def prices_seen(self) -> str:
        """What its buyer agrees to by ordering: changes with every figure, term and quantity. Empty where all is priced by use."""
        return fingerprint(price_seen(item.line, item.cost) for item in self.items if item.cost is not None)

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
    cost_facts: list[tuple[str, str]]
    """What it was sold at, at the reader's end of the chain of prices; empty where it is priced by use."""
    included: list[Included]
    """The quotas of all its units, as they were sold; empty where there are none."""
    billing: list[str]


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


def price_seen(line: BasketLine, cost: Cost) -> list[Any]:
    """Return the part of one line in `Summary.prices_seen`."""
    return [line.plan_id, line.term_months, line.quantity, cost.as_seen()]


def summary(basket: Basket, *, at: datetime) -> Summary:
    """
    Return what lies in ``basket``, whose buyer and consumer are loaded: one query.

    Where a fixed plan lies in it, one more; with a reseller two or three for what was agreed, and the same again for a customer
    that has another currency than its reseller.
    """
    return Summary(**_summary(basket, at))


def checkout(basket: Basket, *, at: datetime) -> Checkout:
    """Return how far ``basket``, whose buyer and consumer are loaded, has come: `summary` and one query."""
    acceptances = TermsAcceptance.objects.filter(basket=basket, document=OuterRef("pk"))
    terms = list(newest_terms(at).annotate(is_accepted=Exists(acceptances)))
    accepted = frozenset(document.pk for document in terms if document.is_accepted)
    return Checkout(**_summary(basket, at), terms=terms, accepted_terms=accepted)


def with_included(items: Sequence[Item]) -> list[tuple[Item, list[Included]]]:
    """
    Return each item with the quotas of all its units, by the module setting as it is now: two queries, however many items.

    What is metered has no quotas.
    """
    fixed = [item.settings for item in items if item.plan.is_fixed and item.settings is not None]
    prefetch_related_objects(fixed, Prefetch("items", ModuleItem.objects.filter(is_enabled=True)))
    names = {said.name for settings in fixed for said in settings.items.all()}
    managers = {item.plan.sold_through_id for item in items}
    mirrored = (
        {
            (row.service_manager_id, row.name): row
            for row in VendorOfferingItem.objects.filter(service_manager__in=managers, name__in=names)
        }
        if names
        else {}
    )
    return [(item, _included(item, mirrored)) for item in items]


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
                cost_facts=line_cost_facts(line, order=order, reader=reader),
                included=included(line.module_wish, quantity=line.quantity),
                billing=line_billing(line),
            )
            for line in lines
        ],
    )


def line_cost_facts(line: OrderLine, *, order: Order, reader: Organization | None) -> list[tuple[str, str]]:
    """
    Say what ``line`` was sold at, as far as the reader may know: a customer never sees what its reseller pays.

    :param order: the line's, with its consumer and the consumer's parent.
    :param reader: the organization that looks; None is staff.
    """
    level = _reader_level(order, reader)
    sold = [SoldPrice.from_json(price) for price in line.prices]
    cost = of_sale(sold, quantity=line.quantity, term_months=line.term_months, whose=level)
    if cost is None:
        return []
    if level is Level.WHOLESALE and reader != order.consumer.reseller:
        return cost_facts(cost, own="Reseller pays", customer="Customer pays", margin="Reseller's margin")
    return cost_facts(cost)


def line_billing(line: OrderLine) -> list[str]:
    """Say when ``line`` is billed, as it was sold."""
    return billing(line.billing_model, term_months=line.term_months, trial_days=line.module_wish.get("trial_days"))


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
    lines = basket.lines.select_related("plan__service_manager", "plan__module_settings").annotate(
        is_for_sale=Exists(for_sale), has_service=Exists(live), has_order=Exists(ordered), has_user=Exists(users)
    )
    found = list(lines)
    sold = offers([line.plan for line in found], basket.buyer, on=local_date(at, basket.buyer))
    consumers = _retail_offers(basket, found, sold, at)
    return [
        Item(
            line,
            is_for_sale=line.is_for_sale,
            is_served=line.has_service or line.has_order,
            needs_user=not line.has_user,
            offers=sold.get(line.plan_id, ()),
            retail={term: End(currency, unit, line.quantity, term) for term, currency, unit in consumers.get(line.plan_id, ())},
            awaits_retail=basket.buyer.kind == Organization.Kind.RESELLER and basket.consumer is not None,
        )
        for line in found
    ]


def _retail_offers(
    basket: Basket, lines: Sequence[BasketLine], sold: Mapping[int, Sequence[Offer]], at: datetime
) -> dict[int, list[tuple[int, str, Amounts]]]:
    """
    Return by plan the term, currency and amounts that a reseller's customer pays; nothing for buyers that are no resellers.

    Until a customer is chosen, and for one with the reseller's own currency, they come with what the reseller itself is offered.
    """
    buyer, consumer = basket.buyer, basket.consumer
    if buyer.kind != Organization.Kind.RESELLER:
        return {}
    if consumer is None or consumer.currency == buyer.currency:
        return {
            plan: [(offer.term_months, offer.currency, offer.retail) for offer in found if offer.retail is not None]
            for plan, found in sold.items()
        }
    if consumer.parent_id == buyer.pk:
        consumer.parent = buyer  # known already
    theirs = offers([line.plan for line in lines], consumer, on=local_date(at, buyer))
    return {plan: [(offer.term_months, offer.currency, offer.amounts) for offer in found] for plan, found in theirs.items()}


def _included(item: Item, mirrored: Mapping[tuple[int, str], VendorOfferingItem]) -> list[Included]:
    if not item.plan.is_fixed or item.settings is None:
        return []
    quantity = item.line.quantity
    said = [included_item("storage", storage_limit(item.settings).times(quantity), unit="bytes", application="backup")]
    for one in item.settings.items.all():
        row = mirrored.get((item.plan.sold_through_id, one.name))
        if row is not None and not is_backup_storage(row):  # that one is the Storage Quota, said already
            limit = Limit(in_vendor_unit(one.soft_quota, row.measurement_unit), in_vendor_unit(one.overage, row.measurement_unit))
            said.append(included_item(one.name, limit.times(quantity), unit=row.measurement_unit, application=row.application_type))
    return in_order(said)


def _reader_level(order: Order, reader: Organization | None) -> Level | None:
    """Whose end of the chain of prices ``reader`` sees: a reseller its own and its customer's, as staff do; a customer its own."""
    reseller = order.consumer.reseller
    is_above = reader is None or reader.kind == Organization.Kind.MSP or reader == reseller
    return Level.WHOLESALE if reseller is not None and is_above else None


def _tenants_of(line: OrderLine, reader: Organization | None) -> list[int]:
    """The consumer's tenant and, where the reader may know, its reseller's: the vendor needs the parent first."""
    if line.service is None:
        return []
    tenant = line.service.tenant
    if tenant.parent is not None and (reader is None or tenant.parent.organization_id == reader.pk):
        return [tenant.parent.pk, tenant.pk]
    return [tenant.pk]
