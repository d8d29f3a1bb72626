"""Subscriptions begin and end here: the right to be served and billed."""

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from sequences import get_next_value

from accounts.models import Organization, User, local_date
from billing import notifications
from billing.models import PriceChange, Subscription, SubscriptionPrice
from billing.models.agreements import phase_of
from billing.operations.agreements import copy_plan_terms
from catalog.models import ModuleSettings, Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError
from provisioning.models import Service, VendorOfferingItem
from provisioning.operations import services
from provisioning.planning.values import GIB

logger = logging.getLogger(__name__)
SWEEP_LIMIT = 500


class PricesMissing(DomainError):
    """A plan of fixed price was sold without one."""


class EndRefused(DomainError):
    """The end of a subscription cannot be planned so, or not taken back any more."""


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
    term_months: int = 1,
    prices: Sequence[SoldPrice] = (),
    trial_days: int | None = None,
    order_key: str = "",
    at: datetime,
) -> Subscription:
    """
    Start billing ``service`` under ``plan`` from the day of ``at`` in the MSP's time zone, that day included; a service that begins
    as a free trial from ``trial_days`` later on.

    The percentages and ``plan_name`` are what it was sold at and as; without a name it is the plan's present one. ``prices``,
    one a level, are what a plan of fixed price is invoiced at for ``term_months``; pay-as-you-go has none. A service has one
    subscription: started again, it is the same row with the same prices, unchanged.

    :param order_key: the order line that was invoiced in advance, where it is prepaid.
    :param trial_days: what was promised; None: what the plan's module setting says now, if the service is a free trial at all.
    :raises PricesMissing: a plan of fixed price without a price, which could never be billed.
    """
    locked = Service.objects.locked().get(pk=service.pk)  # two workers: the second waits here and then finds the row
    if (started := Subscription.objects.filter(service=service).first()) is not None:
        return started
    if plan.is_fixed and not prices:
        raise PricesMissing(f"{plan} is sold at a fixed price, but the order names none. Set its prices and order again.")
    started_on = _msps_day(at)
    subscription = Subscription.objects.create(
        number=f"S{get_next_value('subscription', initial_value=10001)}",
        service=service,
        plan=plan,
        consumer=service.organization,
        plan_name=plan_name or plan.name,
        billing_model=plan.billing_model,
        quantity=quantity,
        term_months=term_months,
        partner_discount_percent=partner_discount_percent,
        retail_markup_percent=retail_markup_percent,
        retail_discount_percent=retail_discount_percent,
        started_on=started_on,
        trial_ends_on=_end_of_trial(locked, plan, started_on, trial_days),
        order_number=order_number,
        order_key=order_key,
        created_at=at,
    )
    phase_of(subscription, quota_gib=quota_of(locked) if plan.is_fixed else None).save()
    copy_plan_terms(subscription, at=at)
    SubscriptionPrice.objects.bulk_create(
        [price_row(subscription, sold, valid_from=subscription.started_on, at=at) for sold in prices]
    )
    notifications.subscription_started(subscription, at=at)
    return subscription


def quota_of(service: Service) -> Decimal | None:
    """Return the soft storage quota of one unit of ``service`` in GB (1024³ bytes); None where it has none."""
    storages = VendorOfferingItem.objects.filter(service_manager=service.service_manager_id, usage_name="storage").values("name")
    soft = service.items.filter(name__in=storages, soft_quota__isnull=False).values_list("soft_quota", flat=True).first()
    return None if soft is None else Decimal(soft) / GIB


def _end_of_trial(service: Service, plan: Plan, started_on: date, trial_days: int | None) -> date | None:
    """Return the first day after the free trial; None where the service is none."""
    if service.pricing_mode != Service.PricingMode.TRIAL:
        return None
    if trial_days is None:
        trial_days = ModuleSettings.objects.get(plan=plan).trial_days
    return started_on + timedelta(days=trial_days)


@transaction.atomic
def end_subscription(*, subscription_id: int, at: datetime, by: User | None, agreed: date | None = None) -> Subscription:
    """
    End the billing and, in the same transaction, the service: its tenant is deleted at the vendor, with all users and backups.

    The day of ``at`` in the MSP's time zone is the last that is billed, or the day before its planned end where that came first.
    Ended again, nothing.

    :param by: who ends it; None: the service had ended already, and only the billing follows.
    :param agreed: the first day it was not to run any more, where that was agreed before and has come meanwhile.
    """
    subscription = Subscription.objects.locked().select_related("service").get(pk=subscription_id)
    if subscription.status == Subscription.Status.ENDED:
        return subscription
    service = services.terminate_service(service_id=subscription.service_id, at=at)
    ended_at = min(at, service.ended_at or at)
    subscription.move_to(Subscription.Status.ENDED)
    # A service may have been ended below before its billing began; then nothing is billed.
    ended_on = max(last_billed_day(ended_at) + timedelta(days=1), subscription.started_on)
    subscription.ended_on = min(ended_on, subscription.cancels_on or ended_on, agreed or ended_on)
    subscription.save(update_fields=["status", "ended_on"])
    notifications.subscription_ended(subscription, at=at)
    logger.info("subscription ended", extra={"subscription": subscription.number, "by": by.pk if by else None})
    return subscription


