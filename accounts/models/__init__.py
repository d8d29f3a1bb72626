"""Organizations, the people and programs that act for them, and who is told what."""

from accounts.models.acting_as import ActingAs, ActingAsQuerySet
from accounts.models.api import ApiToken, IdempotentRequest
from accounts.models.organizations import Invitation, Membership, Organization, OrganizationQuerySet, User, local_date
from accounts.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "ActingAs",
    "ActingAsQuerySet",
    "ApiToken",
    "IdempotentRequest",
    "Invitation",
    "Membership",
    "Organization",
    "OrganizationQuerySet",
    "User",
    "WebhookDelivery",
    "WebhookEndpoint",
    "local_date",
]
