"""What a page about products shows of billing: whether a product group has its Acronis rate cards."""

from dataclasses import dataclass
from datetime import date

from django import template
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import timezone

from billing.models import RateCard
from common import clock
from common.periods import add_months
from common.templatetags.show import month

register = template.Library()


@dataclass(frozen=True, slots=True)
class RateCardState:
    """Whether the rates of this month and the next are there, in a few words, and where they are."""

    words: str
    tone: str
    url: str


@register.simple_tag(takes_context=True)
def rate_card_state(context: RequestContext, group_id: int) -> RateCardState | None:
    """Return the state of a product group's rate cards; None where the reader may not see them. One query a page."""
    request = context.request
    if not request.user.has_perm("billing.view_ratecard"):
        return None
    this_month = timezone.localdate(clock.now()).replace(day=1)
    next_month = add_months(this_month, 1)
    if not hasattr(request, "_rate_card_months"):
        present = RateCard.objects.filter(month__in=[this_month, next_month])
        request._rate_card_months = set(present.values_list("product_group", "month"))  # type: ignore[attr-defined]
    months: set[tuple[int, date]] = request._rate_card_months  # type: ignore[attr-defined]
    url = f"{reverse('admin:billing_ratecard_changelist')}?product_group={group_id}"
    if (group_id, this_month) not in months:
        return RateCardState(f"missing for {month(this_month)}", "bad", url)
    if (group_id, next_month) not in months:
        return RateCardState(f"{month(this_month)} is there, {month(next_month)} is missing", "attention", url)
    return RateCardState(f"{month(this_month)} and {month(next_month)}", "good", url)
