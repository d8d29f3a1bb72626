"""
The spreadsheet of plans and prices: its pages and columns, how an export and an empty one are written, how a filled one is read.

Plain values in, plain values out. An .xlsx has a page “Plans” and a page “Prices”; a .csv is one of the two, told by its header.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from common.sheets import (
    SheetRefused,
    checked_workbook,
    damaged,
    dress_heading,
    guarded,
    heading,
    is_blank,
    refused,
    watch,
    write_notes,
)

PLANS, PRICES = "Plans", "Prices"
EXAMPLES, NOTES_TITLE, LISTS_TITLE = "Examples", "Notes", "Lists"
LONGEST_PAGE = 20_000
MOST_COLUMNS = 40  # more than we know, so that a header that is too long is seen
UNPACKED_LIMIT = 100 * 1024 * 1024  # two pages of 20,000 rows with long descriptions

PLAN_COLUMNS = (
    "Number",
    "Venture",
    "Product Type",
    "Product",
    "Product Group",
    "Plan Name",
    "Summary",
    "Description",
    "Billing Model",
    "Status",
    "Enable Quantity",
    "Applicable on Partner Website",
)
PRICE_COLUMNS = ("Plan Number", "Currency", "Term", "Setup Fee", "Price", "Overage Price (/GB)", "Valid From", "Valid Until")
COLUMNS = {PLANS: PLAN_COLUMNS, PRICES: PRICE_COLUMNS}
WIDTHS = {PLANS: (12, 18, 18, 28, 24, 32, 40, 40, 24, 12, 16, 30), PRICES: (14, 10, 8, 14, 14, 20, 14, 14)}
YES, NO = "Yes", "No"
NEITHER = "The file is neither an Excel workbook (.xlsx) nor a CSV in UTF-8. Save it again as one of the two."
NEW = "NEW"


@dataclass(frozen=True, slots=True)
class PageLines:
    """The filled rows of a page: where each stood, the header being row 1, and its cells in the order of our columns."""

    numbers: list[int] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the cells of an empty sheet offer, and the places of the catalogue its examples stand in."""

    ventures: Sequence[str]
    product_types: Sequence[str]
    products: Sequence[str]
    product_groups: Sequence[str]
    billing_models: Sequence[str]
    terms: Sequence[int]
    currencies: Sequence[str]
    example_place: tuple[str, str, str, str]
    """Venture, product type, product and product group of the examples."""


# --- Reading ------------------------------------------------------------------------------------------------------------


def read_book(content: bytes) -> dict[str, PageLines]:
    """
    Return the filled rows of both pages, each cell as it stands there.

    :raises SheetRefused: it is neither a workbook nor a CSV of ours, a header is wrong, or there is nothing or too much in it.
    """
    pages = _workbook_pages(content) if content.startswith(b"PK") else _csv_pages(content)
    book = {title: _lines(title, rows) for title, rows in pages}
    if not book:
        raise refused(f"The workbook has neither a page “{PLANS}” nor a page “{PRICES}”.")
    if not any(len(lines) for lines in book.values()):
        raise refused("The file has no filled row.")
    return {title: book.get(title, PageLines()) for title in COLUMNS}


def _workbook_pages(content: bytes) -> Iterator[tuple[str, Iterator[Sequence[Any]]]]:
    packed = checked_workbook(content, what="a sheet of plans and prices", unpacked_limit=UNPACKED_LIMIT)
    try:
        book = load_workbook(packed, read_only=True, data_only=False, keep_links=False)
        pages = [(title, book[title]) for title in COLUMNS if title in book.sheetnames]
    except Exception as error:  # it raises whatever the broken XML leads to, from KeyError to its own
        raise damaged() from error
    for title, page in pages:
        yield title, _page_rows(page)


def _page_rows(page: Any) -> Iterator[Sequence[Any]]:
    try:
        page.reset_dimensions()  # the size a file claims may be wrong
        yield from page.iter_rows(max_col=MOST_COLUMNS, values_only=True)
    except SheetRefused:
        raise
    except Exception as error:  # as above, at any row
        raise damaged() from error


