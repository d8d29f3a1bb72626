"""What an organization sees as a whole: whoever acts for it, person or program, finds it through these."""

from typing import TypeVar

from django.db.models import Model, Q, QuerySet

from accounts.models import Organization
from billing.models import Subscription, SubscriptionQuerySet

Row = TypeVar("Row", bound=Model)


def services_of(organization: Organization) -> SubscriptionQuerySet:
    """Return the services of ``organization`` and, where it sells, of its customers."""
    return Subscription.objects.filter(Q(consumer=organization) | Q(consumer__parent=organization))


def sold_or_bought(rows: QuerySet[Row], organization: Organization) -> QuerySet[Row]:
    """Narrow ``rows``, each with a seller and a buyer, to those in which ``organization`` is one of the two."""
    return rows.filter(Q(seller=organization) | Q(buyer=organization))
