"""
What the running month costs so far and is expected to cost, to one reader: an estimate, never a bill.

Priced by the same rules as invoices (`queries.charging`), on what `expecting` makes of the readings. “So far” is what would be
invoiced if everything ended today. Amounts exclude VAT, each rounded as its invoice line will be.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db.models import F, Max, Sum

from accounts.models import Organization
from billing import charts, expecting
from billing.charts import Gauge
from billing.expecting import ItemKey, Known, Present
from billing.measuring import Measured
from billing.models import Invoice, InvoiceQuerySet, Subscription, UsageEstimate, UsageRecord
from billing.printed import quantity_text, unit_text
from billing.queries import metered, sold
from billing.queries.charging import Charged, DatedCharge, Seen, charges
from billing.queries.credit_notes import credited
from billing.queries.explaining import COMMITMENT, OVERAGE
from billing.queries.rating_inputs import price_book
from catalog.models import Plan
from catalog.pricing import Level
from common.money import round_money
from common.periods import Period, add_months
from provisioning.models import VendorOfferingItem

NOTHING = Decimal(0)
_AFTERWARDS = (Invoice.Kind.MONTHLY, Invoice.Kind.OVERAGE)


@dataclass(frozen=True, slots=True)
class ItemConsumption:
    """
    One item of a service: how much of it, and what it costs. ``unit_price`` is None where it has several (tiers).

    ``item``, ``edition``, ``amount`` and ``unit`` say the same for programs; ``amount`` is None where none is priced.
    """

    label: str
    item: str
    edition: str
    amount: Decimal | None
    unit: str
    quantity: str
    unit_price: Decimal | None
    so_far: Decimal
    forecast: Decimal


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a storage quota is used, in GB, and what is said about going beyond it."""

    used: Decimal
    quota: Decimal
    gauge: Gauge
    overage_price: Decimal | None
    currency: str

    @property
    def percent(self) -> int:
        return int(self.used / self.quota * 100)

    @property
    def above(self) -> Decimal:
        return max(self.used - self.quota, NOTHING)


@dataclass(frozen=True, slots=True)
class ServiceConsumption:
    """
    One service in the running month. ``is_known`` is False where its price of the month is not there yet.

    ``resold_*`` is the other side of it for a reseller: what its customer is going to be invoiced. ``read_until`` and
    ``estimated_at`` say how far its own usage is known, as those of `Consumption` say it of all.
    """

    subscription: Subscription
    currency: str
    so_far: Decimal
    forecast: Decimal
    items: list[ItemConsumption]
    is_known: bool
    is_trial: bool
    is_prepaid: bool
    quota: QuotaUse | None = None
    resold_currency: str = ""
    resold_so_far: Decimal = NOTHING
    resold_forecast: Decimal = NOTHING
    read_until: date | None = None
    estimated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MonthTotal:
    """All services in one currency, what was invoiced for the month before less what was credited of it, and the gauge of it."""

    currency: str
    so_far: Decimal
    forecast: Decimal
    last_month: Decimal | None
    gauge: Gauge


@dataclass(frozen=True, slots=True)
class Consumption:
    """The running month of one reader. ``read_until``: the last day with a reading; ``estimated_at``: where estimates are newer."""

    period: Period
    totals: list[MonthTotal]
    resold: list[MonthTotal]
    services: list[ServiceConsumption]
    read_until: date | None
    estimated_at: datetime | None

    @property
    def has_unknown(self) -> bool:
        return any(not one.is_known for one in self.services)


@dataclass(slots=True)
class _Sums:
    so_far: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    forecast: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def consumption(reader: Organization, services: Sequence[Subscription], today: date) -> Consumption:
    """
    Return what ``services`` cost ``reader`` in the month of ``today``.

    A reseller is told what it is going to be invoiced (wholesale) and what it is going to invoice (retail), its customer the latter
    alone. The number of queries does not depend on how many services there are.
    """
    period = Period.month_of(today)
    running = [one for one in services if metered.parts([one], period)]
    if not running:
        return Consumption(period, [], [], [], None, None)
    is_reseller = reader.kind == Organization.Kind.RESELLER
    levels = [_bought_at(reader), *([Level.RETAIL] if is_reseller else [])]
    known, estimated = known_usage({one.service.tenant_id for one in running}, period)
    now, later = _charged(running, reader, levels, today, known)
    quotas = _quotas(running, now, period)
    found: list[ServiceConsumption] = []
    bought, resold = _Sums(), _Sums()
    for subscription in running:
        one = _service(subscription, now, later, levels, today, quotas.get(subscription.pk))
        tenant = subscription.service.tenant_id
        found.append(replace(one, read_until=known[tenant].read_until, estimated_at=estimated.get(tenant)))
        _add(bought, found[-1].currency, found[-1].so_far, found[-1].forecast)
        if is_reseller:
            _add(resold, found[-1].resold_currency, found[-1].resold_so_far, found[-1].resold_forecast)
    before = Period.month_of(add_months(period.start, -1))
    return Consumption(
        period=period,
        totals=_totals(bought, _invoiced(Invoice.objects.filter(buyer=reader), before)),
        resold=_totals(resold, _invoiced(Invoice.objects.filter(seller=reader), before)) if is_reseller else [],
        services=found,
        read_until=max((one.read_until for one in known.values() if one.read_until), default=None),
        estimated_at=max(estimated.values(), default=None),
    )


