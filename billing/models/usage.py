"""What the vendor metered, as its reports gave it."""

import pghistory
import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from common.fields import QuantityField
from provisioning.models import ServiceManager, Tenant, VendorReport


@pghistory.track(pghistory.UpdateEvent(row=pghistory.Old))
class UsageRecord(models.Model):
    """
    A daily reading as the vendor's report gave it, in the vendor's unit (bytes, seconds, or a count).

    A later report that reads differently replaces it; what it replaced stays in the event table. `absolute` is
    the level at the day's end, `delta` what the day added. Only production usage is billed; trial usage is kept
    beside it.
    """

    # Millions of rows come in by one statement. A foreign key asks the other table once per row, which takes as long as all
    # the rest; the trigger below asks once per statement. The unique constraint serves as the tenant's index.
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_records", db_constraint=False, db_index=False)
    item = models.CharField(max_length=100, help_text="Name of the offering item, or of the usage.")
    edition = models.CharField(max_length=50, blank=True)
    infra_id = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    is_range = models.BooleanField(help_text="Billed by what was added, not by the level.")
    measurement_unit = models.CharField(max_length=20)
    absolute = QuantityField()
    delta = QuantityField()
    trial_absolute = QuantityField(default=0)
    trial_delta = QuantityField(default=0)
    report = models.ForeignKey(VendorReport, models.PROTECT, related_name="usage_records", db_constraint=False, db_index=False)
    report_line = models.BigIntegerField(help_text="Line of the report's file, the header being line 1.")

    class Meta:
        constraints = [
            # In this order it also finds a tenant's month. Days come in one after the other, so a block range finds a day.
            models.UniqueConstraint(fields=["tenant", "day", "item", "edition", "infra_id"], name="usagerecord_one_reading_a_day")
        ]
        indexes = [BrinIndex(fields=["day"], name="usagerecord_by_day")]
        triggers = [
            pgtrigger.Trigger(
                name="refers_to_rows",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="added"),
                func="""
                    IF EXISTS (
                        SELECT FROM (SELECT DISTINCT tenant_id, report_id FROM added) pair
                        WHERE NOT EXISTS (SELECT FROM provisioning_tenant WHERE id = pair.tenant_id FOR KEY SHARE)
                            OR NOT EXISTS (SELECT FROM provisioning_vendorreport WHERE id = pair.report_id FOR KEY SHARE)
                    ) THEN
                        RAISE EXCEPTION 'pgtrigger: usage of a tenant or report that is not there'
                            USING ERRCODE = 'foreign_key_violation';
                    END IF;
                    RETURN NULL;
                """,
            )
        ]

    def __str__(self) -> str:
        return f"{self.item} {self.day}"


class UnmappedUsage(models.Model):
    """A report line of a tenant that is not ours: kept and shown, never dropped."""

    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="unmapped_usage")
    vendor_tenant_id = models.CharField(max_length=36)
    tenant_name = models.CharField(max_length=255, blank=True)
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    infra_id = models.CharField(max_length=36, blank=True)
    day = models.DateField()
    measurement_unit = models.CharField(max_length=20)
    absolute = QuantityField()
    delta = QuantityField()
    report = models.ForeignKey(VendorReport, models.PROTECT, related_name="unmapped_usage")
    report_line = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "unmapped usage"
        constraints = [
            models.UniqueConstraint(
                fields=["service_manager", "vendor_tenant_id", "item", "edition", "infra_id", "day"],
                name="unmappedusage_one_reading_a_day",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_name}: {self.item} {self.day}"


class UsageChange(models.Model):
    """
    A tenant's readings of a month came, or changed, after that month was over.

    A doorbell for billing: the next run rates that month again and bills the difference as an adjustment.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="usage_changes")
    month = models.DateField(help_text="Its first day.")
    changed_at = models.DateTimeField(help_text="When the last such report was loaded.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "month"], name="usagechange_one_a_month"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="usagechange_month_is_a_first"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id} {self.month:%Y-%m}"


class UsageEstimate(models.Model):
    """
    What the vendor says is used at a moment of the day: an estimate beside the nightly readings, never billed.

    In the vendor's unit, as `UsageRecord`. Only the latest answer is kept.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="usage_estimates")
    item = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True)
    infra_id = models.CharField(max_length=36, blank=True)
    is_range = models.BooleanField(help_text="Counted since the first of the month, instead of a level.")
    measurement_unit = models.CharField(max_length=20)
    absolute = QuantityField()
    as_of = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "item", "edition", "infra_id"], name="usageestimate_one_an_item")]

    def __str__(self) -> str:
        return f"{self.item} as of {self.as_of}"
