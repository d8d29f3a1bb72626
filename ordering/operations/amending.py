"""
Carrying out an order line that changes a running subscription: what `execution` does for each kind of it.

First what was used above the quota is invoiced, by the plan and quantity it was used under. Then, in one transaction, what the
service was is kept on the line and the service is told otherwise; the vendor follows. Once the vendor agrees, the subscription
changes in the transaction that completes the line. A line that fails puts the service back in the transaction in which it fails,
and the vendor follows that, too. So vendor and subscription change together or not at all, and whoever is killed in between is
followed by a worker that finds on the rows how far it has come.
"""

import logging
from datetime import date, datetime
from typing import Any

from accounts.models import local_date
from billing.models import Subscription
from billing.operations import renewals, subscriptions
from billing.operations.overage import Moment, bill_overage
from billing.operations.phases import begin_phase
from catalog.models import FIXED_MODELS, Plan
from catalog.queries.offers import SoldPrice
from common.errors import DomainError
from ordering import module_wishes
from ordering.amendment_terms import RunsUnder
from ordering.models import Order, OrderLine
from ordering.operations import fitting, prepayment
from ordering.queries import amendments as subject
from provisioning.models import Service
from provisioning.operations import rewishing
from provisioning.operations.preview import Step, steps_of_plan, steps_of_quotas
from provisioning.planning.actions import DeleteTenant

logger = logging.getLogger(__name__)

MOMENTS = {
    OrderLine.Kind.QUANTITY: Moment.QUANTITY,
    OrderLine.Kind.PLAN: Moment.UPGRADE,
    OrderLine.Kind.TERM: Moment.TERM,
}
"""When overage is invoiced first (seed text, 004); of what ends, the month's run bills it."""

AT_VENDOR = frozenset({OrderLine.Kind.QUANTITY, OrderLine.Kind.PLAN})
"""What the vendor hears of. A term is ours alone, and an end is wished with the end of the subscription."""


class Outlived(DomainError):
    """What was to be changed has ended meanwhile: there is nothing left to change."""


class ChangedMeanwhile(DomainError):
    """The subscription is not what it was when the change was quoted."""


class WishedOtherwise(DomainError):
    """Somebody told the service something else while the vendor was asked; it is told again."""


def prepare(line: OrderLine, *, at: datetime) -> None:
    """
    Look once more whether the change still fits, then invoice what was used above the quota. Repeated, only what was used since.

    No transaction may be open: the vendor is asked what is in use, and invoices are issued in transactions of their own.

    :raises Outlived: the subscription or its service has ended.
    :raises ChangedMeanwhile: it was changed since the change was quoted, or is to end.
    :raises BelowUse: more is in use by now than is left.
    :raises AcronisError: the vendor did not say what is in use.
    :raises OverageNotBilled: the price of what is used above the quota is missing.
    """
    if line.kind == OrderLine.Kind.CANCEL:
        return
    subscription = _read(line)
    _check_as_quoted(subscription, line)
    if line.kind in AT_VENDOR and not line.before:
        after = RunsUnder.of_line(line)
        fitting.check_fits(subscription.service, after, field=line.kind, at=at, only_live=True)
    if subscription.billing_model in FIXED_MODELS:
        bill_overage(subscription_id=subscription.pk, moment=MOMENTS[OrderLine.Kind(line.kind)], at=at, by=line.order.executed_by)


def true_up(line: OrderLine, *, at: datetime) -> None:
    """
    Invoice or give back what the change made of the terms of a prepaid subscription. Repeated, nothing; lost, `renew_due` does it.

    Opens transactions of its own.
    """
    if line.billing_model != Plan.BillingModel.PREPAID:
        return
    try:
        renewals.renew(subscription_id=_subscription_id(line), at=at)
    except DomainError as refusal:
        logger.warning("change not invoiced", extra={"order_line": line.pk, "reason": str(refusal)})


def steps(line: OrderLine, *, at: datetime) -> list[Step]:
    """
    Return what carrying out the line would do at the vendor now. Changes nothing.

    :raises AcronisError: the vendor did not answer.
    :raises DomainError: the plan cannot be made.
    """
    assert line.service is not None  # orderline_amends_a_subscription
    match line.kind:
        case OrderLine.Kind.QUANTITY:
            return steps_of_quotas(service_id=line.service.pk, limits={}, quantity=line.quantity)
        case OrderLine.Kind.PLAN:
            return steps_of_plan(service_id=line.service.pk, wish=module_wishes.of_line(line))
        case OrderLine.Kind.CANCEL if line.ends == OrderLine.Ends.NOW or _has_come(_agreed_end(line), at=at):
            return [Step(DeleteTenant(line.service.tenant.vendor_name).sentence)]
    return []


# Steps: inside the caller's transaction


def wish(line: OrderLine, *, at: datetime) -> int | None:
    """
    Tell the service what it is to be, keeping what it was on the line, and return the tenant to be converged; None where the vendor
    does not hear of the change. Repeated, it is the same; told otherwise by somebody meanwhile, it is told again.

    :raises Outlived: and `ChangedMeanwhile`, see `prepare`.
    """
    if line.kind == OrderLine.Kind.CANCEL:
        return None
    Subscription.objects.locked().get(pk=_subscription_id(line))
    subscription = _read(line)
    _check_as_quoted(subscription, line)
    if line.kind not in AT_VENDOR:
        return None
    service = subscription.service
    if not line.before or not _is_wished(line, service):
        before = _tell(line, service, at=at)
        line.before = line.before or before
        line.save(update_fields=["before"])
    return service.tenant_id


