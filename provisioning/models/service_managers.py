"""Integrations with the vendor, and what the vendor offers there."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from encrypted_fields.fields import EncryptedCharField

from common.querysets import LockingQuerySet


class ProtectionModel(models.TextChoices):
    """Protection licensing model, in the words of the order form."""

    PER_GIGABYTE = "per_gigabyte", "Per gigabyte"
    PER_WORKLOAD = "per_workload", "Per workload"


class FileSyncModel(models.TextChoices):
    """File Sync & Share licensing model, in the words of the order form."""

    PER_USER = "per_user", "Per user"
    PER_WORKLOAD = "per_workload", "Per workload"


class Activation(models.TextChoices):
    """How a new user gets in at the vendor."""

    MAIL = "mail", "By the activation mail of Acronis"
    PASSWORD = "password", "By a password we generate"


class ServiceManager(models.Model):
    """One integration with the vendor: an API client in one data centre, and the root tenant it belongs to."""

    name = models.CharField(max_length=100, unique=True)
    base_url = models.URLField("data centre", help_text="For example https://eu2-cloud.acronis.com")
    client_id = models.CharField("client id", max_length=100)
    client_secret = EncryptedCharField("client secret", max_length=500)
    root_tenant_id = models.UUIDField(null=True, blank=True, editable=False, help_text="Read from the vendor by “Test connection”.")
    vendor_currency = models.CharField(max_length=3, default="EUR", help_text="ISO 4217; what the vendor invoices you in.")
    fss_per_workload_edition = models.CharField(
        "edition for File Sync & Share “per workload”",
        max_length=50,
        default="fss_per_gigabyte",
        help_text="The vendor has no edition of that name; this one is switched on and metered instead.",
    )
    default_backup_storage = models.ForeignKey(
        "VendorStorage", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the first by name."
    )
    default_file_storage = models.ForeignKey(
        "VendorStorage",
        models.SET_NULL,
        verbose_name="default File Sync & Share storage",
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the first by name.",
    )
    default_disaster_recovery_storage = models.ForeignKey(
        "VendorStorage", models.SET_NULL, null=True, blank=True, related_name="+", help_text="Empty: the first by name."
    )
    activation = models.CharField(
        "new users get in",
        max_length=10,
        choices=Activation,
        default=Activation.MAIL,
        help_text="For users made from now on.",
    )
    max_parallel_calls = models.PositiveSmallIntegerField(
        "calls at a time",
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(64)],
        help_text="How many questions may be under way at the vendor at once, over all workers.",
    )
    is_active = models.BooleanField(default=True, help_text="Off: nothing new is sold through it.")
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.CharField(max_length=500, blank=True, editable=False)
    definition_fetched_at = models.DateTimeField(null=True, editable=False)
    estimates_wished_at = models.DateTimeField(
        null=True, editable=False, help_text="Somebody waits for new estimates since then; empty once the vendor was asked."
    )
    estimates_at = models.DateTimeField(null=True, editable=False, help_text="When the present estimates were read to their end.")
    estimates_error = models.CharField(
        max_length=500,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="Why the last try did not get to its end.",
    )

    objects = LockingQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def edition_for(self, *, protection: str, file_sync: str) -> dict[str, str]:
        """Return the vendor's edition for each application type that has editions."""
        return {
            "backup": {"per_gigabyte": "pck_per_gigabyte", "per_workload": "pck_per_workload"}[protection],
            "files_cloud": {"per_user": "fss_per_user", "per_workload": self.fss_per_workload_edition}[file_sync],
        }

    @property
    def default_storages(self) -> "dict[str, VendorStorage | None]":
        """The storage of each type that a customer gets unless its service names another; None is the first by name."""
        return {
            "backup": self.default_backup_storage,
            "files_cloud": self.default_file_storage,
            "disaster_recovery": self.default_disaster_recovery_storage,
        }


class VendorStorage(models.Model):
    """A storage (infra) the vendor lets the MSP use; people know it as backup location."""

    service_manager = models.ForeignKey(ServiceManager, models.CASCADE, related_name="storages")
    infra_id = models.UUIDField()
    name = models.CharField(max_length=200)
    location_id = models.UUIDField(null=True)
    capabilities = models.JSONField(default=list, help_text="backup, files_cloud, disaster_recovery…")
    capacity = models.PositiveIntegerField(
        "capacity (GB)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000_000)],
        help_text="What it holds, in GB. The vendor does not tell; you may. Plans then cannot promise more. Empty: not known.",
    )
    is_offered = models.BooleanField(default=True, help_text="Off once the vendor no longer lists it.")

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["service_manager", "infra_id"], name="vendorstorage_unique")]

    def __str__(self) -> str:
        return self.name


class VendorOfferingItem(models.Model):
    """What the vendor meters: an offering item of the root tenant, per storage where the item is tied to one."""

    service_manager = models.ForeignKey(ServiceManager, models.CASCADE, related_name="offering_items")
    application_id = models.UUIDField()
    application_type = models.CharField(max_length=50)
    name = models.CharField(max_length=100, help_text="With the prefix of its edition, for example pg_base_storage.")
    usage_name = models.CharField(max_length=100)
    edition = models.CharField(max_length=50, blank=True, help_text="Empty: belongs to no edition.")
    item_type = models.CharField(max_length=10)
    measurement_unit = models.CharField(max_length=20, help_text="bytes, quantity, seconds or n/a")
    storage = models.ForeignKey(VendorStorage, models.CASCADE, null=True, blank=True, related_name="offering_items")
    is_offered = models.BooleanField(default=True, help_text="Off once the vendor no longer offers it.")

    class Meta:
        ordering = ["application_type", "edition", "name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["service_manager", "name", "storage"], nulls_distinct=False, name="vendorofferingitem_unique"
            )
        ]

    def __str__(self) -> str:
        return self.name
