"""
What was metered, as people read it: per service and item, for a month together and day by day.

A service's readings are those of its tenant on the days its subscription ran. The storages (infra) of an item are added up day by
day, as rating does. Amounts are in the unit people know (`shown_unit`); what was used during a free trial is told apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from billing.charts import BarChart, bar_chart
from billing.models import Subscription, UsageRecord
from billing.printed import quantity_text
from catalog.item_names import edition_label, item_label
from common.periods import Period

MOST_ROWS = 300_000
"""How many readings one file of them may have: a reseller with 900 busy customers and a month of 31 days."""

_NOTHING = Decimal(0)
_SUMMARY = """
    SELECT subscription, item, edition, max(unit), bool_or(is_range), count(*), min(day), max(day),
        (array_agg(level ORDER BY day))[1], (array_agg(level ORDER BY day DESC))[1],
        max(level), sum(level) / count(*), sum(added), sum(trial)
    FROM (
        SELECT part.subscription, used.item, used.edition, used.day, max(used.measurement_unit) AS unit,
            bool_or(used.is_range) AS is_range, sum(used.absolute) AS level, sum(used.delta) AS added,
            sum(CASE WHEN used.is_range THEN used.trial_delta ELSE used.trial_absolute END) AS trial
        FROM unnest(%s::bigint[], %s::bigint[], %s::date[], %s::date[]) AS part (subscription, tenant, first, until)
        JOIN billing_usagerecord used ON used.tenant_id = part.tenant AND used.day >= part.first AND used.day < part.until
        GROUP BY part.subscription, used.item, used.edition, used.day
    ) days
    GROUP BY subscription, item, edition
"""


class ShownUnit(NamedTuple):
    """The unit people read an amount in, and how many of the vendor's make one of it."""

    name: str
    divisor: Decimal


class Part(NamedTuple):
    """The days of a period on which a subscription ran."""

    subscription: Subscription
    days: Period


@dataclass(frozen=True, slots=True)
class ItemSummary:
    """
    One item of a service in a period. ``first`` and ``last`` are its levels on the first and last day with a reading.

    ``added`` is what the days added, which counts for what is used up (``is_range``). ``average`` is over the days with a reading.
    """

    subscription: Subscription
    item: str
    edition: str
    unit: str
    is_range: bool
    days: int
    first_day: date
    last_day: date
    first: Decimal
    last: Decimal
    highest: Decimal
    average: Decimal
    added: Decimal
    is_trial: bool
    """Whether something of it was used during a free trial, which is not billed."""

    @property
    def label(self) -> str:
        return label_of(self.item, self.edition)

    @property
    def present(self) -> Decimal:
        """What stands for the item in one number: its last level, or what was used up of it."""
        return self.added if self.is_range else self.last


@dataclass(frozen=True, slots=True)
class DayRow:
    """One reading as the vendor's report gave it, in the unit people read; ``level`` and ``added`` without a free trial's use."""

    subscription: Subscription
    day: date
    item: str
    edition: str
    storage: str
    unit: str
    level: Decimal
    added: Decimal
    trial: Decimal
    report: int
    report_line: int

    @property
    def label(self) -> str:
        return label_of(self.item, self.edition)


@dataclass(frozen=True, slots=True)
class DayTotal:
    """One day of one item, its storages together; ``change`` is against the reading before, None where there is none."""

    day: date
    level: Decimal
    added: Decimal
    trial: Decimal
    change: Decimal | None
    reports: str
    """Where it stands at the vendor: report and line of each storage."""


@dataclass(frozen=True, slots=True)
class ItemDays:
    """One item of a service day by day, and its chart."""

    item: str
    edition: str
    unit: str
    is_range: bool
    days: list[DayTotal]
    chart: BarChart | None

    @property
    def label(self) -> str:
        return label_of(self.item, self.edition)

    @property
    def last(self) -> DayTotal:
        return self.days[-1]

    @property
    def total(self) -> Decimal:
        return sum((one.added for one in self.days), _NOTHING)

    @property
    def present(self) -> Decimal:
        return self.total if self.is_range else self.last.level

    @property
    def is_trial(self) -> bool:
        return any(one.trial for one in self.days)


def shown_unit(measurement_unit: str) -> ShownUnit:
    """Return the unit for people: 1 GiB is 1024³ bytes, an hour 3,600 seconds; all else is counted."""
    if measurement_unit == "bytes":
        return ShownUnit("GiB", Decimal(1024**3))
    return ShownUnit("hour", Decimal(3600)) if measurement_unit == "seconds" else ShownUnit("unit", Decimal(1))


def label_of(item: str, edition: str) -> str:
    return f"{item_label(item)} ({edition_label(edition)})" if edition else item_label(item)


def parts(subscriptions: Sequence[Subscription], period: Period) -> list[Part]:
    """Return those of ``subscriptions`` that ran in ``period``, each with its days of it."""
    return [Part(one, days) for one in subscriptions if (days := _days_of(one, period)) is not None]


def summaries(of: Sequence[Part]) -> list[ItemSummary]:
    """Return every item of ``of`` in its period, by service in their order and item. One query."""
    if not of:
        return []
    services = {part.subscription.pk: part.subscription for part in of}
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, _columns(of))
        found = [_summary(services[row[0]], row) for row in cursor.fetchall()]
    place = {key: number for number, key in enumerate(services)}
    return sorted(found, key=lambda one: (place[one.subscription.pk], one.label))


