"""“Act as this customer”: which member of staff was in the storefront as whom, when, from where and why."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from accounts.models.organizations import Organization, User


class ActingAs(models.Model):
    """A time in which a member of staff saw and did what a customer's person does. Only its end is ever written to it."""

    staff = models.ForeignKey(User, models.PROTECT, related_name="acted_as")
    person = models.ForeignKey(User, models.PROTECT, related_name="acted_as_by")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="+", help_text="For whom the person acted.")
    reason = models.CharField(max_length=300)
    address = models.GenericIPAddressField(null=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, help_text="Empty: still going on, or its session ran out.")

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
