"""What partners may sell, what they take for it, and where their customers find it."""

from decimal import Decimal

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from accounts.models import Organization
from catalog.models.logos import Logo
from catalog.models.prices import Term
from common.fields import AmountField, UnitPriceField
from common.querysets import LockingQuerySet

_PERCENT = [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100))]
HIGHEST_MARKUP_PERCENT = Decimal(1000)


@pghistory.track()
class PartnerTerms(models.Model):
    """MSP → reseller: may this partner sell the plan, and at what discount on the MSP price."""

    reseller = models.ForeignKey(Organization, models.CASCADE, related_name="partner_terms", limit_choices_to={"kind": "reseller"})
    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="partner_terms")
    is_allowed = models.BooleanField("allowed to sell", default=True)
    discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal(0), validators=_PERCENT)

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


@pghistory.track()
class PartnerPrice(models.Model):
    """Reseller → its customers: markup on the wholesale price, then discount, and whether its customers see the plan."""

    class MarkupKind(models.TextChoices):
        PERCENT = "percent", "Percent"
        AMOUNT = "amount", "Amount"

    reseller = models.ForeignKey(Organization, models.CASCADE, related_name="partner_prices", limit_choices_to={"kind": "reseller"})
    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="partner_prices")
    markup_kind = models.CharField(
        "markup by", max_length=10, choices=MarkupKind, default=MarkupKind.PERCENT, help_text="Amounts stand per currency and term."
    )
    markup_percent = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(HIGHEST_MARKUP_PERCENT)],
    )
    overage_markup_percent = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0)), MaxValueValidator(HIGHEST_MARKUP_PERCENT)],
        help_text="On the overage price; empty: the same markup.",
    )
    discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=Decimal(0), validators=_PERCENT)
    is_published = models.BooleanField(default=True)

    objects = LockingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reseller", "plan"], name="partnerprice_unique"),
            models.CheckConstraint(
                condition=Q(markup_percent__gte=0, discount_percent__gte=0, discount_percent__lte=100)
                & (Q(overage_markup_percent__isnull=True) | Q(overage_markup_percent__gte=0)),
                name="partnerprice_sane",
            ),
            models.CheckConstraint(condition=Q(markup_kind__in=["percent", "amount"]), name="partnerprice_markup_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} by {self.reseller}"


@pghistory.track()
class PartnerMarkup(models.Model):
    """A markup by amount: what a reseller adds to its cost of one unit for one term, in one currency, excluding VAT."""

    partner_price = models.ForeignKey(PartnerPrice, models.CASCADE, related_name="markups")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    term_months = models.PositiveSmallIntegerField("term", choices=Term)
    amount = AmountField(validators=[MinValueValidator(0)], help_text="Per unit, for the whole term.")
    overage_amount = UnitPriceField(default=0, validators=[MinValueValidator(0)], help_text="Per GB above the quota, and month.")

    class Meta:
        ordering = ["currency", "term_months"]
        constraints = [
            models.UniqueConstraint(fields=["partner_price", "currency", "term_months"], name="partnermarkup_unique"),
            models.CheckConstraint(condition=Q(amount__gte=0, overage_amount__gte=0), name="partnermarkup_not_negative"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="partnermarkup_term_known"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.get_term_months_display()}"


@pghistory.track()
class Marketplace(models.Model):
    """A reseller's own shop window, in its colours, at ``/m/<slug>/``."""

    reseller = models.OneToOneField(Organization, models.CASCADE, related_name="marketplace", limit_choices_to={"kind": "reseller"})
    slug = models.SlugField(
        "address", max_length=40, unique=True, help_text="The last part of its address: letters, digits, hyphens."
    )
    title = models.CharField(max_length=100, help_text="Stands at the top, beside the logo.")
    intro = models.TextField("introduction", max_length=2000, blank=True)
    accent = models.CharField(
        "colour",
        max_length=7,
        default="#0f766e",
        validators=[RegexValidator(r"\A#[0-9a-f]{6}\Z", "Enter a colour like #0f766e.")],
        help_text="Of buttons and links; dark enough to be read on white.",
    )
    logo = models.ForeignKey(Logo, models.PROTECT, null=True, blank=True, related_name="+")
    is_open = models.BooleanField("open to visitors", default=True, help_text="Off: only your own customers, signed in, see it.")
    shows_prices = models.BooleanField(
        "prices for everybody", default=False, help_text="Off: a visitor sees what you sell, and prices after signing in."
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(accent__regex=r"^#[0-9a-f]{6}$"), name="marketplace_accent_is_a_colour")]

    def __str__(self) -> str:
        return self.title
