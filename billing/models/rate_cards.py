"""What usage costs and sells for: rate cards and exchange rates, both dated."""

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from catalog.models import ProductGroup
from common.fields import QuantityField, UnitPriceField
from common.querysets import LockingQuerySet


class ExchangeRate(models.Model):
    """What one unit of `base` costs in `quote` from a date on, until the next rate of the pair."""

    base = models.CharField(max_length=3)
    quote = models.CharField(max_length=3)
    valid_from = models.DateField()
    rate = UnitPriceField(validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["base", "quote", "-valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["base", "quote", "valid_from"], name="exchangerate_one_a_day"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchangerate_positive"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="exchangerate_two_currencies"),
        ]

    def __str__(self) -> str:
        return f"1 {self.base} = {self.rate.normalize():f} {self.quote} from {self.valid_from}"


class RateCard(models.Model):
    """What a product group's items cost and sell for in a month. Never edited; a correction is a new version."""

    product_group = models.ForeignKey(ProductGroup, models.PROTECT, related_name="rate_cards")
    month = models.DateField(help_text="Its first day.")
    version = models.PositiveIntegerField()
    currency = models.CharField(max_length=3, help_text="Of the costs and prices on the card.")
    base_currency = models.CharField(max_length=3, help_text="The service provider's own.")
    exchange_rate = UnitPriceField(help_text="What one unit of the card's currency is in the base currency.")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["-month", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["product_group", "month", "version"], name="ratecard_version_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="ratecard_month_is_a_first"),
            models.CheckConstraint(condition=Q(exchange_rate__gt=0), name="ratecard_exchange_rate_positive"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.product_group} {self.month:%Y-%m}, version {self.version}"


class Rate(models.Model):
    """One line of a rate card."""

    class Unit(models.TextChoices):
        GIB = "GiB", "GiB"
        UNIT = "unit", "Unit"
        HOUR = "hour", "Hour"

    class Aggregation(models.TextChoices):
        LAST = "last", "Level on the last day"
        MAX = "max", "Highest level"
        AVERAGE = "average", "Average of the daily levels"
        SUM = "sum", "Sum of what the days added"

    class TierMode(models.TextChoices):
        GRADUATED = "graduated", "Graduated"
        VOLUME = "volume", "Volume"

    rate_card = models.ForeignKey(RateCard, models.CASCADE, related_name="rates")
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    unit = models.CharField(max_length=10, choices=Unit)
    cost = UnitPriceField()
    price = UnitPriceField()
    aggregation = models.CharField(max_length=10, choices=Aggregation)
    tier_from = QuantityField(default=0, help_text="The price is for what is above this quantity.")
    tier_to = QuantityField(null=True, help_text="The price is for what is up to this quantity; empty: without end.")
    tier_mode = models.CharField(
        max_length=10,
        choices=TierMode,
        blank=True,
        help_text="Empty: one price. Graduated: each tier's price for what lies in it. Volume: the tier reached prices all.",
    )
    line = models.PositiveIntegerField(help_text="Row of the sheet it came from.")

    class Meta:
        ordering = ["rate_card", "line"]
        constraints = [
            models.UniqueConstraint(fields=["rate_card", "item", "edition", "tier_from"], name="rate_unique"),
            models.CheckConstraint(
                condition=Q(tier_from__gte=0) & (Q(tier_to__isnull=True) | Q(tier_to__gt=F("tier_from"))), name="rate_tier_ordered"
            ),
            models.CheckConstraint(condition=Q(tier_mode__in=["", "graduated", "volume"]), name="rate_tier_mode_known"),
            models.CheckConstraint(
                condition=~Q(tier_mode="") | Q(tier_from=0, tier_to__isnull=True), name="rate_without_mode_has_no_tiers"
            ),
            models.CheckConstraint(condition=Q(cost__gte=0, price__gte=0), name="rate_not_negative"),
            models.CheckConstraint(condition=Q(unit__in=["GiB", "unit", "hour"]), name="rate_unit_known"),
            models.CheckConstraint(condition=Q(aggregation__in=["last", "max", "average", "sum"]), name="rate_aggregation_known"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.item


class RateCardDraft(models.Model):
    """
    A sheet that was read and is looked at before it becomes a card. Nothing is rated by it; confirmed, it is a card.

    ``rows`` are the sheet's rows as plain JSON, numbers as decimal strings.
    """

    product_group = models.ForeignKey(ProductGroup, models.CASCADE, related_name="rate_card_drafts")
    month = models.DateField(help_text="Its first day.")
    currency = models.CharField(max_length=3)
    base_currency = models.CharField(max_length=3)
    exchange_rate = UnitPriceField(help_text="One unit of the card's currency in the base currency.")
    file_name = models.CharField(max_length=255)
    file_sha256 = models.CharField(max_length=64)
    rows = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+")
    card = models.ForeignKey(RateCard, models.PROTECT, null=True, related_name="drafts", help_text="What it was confirmed as.")

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(month__day=1), name="ratecarddraft_month_is_a_first"),
            models.CheckConstraint(condition=Q(exchange_rate__gt=0), name="ratecarddraft_exchange_rate_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.product_group} {self.month:%Y-%m}, draft"
