"""How far a basket has come on its way through the checkout, and what the pages beside it tell."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower

from accounts.models import Organization, local_date
from catalog.models import Plan, TermsDocument
from common.periods import add_months
from ordering.costs import Cost, fingerprint
from ordering.models import Basket, Order, OrderLine, TermsAcceptance
from ordering.queries.items import Item, items_of
from provisioning.models import Service, ServiceManager, TenantUser

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
class Summary:
    """What the pages beside a basket always tell."""

    basket: Basket
    items: list[Item]
    first_invoice_on: date
    usage_until: date
    """The last day that the first invoice bills."""

    @property
    def due_now(self) -> Decimal:
        """Prepaid plans are paid before they begin, excl. VAT; pay-as-you-go and fixed postpaid are billed afterwards: nothing."""
        return sum((item.due_now for item in self.items), Decimal(0))

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
    def is_in_advance(self) -> bool:
        """Everything in it is invoiced before it begins."""
        return bool(self.items) and all(item.plan.billing_model == Plan.BillingModel.PREPAID for item in self.items)

    @property
    def prices_seen(self) -> str:
        """
        What its buyer agrees to by ordering: changes with every figure, term and quantity, and with what is included for it.

        Empty where all is priced by use. Reads the items of each fixed plan, where `with_included` has not done so before.
        """
        return fingerprint(price_seen(item, item.cost) for item in self.items if item.cost is not None)

    @property
    def settings_seen(self) -> str:
        """What its buyer agrees to beside prices: changes with consumer, licensing models, terms, quantities, login and e-mail."""
        lines = [
            [item.plan.pk, item.line.term_months, item.line.quantity, item.protection_model, item.file_sync_model]
            for item in self.items
        ]
        return fingerprint([[self.basket.consumer_id, self.basket.login, self.basket.email], *lines])

    @property
    def needs_service_details(self) -> bool:
        return any(item.needs_user for item in self.items)


@dataclass(frozen=True)
class Checkout(Summary):
    """How far a basket has come."""

    terms: Sequence[TermsDocument]
    """The newest published version of each document of the vendor and of the buyer's seller."""
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


def newest_terms(buyer: Organization, at: datetime) -> QuerySet[TermsDocument]:
    """The newest version of each document that ``buyer`` accepts at ``at``: the vendor's and its seller's."""
    return TermsDocument.objects.applying_to(buyer, at).select_related("reseller")


def missing_billing_fields(organization: Organization) -> list[str]:
    """Name the fields an invoice cannot do without and ``organization`` has not filled."""
    required = ["name", "billing_email", "address_line1", "city", "country"]
    if organization.country not in WITHOUT_POSTCODE:
        required.append("postcode")
    return [name for name in required if not getattr(organization, name).strip()]


def price_seen(item: Item, cost: Cost) -> list[Any]:
    """Return the part of one line in `Summary.prices_seen`."""
    line = item.line
    return [line.plan_id, line.term_months, line.quantity, cost.as_seen(), item.contents]


def summary(basket: Basket, *, at: datetime) -> Summary:
    """
    Return what lies in ``basket``, whose buyer and consumer are loaded: one query.

    Where a fixed plan lies in it, one more; with a reseller two or three for what was agreed, and the same again for a customer
    that has another currency than its reseller.
    """
    return Summary(**_summary(basket, at))


def checkout(basket: Basket, *, at: datetime, with_text: bool = False) -> Checkout:
    """
    Return how far ``basket``, whose buyer and consumer are loaded, has come: `summary` and one query.

    :param with_text: read the terms of use whole, for the page that shows them; else their title and version.
    """
    acceptances = TermsAcceptance.objects.filter(basket=basket, document=OuterRef("pk"))
    newest: QuerySet[Any] = newest_terms(basket.buyer, at)
    newest = newest if with_text else newest.select_related(None).only("title", "version")
    terms = list(newest.annotate(is_accepted=Exists(acceptances)))
    accepted = frozenset(document.pk for document in terms if document.is_accepted)
    return Checkout(**_summary(basket, at), terms=terms, accepted_terms=accepted)


def is_served(consumer: Organization, service_manager_ids: Sequence[int]) -> bool:
    """Whether ``consumer`` has a live service at one of the service managers, or an order for one that is not given up."""
    live = Service.objects.live().filter(organization=consumer, service_manager__in=service_manager_ids)
    ordered = OrderLine.objects.unfinished().filter(
        kind=OrderLine.Kind.NEW, order__consumer=consumer, plan__service_manager__in=service_manager_ids
    )
    return live.exists() or ordered.exists()


def without_user(consumer: Organization, plans: Sequence[Plan]) -> list[ServiceManager]:
    """Return the service managers of ``plans`` at which ``consumer`` has no user yet, so that login and e-mail are needed there."""
    users = TenantUser.objects.live().filter(tenant__organization=consumer, service_manager=OuterRef("pk"))
    managers = ServiceManager.objects.filter(pk__in={plan.sold_through_id for plan in plans})
    return list(managers.filter(~Exists(users)).order_by("pk"))


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


def logins_in_orders(logins: Collection[str], service_manager_ids: Sequence[int]) -> set[str]:
    """Return those of ``logins``, which are in lower case, that orders which are not given up ask for at these service managers."""
    ordered = OrderLine.objects.unfinished().filter(plan__service_manager__in=service_manager_ids)
    found = ordered.annotate(login_lower=Lower("login")).filter(login_lower__in=logins)
    return set(found.values_list("login_lower", flat=True))


def _summary(basket: Basket, at: datetime) -> dict[str, Any]:
    seller = basket.buyer.parent or basket.buyer
    next_month = add_months(local_date(at, seller).replace(day=1), 1)
    return {
        "basket": basket,
        "items": items_of(basket, at),
        "first_invoice_on": next_month,
        "usage_until": next_month - timedelta(days=1),
    }
