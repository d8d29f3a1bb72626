"""Plans: what a buyer orders."""

from datetime import date
from typing import ClassVar, Self

import pghistory
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from accounts.models import Organization
from catalog.models.partners import PartnerPrice
from catalog.models.prices import PlanPrice, PlanPriceQuerySet, Term
from catalog.models.shelves import ProductGroup, Venture
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models import ServiceManager


class PlanQuerySet(LockingQuerySet["Plan"]):
    def for_sale_to(self, buyer: Organization, *, on: date) -> Self:
        """
        What ``buyer`` may order on that day: published plans of active service managers, priced in its currency.

        A direct customer sees every one; a reseller and its customers what the MSP allows on partner websites; a reseller's
        customer only what its reseller publishes, and only where the reseller's own cost is known too.
        """
        plans = self.filter(status=Plan.Status.PUBLISHED, service_manager__is_active=True)
        reseller = buyer if buyer.kind == Organization.Kind.RESELLER else buyer.reseller
        if reseller is not None:  # who has terms and a price once a plan (`partnerterms_unique`, `partnerprice_unique`)
            plans = plans.filter(applicable_on_partner_website=True)
            plans = plans.filter(partner_terms__reseller=reseller, partner_terms__is_allowed=True)
        if buyer.reseller is not None:
            plans = plans.filter(partner_prices__reseller=buyer.reseller, partner_prices__is_published=True)
        return plans.filter(~Q(billing_model__in=FIXED_MODELS) | Exists(_prices(buyer, on)))

    def priced_for(self, buyer: Organization, *, term_months: int, on: date) -> Self:
        """Plans that have a price for ``buyer`` and that term; what is priced by use has one month."""
        prices = _prices(buyer, on).filter(term_months=term_months)
        by_use = Q(billing_model=Plan.BillingModel.PAY_AS_YOU_GO) if term_months == Term.MONTH else Q(pk__in=[])
        return self.filter(by_use | Exists(prices))


def is_on_sale(plan: "Plan", *, has_price: bool) -> bool:
    """
    Say of a plan that is loaded with its service manager what `PlanQuerySet.for_sale_to` says of it for a direct customer.

    :param has_price: whether it has a price in force in the customer's currency; asked only of fixed plans.
    """
    manager = plan.service_manager
    is_offered = plan.status == Plan.Status.PUBLISHED and manager is not None and manager.is_active
    return is_offered and (has_price or not plan.is_fixed)


def _prices(buyer: Organization, on: date) -> PlanPriceQuerySet:
    """Return the prices of the outer plan that end in a price for ``buyer``."""
    prices = PlanPrice.objects.in_force(on).filter(plan=OuterRef("pk"), currency=buyer.currency)
    if buyer.reseller is None:
        return prices
    by_percent = Q(plan__partner_prices__markup_kind=PartnerPrice.MarkupKind.PERCENT)
    by_amount = Q(
        plan__partner_prices__markups__currency=buyer.currency, plan__partner_prices__markups__term_months=F("term_months")
    )
    prices = prices.filter(by_percent | by_amount, plan__partner_prices__reseller=buyer.reseller)
    if buyer.currency == buyer.reseller.currency:
        return prices  # each is the reseller's cost, too
    cost = PlanPrice.objects.in_force(on).filter(plan=OuterRef("plan"), term_months=OuterRef("term_months"))
    return prices.filter(Exists(cost.filter(currency=buyer.reseller.currency)))


@pghistory.track()
class Plan(StatefulModel):
    """
    What a buyer orders.

    A pay-as-you-go plan has quantity 1, the calendar month as its cycle, no quota, and its prices on the rate card. The fixed ones,
    prepaid and postpaid, have prices per currency and term (`PlanPrice`) and the quotas of their `ModuleSettings`.
    """

    class BillingModel(models.TextChoices):
        PREPAID = "prepaid", "Prepaid"
        POSTPAID_FIXED = "postpaid_fixed", "Fixed postpaid"
        PAY_AS_YOU_GO = "pay_as_you_go", "Pay-as-you-go postpaid"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    MOVES: ClassVar = {
        "draft": frozenset({"published", "archived"}),
        "published": frozenset({"archived"}),
        "archived": frozenset({"published"}),
    }

    number = models.CharField(max_length=20, unique=True, editable=False)
    venture = models.ForeignKey(Venture, models.PROTECT, related_name="plans")
    product_group = models.ForeignKey(ProductGroup, models.PROTECT, related_name="plans")
    service_manager = models.ForeignKey(
        ServiceManager,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        help_text="Chosen in the module setting; empty until then.",
    )
    name = models.CharField("plan name", max_length=100)
    summary = models.CharField(max_length=200, blank=True, help_text="One line under the name in the storefront.")
    description = models.TextField(blank=True)
    billing_model = models.CharField(max_length=20, choices=BillingModel, default=BillingModel.PAY_AS_YOU_GO)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    applicable_on_partner_website = models.BooleanField(
        "Applicable on Partner Website", default=False, help_text="On: partners you allow may sell it."
    )
    quantity_is_enabled = models.BooleanField(
        "Enable Quantity", default=False, help_text="On: buyers may order more than one; quotas are multiplied by the quantity."
    )

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["product_group", "name"], name="plan_name_unique"),
            models.CheckConstraint(condition=Q(status__in=["draft", "published", "archived"]), name="plan_status_known"),
            models.CheckConstraint(
                condition=Q(billing_model__in=["prepaid", "postpaid_fixed", "pay_as_you_go"]), name="plan_billing_model_known"
            ),
            models.CheckConstraint(
                condition=~Q(billing_model="pay_as_you_go", quantity_is_enabled=True), name="plan_pay_as_you_go_quantity_1"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sold_through(self) -> ServiceManager:
        """The service manager of a plan that is or was sold; a draft may have none yet."""
        assert self.service_manager is not None, f"{self.number} has no module setting"
        return self.service_manager

    @property
    def sold_through_id(self) -> int:
        assert self.service_manager_id is not None, f"{self.number} has no module setting"
        return self.service_manager_id

    @property
    def is_fixed(self) -> bool:
        """Whether it has prices per term and quotas of its own, instead of the rate card's."""
        return self.billing_model in FIXED_MODELS


FIXED_MODELS = frozenset({Plan.BillingModel.PREPAID, Plan.BillingModel.POSTPAID_FIXED})
