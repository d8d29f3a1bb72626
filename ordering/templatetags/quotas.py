"""What an order line includes, told in two parts: what has a quota, and what has none."""

from collections.abc import Sequence

from django import template

from ordering.module_wishes import STORAGE, Included

register = template.Library()
UNLIMITED = "unlimited"


@register.filter
def with_quota(included: Sequence[Included]) -> list[Included]:
    """Return what has a quota, and the storage in any case: a plan is named after it."""
    return [one for one in included if one.amount != UNLIMITED or one.label == STORAGE]


@register.filter
def without_quota(included: Sequence[Included]) -> list[str]:
    """Return the names of the rest."""
    return [one.label for one in included if one.amount == UNLIMITED and one.label != STORAGE]
