"""
What a buyer owes its seller and what it has used since, beside its credit limit.

“Unpaid” is what is open of issued invoices, and what drafts are about to ask for, with tax, less the credit of payments that are
left. “Unbilled” is what subscriptions cost on days that no document of the seller bills yet, without tax: in the running month by
what is known of its usage so far (`consumption`), and in earlier months that were not run, or in which the buyer was parked. A
prepaid term is in it once it is invoiced. An invoice in advance of a service that did not begin is in neither: nothing is delivered
before it is paid.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, F, Min, OuterRef, Q, Sum

from accounts.models import Organization, local_date
from billing import expecting
from billing.measuring import Measured
from billing.models import BillingRun, CreditNoteLine, Invoice, InvoiceLine, ParkedAccount, Subscription, SubscriptionPhase
from billing.queries import charging, sold
from billing.queries.charging import Charged, Seen
from billing.queries.consumption import known_usage
from billing.queries.metered import label_of
from billing.queries.payments import credits_of
from billing.queries.rating_inputs import price_book
from catalog.pricing import Level
from common.money import round_money
from common.periods import Period, add_months

NOTHING = Decimal(0)
LOOK_BACK = 12
"""Months before the running one that are looked at; what no run billed in a year is not going to be."""


@dataclass(frozen=True, slots=True)
class Credit:
    """
    How far a buyer has come with its credit limit, in its own currency. All amounts are nothing where the limit is None.

    ``unknown`` is a sentence where a part of it cannot be computed; then nobody can say whether more fits.
    """

    limit: Decimal | None
    currency: str
    unpaid: Decimal = NOTHING
    unbilled: Decimal = NOTHING
    unknown: str = ""

    @property
    def used(self) -> Decimal:
        return self.unpaid + self.unbilled

    @property
    def left(self) -> Decimal | None:
        """What may still be bought; below nothing where the limit is exceeded, None where there is none."""
        return None if self.limit is None else self.limit - self.used

    @property
    def is_exceeded(self) -> bool:
        """Whether more is used than the limit allows, before anything is added."""
        return self.left is not None and self.left < 0

    def allows(self, more: Decimal) -> bool:
        """Say whether ``more`` fits; what exactly reaches the limit does."""
        return self.left is None or (not self.unknown and more <= self.left)


def credit_of(organization: Organization, seller: Organization, at: datetime) -> Credit:
    """
    Return how ``organization`` stands with ``seller``, whose direct buyer it is. Without a limit no query is made.

    The number of queries grows with months that are not billed, not with services.
    """
    currency = organization.currency
    if organization.credit_limit is None:
        return Credit(None, currency)
    return standing(organization, seller, at)


def standing(organization: Organization, seller: Organization, at: datetime) -> Credit:
    """Return the same, looked up also where there is no limit: what the buyer owes and has used."""
    unpaid = _unpaid(seller, organization)
    unbilled: dict[str, Decimal] = defaultdict(Decimal)
    reasons: list[str] = []
    today = local_date(at, seller)
    for month in _open_months(seller, organization, today):
        _add_month(unbilled, reasons, seller, organization, month, today)
    currency = organization.currency
    reasons += [
        f"What {organization} owes in {other} cannot be compared with a limit in {currency}."
        for other in sorted({*unpaid, *unbilled} - {currency})
        if unpaid[other] + unbilled[other] > 0
    ]
    return Credit(
        organization.credit_limit,
        currency,
        unpaid[currency],
        unbilled[currency],
        " ".join(dict.fromkeys(reasons)),
    )


def level_between(buyer: Organization) -> Level:
    """Say at which level of the price chain ``buyer`` buys from its seller."""
    if buyer.kind == Organization.Kind.RESELLER:
        return Level.WHOLESALE
    return Level.MSP if buyer.reseller is None else Level.RETAIL


# --- Unpaid -----------------------------------------------------------------------------------------------------------------


def _unpaid(seller: Organization, buyer: Organization) -> dict[str, Decimal]:
    """Return by currency what is open and about to be, less what of payments is left. Three queries."""
    between: Any = Invoice.objects.filter(seller=seller, buyer=buyer).exclude(Q(kind=Invoice.Kind.ADVANCE) & ~Exists(_begun()))
    found: dict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in between.unpaid().order_by().values_list("currency", "open_amount"):
        found[currency] += amount
    for currency, amount in between.drafts().order_by().values_list("currency").annotate(Sum("gross")):
        found[currency] += amount
    for currency, amount in credits_of(seller, buyer).items():
        found[currency] -= amount
    return found


def _begun() -> Any:
    """Lines of the invoice at hand that were paid in advance for a service, or a change of one, that has begun."""
    lines = InvoiceLine.objects.filter(invoice=OuterRef("pk"))
    by_order = Subscription.objects.filter(order_key=OuterRef("order_key"))
    by_change = SubscriptionPhase.objects.filter(order_key=OuterRef("order_key"))
    return lines.exclude(order_key="").filter(Q(Exists(by_order)) | Q(Exists(by_change)))


# --- Unbilled ---------------------------------------------------------------------------------------------------------------


def _bought(seller: Organization, buyer: Organization) -> Any:
    """Return the subscriptions that ``seller`` invoices ``buyer`` for."""
    if buyer.kind == Organization.Kind.RESELLER:
        return Subscription.objects.filter(consumer__parent=buyer)
    return Subscription.objects.filter(consumer=buyer, consumer__parent=seller)


def _open_months(seller: Organization, buyer: Organization, today: date) -> Iterator[Period]:
    """Give the months with days that are not billed: the running one, and earlier ones not run, or run without this buyer."""
    running = Period.month_of(today)
    first = _bought(seller, buyer).aggregate(first=Min("started_on"))["first"]
    if first is None:
        return
    month = Period.month_of(max(first, add_months(running.start, -LOOK_BACK)))
    runs = BillingRun.objects.filter(seller=seller, status=BillingRun.Status.FINISHED, period_start__gte=month.start)
    parked = ParkedAccount.objects.filter(run=OuterRef("pk"), buyer=buyer)
    billed = set(runs.exclude(Exists(parked)).values_list("period_start", flat=True)) if month < running else set()
    while month.start < running.start:
        if month.start not in billed:
            yield month
        month = Period.month_of(month.end)
    yield running


def _add_month(
    unbilled: dict[str, Decimal], reasons: list[str], seller: Organization, buyer: Organization, month: Period, today: date
) -> None:
    """Add what the days of ``month`` up to ``today`` cost, less what documents bill of them."""
    rows = _bought(seller, buyer).billable_in(month).annotate(buyer=F("consumer"))
    seen = [Seen(one, level_between(buyer), buyer.currency) for one in sold.read(rows, before=month.end)]
    if not seen:
        return
    book = price_book({phase.product_group for one in seen for phase in one.sold.phases}, month)
    known, _ = known_usage({one.sold.tenant_id for one in seen}, month)

    def present(tenant: int, days: Period, measured: list[Measured]) -> list[Measured]:
        return expecting.so_far(measured, days, known[tenant])

    for charged in charging.charges(seen, book, until=today + timedelta(days=1), expected=present):
        reasons += _reasons(charged)
        for one in charged.charges:
            unbilled[charged.currency] += round_money(one.charge.net_unrounded, charged.currency)
    for currency, net in _billed(seller, [one.sold.pk for one in seen], month):
        unbilled[currency] -= net


def _reasons(charged: Charged) -> Iterable[str]:
    if charged.refusal:
        return [charged.refusal]
    return [f"{label_of(one.item, one.edition)} was used and has no rate." for one in charged.unrated]


def _billed(seller: Organization, subscriptions: list[int], month: Period) -> Iterator[tuple[str, Decimal]]:
    """Give what documents bill of the days of ``month``, by currency; prepaid terms are no part of it. Two queries."""
    lines = InvoiceLine.objects.filter(
        invoice__seller=seller, subscription__in=subscriptions, period_start__gte=month.start, period_start__lt=month.end
    ).exclude(part__startswith="term:")
    yield from lines.order_by().values_list("invoice__currency").annotate(Sum("net"))
    again = CreditNoteLine.objects.filter(credit_note__bills_again=True, invoice_line__in=lines.order_by().values("pk"))
    for currency, net in again.order_by().values_list("credit_note__currency").annotate(Sum("net")):
        yield currency, -net
