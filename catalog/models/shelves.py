"""The shelves: ventures, product types, products, and product groups with their taxes."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from catalog.models.logos import Logo


class Venture(models.Model):
    """A business unit with its own invoice series, address and logo."""

    name = models.CharField(max_length=100, unique=True)
    invoice_series = models.SlugField(
        max_length=10, unique=True, default="INV", help_text="Begins every invoice number, for example INV."
    )
    address_line1 = models.CharField(
        "address", max_length=200, blank=True, help_text="Printed on its invoices; empty: the address of the MSP."
    )
    address_line2 = models.CharField("address, second line", max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166, two letters.")
    logo = models.ForeignKey(Logo, models.PROTECT, null=True, blank=True, related_name="+")

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

    ledger_code = models.CharField("tax account", max_length=20, blank=True, help_text="In your accounting.")

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
    ledger_code = models.CharField("revenue account", max_length=20, blank=True, help_text="In your accounting.")
    renewal_notice_days = models.PositiveSmallIntegerField(
        "renewal invoice",
        default=14,
        validators=[MaxValueValidator(90)],
        help_text="Prepaid services are invoiced anew so many days before their term ends.",
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["product", "name"], name="productgroup_name_unique"),
            models.CheckConstraint(condition=Q(module__in=["acronis"]), name="productgroup_module_known"),
        ]

    def __str__(self) -> str:
        return self.name
