"""What should be at the vendor: tenants, their users, services and holds."""

from datetime import datetime
from typing import Any, ClassVar, Self

import pghistory
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from encrypted_fields.fields import EncryptedCharField

from accounts.models import Organization
from common.querysets import LockingQuerySet
from provisioning.models.service_managers import Activation, FileSyncModel, ProtectionModel, ServiceManager, VendorStorage


class TenantQuerySet(LockingQuerySet["Tenant"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def live(self) -> Self:
        """Tenants that are not to be deleted; of a deleted one the row stays, for its usage and invoices."""
        return self.filter(retired_at__isnull=True)

    def due(self, at: datetime) -> Self:
        """Tenants to be converged by themselves, outside an order, whose next try has come."""
        return self.filter(next_try_at__lte=at)

    def with_new_billing_information(self) -> Self:
        """Live tenants whose organization was renamed or moved since their wish was last written."""
        return self.live().filter(organization__facts_changed_at__gt=F("wished_at"))


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
    wished_name = models.CharField(
        "name to have at the vendor", max_length=200, blank=True, help_text="Empty: the organization's name."
    )
    retired_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Since when the tenant is to be deleted at the vendor, with all its data."
    )
    gone_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="When the vendor was seen to have it no more.")
    wished_at = models.DateTimeField(help_text="When the wish last changed.")
    converged_at = models.DateTimeField(null=True, help_text="When the vendor was last seen to agree with the wish.")
    next_try_at = models.DateTimeField(null=True, editable=False, help_text="When to converge outside an order; empty: not due.")
    attempts = models.PositiveIntegerField(default=0, editable=False)
    last_error = models.CharField(max_length=1000, blank=True, editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "service_manager"],
                condition=Q(retired_at__isnull=True),
                name="tenant_one_live_per_organization",
            ),
            models.CheckConstraint(
                condition=Q(gone_at__isnull=True) | Q(retired_at__isnull=False), name="tenant_gone_only_if_retired"
            ),
            models.CheckConstraint(condition=Q(kind__in=["partner", "customer"]), name="tenant_kind_known"),
        ]

    def __str__(self) -> str:
        return f"{self.organization} at {self.service_manager}"

    @property
    def agrees(self) -> bool:
        """Whether the vendor was seen to agree since the wish last changed."""
        return self.converged_at is not None and self.converged_at >= self.wished_at


class TenantUserQuerySet(LockingQuerySet["TenantUser"]):
    def live(self) -> Self:
        """Users whose login is theirs; the vendor frees it with the tenant."""
        return self.filter(gone_at__isnull=True)


@pghistory.track(exclude=["password"])
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
    activation = models.CharField(max_length=10, choices=Activation, default=Activation.MAIL)
    password = EncryptedCharField(max_length=500, null=True, editable=False)
    password_wished_at = models.DateTimeField(null=True, editable=False)
    password_set_at = models.DateTimeField(
        null=True, editable=False, help_text="When the vendor took the password; empty while one waits to be sent."
    )
    email_asked_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="When the vendor was asked to change the e-mail address; of an activated user it waits for the person's consent.",
    )
    activated_at = models.DateTimeField(
        null=True, editable=False, help_text="When the vendor was first seen to have the user activated."
    )
    gone_at = models.DateTimeField(null=True, editable=False, help_text="When the user was gone at the vendor, with its tenant.")
    activation_mail_asked_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="Written just before the vendor is asked, so that a lost answer never sends a second mail.",
    )
    activation_mail_confirmed_at = models.DateTimeField(null=True, editable=False, help_text="When the vendor said it was queued.")

    objects = TenantUserQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "service_manager", Lower("login"), condition=Q(gone_at__isnull=True), name="tenantuser_login_unique"
            ),
            models.CheckConstraint(condition=Q(role__in=["company_admin", "readonly_admin"]), name="tenantuser_role_known"),
            models.CheckConstraint(condition=Q(activation__in=["mail", "password"]), name="tenantuser_activation_known"),
        ]
        permissions = [
            ("show_password", "Can see generated passwords; each showing is recorded"),
            ("open_panel", "Can sign in at the vendor as this user; each time is recorded"),
        ]

    def __str__(self) -> str:
        return self.login

    @property
    def password_is_due(self) -> bool:
        """Whether a password waits to be sent to the vendor."""
        return bool(self.password) and self.password_set_at is None