@transaction.atomic
def plan_end(*, subscription_id: int, on: date, by: User | None, at: datetime) -> Subscription:
    """
    Let a subscription end by itself: ``on`` is the first day it does not run and is not billed, in the MSP's time zone.

    Nothing is invoiced beyond that day; what was is given back (`renewals.renew`). Planned again, the day told last counts.

    :raises EndRefused: it has ended, or the day is not later than that of ``at``.
    """
    subscription = Subscription.objects.locked().get(pk=subscription_id)
    _check_runs(subscription)
    if on <= _msps_day(at):
        raise EndRefused("Plan the end for a later day than today, or end it now.")
    if subscription.cancels_on != on:
        subscription.cancels_on = on
        subscription.save(update_fields=["cancels_on"])
        notifications.cancellation_planned(subscription, at=at)
        logger.info("end planned", extra={"subscription": subscription.number, "by": by.pk if by else None})
    return subscription


@transaction.atomic
def keep(*, subscription_id: int, by: User | None, at: datetime) -> Subscription:
    """
    Take a planned end back: the subscription goes on. Without a planned end, nothing.

    :raises EndRefused: it has ended, or its last day is over and it is about to.
    """
    subscription = Subscription.objects.locked().get(pk=subscription_id)
    _check_runs(subscription)
    if subscription.cancels_on is None:
        return subscription
    if subscription.cancels_on <= _msps_day(at):
        raise EndRefused(f"The last day of {subscription} is over; it is being ended.")
    subscription.cancels_on = None
    subscription.save(update_fields=["cancels_on"])
    notifications.cancellation_planned(subscription, at=at)
    logger.info("planned end taken back", extra={"subscription": subscription.number, "by": by.pk if by else None})
    return subscription


def _check_runs(subscription: Subscription) -> None:
    if subscription.status == Subscription.Status.ENDED:
        raise EndRefused(f"{subscription} has ended on {subscription.ended_on}.")


def end_planned(*, at: datetime) -> int:
    """
    End the subscriptions whose planned end has come, and their services with them; billing ends on the planned day, however late
    this is done. Return how many were ended. Repeated, nothing.

    One that cannot be ended does not keep the others from it; it is tried again the next time, and logged.
    """
    due = Subscription.objects.filter(status=Subscription.Status.ACTIVE, cancels_on__lte=_msps_day(at)).order_by("cancels_on", "pk")
    ended = 0
    for subscription_id in list(due.values_list("pk", flat=True)[:SWEEP_LIMIT]):
        try:
            end_subscription(subscription_id=subscription_id, at=at, by=None)
        except Exception:  # whatever is wrong with one keeps nobody else waiting
            logger.exception("subscription not ended", extra={"subscription": subscription_id})
        else:
            ended += 1
    return ended


def end_orphaned(*, at: datetime) -> int:
    """
    End the billing of every service that was ended at the vendor's side, as accepting what was found there does; as of that day.

    Return how many were ended. Repeated, nothing.
    """
    orphaned = Subscription.objects.filter(status=Subscription.Status.ACTIVE, service__ended_at__isnull=False)
    found = list(orphaned.order_by("pk").values_list("pk", flat=True)[:SWEEP_LIMIT])
    for subscription_id in found:
        end_subscription(subscription_id=subscription_id, at=at, by=None)
    return len(found)


def end_trials(*, at: datetime) -> int:
    """
    Bring free trials and billing together: what is billed from today or earlier on goes to production, and what went to production
    early, by hand or at the vendor's side, is billed from today on.

    Billing does not wait for the first: it goes by the day that was promised. Return how many trials were ended. Repeated, nothing.
    """
    today = _msps_day(at)
    trials = Subscription.objects.filter(status=Subscription.Status.ACTIVE, service__ended_at__isnull=True).order_by("pk")
    over = trials.filter(trial_ends_on__lte=today, service__pricing_mode=Service.PricingMode.TRIAL)
    early = trials.filter(trial_ends_on__gt=today, service__pricing_mode=Service.PricingMode.PRODUCTION)
    ended = [_to_production(service_id, at=at) for service_id in over.values_list("service", flat=True)[:SWEEP_LIMIT]]
    shortened = [_bill_from(pk, today) for pk in early.values_list("pk", flat=True)[:SWEEP_LIMIT]]
    return sum(ended) + sum(shortened)


def _to_production(service_id: int, *, at: datetime) -> bool:
    """Wish for production, or leave alone what was terminated meanwhile: the end of its billing is another sweep's."""
    try:
        services.switch_to_production(service_id=service_id, at=at)
    except services.ServiceEnded:
        return False
    return True


@transaction.atomic(durable=True)
def _bill_from(subscription_id: int, day: date) -> bool:
    """Let the free trial end on ``day`` instead of later."""
    subscription = Subscription.objects.locked().get(pk=subscription_id)
    if subscription.status == Subscription.Status.ENDED or subscription.charged_from <= day:
        return False
    subscription.trial_ends_on = day
    subscription.save(update_fields=["trial_ends_on"])
    logger.info("trial ended early", extra={"subscription": subscription.number})
    return True


def price_row(
    subscription: Subscription,
    sold: SoldPrice,
    *,
    valid_from: date,
    at: datetime,
    by: User | None = None,
    change: PriceChange | None = None,
) -> SubscriptionPrice:
    """Return the row, not saved, that lets ``subscription`` be invoiced at ``sold`` from ``valid_from`` on."""
    return SubscriptionPrice(
        subscription=subscription,
        level=sold.level,
        currency=sold.currency,
        price=sold.amounts.price,
        setup_fee=sold.amounts.setup_fee,
        overage_price=sold.amounts.overage_price,
        working=sold.as_json(),
        valid_from=valid_from,
        created_at=at,
        changed_by=by,
        change=change,
    )


def last_billed_day(at: datetime) -> date:
    """Return the last day that is billed of what ends at ``at``: that day, in the MSP's time zone."""
    return _msps_day(at)


def _msps_day(at: datetime) -> date:
    return local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
