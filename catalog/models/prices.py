"""What a plan costs: prices by currency and term, each with the days it is valid."""

from datetime import date
from typing import Self

import pghistory
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from common.fields import AmountField, UnitPriceField
from common.querysets import LockingQuerySet


class Term(models.IntegerChoices):
    """How long a buyer binds itself, in months; the seed texts call it billing frequency."""

    MONTH = 1, "1 month"
    QUARTER = 3, "3 months"
    HALF_YEAR = 6, "6 months"
    YEAR = 12, "12 months"
    TWO_YEARS = 24, "24 months"
    THREE_YEARS = 36, "36 months"


class PlanPriceQuerySet(LockingQuerySet["PlanPrice"]):
    def in_force(self, on: date) -> Self:
        """Prices that are valid on that day: at most one of a plan, currency and term."""
        return self.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=on), valid_from__lte=on)


@pghistory.track()
class PlanPrice(models.Model):
    """
    What one unit of a plan costs for one term in one currency, excluding VAT, from a day until another.

    Only fixed plans have prices; pay-as-you-go is priced by the rate card. A row that has become valid is never edited: a change
    of price is a new row, so what was sold at the old one can be told for ever.
    """

    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    term_months = models.PositiveSmallIntegerField("term", choices=Term)
    setup_fee = AmountField(default=0, validators=[MinValueValidator(0)], help_text="Once, per unit.")
    price = AmountField(validators=[MinValueValidator(0)], help_text="Per unit, for the whole term.")
    overage_price = UnitPriceField(
        "Overage Price (/GB)",
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="Per GB (1024³ bytes) above the storage quota, and month. Only where the module setting has an overage quota.",
    )
    valid_from = models.DateField()
    valid_until = models.DateField(
        null=True, blank=True, help_text="The first day it is not valid any more; empty: until further notice."
    )
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = PlanPriceQuerySet.as_manager()

    class Meta:
        ordering = ["plan", "currency", "term_months", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "currency", "term_months", "valid_from"], name="planprice_one_begins_a_day"),
            models.UniqueConstraint(
                fields=["plan", "currency", "term_months"], condition=Q(valid_until__isnull=True), name="planprice_one_open_end"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")), name="planprice_period_ordered"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="planprice_currency_iso"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="planprice_term_known"),
            models.CheckConstraint(
                condition=Q(setup_fee__gte=0, price__gte=0) & (Q(overage_price__isnull=True) | Q(overage_price__gte=0)),
                name="planprice_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.currency} {self.get_term_months_display()} from {self.valid_from}"
