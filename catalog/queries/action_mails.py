"""Which notification & action mails hold for a plan: its own, or else those of its product group."""

from collections.abc import Iterable

from django.db.models import Q

from catalog.models import ActionMail, Plan, ProductGroup


def action_mails_of(plan: Plan) -> list[ActionMail]:
    """Return what is switched on for ``plan``, by days: one query. What is switched off in its own settings is off."""
    return action_mails_by_plan([plan])[plan.pk]


def action_mails_by_plan(plans: Iterable[Plan]) -> dict[int, list[ActionMail]]:
    """Return what is switched on for each of ``plans`` by its id: one query, however many plans there are."""
    group_of = {plan.pk: plan.product_group_id for plan in plans}
    rows = ActionMail.objects.filter(Q(plan__in=group_of) | Q(product_group__in=set(group_of.values()))).select_related("template")
    own: dict[int, list[ActionMail]] = {}
    common: dict[int, list[ActionMail]] = {}
    for row in rows:
        if row.plan_id is not None:
            own.setdefault(row.plan_id, []).append(row)
        elif row.product_group_id is not None:
            common.setdefault(row.product_group_id, []).append(row)
    found = {plan: own.get(plan, common.get(group, [])) for plan, group in group_of.items()}
    return {plan: [row for row in rows if row.is_active] for plan, rows in found.items()}


def settings_of(owner: ProductGroup | Plan) -> list[ActionMail]:
    """Return the rows that belong to a group or a plan itself, switched on or off, by days."""
    field = "plan" if isinstance(owner, Plan) else "product_group"
    return list(ActionMail.objects.filter(**{field: owner}).select_related("template"))
