"""Sheets of plans and prices as people fill them in."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl import Workbook, load_workbook

from catalog.plan_sheets import COLUMNS, PLAN_COLUMNS, PLANS, PRICE_COLUMNS, PRICES

PLACE = {
    "Venture": "Cloud",
    "Product Type": "Backup",
    "Product": "Acronis Cyber Protect Cloud",
    "Product Group": "Cyber Protect",
}


def plan_row(**cells: Any) -> tuple[Any, ...]:
    """A new fixed plan unless told otherwise. Keys are columns; spaces as underscores."""
    known = {**PLACE, "Plan Name": "Backup 100 GB", "Billing Model": "Fixed postpaid", **_named(cells)}
    assert known.keys() <= set(PLAN_COLUMNS), known
    return tuple(known.get(column) for column in PLAN_COLUMNS)


def price_row(**cells: Any) -> tuple[Any, ...]:
    """20 EUR a month for the plan of the file's own word NEW-1, unless told otherwise."""
    known = {"Plan Number": "NEW-1", "Currency": "EUR", "Term": 1, "Price": 20, **_named(cells)}
    return tuple(known.get(column) for column in PRICE_COLUMNS)


def workbook(plans: Iterable[Sequence[Any]] | None = (), prices: Iterable[Sequence[Any]] | None = ()) -> bytes:
    """Return an .xlsx; a page that is None is not there."""
    book = Workbook(write_only=True)
    for title, rows in ((PLANS, plans), (PRICES, prices)):
        if rows is None:
            continue
        page = book.create_sheet(title)
        page.append(COLUMNS[title])
        for row in rows:
            page.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def pages_of(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every page, the header too."""
    book = load_workbook(io.BytesIO(content))
    return {page.title: list(page.iter_rows(values_only=True)) for page in book.worksheets}


def _named(cells: dict[str, Any]) -> dict[str, Any]:
    columns = {column.replace(" ", "_").replace("_(/GB)", "").casefold(): column for column in (*PLAN_COLUMNS, *PRICE_COLUMNS)}
    return {columns[name.casefold()]: value for name, value in cells.items()}
