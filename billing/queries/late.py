"""Which months a run has to look at again, because something they are billed by came or changed after they were billed."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Q

from accounts.models import Organization
from billing.models import BillingRun, CreditNoteLine, Invoice, InvoiceLine, RateCard, SubscriptionPhase, UsageChange
from common.periods import Period, add_months

MONTHS_BACK = 12  # what changes in older months is billed by running those months again


@dataclass(frozen=True, slots=True)
class Late:
    """
    By month, the tenants whose readings changed, the product groups whose rate card did, and the subscriptions that are to be
    looked at whatever changed: of lines that were credited to be billed again, and of what the run's own drafts say already.
    """

    tenants: dict[Period, set[int]] = field(default_factory=dict)
    product_groups: dict[Period, set[int]] = field(default_factory=dict)
    subscriptions: dict[Period, set[int]] = field(default_factory=dict)

    @property
    def months(self) -> list[Period]:
        """The months to look at again, the oldest first."""
        return sorted({*self.tenants, *self.product_groups, *self.subscriptions}, key=lambda month: month.start)

    def of_month(self, month: Period) -> Q:
        """Say which subscriptions are to be looked at again for ``month``."""
        of_tenants = Q(service__tenant__in=self.tenants.get(month, ()))
        of_subscriptions = Q(pk__in=self.subscriptions.get(month, ()))
        groups = self.product_groups.get(month, ())
        if not groups:
            return of_tenants | of_subscriptions
        # By its phases: a subscription may have moved to a plan of another group since.
        phases = SubscriptionPhase.objects.filter(plan__product_group__in=groups, valid_from__lt=month.end).order_by()
        return of_tenants | of_subscriptions | Q(pk__in=phases.values("subscription"), billing_model="pay_as_you_go")


def changed_before(seller: Organization, period: Period) -> Late:
    """
    Return what changed in months before ``period`` since the seller's own runs of those months began their last pass.

    A month the seller has not billed yet is not looked at: its own run will see everything. Six queries at most. What the drafts
    of this run say of an earlier month is always looked at again: a later run of that month has counted it as billed.
    """
    said = _said_by_drafts(seller, period)
    runs = BillingRun.objects.filter(
        seller=seller,
        period_start__lt=period.start,
        period_start__gte=add_months(period.start, -MONTHS_BACK),
        computed_at__isnull=False,
    )
    computed: dict[Period, datetime] = {run.period: run.computed_at for run in runs if run.computed_at is not None}
    if not computed:
        return Late(subscriptions=said)
    first = min(month.start for month in computed)
    changes = UsageChange.objects.filter(month__gte=first, month__lt=period.start)
    for month, subscriptions in _credited(seller, computed).items():
        said.setdefault(month, set()).update(subscriptions)
    return Late(_since(computed, changes.values_list("month", "tenant_id", "changed_at")), _cards(computed, period), said)


def _said_by_drafts(seller: Organization, period: Period) -> dict[Period, set[int]]:
    """Return by earlier month the subscriptions that lines on drafts of the run for ``period`` are for."""
    lines = InvoiceLine.objects.filter(
        invoice__seller=seller,
        invoice__status=Invoice.Status.DRAFT,
        invoice__kind=Invoice.Kind.MONTHLY,
        invoice__period_start=period.start,
        invoice__period_end=period.end,
        period_start__lt=period.start,
        subscription__isnull=False,
    )
    found: dict[Period, set[int]] = defaultdict(set)
    for day, subscription in lines.order_by().values_list("period_start", "subscription_id").distinct():
        found[Period.month_of(day)].add(subscription)
    return dict(found)


def _credited(seller: Organization, computed: dict[Period, datetime]) -> dict[Period, set[int]]:
    """Return by month the subscriptions of lines that were credited, to be billed again, after the month was worked out."""
    lines = CreditNoteLine.objects.filter(
        credit_note__seller=seller,
        credit_note__bills_again=True,
        credit_note__created_at__gte=min(computed.values()),
        invoice_line__subscription__isnull=False,
    )
    return _since(
        computed, lines.values_list("invoice_line__period_start", "invoice_line__subscription_id", "credit_note__created_at")
    )


def _cards(computed: dict[Period, datetime], period: Period) -> dict[Period, set[int]]:
    """Return by month the product groups that got a card it is billed by: its own, or the latest before it."""
    cards = RateCard.objects.filter(month__lt=period.start)
    new = list(cards.filter(imported_at__gte=min(computed.values())).values_list("month", "product_group_id", "imported_at"))
    if not new:
        return {}
    months: dict[int, set[date]] = defaultdict(set)
    for month, group in cards.filter(product_group__in={group for _, group, _ in new}).values_list("month", "product_group_id"):
        months[group].add(month)
    found: dict[Period, set[int]] = defaultdict(set)
    for month, group, imported_at in new:
        for billed, at in computed.items():
            counting = max((one for one in months[group] if one <= billed.start), default=None)
            if counting == month and imported_at >= at:
                found[billed].add(group)
    return dict(found)


def _since(computed: dict[Period, datetime], rows: Iterable[tuple[date, int, datetime]]) -> dict[Period, set[int]]:
    """Return by month what of ``rows`` came after the month was worked out."""
    found: dict[Period, set[int]] = defaultdict(set)
    for day, key, at in rows:
        month = Period.month_of(day)
        if month in computed and at >= computed[month]:
            found[month].add(key)
    return dict(found)
