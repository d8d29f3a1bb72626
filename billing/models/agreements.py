"""What was agreed with a subscriber, each from a day on: plan and quantity, free units, and a minimum to pay."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from billing.models.subscriptions import Subscription
from catalog.models import Plan, Term
from common.fields import AmountField, QuantityField


class _Dated(models.Model):
    """Valid from a day until the next row of the same thing. Never edited: what is different from a day on is a new row."""

    valid_from = models.DateField(help_text="First day it counts, in the MSP's time zone.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        abstract = True


class SubscriptionPhase(_Dated):
    """
    Under which plan, in which quantity and for which term a subscription runs from a day on.

    The first begins with the subscription. A change of quantity, plan or term begins another one on its day; of two that begin on
    one day the later row counts.
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="phases")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+")
    plan_name = models.CharField(max_length=100, help_text="As it was when ordered.")
    quantity = models.PositiveIntegerField(default=1)
    term_months = models.PositiveSmallIntegerField("term", choices=Term, default=Term.MONTH)
    quota_gib = QuantityField(
        "storage quota", null=True, help_text="Soft quota of one unit in GB (1024³ bytes); empty: unlimited, nothing is overage."
    )
    partner_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    retail_markup_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    retail_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    order_key = models.CharField(
        max_length=40, blank=True, help_text="The order line that changed it, and that may have been invoiced in advance."
    )

    class Meta:
        ordering = ["subscription", "valid_from", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="subscriptionphase_quantity_positive"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="subscriptionphase_term_known"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.plan_name} from {self.valid_from}"


class SubscriptionAllowance(_Dated):
    """Free units of an item a calendar month, in the rate card's unit; the row valid on the month's first billed day counts."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="allowances")
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True, help_text="Empty: of any edition that is not named itself.")
    quantity = QuantityField("included a month", validators=[MinValueValidator(0)], help_text="0 ends it.")

    class Meta:
        ordering = ["subscription", "item", "edition", "valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "item", "edition", "valid_from"], name="subscriptionallowance_one_begins_a_day"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="subscriptionallowance_not_negative"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.item} from {self.valid_from}"


class SubscriptionCommitment(_Dated):
    """
    What a month costs at least, excluding VAT, at the MSP's price; the discounts and the markup of the sale apply to it.

    The row valid on the month's first billed day counts; a month that is billed in part owes its share by days.
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="commitments")
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    amount = AmountField("minimum a month", validators=[MinValueValidator(0)], help_text="0 ends it.")

    class Meta:
        ordering = ["subscription", "valid_from"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "valid_from"], name="subscriptioncommitment_one_begins_a_day"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="subscriptioncommitment_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="subscriptioncommitment_currency_iso"),
        ]
        triggers = [pgtrigger.Protect(name="never_changes", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.amount.normalize():f} {self.currency} from {self.valid_from}"


def phase_of(subscription: Subscription, **facts: Any) -> SubscriptionPhase:
    """Return the phase, not saved, saying what ``subscription`` says now, from its first day on unless ``facts`` say otherwise."""
    told = {
        "valid_from": subscription.started_on,
        "plan": subscription.plan,
        "plan_name": subscription.plan_name,
        "quantity": subscription.quantity,
        "term_months": subscription.term_months,
        "partner_discount_percent": subscription.partner_discount_percent,
        "retail_markup_percent": subscription.retail_markup_percent,
        "retail_discount_percent": subscription.retail_discount_percent,
        "created_at": subscription.created_at,
    }
    return SubscriptionPhase(subscription=subscription, **{**told, **facts})
