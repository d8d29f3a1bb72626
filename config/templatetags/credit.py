"""Credit limits on pages of organizations, which know nothing of billing."""

from django import template

from accounts.models import Organization
from billing.queries.credit import Credit, credit_of
from common import clock

register = template.Library()


@register.simple_tag
def credit(organization: Organization) -> Credit | None:
    """Return how ``organization`` stands with its seller now; None, and nothing is looked up, where it has no credit limit."""
    if organization.parent is None or organization.credit_limit is None:
        return None
    return credit_of(organization, organization.parent, clock.now())
