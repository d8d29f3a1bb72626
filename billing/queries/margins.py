"""
What a reseller was invoiced and what it invoiced itself, customer by customer: of invoices whose period begins in a month.

Nets are as issued, less what was credited of those very lines since. So what was paid sums to the reseller's own invoices of the
month, and what was got to those it issued.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import BigIntegerField, Case, CharField, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from accounts.models import Organization
from billing.margins import Amount, Conversion, Margin, paired, together
from billing.models import CreditNoteLine, ExchangeRate, InvoiceLine, Subscription, SubscriptionPhase
from billing.queries.metered import label_of
from common.fields import AmountField
from common.periods import Period

PAID, GOT = "paid", "got"
_NOTHING = Value(0, AmountField())


@dataclass(frozen=True, slots=True)
class CustomerMargin:
    """One customer, one pair of currencies. ``customer`` is None for what was invoiced before its service started."""

    customer: Organization | None
    name: str
    margin: Margin


@dataclass(frozen=True, slots=True)
class ItemMargin:
    label: str
    margin: Margin


@dataclass(frozen=True, slots=True)
class ServiceMargin:
    """One service and pair of currencies, and its items."""

    subscription: Subscription | None
    margin: Margin
    items: list[ItemMargin]


@dataclass(frozen=True, slots=True)
class _Net:
    side: str
    currency: str
    service: int | None
    consumer: str
    item: str
    edition: str
    plan: str
    net: Decimal


def customer_margins(reseller: Organization, period: Period) -> list[CustomerMargin]:
    """Return the margin of each customer of ``reseller``, by name. Two queries, a third for what lies between currencies."""
    nets = list(_nets(lines_of(reseller, period), reseller))
    services = _services(nets)
    groups: dict[tuple[str, int], list[_Net]] = defaultdict(list)
    customers: dict[tuple[str, int], Organization | None] = {}
    for one in nets:
        customer = services[one.service].consumer if one.service is not None else None
        key = (customer.name, customer.pk) if customer else (one.consumer, 0)
        groups[key].append(one)
        customers[key] = customer
    found = [
        CustomerMargin(customers[key], key[0], margin)
        for key in sorted(groups, key=lambda name: (name[0].casefold(), name[1]))
        for margin in together([pair for rows in _by_service(groups[key]) for pair in _paired(rows)])
    ]
    rates = conversions((one.margin for one in found), period)
    return [replace(one, margin=_with_rate(one.margin, rates)) for one in found]


def service_margins(reseller: Organization, customer: Organization, period: Period) -> list[ServiceMargin]:
    """Return the margin of each service of ``customer`` with its items. As many queries as `customer_margins`."""
    of_customer = lines_of(reseller, period).filter(
        Q(subscription__consumer=customer)
        | Q(subscription__isnull=True, order_key__in=Subscription.objects.filter(consumer=customer).values("order_key"))
        | Q(subscription__isnull=True, order_key__in=_changed().filter(subscription__consumer=customer).values("order_key"))
    )
    nets = list(_nets(of_customer, reseller))
    services = _services(nets)
    found = [
        ServiceMargin(services[group[0].service] if group[0].service is not None else None, margin, _items(group, margin))
        for group in _by_service(nets)
        for margin in _paired(group)
    ]
    rates = conversions((one.margin for one in found), period)
    return [
        replace(
            one,
            margin=_with_rate(one.margin, rates),
            items=[replace(item, margin=_with_rate(item.margin, rates)) for item in one.items],
        )
        for one in found
    ]


def months_with_invoices(reseller: Organization) -> list[date]:
    """Return the months that `customer_margins` can be asked for, the newest first. One query."""
    invoices = InvoiceLine.objects.filter(_sides(reseller), invoice__status="issued").order_by()
    firsts = invoices.values_list("invoice__period_start", flat=True).distinct()
    return sorted({first.replace(day=1) for first in firsts}, reverse=True)


def lines_of(reseller: Organization, period: Period) -> QuerySet[InvoiceLine]:
    """Return the issued lines of both sides whose invoice's period begins in ``period``."""
    return InvoiceLine.objects.filter(
        _sides(reseller),
        invoice__status="issued",
        invoice__period_start__gte=period.start,
        invoice__period_start__lt=period.end,
    )