def one_service(reader: Organization, subscription: Subscription, today: date) -> ServiceConsumption | None:
    """Return the running month of one service; None where it does not run in it."""
    found = consumption(reader, [subscription], today).services
    return found[0] if found else None


# --- What is known ----------------------------------------------------------------------------------------------------------


def known_usage(tenants: Collection[int], period: Period) -> tuple[dict[int, Known], dict[int, datetime]]:
    """Return by tenant how far its usage is known, and of when its estimates are where they are newer. Two queries."""
    days = UsageRecord.objects.filter(tenant__in=tenants, day__gte=period.start, day__lt=period.end).order_by()
    read_until: dict[int, date] = dict(days.values_list("tenant").annotate(Max("day")))
    estimates: dict[int, dict[ItemKey, Present]] = defaultdict(dict)
    as_of: dict[int, datetime] = {}
    for one in UsageEstimate.objects.filter(tenant__in=tenants):
        key = ItemKey(one.item, one.edition, one.infra_id)
        estimates[one.tenant_id][key] = Present(one.measurement_unit, one.is_range, one.absolute)
        as_of[one.tenant_id] = max(one.as_of, as_of.get(one.tenant_id, one.as_of))
    known = {
        tenant: Known(
            read_until.get(tenant),
            as_of[tenant].astimezone(UTC).date() if tenant in as_of else None,
            estimates.get(tenant, {}),
        )
        for tenant in tenants
    }
    newer = {
        tenant: as_of[tenant] for tenant, one in known.items() if one.is_estimated and one.until is not None and one.until in period
    }
    return known, newer


# --- Pricing ----------------------------------------------------------------------------------------------------------------


def _charged(
    services: Sequence[Subscription], reader: Organization, levels: Sequence[Level], today: date, known: Mapping[int, Known]
) -> tuple[dict[tuple[int, Level], Charged], dict[tuple[int, Level], Charged]]:
    """Return by service and level what it costs so far, and what it is expected to cost."""
    period = Period.month_of(today)
    rows = Subscription.objects.filter(pk__in=[one.pk for one in services]).annotate(buyer=F("consumer"))
    currencies = {one.pk: one.consumer.currency for one in services}
    seen = [
        Seen(one, level, currencies[one.pk] if level is Level.RETAIL else reader.currency)
        for one in sold.read(rows, before=period.end)
        for level in levels
    ]
    book = price_book({phase.product_group for one in seen for phase in one.sold.phases}, period)

    def present(tenant: int, days: Period, measured: list[Measured]) -> list[Measured]:
        return expecting.so_far(measured, days, known[tenant])

    def expected(tenant: int, days: Period, measured: list[Measured]) -> list[Measured]:
        return expecting.forecast(expecting.so_far(measured, days, known[tenant]), days, known[tenant])

    now = charges(seen, book, until=today + timedelta(days=1), expected=present)
    later = charges(seen, book, expected=expected)
    return _by_service(now), _by_service(later)


def _by_service(charged: Iterable[Charged]) -> dict[tuple[int, Level], Charged]:
    return {(one.seen.sold.pk, one.seen.level): one for one in charged}


def _bought_at(reader: Organization) -> Level:
    if reader.kind == Organization.Kind.RESELLER:
        return Level.WHOLESALE
    return Level.MSP if reader.reseller is None else Level.RETAIL


def _service(
    subscription: Subscription,
    now: Mapping[tuple[int, Level], Charged],
    later: Mapping[tuple[int, Level], Charged],
    levels: Sequence[Level],
    today: date,
    quota: QuotaUse | None,
) -> ServiceConsumption:
    mine, then = now[subscription.pk, levels[0]], later[subscription.pk, levels[0]]
    told = ServiceConsumption(
        subscription=subscription,
        currency=then.currency,
        so_far=_total(mine),
        forecast=_total(then),
        items=_items(mine, then),
        is_known=not then.refusal,
        is_trial=subscription.last_free_day is not None and subscription.last_free_day >= today,
        is_prepaid=subscription.billing_model == Plan.BillingModel.PREPAID,
        quota=quota,
    )
    if len(levels) == 1:
        return told
    other, other_then = now[subscription.pk, levels[1]], later[subscription.pk, levels[1]]
    return replace(
        told,
        resold_currency=other_then.currency,
        resold_so_far=_total(other),
        resold_forecast=_total(other_then),
    )


def _total(charged: Charged) -> Decimal:
    return sum((round_money(one.charge.net_unrounded, charged.currency) for one in charged.charges), NOTHING)


