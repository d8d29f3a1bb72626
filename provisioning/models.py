"""What should be at the vendor, what the vendor offers, and what we did about it."""

from datetime import datetime
from typing import Any, ClassVar, Self

import pghistory
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from encrypted_fields.fields import EncryptedCharField

from accounts.models import Organization
from common.querysets import LockingQuerySet
from common.states import StatefulModel


class ProtectionModel(models.TextChoices):
    """Protection licensing model, in the words of the order form."""

    PER_GIGABYTE = "per_gigabyte", "Per gigabyte"
    PER_WORKLOAD = "per_workload", "Per workload"


class FileSyncModel(models.TextChoices):
    """File Sync & Share licensing model, in the words of the order form."""

    PER_USER = "per_user", "Per user"
    PER_WORKLOAD = "per_workload", "Per workload"


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
        "VendorStorage",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the first by name.",
    )
    is_active = models.BooleanField(default=True, help_text="Off: nothing new is sold through it.")
    tested_at = models.DateTimeField(null=True, editable=False)
    test_result = models.CharField(max_length=500, blank=True, editable=False)
    definition_fetched_at = models.DateTimeField(null=True, editable=False)

    objects = LockingQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def edition_for(self, *, protection: str, file_sync: str) -> dict[str, str]:
        """Return the vendor's edition for each application type that has editions."""
        return {
            "backup": {"per_gigabyte": "pck_per_gigabyte", "per_workload": "pck_per_workload"}[protection],
            "files_cloud": {"per_user": "fss_per_user", "per_workload": self.fss_per_workload_edition}[file_sync],
        }


class VendorStorage(models.Model):
    """A storage (infra) the vendor lets the MSP use; people know it as backup location."""

    service_manager = models.ForeignKey(ServiceManager, models.CASCADE, related_name="storages")
    infra_id = models.UUIDField()
    name = models.CharField(max_length=200)
    location_id = models.UUIDField(null=True)
    capabilities = models.JSONField(default=list, help_text="backup, files_cloud, disaster_recovery…")
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


class TenantQuerySet(LockingQuerySet["Tenant"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def due(self, at: datetime) -> Self:
        """Tenants to be converged by themselves, outside an order, whose next try has come."""
        return self.filter(next_try_at__lte=at)


@pghistory.track()
class Tenant(models.Model):
    """What should be at the vendor for one organization. `provisioning.converge` makes it so."""

    class Kind(models.TextChoices):
        PARTNER = "partner", "Partner"
        CUSTOMER = "customer", "Customer"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="tenants")
    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="tenants")
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", help_text="Empty: the root tenant."
    )
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(
        max_length=60,
        unique=True,
        editable=False,
        help_text="Sent as customer id; by it the vendor's search finds the tenant again.",
    )
    vendor_id = models.UUIDField("tenant id", null=True, unique=True, editable=False)
    vendor_name = models.CharField("name at the vendor", max_length=255, blank=True, editable=False)
    wished_at = models.DateTimeField(help_text="When the wish last changed.")
    converged_at = models.DateTimeField(null=True, help_text="When the vendor was last seen to agree with the wish.")
    next_try_at = models.DateTimeField(null=True, editable=False, help_text="When to converge outside an order; empty: not due.")
    attempts = models.PositiveIntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=1000, blank=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "service_manager"], name="tenant_one_per_organization"),
            models.CheckConstraint(condition=Q(kind__in=["partner", "customer"]), name="tenant_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.organization} at {self.service_manager}"

    @property
    def agrees(self) -> bool:
        """Whether the vendor was seen to agree since the wish last changed."""
        return self.converged_at is not None and self.converged_at >= self.wished_at


@pghistory.track()
class TenantUser(models.Model):
    """A person's account at the vendor. Its login is unique over the whole platform, so we keep it unique here too."""

    class Role(models.TextChoices):
        COMPANY_ADMINISTRATOR = "company_admin", "Company administrator"
        READ_ONLY_ADMINISTRATOR = "readonly_admin", "Read-only administrator"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="users")
    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="+")
    login = models.CharField("login user name", max_length=200)
    email = models.EmailField("e-mail", help_text="The vendor sends the activation mail here.")
    role = models.CharField(max_length=20, choices=Role)
    vendor_id = models.UUIDField(null=True, unique=True, editable=False)
    activation_mail_asked_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Written just before the vendor is asked, so that a lost answer never sends a second mail.",
    )
    activation_mail_confirmed_at = models.DateTimeField(null=True, editable=False, help_text="When the vendor said it was queued.")

    objects = LockingQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("service_manager", Lower("login"), name="tenantuser_login_unique"),
            models.CheckConstraint(condition=Q(role__in=["company_admin", "readonly_admin"]), name="tenantuser_role_known"),
        ]

    def __str__(self) -> str:
        return self.login


class ServiceQuerySet(LockingQuerySet["Service"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def live(self) -> Self:
        return self.filter(ended_at__isnull=True)


@pghistory.track()
class Service(models.Model):
    """What one subscription entitles a customer's tenant to: licensing models, no quota (pay-as-you-go)."""

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="services")
    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="services")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="services")
    protection_model = models.CharField("Protection licensing model", max_length=20, choices=ProtectionModel)
    file_sync_model = models.CharField("File Sync & Share licensing model", max_length=20, choices=FileSyncModel)
    backup_storage = models.ForeignKey(VendorStorage, models.PROTECT, null=True, blank=True, help_text="Empty: the default.")
    wished_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "service_manager"], condition=Q(ended_at__isnull=True), name="service_one_live"
            ),
            models.CheckConstraint(condition=Q(protection_model__in=ProtectionModel.values), name="service_protection_model_known"),
            models.CheckConstraint(condition=Q(file_sync_model__in=FileSyncModel.values), name="service_file_sync_model_known"),
        ]

    def __str__(self) -> str:
        return f"Service of {self.organization}"


@pghistory.track()
class Hold(models.Model):
    """A reason why a tenant must not run. The tenant is to be enabled exactly while no hold is open."""

    class Reason(models.TextChoices):
        MANUAL = "manual", "Stopped by hand"
        DUNNING = "dunning", "Invoice overdue"
        CREDIT_LIMIT = "credit_limit", "Credit limit exceeded"
        TRIAL_ENDED = "trial_ended", "Trial ended"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="holds")
    reason = models.CharField(max_length=20, choices=Reason)
    note = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField()
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "reason"], condition=Q(released_at__isnull=True), name="hold_one_open"),
            models.CheckConstraint(
                condition=Q(reason__in=["manual", "dunning", "credit_limit", "trial_ended"]), name="hold_reason_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_reason_display()


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
