"""What was done at the vendor, what was read there, and who was shown what: rows that are written once."""

from datetime import datetime
from typing import ClassVar, Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from common.periods import Period
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
    def open(self) -> Self:
        """Reports that are still to be asked for, polled or loaded."""
        return self.filter(status__in=[VendorReport.Status.WISHED, VendorReport.Status.REQUESTED, VendorReport.Status.READY])

    def due(self, at: datetime) -> Self:
        """Open reports whose next try has come."""
        return self.open().filter(next_try_at__lte=at)

    def unresolved(self) -> Self:
        """Reports that failed, and whose days no later report has brought."""
        later = VendorReport.objects.filter(
            service_manager=OuterRef("service_manager"),
            kind=OuterRef("kind"),
            status=VendorReport.Status.LOADED,
            pk__gt=OuterRef("pk"),
            period_start__lte=OuterRef("period_start"),
            period_end__gte=OuterRef("period_end"),
        )
        return self.filter(~Exists(later), status=VendorReport.Status.FAILED)


class VendorReport(StatefulModel):
    """A usage report of the vendor: wished, asked for, ready to download, loaded; or failed, with the reason."""

    class Status(models.TextChoices):
        WISHED = "wished", "Wished"
        REQUESTED = "requested", "Asked for"
        READY = "ready", "Ready to load"
        LOADED = "loaded", "Loaded"
        FAILED = "failed", "Failed"

    class Stage(models.TextChoices):
        """What the worker that loads it is at. A load shows nothing of itself before it is complete; this does."""

        READING = "reading", "Reading the file"
        CHECKING = "checking", "Checking its lines"
        ADDING = "adding", "Adding its readings"

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
    requested_at = models.DateTimeField(null=True, help_text="When the vendor was last asked to make it.")
    loaded_at = models.DateTimeField(null=True)
    # How far the load is, written outside its transaction (`operations.report_progress`).
    stage = models.CharField(max_length=10, choices=Stage, blank=True, default="", db_default="")
    bytes_total = models.BigIntegerField(null=True, help_text="Size of the packed file, as the vendor tells it.")
    bytes_read = models.BigIntegerField(default=0, db_default=0, help_text="Of the packed file.")
    rows_read = models.BigIntegerField(default=0, db_default=0, help_text="Lines of the file, without its header.")
    seen_at = models.DateTimeField("last sign of the worker", null=True)

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
        permissions = [("collect_usage", "Can have usage collected and estimates refreshed")]

    def __str__(self) -> str:
        return f"{self.kind} {self.period_start} to {self.period_end}"

    @property
    def period(self) -> Period:
        """The days it is about, UTC."""
        return Period(self.period_start, self.period_end)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done for it: asked for, polled or loaded."""
        return self.status in (self.Status.WISHED, self.Status.REQUESTED, self.Status.READY)

    @property
    def is_loading(self) -> bool:
        """Whether a worker has begun to load it; one that was killed shows by how long ago `seen_at` is."""
        return self.status == self.Status.READY and self.stage != ""

    @property
    def percent(self) -> int | None:
        """
        How far it is, from 0 to 100: half for reading the file, the rest for checking and adding.

        None while that cannot be told: the vendor is still at it, or did not say how large the file is.
        """
        if self.status == self.Status.LOADED:
            return 100
        if self.is_loading and self.stage != self.Stage.READING:
            return {self.Stage.CHECKING: 50, self.Stage.ADDING: 70}[self.Stage(self.stage)]
        if self.is_loading and self.bytes_total:
            return min(50 * self.bytes_read // self.bytes_total, 50)
        return None
