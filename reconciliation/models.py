"""What the three sides say of a month, and where they differ. Nothing here repairs anything."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Organization
from common.fields import QuantityField
from common.periods import Period
from provisioning.models import ServiceManager


class ReconciliationRun(models.Model):
    """One comparison of vendor, usage and invoices for a service manager and a month."""

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="reconciliation_runs")
    period_start = models.DateField()
    period_end = models.DateField(help_text="The first day after.")
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    started_at = models.DateTimeField()
    compared = models.PositiveIntegerField(default=0, help_text="Tenant and item pairs looked at.")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(period_end__gt=F("period_start")), name="reconciliationrun_period_ordered")
        ]

    def __str__(self) -> str:
        return f"{self.service_manager} {self.period}"

    @property
    def period(self) -> Period:
        return Period(self.period_start, self.period_end)


class Discrepancy(models.Model):
    """One difference a run found."""

    class Kind(models.TextChoices):
        UNMAPPED_TENANT = "unmapped_tenant", "Tenant at the vendor that is not ours"
        NOT_BILLED = "not_billed", "Used, not billed"
        BILLED_WITHOUT_USAGE = "billed_without_usage", "Billed, not used"
        QUANTITY = "quantity", "Quantity differs"

    run = models.ForeignKey(ReconciliationRun, models.CASCADE, related_name="discrepancies")
    kind = models.CharField(max_length=30, choices=Kind)
    organization = models.ForeignKey(Organization, models.PROTECT, null=True, related_name="+")
    vendor_tenant_id = models.CharField(max_length=36, blank=True)
    tenant_name = models.CharField(max_length=255, blank=True)
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    unit = models.CharField(max_length=20)
    used = QuantityField(null=True)
    billed = QuantityField(null=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        ordering = ["run", "kind", "tenant_name", "item"]
        constraints = [
            models.UniqueConstraint(fields=["run", "kind", "vendor_tenant_id", "item", "edition"], name="discrepancy_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["unmapped_tenant", "not_billed", "billed_without_usage", "quantity"]),
                name="discrepancy_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.tenant_name} {self.item}"