def complete(order: Order, line: OrderLine, *, at: datetime) -> None:
    """
    Change the subscription, now that the vendor agrees: from today by the MSP's calendar on.

    :raises WishedOtherwise: the service is to be something else by now.
    :raises Outlived: it has ended meanwhile.
    :raises PhaseRefused: billing refuses the change.
    """
    subscription = Subscription.objects.locked().select_related("service").get(pk=_subscription_id(line))
    by = order.executed_by or order.placed_by
    if line.kind == OrderLine.Kind.CANCEL:
        agreed = _agreed_end(line)
        if line.ends == OrderLine.Ends.NOW:
            subscriptions.end_subscription(subscription_id=subscription.pk, at=at, by=by)
        elif _has_come(agreed, at=at):  # it waited too long, and no other term was agreed to
            subscriptions.end_subscription(subscription_id=subscription.pk, at=at, by=by, agreed=agreed)
        elif subscription.status != Subscription.Status.ENDED:
            subscriptions.plan_end(subscription_id=subscription.pk, on=agreed, at=at, by=by)
        return
    service = subscription.service
    _check_lives(subscription, service)
    if line.kind in AT_VENDOR and not _is_wished(line, service):
        raise WishedOtherwise("The service was changed by somebody else at this moment.")
    begin_phase(
        subscription_id=subscription.pk,
        valid_from=local_date(at, subject.msp()),
        order_key=prepayment.order_key(order, line),
        at=at,
        by=by,
        **_phase(line, service),
    )


def put_back(line: OrderLine, *, at: datetime) -> None:
    """Let the service be what it was before the line, which has failed. Repeated, or where nothing was told, nothing."""
    if line.before and line.service_id is not None:
        rewishing.put_back(service_id=line.service_id, before=line.before, at=at)
        line.before = {}
        line.save(update_fields=["before"])


def _agreed_end(line: OrderLine) -> date:
    """Return the first day it does not run, as it was quoted."""
    return date.fromisoformat(line.quote["first_day"])


def _has_come(day: date, *, at: datetime) -> bool:
    return day <= local_date(at, subject.msp())


def _phase(line: OrderLine, service: Service) -> dict[str, Any]:
    """Return what of the subscription becomes different, as `begin_phase` takes it."""
    prices = [SoldPrice.from_json(price) for price in line.prices]
    match line.kind:
        case OrderLine.Kind.QUANTITY:
            return {"quantity": line.quantity}
        case OrderLine.Kind.TERM:
            return {"term_months": line.term_months, "prices": prices}
    is_fixed = line.billing_model in FIXED_MODELS
    return {
        "plan": line.plan,
        "plan_name": line.plan_name,
        "quantity": line.quantity,
        "term_months": line.term_months,
        "quota_gib": subscriptions.quota_of(service) if is_fixed else None,
        "prices": prices,
        "percents": (line.partner_discount_percent, line.retail_markup_percent, line.retail_discount_percent),
    }


def _tell(line: OrderLine, service: Service, *, at: datetime) -> dict[str, Any]:
    if line.kind == OrderLine.Kind.QUANTITY:
        return rewishing.rewish_quantity(service_id=service.pk, quantity=line.quantity, at=at)
    return rewishing.rewish_plan(service_id=service.pk, wish=module_wishes.of_line(line), at=at)


def _is_wished(line: OrderLine, service: Service) -> bool:
    """Whether the service is told what the line wants. Single quotas may be other ones: staff set them by hand."""
    if line.kind == OrderLine.Kind.QUANTITY:
        return service.quantity == line.quantity
    wished = module_wishes.of_line(line)
    return all(getattr(service, name) == getattr(wished, name) for name in rewishing.PLAN_FIELDS)


def _check_as_quoted(subscription: Subscription, line: OrderLine) -> None:
    _check_lives(subscription, subscription.service)
    before = _before(line)
    if subscription.cancels_on is not None:
        raise ChangedMeanwhile(subject.closed_because(subscription, None))
    found = (subscription.plan_name, subscription.quantity, subscription.term_months)
    if found != (before.plan_name, before.quantity, before.term_months):
        raise ChangedMeanwhile(
            f"Subscription {subscription} has been changed since this was ordered. Cancel this order, and order the change anew."
        )


def _check_lives(subscription: Subscription, service: Service) -> None:
    if subscription.status == Subscription.Status.ENDED or service.ended_at is not None:
        raise Outlived(f"Subscription {subscription} has ended before it could be changed.")


def _before(line: OrderLine) -> RunsUnder:
    return RunsUnder.from_json(line.quote["before"])


def _read(line: OrderLine) -> Subscription:
    found = Subscription.objects.select_related("service__service_manager", "service__tenant", "consumer__parent")
    return found.get(pk=_subscription_id(line))


def _subscription_id(line: OrderLine) -> int:
    assert line.subscription_id is not None  # orderline_amends_a_subscription
    return line.subscription_id
