"""What the page of a service shows of the orders that made and changed it; billing itself knows no orders."""

from django import template
from django.template.context import RequestContext

from accounts.acting import membership_of
from billing.models import Subscription
from ordering.queries.service_history import Happening, service_history

register = template.Library()


@register.simple_tag(takes_context=True)
def happenings(context: RequestContext, subscription: Subscription) -> list[Happening]:
    """Return what happened to a service, the oldest first, as the organization acted for may know it."""
    return service_history(subscription, reader=membership_of(context.request).organization)
