"""
What a subscription runs under changes here: quantity, plan and term, from a day on.

Steps inside the caller's transaction: whoever changes the subscription changes the service at the vendor with it (`ordering`), and
has billed the overage of the old phase before (`operations.overage`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from billing import notifications
from billing.models import Subscription, SubscriptionPhase, SubscriptionPrice
from billing.models.agreements import phase_of
from billing.operations.agreements import change_plan_terms
from billing.operations.subscriptions import price_row
from catalog.models import Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError


class PhaseRefused(DomainError):
    """The subscription cannot be changed so."""


@transaction.atomic
def begin_phase(
    *,
    subscription_id: int,
    valid_from: date,
    plan: Plan | None = None,
    plan_name: str = "",
    quantity: int | None = None,
    term_months: int | None = None,
    quota_gib: Decimal | None = None,
    prices: Sequence[SoldPrice] = (),
    percents: tuple[Decimal, Decimal, Decimal] | None = None,
    order_key: str = "",
    at: datetime,
    by: User | None,
) -> SubscriptionPhase:
    """
    Let the subscription run in another quantity, under another plan or for another term from ``valid_from`` on, that day included.

    What is not given stays. Days before are billed as they were. Repeated with the same, or with the same ``order_key`` on any day,
    it is the phase there is; changed again on the same day, the last one counts.

    :param quota_gib: soft storage quota of one unit of a new ``plan`` in GB (1024³ bytes); None: it has none.
    :param prices: what is invoiced from that day on, one a level; needed where a fixed plan or the term changes.
    :param percents: of a new pay-as-you-go plan: partner discount, retail markup and retail discount.
    :param order_key: the order line that changes it. What was invoiced in advance for it becomes the subscription's own with this.
    :raises PhaseRefused: it has ended or will have by that day, the day lies before its last phase, the billing model would change,
        or a price is missing.
    """
    subscription = Subscription.objects.locked().select_related("plan").get(pk=subscription_id)
    if order_key and (begun := subscription.phases.filter(order_key=order_key).first()) is not None:
        return begun
    last = subscription.phases.select_related("plan").order_by("valid_from", "pk").last()
    assert last is not None, f"{subscription} has no phase"
    _check(subscription, last, valid_from, plan, quantity, term_months, prices)
    if not prices and not order_key and _is_the_same(last, plan, quantity, term_months):
        return last
    subscription.plan = plan or subscription.plan
    subscription.plan_name = plan_name or (plan.name if plan else subscription.plan_name)
    subscription.quantity = quantity or subscription.quantity
    subscription.term_months = term_months or subscription.term_months
    if percents is not None:
        subscription.partner_discount_percent, subscription.retail_markup_percent, subscription.retail_discount_percent = percents
    subscription.save()
    phase = phase_of(
        subscription,
        valid_from=valid_from,
        quota_gib=quota_gib if plan else last.quota_gib,
        order_key=order_key,
        created_at=at,
        created_by=by,
    )
    phase.save()
    if subscription.plan_id != last.plan_id:
        change_plan_terms(subscription, valid_from=valid_from, at=at)
    _price(subscription, prices, valid_from, at, by)
    notifications.subscription_changed(subscription, at=at)
    return phase


def _check(
    subscription: Subscription,
    last: SubscriptionPhase,
    valid_from: date,
    plan: Plan | None,
    quantity: int | None,
    term_months: int | None,
    prices: Sequence[SoldPrice],
) -> None:
    if subscription.status == Subscription.Status.ENDED:
        raise PhaseRefused(f"{subscription} has ended on {subscription.ended_on}; it cannot be changed.")
    if subscription.ends_on is not None and valid_from >= subscription.ends_on:
        raise PhaseRefused(f"{subscription} ends before {subscription.ends_on}; it cannot be changed from {valid_from} on.")
    if valid_from < last.valid_from:
        raise PhaseRefused(f"{subscription} was changed from {last.valid_from} on; a change cannot begin before that.")
    if plan is not None and plan.billing_model != subscription.billing_model:
        raise PhaseRefused(f"{plan} is billed another way than {subscription}; end it and order anew.")
    if quantity is not None and quantity < 1:
        raise PhaseRefused("The quantity is at least 1.")
    if subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO and (quantity or 1) != 1:
        raise PhaseRefused("Pay-as-you-go has the quantity 1: what is used is what is paid.")
    changes_price = (plan is not None and plan != subscription.plan) or term_months not in (None, subscription.term_months)
    if changes_price and not prices and subscription.billing_model != Plan.BillingModel.PAY_AS_YOU_GO:
        raise PhaseRefused("Another plan or term has another price; say which.")


def _is_the_same(last: SubscriptionPhase, plan: Plan | None, quantity: int | None, term_months: int | None) -> bool:
    return plan in (None, last.plan) and quantity in (None, last.quantity) and term_months in (None, last.term_months)


def _price(subscription: Subscription, prices: Sequence[SoldPrice], day: date, at: datetime, by: User | None) -> None:
    """Let ``prices`` count from ``day`` on; what was to begin on it or later is withdrawn, for it was of the old plan."""
    if not prices:
        return
    planned = SubscriptionPrice.objects.standing().filter(subscription=subscription, valid_from__gte=day)
    planned.update(withdrawn_at=at, withdrawn_by=by)
    SubscriptionPrice.objects.bulk_create([price_row(subscription, sold, valid_from=day, at=at, by=by) for sold in prices])