def conversions(margins: Iterable[Margin], period: Period) -> dict[frozenset[str], Conversion]:
    """Return the exchange rates valid on the last day of ``period`` that ``margins`` of two currencies need. One query, if any."""
    pairs = {
        frozenset((one.paid.currency, one.got.currency))
        for one in margins
        if one.paid and one.got and one.paid.currency != one.got.currency
    }
    if not pairs:
        return {}
    among = {currency for pair in pairs for currency in pair}
    rates = ExchangeRate.objects.filter(base__in=among, quote__in=among, valid_from__lte=period.last_day)
    newest = rates.order_by("base", "quote", "-valid_from").distinct("base", "quote")
    found: dict[frozenset[str], Conversion] = {}
    for rate in newest:
        pair = frozenset((rate.base, rate.quote))
        if pair in pairs and (pair not in found or found[pair].valid_from < rate.valid_from):
            found[pair] = Conversion(rate.base, rate.quote, rate.rate, rate.valid_from)
    return found


def _sides(reseller: Organization) -> Q:
    return Q(invoice__buyer=reseller) | Q(invoice__seller=reseller)


def _changed() -> QuerySet[SubscriptionPhase]:
    """The changes of subscriptions that may have been invoiced in advance."""
    return SubscriptionPhase.objects.exclude(order_key="").order_by()


def _nets(lines: QuerySet[InvoiceLine], reseller: Organization) -> Iterator[_Net]:
    """Give the nets by side, service, item and currency: one query, added up by the database."""
    credited = CreditNoteLine.objects.filter(invoice_line=OuterRef("pk")).order_by().values("invoice_line")
    started = Subscription.objects.filter(order_key=OuterRef("order_key")).exclude(order_key="").values("pk")[:1]
    changed = _changed().filter(order_key=OuterRef("order_key")).values("subscription")[:1]
    rows = (
        lines.order_by()
        .annotate(
            side=Case(When(invoice__buyer=reseller, then=Value(PAID)), default=Value(GOT), output_field=CharField()),
            service=Coalesce("subscription_id", Subquery(started), Subquery(changed), output_field=BigIntegerField()),
            told_consumer=KT("working__consumer"),
            told_plan=KT("working__plan"),
            given_back=Coalesce(Subquery(credited.values(total=Sum("net"))), _NOTHING),
        )
        .values_list("side", "invoice__currency", "service", "told_consumer", "item", "edition", "told_plan")
        .annotate(total=Sum(F("net") - F("given_back"), output_field=AmountField()))
    )
    for side, currency, service, consumer, item, edition, plan, net in rows:
        yield _Net(side, currency, service, consumer or "", item, edition, plan or "", net)


def _services(nets: Iterable[_Net]) -> dict[int, Subscription]:
    wanted = {one.service for one in nets if one.service is not None}
    return Subscription.objects.select_related("consumer").in_bulk(wanted) if wanted else {}


def _by_service(nets: Iterable[_Net]) -> list[list[_Net]]:
    groups: dict[tuple[bool, int, str], list[_Net]] = defaultdict(list)
    for one in nets:
        groups[one.service is None, one.service or 0, one.consumer if one.service is None else ""].append(one)
    return [groups[key] for key in sorted(groups)]


def _by_item(nets: Iterable[_Net]) -> list[tuple[str, list[_Net]]]:
    groups: dict[str, list[_Net]] = defaultdict(list)
    for one in nets:
        groups[_label(one)].append(one)
    return sorted(groups.items())


def _paired(nets: Iterable[_Net]) -> list[Margin]:
    sums: dict[str, dict[str, Decimal]] = {PAID: {}, GOT: {}}
    for one in nets:
        sums[one.side][one.currency] = sums[one.side].get(one.currency, Decimal(0)) + one.net
    return paired(sums[PAID], sums[GOT])


def _items(nets: Iterable[_Net], of: Margin) -> list[ItemMargin]:
    """Return the items of a service in the two currencies of its margin; their sums are that margin's."""
    paid_in, got_in = _currencies(of)
    found = []
    for label, group in _by_item(nets):
        paid = sum((one.net for one in group if (one.side, one.currency) == (PAID, paid_in)), Decimal(0))
        got = sum((one.net for one in group if (one.side, one.currency) == (GOT, got_in)), Decimal(0))
        if paid or got:
            margin = Margin(Amount(paid, paid_in) if paid_in else None, Amount(got, got_in) if got_in else None)
            found.append(ItemMargin(label, margin))
    return found


def _currencies(margin: Margin) -> tuple[str, str]:
    return margin.paid.currency if margin.paid else "", margin.got.currency if margin.got else ""


def _with_rate(margin: Margin, rates: dict[frozenset[str], Conversion]) -> Margin:
    return replace(margin, conversion=rates.get(frozenset(_currencies(margin))))


def _label(net: _Net) -> str:
    words: dict[str, Any] = {"subscription": net.plan, "setup_fee": f"{net.plan}, setup fee"}
    return str(words.get(net.item) or label_of(net.item, net.edition))