def _items(now: Charged, later: Charged) -> list[ItemConsumption]:
    """Return the items in the order of their labels, a fixed price and a minimum first; tiers of one item together."""
    groups: dict[str, tuple[list[DatedCharge], list[DatedCharge]]] = {}
    for side, charged in enumerate((now, later)):
        for one in charged.charges:
            groups.setdefault(_label(one, later), ([], []))[side].append(one)
    return [_item(label, sides, later.currency) for label, sides in sorted(groups.items())]


def _item(label: str, sides: tuple[list[DatedCharge], list[DatedCharge]], currency: str) -> ItemConsumption:
    so_far, forecast = (sum((round_money(one.charge.net_unrounded, currency) for one in side), NOTHING) for side in sides)
    present = sides[0] or sides[1]
    prices = {one.charge.unit_price for one in present}
    is_priced_by_unit = len(prices) == 1 and "aggregation" in present[0].charge.working
    quantity = sum((one.charge.quantity for one in present), NOTHING)
    is_metered = is_priced_by_unit or len(prices) > 1
    return ItemConsumption(
        label=label,
        item=present[0].charge.item,
        edition=present[0].charge.edition,
        amount=quantity if is_metered else None,
        unit=present[0].charge.unit if is_metered else "",
        quantity=_quantity(quantity, present[0]) if is_metered else "",
        unit_price=present[0].charge.unit_price if is_priced_by_unit else None,
        so_far=so_far,
        forecast=forecast,
    )


def _quantity(quantity: Decimal, of: DatedCharge) -> str:
    shown = quantity.quantize(Decimal("0.01")) if of.charge.unit != "unit" else quantity.normalize()
    return f"{quantity_text(shown)} {unit_text(quantity, of.charge.unit)}"


def _label(one: DatedCharge, of: Charged) -> str:
    plan = of.seen.sold.phases[-1].plan_name
    words = {
        "subscription": plan,
        "setup_fee": f"{plan}, setup fee",
        COMMITMENT: "Up to the minimum agreed",
        OVERAGE: "Above the quota",
    }
    return words.get(one.charge.item) or metered.label_of(one.charge.item, one.charge.edition)


# --- Quotas -----------------------------------------------------------------------------------------------------------------


def _quotas(services: Sequence[Subscription], charged: Mapping[tuple[int, Level], Charged], period: Period) -> dict[int, QuotaUse]:
    """Return how much of its storage quota each service that has one uses: two queries, none where no service has one."""
    sold_by_key = {key: one.seen for (key, _), one in charged.items()}
    limits: dict[int, tuple[Decimal, Seen]] = {}
    for one in services:
        phase = sold_by_key[one.pk].sold.phases[-1]
        if phase.quota_gib:
            limits[one.pk] = (phase.quota_gib * phase.quantity, sold_by_key[one.pk])
    limited = [one for one in services if one.pk in limits]
    if not limited:
        return {}
    managers = {one.service.service_manager_id for one in limited}
    rows = VendorOfferingItem.objects.filter(service_manager__in=managers, usage_name="storage").order_by()
    storage = set(rows.values_list("service_manager_id", "name").distinct())
    used: dict[int, Decimal] = defaultdict(Decimal)
    for item in metered.summaries(metered.parts(limited, period)):
        if (item.subscription.service.service_manager_id, item.item) in storage:
            used[item.subscription.pk] += item.last
    return {key: _quota_use(used[key], quota, seen) for key, (quota, seen) in limits.items()}


def _quota_use(used: Decimal, quota: Decimal, seen: Seen) -> QuotaUse:
    prices = seen.sold.prices.get(seen.level.value, [])
    price, currency = (prices[-1].overage_price, prices[-1].currency) if prices else (None, "")
    return QuotaUse(used, quota, charts.quota_gauge(used, quota), price, currency)


# --- Totals -----------------------------------------------------------------------------------------------------------------


def _add(sums: _Sums, currency: str, so_far: Decimal, forecast: Decimal) -> None:
    sums.so_far[currency] += so_far
    sums.forecast[currency] += forecast


def _totals(sums: _Sums, invoiced: Mapping[str, Decimal]) -> list[MonthTotal]:
    """Return a total per currency, the largest forecast first."""
    found = [
        MonthTotal(
            currency,
            sums.so_far[currency],
            sums.forecast[currency],
            invoiced.get(currency),
            charts.gauge(sums.so_far[currency], sums.forecast[currency], invoiced.get(currency)),
        )
        for currency in sums.forecast
    ]
    return sorted(found, key=lambda one: (-one.forecast, one.currency))


def _invoiced(invoices: InvoiceQuerySet, period: Period) -> dict[str, Decimal]:
    """Return by currency what ``invoices`` of ``period`` came to, less what was credited of them since."""
    rows = invoices.filter(
        status=Invoice.Status.ISSUED, kind__in=_AFTERWARDS, period_start__gte=period.start, period_start__lt=period.end
    )
    nets: dict[str, Decimal] = dict(rows.order_by().values_list("currency").annotate(Sum("net")))
    given_back = credited(rows)
    return {currency: net - given_back.get(currency, NOTHING) for currency, net in nets.items()}
