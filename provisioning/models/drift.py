"""What was found at the vendor that is not as wished, and what was decided about it."""

from datetime import datetime
from typing import ClassVar, Self

import pghistory
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models.service_managers import ServiceManager
from provisioning.models.tenants import Tenant


class InspectionQuerySet(LockingQuerySet["Inspection"]):
    def open(self) -> Self:
        """Inspections that are still to be made, or under way."""
        return self.filter(status__in=[Inspection.Status.WAITING, Inspection.Status.RUNNING])

    def due(self, at: datetime) -> Self:
        """Inspections to begin, also again: their next try has come, or their worker has not been heard of for some time."""
        return self.open().filter(next_try_at__lte=at)


class Inspection(StatefulModel):
    """One look at everything a service manager has at the vendor, beside what should be there."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Under way"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Failed"

    MOVES: ClassVar = {
        "waiting": frozenset({"running"}),
        "running": frozenset({"running", "waiting", "finished", "failed"}),
        "finished": frozenset(),
        "failed": frozenset(),
    }

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="inspections")
    status = models.CharField("state", max_length=10, choices=Status, default=Status.WAITING)
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: the timetable.")
    started_at = models.DateTimeField(help_text="When it was asked for or, once it runs, when it last began.")
    ended_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True, help_text="When to begin, also again; pushed ahead while a worker is on it.")
    attempts = models.PositiveIntegerField(default=0)
    tenants_total = models.PositiveIntegerField(default=0)
    tenants_checked = models.PositiveIntegerField(default=0)
    tenants_skipped = models.PositiveIntegerField(
        default=0, help_text="Of those checked: their wish is still being carried out, or the vendor did not let us look."
    )
    differences = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True)

    objects = InspectionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["service_manager"], condition=Q(status__in=["waiting", "running"]), name="inspection_one_open"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "running", "finished", "failed"]), name="inspection_status_known"
            ),
        ]
        permissions = [("inspect_vendor", "Can have the vendor inspected")]

    def __str__(self) -> str:
        return f"{self.service_manager}, {timezone.localtime(self.started_at):%d %b %Y %H:%M}"

    @property
    def is_open(self) -> bool:
        """Whether it is still to be made, or under way."""
        return self.status in (self.Status.WAITING, self.Status.RUNNING)


class DriftQuerySet(LockingQuerySet["Drift"]):
    def open(self) -> Self:
        """Differences that wait for somebody, or for the repair to be carried out."""
        return self.filter(status__in=[Drift.Status.OPEN, Drift.Status.REPAIRING])

    def found_by(self, inspection: Inspection) -> Self:
        """What differed at the moment of ``inspection``."""
        at = inspection.started_at
        return self.filter(tenant__service_manager=inspection.service_manager_id, first_seen_at__lte=at, last_seen_at__gte=at)


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
    sentence = models.CharField("repair does", max_length=1000)
    wished = models.CharField(max_length=500, blank=True)
    found = models.CharField("at the vendor", max_length=500, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True, help_text="When somebody chose to repair or to adopt it.")
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    settled_at = models.DateTimeField(null=True, blank=True, help_text="When it was repaired, adopted, or gone by itself.")

    objects = DriftQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "difference"
        verbose_name_plural = "differences"
        indexes = [models.Index(fields=["last_seen_at"], name="drift_by_last_seen")]
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
