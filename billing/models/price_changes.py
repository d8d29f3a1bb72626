"""Bulk changes of prices: what was changed, by whom, and what it was before."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q

from catalog.models import Plan, Term
from common.fields import AmountField, UnitPriceField
from common.querysets import LockingQuerySet


class PriceChange(models.Model):
    """
    One confirmed change of prices, of running subscriptions, or of both. Its rows and moves say what each was before.

    It may be called off while its day has not come: planned prices and moves are then withdrawn, and the change stays as a record.
    """

    key = models.UUIDField(unique=True, editable=False, help_text="Of the preview it was confirmed on; confirmed again, nothing.")
    fingerprint = models.CharField(max_length=64, editable=False, help_text="SHA-256 of everything the preview showed.")
    words = models.CharField("change", max_length=300)
    valid_from = models.DateField("prices from", null=True, help_text="Empty: no list price was changed.")
    moves_from = models.DateField("subscriptions from", null=True, help_text="Empty: no subscription was moved.")
    created_at = models.DateTimeField("confirmed at")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name="confirmed by"
    )
    withdrawn_at = models.DateTimeField("called off at", null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name="called off by"
    )

    objects = LockingQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_from__isnull=False) | Q(moves_from__isnull=False), name="pricechange_changes_something"
            )
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="never_changes", exclude=["withdrawn_at", "withdrawn_by"]),
        ]

    def __str__(self) -> str:
        return self.words


class PriceChangeRow(models.Model):
    """One list price that was changed, from what to what."""

    change = models.ForeignKey(PriceChange, models.CASCADE, related_name="rows")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    term_months = models.PositiveSmallIntegerField("term", choices=Term)
    old_valid_from = models.DateField(help_text="First day of the old price; of one that was planned, the new price's own.")
    old_price = AmountField()
    old_setup_fee = AmountField()
    old_overage_price = UnitPriceField(null=True)
    new_price = AmountField()
    new_setup_fee = AmountField()
    new_overage_price = UnitPriceField(null=True)

    class Meta:
        ordering = ["change", "plan__name", "plan", "currency", "term_months"]
        constraints = [
            models.UniqueConstraint(fields=["change", "plan", "currency", "term_months"], name="pricechangerow_once_a_change")
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.plan_id} {self.currency} {self.get_term_months_display()}"
