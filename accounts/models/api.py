"""Programs that act for an organization: their tokens, and what they asked for, so that asking again does nothing twice."""

from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models.organizations import Organization, User
from common.querysets import LockingQuerySet


class ApiTokenQuerySet(LockingQuerySet["ApiToken"]):
    def usable(self, at: datetime) -> Self:
        return self.filter(revoked_at__isnull=True).filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))


@pghistory.track(exclude=["token_hash", "last_used_at"])
class ApiToken(models.Model):
    """Lets a program act for an organization, within its scopes. The token itself is shown once; only a hash of it is kept."""

    class Scope(models.TextChoices):
        CATALOG_READ = "catalog:read", "Read plans and prices"
        PARTNER_READ = "partner:read", "Read partner prices"
        PARTNER_WRITE = "partner:write", "Change partner prices"
        USAGE_READ = "usage:read", "Read usage and estimates"
        INVOICES_READ = "invoices:read", "Read invoices, credit notes and payments"
        ORDERS_READ = "orders:read", "Read orders"
        ORDERS_WRITE = "orders:write", "Place, execute and cancel orders, and check logins"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, help_text="What it is for, for example Website.")
    prefix = models.CharField(
        max_length=12, unique=True, editable=False, help_text="How the token begins; people tell tokens apart by it."
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False, help_text="SHA-256 of the whole token, in hex.")
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope), help_text="What it may be used for.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until it is revoked.")
    last_used_at = models.DateTimeField(null=True, editable=False, help_text="To the hour.")
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class IdempotentRequest(models.Model):
    """
    A request that a program sent with an `Idempotency-Key`: its answer once there is one, so that sent again it is the same.

    While nobody has answered it, one process is on it until `leased_until`; after that another one may take it up, since the first
    was killed.
    """

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body, in hex.")
    leased_until = models.DateTimeField(null=True, help_text="Empty once it is answered.")
    status_code = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    created_at = models.DateTimeField()

    objects = LockingQuerySet["IdempotentRequest"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="idempotentrequest_key_once"),
            models.CheckConstraint(
                condition=Q(leased_until__isnull=True, status_code__isnull=False)
                | Q(leased_until__isnull=False, status_code__isnull=True),
                name="idempotentrequest_leased_or_answered",
            ),
        ]

    def __str__(self) -> str:
        return self.key
