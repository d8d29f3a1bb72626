"""The module setting “Acronis”: what a new tenant of a plan gets at the vendor."""

from typing import ClassVar

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from provisioning.models import FileSyncModel, ProtectionModel, VendorStorage

UNLIMITED_STORAGE = -1
LARGEST_QUOTA = 1_000_000_000  # an exabyte in GB; in bytes it still fits a bigint


@pghistory.track()
class ModuleSettings(models.Model):
    """
    What is provisioned for a plan, for quantity 1 (seed text, 004: “Module Setting”). Quotas of storage in GB of 1024³ bytes.

    A pay-as-you-go plan has no quotas and no edition: its buyer chooses the licensing models and pays for what is used.
    """

    plan = models.OneToOneField("catalog.Plan", models.CASCADE, related_name="module_settings")
    is_free_trial = models.BooleanField(
        "Free Trial", default=False, help_text="Yes: nothing is billed, and the vendor counts it as a trial."
    )
    trial_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(365)], help_text="How long a free trial lasts."
    )
    storage_quota = models.IntegerField(
        "Storage Quota",
        null=True,
        blank=True,
        validators=[MinValueValidator(UNLIMITED_STORAGE), MaxValueValidator(LARGEST_QUOTA)],
        help_text="Soft quota in GB; -1 is unlimited.",
    )
    overage = models.IntegerField(
        "Overage",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(LARGEST_QUOTA)],
        help_text="Hard quota in GB: what may be used above the storage quota before use is blocked.",
    )
    protection_model = models.CharField("Edition", max_length=20, choices=ProtectionModel, blank=True)
    file_sync_model = models.CharField("File Sync & Share edition", max_length=20, choices=FileSyncModel, blank=True)
    backup_storage = models.ForeignKey(
        VendorStorage,
        models.PROTECT,
        verbose_name="Backup Location",
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the default of the service manager.",
    )

    class Meta:
        verbose_name = "module setting"
        verbose_name_plural = "module settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(storage_quota__isnull=True) | Q(storage_quota__gte=UNLIMITED_STORAGE),
                name="modulesettings_storage_quota_sane",
            ),
            # “Hard Quota cannot be assigned a value until its soft quota has some value” (seed text, 004); unlimited has none.
            models.CheckConstraint(
                condition=Q(overage__isnull=True) | Q(overage__gte=0, storage_quota__isnull=False, storage_quota__gte=0),
                name="modulesettings_no_hard_without_soft",
            ),
            models.CheckConstraint(
                condition=Q(protection_model__in=["", *ProtectionModel.values])
                & Q(file_sync_model__in=["", *FileSyncModel.values]),
                name="modulesettings_editions_known",
            ),
        ]

    def __str__(self) -> str:
        return f"Module setting of {self.plan}"

    @property
    def has_overage_quota(self) -> bool:
        """Whether use above the quota is allowed up to a limit, so that an overage price is asked for."""
        return bool(self.overage)


@pghistory.track()
class ModuleItem(models.Model):
    """
    What a plan says about one offering item: on or off, and its quotas in the reader's unit, for quantity 1.

    The units: GB (1024³ bytes) for what the vendor meters in bytes, hours for seconds, else pieces.
    """

    settings = models.ForeignKey(ModuleSettings, models.CASCADE, related_name="items")
    name = models.CharField("offering item", max_length=100, help_text="As the vendor names it, for example pg_base_servers.")
    is_enabled = models.BooleanField("on", default=True)
    soft_quota = models.IntegerField(
        "Soft Quota",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(LARGEST_QUOTA)],
        help_text="Empty: unlimited.",
    )
    overage = models.IntegerField(
        "Hard Quota",
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(LARGEST_QUOTA)],
        help_text="What may be used above the soft quota before use is blocked. Empty: never blocked.",
    )

    class Meta:
        ordering: ClassVar = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["settings", "name"], name="moduleitem_unique"),
            models.CheckConstraint(
                condition=Q(overage__isnull=True) | Q(overage__gte=0, soft_quota__isnull=False),
                name="moduleitem_no_hard_without_soft",
            ),
            models.CheckConstraint(
                condition=Q(soft_quota__isnull=True) | Q(soft_quota__gte=0), name="moduleitem_soft_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name
