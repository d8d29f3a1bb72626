"""Subscriptions begin here: the right to be served and billed."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, local_date
from billing.models import Subscription
from catalog.models import Plan
from provisioning.models import Service

# Steps: inside the caller's transaction, or in one of their own.


@transaction.atomic
def start_subscription(
    *,
    service: Service,
    plan: Plan,
    plan_name: str = "",
    order_number: str,
    quantity: int,
    partner_discount_percent: Decimal = Decimal(0),
    retail_markup_percent: Decimal = Decimal(0),
    retail_discount_percent: Decimal = Decimal(0),
    at: datetime,
) -> Subscription:
    """
    Start billing ``service`` under ``plan`` from the day of ``at`` in the MSP's time zone, that day included.

    The percentages and ``plan_name`` are what it was sold at and as; without a name it is the plan's present one. A service
    has one subscription: started again, it is the same row, unchanged.
    """
    Service.objects.locked().get(pk=service.pk)  # two workers: the second waits here and then finds the row
    if (started := Subscription.objects.filter(service=service).first()) is not None:
        return started
    return Subscription.objects.create(
        number=f"S{get_next_value('subscription', initial_value=10001)}",
        service=service,
        plan=plan,
        consumer=service.organization,
        plan_name=plan_name or plan.name,
        billing_model=plan.billing_model,
        quantity=quantity,
        partner_discount_percent=partner_discount_percent,
        retail_markup_percent=retail_markup_percent,
        retail_discount_percent=retail_discount_percent,
        started_on=local_date(at, Organization.objects.get(kind=Organization.Kind.MSP)),
        order_number=order_number,
        created_at=at,
    )
