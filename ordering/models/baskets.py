"""Baskets: what somebody is about to order."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Organization
from catalog.models import Plan, Term
from common.querysets import LockingQuerySet
from provisioning.models import FileSyncModel, ProtectionModel

LARGEST_QUANTITY = 10_000


def largest_quantity(plan: Plan) -> int:
    """Return the largest quantity that ``plan`` is ordered with; what is metered, or sold singly, is ordered once."""
    return LARGEST_QUANTITY if plan.is_fixed and plan.quantity_is_enabled else 1


class BasketQuerySet(LockingQuerySet["Basket"]):
    def visible_to(self, user: Any) -> Self:
        """A basket belongs to the person who filled it, while that person still acts for its buyer."""
        if not user.is_authenticated:
            return self.none()
        return self.filter(owner=user, buyer__in=Organization.objects.visible_to(user))

    def open(self) -> Self:
        return self.filter(ordered_at__isnull=True)


class Basket(models.Model):
    """What a person is about to order for one consumer. It becomes exactly one order."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="baskets")
    buyer = models.ForeignKey(Organization, models.CASCADE, related_name="baskets", help_text="Who orders and pays.")
    consumer = models.ForeignKey(
        Organization,
        models.CASCADE,
        null=True,
        related_name="+",
        help_text="Who will use it; empty until a reseller has chosen.",
    )
    terms_accepted_at = models.DateTimeField(null=True)
    billing_confirmed_at = models.DateTimeField(null=True)
    login = models.CharField("login user name", max_length=200, blank=True)
    email = models.EmailField("e-mail", blank=True)
    created_at = models.DateTimeField()
    ordered_at = models.DateTimeField(null=True, help_text="When it became an order; from then on it is never edited.")

    objects = BasketQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "buyer"], condition=Q(ordered_at__isnull=True), name="basket_one_open")
        ]

    def __str__(self) -> str:
        return str(self.key)


class BasketLine(models.Model):
    basket = models.ForeignKey(Basket, models.CASCADE, related_name="lines")
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="+")
    quantity = models.PositiveIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(LARGEST_QUANTITY)])
    term_months = models.PositiveSmallIntegerField("term", default=Term.MONTH, choices=Term)
    protection_model = models.CharField("Protection Licensing Model", max_length=20, choices=ProtectionModel, blank=True)
    file_sync_model = models.CharField("File Sync & Share Licensing Model", max_length=20, choices=FileSyncModel, blank=True)
    told_price = models.JSONField(
        default=dict,
        blank=True,
        help_text="What one unit costs the buyer for the term, as the buyer was last told; empty where it is priced by use.",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["basket", "plan"], name="basketline_plan_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1, quantity__lte=LARGEST_QUANTITY), name="basketline_quantity_sane"),
            models.CheckConstraint(condition=Q(term_months__in=Term.values), name="basketline_term_known"),
        ]

    def __str__(self) -> str:
        return f"{self.plan}"
