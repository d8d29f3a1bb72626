"""What a subscription of fixed price used above its quota this month and no document bills yet."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from accounts.models import Organization
from billing import adjusting
from billing.adjusting import Billed
from billing.models import InvoiceLine
from billing.overage import OVERAGE
from billing.queries import charging
from billing.queries.billed import Item, add_up
from billing.queries.charging import Charged, Seen
from billing.queries.rating_inputs import PriceBook, price_book
from billing.queries.sold import Sold
from billing.rating import Level
from common.errors import DomainError
from common.periods import Period

NOTHING = Decimal(0)


class OverageNotBilled(DomainError):
    """What was used above the quota cannot be billed now; the text says why."""


@dataclass(frozen=True, slots=True)
class OpenOverage:
    """What is charged for use above the quota in a month so far, and what documents of the seller say of it."""

    charged: Charged
    billed: dict[Item, list[Billed]]
    book: PriceBook
    month: Period

    @property
    def net(self) -> Decimal:
        """What is still to be billed, excluding VAT."""
        charges = {(one.charge.edition, one.charge.part): one.charge for one in self.charged.charges}
        billed = {(item.edition, item.part): several for item, several in self.billed.items()}
        dues = (adjusting.lines_due(charges.get(key), billed.get(key, ()), self.charged.currency) for key in {*charges, *billed})
        return sum((due.net for several in dues for due in several), NOTHING)


def open_overage(
    one: Sold, *, seller: Organization, level: Level, currency: str, today: date, is_change: bool = False
) -> OpenOverage | None:
    """
    Return what one seller has still to bill of the month of ``today``, that day included; None where it is billed by use.

    :param currency: the buyer's.
    :param is_change: quota or price change today. The day counts under what is new, so what is billed first ends with the day
        before; None where that is nothing.
    :raises OverageNotBilled: a price is missing.
    """
    if one.is_metered:
        return None
    month = Period.month_of(today)
    book = price_book({phase.product_group for phase in one.phases}, month)
    until = today if is_change else today + timedelta(days=1)
    if until == month.start:
        return None
    (charged,) = charging.charges([Seen(one, level, currency)], book, until=until)
    if charged.refusal:
        raise OverageNotBilled(charged.refusal)
    charged.charges = [dated for dated in charged.charges if dated.charge.item == OVERAGE]
    lines = InvoiceLine.objects.filter(
        invoice__seller=seller, subscription=one.pk, item=OVERAGE, period_start__gte=month.start, period_start__lt=month.end
    )
    billed, _ = add_up(lines)
    found = OpenOverage(charged, billed.get(one.pk, {}), book, month)
    return None if is_change and found.net <= 0 else found
