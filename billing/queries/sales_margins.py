"""
What a seller sold and what the vendor takes for it, customer by customer: of issued invoices whose period begins in a month.

The cost stands on the lines, as it was known when they were billed: that of the whole charge, also on a line that only bills a
difference. So of each charge's lines every one counts what its cost is above the one before. What is sold at a fixed price has no
cost on its lines; it is told beside, not taken for margin. Nets are less what was credited since.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Organization
from billing.margins import Amount, Margin, paired
from billing.models import Subscription
from billing.queries.explaining import COMMITMENT
from billing.queries.margins import conversions
from common.periods import Period

NOTHING = Decimal(0)

_SALES = """
    WITH sold AS (
        SELECT line.*, invoice.currency, invoice.period_start AS invoiced_for,
            CASE
                WHEN line.working->>'kind' = 'taken_back' OR line.item = %(commitment)s THEN 0
                ELSE (line.working#>>'{cost,amount}')::numeric
            END AS whole_cost,
            line.working#>>'{cost,amount_currency}' AS in_currency
        FROM billing_invoiceline line
        JOIN billing_invoice invoice ON invoice.id = line.invoice_id
        WHERE invoice.status = 'issued' AND invoice.seller_id = %(seller)s AND (line.subscription_id IN (
            SELECT other.subscription_id FROM billing_invoiceline other JOIN billing_invoice of ON of.id = other.invoice_id
            WHERE of.status = 'issued' AND of.seller_id = %(seller)s
                AND of.period_start >= %(start)s AND of.period_start < %(end)s
        ) OR (line.subscription_id IS NULL AND invoice.period_start >= %(start)s AND invoice.period_start < %(end)s))
    ), charged AS (
        SELECT sold.*,
            whole_cost - coalesce(lag(whole_cost) OVER (charge ORDER BY id), 0) AS cost,
            max(in_currency) OVER charge AS cost_currency
        FROM sold
        WINDOW charge AS (PARTITION BY subscription_id, item, edition, part, date_trunc('month', period_start))
    )
    SELECT subscription_id, working->>'consumer', currency,
        CASE WHEN item = %(commitment)s THEN %(own_currency)s ELSE cost_currency END AS costs_in,
        sum(charged.net - coalesce(credited.net, 0)),
        coalesce(sum(cost), 0)
    FROM charged
    LEFT JOIN LATERAL (
        SELECT sum(credit.net) AS net FROM billing_creditnoteline credit WHERE credit.invoice_line_id = charged.id
    ) credited ON true
    WHERE invoiced_for >= %(start)s AND invoiced_for < %(end)s
    GROUP BY subscription_id, working->>'consumer', currency, costs_in
"""


@dataclass(frozen=True, slots=True)
class SalesMargin:
    """
    One customer, one pair of currencies: ``margin`` of what has a vendor cost, ``uncosted`` what was sold without a known one.

    ``through`` is the reseller that was invoiced for it; empty for a direct customer.
    """

    customer: Organization | None
    name: str
    through: str
    margin: Margin
    uncosted: Amount | None

    @property
    def sold(self) -> list[Amount]:
        """Everything that was sold, by currency."""
        return _added([*([self.margin.got] if self.margin.got else []), *([self.uncosted] if self.uncosted else [])])


@dataclass(slots=True)
class _Sums:
    cost: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    got: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    uncosted: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def sales_margins(seller: Organization, period: Period) -> list[SalesMargin]:
    """Return what ``seller`` sold for each customer, by name. Two queries, a third for what lies between currencies."""
    asked: dict[str, Any] = {
        "seller": seller.pk,
        "own_currency": seller.currency,
        "commitment": COMMITMENT,
        "start": period.start,
        "end": period.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SALES, asked)
        rows = cursor.fetchall()
    services = Subscription.objects.select_related("consumer__parent").in_bulk({row[0] for row in rows if row[0] is not None})
    sums: dict[tuple[str, int], _Sums] = defaultdict(_Sums)
    customers: dict[tuple[str, int], Organization | None] = {}
    for service, name, currency, cost_currency, net, cost in rows:
        customer = services[service].consumer if service is not None else None
        key = (customer.name, customer.pk) if customer else (name or "", 0)
        customers[key] = customer
        if cost_currency is None:
            sums[key].uncosted[currency] += net
        else:
            sums[key].got[currency] += net
            sums[key].cost[cost_currency] += cost
    found = [
        one
        for key in sorted(sums, key=lambda name: (name[0].casefold(), name[1]))
        for one in _rows(customers[key], key[0], sums[key])
    ]
    rates = conversions((one.margin for one in found), period)
    return [replace(one, margin=replace(one.margin, conversion=rates.get(frozenset(_currencies(one.margin))))) for one in found]


def uncosted_total(rows: Iterable[SalesMargin]) -> list[Amount]:
    """Return what was sold without a known vendor cost, by currency."""
    return _added(one.uncosted for one in rows if one.uncosted)


def _rows(customer: Organization | None, name: str, sums: _Sums) -> list[SalesMargin]:
    reseller = customer.reseller if customer else None
    through = reseller.name if reseller else ""
    left = dict(sums.uncosted)
    found = []
    for margin in paired(sums.cost, sums.got):
        currency = margin.got.currency if margin.got else ""
        uncosted = left.pop(currency, None)
        found.append(SalesMargin(customer, name, through, margin, None if uncosted is None else Amount(uncosted, currency)))
    found += [SalesMargin(customer, name, through, Margin(None, None), Amount(left[one], one)) for one in sorted(left)]
    return found


def _added(amounts: Iterable[Amount]) -> list[Amount]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for one in amounts:
        sums[one.currency] += one.value
    return [Amount(sums[currency], currency) for currency in sorted(sums)]


def _currencies(margin: Margin) -> tuple[str, str]:
    return margin.paid.currency if margin.paid else "", margin.got.currency if margin.got else ""
