"""When the next invoice of a service comes, and what it is for."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from accounts.models import Organization, local_date
from billing import changing, fixed
from billing.models import Subscription
from billing.queries import paid_terms
from billing.queries.amendment_costs import levels_seen
from billing.queries.consumption import Consumption, ServiceConsumption
from billing.queries.services import Sold
from catalog.models import Plan
from common.errors import DomainError
from common.money import round_money
from common.periods import Period


@dataclass(frozen=True, slots=True)
class NextInvoice:
    """
    The day it is made, by the MSP's calendar, and the days it is for.

    ``amount`` is what this service adds to it excl. VAT, as the reader is invoiced; None where that depends on use. With
    ``is_overage_on_top`` what was used above the quota is added to it.
    """

    on: date
    period: Period
    amount: Decimal | None = None
    currency: str = ""
    is_overage_on_top: bool = False


def next_invoice(subscription: Subscription, sold: Sold | None, *, reader: Organization, at: datetime) -> NextInvoice | None:
    """
    Return the next invoice of ``subscription`` that is to be expected; None where none comes any more.

    Prepaid terms are invoiced their product group's notice before they begin, everything else on the 1st for the month before.

    :param sold: what it costs ``reader``, where it has a fixed price.
    """
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    if subscription.billing_model == Plan.BillingModel.PREPAID:
        return _renewal(subscription, sold, today, at)
    first, end = max(today, subscription.charged_from), subscription.ends_on
    if end is not None and (end <= subscription.charged_from or Period.month_of(end - timedelta(days=1)).end <= today):
        return None
    month = Period.month_of(first if end is None else min(first, end - timedelta(days=1)))
    days = Period(max(month.start, subscription.charged_from), month.end if end is None else min(month.end, end))
    expected = NextInvoice(month.end, days)
    return _by_days(expected, subscription, reader) if subscription.billing_model == Plan.BillingModel.POSTPAID_FIXED else expected


def estimate_of(expected: NextInvoice | None, found: Consumption) -> ServiceConsumption | None:
    """
    Return what the one service of ``found`` has come to, where ``expected`` bills it by use for the very month that was looked at.

    None before its first reading or estimate of the month, and where its price of the month is not there yet.
    """
    if expected is None or expected.amount is not None or expected.period.start not in found.period or not found.services:
        return None
    (one,) = found.services
    is_read = one.read_until is not None or one.estimated_at is not None
    return one if is_read and one.is_known and one.subscription.billing_model == Plan.BillingModel.PAY_AS_YOU_GO else None


def _by_days(expected: NextInvoice, subscription: Subscription, reader: Organization) -> NextInvoice:
    """Add what the month's days cost ``reader``, setup fee included, by the rules that bill; without a price there is no amount."""
    one = paid_terms.read(subscription)
    level = levels_seen(subscription, reader)[0]
    try:
        prices = one.fixed_prices(level.value)
    except DomainError:  # the run parks the account for it; nothing is known to be told here
        return expected
    month = Period.month_of(expected.period.start)
    charges = changing.month_charges(fixed.Terms(one.charged_from, level.value, prices), month, one.ends_on)
    currency = prices[0].currency
    has_quota = any(phase.quota_gib is not None for phase in one.phases)
    return replace(
        expected,
        amount=changing.total(charges, currency),
        currency=currency,
        is_overage_on_top=has_quota and any(price.overage_price for price in prices),
    )


def _renewal(subscription: Subscription, sold: Sold | None, today: date, at: datetime) -> NextInvoice | None:
    term = paid_terms.term_to_come(subscription, at=at)
    if term is None:
        return None
    on = max(term.start - timedelta(days=subscription.plan.product_group.renewal_notice_days), today)
    if sold is None:
        return NextInvoice(on, term)
    is_later = sold.next_price is not None and sold.next_from is not None and sold.next_from <= term.start
    price = sold.next_price if is_later and sold.next_price is not None else sold.price
    return NextInvoice(on, term, round_money(price * sold.quantity, sold.currency), sold.currency)
