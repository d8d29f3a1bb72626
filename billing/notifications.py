"""
What programs are told of subscriptions: one function per event, each a step inside the transaction in which it happens.

The same goes to the consumer, the reseller above and the MSP, so a price is not in it; the API tells each of them the rest.
"""

from datetime import date, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import WebhookEndpoint
from accounts.operations import webhooks
from billing.models import Subscription

Event = WebhookEndpoint.Event


def subscription_started(subscription: Subscription, *, at: datetime) -> None:
    """It is served and billed from now on."""
    _tell(Event.SUBSCRIPTION_STARTED, subscription, at)


def subscription_changed(subscription: Subscription, *, at: datetime) -> None:
    """It has another quantity, plan or term from now on."""
    _tell(Event.SUBSCRIPTION_CHANGED, subscription, at)


def cancellation_planned(subscription: Subscription, *, at: datetime) -> None:
    """Its end is planned for `cancels_on`, or was taken back: then that is null."""
    _tell(Event.SUBSCRIPTION_CANCELLATION_PLANNED, subscription, at)


def subscription_ended(subscription: Subscription, *, at: datetime) -> None:
    """It is over: `ended_on` is the first day that is not billed."""
    _tell(Event.SUBSCRIPTION_ENDED, subscription, at)


def _tell(event: Event, subscription: Subscription, at: datetime) -> None:
    webhooks.emit(event=event, organizations=[subscription.consumer], payload=partial(_facts, subscription), at=at)


def _facts(subscription: Subscription) -> dict[str, Any]:
    return {
        "service": subscription.number,
        "status": subscription.status,
        "consumer": subscription.consumer.number,
        "order": subscription.order_number,
        "plan": subscription.plan.number,
        "plan_name": subscription.plan_name,
        "billing_model": subscription.billing_model,
        "quantity": subscription.quantity,
        "term_months": subscription.term_months,
        "started_on": _day(subscription.started_on),
        "trial_ends_on": _day(subscription.trial_ends_on),
        "cancels_on": _day(subscription.cancels_on),
        "ended_on": _day(subscription.ended_on),
        "page_url": settings.SITE_URL + reverse("billing:service", args=[subscription.number]),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
