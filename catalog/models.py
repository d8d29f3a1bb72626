"""What is sold: ventures, products, groups, plans, their prices, and what partners may sell."""

from decimal import Decimal
from typing import ClassVar, Self

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Organization
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models import ServiceManager


class Venture(models.Model):
    """A business unit with its own invoice series."""

    name = models.CharField(max_length=100, unique=True)
    invoice_series = models.SlugField(
        max_length=10, unique=True, default="INV", help_text="Begins every invoice number, for example INV."
    )

    def __str__(self) -> str:
        return self.name


class ProductType(models.Model):
    name = models.CharField(max_length=100, unique=True)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    product_type = models.ForeignKey(ProductType, models.PROTECT, related_name="products")
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["product_type", "name"], name="product_name_unique")]

    def __str__(self) -> str:
        return self.name


class Tax(models.Model):
    """A tax by its name and its rate in percent of the net."""

    name = models.CharField(max_length=50, unique=True, help_text="As invoices print it, for example VAT 19 %.")
    percent = models.DecimalField(
        max_digits=6, decimal_places=3, validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))]
    )

    class Meta:
        verbose_name_plural = "taxes"
        constraints = [models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="tax_percent_sane")]

    def __str__(self) -> str:
        return self.name


class ProductGroup(models.Model):
    """A package of plans: one product, its taxes, and the module that provisions it. Rate cards belong to a group."""

    class Module(models.TextChoices):
        ACRONIS = "acronis", "Acronis"

    product = models.ForeignKey(Product, models.PROTECT, related_name="groups")
    name = models.CharField(max_length=100)
    module = models.CharField("module name", max_length=20, choices=Module, default=Module.ACRONIS)
    taxes = models.ManyToManyField(Tax, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["product", "name"], name="productgroup_name_unique"),
            models.CheckConstraint(condition=Q(module__in=["acronis"]), name="productgroup_module_known"),
        ]

    def __str__(self) -> str:
        return self.name


class PlanQuerySet(LockingQuerySet["Plan"]):
    def for_sale_to(self, buyer: Organization) -> Self:
        """Published plans of active service managers; to a reseller and its customers those allowed on partner websites."""
        plans = self.filter(status=Plan.Status.PUBLISHED, service_manager__is_active=True)
        if buyer.kind == Organization.Kind.RESELLER:
            return plans.filter(partner_terms__reseller=buyer, partner_terms__is_allowed=True, applicable_on_partner_website=True)
        if buyer.reseller is not None:
            return plans.filter(
                partner_terms__reseller=buyer.reseller,
                partner_terms__is_allowed=True,
                applicable_on_partner_website=True,
                partner_prices__reseller=buyer.reseller,
                partner_prices__is_published=True,
            )
        return plans


@pghistory.track()
class Plan(StatefulModel):
    """What a buyer orders. A pay-as-you-go plan has quantity 1, the calendar month as its cycle and no quota."""

    class BillingModel(models.TextChoices):
        PREPAID = "prepaid", "Prepaid"
        POSTPAID_FIXED = "postpaid_fixed", "Fixed postpaid"
        PAY_AS_YOU_GO = "pay_as_you_go", "Pay-as-you-go postpaid"

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        PUBLISHED = "published", "Published"
        ARCHIVED = "archived", "Archived"

    MOVES: ClassVar = {
        "draft": frozenset({"published"}),
        "published": frozenset({"archived"}),
        "archived": frozenset({"published"}),
    }

    number = models.CharField(max_length=20, unique=True, editable=False)
    venture = models.ForeignKey(Venture, models.PROTECT, related_name="plans")
    product_group = models.ForeignKey(ProductGroup, models.PROTECT, related_name="plans")
    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="plans")
    name = models.CharField("plan name", max_length=100)
    summary = models.CharField(max_length=200, blank=True, help_text="One line under the name in the storefront.")
    description = models.TextField(blank=True)
    billing_model = models.CharField(max_length=20, choices=BillingModel, default=BillingModel.PAY_AS_YOU_GO)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    applicable_on_partner_website = models.BooleanField(default=False, help_text="On: partners you allow may sell it.")

    objects = PlanQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["product_group", "name"], name="plan_name_unique"),
            models.CheckConstraint(condition=Q(status__in=["draft", "published", "archived"]), name="plan_status_known"),
            # Prepaid and fixed plans come with their prices and quotas; until then the till sells what it can bill.
            models.CheckConstraint(condition=Q(billing_model="pay_as_you_go"), name="plan_billing_model_supported"),
        ]

    def __str__(self) -> str:
        return self.name


class PartnerTerms(models.Model):
    """MSP → reseller: may this partner sell the plan, and at what discount on the MSP price."""

    reseller = models.ForeignKey(Organization, models.CASCADE, related_name="partner_terms", limit_choices_to={"kind": "reseller"})
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="partner_terms")
    is_allowed = models.BooleanField("allowed to sell", default=True)
    discount_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )

    class Meta:
        verbose_name_plural = "partner terms"
        constraints = [
            models.UniqueConstraint(fields=["reseller", "plan"], name="partnerterms_unique"),
            models.CheckConstraint(
                condition=Q(discount_percent__gte=0, discount_percent__lte=100), name="partnerterms_discount_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} for {self.reseller}"


class PartnerPrice(models.Model):
    """Reseller → its customers: markup on the wholesale price, then discount, and whether its customers see the plan."""

    reseller = models.ForeignKey(Organization, models.CASCADE, related_name="partner_prices", limit_choices_to={"kind": "reseller"})
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="partner_prices")
    markup_percent = models.DecimalField(
        max_digits=7, decimal_places=3, default=Decimal(0), validators=[MinValueValidator(Decimal(0))]
    )
    discount_percent = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))],
    )
    is_published = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reseller", "plan"], name="partnerprice_unique"),
            models.CheckConstraint(
                condition=Q(markup_percent__gte=0, discount_percent__gte=0, discount_percent__lte=100),
                name="partnerprice_sane",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} by {self.reseller}"


class TermsDocument(models.Model):
    """A version of terms of use that a buyer accepts at checkout. The newest published one of each issuer counts."""

    title = models.CharField(max_length=200, help_text="For example Acronis Terms of Use.")
    version = models.CharField(max_length=20)
    text = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        ordering = ["-published_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["title", "version"], name="termsdocument_version_unique")]

    def __str__(self) -> str:
        return f"{self.title}, version {self.version}"
