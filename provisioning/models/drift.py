"""What was found at the vendor that is not as wished, and what was decided about it."""

from typing import ClassVar, Self

import pghistory
from django.db import models
from django.db.models import Q

from accounts.models import User
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models.service_managers import ServiceManager
from provisioning.models.tenants import Tenant


class Inspection(models.Model):
    """One look at everything a service manager has at the vendor, beside what should be there."""

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="inspections")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    tenants_total = models.PositiveIntegerField(default=0)
    tenants_checked = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.service_manager}, {self.started_at:%d %b %Y %H:%M}"


class DriftQuerySet(LockingQuerySet["Drift"]):
    def open(self) -> Self:
        """Differences that wait for somebody, or for the repair to be carried out."""
        return self.filter(status__in=[Drift.Status.OPEN, Drift.Status.REPAIRING])


@pghistory.track()
class Drift(StatefulModel):
    """One difference between a tenant at the vendor and its wish. Found again it is the same row."""

    class Status(models.TextChoices):
        OPEN = "open", "To be decided"
        REPAIRING = "repairing", "Being repaired"
        REPAIRED = "repaired", "Repaired"
        ADOPTED = "adopted", "Adopted"
        VANISHED = "vanished", "Gone by itself"

    MOVES: ClassVar = {
        "open": frozenset({"repairing", "repaired", "adopted", "vanished"}),
        "repairing": frozenset({"open", "repaired", "adopted", "vanished"}),
        "repaired": frozenset(),
        "adopted": frozenset(),
        "vanished": frozenset(),
    }

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="drifts")
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=250, blank=True, help_text="The offering item with its storage, or the login.")
    sentence = models.CharField("repair does", max_length=500)
    wished = models.CharField(max_length=500, blank=True)
    found = models.CharField("at the vendor", max_length=500, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = DriftQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "difference"
        verbose_name_plural = "differences"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "subject"], condition=Q(status__in=["open", "repairing"]), name="drift_one_open"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["open", "repairing", "repaired", "adopted", "vanished"]), name="drift_status_known"
            ),
        ]
        permissions = [("decide_drift", "Can repair or adopt differences")]

    def __str__(self) -> str:
        return self.sentence
