"""The two usage reports as files for people and spreadsheets: “Summary for period” and “Day-by-day for period”."""

import csv
from collections.abc import Iterable, Iterator
from typing import cast

from django.http import HttpResponse, StreamingHttpResponse

from billing.models import Subscription
from billing.queries.metered import MOST_ROWS, DayRow, ItemSummary, csv_number
from billing.usage_asked import Asked
from catalog.item_names import edition_label, item_label
from common.sheets import guarded

TOO_MANY = f"That is more than {MOST_ROWS:,} readings. Choose one service, then export again."
SUMMARY_COLUMNS = (
    "customer_number",
    "customer",
    "service",
    "product",
    "item",
    "item_name",
    "licensing",
    "unit",
    "first_day",
    "last_day",
    "days_with_readings",
    "first_level",
    "last_level",
    "highest_level",
    "average_level",
    "added",
    "with_free_trial",
)
DAY_COLUMNS = (
    "customer_number",
    "customer",
    "service",
    "product",
    "day",
    "item",
    "item_name",
    "licensing",
    "storage",
    "unit",
    "level",
    "added",
    "free_trial_not_billed",
    "vendor_report",
    "vendor_report_line",
)


class _Line:
    """What csv writes to: gives each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def summary_csv(rows: Iterable[ItemSummary]) -> Iterator[str]:
    """Yield the lines of “Summary for period”, the header first, each with its end."""
    return _lines(SUMMARY_COLUMNS, (_summary_cells(row) for row in rows))


def days_csv(rows: Iterable[DayRow]) -> Iterator[str]:
    """Yield the lines of “Day-by-day for period”, the header first, each with its end."""
    return _lines(DAY_COLUMNS, (_day_cells(row) for row in rows))


def csv_answer(lines: Iterator[str], name: str, asked: Asked) -> HttpResponse:
    """Send ``lines`` as they are made, under a name that says service and month."""
    of = f"-{asked.service}" if asked.service else ""
    headers = {"Content-Disposition": f'attachment; filename="{name}{of}-{asked.period}.csv"'}
    # An answer like any other; Django's two kinds only share a base that its decorators do not name.
    return cast(HttpResponse, StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8", headers=headers))


def _lines(columns: tuple[str, ...], rows: Iterable[list[object]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(columns)
    for cells in rows:
        yield writer.writerow(cells)


def _service_cells(service: Subscription) -> list[object]:
    return [service.consumer.number, guarded(service.consumer.name), service.number, guarded(service.plan_name)]


def _summary_cells(row: ItemSummary) -> list[object]:
    levels = (row.first, row.last, row.highest, row.average, row.added)
    return [
        *_service_cells(row.subscription),
        *_item_cells(row),
        row.unit,
        row.first_day,
        row.last_day,
        row.days,
        *map(csv_number, levels),
        "yes" if row.is_trial else "no",
    ]


def _day_cells(row: DayRow) -> list[object]:
    return [
        *_service_cells(row.subscription),
        row.day,
        *_item_cells(row),
        guarded(row.storage),
        row.unit,
        *map(csv_number, (row.level, row.added, row.trial)),
        row.report,
        row.report_line,
    ]


def _item_cells(row: ItemSummary | DayRow) -> list[object]:
    return [guarded(row.item), guarded(item_label(row.item)), guarded(edition_label(row.edition)) if row.edition else ""]
