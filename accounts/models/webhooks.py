"""Webhooks: where an organization wants to be told what happened to its orders and subscriptions, and each telling."""

import uuid
from datetime import datetime
from typing import Self

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from encrypted_fields.fields import EncryptedCharField

from accounts.models.organizations import Organization, User
from common.querysets import LockingQuerySet


@pghistory.track(exclude=["secret"])
class WebhookEndpoint(models.Model):
    """An address of a program of the organization's. It is told of its own and of its customers'; the MSP's of all."""

    class Event(models.TextChoices):
        ORDER_PLACED = "order.placed", "Order placed"
        ORDER_HELD = "order.held", "Order held"
        ORDER_COMPLETED = "order.completed", "Order completed"
        ORDER_FAILED = "order.failed", "Order failed"
        ORDER_CANCELLED = "order.cancelled", "Order cancelled"
        SUBSCRIPTION_STARTED = "subscription.started", "Subscription started"
        SUBSCRIPTION_CHANGED = "subscription.changed", "Subscription changed: quantity, plan or term"
        SUBSCRIPTION_CANCELLATION_PLANNED = "subscription.cancellation_planned", "Subscription's end planned or taken back"
        SUBSCRIPTION_ENDED = "subscription.ended", "Subscription ended"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="webhook_endpoints")
    url = models.URLField("address", max_length=500)
    secret = EncryptedCharField(max_length=200, editable=False, help_text="Signs every delivery; shown once.")
    told_of = ArrayField(models.CharField(max_length=50, choices=Event), help_text="What it is told of.")
    is_active = models.BooleanField("on", default=True, help_text="Off: nothing is sent, and nothing kept for later.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url


class WebhookDeliveryQuerySet(LockingQuerySet["WebhookDelivery"]):
    def due(self, at: datetime) -> Self:
        return self.filter(status=WebhookDelivery.Status.WAITING, next_try_at__lte=at)


class WebhookDelivery(models.Model):
    """One event for one endpoint, and how telling it went. The row says what is due; a lost message costs seconds."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Given up"

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(default=uuid.uuid4, help_text="The same however often it is sent.")
    event = models.CharField(max_length=50, choices=WebhookEndpoint.Event)
    payload = models.JSONField()
    status = models.CharField(max_length=10, choices=Status, default=Status.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    answered_with = models.PositiveSmallIntegerField("HTTP status", null=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["next_try_at"], condition=Q(status="waiting"), name="webhookdelivery_due")]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "event_id"], name="webhookdelivery_event_once"),
            models.CheckConstraint(condition=Q(status__in=["waiting", "delivered", "failed"]), name="webhookdelivery_status_known"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.endpoint}"
