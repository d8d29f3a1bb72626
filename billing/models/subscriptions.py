"""Subscriptions: the right to be served and billed, and the prices each was sold at."""

from datetime import date, timedelta
from typing import Any, ClassVar, Self

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from catalog.models import Plan, Term
from catalog.pricing import Level
from common.fields import AmountField, UnitPriceField
from common.periods import Period
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models import Service


class SubscriptionQuerySet(LockingQuerySet["Subscription"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(consumer__in=Organization.objects.visible_to(user))

    def billable_in(self, period: Period) -> Self:
        """Subscriptions that ran on at least one day of ``period``."""
        return self.filter(started_on__lt=period.end).filter(Q(ended_on__isnull=True) | Q(ended_on__gt=period.start))

    def in_trial(self, today: date) -> Self:
        """Subscriptions whose free trial lasts on ``today``, a day of the MSP's."""
        return self.filter(status=Subscription.Status.ACTIVE, trial_ends_on__gt=today)


@pghistory.track()
class Subscription(StatefulModel):
    """The right to be served and billed: one per service. “Suspended” is read from the tenant's holds."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        ENDED = "ended", "Ended"

    MOVES: ClassVar = {"active": frozenset({"ended"}), "ended": frozenset()}

    number = models.CharField(max_length=20, unique=True, editable=False)
    service = models.OneToOneField(Service, models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    consumer = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions")
    plan_name = models.CharField(max_length=100, help_text="As it was when ordered.")
    billing_model = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    quantity = models.PositiveIntegerField(default=1)
    # What it was sold at, in percent: wholesale is the MSP price less the partner discount, retail is wholesale plus the markup
    # less the retail discount.
    partner_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    retail_markup_percent = models.DecimalField(max_digits=7, decimal_places=3, default=0)
    retail_discount_percent = models.DecimalField(max_digits=6, decimal_places=3, default=0)
    term_months = models.PositiveSmallIntegerField("term", choices=Term, default=Term.MONTH)
    started_on = models.DateField(help_text="First day, in the MSP's time zone; billed from then on, or when the free trial ends.")
    trial_ends_on = models.DateField(
        "free trial ends",
        null=True,
        blank=True,
        help_text="First day that is billed, in the MSP's time zone. Empty: there was no free trial.",
    )
    ended_on = models.DateField(null=True, blank=True, help_text="First day that is not billed any more.")
    cancels_on = models.DateField(
        "planned end",
        null=True,
        blank=True,
        help_text="First day it does not run any more, in the MSP's time zone: it is ended then by itself, and not renewed.",
    )
    order_number = models.CharField(max_length=20, help_text="The order it came from.")
    order_key = models.CharField(
        max_length=40, blank=True, help_text="The order line that was invoiced in advance; empty where nothing was."
    )
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=["active", "ended"]), name="subscription_status_known"),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("started_on")),
                name="subscription_dates_ordered",
            ),
            models.CheckConstraint(
                condition=Q(cancels_on__isnull=True) | Q(cancels_on__gt=F("started_on")),
                name="subscription_planned_end_later",
            ),
            models.CheckConstraint(
                condition=Q(trial_ends_on__isnull=True) | Q(trial_ends_on__gte=F("started_on")),
                name="subscription_trial_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(billing_model="pay_as_you_go") | Q(quantity=1),
                name="subscription_pay_as_you_go_quantity_1",
            ),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="subscription_term_known"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def charged_from(self) -> date:
        """The first day that is billed: the day after the free trial, or without one the first day."""
        return self.trial_ends_on or self.started_on

    @property
    def ends_on(self) -> date | None:
        """The first day that is not billed any more, as far as that is known: it has ended, or its end is planned."""
        return min((day for day in (self.ended_on, self.cancels_on) if day is not None), default=None)

    @property
    def last_free_day(self) -> date | None:
        """The last day of the free trial; None where there is none, or where it ended on its first day."""
        if self.trial_ends_on is None or self.trial_ends_on == self.started_on:
            return None
        return self.trial_ends_on - timedelta(days=1)

    @property
    def was_never_charged(self) -> bool:
        """Whether it ended before its first billed day came."""
        return self.ended_on is not None and self.ended_on <= self.charged_from


class SubscriptionPriceQuerySet(models.QuerySet["SubscriptionPrice"]):
    def standing(self) -> Self:
        """Prices that are, were or will be billed: all but planned ones that were withdrawn before their day."""
        return self.filter(withdrawn_at__isnull=True)


class SubscriptionPrice(models.Model):
    """
    What a subscription of fixed price is invoiced at on one level of its sale, from a day until the next row's.

    Copied when it was sold, so the list price may change without it. Never edited: a subscription that is moved to another price
    gets a new row, and a planned move that is called off keeps its row, marked as withdrawn. The amounts are for one unit
    excluding VAT, price and setup fee for the whole term, the overage price per GB (1024³ bytes) and month.
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="prices")
    level = models.CharField(max_length=10, choices=[(level.value, level.value) for level in Level])
    currency = models.CharField(max_length=3, help_text="ISO 4217.")
    price = AmountField()
    setup_fee = AmountField(default=0)
    overage_price = UnitPriceField(null=True)
    working = models.JSONField(help_text="The steps from the list price to this one, as SoldPrice.as_json tells them.")
    valid_from = models.DateField(help_text="First day that is billed at it, in the MSP's time zone.")
    created_at = models.DateTimeField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Who moved it; empty: as it was sold."
    )
    change = models.ForeignKey(
        "billing.PriceChange", models.PROTECT, null=True, related_name="moves", help_text="What moved it; empty: as it was sold."
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    objects = SubscriptionPriceQuerySet.as_manager()

    class Meta:
        ordering = ["subscription", "level", "valid_from", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "level", "valid_from"],
                condition=Q(withdrawn_at__isnull=True),
                name="subscriptionprice_one_begins_a_day",
            ),
            models.CheckConstraint(condition=Q(level__in=[level.value for level in Level]), name="subscriptionprice_level_known"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="subscriptionprice_currency_iso"),
            models.CheckConstraint(
                condition=Q(setup_fee__gte=0, price__gte=0) & (Q(overage_price__isnull=True) | Q(overage_price__gte=0)),
                name="subscriptionprice_not_negative",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="never_changes", exclude=["withdrawn_at", "withdrawn_by"]),
        ]

    def __str__(self) -> str:
        return f"{self.subscription_id} {self.level} {self.price} {self.currency} from {self.valid_from}"
