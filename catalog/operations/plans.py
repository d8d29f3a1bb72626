"""Every move of a plan, and the numbers people quote it by."""

from datetime import date, datetime
from typing import Any

from django.db import transaction
from sequences import get_next_value

from catalog.models import ModuleSettings, Plan
from catalog.operations import order_urls
from catalog.queries.readiness import missing_to_sell
from common.errors import DomainError


class CannotBeSold(DomainError):
    """The plan lacks something without which an order for it would fail."""


@transaction.atomic(durable=True)
def publish_plan(*, plan_id: int, today: date, at: datetime) -> Plan:
    """
    Put a plan into the storefront.

    :raises CannotBeSold: settings or prices are missing, its service manager is switched off, or it is prepaid.
    :raises IllegalTransition: it is published already.
    """
    plan = _locked(plan_id)
    if missing := missing_to_sell(plan, on=today):
        raise CannotBeSold(" ".join(missing))
    order_urls.make_order_urls(plan, on=today, at=at)
    return _moved(plan, Plan.Status.PUBLISHED)


@transaction.atomic(durable=True)
def archive_plan(*, plan_id: int) -> Plan:
    """
    Take a plan out of the storefront. What was sold of it runs on and is billed.

    :raises IllegalTransition: it is archived already.
    """
    return _moved(_locked(plan_id), Plan.Status.ARCHIVED)


# Steps: inside the caller's transaction


def add_plan(*, at: datetime, **facts: Any) -> Plan:
    """Add a draft with a number of its own and an empty module setting; its order URLs come with settings and price."""
    plan = Plan.objects.create(number=next_plan_number(), **facts)
    ModuleSettings.objects.create(plan=plan)
    order_urls.make_order_urls(plan, on=at.date(), at=at)
    return plan


def next_plan_number() -> str:
    """Take the next number for a plan: P1001, P1002…; given back if the transaction does not commit."""
    return f"P{get_next_value('plan', initial_value=1001)}"


def _locked(plan_id: int) -> Plan:
    return Plan.objects.locked().select_related("service_manager", "product_group").get(pk=plan_id)


def _moved(plan: Plan, status: str) -> Plan:
    plan.move_to(status)
    plan.save(update_fields=["status"])
    return plan