class DayRows:
    """
    Every reading of some services, by tenant, day and item: counted, cut into pages, or read one after the other.

    One query each; read one after the other, they come from the database as they are asked for.
    """

    def __init__(self, of: Sequence[Part], *, item: str = "") -> None:
        self.by_tenant: dict[int, list[Part]] = defaultdict(list)
        for part in of:
            self.by_tenant[part.subscription.service.tenant_id].append(part)
        records = _records(of)
        self.records = records.filter(item=item) if item else records

    @property
    def are_too_many(self) -> bool:
        """Whether they are more than one file may have."""
        return bool(self.records.order_by().values_list("pk")[MOST_ROWS : MOST_ROWS + 1])

    def __len__(self) -> int:
        return int(self.records.count())

    def __getitem__(self, piece: slice) -> list[DayRow]:
        return list(self._told(self._ordered()[piece]))

    def __iter__(self) -> Iterator[DayRow]:
        return self._told(self._ordered().iterator(chunk_size=2000))

    def _ordered(self) -> Any:
        return self.records.order_by("tenant_id", "day", "item", "edition", "infra_id")

    def _told(self, records: Iterable[UsageRecord]) -> Iterator[DayRow]:
        for record in records:
            parts = self.by_tenant[record.tenant_id]
            service = next((part.subscription for part in parts if record.day in part.days), None)
            if service is not None:  # nobody's day, between two subscriptions of one tenant
                yield _day_row(service, record)


def items_by_day(part: Part) -> list[ItemDays]:
    """Return each item of one service day by day, those used most days first by name. One query."""
    found: dict[tuple[str, str], list[UsageRecord]] = defaultdict(list)
    for record in _records([part]).order_by("item", "edition", "day", "infra_id"):
        found[record.item, record.edition].append(record)
    items = [_item_days(records, part.days) for records in found.values()]
    return sorted(items, key=lambda one: (one.chart is None, one.label))


def _days_of(subscription: Subscription, period: Period) -> Period | None:
    start = max(subscription.started_on, period.start)
    end = min(subscription.ends_on or period.end, period.end)
    return Period(start, end) if start < end else None


def _columns(of: Sequence[Part]) -> list[list[Any]]:
    return [
        [part.subscription.pk for part in of],
        [part.subscription.service.tenant_id for part in of],
        [part.days.start for part in of],
        [part.days.end for part in of],
    ]


def _records(of: Sequence[Part]) -> Any:
    """Return the readings of the tenants of ``of`` from the first to the last of their days."""
    first = min((part.days.start for part in of), default=date.max)
    until = max((part.days.end for part in of), default=date.min)
    tenants = {part.subscription.service.tenant_id for part in of}
    return UsageRecord.objects.filter(tenant__in=tenants, day__gte=first, day__lt=until)


def _summary(service: Subscription, row: tuple[Any, ...]) -> ItemSummary:
    _, item, edition, measured_in, is_range, days, first_day, last_day, *amounts, trial = row
    unit = shown_unit(measured_in)
    first, last, highest, average, added = (amount / unit.divisor for amount in amounts)
    return ItemSummary(
        service, item, edition, unit.name, is_range, days, first_day, last_day, first, last, highest, average, added, bool(trial)
    )


def _day_row(service: Subscription, record: UsageRecord) -> DayRow:
    unit = shown_unit(record.measurement_unit)
    return DayRow(
        subscription=service,
        day=record.day,
        item=record.item,
        edition=record.edition,
        storage=record.infra_id,
        unit=unit.name,
        level=record.absolute / unit.divisor,
        added=record.delta / unit.divisor,
        trial=_trial(record) / unit.divisor,
        report=record.report_id,
        report_line=record.report_line,
    )


def _trial(record: UsageRecord) -> Decimal:
    return record.trial_delta if record.is_range else record.trial_absolute


def _item_days(records: list[UsageRecord], period: Period) -> ItemDays:
    unit = shown_unit(records[0].measurement_unit)
    by_day: dict[date, list[UsageRecord]] = defaultdict(list)
    for record in records:
        by_day[record.day].append(record)
    days: list[DayTotal] = []
    for day, storages in sorted(by_day.items()):
        level = sum((one.absolute for one in storages), _NOTHING) / unit.divisor
        days.append(
            DayTotal(
                day=day,
                level=level,
                added=sum((one.delta for one in storages), _NOTHING) / unit.divisor,
                trial=sum((_trial(one) for one in storages), _NOTHING) / unit.divisor,
                change=level - days[-1].level if days else None,
                reports=", ".join(f"{one.report_id}, line {one.report_line}" for one in storages),
            )
        )
    is_range = records[0].is_range
    values = {one.day: one.added if is_range else one.level for one in days}
    return ItemDays(records[0].item, records[0].edition, unit.name, is_range, days, bar_chart(values, period))


def csv_number(amount: Decimal) -> str:
    """Write a quantity for a spreadsheet: a point, no grouping, at most ten decimals."""
    return quantity_text(amount.quantize(Decimal(1).scaleb(-10)).normalize()).replace(",", "")
