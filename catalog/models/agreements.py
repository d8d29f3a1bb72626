"""What a pay-as-you-go plan promises beside its rate card: free units, and a minimum that is billed in any case."""

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from common.fields import AmountField, QuantityField


@pghistory.track()
class PlanAllowance(models.Model):
    """
    Units of an item that every calendar month includes at no charge, in the rate card's unit (GiB, hours or pieces).

    Copied to a subscription when it starts; a later change is for those who order later.
    """

    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="allowances")
    item = models.CharField(max_length=100, help_text="As the vendor's reports name it.")
    edition = models.CharField(max_length=50, blank=True, help_text="Empty: of any edition that is not named itself.")
    quantity = QuantityField("included a month", validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["plan", "item", "edition"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "item", "edition"], name="planallowance_one_an_item"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="planallowance_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.item}"


@pghistory.track()
class PlanCommitment(models.Model):
    """What a month of a pay-as-you-go plan costs at least, excluding VAT, at the MSP's price. Copied when a subscription starts."""

    plan = models.ForeignKey("catalog.Plan", models.CASCADE, related_name="commitments")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    amount = AmountField("minimum a month", validators=[MinValueValidator(0)])

    class Meta:
        ordering = ["plan", "currency"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "currency"], name="plancommitment_one_a_currency"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="plancommitment_positive"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="plancommitment_currency_iso"),
        ]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency}"
