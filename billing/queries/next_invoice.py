"""When the next invoice of a service comes, and what it is for."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from accounts.models import Organization, local_date
from billing.models import Subscription
from billing.queries import paid_terms
from billing.queries.services import Sold
from catalog.models import Plan
from common.money import round_money
from common.periods import Period


@dataclass(frozen=True, slots=True)
class NextInvoice:
    """
    The day it is made, by the MSP's calendar, and the days it is for.

    ``amount`` is what this service adds to it excl. VAT, as the reader is invoiced; None where that depends on use or on days.
    """

    on: date
    period: Period
    amount: Decimal | None = None
    currency: str = ""


def next_invoice(subscription: Subscription, sold: Sold | None, *, at: datetime) -> NextInvoice | None:
    """
    Return the next invoice of ``subscription`` that is to be expected; None where none comes any more.

    Prepaid terms are invoiced their product group's notice before they begin, everything else on the 1st for the month before.

    :param sold: what it costs the reader, where it has a fixed price.
    """
    today = local_date(at, Organization.objects.get(kind=Organization.Kind.MSP))
    if subscription.billing_model == Plan.BillingModel.PREPAID:
        return _renewal(subscription, sold, today, at)
    first, end = max(today, subscription.charged_from), subscription.ends_on
    if end is not None and (end <= subscription.charged_from or Period.month_of(end - timedelta(days=1)).end <= today):
        return None
    month = Period.month_of(first if end is None else min(first, end - timedelta(days=1)))
    days = Period(max(month.start, subscription.charged_from), month.end if end is None else min(month.end, end))
    return NextInvoice(month.end, days)


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