def _csv_pages(content: bytes) -> Iterator[tuple[str, Iterator[Sequence[Any]]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(
            "The file is neither an Excel workbook (.xlsx) nor a CSV in UTF-8. Save it again as one of the two."
        ) from error
    if "\0" in text:
        raise refused(NEITHER)
    first = text.split("\n", 1)[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    titles = {title.strip(' "\r').casefold() for title in first.split(delimiter)}
    page = max(COLUMNS, key=lambda title: len(titles & {column.casefold() for column in COLUMNS[title]}))
    yield page, _csv_rows(text, delimiter)


def _csv_rows(text: str, delimiter: str) -> Iterator[Sequence[Any]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:
        raise refused(f"The CSV cannot be read: {error}.") from error


def _lines(title: str, rows: Iterator[Sequence[Any]]) -> PageLines:
    places = _places(title, next(rows, ()))
    lines = PageLines()
    for number, row in enumerate(rows, start=2):
        cells = tuple(row[place] if place < len(row) else None for place in places)
        if all(is_blank(cell) for cell in cells):
            continue
        if len(lines) >= LONGEST_PAGE:
            raise refused(f"The page “{title}” has more than {LONGEST_PAGE:,} rows. Split it into several files.")
        lines.numbers.append(number)
        lines.rows.append(cells)
    return lines


def _places(title: str, header: Sequence[Any]) -> list[int]:
    """Return where each of our columns stands; they may stand in any order."""
    found = [str(cell).strip() if cell is not None else "" for cell in header]
    place_of: dict[str, int] = {}
    known = {column.casefold(): column for column in COLUMNS[title]}
    for place, name in enumerate(found):
        column = known.get(name.casefold())
        if not name:
            continue
        if column is None:
            raise refused(
                f"The page “{title}” has a column “{name:.50}” that we do not know. Columns are {', '.join(COLUMNS[title])}."
            )
        if column in place_of:
            raise refused(f"The page “{title}” has the column “{column}” twice.")
        place_of[column] = place
    if missing := [column for column in COLUMNS[title] if column not in place_of]:
        raise refused(f"The page “{title}” lacks the column {', '.join(missing)}. The header must stay as it is.")
    return [place_of[column] for column in COLUMNS[title]]


# --- Writing ------------------------------------------------------------------------------------------------------------


def write_book(pages: dict[str, Iterable[Sequence[Any]]]) -> bytes:
    """Return an .xlsx of the given rows, each page under our header. Texts are never formulas."""
    book = Workbook(write_only=True)
    for title, rows in pages.items():
        page = book.create_sheet(title)
        for column, width in zip("ABCDEFGHIJKL", WIDTHS[title], strict=False):
            page.column_dimensions[column].width = width
        page.freeze_panes = "A2"
        page.append([heading(page, column) for column in COLUMNS[title]])
        for row in rows:
            page.append([_cell(page, value) for value in row])
    return _saved(book)


def write_csv(title: str, rows: Iterable[Sequence[Any]]) -> bytes:
    """Return one page as CSV in UTF-8, with the mark by which Excel knows the encoding."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS[title])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def write_format(choices: Choices) -> bytes:
    """Return an .xlsx to fill in: both headers, lists to choose from, examples on a page of their own, and notes."""
    book = Workbook()
    plans = book.active
    assert isinstance(plans, Worksheet)
    plans.title = PLANS
    prices = book.create_sheet(PRICES)
    for page in (plans, prices):
        page.append(COLUMNS[page.title])
        dress_heading(page, WIDTHS[page.title])
    _write_examples(book.create_sheet(EXAMPLES), choices.example_place)
    write_notes(book.create_sheet(NOTES_TITLE), NOTES)
    _offer_choices(plans, prices, book.create_sheet(LISTS_TITLE), choices)
    return _saved(book)


def _cell(page: Any, value: Any) -> Any:
    if isinstance(value, str):
        cell = WriteOnlyCell(page, value=guarded(value))
        cell.data_type = "s"
        return cell
    if isinstance(value, date) and not isinstance(value, datetime):
        cell = WriteOnlyCell(page, value=datetime.combine(value, time.min))
        cell.number_format = "yyyy-mm-dd"
        return cell
    return value


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return guarded(value)
    return f"{value:f}" if isinstance(value, Decimal) else value


def _write_examples(page: Worksheet, place: tuple[str, str, str, str]) -> None:
    """Show filled rows of both pages. The page is not read when the file is imported."""
    where = [guarded(name) for name in place]
    fixed = ("NEW-1", *where, "Backup 100 GB", "100 GB in Germany", "", "Fixed postpaid", "", YES, YES)
    by_use = ("", *where, "Backup by use", "Pay for what you use", "", "Pay-as-you-go postpaid", "", NO, NO)
    rows = [
        ("This page only shows how rows look; it is not imported.",),
        (),
        (PLANS,),
        PLAN_COLUMNS,
        fixed,
        by_use,
        (),
        (PRICES,),
        PRICE_COLUMNS,
        ("NEW-1", "EUR", 1, 10, 20, None, None, None),
        ("NEW-1", "EUR", 12, 0, 200, None, date(2027, 1, 1), None),
        ("P1001", "CHF", 12, 0, 210, 0.12, date(2027, 1, 1), date(2028, 1, 1)),
    ]
    for row in rows:
        page.append(row)
    for column, width in zip("ABCDEFGHIJKL", WIDTHS[PLANS], strict=True):
        page.column_dimensions[column].width = width


def _offer_choices(plans: Worksheet, prices: Worksheet, lists: Worksheet, choices: Choices) -> None:
    """Put the choices on a hidden page and let the columns point at them; Excel checks what is typed."""
    lists.sheet_state = "hidden"
    offered: list[tuple[Worksheet, str, Sequence[Any]]] = [
        (plans, "B", choices.ventures),
        (plans, "C", choices.product_types),
        (plans, "D", choices.products),
        (plans, "E", choices.product_groups),
        (plans, "I", choices.billing_models),
        (plans, "K", (YES, NO)),
        (plans, "L", (YES, NO)),
        (prices, "B", choices.currencies),
        (prices, "C", choices.terms),
    ]
    for place, (page, column, values) in zip("ABCDEFGHI", offered, strict=True):
        if not values:
            continue
        for row, value in enumerate(values, start=1):
            lists[f"{place}{row}"] = guarded(value) if isinstance(value, str) else value
        rule = DataValidation("list", formula1=f"{LISTS_TITLE}!${place}$1:${place}${len(values)}", allow_blank=True)
        watch(page, rule, column, "Choose one of the list.", rows=LONGEST_PAGE)
    for column in "DEF":
        rule = DataValidation("decimal", operator="greaterThanOrEqual", formula1="0", allow_blank=True)
        watch(prices, rule, column, "A number, 0 or more.", rows=LONGEST_PAGE)


def _saved(book: Workbook) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


NOTES = (
    "How to fill in plans and prices",
    "",
    "First you are shown what would change; nothing is written before you confirm, and nothing at all while one row is wrong.",
    "Nothing is published, archived or deleted: what is not in the file stays as it is.",
    "The headers in row 1 must stay as they are; the columns may stand in any order. The page Examples is not imported.",
    "",
    "Page Plans",
    "Number: of a plan that is there. Empty for a new one, or a word such as NEW-1 by which the page Prices can mean it.",
    "A new plan is a draft and gets a number of its own. If its product group has a plan of that name already, that one is meant.",
    "Venture, Product Type, Product, Product Group: names as they stand in the back office. They are not made by the import.",
    "Plan Name: up to 100 characters, once in a product group. Summary: up to 200. Empty cells make both texts empty.",
    "Billing Model: Prepaid, Fixed postpaid or Pay-as-you-go postpaid. All settled, with venture and group, once published.",
    "Status: only shown by the export; leave it as it is or empty.",
    "Enable Quantity, Applicable on Partner Website: Yes or No; empty leaves it as it is.",
    "",
    "Page Prices",
    "Plan Number: as on the page Plans. Only fixed plans have prices; pay-as-you-go is priced by the rate card.",
    "Currency: three letters, such as EUR. Term: 1, 3, 6, 12, 24 or 36 months.",
    "Setup Fee, Price: for one unit and the whole term, excluding VAT; an empty setup fee is 0.",
    "Overage Price (/GB): per GB and month; only for plans whose module setting has an overage quota, and then always.",
    "Valid From: today or later; empty means today. Prices of the past stay as they are and may stand in the file unchanged.",
    "Valid Until: the first day a price is not valid any more. Empty: until the next price begins, or until further notice.",
    "Amounts are numbers without currency or thousands separators. Days are dates, or text such as 2027-01-31.",
    "An apostrophe before a text that begins with =, +, - or @ only keeps spreadsheets from taking it for a formula.",
)
