"""Margins as files for people and spreadsheets: bare numbers, each with its currency."""

import csv
from collections.abc import Iterable

from django.http import HttpResponse

from billing.margins import Margin
from common.money import round_money

MARGIN_COLUMNS = ("paid_currency", "paid", "got_currency", "got", "margin_currency", "margin", "margin_percent", "exchange_rate")


def margins_csv(name: str, columns: tuple[str, ...], rows: Iterable[list[object]]) -> HttpResponse:
    """Send ``rows``, each of what ``columns`` say and then `margin_cells`, as a file called ``name``."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    answer = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    writer = csv.writer(answer)
    writer.writerow([*columns, *MARGIN_COLUMNS])
    writer.writerows(rows)
    return answer


def margin_cells(margin: Margin) -> list[object]:
    """Write a margin as a spreadsheet wants it: bare numbers with their currencies, empty where nothing can be said."""
    amount, conversion = margin.amount, margin.conversion
    rate = f"{conversion} from {conversion.valid_from}" if conversion else ""
    sides = [
        cell
        for one in (margin.paid, margin.got, amount)
        for cell in ((one.currency, round_money(one.value, one.currency)) if one else ("", ""))
    ]
    return [*sides, "" if margin.percent is None else margin.percent, rate]
