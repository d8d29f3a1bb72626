"""Every move of a plan, and the numbers people quote it by."""

from django.db import transaction
from sequences import get_next_value

from catalog.models import Plan
from common.errors import DomainError


class CannotBeSold(DomainError):
    """The plan lacks something without which an order for it would fail."""


@transaction.atomic(durable=True)
def publish_plan(*, plan_id: int) -> Plan:
    """
    Put a plan into the storefront, where its address exists from now on.

    :raises CannotBeSold: its service manager is switched off.
    :raises IllegalTransition: it is published already.
    """
    plan = Plan.objects.locked().select_related("service_manager").get(pk=plan_id)
    if not plan.service_manager.is_active:
        raise CannotBeSold(f"{plan.service_manager} is switched off; nothing new is sold through it.")
    return _moved(plan, Plan.Status.PUBLISHED)


@transaction.atomic(durable=True)
def archive_plan(*, plan_id: int) -> Plan:
    """
    Take a plan out of the storefront. What was sold of it runs on and is billed.

    :raises IllegalTransition: it is not published.
    """
    return _moved(Plan.objects.locked().get(pk=plan_id), Plan.Status.ARCHIVED)


# Steps: inside the caller's transaction


def next_plan_number() -> str:
    """Take the next number for a plan: P1001, P1002…; given back if the transaction does not commit."""
    return f"P{get_next_value('plan', initial_value=1001)}"


def _moved(plan: Plan, status: str) -> Plan:
    plan.move_to(status)
    plan.save(update_fields=["status"])
    return plan
