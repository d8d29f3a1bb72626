"""What was done at the vendor, what was read there, and who was shown what: rows that are written once."""

from datetime import datetime
from typing import ClassVar, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import User
from common.querysets import LockingQuerySet
from common.states import StatefulModel
from provisioning.models.service_managers import ServiceManager
from provisioning.models.tenants import Tenant, TenantUser


class VendorAction(models.Model):
    """One thing done, or tried, at the vendor for a tenant; written before the call and completed after it. Never deleted."""

    class Status(models.TextChoices):
        STARTED = "started", "Started"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        INTERRUPTED = "interrupted", "Interrupted"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="actions")
    kind = models.CharField(max_length=40)
    sentence = models.CharField(max_length=500)
    details = models.JSONField(default=list, help_text="One sentence per offering item, where there are several.")
    status = models.CharField(max_length=12, choices=Status, default=Status.STARTED)
    error = models.CharField(max_length=1000, blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["tenant", "started_at"], name="vendoraction_by_tenant")]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["started", "done", "failed", "interrupted"]), name="vendoraction_status_known"
            )
        ]

    def __str__(self) -> str:
        return self.sentence


class VendorAccess(models.Model):
    """
    Somebody was shown a generated password, or let in at the vendor without one. Never deleted; the password and the one-time
    token themselves are not in it.
    """

    class Kind(models.TextChoices):
        PASSWORD_SHOWN = "password_shown", "Saw the password"
        PANEL_OPENED = "panel_opened", "Opened the panel"

    tenant_user = models.ForeignKey(TenantUser, models.PROTECT, related_name="accesses")
    kind = models.CharField(max_length=20, choices=Kind)
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "vendor accesses"
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["password_shown", "panel_opened"]), name="vendoraccess_kind_known")
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.get_kind_display()}"


class VendorReportQuerySet(LockingQuerySet["VendorReport"]):
    def due(self, at: datetime) -> Self:
        """Reports that are still to be asked for, polled or loaded, and whose next try has come."""
        open_states = [VendorReport.Status.WISHED, VendorReport.Status.REQUESTED, VendorReport.Status.READY]
        return self.filter(status__in=open_states, next_try_at__lte=at)


class VendorReport(StatefulModel):
    """A usage report of the vendor: wished, asked for, ready to download, loaded; or failed, with the reason."""

    class Status(models.TextChoices):
        WISHED = "wished", "Wished"
        REQUESTED = "requested", "Asked for"
        READY = "ready", "Ready to load"
        LOADED = "loaded", "Loaded"
        FAILED = "failed", "Failed"

    MOVES: ClassVar = {
        "wished": frozenset({"requested", "failed"}),
        "requested": frozenset({"ready", "wished", "failed"}),
        "ready": frozenset({"loaded", "wished", "failed"}),
        "loaded": frozenset(),
        "failed": frozenset({"wished"}),
    }

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="reports")
    kind = models.CharField(max_length=30, default="usage_daily")
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    status = models.CharField(max_length=10, choices=Status, default=Status.WISHED)
    vendor_id = models.UUIDField(null=True)
    stored_id = models.UUIDField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField()
    error = models.CharField(max_length=1000, blank=True)
    rows_loaded = models.BigIntegerField(null=True, validators=[MinValueValidator(0)])
    created_at = models.DateTimeField()
    loaded_at = models.DateTimeField(null=True)

    objects = VendorReportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["service_manager", "kind", "period_start", "period_end"],
                condition=Q(status__in=["wished", "requested", "ready"]),
                name="vendorreport_one_open",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["wished", "requested", "ready", "loaded", "failed"]),
                name="vendorreport_status_known",
            ),
            models.CheckConstraint(condition=Q(period_end__gt=models.F("period_start")), name="vendorreport_period_ordered"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.period_start} to {self.period_end}"