class ServiceQuerySet(LockingQuerySet["Service"]):
    def visible_to(self, user: Any) -> Self:
        return self.filter(organization__in=Organization.objects.visible_to(user))

    def live(self) -> Self:
        return self.filter(ended_at__isnull=True)


@pghistory.track()
class Service(models.Model):
    """What one subscription entitles a customer's tenant to: licensing models, offering items, quotas, storages, trial or not."""

    class Covers(models.TextChoices):
        EVERYTHING = "everything", "Everything the provider has"
        CHOSEN = "chosen", "The chosen offering items"

    STORAGE_FIELDS: ClassVar = {
        "backup": "backup_storage",
        "files_cloud": "file_storage",
        "disaster_recovery": "disaster_recovery_storage",
    }
    """Type of storage, in the vendor's words → the field that chooses one."""

    class PricingMode(models.TextChoices):
        TRIAL = "trial", "Free trial"
        PRODUCTION = "production", "Production"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="services")
    service_manager = models.ForeignKey(ServiceManager, models.PROTECT, related_name="services")
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="services")
    protection_model = models.CharField("Protection licensing model", max_length=20, choices=ProtectionModel)
    file_sync_model = models.CharField("File Sync & Share licensing model", max_length=20, choices=FileSyncModel)
    backup_storage = models.ForeignKey(
        VendorStorage, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: the default."
    )
    file_storage = models.ForeignKey(
        VendorStorage,
        models.PROTECT,
        verbose_name="File Sync & Share storage",
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: the default.",
    )
    disaster_recovery_storage = models.ForeignKey(
        VendorStorage, models.PROTECT, null=True, blank=True, related_name="+", help_text="Empty: the default."
    )
    covers = models.CharField(max_length=10, choices=Covers, default=Covers.EVERYTHING)
    quantity = models.PositiveIntegerField(default=1, help_text="Quotas are multiplied by it.")
    pricing_mode = models.CharField(max_length=10, choices=PricingMode, default=PricingMode.PRODUCTION)
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
            models.CheckConstraint(condition=Q(covers__in=["everything", "chosen"]), name="service_covers_known"),
            models.CheckConstraint(condition=Q(pricing_mode__in=["trial", "production"]), name="service_pricing_mode_known"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="service_quantity_positive"),
        ]
        permissions = [("terminate_service", "Can terminate services; the vendor deletes their data")]

    def __str__(self) -> str:
        return f"Service of {self.organization}"

    @property
    def storages(self) -> dict[str, VendorStorage | None]:
        """The storage of each type that was chosen for this service; None is the default of the service manager."""
        return {storage_type: getattr(self, field) for storage_type, field in self.STORAGE_FIELDS.items()}


@pghistory.track()
class ServiceItem(models.Model):
    """
    What a service says about one offering item: on or off, and its quotas for quantity 1 in the vendor's unit (bytes, pieces,
    seconds). An item it says nothing about is on where the service covers everything, without quota.
    """

    service = models.ForeignKey(Service, models.CASCADE, related_name="items")
    name = models.CharField(
        "offering item", max_length=100, help_text="With the prefix of its edition, for example pg_base_storage."
    )
    is_enabled = models.BooleanField("on", default=True)
    soft_quota = models.BigIntegerField(null=True, blank=True, help_text="Empty: unlimited.")
    overage = models.BigIntegerField(
        null=True, blank=True, help_text="What may be used above the soft quota before use is blocked. Empty: never blocked."
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["service", "name"], name="serviceitem_unique"),
            # “Hard quota cannot be assigned a value until its soft quota has some value” (seed text, 004).
            models.CheckConstraint(
                condition=Q(overage__isnull=True) | Q(soft_quota__isnull=False), name="serviceitem_no_hard_without_soft"
            ),
            models.CheckConstraint(
                condition=(Q(soft_quota__isnull=True) | Q(soft_quota__gte=0)) & (Q(overage__isnull=True) | Q(overage__gte=0)),
                name="serviceitem_quotas_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
        permissions = [("place_hold", "Can suspend and resume services by hand")]

    def __str__(self) -> str:
        return self.get_reason_display()
