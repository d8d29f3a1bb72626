"""“Act as this customer”: which member of staff was in the storefront as whom, when, from where and why."""

from datetime import datetime, timedelta
from typing import Self

import pgtrigger
from django.db import models
from django.db.models import F, Q

from accounts.models.organizations import Organization, User
from common.querysets import LockingQuerySet

LASTS = timedelta(minutes=60)


class ActingAsQuerySet(LockingQuerySet["ActingAs"]):
    def going_on(self, at: datetime) -> Self:
        """Those that were not ended and whose hour is not over at ``at``."""
        return self.filter(ended_at__isnull=True, began_at__gt=at - LASTS)


class ActingAs(models.Model):
    """A time in which a member of staff saw and did what a customer's person does. Only its end is ever written to it."""

    staff = models.ForeignKey(User, models.PROTECT, related_name="acted_as")
    person = models.ForeignKey(User, models.PROTECT, related_name="acted_as_by")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+", help_text="For whom the person acted.")
    reason = models.CharField(max_length=300)
    address = models.GenericIPAddressField(null=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Empty: still going on, or its session ran out.")

    objects = ActingAsQuerySet.as_manager()

    class Meta:
        verbose_name = "time as a customer"
        verbose_name_plural = "times as a customer"
        ordering = ["-pk"]
        permissions = [("act_as_customer", "Can act as a customer in the storefront; each time is recorded")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")), name="actingas_times_ordered"
            )
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="never_changes", exclude=["ended_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.staff} as {self.person}"

    @property
    def ends_by(self) -> datetime:
        """When it is over by itself."""
        return self.began_at + LASTS

    def until(self, at: datetime) -> datetime | None:
        """When it was over, as far as is known at ``at``; None while it goes on."""
        return self.ended_at or (self.ends_by if at >= self.ends_by else None)
