"""Which months a run has to look at again, because something they are billed by came or changed after they were billed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Q

from accounts.models import Organization
from billing.models import BillingRun, RateCard, UsageChange
from common.periods import Period, add_months

MONTHS_BACK = 12  # what changes in older months is billed by running those months again


@dataclass(frozen=True, slots=True)
class Late:
    """By month, the tenants whose readings changed and the product groups whose rate card did."""

    tenants: dict[Period, set[int]] = field(default_factory=dict)
    product_groups: dict[Period, set[int]] = field(default_factory=dict)

    @property
    def months(self) -> list[Period]:
        """The months to look at again, the oldest first."""
        return sorted({*self.tenants, *self.product_groups}, key=lambda month: month.start)

    def of_month(self, month: Period) -> Q:
        """Say which subscriptions are to be looked at again for ``month``."""
        return Q(service__tenant__in=self.tenants.get(month, ())) | Q(
            plan__product_group__in=self.product_groups.get(month, ()), billing_model="pay_as_you_go"
        )


def changed_before(seller: Organization, period: Period) -> Late:
    """
    Return what changed in months before ``period`` since the seller's own runs of those months began their last pass.

    A month the seller has not billed yet is not looked at: its own run will see everything. Three queries.
    """
    runs = BillingRun.objects.filter(
        seller=seller,
        period_start__lt=period.start,
        period_start__gte=add_months(period.start, -MONTHS_BACK),
        computed_at__isnull=False,
    )
    computed: dict[Period, datetime] = {run.period: run.computed_at for run in runs if run.computed_at is not None}
    if not computed:
        return Late()
    first = min(month.start for month in computed)
    changes = UsageChange.objects.filter(month__gte=first, month__lt=period.start)
    cards = RateCard.objects.filter(month__lt=period.start, imported_at__gte=min(computed.values()))
    return Late(
        _since(computed, changes.values_list("month", "tenant_id", "changed_at")),
        _since(computed, cards.values_list("month", "product_group_id", "imported_at")),
    )


def _since(computed: dict[Period, datetime], rows: Iterable[tuple[date, int, datetime]]) -> dict[Period, set[int]]:
    """Return by month what of ``rows`` came after the month was worked out."""
    found: dict[Period, set[int]] = defaultdict(set)
    for day, key, at in rows:
        month = Period.month_of(day)
        if month in computed and at >= computed[month]:
            found[month].add(key)
    return dict(found)
